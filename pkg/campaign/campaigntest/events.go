package campaigntest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"

	"github.com/causeway-sync/causeway/pkg/remote/remotetest"
)

// EventBatch says which events to append to the journal. Its JSON is the body of POST /_sandbox/events.
type EventBatch struct {
	// Count is how many distinct events there are to be.
	Count int `json:"count"`
	// Types are drawn from evenly: send, open, click, bounce. Empty: all four.
	Types []string `json:"types"`
	// Duplicates is the share of events that are delivered twice.
	Duplicates float64 `json:"duplicates"`
	// Disorder has events stand up to a hundred places away from where their time puts them.
	Disorder bool `json:"disorder"`
	// UnknownContacts is the share of events whose contact does not exist.
	UnknownContacts float64 `json:"unknownContacts"`
	// SoftBounces is the share of bounces that are soft.
	SoftBounces float64 `json:"softBounces"`
	// UnknownTypes is the share of events of a type that nobody asked for, com.adobe.campaign.sms.send.
	UnknownTypes float64 `json:"unknownTypes"`
}

// EventsAppended is what AppendEvents did.
type EventsAppended struct {
	// Distinct counts the distinct events by type, those of unknown contacts and soft bounces included, those of unknown
	// types not.
	Distinct map[string]int `json:"distinct"`
	// Unknown is how many of them are about a contact that does not exist.
	Unknown int `json:"unknown"`
	// Written is how many entries the journal has gained, duplicates included.
	Written int `json:"written"`
	// SoftBounces is how many bounces are soft, UnknownTypes how many events have an unknown type.
	SoftBounces  int `json:"softBounces"`
	UnknownTypes int `json:"unknownTypes"`
}

// EmittedEvent is a distinct event of the journal, expired or not.
type EmittedEvent struct {
	ID string `json:"id"`
	// Kind is send, open, click, bounce or sms; Type is what the journal calls it.
	Kind    string `json:"kind"`
	Type    string `json:"type"`
	Contact string `json:"contact"`
	// Known is false for a contact that does not exist.
	Known      bool      `json:"known"`
	Time       time.Time `json:"time"`
	Soft       bool      `json:"soft,omitempty"`
	Campaign   string    `json:"campaign"`
	Delivery   string    `json:"delivery"`
	MirrorPage string    `json:"mirrorPage"`
	ClickedURL string    `json:"clickedUrl,omitempty"`
}

const (
	maxEventBatch = 1_000_000
	// disorderSpan is how far an entry may stand from its place.
	disorderSpan = 100
)

func (b EventBatch) validate() error {
	wrong := func(field, what string) error {
		return &remotetest.FieldError{Field: field, Message: field + ": " + what}
	}
	if b.Count < 1 || b.Count > maxEventBatch {
		return wrong("count", fmt.Sprintf("must be from 1 to %d", maxEventBatch))
	}
	for _, name := range b.Types {
		if _, ok := kindNamed(name); !ok {
			return wrong("types", fmt.Sprintf("%.40q is none of %v", name, eventKinds))
		}
	}
	for _, share := range []struct {
		field string
		value float64
	}{{"duplicates", b.Duplicates}, {"unknownContacts", b.UnknownContacts}, {"softBounces", b.SoftBounces}, {"unknownTypes", b.UnknownTypes}} {
		if !(share.value >= 0 && share.value <= 1) {
			return wrong(share.field, "must be from 0 to 1")
		}
	}
	return nil
}

// AppendEvents writes events to the journal. Ids, types and order depend on the Seed and on how many batches there were
// before, contacts also on the list that Contacts gives. The times of a batch lie a millisecond apart and end now. The
// error is a *remotetest.FieldError.
func (s *Server) AppendEvents(b EventBatch) (EventsAppended, error) {
	if err := b.validate(); err != nil {
		return EventsAppended{}, err
	}
	contacts := s.opt.Journal.Contacts()
	j := s.journal
	j.mu.Lock()
	defer j.mu.Unlock()
	j.batches++
	random := rand.New(rand.NewPCG(s.opt.Seed, j.batches)) //nolint:gosec // Test data.
	done := EventsAppended{Distinct: map[string]int{}}
	fresh := b.draw(random, contacts, j.now(), &done)
	entries := b.arrange(random, len(fresh), len(j.events))
	j.events, j.entries = append(j.events, fresh...), append(j.entries, entries...)
	j.written = append(j.written, stretch{end: len(j.entries), at: j.now()})
	done.Written = len(entries)
	return done, nil
}

