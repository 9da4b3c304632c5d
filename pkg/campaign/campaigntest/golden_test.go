package campaigntest_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/causeway-sync/causeway/pkg/campaign/campaigntest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// step is one request of a golden case.
type step struct{ method, path, body string }

// TestGolden holds the shapes of answers. PKeys and the port, which differ from call to call, are masked.
func TestGolden(t *testing.T) {
	create := step{"POST", profiles, `{"externalId":"k","firstName":"Ann","email":"ann@example.com","birthDate":"1990-02-03","gender":"female","blackListEmail":true}`}
	for name, tc := range map[string]struct {
		opt   campaigntest.Options
		steps []step
	}{
		"row": {steps: []step{
			create, {"GET", profiles + "/k", ""}, {"PATCH", profiles + "/k", `{"lastName":"Lee","firstName":null}`}, {"GET", profiles + "/k", ""},
			{"DELETE", profiles + "/k", ""}, {"GET", profiles + "/k", ""}, {"PATCH", profiles + "/k", `{}`}, {"DELETE", profiles + "/k", ""},
		}},
		"row-v8": {campaigntest.Options{V8: true, PostStatus: 200, DeleteStatus: 204}, []step{
			create, {"PATCH", profiles + "/k", `{}`}, {"PATCH", profiles + "/k", `{"location":{"zipCode":"1"}}`}, {"DELETE", profiles + "/k", ""}, {"GET", profiles + "/k", ""},
			{"GET", profiles + "/@jksad", ""},
		}},
		"wrapped": {campaigntest.Options{WrapSingle: true}, []step{{"POST", profiles, `{"externalId":"k"}`}, {"GET", profiles + "/k", ""}}},
		"list": {steps: []step{
			create, {"POST", profiles, `{"externalId":"l"}`}, {"GET", profiles + "?_lineCount=1", ""}, {"GET", profiles + "/byEmail?email=ann@example.com", ""},
			{"GET", profiles + "/byText?text=An&filterType=firstName&_order=externalId%20desc", ""}, {"GET", profiles + "/byExternalId?externalId_parameter=l", ""},
			{"GET", profiles + "/_count", ""}, {"GET", profiles + "/byEmail/_count?email=none", ""},
		}},
		"metadata": {steps: []step{
			{"GET", "/profileAndServicesExt/resourceType/profile", ""}, {"GET", "/profileAndServicesExt/resourceType/profile/filters", ""},
			{"GET", "/profileAndServicesExt/resourceType/cusNothing", ""}, {"POST", "/profileAndServicesExt/resourceType/profile", "{}"},
		}},
		"faults":      {steps: faults(create)},
		"faults-v8":   {campaigntest.Options{V8: true}, faults(create)},
		"faults-json": {campaigntest.Options{JSONErrors: true}, faults(create)[:3]},
	} {
		t.Run(name, func(t *testing.T) {
			at := time.Date(2026, 1, 2, 3, 4, 5, 6_000_000, time.UTC)
			tc.opt.Now = func() time.Time { return at }
			s := open(t, tc.opt)
			var b strings.Builder
			for _, st := range tc.steps {
				status, text := s.do(t, st.method, st.path, st.body)
				fmt.Fprintf(&b, "%s %s %s\n%d\n%s\n\n", st.method, st.path, st.body, status, indented(text))
			}
			compare(t, name+".txt", masked(b.String()))
		})
	}
}

// faults are the permanent faults of records, each with HTTP 500 or 404 and a text.
func faults(create step) []step {
	post := func(body string) step { return step{"POST", profiles, body} }
	return []step{
		create, create, post(`{"gender":"invalid"}`), post(`{"gender":1}`), post(`{"age":4}`), post(`{"shoeSize":4}`),
		post(`{"firstName":"` + strings.Repeat("é", 31) + `"}`), post(`{"firstName":5}`), post(`{"birthDate":"1990-02-03T00:00:00Z"}`),
		post(`{"birthDate":"03.02.1990"}`), post(`{"blackList":"yes"}`), post(`{"location":{"zip":"1"}}`), post(`[1]`), post(``),
		{"PATCH", profiles + "/k", `{"externalId":"other"}`}, {"PATCH", profiles + "/k", `{"gender":"invalid"}`},
		{"GET", profiles + "/@O5iRp40EGA", ""}, {"PATCH", profiles + "/nobody", `{}`}, {"GET", "/nowhere/at/all", ""},
		{"GET", "/customResources/profile", ""}, {"PUT", profiles + "/k", `{}`}, {"GET", "/profileAndServices/profile/k", ""},
		{"GET", profiles + "?_lineCount=many", ""}, {"GET", profiles + "?_lineStart=@forged", ""},
	}
}

func indented(text string) string {
	var b bytes.Buffer
	if json.Indent(&b, []byte(text), "", "  ") != nil {
		return text
	}
	return strings.TrimSpace(b.String())
}

func masked(text string) string {
	text = regexp.MustCompile(`127\.0\.0\.1:\d+`).ReplaceAllString(text, "HOST")
	return regexp.MustCompile(`@[A-Za-z0-9_-]{27}\b-?`).ReplaceAllString(regexp.MustCompile(`%40[A-Za-z0-9_-]{27}`).ReplaceAllString(text, "%40PKEY"), "@PKEY")
}

func compare(t *testing.T, file, got string) {
	t.Helper()
	path := filepath.Join("testdata", file)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (run the test with -update when that is meant):\n%s", file, diff)
	}
}
