package dynamicstest_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/causeway-sync/causeway/pkg/dynamics/dynamicstest"
	"github.com/causeway-sync/causeway/pkg/remote/remotetest"
)

// batchPart is one request in the vendor's framing.
func batchPart(boundary, method, path, body string, header ...string) string {
	lines := []string{"--" + boundary, "Content-Type: application/http", "Content-Transfer-Encoding: binary"}
	var inner []string
	for i := 0; i+1 < len(header); i += 2 {
		if header[i] == "Content-ID" {
			lines = append(lines, "Content-ID: "+header[i+1])
			continue
		}
		inner = append(inner, header[i]+": "+header[i+1])
	}
	if !strings.HasPrefix(path, "$") {
		path = dynamicstest.Root + path
	}
	lines = append(lines, "", method+" "+path+" HTTP/1.1")
	if body != "" {
		inner = append(inner, "Content-Type: application/json; type=entry")
	}
	lines = append(append(lines, inner...), "", body, "")
	return strings.Join(lines, "\r\n")
}

// sendBatch posts parts; header are the outer request's.
func (e *environment) sendBatch(parts []string, header ...string) answer {
	e.t.Helper()
	body := strings.Join(parts, "") + "--batch_x--\r\n"
	return e.send("POST", "$batch", body, append(header, "Content-Type", `multipart/mixed; boundary="batch_x"`)...)
}

// partStatuses are the status lines and codes of a batch's answer.
func (a answer) partStatuses() string {
	var all []string
	for line := range strings.SplitSeq(a.body, "\r\n") {
		if status, ok := strings.CutPrefix(line, "HTTP/1.1 "); ok {
			all = append(all, status[:3])
		}
		if code := (answer{body: line}).code(); code != "" {
			all[len(all)-1] += " " + code
		}
	}
	return strings.Join(all, ", ")
}

func TestBatch(t *testing.T) {
	env := newEnvironment(t, dynamicstest.Options{})
	env.people()
	tooLong := `{"lastname":"` + strings.Repeat("x", 51) + `"}`
	parts := []string{
		batchPart("batch_x", "PATCH", "contacts("+ada+")", `{"jobtitle":"Analyst"}`, "If-Match", "*"),
		batchPart("batch_x", "PATCH", "contacts("+bob+")", tooLong),
		batchPart("batch_x", "GET", "contacts("+ada+")?$select=jobtitle", ""),
		batchPart("batch_x", "DELETE", "contacts("+cleo+")", ""),
		batchPart("batch_x", "POST", "contacts", `{"lastname":"New"}`, "Prefer", "return=representation"),
		batchPart("batch_x", "PATCH", "contacts("+ada+")", `{}`, "If-None-Match", "*"),
		batchPart("batch_x", "GET", "nothing", ""),
	}
	got := env.sendBatch(parts, "Prefer", "odata.continue-on-error")
	want := "204, 400 0x80044331, 200, 204, 201, 412 0x80040237, 404 0x8006088a"
	if got.status != 200 || got.partStatuses() != want || got.header.Get("Preference-Applied") != "odata.continue-on-error" {
		t.Errorf("%d %s, want %s", got.status, got.partStatuses(), want)
	}
	if !strings.HasPrefix(got.header.Get("Content-Type"), "multipart/mixed; boundary=batchresponse_") || !strings.Contains(got.body, "Analyst") {
		t.Errorf("%s: %s", got.header.Get("Content-Type"), got.body)
	}
	if strings.Contains(strings.ReplaceAll(got.body, "\r\n", ""), "\n") {
		t.Error("a line of the answer ends with a bare LF")
	}
	if n := env.Stats().Get("requests.batch"); n != 1 || env.Stats().Get("requests.write")+env.Stats().Get("requests.read") != 0 {
		t.Errorf("it counts as %d batches", n)
	}
}

