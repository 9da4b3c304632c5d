package e2e

import (
	"context"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/causeway-sync/causeway/deploy/internal/process"
)

// start starts every process, in an order that nobody would choose: what needs the others comes first.
func (s services) start() {
	s.t.Helper()
	for _, p := range []*process.Process{s.ingress, s.egress, s.optinout, s.adminService, s.sandbox} {
		p.Start()
	}
	// The services are up and have no bus yet.
	if status, body := probe(s.admin + "/healthz"); status == http.StatusOK {
		s.t.Errorf("the admin service is healthy without a bus: %s", body)
	}
	s.natsServer.Start()
	s.untilReady(s.admin)
	for _, origin := range s.probes {
		s.untilReady(origin)
	}
}

// TestFourServicesAroundANATSServer does with single services what the standalone process does in one.
func TestFourServicesAroundANATSServer(t *testing.T) {
	const contacts = 10_000
	s := newServices(t, contacts)
	s.start()
	s.command("start")
	highest := 0
	took := s.until(2*time.Minute, "all contacts were written", func() bool {
		v := s.workflow("ingress")
		highest = max(highest, v.Backlog)
		return v.Counters.Written >= contacts && v.Backlog == 0
	})
	t.Logf("%d contacts took %s, the highest backlog seen was %d", contacts, took.Round(time.Millisecond), highest)
	if highest == 0 {
		t.Error("the backlog never rose")
	}
	s.untilEqual(patience)
	if n := len(s.profiles()); n != contacts {
		t.Errorf("Campaign holds %d profiles", n)
	}
	if v := s.workflow("ingress"); v.Status != "RUNNING" || v.Failures != 0 {
		t.Errorf("ingress is %s with %d failures", v.Status, v.Failures)
	}
	s.follow()
	s.stopAndStart()
	s.probed(t)
	s.end()
}

// someContacts are n ids.
func (s *systems) someContacts(n int) []string {
	s.t.Helper()
	var ids []string
	for id := range s.contacts() {
		if ids = append(ids, id); len(ids) == n {
			return ids
		}
	}
	s.t.Fatalf("there are no %d contacts", n)
	return nil
}

// soon wants the best of three samples to be within 2 s; when the first is, there are no others. The machine that runs the
// tests may do something else for a moment, a product that is slow is slow each time.
func (in *installation) soon(what string, sample func(n int) time.Duration) {
	in.t.Helper()
	const budget, samples = 2 * time.Second, 3
	var took spread
	for n := range samples {
		if took = append(took, sample(n)); took[n] <= budget {
			return
		}
	}
	in.t.Errorf("%s took %s", what, took)
}

// follow changes, creates and deletes contacts through the Web API and wants each in Campaign within 2 s.
func (in *installation) follow() {
	in.t.Helper()
	ids := in.someContacts(4)
	in.soon("a change", func(n int) time.Duration {
		name := fmt.Sprintf("Changed-Ærø-%d", n)
		in.patch(ids[0], map[string]any{"jobtitle": "Captain", "lastname": name, "telephone1": nil})
		return in.until(patience, "the change is in Campaign", func() bool { return in.profile(ids[0])["lastName"] == name })
	})
	if phone := in.profile(ids[0])["phone"]; phone != "" {
		in.t.Errorf("a phone that was emptied is %q in Campaign", phone)
	}
	in.soon("a creation", func(n int) time.Duration {
		email := fmt.Sprintf("brand.new%d@example.com", n)
		created := in.create(map[string]any{"lastname": "Brandnew", "emailaddress1": email})
		return in.until(patience, "the new contact is in Campaign", func() bool { return in.profile(created)["email"] == email })
	})
	in.soon("a deletion", func(n int) time.Duration {
		in.delete(ids[1+n])
		return in.until(patience, "the deletion is in Campaign", func() bool { return in.profile(ids[1+n]) == nil })
	})
	in.untilEqual(patience)
}

// stopAndStart wants quiet within 2 s of a stop, and what changed meanwhile after the next start.
func (in *installation) stopAndStart() {
	in.t.Helper()
	in.soon("the stop", func(n int) time.Duration {
		if n > 0 {
			in.command("start")
			in.untilStatus(patience, "RUNNING")
		}
		in.command("stop")
		return in.untilStatus(patience, "STOPPED")
	})
	before := in.writes()
	ids := in.someContacts(30)
	for _, id := range ids[:20] {
		in.patch(id, map[string]any{"middlename": "meanwhile"})
	}
	for _, id := range ids[20:] {
		in.delete(id)
	}
	// Longer than a poll: a reader that was not stopped would have seen the changes by now.
	<-time.After(2500 * time.Millisecond)
	if after := in.writes(); after != before {
		in.t.Errorf("a stopped workflow wrote %d times", after-before)
	}
	in.command("start")
	in.untilStatus(patience, "RUNNING")
	in.untilEqual(patience)
	if after := in.writes(); after-before != 30 {
		in.t.Errorf("30 changes made %d writes", after-before)
	}
}

