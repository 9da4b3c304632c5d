package admin_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"net/http"
	"runtime"
	"runtime/metrics"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/bus/bustest"
	"github.com/causeway-sync/causeway/pkg/bus/embedded"
	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/workflow"
	"github.com/causeway-sync/causeway/services/admin/backend"
)

// What the pages must carry. `make scale` asks for 1,000,000 failures and has the time and the memory asserted; make test
// looks at a small share of it, and at memory only, which does not depend on what else the machine does.
var (
	scaleFailures = flag.Int("failures", 20_000, "rejected records that the pages are measured with")
	scaleEdits    = flag.Int("edits", 70, "revisions that the configuration went through")
	scaleMappings = flag.Int("mappings", 1000, "mappings of a document that somebody put on the bus by hand")
	scaleTimed    = flag.Bool("timed", false, "assert on the time of the answers, and print every figure")
)

const (
	answerBudget = 300 * time.Millisecond
	memoryBudget = 50 << 20
)

// TestPagesAtScale: the pages and the API answer as fast, and from as little memory, when a bucket has gone through a
// thousand edits and hundreds of thousands of records were rejected.
func TestPagesAtScale(t *testing.T) {
	server, err := embedded.Start(embedded.Options{Dir: t.TempDir(), Port: embedded.DontListen, AllowTemporary: true, LazySync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	conn := bustest.Connect(t, server)
	bustest.Provision(t, conn, bus.Sizes{})
	edits(t, conn, *scaleEdits)
	began := time.Now()
	failures(t, conn, *scaleFailures)
	t.Logf("%d rejected records were stored in %s", *scaleFailures, time.Since(began).Round(time.Millisecond))

	before := liveHeap()
	watched := watchHeap(t)
	began = time.Now()
	r := launch(t, server, nil)
	newest := r.counted()
	ready, climbed := time.Since(began), watched()
	t.Logf("the index was complete %s after the start", ready.Round(time.Millisecond))
	heavy := fmt.Sprintf("/api/v1/workflows/ingress/failures/%d", newest)
	for _, path := range []string{"/", "/failures", "/failures/ingress", "/failures/ingress?before=" + fmt.Sprint(newest/2), "/failures/ingress?key=key-0000017", "/failures/ingress?source=account",
		fmt.Sprintf("/failures/ingress/%d", newest), "/history", "/workflows/ingress/edit", "/settings", "/about", "/docs", "/api/v1/workflows",
		failuresPath, failuresPath + "?limit=500", failuresPath + "?limit=500&before=" + fmt.Sprint(newest/2), failuresPath + "?key=key-0000017", failuresPath + "?key=nobody", failuresPath + "/groups", heavy,
		"/api/v1/commands?limit=1000", "/api/v1/workflows/ingress/config/revisions", "/metrics"} {
		r.measure(t, path)
	}
	grown := int64(liveHeap()) - int64(before)
	t.Logf("memory: %.1f MB more live after all answers, %.1f MB more at the most while the index was built", mb(grown), mb(int64(climbed)-int64(before)))
	// The index costs 32 bytes a failure; the rest is the service itself, with its templates and connections.
	if most := int64(12<<20) + 40*int64(*scaleFailures); grown > min(most, memoryBudget) {
		t.Errorf("%.1f MB more memory for %d failures, %.1f MB are allowed", mb(grown), *scaleFailures, mb(min(most, memoryBudget)))
	}
}

func mb(bytes int64) float64 { return float64(bytes) / (1 << 20) }

// allocationBudget bounds what one answer may allocate, whatever stands in the streams.
const allocationBudget = 32 << 20

// measure asks a few times and judges the slowest answer, where times are asked for, and
// the least of what was allocated once what does not change has been looked at: the polls and the bus beside it allocate
// too.
func (r *rig) measure(t *testing.T, path string) {
	t.Helper()
	const times = 5
	var took []time.Duration
	allocated, size := int64(math.MaxInt64), 0
	for i := 0; i < times || allocated > allocationBudget && i < 10*times; i++ { // Beside other work some answers are dear.
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		began := time.Now()
		a := r.want(http.StatusOK, "GET", path, "")
		took = append(took, time.Since(began))
		runtime.ReadMemStats(&after)
		if size = len(a.body); i > 0 {
			allocated = min(allocated, int64(after.TotalAlloc-before.TotalAlloc))
		}
	}
	first := took[0]
	slices.Sort(took)
	if *scaleTimed {
		t.Logf("%-70s first %4d ms, median %4d ms, most %4d ms, %6.2f MB allocated, %4d KB sent", path, first.Milliseconds(), took[len(took)/2].Milliseconds(), took[len(took)-1].Milliseconds(), mb(allocated), size>>10)
		if slowest := took[len(took)-1]; slowest > answerBudget {
			t.Errorf("%s took %s", path, slowest)
		}
	}
	if allocated > allocationBudget {
		t.Errorf("%s allocates %.1f MB an answer", path, mb(allocated))
	}
}

// counted waits until the index is complete, and returns the newest failure.
func (r *rig) counted() uint64 {
	r.t.Helper()
	deadline := time.Now().Add(5 * time.Minute)
	for tick := time.NewTicker(20 * time.Millisecond); time.Now().Before(deadline); <-tick.C {
		if list := into[backend.FailureList](r.t, r.get(failuresPath+"?limit=1")); list.Complete {
			return list.Failures[0].Seq
		}
	}
	r.t.Fatal("the failures were never counted")
	return 0
}

// failures stores rejected records as a writer does: of two sources, some refused several times, for some hundred causes.
func failures(t *testing.T, conn *bus.Conn, n int) {
	t.Helper()
	const window = 4000
	js, err := jetstream.New(conn.NATS(), jetstream.WithPublishAsyncMaxPending(2*window))
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		source := "contact"
		if i%50 == 0 {
			source = "account"
		}
		msg := nats.NewMsg(bus.FailureSubject(workflow.Ingress, source))
		cause := fmt.Sprintf("the field f%d takes no such value", i%300)
		msg.Header[bus.HeaderKey] = []string{fmt.Sprintf("key-%07d", i%(max(n/2, 1)))}
		msg.Header[bus.HeaderReason], msg.Header[bus.HeaderCause] = []string{cause}, []string{cause}
		msg.Header[bus.HeaderAttempts], msg.Header[bus.HeaderOp] = []string{"1"}, []string{"upsert"}
		msg.Data = []byte(`{"lastname":"Lovelace"}`)
		if _, err := js.PublishMsgAsync(msg); err != nil {
			t.Fatal(err)
		}
		if i%window != window-1 && i != n-1 {
			continue
		}
		select {
		case <-js.PublishAsyncComplete():
		case <-time.After(time.Minute):
			t.Fatal("the failures were not stored in time")
		}
	}
}

// edits takes a configuration through a number of revisions, each with its entry in the history.
func edits(t *testing.T, conn *bus.Conn, n int) {
	t.Helper()
	ctx, configs, commands := t.Context(), bus.NewConfigs(conn), bus.NewCommands(conn)
	latest, err := configs.Latest(ctx, workflow.Ingress)
	if err != nil {
		t.Fatal(err)
	}
	doc := large()
	for i := range n {
		doc.Mappings[0].Replacements[0].To = fmt.Sprintf("value %d", i)
		data, err := config.Encode(doc)
		if err != nil {
			t.Fatal(err)
		}
		if latest, err = configs.Put(ctx, workflow.Ingress, data, latest.Number, "anna"); err != nil {
			t.Fatal(err)
		}
		note := fmt.Sprintf("mappings[contact].replacements[gendercode=1].to changed to value %d", i)
		if _, err := commands.Send(ctx, workflow.Command{Workflow: workflow.Ingress, Verb: workflow.ConfigChanged, By: "anna", Via: "page", Note: note}); err != nil {
			t.Fatal(err)
		}
	}
}

// large is as large as a configuration may be: every table and every column that the guardrails allow.
func large() *config.IngressDoc {
	doc := config.DefaultIngress()
	for table := range config.MaxCustomTables {
		name := fmt.Sprintf("new_table%02d", table)
		m := config.Mapping{Table: name, Resource: fmt.Sprintf("cusTable%02d", table), Key: config.Key{Column: name + "id", Field: "externalId"}, ApplyDeletes: true, Filters: config.Filters{Operator: "and"}}
		for column := range config.MaxColumns {
			m.Fields = append(m.Fields, config.FieldMapping{Column: fmt.Sprintf("new_column%02d", column), Field: fmt.Sprintf("field%02d", column), ApplyUpdates: true})
		}
		doc.Mappings = append(doc.Mappings, m)
	}
	return doc
}

// TestAThousandRevisions: the bucket keeps the last 64 and shows them; the history has every edit.
func TestAThousandRevisions(t *testing.T) {
	r := start(t, nil)
	edits(t, r.conn, 80)
	list := into[backend.RevisionList](t, r.get("/api/v1/workflows/ingress/config/revisions")).Revisions
	if len(list) != 64 || list[0].Number <= list[63].Number || list[0].By != "anna" || len(list[0].Changes) != 1 || len(list[63].Changes) != 0 {
		t.Errorf("%d revisions, %+v", len(list), list[0])
	}
	log := into[backend.CommandList](t, r.get("/api/v1/commands?limit=1000")).Commands
	if len(log) != 80 || !slices.IsSortedFunc(log, func(a, b workflow.Command) int { return int(b.Seq) - int(a.Seq) }) || !strings.HasSuffix(log[0].Note, "value 79") {
		t.Errorf("%d entries", len(log))
	}
	if short := into[backend.CommandList](t, r.get("/api/v1/commands?limit=7")).Commands; len(short) != 7 || short[0].Seq != log[0].Seq || short[6].Seq != log[6].Seq {
		t.Errorf("the last seven: %+v", short)
	}
	raw, err := json.Marshal(list)
	if err != nil || strings.Contains(string(raw), "null") {
		t.Errorf("%s %v", raw, err)
	}
}

func liveHeap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// watchHeap looks every few milliseconds how large the heap is; the returned function ends that and tells the most.
func watchHeap(t *testing.T) func() uint64 {
	ctx, cancel := context.WithCancel(context.Background())
	most := make(chan uint64, 1)
	go func() { // The returned function, or the end of the test, waits for it.
		sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		highest := uint64(0)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			metrics.Read(sample)
			highest = max(highest, sample[0].Value.Uint64())
			select {
			case <-ctx.Done():
				most <- highest
				return
			case <-tick.C:
			}
		}
	}()
	t.Cleanup(cancel)
	return func() uint64 { cancel(); return <-most }
}
