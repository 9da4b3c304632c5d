// Package remotetest holds what the simulators of remote systems have in common, in the style of net/http/httptest:
// faults on demand, counters, and an OAuth2 client-credentials token issuer.
//
// It promises that
//   - a fault that is injected hits only the paths it was asked for and never /_sandbox, so that it can always be ended;
//   - with the same seed and the same sequence of requests the same requests are hit;
//   - without faults the middleware costs a few atomic loads a request and takes no lock.
//
// A simulator composes the parts:
//
//	stats := remotetest.NewStats("requests.read", "requests.token")
//	issuer := remotetest.NewIssuer(remotetest.IssuerOptions{Clients: map[string]string{"id": "secret"}, ...})
//	faults := remotetest.NewInjector(remotetest.InjectorOptions{Stats: stats, Client: issuer.Client, ...})
//	mux := http.NewServeMux()
//	remotetest.Mount(mux, stats, faults)          // GET|DELETE /_sandbox/stats, GET|POST|DELETE /_sandbox/faults
//	mux.Handle("POST /token", faults.Token(issuer))
//	mux.Handle("/", faults.API(vendorPaths))
//
// The texts of a vendor (error bodies, token errors) come from the simulator by callback. It would be a bug if this
// package knew one vendor.
package remotetest
