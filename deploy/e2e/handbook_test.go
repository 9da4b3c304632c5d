package e2e

import (
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"
)

// update rewrites the answers in docs/nats.md where they are not what the commands answer.
var update = flag.Bool("update", false, "rewrite the outputs in docs/nats.md")

// TestTheNATSHandbook runs every command of docs/nats.md with the real CLI against one standalone process with the sandbox,
// in their order, and compares what they answer with what the page says.
//
// The convention: commands stand in blocks fenced as console, and in no other kind of block. A line that begins with "$ "
// is a command for bash, in a folder of the test's own; the lines up to the next one are its answer, stdout and stderr
// together. Answers are compared in shape, not to the letter:
//
//   - numbers, sizes, durations, times, versions and ids are each replaced by one sign for their kind, spaces and rules
//     are run together, and empty lines are left out;
//   - the rows of a table may come in any order;
//   - a line "..." stands for any number of lines, none included.
//
// A command that ends with an error fails the test, and so does an answer of another shape than that on the page. A
// command that only looks is asked until it has the shape, for as long as the tests are patient: somebody who follows
// the page looks again too. One that changes something is run once.
//
// With -args -update the answers that have another shape are replaced by what came; read the difference.
func TestTheNATSHandbook(t *testing.T) {
	const path = "../../docs/nats.md"
	text := read(t, path)
	page, err := parseHandbook(text)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	in := newStandalone(t, 1000)
	shell := newShell(t, in.nats)
	for _, s := range page.steps() {
		s.answer = shell.follow(s)
		if t.Failed() && !*update {
			t.Fatalf("%s:%d is the first that is not so\n%s", path, s.line, in.report())
		}
	}
	in.Stop()
	if *update {
		if err := os.WriteFile(path, []byte(page.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// follow runs a command of a handbook and returns the answer that the page should show.
func (sh shell) follow(s *step) []string {
	sh.t.Helper()
	var got []string
	var err error
	if s.looks() && !*update {
		sh.patiently(func() bool {
			got, err = sh.run(s.command)
			return err == nil && sameShape(s.answer, got)
		})
	} else {
		got, err = sh.run(s.command)
		if s.looks() && !sameShape(s.answer, got) {
			got, err = sh.settled(s.command, got)
		}
	}
	switch {
	case err != nil:
		sh.t.Errorf("line %d: %s: %v\n%s", s.line, s.command, err, strings.Join(got, "\n"))
	case sameShape(s.answer, got):
		return s.answer
	case !*update:
		sh.t.Errorf("line %d: %s\nanswers\n%s\nwhich is not understood; the page has\n%s", s.line, s.command, strings.Join(got, "\n"), strings.Join(s.answer, "\n"))
	}
	return got
}

// looking are the commands that change nothing.
var looking = regexp.MustCompile(`^nats (micro|stream|kv) (ls|info|stats|subjects|get|report|history)\b|^nats consumer (ls|info|report)\b|^nats sub |` +
	`^nats req (--raw )?causeway\.api\.(workflows|connections|catalog|commands)[a-z0-9_.]* ('' *\||''$|'{"(seq|limit)":\d+}' \|)`)

// changing are requests that look like those, and command.
var changing = regexp.MustCompile(`\.(start|stop|retry|drop|replay|test) `)

func (s *step) looks() bool {
	return looking.MatchString(s.command) && !changing.MatchString(s.command)
}
