package dynamicstest

// IDs are the primary keys of a table, in order, taken when it is called.
func (s *Server) IDs(logical string) []string {
	t := s.mustTable(logical)
	s.store.mu.RLock()
	defer s.store.mu.RUnlock()
	ids := make([]string, 0, len(t.rows))
	for r := range t.sorted.from(nil) {
		ids = append(ids, r.id.String())
	}
	return ids
}
