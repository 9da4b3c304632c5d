// Package consent decides what holds when the two systems say different things about whether a person may be written to.
// It is pure: values, times and what was agreed before go in, decisions come out. It reads no clock and calls nobody.
//
// # The rule
//
// An opt-out field is true when the person has opted out. Dynamics 365 knows when a contact was changed, whatever column
// it was; Campaign knows when a field was changed. Campaign's value holds when it is strictly newer, by more than the
// clocks of the two may be apart. In every other case (Dynamics is newer, both are as old, Campaign's time is not known)
// the opt-out holds, if either side says so.
//
// # Promises
//
//   - What was decided once is decided again the same way: a Decision carries everything that went into it, and Holds
//     computes it anew.
//   - An opt-out that is the newest statement of a field survives, wherever it was made, whatever was read late, twice or
//     in another order, and however much of what was known is lost. In doubt the person stays opted out.
//   - Where both directions are on, Campaign is never told anything but an opt-out: an opt-in can only have come from
//     there.
//   - A contact comes to rest: when both sides have said everything, they are equal, and nothing more is written.
//
// # What callers must do
//
// Read both sides after the report that made them look, write what Plan says and only to the version of the contact that
// was read, store Plan.Before before writing and Plan.After afterwards, and handle one report of a contact at a time.
//
// # How times are known
//
// A time of Campaign is a lower bound. An attribute is as old as its last change, and changes only go forward: whatever
// an export file says of a field, however long ago, the value that Campaign has now was set then or later. That is all
// the rule needs: it never takes Campaign for newer than it is. Times of Dynamics are the record's, except where the last
// change of the record was our own: nobody stated anything by that, so the time before it counts.
package consent
