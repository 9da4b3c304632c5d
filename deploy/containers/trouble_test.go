package containers

import (
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/causeway-sync/causeway/pkg/workflow"
)

// repaired repairs and measures how long it takes until everything runs.
func (in *installation) repaired(what string, repair ...func()) {
	in.t.Helper()
	var working sync.WaitGroup
	for _, one := range repair {
		working.Go(one)
	}
	working.Wait()
	took := in.until(patience, "everything runs again after "+what, in.allRun)
	in.t.Logf("%s: everything ran %s after the repair", what, took.Round(100*time.Millisecond))
	if took > recovery {
		in.t.Errorf("%s: that is more than %s", what, recovery)
	}
}

// admits waits until the admin service says that a workflow does not run, and why.
func (in *installation) admits(id workflow.ID, reason string) {
	in.t.Helper()
	took := in.until(15*time.Second, string(id)+" does not say "+reason, func() bool {
		v, ok := in.view(id)
		return ok && strings.Contains(v.Reason, reason) && (reason != noHeartbeat || v.Status == workflow.Failed)
	})
	in.t.Logf("%s said %q after %s", id, reason, took.Round(100*time.Millisecond))
}

const noHeartbeat = "no heartbeat"

// killed kills every container of the product in turn, and the bus, while records flow.
func (in *installation) killed() {
	for _, id := range workflows {
		in.t.Run("docker kill "+string(id), func(t *testing.T) {
			defer in.as(t)()
			repair := in.kill(string(id))
			in.admits(id, noHeartbeat)
			in.repaired("docker kill "+string(id), repair)
		})
	}
	in.t.Run("docker kill admin", func(t *testing.T) {
		defer in.as(t)()
		repair := in.kill("admin")
		before := in.newest()
		in.until(patience, "records flow without the admin service", func() bool { return in.newest() > before })
		in.repaired("docker kill admin", repair)
	})
	in.t.Run("docker kill nats", func(t *testing.T) {
		defer in.as(t)()
		repair := in.kill("nats")
		in.admits(workflow.Ingress, "NATS")
		if r, err := ask(http.MethodGet, "http://"+in.page+"/readyz", ""); err == nil && r.status == http.StatusOK {
			t.Error("the admin service is ready without a bus")
		}
		in.repaired("docker kill nats", repair)
	})
	in.t.Run("a process that dies is started again", func(t *testing.T) {
		defer in.as(t)()
		before := in.instance("active")
		in.crash("ingress")
		in.crash("nats")
		// Until its lease runs out nobody else knows that it is dead.
		in.until(patience, "another life of it is active", func() bool { now := in.instance("active"); return now != "" && now != before })
		in.repaired("the death of two processes")
	})
	in.t.Run("a standby takes over", func(t *testing.T) {
		defer in.as(t)()
		in.standby()
	})
}

// as has the helpers fail a subtest.
func (in *installation) as(t *testing.T) (restore func()) {
	before := in.t
	in.t = t
	return func() { in.t = before }
}

// newest is the newest version of a watched contact in Campaign.
func (in *installation) newest() (newest string) {
	in.t.Helper()
	for _, profile := range in.profiles() {
		if version, _ := profile["middleName"].(string); len(version) == 10 && version > newest && version[0] == 'v' {
			newest = version
		}
	}
	return newest
}

// crash kills the process in a container, as a fault of its own would: the engine starts it again.
func (in *installation) crash(service string) {
	in.t.Helper()
	id := in.container(service)
	number := docker(in.t, "inspect", "--format", "{{.State.Pid}}", id)
	program := service
	if service == "nats" {
		program = "nats-server"
	}
	pid, err := strconv.Atoi(number)
	if err != nil {
		in.t.Fatal(err)
	}
	// The number is that of the engine's machine: it is not to be another process of this one.
	name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	if err != nil || strings.TrimSpace(string(name)) != program {
		in.t.Fatalf("process %d of this machine is %q, not %s: the engine must run on this machine (%v)", pid, name, program, err)
	}
	if os.Getuid() == 0 {
		err = syscall.Kill(pid, syscall.SIGKILL)
	} else { // What an engine's own kill ends stays dead, which is no crash; only root may signal the processes of containers.
		_, err = run(nil, "sudo", "-n", "kill", "-KILL", number)
	}
	if err != nil {
		in.t.Fatalf("%s cannot be crashed, which needs root: %v", service, err)
	}
	in.until(patience, service+" is started again", func() bool {
		return docker(in.t, "inspect", "--format", "{{.State.Running}} {{.RestartCount}}", id) == "true 1"
	})
}

