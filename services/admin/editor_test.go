package admin_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/catalog"
	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// answer serves the questions of an edit page, as the ingress service does.
func (r *rig) answerQuestions() {
	r.t.Helper()
	contact := catalog.Table{Name: "contact", DisplayName: "Contact", PrimaryKey: "contactid", ChangeTracking: true, Columns: []catalog.Column{
		{Name: "contactid", Type: "Uniqueidentifier"}, {Name: "firstname", DisplayName: "First Name", Type: "String", MaxLength: 50},
		{Name: "gendercode", DisplayName: "Gender", Type: "Picklist", Options: []catalog.Option{{Value: 1, Label: "Male"}, {Value: 2, Label: "Female"}, {Value: 3, Label: "Diverse"}}},
		{Name: "_parentcustomerid_value", DisplayName: "Company", Type: "Lookup"}, {Name: "donotemail", DisplayName: "No <E-mail>", Type: "Boolean"}}}
	profile := catalog.Resource{Name: "profile", Label: "Profiles", Fields: []catalog.Field{
		{Name: "firstName", Type: "string", Length: 30, Writable: true}, {Name: "age", Type: "int"},
		{Name: "gender", Type: "enumeration", Writable: true, Values: []string{"male", "female", "unknown"}}}}
	reply := func(value any) bus.Question {
		return func(context.Context, []byte) (any, error) { return value, nil }
	}
	stop, err := bus.AnswerQuestions(r.t.Context(), r.conn, workflow.Ingress, map[string]bus.Question{
		catalog.AskTables: reply([]catalog.Table{contact, {Name: "untracked"}}), catalog.AskResources: reply([]catalog.Resource{profile}),
		catalog.AskTable: func(_ context.Context, request []byte) (any, error) {
			if !strings.Contains(string(request), `"contact"`) {
				return nil, fault.New(fault.NotFound, "there is no such table")
			}
			return contact, nil
		},
		catalog.AskResource: reply(profile),
		catalog.AskPreview: func(_ context.Context, request []byte) (any, error) {
			var q catalog.PreviewRequest
			if err := json.Unmarshal(request, &q); err != nil {
				return nil, err
			}
			return catalog.Preview{Rows: []catalog.PreviewRow{{Key: "k-1", Action: "update", Fields: []catalog.PreviewField{{Field: q.Mapping.Fields[0].Field, Would: "<b>", Changes: true}}}}}, nil
		},
	})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(stop)
}

// formOf is what a browser would post of a page's edit form, the buttons apart.
func formOf(page node) url.Values {
	return valuesOf(page.one("form", "data-edit", "*"))
}

// valuesOf is what a browser would post of a form, the buttons apart.
func valuesOf(form node) url.Values {
	values := url.Values{}
	for _, in := range form.all("input", "name", "*") {
		_, checked := in.lookup("checked")
		if kind := in.attr("type"); (kind == "checkbox" || kind == "radio") && !checked {
			continue
		}
		values.Add(in.attr("name"), in.attr("value"))
	}
	for _, area := range form.all("textarea", "name", "*") {
		text := ""
		if area.FirstChild != nil {
			text = area.FirstChild.Data
		}
		values.Add(area.attr("name"), text)
	}
	for _, choice := range form.all("select", "name", "*") {
		for _, option := range choice.all("option") {
			if _, selected := option.lookup("selected"); selected {
				values.Add(choice.attr("name"), option.attr("value"))
			}
		}
	}
	return values
}

// post sends an edit form by one of its buttons.
func (r *rig) post(status int, path string, form url.Values, button string) answer {
	r.t.Helper()
	sent := url.Values{"do": {button}}
	for name, values := range form {
		sent[name] = values
	}
	return r.want(status, "POST", path, sent.Encode(), "Content-Type", "application/x-www-form-urlencoded")
}

