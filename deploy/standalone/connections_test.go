package standalone_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/causeway-sync/causeway/deploy/sandbox"
	"github.com/causeway-sync/causeway/deploy/standalone"
	"github.com/causeway-sync/causeway/pkg/campaign/campaigntest"
	"github.com/causeway-sync/causeway/pkg/catalog"
	"github.com/causeway-sync/causeway/pkg/remote/remotetest"
	"github.com/causeway-sync/causeway/pkg/workflow"
	"github.com/causeway-sync/causeway/services/admin/backend"
)

// journal keeps what is logged.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) Sync() error { return nil }

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// bare is the product without any connection, beside the simulated systems.
func bare(t *testing.T) (*product, *sandbox.Sandbox, *journal) {
	t.Helper()
	systems, err := sandbox.Listen(t.Context(), sandbox.Config{Contacts: 300, Dynamics: "127.0.0.1:0", Campaign: "127.0.0.1:0", SFTP: "127.0.0.1:0",
		Files: filepath.Join(t.TempDir(), "files"), Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	logged := &journal{}
	log := zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), logged, zap.DebugLevel))
	listener := listen(t)
	cfg := standalone.Config{Data: t.TempDir(), AllowTemporary: true, HTTPListener: listener, Version: "test", Log: log}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := systems.Serve(ctx); err != nil {
			t.Errorf("the simulated systems ended with %v", err)
		}
	})
	running.Go(func() {
		if err := standalone.Run(ctx, cfg); err != nil {
			t.Errorf("the process ended with %v", err)
		}
	})
	t.Cleanup(func() { cancel(); running.Wait() })
	return &product{t: t, base: "http://" + listener.Addr().String()}, systems, logged
}

// put stores a connection on top of whatever is stored.
func (p *product) put(name string, document any) {
	p.t.Helper()
	body, err := json.Marshal(document)
	if err != nil {
		p.t.Fatal(err)
	}
	p.replace("/connections/"+name, body)
}

