package containers

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/causeway-sync/causeway/pkg/workflow"
)

// TestACluster has three NATS servers. Each is killed in turn under load, the leader of the ingress stream first: records
// flow on with the two that are left, and the third comes back by itself.
func TestACluster(t *testing.T) {
	in := install(t, 1000, "deploy/compose.cluster.yml")
	in.work()
	load := in.load()
	leader := in.leader("CAUSEWAY_INGRESS")
	t.Logf("%s leads the stream", leader)
	for _, service := range append([]string{leader}, without([]string{"nats", "nats-2", "nats-3"}, leader)...) {
		in.loses(service)
	}
	load.stop()
	in.equal(2 * patience)
	load.judge()
	for service, port := range map[string]int{"ingress": 9100, "egress": 9100, "optinout": 9100, "admin": 8080} {
		in.readySoon(service, port)
	}
	in.until(patience, "everything runs at the end", in.allRun)
	if v, _ := in.view(workflow.Ingress); v.Failures > 0 {
		t.Errorf("%d records were rejected", v.Failures)
	}
}

func without(list []string, one string) (rest []string) {
	for _, each := range list {
		if each != one {
			rest = append(rest, each)
		}
	}
	return rest
}

// loses kills one server and wants records to flow on while it is gone, and everything to run when it is back.
func (in *installation) loses(service string) {
	in.t.Helper()
	repair := in.kill(service)
	killed, before := time.Now(), in.newest()
	in.until(recovery, "records flow without "+service, func() bool { return in.newest() > before })
	in.t.Logf("records flowed %s after %s was killed", time.Since(killed).Round(100*time.Millisecond), service)
	in.repaired("docker kill "+service, repair)
	in.until(patience, service+" is healthy", func() bool {
		return docker(in.t, "inspect", "--format", "{{.State.Health.Status}}", in.container(service)) == "healthy"
	})
}

// leader is the service that leads a stream.
func (in *installation) leader(stream string) string {
	in.t.Helper()
	out, err := in.cli("stream", "info", stream, "--json")
	if err != nil {
		in.t.Fatal(err)
	}
	var info struct {
		Cluster struct{ Leader string }
		Config  struct {
			Replicas int `json:"num_replicas"`
		}
	}
	if err := json.Unmarshal([]byte(out), &info); err != nil || info.Config.Replicas != 3 {
		in.t.Fatalf("%v, %d copies: %s", err, info.Config.Replicas, out)
	}
	return strings.Replace(info.Cluster.Leader, "nats-1", "nats", 1)
}
