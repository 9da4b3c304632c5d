package bus

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// FailureQuery chooses failures of one workflow. Empty parts choose all.
type FailureQuery struct {
	// Key is a whole key; blanks around it, braces and case do not matter.
	Key    string
	Group  string
	Source string
	// Through leaves out what was stored behind a sequence: what somebody has not seen yet.
	Through uint64
}

// FailurePage is some failures, newest first, one a record.
type FailurePage struct {
	Failures []workflow.Failure
	// Next is the Before of the next page, 0 on the last one.
	Next uint64
	// Newest is the sequence of the newest failure that is known, whatever was asked for.
	Newest uint64
	// Complete is false while the failures are still being counted.
	Complete bool
}

// MaxFailurePage is how many failures a page holds at most.
const MaxFailurePage = 500

// List returns the failures in front of a sequence (0 for the newest), without payloads.
func (f *Failures) List(ctx context.Context, id workflow.ID, q FailureQuery, before uint64, limit int) (FailurePage, error) {
	limit = min(max(limit, 1), MaxFailurePage)
	x, complete, release, err := f.known(id)
	if err != nil {
		return FailurePage{}, err
	}
	found, next := x.list(x.filter(q), before, limit)
	page := FailurePage{Next: next, Complete: complete}
	if n := len(x.entries); n > 0 {
		page.Newest = x.entries[n-1].seq
	}
	release()

	seqs := make([]uint64, len(found))
	for i, m := range found {
		seqs[i] = m.newest
	}
	messages, err := f.fetch(ctx, id, seqs)
	if err != nil {
		return FailurePage{}, err
	}
	page.Failures = make([]workflow.Failure, 0, len(found))
	for i, msg := range messages {
		if msg != nil {
			page.Failures = append(page.Failures, found[i].into(failure(msg)))
		}
	}
	return page, nil
}

// into adds what was merged to the newest refusal of a record.
func (m merged) into(f workflow.Failure) workflow.Failure {
	f.FirstAt, f.LastAt, f.Attempts, f.Times = moment(m.first), moment(m.last), m.attempts, m.times
	return f
}

// Groups adds the refusals of a workflow up by cause, the most frequent first.
func (f *Failures) Groups(id workflow.ID) (groups []workflow.FailureGroup, complete bool, err error) {
	x, complete, release, err := f.known(id)
	if err != nil {
		return nil, false, err
	}
	defer release()
	return x.groups(), complete, nil
}

// Get returns one failure with its payload; fault.NotFound where there is none.
func (f *Failures) Get(ctx context.Context, id workflow.ID, seq uint64) (workflow.Failure, error) {
	x, _, release, err := f.known(id)
	if err != nil {
		return workflow.Failure{}, err
	}
	sum, indexed := x.sum(seq)
	release()
	messages, err := f.fetch(ctx, id, []uint64{seq})
	if err != nil {
		return workflow.Failure{}, err
	}
	if messages[0] == nil {
		return workflow.Failure{}, noFailure(seq)
	}
	one := failure(messages[0])
	if indexed {
		one = sum.into(one)
	}
	one.Payload = payload(messages[0].Data)
	return one, nil
}

func noFailure(seq uint64) error {
	return fault.New(fault.NotFound, fmt.Sprintf("there is no rejected record %d: it was retried, dropped or has expired", seq))
}

// fetchers is how many messages are asked for, or deleted, at the same time.
const fetchers = 16