// Without continue-on-error the first failure ends the batch and is its status; what was done before stays done.
func TestBatchStopsAtTheFirstFailure(t *testing.T) {
	for _, opt := range []dynamicstest.Options{{}, {NoContinueOnError: true}} {
		env := newEnvironment(t, opt)
		env.people()
		var header []string
		if opt.NoContinueOnError {
			header = []string{"Prefer", "odata.continue-on-error"}
		}
		got := env.sendBatch([]string{
			batchPart("batch_x", "DELETE", "contacts("+ada+")", ""),
			batchPart("batch_x", "DELETE", "contacts("+ada+")", ""),
			batchPart("batch_x", "DELETE", "contacts("+bob+")", ""),
		}, header...)
		if got.status != 404 || got.partStatuses() != "204, 404 0x80040217" || env.Count("contact") != 2 || got.header.Get("Preference-Applied") != "" {
			t.Errorf("%d %s, %d contacts", got.status, got.partStatuses(), env.Count("contact"))
		}
	}
}

// A batch is taken to the letter.
func TestBatchFraming(t *testing.T) {
	good := batchPart("batch_x", "GET", "contacts", "")
	const contentType = "multipart/mixed; boundary=batch_x"
	for name, tc := range map[string]struct{ contentType, body string }{
		"as it should be":      {contentType, good + "--batch_x--\r\n"},
		"line feeds":           {contentType, strings.ReplaceAll(good+"--batch_x--\r\n", "\r\n", "\n")},
		"one line feed":        {contentType, strings.Replace(good, "binary\r\n", "binary\n", 1) + "--batch_x--\r\n"},
		"no closing boundary":  {contentType, good},
		"no boundary":          {"multipart/mixed", good + "--batch_x--\r\n"},
		"another boundary":     {"multipart/mixed; boundary=y", good + "--batch_x--\r\n"},
		"no encoding":          {contentType, strings.Replace(good, "Content-Transfer-Encoding: binary\r\n", "", 1) + "--batch_x--\r\n"},
		"no blank line":        {contentType, "--batch_x\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\nGET /api/data/v9.2/contacts HTTP/1.1\r\n--batch_x--\r\n"},
		"no request line":      {contentType, strings.Replace(good, " HTTP/1.1", "", 1) + "--batch_x--\r\n"},
		"another host":         {contentType, strings.Replace(good, "/api/", "https://evil.example/api/", 1) + "--batch_x--\r\n"},
		"outside of the API":   {contentType, strings.Replace(good, "/api/data/v9.2/contacts", "/contacts", 1) + "--batch_x--\r\n"},
		"a batch in a batch":   {contentType, batchPart("batch_x", "POST", "$batch", "") + "--batch_x--\r\n"},
		"body without a type":  {contentType, strings.Replace(batchPart("batch_x", "POST", "contacts", "{}"), "Content-Type: application/json; type=entry\r\n", "", 1) + "--batch_x--\r\n"},
		"JSON and not a batch": {"application/json", "{}"},
	} {
		t.Run(name, func(t *testing.T) {
			env := newEnvironment(t, dynamicstest.Options{})
			got := env.send("POST", "$batch", strings.ReplaceAll(tc.body, "$batch HTTP", "/api/data/v9.2/$batch HTTP"), "Content-Type", tc.contentType)
			want := "400 0x80048d19"
			if name == "as it should be" {
				want = "200"
			}
			if got.summary() != want {
				t.Errorf("%s, want %s: %s", got.summary(), want, got.body)
			}
		})
	}
}

func TestBatchLimits(t *testing.T) {
	many := func(n int) []string {
		var parts []string
		for range n {
			parts = append(parts, batchPart("batch_x", "GET", "WhoAmI()", ""))
		}
		return parts
	}
	env := newEnvironment(t, dynamicstest.Options{})
	if got := env.sendBatch(many(1000)); got.status != 200 {
		t.Errorf("a thousand operations: %s", got.summary())
	}
	if got := env.sendBatch(many(1001)); got.status != 400 || !strings.Contains(got.body, "A maximum number of '1000' operations") {
		t.Errorf("one more: %s %s", got.summary(), got.body)
	}
	odd := newEnvironment(t, dynamicstest.Options{OddBatchSize: 5, MaxBody: 2000})
	if first, second := odd.sendBatch(many(6)), odd.sendBatch(many(6)); first.status != 400 || second.status != 200 {
		t.Errorf("the limit that comes and goes: %d, %d", first.status, second.status)
	}
	if got := odd.sendBatch(many(40)); got.status != 413 || !strings.Contains(got.body, "<html>") {
		t.Errorf("too long: %d %s", got.status, got.body)
	}
}

// changeSet frames operations that stand or fall together.
func changeSet(parts ...string) string {
	return "--batch_x\r\nContent-Type: multipart/mixed; boundary=changeset_y\r\n\r\n" + strings.Join(parts, "") + "--changeset_y--\r\n"
}

