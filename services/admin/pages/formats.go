package pages

import (
	"cmp"
	"errors"
	"fmt"
	"html/template"
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/causeway-sync/causeway/pkg/workflow"
	"github.com/causeway-sync/causeway/services/admin/backend"
	"github.com/causeway-sync/causeway/services/admin/problems"
)

// formats are the functions that templates use.
func formats() template.FuncMap {
	return template.FuncMap{
		"count": backend.Count, "clock": backend.Clock, "stamp": func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"verb": verbOf, "action": actionOf, "detail": backlogDetail, "pace": pace, "left": left, "load": loadText,
		"skips": skipsText, "missed": missedText, "newest": newestGaps,
		"lower": func(s any) string { return strings.ToLower(fmt.Sprint(s)) },
		"name":  func(id workflow.ID) string { return id.Name() },
		"words": verbWords, "entry": newEntry, "hidden": hiddenFields,
		"whole": func(n int) uint64 { return uint64(max(n, 0)) }, "sentence": sentence,
		"value":  plainValue,
		"ground": groundText, "phase": backend.PhaseText, "out": outText, "field": fieldText,
	}
}

// menuEntry is one line of the menu.
type menuEntry struct {
	Path, Name string
	Open       bool
}

func newEntry(path, name, here string) menuEntry {
	return menuEntry{Path: path, Name: name, Open: path == here}
}

// verbOf is what the toggle does: Stop where the workflow is to run, Start where it is to stand still.
func verbOf(v workflow.View) workflow.Verb {
	if v.Desired == workflow.DesiredRunning {
		return workflow.Stop
	}
	return workflow.Start
}

func actionOf(v workflow.View) workflow.Action {
	if verbOf(v) == workflow.Stop {
		return v.Actions.Stop
	}
	return v.Actions.Start
}

// backlogDetail tells what the backlog consists of, where that says more than the number.
func backlogDetail(b workflow.BacklogDetail) string {
	if b.InFlight == 0 && b.Parked == 0 {
		return ""
	}
	parts := []string{backend.Count(b.Pending) + " waiting", backend.Count(b.InFlight) + " in flight"}
	if b.Parked > 0 {
		parts = append(parts, backend.Count(b.Parked)+" parked")
	}
	return strings.Join(parts, " · ")
}

// pace tells how fast it goes.
func pace(v workflow.View) string {
	if v.ReadPerSecond == 0 && v.WrittenPerSecond == 0 {
		return ""
	}
	return perSecond(v.ReadPerSecond) + " read/s · " + perSecond(v.WrittenPerSecond) + " written/s"
}

// left tells how long it still takes at this pace.
func left(v workflow.View) string {
	if v.EtaSeconds == 0 {
		return ""
	}
	return "about " + span(v.EtaSeconds) + " left"
}

func perSecond(rate float64) string {
	if rate >= 100 {
		return backend.Count(uint64(math.Round(rate)))
	}
	return strconv.FormatFloat(rate, 'f', 1, 64)
}

// span writes seconds in the largest unit that fits.
func span(seconds float64) string {
	switch d := time.Duration(seconds) * time.Second; {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(math.Ceil(d.Minutes())))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(math.Ceil(d.Hours())))
	default:
		return fmt.Sprintf("%d days", int(math.Ceil(d.Hours()/24)))
	}
}

// sentence begins a text with a capital letter. What is quoted at its beginning stays as somebody wrote it.
func sentence(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	if first == utf8.RuneError {
		return text
	}
	return string(unicode.ToUpper(first)) + text[size:]
}

func loadText(p workflow.Progress) string {
	text := "Full read of " + p.Source + ": " + backend.Count(uint64(max(p.Read, 0)))
	if p.Expected > 0 {
		text += " of " + backend.Count(uint64(p.Expected))
	}
	return text
}

// skipsText tells what was read and is not for the destination, most first.
func skipsText(skipped map[string]uint64) string {
	reasons := slices.Sorted(maps.Keys(skipped))
	slices.SortStableFunc(reasons, func(a, b string) int { return cmp.Compare(skipped[b], skipped[a]) })
	for i, reason := range reasons {
		reasons[i] = backend.Count(skipped[reason]) + " " + reason
	}
	return strings.Join(reasons, " · ")
}

// missedText tells from when to when nobody has read, as far as that is known.
func missedText(g workflow.Gap) string {
	from, to := "an unknown time", "an unknown time"
	if !g.From.IsZero() {
		from = backend.Clock(g.From)
	}
	if !g.To.IsZero() {
		to = backend.Clock(g.To)
	}
	return "Missed in " + g.Source + " from " + from + " to " + to + ", noticed " + backend.Clock(g.At)
}

// shownGaps is how many gaps the page lists; the API lists more.
const shownGaps = 3

func newestGaps(gaps []workflow.Gap) []workflow.Gap { return gaps[:min(len(gaps), shownGaps)] }

// verbWords says what a command asked for.
func verbWords(c workflow.Command) string {
	switch c.Verb {
	case workflow.Start:
		return "Start"
	case workflow.Stop:
		return "Stop"
	case workflow.ConfigChanged:
		return "Configuration changed"
	case workflow.FailuresRetried:
		return "Rejected records retried"
	case workflow.FailuresDropped:
		return "Rejected records dropped"
	case workflow.PrivacyAcknowledged:
		return "Privacy responsibilities acknowledged"
	}
	return string(c.Verb)
}

// errorOfForm tells a form that is too large from one that is broken.
func errorOfForm(err error) error {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return err
	}
	return problems.New(http.StatusBadRequest, "The form cannot be read: it is broken, or has more than 10,000 inputs.")
}

// plainValue is a field's value for people; nothing is a dash.
func plainValue(v any) string {
	switch v := v.(type) {
	case nil:
		return "–"
	case string:
		if v == "" {
			return "–"
		}
		return v
	case map[string]any:
		return "a row of another resource"
	}
	return fmt.Sprint(v)
}
