package dynamics

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	rowOne   = "0a000000-0000-4000-8000-000000000001"
	rowTwo   = "0a000000-0000-4000-8000-000000000002"
	rowThree = "0a000000-0000-4000-8000-000000000003"
)

// The files were written by hand, after the samples of the vendor's documentation: CRLF everywhere, a blank line behind
// the headers of the part and of the request, and one for the body of a GET.
func TestBatchIsFramedAsTheVendorSays(t *testing.T) {
	for file, tc := range map[string]struct {
		boundary   string
		operations []operation
	}{
		"create-rows": {"batch_80dd1615-2a10-428a-bb6f-0e559792721f", []operation{
			createRows("adobe_emailopens", []byte(`{"Targets":[{"@odata.type":"Microsoft.Dynamics.CRM.adobe_emailopen","activityid":"`+rowOne+`","subject":"One"}]}`)),
			createRow("adobe_emailsends", rowTwo, []byte(`{"subject":"Two"}`)),
		}},
		"change-rows": {"batch_431faf5a-f979-4ee6-a374-d242f8962d41", []operation{
			changeRow("contacts", rowOne, `W/"77180907"`, []byte(`{"donotemail":true}`)),
			changeRow("contacts", rowTwo, "*", []byte(`{"donotemail":false}`)),
			lookAt("contacts", rowThree, "contactid"),
		}},
	} {
		t.Run(file, func(t *testing.T) {
			want, err := os.ReadFile(filepath.Join("testdata", "batch", file+".http"))
			if err != nil {
				t.Fatal(err)
			}
			got := encodeBatch(tc.boundary, tc.operations)
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Error(diff)
			}
			if strings.Contains(strings.ReplaceAll(string(got), "\r\n", ""), "\n") {
				t.Error("a line ends with a bare LF")
			}
		})
	}
}

func TestBoundariesDiffer(t *testing.T) {
	if a, b := newBoundary(), newBoundary(); a == b || !strings.HasPrefix(a, "batch_") || len(a) > 70 {
		t.Errorf("%s, %s", a, b)
	}
}

// The answers of the vendor's documentation, and what is left of them on a bad line.
func TestBatchAnswers(t *testing.T) {
	const boundary = "batchresponse_f44bd09d-573f-4a30-bca0-2e500ee7e139"
	for file, want := range map[string]string{
		"continue-on-error":   "400 0x80044331, 204, 204",
		"line-feeds":          "400 0x80044331, 204, 204",
		"stopped":             "204, 400 0x80044331",
		"no-closing-boundary": "400 0x80044331, 204",
		"cut-in-a-success":    "400 0x80044331, 200",
		"cut-in-an-error":     "204",
		"cut-in-a-header":     "204, 204",
		"cut-in-a-boundary":   "204",
		"change-set":          "204, 204, 200",
		"change-set-error":    "400 0x80044331",
		"throttled-part":      "204, 429 0x80072326",
		"no-blank-line":       "204, 204",
		"nonsense-between":    "204, 0, 400 0x80044331",
		"gateway":             "",
		"empty":               "",
	} {
		t.Run(file, func(t *testing.T) {
			body, err := os.ReadFile(filepath.Join("testdata", "answers", file+".http"))
			if err != nil {
				t.Fatal(err)
			}
			for _, contentType := range []string{"multipart/mixed; boundary=" + boundary, `multipart/mixed;boundary="` + boundary + `"`, "", "text/plain"} {
				var got []string
				for _, answer := range parseBatch(contentType, body) {
					text := fmt.Sprint(answer.Status)
					if code := parseErrorCode(answer); code != 0 {
						text += fmt.Sprintf(" 0x%08x", code)
					}
					got = append(got, text)
				}
				if strings.Join(got, ", ") != want {
					t.Errorf("%q: %s, want %s", contentType, strings.Join(got, ", "), want)
				}
			}
		})
	}
}

// The longest pause that a part asks for counts.
func TestPauseOfABatch(t *testing.T) {
	body, err := os.ReadFile(filepath.Join("testdata", "answers", "throttled-part.http"))
	if err != nil {
		t.Fatal(err)
	}
	longer := bytes.ReplaceAll(body, []byte("Retry-After: 7"), []byte("Retry-After: 30"))
	answers := append(parseBatch("", body), parseBatch("", longer)...)
	if after, asked := pauseOf(answers); !asked || after != 30*time.Second {
		t.Errorf("%v, %v", after, asked)
	}
	if _, asked := pauseOf(answers[:1]); asked {
		t.Error("a success asks for a pause")
	}
}

// Whatever comes, the parser ends, and what it makes of it are answers.
func FuzzBatchAnswers(f *testing.F) {
	files, err := filepath.Glob(filepath.Join("testdata", "answers", "*.http"))
	if err != nil || len(files) == 0 {
		f.Fatal("no examples", err)
	}
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add("multipart/mixed; boundary=batchresponse_f44bd09d-573f-4a30-bca0-2e500ee7e139", body)
		f.Add("", body)
	}
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		for _, answer := range parseBatch(contentType, body) {
			if answer == nil || answer.Header == nil || answer.Status < 0 || answer.Status > 999 {
				t.Fatalf("%+v", answer)
			}
			_ = isThrottled(answer)
			_, _ = parseError(answer).missingRow()
		}
	})
}
