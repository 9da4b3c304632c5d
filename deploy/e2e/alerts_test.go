package e2e

import (
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

var (
	named    = regexp.MustCompile(`\bcauseway_[a-z_]+\b`)
	selected = regexp.MustCompile(`(causeway_[a-z_]+)\{([^}]*)\}`)
	label    = regexp.MustCompile(`([a-z]+)(=~?)"([^"]*)"`)
)

// TestAlertsNameWhatIsExported holds the alert rules and the handbook against the metrics of a process at work: every metric that they
// name is exported, with the labels and the values that they select. Each alert is told of in the handbook.
func TestAlertsNameWhatIsExported(t *testing.T) {
	rules, err := os.ReadFile("../prometheus/alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	handbook, err := os.ReadFile(operations)
	if err != nil {
		t.Fatal(err)
	}
	in := newStandalone(t, 100)
	in.command("start")
	in.untilEqual(patience)
	status, metrics := probe(in.admin + "/metrics")
	if status != http.StatusOK {
		t.Fatalf("/metrics: %d", status)
	}
	names := named.FindAllString(string(rules), -1)
	if len(names) < 10 {
		t.Errorf("the rules name %q", names)
	}
	for _, name := range append(names, named.FindAllString(string(handbook), -1)...) {
		if !exported(metrics, name, "", "=", "") && name != "causeway_skipped_total" { // Nothing was skipped yet.
			t.Errorf("%s is not exported", name)
		}
	}
	for _, s := range selected.FindAllStringSubmatch(string(rules), -1) {
		for _, l := range label.FindAllStringSubmatch(s[2], -1) {
			if !exported(metrics, s[1], l[1], l[2], l[3]) {
				t.Errorf("%s has no label %s%s%q", s[1], l[1], l[2], l[3])
			}
		}
	}
	for _, alert := range regexp.MustCompile(`- alert: (\w+)`).FindAllStringSubmatch(string(rules), -1) {
		if !strings.Contains(string(handbook), "| `"+alert[1]+"` |") {
			t.Errorf("docs/operations.md does not say what to do about %s", alert[1])
		}
	}
	in.Stop()
}

// exported reports whether a metric is there, and where a label is given, with that label and, if it is not a pattern, that value.
func exported(metrics, name, label, operator, value string) bool {
	for line := range strings.Lines(metrics) {
		rest, found := strings.CutPrefix(line, name)
		rest = strings.TrimPrefix(strings.TrimPrefix(strings.TrimPrefix(rest, "_bucket"), "_sum"), "_count")
		if !found || !strings.HasPrefix(rest, "{") && !strings.HasPrefix(rest, " ") {
			continue
		}
		want := label + `="`
		if operator == "=" {
			want += value + `"`
		}
		if label == "" || strings.Contains(rest, want) {
			return true
		}
	}
	return false
}

// TestTheUnitStartsTheBinary wants every flag of the systemd unit to be one that the standalone process has, and every variable of the
// handbook's installation one that it reads.
func TestTheUnitStartsTheBinary(t *testing.T) {
	unit, err := os.ReadFile("../systemd/causeway.service")
	if err != nil {
		t.Fatal(err)
	}
	handbook, err := os.ReadFile(operations)
	if err != nil {
		t.Fatal(err)
	}
	help, err := exec.Command(program("standalone"), "serve", "--help").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, help)
	}
	command := regexp.MustCompile(`ExecStart=\S+ serve (.*)`).FindStringSubmatch(string(unit))
	if command == nil {
		t.Fatal("the unit starts nothing")
	}
	wanted := regexp.MustCompile(`--[a-z-]+`).FindAllString(command[1], -1)
	for _, assignment := range regexp.MustCompile(`(?m)^(CAUSEWAY_\w+)=`).FindAllStringSubmatch(string(handbook), -1) {
		wanted = append(wanted, "$"+assignment[1])
	}
	if len(wanted) < 5 {
		t.Errorf("found only %q", wanted)
	}
	for _, w := range wanted {
		if !strings.Contains(string(help), w) {
			t.Errorf("the standalone process has no %s", w)
		}
	}
}
