package campaign_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/causeway-sync/causeway/pkg/campaign"
	"github.com/causeway-sync/causeway/pkg/campaign/campaigntest"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/record"
	"github.com/causeway-sync/causeway/pkg/remote/remotetest"
)

// change is what a record of a Changed says.
type change struct {
	key      string
	Origin   string
	Values   map[string]any
	Modified time.Time
	Since    time.Time
	Fresh    []string
}

// watcher reads a Changed as a pump does.
type watcher struct {
	source   *campaign.Changed
	position record.Position
	seen     []change
}

// poll reads until nothing more is there.
func (f *watcher) poll(ctx context.Context) error {
	for {
		page, err := f.source.Read(ctx, f.position)
		if err != nil {
			return err
		}
		for _, r := range page.Records {
			c := change{key: r.Key}
			if err := json.Unmarshal(r.Data, &c); err != nil || r.Source != "profile" || r.Op != record.Upsert {
				return fmt.Errorf("record %+v: %w", r, err)
			}
			f.seen = append(f.seen, c)
		}
		f.position = page.Next
		if !page.More {
			return nil
		}
	}
}

// take is what was seen since the last call, "key=value" by blackListEmail.
func (f *watcher) take() string {
	var all []string
	for _, c := range f.seen {
		all = append(all, fmt.Sprint(c.key, "=", c.Values["blackListEmail"]))
	}
	f.seen = nil
	return strings.Join(all, " ")
}

func watch(h *house, change func(*campaign.ChangedConfig)) *watcher {
	cfg := campaign.ChangedConfig{Fields: []string{"blackListEmail"}, PageSize: 3}
	if change != nil {
		change(&cfg)
	}
	return &watcher{source: h.client.Changed(cfg)}
}

func edit(t testing.TB, h *house, key string, value bool) {
	t.Helper()
	if err := h.Edit("profile", key, map[string]any{"blackListEmail": value}); err != nil {
		t.Fatal(err)
	}
}

func TestChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, campaigntest.Options{}, nil)
		for i := range 7 {
			put(t, h, map[string]any{"externalId": fmt.Sprint("k", i)})
		}
		put(t, h, map[string]any{"email": "nobody's here"})
		f := watch(h, nil)
		poll := func(want string) {
			t.Helper()
			if err := f.poll(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := f.take(); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		}
		poll("k0=false k1=false k2=false k3=false k4=false k5=false k6=false")
		calls := h.EngineCalls().Read
		edit(t, h, "k3", true)
		poll("") // not yet
		if h.EngineCalls().Read != calls {
			t.Error("asked before the time for the next poll has come")
		}
		<-time.After(time.Minute)
		began := time.Now()
		if err := f.poll(t.Context()); err != nil {
			t.Fatal(err)
		}
		c := f.seen[0]
		if since := c.Modified.Sub(c.Since); len(f.seen) != 1 || c.Origin != "api" || since < 5*time.Minute || since > 7*time.Minute || c.Modified.After(began) {
			t.Errorf("seen %+v at %s", f.seen, began)
		}
		f.take()
		if n := h.EngineCalls().Read - calls; n != 4 { // eight of one time, three a page
			t.Errorf("%d engine calls", n)
		}
		<-time.After(time.Hour)
		poll("") // of the time of the last poll
		<-time.After(time.Hour)
		calls = h.EngineCalls().Read
		poll("")
		if n := h.EngineCalls().Read - calls; n != 1 {
			t.Errorf("%d engine calls for nothing", n)
		}
		// What is mapped to something else as well is read again, once.
		f.source = watch(h, func(c *campaign.ChangedConfig) { c.Destinations = map[string]string{"blackListEmail": "a"} }).source
		poll("") // A position that names none is one of an earlier release.
		f.source = watch(h, func(c *campaign.ChangedConfig) { c.Destinations = map[string]string{"blackListEmail": "b"} }).source
		if err := f.poll(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, c := range f.seen { // What the poll before says of other fields still holds.
			if c.Since.IsZero() || !slices.Equal(c.Fresh, []string{"blackListEmail"}) {
				t.Errorf("%+v", c)
			}
		}
		all := strings.Fields(f.take())
		slices.Sort(all) // Rows of one old millisecond come twice where a page ends among them.
		if got, want := strings.Join(slices.Compact(all), " "), "k0=false k1=false k2=false k3=true k4=false k5=false k6=false"; got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		f.source = watch(h, func(c *campaign.ChangedConfig) { c.Destinations = map[string]string{"blackListEmail": "b"} }).source
		poll("")

		// A new life knows less of what it has seen, and misses nothing.
		edit(t, h, "k1", true)
		f.source = watch(h, nil).source
		poll("k1=true")
	})
}

