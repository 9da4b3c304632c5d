package campaigntest

import (
	"encoding/binary"
	"encoding/hex"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// journal is the log of events: an entry a delivery, so that an event that was delivered twice has two.
type journal struct {
	opt    JournalOptions
	client string // recipient of every event
	secret sealer
	now    func() time.Time

	mu      sync.RWMutex
	events  []event // distinct, oldest first
	entries []int32 // index of events, in the order of the journal
	written []stretch
	gone    int   // how many entries have expired
	epoch   int64 // of positions: those of an older one are expired
	batches uint64
	waitEnd time.Time // of the last Retry-After
	early   int64
}

// stretch says when the entries in front of end were written.
type stretch struct {
	end int
	at  time.Time
}

// journalQuery is an understood request: the entries behind start, at most limit of them where it is above 0.
type journalQuery struct {
	start, limit int
	from         string // the position of start, where it was given
	expired      string // that position, where it has expired
}

// query understands the parameters; why is what is wrong with them.
func (j *journal) query(values url.Values) (q journalQuery, why string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.retainLocked()
	if text := values.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return q, "limit must be a positive integer"
		}
		q.limit = n
	}
	since, seek := values.Get("since"), values.Get("seek")
	switch {
	case since != "" && seek != "":
		return q, "since and seek cannot be used together"
	case since != "":
		p, ok := j.openPosition(since)
		if !ok || p.n > len(j.entries) {
			return q, "the position is not known"
		}
		if q.start, q.from = p.n, since; p.epoch < j.epoch || p.n < j.gone || p.n == j.gone && !p.edge {
			q.expired = since
		}
	case seek != "":
		back, ok := parseSeek(seek)
		if !ok {
			return q, "seek must be a negative ISO 8601 duration"
		}
		q.start = max(j.gone, j.countBeforeLocked(j.now().Add(-back)))
	case values.Get("latest") == "true":
		q.start = len(j.entries)
	default:
		q.start = j.gone
	}
	return q, ""
}

// parseSeek reads -P1DT2H3M4S.
func parseSeek(text string) (time.Duration, bool) {
	rest, ok := strings.CutPrefix(text, "-P")
	if !ok || rest == "" {
		return 0, false
	}
	days, clock, _ := strings.Cut(rest, "T")
	var total time.Duration
	if days != "" {
		n, err := strconv.Atoi(strings.TrimSuffix(days, "D"))
		if err != nil || !strings.HasSuffix(days, "D") {
			return 0, false
		}
		total = time.Duration(n) * 24 * time.Hour
	}
	if clock != "" {
		d, err := time.ParseDuration(strings.ToLower(clock))
		if err != nil {
			return 0, false
		}
		total += d
	}
	return total, true
}

// retainLocked lets go what is older than the retention.
func (j *journal) retainLocked() {
	j.gone = max(j.gone, j.countBeforeLocked(j.now().Add(-j.opt.Retention)))
}

// countBeforeLocked is how many entries were written before a time.
func (j *journal) countBeforeLocked(at time.Time) int {
	i, _ := slices.BinarySearchFunc(j.written, at, func(w stretch, at time.Time) int { return w.at.Compare(at) })
	if i == 0 {
		return 0
	}
	return j.written[i-1].end
}

// expire lets all but the newest keep entries go, as if their time had come.
func (j *journal) expire(keep int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.gone = max(j.gone, len(j.entries)-max(keep, 0))
}

// expirePositions makes every position that was given out an expired one. The events stay.
func (j *journal) expirePositions() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.epoch++
}

func (j *journal) toldToWait(d time.Duration) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.waitEnd = j.now().Add(d)
}

// noteEarly counts a request inside the last Retry-After.
func (j *journal) noteEarly() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.now().Before(j.waitEnd) {
		j.early++
	}
}

// place is what a position means: behind n entries.
type place struct {
	n     int
	epoch int64
	// edge is true for a position that the journal made up because there was no entry to name: it does not expire with the
	// entry in front of it.
	edge bool
}

const (
	placeEdge  = 1 << 39
	placeEpoch = 40
)

// Positions look like Adobe's, "moose:<uuid>:<uuid>", and hide what they mean. The same entry has the same position in
// every answer of an epoch.
const positionPrefix = "moose:"

func (j *journal) position(p place) string {
	number := uint64(p.epoch)<<placeEpoch | uint64(p.n)
	if p.edge {
		number |= placeEdge
	}
	var b [32]byte
	salt := mix(number ^ j.secret.secret)
	stream, tag := j.secret.derive("journal", salt)
	binary.BigEndian.PutUint64(b[0:], salt)
	binary.BigEndian.PutUint64(b[8:], number^stream)
	binary.BigEndian.PutUint64(b[16:], mix(number^tag))
	binary.BigEndian.PutUint64(b[24:], mix(number+tag))
	return positionPrefix + uuidText([16]byte(b[:16])) + ":" + uuidText([16]byte(b[16:]))
}

func (j *journal) openPosition(text string) (p place, ok bool) {
	rest, ok := strings.CutPrefix(text, positionPrefix)
	b, err := hex.DecodeString(strings.NewReplacer("-", "", ":", "").Replace(rest))
	if !ok || err != nil || len(b) != 32 {
		return p, false
	}
	stream, _ := j.secret.derive("journal", binary.BigEndian.Uint64(b))
	number := binary.BigEndian.Uint64(b[8:]) ^ stream
	p = place{n: int(number & (placeEdge - 1)), epoch: int64(number >> placeEpoch), edge: number&placeEdge != 0}
	return p, j.position(p) == text
}

func uuidText(b [16]byte) string {
	var text [36]byte
	hex.Encode(text[0:8], b[0:4])
	hex.Encode(text[9:13], b[4:6])
	hex.Encode(text[14:18], b[6:8])
	hex.Encode(text[19:23], b[8:10])
	hex.Encode(text[24:36], b[10:16])
	text[8], text[13], text[18], text[23] = '-', '-', '-', '-'
	return string(text[:])
}

// render makes the body of an answer: the entries that are asked for, as many as its size allows.
func (j *journal) render(q journalQuery) (body []byte, count int, next string) {
	j.mu.RLock()
	defer j.mu.RUnlock()
	most := j.opt.PageSize
	switch {
	case j.opt.IgnoreLimit:
		most = len(j.entries)
	case q.limit > 0:
		most = q.limit
	}
	if next = q.from; next == "" {
		next = j.position(place{n: q.start, epoch: j.epoch, edge: true})
	}
	body = []byte(`{"events":[`)
	for i := q.start; i < len(j.entries) && count < most; i++ {
		before, last := len(body), next
		next = j.position(place{n: i + 1, epoch: j.epoch})
		if count > 0 {
			body = append(body, ',')
		}
		body = append(body, `{"position":"`...)
		body = append(body, next...)
		body = append(body, `","event":`...)
		body = append(j.events[j.entries[i]].appendJSON(body, j.client), '}')
		if count > 0 && len(body)+pageTail > j.opt.MaxBody {
			body, next = body[:before], last
			break
		}
		count++
	}
	body = append(body, `],"_page":{"last":"`...)
	body = append(body, next...)
	body = append(body, `","count":`...)
	return append(strconv.AppendInt(body, int64(count), 10), '}', '}'), count, next
}

// pageTail is the room for what follows the events.
const pageTail = 160
