package bus

import (
	"context"
	"slices"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// Selection is what a retry or a drop is for: the records that have a failure at one of Seqs, or, where there are none,
// everything that matches the query.
type Selection struct {
	Seqs []uint64
	FailureQuery
}

// Removal is what a retry or a drop has come to so far.
type Removal struct {
	// Selected counts the refusals that were chosen, Removed those that are gone, Skipped those that were left because
	// they cannot be retried.
	Selected, Removed, Skipped int
	// Records counts what was put back into the queue, a record that was refused several times once a chunk.
	Records int
}

// Select lists the places of what a selection is for, oldest first. A retry takes every refusal of a record, a drop of a
// group only those of the group.
func (f *Failures) Select(id workflow.ID, s Selection, forRetry bool) (seqs []uint64, err error) {
	err = f.selected(id, s, func(x *index, chosen filter, whole bool) int {
		seqs = x.choose(chosen, whole && forRetry)
		return len(seqs)
	})
	return seqs, err
}

// Count is how many refusals a drop of a selection is for.
func (f *Failures) Count(id workflow.ID, s Selection) (n int, err error) {
	err = f.selected(id, s, func(x *index, chosen filter, _ bool) int {
		n = x.count(chosen, false)
		return n
	})
	return n, err
}

// selected makes a filter of a selection. Whole is false where the selection names records, which are whole already.
func (f *Failures) selected(id workflow.ID, s Selection, use func(x *index, chosen filter, whole bool) int) error {
	x, complete, release, err := f.known(id)
	if err != nil {
		return err
	}
	defer release()
	if len(s.Seqs) > 0 {
		chosen := x.named(s.Seqs)
		chosen.through = s.Through
		if use(x, chosen, false) == 0 {
			return noFailure(s.Seqs[0])
		}
		return nil
	}
	if !complete {
		return fault.New(fault.Transient, "the rejected records are still being counted: try again in a few seconds")
	}
	use(x, x.filter(s.FailureQuery), true)
	return nil
}

// Retry puts the records of some failures back into their workflow's stream and removes the failures when they are safe
// there: a crash in between repeats a retry, and loses none (invariants 1 and 3). It goes through them in chunks and
// calls progress after each. A record that cannot be retried stays; mapped, where given, names the sources that somebody
// reads. On an error what was done stays done.
func (f *Failures) Retry(ctx context.Context, id workflow.ID, seqs []uint64, mapped func(source string) bool, progress func(Removal)) (Removal, error) {
	defer f.removal()()
	done := Removal{Selected: len(seqs)}
	queue := NewQueue(f.c, id)
	for chunk := range slices.Chunk(seqs, chunkSize) {
		messages, err := f.chunk(ctx, id, chunk)
		if err != nil {
			return done, err
		}
		batch, gone := retriesOf(messages, mapped)
		if len(batch) > 0 {
			if err := queue.store(ctx, batch); err != nil {
				return done, err
			}
		}
		if err := f.delete(ctx, id, gone); err != nil {
			return done, err
		}
		done.Records += len(batch)
		done.Removed += len(gone)
		done.Skipped += len(messages) - len(gone)
		progress(done)
	}
	return done, nil
}

// retriesOf makes the batch that puts records back, and lists the failures that it settles. A row that was rejected twice is read once
// more; of events and reports none is contained in another, so each goes back.
func retriesOf(messages []*jetstream.RawStreamMsg, mapped func(source string) bool) (batch []*nats.Msg, gone []uint64) {
	at := map[[2]string]int{}
	for _, msg := range messages {
		f := failure(msg)
		if f.CannotRetry != "" || mapped != nil && !mapped(f.Source) {
			continue
		}
		gone = append(gone, f.Seq)
		back := again(f, msg)
		record := [2]string{f.Source, f.Key}
		if i, twice := at[record]; twice && f.Workflow == workflow.Ingress {
			// The later one, but a row of a full read stays one.
			if snapshot, was := batch[i].Header[HeaderSnapshot]; was {
				back.Header[HeaderSnapshot] = snapshot
			}
			batch[i] = back
			continue
		}
		at[record] = len(batch)
		batch = append(batch, back)
	}
	return batch, gone
}

// Drop removes failures for good. It calls progress after each chunk. On an error what was done stays done.
func (f *Failures) Drop(ctx context.Context, id workflow.ID, seqs []uint64, progress func(Removal)) (Removal, error) {
	defer f.removal()()
	done := Removal{Selected: len(seqs)}
	if f.areAll(id, seqs) { // One request for all of them.
		if err := f.delete(ctx, id, seqs); err != nil {
			return done, err
		}
		done.Removed = len(seqs)
		return done, nil
	}
	for chunk := range slices.Chunk(seqs, chunkSize) {
		if err := f.delete(ctx, id, chunk); err != nil {
			return done, err
		}
		done.Removed += len(chunk)
		progress(done)
	}
	return done, nil
}

// areAll reports whether nothing of the workflow stands in front of the last of some places but those. It must not
// be wrong: what is said to be all is purged.
func (f *Failures) areAll(id workflow.ID, seqs []uint64) bool {
	f.mu.RLock()
	defer f.mu.RUnlock()
	entries := f.current.of[id].entries
	return len(seqs) > fetchers && f.current.complete && !f.current.capped && len(entries) >= len(seqs) &&
		slices.EqualFunc(entries[:len(seqs)], seqs, func(e entry, seq uint64) bool { return e.seq == seq })
}

// purge removes all failures of a workflow up to a place in one request.
func (f *Failures) purge(ctx context.Context, id workflow.ID, through uint64) error {
	stream, err := f.c.js.Stream(ctx, StreamFailures)
	if err != nil {
		return classify(err, "opening the failures")
	}
	return classify(stream.Purge(ctx, jetstream.WithPurgeSubject(failureFilter(id)), jetstream.WithPurgeSequence(through+1)), "dropping failures")
}

// delete removes failures of a workflow: one by one (a thousand a second, the server syncs each), or in one request where
// nothing else stands in front of the last. One that is gone already is as good as removed.
func (f *Failures) delete(ctx context.Context, id workflow.ID, seqs []uint64) error {
	if f.areAll(id, seqs) {
		if err := f.purge(ctx, id, seqs[len(seqs)-1]); err != nil {
			return err
		}
		f.forget(id, seqs)
		return nil
	}
	stream, err := f.c.js.Stream(ctx, StreamFailures)
	if err != nil {
		return classify(err, "opening the failures")
	}
	err = each(seqs, func(_ int, seq uint64) error {
		err := stream.DeleteMsg(ctx, seq)
		if err == nil {
			return nil
		}
		if gone, asking := f.c.isGone(ctx, StreamFailures, seq); asking == nil && gone {
			return nil
		}
		return classify(err, "removing a failure")
	})
	if err != nil {
		return err
	}
	f.forget(id, seqs)
	return nil
}
