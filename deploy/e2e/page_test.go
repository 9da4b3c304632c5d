package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
)

// Where things stand on the Workflows page.
const (
	row    = "#row-ingress "
	status = row + ".word"
	toggle = row + "button.toggle"
	mark   = row + "details.edits"
	listed = `document.querySelector("` + mark + ` .bubble li")?.checkVisibility({contentVisibilityAuto: true, visibilityProperty: true})`
)

// slow makes every call of Campaign take a while, so that a load can be watched.
func (s *systems) slow() {
	s.t.Helper()
	r, err := ask(http.MethodPost, s.campaign+"/_sandbox/faults", `{"kind":"latency","rate":1,"seconds":600,"latencyMs":60}`, "Content-Type", "application/json")
	if err != nil || r.status >= 300 {
		s.t.Fatalf("faults: %d %s %v", r.status, r.body, err)
	}
}

// TestTheWorkflowsPageIsLive watches a whole load on the page, without ever loading it again.
func TestTheWorkflowsPageIsLive(t *testing.T) {
	in := newStandalone(t, 2500)
	in.slow()
	b := open(t, 1200, 800)
	b.visit(in.admin)
	names, err := script[[]string](b, `[...document.querySelectorAll("#workflows tbody tr")].map(r => r.querySelector(".title").innerText + "|" + r.querySelector(".backlog").innerText + "|" + r.querySelector(".word").innerText)`)
	want := []string{"Dynamics 365 to Campaign|0|STOPPED", "Campaign to Dynamics 365|0|STOPPED", "Opt In/Out|0|STOPPED"}
	if err != nil || !slices.Equal(names, want) {
		t.Errorf("rows %q (%v)", names, err)
	}
	if title := b.text("header"); !strings.Contains(title, "Causeway") || !strings.Contains(title, "Contoso") {
		t.Errorf("the header says %q", title)
	}
	for id, reason := range map[string]string{"egress": "no event type is chosen: switch on sends, opens, clicks or bounces first", "optinout": "opt-in/out is disabled: choose a direction first"} {
		if !b.is(fmt.Sprintf(`document.querySelector("#row-%s button.toggle").disabled`, id)) {
			t.Errorf("%s can be started", id)
		}
		if why := b.text("#why-" + id); why != reason {
			t.Errorf("%s cannot be started: %q", id, why)
		}
	}

	b.tell(`window.shifts = []; new PerformanceObserver(list => list.getEntries().forEach(e => shifts.push([e.value, e.sources.map(s => s.node?.nodeName + "." + s.node?.className).join(" ")])) ).observe({type: "layout-shift"})`)
	b.tell(`window.neverReloaded = true; window.seen = new Set();
		new MutationObserver(() => window.seen.add(document.querySelector("#row-ingress .backlog").innerText)).observe(document.querySelector("#workflows"), {subtree: true, childList: true, characterData: true})`)
	b.click(toggle)
	b.says(status, "RUNNING")
	b.until("the pace is shown", `/[\d,.]+ read\/s · [\d,.]+ written\/s/.test(document.querySelector("#row-ingress").innerText)`)
	b.until("the backlog has risen and fallen", `seen.size > 2 && document.querySelector("#row-ingress .backlog").innerText === "0"`)
	// Numbers come and go; what stands on the page stays where it is (the bound is that of a good page, web.dev/cls).
	if !b.is(`shifts.reduce((sum, [value]) => sum + value, 0) < 0.1`) {
		shifts, _ := script[[]any](b, `shifts`)
		t.Errorf("the layout shifts: %v", shifts)
	}
	b.tell(`shifts.length = 0; const wedge = document.createElement("div"); wedge.id = "wedge"; wedge.style.height = "300px"; document.querySelector("main").prepend(wedge)`)
	b.until("a shift is noticed", `shifts.reduce((sum, [value]) => sum + value, 0) > 0.1`)
	b.tell(`document.getElementById("wedge").remove()`)
	if !b.is(`document.querySelector("#row-ingress button.toggle").getAttribute("aria-label") === "Stop Dynamics 365 to Campaign"`) {
		t.Error("the toggle does not offer Stop")
	}
	in.untilEqual(patience)
	b.click(toggle)
	b.says(status, "STOPPED")
	b.until("the toggle offers Start", `document.querySelector("#row-ingress button.toggle").getAttribute("aria-label") === "Start Dynamics 365 to Campaign"`)
	if text := b.text(row); strings.Contains(text, "standby") {
		t.Errorf("a stopped workflow speaks of a standby: %q", text)
	}
	if !b.is("window.neverReloaded") {
		t.Error("the page was loaded again")
	}
	if said := b.text("#announce"); said != "Dynamics 365 to Campaign is STOPPED" {
		t.Errorf("screen readers hear %q", said)
	}
	b.quiet()
}

