package exportfile

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
)

// BenchmarkRead reads a file of a million lines, page by page, and tells how much memory it takes beside the file.
func BenchmarkRead(b *testing.B) {
	const lines = 1_000_000
	var text strings.Builder
	text.WriteString(header)
	for i := range lines {
		text.WriteString(line(fmt.Sprintf("%08d-0000-4000-8000-000000000000", i)))
	}
	for b.Loop() {
		r := newRig(eight(), func(c *SourceConfig) { c.Limit = MaxLimit })
		r.put("optout_1.csv", text.String())
		var before, peak runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		read := 0
		for read < lines {
			page, err := r.source.Read(context.Background(), r.position)
			if err != nil {
				b.Fatal(err)
			}
			if r.position = page.Next; len(page.Records) == 0 {
				r.clock = r.clock.Add(time.Second)
			}
			if read += len(page.Records); read%(MaxLimit*100) == 0 {
				runtime.GC()
				runtime.ReadMemStats(&peak)
				b.ReportMetric(float64(int64(peak.HeapAlloc)-int64(before.HeapAlloc)-int64(text.Len()))/1e6, "MB/beside")
			}
		}
	}
	b.ReportMetric(lines*float64(b.N)/b.Elapsed().Seconds(), "lines/s")
}
