package pump

import (
	"testing"

	"github.com/causeway-sync/causeway/pkg/record"
)

// TestCoalescedVersionsContainWhatTheyReplace: nothing that a full read or a re-creation would have written is lost when a
// change takes its place.
func TestCoalescedVersionsContainWhatTheyReplace(t *testing.T) {
	version := func(op record.Op, snapshot bool) record.Delivery {
		return record.Delivery{Record: record.Record{Source: "s", Key: "k", Op: op, Snapshot: snapshot}}
	}
	for _, tc := range []struct {
		name        string
		older, next record.Delivery
		want        bool
	}{
		{"a row of a full read", version(record.Upsert, true), version(record.Upsert, false), true},
		{"a deleted row that is there again", version(record.Delete, false), version(record.Upsert, false), true},
		{"a change", version(record.Upsert, false), version(record.Upsert, false), false},
		{"a deletion", version(record.Upsert, true), version(record.Delete, false), false},
	} {
		replaced := &task{Delivery: tc.older}
		replaced.replace(tc.next)
		inherited := &task{Delivery: tc.next}
		inherited.inherit(&task{Delivery: tc.older})
		if replaced.Snapshot != tc.want || inherited.Snapshot != tc.want {
			t.Errorf("%s: replaced %v, inherited %v, want %v", tc.name, replaced.Snapshot, inherited.Snapshot, tc.want)
		}
	}
}
