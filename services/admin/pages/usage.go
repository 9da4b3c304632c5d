package pages

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/workflow"
	"github.com/causeway-sync/causeway/services/admin/admission"
	"github.com/causeway-sync/causeway/services/admin/backend"
	"github.com/causeway-sync/causeway/services/admin/problems"
)

// usageText says how much of a budget is used.
func usageText(s backend.SystemUsage) string {
	if s.Budget == 0 {
		return backend.Count(s.Used)
	}
	return fmt.Sprintf("%s of %s (%s %%)", backend.Count(s.Used), backend.Count(s.Budget), strconv.FormatFloat(s.Percent, 'f', -1, 64))
}

// usageWarning is what a person should notice, empty where there is nothing.
func usageWarning(s backend.SystemUsage) string {
	switch s.Level {
	case backend.UsageWarning:
		return "Warning: most of today's budget is used"
	case backend.UsageExceeded:
		return "Warning: today's budget is exceeded"
	}
	return ""
}

// usageShares says which workflow has used how much.
func usageShares(s backend.SystemUsage) string {
	var parts []string
	for _, id := range workflow.All() {
		if s.Workflows[id] > 0 {
			parts = append(parts, id.Name()+" "+backend.Count(s.Workflows[id]))
		}
	}
	return strings.Join(parts, " · ")
}

// budgetForm is the part of the page Settings on budgets.
type budgetForm struct {
	Stored  backend.SettingsState
	Edited  uint64
	Fields  []budgetField
	Problem *problems.Problem
	// Stale is set when somebody else saved meanwhile.
	Stale *staleFields
}

type budgetField struct {
	Name, Label, Hint, Value string
	Fault                    *problems.Detail
}

func newBudgetForm(stored backend.SettingsState) *budgetForm {
	b := stored.Settings.Budgets
	return &budgetForm{Stored: stored, Edited: stored.Revision, Fields: []budgetField{
		{Name: "campaignEngineCalls", Label: "Campaign engine calls a day", Value: strconv.Itoa(b.CampaignEngineCalls),
			Hint: "What Adobe's contracts count: an insert is one call, an update one or two, a delete one. 0 sets no budget."},
		{Name: "dynamicsRequests", Label: "Dynamics 365 requests a day", Value: strconv.Itoa(b.DynamicsRequests),
			Hint: "What Microsoft's daily limits count: each operation of a batch is one. 0 sets no budget."},
	}}
}

// saveBudgets stores the budgets, or shows the form again with what is wrong with it.
func (s *Site) saveBudgets(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return errorOfForm(err)
	}
	revision, err := strconv.ParseUint(r.PostForm.Get("revision"), 10, 64)
	if err != nil {
		return problems.New(http.StatusBadRequest, "The form was incomplete. Open the page again and repeat the edit.")
	}
	document, err := budgetDocument(r.PostForm)
	if err != nil {
		return err
	}
	_, putErr := s.service.PutSettings(r.Context(), document, revision, admission.CallerOf(r.Context(), "page"))
	if putErr == nil {
		http.Redirect(w, r, "/settings?saved=budgets#budgets", http.StatusSeeOther)
		return nil
	}
	problem := s.problem(r, putErr)
	stored, err := s.service.Settings(r.Context())
	if err != nil {
		return err
	}
	form := newBudgetForm(stored)
	if fault.Is(putErr, fault.Stale) { // By the next save the admin has seen the difference: it replaces what is stored now.
		form.Stale = form.stale(r.PostForm)
	} else {
		form.Problem, form.Edited = problem, revision
	}
	form.typed(r.PostForm, problem.Errors)
	return s.renderAllSettings(w, r, problem.Status, nil, func(*connectionSection) {}, form)
}

// stale compares what is stored now with what was typed.
func (b *budgetForm) stale(form url.Values) *staleFields {
	stale := &staleFields{By: b.Stored.By, At: b.Stored.At}
	for _, field := range b.Fields {
		stale.compare(field.Label, field.Value, fmt.Sprint(budgetOf(form.Get(field.Name))))
	}
	return stale
}

// typed puts what was typed back into the form, with its faults beside it.
func (b *budgetForm) typed(form url.Values, faults []problems.Detail) {
	for i := range b.Fields {
		b.Fields[i].Value = form.Get(b.Fields[i].Name)
		for _, one := range faults {
			if one.Location == "budgets."+b.Fields[i].Name {
				b.Fields[i].Fault = &one
			}
		}
	}
}

// budgetDocument is the form as the document that the API takes.
func budgetDocument(form url.Values) ([]byte, error) {
	budgets := map[string]any{}
	for _, field := range newBudgetForm(backend.SettingsState{}).Fields {
		budgets[field.Name] = budgetOf(form.Get(field.Name))
	}
	return json.Marshal(map[string]any{"budgets": budgets})
}

// budgetOf is what was typed: what is a number as one, nothing as the 0 that sets no budget, and what is no number as it was
// typed, for the check to say so.
func budgetOf(text string) any {
	text = strings.TrimSpace(text)
	if text == "" {
		return 0
	}
	if number, err := strconv.ParseInt(strings.ReplaceAll(text, ",", ""), 10, 64); err == nil {
		return number
	}
	return text
}