func (r *rig) ingress() config.IngressDoc {
	r.t.Helper()
	doc, err := config.Decode(workflow.Ingress, r.get("/api/v1/workflows/ingress/config").body)
	if err != nil {
		r.t.Fatal(err)
	}
	return *doc.(*config.IngressDoc)
}

const mappingPath = "/workflows/ingress/mappings/contact/edit"

// TestAFormThatIsNotChangedChangesNothing: what the edit pages show is the document, all of it.
func TestAFormThatIsNotChangedChangesNothing(t *testing.T) {
	r := start(t, nil)
	rich := config.DefaultIngress()
	m := &rich.Mappings[0]
	m.Filters = config.Filters{Operator: "or", DeleteFiltered: true, Rules: []config.Rule{{Column: "firstname", Comparison: "contains", Value: " a \"<&> "}}}
	m.Replacements = append(m.Replacements, config.Replacement{Column: "firstname", From: "two\nlines", To: " spaced "})
	m.TechnicalPicklistValues, m.ReplayRequested = false, true
	rich.Mappings = append(rich.Mappings, config.Mapping{Table: "account", Resource: "cusCompany", Key: config.Key{Column: "accountid", Field: "id", Filter: "byId", Unique: true},
		Fields: []config.FieldMapping{{Column: "name", Field: "name"}}, Filters: config.Filters{Operator: "and"},
		Links: []config.Link{{Column: "_primarycontactid_value", Field: "person", Resource: "profile"}}})
	optinout := config.DefaultOptInOut()
	optinout.Mappings = []config.OptOutMapping{{Column: "donotemail", Field: "blackListEmail"}}
	optinout.Export.Columns = map[string]string{"blackListEmail": "out"}
	optinout.Export.TimeColumns = map[string]string{"blackListEmail": "", "ccpaOptOut": "at"}
	for id, doc := range map[workflow.ID]config.Document{workflow.Ingress: rich, workflow.Egress: config.DefaultEgress(), workflow.OptInOut: optinout} {
		data, err := config.Encode(doc)
		if err != nil {
			t.Fatal(err)
		}
		path := "/api/v1/workflows/" + string(id) + "/config"
		before := r.want(http.StatusOK, "PUT", path, string(data), "If-Match", "*")
		edits := []string{"/workflows/" + string(id) + "/edit"}
		if id == workflow.Ingress {
			edits = []string{mappingPath, "/workflows/ingress/mappings/account/edit"}
		}
		for _, edit := range edits {
			r.post(http.StatusSeeOther, edit, formOf(parse(t, r.get(edit))), "save")
		}
		after := r.get(path)
		if diff := cmp.Diff(string(before.body), string(after.body)); diff != "" || after.Header.Get("ETag") != before.Header.Get("ETag") {
			t.Errorf("%s changed: %s", id, diff)
		}
	}
}

