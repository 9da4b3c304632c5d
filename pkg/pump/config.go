package pump

import (
	"cmp"
	"context"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/causeway-sync/causeway/pkg/record"
)

// Source brings pages. Read is called by one goroutine, again and again: first with the stored position, then with the one
// that the page before brought, whose records are safe by then.
type Source interface {
	// Read returns the page behind a position. It does not wait for records: an idle source answers with an empty page.
	// Kinds of errors: Transient and Throttled are tried again; Expired makes the next Read begin at the beginning; Fatal
	// holds the source while another one can be read; any other ends the run.
	Read(ctx context.Context, from record.Position) (record.Page, error)
}

// Troubled is a Source that says what an operator should know although it can be read: a file that is late, say. Trouble
// may be asked at any time.
type Troubled interface{ Trouble() []string }

// Queue is where a source's pages go.
type Queue interface {
	// Checkpoint is the position behind the last stored page.
	Checkpoint(ctx context.Context, source string) (record.Checkpoint, error)
	// Append stores a page and its position in one step on top of a checkpoint. Kinds of errors: QueueFull, Fenced,
	// Transient (offer the same page again).
	Append(ctx context.Context, source string, records []record.Record, on record.Checkpoint, next record.Position) (record.Checkpoint, error)
	// Reject stores a record among the failures and returns when it is safe there.
	Reject(ctx context.Context, d record.Delivery, reason string, attempts int) error
	// Park puts a record aside that waits for another one, and returns when it is safe. It comes back later by itself.
	Park(ctx context.Context, d record.Delivery, reason string) error
}

// Window is the writer's view of the queue. It is used by one goroutine.
type Window interface {
	// Next waits for at least one record and returns at most limit, in the queue's order. A record may come again while
	// it is held, or after it was settled when its settlement was lost. An error ends the run.
	Next(ctx context.Context, limit int) ([]record.Delivery, error)
	// Superseded reports that a newer version of the record waits behind it.
	Superseded(record.Delivery) bool
	// Close hands back what was pulled and not taken.
	Close(ctx context.Context) error
}

// Sink writes records. Write is called by many goroutines, never with two records of one key at a time
// unless they are independent. It returns one result a record, in order. When ctx ends it comes back soon; a record whose outcome it does not know by then is
// Transient.
type Sink interface {
	Write(ctx context.Context, batch []record.Record) []Result
}

// Result is what became of one record.
type Result struct {
	// Unchanged says that nothing had to be written. It is no sign that the destination works.
	Unchanged bool
	// Err is nil for a record that is at the destination. Rejected sends the record to the failures, Transient and
	// Throttled try it again, any other kind ends the run.
	Err error
	// Expected says of a rejection that it is the record's own matter and no sign that something has to be mended: it does
	// not count towards the RejectLimit.
	Expected bool
}

// Config of one run.
type Config struct {
	// Sources by name; the name is that of their records.
	Sources map[string]Source
	Queue   Queue
	// Open opens the window, at most size records unsettled.
	Open func(ctx context.Context, size int) (Window, error)
	Sink Sink
	// Guard says no (with an error of kind Fenced) when this run may not write any more.
	Guard func() error

	// Window is how many records are pulled and unsettled at most; default 500.
	Window int
	// InFlight is how many writes run at the same time; default 16. BatchSize is how many records one write takes at
	// most; default 1.
	InFlight  int
	BatchSize int
	// Linger is how long a record may wait for others to fill the batch; default 0, which writes what is there.
	Linger time.Duration
	// PollInterval is how long an idle source is left alone; default 1 s.
	PollInterval time.Duration
	// Independent says that no record contains an older one of its key, as reports do that leave something out: each is
	// written, none for another, and in any order. The sink is then given records of one key side by side.
	Independent bool
	// Waiting counts the records that are queued and not settled; nil lets full reads run as far ahead as they can. Lead is
	// how much of the writer's time a full read may queue while there is another source, whose changes would wait behind
	// it; default 1.5 s, negative for no bound.
	Waiting func(ctx context.Context) (uint64, error)
	Lead    time.Duration
	// Behind names for a source the ones whose full reads go before its own, such as the parents of its rows. It must not
	// lead in a circle.
	Behind map[string][]string
	// HoldPause is how often a held source is tried again; default 30 s.
	HoldPause time.Duration
	// Patience is how long trouble may last without a success before Run gives up; default 15 min.
	Patience time.Duration
	// MaxAttempts is how often a record may fail for passing reasons while others succeed; default 12.
	MaxAttempts int
	// Rejects is how many rejected records are too many.
	Rejects RejectLimit
	// DrainTimeout is how long a stop waits for writes under way before it cuts them off; default 10 s.
	DrainTimeout time.Duration
	// ExtendEvery is how often unsettled records are kept alive in the queue; default 10 s.
	ExtendEvery time.Duration

	// Notice hears what is unusual and mended itself.
	Notice func(message string)
	Log    *zap.Logger
}

func (c Config) withDefaults() Config {
	c.Window = cmp.Or(c.Window, 500)
	c.InFlight = cmp.Or(c.InFlight, 16)
	c.BatchSize = cmp.Or(c.BatchSize, 1)
	c.MaxAttempts = cmp.Or(c.MaxAttempts, 12)
	c.PollInterval = cmp.Or(c.PollInterval, time.Second)
	c.Lead = cmp.Or(c.Lead, 1500*time.Millisecond)
	c.HoldPause = cmp.Or(c.HoldPause, 30*time.Second)
	c.Patience = cmp.Or(c.Patience, 15*time.Minute)
	c.DrainTimeout = cmp.Or(c.DrainTimeout, 10*time.Second)
	c.ExtendEvery = cmp.Or(c.ExtendEvery, 10*time.Second)
	c.Rejects = c.Rejects.withDefaults()
	if c.Guard == nil {
		c.Guard = func() error { return nil }
	}
	if c.Notice == nil {
		c.Notice = func(string) {}
	}
	if c.Log == nil {
		c.Log = zap.NewNop()
	}
	return c
}

// Counters are sums, over all runs that share them. They may be read at any time. Throttled is part of Retries.
type Counters struct {
	Read, Written, Unchanged, Coalesced, Rejected, Retries, Throttled atomic.Uint64
}
