// Package dynamicstest is a Dataverse environment for tests and for the sandbox, named as net/http/httptest is: a
// Server speaks the Web API v9.2 over real HTTP, with its token endpoint, paging by opaque links, change tracking,
// metadata, conditional writes, $batch with change sets, and CreateMultiple.
//
// It promises what the vendor's documentation says, and is as unkind as the vendor is: the change token of a load
// reflects the moment of the last page, a row that was created and deleted between two polls is still reported as
// deleted, a row deleted and created again is reported both ways, counts stop at 5000, a page size that is not repeated
// is forgotten, and a link does not survive the process; a batch with a bare LF is not read, one that fails keeps what it
// did before, and a bulk creation that fails tells one reason of many. Where the vendor's behaviour is not published it
// is an Option. Faults, counters and tokens come from pkg/remote/remotetest; they are served below /_sandbox.
//
// Use it as a handler:
//
//	sim := dynamicstest.New(dynamicstest.Options{})
//	sim.Seed(1000, 1)
//	web := httptest.NewServer(sim)
//
// Absolute links carry the Host that the request asked for. A Server is safe for concurrent use. It would be a bug if a
// client could tell, by anything that the documentation names, that it is not talking to Dataverse.
package dynamicstest
