package egress

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/campaign"
	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/record"
	"github.com/causeway-sync/causeway/pkg/timeline"
	"github.com/causeway-sync/causeway/pkg/workflow"
	"github.com/causeway-sync/causeway/services/host"
)

// pages is a journal of prepared pages; a position is the number of the next one.
type pages struct {
	list [][]campaign.JournalEvent
	gaps map[int]*campaign.JournalGap
	fail func() error
}

func (p *pages) Read(_ context.Context, from record.Position) (campaign.JournalPage, error) {
	if err := p.fail(); err != nil {
		return campaign.JournalPage{}, err
	}
	n, _ := strconv.Atoi(string(from)) // The first position is empty.
	if n >= len(p.list) {
		return campaign.JournalPage{Next: from}, nil
	}
	return campaign.JournalPage{Events: p.list[n], Next: record.Position(strconv.Itoa(n + 1)), More: true, Gap: p.gaps[n]}, nil
}

// room is a waiting room whose events are all due.
type room struct {
	parked []bus.Parked
	gone   []string
	fail   func() error
}

func (r *room) Due(_ context.Context, _ string, limit int, _ time.Time) ([]bus.Parked, error) {
	return slices.Clone(r.parked[:min(limit, len(r.parked))]), r.fail()
}

func (r *room) Unpark(_ context.Context, _ string, done []bus.Parked) error {
	if err := r.fail(); err != nil {
		return err
	}
	for _, p := range done {
		r.gone = append(r.gone, p.Record.Key)
	}
	r.parked = r.parked[len(done):]
	return nil
}

func never() error { return nil }

// newSource reads everything but opens.
func newSource(t rapid.TB, j journal, w waitingRoom, skips *host.Skips) *source {
	decoder, err := timeline.NewDecoder(config.DefaultEventFormat())
	if err != nil {
		t.Fatal(err)
	}
	return &source{journal: j, waiting: w, decoder: decoder, skips: skips, now: clock(), recent: newRecent(),
		on:  map[string]bool{timeline.Send: true, timeline.Click: true, timeline.Bounce: true},
		gap: func(context.Context, workflow.Gap) error { return nil }}
}

// clock is a second later at every look.
func clock() func() time.Time {
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	return func() time.Time {
		at = at.Add(time.Second)
		return at
	}
}

// event is a delivery as the journal holds it. Kind is one of the four, or "soft", "sms" and "broken".
func event(id, kind string, place int) campaign.JournalEvent {
	data := map[string]any{"recipientID": "0f8fad5b-d9cb-469f-a165-70867728950e", "bounceType": "hard"}
	name := kind
	switch kind {
	case "soft":
		name, data["bounceType"] = "bounce", "soft"
	case "broken":
		name, data["recipientID"] = "send", "nobody"
	}
	body, _ := json.Marshal(map[string]any{"id": id, "type": "com.adobe.campaign.email." + name, "time": "2026-03-01T10:00:00Z", "data": data})
	return campaign.JournalEvent{Position: fmt.Sprintf("place-%d", place), Body: body}
}

// TestNothingIsLostByTheSource: for every journal, with repeats, trouble and crashes at any point, every event that
// belongs in the queue gets there, nothing else does, and without crashes each does once and everything is accounted for.
func TestNothingIsLostByTheSource(t *testing.T) {
	kinds := []string{"send", "click", "bounce", "open", "soft", "sms", "broken"}
	rapid.Check(t, func(t *rapid.T) {
		crashes := rapid.Bool().Draw(t, "crashes")
		trouble := func() error {
			if rapid.IntRange(0, 9).Draw(t, "trouble") == 0 {
				return errors.New("trouble")
			}
			return nil
		}
		j, w, skips := &pages{fail: trouble}, &room{fail: trouble}, &host.Skips{}
		want, deliveries := map[string]bool{}, 0
		for range rapid.IntRange(0, 6).Draw(t, "pages") {
			var page []campaign.JournalEvent
			for range rapid.IntRange(0, 12).Draw(t, "events") {
				n := rapid.IntRange(0, 30).Draw(t, "id")
				id, kind := fmt.Sprintf("event-%d", n), kinds[n%len(kinds)]
				e := event(id, kind, deliveries)
				deliveries++
				page = append(page, e)
				switch kind {
				case "send", "click", "bounce":
					want[id] = true
				case "broken":
					want[e.Position] = true
				}
			}
			j.list = append(j.list, page)
		}
		parked := map[string]bool{}
		for i := range rapid.IntRange(0, 5).Draw(t, "parked") {
			id := fmt.Sprintf("parked-%d", i)
			w.parked = append(w.parked, bus.Parked{Record: record.Record{Source: sourceName, Key: id, Op: record.Upsert, Data: event(id, "send", 0).Body, Waits: 1}})
			want[id], parked[id] = true, true
		}

		queued := map[string]int{}
		var position record.Position
		s := newSource(t, j, w, skips)
		for idle := 0; idle < 3 || len(w.parked) > 0; {
			page, err := s.Read(t.Context(), position)
			if err != nil {
				continue
			}
			if crashes && rapid.IntRange(0, 4).Draw(t, "crash") == 0 { // Before the page was stored.
				s = newSource(t, j, w, skips)
				continue
			}
			for _, id := range w.gone {
				if queued[id] == 0 {
					t.Fatalf("%s was taken out of the waiting room and is not in the queue", id)
				}
			}
			if idle++; len(page.Records) > 0 || page.More {
				idle = 0
			}
			for _, r := range page.Records {
				if err := r.Validate(); err != nil {
					t.Fatal(err)
				}
				queued[r.Key]++
			}
			position = page.Next
		}
		for id := range want {
			if queued[id] == 0 {
				t.Errorf("%s was lost", id)
			}
			if !crashes && queued[id] > 1 && !parked[id] {
				t.Errorf("%s was queued %d times", id, queued[id])
			}
		}
		for id := range queued {
			if !want[id] {
				t.Errorf("%s was queued", id)
			}
		}
		total := 0
		for _, n := range skips.Counts() {
			total += int(n)
		}
		if got := len(queued) - len(parked) + total; !crashes && got != deliveries {
			t.Errorf("%d of %d deliveries are accounted for: %v", got, deliveries, skips.Counts())
		}
	})
}

