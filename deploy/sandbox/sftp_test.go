package sandbox_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/causeway-sync/causeway/deploy/sandbox"
	"github.com/causeway-sync/causeway/pkg/exportfile"
	"github.com/causeway-sync/causeway/pkg/record"
)

// An opt-out that somebody sets at Campaign's console comes out of the export file, over SFTP.
func TestAnOptOutComesOverSFTP(t *testing.T) {
	dir := t.TempDir()
	s := serve(t, sandbox.Config{Contacts: 1, Seed: 1, SFTP: "127.0.0.1:0", Files: dir})
	if err := s.Campaign.Put("profile", map[string]any{"externalId": "k1"}); err != nil {
		t.Fatal(err)
	}
	console := strings.TrimSuffix(s.CampaignConfig().URL, sandbox.Organisation) + "_sandbox/"
	post(t, console+"profiles/k1", `{"blackListEmail":true}`, http.StatusOK)
	post(t, console+"profiles/nobody", `{"blackListEmail":true}`, http.StatusBadRequest)
	var done struct {
		File string
		Rows int
	}
	if err := json.Unmarshal(post(t, console+"export", ``, http.StatusOK), &done); err != nil || done.Rows != 1 {
		t.Fatalf("exported %+v, %v", done, err)
	}
	client, err := exportfile.New(s.SFTPConfig())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	format := exportfile.Format{Values: map[string]string{"blackListEmail": "blackListEmail"}, Times: map[string]string{"blackListEmail": "blackListEmailChanged"}}
	if findings := client.Check(t.Context(), format); len(findings) > 0 {
		t.Fatal(findings)
	}
	page := read(t, client.Source(exportfile.SourceConfig{Format: format, Settle: time.Nanosecond, Every: time.Nanosecond}))
	var got exportfile.Data
	if err := json.Unmarshal(page.Records[0].Data, &got); err != nil {
		t.Fatal(err)
	}
	changed := s.Campaign.OptOutTimes("k1")["blackListEmail"]
	if page.Records[0].Key != "k1" || !got.Values["blackListEmail"] || changed.IsZero() || !got.Times["blackListEmail"].Equal(changed) {
		t.Errorf("got %+v, changed at %s", got, changed)
	}

	post(t, console+"sftp", `{"refuseAuth":true,"cut":true}`, http.StatusNoContent)
	for range 2 { // the first finds the connection cut
		if findings := client.Check(t.Context(), format); len(findings) == 0 {
			t.Error("nothing is found while nobody is let in")
		}
	}
	post(t, console+"sftp", `{"nonsense":1}`, http.StatusBadRequest)
	if _, err := os.Stat(filepath.Join(dir, "client_key")); err != nil {
		t.Error("the key of an own folder must stay:", err)
	}
}

// read reads until records come.
func read(t *testing.T, source *exportfile.Source) record.Page {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	var at record.Position
	for {
		page, err := source.Read(ctx, at)
		if err != nil {
			t.Fatal(err)
		}
		if at = page.Next; len(page.Records) > 0 {
			return page
		}
	}
}

func post(t *testing.T, url, body string, want int) []byte {
	t.Helper()
	response, err := http.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	var text bytes.Buffer
	_, _ = text.ReadFrom(response.Body)
	if response.StatusCode != want {
		t.Fatalf("%s: %s, %s", url, response.Status, text.String())
	}
	return text.Bytes()
}
