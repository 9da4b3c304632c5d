package campaign

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/remote"
)

// nextLink is the link to the next page without its origin, or empty where the answer has none that can be understood. A
// link to another origin would take the token there, and is fault.Fatal.
func (a *journalAPI) nextLink(answer *journalAnswer) (string, error) {
	for _, target := range links(answer.header, "next") {
		reference, err := url.Parse(target)
		if err != nil {
			continue
		}
		resolved := answer.to.ResolveReference(reference)
		if !remote.SameOrigin(resolved, a.base) {
			return "", fault.New(fault.Fatal, fmt.Sprintf("%s: refused to follow a link to %s, which is not the configured %s; check the journal URL",
				journalName, resolved.Host, a.base.Host))
		}
		return resolved.RequestURI(), nil
	}
	return "", nil
}

// links are the targets of a relation in all Link headers of an answer, in their order (RFC 8288, section 3). What does not
// follow the grammar is passed over.
func links(header http.Header, relation string) (targets []string) {
	for _, value := range header.Values("Link") {
		for value != "" {
			_, rest, found := strings.Cut(value, "<")
			target, rest, closed := strings.Cut(rest, ">")
			if !found || !closed {
				break
			}
			var relations string
			relations, value = linkRelations(rest)
			for one := range strings.FieldsSeq(relations) {
				if strings.EqualFold(one, relation) {
					targets = append(targets, strings.TrimSpace(target))
				}
			}
		}
	}
	return targets
}

// linkRelations reads the parameters behind a target up to the comma that ends them, and returns the first rel.
func linkRelations(text string) (relations, rest string) {
	found := false
	for {
		text = strings.TrimLeft(text, " \t;")
		if text == "" || text[0] == ',' {
			return relations, text
		}
		end := strings.IndexAny(text, "=;,")
		if end < 0 {
			return relations, ""
		}
		if text[end] != '=' {
			text = text[end:]
			continue
		}
		name := strings.TrimSpace(text[:end])
		var value string
		value, text = linkValue(strings.TrimLeft(text[end+1:], " \t"))
		if strings.EqualFold(name, "rel") && !found {
			relations, found = value, true
		}
	}
}

// linkValue reads a token or a quoted string.
func linkValue(text string) (value, rest string) {
	if !strings.HasPrefix(text, `"`) {
		end := strings.IndexAny(text, ";,")
		if end < 0 {
			end = len(text)
		}
		return strings.TrimSpace(text[:end]), text[end:]
	}
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == '"':
			return b.String(), text[i+1:]
		case text[i] == '\\' && i+1 < len(text):
			i++
		}
		b.WriteByte(text[i])
	}
	return b.String(), ""
}
