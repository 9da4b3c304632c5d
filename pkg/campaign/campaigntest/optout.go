package campaigntest

import (
	"slices"
	"time"
)

// optOuts are the fields of a profile that say what its person must not be sent (ACS documentation, "Data model,
// profile").
func optOuts() []string {
	return []string{"blackList", "blackListEmail", "blackListFax", "blackListMobile", "blackListPhone", "blackListPostalMail",
		"blackListPushnotification", "ccpaOptOut"}
}

// optOutTimes say when each of optOuts was changed last; zero for never.
type optOutTimes [8]time.Time

// stampLocked notes in r, which has just taken the place of old (nil for a new row), which opt-outs changed: those of a new row
// that were set, and those of an old one that have another value now. The table's lock must be held.
func (t *table) stampLocked(r, old *row, v values) {
	if t.def.Name != "profile" || (old == nil || old.optOuts == nil) && !hasOptOut(v) {
		return
	}
	var before values
	var times optOutTimes
	if old != nil {
		before = decode(old.data)
		if old.optOuts != nil {
			times = *old.optOuts
		}
	}
	changed := false
	for i, field := range optOuts() {
		now, set := v[field]
		if old == nil && set || old != nil && isTrue(now) != isTrue(before[field]) {
			times[i], changed = r.modified.UTC().Truncate(time.Millisecond), true
		}
	}
	if times != (optOutTimes{}) {
		r.optOuts = &times
	}
	if changed {
		t.unexported[r.id] = struct{}{}
	}
}

func hasOptOut(v values) bool {
	return slices.ContainsFunc(optOuts(), func(field string) bool { return v[field] != nil })
}

func isTrue(raw []byte) bool { return string(raw) == "true" }

// OptOutTimes says when the opt-outs of a profile were changed last, by field; those that never were are absent.
func (s *Server) OptOutTimes(key string) map[string]time.Time {
	t := s.tables()["profile"]
	t.mu.RLock()
	defer t.mu.RUnlock()
	times := map[string]time.Time{}
	r := t.byKey[key]
	if r == nil || r.optOuts == nil {
		return times
	}
	for i, field := range optOuts() {
		if at := r.optOuts[i]; !at.IsZero() {
			times[field] = at
		}
	}
	return times
}

// Edit changes a row that exists as a person at Campaign's own console would: no request, no engine call, and no entry
// among the writes. Null clears a field. The error text is what the API would have answered.
func (s *Server) Edit(resource, key string, fields map[string]any) error {
	t := s.tables()[resource]
	if t == nil {
		return errText("no resource " + resource)
	}
	sent, err := encodeValues(fields)
	if err != nil {
		return err
	}
	admitted, refused := s.admit(t.def, t.def.API, sent)
	if refused != nil {
		return errText(refused.text)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	old := t.byKey[key]
	if old == nil {
		return errText(s.absent(t.def, key).text)
	}
	v := merged(decode(old.data), admitted)
	if t.keyOf(v) != old.key {
		return errText(s.keyChange(t.def, old.key, t.keyOf(v)).text)
	}
	t.stampLocked(t.replaceLocked(old, old.key, t.encode(v), s.opt.Now()), old, v)
	return nil
}

// Unexported is how many profiles the next export will hold.
func (s *Server) Unexported() int {
	t := s.tables()["profile"]
	t.mu.RLock()
	defer t.mu.RUnlock()
	return len(t.unexported)
}

// takeUnexported are the profiles whose opt-outs changed since the last call, in the order of their keys; those without a
// key are left out, as there would be nothing to know them by.
func (t *table) takeUnexported() []*row {
	t.mu.Lock()
	defer t.mu.Unlock()
	var rows []*row
	for id := range t.unexported {
		if r := t.byIDLocked(id); r != nil && r.key != "" {
			rows = append(rows, r)
		}
	}
	clear(t.unexported)
	slices.SortFunc(rows, func(a, b *row) int {
		switch {
		case a.key < b.key:
			return -1
		case a.key > b.key:
			return 1
		}
		return 0
	})
	return rows
}
