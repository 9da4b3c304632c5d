package optinout

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/consent"
	"github.com/causeway-sync/causeway/pkg/dynamics"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/record"
)

// The tests of the sink use plain tables for the two systems, which can be stopped between any two calls, and the real
// ledger on a real server.

const (
	email, emailColumn = "blackListEmail", "donotbulkemail"
	phone, phoneColumn = "blackListPhone", "donotphone"
)

// columns are those of every test here.
func columns() map[string]string { return map[string]string{email: emailColumn, phone: phoneColumn} }

// systems are Dynamics and Campaign, with a person in front of each.
type systems struct {
	mu       sync.Mutex
	now      time.Time
	ahead    map[consent.Winner]time.Duration
	contacts map[string]*consent.Contact
	profiles map[string]*profile
	writes   map[string]int // "dynamics <contact> <field>", since the last edit of it by a person
	optIns   int            // that were written to Campaign
	calls    map[string]int
	newest   map[string]bool // newest statement by a person, of a contact's field
	version  int64

	// between is called between two calls of the sink, without the lock.
	between func(call string) error
}

type profile struct {
	values  consent.Values
	changed map[string]time.Time
}

func newSystems() *systems {
	return &systems{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), ahead: map[consent.Winner]time.Duration{}, contacts: map[string]*consent.Contact{},
		profiles: map[string]*profile{}, writes: map[string]int{}, calls: map[string]int{}, newest: map[string]bool{}, between: func(string) error { return nil }}
}

func (s *systems) clock(side consent.Winner) time.Time {
	return s.now.Add(s.ahead[side]).Truncate(time.Millisecond)
}

// person adds a contact and its profile, which say what they say since an hour.
func (s *systems) person(id string, inDynamics, inCampaign consent.Values) {
	s.version++
	before := s.now.Add(-time.Hour)
	both := func(values consent.Values) consent.Values {
		return consent.Values{email: values[email], phone: values[phone]}
	}
	s.contacts[id] = &consent.Contact{Values: both(inDynamics), Version: s.version, Modified: before.Add(s.ahead[consent.Dynamics])}
	s.profiles[id] = &profile{values: both(inCampaign), changed: map[string]time.Time{email: before.Add(s.ahead[consent.Campaign]), phone: before.Add(s.ahead[consent.Campaign])}}
}

// editContact is a person in Dynamics who saves a contact; field "" is another column.
func (s *systems) editContact(id, field string, value bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.contacts[id]
	if field != "" && c.Values[field] != value {
		c.Values[field] = value
		s.stated(id, field, value)
	}
	s.version++
	c.Version, c.Modified = s.version, s.clock(consent.Dynamics)
}

// editProfile is a person in Campaign.
func (s *systems) editProfile(id, field string, value bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.profiles[id]
	if p.values[field] == value {
		return
	}
	p.values[field], p.changed[field] = value, s.clock(consent.Campaign)
	s.stated(id, field, value)
}

func (s *systems) stated(id, field string, value bool) {
	s.newest[id+" "+field] = value
	for _, side := range []consent.Winner{consent.Dynamics, consent.Campaign} {
		delete(s.writes, fmt.Sprintf("%s %s %s", side, id, field))
	}
}

// contactRecord is what change tracking brings.
func (s *systems) contactRecord(id string) record.Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.row(id)
}

func (s *systems) row(id string) record.Record {
	c := s.contacts[id]
	data, _ := json.Marshal(map[string]any{"contactid": id, emailColumn: c.Values[email], phoneColumn: c.Values[phone], modifiedOn: c.Modified.Format(time.RFC3339Nano)})
	return record.Record{Source: sourceContact, Key: id, Op: record.Upsert, Version: c.Version, ReadAt: s.now, Data: data}
}

// exportRecord is a line of an export file.
func (s *systems) exportRecord(id, origin string) record.Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.profiles[id]
	data, _ := json.Marshal(map[string]any{"origin": origin, "values": p.values, "times": p.changed})
	return record.Record{Source: sourceExport, Key: id, Op: record.Upsert, ReadAt: s.now, Data: data}
}

// call is the begin of a call of the sink.
func (s *systems) call(name string) error {
	if err := s.between(name); err != nil {
		return err
	}
	s.mu.Lock()
	s.calls[name]++
	return nil
}

