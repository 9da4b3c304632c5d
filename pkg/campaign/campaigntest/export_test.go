package campaigntest_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/causeway-sync/causeway/pkg/campaign/campaigntest"
)

// exporting is a Campaign with a folder for its files and a clock that the test moves.
func exporting(t *testing.T) (s *site, folder string, clock *time.Time) {
	folder = t.TempDir()
	now := time.Date(2026, 1, 2, 3, 4, 5, 678_900_000, time.UTC)
	s = open(t, campaigntest.Options{Exports: folder, Now: func() time.Time { return now }})
	return s, folder, &now
}

func export(t *testing.T, s *site, body string) campaigntest.Export {
	t.Helper()
	status, text := s.do(t, "POST", "/_sandbox/export", body)
	var done campaigntest.Export
	if err := json.Unmarshal([]byte(text), &done); err != nil || status != 200 {
		t.Fatalf("export: %d %s", status, text)
	}
	return done
}

func lines(t *testing.T, folder, name string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, name))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(string(text), "\n")
}

func TestExportHoldsWhatChangedSinceTheLast(t *testing.T) {
	s, folder, clock := exporting(t)
	s.object(t, "POST", profiles, `{"externalId":"b","blackListEmail":true,"blackListFax":false}`)
	s.object(t, "POST", profiles, `{"externalId":"c","firstName":"Anna"}`)
	s.object(t, "POST", profiles, `{"email":"no key","blackList":true}`)
	*clock = clock.Add(time.Minute)
	s.object(t, "POST", "/_sandbox/profiles/c", `{"ccpaOptOut":true}`)
	s.object(t, "PATCH", profiles+"/b", `{"blackListEmail":true,"firstName":"Bo"}`) // changes no opt-out
	done := export(t, s, ``)
	if done.File != "optout_20260102_030505_001.csv" || done.Rows != 2 {
		t.Errorf("got %+v", done)
	}
	want := []string{
		"externalId,blackList,blackListChanged,blackListEmail,blackListEmailChanged,blackListFax,blackListFaxChanged,blackListMobile,blackListMobileChanged," +
			"blackListPhone,blackListPhoneChanged,blackListPostalMail,blackListPostalMailChanged,blackListPushnotification,blackListPushnotificationChanged,ccpaOptOut,ccpaOptOutChanged",
		"b,false,,true,2026-01-02 03:04:05.678Z,false,2026-01-02 03:04:05.678Z,false,,false,,false,,false,,false,",
		"c,false,,false,,false,,false,,false,,false,,false,,true,2026-01-02 03:05:05.678Z",
		"",
	}
	if diff := cmp.Diff(want, lines(t, folder, done.File)); diff != "" {
		t.Error(diff)
	}
	if done = export(t, s, ``); done.Rows != 0 || len(lines(t, folder, done.File)) != 2 {
		t.Errorf("nothing has changed, and %+v", done)
	}
	*clock = clock.Add(time.Minute)
	s.object(t, "PATCH", profiles+"/b", `{"blackListEmail":null}`)
	s.do(t, "DELETE", profiles+"/c", "")
	if done = export(t, s, ``); done.Rows != 1 || !strings.HasPrefix(lines(t, folder, done.File)[1], "b,false,,false,2026-01-02 03:06:05.678Z,") {
		t.Errorf("%+v: %q", done, lines(t, folder, done.File))
	}
	if got := s.sim.OptOutTimes("b")["blackListEmail"]; got.Format("15:04:05.000") != "03:06:05.678" || len(s.sim.OptOutTimes("nobody")) > 0 {
		t.Errorf("changed at %s", got)
	}
}

func TestTheConsoleIsNoCallOfTheEngine(t *testing.T) {
	s, _, _ := exporting(t)
	s.object(t, "POST", profiles, `{"externalId":"k"}`)
	calls, writes := s.sim.EngineCalls(), s.sim.WriteCount()
	shown := s.object(t, "POST", "/_sandbox/profiles/k", `{"blackList":true}`)
	if diff := cmp.Diff(map[string]any{"fields": map[string]any{"externalId": "k", "blackList": true}, "changed": map[string]any{"blackList": "2026-01-02T03:04:05.678Z"}}, shown); diff != "" {
		t.Error(diff)
	}
	for path, body := range map[string]string{"/k": `{"blackList":"perhaps"}`, "/nobody": `{"blackList":true}`, "/k?": `{"externalId":"other"}`, "/k??": `{"noSuch":1}`, "/k???": `[]`} {
		if status, text := s.do(t, "POST", "/_sandbox/profiles"+path, body); status != 400 {
			t.Errorf("%s %s: %d %s", path, body, status, text)
		}
	}
	if status, _ := s.do(t, "GET", "/_sandbox/profiles/nobody", ""); status != 404 {
		t.Errorf("nobody is found: %d", status)
	}
	if s.sim.EngineCalls() != calls || s.sim.WriteCount() != writes {
		t.Errorf("calls %+v, before %+v", s.sim.EngineCalls(), calls)
	}
}

func TestExportsThatGoWrong(t *testing.T) {
	s, folder, _ := exporting(t)
	for i := range 30 {
		if err := s.sim.Put("profile", map[string]any{"externalId": fmt.Sprint("k", i), "blackList": true}); err != nil {
			t.Fatal(err)
		}
	}
	done := export(t, s, `{"broken":0.1,"part":0.5}`)
	if diff := cmp.Diff([]int{11, 21, 31}, done.Broken); diff != "" || done.Rows != 30 || done.Bytes*2 > done.Size || done.Bytes == 0 {
		t.Errorf("%+v\n%s", done, diff)
	}
	if all := lines(t, folder, done.File); len(all) > 17 || all[len(all)-1] == "" {
		t.Errorf("%d lines, the last %q", len(all), all[len(all)-1])
	}
	export(t, s, `{"finish":"`+done.File+`"}`)
	all := lines(t, folder, done.File)
	if len(all) != 32 || !strings.Contains(all[10], ",yesterday,") || !strings.HasPrefix(all[20], ",") || !strings.Contains(all[30], ",perhaps,") {
		t.Errorf("%q", all)
	}
	if status, _ := s.do(t, "POST", "/_sandbox/export", `{"finish":"`+done.File+`"}`); status != 409 {
		t.Errorf("finished twice: %d", status)
	}
	if status, _ := s.do(t, "POST", "/_sandbox/export", `{"nonsense":1}`); status != 400 {
		t.Errorf("nonsense: %d", status)
	}
	if _, err := campaigntest.New(campaigntest.Options{}).Export(campaigntest.ExportOptions{}); err == nil {
		t.Error("exported without a folder")
	}
}

func TestFilterByLastModified(t *testing.T) {
	s, _, clock := exporting(t)
	for _, key := range []string{"a", "b", "c"} {
		s.object(t, "POST", profiles, `{"externalId":"`+key+`"}`)
		*clock = clock.Add(time.Second)
	}
	s.object(t, "PATCH", profiles+"/a", `{"firstName":"A"}`)
	for since, want := range map[string]string{
		"1970-01-01 00:00:00.000Z": "b c a", "2026-01-02 03:04:06.678Z": "b c a", "2026-01-02 03:04:06.679Z": "c a", "2026-01-02 03:04:09.000Z": "", "soon": "",
	} {
		list := s.object(t, "GET", profiles+"/byLastModified?_order=lastModified&since_parameter="+strings.ReplaceAll(since, " ", "%20"), "")
		var got []string
		for _, row := range list["content"].([]any) {
			got = append(got, row.(map[string]any)["externalId"].(string))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("since %s: %v, want %s", since, got, want)
		}
	}
}
