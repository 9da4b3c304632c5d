package pages

import (
	"cmp"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/workflow"
	"github.com/causeway-sync/causeway/services/admin/admission"
	"github.com/causeway-sync/causeway/services/admin/backend"
	"github.com/causeway-sync/causeway/services/admin/problems"
)

// failuresShown is how many records the page lists.
const failuresShown = 50

// failureBoard is the page of a workflow's rejected records.
type failureBoard struct {
	Workflow workflow.View
	List     backend.FailureList
	Groups   []workflow.FailureGroup
	Query    bus.FailureQuery
	// Cause is that of the group that is looked at.
	Cause string
	// Paged is true behind the first page.
	Paged bool
}

// Here is the page's address with its query, and with before of another page.
func (b failureBoard) Here(before uint64) string {
	query := url.Values{}
	for name, value := range map[string]string{"key": b.Query.Key, "group": b.Query.Group, "source": b.Query.Source} {
		if value != "" {
			query.Set(name, value)
		}
	}
	if before > 0 {
		query.Set("before", strconv.FormatUint(before, 10))
	}
	address := "/failures/" + string(b.Workflow.ID)
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	return address
}

// Export is the address of the same records as a file.
func (b failureBoard) Export() string {
	return strings.Replace(b.Here(0), "/failures/"+string(b.Workflow.ID), "/failures/"+string(b.Workflow.ID)+"/export.csv", 1)
}

// Narrowed reports whether the page shows a part of the records only.
func (b failureBoard) Narrowed() bool { return b.Query != bus.FailureQuery{} }

func (s *Site) registerFailures(mux *admission.Router) {
	mux.HandleFunc("GET /failures", s.page(s.allFailures))
	mux.HandleFunc("GET /failures/{id}", s.page(s.failures))
	mux.HandleFunc("GET /failures/{id}/export.csv", s.page(s.exportFailures))
	mux.HandleFunc("GET /failures/{id}/{seq}", s.page(s.failure))
	mux.HandleFunc("POST /failures/{id}/retry", s.page(s.retryFailures))
	mux.HandleFunc("POST /failures/{id}/drop", s.page(s.dropFailures))
}

// allFailures leads to the workflows' pages.
func (s *Site) allFailures(w http.ResponseWriter, r *http.Request) error {
	return s.render(w, r, http.StatusOK, "failures", page{Title: "Rejected records", Here: "/failures", Body: s.service.List(),
		Crumbs: []crumb{{"Workflows", "/"}, {"Rejected records", ""}}})
}

// failures lists a workflow's rejected records.
func (s *Site) failures(w http.ResponseWriter, r *http.Request) error {
	return s.showFailures(w, r, http.StatusOK, r.URL.Query(), failureOutcome(r.URL.Query()))
}

func (s *Site) showFailures(w http.ResponseWriter, r *http.Request, status int, query url.Values, notice *notice) error {
	view, err := s.service.Get(r.PathValue("id"))
	if err != nil {
		return err
	}
	before, _ := strconv.ParseUint(query.Get("before"), 10, 64) // What is no number is the first page.
	b := failureBoard{Workflow: view, Paged: before > 0,
		Query: bus.FailureQuery{Key: strings.TrimSpace(query.Get("key")), Group: query.Get("group"), Source: query.Get("source")}}
	if b.List, err = s.service.Failures(r.Context(), string(view.ID), b.Query, before, failuresShown); err != nil {
		return err
	}
	groups, err := s.service.FailureGroups(string(view.ID))
	if err != nil {
		return err
	}
	b.Groups = groups.Groups
	for _, g := range groups.Groups {
		if g.ID == b.Query.Group {
			b.Cause = g.Cause
		}
	}
	return s.render(w, r, status, "failurelist", page{Title: "Rejected records", Here: "/failures", Body: b, Notice: notice,
		Crumbs: []crumb{{"Workflows", "/"}, {"Rejected records", "/failures"}, {view.Name, ""}}})
}

// failureOutcome is the sentence about what a form has just done, made of words of ours and numbers.
func failureOutcome(query url.Values) *notice {
	number := func(name string) uint64 { n, _ := strconv.ParseUint(query.Get(name), 10, 64); return n }
	removed, skipped := number("removed"), number("skipped")
	done := map[string]string{"retry": "put back into the queue", "drop": "dropped"}[query.Get("done")]
	if done == "" {
		return nil
	}
	text := backend.Counted(removed, "refusal") + " " + done + "."
	if query.Get("running") != "" {
		text = backend.Counted(removed, "refusal") + " " + done + " so far, the rest follows. Load the page again to see how far it is."
	}
	if skipped > 0 {
		text += " " + backend.Counted(skipped, "refusal") + " left: they name no row, or their table is not mapped."
	}
	return &notice{Kind: "ok", Text: text}
}

