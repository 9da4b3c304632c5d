// Package pages is the web application of the admin service.
//
// It promises that
//
//   - everything works without JavaScript, and is live with it: one template draws a row on the page and in the stream;
//   - what somebody has typed survives a document that is refused, and each fault stands beside its field;
//   - two who edit at once are told, and where it is a configuration shown the difference;
//   - nothing is loaded from elsewhere, and nothing that came out of a record runs or breaks a page.
//
// A page does nothing but translate: what it asks for stands in package backend, who may open it in package admission.
package pages
