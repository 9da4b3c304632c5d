package containers

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/causeway-sync/causeway/pkg/workflow"
)

// diskSize is what the bus has: room for the records of this test, and for nothing else.
const diskSize = 96 << 20

// TestAFullDisk fills the disk of the bus under load, and makes room again as docs/operations.md says: nothing may be lost, and the status
// has to say that something is wrong.
func TestAFullDisk(t *testing.T) {
	in := install(t, 1000)
	user := "uid=65532,gid=65532"
	if os.Getuid() != 0 {
		user = fmt.Sprintf("uid=%d,gid=%d", os.Getuid(), os.Getgid())
	}
	// The disk is memory that is there while somebody uses it: the sandbox does too, so that the server can be restarted.
	in.write("small-disk.yml", fmt.Sprintf(`{version: "3.8", services: {sandbox: {volumes: ["nats:/held:ro"]}},
  volumes: {nats: {driver_opts: {type: tmpfs, device: tmpfs, o: "size=%d,%s"}}}}`, diskSize, user))
	in.files = append(in.files, "-f", filepath.Join(in.folder, "small-disk.yml"))
	in.work()
	load := in.load()

	in.put(diskSize)
	full := time.Now()
	in.until(patience, "it is said that the bus stores nothing", func() bool {
		v, ok := in.view(workflow.Ingress)
		return ok && strings.Contains(v.Reason, "NATS")
	})
	v, _ := in.view(workflow.Ingress)
	t.Logf("said %s after the disk was full: %s %q", time.Since(full).Round(100*time.Millisecond), v.Status, v.Reason)

	in.put(0)
	in.repaired("a full disk", func() { docker(t, "restart", in.container("nats")) })
	load.stop()
	in.equal(2 * patience)
	load.judge()
	if v, ok := in.view(workflow.Ingress); !ok || v.Failures > 0 {
		t.Errorf("%d records were rejected", v.Failures)
	}
}

// put puts a file of a size beside the store of the bus, in place of the one that was there. One that does not fit takes all there is.
func (in *installation) put(size int64) {
	in.t.Helper()
	file, err := os.Create(filepath.Join(in.t.TempDir(), "filler"))
	if err != nil {
		in.t.Fatal(err)
	}
	defer file.Close()
	if err := file.Truncate(size); err != nil {
		in.t.Fatal(err)
	}
	_, err = run(nil, "docker", "cp", file.Name(), in.container("nats")+":/data/filler")
	if full := err != nil && strings.Contains(err.Error(), "no space left"); full != (size > 0) || err != nil && !full {
		in.t.Fatalf("a file of %d bytes: %v", size, err)
	}
}
