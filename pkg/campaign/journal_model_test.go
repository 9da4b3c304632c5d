package campaign_test

import (
	"context"
	"fmt"
	"slices"
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

// journalAct is one step of a sequence. Exactly one of its parts is set; none is "end all faults".
type journalAct struct {
	Append  *campaigntest.EventBatch
	Expire  int // all but so many, plus one
	Read    int // pages
	Wait    time.Duration
	Fault   *remotetest.Fault
	Restart string // "kept": from the stored position, "older": from an older one
}

// GoString shows the step in rapid's own report.
func (a journalAct) GoString() string {
	switch {
	case a.Append != nil:
		return fmt.Sprintf("append%+v", *a.Append)
	case a.Fault != nil:
		return fmt.Sprintf("fault%+v", *a.Fault)
	}
	return fmt.Sprintf("%+v", a)
}

func journalActs() *rapid.Generator[[]journalAct] {
	share := rapid.SampledFrom([]float64{0, 0, 0.3})
	one := rapid.Custom(func(t *rapid.T) journalAct {
		switch n := rapid.IntRange(0, 19).Draw(t, "act"); {
		case n < 6:
			return journalAct{Append: &campaigntest.EventBatch{
				Count: rapid.IntRange(1, 80).Draw(t, "count"), Duplicates: share.Draw(t, "duplicates"),
				Disorder: rapid.Bool().Draw(t, "disorder"), UnknownTypes: share.Draw(t, "unknownTypes"),
			}}
		case n < 8:
			return journalAct{Expire: 1 + rapid.IntRange(0, 40).Draw(t, "keep")}
		case n < 13:
			return journalAct{Read: rapid.IntRange(1, 4).Draw(t, "pages")}
		case n < 15:
			return journalAct{Wait: rapid.SampledFrom([]time.Duration{time.Second, time.Minute, 25 * time.Hour, 8 * 24 * time.Hour}).Draw(t, "wait")}
		case n < 17:
			f := faults().Draw(t, "fault")
			return journalAct{Fault: &f}
		case n < 19:
			return journalAct{Restart: rapid.SampledFrom([]string{"kept", "kept", "older"}).Draw(t, "restart")}
		}
		return journalAct{}
	})
	return rapid.SliceOfN(one, 1, 20)
}

// journalModel is a program that keeps what it read together with the position behind it.
type journalModel struct {
	*house
	cfg     campaign.JournalConfig
	journal *campaign.Journal
	stored  []kept   // every state that was stored, oldest first
	read    []string // ids, in the order of their coming
	gaps    []campaign.JournalGap
	// byClock lets events expire by their age only: without links an empty journal has no place that could expire.
	byClock bool
}

// kept is one stored state: a position, and how much had been read and told by then.
type kept struct {
	position   record.Position
	read, gaps int
}

func (m *journalModel) now() kept { return m.stored[len(m.stored)-1] }

// page reads one page, as a pump does, and stores it.
func (m *journalModel) page(ctx context.Context) (more bool, err error) {
	err = insist(ctx, func() error {
		page, err := m.journal.Read(ctx, m.now().position)
		if err != nil {
			return err
		}
		if len(page.Events) > m.cfg.Limit {
			return fault.New(fault.Fatal, fmt.Sprintf("a page of %d events", len(page.Events)))
		}
		for _, e := range page.Events {
			m.read = append(m.read, idOf(e))
		}
		if page.Gap != nil {
			m.gaps = append(m.gaps, *page.Gap)
		}
		m.stored = append(m.stored, kept{page.Next, len(m.read), len(m.gaps)})
		more = page.More
		return nil
	})
	return more, err
}

// restart goes back to the last stored state, or, as if the last page had not been stored, to the one before.
func (m *journalModel) restart(older bool) {
	if older && len(m.stored) > 2 { // not in front of the first read: what expired by then was never promised
		m.stored = m.stored[:len(m.stored)-1]
	}
	m.read, m.gaps = m.read[:m.now().read], m.gaps[:m.now().gaps]
	m.journal = m.client.Journal(m.cfg)
}

func (m *journalModel) do(ctx context.Context, a journalAct) (err error) {
	switch {
	case a.Append != nil:
		_, err = m.AppendEvents(*a.Append)
		<-time.After(time.Second) // so that no two batches share a time
	case a.Expire > 0 && m.byClock:
		<-time.After(8 * 24 * time.Hour)
	case a.Expire > 0:
		m.ExpireEvents(a.Expire - 1)
	case a.Read > 0:
		for range a.Read {
			if _, err := m.page(ctx); err != nil {
				return err
			}
		}
	case a.Wait > 0:
		<-time.After(a.Wait)
	case a.Restart != "":
		m.restart(a.Restart == "older")
	case a.Fault == nil:
		m.Faults().EndAll()
	case len(m.Faults().Active()) < 3:
		m.Faults().Inject(*a.Fault)
	}
	return err
}

// Whatever happens to the journal and on the way, every event that did not expire is read at least once, and what was
// lost lies within a gap that was told (invariant 1).
func TestJournalModel(t *testing.T) {
	for name, opt := range map[string]campaigntest.JournalOptions{
		"vendor":                       {},
		"no retry-after, long answers": {RetryAfter: -1, IgnoreLimit: true},
		"no links, short answers":      {MaxBody: 10_000, Links: func(string) []string { return nil }},
	} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				seed := rapid.Uint64().Draw(rt, "seed")
				acts := journalActs().Draw(rt, "acts")
				var err error
				synctest.Test(t, func(t *testing.T) {
					err = playJournal(t.Context(), campaigntest.Options{Seed: seed, Journal: opt, Lengthen: time.Second}, acts)
				})
				if err != nil {
					rt.Fatal(err)
				}
			})
		})
	}
}

