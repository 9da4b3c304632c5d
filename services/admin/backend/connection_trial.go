package backend

import (
	"bytes"
	"context"
	"errors"

	"github.com/nats-io/nats.go"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/catalog"
	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// TestConnection tries a connection, as it is stored or set by the environment, or a draft of it. A workflow's service
// does it, with the clients that runs use; what does not work is the answer, not an error.
func (s *Service) TestConnection(ctx context.Context, name string, draft []byte) (catalog.TestReport, error) {
	n, err := ConnectionName(name)
	if err != nil {
		return catalog.TestReport{}, err
	}
	question := catalog.ConnectionTest{Name: n}
	if len(bytes.TrimSpace(draft)) > 0 {
		next, faults, err := s.drafted(ctx, n, draft)
		switch {
		case err != nil:
			return catalog.TestReport{}, notTested(err)
		case len(faults) > 0:
			return unusable(faults), nil
		}
		question.Draft = &next
	}
	return s.askTest(ctx, question)
}

// drafted is a draft with its secrets sealed: they are in clear nowhere on the bus. A missing host key is no fault of a
// draft, for a test is how an admin comes to see it.
func (s *Service) drafted(ctx context.Context, n config.ConnectionName, draft []byte) (config.StoredConnection, config.Faults, error) {
	_, latest, err := s.connection(ctx, n)
	if err != nil {
		return config.StoredConnection{}, nil, err
	}
	edit, err := config.DecodeConnection(n, draft)
	if err != nil {
		return config.StoredConnection{}, nil, err
	}
	var faults config.Faults
	for _, one := range edit.Validate(n, latest.Connection) {
		if n != config.ConnectionSFTP || one.Path != "hostKey" || edit.Settings["hostKey"] != "" {
			faults = append(faults, one)
		}
	}
	if len(faults) > 0 {
		return config.StoredConnection{}, faults, nil
	}
	next, err := s.apply(n, edit, latest.Connection)
	if err == nil && !next.IsSetUp() {
		faults = config.Faults{{Problem: "nothing is set", Fix: "fill the settings in"}}
	}
	return next, faults, err
}

// unusable is the report of a draft that cannot be tried.
func unusable(faults config.Faults) catalog.TestReport {
	report := catalog.TestReport{}
	for _, one := range faults {
		detail := one.Problem
		if one.Path != "" {
			detail = one.Path + ": " + one.Problem
		}
		report.Steps = append(report.Steps, catalog.TestStep{Name: "Settings", Detail: detail, Fix: one.Fix})
	}
	return report
}

// askTest puts the question to a service that is alive, first to one that uses the connection.
func (s *Service) askTest(ctx context.Context, q catalog.ConnectionTest) (report catalog.TestReport, err error) {
	ids := workflow.All()
	if q.Name == config.ConnectionSFTP {
		ids = []workflow.ID{workflow.OptInOut, workflow.Ingress, workflow.Egress}
	}
	for _, id := range ids {
		err = bus.Ask(ctx, s.conn, id, catalog.AskTestConnection, q, &report)
		if !errors.Is(err, nats.ErrNoResponders) {
			return report, err
		}
	}
	return report, fault.Wrap(fault.Transient, err, "no workflow's service is alive to test the connection: start one of their processes")
}
