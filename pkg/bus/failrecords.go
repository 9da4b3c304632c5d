package bus

import "math/bits"

// records is a set of records, which are hashes already: an open table of 16 bytes a record, where a map would take three
// times as much and be slower. It is filled once and then asked.
type records struct {
	slots []uint64 // 0 is free
	zero  bool     // whether the record 0 is in it
}

// newRecords makes room for n records.
func newRecords(n int) records {
	if n == 0 {
		return records{}
	}
	return records{slots: make([]uint64, 1<<bits.Len(uint(2*n-1)))}
}

func (r *records) add(record uint64) {
	if record == 0 {
		r.zero = true
		return
	}
	r.slots[r.slot(record)] = record
}

func (r records) has(record uint64) bool {
	if record == 0 {
		return r.zero
	}
	return len(r.slots) > 0 && r.slots[r.slot(record)] == record
}

// slot is where a record stands, or would. At least half of the slots are free, so there is an end to the looking.
func (r records) slot(record uint64) int {
	at := int(record & uint64(len(r.slots)-1))
	for r.slots[at] != 0 && r.slots[at] != record {
		at = (at + 1) & (len(r.slots) - 1)
	}
	return at
}
