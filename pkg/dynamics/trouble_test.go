package dynamics_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/causeway-sync/causeway/pkg/dynamics"
	"github.com/causeway-sync/causeway/pkg/dynamics/dynamicstest"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/remote/remotetest"
)

// 7. Service protection limits. Nothing is sent inside their Retry-After (invariant 10), and the position stays.
func TestSurvives_ServiceProtectionLimits(t *testing.T) {
	for name, limits := range map[string]dynamicstest.Limits{
		"requests":  {Requests: 3},
		"execution": {Execution: 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			env := newEnvironment(t, dynamicstest.Options{Limits: &limits})
			env.Seed(50, 1)
			env.clock.step.Store(1) // a request takes its time
			r := env.reader(dynamics.SourceConfig{PageSize: 10})
			var err error
			for range 10 {
				page, readErr := r.source.Read(t.Context(), r.position)
				if err = readErr; err != nil {
					break
				}
				r.take(t, page)
			}
			if !fault.Is(err, fault.Throttled) || fault.After(err) < time.Second {
				t.Fatalf("err = %v after %v", err, fault.After(err))
			}
			env.clock.step.Store(0)
			for range 5 {
				if _, err := r.source.Read(t.Context(), r.position); !fault.Is(err, fault.Throttled) {
					t.Errorf("err = %v", err)
				}
			}
			if n, during := env.Stats().Get(remotetest.Throttled), env.Stats().Get(remotetest.DuringRetryAfter); n != 1 || during != 0 {
				t.Errorf("%d requests were throttled, %d of them sent inside Retry-After", n, during)
			}
		})
	}
}

// 7. After the pause the same position is read, and nothing is missing.
func TestSurvives_Throttled(t *testing.T) {
	env := newEnvironment(t, dynamicstest.Options{})
	env.Seed(50, 1)
	r := env.reader(dynamics.SourceConfig{PageSize: 10})
	r.next(t)
	stop := env.Inject(remotetest.Fault{Kind: remotetest.Throttle, RetryAfter: 1})
	_, err := r.source.Read(t.Context(), r.position)
	stop()
	if !fault.Is(err, fault.Throttled) || fault.After(err) <= 0 || fault.After(err) > time.Second {
		t.Fatalf("err = %v after %v", err, fault.After(err))
	}
	<-time.After(fault.After(err))
	env.clock.advance(time.Second)
	r.drain(t)
	r.replica.compare(t, env)
	if n := env.Stats().Get(remotetest.DuringRetryAfter); n != 0 {
		t.Errorf("%d requests inside Retry-After", n)
	}
}

// 7, 15. What gateways answer, and codes in every spelling.
func TestSurvives_ErrorAnswers(t *testing.T) {
	for _, tc := range []struct {
		status int
		body   string
		kind   fault.Kind
		says   string
	}{
		{502, "<html>Bad Gateway</html>", fault.Transient, "in trouble"},
		{503, "", fault.Transient, "in trouble"},
		{504, "", fault.Transient, "in trouble"},
		{500, `{"error":{"code":"","message":"Sql error"}}`, fault.Transient, "in trouble"},
		{500, `{"error":{"code":"0x80044151","message":"SQL timeout"}}`, fault.Transient, "in trouble"},
		{400, `{"error":{"code":"-2147204783","message":"SQL timeout"}}`, fault.Transient, "in trouble"},
		{429, `{"error":{"code":"0x80072326","message":""}}`, fault.Throttled, "pause"},
		{501, "", fault.Fatal, "refused"},
		{404, "<html>", fault.Fatal, "URL of the environment"},
		{302, "", fault.Fatal, "redirect"},
		{200, "<html>sign in</html>", fault.Fatal, "not the Web API"},
		{200, "", fault.Fatal, "not the Web API"},
		{401, "", fault.Fatal, "application user"},
		{403, `{"error":{"code":"0x80040220","message":"SecLib::CheckPrivilege failed. User: x, PrivilegeName: prvReadContact, PrivilegeId: y"}}`, fault.Fatal, "prvReadContact"},
		{403, "", fault.Fatal, "privilege"},
		{404, `{"error":{"code":"0x8006088a","message":"Resource not found for the segment 'contactz'."}}`, fault.Fatal, "contactz"},
		{400, `{"error":{"code":"0x0","message":"Could not find a property named 'new_x' on type 'Microsoft.Dynamics.CRM.contact'."}}`, fault.Fatal, "column new_x"},
		{400, `{"error":{"code":"0x80060888","message":"Syntax error"}}`, fault.Fatal, "refused"},
		{400, `{"error":{"code":12,"message":"odd"}}`, fault.Fatal, "refused"},
	} {
		t.Run(fmt.Sprint(tc.status, " ", tc.body), func(t *testing.T) {
			env := newEnvironment(t, dynamicstest.Options{})
			env.before = func(w http.ResponseWriter, r *http.Request) bool {
				if !strings.HasPrefix(r.URL.Path, dynamicstest.Root+"contacts") {
					return false
				}
				w.WriteHeader(tc.status)
				_, _ = io.WriteString(w, tc.body)
				return true
			}
			_, err := env.client.Source(dynamics.SourceConfig{Table: "contact"}).Read(t.Context(), nil)
			if !fault.Is(err, tc.kind) || !strings.Contains(fmt.Sprint(err), tc.says) {
				t.Errorf("err = %v (%v), want %v saying %q", err, fault.KindOf(err), tc.kind, tc.says)
			}
		})
	}
}

