package campaign

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/record"
)

// MaxChangedPage is how many records a page holds at most: with its position it is one atomic batch of the bus.
const MaxChangedPage = 998

// ChangedConfig says which rows to watch. Campaign has no feed of changes: a filter on lastModified, which whoever runs the
// instance has to publish, is asked again and again.
type ChangedConfig struct {
	// Resource is the technical name, "profile" by default. It is the source of the records.
	Resource string
	// KeyField holds the records' key, "externalId" by default. A row without a key is passed over: it is nobody's here.
	KeyField string
	// Fields to read, by API name.
	Fields []string
	// Destinations name where each field goes. What was read before one was added, or changed, is not there: a position that does not
	// know it reads everything once more.
	Destinations map[string]string
	// Filter and Parameter are the published filter "lastModified is on or after" and its parameter: "byLastModified" and
	// "since_parameter" by default. Campaign generates the parameter's name when the filter is made.
	Filter, Parameter string
	// PageSize is how many rows one engine call brings; 0 or more than MaxChangedPage means MaxChangedPage.
	PageSize int
	// Overlap is how far the clocks of Campaign's gateway, engine and database may lie apart, and how late a change may
	// become visible; default 5 min. Rows of that time are asked for again and handed on only when they changed.
	Overlap time.Duration
	// Every is the shortest time between two polls, for each costs an engine call; default 60 s.
	Every time.Duration
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

func (cfg ChangedConfig) withDefaults() ChangedConfig {
	cfg.Resource = cmp.Or(cfg.Resource, "profile")
	cfg.KeyField = cmp.Or(cfg.KeyField, "externalId")
	cfg.Filter = cmp.Or(cfg.Filter, "byLastModified")
	cfg.Parameter = cmp.Or(cfg.Parameter, "since_parameter")
	if cfg.PageSize <= 0 || cfg.PageSize > MaxChangedPage {
		cfg.PageSize = MaxChangedPage
	}
	cfg.Overlap = cmp.Or(cfg.Overlap, 5*time.Minute)
	cfg.Every = cmp.Or(cfg.Every, time.Minute)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	cfg.Fields, cfg.Destinations = slices.Clone(cfg.Fields), maps.Clone(cfg.Destinations)
	return cfg
}

// Changed reads the rows of a resource that were written since it last looked; at first all of them. Only one goroutine
// uses it at a time.
//
// It promises that a row that stays as it is long enough to be read is read, however many rows move while pages are
// turned: rows come in the order of lastModified, and each page asks for what was written on or after the last row of
// the one before, so that no place in a list matters. Only rows beyond a page that share one millisecond are fetched by
// Campaign's own link. Rows that vanish are not noticed.
//
// Records are upserts with the Data
//
//	{"origin":"api","values":{field: value},"modified":"...","since":"...","fresh":[field]}
//
// where modified is when the row (not the field) was written, and since the horizon of the complete poll before: what
// differs from what was read then was changed between since and modified, but for the fields of fresh, which were not read then.
// Since is absent in the first poll, fresh where there is none. Times are RFC 3339 in Campaign's time.
type Changed struct {
	client *Client
	cfg    ChangedConfig

	polled time.Time // when the last poll began, by our clock
	said   record.Position
	link   string            // Campaign's link to the page behind said, where one is needed
	seen   map[string]handed // rows of the time that the next poll asks for again
}

// handed is what was handed on of a row. Two writes may share a millisecond: its time alone does not tell them apart.
type handed struct {
	modified time.Time
	values   string
}

// Changed makes a source and reads nothing.
func (c *Client) Changed(cfg ChangedConfig) *Changed {
	return &Changed{client: c, cfg: cfg.withDefaults(), seen: map[string]handed{}}
}

// changedData is the Data of a record.
type changedData struct {
	Origin   string          `json:"origin"`
	Values   json.RawMessage `json:"values"`
	Modified time.Time       `json:"modified"`
	Since    time.Time       `json:"since,omitzero"`
	Fresh    []string        `json:"fresh,omitempty"`
}

// Read returns the page behind a position. It makes one engine call, or none while the time for the next poll has not
// come. Errors: fault.Fatal for a position that is not understood and for a filter that does not do what it should;
// others as the client's calls have them.
func (s *Changed) Read(ctx context.Context, from record.Position) (record.Page, error) {
	at, err := parseHorizon(s.cfg.Resource, from)
	if err != nil {
		return record.Page{}, err
	}
	notice, added := "", at.added(s.cfg.Destinations)
	if len(added) > 0 {
		notice = fmt.Sprintf("%s of %s goes to %s now: reading it again from the beginning", added[0], s.cfg.Resource, s.cfg.Destinations[added[0]])
		at = at.again(added)
	}
	at.Destinations = s.cfg.Destinations
	if !bytes.Equal(from, s.said) { // what this Changed handed on may not have been kept
		s.link = ""
		clear(s.seen)
	}
	if !at.polling() {
		now := s.cfg.Now()
		if !s.polled.IsZero() && now.Sub(s.polled) < s.cfg.Every {
			return record.Page{Next: from}, nil
		}
		s.polled = now
		if len(at.Fresh) == 0 {
			at.Cursor = at.Complete
		}
	}
	list, err := s.ask(ctx, at)
	if err != nil {
		return record.Page{}, err
	}
	page, err := s.page(at, list)
	page.Notice = notice
	return page, err
}

// ask makes the call. A link that does not work is forgotten: its page is then asked for from the cursor on.
func (s *Changed) ask(ctx context.Context, at horizon) (listing, error) {
	address := s.link
	if address == "" {
		collection, err := s.client.collection(ctx, s.cfg.Resource)
		if err != nil {
			return listing{}, err
		}
		address = collection + "/" + s.cfg.Filter + "?" + url.Values{
			s.cfg.Parameter: {DateTime(at.from())}, "_order": {modifiedField},
			"_lineCount": {strconv.Itoa(s.cfg.PageSize)}, "_forcePagination": {"true"},
		}.Encode()
	}
	list, err := s.client.list(ctx, call{method: http.MethodGet, kind: "read", path: address, resource: "changed " + s.cfg.Resource + "s (filter " + s.cfg.Filter + ")"})
	if err != nil && !fault.Is(err, fault.Throttled) {
		s.link = ""
	}
	return list, err
}

// page makes a page of an answer, and the position behind it.
func (s *Changed) page(at horizon, list listing) (record.Page, error) {
	if at.Started.IsZero() {
		if at.Started = list.date; at.Started.IsZero() {
			at.Started = s.cfg.Now().UTC()
		}
	}
	var records []record.Record
	last := at.from()
	for _, row := range list.rows {
		p, err := row.profile(s.cfg.Fields)
		if err != nil {
			return record.Page{}, err
		}
		if p.LastModified.Before(last) {
			return record.Page{}, s.disorder()
		}
		last = p.LastModified
		r, wanted, err := s.record(at, row.Text(s.cfg.KeyField), p)
		if err != nil {
			return record.Page{}, err
		}
		if wanted {
			records = append(records, r)
		}
	}
	next, more := s.turn(at, list, last)
	encoded, err := next.encode()
	s.said = encoded
	return record.Page{Records: records, Next: encoded, More: more}, err
}

// disorder is the fault of a filter that does not compare lastModified, or of an order that is not kept: going on would
// lose rows.
func (s *Changed) disorder() error {
	return fault.New(fault.Fatal, fmt.Sprintf("%s answered to the filter %s?%s= with rows that were written earlier than asked for; "+
		"check in Campaign that the filter compares %s with its parameter, and the parameter's name", name, s.cfg.Filter, s.cfg.Parameter, modifiedField))
}

// turn finds where the next page begins, and forgets at the end of a poll what the next one will not bring again.
func (s *Changed) turn(at horizon, list listing, last time.Time) (next horizon, more bool) {
	s.link = ""
	switch {
	case last.After(at.Cursor) && (list.next != "" || len(list.rows) >= s.cfg.PageSize):
		at.Cursor, at.Page = last, 0
		return at, true
	case list.next != "":
		s.link = list.next
		at.Page++
		return at, true
	}
	next = at.complete(s.cfg.Overlap)
	for key, last := range s.seen {
		if last.modified.Before(next.Complete) {
			delete(s.seen, key)
		}
	}
	return next, false
}

// record makes a record of a row, unless the row has no key or was handed on like that before.
func (s *Changed) record(at horizon, key string, p Profile) (r record.Record, wanted bool, err error) {
	values, err := json.Marshal(p.Fields) // in the order of their names
	now := handed{p.LastModified, string(values)}
	if key == "" || err == nil && s.seen[key] == now {
		return r, false, nil
	}
	if !p.LastModified.Before(at.Started.Add(-s.cfg.Overlap)) {
		s.seen[key] = now
	}
	data, dataErr := json.Marshal(changedData{Origin: "api", Values: values, Modified: p.LastModified, Since: at.Complete, Fresh: at.Fresh})
	if err = errors.Join(err, dataErr); err != nil {
		return r, false, fault.Wrap(fault.Fatal, err, "a row of "+s.cfg.Resource+" cannot be written as JSON")
	}
	return record.Record{Source: s.cfg.Resource, Key: key, Op: record.Upsert, ReadAt: s.cfg.Now(), Data: data}, true, nil
}
