// Package natsapi is the admin service on the bus: the micro service "causeway", which answers under causeway.api.
//
// It promises that
//
//   - it does all that the HTTP API does, but for following live, with the same answers and the same checks;
//   - [Endpoints] is the one table of its subjects: what is served is what is documented;
//   - an error is a NATS service error whose code is the HTTP status and whose body is the problem.
//
// NATS tells a service nothing about who sent a request: who may use the subjects is a matter of the bus's accounts.
package natsapi
