// Package access knows who somebody is and what they may do: people from a users file or an OpenID Connect provider,
// machines by bearer tokens, one of three roles for each.
//
// It promises that
//
//   - a secret is never kept: passwords are bcrypt hashes, tokens and session ids SHA-256 hashes, in files and in memory;
//   - a name that does not exist costs a caller the same time as a wrong password, and attempts get slower the more of
//     them fail, per name and per address;
//   - a change of the users file is in force at the next request: who is gone or was given another password is signed
//     out, who was given another role has it;
//   - a users file that is wrong changes nothing: the last good one stays in force and the fault is told;
//   - a session ends at its idle and its absolute limit, and with the process.
//
// Callers ask for an [Identity] at every request, never keep one beyond it, and compare its role with the least one that
// the thing asked for needs. A stream that outlives its request's first answer asks again from time to time.
//
// It would be a bug if an error or a log line here held a password, a token, a session id or a name that somebody tried
// (people type passwords into the wrong field), or if anything but this package decided who somebody is.
package access
