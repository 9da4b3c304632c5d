package admin_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/causeway-sync/causeway/pkg/access"
	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/seal"
	"github.com/causeway-sync/causeway/pkg/workflow"
	"github.com/causeway-sync/causeway/services/admin"
)

// mark stands in every hostile value, so that it is recognised wherever it comes out.
const mark = "HOSTILEMARK"

// hostile are values that nobody means well.
func hostile() map[string]string {
	return map[string]string{
		"a script":                 "<script>" + mark + "()</script>",
		"an attribute":             `"'><img src=x onerror=` + mark + `>`,
		"right to left":            mark + "\u202egnp.exe\u2066\u200f",
		"a NUL":                    mark + "\x00x",
		"invalid UTF-8":            mark + "\xff\xfe\xc0\xaf",
		"a header":                 mark + "\r\nX-Injected: yes\r\n\r\n<script>" + mark + "</script>",
		"a template":               mark + "{{.}}${7*7}%00%n",
		"a path":                   "../../" + mark + "/..%2f..",
		"a subject":                mark + ".>.*. ",
		"a hundred thousand signs": strings.Repeat(mark+" ", 100_000/len(mark+" ")),
	}
}

// eavesdropper keeps what a service logs.
type eavesdropper struct {
	mu   sync.Mutex
	text strings.Builder
}

func (h *eavesdropper) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.text.Write(p)
}

func (h *eavesdropper) Sync() error { return nil }

func (h *eavesdropper) String() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.text.String()
}

// besieged is a service with users, whose every log line is heard.
func besieged(t *testing.T) (*guarded, *eavesdropper) {
	t.Helper()
	key, err := seal.Create(t.TempDir() + "/key")
	if err != nil {
		t.Fatal(err)
	}
	log := &eavesdropper{}
	g := startGuarded(t, func(c *admin.Config) {
		c.Key = key
		c.Log = zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewDevelopmentEncoderConfig()), log, zap.DebugLevel))
	})
	g.answering()
	return g, log
}

// unharmed judges an answer to something hostile.
func (g *guarded) unharmed(where string, a answer) {
	g.t.Helper()
	if a.StatusCode >= 500 && a.StatusCode != http.StatusServiceUnavailable {
		g.t.Errorf("%s: %d %s", where, a.StatusCode, clip(a.text()))
	}
	if a.Header.Get("X-Injected") != "" || len(a.Header["Set-Cookie"]) > 1 {
		g.t.Errorf("%s: a header came in: %v", where, a.Header)
	}
	if location := a.Header.Get("Location"); location != "" && (!strings.HasPrefix(location, "/") || strings.HasPrefix(location, "//")) {
		g.t.Errorf("%s: leads to %s", where, location)
	}
	if a.StatusCode >= 400 && len(a.body) > 600<<10 {
		g.t.Errorf("%s: %d KB are answered", where, len(a.body)>>10)
	}
	switch kind := a.Header.Get("Content-Type"); {
	case strings.HasPrefix(kind, "text/html"):
		page := parse(g.t, a)
		for _, n := range append(page.all("script"), page.all("*", "onerror", "*")...) {
			if n.text() != "" || n.attr("onerror") != "" || n.attr("src") == "x" {
				g.t.Errorf("%s: a script came in", where)
			}
		}
		if len(page.all("main")) != 1 && a.StatusCode/100 != 3 {
			g.t.Errorf("%s: no whole page: %s", where, clip(a.text()))
		}
	case strings.Contains(kind, "json"):
		if !json.Valid(a.body) || strings.Contains(a.text(), "<script") {
			g.t.Errorf("%s: %s", where, clip(a.text()))
		}
	}
	if policy := a.Header.Get("Content-Security-Policy"); a.StatusCode != http.StatusBadRequest && a.StatusCode != http.StatusRequestHeaderFieldsTooLarge && policy == "" {
		g.t.Errorf("%s: an answer without a policy (%d)", where, a.StatusCode)
	}
}

// forms are the forms of all pages, by the route that takes them: the names of their inputs with the values that they have.
func (g *guarded) forms(session string) map[string]url.Values {
	g.t.Helper()
	found := map[string]url.Values{}
	for pattern := range admin.RouteTable() {
		method, path := concrete(pattern)
		if method != http.MethodGet || strings.HasSuffix(path, "/live") || strings.HasPrefix(path, "/api/") {
			continue
		}
		a := g.do("GET", path, "", "Cookie", session, "Accept", "text/html")
		if !strings.HasPrefix(a.Header.Get("Content-Type"), "text/html") {
			continue
		}
		for _, form := range parse(g.t, a).all("form") {
			values := url.Values{}
			for _, element := range []string{"input", "textarea", "select", "button"} {
				for _, input := range form.all(element, "name", "*") {
					values.Add(input.attr("name"), input.attr("value"))
				}
			}
			actions := []string{form.attr("action")}
			for _, button := range form.all("button", "formaction", "*") {
				actions = append(actions, button.attr("formaction"))
			}
			for _, action := range actions {
				action, _, _ = strings.Cut(action, "?")
				key := strings.ToUpper(form.attr("method")) + " " + action
				if found[key] == nil {
					found[key] = url.Values{}
				}
				maps.Copy(found[key], values)
			}
		}
	}
	return found
}

