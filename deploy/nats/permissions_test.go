package nats_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"github.com/causeway-sync/causeway/pkg/bus"
)

var everybody = []string{"admin", "ingress", "egress", "optinout", "operator", "maintenance"}

// TestWhoMayPublish: each subject is published to by those that are named and refused to all others.
func TestWhoMayPublish(t *testing.T) {
	in := install(t)
	in.provision()
	for _, rule := range []struct {
		subject string
		may     []string
	}{
		{"causeway.commands.ingress.config-changed", []string{"admin"}},
		{"causeway.commands.ingress.start", []string{"admin", "operator", "maintenance"}},
		{"causeway.commands.egress.stop", []string{"admin", "operator", "maintenance"}},
		{"causeway.ingress.records.contact", []string{"ingress"}},
		{"causeway.ingress.checkpoint.contact", []string{"ingress"}},
		{"causeway.egress.records.journal", []string{"admin", "egress"}}, // What was rejected goes back as it was.
		{"causeway.optinout.records.export", []string{"admin", "optinout"}},
		{"causeway.ingress.retries.contact", []string{"admin", "ingress"}},
		{"causeway.heartbeats.ingress.x", []string{"ingress"}},
		{"causeway.heartbeats.egress.x", []string{"egress"}},
		{"causeway.failures.ingress.contact", []string{"ingress"}},
		{"causeway.ledger.optinout.c1", []string{"optinout"}},
		{"causeway.events.egress.gap", []string{"admin", "egress"}},
		{"causeway.services.ingress.preview", []string{"admin"}},
		{"causeway.api.workflows", []string{"operator", "maintenance"}},
		{"causeway.api.connections.dynamics", []string{"operator", "maintenance"}},
		{"$SRV.PING", []string{"operator", "maintenance"}},
		// Buckets.
		{"$KV.CAUSEWAY_CONFIG.egress", []string{"admin"}},
		{"$KV.CAUSEWAY_CONFIG.ingress", []string{"admin", "ingress"}}, // A replay that is done is noted by who did it.
		{"$KV.CAUSEWAY_CONNECTIONS.dynamics", []string{"admin"}},
		{"$KV.CAUSEWAY_LEASES.ingress", []string{"ingress"}},
		{"$KV.CAUSEWAY_LEASES.egress", []string{"egress"}},
		{"$KV.CAUSEWAY_USAGE.ingress", []string{"admin"}},
		{"$KV.CAUSEWAY_SETTINGS.settings", []string{"admin"}},
		{"causeway.trend.ingress", []string{"admin"}},
		// What JetStream is made of.
		{"$JS.API.STREAM.CREATE.OTHER", []string{"admin"}},
		{"$JS.API.STREAM.UPDATE.CAUSEWAY_INGRESS", []string{"admin"}},
		{"$JS.API.STREAM.UPDATE.CAUSEWAY_FAILURES", []string{"admin", "maintenance"}},
		{"$JS.API.STREAM.DELETE.CAUSEWAY_OTHER", []string{"maintenance"}},
		{"$JS.API.STREAM.SNAPSHOT.CAUSEWAY_OTHER", []string{"maintenance"}},
		{"$JS.API.STREAM.RESTORE.CAUSEWAY_OTHER", []string{"maintenance"}},
		{"$JS.API.STREAM.PURGE.CAUSEWAY_OTHER", []string{"admin"}},
		{"$JS.API.STREAM.PURGE.CAUSEWAY_EGRESS", []string{"admin", "egress"}},
		{"$JS.API.STREAM.PURGE.CAUSEWAY_LEDGER", []string{"admin", "maintenance"}},
		{"$JS.API.STREAM.PURGE.CAUSEWAY_FAILURES", []string{"admin"}},
		// Consumers: who looks at everything has some of his own; the one that hands records out is made by the admin service.
		{"$JS.API.CONSUMER.CREATE.CAUSEWAY_INGRESS.spy", []string{"admin", "maintenance"}},
		{"$JS.API.CONSUMER.CREATE.CAUSEWAY_INGRESS.spy.causeway.ingress.records.>", []string{"admin", "maintenance"}},
		{"$JS.API.CONSUMER.CREATE.KV_CAUSEWAY_CONFIG.spy", []string{"admin", "maintenance"}},
		{"$JS.API.CONSUMER.CREATE.CAUSEWAY_OTHER.writer", []string{"admin"}},
		{"$JS.API.CONSUMER.CREATE.CAUSEWAY_OTHER.writer.causeway.other.>", []string{"admin"}},
		{"$JS.API.CONSUMER.CREATE.CAUSEWAY_INGRESS", []string{"admin"}},
		{"$JS.API.CONSUMER.DURABLE.CREATE.CAUSEWAY_INGRESS.spy", []string{"admin"}},
		{"$JS.API.CONSUMER.MSG.NEXT.CAUSEWAY_INGRESS.spy", []string{"admin", "maintenance"}},
		{"$JS.API.CONSUMER.DELETE.CAUSEWAY_INGRESS.spy", []string{"admin", "maintenance"}},
		{"$JS.API.CONSUMER.DELETE.CAUSEWAY_OTHER.writer", []string{"maintenance"}},
		{"$JS.API.CONSUMER.PAUSE.CAUSEWAY_INGRESS.other", []string{"admin", "maintenance"}},
		{"$JS.FC.KV_CAUSEWAY_CONFIG.spy.x", []string{"maintenance"}},
		// Records are taken and settled by who writes them.
		{"$JS.API.CONSUMER.MSG.NEXT.CAUSEWAY_INGRESS.writer", []string{"ingress"}},
		{"$JS.API.CONSUMER.MSG.NEXT.CAUSEWAY_EGRESS.writer", []string{"egress"}},
		{"$JS.API.CONSUMER.RESET.CAUSEWAY_INGRESS.writer", []string{"ingress"}},
		{"$JS.ACK.CAUSEWAY_INGRESS.writer.1.1.1.1.0", []string{"ingress"}},
		{"$JS.ACK._.hash.CAUSEWAY_INGRESS.writer.1.1.1.1.0", []string{"ingress"}},
		{"$JS.API.DIRECT.GET.CAUSEWAY_INGRESS", []string{"admin", "ingress", "maintenance"}},
		{"$JS.API.STREAM.MSG.GET.CAUSEWAY_INGRESS", []string{"admin", "maintenance"}},
		{"$JS.API.STREAM.MSG.GET.CAUSEWAY_COMMANDS", []string{"admin", "operator", "maintenance"}},
		{"$JS.API.DIRECT.GET.CAUSEWAY_FAILURES", []string{"admin", "maintenance"}},
		{"$JS.API.DIRECT.GET.CAUSEWAY_LEDGER", []string{"admin", "optinout", "maintenance"}},
		{"$JS.API.DIRECT.GET.KV_CAUSEWAY_CONNECTIONS.$KV.CAUSEWAY_CONNECTIONS.sftp", []string{"admin", "optinout", "maintenance"}},
		{"$JS.API.DIRECT.GET.KV_CAUSEWAY_CONNECTIONS.$KV.CAUSEWAY_CONNECTIONS.dynamics", []string{"admin", "ingress", "egress", "optinout", "maintenance"}},
		{"$JS.API.DIRECT.GET.KV_CAUSEWAY_CONNECTIONS", []string{"admin", "maintenance"}},
		{"$JS.API.STREAM.INFO.CAUSEWAY_INGRESS", []string{"admin", "ingress", "operator", "maintenance"}},
		{"$JS.API.CONSUMER.INFO.CAUSEWAY_INGRESS.writer", []string{"admin", "ingress", "operator", "maintenance"}},
		{"_INBOX_ingress.x", nil}, // Nobody slips an answer in that nobody asked for.
		{"$SYS.REQ.SERVER.PING", nil},
		{"anything", nil},
	} {
		for _, user := range everybody {
			if got, want := in.mayPublish(user, rule.subject), slices.Contains(rule.may, user); got != want {
				t.Errorf("%s may publish %s: %t, want %t", user, rule.subject, got, want)
			}
		}
	}
}