// fetch reads stored failures of a workflow by their places, nil for one that is gone. What is gone is forgotten.
func (f *Failures) fetch(ctx context.Context, id workflow.ID, seqs []uint64) ([]*jetstream.RawStreamMsg, error) {
	ctx, cancel := context.WithTimeout(ctx, failuresTimeout)
	defer cancel()
	stream, err := f.c.js.Stream(ctx, StreamFailures)
	if err != nil {
		return nil, classify(err, "opening the failures")
	}
	messages := make([]*jetstream.RawStreamMsg, len(seqs))
	var gone []uint64
	var mu sync.Mutex
	err = each(seqs, func(i int, seq uint64) error {
		msg, err := stream.GetMsg(ctx, seq)
		missing := errors.Is(err, jetstream.ErrMsgNotFound)
		if missing {
			if missing, err = f.c.isGone(ctx, StreamFailures, seq); err == nil && !missing {
				err = fault.New(fault.Transient, "a copy of the rejected records lags behind: try again in a moment")
			}
		}
		mu.Lock()
		defer mu.Unlock()
		if missing && err == nil {
			gone = append(gone, seq)
			return nil
		}
		if err != nil {
			return classify(err, "reading a failure")
		}
		if of, _ := parseFailureSubject(msg.Subject); of == id {
			messages[i] = msg
		}
		return nil
	})
	slices.Sort(gone)
	f.forget(id, gone)
	return messages, err
}

// each runs a step for every item, some at a time, and returns the first error.
func each[T any](items []T, step func(i int, item T) error) error {
	var working sync.WaitGroup
	var mu sync.Mutex
	var failed error
	free := make(chan struct{}, fetchers)
	for i, item := range items {
		free <- struct{}{}
		working.Go(func() {
			defer func() { <-free }()
			if err := step(i, item); err != nil {
				mu.Lock()
				defer mu.Unlock()
				failed = errors.Join(failed, err)
			}
		})
	}
	working.Wait()
	return failed
}

// All yields every refusal that matches, oldest first and not merged, without payloads: for exports. While what is stored is still being
// counted after a start it waits, for ten seconds at most: a part of them must not look like all.
func (f *Failures) All(ctx context.Context, id workflow.ID, q FailureQuery) iter.Seq2[workflow.Failure, error] {
	return func(yield func(workflow.Failure, error) bool) {
		x, release, err := f.whole(ctx, id)
		if err != nil {
			yield(workflow.Failure{}, err)
			return
		}
		seqs := x.choose(x.filter(q), false)
		release()
		for chunk := range slices.Chunk(seqs, chunkSize) {
			messages, err := f.chunk(ctx, id, chunk)
			if err != nil {
				yield(workflow.Failure{}, err)
				return
			}
			for _, msg := range messages {
				if !yield(failure(msg), nil) {
					return
				}
			}
		}
	}
}

// whole is the index of a workflow when everything that is stored stands in it. The caller must release it.
func (f *Failures) whole(ctx context.Context, id workflow.ID) (x *index, release func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, failuresTimeout)
	defer cancel()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		x, complete, release, err := f.known(id)
		if err != nil || complete {
			return x, release, err
		}
		release()
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil, nil, fault.Wrap(fault.Transient, ctx.Err(), "the rejected records are still being counted: try again in a few seconds")
		}
	}
}

// chunkSize is how many failures are read, retried and removed in one go; a batch of as many retries is atomic.
const chunkSize = 900

// chunk reads stored failures that are sorted: in one request where they stand close together.
func (f *Failures) chunk(ctx context.Context, id workflow.ID, seqs []uint64) ([]*jetstream.RawStreamMsg, error) {
	span := seqs[len(seqs)-1] - seqs[0] + 1
	if span > uint64(4*len(seqs)) || len(seqs) < 4 {
		messages, err := f.fetch(ctx, id, seqs)
		return slices.DeleteFunc(messages, func(msg *jetstream.RawStreamMsg) bool { return msg == nil }), err
	}
	kept := make([]*jetstream.RawStreamMsg, 0, len(seqs))
	last := seqs[len(seqs)-1]
	for from := seqs[0]; from <= last; {
		before := from
		some := stretch{stream: StreamFailures, subject: failureFilter(id), from: from, limit: int(min(last-from+1, 1000))}
		for msg, err := range f.c.stored(ctx, some, "reading failures") {
			if err != nil {
				return nil, err
			}
			from = msg.Sequence + 1
			if _, wanted := slices.BinarySearch(seqs, msg.Sequence); wanted {
				kept = append(kept, msg)
			}
		}
		if from == before {
			break
		}
	}
	return kept, nil
}
