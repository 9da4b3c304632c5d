// Package nats holds the configuration of the NATS servers that several machines or containers use: who may do what, TLS
// and encryption at rest. nats.conf is for one server, cluster.conf for each of three. The test of the package starts a
// server with these very files.
package nats
