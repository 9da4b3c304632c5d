package natsapi

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/fault"
)

// failuresRequest is what the failures' endpoints take.
type failuresRequest struct {
	Seq     uint64   `json:"seq"`
	Seqs    []uint64 `json:"seqs"`
	Key     string   `json:"key"`
	Group   string   `json:"group"`
	Source  string   `json:"source"`
	Before  uint64   `json:"before"`
	Limit   int      `json:"limit"`
	Through *uint64  `json:"through"`
	All     bool     `json:"all"`
}

func (r failuresRequest) query() bus.FailureQuery {
	q := bus.FailureQuery{Key: r.Key, Group: r.Group, Source: r.Source}
	if r.Through != nil {
		q.Through = *r.Through
	}
	return q
}

// parseFailuresRequest reads a request; an empty one asks for nothing in particular.
func parseFailuresRequest(data []byte, fix string) (r failuresRequest, err error) {
	if len(bytes.TrimSpace(data)) == 0 {
		return r, nil
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&r); err != nil {
		return r, notUnderstood(fix)
	}
	return r, nil
}

func notUnderstood(fix string) error {
	return fault.Wrap(fault.Invalid, config.Faults{{Problem: "the request is not understood", Fix: fix}}, "the request is not understood: "+fix)
}

// failures lists, or with {"seq":7} shows one with its payload.
func (a *microAPI) failures(ctx context.Context, id string, data []byte) (any, error) {
	r, err := parseFailuresRequest(data, `send nothing for the newest, {"key":"...","group":"...","source":"...","before":n,"limit":n} for others, or {"seq":n} for one with its payload`)
	if err != nil {
		return nil, err
	}
	if r.Seq > 0 {
		return a.service.Failure(ctx, id, r.Seq)
	}
	if r.Limit <= 0 {
		r.Limit = 50
	}
	return a.service.Failures(ctx, id, r.query(), r.Before, r.Limit)
}

func (a *microAPI) failureGroups(_ context.Context, id string, _ []byte) (any, error) {
	return a.service.FailureGroups(id)
}

// selection reads what is to be retried or dropped. All must be asked for by its name: an empty request is a mistake.
func (a *microAPI) selection(data []byte) (bus.Selection, error) {
	const fix = `send {"seq":n}, {"seqs":[n,...]}, {"key":"..."}, {"group":"..."}, {"source":"..."} or {"all":true}`
	r, err := parseFailuresRequest(data, fix)
	if err != nil {
		return bus.Selection{}, err
	}
	if r.Seq > 0 {
		r.Seqs = append(r.Seqs, r.Seq)
	}
	blank := func(text string) bool { return strings.TrimSpace(text) == "" }
	if !r.All && len(r.Seqs) == 0 && blank(r.Key) && blank(r.Group) && blank(r.Source) || r.Key != "" && blank(r.Key) || r.Through != nil && *r.Through == 0 {
		return bus.Selection{}, notUnderstood(fix)
	}
	return bus.Selection{Seqs: r.Seqs, FailureQuery: r.query()}, nil
}

func (a *microAPI) retryFailures(ctx context.Context, id string, data []byte) (any, error) {
	selection, err := a.selection(data)
	if err != nil {
		return nil, err
	}
	return a.service.RetryFailures(ctx, id, selection, a.caller())
}

func (a *microAPI) dropFailures(ctx context.Context, id string, data []byte) (any, error) {
	selection, err := a.selection(data)
	if err != nil {
		return nil, err
	}
	return a.service.DropFailures(ctx, id, selection, a.caller())
}
