package exportfile

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/record"
)

func TestALineBecomesARecord(t *testing.T) {
	r := newRig(eight(), nil)
	r.put("optout_1.csv", header+"k1,TRUE,2026-01-02 03:04:05.678Z,0,\nk2,,,yes,2026-01-02 03:04:05Z\n")
	r.put("notes.txt", "no export file")
	r.put(".optout_2.csv", "nor this")
	r.pass(t, 15*time.Second)
	at := time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)
	want := []Data{
		{Origin: "optout_1.csv:2", File: "optout_1.csv", Values: map[string]bool{"blackList": true, "blackListEmail": false}, Times: map[string]time.Time{"blackList": at}},
		{Origin: "optout_1.csv:3", File: "optout_1.csv", Values: map[string]bool{"blackListEmail": true}, Times: map[string]time.Time{"blackListEmail": at.Truncate(time.Second)}},
	}
	if diff := cmp.Diff(want, r.data(t)); diff != "" {
		t.Error(diff)
	}
	r.want(t, "k1 k2")
	if len(r.notices) > 0 || len(r.source.Trouble()) > 0 {
		t.Errorf("said %q, troubled by %q", r.notices, r.source.Trouble())
	}
}

func TestFilesComeInTheOrderOfTheirNames(t *testing.T) {
	r := newRig(eight(), nil)
	for _, n := range []int{3, 1, 2} {
		r.put(fmt.Sprintf("optout_%d.csv", n), header+line(fmt.Sprintf("k%d", n)))
		r.clock = r.clock.Add(time.Second)
	}
	r.pass(t, 15*time.Second)
	r.want(t, "k1 k2 k3")
	r.put("optout_0.csv", header+line("late one"))
	r.pass(t, 15*time.Second)
	r.want(t, "late one")
	r.restart()
	r.pass(t, time.Minute)
	r.want(t, "")
}

func TestAFileIsReadWhenItStandsStill(t *testing.T) {
	r := newRig(eight(), nil)
	r.put("optout_1.csv", header)
	for i := range 6 {
		r.pass(t, 8*time.Second)
		r.grow("optout_1.csv", line(fmt.Sprint("k", i)))
	}
	r.want(t, "")
	if r.opened > 0 {
		t.Error("opened while it was written")
	}
	r.pass(t, 16*time.Second)
	r.want(t, "k0 k1 k2 k3 k4 k5")
}

func TestAFileThatDoesNotStopGrowingHoldsNobodyBack(t *testing.T) {
	r := newRig(eight(), nil)
	r.put("optout_1.csv", header)
	r.put("optout_2.csv", header+line("behind"))
	for i := range 20 {
		r.pass(t, 7*time.Second)
		r.grow("optout_1.csv", line(fmt.Sprint("k", i)))
	}
	r.want(t, "behind")
	r.heard(t, "optout_1.csv does not stop changing")
	if got := r.source.Trouble(); len(got) != 1 || !strings.Contains(got[0], "optout_1.csv") {
		t.Errorf("troubled by %q", got)
	}
	r.pass(t, 20*time.Second)
	if n := len(r.records); n != 20 || len(r.source.Trouble()) > 0 {
		t.Errorf("%d lines, troubled by %q", n, r.source.Trouble())
	}
}

func TestACrashInsideAFile(t *testing.T) {
	r := newRig(eight(), nil)
	var lines, want []string
	for i := range 30 {
		lines, want = append(lines, line(fmt.Sprint("k", i))), append(want, fmt.Sprint("k", i))
	}
	r.put("optout_1.csv", "\ufeff"+header+strings.Join(lines, ""))
	r.pass(t, 10*time.Second)
	if len(r.records) != 30 {
		t.Fatalf("%d records", len(r.records))
	}
	r.records, r.position = nil, nil
	r.restart()
	r.pass(t, 9*time.Second)
	for len(r.records) < 30 { // a crash after every page
		if _, err := r.read(); err != nil {
			t.Fatal(err)
		}
		r.restart()
		r.clock = r.clock.Add(11 * time.Second)
		if len(r.records) == 0 {
			r.pass(t, 11*time.Second)
		}
	}
	r.want(t, strings.Join(want, " "))
}

