package config_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

func TestDiffInWords(t *testing.T) {
	for _, tc := range []struct {
		name          string
		before, after string
		want          []string
	}{
		{"nothing", `{"a":1}`, ` { "a" : 1 } `, nil},
		{"nothing was there", ``, `{"mappings":[]}`, []string{"mappings added"}},
		{"null and empty mean the same", `{"mappings":null}`, `{"mappings":[]}`, nil},
		{"a value", `{"events":{"send":false}}`, `{"events":{"send":true}}`, []string{"events.send changed from false to true"}},
		{"a text as it is", `{"a":"<b>"}`, `{"a":"&"}`, []string{`a changed from "<b>" to "&"`}},
		{"a long text", `{"a":"` + strings.Repeat("x", 80) + `"}`, `{"a":"y"}`, []string{`a changed from another value to "y"`}},
		{"another kind", `{"a":[]}`, `{"a":{}}`, []string{"a changed from [] to {}"}},
		{"another document", `{"a":1}`, `[]`, []string{`the document changed from {"a":1} to []`}},
		{"a mapping by its table", `{"mappings":[{"table":"contact"}]}`, `{"mappings":[{"table":"account"},{"table":"contact"}]}`, []string{"mappings[account] added"}},
		{"a field by its name", `{"mappings":[{"table":"contact","fields":[{"column":"a","field":"x"},{"column":"b","field":"y"}]}]}`,
			`{"mappings":[{"table":"contact","fields":[{"column":"c","field":"y"},{"column":"d","field":"z"}]}]}`,
			[]string{"mappings[contact].fields[x] removed", `mappings[contact].fields[y].column changed from "b" to "c"`, "mappings[contact].fields[z] added"}},
		{"a replacement by its value", `{"r":[{"column":"g","from":"1","to":"m"},{"column":"g","from":"2","to":"f"}]}`, `{"r":[{"column":"g","from":"2","to":"w"}]}`,
			[]string{"r[g=1] removed", `r[g=2].to changed from "f" to "w"`}},
		{"rules of one column", `{"rules":[{"column":"s","value":"1"},{"column":"s","value":"2"}]}`, `{"rules":[{"column":"s","value":"1"},{"column":"s","value":"3"}]}`,
			[]string{`rules[s#2].value changed from "2" to "3"`}},
		{"the order", `{"m":[{"table":"a"},{"table":"b"}]}`, `{"m":[{"table":"b"},{"table":"a"}]}`, []string{"m reordered"}},
		{"members without a name", `{"l":[1,2]}`, `{"l":[1,3,4]}`, []string{"l[1] changed from 2 to 3", "l[2] added"}},
		{"texts", `{"l":["a","b"]}`, `{"l":["a","c","d"]}`, []string{"l[b] removed", "l[c] added", "l[d] added"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := config.Diff([]byte(tc.before), []byte(tc.after))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	for _, pair := range [][2]string{{"{", "{}"}, {"{}", "{"}} {
		if _, err := config.Diff([]byte(pair[0]), []byte(pair[1])); err == nil {
			t.Errorf("%q could be compared", pair)
		}
	}
}

// document draws an ingress document; it need not be valid, only storable.
func document(t *rapid.T, label string) *config.IngressDoc {
	name := rapid.SampledFrom([]string{"a", "b", "c", ""})
	doc := &config.IngressDoc{Mappings: []config.Mapping{}}
	for range rapid.IntRange(0, 3).Draw(t, label) {
		doc.Mappings = append(doc.Mappings, config.Mapping{
			Table: name.Draw(t, "table"), Resource: name.Draw(t, "resource"), Key: config.Key{Column: name.Draw(t, "column"), Field: name.Draw(t, "field")},
			Fields: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) config.FieldMapping {
				return config.FieldMapping{Column: name.Draw(t, "column"), Field: name.Draw(t, "field"), ApplyUpdates: rapid.Bool().Draw(t, "updates")}
			}), 0, 3).Draw(t, "fields"),
			Replacements: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) config.Replacement {
				return config.Replacement{Column: name.Draw(t, "column"), From: name.Draw(t, "from"), To: name.Draw(t, "to")}
			}), 0, 3).Draw(t, "replacements"),
			ApplyDeletes: rapid.Bool().Draw(t, "deletes"), TechnicalPicklistValues: rapid.Bool().Draw(t, "technical"),
		})
	}
	return doc
}