// failure shows one rejected record with its payload: personal data that somebody has asked for.
func (s *Site) failure(w http.ResponseWriter, r *http.Request) error {
	view, err := s.service.Get(r.PathValue("id"))
	if err != nil {
		return err
	}
	seq, err := strconv.ParseUint(r.PathValue("seq"), 10, 64)
	if err != nil {
		return problems.New(http.StatusNotFound, "There is no page at this address.")
	}
	one, err := s.service.Failure(r.Context(), string(view.ID), seq)
	if err != nil {
		return err
	}
	payload := ""
	switch p := one.Payload.(type) {
	case string:
		payload = p
	case json.RawMessage:
		payload = indented(p)
	}
	return s.render(w, r, http.StatusOK, "failure", page{Title: "Rejected record", Here: "/failures", Body: map[string]any{"Workflow": view, "Failure": one, "Payload": payload},
		Crumbs: []crumb{{"Workflows", "/"}, {"Rejected records", "/failures"}, {view.Name, "/failures/" + string(view.ID)}, {"Record", ""}}})
}

// chosen reads from a form what is to be retried or dropped. All is only what a button said in so many words.
func chosen(form url.Values) (bus.Selection, error) {
	selection := bus.Selection{}
	if text := form.Get("through"); text != "" {
		var err error
		if selection.Through, err = strconv.ParseUint(text, 10, 64); err != nil || selection.Through == 0 {
			return selection, problems.New(http.StatusConflict, "The rejected records were still being counted when the page was opened. Open it again.")
		}
	}
	switch form.Get("scope") {
	case "selected":
		for _, text := range form["seq"] {
			seq, err := strconv.ParseUint(text, 10, 64)
			if err != nil {
				return selection, problems.New(http.StatusBadRequest, "The form cannot be read.")
			}
			selection.Seqs = append(selection.Seqs, seq)
		}
		selection.Through = 0 // Of a chosen record every refusal.
		if len(selection.Seqs) == 0 {
			return selection, problems.New(http.StatusUnprocessableEntity, "Nothing was selected: tick the records first.")
		}
	case "matching":
		selection.FailureQuery = bus.FailureQuery{Key: form.Get("key"), Group: form.Get("group"), Source: form.Get("source"), Through: selection.Through}
	case "all":
	default:
		return selection, problems.New(http.StatusBadRequest, "The form cannot be read.")
	}
	return selection, nil
}

// failureForm reads a form about failures; ok is false when the answer has been given.
func (s *Site) failureForm(w http.ResponseWriter, r *http.Request) (selection bus.Selection, ok bool, err error) {
	if err := r.ParseForm(); err != nil {
		return selection, false, errorOfForm(err)
	}
	selection, err = chosen(r.PostForm)
	if err != nil && problems.Of(err).Status == http.StatusUnprocessableEntity {
		return selection, false, s.failureRefusal(w, r, err)
	}
	return selection, err == nil, err
}

// failureRefusal shows the list again with what was wrong.
func (s *Site) failureRefusal(w http.ResponseWriter, r *http.Request, err error) error {
	problem := s.problem(r, err)
	return s.showFailures(w, r, problem.Status, r.PostForm, &notice{Kind: "error", Text: strings.TrimSuffix(problem.Detail, ".") + "."})
}

func (s *Site) retryFailures(w http.ResponseWriter, r *http.Request) error {
	selection, ok, err := s.failureForm(w, r)
	if !ok {
		return err
	}
	job, err := s.service.RetryFailures(r.Context(), r.PathValue("id"), selection, admission.CallerOf(r.Context(), "page"))
	return s.failureDone(w, r, job, err)
}

// dropFailures asks once, and drops when the answer comes.
func (s *Site) dropFailures(w http.ResponseWriter, r *http.Request) error {
	selection, ok, err := s.failureForm(w, r)
	if !ok {
		return err
	}
	if r.PostForm.Get("confirmed") == "" {
		return s.confirmDrop(w, r, selection)
	}
	job, err := s.service.DropFailures(r.Context(), r.PathValue("id"), selection, admission.CallerOf(r.Context(), "page"))
	return s.failureDone(w, r, job, err)
}

