package written_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/written"
)

// place is a folder on one machine, beside one bus.
type place struct {
	t       *testing.T
	bus     *owners
	cfg     written.Config
	boot    string
	notices []string
}

func newPlace(t *testing.T) *place {
	p := &place{t: t, bus: &owners{}, boot: "boot 1"}
	p.cfg = written.Config{Dir: filepath.Join(t.TempDir(), "deep", "folder"), Destination: "https://campaign", Owners: p.bus, Guard: func() error { return nil },
		Notice: func(message string) { p.notices = append(p.notices, message) }}
	return p
}

func (p *place) open() *written.Store {
	p.t.Helper()
	store, err := written.Open(p.t.Context(), written.OnBoot(p.cfg, p.boot))
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(store.Crash)
	return store
}

func (p *place) noticed(text string) {
	p.t.Helper()
	if !strings.Contains(strings.Join(p.notices, "\n"), text) {
		p.t.Errorf("notices: %q, want one with %q", p.notices, text)
	}
}

func contact(key, name string) written.Row {
	return written.Row{Resource: "profile", KeyField: "externalId", Key: key, Fields: map[string]any{"lastName": name, "age": json.Number("7"), "vip": true, "note": nil}}
}

// put writes a row that the destination takes, and reports whether it was asked.
func put(t *testing.T, s *written.Store, r written.Row) (asked bool) {
	t.Helper()
	unchanged, err := s.Write(t.Context(), r, func(bool) (bool, error) { asked = true; return false, nil })
	if err != nil || unchanged == asked {
		t.Fatalf("unchanged %v, asked %v, %v", unchanged, asked, err)
	}
	return asked
}

// times writes a row twice, and counts how often the destination was asked.
func times(t *testing.T, s *written.Store, r written.Row) (n int) {
	t.Helper()
	for range 2 {
		if put(t, s, r) {
			n++
		}
	}
	return n
}

func TestWhatWasWrittenIsUnchanged(t *testing.T) {
	p := newPlace(t)
	s := p.open()
	base := contact("k", "a")
	if !put(t, s, base) || put(t, s, contact("k", "a")) {
		t.Fatal("a row is to be written once")
	}
	for name, other := range map[string]func(*written.Row){
		"value":           func(r *written.Row) { r.Fields["lastName"] = "b" },
		"type of a value": func(r *written.Row) { r.Fields["age"] = "7" },
		"yes and no":      func(r *written.Row) { r.Fields["vip"] = false },
		"null and empty":  func(r *written.Row) { r.Fields["note"] = "" },
		"one field less":  func(r *written.Row) { delete(r.Fields, "note") },
		"one field more":  func(r *written.Row) { r.Fields["more"] = nil },
		"nested":          func(r *written.Row) { r.Fields["note"] = map[string]any{"a": 1} },
		"key field":       func(r *written.Row) { r.KeyField = "other" },
		"key":             func(r *written.Row) { r.Key = "K" },
		"resource":        func(r *written.Row) { r.Resource = "account" },
		"link":            func(r *written.Row) { r.Links = []written.Link{{Field: "parent", Resource: "account", Key: "p"}} },
		"at creation":     func(r *written.Row) { r.OnCreate = map[string]any{"origin": "x"} },
	} {
		t.Run(name, func(t *testing.T) {
			put(t, s, contact("k", "a"))
			row := contact("k", "a")
			other(&row)
			if !put(t, s, row) {
				t.Error("was called unchanged")
			}
			if put(t, s, row) {
				t.Error("was written twice")
			}
		})
	}
}

func TestAValueWithoutAFormIsWrittenEachTime(t *testing.T) {
	s := newPlace(t).open()
	row := contact("k", "a")
	row.Fields["odd"] = func() {}
	if times(t, s, row) != 2 {
		t.Error("a value that has no canonical form was remembered")
	}
}

