package truth_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/causeway-sync/causeway/deploy/internal/truth"
)

func TestDifferences(t *testing.T) {
	contacts := map[string]map[string]any{
		"equal":   {"lastname": "Ångström", "gendercode": 2, "telephone1": nil},
		"shorter": {"firstname": strings.Repeat("é", 31), "gendercode": nil},
		"missing": {}, "other": {"lastname": "Old"},
	}
	profile := func(last, first, gender string) map[string]any {
		return map[string]any{"lastName": last, "firstName": first, "gender": gender, "email": "", "age": 40}
	}
	got := truth.Differences(maps.All(contacts), map[string]map[string]any{
		"equal": profile("Ångström", "", "female"), "shorter": profile("", strings.Repeat("é", 30), "unknown"),
		"other": profile("New", "", "unknown"), "stray": profile("", "", "unknown"),
	})
	slices.Sort(got)
	want := []string{"missing is missing in Campaign", `other lastName is "New", want "Old"`, "stray is in Campaign and not in Dynamics"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