func (s *Site) confirmDrop(w http.ResponseWriter, r *http.Request, selection bus.Selection) error {
	view, err := s.service.Get(r.PathValue("id"))
	if err != nil {
		return err
	}
	count, err := s.service.CountFailures(view.ID, selection)
	if err != nil {
		return s.failureRefusal(w, r, err)
	}
	return s.render(w, r, http.StatusOK, "failuredrop", page{Title: "Drop rejected records?", Here: "/failures",
		Body: map[string]any{"Workflow": view, "Count": uint64(count), "Form": r.PostForm, "Cause": s.service.CauseOfGroup(view.ID, selection.Group),
			"Back": failureBoard{Workflow: view, Query: bus.FailureQuery{Key: r.PostForm.Get("key"), Group: r.PostForm.Get("group"), Source: r.PostForm.Get("source")}}.Here(0)},
		Crumbs: []crumb{{"Workflows", "/"}, {"Rejected records", "/failures"}, {view.Name, "/failures/" + string(view.ID)}, {"Drop", ""}}})
}

// failureDone leads back to the list with the outcome.
func (s *Site) failureDone(w http.ResponseWriter, r *http.Request, job backend.FailureJob, err error) error {
	switch {
	case fault.Is(err, fault.Conflict), fault.Is(err, fault.NotFound) && workflow.ID(r.PathValue("id")).Valid(), fault.Is(err, fault.QueueFull), fault.Is(err, fault.Transient):
		return s.failureRefusal(w, r, err)
	case err != nil:
		return err
	}
	query := url.Values{"done": {job.Action}, "removed": {strconv.Itoa(job.Removed)}}
	if job.Skipped > 0 {
		query.Set("skipped", strconv.Itoa(job.Skipped))
	}
	if !job.Done {
		query.Set("running", "1")
	}
	http.Redirect(w, r, "/failures/"+url.PathEscape(r.PathValue("id"))+"?"+query.Encode(), http.StatusSeeOther)
	return nil
}

// exportFailures writes refusals as a file for a spreadsheet, without payloads.
func (s *Site) exportFailures(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	all, err := s.service.AllFailures(r.Context(), r.PathValue("id"), bus.FailureQuery{Key: query.Get("key"), Group: query.Get("group"), Source: query.Get("source")})
	if err != nil {
		return err
	}
	return s.writeFailures(w, r.PathValue("id"), all)
}

// writeFailures writes refusals as CSV. Where they cannot be read any more it breaks the connection off: a file that ends
// in the middle looks like all of them.
func (s *Site) writeFailures(w http.ResponseWriter, id string, all iter.Seq2[workflow.Failure, error]) error {
	out := csv.NewWriter(w)
	defer out.Flush()
	begin := sync.OnceFunc(func() {
		w.Header().Set("Content-Type", "text/csv; charset=utf-8")
		w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="rejected-%s.csv"`, id))
		_ = out.Write([]string{"seq", "workflow", "source", "key", "operation", "reason", "rejected at", "attempts"}) // The reader may be gone.
	})
	lines := 0
	for f, err := range all {
		if err != nil && lines == 0 { // Nothing is sent yet: a page can say why.
			return err
		}
		if err != nil {
			s.cfg.Log.Warn("an export of rejected records ended early", zap.Int("lines", lines), zap.String("why", fault.Message(err)))
			out.Flush()
			_ = http.NewResponseController(w).Flush() // What there is may be of use.
			panic(http.ErrAbortHandler)
		}
		begin()
		line := []string{strconv.FormatUint(f.Seq, 10), string(f.Workflow), f.Source, f.Key, f.Op, f.Reason, f.LastAt.UTC().Format(time.RFC3339), strconv.Itoa(f.Attempts)}
		for i := range line {
			line[i] = harmless(line[i])
		}
		if out.Write(line) != nil {
			return nil
		}
		lines++
	}
	begin()
	return nil
}

// harmless keeps a spreadsheet from taking a text for a formula.
func harmless(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}

// hiddenFields are what a confirmation repeats of the form that it confirms.
func hiddenFields(form url.Values) []crumb {
	var fields []crumb
	for name, values := range form {
		if !slices.Contains([]string{"scope", "seq", "key", "group", "source", "through"}, name) {
			continue
		}
		for _, value := range values {
			fields = append(fields, crumb{Name: name, Path: value})
		}
	}
	slices.SortFunc(fields, func(a, b crumb) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Path, b.Path)) })
	return fields
}
