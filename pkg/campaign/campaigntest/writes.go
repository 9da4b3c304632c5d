package campaigntest

import (
	"bytes"
	"encoding/json"
	"sync"
	"time"
)

// Op is what a write did.
type Op string

// The writes.
const (
	Create Op = "create"
	Update Op = "update"
	Delete Op = "delete"
)

// Write is one write that happened.
type Write struct {
	// Seq counts all writes of the server from 1.
	Seq      int64
	Op       Op
	Resource string
	// Key is the row's identification key, or its externalId where the resource has none.
	Key string
	// Fields are those of the body as they were sent, numbers as json.Number; nil for Delete.
	Fields map[string]any
	Time   time.Time
}

// writeLog is the record of writes. With keep > 0 it is a ring of that size.
type writeLog struct {
	keep int

	mu      sync.Mutex
	seq     int64
	entries []entry
}

type entry struct {
	Write
	raw string
}

func (l *writeLog) add(w Write, raw []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seq++
	w.Seq = l.seq
	switch {
	case l.keep < 0:
	case l.keep == 0 || len(l.entries) < l.keep:
		l.entries = append(l.entries, entry{w, string(raw)})
	default:
		l.entries[(l.seq-1)%int64(l.keep)] = entry{w, string(raw)}
	}
}

// Writes are the writes that happened and are kept, oldest first.
func (s *Server) Writes() []Write {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	list := make([]Write, 0, len(s.log.entries))
	start := 0
	if n := len(s.log.entries); n > 0 && n == s.log.keep {
		start = int(s.log.seq % int64(n))
	}
	for i := range s.log.entries {
		e := s.log.entries[(start+i)%len(s.log.entries)]
		if e.raw != "" {
			e.Fields = fields(e.raw)
		}
		list = append(list, e.Write)
	}
	return list
}

// WriteCount is how many writes happened, kept or not.
func (s *Server) WriteCount() int64 {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	return s.log.seq
}

// EngineCalls are the calls that reached the engine, by kind, whether it took them or not.
type EngineCalls struct{ Read, Create, Update, Delete int64 }

// EngineCalls are the present counts.
func (s *Server) EngineCalls() EngineCalls {
	return EngineCalls{Read: s.calls.read.Load(), Create: s.calls.create.Load(), Update: s.calls.update.Load(), Delete: s.calls.delete.Load()}
}

// Profiles is a copy of every profile by its externalId: the fields that are set, numbers as json.Number. Profiles
// without an externalId are left out; of several with the same one the youngest is shown.
func (s *Server) Profiles() map[string]map[string]any {
	all := map[string]map[string]any{}
	for _, v := range s.Rows("profile") {
		if id, _ := v["externalId"].(string); id != "" {
			all[id] = v
		}
	}
	return all
}

// Rows is a copy of every row of a resource, oldest first: the fields that are set.
func (s *Server) Rows(resource string) []map[string]any {
	t := s.tables()[resource]
	if t == nil {
		return nil
	}
	var all []map[string]any
	for _, r := range t.snapshot() {
		all = append(all, fields(r.data))
	}
	return all
}

// Len is how many rows a resource has.
func (s *Server) Len(resource string) int {
	t := s.tables()[resource]
	if t == nil {
		return 0
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.live
}

// Put creates a row without a request and without counting an engine call, as if a person had typed it in. The error
// text is what the API would have answered.
func (s *Server) Put(resource string, row map[string]any) error {
	t := s.tables()[resource]
	if t == nil {
		return errText("no resource " + resource)
	}
	raw, err := json.Marshal(row)
	if err != nil {
		return err
	}
	v, refused := s.admit(t.def, t.def.API, decode(string(raw)))
	if refused == nil {
		_, refused = s.create(t, merged(nil, v), raw)
	}
	if refused != nil {
		return errText(refused.text)
	}
	return nil
}

type errText string

func (e errText) Error() string { return string(e) }

func (s *Server) logKey(t *table, r *row) string {
	if t.def.Key != "" {
		return r.key
	}
	return text(decode(r.data)["externalId"])
}

// fields decodes a JSON object, numbers as json.Number.
func fields(data string) map[string]any {
	dec := json.NewDecoder(bytes.NewReader([]byte(data)))
	dec.UseNumber()
	v := map[string]any{}
	_ = dec.Decode(&v) // it was read before it was stored
	return v
}
