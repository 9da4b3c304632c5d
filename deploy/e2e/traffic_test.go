package e2e

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// traffic changes contacts as people at work would, 50 times a second, until the returned function is called: updates, some
// creations, and some deletions where deleting says so. Where e-mail events arrive it does not: those of a contact that is gone are nobody's.
func (s *systems) traffic(deleting bool) (stop func() (edits int)) {
	s.t.Helper()
	token := s.token(s.dynamics+"/sandbox/oauth2/v2.0/token", s.dynamics+"/.default")
	w := &worker{url: s.dynamics + "/api/data/v9.2/", token: token, ids: s.someContacts(400), deleting: deleting, random: rand.New(rand.NewPCG(1, 2))}
	ended, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- w.work(ended) }()
	return sync.OnceValue(func() int {
		close(ended)
		if err := <-done; err != nil {
			s.t.Errorf("a contact could not be changed: %v", err)
		}
		return w.edits
	})
}

// worker edits contacts over the Web API.
type worker struct {
	url, token string
	ids        []string
	deleting   bool
	random     *rand.Rand
	edits      int
}

func (w *worker) work(ended <-chan struct{}) error {
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-ended:
			return nil
		case <-ticker.C:
			if err := w.edit(); err != nil {
				return err
			}
		}
	}
}

// edit changes, creates or deletes one contact. A changed one carries a number that grows, so that an older version shows.
func (w *worker) edit() error {
	w.edits++
	body, at := fmt.Sprintf(`{"middlename":"v%09d"}`, w.edits), w.random.IntN(len(w.ids))
	method, path, want := http.MethodPatch, "contacts("+w.ids[at]+")", http.StatusNoContent
	switch dice := w.random.IntN(20); {
	case dice == 0:
		method, path = http.MethodPost, "contacts"
	case dice == 1 && w.deleting && len(w.ids) > 100:
		method, body = http.MethodDelete, ""
		w.ids = append(w.ids[:at], w.ids[at+1:]...)
	}
	r, err := ask(method, w.url+path, body, "Authorization", "Bearer "+w.token, "Content-Type", "application/json", "OData-Version", "4.0", "Accept", "application/json")
	if err == nil && r.status != want {
		err = fmt.Errorf("%s %s: %d %s", method, path, r.status, r.body)
	}
	return err
}

// send appends events to the simulated journal, of contacts that Dynamics knows.
func (s *systems) send(events int) {
	s.t.Helper()
	var done struct{}
	s.sandboxEvents(&done, fmt.Sprintf(`{"count":%d,"types":["send","open","click","bounce"],"duplicates":0.1,"disorder":true}`, events))
}

// untilBothEqual waits for contacts and profiles, and events and activities, to be the same, record by record.
func (in *installation) untilBothEqual(t *testing.T) {
	t.Helper()
	in.untilEqual(2 * patience)
	var last []string
	defer func() {
		if len(last) > 0 {
			t.Log(strings.Join(last, "\n"))
		}
	}()
	in.until(patience, "every event is one activity", func() bool { last = in.timelineDifferences(); return len(last) == 0 })
	for _, id := range []string{"ingress", "egress"} {
		if v := in.workflow(id); v.Status != "RUNNING" || v.Failures != 0 {
			t.Errorf("%s is %s (%s) with %d failures", id, v.Status, v.Reason, v.Failures)
		}
	}
}
