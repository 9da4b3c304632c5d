package exportfile

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/causeway-sync/causeway/pkg/fault"
)

// world is a folder that a Campaign writes, and what of it must have come in the end.
type world struct {
	*rig
	lines int
	// want are the keys of each file that came to rest whole, in its order.
	want map[string][]string
	next int
}

func (w *world) line() string {
	w.lines++
	return line(fmt.Sprintf("k%04d", w.lines))
}

// Whatever the order in which files appear, grow, are renamed and the service crashes or loses its connection: each line
// comes, the lines of a file in their order, and when everything has come to rest nothing comes again.
func TestEveryLineComesInOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := &world{rig: newRig(eight(), func(c *SourceConfig) { c.Limit = rapid.IntRange(1, 5).Draw(rt, "limit") }), want: map[string][]string{}}
		stored := w.position
		for range rapid.IntRange(1, 60).Draw(rt, "steps") {
			switch rapid.IntRange(0, 9).Draw(rt, "step") {
			case 0, 1:
				w.create(rapid.IntRange(0, 12).Draw(rt, "lines"))
			case 2:
				w.append(rt, rapid.IntRange(1, 5).Draw(rt, "lines"))
			case 3:
				w.rename(rt)
			case 4:
				w.restart()
			case 5: // a crash before the page was stored
				w.position = stored
				w.restart()
			case 6:
				w.failures = rapid.IntRange(1, 2).Draw(rt, "failures")
			case 7:
				w.clock = w.clock.Add(time.Duration(rapid.IntRange(1, 200).Draw(rt, "seconds")) * time.Second)
			default:
				stored = w.position
				if _, err := w.read(); err != nil && !fault.Is(err, fault.Transient) {
					rt.Fatal(err)
				}
				w.clock = w.clock.Add(time.Duration(rapid.IntRange(0, 12).Draw(rt, "seconds")) * time.Second)
			}
		}
		w.rest(rt)
	})
}

func (w *world) create(lines int) {
	w.next++
	name := fmt.Sprintf("optout_%03d.csv", w.next)
	text := header
	for range lines {
		text += w.line()
	}
	w.put(name, text)
	w.want[name] = keysOf(text)
}

func keysOf(text string) []string {
	var keys []string
	for _, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n")[1:] {
		key, _, _ := strings.Cut(line, ",")
		keys = append(keys, key)
	}
	return keys
}

// some is one of the files.
func (w *world) some(rt *rapid.T) string {
	names := make([]string, 0, len(w.files))
	for name := range w.files {
		names = append(names, name)
	}
	slices.Sort(names)
	if len(names) == 0 {
		return ""
	}
	return rapid.SampledFrom(names).Draw(rt, "file")
}

func (w *world) append(rt *rapid.T, lines int) {
	name := w.some(rt)
	if name == "" {
		return
	}
	for range lines {
		w.grow(name, w.line())
	}
	w.want[name] = keysOf(w.files[name].content)
}

func (w *world) rename(rt *rapid.T) {
	name := w.some(rt)
	if name == "" {
		return
	}
	w.next++
	to := fmt.Sprintf("optout_%03d.csv", w.next)
	w.files[to], w.want[to] = w.files[name], w.want[name]
	delete(w.files, name)
	delete(w.want, name)
}

// rest lets everything come to rest and compares.
func (w *world) rest(rt *rapid.T) {
	w.failures = 0
	w.drain(rt)
	for name, keys := range w.want {
		if missing := unfound(keys, w.keys()); missing != "" {
			rt.Errorf("%s: %s never came in its order; came %s", name, missing, w.keys())
		}
	}
	before := len(w.records)
	w.restart()
	w.drain(rt)
	if len(w.records) != before {
		rt.Errorf("at rest, %d lines came again", len(w.records)-before)
	}
}

func (w *world) drain(rt *rapid.T) {
	for idle := 0; idle < 60; {
		page, err := w.read()
		if err != nil {
			rt.Fatal(err)
		}
		if !page.More {
			idle++
			w.clock = w.clock.Add(2 * time.Second)
		}
	}
}

// unfound is the first key that does not come behind the ones before it.
func unfound(keys []string, came string) string {
	rest := strings.Fields(came)
	for _, key := range keys {
		at := slices.Index(rest, key)
		if at < 0 {
			return key
		}
		rest = rest[at+1:]
	}
	return ""
}
