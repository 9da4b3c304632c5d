package e2e

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// browser is one tab of a real chromium. Actions fail the test; none waits for the network to be idle, because a live
// page never is.
type browser struct {
	t   *testing.T
	ctx context.Context
	// live is true where pages run their scripts.
	live bool

	mu sync.Mutex
	// complaints are what the page's console would show: errors of scripts, refused resources.
	complaints []string
}

// open starts a browser of a given size.
func open(t *testing.T, width, height int64) *browser {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatalf("the tests of the pages need Debian's chromium: `make e2e-setup` installs it (%v)", err)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.WindowSize(int(width), int(height)))
	allocator, stopAllocator := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, stop := chromedp.NewContext(allocator)
	t.Cleanup(func() { stop(); stopAllocator() })
	b := &browser{t: t, ctx: ctx, live: true}
	// The first call starts the browser, and would bind its life to a shorter context.
	if err := chromedp.Listen(ctx, b.hear); err != nil {
		t.Fatalf("chromium does not start: %v", err)
	}
	call(b, log.Enable, cdp.Empty{})
	call(b, emulation.SetLocaleOverride, emulation.SetLocaleOverrideParams{Locale: "en-GB"})
	b.do(chromedp.EmulateViewport(width, height))
	return b
}

// call sends a command of the browser's own protocol.
func call[P, R any](b *browser, command cdp.Command[P, R], params P) {
	b.t.Helper()
	if _, err := chromedp.Call(b.ctx, command, params); err != nil {
		b.t.Fatal(err)
	}
}

func (b *browser) hear(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			b.complaints = append(b.complaints, e.Entry.Text+" "+e.Entry.URL)
		}
	case *runtime.EventExceptionThrown:
		b.complaints = append(b.complaints, e.ExceptionDetails.Text+" "+e.ExceptionDetails.URL)
	}
}

// quiet fails the test if the page complained, but for a text that was expected.
func (b *browser) quiet(expected ...string) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.complaints {
		known := false
		for _, text := range expected {
			known = known || strings.Contains(c, text)
		}
		if !known {
			b.t.Errorf("the browser complains: %s", c)
		}
	}
}

func (b *browser) do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		b.t.Fatalf("browser: %v\n%s", err, b.text("body"))
	}
}

func (b *browser) visit(url string) {
	b.t.Helper()
	b.do(chromedp.Navigate(url), chromedp.WaitReady("main"))
}

func (b *browser) click(selector string) {
	b.t.Helper()
	b.do(chromedp.Click(chromedp.CSS(selector), chromedp.NodeVisible))
}

// leave clicks what leads to another page, and waits for that page.
func (b *browser) leave(selector string) {
	b.t.Helper()
	b.tell(`window.left = true`)
	b.click(selector)
	b.until("the next page", `!window.left && document.readyState === "complete"`)
}

// script evaluates an expression in the page.
func script[T any](b *browser, expression string, options ...chromedp.EvaluateOption) (T, error) {
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[T](expression, options...))
}

// tell runs a script for what it does.
func (b *browser) tell(expression string, options ...chromedp.EvaluateOption) {
	b.t.Helper()
	if _, err := script[chromedp.Void](b, expression, options...); err != nil {
		b.t.Fatal(err)
	}
}

// text is what an element shows, "" where there is none.
func (b *browser) text(selector string) string {
	text, err := script[string](b, fmt.Sprintf(`document.querySelector(%q)?.innerText ?? ""`, selector))
	if err != nil { // The page is being replaced.
		return ""
	}
	return text
}

// is evaluates a condition.
func (b *browser) is(expression string) bool {
	yes, err := script[bool](b, "Boolean("+expression+")")
	return err == nil && yes
}

// until waits for a condition in the page.
func (b *browser) until(what, expression string) {
	b.t.Helper()
	began := time.Now()
	for !b.is(expression) {
		if time.Since(began) > patience {
			b.t.Fatalf("not within %s: %s (%s)\n%s", patience, what, expression, b.text("body"))
		}
		<-time.After(30 * time.Millisecond)
	}
}

// says waits for an element to show a text.
func (b *browser) says(selector, text string) {
	b.t.Helper()
	b.until(selector+" says "+text, fmt.Sprintf(`document.querySelector(%q)?.innerText.includes(%q)`, selector, text))
}
