// Package bus is NATS as Causeway uses it: the streams, buckets and subjects of topology.go, and on them the few
// operations that the engines and services need.
//
// # Promises
//
//   - A page of records and the position behind it are stored in one atomic batch: after a crash both are there or
//     neither (invariant 1). A second reader that believes it is alone is refused with fault.Fenced (invariant 5).
//   - A Window hands out records in the order of the stream, each until it is acknowledged; what is not settled when it
//     closes is handed back at once and nothing is left to the ack wait.
//   - A rejected record stands among the failures until it is dropped, or until its retry is safe in the workflow's
//     stream (invariant 2). Failures looks at them quickly, however many there are, and says when it does not know all.
//   - What is read of a stream is all that was asked for, or an error: a server that answers late or in part is never
//     taken for one that has nothing.
//   - A connection reconnects for ever. Should it close all the same, Closed says so: a process whose bus is gone ends.
//   - Only Provision creates streams, consumers and buckets. Everything else binds, and says what is missing.
//
// # What callers must do
//
// Settle every delivery of a window, close windows and leases before the connection, and treat an error of kind
// fault.Fenced as an order to stop writing.
//
// # Watermill
//
// Commands, heartbeats and events run through Watermill's router over core NATS, on a connection of their own (Control).
// Its JetStream subscribers are not used: they panic when they are cancelled under load and lose durables. Records go
// through nats.go's jetstream package, because of the atomic batch and the per-record outcome.
package bus
