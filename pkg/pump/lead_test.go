package pump_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/causeway-sync/causeway/pkg/record"
)

// TestAFullReadDoesNotHoldUpTheChangesOfOthers: it queues what is written in a short time, and the change of another source
// is written within that, while every record of the load arrives all the same.
func TestAFullReadDoesNotHoldUpTheChangesOfOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, account := newPair(t)
		w.dest.latency = 20 * time.Millisecond // four at a time: 200 a second
		account.progress = record.Progress{Read: 1, Expected: 20_000}
		account.edit(keys(20_000)...)
		w.cfg.Waiting = func(context.Context) (uint64, error) { return uint64(w.queue.backlog()), nil }
		w.cfg.PollInterval = 100 * time.Millisecond
		w.start()
		slowest := time.Duration(0)
		for version := int64(1); version <= 10; version++ {
			quietly(5 * time.Second)
			w.source.edit("key-007")
			began := time.Now()
			for w.dest.version("key-007") < version {
				quietly(50 * time.Millisecond)
			}
			slowest = max(slowest, time.Since(began))
		}
		// 1,000 records are the smallest lead: five seconds of this destination, and a page on top.
		if slowest > 7*time.Second {
			t.Errorf("a change of another source took %v beside a full read", slowest)
		}
		quietly(3 * time.Minute)
		if w.dest.size() != 20_001 {
			t.Errorf("%d rows have arrived", w.dest.size())
		}
		w.mustStop()
	})
}

// TestAFullReadOnItsOwnRunsAhead: there is nobody to hold up.
func TestAFullReadOnItsOwnRunsAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.dest.latency = time.Hour
		w.source.progress = record.Progress{Read: 1}
		w.source.edit(keys(20_000)...)
		w.cfg.Waiting = func(context.Context) (uint64, error) { return uint64(w.queue.backlog()), nil }
		w.start()
		quietly(time.Minute)
		if n := w.queue.length(); n != 20_000 {
			t.Errorf("%d records are queued", n)
		}
		_, _ = w.stop()
	})
}

// TestAFullReadFollowsThoseItLeadsTo, and waits neither for one that is held nor for one whose load is over.
func TestAFullReadFollowsThoseItLeadsTo(t *testing.T) {
	for name, held := range map[string]bool{"the parents load": false, "the parents are held": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, account := newPair(t)
				w.cfg.Behind = map[string][]string{"account": {"contact"}}
				w.source.pageSize = 10
				w.source.progress = record.Progress{Read: 1}
				account.progress = record.Progress{Read: 1}
				w.source.edit(keys(200)...)
				account.edit(keys(50)...)
				if held {
					w.source.fails = broken("gone")
				}
				w.start()
				quietly(30 * time.Second)
				if accounts := w.queue.count("account"); accounts != 0 != held {
					t.Errorf("%d rows stand in the queue beside a parent's load", accounts)
				}
				w.source.mu.Lock()
				w.source.progress = record.Progress{}
				w.source.mu.Unlock()
				w.source.setFails(nil)
				quietly(time.Minute)
				if contacts, accounts := w.queue.count("contact"), w.queue.count("account"); contacts != 200 || accounts != 50 {
					t.Errorf("%d and %d rows have been queued", contacts, accounts)
				}
				w.mustStop()
			})
		})
	}
}

// count is how many records of a source were queued.
func (q *queue) count(source string) (n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, d := range q.log {
		if d.Source == source {
			n++
		}
	}
	return n
}
