package campaign_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/causeway-sync/causeway/pkg/campaign"
	"github.com/causeway-sync/causeway/pkg/campaign/campaigntest"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/remote/remotetest"
)

// insist repeats a write as a pump does, honouring every pause, until it is done. With three faults of rate 0.3 a write of
// three calls gets through once in twenty tries, so that a thousand are enough.
func insist(ctx context.Context, write func() error) error {
	for range 1000 {
		err := write()
		switch {
		case err == nil:
			return nil
		case fault.Is(err, fault.Throttled):
			<-time.After(fault.After(err))
		case fault.Is(err, fault.Transient):
			<-time.After(100 * time.Millisecond)
		default:
			return err
		}
	}
	return fmt.Errorf("no success in 1000 tries")
}

// setups are the deployments that the model must hold in.
func setups() map[string]struct {
	opt    campaigntest.Options
	change func(*campaign.Config)
} {
	type setup = struct {
		opt    campaigntest.Options
		change func(*campaign.Config)
	}
	return map[string]setup{
		"standard":                {campaigntest.Options{Lengthen: time.Second}, nil},
		"v8":                      {campaigntest.Options{V8: true}, nil},
		"filter":                  {campaigntest.Options{}, byFilter},
		"filter without a key":    {campaigntest.Options{NoKey: true}, byFilter},
		"filter on a unique key":  {campaigntest.Options{}, func(c *campaign.Config) { c.Lookup = campaign.Lookup{Mode: campaign.ByFilter, Unique: true} }},
		"wrapped, JSON, statuses": {campaigntest.Options{WrapSingle: true, JSONErrors: true, PostStatus: 200, DeleteStatus: 204}, nil},
	}
}

// act is one step of a sequence. Exactly one of its parts is set; none is "end all faults".
type act struct {
	Upsert *campaign.Write
	Remove string
	Fault  *remotetest.Fault
}

// GoString shows the step in rapid's own report.
func (a act) GoString() string {
	switch {
	case a.Upsert != nil:
		return fmt.Sprintf("upsert%+v", *a.Upsert)
	case a.Fault != nil:
		return fmt.Sprintf("fault%+v", *a.Fault)
	case a.Remove != "":
		return "remove{" + a.Remove + "}"
	}
	return "mend{}"
}

func acts() *rapid.Generator[[]act] {
	key := rapid.SampledFrom([]string{"a", "b/c", "ä d"})
	fields := rapid.MapOfN(rapid.SampledFrom([]string{"firstName", "lastName", "title"}), rapid.SampledFrom([]any{"x", "y", "already exists", nil}), 0, 3)
	one := rapid.Custom(func(t *rapid.T) act {
		switch n := rapid.IntRange(0, 9).Draw(t, "act"); {
		case n < 5:
			w := profile(key.Draw(t, "key"), rapid.Bool().Draw(t, "likelyNew"), fields.Draw(t, "fields"))
			return act{Upsert: &w}
		case n < 7:
			return act{Remove: key.Draw(t, "key")}
		case n < 9:
			f := faults().Draw(t, "fault")
			return act{Fault: &f}
		}
		return act{}
	})
	return rapid.SliceOfN(one, 1, 40)
}

func faults() *rapid.Generator[remotetest.Fault] {
	return rapid.Custom(func(t *rapid.T) remotetest.Fault {
		f := remotetest.Fault{
			Kind: rapid.SampledFrom([]remotetest.Kind{
				remotetest.Throttle, remotetest.Error, remotetest.Cut, remotetest.TimeoutAfterWrite, remotetest.Latency, remotetest.ExpireTokens,
			}).Draw(t, "kind"),
			Rate:       rapid.SampledFrom([]float64{0.05, 0.1, 0.3}).Draw(t, "rate"),
			Status:     rapid.SampledFrom([]int{500, 503, 504}).Draw(t, "status"),
			RetryAfter: float64(rapid.IntRange(1, 20).Draw(t, "retryAfter")),
			LatencyMs:  rapid.IntRange(0, 100).Draw(t, "latency"),
			Paths:      rapid.SampledFrom([]string{remotetest.PathsAPI, remotetest.PathsAPI, remotetest.PathsAll}).Draw(t, "paths"),
		}
		if f.Kind == remotetest.ExpireTokens {
			f.Rate = 0 // once: a new token that is refused again is a fault of the credentials
		}
		return f
	})
}

