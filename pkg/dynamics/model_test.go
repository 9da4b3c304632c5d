package dynamics_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/causeway-sync/causeway/pkg/dynamics"
	"github.com/causeway-sync/causeway/pkg/dynamics/dynamicstest"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/record"
	"github.com/causeway-sync/causeway/pkg/remote/remotetest"
)

// model interleaves edits of the environment with reads, crashes and faults.
type model struct {
	env      *environment
	cfg      dynamics.SourceConfig
	reader   *reader
	ids      []string // of rows that were ever there
	edits    int
	position record.Position // the one that is stored
}

// TestModel is invariant 1: whatever happens in whatever order, who writes the records in order ends with the rows of
// the environment.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		env, stop := startEnvironment(t, dynamicstest.Options{Seed: 1})
		defer stop()
		m := &model{env: env, cfg: dynamics.SourceConfig{PageSize: rapid.IntRange(1, 4).Draw(t, "page size")}}
		env.unsized.Store(rapid.IntRange(0, 3).Draw(t, "page size ignored") == 0)
		m.restart()
		for range rapid.IntRange(0, 12).Draw(t, "rows at first") {
			m.edit(t)
		}
		env.clock.advance(time.Hour)
		t.Repeat(map[string]func(*rapid.T){
			"edit":          m.edit,
			"edit again":    m.edit,
			"delete":        m.remove,
			"read":          m.read,
			"read on":       m.read,
			"read several":  m.readSeveral,
			"read twice":    m.readTwice,
			"crash":         m.crash,
			"expire links":  func(*rapid.T) { env.ExpireLinks() },
			"new metadata":  func(*rapid.T) { env.ChangeMetadata("contact") },
			"a week passes": func(*rapid.T) { env.clock.advance(8 * 24 * time.Hour) },
			"minutes pass":  func(*rapid.T) { env.clock.advance(10 * time.Minute) },
			"new mapping":   m.configure,
			"sign out":      func(*rapid.T) { env.Issuer().RevokeAll() },
			"trouble":       m.trouble,
		})
		m.settle(t)
	})
}

func (m *model) restart() {
	known := replica{}
	if m.reader != nil {
		known = m.reader.replica
	}
	m.reader = m.env.reader(m.cfg)
	for key, name := range known {
		m.reader.replica[key] = name
	}
	m.reader.position = m.position
}

func (m *model) edit(t *rapid.T) {
	m.edits++
	id := ""
	if len(m.ids) > 0 && rapid.Bool().Draw(t, "an old row") {
		id = rapid.SampledFrom(m.ids).Draw(t, "row") // updates it, or creates it again
	}
	id = m.env.put(id, fmt.Sprint("name ", m.edits))
	if !slices.Contains(m.ids, id) {
		m.ids = append(m.ids, id)
	}
	m.env.clock.advance(time.Duration(rapid.IntRange(0, 200).Draw(t, "seconds")) * time.Second)
}

// configure starts again with other columns than before.
func (m *model) configure(t *rapid.T) {
	m.cfg.Columns = rapid.SampledFrom([][]string{{"lastname"}, {"lastname", "jobtitle"}, {"jobtitle", "lastname"}}).Draw(t, "columns")
	m.cfg.FormattedValues = rapid.Bool().Draw(t, "labels")
	m.restart()
}

func (m *model) remove(t *rapid.T) {
	if len(m.ids) > 0 {
		m.env.Delete("contact", rapid.SampledFrom(m.ids).Draw(t, "row"))
	}
}

func (m *model) read(t *rapid.T) {
	page, err := m.reader.source.Read(context.Background(), m.position)
	if err != nil && strings.Contains(err.Error(), "for the 6th time") {
		m.restart() // links expired all the time, and an operator starts the workflow again
		return
	}
	if err != nil {
		t.Fatalf("Read: %v", err)
	}
	m.reader.take(t, page)
	m.position = m.reader.position
}

func (m *model) readSeveral(t *rapid.T) {
	for range rapid.IntRange(2, 12).Draw(t, "pages") {
		m.read(t)
	}
}

// readTwice is a page that could not be stored at first: the same position is read again.
func (m *model) readTwice(t *rapid.T) {
	m.readForNothing(t)
	m.read(t)
}

func (m *model) readForNothing(t *rapid.T) {
	_, err := m.reader.source.Read(context.Background(), m.position)
	if err != nil && !strings.Contains(err.Error(), "for the 6th time") {
		t.Fatalf("Read: %v", err)
	}
}

// crash forgets what is in memory. The page that was under way was stored or was not.
func (m *model) crash(t *rapid.T) {
	if rapid.Bool().Draw(t, "stored") {
		m.read(t)
	} else {
		m.readForNothing(t)
	}
	m.restart()
}

// trouble lets half of the requests of a read fail.
func (m *model) trouble(t *rapid.T) {
	kind := rapid.SampledFrom([]remotetest.Fault{
		{Kind: remotetest.Error, Status: 503, Rate: 0.5}, {Kind: remotetest.Cut, Rate: 0.5}, {Kind: remotetest.ExpireLinks, Rate: 0.3},
		{Kind: remotetest.ExpireTokens, Rate: 0.3},
	}).Draw(t, "fault")
	stop := m.env.Inject(kind)
	defer stop()
	page, err := m.reader.source.Read(context.Background(), m.position)
	switch {
	case err == nil:
		m.reader.take(t, page)
		m.position = m.reader.position
	case fault.Is(err, fault.Fatal) && strings.Contains(err.Error(), "for the 6th time"):
		m.restart()
	case fault.Is(err, fault.Transient), kind.Kind == remotetest.ExpireTokens && fault.Is(err, fault.Fatal): // twice 401
	case kind.Kind == remotetest.ExpireLinks && fault.Is(err, fault.Fatal):
		t.Fatalf("a link that expired ends the source: %v", err)
	default:
		t.Fatalf("Read in trouble: %v", err)
	}
}

// settle reads to the end and compares.
func (m *model) settle(t *rapid.T) {
	m.restart()
	m.reader.drain(t)
	m.reader.drain(t)
	m.reader.replica.compare(t, m.env)
}