// TestTheEarliestWaitCounts: two parked copies of one event become one, which has waited since the first was parked.
func TestTheEarliestWaitCounts(t *testing.T) {
	first := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	copyOf := func(since time.Time, waits int) bus.Parked {
		return bus.Parked{Record: record.Record{Source: sourceName, Key: "e", Op: record.Upsert, Data: event("e", "send", 0).Body, WaitingSince: since, Waits: waits}}
	}
	w := &room{fail: never, parked: []bus.Parked{copyOf(first.Add(time.Hour), 1), copyOf(first, 3)}}
	s := newSource(t, &pages{fail: never}, w, &host.Skips{})
	s.own = true
	page, err := s.Read(t.Context(), record.Position("5"))
	if err != nil || len(page.Records) != 1 || string(page.Next) != "5" || !page.More {
		t.Fatalf("%+v, %v", page, err)
	}
	if r := page.Records[0]; !r.WaitingSince.Equal(first) || r.Waits != 3 {
		t.Errorf("it has waited since %v, %d times", r.WaitingSince, r.Waits)
	}
}

// TestAGapIsToldBeforeThePositionBehindIt: when it cannot be recorded, the page does not come.
func TestAGapIsToldBeforeThePositionBehindIt(t *testing.T) {
	from, to := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 3, 9, 0, 0, 0, 0, time.UTC)
	j := &pages{fail: never, list: [][]campaign.JournalEvent{{event("e", "send", 0)}},
		gaps: map[int]*campaign.JournalGap{0: {From: from, To: to, Reason: "the journal does not hold the read position any more"}}}
	s := newSource(t, j, &room{fail: never}, &host.Skips{})
	var told []workflow.Gap
	refuse := errors.New("no answer")
	s.gap = func(_ context.Context, g workflow.Gap) error {
		told = append(told, g)
		if len(told) == 1 {
			return refuse
		}
		return nil
	}
	if _, err := s.Read(t.Context(), nil); !errors.Is(err, refuse) {
		t.Fatalf("the page came although the gap is not safe: %v", err)
	}
	page, err := s.Read(t.Context(), nil)
	if err != nil || len(page.Records) != 1 || len(told) != 2 {
		t.Fatalf("%+v, %v, told %d times", page, err, len(told))
	}
	if g := told[1]; g.Source != "journal" || !g.From.Equal(from) || !g.To.Equal(to) || g.Message == "" {
		t.Errorf("%+v", g)
	}
}

// TestEveryDeliveryFitsIntoARecord, also one that is no event at all, and comes out of it as it was.
func TestEveryDeliveryFitsIntoARecord(t *testing.T) {
	for _, body := range []string{`null`, `"text"`, `[1,2]`, `7`, `{"id":"x"}`, ` {"id":"x"} `, `{}`, `{"notAnObject":1,"id":2}`} {
		s := newSource(t, nil, nil, &host.Skips{})
		records := s.sort([]campaign.JournalEvent{{Position: "a b\nc", Body: json.RawMessage(body)}})
		if len(records) != 1 || records[0].Validate() != nil || records[0].Data[0] != '{' || !plain(records[0].Key) {
			t.Errorf("%s became %+v", body, records)
			continue
		}
		var before, after any
		if err := errors.Join(json.Unmarshal([]byte(body), &before), json.Unmarshal(disclosed(records[0].Data), &after)); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(before, after); diff != "" {
			t.Error(diff)
		}
	}
	if keyOf("é") == "é" || keyOf("a") != "a" || len(keyOf(string(make([]byte, 1000)))) != 32 {
		t.Error("a key is not fit for a header")
	}
}

// TestRecentForgetsTheOldest and stays bounded.
func TestRecentForgetsTheOldest(t *testing.T) {
	r := newRecent()
	for i := range 3 * recentIDs {
		r.add(strconv.Itoa(i))
	}
	if r.holds("0") || !r.holds(strconv.Itoa(3*recentIDs-1)) || !r.holds(strconv.Itoa(2*recentIDs)) {
		t.Error("it forgets the wrong ones")
	}
	if n := len(r.young) + len(r.old); n > 2*recentIDs {
		t.Errorf("it holds %d ids", n)
	}
}
