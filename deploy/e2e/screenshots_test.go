package e2e

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

const (
	screenshots = "../../docs/screenshots"
	// most is how large a picture may be; they stand in the repository.
	most = 250_000
)

// TestScreenshots shows each page in both themes and on a phone. It looks for what never may happen, content that is
// wider than the screen, and with CAUSEWAY_SCREENSHOTS=1 (`make screenshots`) writes the pictures for the README.
func TestScreenshots(t *testing.T) {
	in := newStandalone(t, 30_000)
	in.slow()
	b := open(t, 1200, 760)
	b.visit(in.admin)
	b.fits("first use")
	b.leave(".privacy button.primary")
	b.click(toggle)
	b.says(status, "RUNNING")
	document, etag := in.configuration()
	in.configure(strings.Replace(document, `"applyDeletes": true`, `"applyDeletes": false`, 1), etag)
	b.until("the mark is shown", `!document.querySelector("`+mark+`").hidden`)
	// The full read is over in a second; writing its 30,000 rows takes half a minute.
	b.until("the load is under way", `document.querySelector("#row-ingress").innerText.includes("written/s")`)

	record := slices.Min(slices.Collect(maps.Keys(in.contacts())))
	for _, look := range []struct {
		suffix, theme string
		width, height int64
	}{{"", "light", 1200, 760}, {"-dark", "dark", 1200, 760}, {"-360", "light", 360, 780}} {
		b.do(chromedp.EmulateViewport(look.width, look.height))
		call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: look.theme}}})
		b.visit(in.admin)
		b.picture("workflows" + look.suffix)
		b.click(mark + " summary")
		b.picture("workflows-edited" + look.suffix)
		b.visit(in.admin + "/workflows/ingress/document")
		b.write(strings.Replace(b.written(), `"operator": "and"`, `"operator": "xor"`, 1))
		b.leave("button.primary")
		b.says("#faults", "Not saved")
		b.picture("document" + look.suffix)
		for name, path := range map[string]string{"mappings": "/workflows/ingress/edit", "mapping": "/workflows/ingress/mappings/contact/edit", "egress": "/workflows/egress/edit",
			"optinout": "/workflows/optinout/edit", "mapping-new": "/workflows/ingress/mappings/new", "mapping-delete": "/workflows/ingress/mappings/contact/delete",
			"preview": "/workflows/ingress/mappings/contact/preview", "ledger": "/workflows/optinout/ledger", "revisions": "/workflows/ingress/revisions", "revision": "/workflows/ingress/revisions/1",
			"trace": "/trace?key=" + record, "privacy": "/privacy", "settings": "/settings", "failures": "/failures/ingress", "history": "/history", "docs": "/docs", "about": "/about"} {
			b.visit(in.admin + path)
			b.picture(name + look.suffix)
		}
	}
}

// fits looks whether the page as it stands is wider than the screen.
func (b *browser) fits(name string) {
	b.t.Helper()
	wide, err := script[[]int](b, `[document.documentElement.scrollWidth, window.innerWidth]`)
	if err != nil || wide[0] > wide[1] {
		b.t.Errorf("%s: the content is %v pixels wide (%v)", name, wide, err)
	}
}

// picture looks at the page as it stands, and takes a picture of it.
func (b *browser) picture(name string) {
	b.t.Helper()
	b.fits(name)
	if os.Getenv("CAUSEWAY_SCREENSHOTS") == "" {
		return
	}
	png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		b.t.Fatal(err)
	}
	if len(png) > most {
		b.t.Errorf("%s: %d bytes", name, len(png))
	}
	if err := os.MkdirAll(screenshots, 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(screenshots, fmt.Sprintf("%s.png", name)), png, 0o644); err != nil {
		b.t.Fatal(err)
	}
}
