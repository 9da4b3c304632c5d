package crash

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/causeway-sync/causeway/deploy/internal/process"
	"github.com/causeway-sync/causeway/deploy/internal/sshd"
	"github.com/causeway-sync/causeway/deploy/sandbox"
	"github.com/causeway-sync/causeway/pkg/campaign/campaigntest"
	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/exportfile"
	"github.com/causeway-sync/causeway/pkg/remote/remotetest"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

var (
	people   = flag.Int("people", 400, "contacts with a profile, for the tests of opt-ins and opt-outs")
	openssh  = flag.Bool("openssh", false, "serve the export files with a real OpenSSH server")
	replayed = flag.Int("replayed", 1500, "contacts that ingress replays while somebody opts out")
)

// town is a world of people: contacts, each with a profile, who are opted in and out on both sides.
type town struct {
	*world
	ids    []string
	newest map[string]bool // newest statement by a person, of a contact's field
}

// consents are the columns and fields that are kept in step.
func consents() []config.OptOutMapping {
	return []config.OptOutMapping{{Column: "donotbulkemail", Field: "blackListEmail"}, {Column: "donotphone", Field: "blackListPhone"}, {Column: "donotpostalmail", Field: "blackListPostalMail"}}
}

func newTown(t *testing.T, contacts int, seed uint64, profiles bool) *town {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	systems, err := sandbox.Listen(ctx, sandbox.Config{Contacts: contacts, Dynamics: "127.0.0.1:0", Campaign: "127.0.0.1:0", SFTP: "127.0.0.1:0",
		Files: process.Folder(t, "."), Seed: seed})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- systems.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	d, c, f := systems.DynamicsConfig(), systems.CampaignConfig(), systems.SFTPConfig()
	keyFile := systems.SFTP().ClientKeyFile()
	if *openssh {
		f, keyFile = realFiles(t, systems.SFTP().Exports())
	}
	w := &world{Sandbox: systems, t: t, random: rand.New(rand.NewPCG(seed, 7)), env: []string{
		"CAUSEWAY_DYNAMICS_URL=" + d.URL, "CAUSEWAY_DYNAMICS_TOKEN_URL=" + d.TokenURL, "CAUSEWAY_DYNAMICS_TENANT=" + d.Tenant,
		"CAUSEWAY_DYNAMICS_CLIENT_ID=" + d.ClientID, "CAUSEWAY_DYNAMICS_CLIENT_SECRET=" + d.ClientSecret,
		"CAUSEWAY_CAMPAIGN_URL=" + c.URL, "CAUSEWAY_CAMPAIGN_TOKEN_URL=" + c.TokenURL,
		"CAUSEWAY_CAMPAIGN_CLIENT_ID=" + c.ClientID, "CAUSEWAY_CAMPAIGN_CLIENT_SECRET=" + c.ClientSecret,
		"CAUSEWAY_SFTP_ADDR=" + f.Addr, "CAUSEWAY_SFTP_USER=" + f.User, "CAUSEWAY_SFTP_KEY_FILE=" + keyFile,
		"CAUSEWAY_SFTP_HOST_KEY=" + f.HostKey, "CAUSEWAY_SFTP_FOLDER=" + f.Folder,
	}}
	town := &town{world: w, ids: systems.Dynamics.IDs("contact"), newest: map[string]bool{}}
	for _, id := range town.ids {
		if !profiles {
			break
		}
		if err := systems.Campaign.Put("profile", map[string]any{"externalId": id}); err != nil {
			t.Fatal(err)
		}
	}
	return town
}

// realFiles serves a folder with OpenSSH.
func realFiles(t *testing.T, folder string) (cfg exportfile.Config, keyFile string) {
	t.Helper()
	server := sshd.New(t, folder)
	server.Start()
	t.Cleanup(server.Stop)
	keyFile = filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(keyFile, server.Config.Key, 0o600); err != nil {
		t.Fatal(err)
	}
	return server.Config, keyFile
}

// state changes what n people say, on either side.
func (w *town) state(n int) {
	for range n {
		id, m, out := w.ids[w.random.IntN(len(w.ids))], consents()[w.random.IntN(len(consents()))], w.random.IntN(2) == 0
		if w.random.IntN(2) == 0 {
			row, _ := w.Dynamics.Row("contact", id)
			w.Dynamics.Put("contact", map[string]any{"contactid": id, m.Column: out})
			if row[m.Column] != out {
				w.newest[id+" "+m.Field] = out
			}
			continue
		}
		row, _ := w.Campaign.Find("profile", id)
		if err := w.Campaign.Edit("profile", id, map[string]any{m.Field: out}); err != nil {
			w.t.Fatal(err)
		}
		if was, _ := row[m.Field].(bool); was != out {
			w.newest[id+" "+m.Field] = out
		}
	}
}