func TestAFileThatChanges(t *testing.T) {
	both := header + line("a") + line("b")
	for name, tc := range map[string]struct {
		format Format
		after  func(*rig)
		want   string
		says   string
	}{
		"only touched":             {eight(), func(r *rig) { r.put("optout_1.csv", both) }, "", ""},
		"grown":                    {eight(), func(r *rig) { r.grow("optout_1.csv", line("c")) }, "c", "read on from line 4"},
		"replaced":                 {eight(), func(r *rig) { r.put("optout_1.csv", header+line("x")+line("b")) }, "x b", "replaced"},
		"replaced by a longer one": {eight(), func(r *rig) { r.put("optout_1.csv", header+line("x")+line("b")+line("c")) }, "x b c", "replaced"},
		"replaced by a short one":  {eight(), func(r *rig) { r.put("optout_1.csv", header) }, "", "replaced"},
		"renamed":                  {eight(), func(r *rig) { r.files["optout_2.csv"] = r.files["optout_1.csv"]; delete(r.files, "optout_1.csv") }, "", "the same as optout_1.csv"},
		"copied":                   {eight(), func(r *rig) { r.put("optout_2.csv", both) }, "", "the same as optout_1.csv"},
		"copied, without times": {Format{Values: map[string]string{"blackList": "blackList"}}, func(r *rig) { r.put("optout_2.csv", both) },
			"a b", ""},
		"gone":              {eight(), func(r *rig) { delete(r.files, "optout_1.csv") }, "", ""},
		"gone and back":     {eight(), func(r *rig) { delete(r.files, "optout_1.csv"); r.pass(t, time.Hour); r.put("optout_1.csv", both) }, "", ""},
		"as long as it was": {eight(), func(r *rig) { r.put("optout_2.csv", header+line("c")+line("d")) }, "c d", ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(tc.format, nil)
			r.put("optout_1.csv", both)
			r.pass(t, 15*time.Second)
			r.want(t, "a b")
			tc.after(r)
			r.restart()
			r.pass(t, 30*time.Second)
			r.want(t, tc.want)
			if got := strings.Join(r.notices, "; "); !strings.Contains(got, tc.says) || tc.says == "" && got != "" {
				t.Errorf("said %q, want %q", got, tc.says)
			}
			r.restart()
			r.pass(t, 30*time.Second)
			r.want(t, "")
		})
	}
}

