package crash

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/causeway-sync/causeway/deploy/internal/process"
	"github.com/causeway-sync/causeway/pkg/remote/remotetest"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

var stories = flag.Int("stories", 2, "how many stories are told")

// story is what happens to an installation: contacts that come, change and go, settings that an admin tries, and trouble.
type story struct {
	contacts []map[string]any
	steps    []step
	// last is what the settings are in the end, after a replay; later are changes of names that come after it.
	last  settings
	later []map[string]any
}

type step struct {
	kind     string
	which    int
	contact  map[string]any
	settings settings
	wait     time.Duration
}

func storyOf() *rapid.Generator[story] {
	steps := rapid.Custom(func(t *rapid.T) step {
		s := step{which: rapid.IntRange(0, 1<<20).Draw(t, "which"), wait: time.Duration(rapid.IntRange(0, 300).Draw(t, "wait")) * time.Millisecond,
			kind: rapid.SampledFrom([]string{"put", "put", "put", "put", "delete", "settings", "restart", "kill", "cuts", "new links"}).Draw(t, "kind")}
		switch s.kind {
		case "put":
			s.contact = contactOf().Draw(t, "contact")
		case "settings":
			s.settings = settingsOf().Draw(t, "settings")
		}
		return s
	})
	return rapid.Custom(func(t *rapid.T) story {
		return story{contacts: rapid.SliceOfN(contactOf(), 20, 60).Draw(t, "contacts"), steps: rapid.SliceOfN(steps, 15, 40).Draw(t, "steps"),
			last: settingsOf().Draw(t, "last"), later: rapid.SliceOfN(contactOf(), 5, 10).Draw(t, "later")}
	})
}

// TestCrashStories: for any changes of contacts, filters and settings, and any kills between them, Campaign ends equal to the
// plain rules applied to the contacts as they are in the end.
func TestCrashStories(t *testing.T) {
	for i := range *stories {
		number := int(*seed>>1) + i
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Logf("-seed %d", uint64(number)<<1)
			tell(t, storyOf().Example(number))
		})
	}
}

func tell(t *testing.T, s story) {
	w := newWorld(t, 0, 1)
	address := process.FreeAddress(t)
	p := process.New(t, binary(t, "standalone"), w.env, "--allow-temporary-data", "--data", process.Folder(t, "."), "--http", address, "--nats", process.FreeAddress(t))
	a := api{t, "http://" + address}
	h := &teller{t: t, w: w, p: p, a: a}
	for _, contact := range s.contacts {
		h.put(-1, contact)
	}
	p.Start()
	h.until("the settings are stored", func() bool { return h.store(s.steps[0].settingsOr(s.last)) == nil })
	h.until("the workflow is started", func() bool { return a.command("start") == nil })
	for _, step := range s.steps {
		h.take(step)
		<-time.After(step.wait)
	}

	h.until("the last settings are stored", func() bool { return h.store(s.last) == nil })
	h.until("a replay is asked for", func() bool { return a.post("/api/v1/workflows/ingress/mappings/contact/replay") == nil })
	h.replay(s.last)
	h.change(s)
	p.Stop()
}

// settledFor is how long everything must have been quiet before a full read is over for sure: heartbeats, which tell of reads
// under way, come once a second.
const settledFor = 2500 * time.Millisecond

// replay has every contact read again under the last settings, and waits until that is over.
func (h *teller) replay(last settings) {
	h.t.Helper()
	var before workflow.View
	h.until("the counters can be read", func() (ok bool) { before, _ = h.a.ingress(); return before.Status == workflow.Running })
	h.restart()
	var since time.Time
	h.until("Campaign is what the rules make of the contacts", func() bool {
		view, err := h.a.ingress()
		replayed := err == nil && view.Counters.Read >= before.Counters.Read+uint64(h.w.Dynamics.Count("contact"))
		if !replayed || !h.quiet() || len(h.differences(last, nil)) > 0 {
			since = time.Time{}
			return false
		}
		if since.IsZero() {
			since = time.Now()
		}
		return time.Since(since) >= settledFor
	})
}

// change edits texts that no filter of the last settings looks at: what increments do not write stays as the replay left it.
func (h *teller) change(s story) {
	h.t.Helper()
	filtered := map[string]bool{}
	for _, rule := range s.last.rules {
		filtered[rule.Column] = true
	}
	frozen := h.w.Campaign.Profiles()
	for i, contact := range s.later {
		changes := map[string]any{}
		for _, column := range []string{"firstname", "lastname", "emailaddress1"} {
			if !filtered[column] {
				changes[column] = contact[column]
			}
		}
		h.put(i, changes)
	}
	h.p.Kill()
	h.p.Start()
	var found []string
	defer func() {
		if h.t.Failed() {
			h.t.Log(strings.Join(found, "\n"))
		}
	}()
	h.until("increments have written what they may", func() bool { found = h.differences(s.last, frozen); return h.quiet() && len(found) == 0 })
}

