package exportfile_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/causeway-sync/causeway/pkg/campaign/campaigntest"
	"github.com/causeway-sync/causeway/pkg/exportfile"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/record"
)

// house is a file server and a client of it.
type house struct {
	*campaigntest.SFTP
	cfg    exportfile.Config
	client *exportfile.Client
}

func open(t *testing.T, change func(*exportfile.Config)) *house {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server, err := campaigntest.NewSFTP(t.TempDir(), listener)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
	h := &house{SFTP: server, cfg: exportfile.Config{Addr: server.Addr(), User: campaigntest.SFTPUser, Key: server.ClientKey(), HostKey: server.HostKey(), Timeout: 5 * time.Second}}
	if change != nil {
		change(&h.cfg)
	}
	if h.client, err = exportfile.New(h.cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.client.Close)
	return h
}

func (h *house) put(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(h.Exports(), name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func format() exportfile.Format {
	return exportfile.Format{Values: map[string]string{"blackListEmail": "optout"}, Times: map[string]string{"blackListEmail": "changed"}}
}

func text(lines int) string {
	var b strings.Builder
	b.WriteString("externalId,optout,changed\n")
	for i := range lines {
		fmt.Fprintf(&b, "k%05d,1,2026-01-02 03:04:05.678Z\n", i)
	}
	return b.String()
}

// gather reads until so many records came; between two reads that fail it does what a pump does.
func gather(t *testing.T, source *exportfile.Source, want int, failed func(error)) []string {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	var keys []string
	var at record.Position
	for len(keys) < want {
		page, err := source.Read(ctx, at)
		if ctx.Err() != nil {
			t.Fatalf("only %d of %d lines came", len(keys), want)
		}
		if err != nil {
			failed(err)
			continue
		}
		at = page.Next
		for _, r := range page.Records {
			keys = append(keys, r.Key)
		}
	}
	return keys
}

// eager is a source that waits for nothing.
func (h *house) eager() *exportfile.Source {
	return h.client.Source(exportfile.SourceConfig{Format: format(), Settle: time.Nanosecond, Every: time.Nanosecond})
}

func TestFilesComeOverOneConnection(t *testing.T) {
	h := open(t, nil)
	h.put(t, "optout_1.csv", text(5000))
	h.put(t, "optout_2.csv", "externalId,optout,changed\nlast,0,\n")
	if findings := h.client.Check(t.Context(), format()); len(findings) > 0 {
		t.Error(findings)
	}
	keys := gather(t, h.eager(), 5001, func(err error) { t.Error(err) })
	if keys[0] != "k00000" || keys[4999] != "k04999" || keys[5000] != "last" || len(keys) != 5001 {
		t.Errorf("%d keys, %s to %s", len(keys), keys[0], keys[len(keys)-1])
	}
	if n := h.Logins(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

// A connection that breaks off again and again in the middle of a file loses no line and gives none twice.
func TestAConnectionThatBreaksOff(t *testing.T) {
	h := open(t, nil)
	const lines = 10_000
	h.put(t, "optout_1.csv", text(lines))
	h.CutAfter(200_000)
	failures := 0
	keys := gather(t, h.eager(), lines, func(err error) {
		if failures++; !fault.Is(err, fault.Transient) {
			t.Error(err)
		}
		if failures == 3 {
			h.CutAfter(0)
		}
	})
	for i, key := range keys {
		if key != fmt.Sprintf("k%05d", i) {
			t.Fatalf("line %d is %s", i, key)
		}
	}
	if failures < 3 {
		t.Errorf("the connection broke off %d times: the test proves nothing", failures)
	}
}

func TestAServerThatIsSilent(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	h := open(t, func(c *exportfile.Config) { c.Addr, c.Timeout = listener.Addr().String(), 200*time.Millisecond })
	if findings := h.client.Check(t.Context(), format()); len(findings) != 1 || !fault.Is(findings[0], fault.Transient) {
		t.Errorf("got %v", findings)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if findings := h.client.Check(ctx, format()); len(findings) != 1 || !errors.Is(findings[0], context.Canceled) {
		t.Errorf("interrupted: %v", findings)
	}
}

func TestFindings(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*exportfile.Config)
		before func(*testing.T, *house)
		kind   fault.Kind
		says   string
	}{
		"another user":       {change: func(c *exportfile.Config) { c.User = "nobody" }, kind: fault.Fatal, says: "does not let the user in"},
		"nobody is let in":   {before: func(_ *testing.T, h *house) { h.RefuseAuth(true) }, kind: fault.Fatal, says: "does not let the user in"},
		"another key":        {change: func(c *exportfile.Config) { c.Key, _ = otherKeys(t) }, kind: fault.Fatal, says: "register its public key"},
		"another host key":   {change: func(c *exportfile.Config) { _, c.HostKey = otherKeys(t) }, kind: fault.Fatal, says: "SHA256:"},
		"a key of that kind": {change: func(c *exportfile.Config) { c.HostKey = rsaKey }, kind: fault.Fatal, says: "ssh-keyscan"},
		"no such folder":     {change: func(c *exportfile.Config) { c.Folder = "exports" }, kind: fault.Fatal, says: "create it"},
		"out of the home":    {change: func(c *exportfile.Config) { c.Folder = "../../../etc" }, kind: fault.Fatal, says: "does not exist"},
		"nobody listens":     {before: func(_ *testing.T, h *house) { _ = h.Close() }, kind: fault.Transient, says: "refused"},
		"no such host":       {change: func(c *exportfile.Config) { c.Addr = "nowhere.invalid" }, kind: fault.Transient, says: "nowhere.invalid:22"},
		"wrong columns": {before: func(t *testing.T, h *house) { h.put(t, "optout_1.csv", "key,optout\nanna,1\n") }, kind: fault.Fatal,
			says: "lacks the columns externalId, changed"},
		"another encoding": {before: func(t *testing.T, h *house) { h.put(t, "optout_1.csv", "\xff\xfek\x00") }, kind: fault.Fatal, says: "utf-16le"},
	} {
		t.Run(name, func(t *testing.T) {
			h := open(t, tc.change)
			if tc.before != nil {
				tc.before(t, h)
			}
			findings := h.client.Check(t.Context(), format())
			if len(findings) != 1 || fault.KindOf(findings[0]) != tc.kind || !strings.Contains(fault.Message(findings[0]), tc.says) || strings.Contains(findings[0].Error(), "anna") {
				t.Errorf("got %v", findings)
			}
		})
	}
}

func TestCheckSaysAllOfAFormatAtOnce(t *testing.T) {
	h := open(t, nil)
	findings := h.client.Check(t.Context(), exportfile.Format{Delimiter: "", Encoding: "ebcdic", TimeFormat: "soon"})
	if len(findings) != 3 {
		t.Errorf("got %v", findings)
	}
}

func TestAFileThatIsNotGivenHoldsNobodyBack(t *testing.T) {
	h := open(t, nil)
	h.put(t, "optout_2.csv", text(1))
	if err := os.Symlink("/etc/passwd", filepath.Join(h.Exports(), "optout_0.csv")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(h.Exports(), "optout_1.csv"), 0o755); err != nil {
		t.Fatal(err)
	}
	source := h.eager()
	if keys := gather(t, source, 1, func(err error) { t.Error(err) }); keys[0] != "k00000" {
		t.Errorf("got %v", keys)
	}
}

func TestConfigsThatMakeNoSense(t *testing.T) {
	private, public := otherKeys(t)
	good := exportfile.Config{Addr: "h", User: "u", Key: private, HostKey: public}
	if _, err := exportfile.New(good); err != nil {
		t.Error(err)
	}
	for says, change := range map[string]func(*exportfile.Config){
		"address":                func(c *exportfile.Config) { c.Addr = "" },
		"user":                   func(c *exportfile.Config) { c.User = "" },
		"private key of the":     func(c *exportfile.Config) { c.Key = nil },
		"PEM":                    func(c *exportfile.Config) { c.Key = []byte("secret") },
		"is a public key":        func(c *exportfile.Config) { c.Key = []byte(public) },
		"passphrase":             func(c *exportfile.Config) { c.Key = lockedKey(t) },
		"host key of the":        func(c *exportfile.Config) { c.HostKey = "" },
		"should look like":       func(c *exportfile.Config) { c.HostKey = "secret" },
		"is empty; it should":    func(c *exportfile.Config) { c.Addr, c.User = "", "" },
		"missing; ask its":       func(c *exportfile.Config) { c.HostKey = " \n" },
		"cannot be understood; ": func(c *exportfile.Config) { c.HostKey = public + "\nsecret" },
	} {
		cfg := good
		change(&cfg)
		if _, err := exportfile.New(cfg); !fault.Is(err, fault.Fatal) || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", says, err)
		}
	}
	for _, form := range []string{"acme.example " + public, "[acme.example]:8322 " + public, public + "\n" + rsaKey + "\n"} {
		cfg := good
		cfg.HostKey = form
		if _, err := exportfile.New(cfg); err != nil {
			t.Errorf("%.30s: %v", form, err)
		}
	}
}

// rsaKey is a public key of another kind than the server's.
const rsaKey = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQC6WmHeTc/WYma87BG5XYDs6NSY+FyeRyKgweuaIVz4sYPOlv/5WrDY8hDluwW0GF2+IMKGcXrq9iL9rp8vA/28ZXnmM6X6v4X/u2XNd5HEPZRnj+/KGXeTkNCbnwSeRhYNkr6mvPExKoYRiy1xhAId2cM+6WZYew7LktYvt+yRrlkJrRI0PinQn/OHKXW5aNKofX+LV7KCodjhB2rTfB2rs2qqQha3Fq74LhMVo5uQI8bl387MvJT0RQH/iB/tLA2GXNdjw1LDXPUaVzwQEMlJ4NY/hVLfYsDCTTCj8cSYWJsbMZSPxQGnL2ZVn35qwrkdWycMq88fWdX/Vk7Olx2d"

func newKey() (ed25519.PublicKey, ed25519.PrivateKey, error) { return ed25519.GenerateKey(rand.Reader) }

// otherKeys are a private and a public key that the server has nothing to do with.
func otherKeys(t *testing.T) (private []byte, public string) {
	t.Helper()
	_, key, err := newKey()
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(key, "")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(block), strings.TrimSpace(string(ssh.MarshalAuthorizedKey(signer.PublicKey())))
}

func lockedKey(t *testing.T) []byte {
	t.Helper()
	_, key, err := newKey()
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKeyWithPassphrase(key, "", []byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(block)
}