func TestAFileThatBreaksOff(t *testing.T) {
	keyLast := Format{Values: map[string]string{"blackList": "v"}}
	for name, tc := range map[string]struct {
		format               Format
		begin, rest          string
		before, after, never string // keys at once, when the rest comes, and when it never does
		reason               string
	}{
		"a line break is missing": {eight(), header + line("a") + strings.TrimSuffix(line("b"), "\n"), "\n" + line("c"), "a", "b c", "b behind", ""},
		"columns are missing":     {eight(), header + line("a") + "b,true,2026", "-01-02 03:04:05Z,0,\n", "a", "b", "optout_1.csv:3 behind", "3 columns of 5"},
		"a value is half there":   {eight(), header + "b,true,2026-01-02 03:04:05Z,fal", "se,\n", "", "b", "optout_1.csv:2 behind", "4 columns of 5"},
		"the key may be half there": {keyLast, "v,externalId\n1,a\n1,b", "cd\n", "a", "bcd", "optout_1.csv:3 behind",
			"column externalId may lack its end"},
		"a quote is open":    {eight(), header + "\"b", "\nc\",1,,1,\n", "", "optout_1.csv:2 behind", "optout_1.csv:2 behind", "quote"},
		"the first line":     {eight(), strings.TrimSuffix(header, "Time\n"), "Time\n" + line("a"), "", "a", "behind", ""},
		"nothing there yet":  {eight(), "", header + line("a"), "", "a", "behind", ""},
		"only a mark so far": {eight(), "\xef\xbb\xbf", header + line("a"), "", "a", "behind", ""},
	} {
		t.Run(name, func(t *testing.T) {
			for _, comes := range []bool{true, false} {
				r := newRig(tc.format, nil)
				r.put("optout_1.csv", tc.begin)
				behind := header + line("behind")
				if tc.format.Times == nil {
					behind = "v,externalId\n1,behind\n"
				}
				r.put("optout_2.csv", behind)
				r.pass(t, time.Minute)
				r.want(t, tc.before)
				if got := r.source.Trouble(); len(got) != 1 || !strings.Contains(got[0], "waiting for the rest") {
					t.Errorf("troubled by %q", got)
				}
				if comes {
					r.grow("optout_1.csv", tc.rest)
					r.pass(t, time.Minute)
					if name == "a quote is open" { // a key on two lines is none
						r.want(t, tc.after)
						continue
					}
					r.want(t, strings.TrimSpace(tc.after+" behind"))
					if got := r.source.Trouble(); len(got) > 0 {
						t.Errorf("still troubled by %q", got)
					}
					continue
				}
				r.pass(t, 2*time.Minute)
				broken := ""
				for _, d := range r.data(t) {
					broken += d.Broken
				}
				if !strings.Contains(broken, tc.reason) || tc.reason == "" && broken != "" {
					t.Errorf("broken: %q, want %q", broken, tc.reason)
				}
				r.want(t, tc.never)
			}
		})
	}
}

func TestAFileThatCannotBeRead(t *testing.T) {
	for name, tc := range map[string]struct {
		content string
		locked  bool
		mend    func(*rig)
		says    []string
	}{
		"no permission":   {header + line("a"), true, func(r *rig) { r.files["optout_1.csv"].locked = false }, []string{"optout_1.csv", "may not be read"}},
		"columns missing": {"externalId,name\nk,Anna\n", false, func(r *rig) { r.put("optout_1.csv", header+line("a")) }, []string{"blackListEmail", "blackListTime", "settings"}},
		"no header":       {"4711,Anna,x,y,z\n", false, func(r *rig) { r.put("optout_1.csv", header+line("a")) }, []string{"externalId"}},
		"a column twice":  {"externalId," + header + line("a"), false, func(r *rig) { r.put("optout_1.csv", header+line("a")) }, []string{"externalId", "twice"}},
		"utf-16":          {"\xff\xfea\x00", false, func(r *rig) { r.put("optout_1.csv", header+line("a")) }, []string{"utf-16le", "encoding"}},
		"binary":          {"\x00\x01\xfe\n", false, func(r *rig) { r.put("optout_1.csv", header+line("a")) }, []string{"first line", "encoding"}},
		"a line without end": {strings.Repeat("x", 3*MaxLine), false, func(r *rig) { r.put("optout_1.csv", header+line("a")) },
			[]string{"first line", "longer"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(eight(), nil)
			r.put("optout_1.csv", tc.content)
			r.files["optout_1.csv"].locked = tc.locked
			r.put("optout_2.csv", header+line("behind"))
			r.pass(t, 5*time.Minute)
			r.want(t, "behind")
			if got := r.source.Trouble(); len(got) != 1 {
				t.Errorf("troubled by %q", got)
			}
			if strings.Contains(strings.Join(r.notices, ""), "Anna") {
				t.Error("the notice holds data (invariant 9)")
			}
			r.heard(t, tc.says...)
			opened := r.opened
			r.pass(t, time.Minute)
			if r.opened > opened+1 {
				t.Errorf("opened %d times a minute", r.opened-opened)
			}
			tc.mend(r)
			r.pass(t, 2*time.Minute)
			r.want(t, "a")
			if got := r.source.Trouble(); len(got) > 0 {
				t.Errorf("still troubled by %q", got)
			}
		})
	}
}

