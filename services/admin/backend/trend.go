package backend

import (
	"context"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// trends follows the trend of every workflow. The samples stand on the bus; what is held here is read from there, so that it
// survives a restart and every admin service shows the same.
type trends struct {
	bus *bus.Trend
	log *zap.Logger
	// following is held through a whole look, so that no sample is appended twice.
	following sync.Mutex
	sampled   time.Time // the minute of the last sample, guarded by following

	mu sync.Mutex
	of map[workflow.ID]*trend // guarded by mu, with what it points to
}

// trend is the samples of one workflow, one a minute, oldest first.
type trend struct {
	samples []workflow.Sample
	place   uint64 // of the last that was read
}

func newTrends(conn *bus.Conn, log *zap.Logger) *trends {
	t := &trends{bus: bus.NewTrend(conn), log: log, of: map[workflow.ID]*trend{}}
	for _, id := range workflow.All() {
		t.of[id] = &trend{}
	}
	return t
}

// follow takes a sample of every workflow where a minute has begun, and reads what others have sampled. Take returns false
// for a workflow of which nothing certain is known now: a gap is better than a wrong number.
func (t *trends) follow(ctx context.Context, now time.Time, take func(workflow.ID) (workflow.Sample, bool)) {
	t.following.Lock()
	defer t.following.Unlock()
	minute := now.Truncate(time.Minute)
	if minute.Equal(t.sampled) {
		return
	}
	t.sampled = minute
	for _, id := range workflow.All() {
		if sample, ok := take(id); ok {
			sample.At = now.UTC().Truncate(time.Second)
			t.note(ctx, id, t.bus.Add(ctx, id, sample))
		}
		t.note(ctx, id, t.read(ctx, id, now))
	}
}

func (t *trends) note(ctx context.Context, id workflow.ID, err error) {
	if err != nil && ctx.Err() == nil {
		t.log.Warn("the trend has a gap", zap.String("workflow", string(id)), zap.String("why", fault.Message(err)))
	}
}

// read takes over what stands on the bus behind what is known.
func (t *trends) read(ctx context.Context, id workflow.ID, now time.Time) error {
	t.mu.Lock()
	place := t.of[id].place
	t.mu.Unlock()
	fresh, place, err := t.bus.After(ctx, id, place)
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	one := t.of[id]
	one.place = place
	one.samples = joined(one.samples, fresh, now)
	return nil
}

// joined adds samples to a trend: in the order of their times, one a minute, none from the future or older than they are
// kept, whatever somebody has published.
func joined(known, fresh []workflow.Sample, now time.Time) []workflow.Sample {
	all := slices.Concat(known, fresh)
	slices.SortStableFunc(all, func(a, b workflow.Sample) int { return a.At.Compare(b.At) })
	all = slices.DeleteFunc(all, func(s workflow.Sample) bool {
		return now.Sub(s.At) > bus.TrendMaxAge || s.At.Sub(now) > time.Minute
	})
	return slices.CompactFunc(all, func(a, b workflow.Sample) bool { return a.At.Unix()/60 == b.At.Unix()/60 })
}

// since is the samples of a workflow from a time on. The result is the caller's own.
func (t *trends) since(id workflow.ID, from time.Time) []workflow.Sample {
	t.mu.Lock()
	defer t.mu.Unlock()
	samples := t.of[id].samples
	at, _ := slices.BinarySearchFunc(samples, from, func(s workflow.Sample, from time.Time) int { return s.At.Compare(from) })
	return slices.Concat([]workflow.Sample{}, samples[at:])
}

// followTrends is called after every poll.
func (m *monitor) followTrends(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, pollTimeout)
	defer cancel()
	m.trends.follow(ctx, time.Now(), m.sample)
}

// sample is how a workflow is now, for the trend; false while the bus does not tell.
func (m *monitor) sample(id workflow.ID) (workflow.Sample, bool) {
	e := m.entries[id]
	e.mu.Lock()
	known, settled := e.polled.trouble == "", e.polled.backlog.AckFloor
	e.mu.Unlock()
	v := m.View(id)
	return workflow.Sample{Status: v.Status, Backlog: v.Backlog, ReadPerSecond: v.ReadPerSecond, WrittenPerSecond: v.WrittenPerSecond,
		Failures: v.Failures, Settled: settled}, known
}

// TrendView is the trend of one workflow.
type TrendView struct {
	Workflow workflow.ID       `json:"workflow"`
	From     time.Time         `json:"from"`
	To       time.Time         `json:"to"`
	Samples  []workflow.Sample `json:"samples" doc:"one a minute, oldest first; a minute of which nothing is known is missing"`
}

// MaxTrendHours is as far back as a trend goes.
const MaxTrendHours = 24

// Trend is how a workflow was in the last hours, 1 where none are given, at most 24.
func (s *Service) Trend(name string, hours int) (TrendView, error) {
	id, err := WorkflowID(name)
	if err != nil {
		return TrendView{}, err
	}
	hours = min(max(hours, 1), MaxTrendHours)
	to := time.Now().UTC().Truncate(time.Second)
	from := to.Add(-time.Duration(hours) * time.Hour)
	return TrendView{Workflow: id, From: from, To: to, Samples: s.monitor.trends.since(id, from)}, nil
}

// Samples are those of a workflow since a moment, oldest first.
func (s *Service) Samples(id workflow.ID, since time.Time) []workflow.Sample {
	return s.monitor.trends.since(id, since)
}
