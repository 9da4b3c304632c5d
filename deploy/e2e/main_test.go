package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/causeway-sync/causeway/deploy/internal/process"
)

// programs is the folder of all binaries that the tests run. TestMain fills it before the first test.
var programs string

// built are the product's binaries, and those of others that its users have: the NATS server and its CLI.
var built = []string{
	"github.com/causeway-sync/causeway/deploy/standalone/cmd/standalone",
	"github.com/causeway-sync/causeway/deploy/sandbox/cmd/sandbox",
	"github.com/causeway-sync/causeway/services/admin/cmd/admin",
	"github.com/causeway-sync/causeway/services/ingress/cmd/ingress",
	"github.com/causeway-sync/causeway/services/egress/cmd/egress",
	"github.com/causeway-sync/causeway/services/optinout/cmd/optinout",
	"github.com/causeway-sync/causeway/deploy/secrets/cmd/secrets",
	"github.com/nats-io/nats-server/v2",
	"github.com/nats-io/natscli/nats",
}

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	var err error
	if programs, err = process.Build(built...); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(programs)
	return m.Run()
}

func program(name string) string { return filepath.Join(programs, name) }
