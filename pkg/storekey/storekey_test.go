package storekey_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/causeway-sync/causeway/pkg/storekey"
)

const first, other = "first-key-of-the-store", "other-key-of-the-store"

// TestSame: the first key is taken, and after it no other and none.
func TestSame(t *testing.T) {
	dir := t.TempDir()
	if err := storekey.Same(dir, ""); err != nil {
		t.Errorf("no key, and none before: %v", err)
	}
	for range 2 {
		if err := storekey.Same(dir, first); err != nil {
			t.Errorf("the first key: %v", err)
		}
	}
	for key, want := range map[string]string{other: "stored with another key", "": "is encrypted"} {
		if err := storekey.Same(dir, key); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", key, err, want)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 || entries[0].Name() != storekey.Mark {
		t.Fatalf("the folder holds %v, %v", entries, err)
	}
	mark, err := os.ReadFile(filepath.Join(dir, storekey.Mark))
	if err != nil || strings.Contains(string(mark), first) {
		t.Errorf("the mark is %q, %v", mark, err)
	}
	if err := storekey.Same(filepath.Join(dir, "nowhere"), first); err == nil {
		t.Error("a folder that cannot be written is taken")
	}
}

// TestSameConf reads the key out of what nats-server includes.
func TestSameConf(t *testing.T) {
	conf := filepath.Join(t.TempDir(), "nats-store-key.conf")
	for _, c := range []struct{ text, want string }{
		{"# A comment with key: \"no\"\nkey: \"" + first + "\"\n", ""},
		{"\tkey = \"" + first + "\" # the key", ""},
		{"key \"" + first + "\";\n", ""},
		{"key: \"" + other + "\"\n", "stored with another key"},
		{"nothing\n", "does not hold one line"},
		{"key: \"" + first + "\"\nkey: \"" + other + "\"\n", "does not hold one line"},
	} {
		dir := t.TempDir()
		if err := storekey.Same(dir, first); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(conf, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		err := storekey.SameConf(dir, conf)
		if (err == nil) != (c.want == "") || err != nil && (!strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), other)) {
			t.Errorf("%q: %v, want %q", c.text, err, c.want)
		}
		if err := storekey.SameConf(dir, conf+".nowhere"); err == nil || !strings.Contains(err.Error(), "is encrypted") {
			t.Errorf("without a key file: %v", err)
		}
		if err := storekey.SameConf(t.TempDir(), conf+".nowhere"); err != nil {
			t.Errorf("without a key file and before: %v", err)
		}
	}
}
