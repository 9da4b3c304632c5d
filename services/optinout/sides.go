package optinout

import (
	"context"
	"fmt"
	"sync"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/campaign"
	"github.com/causeway-sync/causeway/pkg/consent"
	"github.com/causeway-sync/causeway/pkg/dynamics"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/record"
)

// contacts is Dynamics as the sink uses it.
type contacts interface {
	// Row reads a contact as it is now. fault.NotFound: there is none.
	Row(ctx context.Context, id string) (record.Record, error)
	// Update changes contacts, each only if it still has its version: fault.Stale when it has not, fault.NotFound when it
	// is gone.
	Update(ctx context.Context, changes []dynamics.Change) []dynamics.Changed
}

// profiles is Campaign as the sink uses it. fault.NotFound: there is no such profile.
type profiles interface {
	Read(ctx context.Context, key string) (consent.Values, error)
	Update(ctx context.Context, key string, values consent.Values) error
}

// ledger keeps what was decided (bus.Ledger).
type ledger interface {
	Last(ctx context.Context, contact string) (bus.LedgerEntry, error)
	Append(ctx context.Context, contact string, data []byte, on uint64) (uint64, error)
}

// dynamicsContacts are the contacts of an environment.
type dynamicsContacts struct {
	client  *dynamics.Client
	writer  *dynamics.Writer
	columns []string
}

func (d dynamicsContacts) Row(ctx context.Context, id string) (record.Record, error) {
	return d.client.Row(ctx, sourceContact, id, d.columns)
}

func (d dynamicsContacts) Update(ctx context.Context, changes []dynamics.Change) []dynamics.Changed {
	return d.writer.Update(ctx, changes)
}

// campaignProfiles are the profiles of an instance.
type campaignProfiles struct {
	client   *campaign.Client
	keyField string
	fields   []string
}

func (c campaignProfiles) Read(ctx context.Context, key string) (consent.Values, error) {
	p, err := c.client.Profile(ctx, sourceProfile, c.keyField, key, c.fields)
	if err != nil {
		return nil, err
	}
	values := consent.Values{}
	for _, field := range c.fields {
		if values[field], err = boolean(p.Fields[field]); err != nil {
			return nil, fault.New(fault.Rejected, fmt.Sprintf("profile %s: the value of %s %v", key, field, err))
		}
	}
	return values, nil
}

func (c campaignProfiles) Update(ctx context.Context, key string, values consent.Values) error {
	fields := make(map[string]any, len(values))
	for field, value := range values {
		fields[field] = value
	}
	_, err := c.client.Update(ctx, campaign.Write{Resource: sourceProfile, KeyField: c.keyField, Key: key, Fields: fields})
	return err
}

// atATime is how many reports of a batch are looked into at the same time.
const atATime = 16

// each calls do for every job, several at a time, and returns when all are done.
func each(jobs []*job, do func(*job)) {
	var group sync.WaitGroup
	free := make(chan struct{}, atATime)
	for _, j := range jobs {
		free <- struct{}{}
		group.Go(func() {
			defer func() { <-free }()
			do(j)
		})
	}
	group.Wait()
}
