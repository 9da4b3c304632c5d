package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"

	"github.com/causeway-sync/causeway/deploy/cli"
	"github.com/causeway-sync/causeway/pkg/fault"
)

// TestHowAServiceSignsInToNATS: what does not fit together is refused with what to do, and never with what a file holds.
func TestHowAServiceSignsInToNATS(t *testing.T) {
	file := func(name, text string) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	seed := file("seed", "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY\n")
	garbage := file("garbage", "hunter2\n")
	for what, c := range map[string]struct {
		flags   cli.NATS
		options int
		says    string
	}{
		"nothing":                  {cli.NATS{}, 0, ""},
		"a seed":                   {cli.NATS{NKey: seed, Inbox: "_INBOX_ingress"}, 2, ""},
		"credentials":              {cli.NATS{Creds: garbage, CA: garbage}, 2, ""},
		"a certificate":            {cli.NATS{Cert: garbage, Key: garbage}, 1, ""},
		"two ways":                 {cli.NATS{NKey: seed, Creds: garbage}, 0, "leave one out"},
		"a file that is no seed":   {cli.NATS{NKey: garbage}, 0, "begins with SU"},
		"a certificate, no key":    {cli.NATS{Cert: garbage}, 0, "belong together"},
		"a key and no certificate": {cli.NATS{Key: garbage}, 0, "belong together"},
	} {
		options, err := c.flags.Options("x", zap.NewNop())
		switch {
		case c.says == "" && (err != nil || len(options.Extra) != c.options):
			t.Errorf("%s: %d options, %v", what, len(options.Extra), err)
		case c.says != "" && (!fault.Is(err, fault.Fatal) || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "hunter2")):
			t.Errorf("%s: %v, want one that says %q", what, err, c.says)
		}
	}
}
