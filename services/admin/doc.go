// Package admin is the service that people and scripts talk to: it starts and stops the workflows, shows how they are
// and keeps their configuration, on web pages, over HTTP and over NATS.
//
// It promises that
//
//   - the page, the HTTP API and the NATS API give the same answers: all three are written from one [Service];
//   - desired and observed state are shown side by side and never mixed (invariant 6);
//   - a status that nobody observed is derived here and only here: a workflow that should run and is silent is FAILED;
//   - an answer given after a command or an edit already shows it;
//   - a configuration is stored only when it is valid and was edited on the revision that is still the latest.
//
// A caller starts it with [Run] and ends it by cancelling the context; Run returns when everything is released. It
// holds no state of its own: everything shown is read from the bus or heard in heartbeats, so several admin services
// can run at once and any of them can be killed at any moment.
//
// It would be a bug if a page told something else than the API, if an answer held a value that came out of a record
// or a secret (invariant 9), or if a web site of somebody else could send a command through an admin's browser.
package admin
