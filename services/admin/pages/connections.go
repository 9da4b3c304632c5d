package pages

import (
	"cmp"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/causeway-sync/causeway/pkg/catalog"
	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/services/admin/admission"
	"github.com/causeway-sync/causeway/services/admin/backend"
	"github.com/causeway-sync/causeway/services/admin/problems"
)

// settingsPage is the page Settings: a form for each connection.
type settingsPage struct {
	Sections []connectionSection
	Budgets  *budgetForm
}

// connectionSection is a connection's form, with what a save or a test of it has just brought.
type connectionSection struct {
	backend.ConnectionState
	// Fields in the order in which people see them; read-only where the environment sets the connection.
	Fields []connectionField
	// Edited is the revision that the form replaces.
	Edited  uint64
	Problem *problems.Problem
	// Stale is set when somebody else saved meanwhile.
	Stale  *staleFields
	Report *catalog.TestReport
}

// connectionField is one field of the form.
type connectionField struct {
	config.Setting
	ID    string
	Value string
	// Secret is what is told of a secret.
	Stored config.ShownSecret
	// Retype is true of a secret that was typed before: it is not shown again, so an empty field no longer means that the
	// stored one is to be kept. Keep is true where somebody has ticked that it is.
	Retype, Keep bool
	// Fault is what is wrong with the value, or nil.
	Fault *problems.Detail
}

func (s *Site) registerConnections(mux *admission.Router) {
	mux.HandleFunc("GET /settings", s.page(s.settings))
	mux.HandleFunc("POST /settings/budgets", s.page(s.saveBudgets))
	mux.HandleFunc("POST /settings/{name}", s.page(s.saveConnection))
	mux.HandleFunc("POST /settings/{name}/test", s.page(s.testConnection))
}

// settings shows what is stored, and what the environment sets.
func (s *Site) settings(w http.ResponseWriter, r *http.Request) error {
	var done *notice
	if name := config.ConnectionName(r.URL.Query().Get("saved")); name.Valid() {
		done = &notice{Kind: "ok", Text: "The connection to " + name.Label() + " is saved; a started workflow takes it over at its next stop and start."}
	}
	if r.URL.Query().Get("saved") == "budgets" {
		done = &notice{Kind: "ok", Text: "The budgets are saved."}
	}
	return s.renderSettings(w, r, http.StatusOK, done, func(*connectionSection) {})
}

// renderSettings shows the page; change brings what a form has just done into its section.
func (s *Site) renderSettings(w http.ResponseWriter, r *http.Request, status int, done *notice, change func(*connectionSection)) error {
	stored, err := s.service.Settings(r.Context())
	if err != nil {
		return err
	}
	return s.renderAllSettings(w, r, status, done, change, newBudgetForm(stored))
}

// renderAllSettings is renderSettings with the form of the budgets as it is to be shown.
func (s *Site) renderAllSettings(w http.ResponseWriter, r *http.Request, status int, done *notice, change func(*connectionSection), budgets *budgetForm) error {
	list, err := s.service.Connections(r.Context())
	if err != nil {
		return err
	}
	body := settingsPage{Budgets: budgets}
	for _, state := range list.Connections {
		section := connectionSection{ConnectionState: state, Edited: state.Revision}
		for _, setting := range config.ConnectionSettings(state.Name) {
			field := connectionField{Setting: setting, ID: string(state.Name) + "-" + setting.Name}
			switch shown := state.Settings[setting.Name].(type) {
			case string:
				field.Value = shown
			case config.ShownSecret:
				field.Stored = shown
			}
			section.Fields = append(section.Fields, field)
		}
		if string(state.Name) == r.PathValue("name") {
			change(&section)
		}
		body.Sections = append(body.Sections, section)
	}
	return s.render(w, r, status, "settings", page{Title: "Settings", Here: "/settings", Notice: done, Body: body, Crumbs: []crumb{{"Workflows", "/"}, {"Settings", ""}}})
}

// connectionForm is a form as the document that the API takes. A secret that was left empty is kept.
func connectionForm(r *http.Request) (name config.ConnectionName, document []byte, err error) {
	if err := r.ParseForm(); err != nil {
		return "", nil, errorOfForm(err)
	}
	if name, err = backend.ConnectionName(r.PathValue("name")); err != nil {
		return "", nil, err
	}
	values := map[string]string{}
	for _, setting := range config.ConnectionSettings(name) {
		if value := r.PostForm.Get(setting.Name); !setting.Secret || value != "" {
			values[setting.Name] = value
		}
	}
	document, err = json.Marshal(values)
	return name, document, err
}

// Names of the form's inputs that hold names of secrets: those that were typed before, and those whose stored one is kept.
const (
	retypeInput = "retype"
	keepInput   = "keep"
)

