// Package admin is the service that people and scripts talk to: it starts and stops the workflows, shows how they are
// and keeps their configuration, on web pages, over HTTP and over NATS.
//
// What can be asked of it stands in package backend, and the ways to ask in packages pages, httpapi and natsapi; package
// admission says who may, package problems what refused ones are told. This package starts them and ends them.
//
// It promises that
//
//   - the page, the HTTP API and the NATS API give the same answers: all three are written from one [backend.Service];
//   - it serves when it knows how the workflows are, and says what it waits for until then;
//   - one part that ends ends all, and everything is released in reverse.
//
// A caller starts it with [Run] and ends it by cancelling the context; Run returns when everything is released. It
// holds no state of its own but sessions, and what the remote systems tell an edit page of their tables and fields, which
// serves for a minute: everything else is read from the bus or heard in heartbeats. So several admin services can run at once and
// any of them can be killed at any moment.
//
// It would be a bug if a page told something else than the API, if an answer held a secret, or a value that came out
// of a record which was not asked for by name (invariant 9), or if a web site of somebody else could send a command through an admin's browser.
package admin
