package campaigntest

// Alter changes the definition of a field and publishes it; a field that gets another name is one that is gone, with its
// values. No request may be under way.
func (s *Server) Alter(resource, field string, change func(*Field)) {
	t := s.tables()[resource]
	if t == nil {
		panic("campaigntest: there is no resource " + resource)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range t.def.Fields {
		if t.def.Fields[i].Name == field {
			change(&t.def.Fields[i])
			return
		}
	}
	panic("campaigntest: " + resource + " has no field " + field)
}
