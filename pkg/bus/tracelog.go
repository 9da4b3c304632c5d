package bus

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// The key log tells which records a page has: its message stands behind them in the page's own atomic batch, one line a
// record, so the line number is the record's place. A log that was folded says nothing of places any more: what stands in
// front of the fold is looked through by its headers.

// log looks through the key logs of all sources, the newest stretch first. It returns the last place of which they say
// nothing.
func (s *search) log(ctx context.Context, state jetstream.StreamState) (uint64, error) {
	sources, err := sourcesUnder(ctx, s.stream, KeysSubject(s.id, ""))
	if err != nil {
		return state.LastSeq, err
	}
	floor := state.FirstSeq - min(state.FirstSeq, 1)
	for source := range sources {
		folded, err := s.foldEnd(ctx, source)
		if err != nil {
			return state.LastSeq, err
		}
		floor = max(floor, folded)
	}
	for to := state.LastSeq; to > floor && s.found.Looked < s.found.Of; {
		from := max(floor+1, to-min(to, traceStretch)+1)
		var oldest time.Time
		for source := range sources {
			began, err := s.pages(ctx, source, from, to)
			if err != nil {
				return to, err
			}
			if !began.IsZero() && (oldest.IsZero() || began.Before(oldest)) {
				oldest = began
			}
		}
		if err := s.passed(oldest); err != nil {
			return to, err
		}
		to = from - 1
	}
	s.found.Complete = s.found.Looked >= s.found.Of
	return floor, nil
}

// foldEnd is the last place of a folded log, 0 where the log was never folded. A fold is one batch at the beginning of the
// log: its messages stand side by side.
func (s *search) foldEnd(ctx context.Context, source string) (uint64, error) {
	subject := KeysSubject(s.id, source)
	oldest, err := s.stream.GetMsg(ctx, 1, jetstream.WithGetMsgSubject(subject))
	if errors.Is(err, jetstream.ErrMsgNotFound) || err == nil && oldest.Header.Get(jetstream.MsgRollup) == "" {
		return 0, nil
	}
	if err != nil {
		return 0, classify(err, "looking through the key log")
	}
	isLog := func(place uint64) (bool, error) {
		msg, err := s.stream.GetMsg(ctx, place)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return false, nil
		}
		return err == nil && msg.Subject == subject, classify(err, "looking through the key log")
	}
	known, step := oldest.Sequence, uint64(1)
	for growing := true; step > 0; {
		is, err := isLog(known + step)
		switch {
		case err != nil:
			return 0, err
		case is:
			known += step
		default:
			growing = false
		}
		if growing {
			step *= 2
		} else {
			step /= 2
		}
	}
	return known, nil
}

// pages looks through the pages of a source whose log entries stand between two places. It returns when the first of them
// was stored.
func (s *search) pages(ctx context.Context, source string, from, to uint64) (began time.Time, err error) {
	some := stretch{stream: Stream(s.id), subject: KeysSubject(s.id, source), from: from, limit: int(to - from + 1)}
	for msg, err := range s.c.stored(ctx, some, "looking through the key log") {
		if err != nil {
			return began, err
		}
		if msg.Sequence > to {
			break
		}
		if began.IsZero() {
			began = msg.Time.UTC()
		}
		lines := uint64(bytes.Count(msg.Data, []byte("\n")))
		for _, at := range s.linesOf(msg.Data) {
			if err := s.confirm(ctx, source, msg.Sequence-lines+at); err != nil {
				return began, err
			}
		}
		s.found.Looked += lines
	}
	return began, nil
}

// linesOf are the numbers of the lines that name the key.
func (s *search) linesOf(body []byte) []uint64 {
	if !bytes.Contains(body, []byte(s.keys[0]+"\n")) && !bytes.Contains(body, []byte(s.keys[1]+"\n")) {
		return nil
	}
	var found []uint64
	var number uint64
	for line := range bytes.Lines(body) {
		if key := bytes.TrimSuffix(line, []byte("\n")); len(key) > 1 && (string(key[1:]) == s.keys[0] || string(key[1:]) == s.keys[1]) {
			found = append(found, number)
		}
		number++
	}
	return found
}

// confirm looks whether a record of the key stands at a place. It may be trimmed: then it was settled long ago.
func (s *search) confirm(ctx context.Context, source string, place uint64) error {
	msg, err := s.stream.GetMsg(ctx, place)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil
	}
	if err != nil {
		return classify(err, "looking for a record")
	}
	if key := first(msg.Header, HeaderKey); msg.Subject != RecordsSubject(s.id, source) || key != s.keys[0] && key != s.keys[1] {
		return nil
	}
	return s.keep(sighting(s.id, msg.Subject, msg.Header, msg.Sequence, msg.Time))
}
