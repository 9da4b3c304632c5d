package campaigntest

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// maxBody bounds what a client may send.
const maxBody = 1 << 20

// rows serves a resource: the collection, a filter of it, or one row.
func (s *Server) rows(w http.ResponseWriter, r *request) {
	filters, rest := s.cutFilters(r)
	switch {
	case len(rest) == 0 && r.Method == http.MethodGet:
		s.list(w, r, filters)
	case len(rest) == 0 && len(filters) == 0 && r.Method == http.MethodPost:
		s.post(w, r)
	case len(rest) == 1 && rest[0] == "_count" && r.Method == http.MethodGet:
		s.countRows(w, r, filters)
	case len(rest) == 1 && len(filters) == 0:
		s.one(w, r, rest[0])
	case len(rest) == 2 && len(filters) == 0 && r.Method == http.MethodGet:
		s.collection(w, r, rest[0], rest[1])
	default:
		s.write(w, s.unsupported(strings.Join(append([]string{r.api, r.table.def.Name}, r.rest...), "/")))
	}
}

// one serves a row: /profile/{PKey}, or /profile/{custom key}, which only profiles under profileAndServicesExt have.
func (s *Server) one(w http.ResponseWriter, r *request, name string) {
	find, refused := s.finder(r, name)
	if refused != nil {
		s.write(w, refused)
		return
	}
	switch r.Method {
	case http.MethodGet:
		r.table.mu.RLock()
		found := find()
		r.table.mu.RUnlock()
		if found == nil {
			s.write(w, s.absent(r.table.def, name))
			return
		}
		body := s.render(r, found)
		if s.opt.WrapSingle {
			body = slices.Concat([]byte(`{"content":[`), body, []byte(`]}`))
		}
		answer(w, http.StatusOK, body)
	case http.MethodPatch:
		s.patch(w, r, name, find)
	case http.MethodDelete:
		s.delete(w, r, name, find)
	default:
		s.write(w, s.unsupported(r.api+"/"+r.table.def.Name+"/"+name))
	}
}

// finder returns how to find the row that a path segment names; the table's lock must be held to call it.
func (s *Server) finder(r *request, name string) (func() *row, *refusal) {
	t := r.table
	if strings.HasPrefix(name, "@") {
		id, ok := s.sealer.open(t.def.Name, name)
		if !ok {
			return nil, s.badPKey(t.def, name)
		}
		return func() *row { return t.byIDLocked(id) }, nil
	}
	if t.def.Name != "profile" || r.api != Extended || t.def.Key == "" {
		return nil, s.absent(t.def, name)
	}
	return func() *row { return t.byKey[name] }, nil
}

func (s *Server) body(w http.ResponseWriter, r *request) (values, []byte, *refusal) {
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	sent := values{}
	if err != nil || json.Unmarshal(raw, &sent) != nil || sent == nil {
		return nil, nil, &refusal{http.StatusBadRequest, "The body is not a JSON object."}
	}
	return sent, raw, nil
}

// allowed asks the test's own rule.
func (s *Server) allowed(data string) *refusal {
	decide := s.refuse.Load()
	if decide == nil {
		return nil
	}
	if text := (*decide)(fields(data)); text != "" {
		return s.hidden(text)
	}
	return nil
}

func (s *Server) post(w http.ResponseWriter, r *request) {
	sent, raw, refused := s.body(w, r)
	if refused == nil {
		sent, refused = s.admit(r.table.def, r.api, sent)
	}
	if refused != nil {
		s.write(w, refused)
		return
	}
	created, refused := s.create(r.table, merged(nil, sent), raw)
	if refused != nil {
		s.write(w, refused)
		return
	}
	answer(w, s.opt.PostStatus, s.render(r, created))
}

func (s *Server) create(t *table, v values, raw []byte) (*row, *refusal) {
	key, data := t.keyOf(v), t.encode(v)
	if refused := s.allowed(data); refused != nil {
		return nil, refused
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if key != "" && t.byKey[key] != nil {
		return nil, s.duplicate(t.def, key)
	}
	now := s.opt.Now()
	r := t.insertLocked(key, data, now)
	t.stampLocked(r, nil, v)
	s.log.add(Write{Op: Create, Resource: t.def.Name, Key: s.logKey(t, r), Time: now}, raw)
	return r, nil
}

func (s *Server) patch(w http.ResponseWriter, r *request, name string, find func() *row) {
	sent, raw, refused := s.body(w, r)
	if refused == nil {
		sent, refused = s.admit(r.table.def, r.api, sent)
	}
	if refused != nil {
		s.write(w, refused)
		return
	}
	if s.opt.V8 && len(sent) == 0 {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	changed, refused := s.update(r.table, name, find, sent, raw)
	if refused != nil {
		s.write(w, refused)
		return
	}
	pkey := s.sealer.seal(r.table.def.Name, changed.id)
	answer(w, http.StatusOK, []byte(`{"PKey":"`+pkey+`","href":"`+r.href(pkey)+`"}`))
}

func (s *Server) update(t *table, name string, find func() *row, sent values, raw []byte) (*row, *refusal) {
	t.mu.Lock()
	defer t.mu.Unlock()
	old := find()
	if old == nil {
		return nil, s.absent(t.def, name)
	}
	v := merged(decode(old.data), sent)
	key, data := t.keyOf(v), t.encode(v)
	switch {
	case key == old.key:
	case old.key != "":
		return nil, s.keyChange(t.def, old.key, key)
	case t.byKey[key] != nil:
		return nil, s.duplicate(t.def, key)
	}
	if refused := s.allowed(data); refused != nil {
		return nil, refused
	}
	now := s.opt.Now()
	r := t.replaceLocked(old, key, data, now)
	t.stampLocked(r, old, v)
	s.log.add(Write{Op: Update, Resource: t.def.Name, Key: s.logKey(t, r), Time: now}, raw)
	return r, nil
}

func (s *Server) delete(w http.ResponseWriter, r *request, name string, find func() *row) {
	t := r.table
	t.mu.Lock()
	old := find()
	if old != nil {
		t.deleteLocked(old)
		s.log.add(Write{Op: Delete, Resource: t.def.Name, Key: s.logKey(t, old), Time: s.opt.Now()}, nil)
	}
	t.mu.Unlock()
	if old == nil {
		s.write(w, s.absent(t.def, name))
		return
	}
	w.WriteHeader(s.opt.DeleteStatus)
}

// merged is v with the sent fields in it; null takes a field away.
func merged(v, sent values) values {
	if v == nil {
		v = make(values, len(sent))
	}
	for name, raw := range sent {
		if string(raw) == "null" {
			delete(v, name)
		} else {
			v[name] = raw
		}
	}
	return v
}

func answer(w http.ResponseWriter, status int, body []byte) {
	w.Header()["Content-Type"] = jsonType()
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that went away is not our trouble
}

func jsonType() []string { return []string{"application/json;charset=utf-8"} }

func (r *request) collectionURL() string { return r.root + "/" + r.api + "/" + r.table.def.Name }

func (r *request) href(pkey string) string { return r.collectionURL() + "/" + url.PathEscape(pkey) }
