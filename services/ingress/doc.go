// Package ingress is the workflow Dynamics 365 to Campaign: it reads contacts and tables by change tracking and writes
// them to Campaign's profiles and resources, by the mappings that the admin edits.
//
// The parts are elsewhere: pkg/dynamics reads, pkg/mapping decides, pkg/campaign writes, pkg/pump moves. This package
// binds them, and holds the preflight that looks at both sides before a run begins.
package ingress
