package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/causeway-sync/causeway/deploy/internal/process"
)

// save is the button that one sees; a form has another one for the Enter key.
const save = ".bar-save button.primary"

// eachWay runs a test with and without JavaScript.
func eachWay(t *testing.T, test func(t *testing.T, b *browser)) {
	for name, scripts := range map[string]bool{"with JavaScript": true, "without JavaScript": false} {
		t.Run(name, func(t *testing.T) {
			b := open(t, 1200, 900)
			b.live = scripts
			call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !scripts})
			test(t, b)
		})
	}
}

// fill types a value in place of what an input holds.
func (b *browser) fill(selector, value string) {
	b.t.Helper()
	b.do(chromedp.SetValue(chromedp.CSS(selector), value))
}

// again waits for a condition in the page; one without scripts is loaded again for it.
func (b *browser) again(what, expression string) {
	b.t.Helper()
	if b.live {
		b.until(what, expression)
		return
	}
	for began := time.Now(); !b.is(expression); b.do(chromedp.Reload()) {
		if time.Since(began) > patience {
			b.t.Fatalf("not within %s: %s (%s)\n%s", patience, what, expression, b.text("body"))
		}
	}
}

// alter presses a button that changes the form, and waits for what it brings.
func (b *browser) alter(button, brings string) {
	b.t.Helper()
	b.click(fmt.Sprintf(`button[value=%q]`, button))
	b.until(button+" brings "+brings, fmt.Sprintf(`document.readyState === "complete" && document.querySelector(%q)`, brings))
}

// stored is a configuration as the API gives it.
func (in *installation) stored(id string) (document map[string]any) {
	in.t.Helper()
	r, err := ask(http.MethodGet, in.admin+"/api/v1/workflows/"+id+"/config", "")
	if err == nil {
		err = json.Unmarshal(r.body, &document)
	}
	if err != nil || r.status != http.StatusOK {
		in.t.Fatalf("configuration of %s: %d %v", id, r.status, err)
	}
	return document
}

// TestEditingAMapping is an admin's way through the editor: suggestions, one more line, a preview, a mistake, and a save.
func TestEditingAMapping(t *testing.T) {
	eachWay(t, func(t *testing.T, b *browser) {
		in := newStandalone(t, 30)
		b.visit(in.admin)
		b.leave(row + `a[aria-label="Edit Dynamics 365 to Campaign"]`)
		b.leave(`#mapping-contact a[aria-label="Edit the mapping of contact"]`)
		b.says("h1", "Edit table mapping: contact")
		b.says("#fields-4-column-hint", "String, up to 100")
		if !b.is(`document.querySelectorAll("#columns option").length > 10 && document.querySelectorAll("#options-gendercode option").length > 1`) {
			t.Error("nothing is suggested")
		}
		b.alter("add:fields", "#fields-9-column")
		if !b.is(`document.activeElement.id === "fields-9-column"`) {
			t.Error("the new line has not got the focus")
		}
		b.fill("#fields-9-column", "nickname")
		b.fill("#fields-9-field", "lastName")
		b.leaveOrStay(save, "#faults")
		b.says("#fields-9-field-fault", "is mapped already")
		if !b.is(`document.querySelector("#fields-9-column").value === "nickname"`) {
			t.Error("what was typed is lost")
		}
		b.alter("remove:fields[9]", "#fields-8-column")
		b.until("the line is gone", `!document.querySelector("#fields-9-column")`)
		b.alter("updates:off", "#fields-8-column")
		b.until("no updates are applied", `[...document.querySelectorAll("#fields input[type=checkbox]")].every(box => !box.checked)`)
		b.alter("preview", "#preview")
		b.says("#preview", "firstName")
		b.alter("add:filters.rules", "#filters-rules-0-column")
		b.fill("#filters-rules-0-column", "emailaddress1")
		b.fill("#filters-rules-0-comparison", "is-not-null")
		b.leave(save)
		b.says("#notice", "The mapping of contact is saved.")
		b.says("#mapping-contact", "1 filter")
		mapping := in.stored("ingress")["mappings"].([]any)[0].(map[string]any)
		if rules := mapping["filters"].(map[string]any)["rules"].([]any); len(rules) != 1 || mapping["fields"].([]any)[0].(map[string]any)["applyUpdates"] != false {
			t.Errorf("stored %v", mapping)
		}

		b.leave(`#mapping-contact button`)
		b.says("#notice", "queued to be read again")
		b.until("it cannot be asked for again", `document.querySelector("#mapping-contact button").disabled`)
		b.leave(`#mapping-contact a[aria-label="Delete the mapping of contact"]`)
		b.leave("button.danger")
		b.says(".empty", "No table is mapped yet.")
		b.leave("#add")
		b.fill("#table", "contact")
		b.fill("#resource", "profile")
		b.click(`button[value="look-up"]`)
		b.until("the key is suggested", `document.querySelector("#key-column").value === "contactid"`)
		b.fill("#key-field", "externalId")
		b.alter("add:fields", "#fields-0-column")
		b.fill("#fields-0-column", "lastname")
		b.fill("#fields-0-field", "lastName")
		b.leave(save)
		b.says("#mapping-contact", "1 field")
		b.quiet("status of 422")
	})
}