// lostSecrets is a fault for each secret that was typed before and is missing now. To take that for the wish to keep what is
// stored would keep a secret that somebody has just replaced.
func lostSecrets(name config.ConnectionName, form url.Values) *problems.Problem {
	var lost []problems.Detail
	for _, setting := range config.ConnectionSettings(name) {
		if setting.Secret && form.Get(setting.Name) == "" && slices.Contains(form[retypeInput], setting.Name) && !slices.Contains(form[keepInput], setting.Name) {
			lost = append(lost, problems.Detail{Location: setting.Name, Message: "was typed before and is not shown again", Fix: "type it once more"})
		}
	}
	if lost == nil {
		return nil
	}
	problem := problems.New(http.StatusUnprocessableEntity, "a secret that was typed before is missing")
	problem.Errors = lost
	return problem
}

// typed puts what was typed back into the form, but for secrets. It stays an edit of the revision that it began with.
func (c *connectionSection) typed(form url.Values) {
	if began, err := strconv.ParseUint(form.Get("revision"), 10, 64); err == nil {
		c.Edited = began
	}
	for i, field := range c.Fields {
		if !field.Secret {
			c.Fields[i].Value = form.Get(field.Name)
			continue
		}
		given := form.Get(field.Name) != ""
		c.Fields[i].Retype = given || slices.Contains(form[retypeInput], field.Name)
		c.Fields[i].Keep = !given && slices.Contains(form[keepInput], field.Name)
	}
}

// stale compares what is stored now with what was typed.
func (c *connectionSection) stale(form url.Values) *staleFields {
	stale := &staleFields{By: c.By, At: c.At}
	for _, field := range c.Fields {
		typed := form.Get(field.Name)
		switch {
		case field.Secret && typed != "":
			stale.secret(field.Label, field.Stored)
		case field.Options != nil:
			stale.compare(field.Label, cmp.Or(field.Value, field.Options[0]), cmp.Or(typed, field.Options[0]))
		case !field.Secret:
			stale.compare(field.Label, field.Value, typed)
		}
	}
	return stale
}

// explain puts faults beside their fields.
func (c *connectionSection) explain(problem *problems.Problem) {
	c.Problem = problem
	for i := range c.Fields {
		for _, one := range problem.Errors {
			if one.Location == c.Fields[i].Name {
				c.Fields[i].Fault = &one
			}
		}
	}
}

// saveConnection stores a form, or shows it again with what is wrong with it.
func (s *Site) saveConnection(w http.ResponseWriter, r *http.Request) error {
	name, document, err := connectionForm(r)
	if err != nil {
		return err
	}
	revision, err := strconv.ParseUint(r.PostForm.Get("revision"), 10, 64)
	if err != nil {
		return problems.New(http.StatusBadRequest, "The form was incomplete. Open the page again and repeat the edit.")
	}
	if lost := lostSecrets(name, r.PostForm); lost != nil {
		return s.renderSettings(w, r, lost.Status, nil, func(c *connectionSection) {
			c.typed(r.PostForm)
			c.explain(lost)
		})
	}
	_, putErr := s.service.PutConnection(r.Context(), string(name), document, revision, admission.CallerOf(r.Context(), "page"))
	if putErr == nil {
		http.Redirect(w, r, "/settings?saved="+url.QueryEscape(string(name))+"#"+string(name), http.StatusSeeOther)
		return nil
	}
	problem := s.problem(r, putErr)
	return s.renderSettings(w, r, problem.Status, nil, func(c *connectionSection) {
		if !fault.Is(putErr, fault.Stale) {
			c.typed(r.PostForm)
			c.explain(problem)
			return
		}
		c.Stale = c.stale(r.PostForm)
		c.typed(r.PostForm)
		c.Edited = c.Revision // By the next save the admin has seen the difference: it replaces what is stored now.
	})
}

// testConnection tries what stands in the form; where the environment sets the connection, that.
func (s *Site) testConnection(w http.ResponseWriter, r *http.Request) error {
	name, document, err := connectionForm(r)
	if err != nil {
		return err
	}
	if r.PostForm.Get("draft") == "" {
		document = nil
	}
	var report catalog.TestReport
	problem := lostSecrets(name, r.PostForm)
	if problem == nil {
		if report, err = s.service.TestConnection(r.Context(), string(name), document); err != nil {
			problem = s.problem(r, err)
		}
	}
	status := http.StatusOK
	if problem != nil {
		status = problem.Status
	}
	return s.renderSettings(w, r, status, nil, func(c *connectionSection) {
		if document != nil {
			c.typed(r.PostForm)
		}
		if problem != nil {
			c.explain(problem)
			return
		}
		c.Report = &report
	})
}
