// Package campaigntest simulates Adobe Campaign Standard, as net/http/httptest simulates a server: the IMS token endpoint,
// the Adobe gateway and the REST API of the engine, on the vendor's own paths, over real HTTP.
//
//	POST /ims/token/v3                                        IMS, client credentials
//	/{org}/campaign/profileAndServices/{resource}[...]        out-of-the-box fields
//	/{org}/campaign/profileAndServicesExt/{resource}[...]     extended fields, and rows by custom key
//	/{org}/campaign/customResources/{resource}[...]           resources that are not linked to profile
//	.../resourceType/{resource}                               metadata
//	/events/organizations/{o}/integrations/{i}/{registration} I/O Events journal, also without /events
//	/_sandbox/events                                          append, list and expire events, see mountEvents
//	/_sandbox/export, /_sandbox/profiles/{key}                the opt-out export, and what a person does at the console
//	/_sandbox/sftp                                            the file server, where one is served; see SFTP
//	/_sandbox/stats, /_sandbox/faults                         see pkg/remote/remotetest
//
// It promises to be no kinder than the vendor (ACS documentation, "Campaign Standard APIs"): there is no upsert; PKeys
// and page links are opaque and differ between calls; permanent faults of a record are answered with HTTP 500 and a text;
// the next page is left out on big tables; a wrong organisation is "Oops". Every write that happened is recorded with its
// order, so that a test can ask for the truth. Where the vendor's behaviour is not published, Options decide.
//
// A Server is safe for concurrent use and made for millions of rows; it keeps them in memory and forgets them with the
// process. It would be a bug if a write was visible and not recorded, or recorded twice.
package campaigntest
