// Package pump moves records: readers bring pages from sources into a queue, a writer brings records from the queue to
// a sink. It knows no queue, no API and no workflow; the small interfaces below are all it asks for.
//
// # Promises
//
//   - A page and the position behind it enter the queue together or not at all (invariant 1).
//   - A record is acknowledged after the sink has confirmed it, or after it stands in the failures (invariant 2).
//   - Of one key, one record is written at a time, in the queue's order. Versions that wait together are coalesced into
//     the newest. What was settled in this run is not written again when it comes back, nor is anything older (invariant
//     4). Records that are said to be independent are each written, in any order.
//   - Nothing is written without the guard's consent (invariant 5) or inside a delay that the sink asked for
//     (invariant 10).
//   - A full read of one source does not hold up the changes of another: it queues only what is written in a short time.
//   - When Run returns, everything is quiet: no read, no write and no retry is under way, and what was not settled has
//     been handed back.
//
// # What the caller must do
//
// A sink must be idempotent: a record whose outcome was lost is written again (invariant 3). A source must be able to
// read from any position that it has returned.
//
// # Faults
//
// Errors are instructions (package fault). Transient and throttled ones are retried with growing pauses and reported as
// trouble while they last; trouble without any success for longer than the patience ends Run with an error of kind
// Transient, or Throttled when the remote's last word was a delay: Run may be tried again when it has passed. A source
// whose Read is Fatal is held: it is tried again now and then, and reported as trouble, while the others go on; when
// all are held Run ends with what holds them. Any other kind ends Run at once, and only the first such error is returned. A
// rejected record goes to the failures, a waiting one is parked. A record that keeps failing for passing reasons while others succeed is rejected too: it, and not the remote, is what does not work.
// When too large a share of what is settled was rejected, the run ends with fault.Fatal and the rest stays queued. A full
// queue is waited for without end.
package pump
