package dynamics_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/causeway-sync/causeway/pkg/dynamics"
	"github.com/causeway-sync/causeway/pkg/dynamics/dynamicstest"
	"github.com/causeway-sync/causeway/pkg/fault"
)

// A thousand events of four types are one request, also the first time, apart from what is asked about the tables.
func TestAThousandRowsOfFourTablesAreOneRequest(t *testing.T) {
	env := newEnvironment(t, dynamicstest.Options{}).withContact()
	results := env.client.NewWriter(dynamics.WriterConfig{}).Create(t.Context(), activities(1000, activityTables()...))
	if failed := errorsOf(results); len(failed) != 0 {
		t.Fatalf("%d rows failed: %v", len(failed), results[failed[0]].Err)
	}
	if n := env.batches(); n != 1 || env.created(t) != 1000 {
		t.Errorf("%d requests for %d rows", n, env.created(t))
	}
	if n := env.Stats().Get("requests.write"); n != 0 {
		t.Errorf("%d writes beside the batch", n)
	}
	row, _ := env.Row("adobe_emailsend", activity("adobe_emailsend", 0, known).ID)
	want := map[string]any{"subject": "event 0", "_regardingobjectid_value": known, "adobe_campaignname": "Spring"}
	for column, value := range want {
		if row[column] != value {
			t.Errorf("%s is %v, want %v", column, row[column], value)
		}
	}
}

// One bad row in a thousand costs at most twenty further requests; the other 999 are written.
func TestOneBadRowInAThousand(t *testing.T) {
	bad := map[string]struct {
		spoil func(*dynamics.NewRow)
		kind  fault.Kind
		says  string
	}{
		"too long":        {func(r *dynamics.NewRow) { r.Values["subject"] = strings.Repeat("x", 201) }, fault.Rejected, "column subject"},
		"wrong type":      {func(r *dynamics.NewRow) { r.Values["adobe_campaignname"] = 1 }, fault.Rejected, "adobe_campaignname"},
		"unknown contact": {func(r *dynamics.NewRow) { *r = activity(r.Table, 500, unknown) }, fault.NotFound, "contact " + unknown},
	}
	for name, tc := range bad {
		for _, noBulk := range []bool{false, true} {
			t.Run(fmt.Sprint(name, ", no bulk ", noBulk), func(t *testing.T) {
				opt := dynamicstest.Options{}
				if noBulk {
					opt.NoBulk = activityTables()
				}
				env := newEnvironment(t, opt).withContact()
				rows := activities(1000, "adobe_emailsend")
				tc.spoil(&rows[500])
				results := env.client.NewWriter(dynamics.WriterConfig{}).Create(t.Context(), rows)
				if diff := cmp.Diff([]int{500}, errorsOf(results)); diff != "" {
					t.Fatalf("rows with errors: %s", diff)
				}
				if err := results[500].Err; !fault.Is(err, tc.kind) || !strings.Contains(err.Error(), tc.says) || !strings.Contains(err.Error(), rows[500].ID) {
					t.Errorf("the bad row: %v (%v)", err, fault.KindOf(err))
				}
				if n := env.batches(); n > 21 || env.created(t) != 999 {
					t.Errorf("%d requests for %d rows", n, env.created(t))
				}
			})
		}
	}
}

// unknown is a contact that is not there.
const unknown = "0d000000-0000-4000-8000-00000000000d"

// Writing twice is harmless (invariant 3).
func TestRowsThatExistAreLeftAsTheyAre(t *testing.T) {
	env := newEnvironment(t, dynamicstest.Options{}).withContact()
	writer := env.client.NewWriter(dynamics.WriterConfig{})
	rows := activities(100, activityTables()...)
	if failed := errorsOf(writer.Create(t.Context(), rows[:60])); len(failed) != 0 {
		t.Fatalf("rows with errors: %v", failed)
	}
	rows[0].Values = map[string]any{"subject": "another"}
	for i, got := range writer.Create(t.Context(), rows) {
		if got.Err != nil || got.Existed != (i < 60) {
			t.Errorf("row %d: %+v", i, got)
		}
	}
	if row, _ := env.Row(rows[0].Table, rows[0].ID); env.created(t) != 100 || row["subject"] != "event 0" {
		t.Errorf("%d rows, the first is %v", env.created(t), row["subject"])
	}
}

// A row that is given twice is created once, and both are told.
func TestARowThatIsGivenTwice(t *testing.T) {
	env := newEnvironment(t, dynamicstest.Options{}).withContact()
	rows := activities(3, "adobe_emailopen")
	again := rows[1]
	again.ID = "{" + strings.ToUpper(again.ID) + "}"
	got := env.client.NewWriter(dynamics.WriterConfig{}).Create(t.Context(), append(rows, again))
	if diff := cmp.Diff([]dynamics.Created{{}, {}, {}, {Existed: true}}, got); diff != "" || env.created(t) != 3 {
		t.Errorf("%s; %d rows", diff, env.created(t))
	}
}

