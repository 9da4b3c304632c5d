package bus

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/causeway-sync/causeway/pkg/workflow"
)

// Trend keeps a sample a minute of how each workflow was, for a little more than a day: the admin service that draws it may
// be restarted, and there may be several. They all take samples, and the server keeps one of each minute: its message id is
// the workflow and the minute.
type Trend struct{ c *Conn }

// NewTrend binds to the stream; nothing is opened.
func NewTrend(c *Conn) *Trend { return &Trend{c: c} }

// TrendSubject is where the samples of a workflow stand, oldest first.
func TrendSubject(id workflow.ID) string { return prefix + "trend." + string(id) }

const (
	// TrendMaxAge is how long samples are kept.
	TrendMaxAge = 25 * time.Hour
	// trendDuplicates is how far apart the clocks of two that sample may be.
	trendDuplicates = 10 * time.Minute
	// trendRead is how many samples are read at once: more than there are, unless somebody publishes by hand.
	trendRead = 2000
)

// Add stores a sample, unless there is one of its minute.
func (t *Trend) Add(ctx context.Context, id workflow.ID, sample workflow.Sample) error {
	data, err := json.Marshal(sample)
	if err != nil {
		return fmt.Errorf("encode a sample: %w", err)
	}
	msg := nats.NewMsg(TrendSubject(id))
	msg.Data = data
	msg.Header.Set(jetstream.MsgIDHeader, fmt.Sprintf("%s %d", id, sample.At.Unix()/60))
	_, err = t.c.js.PublishMsg(ctx, msg)
	return classify(err, "storing a sample of the trend")
}

// After returns the samples of a workflow that stand behind a place, oldest first, and the place of the last one.
func (t *Trend) After(ctx context.Context, id workflow.ID, place uint64) ([]workflow.Sample, uint64, error) {
	stream, err := t.c.js.Stream(ctx, StreamTrend)
	if err != nil {
		return nil, place, classify(err, "opening the trend")
	}
	if stream.CachedInfo().State.LastSeq < place { // The stream was made anew, and counts from the beginning.
		place = 0
	}
	var samples []workflow.Sample
	behind := stretch{stream: StreamTrend, subject: TrendSubject(id), from: place + 1, limit: trendRead}
	for msg, err := range t.c.stored(ctx, behind, "reading the trend") {
		if err != nil {
			return nil, place, err
		}
		place = msg.Sequence
		var sample workflow.Sample
		if json.Unmarshal(msg.Data, &sample) == nil { // Anybody can publish.
			samples = append(samples, sample)
		}
	}
	return samples, place, nil
}
