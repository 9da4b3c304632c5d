package containers

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestImages: each is small and static, runs as nobody, knows how to ask for its health, says what it is, and has an SBOM.
func TestImages(t *testing.T) {
	for name, limit := range map[string]int64{"admin": 30e6, "ingress": 30e6, "egress": 30e6, "optinout": 30e6, "sandbox": 30e6, "nats": 30e6,
		// It holds the services, the NATS server and the simulated systems, and is above the 30 MB that the others keep.
		"standalone": 36e6} {
		var found []struct {
			Size   int64
			Config struct {
				User        string
				Labels      map[string]string
				Healthcheck struct{ Test []string }
			}
		}
		if err := json.Unmarshal([]byte(docker(t, "image", "inspect", "causeway/"+name+":latest")), &found); err != nil || len(found) != 1 {
			t.Fatalf("%s: %v", name, err)
		}
		image := found[0]
		t.Logf("%s: %.1f MB", name, float64(image.Size)/1e6)
		if image.Size > limit {
			t.Errorf("%s has %d bytes", name, image.Size)
		}
		if image.Config.User != "65532:65532" || len(image.Config.Healthcheck.Test) < 2 {
			t.Errorf("%s runs as %q, and asks for its health with %q", name, image.Config.User, image.Config.Healthcheck.Test)
		}
		for _, label := range []string{"title", "description", "version", "revision", "source", "created", "licenses"} {
			if image.Config.Labels["org.opencontainers.image."+label] == "" {
				t.Errorf("%s has no label %s", name, label)
			}
		}
		program := strings.Replace(name, "nats", "nats-server", 1)
		var sbom struct {
			SpdxVersion string
			Packages    []struct{ Name string }
		}
		text, err := os.ReadFile(filepath.Join(top, "bin", "images", program+".spdx.json"))
		if err == nil {
			err = json.Unmarshal(text, &sbom)
		}
		if err != nil || sbom.SpdxVersion != "SPDX-2.3" || len(sbom.Packages) < 5 {
			t.Errorf("the SBOM of %s: %v, %s with %d packages", program, err, sbom.SpdxVersion, len(sbom.Packages))
		}
	}
}

// readyBudget is how soon after its start a container answers /readyz.
const readyBudget = 2 * time.Second

// readySoon starts a service's container again a few times, and wants the best of them to be within the budget: what else
// the machine does at the time is not the image's.
func (in *installation) readySoon(service string, port int) {
	in.t.Helper()
	best := time.Hour
	for range 3 {
		id := in.container(service)
		docker(in.t, "restart", id)
		inspected := docker(in.t, "inspect", "--format", "{{.State.StartedAt}} {{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}", id)
		fields := strings.Fields(inspected)
		began, err := time.Parse(time.RFC3339Nano, fields[0])
		if err != nil || len(fields) < 2 {
			in.t.Fatalf("%s: %v", inspected, err)
		}
		url := "http://" + fields[1] + ":" + strconv.Itoa(port) + "/readyz"
		in.until(patience, fmt.Sprintf("%s answers at %s", service, url), func() bool {
			r, err := ask(http.MethodGet, url, "")
			return err == nil && r.status == http.StatusOK
		})
		best = min(best, time.Since(began))
	}
	in.t.Logf("%s: /readyz %s after the start", service, best.Round(10*time.Millisecond))
	if best > readyBudget {
		in.t.Errorf("%s: that is more than %s", service, readyBudget)
	}
}
