package bus_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/bus/bustest"
	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/fault"
)

func TestConnectionsAreStoredOnTopOfWhatWasSeen(t *testing.T) {
	ctx, conn := t.Context(), bustest.New(t)
	store := bus.NewConnections(conn)
	if first, err := store.Latest(ctx, "dynamics"); err != nil || first.Number != 0 || first.Connection.IsSetUp() {
		t.Fatalf("before anything: %+v %v", first, err)
	}
	connection := config.StoredConnection{Settings: map[string]string{"url": "https://a"}, Secrets: map[string]config.SealedSecret{"clientSecret": {Sealed: "x"}}}
	put, err := store.Put(ctx, "dynamics", connection, 0, "anna")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Put(ctx, "dynamics", connection, 0, "ben"); !fault.Is(err, fault.Stale) {
		t.Errorf("a second first version: %v", err)
	}
	if _, err := store.Put(ctx, "sftp", connection, 0, "ben"); err != nil {
		t.Errorf("another connection: %v", err)
	}
	all, err := store.All(ctx)
	if err != nil || all["dynamics"].Number != put.Number || all["dynamics"].By != "anna" || all["campaign"].Number != 0 || all["sftp"].By != "ben" {
		t.Errorf("all: %+v %v", all, err)
	}
	if diff := cmp.Diff(connection, all["dynamics"].Connection); diff != "" {
		t.Error(diff)
	}
}

// TestRemovedAndForeignConnections: what somebody does to the bucket with the NATS CLI is empty, and can be set up again.
func TestRemovedAndForeignConnections(t *testing.T) {
	ctx, conn := t.Context(), bustest.New(t)
	store := bus.NewConnections(conn)
	bucket, err := conn.JetStream().KeyValue(ctx, bus.BucketConnections)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bucket.Put(ctx, "dynamics", []byte("not JSON")); err != nil {
		t.Fatal(err)
	}
	rev, err := store.Latest(ctx, "dynamics")
	if !fault.Is(err, fault.Fatal) || rev.Number == 0 {
		t.Errorf("foreign: %+v %v", rev, err)
	}
	if err := bucket.Delete(ctx, "dynamics"); err != nil {
		t.Fatal(err)
	}
	if rev, err = store.Latest(ctx, "dynamics"); err != nil || rev.Number == 0 || rev.Connection.IsSetUp() {
		t.Errorf("removed: %+v %v", rev, err)
	}
	if _, err := store.Put(ctx, "dynamics", config.StoredConnection{}, rev.Number, "anna"); err != nil {
		t.Errorf("set up again: %v", err)
	}
}
