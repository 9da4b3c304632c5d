package embedded_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/causeway-sync/causeway/pkg/bus/embedded"
	"github.com/causeway-sync/causeway/pkg/fault"
)

func TestATemporaryFolderIsRefused(t *testing.T) {
	link := filepath.Join(t.TempDir(), "looks-permanent")
	if err := os.Symlink(t.TempDir(), link); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"", t.TempDir(), filepath.Join(os.TempDir(), "x"), link} {
		if _, err := embedded.Start(embedded.Options{Dir: dir, Port: embedded.DontListen}); !fault.Is(err, fault.Fatal) {
			t.Errorf("folder %q: %v, want fatal", dir, err)
		}
	}
}

func TestOneServerAFolder(t *testing.T) {
	opts := embedded.Options{Dir: t.TempDir(), Port: embedded.DontListen, AllowTemporary: true}
	first, err := embedded.Start(opts)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := embedded.Start(opts); !fault.Is(err, fault.Fatal) {
		t.Errorf("a second server on the folder: %v, want fatal", err)
	}
	first.Stop()
	second, err := embedded.Start(opts)
	if err != nil {
		t.Fatalf("after the first has stopped: %v", err)
	}
	second.Stop()
}

func TestItListensWhereItIsTold(t *testing.T) {
	server, err := embedded.Start(embedded.Options{Dir: t.TempDir(), Host: "127.0.0.1", AllowTemporary: true})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Stop()
	nc, err := nats.Connect(server.URL())
	if err != nil {
		t.Fatalf("connect to %s: %v", server.URL(), err)
	}
	nc.Close()
}
