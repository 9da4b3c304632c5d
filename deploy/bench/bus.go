package main

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/bus/embedded"
	"github.com/causeway-sync/causeway/pkg/record"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

const (
	source   = "contact"
	bodySize = 1024 // of a record's row
)

// fixture is a provisioned bus in a folder: a server that syncs always, and a connection inside the process.
type fixture struct {
	server *embedded.Server
	conn   *bus.Conn
	queue  *bus.Queue
}

func openFixture(ctx context.Context, dir string) (*fixture, error) {
	server, err := embedded.Start(embedded.Options{Dir: dir, Port: embedded.DontListen, AllowTemporary: true})
	if err != nil {
		return nil, err
	}
	conn, err := bus.Connect(ctx, bus.Options{Name: "bench", InProcess: server.InProcess()})
	if err != nil {
		server.Stop()
		return nil, err
	}
	f := &fixture{server: server, conn: conn, queue: bus.NewQueue(conn, workflow.Ingress)}
	if err := bus.Provision(ctx, conn, bus.Sizes{}); err != nil {
		f.close()
		return nil, err
	}
	return f, nil
}

func (f *fixture) close() {
	f.conn.Close()
	f.server.Stop()
}

// onFresh makes a measurement on a bus of its own, so that each begins with an empty stream.
func onFresh(dir string, n *int, measure func(ctx context.Context, f *fixture) (float64, error)) measure {
	return func(ctx context.Context) (float64, error) {
		*n++
		f, err := openFixture(ctx, filepath.Join(dir, fmt.Sprint(*n)))
		if err != nil {
			return 0, err
		}
		defer f.close()
		return measure(ctx, f)
	}
}

// body is a contact of bodySize bytes as Dataverse would send it.
func body() []byte {
	row := []byte(`{"salutation":"Dr","firstname":"Zo\u00eb","middlename":null,"lastname":"Example","emailaddress1":"zoe@example.com",` +
		`"telephone1":"+41 44 000 00 00","mobilephone":null,"birthdate":"1980-02-29","gendercode":2,"description":"`)
	for len(row) < bodySize-2 {
		row = append(row, 'x')
	}
	return append(row, `"}`...)
}

// key is the canonical spelling of a GUID; every i has its own.
func key(i int) string {
	var raw [16]byte
	binary.BigEndian.PutUint64(raw[:], uint64(i)*0x9e3779b97f4a7c15) // Spread, as random ones are.
	binary.BigEndian.PutUint64(raw[8:], uint64(i))
	text := hex.EncodeToString(raw[:])
	return text[:8] + "-" + text[8:12] + "-" + text[12:16] + "-" + text[16:20] + "-" + text[20:]
}

// page makes the records from..from+n of different keys, all with one body.
func page(from, n int, body []byte) []record.Record {
	now := time.Now()
	records := make([]record.Record, n)
	for i := range records {
		records[i] = record.Record{Source: source, Key: key(from + i), Op: record.Upsert, Version: int64(from + i + 1), Snapshot: true, ReadAt: now, Data: body}
	}
	return records
}

// fill appends n records. The position belongs to a source of its own: the workflow that reads contacts finds none, and
// takes nothing for known.
func fill(ctx context.Context, queue *bus.Queue, n int) error {
	row, on := body(), record.Checkpoint{}
	for done := 0; done < n; {
		records := page(done, min(bus.MaxPage, n-done), row)
		next, err := queue.Append(ctx, "bench", records, on, fmt.Append(nil, done))
		if err != nil {
			return err
		}
		on, done = next, done+len(records)
	}
	return nil
}

// rawConsumer is the consumer of the raw loops.
const rawConsumer = "raw"

// newConsumer makes a durable consumer over the records with explicit ack: a plain one, or one with a pinned group as the
// product's is, for which the server marks every message that it delivers.
func newConsumer(ctx context.Context, conn *bus.Conn, pinned bool) (jetstream.Consumer, error) {
	cfg := jetstream.ConsumerConfig{Durable: rawConsumer, FilterSubject: bus.RecordsFilter(workflow.Ingress), AckPolicy: jetstream.AckExplicitPolicy,
		AckWait: bus.AckWait, MaxAckPending: 8192}
	if pinned {
		cfg.PriorityPolicy, cfg.PriorityGroups, cfg.PinnedTTL = jetstream.PriorityPolicyPinned, []string{bus.PriorityGroup}, bus.PinnedTTL
	}
	return conn.JetStream().CreateOrUpdateConsumer(ctx, bus.Stream(workflow.Ingress), cfg)
}

// awaitSettled waits until the server knows a consumer's acknowledgements of n records, and says when that was.
func awaitSettled(ctx context.Context, conn *bus.Conn, consumer string, n int) (time.Time, error) {
	for {
		c, err := conn.JetStream().Consumer(ctx, bus.Stream(workflow.Ingress), consumer)
		if err != nil {
			return time.Time{}, err
		}
		if info := c.CachedInfo(); info.Delivered.Consumer >= uint64(n) && info.NumAckPending == 0 {
			return time.Now(), nil
		}
		select {
		case <-ctx.Done():
			return time.Time{}, ctx.Err()
		case <-time.After(2 * time.Millisecond):
		}
	}
}
