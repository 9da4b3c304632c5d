package config_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// connectionFaults are the places of all faults of an edit.
func connectionFaults(t *testing.T, n config.ConnectionName, document string, stored config.StoredConnection) []string {
	t.Helper()
	edit, err := config.DecodeConnection(n, []byte(document))
	faults := config.Faults{}
	if err == nil {
		faults = edit.Validate(n, stored)
	} else if !errors.As(err, &faults) {
		t.Fatal(err)
	}
	places := []string{}
	for _, f := range faults {
		if f.Problem == "" || f.Fix == "" {
			t.Errorf("%s: %+v does not say what to do", document, f)
		}
		places = append(places, f.Path)
	}
	return places
}

func TestConnectionFaults(t *testing.T) {
	const pemKey = "-----BEGIN PRIVATE KEY-----\\nMC4=\\n-----END PRIVATE KEY-----"
	for name, c := range map[string]struct {
		of       config.ConnectionName
		document string
		want     []string
	}{
		"nothing removes":        {"dynamics", `{}`, []string{}},
		"whole":                  {"dynamics", `{"url":"https://contoso.crm4.dynamics.com","tenant":"contoso","clientId":"a","clientSecret":"b"}`, []string{}},
		"own token endpoint":     {"dynamics", `{"url":"http://127.0.0.1:8365/","tokenUrl":"http://127.0.0.1:8365/t","clientId":"a","clientSecret":"b"}`, []string{}},
		"all missing":            {"dynamics", `{"url":"x"}`, []string{"url", "tenant", "clientId", "clientSecret"}},
		"no such setting":        {"dynamics", `{"url":"https://x","orgId":"1"}`, []string{"orgId"}},
		"wrong kinds":            {"dynamics", `{"url":7,"clientSecret":true}`, []string{"clientSecret", "url"}},
		"no object":              {"dynamics", `[]`, []string{""}},
		"no JSON":                {"dynamics", `{`, []string{""}},
		"password in an address": {"dynamics", `{"url":"https://a:b@x","tenant":"t","clientId":"a","clientSecret":"b"}`, []string{"url"}},
		"line break":             {"dynamics", `{"url":"https://x","tenant":"t","clientId":"a\u0000b","clientSecret":"b"}`, []string{"clientId"}},
		"campaign":               {"campaign", `{"url":"https://mc.adobe.io/acme","clientId":"a","clientSecret":"b","lookup":"filter","filter":"byKey"}`, []string{}},
		"campaign, no org":       {"campaign", `{"url":"https://mc.adobe.io","clientId":"a","clientSecret":"b","lookup":"magic","filter":"a.b"}`, []string{"lookup", "url", "filter"}},
		"journal asks for org":   {"campaign", `{"url":"https://mc.adobe.io/acme","clientId":"a","clientSecret":"b","journalUrl":"https://events.adobe.io/e/1"}`, []string{"orgId"}},
		"journal of nothing":     {"campaign", `{"url":"https://mc.adobe.io/acme","orgId":"o","clientId":"a","clientSecret":"b","journalUrl":"https://events.adobe.io/"}`, []string{"journalUrl"}},
		"sftp":                   {"sftp", `{"addr":"files.example.com","user":"u","key":"` + pemKey + `","hostKey":"ssh-ed25519 AAAA"}`, []string{}},
		"sftp, all wrong":        {"sftp", `{"addr":"sftp://x/","key":"ssh-ed25519 AAAA me","hostKey":"AAAA"}`, []string{"addr", "user", "key", "hostKey"}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, connectionFaults(t, c.of, c.document, config.StoredConnection{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestSecretsAreKept: what a GET shows can be sent back and keeps the secret, an address asks for it again, and an empty
// text is missing rather than a silent removal.
func TestSecretsAreKept(t *testing.T) {
	first, err := config.DecodeConnection("dynamics", []byte(`{"url":"https://one.example.com","tenant":"t","clientId":"a","clientSecret":" s3cret \n"}`))
	if err != nil {
		t.Fatal(err)
	}
	var purpose, sealed string
	seal := func(p, s string) (string, error) { purpose, sealed = p, s; return "SEALED", nil }
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	stored, err := first.Apply("dynamics", config.StoredConnection{}, now, seal)
	if err != nil || sealed != "s3cret" || purpose != stored.Purpose("dynamics", "clientSecret") {
		t.Fatalf("sealed %q for %q: %v", sealed, purpose, err)
	}
	shown, err := json.Marshal(stored.Shown("dynamics"))
	if err != nil || strings.Contains(string(shown), "SEALED") || !strings.Contains(string(shown), `"clientSecret":{"set":true,"setAt":"2026-03-01T12:00:00Z"}`) {
		t.Fatalf("shown %s: %v", shown, err)
	}
	if got := connectionFaults(t, "dynamics", string(shown), stored); len(got) > 0 {
		t.Errorf("what was shown has faults at %v", got)
	}
	again, err := config.DecodeConnection("dynamics", shown)
	if err != nil {
		t.Fatal(err)
	}
	next, err := again.Apply("dynamics", stored, now.Add(time.Hour), func(string, string) (string, error) { t.Error("sealed again"); return "", nil })
	if err != nil || cmp.Diff(stored, next) != "" {
		t.Errorf("it changed: %v %s", err, cmp.Diff(stored, next))
	}
	for document, want := range map[string][]string{
		strings.Replace(string(shown), "one.example", "two.example", 1):                                         {"clientSecret"},
		`{"url":"https://one.example.com","tenant":"t","clientId":"a","clientSecret":"","tokenUrl":""}`:         {"clientSecret"},
		`{"url":"https://one.example.com","tenant":"t","clientId":"a","tokenUrl":"https://evil.example.com/t"}`: {"clientSecret"},
		`{"url":"https://ONE.example.com/","tenant":"other","clientId":"b"}`:                                    {},
		`{"url":"https://two.example.com","tenant":"t","clientId":"a","clientSecret":"new"}`:                    {},
		`{"clientSecret":""}`: {},
	} {
		if diff := cmp.Diff(want, connectionFaults(t, "dynamics", document, stored)); diff != "" {
			t.Errorf("%s: %s", document, diff)
		}
	}
}

func TestConnectionChangesHoldNoValue(t *testing.T) {
	before := config.StoredConnection{Settings: map[string]string{"url": "https://a", "tenant": "t"}, Secrets: map[string]config.SealedSecret{"clientSecret": {Sealed: "x"}}}
	after := config.StoredConnection{Settings: map[string]string{"url": "https://b", "clientId": "c"}, Secrets: map[string]config.SealedSecret{"clientSecret": {Sealed: "y"}}}
	want := []string{"dynamics.url changed", "dynamics.tenant removed", "dynamics.clientId set", "dynamics.clientSecret changed"}
	if diff := cmp.Diff(want, config.ConnectionChanges("dynamics", before, after)); diff != "" {
		t.Error(diff)
	}
}

func TestConnectionsOfWorkflows(t *testing.T) {
	files := config.DefaultOptInOut()
	files.Direction = config.CampaignToDynamics
	for _, c := range []struct {
		id   workflow.ID
		doc  config.Document
		want []config.ConnectionName
	}{
		{workflow.Ingress, config.DefaultIngress(), []config.ConnectionName{"dynamics", "campaign"}},
		{workflow.Egress, config.DefaultEgress(), []config.ConnectionName{"dynamics", "campaign"}},
		{workflow.OptInOut, files, []config.ConnectionName{"dynamics", "campaign", "sftp"}},
	} {
		if c.id == workflow.OptInOut && !files.ReadsFiles() {
			t.Fatal("the default does not read files: the case proves nothing")
		}
		if diff := cmp.Diff(c.want, config.ConnectionsOf(c.id, c.doc)); diff != "" {
			t.Errorf("%s: %s", c.id, diff)
		}
	}
}

// FuzzDecodeConnection: nothing that is sent is kept under a name that is no setting, and what passes is no longer than
// its bounds.
func FuzzDecodeConnection(f *testing.F) {
	f.Add("dynamics", `{"url":"https://x","clientSecret":{"set":true}}`)
	f.Add("sftp", `{"key":"-----BEGIN","hostKey":null}`)
	f.Fuzz(func(t *testing.T, name, document string) {
		n := config.ConnectionName(name)
		edit, err := config.DecodeConnection(n, []byte(document))
		if err != nil {
			return
		}
		secret := map[string]bool{}
		for _, setting := range config.ConnectionSettings(n) {
			secret[setting.Name] = setting.Secret
		}
		for name := range edit.Settings {
			if is, known := secret[name]; !known || is {
				t.Errorf("%q was taken as an open setting", name)
			}
		}
		for name := range edit.Secrets {
			if !secret[name] {
				t.Errorf("%q was taken as a secret", name)
			}
		}
		edit.Validate(n, config.StoredConnection{})
	})
}
