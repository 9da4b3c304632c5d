package dynamics

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

func TestSizesAreFound(t *testing.T) {
	s := newSizer(1000, 1000)
	s.tooMuch(1000)
	s.tooMuch(1000) // was under way together with the first
	if s.next() != 500 {
		t.Errorf("refused at 1000, then %d", s.next())
	}
	for range growAfter {
		s.took(500, time.Second)
		s.took(20, time.Second) // a small one says nothing
	}
	if s.next() != 550 {
		t.Errorf("after a while of full requests: %d", s.next())
	}
	s.took(550, slowRequest+time.Second)
	if s.next() != 275 {
		t.Errorf("slow at 550, then %d", s.next())
	}
	for range 20 {
		s.took(s.next(), slowRequest+time.Second)
	}
	if s.next() != leastForSlow {
		t.Errorf("slow for ever: %d", s.next())
	}
	for range 20 {
		s.tooMuch(s.next())
	}
	if s.next() != 1 {
		t.Errorf("refused for ever: %d", s.next())
	}
	for range 10_000 {
		s.took(s.next(), time.Millisecond)
	}
	if s.next() != 1000 {
		t.Errorf("all is well for ever: %d", s.next())
	}
}

// However requests end, a size stays between 1 and the most.
func TestSizesStayInBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		most := rapid.IntRange(1, 1000).Draw(t, "most")
		s := newSizer(rapid.IntRange(1, 2000).Draw(t, "first"), most)
		for range rapid.IntRange(0, 200).Draw(t, "steps") {
			n := rapid.IntRange(1, s.next()).Draw(t, "carried")
			if rapid.Bool().Draw(t, "refused") {
				s.tooMuch(n)
			} else {
				s.took(n, time.Duration(rapid.IntRange(0, 60).Draw(t, "seconds"))*time.Second)
			}
			if got := s.next(); got < 1 || got > most {
				t.Fatalf("%d of at most %d", got, most)
			}
		}
	})
}

// crowd runs callers that each send n requests against a server that takes so many at a time, and returns the most that
// were under way.
func crowd(p *parallel, callers, n, capacity, hint int) (peak, refused int) {
	var mu sync.Mutex
	var running int
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for range n {
				turn, _ := p.acquire(context.Background())
				mu.Lock()
				running++
				peak = max(peak, running)
				learned := fine
				if running > capacity {
					learned = crowded
					refused++
				}
				mu.Unlock()
				<-time.After(time.Second)
				mu.Lock()
				running--
				mu.Unlock()
				p.release(turn, learned, hint)
			}
		})
	}
	all.Wait()
	return peak, refused
}

func TestParallelismIsFound(t *testing.T) {
	for name, tc := range map[string]struct{ most, capacity, hint, wantPeak int }{
		"up to the vendor's limit": {0, 1000, 0, 52},
		"up to the caller's":       {8, 1000, 0, 8},
		"not beyond 52":            {500, 1000, 0, 52},
		"up to the server's hint":  {0, 1000, 10, 10},
		"one at a time":            {1, 1000, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if peak, refused := crowd(newParallel(tc.most), 80, 50, tc.capacity, tc.hint); peak != tc.wantPeak || refused != 0 {
					t.Errorf("peak %d, want %d; %d refused", peak, tc.wantPeak, refused)
				}
			})
		})
	}
}

// A server that takes fewer is met a little above its limit now and then, and not all the time.
func TestParallelismStaysNearTheServersLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		peak, refused := crowd(newParallel(0), 80, 100, 20, 0)
		if peak > 22 || refused > 8000/10 {
			t.Errorf("peak %d, %d of 8000 refused", peak, refused)
		}
		if took := time.Since(began); took > 8000/10*time.Second {
			t.Errorf("8000 requests of a second took %v with 20 at a time", took)
		}
	})
}

func TestWaitingForASlotEndsWithTheCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newParallel(1)
		turn, _ := p.acquire(context.Background())
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if _, err := p.acquire(ctx); err == nil {
			t.Fatal("two slots of one")
		}
		var other sync.WaitGroup
		other.Go(func() {
			next, err := p.acquire(context.Background())
			if err != nil {
				t.Error(err)
			}
			p.release(next, fine, 0)
		})
		synctest.Wait()
		p.release(turn, fine, 0)
		other.Wait()
	})
}
