package workflow_test

import (
	"testing"
	"time"

	"github.com/causeway-sync/causeway/pkg/workflow"
)

var statuses = []workflow.Status{workflow.Stopped, workflow.Starting, workflow.Running, workflow.Failed}

// TestTransitions visits every cell of the table.
func TestTransitions(t *testing.T) {
	allowed := map[[2]workflow.Status]bool{
		{workflow.Stopped, workflow.Starting}: true,
		{workflow.Starting, workflow.Running}: true,
		{workflow.Starting, workflow.Failed}:  true,
		{workflow.Starting, workflow.Stopped}: true,
		{workflow.Running, workflow.Failed}:   true,
		{workflow.Running, workflow.Stopped}:  true,
		{workflow.Failed, workflow.Starting}:  true,
		{workflow.Failed, workflow.Stopped}:   true,
	}
	begin := time.Unix(1000, 0)
	later := begin.Add(time.Minute)
	for _, from := range statuses {
		for _, to := range statuses {
			state := workflow.State{Status: from, Reason: "before", Since: begin}
			got, err := state.To(to, "after", later)
			switch {
			case from == to:
				if err != nil || got.Since != begin || got.Reason != "after" {
					t.Errorf("%s to itself: %+v, %v; want the new reason and the old time", from, got, err)
				}
			case allowed[[2]workflow.Status{from, to}]:
				if err != nil || got.Status != to || got.Since != later || got.Reason != "after" {
					t.Errorf("%s to %s: %+v, %v", from, to, got, err)
				}
			default:
				if err == nil || got != state {
					t.Errorf("%s to %s is not in the diagram and happened: %+v", from, to, got)
				}
			}
		}
	}
}

func TestToggleOffersStopExactlyWhenStarted(t *testing.T) {
	want := map[workflow.Status]bool{
		workflow.Stopped: false, workflow.Starting: true, workflow.Running: true, workflow.Failed: true,
	}
	for _, s := range statuses {
		if s.Started() != want[s] {
			t.Errorf("%s.Started() = %v", s, s.Started())
		}
	}
}

func TestOnlyFourWordsAreValid(t *testing.T) {
	for _, s := range statuses {
		if !s.Valid() {
			t.Errorf("%s is not valid", s)
		}
	}
	for _, s := range []workflow.Status{"", "running", "DANCING"} {
		if s.Valid() {
			t.Errorf("%q is valid", s)
		}
	}
}