// What is wrong before anything is sent.
func TestRowsThatCannotBeSent(t *testing.T) {
	env := newEnvironment(t, dynamicstest.Options{}).withContact()
	good := activity("adobe_emailsend", 1, known)
	rows := []dynamics.NewRow{
		{Table: "adobe_emailsend", ID: "no GUID", Values: good.Values},
		{Table: "adobe_emailsend", ID: good.ID, Values: map[string]any{"subject": func() {}}},
		{Table: "adobe_emailsend", ID: good.ID},
		{Table: "adobe emailsend", ID: good.ID, Values: good.Values},
		{Table: "adobe_nothing", ID: good.ID, Values: good.Values},
		good,
	}
	kinds := []fault.Kind{fault.Rejected, fault.Rejected, fault.Rejected, fault.Fatal, fault.Fatal}
	got := env.client.NewWriter(dynamics.WriterConfig{}).Create(t.Context(), rows)
	for i, kind := range kinds {
		if !fault.Is(got[i].Err, kind) {
			t.Errorf("row %d: %v (%v), want %v", i, got[i].Err, fault.KindOf(got[i].Err), kind)
		}
	}
	if got[5].Err != nil || env.created(t) != 1 {
		t.Errorf("the good row: %v", got[5].Err)
	}
	if empty := env.client.NewWriter(dynamics.WriterConfig{}).Create(t.Context(), nil); len(empty) != 0 {
		t.Errorf("of no rows: %v", empty)
	}
}

// A 404 is told apart: only a row that the caller named is one that may still come.
func TestWhichRowIsMissing(t *testing.T) {
	env := newEnvironment(t, dynamicstest.Options{}).withContact()
	writer := env.client.NewWriter(dynamics.WriterConfig{})
	named, other, either := activity("adobe_emailsend", 1, unknown), activity("adobe_emailsend", 2, unknown), activity("adobe_emailsend", 3, unknown)
	named.Binds = []string{"{" + strings.ToUpper(unknown) + "}"}
	other.Binds = []string{known}
	either.Binds = nil
	got := writer.Create(t.Context(), []dynamics.NewRow{named, other, either})
	want := []fault.Kind{fault.NotFound, fault.Rejected, fault.NotFound}
	for i, kind := range want {
		if !fault.Is(got[i].Err, kind) || !strings.Contains(got[i].Err.Error(), unknown) {
			t.Errorf("row %d: %v (%v), want %v", i, got[i].Err, fault.KindOf(got[i].Err), kind)
		}
	}
	env.before = func(w http.ResponseWriter, r *http.Request) bool {
		return answerBatch(w, r, 1, 404, `{"error":{"code":"","message":"Does Not Exist"}}`)
	}
	if got := writer.Create(t.Context(), []dynamics.NewRow{named}); !fault.Is(got[0].Err, fault.NotFound) {
		t.Errorf("a 404 without code and id: %v", got[0].Err)
	}
}

// answerBatch answers a $batch with n parts of one kind.
func answerBatch(w http.ResponseWriter, r *http.Request, n, status int, body string) bool {
	if !strings.HasSuffix(r.URL.Path, "/$batch") {
		return false
	}
	w.Header().Set("Content-Type", "multipart/mixed; boundary=batchresponse_x")
	for range n {
		_, _ = fmt.Fprintf(w, "--batchresponse_x\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n"+
			"HTTP/1.1 %d %s\r\nContent-Type: application/json\r\n\r\n%s\r\n", status, http.StatusText(status), body)
	}
	_, _ = fmt.Fprint(w, "--batchresponse_x--\r\n")
	return true
}

