package optinout

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/campaign"
	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/dynamics"
	"github.com/causeway-sync/causeway/pkg/exportfile"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/workflow"
	"github.com/causeway-sync/causeway/services/host"
)

// preflight looks at everything that a run needs, and gathers what a person has to mend.
func (s *service) preflight(ctx context.Context, b host.Binding, doc *config.OptInOutDoc) error {
	var findings host.Findings
	for _, check := range []func(context.Context, *config.OptInOutDoc) []error{s.checkDynamics, s.checkCampaign, s.checkFiles} {
		for _, err := range check(ctx, doc) {
			if err := findings.Add(err); err != nil {
				return err
			}
		}
	}
	if err := findings.Add(checkIngress(ctx, b, doc)); err != nil {
		return err
	}
	return findings.Err()
}

// checkDynamics looks for the columns: they have to be there, to be yes-or-no, and to be writable.
func (s *service) checkDynamics(ctx context.Context, doc *config.OptInOutDoc) []error {
	columns := columnsOf(doc)
	findings := s.dynamics.Check(ctx, sourceContact, slices.Sorted(maps.Values(columns)))
	if len(findings) > 0 {
		return findings
	}
	there, err := s.dynamics.Columns(ctx, sourceContact)
	if err != nil {
		return []error{err}
	}
	for _, m := range doc.Mappings {
		i := slices.IndexFunc(there, func(c dynamics.Column) bool { return c.Name == m.Column })
		switch column := there[i]; {
		case column.Type != dynamics.Boolean:
			findings = append(findings, fault.New(fault.Fatal, fmt.Sprintf("column %s of contact is of type %s; %s takes a column of type Yes/No (Boolean)",
				m.Column, column.Type, config.OptOutLabel(m.Field))))
		case !column.Updatable:
			findings = append(findings, fault.New(fault.Fatal, fmt.Sprintf("column %s of contact cannot be written; map another one to %s", m.Column, config.OptOutLabel(m.Field))))
		}
	}
	return findings
}

func (s *service) checkCampaign(ctx context.Context, doc *config.OptInOutDoc) []error {
	if err := s.campaign.Check(ctx, sourceProfile, doc.KeyField, doc.Fields()); err != nil {
		return []error{err}
	}
	return nil
}

func (s *service) checkFiles(ctx context.Context, doc *config.OptInOutDoc) []error {
	if !doc.ReadsFiles() {
		return nil
	}
	return s.files.Check(ctx, format(doc))
}

// checkIngress refuses fields that the mapping of contacts writes too: it would put the contact's value into Campaign
// without asking the rule, and an opt-out made there would be lost.
func checkIngress(ctx context.Context, b host.Binding, doc *config.OptInOutDoc) error {
	latest, err := bus.NewConfigs(b.Conn).Latest(ctx, workflow.Ingress)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	parsed, err := config.Decode(workflow.Ingress, latest.Document)
	if err != nil {
		return nil // Ingress cannot start with it, and the page says why.
	}
	for _, m := range parsed.(*config.IngressDoc).Mappings {
		for _, f := range m.Fields {
			if m.Resource == sourceProfile && slices.Contains(doc.Fields(), f.Field) {
				return fault.New(fault.Fatal, fmt.Sprintf("%s is mapped in %s too, which would overwrite opt-outs made in Campaign: remove the field from the mapping of %s, or from this one",
					config.OptOutLabel(f.Field), workflow.Ingress.Name(), m.Table))
			}
		}
	}
	return nil
}

// columnsOf is the mapping by Campaign's fields.
func columnsOf(doc *config.OptInOutDoc) map[string]string {
	columns := map[string]string{}
	for _, m := range doc.Mappings {
		columns[m.Field] = m.Column
	}
	return columns
}

// goTo names where the columns of contacts go.
func goTo(doc *config.OptInOutDoc) []string {
	names := make([]string, len(doc.Mappings))
	for i, m := range doc.Mappings {
		names[i] = m.Field + " from " + m.Column
	}
	return names
}

// format is that of the export files.
func format(doc *config.OptInOutDoc) exportfile.Format {
	e := doc.Export
	f := exportfile.Format{Pattern: e.Pattern, Delimiter: e.Delimiter, Encoding: e.Encoding, Key: e.KeyColumn, Values: map[string]string{},
		Times: map[string]string{}, TimeFormat: e.TimeFormat, True: e.TrueValues, False: e.FalseValues}
	for _, field := range doc.Fields() {
		f.Values[field] = e.Column(field)
		if column := e.TimeColumn(field); column != "" {
			f.Times[field] = column
		}
	}
	return f
}

// watched is what is asked of Campaign's API.
func watched(doc *config.OptInOutDoc) campaign.ChangedConfig {
	return campaign.ChangedConfig{Resource: sourceProfile, KeyField: doc.KeyField, Fields: doc.Fields(), Destinations: columnsOf(doc), Filter: doc.API.Filter,
		Parameter: doc.API.Parameter, Every: pollEvery(doc)}
}
