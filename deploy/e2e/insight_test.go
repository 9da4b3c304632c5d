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
	eachWay(t, func(t *testing.T, b *browser) {
		in := newStandalone(t, 20)
		in.order("ingress", "start")
		in.untilEqual(patience)
		b.visit(in.admin)
		// Calls are counted when a heartbeat tells of them. A page without scripts shows it when it is loaded again.
		b.again("calls are counted", `/[1-9]/.test(document.querySelector("#usage-campaign .amount").innerText)`)
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
	})
}

// TestWhatWasDecidedAboutAContact looks somebody up who has opted out: the page says what holds, and why.
func TestWhatWasDecidedAboutAContact(t *testing.T) {
	eachWay(t, func(t *testing.T, b *browser) {
		in := newStandalone(t, 20)
		in.switchOptOutsOn()
		in.order("ingress", "start")
		in.untilEqual(patience)
		in.order("optinout", "start")
		id := in.someContacts(1)[0]
		in.patch(id, map[string]any{"donotbulkemail": true})
		in.until(patience, "the opt-out is in Campaign", func() bool { return in.profiles()[id]["blackListEmail"] == true })

		b.visit(in.admin)
		b.leave(`#row-optinout a[aria-label="Edit Opt In/Out"]`)
		b.leave(`a[href="/workflows/optinout/ledger"]`)
		b.fill("#contact", "nobody-at-all")
		b.leave("main form button.primary")
		b.says("#problem", "not a contact's id")
		b.fill("#contact", id)
		b.leave("main form button.primary")
		b.says(".ledger h2", "written") // Of all entries the newest stands first.
		b.says(".ledger tbody tr", "opted out")
		b.says(".ledger tbody tr", "an opt-out wins")
		b.quiet("status of 422")
	})
}