// storm has both systems throttle, fail and cut off for a while.
func (w *town) storm(seconds float64) {
	for _, f := range []remotetest.Fault{
		{Kind: remotetest.Throttle, Rate: 0.05, Seconds: seconds, RetryAfter: 1}, {Kind: remotetest.Error, Rate: 0.02, Seconds: seconds, Status: 503},
		{Kind: remotetest.TimeoutAfterWrite, Rate: 0.02, Seconds: seconds}, {Kind: remotetest.Cut, Rate: 0.02, Seconds: seconds},
	} {
		w.Dynamics.Inject(f)
		w.Campaign.Faults().Inject(f)
	}
}

// export writes a file, where anything has changed.
func (w *town) export() {
	if w.Campaign.Unexported() == 0 {
		return
	}
	if _, err := w.Campaign.Export(campaigntest.ExportOptions{}); err != nil {
		w.t.Fatal(err)
	}
}

// apart names up to ten fields that the two sides do not say alike.
func (w *town) apart() []string {
	var found []string
	profiles := w.Campaign.Profiles()
	for id, row := range w.Dynamics.Rows("contact") {
		for _, m := range consents() {
			in, _ := row[m.Column].(bool)
			out, _ := profiles[id][m.Field].(bool)
			if in != out {
				if found = append(found, fmt.Sprintf("%s %s: Dynamics %v, Campaign %v", id, m.Field, in, out)); len(found) == 10 {
					return found
				}
			}
		}
	}
	return found
}

// lost names the newest statements that are opt-outs and do not hold.
func (w *town) lost() []string {
	var found []string
	profiles := w.Campaign.Profiles()
	for statement, out := range w.newest {
		id, field, _ := strings.Cut(statement, " ")
		if holds, _ := profiles[id][field].(bool); out && !holds {
			found = append(found, statement)
		}
	}
	return found
}

// configure stores the configuration of Opt In/Out.
func (a api) configure(doc *config.OptInOutDoc) error {
	data, err := config.Encode(doc)
	if err != nil {
		return err
	}
	path := a.base + "/api/v1/workflows/optinout/config"
	current, err := http.Get(path)
	if err != nil {
		return err
	}
	defer current.Body.Close()
	request, err := http.NewRequest(http.MethodPut, path, bytes.NewReader(data))
	if err != nil {
		return err
	}
	request.Header.Set("If-Match", current.Header.Get("ETag"))
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the configuration is refused with %s", response.Status)
	}
	return nil
}

func (a api) optinout() (view workflow.View, err error) {
	err = a.get("/api/v1/workflows/optinout", &view)
	return view, err
}

func (a api) startOptInOut() error {
	response, err := http.Post(a.base+"/api/v1/workflows/optinout/start", "application/json", nil)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusAccepted {
		return fmt.Errorf("the start is refused with %s", response.Status)
	}
	return nil
}

func bothWays() *config.OptInOutDoc {
	doc := config.DefaultOptInOut()
	doc.Direction, doc.Mappings = config.Bidirectional, consents()
	doc.Export.SettleSeconds = 1
	return doc
}