func TestMappingEditor(t *testing.T) {
	r := start(t, nil)
	r.answerQuestions()
	page := parse(t, r.want(http.StatusOK, "GET", mappingPath, ""))
	if got := page.one("p", "id", "fields-1-column-hint").text(); got != "String, up to 50" {
		t.Errorf("type of the column: %q", got)
	}
	if got := page.one("p", "id", "fields-1-field-hint").text(); got != "string, up to 30" {
		t.Errorf("type of the field: %q", got)
	}
	if got := page.one("p", "id", "fields-0-column-warning").text(); got != "Contact has no such column in Dynamics 365." {
		t.Errorf("warning: %q", got)
	}
	if n := len(page.one("datalist", "id", "options-gendercode").all("option")); n != 3 {
		t.Errorf("%d options to choose from", n)
	}
	form := formOf(page)

	// Buttons change the form and store nothing.
	form = formOf(parse(t, r.post(http.StatusOK, mappingPath, form, "add:fields")))
	if form.Get("fields[9].applyUpdates") != "false" || len(form["fields[9].applyUpdates"]) != 2 { // The hidden no, and the yes.
		t.Errorf("the added line applies updates: %v", form["fields[9].applyUpdates"])
	}
	form.Set("fields[9].column", "  donotemail ")
	form.Set("fields[9].field", "age")
	page = parse(t, r.post(http.StatusOK, mappingPath, form, "remove:fields[0]"))
	if got := page.one("p", "id", "fields-8-field-warning").text(); got != "This field cannot be written." {
		t.Errorf("warning %q", got)
	}
	form = formOf(page)
	form = formOf(parse(t, r.post(http.StatusOK, mappingPath, form, "options:gendercode")))
	if got := form.Get("replacements[3].from"); got != "3" || form.Has("replacements[4].from") {
		t.Errorf("the option without a replacement: %q", got)
	}
	form.Set("replacements[3].to", "unknown")
	form = formOf(parse(t, r.post(http.StatusOK, mappingPath, form, "updates:off")))
	form = formOf(parse(t, r.post(http.StatusOK, mappingPath, form, "add:filters.rules")))
	form.Set("filters.rules[0].column", "firstname")
	if got := r.ingress(); len(got.Mappings[0].Fields) != 9 || len(got.Mappings[0].Filters.Rules) != 0 {
		t.Error("something was stored")
	}
	// The preview is of what stands in the form.
	form.Set("fields[0].field", "nickName")
	page = parse(t, r.post(http.StatusOK, mappingPath, form, "preview"))
	if got := page.one("section", "id", "preview").text(); !strings.Contains(got, "nickName") || !strings.Contains(got, "<b>") {
		t.Errorf("preview %q", got)
	}
	form = formOf(page)
	form.Set("fields[0].field", "firstName")
	form.Add("applyDeletes", "false")
	a := r.post(http.StatusSeeOther, mappingPath, form, "save")
	if got := parse(t, r.get(a.Header.Get("Location"))).one("*", "id", "notice").text(); !strings.HasPrefix(got, "The mapping of contact is saved.") {
		t.Errorf("outcome %q", got)
	}
	m := r.ingress().Mappings[0]
	if len(m.Fields) != 9 || m.Fields[0] != (config.FieldMapping{Column: "firstname", Field: "firstName", TooLong: config.Truncate}) ||
		m.Fields[8] != (config.FieldMapping{Column: "donotemail", Field: "age"}) || m.ApplyDeletes ||
		m.Replacements[3] != (config.Replacement{Column: "gendercode", From: "3", To: "unknown"}) || m.Filters.Rules[0].Comparison != "equals" {
		t.Errorf("stored %+v", m)
	}
	if m.Table != "contact" || m.Key.Field != "externalId" {
		t.Errorf("identity %+v", m)
	}
}

// TestFaultsStandBesideTheirFields: an edit survives a validation error, and each fault leads to its input.
func TestFaultsStandBesideTheirFields(t *testing.T) {
	r := start(t, nil)
	form := formOf(parse(t, r.get(mappingPath)))
	hostile := `"><script>alert(1)</script>`
	form.Set("fields[1].field", "lastName")
	form.Set("fields[2].column", hostile)
	form.Set("table", "account") // Immutable: it has no input, and posting one changes nothing.
	page := parse(t, r.post(http.StatusUnprocessableEntity, mappingPath, form, "save"))
	for id, value := range map[string]string{"fields-2-column": hostile, "fields-3-field": "lastName"} {
		in := page.one("input", "id", id)
		if in.attr("value") != value || in.attr("aria-invalid") != "true" || !slices.Contains(strings.Fields(in.attr("aria-describedby")), id+"-fault") {
			t.Errorf("%s: value %q, described by %q", id, in.attr("value"), in.attr("aria-describedby"))
		}
		page.one("p", "id", id+"-fault")
		page.one("section", "id", "faults").one("a", "href", "#"+id)
	}
	if n := len(page.all("script")); n != 1 {
		t.Errorf("%d scripts", n)
	}
	if got := r.ingress().Mappings[0].Table; got != "contact" {
		t.Errorf("the table became %q", got)
	}
	for _, path := range []string{"/workflows/egress/edit", "/workflows/optinout/edit"} {
		form := formOf(parse(t, r.get(path)))
		name := map[string]string{"/workflows/egress/edit": "unknownContact.waitHours", "/workflows/optinout/edit": "clockToleranceMinutes"}[path]
		form.Set(name, "soon")
		page := parse(t, r.post(http.StatusUnprocessableEntity, path, form, "save"))
		in := page.one("input", "name", name)
		if in.attr("value") != "soon" || page.one("p", "id", in.attr("id")+"-fault").text() != "A text stands where a whole number belongs: give a whole number." {
			t.Errorf("%s: %q", path, page.one("p", "id", in.attr("id")+"-fault").text())
		}
	}
}