func TestEmptyFiles(t *testing.T) {
	r := newRig(eight(), nil)
	r.put("optout_1.csv", "")
	r.put("optout_2.csv", header)
	r.put("optout_3.csv", header)
	r.pass(t, 5*time.Minute)
	text := strings.Join(r.notices, "; ")
	for _, part := range []string{"optout_1.csv is empty", "optout_2.csv holds no lines", "optout_3.csv holds no lines"} {
		if strings.Count(text, part) != 1 {
			t.Errorf("%q is not said once in %q", part, text)
		}
	}
	if len(r.source.Trouble()) > 0 {
		t.Errorf("troubled by %q", r.source.Trouble())
	}
}

func TestLateFiles(t *testing.T) {
	r := newRig(eight(), nil)
	r.pass(t, time.Second)
	r.clock = r.clock.Add(25 * time.Hour)
	r.put("optout_1.csv", header+line("a"))
	r.pass(t, time.Minute)
	if len(r.notices) > 0 {
		t.Errorf("said %q", r.notices)
	}
	for range 3 {
		r.clock = r.clock.Add(25 * time.Hour)
		r.pass(t, time.Minute)
	}
	r.heard(t, "no export file optout_*.csv has come since 2026-01-03T13", "start it again")
	if len(r.source.Trouble()) != 1 {
		t.Errorf("troubled by %q", r.source.Trouble())
	}
	r.put("optout_2.csv", header+line("b"))
	r.pass(t, time.Minute)
	if len(r.source.Trouble()) != 0 {
		t.Errorf("troubled by %q", r.source.Trouble())
	}
	r.want(t, "a b")
}

func TestAFileThatIsTakenAwayHalfRead(t *testing.T) {
	r := newRig(eight(), nil)
	r.put("optout_1.csv", header+line("a")+line("b")+line("c")+line("d")+line("e"))
	for len(r.records) == 0 {
		if _, err := r.read(); err != nil {
			t.Fatal(err)
		}
		r.clock = r.clock.Add(time.Second)
	}
	delete(r.files, "optout_1.csv")
	r.restart()
	r.pass(t, time.Minute)
	r.heard(t, "optout_1.csv was taken away", "4 of its lines")
}

