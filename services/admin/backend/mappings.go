package backend

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/catalog"
	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// ReplayLimits are the guardrails of a replay, Adobe's figures by default.
type ReplayLimits struct {
	// Backlog and Rows refuse a replay at that many waiting records, or rows in the table; 2,000,000 by default.
	Backlog uint64
	Rows    int64
}

func (l ReplayLimits) withDefaults() ReplayLimits {
	if l.Backlog == 0 {
		l.Backlog = 2_000_000
	}
	if l.Rows == 0 {
		l.Rows = 2_000_000
	}
	return l
}

// Replay is an accepted request to read a table again. It is taken up at the next start.
type Replay struct {
	Table    string `json:"table" example:"contact"`
	Revision uint64 `json:"revision" doc:"the configuration revision that holds the request"`
	Rows     int64  `json:"rows" doc:"how many rows the table has, about"`
}

// Replay marks a mapping to be read again from the beginning at the next start. fault.Conflict with the reason at a
// guardrail or when it is marked already; fault.NotFound where the table is not mapped.
func (s *Service) Replay(ctx context.Context, table string, who Caller) (Replay, error) {
	latest, doc, at, err := s.Mapping(ctx, table)
	if err != nil {
		return Replay{}, err
	}
	if doc.Mappings[at].ReplayRequested {
		return Replay{}, fault.New(fault.Conflict, "a replay of "+table+" is requested already: it is taken up at the next start")
	}
	rows, err := s.allowReplay(ctx, table)
	if err != nil {
		return Replay{}, err
	}
	doc.Mappings[at].ReplayRequested = true
	data, err := config.Encode(doc)
	if err != nil {
		return Replay{}, err
	}
	stored, err := s.PutConfig(ctx, string(workflow.Ingress), data, latest.Revision, who)
	return Replay{Table: table, Revision: stored.Revision, Rows: rows}, err
}

// allowReplay checks the guardrails and returns how many rows would be read.
func (s *Service) allowReplay(ctx context.Context, table string) (int64, error) {
	if err := s.monitor.Refresh(ctx, workflow.Ingress); err != nil {
		return 0, err
	}
	if backlog := s.monitor.View(workflow.Ingress).Backlog; backlog >= s.replay.Backlog {
		return 0, fault.New(fault.Conflict, fmt.Sprintf("%d records are waiting already; a replay is refused from %d on: let the backlog drain first", backlog, s.replay.Backlog))
	}
	var count catalog.Count
	if err := s.ask(ctx, catalog.AskCount, catalog.Name{Name: table}, &count); err != nil {
		return 0, err
	}
	if count.Rows >= s.replay.Rows {
		return 0, fault.New(fault.Conflict, fmt.Sprintf("%s has about %d rows; a replay is refused from %d on", table, count.Rows, s.replay.Rows))
	}
	return count.Rows, nil
}

// Mapping finds a table's mapping in the latest configuration.
func (s *Service) Mapping(ctx context.Context, table string) (Configuration, *config.IngressDoc, int, error) {
	latest, err := s.config(ctx, workflow.Ingress)
	if err != nil {
		return latest, nil, 0, err
	}
	decoded, err := config.Decode(workflow.Ingress, latest.Document)
	if err != nil {
		return latest, nil, 0, fault.Wrap(fault.Conflict, err, "the stored configuration cannot be read: mend the document first")
	}
	doc := decoded.(*config.IngressDoc)
	for i, m := range doc.Mappings {
		if m.Table == table {
			return latest, doc, i, nil
		}
	}
	return latest, doc, 0, fault.New(fault.NotFound, fmt.Sprintf("table %.80q is not mapped", table))
}

// DeleteMapping takes a table's mapping out of the configuration of revision expected. Its rows stay in Campaign, and its
// rejected records among the failures. fault.NotFound where the table is not mapped, fault.Stale as for PutConfig.
func (s *Service) DeleteMapping(ctx context.Context, table string, expected uint64, who Caller) (Configuration, error) {
	_, doc, at, err := s.Mapping(ctx, table)
	if err != nil {
		return Configuration{}, err
	}
	doc.Mappings = slices.Delete(doc.Mappings, at, at+1)
	data, err := config.Encode(doc)
	if err != nil {
		return Configuration{}, err
	}
	return s.PutConfig(ctx, string(workflow.Ingress), data, expected, who)
}

// Preview tells what a mapping would write, and writes nothing. Without a mapping in the request the stored one is taken.
func (s *Service) Preview(ctx context.Context, table string, request []byte) (catalog.Preview, error) {
	var q struct {
		Mapping *json.RawMessage `json:"mapping"`
		Limit   int              `json:"limit"`
	}
	if len(request) > 0 {
		if err := json.Unmarshal(request, &q); err != nil {
			return catalog.Preview{}, notPreviewed(config.Faults{{Problem: "the request is not understood", Fix: `send nothing, or {"mapping":{...},"limit":5}`}})
		}
	}
	m, err := s.previewed(ctx, table, q.Mapping)
	if err != nil {
		return catalog.Preview{}, err
	}
	var answer catalog.Preview
	err = s.ask(ctx, catalog.AskPreview, catalog.PreviewRequest{Mapping: m, Limit: q.Limit}, &answer)
	return answer, err
}

func (s *Service) previewed(ctx context.Context, table string, sent *json.RawMessage) (config.Mapping, error) {
	if sent == nil {
		_, doc, at, err := s.Mapping(ctx, table)
		if err != nil {
			return config.Mapping{}, err
		}
		return doc.Mappings[at], nil
	}
	doc, err := config.Parse(workflow.Ingress, []byte(`{"mappings":[`+string(*sent)+`]}`))
	if err != nil {
		return config.Mapping{}, notPreviewed(err)
	}
	m := doc.(*config.IngressDoc).Mappings[0]
	if m.Table != table {
		return m, notPreviewed(config.Faults{{Path: "mapping.table", Problem: fmt.Sprintf("the mapping is of %.80q", m.Table), Fix: "preview it under its own table"}})
	}
	return m, nil
}

// Tables, Table, Resources and Resource tell what there is at both sides.
func (s *Service) Tables(ctx context.Context) (tables []catalog.Table, err error) {
	return tables, s.ask(ctx, catalog.AskTables, struct{}{}, &tables)
}

// Table describes one table with its columns.
func (s *Service) Table(ctx context.Context, name string) (table catalog.Table, err error) {
	return table, s.ask(ctx, catalog.AskTable, catalog.Name{Name: name}, &table)
}

// Resources lists the resources of Campaign.
func (s *Service) Resources(ctx context.Context) (resources []catalog.Resource, err error) {
	return resources, s.ask(ctx, catalog.AskResources, struct{}{}, &resources)
}

// Resource describes one resource with its fields.
func (s *Service) Resource(ctx context.Context, name string) (resource catalog.Resource, err error) {
	return resource, s.ask(ctx, catalog.AskResource, catalog.Name{Name: name}, &resource)
}

// ask puts a question to the ingress service, which holds the connections.
func (s *Service) ask(ctx context.Context, question string, request, answer any) error {
	return bus.Ask(ctx, s.conn, workflow.Ingress, question, request, answer)
}

// TableList and ResourceList wrap lists, so that answers can grow.
type TableList struct {
	Tables []catalog.Table `json:"tables"`
}

// ResourceList is the list of resources.
type ResourceList struct {
	Resources []catalog.Resource `json:"resources"`
}
