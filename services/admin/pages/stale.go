package pages

import (
	"context"
	"strings"
	"time"

	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/workflow"
	"github.com/causeway-sync/causeway/services/admin/backend"
)

// staleFields tells of a form that somebody else has saved meanwhile: who, and of which settings another value is stored now
// than was typed.
type staleFields struct {
	By     string
	At     time.Time
	Differ []differingField
}

type differingField struct {
	Label         string
	Stored, Typed string
	// Secret fields show no value, only that one was typed and since when one is stored, nil where there is none.
	Secret bool
	Since  *time.Time
}

// compare notes a setting where the two differ. What a paste leaves around a value is no difference.
func (s *staleFields) compare(label, stored, typed string) {
	if typed = strings.TrimSpace(strings.ReplaceAll(typed, "\r\n", "\n")); typed != strings.TrimSpace(stored) {
		s.Differ = append(s.Differ, differingField{Label: label, Stored: stored, Typed: typed})
	}
}

// secret notes a secret that was typed: whether it is the stored one nobody can tell.
func (s *staleFields) secret(label string, stored config.ShownSecret) {
	s.Differ = append(s.Differ, differingField{Label: label, Secret: true, Since: stored.SetAt})
}

// staleMapping tells what happened to a mapping since somebody was asked about it.
type staleMapping struct {
	Began uint64
	Now   backend.Configuration
	// Changes are those of this mapping; Unknown is true where its revision is no longer kept.
	Changes []config.Change
	Unknown bool
}

func (s *Site) staleMapping(ctx context.Context, table string, began uint64, now backend.Configuration) *staleMapping {
	stale := &staleMapping{Began: began, Now: now}
	base, err := s.service.RevisionAt(ctx, workflow.Ingress, began)
	if err != nil {
		stale.Unknown = true
		return stale
	}
	all, err := config.Compare(base.Document, now.Document)
	stale.Unknown = err != nil
	for _, change := range all {
		if strings.HasPrefix(change.Path, "mappings["+table+"]") {
			stale.Changes = append(stale.Changes, change)
		}
	}
	return stale
}