func TestALineThatCannotBeUsedSaysWhyAndNothingElse(t *testing.T) {
	for name, tc := range map[string]struct{ line, says string }{
		"columns":      {"secret,1,", "the line has 3 columns, the first line of the file has 5"},
		"no key":       {" ,1,,1,", "column externalId: a key of"},
		"a long key":   {strings.Repeat("s", 401) + ",1,,1,", "column externalId: a key of"},
		"value":        {"k,secret,,1,", "column blackList: one of true, 1, yes, false, 0, no is expected"},
		"time":         {"k,1,secret,1,", "column blackListTime: a time like 2019-09-25 23:20:35.000Z is expected"},
		"NUL":          {"k\x00,1,,1,", "NUL"},
		"not UTF-8":    {"k\xff,1,,1,", "is not text"},
		"bare quote":   {`k"ecret,1,,1,`, "quote"},
		"stray quote":  {`"k"x,1,,1,`, "quote in the wrong place"},
		"a giant line": {strings.Repeat("secret", MaxLine), "longer than 65536 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(eight(), nil)
			r.put("optout_1.csv", header+line("before")+tc.line+"\n"+line("after")+line("last"))
			r.pass(t, time.Minute)
			data := r.data(t)
			r.want(t, "before optout_1.csv:3 after last")
			got := data[1]
			if !strings.Contains(got.Broken, tc.says) || strings.Contains(got.Broken, "ecret") || got.Values != nil || got.Origin != "optout_1.csv:3" {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestTheConnectionMayFailAtAnyStep(t *testing.T) {
	r := newRig(eight(), nil)
	r.put("optout_1.csv", header+line("a")+line("b")+line("c")+line("d")+line("e"))
	r.put("optout_2.csv", header+line("f"))
	for failing := true; len(r.records) < 6; failing = !failing {
		if failing {
			r.failures = 1
		}
		if _, err := r.read(); err != nil && !fault.Is(err, fault.Transient) {
			t.Fatal(err)
		}
		r.clock = r.clock.Add(time.Second)
	}
	r.want(t, "a b c d e f")
}

func TestAFileThatIsReplacedWhileItIsRead(t *testing.T) {
	r := newRig(eight(), nil)
	r.put("optout_1.csv", header+line("a")+line("b")+line("c")+line("d")+line("e"))
	r.during = func() { r.put("optout_1.csv", header+line("x")) }
	r.pass(t, time.Minute)
	r.want(t, "a b c d e x") // the open one is read to its end
	r.heard(t, "replaced")
}

func TestPositionsAndFormatsThatMakeNoSense(t *testing.T) {
	r := newRig(eight(), nil)
	for _, text := range []string{"{", `{"v":0}`, `{"v":2,"future":1}`, `{"v":1,"files":[{"name":"b"},{"name":"a"}]}`, `{"v":1,"files":[{"name":"b","offset":-1}]}`} {
		if _, err := r.source.Read(context.Background(), record.Position(text)); !fault.Is(err, fault.Fatal) {
			t.Errorf("%s: %v", text, err)
		}
	}
	for want, f := range map[string]Format{
		"pattern":       {Pattern: "a/*.csv"},
		"delimiter":     {Delimiter: ";;"},
		"encoding":      {Encoding: "ebcdic"},
		"time format":   {TimeFormat: "whenever"},
		"no column":     {Values: map[string]string{}},
		"its value":     {Times: map[string]string{"blackList": "t"}},
		"of its own":    {Values: map[string]string{"blackList": "externalId"}},
		"stands for":    {True: []string{"X"}, False: []string{"x "}},
		"wrong pattern": {Pattern: "["},
	} {
		if f.Values == nil {
			f.Values = map[string]string{"blackListEmail": "e"}
		}
		s := newSource(r.memory, SourceConfig{Format: f})
		_, err := s.Read(context.Background(), nil)
		if !fault.Is(err, fault.Fatal) || !strings.Contains(err.Error(), strings.TrimPrefix(want, "wrong ")) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func TestAFolderOfTooManyFilesIsStillReadOnce(t *testing.T) {
	r := newRig(eight(), nil)
	const files = maxMarks + 50
	at := position{Format: positionFormat, Fresh: r.clock}
	for i := range files {
		name := fmt.Sprintf("optout_%05d.csv", i)
		r.put(name, header+line(fmt.Sprint("k", i)))
		if i != 40 {
			size := int64(len(r.files[name].content))
			at.Files = append(at.Files, mark{Name: name, Size: size, Modified: r.files[name].modified, Offset: size, Lines: 2, Rows: 1, Sum: strings.Repeat("0", 32)})
		}
	}
	var err error
	if r.position, err = at.encode(); err != nil {
		t.Fatal(err)
	}
	r.clock = r.clock.Add(time.Minute)
	r.put("optout_00003.csv", header+line("new"))
	r.put("optout_00004b.csv", header+line("newer"))
	r.pass(t, 20*time.Second)
	r.want(t, "new newer k40")
	r.restart()
	r.pass(t, 20*time.Second)
	r.want(t, "")
	if at, err = parsePosition(r.position); err != nil || at.Old == nil || len(at.Files) > maxMarks+1 || len(r.position) > 700_000 {
		t.Errorf("the position has %d bytes and %d files, %v", len(r.position), len(at.Files), err)
	}
}
