package remotetest

import (
	"sync"
	"sync/atomic"
	"time"
)

// windows are the spans in which a client has been told to wait.
type windows struct {
	lengthen, grace time.Duration
	now             func() time.Time
	open            *atomic.Bool // false: nobody waits, and no lock is needed to know it

	mu       *sync.Mutex
	byClient map[string]*window
}

type window struct{ opened, until time.Time }

func newWindows(opt InjectorOptions) windows {
	return windows{
		lengthen: opt.Lengthen, grace: opt.Grace, now: opt.Now,
		open: &atomic.Bool{}, mu: &sync.Mutex{}, byClient: map[string]*window{},
	}
}

// enter tells how long the client must still wait, 0 when it need not, and whether it ought to have known.
func (ws windows) enter(client string) (left time.Duration, pushed bool) {
	if !ws.open.Load() {
		return 0, false
	}
	ws.mu.Lock()
	defer ws.mu.Unlock()
	now := ws.now()
	w := ws.byClient[client]
	if w == nil || !now.Before(w.until) {
		delete(ws.byClient, client)
		ws.open.Store(len(ws.byClient) > 0)
		return 0, false
	}
	if pushed = now.Sub(w.opened) > ws.grace; pushed {
		w.until = w.until.Add(ws.lengthen)
	}
	return w.until.Sub(now), pushed
}

// start opens a window for the client, or joins the one that another request has just opened.
func (ws windows) start(client string, length time.Duration) (left time.Duration) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	now := ws.now()
	w := ws.byClient[client]
	if w == nil || !now.Before(w.until) {
		w = &window{opened: now, until: now.Add(length)}
		ws.byClient[client] = w
		ws.open.Store(true)
	}
	return w.until.Sub(now)
}

func (ws windows) clear() {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	clear(ws.byClient)
	ws.open.Store(false)
}