// teller is one installation.
type teller struct {
	t   *testing.T
	w   *world
	p   *process.Process
	a   api
	ids []string
	// gone are the contacts that were deleted.
	gone map[string]bool
}

func (h *teller) take(s step) {
	switch s.kind {
	case "put":
		h.put(s.which%(len(h.ids)+len(h.ids)/4)-len(h.ids)/4, s.contact) // one in five is new
	case "delete":
		h.delete(h.ids[s.which%len(h.ids)])
	case "settings":
		h.until("settings are stored", func() bool { return h.store(s.settings) == nil })
	case "restart":
		h.restart()
	case "kill":
		h.p.Kill()
		h.p.Start()
	case "cuts":
		h.w.Campaign.Faults().Inject(remotetest.Fault{Kind: remotetest.Cut, Rate: 0.3, Seconds: max(s.wait.Seconds(), 0.01)})
	case "new links":
		h.w.Dynamics.ExpireLinks()
	}
}

// put writes a contact: the one at an index, a new one for any other.
func (h *teller) put(index int, contact map[string]any) {
	values := maps.Clone(contact)
	if index >= 0 && index < len(h.ids) && !h.gone[h.ids[index]] {
		values["contactid"] = h.ids[index]
		h.w.Dynamics.Put("contact", values)
		return
	}
	h.ids = append(h.ids, h.w.Dynamics.Put("contact", values))
}

func (h *teller) delete(id string) {
	if h.gone == nil {
		h.gone = map[string]bool{}
	}
	h.gone[id] = true
	h.w.Dynamics.Delete("contact", id)
}

func (h *teller) restart() {
	h.until("the workflow is stopped", func() bool { return h.a.command("stop") == nil })
	h.until("the workflow is started again", func() bool { return h.a.command("start") == nil })
}

// store stores settings on top of whatever is stored.
func (h *teller) store(s settings) error {
	doc, err := json.Marshal(s.document())
	if err != nil {
		return err
	}
	request, err := http.NewRequest(http.MethodPut, h.a.base+"/api/v1/workflows/ingress/config", bytes.NewReader(doc))
	if err != nil {
		return err
	}
	request.Header.Set("If-Match", "*")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if body, _ := io.ReadAll(response.Body); response.StatusCode != http.StatusOK {
		if response.StatusCode == http.StatusUnprocessableEntity {
			h.t.Fatalf("the settings are refused: %s", body)
		}
		return fmt.Errorf("%s", response.Status)
	}
	return nil
}

// quiet reports whether the workflow runs on its newest settings and nothing waits.
func (h *teller) quiet() bool {
	view, err := h.a.ingress()
	return err == nil && view.Status == workflow.Running && !view.RestartRequired && view.Backlog == 0 && len(view.Loads) == 0
}

func (h *teller) until(what string, condition func() bool) {
	h.t.Helper()
	process.Until(h.t, time.Minute, what, condition, func() string { return h.p.Tail() })
}

// differences compares Campaign with what the rules make of the contacts. Frozen, where given, are the profiles as a full
// read left them: fields that increments do not write stay as they are there. Rows that a filter leaves out may be there
// unless they are to be deleted; contacts that were deleted may not.
func (h *teller) differences(s settings, frozen map[string]map[string]any) []string {
	profiles := h.w.Campaign.Profiles()
	var found []string
	for id, row := range h.w.Dynamics.Rows("contact") {
		want, passes := s.profile(row)
		profile, there := profiles[id]
		delete(profiles, id)
		switch {
		case !passes && there && s.deleteFiltered:
			found = append(found, id+" is filtered out and stands in Campaign")
		case passes && !there:
			found = append(found, id+" is missing in Campaign")
		case passes:
			if before, was := frozen[id]; was {
				for field := range want {
					if !s.updates[field] {
						want[field] = plain(before[field])
					}
				}
			}
			for _, field := range slices.Sorted(maps.Keys(want)) {
				if got := plain(profile[field]); got != want[field] {
					found = append(found, fmt.Sprintf("%s %s is %q, want %q", id, field, got, want[field]))
				}
			}
		}
	}
	for id := range profiles {
		found = append(found, id+" was deleted and stands in Campaign")
	}
	return found
}

// settingsOr are the settings of a step that has some.
func (s step) settingsOr(otherwise settings) settings {
	if s.kind == "settings" {
		return s.settings
	}
	return otherwise
}

func (a api) post(path string) error {
	response, err := http.Post(a.base+path, "application/json", strings.NewReader("{}"))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusAccepted {
		return fmt.Errorf("%s", response.Status)
	}
	return nil
}
