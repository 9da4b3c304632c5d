package containers

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/causeway-sync/causeway/pkg/workflow"
)

// recovery is how soon everything has to run again after a repair, with nobody's help.
const recovery = 30 * time.Second

// TestTheSandboxInContainers goes from nothing to three workflows that run, and then through what goes wrong in an
// installation: containers and the bus killed under load, and every service cut off its networks for half a minute.
// Nothing may be lost or come in the wrong order, and what the status says has to be true.
func TestTheSandboxInContainers(t *testing.T) {
	in := install(t, 3000)
	began := time.Now()
	in.up()
	t.Logf("up from nothing took %s", time.Since(began).Round(100*time.Millisecond))
	for _, id := range workflows {
		if !in.is(id, workflow.Stopped) {
			t.Errorf("%s is not STOPPED before its first start", id)
		}
	}
	in.configureAll()
	began = time.Now()
	for _, id := range workflows {
		in.start(id)
	}
	in.until(patience, "three workflows run", in.allRun)
	t.Logf("three starts led to three RUNNING workflows in %s", time.Since(began).Round(100*time.Millisecond))
	in.happen(500)
	in.equal(patience)
	in.consent()

	load := in.load()
	in.killed()
	in.networks()
	load.stop()
	in.until(patience, "everything runs at the end", in.allRun)
	in.equal(2 * patience)
	load.judge()
	for _, id := range workflows {
		if v, ok := in.view(id); !ok || v.Failures > 0 {
			t.Errorf("%s: %d records were rejected", id, v.Failures)
		}
	}
	if n := in.impolite(); n > 0 {
		t.Errorf("%d requests came inside a Retry-After", n)
	}
}

// consent sees an opt-out go from Campaign's file to Dynamics.
func (in *installation) consent() {
	in.t.Helper()
	contacts := in.contacts()
	for _, id := range slices.Sorted(maps.Keys(contacts)) {
		if contacts[id]["donotbulkemail"] == true {
			continue
		}
		in.optOut(id)
		in.until(patience, "the opt-out is in Dynamics", func() bool {
			var row map[string]any
			in.webAPI(&row, "GET", fmt.Sprintf("contacts(%s)?$select=donotbulkemail", id), "")
			return row["donotbulkemail"] == true
		})
		return
	}
	in.t.Error("everybody is opted out already")
}