func TestChangeSet(t *testing.T) {
	env := newEnvironment(t, dynamicstest.Options{})
	env.people()
	before := contents(env)
	delta := env.page("contacts?$select=lastname", "Prefer", "odata.track-changes").Delta
	bad := env.sendBatch([]string{
		changeSet(
			batchPart("changeset_y", "PATCH", "contacts("+ada+")", `{"jobtitle":"x"}`, "Content-ID", "1"),
			batchPart("changeset_y", "DELETE", "contacts("+bob+")", "", "Content-ID", "2"),
			batchPart("changeset_y", "POST", "contacts", `{"contactid":"`+strings.Replace(ada, "0a", "0f", 1)+`"}`, "Content-ID", "3"),
			batchPart("changeset_y", "POST", "contacts", `{"nope":1}`, "Content-ID", "4"),
		),
		batchPart("batch_x", "GET", "contacts/$count", ""),
	}, "Prefer", "odata.continue-on-error")
	if bad.partStatuses() != "400 0x80048d19, 200" {
		t.Errorf("a change set that fails: %s", bad.partStatuses())
	}
	if diff := cmp.Diff(before, contents(env)); diff != "" || len(env.Writes()) != 0 {
		t.Errorf("it left something behind: %s; %v", diff, env.Writes())
	}
	if changed := env.page(delta); len(changed.Value) != 0 {
		t.Errorf("its changes are reported: %v", changed.Value)
	}
	good := env.sendBatch([]string{changeSet(
		batchPart("changeset_y", "POST", "contacts", `{"lastname":"Parent"}`, "Content-ID", "1"),
		batchPart("changeset_y", "PATCH", "$1", `{"firstname":"The"}`, "Content-ID", "2"),
		batchPart("changeset_y", "PATCH", "contacts("+ada+")", `{"parentcustomerid_contact@odata.bind":"$1"}`, "Content-ID", "3"),
	)})
	if good.status != 200 || good.partStatuses() != "204, 204, 204" || !strings.Contains(good.body, "Content-ID: 3\r\n") {
		t.Fatalf("%d %s: %s", good.status, good.partStatuses(), good.body)
	}
	row, _ := env.Row("contact", ada)
	if parent, _ := env.Row("contact", fmt.Sprint(row["_parentcustomerid_value"])); parent["fullname"] != "The Parent" {
		t.Errorf("what was referred to: %v", parent)
	}
	if changed := env.page(delta); len(changed.Value) != 2 {
		t.Errorf("%d changes are reported", len(changed.Value))
	}
	for name, part := range map[string]string{
		"unknown reference": batchPart("changeset_y", "PATCH", "contacts("+ada+")", `{"parentcustomerid_contact@odata.bind":"$9"}`, "Content-ID", "1"),
		"unknown address":   batchPart("changeset_y", "PATCH", "$9", `{}`, "Content-ID", "1"),
		"no such method":    batchPart("changeset_y", "POST", "contacts("+ada+")", `{}`, "Content-ID", "1"),
		"a read":            batchPart("changeset_y", "GET", "contacts", "", "Content-ID", "1"),
	} {
		if got := env.sendBatch([]string{changeSet(part)}); got.status < 400 {
			t.Errorf("%s: %d", name, got.status)
		}
	}
}

const bulk = "adobe_emailsends/Microsoft.Dynamics.CRM.CreateMultiple"

// sends makes the targets of a CreateMultiple from members of JSON objects.
func sends(members ...string) string {
	var targets []string
	for _, m := range members {
		targets = append(targets, `{"@odata.type":"Microsoft.Dynamics.CRM.adobe_emailsend",`+m+`}`)
	}
	return `{"Targets":[` + strings.Join(targets, ",") + `]}`
}

