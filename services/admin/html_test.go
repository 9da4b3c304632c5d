package admin_test

import (
	"bytes"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// node is a parsed page, or a part of one.
type node struct {
	t *testing.T
	*html.Node
}

func parse(t *testing.T, a answer) node {
	t.Helper()
	if got := a.Header.Get("Content-Type"); got != "text/html; charset=utf-8" {
		t.Errorf("content type %q", got)
	}
	root, err := html.Parse(bytes.NewReader(a.body))
	if err != nil {
		t.Fatal(err)
	}
	return node{t, root}
}

// all finds every element of a name for which the attributes, given in pairs, have the value; a value "*" is any.
func (n node) all(name string, attributes ...string) []node {
	var found []node
	for d := range n.Descendants() {
		if d.Type == html.ElementNode && (name == "*" || d.Data == name) && (node{n.t, d}).has(attributes) {
			found = append(found, node{n.t, d})
		}
	}
	return found
}

func (n node) has(attributes []string) bool {
	for i := 0; i+1 < len(attributes); i += 2 {
		value, ok := n.lookup(attributes[i])
		if !ok || (attributes[i+1] != "*" && value != attributes[i+1]) {
			return false
		}
	}
	return true
}

// one finds the only such element.
func (n node) one(name string, attributes ...string) node {
	n.t.Helper()
	found := n.all(name, attributes...)
	if len(found) != 1 {
		n.t.Fatalf("%d elements %s %v, want one", len(found), name, attributes)
	}
	return found[0]
}

func (n node) lookup(name string) (string, bool) {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val, true
		}
	}
	return "", false
}

func (n node) attr(name string) string { value, _ := n.lookup(name); return value }

// text is the text inside, its white space joined.
func (n node) text() string {
	var out strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			out.WriteString(d.Data + " ")
		}
	}
	return strings.Join(strings.Fields(out.String()), " ")
}
