package access

import (
	"crypto/sha256"
	"sync"
	"time"
)

// Sessions are the people who are signed in. They live in memory: a restart signs everybody out, and several admin
// services need a balancer that sends a browser to the same one.
type Sessions struct {
	idle, most time.Duration

	mu sync.Mutex
	// byHash is keyed by the hash of the session's id: what could be read out of memory opens nothing.
	byHash map[[sha256.Size]byte]*session
}

type session struct {
	who         Identity
	began, used time.Time
}

const (
	defaultIdle = 2 * time.Hour
	defaultMost = 12 * time.Hour
	// mostSessions bounds the memory; beyond it the one that was used least recently ends.
	mostSessions = 10_000
)

// NewSessions makes sessions that end after they were idle that long, and at most that long after signing in; 2 and 12
// hours where the figures are 0.
func NewSessions(idle, most time.Duration) *Sessions {
	if idle <= 0 {
		idle = defaultIdle
	}
	if most <= 0 {
		most = defaultMost
	}
	return &Sessions{idle: idle, most: most, byHash: map[[sha256.Size]byte]*session{}}
}

// Begin starts a session for somebody who has just signed in. Its id is 256 new random bits, whatever the browser had.
func (s *Sessions) Begin(who Identity) (id string) {
	id = newSecret()
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.byHash) >= mostSessions {
		s.makeRoomLocked(now)
	}
	s.byHash[sha256.Sum256([]byte(id))] = &session{who: who, began: now, used: now}
	return id
}

// Use is whose session an id is, and counts as use of it.
func (s *Sessions) Use(id string) (Identity, bool) { return s.find(id, true) }

// Look is the same, and leaves the session's idle time running.
func (s *Sessions) Look(id string) (Identity, bool) { return s.find(id, false) }

func (s *Sessions) find(id string, use bool) (Identity, bool) {
	key, now := sha256.Sum256([]byte(id)), time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.byHash[key]
	if found == nil {
		return Identity{}, false
	}
	if s.ended(found, now) {
		delete(s.byHash, key)
		return Identity{}, false
	}
	if use {
		found.used = now
	}
	return found.who, true
}

// End signs out.
func (s *Sessions) End(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.byHash, sha256.Sum256([]byte(id)))
}

func (s *Sessions) ended(one *session, now time.Time) bool {
	return now.Sub(one.used) >= s.idle || now.Sub(one.began) >= s.most
}

// makeRoomLocked drops the sessions that have ended, and the one that was used least recently.
func (s *Sessions) makeRoomLocked(now time.Time) {
	var oldest [sha256.Size]byte
	var at time.Time
	for key, one := range s.byHash {
		if s.ended(one, now) {
			delete(s.byHash, key)
		} else if at.IsZero() || one.used.Before(at) {
			oldest, at = key, one.used
		}
	}
	if len(s.byHash) >= mostSessions {
		delete(s.byHash, oldest)
	}
}
