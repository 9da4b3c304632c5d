package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// TestEveryPageIsAccessible follows every link of the page, and looks at each page in both themes as a screen reader, a
// keyboard and a weak pair of eyes meet it: names and roles in the tree that Chromium gives to assistive technology,
// contrast of every text (WCAG 2.2 AA), and the order in which the Tab key goes. It then breaks a page on purpose, in
// each of the ways that it looks for, and must find every one.
func TestEveryPageIsAccessible(t *testing.T) {
	in := newStandalone(t, 50)
	b := open(t, 1200, 900)
	b.visit(in.admin)
	b.click(toggle)
	b.says(status, "RUNNING")
	pages := b.crawl(in.admin)
	for _, path := range []string{"/", "/settings", "/workflows/ingress/mappings/contact/edit", "/workflows/egress/edit", "/workflows/optinout/edit", "/failures/ingress", "/history", "/docs", "/about"} {
		if !slices.Contains(pages, path) {
			t.Errorf("no link leads to %s", path)
		}
	}
	record := slices.Min(slices.Collect(maps.Keys(in.contacts())))
	pages = append(pages, "/trace?key="+record, "/trace?key=nobody", "/history?by=nobody", "/workflows/ingress/revisions/1", "/nowhere")
	for _, theme := range []string{"light", "dark"} {
		call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: theme}, {Name: "prefers-reduced-motion", Value: "reduce"}}})
		for _, path := range pages {
			b.visit(in.admin + path)
			b.tell(`document.querySelectorAll("details").forEach(d => d.open = true)`)
			for _, violation := range b.violations() {
				t.Errorf("%s (%s): %s", path, theme, violation)
			}
		}
	}

	b.visit(in.admin + "/workflows/egress/edit")
	for harm, script := range map[string]string{
		"has no name":       `document.querySelector("main").insertAdjacentHTML("beforeend", "<button></button>")`,
		"contrast":          `document.querySelector("h1").classList.add("harmed"); document.styleSheets[0].insertRule(".harmed { color: #888; background: #999; }")`,
		"is no label":       `document.querySelector("main").insertAdjacentHTML("beforeend", "<input type=text>")`,
		"heading":           `document.querySelector("main").insertAdjacentHTML("beforeend", "<h5>deep</h5>")`,
		"order":             `document.querySelector(".bar-save button").tabIndex = 5`,
		"does not show":     `document.styleSheets[0].insertRule("a:focus-visible { outline: none !important; }", document.styleSheets[0].cssRules.length)`,
		"does not exist":    `document.querySelector("input").setAttribute("aria-describedby", "nowhere")`,
		"no text for image": `document.querySelector("main").insertAdjacentHTML("beforeend", "<img src='/static/icon.svg'>")`,
	} {
		b.visit(in.admin + "/workflows/egress/edit")
		b.tell(`document.querySelectorAll("details").forEach(d => d.open = true)`)
		b.tell(script)
		found := b.violations()
		if !slices.ContainsFunc(found, func(v string) bool { return strings.Contains(v, harm) }) {
			t.Errorf("%q is not noticed: %q", harm, found)
		}
	}
}

// crawl is every page that links lead to, as paths without queries.
func (b *browser) crawl(origin string) []string {
	b.t.Helper()
	pages := []string{"/"}
	for i := 0; i < len(pages); i++ {
		b.visit(origin + pages[i])
		links, err := script[[]string](b, `[...document.querySelectorAll("a[href]")].filter(a => a.origin === location.origin).map(a => a.pathname)`)
		if err != nil {
			b.t.Fatal(err)
		}
		for _, path := range links {
			if !slices.Contains(pages, path) && !strings.HasSuffix(path, ".json") && !strings.HasSuffix(path, ".csv") {
				pages = append(pages, path)
			}
		}
	}
	return pages
}

// violations is what is wrong with the page as it stands.
func (b *browser) violations() []string {
	b.t.Helper()
	found := b.treeViolations()
	for _, look := range []string{contrast, structure} {
		more, err := script[[]string](b, look)
		if err != nil {
			b.t.Fatal(err)
		}
		found = append(found, more...)
	}
	return append(found, b.focusViolations()...)
}

