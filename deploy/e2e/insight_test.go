package e2e

import (
	"maps"
	"slices"
	"testing"
)

// TestWhereIsThisRecord finds out in a browser why a contact stands in Campaign as it does.
func TestWhereIsThisRecord(t *testing.T) {
	eachWay(t, func(t *testing.T, b *browser) {
		in := newStandalone(t, 20)
		id := slices.Min(slices.Collect(maps.Keys(in.contacts())))
		b.visit(in.admin)
		b.click(toggle)
		in.untilStatus(patience, "RUNNING")
		in.until(patience, "every contact stands in Campaign", func() bool { return len(in.profiles()) == 20 })
		b.leave(`nav a[href="/trace"]`)
		b.fill("#key", id)
		b.leave("main form button.primary")
		b.says("#trace-ingress", "contact")
		b.until("it is told when it was read", `document.querySelectorAll("#trace-ingress tbody tr").length >= 1`)
		b.fill("#key", "nobody-at-all")
		b.leave("main form button.primary")
		if b.is(`document.querySelector("#trace-ingress tbody tr")`) {
			t.Error("a record that never was is told of")
		}
		b.quiet()
	})
}

// TestRestoringARevision undoes an edit from the history, in a browser.
func TestRestoringARevision(t *testing.T) {
	eachWay(t, func(t *testing.T, b *browser) {
		in := newStandalone(t, 10)
		b.visit(in.admin + "/workflows/ingress/mappings/contact/edit")
		b.click("#applyDeletes")
		b.leave(save)
		b.leave(`nav a[href="/history"]`)
		b.says("#log", "mappings[contact].applyDeletes changed from true to false")
		b.leave(`#log td.note a`)
		b.says("#differences", "applyDeletes")
		b.leave(`nav a[href="/history"]`)
		b.leave(`a[href="/workflows/ingress/revisions"]`)
		b.leave(`#revisions tbody tr:last-child a`)
		b.says("#restoring", "applyDeletes")
		b.leave("main button.primary")
		if mapping := in.stored("ingress")["mappings"].([]any)[0].(map[string]any); mapping["applyDeletes"] != true {
			t.Errorf("stored %v", mapping)
		}
		b.quiet()
	})
}

// TestBudgets sets one below what is used already: the page warns, in words.
func TestBudgets(t *testing.T) {
	in := newStandalone(t, 20)
	b := open(t, 1200, 900)
	b.visit(in.admin)
	b.click(toggle)
	b.until("calls are counted", `/[1-9]/.test(document.querySelector("#usage-campaign .amount").innerText)`)
	b.leave(`.usage a[href="/settings#budgets"]`)
	b.fill("#budget-campaignEngineCalls", "many")
	b.leave("#budgets button.primary")
	b.says("#budgets", "number")
	b.fill("#budget-campaignEngineCalls", "1")
	b.leave("#budgets button.primary")
	b.leave(`nav a[href="/"]`)
	b.says("#usage-campaign .warning", "budget")
	b.leave(`nav a[href="/history"]`)
	b.says("#log", "budget")
	b.quiet("status of 422")
}