func TestCreateMultiple(t *testing.T) {
	env := newEnvironment(t, dynamicstest.Options{NoBulk: []string{"contact"}})
	env.people()
	regarding := `"regardingobjectid_contact_adobe_emailsend@odata.bind":"/contacts(` + ada + `)"`
	got := env.send("POST", bulk, sends(`"activityid":"`+ada+`","subject":"one",`+regarding, `"activityid":"`+bob+`","subject":"two"`))
	if got.status != 200 || !strings.Contains(got.body, `"Ids":["`+ada+`","`+bob+`"]`) || !strings.Contains(got.body, "CreateMultipleResponse") {
		t.Fatalf("%d %s", got.status, got.body)
	}
	row, _ := env.Row("adobe_emailsend", ada)
	if row["_regardingobjectid_value"] != ada || row["_ownerid_value"] == nil || fmt.Sprintf("%v %v", row["statecode"], row["statuscode"]) != "0 1" {
		t.Errorf("%v", row)
	}
	if diff := cmp.Diff(map[string]int{ada: 1, bob: 1}, env.Creations("adobe_emailsend")); diff != "" {
		t.Error(diff)
	}
	missing := strings.Replace(cleo, "0c", "0d", 1)
	for body, want := range map[string]string{
		sends(`"subject":"three"`, `"subject":"`+strings.Repeat("x", 201)+`"`, `"nope":1`):           "400 0x80044331",
		sends(`"subject":"three"`, `"activityid":"`+ada+`"`):                                         "412 0x80040237",
		sends(`"activityid":"`+cleo+`"`, `"activityid":"`+cleo+`"`):                                  "412 0x80040237",
		sends(`"regardingobjectid_contact_adobe_emailsend@odata.bind":"/contacts(` + missing + `)"`): "404 0x80040217",
		`{"Targets":[{"subject":"without a type"}]}`:                                                 "400 0x80048d19",
		`{"Rows":[]}`: "400 0x80048d19",
	} {
		if got := env.send("POST", bulk, body); got.summary() != want || env.Count("adobe_emailsend") != 2 {
			t.Errorf("%.80s: %s, want %s; %d rows", body, got.summary(), want, env.Count("adobe_emailsend"))
		}
	}
	if got := env.send("POST", bulk, sends(`"regardingobjectid_contact_adobe_emailsend@odata.bind":"/contacts(`+missing+`)"`)); !strings.Contains(got.body, "contact With Id = "+missing+" Does Not Exist") {
		t.Errorf("a contact that is not there: %s", got.body)
	}
	if got := env.send("POST", "contacts/Microsoft.Dynamics.CRM.CreateMultiple", `{"Targets":[]}`); got.status != 400 {
		t.Errorf("a table without it: %d", got.status)
	}
}

func TestMetadataOfWriting(t *testing.T) {
	env := newEnvironment(t, dynamicstest.Options{NoBulk: []string{"adobe_emailopen"}, Lacks: []string{"prvAppendToContact"}})
	golden(t, env, "relationships", env.get("EntityDefinitions(LogicalName='adobe_emailsend')/ManyToOneRelationships?$select=ReferencingAttribute,ReferencedEntity,ReferencingEntityNavigationPropertyName"))
	golden(t, env, "privileges", env.get("EntityDefinitions(LogicalName='adobe_emailsend')?$select=LogicalName,Privileges"))
	const user = "systemusers(6f1c0de0-0000-4000-8000-000000000001)/Microsoft.Dynamics.CRM.RetrieveUserPrivilegeByPrivilegeName"
	golden(t, env, "privilege-held", env.get(user+"(PrivilegeName='prvCreateActivity')"))
	golden(t, env, "privilege-lacking", env.get(user+"(PrivilegeName='prvAppendToContact')"))
	filter := "sdkmessagefilters?$select=sdkmessagefilterid&$filter=sdkmessageid/name eq @message and primaryobjecttypecode eq @table&@message='CreateMultiple'&@table="
	golden(t, env, "message-offered", env.get(filter+"'adobe_emailsend'"))
	golden(t, env, "message-missing", env.get(filter+"'adobe_emailopen'"))
	if got := env.get("sdkmessagefilters?$filter=name eq 'x'"); got.status != 400 {
		t.Errorf("another filter: %d", got.status)
	}
	if n := env.Stats().Get("requests.metadata"); n != 7 {
		t.Errorf("%d requests count as metadata", n)
	}
}

