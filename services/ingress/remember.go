package ingress

import (
	"context"
	"path/filepath"

	"go.uber.org/zap"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/campaign"
	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/mapping"
	"github.com/causeway-sync/causeway/pkg/pump"
	"github.com/causeway-sync/causeway/pkg/record"
	"github.com/causeway-sync/causeway/pkg/workflow"
	"github.com/causeway-sync/causeway/pkg/written"
	"github.com/causeway-sync/causeway/services/host"
)

// remember opens what earlier runs have written, and tells the bus that this run writes from now on. A replay has
// everything of its resource written, whatever is known: it is how an admin mends what was changed in Campaign itself.
func (s *service) remember(ctx context.Context, b host.Binding, doc *config.IngressDoc) (*written.Store, error) {
	cfg := written.Config{Destination: s.to.URL(), Owners: bus.NewOwners(b.Conn, workflow.Ingress),
		Guard: b.Lease.Guard, Notice: func(message string) {
			b.Log.Warn(message)
			b.Notice(message)
		}}
	if s.cfg.State != "" {
		cfg.Dir = filepath.Join(s.cfg.State, string(workflow.Ingress))
	}
	store, err := written.Open(ctx, cfg)
	if err != nil {
		return nil, err
	}
	for _, m := range doc.Mappings {
		if !m.ReplayRequested {
			continue
		}
		if err := store.Ignore(ctx, m.Resource); err != nil {
			store.Close()
			return nil, err
		}
	}
	b.Log.Info("what was last written is open", zap.String("folder", cfg.Dir))
	return store, nil
}

// put brings a row about in Campaign, unless that is what was last written.
func (s *sink) put(ctx context.Context, r record.Record, w mapping.Write) pump.Result {
	row := written.Row{Resource: w.Resource, KeyField: w.KeyField, Key: w.Key, Fields: w.Fields, OnCreate: w.OnCreate, LikelyNew: w.LikelyNew}
	for _, l := range w.Links {
		row.Links = append(row.Links, written.Link{Field: l.Field, Resource: l.Resource, Key: l.Key})
	}
	var outcome campaign.Outcome
	unchanged, err := s.written.Write(ctx, row, func(likelyNew bool) (created bool, err error) {
		w.LikelyNew = likelyNew
		outcome, err = s.upsert(ctx, r, w)
		return outcome == campaign.Created, err
	})
	return pump.Result{Unchanged: unchanged || outcome == campaign.Unchanged, Err: err}
}

// remove removes a row from Campaign.
func (s *sink) remove(ctx context.Context, w mapping.Write) pump.Result {
	var outcome campaign.Outcome
	err := s.written.Remove(ctx, w.Resource, w.Key, func() (err error) {
		outcome, err = s.campaign.Remove(ctx, w.Resource, w.Key)
		return err
	})
	return pump.Result{Unchanged: outcome == campaign.Unchanged, Err: err}
}
