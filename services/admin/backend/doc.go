// Package backend is what can be asked of the admin service, whoever asks and by whatever way: the pages, the HTTP API and
// the NATS API are written from its [Service].
//
// It promises that
//
//   - desired and observed state are shown side by side and never mixed (invariant 6);
//   - a status that nobody observed is derived here and only here ([View]): a workflow that should run and is silent is FAILED;
//   - an answer given after a command or an edit already shows it;
//   - a configuration is stored only when it is valid and was edited on the revision that is still the latest;
//   - every change stands in the command log with who made it;
//   - an error is a *fault.Error that says what was wrong and what to do, but where the caller has left.
//
// It knows nothing of HTTP, of pages or of roles beyond showing a view as a role may see it. What it knows is on
// the bus or in heartbeats, so several can run at once and any of them can be killed at any moment. One thing is a process's
// own: how far a retry or a drop of many rejected records has come, and that only one is under way; a second process
// that does the same at once does no harm.
package backend
