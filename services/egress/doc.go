// Package egress is the workflow Campaign to Dynamics 365: what happened to Campaign's e-mails, on the contact's timeline.
// It reads sends, opens, clicks and hard bounces from the Adobe I/O Events journal and writes one activity each.
//
// The parts are elsewhere: pkg/campaign reads the journal, pkg/timeline decides what an event becomes, pkg/dynamics
// writes, pkg/pump moves. This package binds them, and holds the preflight that looks at both sides before a run begins.
//
// # Promises
//
//   - Every event of a type that is switched on becomes exactly one activity, however often the journal delivers it and
//     however often this process dies: the activity's id follows from the event's (invariant 3).
//   - An event of a type that is switched off, of an unknown type and a soft bounce are counted by reason and never
//     queued.
//   - An event that cannot be understood stands in the failures as it came. Retried after the format was corrected, it
//     becomes its activity.
//   - An event of a contact that Dynamics does not know is parked, and tried again, for as long as the configuration
//     says; then it stands in the failures.
//   - What the journal does not hold any more is told as a gap, which stays visible for as long as events are kept.
package egress
