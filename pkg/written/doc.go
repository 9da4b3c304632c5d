// Package written knows what was last written to a destination, so that a record that changes nothing costs no call.
//
// It promises that it never calls a row unchanged that may hold something else than was asked for, as far as this
// workflow writes it, whatever is killed, restarted, replaced or cut off, and in whatever order. It promises nothing else:
// the knowledge may be lost at any time, in part or as a whole, and then rows are written once more than needed. Trouble
// with its folder is a notice and never stops a workflow.
//
// # How
//
// For each row there is a fingerprint of all that was sent, in files beside the service. Four rules keep it from lying:
//
//   - Before a write is tried, the row's fingerprint is taken away; it is set after the destination has confirmed. A write
//     whose outcome is not known leaves no fingerprint. Both reach the page cache before the next step begins, so a kill
//     -9 at any point leaves a fingerprint that is right, or none.
//   - The files are synced when they are closed only. A marker, which is synced before the first change, names the
//     kernel's boot: files that were left open under another boot are wiped.
//   - The bus names the run that wrote last (Owners). A run that finds another name there than its folder has begins with
//     nothing. Each run puts a name of its own before it writes, also one without a folder.
//   - When the files cannot be read or changed, the folder is disowned on the bus before the next write.
//
// # What the caller must do
//
// Only the instance that may write opens a Store, and all its writes go through Write and Remove, those of one row one
// after the other (invariant 4). Rows that somebody else changes or deletes at the destination are not noticed: Ignore
// has them all written again. A folder that is restored from a copy together with its bus must be emptied.
package written
