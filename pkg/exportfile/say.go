package exportfile

import "slices"

// notice says something with the page of this Read.
func (s *Source) notice(text string) { s.notices = append(s.notices, text) }

// mostSaid bounds what is remembered of notices.
const mostSaid = 1000

// once says something that stays true for a while, the first time only.
func (s *Source) once(text string) {
	if s.said[text] {
		return
	}
	if len(s.said) >= mostSaid {
		clear(s.said)
	}
	s.said[text] = true
	s.notice(text)
}

// Trouble says what is wrong with the folder's files now, one sentence a trouble, in the order of the files; nothing when
// all is well. Records may flow all the same.
func (s *Source) Trouble() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.troubles)
}

func (s *Source) setTroubles(troubles []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.troubles = troubles
}