// contactTable is Dynamics as the sink sees it.
type contactTable struct{ *systems }

func (t contactTable) Row(_ context.Context, id string) (record.Record, error) {
	if err := t.call("read contact"); err != nil {
		return record.Record{}, err
	}
	defer t.mu.Unlock()
	if t.contacts[id] == nil {
		return record.Record{}, fault.New(fault.NotFound, "no such contact")
	}
	return t.row(id), nil
}

func (t contactTable) Update(_ context.Context, changes []dynamics.Change) []dynamics.Changed {
	results := make([]dynamics.Changed, len(changes))
	for i, change := range changes {
		results[i] = t.update(change)
		if err := t.between("answered contact"); err != nil {
			results[i] = dynamics.Changed{Err: err}
		}
	}
	return results
}

func (t contactTable) update(change dynamics.Change) dynamics.Changed {
	if err := t.call("write contact"); err != nil {
		return dynamics.Changed{Err: err}
	}
	defer t.mu.Unlock()
	c := t.contacts[change.ID]
	switch {
	case c == nil:
		return dynamics.Changed{Err: fault.New(fault.NotFound, "no such contact")}
	case c.Version != change.IfVersion:
		return dynamics.Changed{Err: fault.New(fault.Stale, "changed by somebody else")}
	}
	for field, column := range columns() {
		if value, ok := change.Values[column]; ok {
			c.Values[field] = value.(bool)
			t.writes[fmt.Sprintf("%s %s %s", consent.Dynamics, change.ID, field)]++
		}
	}
	t.version++
	c.Version, c.Modified = t.version, t.clock(consent.Dynamics)
	return dynamics.Changed{Version: c.Version, Modified: c.Modified}
}

// profileTable is Campaign as the sink sees it.
type profileTable struct{ *systems }

func (t profileTable) Read(_ context.Context, key string) (consent.Values, error) {
	if err := t.call("read profile"); err != nil {
		return nil, err
	}
	defer t.mu.Unlock()
	if t.profiles[key] == nil {
		return nil, fault.New(fault.NotFound, "no such profile")
	}
	return maps.Clone(t.profiles[key].values), nil
}

func (t profileTable) Update(_ context.Context, key string, values consent.Values) error {
	if err := t.call("write profile"); err != nil {
		return err
	}
	p := t.profiles[key]
	if p == nil {
		t.mu.Unlock()
		return fault.New(fault.NotFound, "no such profile")
	}
	for field, value := range values {
		p.values[field], p.changed[field] = value, t.clock(consent.Campaign)
		t.writes[fmt.Sprintf("%s %s %s", consent.Campaign, key, field)]++
		if !value {
			t.optIns++
		}
	}
	t.mu.Unlock()
	return t.between("answered profile")
}

// ledgerOf is the real ledger, which can be stopped too.
type ledgerOf struct {
	*systems
	ledger *bus.Ledger
}

func (l ledgerOf) Last(ctx context.Context, contact string) (bus.LedgerEntry, error) {
	if err := l.between("read ledger"); err != nil {
		return bus.LedgerEntry{}, err
	}
	return l.ledger.Last(ctx, contact)
}

func (l ledgerOf) Append(ctx context.Context, contact string, data []byte, on uint64) (uint64, error) {
	if err := l.between("write ledger"); err != nil {
		return 0, err
	}
	revision, err := l.ledger.Append(ctx, contact, data, on)
	if err != nil {
		return 0, err
	}
	return revision, l.between("answered ledger")
}

// errDead is what every call answers from the moment on at which the process dies.
var errDead = errors.New("the process has died")

// dieAt has the process die at the n-th call from now on, counted from 1; 0 is never.
func (s *systems) dieAt(n int) {
	var calls atomic.Int64
	s.between = func(string) error {
		if calls.Add(1) >= int64(n) && n > 0 {
			return errDead
		}
		return nil
	}
}

// newSink is the life of a process.
func (s *systems) newSink(ledger *bus.Ledger, direction consent.Direction) *sink {
	return &sink{rule: consent.Rule{Direction: direction, ToleranceSeconds: 300}, columns: columns(), ledger: ledgerOf{s, ledger}, contacts: contactTable{s},
		profiles: profileTable{s}, guard: func() error { return nil }, maxWait: time.Hour,
		unmatched: &unmatched{count: func(string, int) {}, notice: func(string) {}}}
}
