package pages

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/nats-io/nats.go"
	"go.uber.org/zap"

	"github.com/causeway-sync/causeway/pkg/access"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/services/admin/admission"
	"github.com/causeway-sync/causeway/services/admin/backend"
	"github.com/causeway-sync/causeway/services/admin/problems"
)

//go:embed templates
var templateFiles embed.FS

// Config is what the web pages need to know.
type Config struct {
	Service *backend.Service
	// Closing is closed when streams have to end.
	Closing <-chan struct{}
	NATS    *nats.Conn
	// OpenAPI is shown on the page Documentation.
	OpenAPI *huma.OpenAPI
	Door    *admission.Door
	// InstanceName is shown beside the product's name, Version on the page About.
	InstanceName, Version string
	Log                   *zap.Logger
}

// Site is the web pages. They work without JavaScript; with it, the Workflows page is live.
type Site struct {
	service *backend.Service
	closing <-chan struct{}
	cfg     Config
	nats    *nats.Conn
	openAPI *huma.OpenAPI
	// reference is openAPI as the documentation page shows it.
	reference reference
	door      *admission.Door
	pages     map[string]*template.Template
	assets    *assets
	lookups   lookups
}

// page is what the frame around every page shows.
type page struct {
	Title    string
	Here     string // the path of the menu entry that is open
	Crumbs   []crumb
	Instance string
	Version  string
	Assets   map[string]string
	Notice   *notice
	Who      access.Identity
	Body     any
}

// May reports whether who looks at the page has a role, so that the page offers nothing that would be refused.
func (p page) May(role string) (bool, error) {
	least, err := access.ParseRole(role)
	return err == nil && p.Who.Role.Includes(least), err
}

type crumb struct{ Name, Path string }

// SignedIn reports whether who looks at the page has signed in, and can sign out.
func (p page) SignedIn() bool {
	return p.Who.Means == access.ByPassword || p.Who.Means == access.ByProvider
}

// notice is one sentence above a page.
type notice struct {
	Kind string // "ok" or "error"
	Text string
}

// New reads templates and assets, which are part of the program.
func New(cfg Config) (*Site, error) {
	files, err := loadAssets()
	if err != nil {
		return nil, err
	}
	s := &Site{service: cfg.Service, closing: cfg.Closing, cfg: cfg, nats: cfg.NATS, openAPI: cfg.OpenAPI, door: cfg.Door, assets: files, pages: map[string]*template.Template{}}
	if s.reference, err = newReference(cfg.OpenAPI); err != nil {
		return nil, fmt.Errorf("the documentation page: %w", err)
	}
	for _, name := range []string{"workflows", "document", "mappings", "mapping", "mappingdelete", "egress", "optinout", "history", "docs", "about", "problem", "failures", "failurelist", "failure", "failuredrop", "preview", "login", "ledger", "settings", "privacy", "revisions", "revision", "trace"} {
		t, err := template.New("layout.html").Funcs(formats()).Funcs(insightFormats()).ParseFS(templateFiles, "templates/layout.html", "templates/rows.html", "templates/usage.html", "templates/reference.html", "templates/responsibilities.html", "templates/inputs.html", "templates/sides.html", "templates/"+name+".html")
		if err != nil {
			return nil, fmt.Errorf("page %s: %w", name, err)
		}
		s.pages[name] = t
	}
	return s, nil
}

// Register adds every page to the mux.
func (s *Site) Register(mux *admission.Router) {
	mux.HandleFunc("GET /{$}", s.page(s.workflows))
	mux.HandleFunc("GET /live", s.live)
	mux.HandleFunc("POST /workflows/{id}/start", s.command(s.service.Start))
	mux.HandleFunc("POST /workflows/{id}/stop", s.command(s.service.Stop))
	s.registerEditors(mux)
	s.registerLogin(mux)
	s.registerFailures(mux)
	s.registerMappings(mux)
	s.registerConnections(mux)
	s.registerPrivacy(mux)
	mux.HandleFunc("GET /workflows/optinout/ledger", s.page(s.ledger))
	s.registerHistory(mux)
	mux.HandleFunc("GET /docs", s.page(s.docs))
	mux.HandleFunc("GET /about", s.page(s.about))
	mux.HandleFunc("GET /static/{file}", s.assets.serve)
	mux.HandleFunc("/", s.page(func(http.ResponseWriter, *http.Request) error {
		return problems.New(http.StatusNotFound, "There is no page at this address.")
	}))
}

// page adapts a handler: its error becomes a page.
func (s *Site) page(handle func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		err := handle(w, r)
		if err == nil {
			return
		}
		problem := s.problem(r, err)
		if err := s.render(w, r, problem.Status, "problem", page{Title: problem.Title, Body: problem}); err != nil {
			s.cfg.Log.Error("the error page cannot be shown", zap.Error(err))
		}
	}
}

// problem is the problem of an error, logged when it is the server's.
func (s *Site) problem(r *http.Request, err error) *problems.Problem {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return problems.New(http.StatusRequestEntityTooLarge, "The text is larger than 1 MB.")
	}
	problem := problems.Of(err)
	if problem.Status >= http.StatusInternalServerError {
		s.cfg.Log.Error("a page failed", zap.String("route", r.Pattern), zap.Error(fault.Cause(err))) // The path may hold anything (invariant 9).
	}
	return problem
}

// render writes a whole page or nothing: a template that fails leaves no half of one.
func (s *Site) render(w http.ResponseWriter, r *http.Request, status int, name string, p page) error {
	p.Instance, p.Version, p.Assets, p.Who = s.cfg.InstanceName, s.cfg.Version, s.assets.paths, admission.IdentityOf(r.Context())
	var buffer bytes.Buffer
	if err := s.pages[name].Execute(&buffer, p); err != nil {
		return fmt.Errorf("page %s: %w", name, err)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = buffer.WriteTo(w) // The reader may be gone.
	return nil
}

// wantsJSON tells a script's request from a plain form's.
func wantsJSON(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept"), "application/json")
}
