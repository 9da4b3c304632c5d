package pages

import (
	"context"
	"time"

	"github.com/causeway-sync/causeway/pkg/workflow"
	"github.com/causeway-sync/causeway/services/admin/admission"
	"github.com/causeway-sync/causeway/services/admin/backend"
)

// row is a line of the Workflows page: what the API says of the workflow, and what is drawn beside it.
type row struct {
	workflow.View
	Chart chart
}

// rowsView is what the template of the rows draws, on the page and in the live stream.
type rowsView struct{ Workflows []row }

// rows is how all workflows are, for the page.
func (s *Site) rows(ctx context.Context) rowsView {
	now := time.Now()
	var view rowsView
	for _, v := range s.service.ListFor(admission.IdentityOf(ctx).Role).Workflows {
		view.Workflows = append(view.Workflows, row{View: v, Chart: drawChart(s.service.Samples(v.ID, now.Add(-chartSpan)), v.Backlog, now)})
	}
	return view
}

// waitText tells how long the oldest record has been waiting, and how long it still takes.
func waitText(v workflow.View) string {
	var text string
	if v.Backlog > 0 && v.OldestAgeSeconds >= 1 {
		text = "oldest waits " + span(v.OldestAgeSeconds)
	}
	if more := left(v); more != "" {
		if text != "" {
			text += " · "
		}
		text += more
	}
	return text
}

// severalInstances are the processes of a workflow where there is more than one.
func severalInstances(list []workflow.InstanceView) []workflow.InstanceView {
	if len(list) < 2 {
		return nil
	}
	return list
}

// instanceState says what a process is doing, in words.
func instanceState(i workflow.InstanceView) string {
	if !i.Alive {
		return "silent since " + backend.Clock(i.LastSeen)
	}
	return string(i.Role) + ", " + string(i.Status)
}
