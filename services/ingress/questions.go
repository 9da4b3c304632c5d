package ingress

import (
	"context"
	"encoding/json"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/campaign"
	"github.com/causeway-sync/causeway/pkg/catalog"
	"github.com/causeway-sync/causeway/pkg/dynamics"
	"github.com/causeway-sync/causeway/pkg/fault"
)

// questions binds the service's connections to the questions about them.
func (s *service) questions() map[string]bus.Question {
	return map[string]bus.Question{
		catalog.AskPreview: ask(s, func(s *service, ctx context.Context, q catalog.PreviewRequest) (catalog.Preview, error) {
			return preview(ctx, q, s.from, s.to)
		}),
		catalog.AskCount: ask(s, func(s *service, ctx context.Context, q catalog.Name) (catalog.Count, error) {
			rows, err := s.from.Count(ctx, q.Name)
			return catalog.Count{Rows: rows}, err
		}),
		catalog.AskTables:    ask(s, (*service).tables),
		catalog.AskTable:     ask(s, (*service).table),
		catalog.AskResources: ask(s, (*service).resources),
		catalog.AskResource:  ask(s, (*service).resource),
	}
}

// ask decodes a request and answers it with the connections as they are set up now.
func ask[Q, A any](s *service, answer func(*service, context.Context, Q) (A, error)) bus.Question {
	return func(ctx context.Context, request []byte) (any, error) {
		var q Q
		if len(request) > 0 {
			if err := json.Unmarshal(request, &q); err != nil {
				return nil, fault.Wrap(fault.Invalid, err, "the question is not the JSON that this version understands")
			}
		}
		loan := s.cfg.Host.Systems.Borrow()
		defer loan.Return()
		connected, err := s.connected(ctx, loan)
		if err != nil {
			return nil, err
		}
		return answer(connected, ctx, q)
	}
}

func (s *service) tables(ctx context.Context, _ struct{}) ([]catalog.Table, error) {
	found, err := s.from.Tables(ctx)
	tables := make([]catalog.Table, len(found))
	for i, t := range found {
		tables[i] = tableOf(t)
	}
	return tables, err
}

func (s *service) table(ctx context.Context, q catalog.Name) (catalog.Table, error) {
	found, err := s.from.Table(ctx, q.Name)
	if err != nil {
		return catalog.Table{}, err
	}
	columns, err := s.from.Columns(ctx, q.Name)
	if err != nil {
		return catalog.Table{}, err
	}
	table := tableOf(found)
	for _, c := range columns {
		if !c.Readable {
			continue
		}
		column := catalog.Column{Name: c.Name, DisplayName: c.DisplayName, Type: string(c.Type), MaxLength: c.MaxLength, Required: c.Required, Targets: c.Targets}
		for _, o := range c.Options {
			column.Options = append(column.Options, catalog.Option{Value: o.Value, Label: o.Label})
		}
		table.Columns = append(table.Columns, column)
	}
	return table, nil
}

func tableOf(t dynamics.Table) catalog.Table {
	return catalog.Table{Name: t.LogicalName, DisplayName: t.DisplayName, PrimaryKey: t.PrimaryIDAttribute, ChangeTracking: t.ChangeTrackingEnabled}
}

func (s *service) resources(ctx context.Context, _ struct{}) ([]catalog.Resource, error) {
	found, err := s.to.Resources(ctx)
	resources := make([]catalog.Resource, len(found))
	for i, r := range found {
		resources[i] = catalog.Resource{Name: r.Name, Label: r.Label}
	}
	return resources, err
}

func (s *service) resource(ctx context.Context, q catalog.Name) (catalog.Resource, error) {
	found, err := s.to.Resource(ctx, q.Name)
	return resourceOf(found), err
}

func resourceOf(r campaign.Resource) catalog.Resource {
	resource := catalog.Resource{Name: r.Name, Label: r.Label}
	for _, f := range r.Fields {
		resource.Fields = append(resource.Fields, catalog.Field{Name: f.Name, Type: f.Type, Length: f.Length, Writable: f.Writable, Values: f.Values, Target: f.Target})
	}
	return resource
}