// TestWhoMayListen: records pass by inboxes and subjects that only their service hears.
func TestWhoMayListen(t *testing.T) {
	in := install(t)
	for _, rule := range []struct {
		subject string
		may     []string
	}{
		{">", nil},
		{"causeway.>", nil},
		{"causeway.ingress.records.>", nil}, // Records come by the consumer only.
		{"causeway.ingress.>", nil},
		{"causeway.failures.>", nil},
		{"causeway.ledger.>", nil},
		{"$KV.>", nil},
		{"_INBOX.>", nil},
		{"_INBOX_admin.>", []string{"admin"}},
		{"_INBOX_ingress.>", []string{"ingress"}},
		{"_INBOX_egress.>", []string{"egress"}},
		{"_INBOX_optinout.>", []string{"optinout"}},
		{"_INBOX_operator.>", []string{"operator"}}, // What maintenance reads is hidden from it.
		{"_INBOX_maintenance.>", []string{"maintenance"}},
		{"causeway.commands.ingress.*", []string{"admin", "ingress", "operator", "maintenance"}},
		{"causeway.heartbeats.>", []string{"admin", "operator", "maintenance"}},
		{"causeway.events.>", []string{"admin", "operator", "maintenance"}},
		{"causeway.api.>", []string{"admin"}}, // Nobody else answers in its place.
		{"causeway.services.ingress.*", []string{"ingress"}},
		{"$JS.API.>", nil},
		{"$SYS.>", nil},
	} {
		for _, user := range everybody {
			if got, want := in.maySubscribe(user, rule.subject), slices.Contains(rule.may, user); got != want {
				t.Errorf("%s may listen to %s: %t, want %t", user, rule.subject, got, want)
			}
		}
	}
}

