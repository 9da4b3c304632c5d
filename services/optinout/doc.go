// Package optinout is the workflow Opt In/Out: whether a person may be written to, in step on both sides.
//
// Reports of both sides (lines of Campaign's export files, profiles that Campaign's API says have changed, contacts that
// change tracking brings) are reasons to look. What counts is what the two sides say when they are looked at, and what is
// known of the contact: package consent decides, the sink reads, writes and keeps the ledger.
//
// # Promises
//
//   - Reports of one contact are handled one after the other, whichever side they come from. Of two instances that decide
//     at the same time one is refused by the ledger (invariant 4).
//   - The ledger has what is meant to be written before it is written, and what was written afterwards. After a crash in
//     between the report comes again and both sides are looked at anew (invariant 3).
//   - A contact is written only in the version that was decided on, a profile is changed and never created.
//   - The echo of our own writes, and contacts of which something else was changed, cost no call where the ledger knows
//     the contact.
//   - A contact without a profile and a profile without a contact are counted and passed over. An opt-out waits for its
//     profile first, for as long as the configuration says.
package optinout
