package scale

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/causeway-sync/causeway/deploy/internal/process"
	"github.com/causeway-sync/causeway/pkg/campaign/campaigntest"
	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/dynamics/dynamicstest"
)

var (
	rows = flag.Int("rows", 200, "rows of each custom table")
	// The promise is 5 s, which only a machine can keep that does nothing else: make proofs asks for it.
	slowest = flag.Duration("slowest", 20*time.Second, "how long a change may take beside a replay")
	budget  = flag.Duration("budget", 5*time.Minute, "how long a load may take")
)

// chains is how many chains of three linked tables there are: fifteen custom tables.
const chains = 5

// levelOf names the table, or with the prefix cus the resource, of a level of a chain: 1 leads nowhere, 2 to 1, 3 to 2.
func levelOf(prefix string, chain, level int) string {
	return fmt.Sprintf("%sc%dl%d", prefix, chain, level)
}

func table(chain, level int) string    { return levelOf("new_", chain, level) }
func resource(chain, level int) string { return levelOf("cus", chain, level) }

// schema defines the tables, the resources and their mappings.
func schema() (tables []dynamicstest.Table, resources []campaigntest.Resource, doc *config.IngressDoc) {
	doc = &config.IngressDoc{}
	for chain := range chains {
		for level := 1; level <= 3; level++ {
			name := table(chain, level)
			def := dynamicstest.Table{LogicalName: name, EntitySetName: name + "s", PrimaryID: name + "id", PrimaryName: "new_name", Custom: true,
				Columns: []dynamicstest.Column{{Name: "new_name", Type: dynamicstest.String, MaxLength: 100}, {Name: "new_amount", Type: dynamicstest.Integer}}}
			res := campaigntest.Resource{Name: resource(chain, level), Schema: "cus:" + resource(chain, level), API: campaigntest.Custom, Key: "key",
				Fields: []campaigntest.Field{{Name: "key", Type: campaigntest.String, Length: 100}, {Name: "name", Type: campaigntest.String, Length: 100}, {Name: "amount", Type: campaigntest.Integer}}}
			m := config.Mapping{Table: name, Resource: res.Name, Key: config.Key{Column: name + "id", Field: "key", Unique: true},
				Fields:  []config.FieldMapping{{Column: "new_name", Field: "name", ApplyUpdates: true}, {Column: "new_amount", Field: "amount", ApplyUpdates: true}},
				Filters: config.Filters{Operator: "and"}, ApplyDeletes: true, TechnicalPicklistValues: true}
			if level > 1 {
				def.Columns = append(def.Columns, dynamicstest.Column{Name: "new_parent", Type: dynamicstest.Lookup, Targets: []string{table(chain, level-1)}})
				res.Fields = append(res.Fields, campaigntest.Field{Name: "parent", Type: campaigntest.Link, Target: resource(chain, level-1)})
				m.Links = []config.Link{{Column: "_new_parent_value", Field: "parent", Resource: resource(chain, level-1)}}
			}
			tables, resources, doc.Mappings = append(tables, def), append(resources, res), append(doc.Mappings, m)
		}
	}
	return tables, resources, doc
}

// editor changes the tables as people at work would. A child is made only of a parent that is there, and only rows of
// level 3 are deleted, as an environment that keeps its references in order does it.
type editor struct {
	w      *world
	random *rand.Rand
	ids    map[string][]string // by table
	edits  int
}

// put makes a row of a table, or changes one.
func (e *editor) put(chain, level int, id string) string {
	e.edits++
	name := table(chain, level)
	values := map[string]any{"new_name": fmt.Sprintf("v%09d", e.edits), "new_amount": e.random.IntN(1000)}
	if id != "" {
		values[name+"id"] = id
	}
	if level > 1 && (id == "" || e.random.IntN(4) == 0) {
		parents := e.ids[table(chain, level-1)]
		values["new_parent@odata.bind"] = fmt.Sprintf("/%ss(%s)", table(chain, level-1), parents[e.random.IntN(len(parents))])
	}
	made := e.w.dynamics.Put(name, values)
	if id == "" {
		e.ids[name] = append(e.ids[name], made)
	}
	return made
}

// seed makes the rows of all tables.
func (e *editor) seed(n int) {
	for chain := range chains {
		for level := 1; level <= 3; level++ {
			for range n {
				e.put(chain, level, "")
			}
		}
	}
}

// edit makes one change somewhere.
func (e *editor) edit() {
	chain, level := e.random.IntN(chains), 1+e.random.IntN(3)
	ids := e.ids[table(chain, level)]
	at := e.random.IntN(len(ids))
	switch dice := e.random.IntN(10); {
	case dice == 0 && level == 3:
		e.w.dynamics.Delete(table(chain, level), ids[at])
		e.ids[table(chain, level)] = append(ids[:at:at], ids[at+1:]...)
	case dice <= 2:
		for l := 1; l <= level; l++ { // a row with new parents
			e.put(chain, l, "")
		}
	default:
		e.put(chain, level, ids[at])
	}
}

// traffic edits about 250 times a second until the returned function is called.
func (e *editor) traffic() (stop func()) {
	return process.Every(20*time.Millisecond, func() {
		for range 5 {
			e.edit()
		}
	})
}

