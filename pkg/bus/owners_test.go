package bus_test

import (
	"testing"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/bus/bustest"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// TestOwnersAreNamedOneAfterTheOther: of two that have read the same name only one can replace it.
func TestOwnersAreNamedOneAfterTheOther(t *testing.T) {
	conn := bustest.New(t)
	ctx := testContext(t)
	one, two := bus.NewOwners(conn, workflow.Ingress), bus.NewOwners(conn, workflow.Ingress)
	name, revision, err := one.Last(ctx)
	if err != nil || name != "" || revision != 0 {
		t.Fatalf("on a new bus: %q, %d, %v", name, revision, err)
	}
	if err := one.Put(ctx, "run one", revision); err != nil {
		t.Fatal(err)
	}
	if err := two.Put(ctx, "run two", revision); !fault.Is(err, fault.Stale) {
		t.Errorf("the second put on the same revision: %v, want Stale", err)
	}
	name, revision, err = two.Last(ctx)
	if err != nil || name != "run one" {
		t.Fatalf("the last name is %q, %v", name, err)
	}
	if err := two.Put(ctx, "run two", revision); err != nil {
		t.Fatal(err)
	}
	if name, _, _ := bus.NewOwners(conn, workflow.Egress).Last(ctx); name != "" {
		t.Errorf("another workflow's last name is %q", name)
	}
}

// TestALeaseIsNoOwner: the name outlives the lease beside it, and who holds the lease does not matter to it.
func TestALeaseIsNoOwner(t *testing.T) {
	conn := bustest.New(t)
	ctx := testContext(t)
	q, owners := bus.NewQueue(conn, workflow.Ingress), bus.NewOwners(conn, workflow.Ingress)
	lease, err := q.Acquire(ctx, "i", false)
	if err != nil {
		t.Fatal(err)
	}
	if err := owners.Put(ctx, "run", 0); err != nil {
		t.Fatal(err)
	}
	if err := lease.Release(ctx); err != nil {
		t.Fatal(err)
	}
	if name, _, err := owners.Last(ctx); err != nil || name != "run" {
		t.Errorf("after the release the last name is %q, %v", name, err)
	}
	if _, err := q.Acquire(ctx, "another", false); err != nil {
		t.Errorf("another instance cannot take the lease: %v", err)
	}
}