// Invariant 9: what the server says may hold a row's values. It stays in the cause.
func TestErrorsHoldNoValues(t *testing.T) {
	env := newEnvironment(t, dynamicstest.Options{})
	env.before = func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasPrefix(r.URL.Path, dynamicstest.Root) {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"error":{"code":"0x80040237","message":"A record with the value jane@example.com already exists; 'jane@example.com'"}}`)
			return true
		}
		return false
	}
	_, err := env.client.Source(dynamics.SourceConfig{Table: "contact"}).Read(t.Context(), nil)
	if err == nil {
		t.Fatal("no error")
	}
	for e := err; e != nil; e = errors.Unwrap(e) {
		if strings.Contains(e.Error(), "jane") {
			t.Errorf("%v", e)
		}
	}
	var said *dynamics.APIError
	if !errors.As(err, &said) || said.Status != 400 || said.Code != 0x80040237 || !strings.Contains(said.Text, "already exists") {
		t.Errorf("cause = %+v", said)
	}
}

// 7. Connections are cut and errors come at random: the same position is read again until it works.
func TestSurvives_FlakyNetwork(t *testing.T) {
	env := newEnvironment(t, dynamicstest.Options{Seed: 3})
	env.Seed(200, 1)
	env.Inject(remotetest.Fault{Kind: remotetest.Cut, Rate: 0.2})
	env.Inject(remotetest.Fault{Kind: remotetest.Error, Status: 502, Rate: 0.2})
	r := env.reader(dynamics.SourceConfig{PageSize: 10})
	failures := 0
	for range 1000 {
		page, err := r.source.Read(t.Context(), r.position)
		if err != nil {
			if !fault.Is(err, fault.Transient) {
				t.Fatal(err)
			}
			failures++
			continue
		}
		r.take(t, page)
		if !page.More {
			break
		}
	}
	r.replica.compare(t, env)
	if failures < 5 {
		t.Errorf("only %d failures: the test shows nothing", failures)
	}
}

// 8. The secret has expired: stop, say so, and do not hammer the token endpoint.
func TestSurvives_SecretExpired(t *testing.T) {
	env := newEnvironment(t, dynamicstest.Options{})
	env.Issuer().SetSecret("causeway", "another")
	source := env.client.Source(dynamics.SourceConfig{Table: "contact"})
	for range 20 {
		_, err := source.Read(t.Context(), nil)
		if !fault.Is(err, fault.Fatal) || !strings.Contains(err.Error(), "AADSTS7000215") || strings.Contains(err.Error(), "causeway-sandbox") {
			t.Fatalf("err = %v", err)
		}
	}
	if n := env.Stats().Get("requests.token"); n != 1 {
		t.Errorf("the token endpoint was asked %d times", n)
	}
}
