package httpapi

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/workflow"
	"github.com/causeway-sync/causeway/services/admin/admission"
	"github.com/causeway-sync/causeway/services/admin/backend"
)

// registerFailures adds the operations on rejected records.
func (a *httpAPI) registerFailures(api huma.API) {
	const all, one = "/workflows/{id}/failures", "/workflows/{id}/failures/{seq}"
	add(a, api, operation{id: "list-failures", method: http.MethodGet, path: all, summary: "Rejected records, newest first, by key, group or source; without payloads", status: 200}, a.failures)
	add(a, api, operation{id: "group-failures", method: http.MethodGet, path: all + "/groups", summary: "Rejected records counted by cause", status: 200}, a.failureGroups)
	add(a, api, operation{id: "get-failure", method: http.MethodGet, path: one, summary: "One rejected record with its payload", status: 200}, a.failure)
	add(a, api, operation{id: "retry-failure", method: http.MethodPost, path: one + "/retry", summary: "Read the record's row again and write it as it is now", status: 202}, a.retryFailure)
	add(a, api, operation{id: "retry-failures", method: http.MethodPost, path: all + "/retry", summary: "The same for all, or those of a key, group or source", status: 202}, a.retryFailures)
	add(a, api, operation{id: "drop-failure", method: http.MethodDelete, path: one, summary: "Remove a rejected record for good", status: 200}, a.dropFailure)
	add(a, api, operation{id: "drop-failures", method: http.MethodDelete, path: all, summary: "Remove all for good, or those of a key, group or source; a large job goes on after the answer", status: 200}, a.dropFailures)
}

// FailureFilter is how failures are chosen. It is exported for huma, which looks into exported parts only.
type FailureFilter struct {
	Key    string `query:"key" doc:"the whole key of a record"`
	Group  string `query:"group" doc:"id of a group"`
	Source string `query:"source" doc:"table or other source" example:"contact"`
}

func (f FailureFilter) query() bus.FailureQuery {
	return bus.FailureQuery{Key: f.Key, Group: f.Group, Source: f.Source}
}

type failuresInput struct {
	ID string `path:"id" doc:"ingress, egress or optinout" example:"ingress"`
	FailureFilter
	Before uint64 `query:"before" doc:"the next of the page before"`
	Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"50" doc:"how many at most"`
}

type failuresOutput struct{ Body backend.FailureList }

func (a *httpAPI) failures(ctx context.Context, in *failuresInput) (*failuresOutput, error) {
	list, err := a.service.Failures(ctx, in.ID, in.query(), in.Before, in.Limit)
	return &failuresOutput{Body: list}, err
}

type failureGroupsOutput struct{ Body backend.FailureGroups }

func (a *httpAPI) failureGroups(_ context.Context, in *workflowInput) (*failureGroupsOutput, error) {
	groups, err := a.service.FailureGroups(in.ID)
	return &failureGroupsOutput{Body: groups}, err
}

type failureInput struct {
	ID  string `path:"id" doc:"ingress, egress or optinout" example:"ingress"`
	Seq uint64 `path:"seq" minimum:"1" doc:"the failure's seq"`
}

type failureOutput struct{ Body workflow.Failure }

func (a *httpAPI) failure(ctx context.Context, in *failureInput) (*failureOutput, error) {
	one, err := a.service.Failure(ctx, in.ID, in.Seq)
	return &failureOutput{Body: one}, err
}

type failureJobOutput struct{ Body backend.FailureJob }

func (a *httpAPI) retryFailure(ctx context.Context, in *failureInput) (*failureJobOutput, error) {
	job, err := a.service.RetryFailures(ctx, in.ID, bus.Selection{Seqs: []uint64{in.Seq}}, admission.CallerOf(ctx, "http"))
	return &failureJobOutput{Body: job}, err
}

func (a *httpAPI) dropFailure(ctx context.Context, in *failureInput) (*failureJobOutput, error) {
	job, err := a.service.DropFailures(ctx, in.ID, bus.Selection{Seqs: []uint64{in.Seq}}, admission.CallerOf(ctx, "http"))
	return &failureJobOutput{Body: job}, err
}

type selectionInput struct {
	ID string `path:"id" doc:"ingress, egress or optinout" example:"ingress"`
	FailureFilter
	Through uint64 `query:"through" doc:"leave alone what was refused after this seq"`
}

// Resolve refuses what a mistyped or empty choice would turn into everything.
func (in *selectionInput) Resolve(ctx huma.Context) []error {
	url := ctx.URL()
	var faults []error
	for name, values := range url.Query() {
		switch {
		case !slices.Contains([]string{"key", "group", "source", "through"}, name):
			faults = append(faults, &huma.ErrorDetail{Location: "query." + name, Message: "there is no such choice; use key, group, source or through, or none of them for all"})
		case slices.ContainsFunc(values, func(v string) bool { return strings.TrimSpace(v) == "" }):
			faults = append(faults, &huma.ErrorDetail{Location: "query." + name, Message: "the choice is empty; name one, or leave " + name + " out for all"})
		case name == "through" && slices.Contains(values, "0"):
			faults = append(faults, &huma.ErrorDetail{Location: "query.through", Message: "nothing was refused yet when newest was 0: list again, or leave through out for all"})
		}
	}
	return faults
}

func (in selectionInput) selection() bus.Selection {
	s := bus.Selection{FailureQuery: in.query()}
	s.Through = in.Through
	return s
}

func (a *httpAPI) retryFailures(ctx context.Context, in *selectionInput) (*failureJobOutput, error) {
	job, err := a.service.RetryFailures(ctx, in.ID, in.selection(), admission.CallerOf(ctx, "http"))
	return &failureJobOutput{Body: job}, err
}

func (a *httpAPI) dropFailures(ctx context.Context, in *selectionInput) (*failureJobOutput, error) {
	job, err := a.service.DropFailures(ctx, in.ID, in.selection(), admission.CallerOf(ctx, "http"))
	return &failureJobOutput{Body: job}, err
}
