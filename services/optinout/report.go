package optinout

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/causeway-sync/causeway/pkg/consent"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/record"
)

// The sources, by the name of their records.
const (
	sourceContact = "contact"
	sourceExport  = "export"
	sourceProfile = "profile"
)

// report is what a record says.
type report struct {
	consent.Report
	// contact is the contact's id, empty where the key is none.
	contact string
	origin  string
	// doubtful says that a time was not believed, because it has not come yet.
	doubtful bool
}

// told is the data of Campaign's records (exportfile.Source, campaign.Changed).
type told struct {
	Origin string               `json:"origin"`
	Broken string               `json:"broken"`
	Values map[string]any       `json:"values"`
	Times  map[string]time.Time `json:"times"`
	Since  time.Time            `json:"since"`
	Fresh  []string             `json:"fresh"`
}

// contactID is the form in which Dynamics writes the ids of contacts.
var contactID = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// canonical is a contact's id as Dynamics writes it, empty where the text is none.
func canonical(key string) string {
	key = strings.ToLower(strings.Trim(strings.TrimSpace(key), "{}"))
	if !contactID.MatchString(key) {
		return ""
	}
	return key
}

// understand reads a record. fault.Rejected says what is wrong with it, and where.
func (s *sink) understand(r record.Record) (report, error) {
	if r.Source == sourceContact {
		return s.understandContact(r)
	}
	var t told
	if err := json.Unmarshal(r.Data, &t); err != nil {
		return report{}, fault.Wrap(fault.Rejected, err, fmt.Sprintf("%s %s cannot be understood: its data are not those of this version", r.Source, r.Key))
	}
	if t.Broken != "" {
		return report{}, fault.New(fault.Rejected, fmt.Sprintf("%s: %s", t.Origin, t.Broken))
	}
	rep := report{contact: canonical(r.Key), origin: t.Origin,
		Report: consent.Report{From: consent.Campaign, Values: consent.Values{}, Times: map[string]time.Time{}, Since: t.Since, Fresh: t.Fresh}}
	for field := range s.columns {
		value, stated := t.Values[field]
		if !stated {
			continue
		}
		out, err := boolean(value)
		if err != nil {
			return report{}, fault.New(fault.Rejected, fmt.Sprintf("%s: the value of %s %v", t.Origin, field, err))
		}
		rep.Values[field] = out
		if at := t.Times[field]; s.believable(at, r.ReadAt) {
			rep.Times[field] = at
		} else if !at.IsZero() {
			rep.doubtful = true
		}
	}
	return rep, nil
}

// believable reports whether a time had come when it was read: one that has not would make every opt-in the newest
// statement for good.
func (s *sink) believable(at, readAt time.Time) bool {
	return !at.IsZero() && !at.After(readAt.Add(time.Duration(s.rule.ToleranceSeconds)*time.Second))
}

// understandContact reads a row of Dynamics.
func (s *sink) understandContact(r record.Record) (report, error) {
	contact, err := s.contact(r)
	if err != nil {
		return report{}, err
	}
	return report{contact: canonical(r.Key), origin: fmt.Sprintf("version %d", r.Version),
		Report: consent.Report{From: consent.Dynamics, Values: contact.Values}}, nil
}

// contact reads a row as Dynamics has it.
func (s *sink) contact(r record.Record) (consent.Contact, error) {
	row, err := r.Values()
	if err != nil {
		return consent.Contact{}, fault.Wrap(fault.Rejected, err, fmt.Sprintf("contact %s cannot be understood: %v", r.Key, err))
	}
	c := consent.Contact{Values: consent.Values{}, Version: r.Version}
	for field, column := range s.columns {
		if c.Values[field], err = boolean(row[column]); err != nil {
			return c, fault.New(fault.Rejected, fmt.Sprintf("contact %s: the value of column %s %v", r.Key, column, err))
		}
	}
	text, _ := row[modifiedOn].(string)
	if c.Modified, err = time.Parse(time.RFC3339, text); err != nil {
		return c, fault.New(fault.Rejected, fmt.Sprintf("contact %s: column %s holds no date and time", r.Key, modifiedOn))
	}
	return c, nil
}

// modifiedOn is the column that says when a contact was changed.
const modifiedOn = "modifiedon"

// boolean is a value of either side. What was never set is no opt-out.
func boolean(value any) (bool, error) {
	switch v := value.(type) {
	case nil:
		return false, nil
	case bool:
		return v, nil
	}
	return false, fmt.Errorf("is %T and not true or false", value)
}