// Privileges are asked for where they are needed.
func TestLacks(t *testing.T) {
	for lacks, want := range map[string]string{"prvCreateActivity": "403 0x80040220", "prvAppendActivity": "403 0x80040220", "prvAppendToContact": "403 0x80040220", "prvWriteContact": "204"} {
		env := newEnvironment(t, dynamicstest.Options{Lacks: []string{lacks}})
		env.people()
		got := env.send("POST", "adobe_emailsends", `{"regardingobjectid_contact_adobe_emailsend@odata.bind":"/contacts(`+ada+`)"}`)
		if got.summary() != want || want != "204" && !strings.Contains(got.body, "PrivilegeName: "+lacks) {
			t.Errorf("%s: %s %s", lacks, got.summary(), got.body)
		}
	}
}

// Opt-out columns are there, seeded, and their changes are reported.
func TestOptOutColumnsAreTracked(t *testing.T) {
	env := newEnvironment(t, dynamicstest.Options{})
	env.Seed(50, 1)
	first := env.page("contacts?$select=donotemail,donotbulkemail,donotphone,donotfax,donotpostalmail,donotbulkpostalmail,donotsendmm,followemail", "Prefer", "odata.track-changes")
	out := 0
	for _, row := range first.Value {
		for _, value := range row {
			if value == true {
				out++
			}
		}
	}
	id := first.Value[0]["contactid"].(string)
	env.send("PATCH", "contacts("+id+")", `{"donotfax":true,"followemail":false}`)
	changed := env.page(first.Delta)
	if out == 0 || len(changed.Value) != 1 || changed.Value[0]["donotfax"] != true || changed.Value[0]["followemail"] != false {
		t.Errorf("%d values are true; the change: %v", out, changed.Value)
	}
}

// return=representation of a change has the selected columns.
func TestRepresentationOfSelectedColumns(t *testing.T) {
	env := newEnvironment(t, dynamicstest.Options{})
	env.people()
	got := env.send("PATCH", "contacts("+ada+")?$select=modifiedon", `{"donotfax":true}`, "If-Match", "*", "Prefer", "return=representation")
	if got.status != 200 || strings.Contains(got.body, "lastname") || !strings.Contains(got.body, `"modifiedon":"2024-01-31T08:10:44Z"`) || !strings.Contains(got.body, "@odata.etag") {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// Service protection inside a batch: by chance, and where the limits hold for parts.
func TestThrottledParts(t *testing.T) {
	parts := func() (list []string) {
		for range 40 {
			list = append(list, batchPart("batch_x", "POST", "contacts", `{}`))
		}
		return list
	}
	env := newEnvironment(t, dynamicstest.Options{ThrottledParts: 0.5, DOPHint: 7})
	got := env.sendBatch(parts(), "Prefer", "odata.continue-on-error")
	served, kinds := strings.Count(got.partStatuses(), "204"), 0
	for _, code := range []string{"0x80072321", "0x80072322", "0x80072326"} {
		if strings.Contains(got.partStatuses(), code) {
			kinds++
		}
	}
	if got.status != 200 || served < 5 || served > 35 || kinds != 3 || env.Count("contact") != served || !strings.Contains(got.body, "Retry-After: 2\r\n") {
		t.Errorf("%d %s", got.status, got.partStatuses())
	}
	if n := env.Stats().Get(remotetest.Throttled); n != int64(40-served) || got.header.Get("x-ms-dop-hint") != "7" {
		t.Errorf("%d throttled of %d", n, 40-served)
	}
	if next := env.get("contacts"); next.status != 429 {
		t.Errorf("a request right after it: %d", next.status)
	}
	for name, opt := range map[string]dynamicstest.Options{
		"requests":  {Limits: &dynamicstest.Limits{Requests: 11, Parts: true}},
		"execution": {Limits: &dynamicstest.Limits{Execution: 10 * time.Millisecond, Parts: true}, RowCost: time.Millisecond},
	} {
		env := newEnvironment(t, opt)
		got := env.sendBatch(parts(), "Prefer", "odata.continue-on-error")
		if served := strings.Count(got.partStatuses(), "204"); served != 10 || strings.Count(got.partStatuses(), "429") != 30 {
			t.Errorf("%s: %s", name, got.partStatuses())
		}
		stopped := env.advanceAndSend(parts())
		if stopped.status != 429 || stopped.header.Get("Retry-After") == "" {
			t.Errorf("%s, without continue-on-error: %d", name, stopped.status)
		}
	}
}

// advanceAndSend sends a batch when all windows are over.
func (e *environment) advanceAndSend(parts []string) answer {
	e.advance(10 * time.Minute)
	return e.sendBatch(parts)
}