// TestHostileInput puts every hostile value into every path, query and input that the route table and the pages have: a
// clear answer, nothing broken, nothing that came in comes out as markup or in the log, and the pages stand afterwards.
func TestHostileInput(t *testing.T) {
	g, log := besieged(t)
	session := g.session(access.Admin)
	forms := g.forms(session)
	if len(forms) < 10 {
		t.Errorf("only %d forms were found: %v", len(forms), slices.Sorted(maps.Keys(forms)))
	}
	as := []string{"Cookie", session, "Accept", "text/html, application/json;q=0.9"}
	doc, tried := operations(admin.Description()), 0
	for _, pattern := range slices.Sorted(maps.Keys(admin.RouteTable())) {
		if pattern == "POST /logout" || strings.HasSuffix(pattern, "/live") {
			continue
		}
		for what, value := range hostile() {
			for _, one := range sieges(pattern, value, doc, forms) {
				tried++
				where := fmt.Sprintf("%s with %s in %s", pattern, what, one.what)
				g.unharmed(where, g.do(one.method, one.path, one.body, append(as, one.headers...)...))
			}
		}
	}
	t.Logf("%d requests", tried)
	if said := log.String(); strings.Contains(said, mark) {
		at := strings.Index(said, mark)
		from := max(strings.LastIndex(said[:at], "\n"), at-500)
		t.Errorf("the log repeats what came in: %s", said[max(from, 0):min(len(said), at+200)])
	}
	for _, path := range []string{"/", "/failures/ingress", "/history", "/settings", "/docs", "/about", "/workflows/ingress/edit"} {
		a := g.want(http.StatusOK, "GET", path, "", as...)
		g.unharmed(path+" afterwards", a)
	}
}

// siege is one hostile request.
type siege struct {
	what, method, path, body string
	headers                  []string
}

// sieges are the places of a route where a value can come in.
func sieges(pattern, value string, doc map[string]*huma.Operation, forms map[string]url.Values) []siege {
	method, path := concrete(pattern)
	escaped := url.PathEscape(value)
	if len(escaped) > 50_000 { // A request line of this length is refused by the server itself; one that passes is tried.
		escaped = escaped[:50_000]
		value = value[:50_000]
	}
	var all []siege
	_, template, found := strings.Cut(pattern, " ")
	if !found {
		template = pattern
	}
	for _, name := range pathParameter.FindAllString(template, -1) {
		if name == "{$}" {
			continue
		}
		_, other := concrete(strings.Replace(pattern, name, "HERE", 1))
		all = append(all, siege{what: "the path's " + name, method: method, path: strings.Replace(other, "HERE", escaped, 1)})
	}
	everything := url.Values{}
	for _, name := range []string{"key", "group", "source", "before", "limit", "through", "contact", "to", "done", "workflow", "saved", "removed", "error", "state", "code", "q", "from", "at"} {
		everything.Set(name, value[:min(len(value), 2000)])
	}
	queries := map[string]string{"every query": everything.Encode()}
	if op := doc[pattern]; op != nil {
		for _, p := range op.Parameters {
			if encoded := url.QueryEscape(value); p.In == "query" {
				queries["query "+p.Name] = p.Name + "=" + encoded[:min(len(encoded), 50_000)]
			}
			if p.In == "header" {
				clean := strings.Map(func(r rune) rune {
					if r < ' ' || r == 0x7f || r == '\ufffd' {
						return -1
					}
					return r
				}, value)
				all = append(all, siege{what: "header " + p.Name, method: method, path: path, body: "{}", headers: []string{p.Name, clean[:min(len(clean), 1000)]}})
			}
		}
	}
	for what, query := range queries {
		all = append(all, siege{what: what, method: method, path: path + "?" + query})
	}
	if method == http.MethodGet {
		return all
	}
	for name := range forms[method+" "+path] {
		form := maps.Clone(forms[method+" "+path])
		form[name] = []string{value}
		all = append(all, siege{what: "input " + name, method: method, path: path, body: form.Encode(), headers: []string{"Content-Type", formType}})
	}
	quoted, _ := json.Marshal(value)
	bodies := map[string]string{
		"a text": string(quoted), "a member": `{` + string(quoted) + `:` + string(quoted) + `}`, "a list": `{"mappings":[` + string(quoted) + `,{"table":` + string(quoted) + `}],"mapping":{"table":` + string(quoted) + `},"url":` + string(quoted) + `}`,
		"raw bytes": `{"mappings":"` + value, "the same member twice": `{"mappings":[],"mappings":[` + string(quoted) + `]}`,
	}
	if strings.HasPrefix(value, "<script>") { // Once for all values.
		bodies["a deep nest"] = strings.Repeat(`{"mappings":[`, 20_000)
	}
	for what, body := range bodies {
		all = append(all, siege{what: "a body with " + what, method: method, path: path, body: body, headers: []string{"Content-Type", "application/json", "If-Match", "*"}})
	}
	return all
}