// TestFieldsOfTheCreation: what is written at creation only is known after a creation, and not after an update; a full
// read wants it known, a change does not.
func TestFieldsOfTheCreation(t *testing.T) {
	s := newPlace(t).open()
	change := func(name, origin string) written.Row {
		return written.Row{Resource: "profile", KeyField: "id", Key: "k", Fields: map[string]any{"name": name}, OnCreate: map[string]any{"origin": origin}}
	}
	read := func(name, origin string) written.Row {
		return written.Row{Resource: "profile", KeyField: "id", Key: "k", Fields: map[string]any{"name": name, "origin": origin}}
	}
	if _, err := s.Write(t.Context(), change("a", "x"), func(bool) (bool, error) { return true, nil }); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		what string
		row  written.Row
		want bool
	}{
		{"the same change after the creation", change("a", "x"), false},
		{"a full read of the same", read("a", "x"), false},
		{"a change of what updates leave alone", change("a", "y"), true}, // Costs a call, and is right.
		{"the same again", change("a", "z"), false},
		{"a full read after an update", read("a", "z"), true},
		{"the full read again", read("a", "z"), false},
		{"a change that changes nothing", change("a", "z"), false},
		{"a change", change("b", "z"), true},
		{"a full read after it", read("b", "z"), true},
	} {
		if got := put(t, s, step.row); got != step.want {
			t.Errorf("%s: written %v, want %v", step.what, got, step.want)
		}
	}
}

// TestTheGuessLearns: rows of which nothing is known are new in a first load, and are not after the knowledge was lost.
func TestTheGuessLearns(t *testing.T) {
	s := newPlace(t).open()
	n := 0
	guessed := func(likely, created bool) (guess bool) {
		t.Helper()
		n++
		row := contact(fmt.Sprint(n), "a")
		row.LikelyNew = likely
		if _, err := s.Write(t.Context(), row, func(g bool) (bool, error) { guess = g; return created, nil }); err != nil {
			t.Fatal(err)
		}
		return guess
	}
	if !guessed(true, true) || !guessed(false, false) {
		t.Error("at first the caller's guess, then what has happened")
	}
	if guessed(false, false) {
		t.Error("undecided, and the caller guesses that it exists")
	}
	if guessed(true, true) {
		t.Error("the last unknown row existed")
	}
	if !guessed(true, true) || !guessed(false, true) {
		t.Error("rows are new again")
	}
	row := contact("1", "b")
	row.LikelyNew = true
	if _, err := s.Write(t.Context(), row, func(g bool) (bool, error) { return false, map[bool]error{true: errors.New("new")}[g] }); err != nil {
		t.Error("a row that was written is taken for new")
	}
}

func TestARemovedRowIsForgotten(t *testing.T) {
	s := newPlace(t).open()
	put(t, s, contact("k", "a"))
	remove := func() error { return nil }
	if err := s.Remove(t.Context(), "profile", "k", remove); err != nil {
		t.Fatal(err)
	}
	asked := false
	if err := s.Remove(t.Context(), "profile", "k", func() error { asked = true; return nil }); err != nil || !asked {
		t.Error("a removal was left out")
	}
	if !put(t, s, contact("k", "a")) {
		t.Error("the row is called unchanged and is gone")
	}
	refused := fault.New(fault.Transient, "timed out")
	if err := s.Remove(t.Context(), "profile", "k", func() error { return refused }); !errors.Is(err, refused) {
		t.Errorf("got %v", err)
	}
	if !put(t, s, contact("k", "a")) {
		t.Error("the row may be gone and is called unchanged")
	}
}

// TestIgnoreWritesEverythingOnce, of the resource, with rows known to exist, also after a crash.
func TestIgnoreWritesEverythingOnce(t *testing.T) {
	p := newPlace(t)
	s := p.open()
	account := written.Row{Resource: "account", KeyField: "id", Key: "k", Fields: map[string]any{"a": "a"}}
	put(t, s, contact("k", "a"))
	put(t, s, account)
	if err := s.Ignore(t.Context(), "profile"); err != nil {
		t.Fatal(err)
	}
	s.Crash()
	s = p.open()
	row := contact("k", "a")
	row.LikelyNew = true
	unchanged, err := s.Write(t.Context(), row, func(likelyNew bool) (bool, error) {
		if likelyNew {
			t.Error("the row is taken for new")
		}
		return false, nil
	})
	if unchanged || err != nil {
		t.Errorf("unchanged %v, %v", unchanged, err)
	}
	if put(t, s, contact("k", "a")) || put(t, s, account) {
		t.Error("written more than once, or of another resource")
	}
}

