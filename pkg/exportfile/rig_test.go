package exportfile

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/record"
)

// memory is a folder that a test writes, with what can go wrong on the way to a real one.
type memory struct {
	files    map[string]*stored
	now      func() time.Time
	opened   int
	failures int // this many of the next steps lose the connection
	// during is called while a file is being read, once.
	during func()
}

type stored struct {
	content  string
	modified time.Time
	locked   bool
}

func (m *memory) put(name, content string) {
	m.files[name] = &stored{content: content, modified: m.now().UTC().Truncate(time.Second)}
}

func (m *memory) grow(name, more string) {
	m.put(name, m.files[name].content+more)
}

func (m *memory) lost() error {
	if m.failures > 0 {
		m.failures--
		return fault.New(fault.Transient, "the connection was lost")
	}
	return nil
}

func (m *memory) list(context.Context) ([]entry, error) {
	var entries []entry
	for name, f := range m.files {
		entries = append(entries, entry{name, int64(len(f.content)), f.modified})
	}
	return entries, m.lost()
}

func (m *memory) open(_ context.Context, name string) (io.ReadCloser, error) {
	f, ok := m.files[name]
	switch {
	case !ok:
		return nil, fault.New(fault.NotFound, name+" does not exist")
	case f.locked:
		return nil, fault.New(fault.Rejected, name+" may not be read by the user")
	}
	m.opened++
	return io.NopCloser(bytes.NewReader([]byte(f.content))), m.lost()
}

func (m *memory) reading(_ context.Context, _ string, step func() error) error {
	if err := m.lost(); err != nil {
		return err
	}
	if m.during != nil {
		during := m.during
		m.during = nil
		during()
	}
	return step()
}

// rig is a source over a folder in memory, with a clock that the test moves.
type rig struct {
	*memory
	clock    time.Time
	source   *Source
	cfg      SourceConfig
	position record.Position
	records  []record.Record
	notices  []string
}

// eight is the format of the tests: two fields, each with its time.
func eight() Format {
	return Format{
		Values: map[string]string{"blackList": "blackList", "blackListEmail": "blackListEmail"},
		Times:  map[string]string{"blackList": "blackListTime", "blackListEmail": "blackListEmailTime"},
	}
}

const header = "externalId,blackList,blackListTime,blackListEmail,blackListEmailTime\n"

// line is one line of a key.
func line(key string) string {
	return key + ",true,2026-01-02 03:04:05.678Z,false,\n"
}

func newRig(format Format, change func(*SourceConfig)) *rig {
	r := &rig{clock: time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)}
	r.memory = &memory{files: map[string]*stored{}, now: func() time.Time { return r.clock }}
	r.cfg = SourceConfig{Format: format, Now: r.memory.now, Limit: 4}
	if change != nil {
		change(&r.cfg)
	}
	r.restart()
	return r
}

// restart is a crash: a new source, the stored position.
func (r *rig) restart() { r.source = newSource(r.memory, r.cfg) }

// read reads one page and keeps it.
func (r *rig) read() (record.Page, error) {
	page, err := r.source.Read(context.Background(), r.position)
	if err != nil {
		return page, err
	}
	r.records = append(r.records, page.Records...)
	r.position = page.Next
	if page.Notice != "" {
		r.notices = append(r.notices, page.Notice)
	}
	return page, nil
}

// pass lets time pass, as a pump polls it.
func (r *rig) pass(t testing.TB, d time.Duration) {
	t.Helper()
	for end := r.clock.Add(d); ; {
		page, err := r.read()
		if err != nil {
			t.Fatal(err)
		}
		if page.More {
			continue
		}
		if !r.clock.Before(end) {
			return
		}
		r.clock = r.clock.Add(time.Second)
	}
}

// data are what the records say.
func (r *rig) data(t testing.TB) []Data {
	t.Helper()
	var all []Data
	for _, rec := range r.records {
		var d Data
		if err := json.Unmarshal(rec.Data, &d); err != nil || rec.Source != SourceName || rec.Op != record.Upsert || rec.Validate() != nil {
			t.Fatalf("record %+v: %v", rec, err)
		}
		all = append(all, d)
	}
	return all
}

// keys are the keys of the records.
func (r *rig) keys() string {
	var all []string
	for _, rec := range r.records {
		all = append(all, rec.Key)
	}
	return strings.Join(all, " ")
}

// want compares the keys that came, and forgets them.
func (r *rig) want(t testing.TB, keys string) {
	t.Helper()
	if got := r.keys(); got != keys {
		t.Errorf("got  %s\nwant %s", got, keys)
	}
	r.records = nil
}

// heard checks that something was said, once.
func (r *rig) heard(t testing.TB, parts ...string) {
	t.Helper()
	if len(r.notices) != 1 || slices.ContainsFunc(parts, func(p string) bool { return !strings.Contains(r.notices[0], p) }) {
		t.Errorf("said %q, want one notice with %q", r.notices, parts)
	}
	r.notices = nil
}
