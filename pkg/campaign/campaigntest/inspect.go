package campaigntest

import (
	"encoding/json"
	"strconv"
)

// Find is a copy of the row of a resource with a key: the fields that are set.
func (s *Server) Find(resource, key string) (row map[string]any, ok bool) {
	t := s.tables()[resource]
	if t == nil {
		return nil, false
	}
	t.mu.RLock()
	r := t.byKey[key]
	t.mu.RUnlock()
	if r == nil {
		return nil, false
	}
	return fields(r.data), true
}

// KeyOf is the key of the row of a resource that a link leads to, as Rows shows the link or as a write sent it. It is ""
// where the link leads nowhere, or to a row that is gone.
func (s *Server) KeyOf(resource string, link any) string {
	t := s.tables()[resource]
	if t == nil {
		return ""
	}
	var id int64
	switch link := link.(type) {
	case json.Number:
		id, _ = strconv.ParseInt(link.String(), 10, 64) // a link is stored as the row's number
	case map[string]any:
		pkey, _ := link["PKey"].(string)
		id, _ = s.sealer.open(resource, pkey)
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	if r := t.byIDLocked(id); r != nil {
		return r.key
	}
	return ""
}