func encode(t rapid.TB, doc config.Document) []byte {
	data, err := config.Encode(doc)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestDiffIsSilentExactlyForEqualDocuments, also when they differ in nothing but the order or in members of one name.
func TestDiffIsSilentExactlyForEqualDocuments(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := encode(t, document(t, "before")), encode(t, document(t, "after"))
		changes, err := config.Diff(a, b)
		if err != nil {
			t.Fatal(err)
		}
		if equal := string(a) == string(b); equal != (len(changes) == 0) {
			t.Fatalf("equal: %v, changes %q\n%s\n%s", equal, changes, a, b)
		}
		if same, err := config.Diff(a, a); err != nil || len(same) != 0 {
			t.Fatalf("with itself: %q, %v", same, err)
		}
	})
}

// TestEveryChangeIsNamed edits any set of leaves: there is one sentence for each, with its path, and no other.
func TestEveryChangeIsNamed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := rapid.SampledFrom(workflow.All()).Draw(t, "workflow")
		before := encode(t, config.Default(id))
		var tree map[string]any
		if err := json.Unmarshal(before, &tree); err != nil {
			t.Fatal(err)
		}
		var want []string
		edit(t, "", tree, &want)
		after, err := json.Marshal(tree)
		if err != nil {
			t.Fatal(err)
		}
		changes, err := config.Diff(before, after)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, c := range changes {
			path, _, found := strings.Cut(c, " changed from ")
			if !found {
				t.Fatalf("%q", c)
			}
			got = append(got, path)
		}
		slices.Sort(want)
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	})
}

// edit changes some leaves of a tree, not those by which members are recognised, and notes their paths.
func edit(t *rapid.T, path string, object map[string]any, edited *[]string) {
	for _, name := range slices.Sorted(keysOf(object)) {
		at := strings.TrimPrefix(path+"."+name, ".")
		switch v := object[name].(type) {
		case map[string]any:
			edit(t, at, v, edited)
		case []any:
			for _, member := range v {
				m, ok := member.(map[string]any)
				if !ok { // A text in a list names itself.
					continue
				}
				edit(t, fmt.Sprintf("%s[%s]", at, nameOf(m)), m, edited)
			}
		case bool:
			if rapid.Bool().Draw(t, at) {
				object[name] = !v
				*edited = append(*edited, at)
			}
		case float64:
			if rapid.Bool().Draw(t, at) {
				object[name] = v + 1
				*edited = append(*edited, at)
			}
		case string:
			naming := strings.Contains(path, "]") && slices.Contains([]string{"table", "field", "from"}, name) || (name == "column" && object["from"] != nil)
			if !naming && rapid.Bool().Draw(t, at) {
				object[name] = v + "x"
				*edited = append(*edited, at)
			}
		}
	}
}

func nameOf(member map[string]any) string {
	if from, ok := member["from"]; ok {
		return fmt.Sprintf("%s=%s", member["column"], from)
	}
	for _, key := range []string{"table", "field"} {
		if name, ok := member[key].(string); ok {
			return name
		}
	}
	return ""
}

func keysOf(object map[string]any) func(func(string) bool) {
	return func(yield func(string) bool) {
		for name := range object {
			if !yield(name) {
				return
			}
		}
	}
}

// TestDifferIsDiffInARow: whatever documents follow each other, told one by one, the changes are those of each pair.
func TestDifferIsDiffInARow(t *testing.T) {
	docs := []string{`{"mappings":[{"table":"a","n":1},{"table":"b"}]}`, `{"mappings":[{"table":"b"},{"table":"a","n":1}]}`, `{"mappings":[{"table":"b"}],"x":1.0}`, ``,
		`{"mappings":[{"table":"b"}],"x":{"y":[1,2]}}`, `[1]`, `{"mappings":null}`, `{"mappings":[]}`, `{"mappings":[{"table":"b"},{"table":"b"}]}`, `{"mappings":[{"table":"b"}]}`}
	var d config.Differ
	for i, doc := range docs {
		got, err := d.Next([]byte(doc))
		if err != nil {
			t.Fatalf("%s: %v", doc, err)
		}
		if i == 0 {
			if got != nil {
				t.Errorf("the first changed %v", got)
			}
			continue
		}
		want, err := config.Diff([]byte(docs[i-1]), []byte(doc))
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s after %s: %q, want %q (%v)", doc, docs[i-1], got, want, err)
		}
	}
	if _, err := d.Next([]byte(`{"mappings":[`)); err == nil {
		t.Error("half a document was compared")
	}
}
