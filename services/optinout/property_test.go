package optinout

import (
	"crypto/rand"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/bus/bustest"
	"github.com/causeway-sync/causeway/pkg/consent"
	"github.com/causeway-sync/causeway/pkg/record"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

func openLedger(t *testing.T, conn *bus.Conn) *bus.Ledger {
	t.Helper()
	ledger, err := bus.OpenLedger(t.Context(), conn, workflow.OptInOut)
	if err != nil {
		t.Fatal(err)
	}
	return ledger
}

// newContact is the id of a contact that no other test has.
func newContact() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b)
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// TestSinkComesToRest: the property of package consent, on the sink itself with the real ledger: whatever is edited,
// reported, delivered together, late or twice, and wherever the process dies, both sides end equal, nothing is written
// twice after the last edit, an opt-out that is the newest statement holds, and Campaign is never told an opt-in.
func TestSinkComesToRest(t *testing.T) {
	ledger := openLedger(t, bustest.New(t))
	rapid.Check(t, func(t *rapid.T) {
		s := newSystems()
		ahead := rapid.Int64Range(-int64(5*time.Minute), int64(5*time.Minute)).Draw(t, "Campaign's clock is ahead by")
		s.ahead[consent.Campaign], s.ahead[consent.Dynamics] = time.Duration(ahead/2), -time.Duration(ahead/2)
		people := []string{newContact(), newContact()}
		for i, id := range people {
			s.person(id, drawValues(t, fmt.Sprint("contact ", i)), drawValues(t, fmt.Sprint("profile ", i)))
		}
		w := &play{systems: s, ledger: ledger, people: people}
		w.born()
		for range rapid.IntRange(1, 25).Draw(t, "steps") {
			w.step(t)
		}
		w.finish(t)
	})
}

func drawValues(t *rapid.T, label string) consent.Values {
	return consent.Values{email: rapid.Bool().Draw(t, label+" "+email), phone: rapid.Bool().Draw(t, label+" "+phone)}
}

// play is a story of edits, reports and deliveries.
type play struct {
	*systems
	ledger *bus.Ledger
	people []string
	sink   *sink
	queue  []record.Record
	files  int
}

func (w *play) born() { w.sink = w.newSink(w.ledger, consent.BothWays) }

func (w *play) step(t *rapid.T) {
	w.now = w.now.Add(rapid.SampledFrom([]time.Duration{0, time.Millisecond, time.Minute, 6 * time.Minute, time.Hour}).Draw(t, "pause"))
	id := rapid.SampledFrom(w.people).Draw(t, "person")
	field := rapid.SampledFrom([]string{email, phone}).Draw(t, "field")
	value := rapid.Bool().Draw(t, "value")
	switch rapid.SampledFrom([]string{"contact", "profile", "other column", "read", "export", "deliver", "deliver", "deliver"}).Draw(t, "step") {
	case "contact":
		w.editContact(id, field, value)
	case "profile":
		w.editProfile(id, field, value)
	case "other column":
		w.editContact(id, "", false)
	case "read":
		w.read()
	case "export":
		w.export()
	case "deliver":
		n := rapid.IntRange(1, 4).Draw(t, "reports")
		dies := rapid.IntRange(0, 12).Draw(t, "dies at")
		w.deliver(t, n, dies, rapid.Bool().Draw(t, "acknowledged"))
	}
}

func (w *play) read() {
	for _, id := range w.people {
		w.queue = append(w.queue, w.contactRecord(id))
	}
}

func (w *play) export() {
	w.files++
	for i, id := range w.people {
		w.queue = append(w.queue, w.exportRecord(id, fmt.Sprintf("optout_%d.csv:%d", w.files, i+2)))
	}
}

// deliver hands some reports to the sink. What it could not deal with comes again, and so does what was not acknowledged.
func (w *play) deliver(t *rapid.T, n, dies int, acknowledged bool) {
	batch := w.queue[:min(n, len(w.queue))]
	w.dieAt(dies)
	results := w.sink.Write(t.Context(), batch)
	w.dieAt(0)
	died := false
	var left []record.Record
	for i, r := range results {
		died = died || r.Err != nil
		if r.Err != nil || !acknowledged {
			left = append(left, batch[i])
		}
	}
	w.queue = append(left, w.queue[len(batch):]...)
	if died {
		w.born()
	}
}

func (w *play) finish(t *rapid.T) {
	w.now = w.now.Add(time.Minute)
	for range 3 { // What was written is reported too.
		w.read()
		w.export()
		for len(w.queue) > 0 {
			before := len(w.queue)
			w.deliver(t, 4, 0, true)
			if len(w.queue) == before {
				t.Fatal("a report cannot be dealt with")
			}
		}
	}
	for _, id := range w.people {
		if diff := cmp.Diff(w.profiles[id].values, w.contacts[id].Values); diff != "" {
			t.Fatalf("the sides differ: %s", diff)
		}
	}
	for statement, out := range w.newest {
		var id, field string
		if _, err := fmt.Sscan(statement, &id, &field); err != nil {
			t.Fatal(err)
		}
		if out && !w.profiles[id].values[field] {
			t.Fatalf("%s: the newest statement is an opt-out, and it is lost", field)
		}
	}
	for write, times := range w.writes {
		if times > 1 {
			t.Fatalf("%s was written %d times after the last edit", write, times)
		}
	}
	if w.optIns > 0 {
		t.Fatal("Campaign was told an opt-in")
	}
}