// leaveOrStay presses a button whose answer is a page that shows something, here or at another address.
func (b *browser) leaveOrStay(button, shows string) {
	b.t.Helper()
	b.leave(button)
	b.until(button+" shows "+shows, fmt.Sprintf(`document.querySelector(%q)`, shows))
}

// TestChoosingEventsAndDirection: four switches, and a direction with its columns.
func TestChoosingEventsAndDirection(t *testing.T) {
	eachWay(t, func(t *testing.T, b *browser) {
		in := newStandalone(t, 30)
		b.visit(in.admin)
		b.leave(`#row-egress a[aria-label="Edit Campaign to Dynamics 365"]`)
		for _, event := range []string{"send", "open", "click", "bounce"} {
			b.click(fmt.Sprintf(`input[name="events.%s"][value=true]`, event))
		}
		b.leave(save)
		b.says("#notice", "Campaign to Dynamics 365 is configured anew")
		if events := in.stored("egress")["events"].(map[string]any); events["send"] != true || events["bounce"] != true {
			t.Errorf("stored %v", events)
		}
		b.leave(`#row-optinout a[aria-label="Edit Opt In/Out"]`)
		b.click(`input[name=direction][value=bidirectional]`)
		b.alter("add:mappings", "#mappings-0-column")
		if !b.is(`document.querySelector("input[name=direction][value=bidirectional]").checked`) {
			t.Error("the direction is lost")
		}
		b.fill("#mappings-0-column", "donotbulkemail")
		b.fill("#mappings-0-field", "blackListEmail")
		b.fill("#clockToleranceMinutes", "soon")
		b.leaveOrStay(save, "#faults")
		b.says("#clockToleranceMinutes-fault", "whole number")
		b.fill("#clockToleranceMinutes", "7")
		b.leave(save)
		b.says("#notice", "Opt In/Out is configured anew")
		document := in.stored("optinout")
		if document["direction"] != "bidirectional" || document["clockToleranceMinutes"] != 7.0 || len(document["mappings"].([]any)) != 1 {
			t.Errorf("stored %v", document)
		}
		b.quiet("status of 422")
	})
}

// TestFirstUse is the whole journey of somebody who has just installed Causeway: from nothing to the first contact in
// Campaign, in a browser, in under 20 actions.
func TestFirstUse(t *testing.T) {
	eachWay(t, firstUse)
}

func firstUse(t *testing.T, b *browser) {
	http, nats := process.FreeAddress(t), process.FreeAddress(t)
	dynamics, campaign := process.FreeAddress(t), process.FreeAddress(t)
	remote := process.New(t, program("sandbox"), nil, "--contacts", "20", "--dynamics", dynamics, "--campaign", campaign, "--sftp", "127.0.0.1:0", "--traffic", "0")
	product := process.New(t, program("standalone"), nil, "--allow-temporary-data", "--data", process.Folder(t, artifacts), "--http", http, "--nats", nats)
	in := &installation{t: t, admin: "http://" + http, nats: nats, systems: newSystems(t, dynamics, campaign), processes: []*process.Process{remote, product}}
	remote.Start()
	product.Start()
	in.untilReady(in.admin)
	// What is missing is known when the services have spoken, a second after their start. A live page then shows it by itself.
	if !b.live {
		in.until(patience, "the services have spoken", func() bool {
			v, err := in.try("ingress")
			return err == nil && strings.Contains(v.Actions.Start.Reason, "connections")
		})
	}

	actions := 0
	leave := func(selector string) { t.Helper(); actions++; b.leave(selector) }
	fill := func(selector, value string) { t.Helper(); actions++; b.fill(selector, value) }
	b.visit(in.admin)
	leave(".privacy button.primary") // Who moves personal data takes note of what that means.
	b.says(".first", "First steps")
	b.says("#why-ingress", "connection")
	leave(`.first a[href="/settings"]`)
	for id, value := range map[string]string{"url": "http://" + dynamics, "tenant": "sandbox", "clientId": "causeway", "clientSecret": "causeway-sandbox", "tokenUrl": "http://" + dynamics + "/sandbox/oauth2/v2.0/token"} {
		fill("#dynamics-"+id, value)
	}
	leave("#dynamics button.primary")
	b.says("#notice", "is saved")
	for id, value := range map[string]string{"url": "http://" + campaign + "/sandbox", "clientId": "causeway", "clientSecret": "causeway-sandbox", "tokenUrl": "http://" + campaign + "/ims/token/v3"} {
		fill("#campaign-"+id, value)
	}
	leave("#campaign button.primary")
	leave(`#dynamics button[formaction]`)
	b.says("#dynamics .report", "Everything works")
	leave(`#campaign button[formaction]`)
	b.says("#campaign .report", "Everything works")
	leave(`nav a[href="/"]`)
	leave(`.first a[href="/workflows/ingress/edit"]`)
	b.says("#mapping-contact", "9 fields")
	leave(`nav a[href="/"]`)
	actions++
	b.click(toggle)
	in.untilStatus(patience, "RUNNING")
	in.until(patience, "every contact stands in Campaign", func() bool { return len(in.profiles()) == 20 })
	if actions >= 20 {
		t.Errorf("%d actions from nothing to the first contact", actions)
	}
	t.Logf("%d actions from nothing to the first contact", actions)
	b.quiet()
}