// TestHostileInputOverNATS does the same to every endpoint of the NATS API.
func TestHostileInputOverNATS(t *testing.T) {
	g, log := besieged(t)
	info := decoded[micro.Info](t, g.ask("$SRV.INFO.causeway", ""))
	for _, endpoint := range info.Endpoints {
		subject := strings.ReplaceAll(endpoint.Subject, "*", "ingress")
		for what, value := range hostile() {
			quoted, err := json.Marshal(value)
			if err != nil {
				t.Fatal(err)
			}
			for _, body := range []string{value, string(quoted), `{` + string(quoted) + `:1}`, `{"table":` + string(quoted) + `,"contact":` + string(quoted) + `,"key":` + string(quoted) + `}`,
				`{"revision":1,"document":{"mappings":[{"table":` + string(quoted) + `}],"url":` + string(quoted) + `}}`, `{"key":` + string(quoted) + `,"group":` + string(quoted) + `,"source":` + string(quoted) + `}`,
				strings.Repeat("[", 50_000), strings.Repeat(`{"a":`, 20_000)} {
				msg, err := g.conn.NATS().Request(subject, []byte(body), 10*time.Second)
				if err != nil {
					t.Fatalf("%s with %s: %v", subject, what, err)
				}
				if !json.Valid(msg.Data) || len(msg.Data) > 256<<10 {
					t.Errorf("%s with %s: %s", subject, what, clip(string(msg.Data)))
				}
				if code := msg.Header.Get(micro.ErrorCodeHeader); code == "500" {
					t.Errorf("%s with %s: %s", subject, what, clip(string(msg.Data)))
				}
				if strings.ContainsAny(msg.Header.Get(micro.ErrorHeader), "\r\n") {
					t.Errorf("%s with %s: header %q", subject, what, msg.Header.Get(micro.ErrorHeader))
				}
			}
		}
		if strings.Contains(endpoint.Subject, "*") {
			other := strings.ReplaceAll(endpoint.Subject, "*", mark+"<script>")
			refused := []string{"404", "422"}
			if strings.Contains(endpoint.Subject, ".catalog.") { // Whether there is such a table is for the remote system to say.
				refused = append(refused, "")
			}
			if msg := g.ask(other, ""); !slices.Contains(refused, msg.Header.Get(micro.ErrorCodeHeader)) || strings.Contains(string(msg.Data), "<script>") {
				t.Errorf("%s: %v %s", other, msg.Header, msg.Data)
			}
		}
	}
	if said := log.String(); strings.Contains(said, mark) {
		at := strings.Index(said, mark)
		t.Errorf("the log repeats what came in: %s", said[max(at-300, 0):min(len(said), at+200)])
	}
	g.want(http.StatusOK, "GET", "/", "", "Authorization", g.bearer(access.Viewer))
}

// TestHostileNamesThatAreStored: names that others put on the bus by hand, where nothing checks them, break no page.
func TestHostileNamesThatAreStored(t *testing.T) {
	r := start(t, nil)
	for _, value := range hostile() {
		value = value[:min(len(value), 3000)]
		clean := strings.NewReplacer("\r", " ", "\n", " ", "\x00", " ").Replace(value)
		r.reject("contact", clean, clean+" was refused", `{"lastname":`+fmt.Sprintf("%q", "x")+`}`)
		msg := nats.NewMsg(bus.CommandSubject(workflow.Ingress, workflow.ConfigChanged))
		msg.Header.Set(bus.HeaderBy, clean)
		msg.Data = []byte(value)
		if err := r.conn.NATS().PublishMsg(msg); err != nil {
			t.Fatal(err)
		}
	}
	g := &guarded{rig: r}
	list := r.rejected(len(hostile()), "")
	for _, path := range []string{"/", "/history", "/failures/ingress", fmt.Sprintf("/failures/ingress/%d", list.Newest), "/api/v1/commands", failuresPath, failuresPath + "/groups"} {
		g.unharmed(path, r.want(http.StatusOK, "GET", path, ""))
	}
}

// TestNothingHostileIsLoggedWhereNobodyAnswers: a page that fails for want of a service behind it names its route, not what
// was asked for.
func TestNothingHostileIsLoggedWhereNobodyAnswers(t *testing.T) {
	log := &eavesdropper{}
	r := start(t, func(c *admin.Config) {
		c.Log = zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewDevelopmentEncoderConfig()), log, zap.DebugLevel))
	})
	for pattern := range admin.RouteTable() {
		if method, path := concrete(strings.NewReplacer("{table}", mark, "{name}", mark, "{source}", mark, "{key}", mark).Replace(pattern)); method == http.MethodGet && strings.Contains(path, mark) {
			r.get(path)
		}
	}
	if said := log.String(); strings.Contains(said, mark) {
		t.Errorf("logged: %s", said)
	}
}
