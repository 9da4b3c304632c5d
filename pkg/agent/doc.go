// Package agent runs one workflow in one process: it compares what is desired with what is, starts and stops runs, keeps
// the lease, and says in heartbeats how it goes. It knows no bus and no API; the interfaces below are all it asks for.
//
// # Promises
//
//   - The status is always one of the four words, with the root cause as its reason (invariant 8). Every change of it is
//     said at once and recorded as one event; a heartbeat follows at every tick, also while a run is being stopped.
//   - Control is level-triggered: the desired state is read at every tick, so a lost command costs a second, a repeated
//     one nothing (invariant 6), and a process that was down learns at its start what it is to do. While it cannot be
//     read, everything stays as it is, and the heartbeats say so.
//   - A run keeps the configuration revision that it started with (invariant 7).
//   - Only the holder of the lease runs (invariant 5). An instance without it stands by, STOPPED, and looks again at every
//     tick; one that loses it stops at once and stands by.
//   - A run that cannot work is FAILED and stays so until a newer start command; one whose trouble may pass is started
//     again with growing pauses, from one second to ten minutes. They shrink again when a run has been well for a minute.
//   - When Run returns, no run is under way and the lease is given up.
//
// # What the caller must do
//
// Prepare and Runner.Run come back soon when their context ends. Whoever publishes with Beat and Event does not block for
// long: a status is said before the next step is taken.
package agent