func TestChangedFindings(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*campaign.ChangedConfig)
		says   string
	}{
		"no such filter":    {func(c *campaign.ChangedConfig) { c.Filter = "byNothing" }, "byNothing"},
		"no such parameter": {func(c *campaign.ChangedConfig) { c.Parameter = "nothing" }, "parameter"},
		"no such resource":  {func(c *campaign.ChangedConfig) { c.Resource = "cusNothing" }, "cusNothing"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := start(t, campaigntest.Options{}, nil)
				put(t, h, map[string]any{"externalId": "k"})
				f := watch(h, tc.change)
				var err error
				for range 3 { // at first everything is later than asked for
					if err = f.poll(t.Context()); err != nil {
						break
					}
					<-time.After(time.Hour)
				}
				if !fault.Is(err, fault.Fatal) && !fault.Is(err, fault.NotFound) || !strings.Contains(fault.Message(err), tc.says) {
					t.Errorf("got %v", err)
				}
			})
		})
	}
	h := start(t, campaigntest.Options{}, nil)
	for _, text := range []string{"{", `{"v":9}`, `{"v":1,"resource":"other"}`, `{"v":0}`} {
		if _, err := watch(h, nil).source.Read(t.Context(), record.Position(text)); !fault.Is(err, fault.Fatal) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// Whatever is edited while pages are turned, and whatever goes wrong on the way: in the end the last value of every
// profile was seen, and the values of one profile in their order.
func TestChangedMissesNothing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		steps := rapid.SliceOfN(rapid.IntRange(0, 9), 1, 40).Draw(rt, "steps")
		picks := rapid.SliceOfN(rapid.IntRange(0, 11), len(steps), len(steps)).Draw(rt, "picks")
		seed := rapid.Uint64().Draw(rt, "seed")
		var err error
		synctest.Test(t, func(t *testing.T) { err = chase(t.Context(), steps, picks, seed) })
		if err != nil {
			rt.Fatal(err)
		}
	})
}

func chase(ctx context.Context, steps, picks []int, seed uint64) error {
	h, err := open(campaigntest.Options{Seed: seed}, nil)
	if err != nil {
		return err
	}
	defer h.close()
	last := map[string]bool{}
	for i := range 12 {
		key := fmt.Sprint("k", i)
		last[key] = false
		if err := h.Put("profile", map[string]any{"externalId": key}); err != nil {
			return err
		}
		if i%5 == 0 {
			<-time.After(time.Millisecond)
		}
	}
	f := watch(h, nil)
	for i, step := range steps {
		key := fmt.Sprint("k", picks[i])
		switch step {
		case 0, 1, 2:
			last[key] = !last[key]
			err = h.Edit("profile", key, map[string]any{"blackListEmail": last[key]})
		case 3: // a new life, with what was stored
			f.source = watch(h, nil).source
		case 4:
			h.Faults().Inject(remotetest.Fault{Kind: remotetest.Error, Rate: 0.3, Status: 503})
		case 5:
			h.Faults().Inject(remotetest.Fault{Kind: remotetest.ExpireLinks})
		case 6:
			h.Faults().EndAll()
		case 7:
			<-time.After(time.Duration(picks[i]) * 20 * time.Second)
		default: // one page only, so that edits come between pages
			err = f.page(ctx)
		}
		if err != nil {
			return fmt.Errorf("step %d: %w", i, err)
		}
	}
	h.Faults().EndAll()
	<-time.After(time.Minute)
	if err := insist(ctx, func() error { return f.poll(ctx) }); err != nil {
		return err
	}
	<-time.After(time.Minute)
	if err := f.poll(ctx); err != nil {
		return err
	}
	seen := map[string]any{}
	for _, c := range f.seen {
		seen[c.key] = c.Values["blackListEmail"]
	}
	for key, value := range last {
		if seen[key] != value {
			return fmt.Errorf("%s is %v, seen %v", key, value, seen[key])
		}
	}
	if !slices.IsSortedFunc(f.seen, func(a, b change) int {
		if a.key != b.key {
			return 0
		}
		return a.Modified.Compare(b.Modified)
	}) {
		return fmt.Errorf("out of order: %+v", f.seen)
	}
	return nil
}

// page reads one page, whatever comes of it.
func (f *watcher) page(ctx context.Context) error {
	page, err := f.source.Read(ctx, f.position)
	if fault.Is(err, fault.Transient) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, r := range page.Records {
		c := change{key: r.Key}
		if err := json.Unmarshal(r.Data, &c); err != nil {
			return err
		}
		f.seen = append(f.seen, c)
	}
	f.position = page.Next
	return nil
}
