package dynamics

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/record"
	"github.com/causeway-sync/causeway/pkg/remote"
)

// collection is a page of rows or of changes.
type collection struct {
	Value     []row  `json:"value"`
	NextLink  string `json:"@odata.nextLink"`
	DeltaLink string `json:"@odata.deltaLink"`
	header    http.Header
}

// row is one item as it came; values keep their spelling, so that numbers keep every digit.
type row map[string]json.RawMessage

// fetch gets a page. Links to another origin are refused when they arrive: stored, they would stop the source for good.
func (s *Source) fetch(ctx context.Context, address string, prefer []string) (*collection, error) {
	var got collection
	header, err := s.client.get(ctx, "read", address, prefer, &got)
	if err != nil {
		return nil, err
	}
	got.header = header
	if host, ok := s.client.isOurs(got.NextLink, got.DeltaLink); !ok {
		return nil, fault.New(fault.Fatal, fmt.Sprintf("%s sent a link that leads to %s and not to the configured environment; check its URL", name, host))
	}
	return &got, nil
}

// isOurs reports whether links lead to the configured environment; empty ones do. It names the host of one that does
// not.
func (c *Client) isOurs(links ...string) (host string, ok bool) {
	base, err := url.Parse(c.remote.BaseURL())
	for _, link := range links {
		if link == "" {
			continue
		}
		target, bad := url.Parse(link)
		switch {
		case err != nil || bad != nil:
			return "an unknown host", false
		case !remote.SameOrigin(target, base):
			return target.Host, false
		}
	}
	return "", true
}

// isDeleted reports whether an item stands for a row that is gone, and which.
func (r row) isDeleted() (id string, deleted bool) {
	if !strings.HasSuffix(r.text("@odata.context"), "/$deletedEntity") {
		return "", false
	}
	return r.text("id"), true
}

// text is a member that is a string, empty otherwise.
func (r row) text(member string) string {
	var s string
	_ = json.Unmarshal(r[member], &s) // what is not text is none
	return s
}

// version is the row version of an etag W/"123", 0 where there is none.
func (r row) version() int64 {
	digits, _ := strings.CutPrefix(r.text("@odata.etag"), `W/"`)
	n, err := strconv.ParseInt(strings.TrimSuffix(digits, `"`), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// record makes a record of a row.
func (s *Source) record(r row, snapshot bool) (record.Record, error) {
	key, err := s.key(r.text(s.table.PrimaryIDAttribute))
	if err != nil {
		return record.Record{}, err
	}
	data, err := json.Marshal(s.project(r))
	if err != nil {
		return record.Record{}, fault.Wrap(fault.Fatal, err, "a row of "+s.cfg.Table+" cannot be written as JSON")
	}
	return record.Record{
		Source: s.cfg.Table, Key: key.String(), Op: record.Upsert, Version: r.version(), Snapshot: snapshot, ReadAt: s.cfg.Now(), Data: data,
	}, nil
}

// project keeps the configured columns, and of the annotations the labels.
func (s *Source) project(r row) row {
	kept := row{}
	columns := s.cfg.Columns
	if len(columns) == 0 {
		columns = slices.Collect(maps.Keys(r))
	}
	for _, column := range append([]string{s.table.PrimaryIDAttribute}, columns...) {
		if value, ok := r[column]; ok && !strings.Contains(column, "@") {
			kept[column] = value
			label := column + "@OData.Community.Display.V1.FormattedValue"
			if value, ok := r[label]; ok && s.cfg.FormattedValues {
				kept[label] = value
			}
		}
	}
	return kept
}

func (s *Source) deletion(key guid) record.Record {
	return record.Record{Source: s.cfg.Table, Key: key.String(), Op: record.Delete, ReadAt: s.cfg.Now()}
}

func (s *Source) key(text string) (guid, error) {
	key, err := parseGUID(text)
	if err != nil {
		return key, fault.New(fault.Fatal, fmt.Sprintf("%s sent a row of %s without its primary key %s", name, s.cfg.Table, s.table.PrimaryIDAttribute))
	}
	return key, nil
}

// guid is a primary key. Its canonical spelling is lower-case, without braces.
type guid [16]byte

func parseGUID(text string) (guid, error) {
	var g guid
	text = strings.TrimSuffix(strings.TrimPrefix(text, "{"), "}")
	if len(text) != 36 || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-' {
		return g, fmt.Errorf("not a GUID, %d characters long", len(text))
	}
	_, err := hex.Decode(g[:], []byte(strings.ReplaceAll(text, "-", "")))
	return g, err
}

func (g guid) String() string {
	h := hex.EncodeToString(g[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