// draw makes the distinct events.
func (b EventBatch) draw(random *rand.Rand, contacts []string, now time.Time, done *EventsAppended) []event {
	kinds := []eventKind{0, 1, 2, 3}
	if len(b.Types) > 0 {
		kinds = kinds[:0]
		for _, name := range b.Types {
			kind, _ := kindNamed(name) // validate has seen it
			kinds = append(kinds, kind)
		}
	}
	for _, kind := range kinds {
		done.Distinct[eventKinds[kind]] = 0
	}
	fresh := make([]event, b.Count)
	for i := range fresh {
		e := &fresh[i]
		e.id, e.at, e.delivery = randomUUID(random), now.UnixMilli()-int64(b.Count-1-i), uint16(random.IntN(40)+1)
		e.kind = kinds[random.IntN(len(kinds))]
		if random.Float64() < b.UnknownTypes {
			e.kind = unexpected
			done.UnknownTypes++
		} else {
			done.Distinct[eventKinds[e.kind]]++
		}
		if soft := random.Float64() < b.SoftBounces; soft && e.kind == bounce {
			e.soft = true
			done.SoftBounces++
		}
		if e.known = random.Float64() >= b.UnknownContacts && len(contacts) > 0; e.known {
			e.contact = contacts[random.IntN(len(contacts))]
		} else {
			e.contact = uuidText(randomUUID(random))
			done.Unknown++
		}
	}
	return fresh
}

// arrange puts the deliveries in order: n events whose first has the index first.
func (b EventBatch) arrange(random *rand.Rand, n, first int) []int32 {
	type entry struct{ index, place int32 }
	entries := make([]entry, 0, n)
	for i := range int32(n) {
		add := func(away int32) {
			if b.Disorder {
				away += random.Int32N(disorderSpan)
			}
			entries = append(entries, entry{int32(first) + i, i + away})
		}
		add(0)
		if random.Float64() < b.Duplicates {
			add(1 + random.Int32N(disorderSpan))
		}
	}
	slices.SortStableFunc(entries, func(a, b entry) int { return int(a.place - b.place) })
	order := make([]int32, len(entries))
	for i, e := range entries {
		order[i] = e.index
	}
	return order
}

// EmittedEvents are all distinct events that were ever appended, oldest first.
func (s *Server) EmittedEvents() []EmittedEvent {
	s.journal.mu.RLock()
	defer s.journal.mu.RUnlock()
	all := make([]EmittedEvent, len(s.journal.events))
	for i := range s.journal.events {
		e := &s.journal.events[i]
		all[i] = EmittedEvent{
			ID: uuidText(e.id), Kind: eventKinds[e.kind], Type: e.kind.typeName(), Contact: e.contact, Known: e.known, Time: e.time(), Soft: e.soft,
			Campaign: fmt.Sprintf("CMP%d", e.campaign()), Delivery: fmt.Sprintf("DM%d", e.delivery),
			MirrorPage: e.mirrorPage(), ClickedURL: e.clickedURL(),
		}
	}
	return all
}

// ExpireEvents lets all but the newest keep entries of the journal expire, as if seven days had passed for them.
func (s *Server) ExpireEvents(keep int) { s.journal.expire(keep) }

// JournalHolds are the ids of the events that the journal still holds.
func (s *Server) JournalHolds() map[string]bool {
	j := s.journal
	j.mu.Lock()
	defer j.mu.Unlock()
	j.retainLocked()
	held := map[string]bool{}
	for _, index := range j.entries[j.gone:] {
		held[uuidText(j.events[index].id)] = true
	}
	return held
}

// JournalPolledEarly is how many requests came inside the Retry-After of a 204.
func (s *Server) JournalPolledEarly() int64 {
	s.journal.mu.RLock()
	defer s.journal.mu.RUnlock()
	return s.journal.early
}

// mountEvents adds the sandbox's paths for events.
//
//	POST /_sandbox/events      200 what was appended, 400 {"field":"count","error":"..."}
//	GET /_sandbox/events       200 {"events":[...]}, every distinct one that was ever appended
//	DELETE /_sandbox/events    204 all have expired
func (s *Server) mountEvents(mux *http.ServeMux) {
	mux.HandleFunc("POST /_sandbox/events", s.postEvents)
	mux.HandleFunc("GET /_sandbox/events", func(w http.ResponseWriter, _ *http.Request) {
		remotetest.WriteJSON(w, http.StatusOK, map[string]any{"events": s.EmittedEvents()})
	})
	mux.HandleFunc("DELETE /_sandbox/events", func(w http.ResponseWriter, _ *http.Request) {
		s.ExpireEvents(0)
		w.WriteHeader(http.StatusNoContent)
	})
}

func (s *Server) postEvents(w http.ResponseWriter, r *http.Request) {
	b, err := decodeEventBatch(http.MaxBytesReader(w, r.Body, 64<<10))
	var done EventsAppended
	if err == nil {
		done, err = s.AppendEvents(b)
	}
	var refused *remotetest.FieldError
	if errors.As(err, &refused) {
		remotetest.WriteJSON(w, http.StatusBadRequest, refused)
		return
	}
	remotetest.WriteJSON(w, http.StatusOK, done)
}

// decodeEventBatch reads one JSON object with no member but those of EventBatch.
func decodeEventBatch(body io.Reader) (b EventBatch, err error) {
	text, err := io.ReadAll(body)
	if err != nil {
		return b, &remotetest.FieldError{Message: "the body could not be read"}
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&b); err != nil {
		return b, &remotetest.FieldError{Message: "not understood: " + err.Error()}
	}
	return b, nil
}
