package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestAnotherKeyStartsNothing: nor does a key file that is gone, once there was one.
func TestAnotherKeyStartsNothing(t *testing.T) {
	dir, conf := t.TempDir(), filepath.Join(t.TempDir(), "nats-store-key.conf")
	missing := []string{filepath.Join(dir, "no-such-program")}
	begin := func(key string) error {
		t.Helper()
		if err := os.WriteFile(conf, []byte("key: \""+key+"\"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return start(dir, conf, missing)
	}
	// With the right key it gets as far as the program, which is not there.
	for _, c := range []struct{ key, want string }{
		{"first-key-of-the-store", "no such file"}, {"other-key-of-the-store", "stored with another key"}, {"first-key-of-the-store", "no such file"},
	} {
		if err := begin(c.key); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.key, err, c.want)
		}
	}
	if err := os.Remove(conf); err != nil {
		t.Fatal(err)
	}
	if err := start(dir, conf, missing); err == nil || !strings.Contains(err.Error(), "is encrypted") {
		t.Errorf("without the key file: %v", err)
	}
}
