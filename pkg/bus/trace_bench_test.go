package bus_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/bus/bustest"
	"github.com/causeway-sync/causeway/pkg/record"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// BenchmarkFind looks for the oldest of 200,000 records of 1 KiB: through the key log of ingress, and through the headers of
// egress, which keeps none.
func BenchmarkFind(b *testing.B) {
	const records = 200_000
	row := json.RawMessage(`{"text":"` + strings.Repeat("x", 1000) + `"}`)
	for _, id := range []workflow.ID{workflow.Ingress, workflow.Egress} {
		b.Run(string(id), func(b *testing.B) {
			conn := bustest.New(b)
			queue := bus.NewQueue(conn, id)
			on, err := queue.Checkpoint(b.Context(), "contact")
			if err != nil {
				b.Fatal(err)
			}
			for n := 0; n < records; n += bus.MaxPage {
				page := make([]record.Record, bus.MaxPage)
				for i := range page {
					page[i] = record.Record{Source: "contact", Key: fmt.Sprintf("00000000-0000-0000-0000-%012d", n+i), Op: record.Upsert, ReadAt: time.Now(), Data: row}
				}
				if on, err = queue.Append(b.Context(), "contact", page, on, record.Position(fmt.Sprint(n))); err != nil {
					b.Fatal(err)
				}
			}
			for b.Loop() {
				ctx, cancel := context.WithTimeout(b.Context(), 5*time.Minute)
				found, err := bus.NewQueues(conn).Find(ctx, id, "00000000-0000-0000-0000-000000000007")
				cancel()
				if err != nil || len(found.Sightings) != 1 || !found.Complete {
					b.Fatalf("%+v, %v", found, err)
				}
			}
			b.ReportMetric(records*float64(b.N)/b.Elapsed().Seconds(), "records/s")
		})
	}
}
