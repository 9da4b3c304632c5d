// Package scale proves what only shows with many tables and rows: linked custom tables that are loaded while they change,
// the replay of one table beside others, and the number of engine calls a record.
//
// The product runs as the process that ships, the two remote systems in the test; every comparison is record by record, of
// both sides, and every figure is printed. The sizes are flags: `make proofs` runs them in full, the ordinary tests in small.
package scale