// TestTwoAdminsEditAtOnce: the second is told what the first changed, and its own save then changes only its own mapping.
func TestTwoAdminsEditAtOnce(t *testing.T) {
	r := start(t, nil)
	mine := formOf(parse(t, r.get(mappingPath)))
	added := formOf(parse(t, r.get("/workflows/ingress/mappings/new")))
	for name, value := range map[string]string{"table": "account", "resource": "cusCompany", "key.column": "accountid", "key.field": "accountId"} {
		added.Set(name, value)
	}
	added.Set("fields[0].column", "name")
	added.Set("fields[0].field", "name")
	r.post(http.StatusSeeOther, "/workflows/ingress/mappings/new", added, "save")

	mine.Add("applyDeletes", "false")
	page := parse(t, r.post(http.StatusPreconditionFailed, mappingPath, mine, "save"))
	told := page.one("section", "id", "stale").text()
	if !strings.Contains(told, "mappings[account] added") || !strings.Contains(told, "mappings[contact].applyDeletes changed from true to false") {
		t.Errorf("told %q", told)
	}
	r.post(http.StatusSeeOther, mappingPath, formOf(page), "save")
	if got := r.ingress(); len(got.Mappings) != 2 || got.Mappings[0].ApplyDeletes {
		t.Errorf("stored %+v", got.Mappings)
	}

	// Somebody deletes what is being edited: what was typed can be saved anew.
	edited := formOf(parse(t, r.get("/workflows/ingress/mappings/account/edit")))
	question := parse(t, r.want(http.StatusOK, "GET", "/workflows/ingress/mappings/account/delete", ""))
	revision := question.one("input", "name", "revision").attr("value")
	r.want(http.StatusPreconditionFailed, "POST", "/workflows/ingress/mappings/account/delete", "revision=1", "Content-Type", "application/x-www-form-urlencoded")
	r.want(http.StatusSeeOther, "POST", "/workflows/ingress/mappings/account/delete", "revision="+revision, "Content-Type", "application/x-www-form-urlencoded")
	r.want(http.StatusNotFound, "GET", "/workflows/ingress/mappings/account/edit", "")
	page = parse(t, r.post(http.StatusPreconditionFailed, "/workflows/ingress/mappings/account/edit", edited, "save"))
	again := formOf(page)
	if again.Get("table") != "account" || again.Get("fields[0].column") != "name" {
		t.Errorf("what was typed is lost: %v", again)
	}
	r.post(http.StatusSeeOther, page.one("form", "data-edit", "*").attr("action"), again, "save")
	if got := r.ingress(); len(got.Mappings) != 2 || got.Mappings[1].Table != "account" || got.Mappings[1].Resource != "cusCompany" || got.Mappings[1].Key.Field != "accountId" {
		t.Errorf("stored %+v", got.Mappings)
	}
}

