package remote_test

import (
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/remote"
)

// A pause that a part of an answer asks for closes the gate as one of the whole does, and the answer is handed over.
func TestPauseInsideAnAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := &scripted{}
		c := newClient(t, remote.Config{Transport: api})
		ask := func(after time.Duration, asked bool) error {
			_, err := c.Do(t.Context(), remote.Request{Method: "GET", URL: "/", Pause: func(*remote.Response) (time.Duration, bool) { return after, asked }})
			return err
		}
		if err := ask(0, false); err != nil || c.Paused() != nil {
			t.Fatalf("no pause: %v, %v", err, c.Paused())
		}
		if err := ask(5*time.Second, true); err != nil || fault.After(c.Paused()) != 5*time.Second {
			t.Fatalf("five seconds: %v, %v", err, c.Paused())
		}
		if _, err := get(c, "/"); !fault.Is(err, fault.Throttled) || api.sent != 2 {
			t.Fatalf("inside the pause: %v, %d sent", err, api.sent)
		}
		for _, want := range []time.Duration{5 * time.Second, 2 * time.Second, 4 * time.Second} {
			// Where the part does not say how long, the pause grows: the answer around it is no sign that all is well.
			time.Sleep(want)
			if err := ask(0, true); err != nil {
				t.Fatal(err)
			}
		}
		if left := fault.After(c.Paused()); left != 8*time.Second {
			t.Errorf("the third pause of unknown length takes %v", left)
		}
	})
}

// The API's own package sees what the answer said.
func TestPauseErrorHoldsTheAnswer(t *testing.T) {
	c := newClient(t, remote.Config{Transport: &scripted{script: []*http.Response{answer(nil, 429, "which limit", "Retry-After", "1")}}})
	_, err := get(c, "/")
	var paused *remote.PauseError
	if !errors.As(err, &paused) || string(paused.Response.Body) != "which limit" || paused.Error() != "HTTP 429" {
		t.Errorf("cause = %v", paused)
	}
}