// Whatever goes wrong on the way, a write that is repeated until it succeeds leaves exactly its state (invariant 3).
func TestModel(t *testing.T) {
	for name, s := range setups() {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				s.opt.Seed = rapid.Uint64().Draw(rt, "seed")
				sequence := acts().Draw(rt, "sequence")
				var err error
				synctest.Test(t, func(t *testing.T) { err = play(t.Context(), s.opt, s.change, sequence) })
				if err != nil {
					rt.Fatal(err)
				}
			})
		})
	}
}

// play runs a sequence and compares Campaign with the model after every step.
func play(ctx context.Context, opt campaigntest.Options, change func(*campaign.Config), sequence []act) error {
	h, err := open(opt, change)
	if err != nil {
		return err
	}
	defer h.close()
	model := map[string]map[string]any{}
	for i, a := range sequence {
		switch {
		case a.Upsert != nil:
			err = insist(ctx, func() error { _, err := h.client.Upsert(ctx, *a.Upsert); return err })
			apply(model, *a.Upsert)
		case a.Remove != "":
			err = insist(ctx, func() error { _, err := h.client.Remove(ctx, "profile", a.Remove); return err })
			delete(model, a.Remove)
		case a.Fault == nil:
			h.Faults().EndAll()
		case len(h.Faults().Active()) < 3:
			h.Faults().Inject(*a.Fault)
		}
		if err == nil {
			err = same(h, model)
		}
		if err != nil {
			return fmt.Errorf("step %d, %#v: %w", i, a, err)
		}
	}
	return nil
}

// apply is what an upsert means.
func apply(model map[string]map[string]any, w campaign.Write) {
	row := maps.Clone(model[w.Key])
	if row == nil {
		row = map[string]any{"externalId": w.Key}
	}
	for field, value := range w.Fields {
		if row[field] = value; value == nil {
			delete(row, field)
		}
	}
	model[w.Key] = row
}

func same(h *house, model map[string]map[string]any) error {
	if diff := cmp.Diff(model, h.Profiles()); diff != "" {
		return fmt.Errorf("Campaign differs from the model:\n%s", diff)
	}
	if h.Len("profile") != len(model) {
		return fmt.Errorf("%d rows for %d keys", h.Len("profile"), len(model))
	}
	if pushed := h.Stats().Get(remotetest.DuringRetryAfter); pushed != 0 {
		return fmt.Errorf("%d requests inside Retry-After (invariant 10)", pushed)
	}
	return nil
}

// The same with many writers side by side, each with keys of its own.
func TestModelInParallel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, campaigntest.Options{Seed: 1}, nil)
		for _, f := range []remotetest.Fault{
			{Kind: remotetest.Throttle, Rate: 0.002, RetryAfter: 2}, {Kind: remotetest.Error, Rate: 0.05}, {Kind: remotetest.Cut, Rate: 0.05},
			{Kind: remotetest.TimeoutAfterWrite, Rate: 0.05}, {Kind: remotetest.Latency, Rate: 0.2, LatencyMs: 30},
		} {
			h.Faults().Inject(f)
		}
		var mu sync.Mutex
		model := map[string]map[string]any{}
		var writers sync.WaitGroup
		for n := range 32 {
			writers.Go(func() {
				picks := rand.New(rand.NewPCG(1, uint64(n)))
				for i := range 40 {
					if n == 0 && i == 20 {
						h.Issuer().RevokeAll()
					}
					key := fmt.Sprint(n, "-", picks.IntN(5))
					w := profile(key, picks.IntN(2) == 0, map[string]any{"title": fmt.Sprint(i)})
					remove := picks.IntN(5) == 0
					err := insist(t.Context(), func() error {
						if remove {
							_, err := h.client.Remove(t.Context(), "profile", key)
							return err
						}
						_, err := h.client.Upsert(t.Context(), w)
						return err
					})
					if err != nil {
						t.Errorf("%s: %v", key, err)
						return
					}
					mu.Lock()
					if remove {
						delete(model, key)
					} else {
						apply(model, w)
					}
					mu.Unlock()
				}
			})
		}
		writers.Wait()
		if err := same(h, model); err != nil {
			t.Error(err)
		}
		if h.Stats().Get(remotetest.Throttled) == 0 {
			t.Error("nothing was throttled: the test proves nothing about pauses")
		}
	})
}
