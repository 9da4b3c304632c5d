package pump_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/pump"
	"github.com/causeway-sync/causeway/pkg/record"
)

// broken is a source that only a person can mend, until it is nil.
func broken(why string) func(int) error {
	return func(int) error { return fault.New(fault.Fatal, why) }
}

func (s *source) setFails(fails func(int) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fails = fails
}

// newPair is a world with a second source, "account".
func newPair(t *testing.T) (w *world, account *source) {
	w, account = newWorld(t), &source{}
	w.cfg.Sources = map[string]pump.Source{"contact": w.source, "account": renamed{account}}
	return w, account
}

// renamed hands the records of a source on as those of the table account.
type renamed struct{ *source }

func (r renamed) Read(ctx context.Context, from record.Position) (record.Page, error) {
	page, err := r.source.Read(ctx, from)
	page.Records = append([]record.Record(nil), page.Records...)
	for i := range page.Records {
		page.Records[i].Source, page.Records[i].Key = "account", "account-"+page.Records[i].Key
	}
	return page, err
}

// TestASourceThatCannotBeReadIsHeldWhileOthersGoOn: nothing of it is lost, and the reason is said.
func TestASourceThatCannotBeReadIsHeldWhileOthersGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, account := newPair(t)
		var notices []string
		w.cfg.Notice = func(message string) { notices = append(notices, message) }
		w.source.edit(keys(10)...)
		account.edit(keys(10)...)
		w.start()
		quietly(2 * time.Second)
		account.setFails(broken("table account has no column name"))
		account.edit("key-000", "key-new")
		w.source.edit("key-003")
		quietly(10 * time.Minute)
		if !w.running() || w.dest.version("key-003") != 11 || w.dest.size() != 20 {
			t.Errorf("the other source does not go on: running %v, %d rows", w.running(), w.dest.size())
		}
		if trouble := w.pump.Trouble(); !strings.Contains(trouble, "reading account: held since 2000-01-01T00:00:0") || !strings.Contains(trouble, "has no column name") {
			t.Errorf("trouble: %q", trouble)
		}
		if reads := account.count(); reads > 2+1+21 {
			t.Errorf("a held source was read %d times in ten minutes", reads)
		}
		account.setFails(nil)
		quietly(time.Minute)
		if w.dest.size() != 21 || w.dest.version("account-key-000") != 11 || w.pump.Trouble() != "" {
			t.Errorf("after mending: %d rows, trouble %q", w.dest.size(), w.pump.Trouble())
		}
		w.mustStop()
		want := "account is held, the others go on: table account has no column name|account can be read again"
		if got := strings.Join(notices, "|"); got != want {
			t.Errorf("notices %q", got)
		}
	})
}

// TestARunWhoseSourcesAreAllHeldEnds with everything that holds them, each thing once.
func TestARunWhoseSourcesAreAllHeldEnds(t *testing.T) {
	for name, tc := range map[string]struct{ contact, account, want string }{
		"for reasons of their own": {"no column a", "no column b", "no column b; no column a"},
		"for one reason":           {"the secret has expired", "the secret has expired", "the secret has expired"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, account := newPair(t)
				account.fails = broken(tc.account)
				w.start()
				quietly(time.Minute)
				if w.ready() != 1 || !w.running() {
					t.Fatal("one source that is held keeps the other from running")
				}
				w.source.setFails(broken(tc.contact))
				quietly(time.Minute)
				if w.running() || !fault.Is(w.err, fault.Fatal) || fault.Message(w.err) != tc.want {
					t.Errorf("the run says %v", w.err)
				}
			})
		})
	}
}

// TestABatchWaitsForMore, and not longer than it is told to.
func TestABatchWaitsForMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.cfg.BatchSize, w.cfg.Linger, w.cfg.PollInterval = 50, 200*time.Millisecond, 10*time.Millisecond
		w.start()
		quietly(time.Second)
		begin := time.Now()
		for _, key := range keys(10) { // one record every 15 ms: all in one batch
			w.source.edit(key)
			quietly(15 * time.Millisecond)
		}
		quietly(time.Second)
		if calls := w.dest.calls; len(calls) != 10 || calls[0].batch != 10 || calls[0].at.Sub(begin) > 230*time.Millisecond {
			t.Errorf("ten records within the time that a batch waits: %+v", calls)
		}
		begin = time.Now()
		w.source.edit(keys(50)...)
		quietly(time.Second)
		if calls := w.dest.calls; len(calls) != 60 || calls[10].batch != 50 || calls[10].at.Sub(begin) > 50*time.Millisecond {
			t.Errorf("a full batch waited: %+v", calls[10:])
		}
		w.mustStop()
	})
}

// late is a source that has something to say.
type late struct {
	*source
	says []string
}

func (l late) Trouble() []string { return l.says }

// TestASourceSaysWhatAnOperatorShouldKnow although it can be read.
func TestASourceSaysWhatAnOperatorShouldKnow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, account := newPair(t)
		w.cfg.Sources["contact"] = late{w.source, []string{"no file since Monday", "a file is empty"}}
		account.fails = func(int) error { return fault.New(fault.Transient, "no answer") }
		w.start()
		quietly(time.Second)
		want := "no answer; no file since Monday; a file is empty"
		if got := w.pump.Trouble(); !strings.HasSuffix(got, want) || !strings.HasPrefix(got, "reading account: retrying since") {
			t.Errorf("trouble %q", got)
		}
		w.mustStop()
	})
}
