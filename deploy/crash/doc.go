// Package crash proves with real processes that nothing is lost when they are killed: it runs the product's binaries,
// kills them with SIGKILL at random moments of a load with changes under way, and compares both sides record by record.
//
// The simulated systems live in the test's process and outlive the product. `make test` runs a short form; `make e2e`
// the long one (-crashes, -contacts).
package crash