// replace stores a document on top of whatever is stored.
func (p *product) replace(path string, body []byte) {
	p.t.Helper()
	request, err := http.NewRequest("PUT", p.base+"/api/v1"+path, bytes.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	request.Header.Set("If-Match", "*")
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		p.t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != 200 {
		p.t.Fatalf("PUT %s: %s", path, response.Status)
	}
}

func (p *product) try(name string, draft any) catalog.TestReport {
	p.t.Helper()
	var body []byte
	if draft != nil {
		body, _ = json.Marshal(draft)
	}
	var report catalog.TestReport
	p.call("POST", "/connections/"+name+"/test", body, 200, &report)
	return report
}

// wants fails the test unless exactly the named step is the one that failed; "" for none.
func wants(t *testing.T, what string, report catalog.TestReport, failed string) {
	t.Helper()
	at := slices.IndexFunc(report.Steps, func(s catalog.TestStep) bool { return !s.OK })
	switch {
	case failed == "" && (!report.OK || at >= 0 || len(report.Steps) < 3):
		t.Errorf("%s: %+v", what, report)
	case failed != "" && (report.OK || at < 0 || report.Steps[at].Name != failed || report.Steps[at].Fix == ""):
		t.Errorf("%s: want %s to fail with a fix: %+v", what, failed, report)
	}
}

// documents are the connections to the simulated systems.
func documents(systems *sandbox.Sandbox) (dynamics, campaign, files map[string]string) {
	d, c, f := systems.DynamicsConfig(), systems.CampaignConfig(), systems.SFTPConfig()
	return map[string]string{"url": d.URL, "tokenUrl": d.TokenURL, "tenant": d.Tenant, "clientId": d.ClientID, "clientSecret": d.ClientSecret},
		map[string]string{"url": c.URL, "tokenUrl": c.TokenURL, "orgId": c.OrgID, "clientId": c.ClientID, "clientSecret": c.ClientSecret, "journalUrl": c.JournalURL},
		map[string]string{"addr": f.Addr, "user": f.User, "key": string(f.Key), "hostKey": f.HostKey, "folder": f.Folder}
}

// TestServicesOfOneProcessWaitTogether: they are one user to Dynamics, and what one was asked for counts for the others (invariant 10).
func TestServicesOfOneProcessWaitTogether(t *testing.T) {
	p, systems, _ := bare(t)
	dynamics, campaign, files := documents(systems)
	for name, document := range map[string]any{"dynamics": dynamics, "campaign": campaign, "sftp": files} {
		p.put(name, document)
	}
	var stored map[string]any
	p.call("GET", "/workflows/egress/config", nil, 200, &stored)
	stored["events"] = map[string]any{"send": true, "open": true, "click": true, "bounce": true}
	body, err := json.Marshal(stored)
	if err != nil {
		t.Fatal(err)
	}
	p.replace("/workflows/egress/config", body)
	egress := func() (v workflow.View) { p.call("GET", "/workflows/egress", nil, 200, &v); return v }
	p.until("starts are enabled", func(v workflow.View) bool { return v.Actions.Start.Enabled && egress().Actions.Start.Enabled })
	for _, id := range []string{"ingress", "egress"} {
		p.call("POST", "/workflows/"+id+"/start", nil, 202, nil)
	}
	p.until("both are at work", func(v workflow.View) bool {
		return v.Status == workflow.Running && len(v.Loads) == 0 && v.Counters.Read >= 300 && v.Backlog == 0 && egress().Status == workflow.Running
	})
	stats := systems.Dynamics.Stats()
	stop := systems.Dynamics.Inject(remotetest.Fault{Kind: remotetest.Throttle, Rate: 1, RetryAfter: 5})
	asked := stats.Get(remotetest.Throttled)
	p.until("ingress is asked for a pause", func(workflow.View) bool { return stats.Get(remotetest.Throttled) > asked })
	asked = stats.Get(remotetest.Throttled)
	// Meanwhile there is something to write for the other one, later than what was on its way already.
	<-time.After(time.Second)
	if _, err := systems.Campaign.AppendEvents(campaigntest.EventBatch{Count: 20}); err != nil {
		t.Fatal(err)
	}
	p.until("egress has read them", func(workflow.View) bool { return egress().Backlog > 0 })
	p.until("the pause is over, and another was asked for", func(workflow.View) bool { return stats.Get(remotetest.Throttled) > asked })
	stop()
	p.until("they are written", func(workflow.View) bool { v := egress(); return v.Counters.Written >= 20 && v.Backlog == 0 })
	if n := stats.Get(remotetest.DuringRetryAfter); n != 0 {
		t.Errorf("%d requests came inside a Retry-After", n)
	}
}

// TestConnectionsFromNothing: an empty installation is connected over its API, tested, started, edited while it runs and
// started again; its secrets are in no log line, answer or metric.
func TestConnectionsFromNothing(t *testing.T) {
	p, systems, logged := bare(t)
	d, c, f := systems.DynamicsConfig(), systems.CampaignConfig(), systems.SFTPConfig()
	dynamics, campaign, files := documents(systems)
	with := func(document map[string]string, name, value string) map[string]string {
		changed := map[string]string{name: value}
		for n, v := range document {
			if n != name {
				changed[n] = v
			}
		}
		return changed
	}

	p.until("a start without connections is disabled", func(v workflow.View) bool {
		return !v.Actions.Start.Enabled && strings.Contains(v.Actions.Start.Reason, "not set up")
	})
	p.call("POST", "/workflows/ingress/start", nil, 409, nil)

	wants(t, "nothing is stored", p.try("dynamics", nil), "Settings")
	wants(t, "a wrong secret", p.try("dynamics", with(dynamics, "clientSecret", "wrong-and-secret")), "Sign-in")
	wants(t, "a wrong organisation", p.try("campaign", with(campaign, "url", strings.Replace(c.URL, "/sandbox", "/other", 1))), "Organisation")
	wants(t, "a journal that is not there", p.try("campaign", with(campaign, "journalUrl", strings.Replace(c.JournalURL, "/events", "/eventless", 1))), "Journal")
	report := p.try("sftp", with(files, "hostKey", ""))
	wants(t, "no host key", report, "Host key")
	if last := report.Steps[len(report.Steps)-1]; !strings.Contains(last.Fix, f.HostKey) {
		t.Errorf("the presented host key is not shown: %+v", last)
	}
	wants(t, "a wrong user", p.try("sftp", with(files, "user", "nobody")), "User")
	wants(t, "a wrong folder", p.try("sftp", with(files, "folder", "elsewhere")), "Folder")
	for name, document := range map[string]any{"dynamics": dynamics, "campaign": campaign, "sftp": files} {
		wants(t, "the draft of "+name, p.try(name, document), "")
		p.put(name, document)
		wants(t, "stored "+name, p.try(name, nil), "")
	}

	p.until("a start is enabled", func(v workflow.View) bool { return v.Actions.Start.Enabled })
	p.call("POST", "/workflows/ingress/start", nil, 202, nil)
	p.until("all contacts are written", func(v workflow.View) bool { return v.Counters.Written >= 300 && v.Backlog == 0 && !v.RestartRequired })
	wants(t, "a lookup that is not there", p.try("campaign", with(with(campaign, "lookup", "filter"), "filter", "byNothing")), "Lookup")
	p.put("campaign", with(with(campaign, "journalUrl", ""), "clientSecret", c.ClientSecret))
	p.until("the edit awaits a restart", func(v workflow.View) bool {
		return v.RestartRequired && slices.Contains(v.PendingChanges, "connection campaign changed") && v.Status == workflow.Running
	})
	p.call("POST", "/workflows/ingress/stop", nil, 202, nil)
	p.until("it stops", func(v workflow.View) bool { return v.Status == workflow.Stopped && v.Actions.Start.Enabled })
	p.call("POST", "/workflows/ingress/start", nil, 202, nil)
	p.until("it runs on what is stored", func(v workflow.View) bool { return v.Status == workflow.Running && !v.RestartRequired })

	p.put("dynamics", with(dynamics, "clientSecret", "wrong-and-secret"))
	p.call("POST", "/workflows/ingress/stop", nil, 202, nil)
	p.until("it stops again", func(v workflow.View) bool { return v.Status == workflow.Stopped && v.Actions.Start.Enabled })
	p.call("POST", "/workflows/ingress/start", nil, 202, nil)
	p.until("the wrong secret is the reason", func(v workflow.View) bool {
		return v.Status == workflow.Failed && strings.Contains(v.Reason, "client secret is wrong")
	})

	var list backend.ConnectionList
	p.call("GET", "/connections", nil, 200, &list)
	shown, _ := json.Marshal(list)
	said := logged.String() + string(shown)
	for _, secret := range []string{d.ClientSecret, "wrong-and-secret", "PRIVATE KEY", "AGE-SECRET-KEY"} {
		if strings.Contains(said, secret) {
			t.Errorf("a secret was shown or logged: %s", secret)
		}
	}
	if !strings.Contains(said, "preflight passed") {
		t.Error("nothing was logged: the check proves nothing")
	}
}
