package e2e

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// step is one command of a handbook with the answer that stands below it.
type step struct {
	line    int
	command string
	answer  []string
}

// part is a piece of a page: text as it is, or a step.
type part struct {
	text string
	step *step
}

// handbook is a page, in parts that give it back when they are put together.
type handbook struct{ parts []part }

func (h handbook) steps() []*step {
	var list []*step
	for _, p := range h.parts {
		if p.step != nil {
			list = append(list, p.step)
		}
	}
	return list
}

func (h handbook) String() string {
	var b strings.Builder
	for _, p := range h.parts {
		if p.step == nil {
			b.WriteString(p.text + "\n")
			continue
		}
		b.WriteString("$ " + p.step.command + "\n")
		for _, line := range p.step.answer {
			b.WriteString(line + "\n")
		}
	}
	return b.String()
}

// parseHandbook finds the commands of a page. What stands in a block and is not below a command would be run by nobody, and is an
// error, as every other kind of block is.
func parseHandbook(text string) (handbook, error) {
	var page handbook
	var current *step
	inside := false
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		switch command, isCommand := strings.CutPrefix(line, "$ "); {
		case strings.HasPrefix(line, "```"):
			if !inside && line != "```console" || inside && line != "```" {
				return page, fmt.Errorf("line %d: %s: commands stand in blocks that begin with ```console", i+1, line)
			}
			inside, current = !inside, nil
			page.parts = append(page.parts, part{text: line})
		case !inside && strings.HasPrefix(line, "    "):
			return page, fmt.Errorf("line %d: an indented block: nobody runs what stands in it", i+1)
		case !inside:
			page.parts = append(page.parts, part{text: line})
		case isCommand:
			current = &step{line: i + 1, command: command}
			page.parts = append(page.parts, part{step: current})
		case current == nil:
			return page, fmt.Errorf("line %d: an answer without a command", i+1)
		default:
			current.answer = append(current.answer, line)
		}
	}
	if inside {
		return page, fmt.Errorf("the last block has no end")
	}
	return page, nil
}

// volatile is what differs between two runs, each kind with the sign that takes its place. The order matters.
var volatile = []struct {
	found *regexp.Regexp
	sign  string
}{
	{regexp.MustCompile(`\d{4}-\d\d-\d\d([T ]\d\d:\d\d:\d\d(\.\d+)?( \+0000)?(Z| UTC)?)?`), "<time>"},
	{regexp.MustCompile(`\b\d\d:\d\d:\d\d\b`), "<time>"},
	{regexp.MustCompile(`\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b`), "<id>"},
	{regexp.MustCompile(`\b0\.0\.0-[0-9A-Za-z.-]+(\+[0-9A-Za-z.-]+)?`), "<version>"},
	{regexp.MustCompile(`\b([A-Za-z0-9]{22}|[0-9a-f]{12,})\b`), "<id>"},
	{regexp.MustCompile(`\b(\d+(\.\d+)?(ns|µs|ms|s|m|h|d))+\b`), "<time span>"},
	{regexp.MustCompile(`\b[\d,]+(\.\d+)? ?(B|KiB|MiB|GiB)\b`), "<size>"},
	{regexp.MustCompile(`\b\d[\d,]*(\.\d+)?\b`), "<n>"},
	{regexp.MustCompile(`─+`), "─"},
	{regexp.MustCompile(`\s+`), " "},
}

// shapeOf is an answer without what is volatile, line by line.
func shapeOf(lines []string) []string {
	var shape []string
	for _, line := range lines {
		for _, v := range volatile {
			line = v.found.ReplaceAllString(line, v.sign)
		}
		if line = strings.TrimSpace(line); line != "" {
			shape = append(shape, line)
		}
	}
	for i := 0; i < len(shape); {
		end := i
		for end < len(shape) && strings.HasPrefix(shape[end], "│") {
			end++
		}
		slices.Sort(shape[i:end])
		i = max(end, i+1)
	}
	return shape
}

const elided = "..."

// sameShape compares an answer with the one on the page, in which lines may be left out.
func sameShape(page, got []string) bool { return matches(shapeOf(page), shapeOf(got)) }

func matches(page, got []string) bool {
	switch {
	case len(page) == 0:
		return len(got) == 0
	case page[0] == elided:
		return matches(page[1:], got) || len(got) > 0 && matches(page, got[1:])
	default:
		return len(got) > 0 && page[0] == got[0] && matches(page[1:], got[1:])
	}
}

// TestShapes is the convention in small.
func TestShapes(t *testing.T) {
	for _, tc := range []struct {
		page, got string
		same      bool
	}{
		{"Received with rtt 1.2ms", "Received with rtt 192.034495ms", true},
		{"in 1m2s, 5 B", "in 3.5s, 364 KiB", true},
		{`{"at":"2026-05-04T10:00:00.5Z","seq":1}`, `{"at":"2026-11-29T07:55:41.530854434Z","seq":4711}`, true},
		{`"status": "RUNNING"`, `"status": "FAILED"`, false},
		{"│ b │ 1 │\n│ a │ 2 │", "│ a │   3 │\n│ b │  44 │", true},
		{"first\n...\nlast", "first\nlast", true},
		{"first\n...\nlast", "first\n1\n2\nlast", true},
		{"first\n...\nlast", "first\n1\n2", false},
		{"", "something", false},
		{"something", "", false},
		{"0.0.0-dev", "0.0.0-20261122154833-2a3837512ab4+dirty", true},
		{"RUNNING since 1", "RUNNING since never", false},
	} {
		if got := sameShape(strings.Split(tc.page, "\n"), strings.Split(tc.got, "\n")); got != tc.same {
			t.Errorf("%q and %q: same is %v; shapes %q and %q", tc.page, tc.got, got, shapeOf([]string{tc.page}), shapeOf([]string{tc.got}))
		}
	}
}

// TestHandbooksThatCannotBeRun are refused, and a good one comes back as it was.
func TestHandbooksThatCannotBeRun(t *testing.T) {
	const good = "# A\n\n```console\n$ one\n1\n\n2\n$ two\n```\n\nText.\n"
	page, err := parseHandbook(good)
	if err != nil || page.String() != good || len(page.steps()) != 2 || len(page.steps()[0].answer) != 3 {
		t.Errorf("%v %q", err, page.String())
	}
	for _, bad := range []string{"```\n$ one\n```\n", "```sh\none\n```\n", "```console\n$ one\n", "```console\nanswer\n```\n", "text\n\n    nats pub\n"} {
		if _, err := parseHandbook(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}
