package access_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/causeway-sync/causeway/pkg/access"
)

func TestSessionsEnd(t *testing.T) {
	who := access.Identity{Name: "anna", Role: access.Admin, Means: access.ByPassword}
	synctest.Test(t, func(t *testing.T) {
		s := access.NewSessions(time.Hour, 3*time.Hour)
		id, other := s.Begin(who), s.Begin(who)
		if id == other || len(id) != 43 {
			t.Errorf("ids %q and %q", id, other)
		}
		for range 5 {
			time.Sleep(35 * time.Minute)
			if got, ok := s.Use(id); !ok || got != who {
				t.Fatalf("a session in use ended: %+v", got)
			}
		}
		if _, ok := s.Use(other); ok {
			t.Error("an idle session goes on")
		}
		time.Sleep(10 * time.Minute)
		if _, ok := s.Use(id); ok {
			t.Error("a session outlived its absolute limit")
		}
		id = s.Begin(who)
		for range 3 {
			time.Sleep(25 * time.Minute)
			_, looked := s.Look(id)
			t.Log(looked)
		}
		if _, ok := s.Use(id); ok {
			t.Error("looking at a session kept it alive")
		}
		id = s.Begin(who)
		s.End(id)
		s.End(id)
		if _, ok := s.Use(id); ok {
			t.Error("a session that was ended goes on")
		}
		for _, nobody := range []string{"", "x", id[:42]} {
			if _, ok := s.Use(nobody); ok {
				t.Errorf("%q is a session", nobody)
			}
		}
	})
}

// TestSessionsAreBounded: the one that was used least recently makes room.
func TestSessionsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := access.NewSessions(time.Hour, time.Hour)
		first := s.Begin(access.Identity{Name: "first"})
		time.Sleep(time.Second)
		second := s.Begin(access.Identity{Name: "second"})
		time.Sleep(time.Second)
		s.Use(first)
		for range 10_000 - 1 {
			s.Begin(access.Identity{})
		}
		_, one := s.Use(first)
		_, two := s.Use(second)
		if !one || two {
			t.Errorf("the used one is there: %v, the unused one: %v", one, two)
		}
	})
}
