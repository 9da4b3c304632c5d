package form_test

import (
	"encoding/json"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/causeway-sync/causeway/pkg/form"
)

type line struct {
	Column string `json:"column"`
	On     bool   `json:"on"`
}

type document struct {
	Name   string            `json:"name"`
	Hours  int               `json:"hours"`
	On     bool              `json:"on,omitempty"`
	Lines  []line            `json:"lines"`
	Words  []string          `json:"words"`
	Named  map[string]string `json:"named"`
	Inside struct {
		Deep []line `json:"deep"`
		Word string `json:"word"`
	} `json:"inside"`
}

const stored = `{"name":"a","hours":3,"on":true,"lines":[{"column":"x","on":true},{"column":"y","on":false}],"words":["p","q"],"named":{"k":"v"},"inside":{"deep":[],"word":"w"}}`

// fill is the stored document with a form's values in it.
func fill(t *testing.T, encoded string) string {
	t.Helper()
	tree, err := form.Read([]byte(stored))
	if err != nil {
		t.Fatal(err)
	}
	values, err := url.ParseQuery(encoded)
	if err != nil {
		t.Fatal(err)
	}
	tree.Fill(reflect.TypeFor[document](), values)
	data, err := tree.JSON()
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestFill(t *testing.T) {
	for name, c := range map[string]struct {
		form string
		want string // what differs from the stored document
	}{
		"nothing changes nothing":           {"", `{}`},
		"texts, numbers and yes-or-no":      {"name=b&hours=+12+&on=false", `{"name":"b","hours":12,"on":false}`},
		"the last of a checkbox counts":     {"on=false&on=true", `{"on":true}`},
		"what is no number stays a text":    {"hours=soon&on=maybe", `{"hours":"soon","on":"maybe"}`},
		"members in place":                  {"lines[1].column=z", `{"lines":[{"column":"x","on":true},{"column":"z","on":false}]}`},
		"members beyond the list":           {"lines[2].column=z", `{}`},
		"a whole list closes up in order":   {"list=lines&lines[900000000].column=c&lines[10].column=b&lines[9].column=a&lines[9].on=true", `{"lines":[{"column":"a","on":true},{"column":"b"},{"column":"c"}]}`},
		"a whole list without members":      {"list=lines", `{"lines":[]}`},
		"a whole list inside":               {"list=inside.deep&inside.deep[3].column=d&inside.word=v", `{"inside":{"deep":[{"column":"d"}],"word":"v"}}`},
		"texts as lines":                    {"words=+a%0D%0A%0D%0Ab+c%0D%0A", `{"words":["a","b c"]}`},
		"named texts as lines":              {"named=a+%3D+1%0Ab%0Ac=d=e", `{"named":{"a":"1","b":"","c":"d=e"}}`},
		"unknown names":                     {"nope=1&lines=x&inside=y&lines[0].nope=1&name.x=2&words[0]=z&named.k=z&list=nope&list=words&revision=3", `{}`},
		"broken names":                      {"lines[x].column=1&lines[0.column=1&lines[-1].column=1&.name=1&lines[0]x.column=2&[0]=1", `{}`},
		"a line break of a text field":      {"name=a%0D%0Ab", `{"name":"a\nb"}`},
		"a name that stands nowhere before": {"list=lines&lines[0].on=true", `{"lines":[{"on":true}]}`},
	} {
		t.Run(name, func(t *testing.T) {
			want, got := map[string]any{}, map[string]any{}
			for _, text := range []string{stored, c.want} {
				if err := json.Unmarshal([]byte(text), &want); err != nil {
					t.Fatal(err)
				}
			}
			if err := json.Unmarshal([]byte(fill(t, c.form)), &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTextOfSettings(t *testing.T) {
	tree, err := form.Read([]byte(stored))
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{"name": "a", "hours": "3", "on": "true", "lines[1].column": "y", "words": "p\nq", "named": "k = v", "nope": "", "lines[7].column": "", "": ""} {
		if got := tree.Text(path); got != want {
			t.Errorf("%s is %q, want %q", path, got, want)
		}
	}
	if !tree.Is("lines[0].on") || tree.Is("lines[1].on") || tree.Is("name") || tree.Len("lines") != 2 || tree.Len("name") != 0 {
		t.Error("yes-or-no values or lengths are wrong")
	}
}

func TestMembersComeAndGo(t *testing.T) {
	tree, err := form.Of(document{Name: "n"})
	if err != nil {
		t.Fatal(err)
	}
	for i, column := range []string{"a", "b", "c"} {
		if at, want := tree.Append("lines", map[string]any{"column": column}), "lines["+string(rune('0'+i))+"]"; at != want {
			t.Errorf("added at %s, want %s", at, want)
		}
	}
	if !tree.Remove("lines[1]") || tree.Remove("lines[2]") || tree.Remove("lines") || tree.Remove("nope[0]") || tree.Remove("") {
		t.Error("what was removed is wrong")
	}
	if tree.Len("lines") != 2 || tree.Text("lines[1].column") != "c" {
		t.Errorf("%d members, the last %q", tree.Len("lines"), tree.Text("lines[1].column"))
	}
}

func TestReadRefusesWhatIsNoObject(t *testing.T) {
	for _, text := range []string{"", "[]", "{", `"x"`} {
		if _, err := form.Read([]byte(text)); err == nil {
			t.Errorf("%q was read", text)
		}
	}
	if tree, err := form.Read([]byte("null")); err != nil || tree.Text("x") != "" {
		t.Errorf("null: %v", err)
	}
}

// FuzzFill: no form breaks a document, makes it much larger than itself, or adds a setting that its type does not have.
func FuzzFill(f *testing.F) {
	f.Add("list=lines&lines[3].column=a&lines[3].on=true&hours=1")
	f.Add("words=a%0Ab&named=a%3Db&inside.word=x&on=false&on=true")
	f.Fuzz(func(t *testing.T, encoded string) {
		values, err := url.ParseQuery(encoded)
		if err != nil {
			return
		}
		tree, err := form.Read([]byte(stored))
		if err != nil {
			t.Fatal(err)
		}
		tree.Fill(reflect.TypeFor[document](), values)
		data, err := tree.JSON()
		if err != nil {
			t.Fatal(err)
		}
		if len(data) > 4096+64*len(encoded) {
			t.Errorf("%d bytes of form became %d of document", len(encoded), len(data))
		}
		dec := json.NewDecoder(strings.NewReader(string(data)))
		dec.DisallowUnknownFields()
		var doc document
		if err := dec.Decode(&doc); err != nil && strings.Contains(err.Error(), "unknown field") {
			t.Error(err)
		}
	})
}
