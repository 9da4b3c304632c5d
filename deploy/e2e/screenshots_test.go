package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

const (
	screenshots = "../../docs/screenshots"
	// most is how large a picture may be; they stand in the repository.
	most = 150_000
)

// TestScreenshots shows each page in both themes and on a phone. It looks for what never may happen, content that is
// wider than the screen, and with CAUSEWAY_SCREENSHOTS=1 (`make screenshots`) writes the pictures for the README.
func TestScreenshots(t *testing.T) {
	in := newStandalone(t, 30_000)
	in.slow()
	b := open(t, 1200, 760)
	b.visit(in.admin)
	b.click(toggle)
	b.says(status, "RUNNING")
	document, etag := in.configuration()
	in.configure(strings.Replace(document, `"applyDeletes": true`, `"applyDeletes": false`, 1), etag)
	b.until("the mark is shown", `!document.querySelector("`+mark+`").hidden`)
	// The full read is over in a second; writing its 30,000 rows takes half a minute.
	b.until("the load is under way", `document.querySelector("#row-ingress").innerText.includes("written/s")`)

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
		b.visit(in.admin + "/workflows/ingress/edit")
		b.write(strings.Replace(b.written(), `"operator": "and"`, `"operator": "xor"`, 1))
		b.leave("button.primary")
		b.says("#faults", "Not saved")
		b.picture("edit" + look.suffix)
		for _, page := range []string{"history", "docs", "about"} {
			b.visit(in.admin + "/" + page)
			b.picture(page + look.suffix)
		}
	}
}

// picture looks at the page as it stands.
func (b *browser) picture(name string) {
	b.t.Helper()
	wide, err := script[[]int](b, `[document.documentElement.scrollWidth, window.innerWidth]`)
	if err != nil || wide[0] > wide[1] {
		b.t.Errorf("%s: the content is %v pixels wide (%v)", name, wide, err)
	}
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
