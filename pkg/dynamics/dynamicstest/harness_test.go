package dynamicstest_test

import (
	"encoding/json"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/causeway-sync/causeway/pkg/dynamics/dynamicstest"
)

// environment is a server with a bearer token for it.
type environment struct {
	*dynamicstest.Server
	t     *testing.T
	web   *httptest.Server
	token string
	now   atomic.Int64
}

func newEnvironment(t *testing.T, opt dynamicstest.Options) *environment {
	t.Helper()
	return newEnvironmentAt(t, opt, time.Date(2024, 1, 31, 8, 10, 44, 0, time.UTC).UnixNano())
}

// newEnvironmentAt begins its life at a moment, in Unix nanoseconds.
func newEnvironmentAt(t *testing.T, opt dynamicstest.Options, now int64) *environment {
	t.Helper()
	env := &environment{t: t}
	env.now.Store(now)
	opt.Now = func() time.Time { return time.Unix(0, env.now.Load()).UTC() }
	env.Server = dynamicstest.New(opt)
	env.web = httptest.NewServer(env.Server)
	t.Cleanup(env.web.Close)
	env.token = env.Issuer().Issue("causeway")
	return env
}

func (e *environment) advance(d time.Duration) { e.now.Add(int64(d)) }

// answer is an HTTP answer with its body read.
type answer struct {
	status int
	header http.Header
	body   string
}

// send makes a request of a path below the root, or of a link. Headers come in pairs.
func (e *environment) send(method, address, body string, header ...string) answer {
	e.t.Helper()
	if !strings.HasPrefix(address, "http") {
		address = e.web.URL + dynamicstest.Root + strings.ReplaceAll(address, " ", "%20")
	}
	r, err := http.NewRequestWithContext(e.t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		e.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+e.token)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	resp, err := e.web.Client().Do(r)
	if err != nil {
		e.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		e.t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(text)}
}

func (e *environment) get(address string, header ...string) answer {
	e.t.Helper()
	return e.send(http.MethodGet, address, "", header...)
}

// page is a collection as a client sees it.
type page struct {
	Context string           `json:"@odata.context"`
	Count   int              `json:"@odata.count"`
	Value   []map[string]any `json:"value"`
	Next    string           `json:"@odata.nextLink"`
	Delta   string           `json:"@odata.deltaLink"`
}

func (e *environment) page(address string, header ...string) page {
	e.t.Helper()
	got := e.get(address, header...)
	var p page
	if err := json.Unmarshal([]byte(got.body), &p); err != nil || got.status != http.StatusOK {
		e.t.Fatalf("%s: %d %s", address, got.status, got.body)
	}
	return p
}

// code is the code of an error answer.
func (a answer) code() string {
	var body struct{ Error struct{ Code string } }
	_ = json.Unmarshal([]byte(a.body), &body)
	return body.Error.Code
}

func (p page) names(column string) string {
	var names []string
	for _, row := range p.Value {
		name, _ := row[column].(string)
		names = append(names, name)
	}
	return strings.Join(names, " ")
}

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares an answer with testdata/<name>; the server's address reads as https://org.example.
func golden(t *testing.T, env *environment, name string, got answer) {
	t.Helper()
	text := strings.ReplaceAll(got.body, env.web.URL, "https://org.example")
	var indented any
	if err := json.Unmarshal([]byte(text), &indented); err != nil {
		t.Fatalf("%s: %v in %s", name, err, text)
	}
	pretty, _ := json.MarshalIndent(map[string]any{"status": got.status, "contentType": got.header.Get("Content-Type"),
		"preferenceApplied": got.header.Get("Preference-Applied"), "odataVersion": got.header.Get("OData-Version"), "body": indented}, "", "  ")
	file := filepath.Join("testdata", name+".json")
	if *update {
		if err := os.WriteFile(file, append(pretty, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(pretty)+"\n"); diff != "" {
		t.Errorf("%s: %s", name, diff)
	}
}

func (e *environment) tokenFor(tenant string, form url.Values) (int, map[string]any) {
	e.t.Helper()
	resp, err := e.web.Client().PostForm(e.web.URL+"/"+tenant+"/oauth2/v2.0/token", form)
	if err != nil {
		e.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var body map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&body); err != nil {
		e.t.Fatal(err)
	}
	return resp.StatusCode, body
}
