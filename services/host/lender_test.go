package host

import (
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestALenderKeepsWhatIsInUse: one client while the settings stay, a new one when they change, and the old one is closed by
// the last who has borrowed it, once.
func TestALenderKeepsWhatIsInUse(t *testing.T) {
	var made int
	var closed []string
	l := lender[string]{
		make:  func(values map[string]string) (string, error) { made++; return fmt.Sprint(values["url"], made), nil },
		close: func(client string) { closed = append(closed, client) },
	}
	of := func(url string) resolved { return resolved{revision: 1, values: map[string]string{"url": url}} }
	lend := func(url string) (string, func()) {
		t.Helper()
		client, release, err := l.lend(of(url))
		if err != nil {
			t.Fatal(err)
		}
		return client, release
	}
	one, release := lend("a")
	again, releaseAgain := lend("a")
	if one != again || made != 1 {
		t.Fatalf("%s and %s of the same settings", one, again)
	}
	edited, releaseEdited := lend("b")
	if edited == one || len(closed) > 0 {
		t.Fatalf("after the edit: %s, closed %v", edited, closed)
	}
	release()
	release() // It does nothing the second time.
	if len(closed) > 0 {
		t.Errorf("closed %v while it is in use", closed)
	}
	releaseAgain()
	releaseEdited()
	if diff := cmp.Diff([]string{"a1"}, closed); diff != "" {
		t.Error(diff)
	}
	if kept, release := lend("b"); kept != edited {
		t.Errorf("a client that nobody uses was forgotten: %s", kept)
	} else {
		release()
	}
	l.retire()
	l.retire()
	if diff := cmp.Diff([]string{"a1", "b2"}, closed); diff != "" {
		t.Error(diff)
	}
}

// TestALenderIsSafeToShare: whatever the order, every client that was made is closed once in the end.
func TestALenderIsSafeToShare(t *testing.T) {
	var mu sync.Mutex
	open := map[int]bool{}
	made := 0
	l := lender[int]{
		make: func(map[string]string) (int, error) {
			mu.Lock()
			defer mu.Unlock()
			made++
			open[made] = true
			return made, nil
		},
		close: func(client int) {
			mu.Lock()
			defer mu.Unlock()
			if !open[client] {
				t.Errorf("client %d was closed twice", client)
			}
			delete(open, client)
		},
	}
	var borrowers sync.WaitGroup
	for i := range 50 {
		borrowers.Go(func() {
			client, release, err := l.lend(resolved{values: map[string]string{"url": fmt.Sprint(i % 3)}})
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			if !open[client] {
				t.Errorf("client %d was lent and is closed", client)
			}
			mu.Unlock()
			release()
		})
	}
	borrowers.Wait()
	l.retire()
	if len(open) > 0 || made == 0 {
		t.Errorf("%d made, still open: %v", made, open)
	}
}
