package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/causeway-sync/causeway/deploy/internal/process"
	"github.com/causeway-sync/causeway/deploy/internal/sshd"
	"github.com/causeway-sync/causeway/pkg/exportfile"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/record"
)

func optOutFormat() exportfile.Format {
	return exportfile.Format{Values: map[string]string{"blackListEmail": "blackListEmail"}, Times: map[string]string{"blackListEmail": "blackListEmailChanged"}}
}

func exportText(from, to int) string {
	var text strings.Builder
	text.WriteString("externalId,blackListEmail,blackListEmailChanged\n")
	for i := from; i < to; i++ {
		fmt.Fprintf(&text, "k%06d,true,2026-01-02 03:04:05.678Z\n", i)
	}
	return text.String()
}

// The files of a real OpenSSH server are read once and in order, also when the server is away for a while.
func TestExportFilesFromOpenSSH(t *testing.T) {
	folder := t.TempDir()
	server := sshd.New(t, folder)
	client := newFiles(t, server.Config)
	if findings := client.Check(t.Context(), optOutFormat()); len(findings) != 1 || !fault.Is(findings[0], fault.Transient) {
		t.Errorf("while it is down: %v", findings)
	}
	server.Start()
	process.Until(t, 10*time.Second, "OpenSSH lets the client in", func() bool { return len(client.Check(t.Context(), optOutFormat())) == 0 }, server.Tail)

	const lines = 20_000
	put := func(name string, from, to int) {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(exportText(from, to)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("optout_1.csv", 0, lines)
	put("optout_2.csv", lines, lines+10)
	source := client.Source(exportfile.SourceConfig{Format: optOutFormat(), Settle: 100 * time.Millisecond, Every: 50 * time.Millisecond})
	var position record.Position
	var keys []string
	read := func(want int) {
		t.Helper()
		process.Until(t, time.Minute, fmt.Sprintf("%d lines", want), func() bool {
			page, err := source.Read(t.Context(), position)
			if err != nil && !fault.Is(err, fault.Transient) {
				t.Fatal(err)
			}
			if err == nil {
				position = page.Next
			}
			for _, r := range page.Records {
				keys = append(keys, r.Key)
			}
			return len(keys) >= want
		}, server.Tail)
	}
	read(lines / 2)
	server.Kill() // its sessions end with their connections
	client.Close()
	client = newFiles(t, server.Config)
	source = client.Source(exportfile.SourceConfig{Format: optOutFormat(), Settle: 100 * time.Millisecond, Every: 50 * time.Millisecond})
	if _, err := source.Read(t.Context(), position); !fault.Is(err, fault.Transient) {
		t.Errorf("while it is away: %v", err)
	}
	server.Start()
	read(lines + 10)
	for i, key := range keys {
		if key != fmt.Sprintf("k%06d", i) {
			t.Fatalf("line %d is %s", i, key)
		}
	}
}

// What a person has to mend is said as such by a real server's answers.
func TestFindingsFromOpenSSH(t *testing.T) {
	folder := t.TempDir()
	server, other := sshd.New(t, folder), sshd.New(t, folder)
	server.Start()
	good := newFiles(t, server.Config)
	process.Until(t, 10*time.Second, "OpenSSH lets the client in", func() bool { return len(good.Check(t.Context(), optOutFormat())) == 0 }, server.Tail)
	for name, tc := range map[string]struct {
		change func(*exportfile.Config)
		says   string
	}{
		"another host key": {func(c *exportfile.Config) { c.HostKey = other.Config.HostKey }, "another host key (SHA256:"},
		"another user key": {func(c *exportfile.Config) { c.Key = other.Config.Key }, "does not let the user in"},
		"another user":     {func(c *exportfile.Config) { c.User = "nobody-at-all" }, "does not let the user in"},
		"no such folder":   {func(c *exportfile.Config) { c.Folder += "/missing" }, "does not exist"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := server.Config
			tc.change(&cfg)
			client := newFiles(t, cfg)
			findings := client.Check(context.Background(), optOutFormat())
			if len(findings) != 1 || !fault.Is(findings[0], fault.Fatal) || !strings.Contains(findings[0].Error(), tc.says) {
				t.Errorf("got %v", findings)
			}
		})
	}
	if err := os.WriteFile(filepath.Join(folder, "optout_9.csv"), []byte("id,value\n1,2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if findings := good.Check(t.Context(), optOutFormat()); len(findings) != 1 || !strings.Contains(findings[0].Error(), "lacks the columns externalId, blackListEmail") {
		t.Errorf("wrong columns: %v", findings)
	}
}

func newFiles(t *testing.T, cfg exportfile.Config) *exportfile.Client {
	t.Helper()
	client, err := exportfile.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}
