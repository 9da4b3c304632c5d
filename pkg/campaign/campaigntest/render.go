package campaigntest

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// render is a row as the API shows it: every field, set or not, with a PKey and an href of this moment.
func (s *Server) render(r *request, from *row) []byte {
	pkey := s.sealer.seal(r.table.def.Name, from.id)
	href := r.href(pkey)
	set := decode(from.data)
	b := make([]byte, 0, 1536)
	b = append(append(append(b, `{"PKey":"`...), pkey...), '"')
	for _, f := range r.table.def.Fields {
		if f.Extended && r.api == Standard || f.Name == "timeZone" && s.opt.V8 && r.api == Standard {
			continue
		}
		b = append(append(append(b, `,"`...), f.Name...), `":`...)
		b = s.appendValue(b, r, f, set, from, href)
	}
	return append(append(append(b, `,"href":"`...), href...), `"}`...)
}

func (s *Server) appendValue(b []byte, r *request, f Field, set values, from *row, href string) []byte {
	raw, ok := set[f.Name]
	switch {
	case f.Type == Collection:
		return append(append(append(append(append(b, `{"href":"`...), href...), '/'), f.Name...), `"}`...)
	case f.Type == Link && ok:
		id, _ := strconv.ParseInt(string(raw), 10, 64)
		pkey := s.sealer.seal(f.Target, id)
		return append(b, `{"PKey":"`+pkey+`","href":"`+r.root+"/"+r.api+"/"+f.Target+"/"+pkey+`"}`...)
	case ok:
		return append(b, raw...)
	}
	switch f.Name {
	case "created":
		return from.created.UTC().AppendFormat(b, `"`+dateTimeForm+`"`)
	case "lastModified":
		return from.modified.UTC().AppendFormat(b, `"`+dateTimeForm+`"`)
	case "age":
		return strconv.AppendInt(b, int64(age(text(set["birthDate"]), s.opt.Now())), 10)
	case "domain":
		_, domain, _ := strings.Cut(text(set["email"]), "@")
		quoted, _ := json.Marshal(domain) // a string always marshals
		return append(b, quoted...)
	}
	return append(b, unset(f)...)
}

// unset is what the API shows for a field without a value.
func unset(f Field) string {
	switch f.Type {
	case Integer, Float:
		return "0"
	case Boolean:
		return "false"
	case Enum:
		return `"` + f.Values[0] + `"`
	case String:
		return `""`
	case Item:
		return "{}"
	}
	return "null"
}

func age(birth string, now time.Time) int {
	born, err := time.Parse(dateForm, birth)
	if err != nil {
		return 0
	}
	years := now.Year() - born.Year()
	if now.YearDay() < born.YearDay() {
		years--
	}
	return max(years, 0)
}

// collection serves a nested collection of a row. Their rows belong to other parts of Campaign: they are empty here.
func (s *Server) collection(w http.ResponseWriter, r *request, name, member string) {
	f, ok := r.table.def.field(member)
	find, refused := s.finder(r, name)
	if refused == nil && (!ok || f.Type != Collection) {
		refused = s.unsupported(r.api + "/" + r.table.def.Name + "/" + name + "/" + member)
	}
	if refused == nil {
		r.table.mu.RLock()
		if find() == nil {
			refused = s.absent(r.table.def, name)
		}
		r.table.mu.RUnlock()
	}
	if refused != nil {
		s.write(w, refused)
		return
	}
	answer(w, http.StatusOK, []byte(`{"content":[],"serverSidePagination":true}`))
}
