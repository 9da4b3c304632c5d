package natsapi

import (
	"context"
	"strings"
)

// handler answers a request about what the subject names: a workflow, a connection, a table or a resource, or nothing.
type handler func(ctx context.Context, name string, data []byte) (any, error)

// Endpoint is one subject of the NATS API with what it is for. The page Documentation shows it, and `nats micro info
// causeway` does: a subject cannot be there without being told of.
type Endpoint struct {
	// Name is what the counts of `nats micro stats` stand under.
	Name, Subject string
	// Example is a whole request for the NATS CLI, Request what may be sent beside nothing, empty where nothing may.
	Example, Request string
	Does             string
	handle           handler
}

// remote reports whether an answer may wait for a remote system.
func (e Endpoint) remote() bool {
	return strings.HasPrefix(e.Subject, catalogSubject) || e.Name == "preview" || e.Name == "replay" || e.Name == "test-connection" || e.Name == "trace"
}

const (
	commandsSubject = "causeway.api.commands"
	catalogSubject  = "causeway.api.catalog"
)

// The requests of more than one endpoint.
const (
	putOn7    = `{"revision":7,"document":{…}}`
	selecting = `{"seq":n}, {"seqs":[n,…]}, {"key":"…"}, {"group":"…"}, {"source":"…"} or {"all":true}`
)

// endpoints is the one table of the NATS API: everything that the HTTP API does, but for following it live, which
// `nats sub 'causeway.heartbeats.>'` does.
func (a *microAPI) endpoints() []Endpoint {
	const one, ingress = apiSubject + ".*", apiSubject + ".ingress"
	return []Endpoint{
		{"workflows", apiSubject, apiSubject + " ''", "", "How all workflows are", a.list},
		{"workflow", one, ingress + " ''", "", "How one workflow is", a.get},
		{"start", one + ".start", ingress + ".start ''", "", "Start, checked and answered", a.start},
		{"stop", one + ".stop", ingress + ".stop ''", "", "Stop, checked and answered", a.stop},
		{"config", one + ".config", ingress + ".config ''", putOn7, "The configuration with its revision; or store what was edited on a revision", a.config},
		{"revisions", one + ".config.revisions", ingress + ".config.revisions ''", `{"number":7,"against":5}`, "Who changed the configuration, when, and what; or one revision with what differs", a.revisions},
		{"restore", one + ".config.restore", ingress + `.config.restore '{"number":7}'`, `{"number":7,"latest":9}`, "Store an older revision as the newest", a.restore},
		{"trend", one + ".trend", ingress + ".trend ''", `{"hours":24}`, "How the workflow was in the last hour, a sample a minute", a.trend},
		{"replay", ingress + ".replay", ingress + `.replay '{"table":"contact"}'`, `{"table":"…"}`, "Read a table again from the beginning at the next start", a.replay},
		{"preview", ingress + ".preview", ingress + `.preview '{"table":"contact"}'`, `{"table":"…","mapping":{…},"limit":n}`, "What a mapping would write; it writes nothing", a.preview},
		{"failures", one + ".failures", ingress + ".failures ''", `{"key":"…","group":"…","source":"…","before":n,"limit":n}, or {"seq":n}`,
			"Rejected records, newest first; or one with its payload", a.failures},
		{"failure-groups", one + ".failures.groups", ingress + ".failures.groups ''", "", "Rejected records counted by cause", a.failureGroups},
		{"retry-failures", one + ".failures.retry", ingress + `.failures.retry '{"all":true}'`, selecting, "Read the rows of rejected records again and write them as they are now", a.retryFailures},
		{"drop-failures", one + ".failures.drop", ingress + `.failures.drop '{"seq":1}'`, selecting, "Remove rejected records for good", a.dropFailures},
		{"ledger", apiSubject + ".optinout.ledger", apiSubject + `.optinout.ledger '{"contact":"…"}'`, `{"contact":"…","after":n}`,
			"What Opt In/Out has decided about a contact", a.ledger},
		{"commands", commandsSubject, commandsSubject + " ''", `{"workflow":"…","by":"…","before":n,"limit":n}`, "Who asked for what, when; newest first", a.commands},
		{"trace", "causeway.api.trace", `causeway.api.trace '{"key":"…"}'`, `{"key":"…","workflow":"ingress"}`, "Where is this record? Every version that is kept, by its key", a.trace},
		{"usage", "causeway.api.usage", "causeway.api.usage ''", "", "Campaign engine calls and Dynamics 365 requests of today, beside the budgets", a.usage},
		{"settings", "causeway.api.settings", "causeway.api.settings ''", putOn7, "The budgets with their revision; or store others", a.settings},
		{"connections", connectionsSubject, connectionsSubject + " ''", "", "How all connections are set up", a.connections},
		{"connection", connectionsSubject + ".*", connectionsSubject + ".dynamics ''", putOn7, "One connection with its revision, without its secrets; or store what was edited on a revision", a.connection},
		{"test-connection", connectionsSubject + ".*.test", connectionsSubject + ".dynamics.test ''", `{…}`, "Test what is stored, or a document that is not stored yet, step by step", a.testConnection},
		{"privacy", privacySubject, privacySubject + " ''", "", "The responsibilities for personal data, and who acknowledged them", a.privacy},
		{"acknowledge-privacy", privacySubject + ".acknowledge", privacySubject + ".acknowledge ''", "", "Acknowledge the responsibilities for personal data", a.acknowledgePrivacy},
		{"tables", catalogSubject + ".dynamics.tables", catalogSubject + ".dynamics.tables ''", "", "The tables of Dynamics 365", a.tables},
		{"table", catalogSubject + ".dynamics.tables.*", catalogSubject + ".dynamics.tables.contact ''", "", "A table with its columns", a.table},
		{"resources", catalogSubject + ".campaign.resources", catalogSubject + ".campaign.resources ''", "", "The resources of Campaign", a.resources},
		{"resource", catalogSubject + ".campaign.resources.*", catalogSubject + ".campaign.resources.profile ''", "", "A resource with its fields", a.resource},
	}
}

// nameIn is the part of a subject that names what a request is about: the fourth token, in the catalog the sixth.
func nameIn(subject string) string {
	tokens := strings.Split(subject, ".")
	at := 3
	if strings.HasPrefix(subject, catalogSubject+".") {
		at = 5
	}
	if len(tokens) <= at {
		return ""
	}
	return tokens[at]
}

// Endpoints is the table as the documentation shows it.
func Endpoints() []Endpoint { return (&microAPI{}).endpoints() }