func playJournal(ctx context.Context, opt campaigntest.Options, acts []journalAct) error {
	h, err := open(opt, withJournal)
	if err != nil {
		return err
	}
	defer h.close()
	cfg := campaign.JournalConfig{Limit: 30}
	m := &journalModel{house: h, cfg: cfg, journal: h.client.Journal(cfg), stored: []kept{{}}, byClock: opt.Journal.Links != nil}
	// Nothing is promised of what expired before the first read.
	acts = append([]journalAct{{Append: &campaigntest.EventBatch{Count: 1}}, {Read: 1}}, acts...)
	for i, a := range acts {
		if err := m.do(ctx, a); err != nil {
			return fmt.Errorf("step %d, %#v: %w", i, a, err)
		}
	}
	h.Faults().EndAll()
	<-time.After(5 * time.Minute) // the last pause, and the last Retry-After
	held := m.JournalHolds()      // what expired does not come back
	for more := true; more; {
		if more, err = m.page(ctx); err != nil {
			return err
		}
	}
	return m.judge(held)
}

func (m *journalModel) judge(held map[string]bool) error {
	read := map[string]bool{}
	for _, id := range m.read {
		read[id] = true
	}
	for _, e := range m.EmittedEvents() {
		switch {
		case read[e.ID]:
		case held[e.ID]:
			return fmt.Errorf("an event of %v was not read and is still there", e.Time)
		case !inGap(m.gaps, e.Time):
			return fmt.Errorf("an event of %v expired unread, and the gaps are %v", e.Time, m.gaps)
		}
	}
	if early := m.JournalPolledEarly() + m.Stats().Get(remotetest.DuringRetryAfter); early > 0 {
		return fmt.Errorf("%d requests inside Retry-After (invariant 10)", early)
	}
	return nil
}

// inGap gives way by the disorder of the simulator: a hundred places of a millisecond, of the duplicates too.
func inGap(gaps []campaign.JournalGap, at time.Time) bool {
	const disorder = 250 * time.Millisecond
	return slices.ContainsFunc(gaps, func(g campaign.JournalGap) bool {
		return (g.From.IsZero() || !at.Before(g.From.Add(-disorder))) && !at.After(g.To.Add(disorder))
	})
}

func TestJournalModelNoticesALoss(t *testing.T) {
	gap := campaign.JournalGap{From: second(10), To: second(20)}
	if inGap([]campaign.JournalGap{gap}, second(9)) || inGap([]campaign.JournalGap{gap}, second(21)) || inGap(nil, second(1)) || !inGap([]campaign.JournalGap{gap}, second(15)) {
		t.Error("the model takes any event for one in a gap")
	}
}
