package ingress

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/causeway-sync/causeway/pkg/campaign"
	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/dynamics"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/mapping"
)

const (
	// lookEvery is how often a mapping that works is compared with what both sides say: a change that matters shows in a
	// record or a read before that.
	lookEvery = 15 * time.Minute
	// lookAgain is for how long it does to have looked, where records are refused one by one.
	lookAgain = 2 * time.Second
)

// mapped is a mapping at work. It is compiled for what both sides say of their columns and fields when the run begins. When
// one of them disappears or changes its type underneath, the mapping is held: its table is not read, its records are
// parked, and the other mappings go on. It is let go by itself when both sides are again what they were, and by a stop and
// start, which takes them as they are.
type mapped struct {
	mapping config.Mapping
	from    *dynamics.Client
	to      *campaign.Client

	looking sync.Mutex // one look at a time; the others wait for its answer

	mu     sync.Mutex
	plan   *mapping.Plan // nil for a mapping that has not fitted since the process was started
	fit    fit           // at the start that the run follows
	held   error
	looked time.Time
	// heldUntil is when the mapping was last known to be held: nobody waits in vain meanwhile.
	heldUntil time.Time
	// clearedAt is when a refusal was last found to be the record's own.
	clearedAt time.Time
}

// ready is the plan, or why records must wait.
func (m *mapped) ready() (*mapping.Plan, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.held != nil {
		return nil, waits(m.held)
	}
	return m.plan, nil
}

// waitedSince is since when a row can have waited in vain for one of this mapping: not while the mapping is held.
func (m *mapped) waitedSince(since time.Time) time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.held != nil {
		return time.Now()
	}
	if m.heldUntil.After(since) {
		return m.heldUntil
	}
	return since
}

// waits makes a record of what holds its mapping wait.
func waits(held error) error { return fault.Wrap(fault.Waiting, held, fault.Message(held)) }

// due reports whether it is time to look.
func (m *mapped) due() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.held != nil || time.Since(m.looked) >= lookEvery
}

// look compares both sides with what the mapping was compiled for. A *drift is what holds it; any other error is trouble with
// looking, such as a secret that is no good any more: that is no matter of one mapping. An answer that is newer than asked does for
// all who ask at the same time.
func (m *mapped) look(ctx context.Context, newerThan time.Time) error {
	m.looking.Lock()
	defer m.looking.Unlock()
	m.mu.Lock()
	looked, held := m.looked, m.held
	m.mu.Unlock()
	if looked.After(newerThan) {
		return held
	}
	began := time.Now() // What changes while both sides answer is for the next look.
	plan, now, err := compile(ctx, m.mapping, m.from, m.to)
	if fault.Is(err, fault.NotFound) || errors.Is(err, campaign.ErrDenied) { // The table or the resource.
		err = drifted(err, fault.Message(err))
	}
	if err != nil && !isDrift(err) {
		return err
	}
	return m.conclude(began, plan, now, err)
}

// drift is that one of both sides is not what the mapping was compiled for. Its kind is fault.Fatal: somebody has to mend it.
type drift struct{ error }

func (d *drift) Unwrap() error { return d.error }

func drifted(cause error, message string) error {
	return &drift{fault.Wrap(fault.Fatal, cause, message)}
}

func isDrift(err error) bool {
	var d *drift
	return errors.As(err, &d)
}

func (m *mapped) conclude(began time.Time, plan *mapping.Plan, now fit, finding error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.held != nil {
		m.heldUntil = began
	}
	m.looked = began
	if m.held = finding; m.held != nil {
		return m.held
	}
	if m.fit.Columns == nil {
		m.fit = now
	}
	if m.held = m.fit.changed(now, m.mapping); m.held == nil && m.plan == nil {
		m.plan = plan
	}
	return m.held
}

// suspect looks whether a refusal comes from a side that has changed. If so the record waits; if not the refusal stands.
func (m *mapped) suspect(ctx context.Context, refusal error) error {
	switch fault.KindOf(refusal) {
	case fault.Fatal: // It would end the run: only a look of now is good enough.
	case fault.Rejected:
		if m.cleared() {
			return refusal
		}
	default:
		return refusal
	}
	switch err := m.look(ctx, time.Now()); {
	case err == nil:
		m.clear()
		return refusal
	case isDrift(err):
		return waits(err)
	case fault.Is(refusal, fault.Fatal) && fault.Is(err, fault.Fatal):
		return refusal // The same trouble keeps it from looking.
	default:
		return err
	}
}

func (m *mapped) clear() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.clearedAt = time.Now()
}

func (m *mapped) cleared() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return time.Since(m.clearedAt) < lookAgain
}

// fit is what both sides say of a mapping's columns and fields: name to type. It is stored with the start that it was seen
// at, so that another life of the process knows what has changed since.
type fit struct {
	Columns map[string]string `json:"columns"`
	Fields  map[string]string `json:"fields"`
}

func fitOf(m config.Mapping, table mapping.Table, fields []mapping.Field) fit {
	f := fit{Columns: map[string]string{}, Fields: map[string]string{}}
	for _, c := range table.Columns {
		f.Columns[c.Name] = c.Type
	}
	for _, field := range fields {
		f.Fields[field.Name] = field.Type
	}
	return f.of(m)
}

// of leaves what the mapping uses.
func (f fit) of(m config.Mapping) fit {
	used := fit{Columns: map[string]string{}, Fields: map[string]string{m.Key.Field: f.Fields[m.Key.Field]}}
	for _, column := range m.Columns() {
		used.Columns[column] = f.Columns[column]
	}
	for _, field := range m.Fields {
		used.Fields[field.Field] = f.Fields[field.Field]
	}
	for _, link := range m.Links {
		used.Fields[link.Field] = f.Fields[link.Field]
	}
	return used
}

// changed is the first column or field that has another type now, in the order of the mapping.
func (f fit) changed(now fit, m config.Mapping) error {
	for _, column := range m.Columns() {
		if was, is := f.Columns[column], now.Columns[column]; was != is {
			return changedType(fmt.Sprintf("column %s of table %s", column, m.Table), was, is)
		}
	}
	names := append([]string{m.Key.Field}, fieldNames(m)...)
	for _, link := range m.Links {
		names = append(names, link.Field)
	}
	for _, field := range names {
		if was, is := f.Fields[field], now.Fields[field]; was != is {
			return changedType(fmt.Sprintf("field %s of %s", field, m.Resource), was, is)
		}
	}
	return nil
}

func changedType(what, was, is string) error {
	return drifted(nil, fmt.Sprintf("%s was a %s when the workflow was started and is a %s now; check the mapping, then stop and start the workflow, or change it back", what, was, is))
}
