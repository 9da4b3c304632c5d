// Package exportfile reads the files in which Adobe Campaign hands over who opted out: delimited text that a workflow of
// the instance writes into a folder of its SFTP server, about once a day.
//
// It promises:
//
//   - Every line of every file becomes a record: at least once, and after a crash from the line on behind the last position
//     that was stored. A position moves only with the records it covers (invariant 1).
//   - Files are read in the order of their names, lines in the order of the file. A file is touched when its size and its
//     time have stood still for SourceConfig.Settle, and never before; it is never changed and never deleted.
//   - A file is known by its name and its content. One that only got a new time is not read again; one that grew is read on
//     from where it ended; one that was replaced is read again, and said. The same content under a new name says nothing
//     new where every value has a time of its own, and is passed over and said; without times it is read again, because
//     then the day it came is all that is known of it.
//   - Nothing stops what stands behind it for ever. A file that cannot be read, lacks columns, is cut off or does not stop
//     growing is said (record.Page.Notice once, Source.Trouble while it lasts), and those behind it go on, at the latest
//     after SourceConfig.Patience. A line that cannot be understood becomes a record that says why.
//   - Memory does not grow with the size of a file: a record of a file is at most MaxLine bytes.
//   - The server must prove the configured host key; there is no way to switch that off. Credentials, file contents and
//     values never stand in an error (invariant 9); a file's name, a line's number and a column's name do.
//
// Callers must hand on records in order, must reject a record whose Data says "broken", and must not take the absence of
// a value for false: a line states what it holds, nothing else.
//
// Adobe does not publish the format; Format describes it, and docs/export-files.md describes Format. It would be a bug if
// this package knew what an opt-out means.
package exportfile
