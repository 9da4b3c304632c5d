package campaigntest_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/causeway-sync/causeway/pkg/campaign/campaigntest"
)

// BenchmarkPost is 64 writers creating profiles over the loopback; client and simulator share the machine.
func BenchmarkPost(b *testing.B) {
	s := open(b, campaigntest.Options{KeepWrites: -1})
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	var n atomic.Int64
	b.SetParallelism(64 / runtime.GOMAXPROCS(0))
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			body := fmt.Appendf(nil, `{"externalId":"c0ffee00-0000-4000-8000-%012d","firstName":"Ann","lastName":"Lee","email":"ann.lee@example.com","phone":"+1 555 0100","birthDate":"1990-02-03","gender":"female"}`, n.Add(1))
			req, err := http.NewRequest("POST", s.web.URL+"/sandbox/campaign"+profiles, bytes.NewReader(body))
			if err != nil {
				b.Fatal(err)
			}
			req.Header = s.header
			resp, err := client.Do(req)
			if err != nil {
				b.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
			if resp.StatusCode != 201 {
				b.Fatal(resp.Status)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "posts/s")
}

// BenchmarkMemory is what a stored profile costs.
func BenchmarkMemory(b *testing.B) {
	s := campaigntest.New(campaigntest.Options{KeepWrites: -1})
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range b.N {
		row := map[string]any{
			"externalId": fmt.Sprintf("c0ffee00-0000-4000-8000-%012d", i), "firstName": "Ann", "lastName": "Lee", "email": "ann.lee@example.com",
			"phone": "+1 555 0100", "birthDate": "1990-02-03", "gender": "female",
		}
		if err := s.Put("profile", row); err != nil {
			b.Fatal(err)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(b.N), "bytes/row")
	runtime.KeepAlive(s)
}