// TestLinkedTablesWhileTheyChange loads fifteen tables in chains of three under changes: both sides end equal, and no row
// stands in Campaign before the one that it leads to. Then one table is replayed while others change: their changes
// arrive within 5 s.
func TestLinkedTablesWhileTheyChange(t *testing.T) {
	tables, resources, doc := schema()
	w := newWorld(t, tables, resources)
	e := &editor{w: w, random: rand.New(rand.NewPCG(1, 2)), ids: map[string][]string{}}
	e.seed(*rows)
	w.configure(doc)
	began := time.Now()
	w.command("start")
	stop := e.traffic()
	w.until(*budget, "a fourth of the rows has arrived", func() bool { return w.campaign.WriteCount() >= int64(*rows*chains*3/4) })
	w.until(*budget, "the first load is over", func() bool {
		view, err := w.view()
		return err == nil && len(view.Loads) == 0 && view.Status == "RUNNING"
	})
	stop()
	w.until(*budget, "both sides are equal", func() bool { return w.settled() && len(w.differences()) == 0 })
	total := w.campaign.WriteCount()
	t.Logf("%d rows of 15 tables and %d changes: equal after %s, %d writes, engine calls %+v", *rows*chains*3, e.edits-*rows*chains*3,
		time.Since(began).Round(time.Millisecond), total, w.campaign.EngineCalls())
	if early := w.childrenFirst(); len(early) > 0 {
		t.Errorf("children stood in Campaign before their parents: %v", early)
	}
	w.replay(e)
	if view, err := w.view(); err != nil || view.Failures != 0 {
		t.Errorf("%d rows were rejected (%v)", view.Failures, err)
	}
}

// replay replays a table of level 3, and changes rows of another chain meanwhile.
func (w *world) replay(e *editor) {
	w.t.Helper()
	replayed := table(0, 3)
	if err := w.send("POST", "/mappings/"+replayed+"/replay", struct{}{}); err != nil {
		w.t.Fatal(err)
	}
	w.command("stop")
	before := w.campaign.WriteCount()
	w.command("start")
	w.until(time.Minute, "the replay is under way", func() bool { return w.campaign.WriteCount() > before })
	began, worst, changes := time.Now(), time.Duration(0), 0
	for finished := false; !finished || changes < 3; {
		view, err := w.view()
		finished = err == nil && len(view.Loads) == 0 && view.Backlog < 10
		id := e.put(1, 1, e.ids[table(1, 1)][0])
		name := fmt.Sprintf("v%09d", e.edits)
		took := w.until(30*time.Second, "a change of another table arrives", func() bool { return w.lastName(resource(1, 1), id) == name })
		worst, changes = max(worst, took), changes+1
	}
	w.t.Logf("replay of %d rows in %s; %d changes of another table meanwhile, the slowest arrived after %s", len(e.ids[replayed]),
		time.Since(began).Round(time.Millisecond), changes, worst.Round(time.Millisecond))
	if worst > *slowest {
		w.t.Errorf("a change took %s beside a replay, at most %s are allowed", worst, *slowest)
	}
	w.until(*budget, "both sides are equal after the replay", func() bool { return w.settled() && len(w.differences()) == 0 })
}

// lastName is the name of a row in Campaign, "" where it is not there.
func (w *world) lastName(resource, key string) string {
	row, _ := w.campaign.Find(resource, key)
	name, _ := row["name"].(string)
	return name
}

// differences compares all tables, and names up to ten rows that differ.
func (w *world) differences() []string {
	var found []string
	for chain := range chains {
		for level := 1; level <= 3; level++ {
			found = append(found, w.differ(chain, level)...)
		}
	}
	return found[:min(len(found), 10)]
}

func (w *world) differ(chain, level int) (found []string) {
	there := map[string]map[string]any{}
	for _, row := range w.campaign.Rows(resource(chain, level)) {
		there[fmt.Sprint(row["key"])] = row
	}
	for id, want := range w.dynamics.Rows(table(chain, level)) {
		got, exists := there[id]
		delete(there, id)
		switch {
		case !exists:
			found = append(found, id+" is missing")
		case fmt.Sprint(got["name"], got["amount"]) != fmt.Sprint(want["new_name"], want["new_amount"]):
			found = append(found, fmt.Sprintf("%s is %v %v, want %v %v", id, got["name"], got["amount"], want["new_name"], want["new_amount"]))
		case level > 1 && w.campaign.KeyOf(resource(chain, level-1), got["parent"]) != fmt.Sprint(want["_new_parent_value"]):
			found = append(found, id+" leads elsewhere")
		}
	}
	for id := range there {
		found = append(found, id+" is not in Dynamics")
	}
	return found
}

// childrenFirst looks through the writes, in their order, for rows that were made before the row that they lead to.
func (w *world) childrenFirst() (early []string) {
	made := map[string]bool{}
	for _, write := range w.campaign.Writes() {
		if write.Op != campaigntest.Create {
			continue
		}
		made[write.Resource+" "+write.Key] = true
		level := int(write.Resource[len(write.Resource)-1] - '0')
		if level == 1 {
			continue
		}
		above := fmt.Sprintf("%s%d", write.Resource[:len(write.Resource)-1], level-1)
		if !made[above+" "+w.campaign.KeyOf(above, write.Fields["parent"])] {
			early = append(early, write.Resource+" "+write.Key)
		}
	}
	return early[:min(len(early), 10)]
}
