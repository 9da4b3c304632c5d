package written_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/written"
)

// TestTheBusDecides: a run whose name could not be put does not begin, and whether it was put or not, what was known
// stays known.
func TestTheBusDecides(t *testing.T) {
	for name, effect := range map[string]bool{"not put": false, "put, and the answer lost": true} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			s := p.open()
			put(t, s, contact("k", "a"))
			s.Close()
			p.bus.fails(true, effect)
			if _, err := written.Open(t.Context(), written.OnBoot(p.cfg, p.boot)); !fault.Is(err, fault.Transient) {
				t.Fatalf("open: %v, want Transient", err)
			}
			p.bus.fails(false, false)
			if put(t, p.open(), contact("k", "a")) {
				t.Error("what was known is lost")
			}
		})
	}
}

// TestTwoBeginAtATime: of two that believe to be active, the one that was overtaken is told so, and its folder is worth
// nothing.
func TestTwoBeginAtATime(t *testing.T) {
	p, q := newPlace(t), newPlace(t)
	q.bus, q.cfg.Owners = p.bus, p.bus
	s := p.open()
	put(t, s, contact("k", "a"))
	s.Close()
	p.bus.between = func() { put(t, q.open(), contact("k", "b")) }
	if _, err := written.Open(t.Context(), written.OnBoot(p.cfg, p.boot)); !fault.Is(err, fault.Transient) {
		t.Fatalf("open: %v, want Transient", err)
	}
	if !put(t, p.open(), contact("k", "a")) {
		t.Error("the folder is believed although another instance has written")
	}
}

// TestAFencedRunNamesNobody (invariant 5).
func TestAFencedRunNamesNobody(t *testing.T) {
	p := newPlace(t)
	p.cfg.Guard = func() error { return fault.New(fault.Fenced, "the lease is lost") }
	if _, err := written.Open(t.Context(), p.cfg); !fault.Is(err, fault.Fenced) || p.bus.puts != 0 {
		t.Errorf("%v after %d names", err, p.bus.puts)
	}
}

// TestADiskThatBreaks: a row is written only when its fingerprint is gone, or the bus knows that the folder is worth
// nothing.
func TestADiskThatBreaks(t *testing.T) {
	p := newPlace(t)
	s := p.open()
	put(t, s, contact("k", "a"))
	s.BreakFiles()
	p.bus.fails(true, false)
	for _, row := range []written.Row{contact("k", "b"), contact("k", "a")} {
		_, err := s.Write(t.Context(), row, func(bool) (bool, error) { t.Error("was written"); return false, nil })
		if !fault.Is(err, fault.Transient) {
			t.Errorf("got %v, want Transient", err)
		}
	}
	if err := s.Remove(t.Context(), "profile", "k", func() error { t.Error("was removed"); return nil }); !fault.Is(err, fault.Transient) {
		t.Errorf("remove: %v, want Transient", err)
	}
	p.bus.fails(false, false)
	if times(t, s, contact("k", "b")) != 2 {
		t.Error("a store without files has called a row unchanged")
	}
	p.noticed("cannot be kept")
	if len(p.notices) != 1 || s.Len() != 0 {
		t.Errorf("%d notices, %d rows known", len(p.notices), s.Len())
	}
	s.Close()
	if !put(t, p.open(), contact("k", "a")) {
		t.Error("the folder is believed again")
	}
}

// TestAFolderThatCannotBeMade is a notice.
func TestAFolderThatCannotBeMade(t *testing.T) {
	p := newPlace(t)
	if err := os.WriteFile(filepath.Dir(filepath.Dir(p.cfg.Dir))+"/deep", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := p.open()
	p.noticed("every record costs a call")
	if times(t, s, contact("k", "a")) != 2 {
		t.Error("a row is called unchanged")
	}
	if err := s.Ignore(t.Context(), "profile"); err != nil {
		t.Error(err)
	}
}

// TestNoFolder keeps nothing, and protects the folders of others all the same; a nil Store keeps nothing.
func TestNoFolder(t *testing.T) {
	p, none := newPlace(t), newPlace(t)
	s := p.open()
	put(t, s, contact("k", "a"))
	s.Close()
	none.bus, none.cfg.Owners, none.cfg.Dir = p.bus, p.bus, ""
	other := none.open()
	put(t, other, contact("k", "b"))
	other.Close()
	if len(none.notices) != 0 {
		t.Errorf("notices: %q", none.notices)
	}
	if !put(t, p.open(), contact("k", "a")) {
		t.Error("the folder is believed although a run without one has written")
	}
	var nothing *written.Store
	if times(t, nothing, contact("k", "a")) != 2 {
		t.Error("a nil store has called a row unchanged")
	}
	nothing.Close()
}
