package egress

import (
	"context"
	"encoding/json"
	"time"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/campaign"
	"github.com/causeway-sync/causeway/pkg/record"
	"github.com/causeway-sync/causeway/pkg/timeline"
	"github.com/causeway-sync/causeway/pkg/workflow"
	"github.com/causeway-sync/causeway/services/host"
)

// sourceName is the name of the journal among the sources, and of its records.
const sourceName = "journal"

// The reasons for which an event is skipped.
const (
	skipUnknown  = "of an unknown type"
	skipSoft     = "soft bounces"
	skipRepeated = "delivered more than once"
	skipNow      = "queued before they were switched off"
)

func skipOff(kind string) string { return kind + "s, which are switched off" }

// journal is where events come from.
type journal interface {
	Read(ctx context.Context, from record.Position) (campaign.JournalPage, error)
}

// waitingRoom holds the events whose contact was not there.
type waitingRoom interface {
	Due(ctx context.Context, source string, limit int, now time.Time) ([]bus.Parked, error)
	Unpark(ctx context.Context, source string, done []bus.Parked) error
}

const (
	// parkedAtATime is how many parked events of each step come back between two pages of the journal.
	parkedAtATime = 100
	// parkedEvery is how often the parked events are looked at while none is due.
	parkedEvery = time.Second
)

// source is the journal as the pump reads it. It sorts out what is not for Dynamics, and puts the parked events whose time
// has come between the journal's pages. They need no place in its order: of an event there is only one version.
type source struct {
	journal journal
	waiting waitingRoom
	decoder *timeline.Decoder
	on      map[string]bool
	skips   *host.Skips
	gap     func(context.Context, workflow.Gap) error
	now     func() time.Time
	recent  *recent

	// queued are the ids of the page before, which is safe when the next one is asked for.
	queued []string
	// due are the parked events that were in it.
	due []bus.Parked
	// own is true when the last page was the journal's own; lookAt is when to look for parked events again.
	own    bool
	lookAt time.Time
}

// Read implements pump.Source.
func (s *source) Read(ctx context.Context, from record.Position) (record.Page, error) {
	if err := s.settle(ctx); err != nil {
		return record.Page{}, err
	}
	if s.own && !s.now().Before(s.lookAt) {
		records, err := s.returning(ctx)
		if err != nil {
			return record.Page{}, err
		}
		if len(records) > 0 {
			s.own = false
			return record.Page{Records: records, Next: from, More: true}, nil
		}
	}
	page, err := s.journal.Read(ctx, from)
	if err != nil {
		return record.Page{}, err
	}
	if page.Gap != nil {
		// Told before the position behind it can be stored: a crash in between tells it twice, and never not at all.
		if err := s.gap(ctx, gapOf(page.Gap, s.now())); err != nil {
			return record.Page{}, err
		}
	}
	s.own = true
	return record.Page{Records: s.sort(page.Events), Next: page.Next, More: page.More}, nil
}

// settle takes note that the page before stands in the queue (invariant 1).
func (s *source) settle(ctx context.Context) error {
	for _, id := range s.queued {
		s.recent.add(id)
	}
	s.queued = nil
	if len(s.due) == 0 {
		return nil
	}
	if err := s.waiting.Unpark(ctx, sourceName, s.due); err != nil {
		return err
	}
	s.due = nil
	return nil
}

// returning are the parked events that are to be tried again, each once.
func (s *source) returning(ctx context.Context) ([]record.Record, error) {
	due, err := s.waiting.Due(ctx, sourceName, parkedAtATime, s.now())
	if err != nil {
		return nil, err
	}
	if len(due) < parkedAtATime {
		s.lookAt = s.now().Add(parkedEvery)
	}
	s.due = due
	at := map[string]int{}
	var records []record.Record
	for _, p := range due {
		i, twice := at[p.Record.Key]
		switch {
		case !twice:
			at[p.Record.Key] = len(records)
			records = append(records, p.Record)
		case p.Record.WaitingSince.Before(records[i].WaitingSince):
			records[i].WaitingSince, records[i].Waits = p.Record.WaitingSince, max(p.Record.Waits, records[i].Waits)
		}
	}
	return records, nil
}

// sort makes records of the events that are for Dynamics, and counts the others. What cannot be understood is a record
// too: the writer puts it among the failures, where nothing is lost.
func (s *source) sort(events []campaign.JournalEvent) []record.Record {
	var records []record.Record
	here := map[string]bool{}
	for _, e := range events {
		event, verdict, err := s.decoder.Decode(e.Body)
		if why := s.whyNot(event, verdict, here); why != "" {
			s.skips.Add(why, 1)
			continue
		}
		if err != nil {
			records = append(records, s.record(placeOf(e), enclosed(e.Body)))
			continue
		}
		here[event.ID] = true
		s.queued = append(s.queued, event.ID)
		records = append(records, s.record(keyOf(event.ID), e.Body))
	}
	return records
}

// whyNot is the reason for which an event is not queued, "" for one that is. Here are the ids of the page so far.
func (s *source) whyNot(event timeline.Event, verdict timeline.Verdict, here map[string]bool) string {
	switch {
	case verdict == timeline.UnknownType:
		return skipUnknown
	case event.Kind != "" && !s.on[event.Kind]:
		return skipOff(event.Kind)
	case verdict == timeline.SoftBounce:
		return skipSoft
	case verdict == timeline.Known && (here[event.ID] || s.recent.holds(event.ID)):
		return skipRepeated
	}
	return ""
}

func (s *source) record(key string, body json.RawMessage) record.Record {
	return record.Record{Source: sourceName, Key: key, Op: record.Upsert, ReadAt: s.now(), Data: body}
}

// gapOf tells a gap in the words of everybody.
func gapOf(g *campaign.JournalGap, now time.Time) workflow.Gap {
	return workflow.Gap{Source: sourceName, From: g.From, To: g.To, At: now.UTC(),
		Message: g.String() + "; what happened in between is not in Dynamics 365, Campaign's own delivery logs still hold it"}
}