// probed looks at each process as an orchestrator does.
func (s services) probed(t *testing.T) {
	t.Helper()
	for name, origin := range map[string]string{"admin": s.admin, "ingress": s.probes["ingress"], "egress": s.probes["egress"], "optinout": s.probes["optinout"]} {
		for _, path := range []string{"/healthz", "/readyz"} {
			if status, body := probe(origin + path); status != http.StatusOK || !strings.Contains(body, `"status":"ok"`) {
				t.Errorf("%s%s: %d %s", name, path, status, body)
			}
		}
		status, metrics := probe(origin + "/metrics")
		for _, want := range []string{"go_goroutines", "process_resident_memory_bytes", "causeway_"} {
			if status != http.StatusOK || !strings.Contains(metrics, want) {
				t.Errorf("%s/metrics: %d, no %s", name, status, want)
			}
		}
		if code, out := healthcheck(name, origin); code != 0 {
			t.Errorf("%s healthcheck ends with %d: %s", name, code, out)
		}
		if code, _ := healthcheck(name, "http://"+process.FreeAddress(t)); code != 1 {
			t.Errorf("%s healthcheck of nobody ends with %d", name, code)
		}
	}
	if _, body := probe(s.probes["ingress"] + "/readyz"); !strings.Contains(body, `"status":"RUNNING"`) {
		t.Errorf("/readyz of ingress does not say how it is: %s", body)
	}
}

// healthcheck runs a binary's own subcommand, as images without a shell do.
func healthcheck(name, origin string) (code int, out string) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, program(name), "healthcheck", "--address", strings.TrimPrefix(origin, "http://"))
	text, _ := cmd.CombinedOutput() // The code says it.
	return cmd.ProcessState.ExitCode(), string(text)
}

// end asks every process to end while the workflow runs. Stop wants exit code 0 of each.
func (s services) end() {
	s.t.Helper()
	for _, p := range s.processes[1:] { // The bus last: the others say goodbye on it.
		p.Stop()
	}
	s.natsServer.Signal(syscall.SIGTERM)
	s.until(patience, "the NATS server has ended", func() bool { return !s.natsServer.Alive() })
}

// TestTheNATSServerGoesAwayUnderLoad restarts it, and kills it, while records flow. Nobody helps.
func TestTheNATSServerGoesAwayUnderLoad(t *testing.T) {
	for _, how := range []struct {
		name   string
		signal syscall.Signal
		away   time.Duration
	}{{"restarted", syscall.SIGTERM, 0}, {"killed, away for longer than a lease", syscall.SIGKILL, 4 * time.Second}} {
		t.Run(how.name, func(t *testing.T) {
			s := newServices(t, 6000)
			s.start()
			s.command("start")
			s.until(patience, "records flow", func() bool { return s.writes() > 500 })
			s.natsServer.Signal(how.signal)
			s.until(patience, "the NATS server has ended", func() bool { return !s.natsServer.Alive() })
			ids := s.someContacts(50)
			for i, id := range ids {
				if i%5 == 0 {
					s.delete(id)
				} else {
					s.patch(id, map[string]any{"middlename": "while away"})
				}
			}
			if status, body := probe(s.probes["ingress"] + "/readyz"); status != http.StatusServiceUnavailable {
				t.Errorf("ingress says it is ready without a bus: %d %s", status, body)
			}
			s.until(patience, "the admin service says that its bus is away", func() bool {
				v, err := s.try("ingress")
				return err == nil && strings.Contains(v.Reason, "NATS")
			})
			<-time.After(how.away)
			s.natsServer.Start()
			restarted := time.Now()
			s.untilEqual(2 * patience)
			took := time.Since(restarted)
			t.Logf("both sides are equal %s after the server's start", took.Round(time.Millisecond))
			if took > 20*time.Second {
				t.Errorf("unsettled records waited for the ack wait: equal only after %s", took)
			}
			s.untilStatus(patience, "RUNNING")
			if v := s.workflow("ingress"); v.Failures != 0 || v.Status != "RUNNING" {
				t.Errorf("ingress is %s (%s) with %d failures", v.Status, v.Reason, v.Failures)
			}
			s.end()
		})
	}
}

// TestTheStandaloneProcessComesBack ends the whole product while it runs and starts it again. Its sandbox comes back with
// the contacts that it was seeded with and an empty Campaign, as if both had been restored.
func TestTheStandaloneProcessComesBack(t *testing.T) {
	in := newStandalone(t, 1000)
	in.command("start")
	in.untilStatus(patience, "RUNNING")
	in.untilEqual(patience)
	in.follow()
	in.Stop()
	in.Start()
	in.forgetTokens()
	in.untilReady(in.admin)
	in.untilStatus(patience, "RUNNING")
	in.untilEqual(patience)
	if code, out := healthcheck("standalone", in.admin); code != 0 {
		t.Errorf("healthcheck: %d %s", code, out)
	}
	in.Stop()
}
