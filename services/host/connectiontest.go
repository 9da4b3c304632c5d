package host

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/campaign"
	"github.com/causeway-sync/causeway/pkg/catalog"
	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/exportfile"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// stepTimeout bounds one step: somebody is waiting at a page.
const stepTimeout = 6 * time.Second

// answerTest tries a connection with the clients that runs use. What it finds is the answer, not an error.
func (s *Systems) answerTest(ctx context.Context, request []byte) (any, error) {
	var q catalog.ConnectionTest
	if err := json.Unmarshal(request, &q); err != nil || !q.Name.Valid() {
		return nil, fault.New(fault.Invalid, "the question is not one that this version understands")
	}
	of, err := s.tested(ctx, q)
	t := &trial{ctx: ctx, report: catalog.TestReport{OK: true, Steps: []catalog.TestStep{}}}
	if err != nil {
		if !fault.Is(err, fault.Fatal) {
			return nil, err
		}
		t.step("Settings", func(context.Context) (string, error) { return "", err })
		return t.report, nil
	}
	switch q.Name {
	case config.ConnectionDynamics:
		tryClient(t, &s.dynamics, of, tryDynamics)
	case config.ConnectionCampaign:
		keyField := s.keyField(ctx)
		tryClient(t, &s.campaign, of, func(t *trial, c *campaign.Client) { tryCampaign(t, c, keyField, s.hasJournal(of)) })
	case config.ConnectionSFTP:
		tryFiles(t, s.filesConfig(of.values))
	}
	return t.report, nil
}

// tested is the connection to try: the draft, or what counts now.
func (s *Systems) tested(ctx context.Context, q catalog.ConnectionTest) (resolved, error) {
	if q.Draft == nil || len(s.environment(q.Name)) > 0 {
		return s.resolve(ctx, q.Name)
	}
	values, err := s.open(q.Name, *q.Draft)
	return resolved{values: values}, err
}

// trial gathers steps.
type trial struct {
	ctx    context.Context // of the question; it lives as long as the trial
	report catalog.TestReport
}

// step tries one thing and reports whether it worked.
func (t *trial) step(name string, try func(context.Context) (string, error)) bool {
	ctx, cancel := context.WithTimeout(t.ctx, stepTimeout)
	defer cancel()
	found, err := try(ctx)
	one := catalog.TestStep{Name: name, OK: err == nil, Detail: found}
	switch {
	case err == nil:
	case ctx.Err() != nil:
		one.Detail, one.Fix = fmt.Sprintf("no answer within %s", stepTimeout), "check the address, and that the machine of this service may reach it"
	default:
		one.Detail, one.Fix, _ = strings.Cut(fault.Message(err), "; ")
		if one.Fix == "" && !fault.Is(err, fault.Fatal) {
			one.Fix = "try again in a moment, and check the address if it stays"
		}
	}
	t.report.Steps = append(t.report.Steps, one)
	t.report.OK = t.report.OK && one.OK
	return one.OK
}

// tryClient tries with the client that runs use, where the settings are the same: it knows what the remote has asked for.
// Another one is made for the trial alone.
func tryClient[C any](t *trial, from *lender[C], of resolved, try func(*trial, C)) {
	var client C
	var done func()
	if !t.step("Settings", func(context.Context) (found string, err error) {
		client, done, err = from.borrowOrMake(of)
		return "complete", err
	}) {
		return
	}
	defer done()
	try(t, client)
}

// borrowOrMake lends the current client where it is of the same settings, and makes one for the caller alone else.
func (l *lender[C]) borrowOrMake(of resolved) (client C, done func(), err error) {
	l.mu.Lock()
	known := l.current != nil && l.current.of.same(of)
	l.mu.Unlock()
	if known || of.revision > 0 || of.environment {
		return l.lend(of)
	}
	client, err = l.make(of.values)
	return client, func() { l.close(client) }, err
}

func tryDynamics(t *trial, c Dynamics) {
	if !t.step("Sign-in", func(ctx context.Context) (string, error) { return "a token was granted", c.SignIn(ctx) }) {
		return
	}
	if !t.step("Environment", func(ctx context.Context) (string, error) {
		return "it answers and knows the application user", c.WhoAmI(ctx)
	}) {
		return
	}
	t.step("Contacts", func(ctx context.Context) (string, error) {
		var findings Findings
		for _, err := range c.Check(ctx, "contact", nil) {
			if err := findings.Add(err); err != nil {
				return "", err
			}
		}
		return "the application user may read the whole table, and its changes are tracked", findings.Err()
	})
}

func tryCampaign(t *trial, c *campaign.Client, keyField string, journal bool) {
	if !t.step("Sign-in", func(ctx context.Context) (string, error) { return "a token was granted", c.SignIn(ctx) }) {
		return
	}
	if t.step("Organisation", func(ctx context.Context) (string, error) {
		_, err := c.Resource(ctx, "profile")
		return "the instance answers and describes its profiles", err
	}) {
		t.step("Lookup", func(ctx context.Context) (string, error) {
			return "profiles are found by " + keyField, c.Check(ctx, "profile", keyField, nil)
		})
	}
	t.step("Journal", func(ctx context.Context) (string, error) {
		if !journal {
			return "none is set; only " + workflow.Egress.Name() + " needs one", nil
		}
		_, err := c.Journal(campaign.JournalConfig{Limit: 1}).Read(ctx, nil)
		if fault.Is(err, fault.Throttled) { // invariant 10: it has answered before, and wants to be left alone.
			return "it was reached a moment ago and asked for a pause", nil
		}
		return "it can be read", err
	})
}

func tryFiles(t *trial, cfg exportfile.Config) {
	cfg.Timeout = stepTimeout
	var p exportfile.Probe
	if !t.step("Settings", func(context.Context) (found string, err error) {
		// Not this step's time alone: the whole trial happens here, each part bounded by itself.
		p, err = exportfile.Try(t.ctx, cfg)
		return "complete", err
	}) {
		return
	}
	presented := "it presented " + p.Fingerprint
	for _, one := range []struct {
		name, found string
		err         error
	}{
		{"Server", "something answers at the address", p.Reached},
		{"Host key", presented + ", which is the one in the settings", p.Host},
		{"User", "the private key is accepted", p.User},
		{"Folder", fmt.Sprintf("it can be listed; %d files stand in it", p.Files), p.Folder},
	} {
		if !t.step(one.name, func(context.Context) (string, error) { return one.found, one.err }) {
			break
		}
	}
	if p.Host != nil && p.Shown != "" {
		last := &t.report.Steps[len(t.report.Steps)-1]
		last.Fix = strings.TrimPrefix(last.Fix+"; ", "; ") + "the key that it presented is: " + p.Shown
	}
}

// hasJournal reports whether a connection to Campaign names a journal.
func (s *Systems) hasJournal(of resolved) bool { return s.campaignConfig(of.values).JournalURL != "" }

// keyField is the field by which profiles are looked up: the mapping's where there is one.
func (s *Systems) keyField(ctx context.Context) string {
	field := config.DefaultOptInOut().KeyField
	latest, err := bus.NewConfigs(s.conn).Latest(ctx, workflow.Ingress)
	if err != nil {
		return field
	}
	doc, err := config.Decode(workflow.Ingress, latest.Document)
	if err != nil {
		return field
	}
	for _, m := range doc.(*config.IngressDoc).Mappings {
		if m.Resource == "profile" {
			return m.Key.Field
		}
	}
	return field
}
