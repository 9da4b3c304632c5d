package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

const password = "correct horse battery"

// line makes a line of a users file as an operator does.
func line(t *testing.T, name, role string) string {
	t.Helper()
	command := exec.Command(program("standalone"), "hash-password", name, role)
	command.Stdin = strings.NewReader(password + "\n")
	out, err := command.Output()
	if err != nil {
		t.Fatalf("hash-password: %v", err)
	}
	return string(out)
}

// users replaces a users file.
func users(t *testing.T, path string, lines ...string) {
	t.Helper()
	if err := os.WriteFile(path+".next", []byte(strings.Join(lines, "")), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".next", path); err != nil {
		t.Fatal(err)
	}
}

// signIn fills the form with the keyboard alone: the first field has the focus already.
func (b *browser) signIn(name, password string) {
	b.t.Helper()
	b.until("a field has the focus", `document.activeElement.matches("input")`)
	b.tell(`window.left = true`)
	b.do(chromedp.KeyEvent(name + kb.Tab + password + kb.Enter))
	b.until("the next page", `!window.left && document.readyState === "complete"`)
}

// TestSigningInAndOut: people see what their role lets them do, with and without JavaScript, and a live page notices that
// its user is gone.
func TestSigningInAndOut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "users")
	anna, vera := line(t, "anna", "admin"), line(t, "vera", "viewer")
	users(t, path, anna, vera)
	in := newStandalone(t, 50, "--users-file", path)

	for _, scripts := range []bool{true, false} {
		t.Run(fmt.Sprintf("JavaScript %v", scripts), func(t *testing.T) {
			b := open(t, 1200, 800)
			call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !scripts})
			b.visit(in.admin + "/history")
			b.signIn("anna", "not the password")
			b.says("#wrong", "The name or the password is wrong.")
			b.until("the name is kept, and the password is to be typed", `document.querySelector("#name").value === "anna" && document.activeElement.id === "password"`)
			b.tell(`window.left = true`)
			b.do(chromedp.KeyEvent(password + kb.Enter))
			b.until("the next page", `!window.left && document.readyState === "complete"`)
			b.says("h1", "History")
			b.says(".who", "anna admin")
			b.leave(".who button")
			b.says("h1", "Sign in")

			b.visit(in.admin)
			b.signIn("vera", password)
			b.says(".who", "vera viewer")
			if !b.is(`document.querySelector("#row-ingress button").disabled`) {
				t.Error("a viewer can press start")
			}
			b.says("#why-ingress", "this needs the role operator")
			b.visit(in.admin + "/workflows/ingress/edit")
			b.says("#readonly", "you need the role admin")
			b.leave(".who button")
			b.quiet("status of 401")
		})
	}

	b := open(t, 1200, 800)
	b.visit(in.admin)
	for _, look := range []struct {
		suffix, theme string
		width, height int64
	}{{"", "light", 1200, 760}, {"-dark", "dark", 1200, 760}, {"-360", "light", 360, 780}} {
		b.do(chromedp.EmulateViewport(look.width, look.height))
		call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: look.theme}}})
		b.picture("login" + look.suffix)
	}
	b.signIn("vera", password)
	b.says(".who", "vera viewer")
	b.picture("signed-in-360")
	users(t, path, anna)
	b.says("h1", "Sign in") // By itself: the live page has noticed.
	b.quiet("status of 401", "ERR_INCOMPLETE_CHUNKED_ENCODING")
}