// TestTheKeyboardIsEnough starts and stops without a mouse.
func TestTheKeyboardIsEnough(t *testing.T) {
	in := newStandalone(t, 20)
	b := open(t, 1200, 800)
	b.visit(in.admin)
	press := func(key string) { b.do(chromedp.KeyEvent(key)) }
	for range 30 {
		if b.is(`document.activeElement.matches("#row-ingress button.toggle")`) {
			break
		}
		press("\t")
	}
	press("\r")
	b.says(status, "RUNNING")
	if !b.is(`document.activeElement.matches("#row-ingress button.toggle.stop")`) {
		t.Error("the focus has left the toggle")
	}
	press(" ")
	b.says(status, "STOPPED")
	b.quiet()
}

// write puts a text into the edit page's field, as one who pastes it.
func (b *browser) write(document string) {
	b.t.Helper()
	b.do(chromedp.SetValue(chromedp.CSS("#document"), document))
}

func (b *browser) written() string {
	text, err := script[string](b, `document.querySelector("#document").value`)
	if err != nil {
		b.t.Fatal(err)
	}
	return text
}

// TestAnEditAwaitsTheRestart edits a running workflow: the mark says what waits, and a stop and a start clear it.
func TestAnEditAwaitsTheRestart(t *testing.T) {
	in := newStandalone(t, 50)
	b := open(t, 1200, 800)
	b.visit(in.admin)
	b.click(toggle)
	b.says(status, "RUNNING")
	if !b.is(`document.querySelector("` + mark + `").hidden`) {
		t.Error("a mark without an edit")
	}
	b.leave(row + `a[aria-label="Edit Dynamics 365 to Campaign"]`)
	b.says("h1", "Dynamics 365 to Campaign")
	b.leave(`#mapping-contact a[aria-label="Edit the mapping of contact"]`)
	b.click("#applyDeletes")
	b.leave(save)
	b.says("#notice", "The mapping of contact is saved.")
	b.leave(`a[href="/"]`)
	b.until("the mark is shown", `!document.querySelector("`+mark+`").hidden && document.querySelector("`+toggle+`").classList.contains("pending")`)
	b.click(mark + " summary")
	b.says(mark+" .bubble", "mappings[contact].applyDeletes")
	// The list stays open while rows arrive.
	b.tell(`new Promise(done => { let n = 0; const rows = new EventSource("/live"); rows.addEventListener("rows", () => { if (++n === 3) { rows.close(); done() } }) })`, chromedp.EvalAwaitPromise)
	if !b.is(`document.querySelector("` + mark + `").open`) {
		t.Error("the list of changes has closed by itself")
	}
	b.do(chromedp.KeyEvent("\x1b"))
	b.until("Escape closes the list", `!document.querySelector("`+mark+`").open && !(`+listed+`)`)
	b.do(chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, 5, 5))
	b.tell(`document.activeElement.blur()`)
	b.do(chromedp.KeyEvent("\t"), chromedp.Focus(chromedp.CSS(mark+" summary")))
	b.until("focusing the mark lists the edits", listed)
	b.tell(`document.activeElement.blur()`)
	b.until("the list is gone again", `!(`+listed+`)`)
	b.do(chromedp.ScrollIntoView(chromedp.CSS(mark + " summary")))
	at, err := script[[]float64](b, `(r => [r.x + r.width / 2, r.y + r.height / 2])(document.querySelector("`+mark+` summary").getBoundingClientRect())`)
	if err != nil {
		t.Fatal(err)
	}
	b.do(chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, at[0], at[1]))
	b.until("hovering over the mark lists the edits", listed)
	b.do(chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, 5, 5))

	b.click(toggle)
	b.says(status, "STOPPED")
	b.until("the mark is gone", `document.querySelector("`+mark+`").hidden && !document.querySelector("`+toggle+`").classList.contains("pending")`)
	b.click(toggle)
	b.says(status, "RUNNING")
	if v := in.workflow("ingress"); v.RestartRequired || v.ConfigRevision.Running != v.ConfigRevision.Latest || !b.is(`document.querySelector("`+mark+`").hidden`) {
		t.Errorf("after the restart: %+v", v)
	}
	b.quiet()
}

