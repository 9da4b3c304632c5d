package campaign_test

import (
	"fmt"
	"net/http/httptest"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/causeway-sync/causeway/pkg/campaign"
	"github.com/causeway-sync/causeway/pkg/campaign/campaigntest"
)

// BenchmarkUpsert is 64 callers inserting over the loopback. BenchmarkPost of campaigntest is the same with bare net/http.
func BenchmarkUpsert(b *testing.B) {
	sim := campaigntest.New(campaigntest.Options{KeepWrites: -1})
	web := httptest.NewServer(sim.Handler())
	defer web.Close()
	c, err := campaign.New(campaign.Config{
		URL: web.URL + "/sandbox", TokenURL: web.URL + "/ims/token/v3", ClientID: "causeway", ClientSecret: "causeway-sandbox",
	})
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	var n atomic.Int64
	b.SetParallelism(64 / runtime.GOMAXPROCS(0))
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			w := profile(fmt.Sprintf("c0ffee00-0000-4000-8000-%012d", n.Add(1)), true, map[string]any{
				"firstName": "Ann", "lastName": "Lee", "email": "ann.lee@example.com", "phone": "+1 555 0100", "birthDate": "1990-02-03", "gender": "female",
			})
			if got, err := c.Upsert(b.Context(), w); err != nil || got != campaign.Created {
				b.Errorf("%v %v", got, err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "upserts/s")
}
