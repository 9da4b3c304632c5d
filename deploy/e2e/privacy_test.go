package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// TestPersonalDataIsFoundAndErased runs the commands of docs/privacy.md about a contact that was written, rejected and
// decided about: the first part finds all of it, the second leaves nothing but written records.
func TestPersonalDataIsFoundAndErased(t *testing.T) {
	text := read(t, "../../docs/privacy.md")
	information, deletion := commandsUnder(t, text, "## A request for information"), commandsUnder(t, string(text), "## A request for deletion")
	in := newStandalone(t, 20)
	in.rejectLongPhones()
	in.switchOptOutsOn()
	in.order("ingress", "start")
	in.untilEqual(patience)
	in.order("optinout", "start")
	id := in.someContacts(1)[0]
	in.patch(id, map[string]any{"donotbulkemail": true})
	in.until(patience, "the opt-out is in Campaign", func() bool { return in.profiles()[id]["blackListEmail"] == true })
	in.patch(id, map[string]any{"telephone1": strings.Repeat("0123456789 ", 4)})
	in.until(patience, "a record is rejected", func() bool { return in.workflow("ingress").Failures > 0 })

	shell := newShell(t, in.nats)
	follow := func(commands []string) (all string) {
		for _, command := range commands {
			command = strings.NewReplacer("<id>", id, "<seq>", fmt.Sprint(in.newestFailure(id)), "$A", in.admin+"/api/v1").Replace(command)
			all += shell.must(command) + "\n"
		}
		return all
	}
	found := follow(information)
	for _, what := range []string{`"state":"rejected"`, `"state":"settled"`, `"state":"decided"`, `0123456789 0123456789`, `"field":"blackListEmail"`} {
		if !strings.Contains(found, what) {
			t.Errorf("a request for information does not find %s in\n%s", what, found)
		}
	}

	if r := in.webAPI(http.MethodDelete, "contacts("+id+")", ""); r.status != http.StatusNoContent {
		t.Fatalf("DELETE: %d %s", r.status, r.body)
	}
	in.until(patience, "the profile is deleted", func() bool { _, there := in.profiles()[id]; return !there })
	in.until(patience, "nothing waits", func() bool {
		states := in.traced(id)
		return !slices.Contains(states, "waiting") && !slices.Contains(states, "in-flight") && !slices.Contains(states, "parked")
	})
	follow(deletion)
	var left []string
	in.until(patience, "nothing but written records is left", func() bool {
		left = in.traced(id)
		return !slices.ContainsFunc(left, func(state string) bool { return state != "settled" })
	})
	if r, err := ask(http.MethodGet, in.admin+"/api/v1/workflows/optinout/ledger?contact="+id, ""); err != nil || strings.Contains(string(r.body), "blackListEmail") {
		t.Errorf("the ledger still tells %s %v", r.body, err)
	}
	in.Stop()
}

// commandsUnder are the indented lines of a part of a page, without their comments and without the one that sets $A.
func commandsUnder(t *testing.T, page, heading string) (commands []string) {
	t.Helper()
	_, part, found := strings.Cut(page, heading+"\n")
	part, _, _ = strings.Cut(part, "\n## ")
	for line := range strings.Lines(part) {
		if !strings.HasPrefix(line, "    ") || strings.Contains(line, "A=http://") {
			continue
		}
		command, _, _ := strings.Cut(line, " # ")
		commands = append(commands, strings.TrimSpace(command))
	}
	if !found || len(commands) == 0 {
		t.Fatalf("docs/privacy.md has no commands under %s", heading)
	}
	return commands
}

// newestFailure is the number of the newest rejected record of a contact, 0 where there is none.
func (in *installation) newestFailure(id string) uint64 {
	in.t.Helper()
	var list struct{ Failures []struct{ Seq uint64 } }
	in.answer("/api/v1/workflows/ingress/failures?key="+id, &list)
	if len(list.Failures) == 0 {
		return 0
	}
	return list.Failures[0].Seq
}

// traced are the states of everything that is known of a record.
func (in *installation) traced(id string) (states []string) {
	in.t.Helper()
	var trace struct {
		Workflows []struct{ Steps []struct{ State string } }
	}
	in.answer("/api/v1/trace?key="+id, &trace)
	for _, w := range trace.Workflows {
		for _, step := range w.Steps {
			states = append(states, step.State)
		}
	}
	return states
}

// answer is what the API says at a path.
func (in *installation) answer(path string, into any) {
	in.t.Helper()
	r, err := ask(http.MethodGet, in.admin+path, "")
	if err != nil || r.status != http.StatusOK {
		in.t.Fatalf("%s: %d %s %v", path, r.status, r.body, err)
	}
	if err := json.Unmarshal(r.body, into); err != nil {
		in.t.Fatal(err)
	}
}
