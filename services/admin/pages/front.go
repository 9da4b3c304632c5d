package pages

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/causeway-sync/causeway/pkg/workflow"
	"github.com/causeway-sync/causeway/services/admin/admission"
	"github.com/causeway-sync/causeway/services/admin/backend"
	"github.com/causeway-sync/causeway/services/admin/httpapi"
	"github.com/causeway-sync/causeway/services/admin/natsapi"
	"github.com/causeway-sync/causeway/services/admin/problems"
)

// workflows is the front page.
func (s *Site) workflows(w http.ResponseWriter, r *http.Request) error {
	return s.render(w, r, http.StatusOK, "workflows", page{Title: "Workflows", Here: "/", Notice: outcome(r.URL.Query()), Body: s.front(r.Context())})
}

// front is what the front page shows.
func (s *Site) front(ctx context.Context) frontPage {
	return frontPage{rowsView: s.rows(ctx), Usage: s.service.Usage(), FirstSteps: s.service.FirstSteps(), Privacy: s.privacyOpen(ctx)}
}

type frontPage struct {
	rowsView
	Usage backend.Usage
	// FirstSteps is what to do first, nil where that is done.
	FirstSteps *backend.FirstSteps
	// Privacy are the responsibilities while nobody has acknowledged them, for who can; nil otherwise.
	Privacy *backend.PrivacyNotice
}

// outcome is the sentence about what a form has just done. Only sentences of ours are shown, whatever the address says.
func outcome(query url.Values) *notice {
	id := workflow.ID(query.Get("workflow"))
	text := map[string]string{"start": "is asked to start.", "stop": "is asked to stop.",
		"saved": "is configured anew; a started workflow takes it over at its next stop and start."}[query.Get("done")]
	if text == "" || !id.Valid() {
		return nil
	}
	return &notice{Kind: "ok", Text: id.Name() + " " + text}
}

// command handles the buttons: a plain form comes back to the page with the outcome, a script gets what the API says.
func (s *Site) command(send func(context.Context, string, backend.Caller) (workflow.Command, error)) http.HandlerFunc {
	return s.page(func(w http.ResponseWriter, r *http.Request) error {
		cmd, err := send(r.Context(), r.PathValue("id"), admission.CallerOf(r.Context(), "page"))
		switch {
		case err != nil && wantsJSON(r):
			problems.Write(w, s.problem(r, err))
			return nil
		case err != nil && problems.StatusOf(err) == http.StatusConflict:
			return s.render(w, r, http.StatusConflict, "workflows", page{Title: "Workflows", Here: "/", Body: s.front(r.Context()),
				Notice: &notice{Kind: "error", Text: workflow.ID(r.PathValue("id")).Name() + ": " + problems.Of(err).Detail + "."}})
		case err != nil:
			return err
		case wantsJSON(r):
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusAccepted)
			_ = json.NewEncoder(w).Encode(cmd) // The reader may be gone.
			return nil
		}
		query := url.Values{"done": {string(cmd.Verb)}, "workflow": {string(cmd.Workflow)}}
		http.Redirect(w, r, "/?"+query.Encode(), http.StatusSeeOther)
		return nil
	})
}

// writeTimeout is how long the reader of a live page may take to read one event.
const writeTimeout = 35 * time.Second

// live streams the parts of the Workflows page that change, as HTML: one template draws each, here and there.
func (s *Site) live(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	out := http.NewResponseController(w)
	s.service.Follow(r.Context(), s.closing, func() error {
		var events []byte
		for _, part := range []struct {
			name string
			data any
		}{{"rows", s.rows(r.Context())}, {"usage", s.service.Usage()}, {"first", s.service.FirstSteps()}} {
			var drawn bytes.Buffer
			if err := s.pages["workflows"].ExecuteTemplate(&drawn, part.name, part.data); err != nil {
				s.cfg.Log.Error("a part of the page cannot be drawn", zap.String("part", part.name), zap.Error(err))
				return err
			}
			events = append(events, event(part.name, drawn.String())...)
		}
		if err := out.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
			return err
		}
		if _, err := w.Write(events); err != nil {
			return err
		}
		return out.Flush()
	})
}

// event writes a server-sent event; data may have several lines.
func event(name, data string) []byte {
	return []byte("event: " + name + "\ndata: " + strings.ReplaceAll(strings.TrimSpace(data), "\n", "\ndata: ") + "\n\n")
}

// route is one line of the documentation.
type route struct{ ID, Method, Path, Summary, Role string }

// docsPage is the documentation: the operations at a glance, and in full.
type docsPage struct {
	Routes    []route
	Subjects  []natsapi.Endpoint
	Reference reference
}

// docs lists the API: over HTTP from the same description that /openapi.json gives to programs, over NATS from the table
// that serves it.
func (s *Site) docs(w http.ResponseWriter, r *http.Request) error {
	body := docsPage{Reference: s.reference, Subjects: natsapi.Endpoints()}
	for _, op := range httpapi.Operations(s.openAPI) {
		body.Routes = append(body.Routes, route{op.OperationID, op.Method, op.Path, op.Summary, fmt.Sprint(op.Extensions["x-least-role"])})
	}
	return s.render(w, r, http.StatusOK, "docs", page{Title: "Documentation", Here: "/docs", Body: body, Crumbs: []crumb{{"Workflows", "/"}, {"Documentation", ""}}})
}

// about tells which version serves the page, and from where.
func (s *Site) about(w http.ResponseWriter, r *http.Request) error {
	notice, err := s.service.Privacy(r.Context())
	if err != nil {
		return err
	}
	body := map[string]any{"Privacy": notice, "Open": s.door.IsOpen(), "NATSServer": s.nats.ConnectedServerName(), "NATSVersion": s.nats.ConnectedServerVersion()}
	return s.render(w, r, http.StatusOK, "about", page{Title: "About", Here: "/about", Body: body, Crumbs: []crumb{{"Workflows", "/"}, {"About", ""}}})
}
