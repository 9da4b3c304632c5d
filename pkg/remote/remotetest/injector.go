package remotetest

import (
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// InjectorOptions configure an Injector. The zero value works.
type InjectorOptions struct {
	// Seed of the picks. The same seed and the same sequence of requests give the same hits.
	Seed uint64
	// Stats counts Throttled and DuringRetryAfter; nil counts into a Stats of its own.
	Stats *Stats
	// Client names the client that sent a request: a 429 window is its own. Nil: all requests come from one client.
	Client func(*http.Request) string
	// WriteError answers a request that an Error fault hit, with the vendor's body. Nil writes the status alone.
	WriteError func(w http.ResponseWriter, r *http.Request, status int)
	// WriteThrottled answers a request inside a 429 window; the Retry-After header is already set. Nil writes the
	// status alone.
	WriteThrottled func(w http.ResponseWriter, r *http.Request)
	// ExpireTokens and ExpireLinks are called by the faults of these names.
	ExpireTokens, ExpireLinks func()
	// Lengthen is what a request inside a window adds to it, as service protection does to clients that push.
	Lengthen time.Duration
	// Grace is how long after the opening of a window requests still count as "was on its way": they are answered 429
	// but neither counted as DuringRetryAfter nor punished. 0 is 250 ms.
	Grace time.Duration
	// Now is the clock of windows and fault ends; nil is time.Now.
	Now func() time.Time
}

func (o InjectorOptions) withDefaults() InjectorOptions {
	if o.Stats == nil {
		o.Stats = NewStats()
	}
	if o.Client == nil {
		o.Client = func(*http.Request) string { return "" }
	}
	if o.WriteError == nil {
		o.WriteError = func(w http.ResponseWriter, _ *http.Request, status int) { w.WriteHeader(status) }
	}
	if o.WriteThrottled == nil {
		o.WriteThrottled = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTooManyRequests) }
	}
	if o.ExpireTokens == nil {
		o.ExpireTokens = func() {}
	}
	if o.ExpireLinks == nil {
		o.ExpireLinks = func() {}
	}
	if o.Grace == 0 {
		o.Grace = 250 * time.Millisecond
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// Injector makes things go wrong on demand. It is safe for concurrent use.
type Injector struct {
	opt     InjectorOptions
	active  atomic.Pointer[[]*activeFault] // nil or never empty; replaced whole under mu
	windows windows

	mu     sync.Mutex
	nextID int
}

// ActiveFault is a fault that is under way.
type ActiveFault struct {
	ID int `json:"id"`
	Fault
	// Left is how many seconds it still lasts, 0 for one that lasts until it is ended.
	Left float64 `json:"secondsLeft"`
}

type activeFault struct {
	Fault
	id    int
	until time.Time // zero: until ended
	picks dice
}

// NewInjector makes an Injector without faults.
func NewInjector(opt InjectorOptions) *Injector {
	opt = opt.withDefaults()
	return &Injector{opt: opt, windows: newWindows(opt)}
}

// Inject starts a fault and returns what ends it again; ending it twice is harmless. Several faults can be under way:
// they hit independently, in the order in which they were injected. A fault that Validate refuses is a programming
// error and panics; ParseFault is the way for text from outside.
func (in *Injector) Inject(f Fault) (stop func()) {
	if err := f.Validate(); err != nil {
		panic("remotetest: " + err.Error())
	}
	id := in.start(f)
	return func() { in.end(id) }
}

func (in *Injector) start(f Fault) int {
	f = f.withDefaults()
	if f.once() {
		in.expire(f.Kind)
		return 0
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.nextID++
	a := &activeFault{Fault: f, id: in.nextID, picks: newDice(in.opt.Seed, uint64(in.nextID), f.Rate)}
	if f.Seconds > 0 {
		a.until = in.opt.Now().Add(seconds(f.Seconds))
	}
	in.replaceLocked(func(list []*activeFault) []*activeFault { return append(list, a) })
	return a.id
}

func (in *Injector) end(id int) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.replaceLocked(func(list []*activeFault) []*activeFault {
		return slices.DeleteFunc(list, func(a *activeFault) bool { return a.id == id })
	})
}

// EndAll ends every fault and closes every 429 window.
func (in *Injector) EndAll() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.active.Store(nil)
	in.windows.clear()
}

// Active lists the faults that are under way.
func (in *Injector) Active() []ActiveFault {
	in.dropEnded()
	list := []ActiveFault{}
	for _, a := range in.faults() {
		entry := ActiveFault{ID: a.id, Fault: a.Fault}
		if !a.until.IsZero() {
			entry.Left = a.until.Sub(in.opt.Now()).Seconds()
		}
		list = append(list, entry)
	}
	return list
}

func (in *Injector) faults() []*activeFault {
	if list := in.active.Load(); list != nil {
		return *list
	}
	return nil
}

func (in *Injector) dropEnded() {
	in.mu.Lock()
	defer in.mu.Unlock()
	now := in.opt.Now()
	in.replaceLocked(func(list []*activeFault) []*activeFault {
		return slices.DeleteFunc(list, func(a *activeFault) bool { return a.ended(now) })
	})
}

// replaceLocked stores an edited copy of the list, so that requests can walk the old one without a lock.
func (in *Injector) replaceLocked(edit func([]*activeFault) []*activeFault) {
	list := edit(slices.Clone(in.faults()))
	if len(list) == 0 {
		in.active.Store(nil)
		return
	}
	in.active.Store(&list)
}

func (in *Injector) expire(kind Kind) {
	if kind == ExpireTokens {
		in.opt.ExpireTokens()
	} else {
		in.opt.ExpireLinks()
	}
}

func (a *activeFault) ended(now time.Time) bool { return !a.until.IsZero() && !now.Before(a.until) }
