package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"go.uber.org/zap"

	"github.com/causeway-sync/causeway/pkg/workflow"
)

// workflows is the front page.
func (s *site) workflows(w http.ResponseWriter, r *http.Request) error {
	return s.render(w, r, http.StatusOK, "workflows", page{Title: "Workflows", Here: "/", Notice: outcome(r.URL.Query()), Body: s.front(r.Context())})
}

// front is what the front page shows.
func (s *site) front(ctx context.Context) frontPage {
	return frontPage{WorkflowList: s.service.listFor(ctx), FirstUse: s.service.monitor.FirstUse()}
}

type frontPage struct {
	WorkflowList
	// FirstUse shows what to do first.
	FirstUse bool
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
func (s *site) command(send func(context.Context, string, Caller) (workflow.Command, error)) http.HandlerFunc {
	return s.page(func(w http.ResponseWriter, r *http.Request) error {
		cmd, err := send(r.Context(), r.PathValue("id"), callerOf(r.Context(), "page"))
		switch {
		case err != nil && wantsJSON(r):
			writeProblem(w, s.problem(r, err))
			return nil
		case err != nil && statusOf(err) == http.StatusConflict:
			return s.render(w, r, http.StatusConflict, "workflows", page{Title: "Workflows", Here: "/", Body: s.front(r.Context()),
				Notice: &notice{Kind: "error", Text: workflow.ID(r.PathValue("id")).Name() + ": " + problemOf(err).Detail + "."}})
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

// live streams the table's rows as HTML, for the Workflows page: one template draws them, here and there.
func (s *site) live(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	out := http.NewResponseController(w)
	s.service.monitor.follow(r.Context(), s.closing, func() error {
		var rows bytes.Buffer
		if err := s.pages["workflows"].ExecuteTemplate(&rows, "rows", s.service.listFor(r.Context())); err != nil {
			s.cfg.Log.Error("the rows cannot be drawn", zap.Error(err))
			return err
		}
		if err := out.SetWriteDeadline(time.Now().Add(requestTimeout)); err != nil {
			return err
		}
		if _, err := w.Write(event("rows", rows.String())); err != nil {
			return err
		}
		return out.Flush()
	})
}

// event writes a server-sent event; data may have several lines.
func event(name, data string) []byte {
	return []byte("event: " + name + "\ndata: " + strings.ReplaceAll(strings.TrimSpace(data), "\n", "\ndata: ") + "\n\n")
}

// history is the command log.
func (s *site) history(w http.ResponseWriter, r *http.Request) error {
	const most = 200
	list, err := s.service.Commands(r.Context(), most)
	if err != nil {
		return err
	}
	return s.render(w, r, http.StatusOK, "history", page{Title: "History", Here: "/history", Body: list, Crumbs: []crumb{{"Workflows", "/"}, {"History", ""}}})
}

// route is one line of the documentation.
type route struct{ Method, Path, Summary, Role string }

// docs lists the API, from the same description that /openapi.json gives to programs.
func (s *site) docs(w http.ResponseWriter, r *http.Request) error {
	var routes []route
	for _, path := range slices.Sorted(maps.Keys(s.openAPI.Paths)) {
		item := s.openAPI.Paths[path]
		for _, entry := range []struct {
			method string
			op     *huma.Operation
		}{{"GET", item.Get}, {"POST", item.Post}, {"PUT", item.Put}, {"DELETE", item.Delete}} {
			if entry.op != nil {
				routes = append(routes, route{entry.method, path, entry.op.Summary, fmt.Sprint(entry.op.Extensions["x-least-role"])})
			}
		}
	}
	return s.render(w, r, http.StatusOK, "docs", page{Title: "Documentation", Here: "/docs", Body: routes, Crumbs: []crumb{{"Workflows", "/"}, {"Documentation", ""}}})
}

// about tells which version serves the page, and from where.
func (s *site) about(w http.ResponseWriter, r *http.Request) error {
	body := map[string]any{"Open": s.door.open, "NATSServer": s.nats.ConnectedServerName(), "NATSVersion": s.nats.ConnectedServerVersion()}
	return s.render(w, r, http.StatusOK, "about", page{Title: "About", Here: "/about", Body: body, Crumbs: []crumb{{"Workflows", "/"}, {"About", ""}}})
}
