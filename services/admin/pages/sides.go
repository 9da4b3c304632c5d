package pages

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/causeway-sync/causeway/pkg/catalog"
	"github.com/causeway-sync/causeway/pkg/fault"
)

const (
	// lookPatience is how long an edit page waits for what a remote system tells of itself.
	lookPatience = 4 * time.Second
	// lookKept is how long an answer serves: a form that is edited line by line does not ask anew for every line.
	lookKept = time.Minute
	// looksKept bounds how many answers are kept.
	looksKept = 64
)

// Sides is what there is to choose from at both sides. Where it could not be looked up Trouble says why, and names are
// typed in.
type Sides struct {
	Table    catalog.Table
	Resource catalog.Resource
	Trouble  string
}

// lookups keeps what remote systems told of themselves.
type lookups struct {
	mu      sync.Mutex
	answers map[string]lookup
}

type lookup struct {
	answer any
	until  time.Time
}

// look gives the kept answer to a question, or asks.
func look[T any](l *lookups, question string, ask func() (T, error)) (T, error) {
	l.mu.Lock()
	kept, ok := l.answers[question]
	l.mu.Unlock()
	if ok && time.Now().Before(kept.until) {
		return kept.answer.(T), nil
	}
	answer, err := ask()
	if err != nil {
		return answer, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.answers == nil || len(l.answers) >= looksKept {
		l.answers = map[string]lookup{}
	}
	l.answers[question] = lookup{answer: answer, until: time.Now().Add(lookKept)}
	return answer, nil
}

// forget has everything asked anew.
func (l *lookups) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.answers = nil
}

// sides asks both remote systems for a table and a resource; "" for none. Only who may configure is told.
func (s *Site) sides(r *http.Request, table, resource string) Sides {
	var sides Sides
	if readOnly(r) {
		return sides
	}
	ctx, cancel := context.WithTimeout(r.Context(), lookPatience)
	defer cancel()
	var tableErr, resourceErr error
	var asked sync.WaitGroup
	if table != "" {
		asked.Go(func() {
			sides.Table, tableErr = look(&s.lookups, "table "+table, func() (catalog.Table, error) { return s.service.Table(ctx, table) })
		})
	}
	if resource != "" {
		asked.Go(func() {
			sides.Resource, resourceErr = look(&s.lookups, "resource "+resource, func() (catalog.Resource, error) { return s.service.Resource(ctx, resource) })
		})
	}
	asked.Wait()
	var trouble []string
	for _, err := range []error{tableErr, resourceErr} {
		if err != nil && !slices.Contains(trouble, fault.Message(err)) {
			trouble = append(trouble, fault.Message(err))
		}
	}
	sides.Trouble = strings.Join(trouble, "; ")
	return sides
}

// offers lists the tables and resources that can be mapped; empty where they cannot be looked up.
func (s *Site) offers(r *http.Request) (tables []catalog.Table, resources []catalog.Resource) {
	if readOnly(r) {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(r.Context(), lookPatience)
	defer cancel()
	var asked sync.WaitGroup // What cannot be looked up is typed in.
	asked.Go(func() {
		tables, _ = look(&s.lookups, "tables", func() ([]catalog.Table, error) { return s.service.Tables(ctx) })
	})
	asked.Go(func() {
		resources, _ = look(&s.lookups, "resources", func() ([]catalog.Resource, error) { return s.service.Resources(ctx) })
	})
	asked.Wait()
	return tables, resources
}

// Column finds a column by its name.
func (s Sides) Column(name string) *catalog.Column {
	for i := range s.Table.Columns {
		if s.Table.Columns[i].Name == name {
			return &s.Table.Columns[i]
		}
	}
	return nil
}

// Field finds a field by its name.
func (s Sides) Field(name string) *catalog.Field {
	for i := range s.Resource.Fields {
		if s.Resource.Fields[i].Name == name {
			return &s.Resource.Fields[i]
		}
	}
	return nil
}

// ColumnType tells a column's type for people, "" where it is not known.
func (s Sides) ColumnType(name string) string {
	if c := s.Column(name); c != nil {
		return typeText(c.Type, c.MaxLength)
	}
	return ""
}

// FieldType tells a field's type for people, "" where it is not known.
func (s Sides) FieldType(name string) string {
	if f := s.Field(name); f != nil {
		return typeText(f.Type, f.Length)
	}
	return ""
}

func typeText(name string, length int) string {
	if length > 0 {
		return fmt.Sprintf("%s, up to %d", name, length)
	}
	return name
}

// NoColumn warns of a column that Dynamics does not have, "" where that is not known.
func (s Sides) NoColumn(name string) string {
	if name == "" || len(s.Table.Columns) == 0 || s.Column(name) != nil {
		return ""
	}
	return s.Table.Name + " has no such column in Dynamics 365"
}

// NoField warns of a field that Campaign does not have or that cannot be written, "" where that is not known.
func (s Sides) NoField(name string) string {
	if name == "" || len(s.Resource.Fields) == 0 {
		return ""
	}
	f := s.Field(name)
	switch {
	case f == nil:
		return s.Resource.Name + " has no such field in Campaign"
	case !f.Writable:
		return "this field cannot be written"
	}
	return ""
}

// ColumnChoices are the columns as suggestions; of one type only, where a type is given.
func (s Sides) ColumnChoices(only string) []choice {
	var options []choice
	for _, c := range s.Table.Columns {
		if only == "" || c.Type == only {
			options = append(options, choice{c.Name, c.DisplayName + " (" + typeText(c.Type, c.MaxLength) + ")"})
		}
	}
	return options
}

// FieldChoices are the fields that can be written, links apart.
func (s Sides) FieldChoices(links bool) []choice {
	var options []choice
	for _, f := range s.Resource.Fields {
		if f.Writable && (f.Target != "") == links {
			label := typeText(f.Type, f.Length)
			if links {
				label = "link to " + f.Target
			}
			options = append(options, choice{f.Name, label})
		}
	}
	return options
}