// TestDeletingWhatWasEditedAsksAgain: the question tells who has changed the mapping meanwhile and what, and is asked about
// what is stored now.
func TestDeletingWhatWasEditedAsksAgain(t *testing.T) {
	r := start(t, nil)
	const path = "/workflows/ingress/mappings/contact/delete"
	asked := valuesOf(parse(t, r.get(path)).one("form", "action", path))
	mine := formOf(parse(t, r.get(mappingPath)))
	mine.Add("applyDeletes", "false")
	r.post(http.StatusSeeOther, mappingPath, mine, "save")

	page := parse(t, r.want(http.StatusPreconditionFailed, "POST", path, asked.Encode(), "Content-Type", formType))
	if told := page.one("section", "id", "stale").text(); !strings.Contains(told, "saved by 127.0.0.1") || !strings.Contains(told, "This mapping was changed") {
		t.Errorf("told %q", told)
	}
	changes := page.one("table", "id", "differences").one("tbody").all("tr")
	if len(changes) != 1 || !strings.Contains(changes[0].text(), "mappings[contact].applyDeletes") {
		t.Errorf("%d changes", len(changes))
	}
	if len(r.ingress().Mappings) != 1 {
		t.Error("it is deleted")
	}
	again := valuesOf(page.one("form", "action", path))

	// Another mapping is no change of this one.
	added := formOf(parse(t, r.get("/workflows/ingress/mappings/new")))
	for name, value := range map[string]string{"table": "account", "resource": "cusCompany", "key.column": "accountid", "key.field": "accountId", "fields[0].column": "name", "fields[0].field": "name"} {
		added.Set(name, value)
	}
	r.post(http.StatusSeeOther, "/workflows/ingress/mappings/new", added, "save")
	page = parse(t, r.want(http.StatusPreconditionFailed, "POST", path, again.Encode(), "Content-Type", formType))
	if told := page.one("section", "id", "stale").text(); !strings.Contains(told, "This mapping is as it was") || len(page.all("table")) != 0 {
		t.Errorf("told %q", told)
	}
	unknown := parse(t, r.want(http.StatusPreconditionFailed, "POST", path, "revision=77777", "Content-Type", formType))
	if told := unknown.one("section", "id", "stale").text(); !strings.Contains(told, "revision 77777 is not kept") {
		t.Errorf("told %q", told)
	}
	r.want(http.StatusSeeOther, "POST", path, valuesOf(page.one("form", "action", path)).Encode(), "Content-Type", formType)
	if left := r.ingress().Mappings; len(left) != 1 || left[0].Table != "account" {
		t.Errorf("left %+v", left)
	}
	r.want(http.StatusNotFound, "POST", path, again.Encode(), "Content-Type", formType)
}

func TestNewMapping(t *testing.T) {
	r := start(t, nil)
	page := parse(t, r.want(http.StatusOK, "GET", "/workflows/ingress/mappings/new", ""))
	form := formOf(page)
	page = parse(t, r.post(http.StatusUnprocessableEntity, "/workflows/ingress/mappings/new", form, "save"))
	for _, id := range []string{"table", "resource", "key-column", "key-field"} {
		page.one("p", "id", id+"-fault")
	}
	form.Set("table", "contact")
	page = parse(t, r.post(http.StatusOK, "/workflows/ingress/mappings/new", form, "look-up"))
	if got := page.one("p", "id", "trouble").text(); !strings.Contains(got, "start its process") {
		t.Errorf("without a service: %q", got)
	}
	r.answerQuestions()
	form.Set("resource", "profile")
	page = parse(t, r.post(http.StatusOK, "/workflows/ingress/mappings/new", form, "look-up"))
	if got := page.one("input", "id", "key-column").attr("value"); got != "contactid" {
		t.Errorf("the key was not suggested: %q", got)
	}
	if tables := page.one("datalist", "id", "tables").all("option"); len(tables) != 1 || tables[0].attr("value") != "contact" {
		t.Errorf("%d tables to choose from", len(tables))
	}
	r.post(http.StatusBadRequest, "/workflows/ingress/mappings/new", url.Values{"table": {"x"}}, "save")
}

