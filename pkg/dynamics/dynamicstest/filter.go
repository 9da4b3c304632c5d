package dynamicstest

import (
	"bytes"
	"cmp"
	"math"
	"math/big"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// filter is a $filter that was understood. It is true for the rows to keep.
type filter func(cells []cell) bool

// bound is the least modifiedon that a filter lets through, where it says so, in Unix seconds.
type parsedFilter struct {
	keep  filter
	since int64
}

// filterParser reads the subset of OData that integrations use: eq ne gt ge lt le, and or not, parentheses, contains,
// startswith, endswith, and literals of every column type.
type filterParser struct {
	table *table
	lex   lexer
	since int64
	depth int
}

func parseFilter(t *table, text string) (parsedFilter, error) {
	p := &filterParser{table: t, lex: lexer{text: text}, since: math.MinInt64}
	p.lex.next()
	keep, err := p.or(true)
	if err == nil && p.lex.kind != endToken {
		err = p.syntax()
	}
	return parsedFilter{keep: keep, since: p.since}, err
}

func (p *filterParser) syntax() error {
	return fail(http.StatusBadRequest, codeSyntax, "Syntax error at position %d in '%s'.", p.lex.start, p.lex.text)
}

func (p *filterParser) isWord(word string) bool { return p.lex.kind == wordToken && p.lex.word == word }

// or parses a disjunction. certain says that the whole must hold for a row to be kept, so that bounds can be used.
func (p *filterParser) or(certain bool) (filter, error) {
	before := p.since
	left, err := p.and(certain)
	for err == nil && p.isWord("or") {
		p.since = before // one side of an or binds nothing
		p.lex.next()
		var right filter
		if right, err = p.and(false); err == nil {
			a := left
			left = func(c []cell) bool { return a(c) || right(c) }
		}
	}
	return left, err
}

func (p *filterParser) and(certain bool) (filter, error) {
	left, err := p.unary(certain)
	for err == nil && p.isWord("and") {
		p.lex.next()
		var right filter
		if right, err = p.unary(certain); err == nil {
			a := left
			left = func(c []cell) bool { return a(c) && right(c) }
		}
	}
	return left, err
}

func (p *filterParser) unary(certain bool) (filter, error) {
	if p.depth++; p.depth > 200 {
		return nil, p.syntax()
	}
	defer func() { p.depth-- }()
	switch {
	case p.isWord("not"):
		p.lex.next()
		inner, err := p.unary(false)
		return func(c []cell) bool { return !inner(c) }, err
	case p.lex.kind == openToken:
		p.lex.next()
		inner, err := p.or(certain)
		if err == nil && p.lex.kind != closeToken {
			err = p.syntax()
		}
		p.lex.next()
		return inner, err
	case p.lex.kind != wordToken:
		return nil, p.syntax()
	}
	name := p.lex.word
	p.lex.next()
	if p.lex.kind == openToken {
		return p.function(name)
	}
	return p.comparison(name, certain)
}

func (p *filterParser) column(name string) (int, error) {
	i, ok := p.table.byProperty[name]
	if !ok {
		return 0, errNoProperty(p.table, name)
	}
	return i, nil
}

func (p *filterParser) function(name string) (filter, error) {
	test, known := map[string]func(s, part []byte) bool{"contains": bytes.Contains, "startswith": bytes.HasPrefix, "endswith": bytes.HasSuffix}[name]
	if !known {
		return nil, fail(http.StatusBadRequest, codeSyntax, "An unknown function with name '%s' was found.", name)
	}
	p.lex.next()
	i, err := p.column(p.lex.word)
	if err != nil {
		return nil, err
	}
	p.lex.next()
	if p.lex.kind != commaToken {
		return nil, p.syntax()
	}
	p.lex.next()
	if p.lex.kind != textToken {
		return nil, p.syntax()
	}
	part := fold([]byte(p.lex.word))
	p.lex.next()
	if p.lex.kind != closeToken {
		return nil, p.syntax()
	}
	p.lex.next()
	return func(c []cell) bool { return c[i].set && test(fold(c[i].b), part) }, nil
}

// fold makes text comparable: Dataverse compares strings without regard to case.
func fold(s []byte) []byte { return bytes.ToLower(s) }

func (p *filterParser) comparison(name string, certain bool) (filter, error) {
	i, err := p.column(name)
	if err != nil {
		return nil, err
	}
	operator := p.lex.word
	accepts, known := operators()[operator]
	if p.lex.kind != wordToken || !known {
		return nil, p.syntax()
	}
	p.lex.next()
	if p.isWord("null") {
		p.lex.next()
		wanted := operator == "ne"
		return func(c []cell) bool { return c[i].set == wanted }, nil
	}
	column := p.table.Columns[i]
	value, err := p.literal(column)
	if err != nil {
		return nil, err
	}
	p.lex.next()
	if certain && i == modifiedColumn && (operator == "ge" || operator == "gt") {
		p.since = max(p.since, value.n)
	}
	return func(c []cell) bool {
		if !c[i].set {
			return operator == "ne"
		}
		return accepts(compareCells(column, c[i], value))
	}, nil
}

func operators() map[string]func(int) bool {
	return map[string]func(int) bool{
		"eq": func(n int) bool { return n == 0 }, "ne": func(n int) bool { return n != 0 },
		"gt": func(n int) bool { return n > 0 }, "ge": func(n int) bool { return n >= 0 },
		"lt": func(n int) bool { return n < 0 }, "le": func(n int) bool { return n <= 0 },
	}
}

// literal reads a value of the column's type. A number is taken for a choice that it does not have: it matches nothing.
func (p *filterParser) literal(c Column) (cell, error) {
	mismatch := fail(http.StatusBadRequest, codeSyntax, "A binary operator with incompatible types was detected for '%s'.", c.Property())
	if p.lex.kind == textToken {
		if c.Type != String && c.Type != Memo && c.Type != MultiSelect {
			return cell{}, mismatch
		}
		return cell{set: true, b: []byte(p.lex.word)}, nil
	}
	if p.lex.kind != wordToken {
		return cell{}, p.syntax()
	}
	word := p.lex.word
	switch c.Type {
	case Picklist, State, Status, Integer, BigInt:
		if n, err := strconv.ParseInt(word, 10, 64); err == nil {
			return cell{set: true, n: n}, nil
		}
	case Boolean:
		if word == "true" || word == "false" {
			return c.parse(word == "true")
		}
	case Decimal, Money, Double:
		if v, err := c.parseNumber(word); err == nil {
			return v, nil
		}
	case DateTime:
		if at, err := time.Parse(time.RFC3339, word); err == nil {
			return cell{set: true, n: at.Unix()}, nil
		}
	case Date, Lookup, Customer, Owner, Uniqueidentifier:
		if v, err := c.parseText(word); err == nil {
			return v, nil
		}
	}
	return cell{}, mismatch
}

// compareCells orders two values that are set.
func compareCells(c Column, a, b cell) int {
	switch c.Type {
	case String, Memo, MultiSelect:
		return bytes.Compare(fold(a.b), fold(b.b))
	case Decimal, Money:
		x, _ := new(big.Rat).SetString(string(a.b))
		y, _ := new(big.Rat).SetString(string(b.b))
		return x.Cmp(y)
	case Double:
		return cmp.Compare(math.Float64frombits(uint64(a.n)), math.Float64frombits(uint64(b.n)))
	}
	if c.storage() == asGUID {
		return bytes.Compare(a.b, b.b)
	}
	return cmp.Compare(a.n, b.n)
}

type tokenKind int

const (
	endToken tokenKind = iota
	wordToken
	textToken
	openToken
	closeToken
	commaToken
	badToken
)

// lexer cuts a $filter into words, quoted text and punctuation.
type lexer struct {
	text  string
	at    int
	start int
	kind  tokenKind
	word  string
}

func (l *lexer) next() {
	for l.at < len(l.text) && l.text[l.at] == ' ' {
		l.at++
	}
	l.start, l.word = l.at, ""
	if l.at >= len(l.text) {
		l.kind = endToken
		return
	}
	if i := strings.IndexByte("(),", l.text[l.at]); i >= 0 {
		l.kind = []tokenKind{openToken, closeToken, commaToken}[i]
		l.at++
		return
	}
	if l.text[l.at] == '\'' {
		l.quoted()
		return
	}
	end := strings.IndexAny(l.text[l.at:], " (),'")
	if end < 0 {
		end = len(l.text) - l.at
	}
	l.kind, l.word = wordToken, l.text[l.at:l.at+end]
	l.at += end
}

// quoted reads text in which a quote is written twice.
func (l *lexer) quoted() {
	var b strings.Builder
	for i := l.at + 1; i < len(l.text); i++ {
		if l.text[i] == '\'' {
			if i+1 >= len(l.text) || l.text[i+1] != '\'' {
				l.kind, l.word, l.at = textToken, b.String(), i+1
				return
			}
			i++
		}
		b.WriteByte(l.text[i])
	}
	l.kind, l.at = badToken, len(l.text)
}
