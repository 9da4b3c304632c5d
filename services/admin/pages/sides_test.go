package pages

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// TestAnswersServeForAMinute: a form that is edited line by line asks the remote systems once a minute, asks again after a
// trouble, and at once for who wants to know.
func TestAnswersServeForAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var kept lookups
		asked := 0
		ask := func(want int, fail error) {
			t.Helper()
			if _, err := look(&kept, "table contact", func() (int, error) { asked++; return asked, fail }); !errors.Is(err, fail) {
				t.Error(err)
			}
			if asked != want {
				t.Errorf("asked %d times, want %d", asked, want)
			}
		}
		trouble := errors.New("away")
		ask(1, trouble)
		ask(2, nil)
		ask(2, nil)
		time.Sleep(lookKept + time.Second)
		ask(3, nil)
		kept.forget()
		ask(4, nil)
		for i := range 3 * looksKept {
			if _, err := look(&kept, string(rune(i)), func() (int, error) { return i, nil }); err != nil {
				t.Fatal(err)
			}
		}
		if len(kept.answers) > looksKept {
			t.Errorf("%d answers are kept", len(kept.answers))
		}
	})
}