// treeViolations looks at the accessibility tree: whatever can be operated has a name, and images say what they show.
func (b *browser) treeViolations() []string {
	b.t.Helper()
	operable := []string{"button", "link", "textbox", "searchbox", "combobox", "checkbox", "radio", "listbox", "spinbutton", "DisclosureTriangle", "switch", "menuitem"}
	named := append([]string{"table", "region", "navigation", "progressbar", "meter", "group", "radiogroup"}, operable...)
	tree, err := chromedp.Call(b.ctx, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
	if err != nil {
		b.t.Fatal(err)
	}
	var found []string
	mains, headings := 0, 0
	for _, n := range tree.Nodes {
		if n.Ignored {
			continue
		}
		role, name := text(n.Role), strings.TrimSpace(text(n.Name))
		switch {
		case role == "main":
			mains++
		case role == "heading":
			headings++
			if name == "" {
				found = append(found, "a heading is empty")
			}
		case (role == "image" || role == "img") && name == "":
			found = append(found, "no text for image "+b.outer(n.BackendDOMNodeID))
		case slices.Contains(operable, role) && name == "", role != "group" && slices.Contains(named, role) && name == "":
			found = append(found, role+" has no name: "+b.outer(n.BackendDOMNodeID))
		}
	}
	if mains != 1 || headings == 0 {
		found = append(found, fmt.Sprintf("%d main parts and %d headings", mains, headings))
	}
	return found
}

func text(v *accessibility.Value) string {
	var s string
	if v == nil || json.Unmarshal(v.Value, &s) != nil {
		return ""
	}
	return s
}

// outer tells where a node stands, for the message.
func (b *browser) outer(id cdp.BackendNodeID) string { return fmt.Sprintf("(node %d)", id) }

// structure looks at what the tree does not tell: labels, references, levels of headings, places of lists.
const structure = `(() => {
  const found = [];
  const show = e => e.outerHTML.slice(0, 120);
  const seen = e => e.checkVisibility({visibilityProperty: true});
  for (const e of document.querySelectorAll("input:not([type=hidden]), select, textarea")) {
    if (seen(e) && !e.labels?.length && !e.getAttribute("aria-label")) found.push("is no label: " + show(e));
  }
  for (const a of ["aria-describedby", "aria-labelledby", "aria-controls", "list"]) {
    for (const e of document.querySelectorAll("[" + a + "]")) {
      for (const id of e.getAttribute(a).split(/\s+/).filter(Boolean)) if (!document.getElementById(id)) found.push(a + " " + id + " does not exist: " + show(e));
    }
  }
  const ids = new Set();
  for (const e of document.querySelectorAll("[id]")) { if (ids.has(e.id)) found.push("id " + e.id + " twice"); ids.add(e.id); }
  let level = 0;
  const levels = [...document.querySelectorAll("h1, h2, h3, h4, h5, h6")].filter(seen).map(h => [Number(h.tagName[1]), h]);
  if (levels.filter(([n]) => n === 1).length !== 1) found.push("not one heading of the first level");
  for (const [n, h] of levels) { if (n > level + 1 && level > 0) found.push("heading skips a level: " + show(h)); level = n; }
  for (const t of document.querySelectorAll("table")) if (!t.querySelector("th")) found.push("table without heads: " + show(t));
  for (const e of document.querySelectorAll("[tabindex]")) if (Number(e.getAttribute("tabindex")) > 0) found.push("order: tabindex " + show(e));
  if (!document.documentElement.lang) found.push("no language");
  return found;
})()`

// contrast computes the contrast of every text with what lies behind it: at least 4.5, or 3 where it is large. What is
// disabled is exempt, as in WCAG.
const contrast = `(() => {
  const found = [];
  const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const parse = color => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1); const d = canvas.getImageData(0, 0, 1, 1).data; return [d[0], d[1], d[2], d[3] / 255]; };
  const over = (top, under) => top.slice(0, 3).map((c, i) => c * top[3] + under[i] * (1 - top[3])).concat(1);
  const light = c => { const [r, g, b] = c.slice(0, 3).map(v => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const behind = e => { const layers = []; for (let n = e; n; n = n.parentElement) { const c = parse(getComputedStyle(n).backgroundColor); if (c[3] > 0) layers.push(c); if (c[3] === 1) break; }
    let under = matchMedia("(prefers-color-scheme: dark)").matches ? [18, 18, 18, 1] : [255, 255, 255, 1]; for (const l of layers.reverse()) under = over(l, under); return under; };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const done = new Set();
  while (walker.nextNode()) {
    const e = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || done.has(e) || ["SCRIPT", "NOSCRIPT", "OPTION"].includes(e.tagName) || !e.checkVisibility({visibilityProperty: true}) || e.closest(":disabled, .sr, [hidden], datalist")) continue;
    done.add(e);
    const style = getComputedStyle(e);
    const under = behind(e);
    let opacity = 1; for (let n = e; n; n = n.parentElement) opacity *= Number(getComputedStyle(n).opacity);
    const own = parse(style.color); own[3] *= opacity;
    const [a, b] = [light(over(own, under)), light(under)].sort((x, y) => y - x);
    const size = parseFloat(style.fontSize);
    const least = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < least) found.push("contrast " + ratio.toFixed(2) + " of " + JSON.stringify(walker.currentNode.data.trim().slice(0, 40)) + " in <" + e.tagName.toLowerCase() + " class='" + e.className + "'>");
  }
  return found;
})()`

// focusViolations presses Tab through the page: the focus goes where one reads, and shows where it is. Pages can be long:
// it looks at the first hundred stops.
func (b *browser) focusViolations() []string {
	b.t.Helper()
	b.tell(`document.activeElement.blur(); window.scrollTo(0, 0); window.stops = [];
		window.order = [...document.querySelectorAll("a[href], button, input, select, textarea, summary")].filter(e => e.checkVisibility({visibilityProperty: true}) && !e.disabled && e.tabIndex >= 0 && !e.closest("[inert], fieldset:disabled") && e.type !== "hidden")`)
	number, err := script[int](b, `window.order.length`)
	if err != nil {
		b.t.Fatal(err)
	}
	for range min(number, 100) {
		b.do(chromedp.KeyEvent("\t"))
		b.tell(`window.stops.push([document.activeElement, getComputedStyle(document.activeElement).outlineStyle, document.activeElement.className])`)
	}
	found, err := script[[]string](b, `(() => {
		const found = [];
		let last = -1;
		for (const [e, outline] of stops) {
			if (e === document.body) continue;
			if (outline === "none") found.push("the focus does not show on " + e.outerHTML.slice(0, 100));
			const at = order.indexOf(e);
			if (at === 0 && last > 0) break; // Radios are one stop together, so the round is over early.
			if (at >= 0 && at < last) found.push("order: the focus goes back to " + e.outerHTML.slice(0, 100));
			if (at >= 0) last = at;
		}
		if (order.length > 0 && stops.filter(([e]) => e !== document.body).length === 0) found.push("order: nothing can be reached");
		return found;
	})()`)
	if err != nil {
		b.t.Fatal(err)
	}
	return found
}
