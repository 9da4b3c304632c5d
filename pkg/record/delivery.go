package record

// Delivery is one record that was handed to a writer and waits for its outcome. Exactly one of Ack and Nak is called
// for it, once, by whoever holds it.
type Delivery struct {
	Record
	// Seq is the record's place in the queue: greater is newer, for all keys of the queue.
	Seq uint64
	// Broken says why the record could not be decoded, nil for a good one. Record then holds what could be read, Raw
	// the whole message body.
	Broken error
	Raw    []byte
	Settler
}

// Settler settles one delivery with the queue. All three are quick and do not wait for the queue's confirmation: a
// settlement that is lost makes the record come again, which is harmless (invariant 3).
type Settler interface {
	// Ack says that the record is done.
	Ack() error
	// Nak hands the record back, to be delivered again at once to whoever pulls.
	Nak() error
	// Extend says that the record is still being worked on.
	Extend() error
}

// Checkpoint is a stored position with the revision that the next change of it must name.
type Checkpoint struct {
	Position Position
	// Revision is 0 where no position was stored yet.
	Revision uint64
}
