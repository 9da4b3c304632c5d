package config_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/causeway-sync/causeway/pkg/config"
)

func TestCompareKeepsBothSides(t *testing.T) {
	before := []byte(`{"mappings":[{"table":"contact","applyDeletes":true,"fields":[{"field":"a","column":"x"},{"field":"b","column":"y"}]}],"note":"<&>"}`)
	after := []byte(`{"mappings":[{"table":"contact","applyDeletes":false,"fields":[{"field":"b","column":"y"},{"field":"a","column":"x"}]},{"table":"account"}]}`)
	got, err := config.Compare(before, after)
	if err != nil {
		t.Fatal(err)
	}
	field := func(name, column string) any { return map[string]any{"field": name, "column": column} }
	want := []config.Change{
		{Path: "mappings[account]", Kind: config.Added, After: map[string]any{"table": "account"}},
		{Path: "mappings[contact].applyDeletes", Kind: config.Changed, Before: true, After: false},
		{Path: "mappings[contact].fields", Kind: config.Reordered, Before: []any{field("a", "x"), field("b", "y")}, After: []any{field("b", "y"), field("a", "x")}},
		{Path: "note", Kind: config.Removed, Before: "<&>"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	said := []string{"mappings[account] added", "mappings[contact].applyDeletes changed from true to false", "mappings[contact].fields reordered", "note removed"}
	if sentences, err := config.Diff(before, after); err != nil || !cmp.Equal(said, sentences) {
		t.Errorf("%q, %v", sentences, err)
	}
	if _, err := config.Compare(before, []byte("{")); err == nil {
		t.Error("half a document is compared")
	}
}
