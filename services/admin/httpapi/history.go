package httpapi

import (
	"context"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/causeway-sync/causeway/services/admin/admission"
	"github.com/causeway-sync/causeway/services/admin/backend"
)

// registerHistory adds the operations on what was done: the command log, and the revisions of configurations.
func (a *httpAPI) registerHistory(api huma.API) {
	const revisions = "/workflows/{id}/config/revisions"
	add(a, api, operation{id: "list-commands", method: http.MethodGet, path: "/commands", summary: "Who asked for what, when; newest first", status: 200}, a.commands)
	add(a, api, operation{id: "list-revisions", method: http.MethodGet, path: revisions, summary: "Who changed the configuration, when, and what; newest first", status: 200}, a.revisions)
	add(a, api, operation{id: "get-revision", method: http.MethodGet, path: revisions + "/{n}",
		summary: "One revision: its document, what differs from the one before or from another, and what restoring it would change", status: 200}, a.revision)
	add(a, api, operation{id: "restore-revision", method: http.MethodPost, path: revisions + "/{n}/restore",
		summary: "Store an older revision as the newest; 422 with every fault where it is no longer valid, 412 when If-Match is given and not the latest revision", status: 200}, a.restore)
	paths := api.OpenAPI().Paths // The handlers of both pass the document on as text.
	paths[apiPrefix+revisions+"/{n}/restore"].Post.Responses["200"].Content = paths[apiPrefix+"/workflows/{id}/config"].Get.Responses["200"].Content
}

type commandsInput struct {
	Limit    int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"how many at most"`
	Before   uint64 `query:"before" doc:"the next of the page before"`
	Workflow string `query:"workflow" doc:"ingress, egress or optinout; all where it is missing" example:"ingress"`
	By       string `query:"by" doc:"who asked, the whole name; case does not matter" example:"anna"`
}

type commandsOutput struct{ Body backend.CommandList }

func (a *httpAPI) commands(ctx context.Context, in *commandsInput) (*commandsOutput, error) {
	list, err := a.service.Commands(ctx, backend.HistoryQuery{Workflow: in.Workflow, By: in.By, Before: in.Before, Limit: in.Limit})
	return &commandsOutput{Body: list}, err
}

type revisionsOutput struct{ Body backend.RevisionList }

func (a *httpAPI) revisions(ctx context.Context, in *workflowInput) (*revisionsOutput, error) {
	list, err := a.service.Revisions(ctx, in.ID)
	return &revisionsOutput{Body: list}, err
}

type revisionInput struct {
	ID      string `path:"id" doc:"ingress, egress or optinout" example:"ingress"`
	Number  uint64 `path:"n" doc:"the number of the revision" example:"1"`
	Against uint64 `query:"against" doc:"the revision to compare with; the one before where it is missing"`
}

type revisionOutput struct{ Body backend.RevisionDetail }

func (a *httpAPI) revision(ctx context.Context, in *revisionInput) (*revisionOutput, error) {
	detail, err := a.service.Revision(ctx, in.ID, in.Number, in.Against)
	return &revisionOutput{Body: detail}, err
}

type restoreInput struct {
	ID      string `path:"id" doc:"ingress, egress or optinout" example:"ingress"`
	Number  uint64 `path:"n" doc:"the number of the revision" example:"1"`
	IfMatch string `header:"If-Match" doc:"the revision that is the latest, as in the ETag of the configuration; missing or * for whatever is stored"`
}

func (a *httpAPI) restore(ctx context.Context, in *restoreInput) (*configOutput, error) {
	var expected *uint64
	if tag := strings.TrimSpace(in.IfMatch); tag != "" && tag != "*" {
		revision, err := ifMatch(tag, "configuration", nil)
		if err != nil {
			return nil, err
		}
		expected = &revision
	}
	cfg, err := a.service.Restore(ctx, in.ID, in.Number, expected, admission.CallerOf(ctx, "http"))
	return document(cfg), err
}