func TestEgressAndOptInOutForms(t *testing.T) {
	r := start(t, nil)
	r.answerQuestions()
	form := formOf(parse(t, r.get("/workflows/egress/edit")))
	if form.Get("events.send") != "false" {
		t.Errorf("sends are %q at first", form.Get("events.send"))
	}
	form.Set("events.send", "true")
	form.Set("eventFormat.types.send", "a\r\n b \r\n")
	a := r.post(http.StatusSeeOther, "/workflows/egress/edit", form, "save")
	if got := a.Header.Get("Location"); got != "/?done=saved&workflow=egress" {
		t.Errorf("went to %q", got)
	}
	egress, err := config.Decode(workflow.Egress, r.get("/api/v1/workflows/egress/config").body)
	if err != nil {
		t.Fatal(err)
	}
	if doc := egress.(*config.EgressDoc); !doc.Events.Send || doc.Events.Open || cmp.Diff(doc.EventFormat.Types.Send, []string{"a", "b"}) != "" {
		t.Errorf("stored %+v", doc)
	}

	form = formOf(parse(t, r.get("/workflows/optinout/edit")))
	page := parse(t, r.post(http.StatusOK, "/workflows/optinout/edit", form, "add:mappings"))
	if columns := page.one("datalist", "id", "columns").all("option"); len(columns) != 1 || columns[0].attr("value") != "donotemail" {
		t.Errorf("%d Yes/No columns", len(columns))
	}
	form = formOf(page)
	form.Set("direction", "bidirectional")
	form.Set("mappings[0].column", "donotemail")
	form.Set("mappings[0].field", "blackListEmail")
	r.post(http.StatusSeeOther, "/workflows/optinout/edit", form, "save")
	optinout, err := config.Decode(workflow.OptInOut, r.get("/api/v1/workflows/optinout/config").body)
	if err != nil {
		t.Fatal(err)
	}
	if doc := optinout.(*config.OptInOutDoc); doc.Direction != config.Bidirectional || doc.Mappings[0] != (config.OptOutMapping{Column: "donotemail", Field: "blackListEmail"}) {
		t.Errorf("stored %+v", doc)
	}
	// A button that the form does not have changes nothing.
	r.post(http.StatusOK, "/workflows/optinout/edit", form, "remove:export[0]")
	r.post(http.StatusOK, "/workflows/egress/edit", formOf(parse(t, r.get("/workflows/egress/edit"))), "add:events")
}

func TestMappingListSaysWhatThereIs(t *testing.T) {
	r := start(t, nil)
	doc := config.DefaultIngress()
	doc.Mappings[0].ReplayRequested = true
	data, err := config.Encode(doc)
	if err != nil {
		t.Fatal(err)
	}
	r.want(http.StatusOK, "PUT", "/api/v1/workflows/ingress/config", string(data), "If-Match", "*")
	row := parse(t, r.get("/workflows/ingress/edit")).one("tr", "id", "mapping-contact")
	for _, text := range []string{"profile", "contactid → externalId", "9 fields", "3 replacements", "deletes are applied", "Replay queued"} {
		if !strings.Contains(row.text(), text) {
			t.Errorf("%q is missing in %q", text, row.text())
		}
	}
	if _, disabled := row.one("button").lookup("disabled"); !disabled {
		t.Error("a queued replay can be asked for again")
	}
	doc.Mappings = nil
	if data, err = config.Encode(doc); err != nil {
		t.Fatal(err)
	}
	r.want(http.StatusOK, "PUT", "/api/v1/workflows/ingress/config", string(data), "If-Match", "*")
	parse(t, r.get("/workflows/ingress/edit")).one("p", "class", "empty")
	if got := parse(t, r.get("/workflows/ingress/edit?done=saved&table=%3Cb%3E")).one("*", "id", "notice").text(); got != "" {
		t.Errorf("the address put words on the page: %q", got)
	}
}
