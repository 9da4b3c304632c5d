package crash

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"iter"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/causeway-sync/causeway/deploy/internal/process"
	"github.com/causeway-sync/causeway/deploy/internal/truth"
	"github.com/causeway-sync/causeway/pkg/campaign/campaigntest"
	"github.com/causeway-sync/causeway/pkg/remote/remotetest"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

var events = flag.Int("events", 4000, "e-mail events in the crash test of egress")

// TestCrashOfEgress kills the whole product, its NATS server included, while e-mail events flow to the timelines: twice,
// in disorder, some of unknown contacts, under storms of 429 and answers that are cut off.
func TestCrashOfEgress(t *testing.T) {
	t.Logf("-seed %d", *seed)
	w := newWorld(t, *contacts, *seed)
	address := process.FreeAddress(t)
	p := process.New(t, binary(t, "standalone"), append(w.env, "CAUSEWAY_UNKNOWN_CONTACT_WAIT=1s"), "--allow-temporary-data", "--data", process.Folder(t, "."),
		"--http", address, "--nats", process.FreeAddress(t))
	a := api{t, "http://" + address}
	p.Start()
	process.Until(t, 30*time.Second, "all types of events are switched on", func() bool { return a.switchOn() == nil }, p.Tail)
	process.Until(t, 30*time.Second, "the workflow is started", func() bool { return a.commandTo(workflow.Egress, "start") == nil }, p.Tail)

	moments := rand.New(rand.NewPCG(*seed, 13))
	written := 0
	for i := range *crashes {
		n := (*events*(i+1))/(*crashes) - (*events*i)/(*crashes)
		done, err := w.Campaign.AppendEvents(campaigntest.EventBatch{Count: max(n, 1), Duplicates: 0.1, Disorder: true, UnknownContacts: 0.02, SoftBounces: 0.2, UnknownTypes: 0.01})
		if err != nil {
			t.Fatal(err)
		}
		written += done.Written
		// Some kills fall into the start, some into the reading, most into the writing, and half of those into a storm.
		moment := time.Duration(moments.Int64N(int64(4 * time.Second)))
		<-time.After(moment / 2)
		calm := w.storm(moments)
		<-time.After(moment / 2)
		p.Kill()
		calm()
		t.Logf("killed for the %d. time after %s; %d activities of %d entries", i+1, moment.Round(time.Millisecond), w.activities(), written)
		p.Start()
	}
	// Nobody helps: no command is given after the first start.
	var emitted []truth.Event
	strangers := map[string]bool{}
	for _, e := range w.Campaign.EmittedEvents() {
		emitted = append(emitted, truth.Event{ID: e.ID, Kind: e.Kind, Contact: e.Contact, Known: e.Known, Soft: e.Soft, Time: e.Time, Campaign: e.Campaign,
			Delivery: e.Delivery, MirrorPage: e.MirrorPage, ClickedURL: e.ClickedURL})
		if !e.Known && !e.Soft && truth.ActivityTables()[e.Kind] != "" {
			strangers[e.ID] = true
		}
	}
	differences := func() []string {
		return truth.TimelineDifferences(emitted, func(table string) iter.Seq[map[string]any] {
			return func(yield func(map[string]any) bool) {
				for _, row := range w.Dynamics.Rows(table) {
					if !yield(row) {
						return
					}
				}
			}
		})
	}
	process.Until(t, 5*time.Minute, "nothing waits any more", func() bool {
		view, err := a.workflow(workflow.Egress)
		return err == nil && view.Status == workflow.Running && view.Backlog == 0 && int(view.Failures) >= len(strangers)
	}, func() string { return strings.Join(differences(), "\n") + p.Tail() })
	if found := differences(); len(found) > 0 {
		t.Errorf("the timelines are not what the events say:\n%s", strings.Join(found, "\n"))
	}
	for _, table := range truth.ActivityTables() {
		for id, times := range w.Dynamics.Creations(table) {
			if times != 1 {
				t.Errorf("%s %s was created %d times", table, id, times)
			}
		}
	}
	rejected := a.rejected()
	if missing, extra := minus(strangers, rejected), minus(rejected, strangers); len(missing)+len(extra) > 0 {
		t.Errorf("%d events of unknown contacts are not among the failures, and %d others are", len(missing), len(extra))
	}
	t.Logf("%d distinct events, %d entries of the journal, %d activities, %d events of unknown contacts among the failures",
		len(emitted), written, w.activities(), len(rejected))
	p.Stop()
}

// storm makes trouble on both sides until the returned function is called.
func (w *world) storm(random *rand.Rand) (calm func()) {
	var stops []func()
	switch random.IntN(4) {
	case 0:
		stops = append(stops, w.Dynamics.Inject(remotetest.Fault{Kind: remotetest.Throttle, Rate: 0.3, RetryAfter: 0.2}))
	case 1:
		stops = append(stops, w.Campaign.Faults().Inject(remotetest.Fault{Kind: remotetest.Throttle, Rate: 0.3, RetryAfter: 0.2}))
	case 2:
		stops = append(stops, w.Dynamics.Inject(remotetest.Fault{Kind: remotetest.TimeoutAfterWrite, Rate: 0.3}),
			w.Dynamics.Inject(remotetest.Fault{Kind: remotetest.Cut, Rate: 0.1}))
	}
	return func() {
		for _, stop := range stops {
			stop()
		}
	}
}

func (w *world) activities() int {
	n := 0
	for _, table := range truth.ActivityTables() {
		n += w.Dynamics.Count(table)
	}
	return n
}

// switchOn stores a configuration with all types of events switched on.
func (a api) switchOn() error {
	response, err := http.Get(a.base + "/api/v1/workflows/egress/config")
	if err != nil {
		return err
	}
	text, err := io.ReadAll(response.Body)
	_ = response.Body.Close()
	if err != nil || response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %w", response.Status, err)
	}
	var document map[string]any
	if err := json.Unmarshal(text, &document); err != nil {
		return err
	}
	document["events"] = map[string]bool{"send": true, "open": true, "click": true, "bounce": true}
	if text, err = json.Marshal(document); err != nil {
		return err
	}
	request, err := http.NewRequest(http.MethodPut, a.base+"/api/v1/workflows/egress/config", bytes.NewReader(text))
	if err != nil {
		return err
	}
	request.Header.Set("If-Match", response.Header.Get("ETag"))
	request.Header.Set("Content-Type", "application/json")
	stored, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer stored.Body.Close()
	if stored.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(stored.Body)
		return fmt.Errorf("%s: %s", stored.Status, body)
	}
	return nil
}

// rejected are the keys of all failures of egress.
func (a api) rejected() map[string]bool {
	a.t.Helper()
	keys := map[string]bool{}
	for before := uint64(0); ; {
		var page struct {
			Failures []workflow.Failure `json:"failures"`
			Next     uint64             `json:"next"`
		}
		if err := a.get(fmt.Sprintf("/api/v1/workflows/egress/failures?limit=500&before=%d", before), &page); err != nil {
			a.t.Fatal(err)
		}
		for _, f := range page.Failures {
			keys[f.Key] = true
		}
		if before = page.Next; before == 0 {
			return keys
		}
	}
}

func minus(a, b map[string]bool) []string {
	return slices.Collect(func(yield func(string) bool) {
		for key := range maps.Keys(a) {
			if !b[key] && !yield(key) {
				return
			}
		}
	})
}
