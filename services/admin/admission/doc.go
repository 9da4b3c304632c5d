// Package admission stands in front of everything that the admin service serves over HTTP: it knows who asks, and lets
// nobody in who lacks the route's least role.
//
// It promises that
//
//   - there is one table of who may do what, [Roles], and no route outside it: [Router.Complete] fails where they differ;
//   - a service that others can reach does not start while nobody is set up: each of them would be admin;
//   - who has lost a role loses what goes on for long with it too, within seconds;
//   - no other web site can send a command or read an answer through somebody's browser, no body is without limit, and a bug
//     in a handler costs one request.
//
// The order is: make a [Door], a [Router] with its check, register routes, set who answers refusals, wrap the router in
// [Door.Guard]; [Door.Run] runs beside. What package access tells of people and machines is not repeated here.
package admission