// TestNobodyComesInWithoutAKey, nor without TLS, nor with an authority that the server's certificate is not of.
func TestNobodyComesInWithoutAKey(t *testing.T) {
	in := install(t)
	plain := in.server.ClientURL()
	ca := nats.RootCAs(in.flags("admin").CA)
	for what, opts := range map[string][]nats.Option{
		"nobody":           {ca},
		"a password":       {ca, nats.UserInfo("admin", "admin")},
		"no authority":     in.options("admin", zap.NewNop()).Extra[:1],
		"a key of another": {ca, nats.Nkey("UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4", func([]byte) ([]byte, error) { return nil, nil })},
	} {
		if nc, err := nats.Connect(plain, append(opts, nats.Timeout(2*time.Second))...); err == nil {
			nc.Close()
			t.Errorf("%s comes in", what)
		}
	}
}

// TestStreamsAreEncryptedOnTheDisk: neither names of subjects nor payloads stand there as they were sent.
func TestStreamsAreEncryptedOnTheDisk(t *testing.T) {
	in := install(t)
	in.provision()
	c := in.as("ingress")
	js, err := jetstream.New(c.Conn)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	const payload = "Ada-Lovelace-was-here"
	if _, err := js.Publish(ctx, bus.RecordsSubject("ingress", "contact"), []byte(payload)); err != nil {
		t.Fatal(err)
	}
	in.server.Shutdown()
	in.server.WaitForShutdown()
	blocks := 0
	err = filepath.WalkDir(in.data, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if strings.HasSuffix(path, ".blk") {
			blocks++
		}
		if strings.Contains(string(text), payload) {
			t.Errorf("%s holds what was sent, readable", path)
		}
		return nil
	})
	if err != nil || blocks == 0 {
		t.Fatalf("%d blocks were looked through: %v", blocks, err)
	}
}