// instance is the living ingress of a role, empty where there is none or more than one.
func (in *installation) instance(role string) (instance string) {
	v, _ := in.view(workflow.Ingress)
	for _, i := range v.Instances {
		if i.Alive && string(i.Role) == role {
			if instance != "" {
				return ""
			}
			instance = i.Instance
		}
	}
	return instance
}

// standby adds a second ingress and kills the one that works. docker-compose is told to leave the others as they are.
func (in *installation) standby() {
	in.t.Helper()
	in.compose("up", "-d", "--no-recreate", "--no-deps", "--scale", "ingress=2", "ingress")
	var active, second, host string
	in.until(patience, "one is active and one in the other container stands by", func() bool {
		active, second = in.instance("active"), in.instance("standby")
		var other string
		host, _, _ = strings.Cut(active, "-")
		other, _, _ = strings.Cut(second, "-")
		return active != "" && second != "" && host != other
	})
	docker(in.t, "kill", host)
	took := in.until(patience, "the standby is active", func() bool {
		v, ok := in.view(workflow.Ingress)
		if !ok || v.Status != workflow.Running {
			return false
		}
		for _, i := range v.Instances {
			if i.Instance == second && string(i.Role) == "active" && i.Status == workflow.Running {
				return true
			}
		}
		return false
	})
	in.t.Logf("the standby took over in %s", took.Round(100*time.Millisecond))
	if took > recovery {
		in.t.Errorf("that is more than %s", recovery)
	}
	docker(in.t, "rm", "-fv", host)
}

// networks cuts every service off for half a minute, from the bus and from the remotes; several at a time, that do not
// depend on each other.
func (in *installation) networks() {
	const away = 30 * time.Second
	in.t.Run("the workflows are cut off, two from the bus and one from the remotes", func(t *testing.T) {
		defer in.as(t)()
		repair := []func(){in.cutOff("ingress", "bus"), in.cutOff("egress", "remotes"), in.cutOff("optinout", "bus")}
		cut := time.Now()
		in.admits(workflow.Ingress, noHeartbeat)
		in.admits(workflow.OptInOut, noHeartbeat)
		in.stays(cut, away, func() bool {
			return in.is(workflow.Ingress, workflow.Failed) && in.is(workflow.OptInOut, workflow.Failed)
		})
		if v, _ := in.view(workflow.Egress); v.Reason == "" {
			t.Errorf("egress reached nobody for %s and is %s without a reason", away, v.Status)
		} else {
			t.Logf("egress without its remotes: %s %q", v.Status, v.Reason)
		}
		in.repaired("the networks of three workflows", repair...)
	})
	in.t.Run("the admin service and egress are cut off the bus, and ingress from the remotes", func(t *testing.T) {
		defer in.as(t)()
		repair := []func(){in.cutOff("admin", "bus"), in.cutOff("egress", "bus"), in.cutOff("ingress", "remotes")}
		cut := time.Now()
		for _, id := range workflows {
			in.admits(id, "NATS")
		}
		in.stays(cut, away, func() bool { v, ok := in.view(workflow.OptInOut); return ok && strings.Contains(v.Reason, "NATS") })
		in.repaired("the admin service's networks", repair...)
	})
	in.t.Run("the bus is cut off everybody", func(t *testing.T) {
		defer in.as(t)()
		repair := in.cutOff("nats", "bus")
		cut := time.Now()
		in.admits(workflow.Ingress, "NATS")
		in.stays(cut, away, func() bool { return !in.allRun() })
		in.repaired("the bus's network", repair)
	})
}

// stays wants something to be true until so long after a moment.
func (in *installation) stays(from time.Time, how time.Duration, condition func() bool) {
	in.t.Helper()
	ended, ticker := time.After(how-time.Since(from)), time.NewTicker(500*time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-ended:
			return
		case <-ticker.C:
			if !condition() {
				in.t.Errorf("the status is not what is true:\n%s", in.report())
				return
			}
		}
	}
}
