package exportfile

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
)

// scanned reads a text to its end and shows what came, "line: cells" or "line! reason", and "~" for what is cut.
func scanned(t testing.TB, in io.Reader, encoding string, size int64) []string {
	t.Helper()
	f := format{coding: codings()[encoding], delimiter: ','}
	s := newScanner(in, f)
	var all []string
	for {
		r, err := s.peek()
		if errors.Is(err, io.EOF) {
			if s.offset != size {
				t.Fatalf("ended at %d of %d", s.offset, size)
			}
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		at := s.offset
		if err := s.take(r); err != nil || s.offset <= at {
			t.Fatalf("from %d to %d: %v", at, s.offset, err)
		}
		switch {
		case r.blank():
			continue
		case r.fault != nil:
			all = append(all, fmt.Sprintf("%d! %v", r.line, r.fault))
		default:
			all = append(all, fmt.Sprintf("%d: %s", r.line, strings.Join(r.cells, "|")))
		}
		if r.cut {
			all[len(all)-1] += " ~"
		}
	}
}

func TestScan(t *testing.T) {
	long := strings.Repeat("x", MaxLine)
	for name, tc := range map[string]struct {
		text string
		want []string
	}{
		"plain":                    {"a,b\nc,d\n", []string{"1: a|b", "2: c|d"}},
		"CRLF":                     {"a,b\r\nc,d\r\n", []string{"1: a|b", "2: c|d"}},
		"blank lines":              {"\na,b\n\n\r\nc,d\n", []string{"2: a|b", "5: c|d"}},
		"quotes":                   {"\"a,1\",\"b \"\"2\"\"\"\nc,\n", []string{`1: a,1|b "2"`, "2: c|"}},
		"breaks in quotes":         {"a,\"x\ny\r\nz\"\nb,c\n", []string{"1: a|x\ny\nz", "4: b|c"}},
		"a forgotten quote":        {"a,\"b\nc,d\ne,f\n", []string{"1! " + errOpen.Error(), "2: c|d", "3: e|f"}},
		"two forgotten quotes":     {"a,\"b\nc,d\ne,\"f\ng,h\n", []string{"1! " + errQuote.Error(), "2: c|d", "3! " + errOpen.Error(), "4: g|h"}},
		"a bare quote":             {"a\"b,c\nd,e\n", []string{"1! " + errOpen.Error(), "2: d|e"}},
		"a long line":              {"a,b\n" + long + "\nc,d\n", []string{"1: a|b", "2! " + errLong.Error(), "3: c|d"}},
		"a very long line":         {long + long + long + "yz\nc,d\n", []string{"1! " + errLong.Error(), "2: c|d"}},
		"a long quote":             {"a,\"" + strings.Repeat("x\n", MaxLine/2) + "\"\n", nil},
		"no line break at the end": {"a,b\nc,d", []string{"1: a|b", "2: c|d ~"}},
		"open at the end":          {"a,b\nc,\"d\ne", []string{"1: a|b", "2! " + errOpen.Error() + " ~", "3: e ~"}},
		"one long line, cut":       {long + "x", []string{"1! " + errLong.Error()}},
		"NUL":                      {"a\x00,b\nc,d\n", []string{"1! " + errNUL.Error(), "2: c|d"}},
		"empty":                    {"", nil},
	} {
		t.Run(name, func(t *testing.T) {
			got := scanned(t, iotest.HalfReader(strings.NewReader(tc.text)), "utf-8", int64(len(tc.text)))
			if name == "a long quote" {
				if len(got) < 100 || !strings.HasPrefix(got[0], "1! ") || got[1] != "2: x" {
					t.Errorf("%d rows, first %q", len(got), got[:2])
				}
				return
			}
			if strings.Join(got, "\n") != strings.Join(tc.want, "\n") {
				t.Errorf("got  %.300q\nwant %.300q", got, tc.want)
			}
		})
	}
}

func TestEncodings(t *testing.T) {
	const text = "é,ß\nc,\"x\ny\"\nÿ,z\n"
	for name, encode := range map[string]func(string) (string, error){
		"utf-8":        func(s string) (string, error) { return s, nil },
		"utf-16le":     unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM).NewEncoder().String,
		"iso-8859-1":   charmap.ISO8859_1.NewEncoder().String,
		"windows-1252": charmap.Windows1252.NewEncoder().String,
	} {
		raw, err := encode(text)
		if err != nil {
			t.Fatal(err)
		}
		got := strings.Join(scanned(t, strings.NewReader(raw), name, int64(len(raw))), "; ")
		if got != "1: é|ß; 2: c|x\ny; 4: ÿ|z" {
			t.Errorf("%s: %q", name, got)
		}
	}
	for name, raw := range map[string]string{"utf-8": "a\xe9,b\n", "utf-16le": "\x00\xd8\n\x00", "windows-1252": "a\x81,b\n"} {
		if got := scanned(t, strings.NewReader(raw), name, int64(len(raw))); len(got) != 1 || got[0] != "1! "+errText.Error() {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// Whatever bytes a file holds, it is read to its end, every row stands where it says, and a page border changes nothing.
func FuzzScan(f *testing.F) {
	for _, seed := range []string{"a,b\n", "\"a\nb\",c\r\n", "a,\"b\nc\n", "\xff\xfea\x00\n\x00", "\x00", "a\"\n\"b", strings.Repeat("x", MaxLine+1) + "\n"} {
		for i := range 4 {
			f.Add([]byte(seed), uint8(i))
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte, kind uint8) {
		encoding := []string{"utf-8", "utf-16le", "iso-8859-1", "windows-1252"}[kind%4]
		all := scanned(t, strings.NewReader(string(raw)), encoding, int64(len(raw)))
		again := scanned(t, iotest.HalfReader(strings.NewReader(string(raw))), encoding, int64(len(raw)))
		if strings.Join(all, "\n") != strings.Join(again, "\n") {
			t.Errorf("%q and %q", all, again)
		}
	})
}

func TestMoments(t *testing.T) {
	for form, texts := range map[string]map[string]string{
		"campaign":                  {"2019-09-25 23:20:35.000Z": "2019-09-25T23:20:35Z", "2019-09-25 23:20:35.123456Z": "2019-09-25T23:20:35.123456Z", "2019-09-25 23:20:35": "", "soon": ""},
		"2006-01-02 15:04:05.000Z":  {"2019-09-25 23:20:35.5Z": "2019-09-25T23:20:35.5Z"},
		"rfc3339":                   {"2019-09-25T23:20:35+02:00": "2019-09-25T21:20:35Z"},
		"unix":                      {"1569453635": "2019-09-25T23:20:35Z", "-1": "", "9999999999999": "", "1.5": ""},
		"unix-ms":                   {"1569453635123": "2019-09-25T23:20:35.123Z"},
		"DD.MM.YYYY hh:mm:ss":       {"25.09.2019 23:20:35": "2019-09-25T23:20:35Z", "25.9.2019 23:20:35": "", "31.02.2019 00:00:00": ""},
		"YYYY-MM-DD hh:mm:ss.SSS Z": {"2019-09-25 23:20:35.250 +01:00": "2019-09-25T22:20:35.25Z"},
	} {
		m, err := newMoment(form)
		if err != nil {
			t.Errorf("%s: %v", form, err)
			continue
		}
		for text, want := range texts {
			got, err := m.parse(text)
			if shown := got.Format("2006-01-02T15:04:05.999999999Z07:00"); err == nil && shown != want || err != nil && want != "" {
				t.Errorf("%s of %s: %s %v, want %s", text, form, shown, err, want)
			}
		}
	}
	for _, form := range []string{"whenever", "YYYY-MM-DD", "hh:mm:ss"} {
		if _, err := newMoment(form); err == nil {
			t.Errorf("%s is taken for a time", form)
		}
	}
}
