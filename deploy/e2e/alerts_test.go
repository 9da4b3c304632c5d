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
	rules := read(t, "../prometheus/alerts.yml")
	handbook := read(t, operations)
	in := newStandalone(t, 100)
	in.command("start")
	in.untilEqual(patience)
	status, metrics := probe(in.admin + "/metrics")
	if status != http.StatusOK {
		t.Fatalf("/metrics: %d", status)
	}
	names := named.FindAllString(rules, -1)
	if len(names) < 10 {
		t.Errorf("the rules name %q", names)
	}
	for _, name := range append(names, named.FindAllString(handbook, -1)...) {
		if !exported(metrics, name, "", "=", "") && name != "causeway_skipped_total" { // Nothing was skipped yet.
			t.Errorf("%s is not exported", name)
		}
	}
	for _, s := range selected.FindAllStringSubmatch(rules, -1) {
		for _, l := range label.FindAllStringSubmatch(s[2], -1) {
			if !exported(metrics, s[1], l[1], l[2], l[3]) {
				t.Errorf("%s has no label %s%s%q", s[1], l[1], l[2], l[3])
			}
		}
	}
	for _, alert := range regexp.MustCompile(`- alert: (\w+)`).FindAllStringSubmatch(rules, -1) {
		if !strings.Contains(handbook, "| `"+alert[1]+"` |") {
			t.Errorf("docs/operations.md does not say what to do about %s", alert[1])
		}
	}
	in.Stop()
}

// TestAlertsFire has promtool put series into the rules: deploy/prometheus/alerts_test.yml says what each alert fires on. None is left out
// there, neither where it fires nor where it does not.
func TestAlertsFire(t *testing.T) {
	promtool := "../../bin/promtool"
	if _, err := os.Stat(promtool); err != nil {
		if promtool, err = exec.LookPath("promtool"); err != nil {
			t.Fatalf("promtool is not there: make e2e-setup gets it on Debian (%v)", err)
		}
	}
	out, err := exec.Command(promtool, "test", "rules", "../prometheus/alerts_test.yml").CombinedOutput()
	if err != nil {
		t.Errorf("promtool: %v\n%s", err, out)
	}
	rules, tests := read(t, "../prometheus/alerts.yml"), read(t, "../prometheus/alerts_test.yml")
	for _, alert := range regexp.MustCompile(`- alert: (\w+)`).FindAllStringSubmatch(rules, -1) {
		if !strings.Contains(tests, "alertname: "+alert[1]+"\n        exp_alerts:") || !strings.Contains(tests, "alertname: "+alert[1]+"}") {
			t.Errorf("alerts_test.yml does not say when %s fires, or when it does not", alert[1])
		}
	}
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
	unit := read(t, "../systemd/causeway.service")
	handbook := read(t, operations)
	help, err := exec.Command(program("standalone"), "serve", "--help").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, help)
	}
	command := regexp.MustCompile(`ExecStart=\S+ serve (.*)`).FindStringSubmatch(unit)
	if command == nil {
		t.Fatal("the unit starts nothing")
	}
	wanted := regexp.MustCompile(`--[a-z-]+`).FindAllString(command[1], -1)
	for _, assignment := range regexp.MustCompile(`(?m)^(CAUSEWAY_\w+)=`).FindAllStringSubmatch(handbook, -1) {
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