// What a refusal of one row means, and that no value of it gets into a message (invariant 9).
func TestRefusalsOfARow(t *testing.T) {
	for _, tc := range []struct {
		status int
		body   string
		kind   fault.Kind
		says   string
	}{
		{400, `{"error":{"code":"0x80044331","message":"A validation error occurred. The length of the 'subject' attribute of the 'task' entity exceeded"}}`, fault.Rejected, "column subject"},
		{400, `{"error":{"code":"0x80048d19","message":"Error identified in Payload provided by the user for Entity :'tasks'. The property 'adobe_x' is not valid: jane@example.com"}}`, fault.Rejected, "adobe_x"},
		{400, `{"error":{"code":"0x80048d19","message":"Error identified in Payload. The property 'adobe_x' does not exist on type 'Microsoft.Dynamics.CRM.task'. jane@example.com"}}`, fault.Fatal, "no column adobe_x"},
		{400, `{"error":{"code":"0x80048d19","message":"An undeclared property 'adobe_x' which only has property annotations in the payload but no property value was found"}}`, fault.Fatal, "no column adobe_x"},
		{400, `{"error":{"code":"0x0","message":"jane@example.com"}}`, fault.Rejected, "refused to create"},
		{400, `{"error":{"code":"0x80040203","message":"jane@example.com"}}`, fault.Rejected, "refused to create"},
		{500, `{"error":{"code":"0x80040265","message":"a plug-in says jane@example.com"}}`, fault.Rejected, "refused to create"},
		{412, `{"error":{"code":"0x80040333","message":"A duplicate was found: jane@example.com"}}`, fault.Rejected, "refused to create"},
		{403, `{"error":{"code":"0x80040220","message":"SecLib::CheckPrivilege failed. PrivilegeName: prvCreateActivity, jane@example.com"}}`, fault.Fatal, "prvCreateActivity"},
		{403, `{"error":{"code":"0x80040299","message":"CrmCheckPrivilege failed"}}`, fault.Fatal, "privilege"},
		{403, `{"error":{"code":"0x80048306","message":"Principal has no access"}}`, fault.Rejected, "no access to the row"},
		{401, ``, fault.Fatal, "application user"},
		{404, `{"error":{"code":"0x8006088a","message":"Resource not found for the segment 'tasks'."}}`, fault.Fatal, "tasks"},
		{500, `{"error":{"code":"0x80040216","message":"An unexpected error: jane@example.com"}}`, fault.Transient, "in trouble"},
		{500, `{"error":{"code":"0x80044150","message":"Generic SQL error. Sql Number: 1205"}}`, fault.Transient, "in trouble"},
		{500, `{"error":{"code":"0x80044151","message":"SQL timeout expired"}}`, fault.Transient, "in trouble"},
		{503, ``, fault.Transient, "in trouble"},
		{504, `<html>jane@example.com</html>`, fault.Transient, "in trouble"},
		{429, ``, fault.Throttled, "pause"},
		{413, `{"error":{"code":"0x0","message":""}}`, fault.Rejected, "refused"},
		{405, `{"error":{"code":"0x0","message":""}}`, fault.Fatal, "refused"},
	} {
		t.Run(fmt.Sprint(tc.status, " ", tc.body), func(t *testing.T) {
			env := newEnvironment(t, dynamicstest.Options{}).withContact()
			writer := env.client.NewWriter(dynamics.WriterConfig{})
			env.before = func(w http.ResponseWriter, r *http.Request) bool { return answerBatch(w, r, 1, tc.status, tc.body) }
			got := writer.Create(t.Context(), []dynamics.NewRow{activity("adobe_emailsend", 1, known)})
			if err := got[0].Err; !fault.Is(err, tc.kind) || !strings.Contains(err.Error(), tc.says) || strings.Contains(err.Error(), "jane") {
				t.Errorf("%v (%v), want %v saying %q", err, fault.KindOf(err), tc.kind, tc.says)
			}
		})
	}
}

// What is missing for a whole table is everybody's trouble, and the rows of the others are written.
func TestAPrivilegeThatIsMissing(t *testing.T) {
	env := newEnvironment(t, dynamicstest.Options{Lacks: []string{"prvCreateActivity"}}).withContact()
	rows := append(activities(50, "adobe_emailsend", "adobe_emailopen"),
		dynamics.NewRow{Table: "contact", ID: unknown, Values: map[string]any{"lastname": "New"}})
	got := env.client.NewWriter(dynamics.WriterConfig{}).Create(t.Context(), rows)
	for i, r := range got[:50] {
		if !fault.Is(r.Err, fault.Fatal) || !strings.Contains(r.Err.Error(), "prvCreateActivity") {
			t.Fatalf("row %d: %v", i, r.Err)
		}
	}
	if got[50].Err != nil || env.Count("contact") != 2 {
		t.Errorf("the contact: %v", got[50].Err)
	}
	if n := env.batches(); n > 2 {
		t.Errorf("%d requests", n)
	}
}

// Ids of its own would make two rows of one that is sent twice (invariant 3).
func TestAServerThatChoosesTheIDs(t *testing.T) {
	env := newEnvironment(t, dynamicstest.Options{}).withContact()
	rows := activities(2, "adobe_emailsend")
	env.rewriting(func(_ http.Header, body []byte) []byte {
		return slices.Concat([]byte(strings.ReplaceAll(string(body), rows[0].ID, unknown)))
	})
	for _, got := range env.client.NewWriter(dynamics.WriterConfig{}).Create(t.Context(), rows) {
		if !fault.Is(got.Err, fault.Fatal) || !strings.Contains(got.Err.Error(), "ids of its own") {
			t.Errorf("%v", got.Err)
		}
	}
}
