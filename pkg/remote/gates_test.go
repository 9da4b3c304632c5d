package remote_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/remote"
)

// TestAClientThatReplacesAnotherKnowsItsPause: with shared gates the next client of an origin waits too, one of another
// origin does not.
func TestAClientThatReplacesAnotherKnowsItsPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gates := remote.NewGates()
		throttled := newClient(t, remote.Config{Gates: gates, BaseURL: "https://one.example.com/a", Transport: &scripted{script: []*http.Response{answer(nil, 429, "", "Retry-After", "7")}}})
		if _, err := get(throttled, "/"); !fault.Is(err, fault.Throttled) {
			t.Fatal(err)
		}
		next := &scripted{}
		same := newClient(t, remote.Config{Gates: gates, BaseURL: "https://ONE.example.com:443/b", Transport: next})
		if _, err := get(same, "/"); !fault.Is(err, fault.Throttled) || next.sent != 0 {
			t.Errorf("the next client: %v, %d sent", err, next.sent)
		}
		other := newClient(t, remote.Config{Gates: gates, BaseURL: "https://two.example.com", Transport: &scripted{}})
		if _, err := get(other, "/"); err != nil {
			t.Errorf("another origin: %v", err)
		}
		time.Sleep(7 * time.Second)
		if _, err := get(same, "/"); err != nil || next.sent != 1 {
			t.Errorf("after the pause: %v, %d sent", err, next.sent)
		}
	})
}

// TestSignIn: it asks for a token of its own, and a refusal leaves the one that works in use.
func TestSignIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := &signIn{life: 3599}
		c := newClient(t, remote.Config{Token: credentials(), Transport: api})
		for want := int64(1); want <= 2; want++ {
			if err := c.SignIn(t.Context()); err != nil || api.issued.Load() != want {
				t.Fatalf("sign-in %d: %v, %d issued", want, err, api.issued.Load())
			}
		}
		if _, err := get(c, "/"); err != nil || api.issued.Load() != 2 {
			t.Fatalf("%v, %d issued", err, api.issued.Load())
		}
		api.refuse.Store(answer(nil, 401, `{"error":"invalid_client"}`))
		if err := c.SignIn(t.Context()); !fault.Is(err, fault.Fatal) {
			t.Fatalf("a refused sign-in: %v", err)
		}
		asked := api.issued.Load()
		api.issued.Store(2) // The API still takes the old one.
		if _, err := get(c, "/"); err != nil || api.issued.Load() != 2 || asked != 3 {
			t.Errorf("after the refusal: %v, %d issued, %d asked", err, api.issued.Load(), asked)
		}
	})
}
