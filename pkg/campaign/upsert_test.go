package campaign_test

import (
	"testing"
	"testing/synctest"

	"github.com/causeway-sync/causeway/pkg/campaign/campaigntest"
)

// What is for new rows only is sent with a creation, whichever step makes it, and never to a row that exists.
func TestOnCreateIsForNewRowsOnly(t *testing.T) {
	for _, likelyNew := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			h := start(t, campaigntest.Options{}, nil)
			write := func(first, last string) {
				t.Helper()
				w := profile("a", likelyNew, map[string]any{"firstName": first})
				w.OnCreate = map[string]any{"lastName": last}
				if _, err := h.client.Upsert(t.Context(), w); err != nil {
					t.Fatal(err)
				}
			}
			write("one", "made")
			write("two", "not again")
			row := h.Profiles()["a"]
			if row["firstName"] != "two" || row["lastName"] != "made" {
				t.Errorf("likely new %v: %v %v, want two and made", likelyNew, row["firstName"], row["lastName"])
			}
		})
	}
}
