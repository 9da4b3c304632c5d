// Package e2e uses the product as a stranger would: its own binaries as processes, a real nats-server, the real NATS CLI,
// a real browser, and the public APIs of both (simulated) remote systems. Nothing of the product is called
// from Go, but for the reader of export files, whose other side is a real OpenSSH server here.
//
// It promises to build what it needs by itself, to leave nothing running, and to say what is missing instead of
// skipping: the pages need chromium, the export files openssh-server (`make e2e-setup`).
package e2e