// TestLives: what is known survives a close and a kill, and nothing else that could make it wrong.
func TestLives(t *testing.T) {
	for _, tc := range []struct {
		name   string
		end    func(*written.Store)
		then   func(p *place)
		known  bool
		notice string
	}{
		{"closed", (*written.Store).Close, func(*place) {}, true, ""},
		{"killed", (*written.Store).Crash, func(*place) {}, true, ""},
		{"closed, and the machine restarted", (*written.Store).Close, func(p *place) { p.boot = "boot 2" }, true, ""},
		{"open, and the machine restarted", (*written.Store).Crash, func(p *place) { p.boot = "boot 2" }, false, "machine went down"},
		{"another destination", (*written.Store).Close, func(p *place) { p.cfg.Destination = "https://elsewhere" }, false, "another destination"},
		{"another instance", (*written.Store).Close, func(p *place) { _ = p.bus.Put(context.Background(), "it", p.bus.revision) }, false, "another instance"},
		{"another bus", (*written.Store).Close, func(p *place) { *p.bus = owners{} }, false, "another instance"},
		{"marker gone", (*written.Store).Close, func(p *place) { p.remove(written.MarkerName) }, false, "no marker"},
		{"marker damaged", (*written.Store).Close, func(p *place) { p.write(written.MarkerName, "{") }, false, "cannot be read"},
		{"marker of another version", (*written.Store).Close, func(p *place) { p.write(written.MarkerName, `{"format":99}`) }, false, "another version"},
		{"files cut", (*written.Store).Close, func(p *place) { p.write("rows-00", "short") }, false, "damaged"},
		{"files gone", (*written.Store).Close, func(p *place) {
			for i := range written.Shards {
				p.remove(fmt.Sprintf("rows-%02d", i))
			}
		}, false, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := newPlace(t)
			s := p.open()
			for i := range 500 { // So that all files are there.
				put(t, s, contact(fmt.Sprint("k", i), "a"))
			}
			tc.end(s)
			tc.then(p)
			s = p.open()
			if known := !put(t, s, contact("k1", "a")); known != tc.known {
				t.Errorf("known %v, want %v", known, tc.known)
			}
			if tc.notice != "" {
				p.noticed(tc.notice)
			} else if len(p.notices) > 0 {
				t.Errorf("notices: %q", p.notices)
			}
			if put(t, s, contact("k1", "a")) {
				t.Error("nothing is kept any more")
			}
		})
	}
}

func (p *place) remove(name string) {
	p.t.Helper()
	if err := os.Remove(filepath.Join(p.cfg.Dir, name)); err != nil {
		p.t.Fatal(err)
	}
}

func (p *place) write(name, text string) {
	p.t.Helper()
	if err := os.WriteFile(filepath.Join(p.cfg.Dir, name), []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// TestAFolderInUse: the second store knows nothing, and the first, which may not write any more, is believed no more.
func TestAFolderInUse(t *testing.T) {
	p := newPlace(t)
	first := p.open()
	put(t, first, contact("k", "a"))
	second := p.open()
	p.noticed("somebody else")
	if times(t, second, contact("k", "b")) != 2 {
		t.Error("a store without files has called a row unchanged")
	}
	first.Close()
	second.Close()
	if !put(t, p.open(), contact("k", "a")) {
		t.Error("the folder is believed although somebody else has written")
	}
}

func TestManyWriters(t *testing.T) {
	s := newPlace(t).open()
	var group sync.WaitGroup
	for w := range 16 {
		group.Go(func() {
			for i := range 300 {
				row := contact(fmt.Sprint(w, "-", i), "a")
				for range 2 {
					if _, err := s.Write(t.Context(), row, func(bool) (bool, error) { return true, nil }); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	group.Wait()
	if n := s.Len(); n != 16*300 {
		t.Errorf("%d rows are known", n)
	}
}
