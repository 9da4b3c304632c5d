package embedded_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

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

// TestWhatIsStoredIsEncrypted with the key in the file: without it, or with another, it does not open, and nobody reads it
// on the disk. What was stored before there was a key is still there.
func TestWhatIsStoredIsEncrypted(t *testing.T) {
	dir, keys := t.TempDir(), t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(keys, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	right, wrong := file("right", "a-key-of-thirty-two-characters-00\n"), file("wrong", "another-key-of-the-same-length-00\n")
	with := func(key string) embedded.Options {
		return embedded.Options{Dir: dir, Port: embedded.DontListen, AllowTemporary: true, KeyFile: key}
	}
	count := func(key, payload string) uint64 {
		t.Helper()
		server, err := embedded.Start(with(key))
		if err != nil {
			t.Fatal(err)
		}
		defer server.Stop()
		return stored(t, server, payload)
	}
	if n := count("", "Ada Lovelace"); n != 1 {
		t.Fatalf("%d messages are stored", n)
	}
	if n := count(right, "Grace Hopper"); n != 2 {
		t.Errorf("with the first key %d of 2 messages are there", n)
	}
	if n := count(right, "Grace Hopper"); n != 3 {
		t.Errorf("with the same key %d of 3 messages are there", n)
	}
	if onDisk(t, dir, "Grace Hopper") {
		t.Error("what was sent can be read on the disk")
	}
	for _, key := range []string{file("short", "secret"), file("lines", "a-key-of-many-characters\nand a line"), filepath.Join(keys, "none")} {
		if _, err := embedded.Start(with(key)); !fault.Is(err, fault.Fatal) {
			t.Errorf("key file %s: %v, want fatal", filepath.Base(key), err)
		}
	}
	for _, key := range []string{wrong, ""} { // The server by itself would start, without the stream.
		if _, err := embedded.Start(with(key)); !fault.Is(err, fault.Fatal) {
			t.Errorf("another key, or none: %v, want fatal", err)
		}
	}
}

// stored adds a message and counts those that are there.
func stored(t *testing.T, server *embedded.Server, payload string) uint64 {
	t.Helper()
	nc, err := nats.Connect("", nats.InProcessServer(server.InProcess()))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.CreateOrUpdateStream(t.Context(), jetstream.StreamConfig{Name: "S", Subjects: []string{"s"}})
	if err == nil {
		_, err = js.Publish(t.Context(), "s", []byte(payload))
	}
	if err != nil {
		t.Fatal(err)
	}
	info, err := stream.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return info.State.Msgs
}

func onDisk(t *testing.T, dir, text string) (found bool) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		found = found || bytes.Contains(content, []byte(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
