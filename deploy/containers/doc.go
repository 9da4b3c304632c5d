// Package containers tests the images and the compose files on a real Docker engine, as an operator uses them: with
// docker-compose, docker and the NATS CLI. `make compose-test` runs it, where an engine runs.
//
// It promises to leave nothing behind: the project "causewaytest" is taken down, with its volumes, at the end of each test,
// also of one that fails, and before the first in case that an earlier run was killed.
package containers