// TestCrashOfOptInOut kills the product, its NATS server included, while people opt in and out on both sides, files are
// exported, and both systems throttle, fail and cut connections. Both sides end equal, field by field, no opt-out that was
// the newest statement is lost, and then nothing more is written.
func TestCrashOfOptInOut(t *testing.T) {
	t.Logf("-seed %d", *seed)
	w := newTown(t, *people, *seed, true)
	address := process.FreeAddress(t)
	a := api{t, "http://" + address}
	p := process.New(t, binary(t, "standalone"), w.env, "--allow-temporary-data", "--data", process.Folder(t, "."), "--http", address, "--nats", process.FreeAddress(t))
	p.Start()
	process.Until(t, 30*time.Second, "the workflow is configured", func() bool { return a.configure(bothWays()) == nil }, p.Tail)
	process.Until(t, 30*time.Second, "the workflow is started", func() bool { return a.startOptInOut() == nil }, p.Tail)
	moments := rand.New(rand.NewPCG(*seed, 11))
	for i := range *crashes {
		w.storm(2)
		w.state(max(20, *people/100))
		w.export()
		moment := time.Duration(moments.Int64N(int64(6 * time.Second)))
		<-time.After(moment)
		p.Kill()
		t.Logf("killed for the %d. time after %s; Campaign was written %d times", i+1, moment.Round(time.Millisecond), w.Campaign.WriteCount())
		p.Start()
	}
	w.state(50)
	quiet := func() bool {
		w.export()
		view, err := a.optinout()
		return err == nil && view.Status == workflow.Running && view.Backlog == 0 && len(w.apart()) == 0 && w.Campaign.Unexported() == 0
	}
	report := func() string { return strings.Join(w.apart(), "\n") + "\n" + p.Tail() }
	took := process.Until(t, 20*time.Minute, "both sides are equal", quiet, report)
	t.Logf("both sides were equal %s after the last statement; Campaign was written %d times, Dynamics %d times", took.Round(time.Millisecond),
		w.Campaign.WriteCount()-int64(len(w.ids)), len(w.Dynamics.Writes()))
	if lost := w.lost(); len(lost) > 0 {
		t.Errorf("%d opt-outs are lost that were the newest statements: %v", len(lost), lost[:min(len(lost), 10)])
	}
	view, err := a.optinout()
	if err != nil || view.Failures != 0 {
		t.Errorf("%d records were rejected (%v)", view.Failures, err)
	}
	// At rest: an echo of everything is read, and causes no write.
	before := w.Campaign.WriteCount() + int64(len(w.Dynamics.Writes()))
	for _, id := range w.ids[:20] {
		w.Dynamics.Put("contact", map[string]any{"contactid": id, "middlename": "at rest"})
	}
	process.Until(t, time.Minute, "the echo was read", func() bool {
		now, err := a.optinout()
		return err == nil && now.Counters.Read >= view.Counters.Read+20 && quiet()
	}, report)
	if after := w.Campaign.WriteCount() + int64(len(w.Dynamics.Writes())); after != before {
		t.Errorf("%d writes of an echo", after-before)
	}
	p.Stop()
}

// TestOptOutWhileIngressReplays: an opt-out that is made in Dynamics reaches Campaign within 5 s while ingress writes every
// contact anew.
func TestOptOutWhileIngressReplays(t *testing.T) {
	w := newTown(t, *replayed, *seed, false)
	address := process.FreeAddress(t)
	a := api{t, "http://" + address}
	p := process.New(t, binary(t, "standalone"), w.env, "--allow-temporary-data", "--data", process.Folder(t, "."), "--http", address, "--nats", process.FreeAddress(t))
	p.Start()
	process.Until(t, 30*time.Second, "ingress is started", func() bool { return a.command("start") == nil }, p.Tail)
	process.Until(t, 20*time.Minute, "every contact has a profile", func() bool {
		view, err := a.ingress()
		return err == nil && view.Backlog == 0 && w.Campaign.Len("profile") == *replayed
	}, p.Tail)
	if err := a.configure(bothWays()); err != nil {
		t.Fatal(err)
	}
	process.Until(t, 30*time.Second, "the workflow is started", func() bool { return a.startOptInOut() == nil }, p.Tail)
	process.Until(t, 20*time.Minute, "both sides are equal", func() bool {
		view, err := a.optinout()
		return err == nil && view.Status == workflow.Running && view.Backlog == 0 && len(view.Loads) == 0 && len(w.apart()) == 0
	}, p.Tail)

	before := w.Campaign.WriteCount()
	for _, verb := range []string{"mappings/contact/replay", "stop", "start"} {
		process.Until(t, 30*time.Second, verb, func() bool { return a.command(verb) == nil }, p.Tail)
	}
	// The writes tell it at once; the view is a second old, and a small replay is over by then.
	process.Until(t, time.Minute, "ingress replays", func() bool { return w.Campaign.WriteCount() > before }, p.Tail)
	var worst time.Duration
	for i := 0; i < 20; i++ {
		id := w.ids[w.random.IntN(len(w.ids))]
		out := func() bool {
			row, _ := w.Campaign.Find("profile", id)
			return row["blackListPostalMail"] == true
		}
		if out() {
			continue
		}
		made := time.Now()
		w.Dynamics.Put("contact", map[string]any{"contactid": id, "donotpostalmail": true})
		process.Until(t, 30*time.Second, "the opt-out is in Campaign", out, p.Tail)
		worst = max(worst, time.Since(made))
	}
	view, err := a.ingress()
	t.Logf("the slowest opt-out took %s; ingress had %d records left (%v)", worst.Round(time.Millisecond), view.Backlog, err)
	if worst > *slowest {
		t.Errorf("an opt-out took %s, at most %s are allowed", worst, *slowest)
	}
	p.Stop()
}