// TestBadEditsKeepTheInput saves what is wrong, what is not JSON, and what somebody else has overtaken.
func TestBadEditsKeepTheInput(t *testing.T) {
	in := newStandalone(t, 10)
	b := open(t, 1200, 800)
	b.visit(in.admin + "/workflows/ingress/document")
	good := b.written()

	wrong := strings.NewReplacer(`"firstName"`, `"lastName"`, `"operator": "and"`, `"operator": "xor"`).Replace(good)
	b.write(wrong)
	b.leave("button.primary")
	b.says("#faults", "Not saved")
	if b.written() != wrong {
		t.Errorf("the input is lost: %s", b.written())
	}
	for _, text := range []string{"mappings[0].fields[3].field", "mappings[0].filters.operator", `"xor" is not an operator`} {
		b.says("#faults", text)
	}
	if !b.is(`document.querySelector("#document").getAttribute("aria-describedby") === "faults"`) {
		t.Error("the field does not point to its faults")
	}
	b.write("{ not JSON")
	b.leave("button.primary")
	b.says("#faults", "Not saved")
	if b.written() != "{ not JSON" {
		t.Errorf("the input is lost: %s", b.written())
	}
	if _, etag := in.configuration(); etag != `"1"` {
		t.Errorf("something was stored: %s", etag)
	}

	b.visit(in.admin + "/workflows/ingress/document")
	mine := strings.Replace(b.written(), `"applyDeletes": true`, `"applyDeletes": false`, 1)
	document, etag := in.configuration()
	in.configure(strings.Replace(document, `"technicalPicklistValues": true`, `"technicalPicklistValues": false`, 1), etag)
	b.write(mine)
	b.leave("button.primary")
	b.says("#stale", "Somebody else saved meanwhile")
	b.says("#stale", "technicalPicklistValues")
	b.says("#stale", "applyDeletes")
	if b.written() != mine {
		t.Error("the overtaken input is lost")
	}
	if now, _ := in.configuration(); !strings.Contains(now, `"applyDeletes": true`) {
		t.Error("the overtaken edit was stored")
	}
	b.leave("button.primary")
	b.says("#notice", "configured anew")
	if now, _ := in.configuration(); !sameJSON(t, now, mine) {
		t.Errorf("the second save stored %s", now)
	}
	b.quiet("422", "412")
}

// TestThePagesWorkWithoutJavaScript starts, edits and stops with plain forms.
func TestThePagesWorkWithoutJavaScript(t *testing.T) {
	in := newStandalone(t, 50)
	b := open(t, 1200, 800)
	call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	b.visit(in.admin)
	b.says("noscript", "Without JavaScript")
	b.leave(toggle)
	b.says("#notice", "Dynamics 365 to Campaign is asked to start.")
	in.untilStatus(patience, "RUNNING")
	b.visit(in.admin)
	b.says(status, "RUNNING")

	b.leave(row + `a[aria-label="Edit Dynamics 365 to Campaign"]`)
	b.leave(`#mapping-contact a[aria-label="Edit the mapping of contact"]`)
	b.click("#applyDeletes")
	b.leave(save)
	b.says("#notice", "The mapping of contact is saved.")
	b.leave(`a[href="/"]`)
	b.click(mark + " summary")
	b.says(mark+" .bubble", "applyDeletes")

	b.leave(toggle)
	b.says("#notice", "is asked to stop.")
	in.untilStatus(patience, "STOPPED")
	b.visit(in.admin + "/history")
	b.says("main", "Configuration changed")
	b.quiet()
}

// TestALostConnectionIsSaid ends the process behind an open page, and starts it again.
func TestALostConnectionIsSaid(t *testing.T) {
	in := newStandalone(t, 50)
	b := open(t, 1200, 800)
	b.visit(in.admin)
	b.click(toggle)
	b.says(status, "RUNNING")
	if !b.is(`document.querySelector("#lost").hidden`) {
		t.Error("the connection is said to be lost")
	}
	b.tell(`window.neverReloaded = true`)
	in.Stop()
	b.says("#lost", "Connection lost")
	b.click(toggle)
	b.says("#notice", "The service cannot be reached.")
	in.Start()
	b.until("the page is live again", `document.querySelector("#lost").hidden`)
	b.says(status, "RUNNING")
	b.click(toggle)
	b.says(status, "STOPPED")
	if !b.is(`window.neverReloaded && document.querySelector("#notice").hidden`) {
		t.Error("the page was loaded again, or still says that the service cannot be reached")
	}
	b.quiet("ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE_CHUNKED_ENCODING", "ERR_CONNECTION_RESET", "ERR_EMPTY_RESPONSE", "status of 503")
}
