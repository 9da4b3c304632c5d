package exportfile

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/record"
)

const (
	// positionFormat is the version of the JSON below. A position of a newer version comes from a newer program; to guess
	// at it could lose records.
	positionFormat = 1
	// maxMarks bounds the files that a position remembers one by one: about 500 kB.
	maxMarks = 3000
	// keepGone is how long a file that is gone is remembered, to know it again under another name.
	keepGone = 7 * 24 * time.Hour
)

// position is the inside of a record.Position.
type position struct {
	Format int `json:"v"`
	// Fresh is when a file was last begun, by our clock; before the first one, when the folder was first looked at.
	Fresh time.Time `json:"fresh,omitzero"`
	// Files are what is known of files, by name.
	Files []mark `json:"files,omitempty"`
	// Old stands for the files of the oldest names where there are too many to remember: those up to Name that were not
	// written after Modified were read.
	Old *oldest `json:"old,omitempty"`
}

type oldest struct {
	Name     string    `json:"name"`
	Modified time.Time `json:"modified"`
}

// mark is how far a file was read.
type mark struct {
	Name     string    `json:"name"`
	Size     int64     `json:"size"`
	Modified time.Time `json:"modified"`
	// Offset is where the next record begins, Lines how many line breaks stand before it, Rows how many records were made
	// and Sum the hash of the bytes before it.
	Offset int64  `json:"offset"`
	Lines  int    `json:"lines"`
	Rows   int    `json:"rows"`
	Sum    string `json:"sum,omitempty"`
	// Gone is since when the file is not in the folder, by our clock.
	Gone time.Time `json:"gone,omitzero"`
}

// read reports whether all of the file, as it was, was read.
func (m mark) read() bool { return m.Offset == m.Size }

// is reports whether a file stands as it was when it was marked.
func (m mark) is(e entry) bool { return m.Size == e.size && m.Modified.Equal(e.modified) }

// same reports whether two positions say the same.
func (p position) same(o position) bool {
	old := p.Old == o.Old || p.Old != nil && o.Old != nil && *p.Old == *o.Old
	return old && p.Fresh.Equal(o.Fresh) && slices.Equal(p.Files, o.Files)
}

func (p position) find(name string) (mark, bool) {
	i, found := p.search(name)
	if !found {
		return mark{Name: name}, false
	}
	return p.Files[i], true
}

func (p position) search(name string) (int, bool) {
	return slices.BinarySearchFunc(p.Files, name, func(m mark, name string) int { return strings.Compare(m.Name, name) })
}

// with is p with a mark set; p stays as it is.
func (p position) with(m mark) position {
	i, found := p.search(m.Name)
	p.Files = slices.Clone(p.Files)
	if found {
		p.Files[i] = m
	} else {
		p.Files = slices.Insert(p.Files, i, m)
	}
	return p
}

// knows reports whether nothing of a file has to be read: it was read and has not changed since.
func (p position) knows(e entry) bool {
	if m, found := p.find(e.name); found {
		return m.read() && m.is(e)
	}
	return p.Old != nil && e.name <= p.Old.Name && !e.modified.After(p.Old.Modified)
}

// seen brings p up to date with the folder: what is gone is remembered for a while and then forgotten, and of too many
// files the oldest names are remembered together. lost names files that went away before they were read to their end.
func (p position) seen(present map[string]entry, now time.Time) (next position, lost []mark) {
	next = p
	next.Files = nil
	for _, m := range p.Files {
		_, here := present[m.Name]
		switch {
		case here:
			m.Gone = time.Time{}
		case m.Gone.IsZero():
			m.Gone = now
			if !m.read() {
				lost = append(lost, m)
			}
		}
		if here || now.Sub(m.Gone) < keepGone {
			next.Files = append(next.Files, m)
		}
	}
	return next.fold(present), lost
}

// fold forgets the oldest names when there are too many, up to the first file that was not read.
func (p position) fold(present map[string]entry) position {
	if len(p.Files) <= maxMarks {
		return p
	}
	pending := "" // the first
	for name, e := range present {
		if (pending == "" || name < pending) && !p.knows(e) {
			pending = name
		}
	}
	for len(p.Files) > maxMarks && p.Files[0].read() && (pending == "" || p.Files[0].Name < pending) {
		first := p.Files[0]
		old := oldest{Name: first.Name, Modified: first.Modified}
		if p.Old != nil && p.Old.Modified.After(old.Modified) {
			old.Modified = p.Old.Modified
		}
		if p.Old != nil && p.Old.Name > old.Name {
			old.Name = p.Old.Name
		}
		p.Old, p.Files = &old, p.Files[1:]
	}
	return p
}

func (p position) encode() (record.Position, error) {
	text, err := json.Marshal(p)
	if err != nil {
		return nil, fault.Wrap(fault.Fatal, err, "the read position of the export files cannot be written")
	}
	return text, nil
}

// parsePosition reads what encode wrote; nothing is the beginning.
func parsePosition(text record.Position) (position, error) {
	if len(text) == 0 {
		return position{Format: positionFormat}, nil
	}
	bad := func(why string) error {
		return fault.New(fault.Fatal, "the read position of the export files "+why)
	}
	var p position
	switch err := json.Unmarshal(text, &p); {
	case p.Format > positionFormat:
		return p, bad(fmt.Sprintf("has format %d and this program knows %d; a newer program wrote it", p.Format, positionFormat))
	case err != nil || p.Format < 1:
		return p, bad("cannot be understood")
	case !slices.IsSortedFunc(p.Files, func(a, b mark) int { return strings.Compare(a.Name, b.Name) }):
		return p, bad("is out of order")
	}
	for _, m := range p.Files {
		if m.Offset < 0 || m.Lines < 0 {
			return p, bad("names a place that does not exist")
		}
	}
	return p, nil
}
