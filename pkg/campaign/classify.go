package campaign

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/causeway-sync/causeway/pkg/fault"
)

// verdict is what an answer means for the call.
type verdict int

const (
	failed   verdict = iota // an error of the rule's kind
	taken                   // done
	absent                  // there is no row with that key
	conflict                // there is a row with that key already
	unsaid                  // refused without a reason (Campaign v8): the row itself has to be asked
	lost                    // the gateway did not know where to send it ("Oops")
)

// answer is an answer of Campaign, ready to be looked at.
type answer struct {
	status int
	text   string // every text of the body, sent values blanked out
	folded string // text in lower case
	html   bool
	sent   map[string]any
}

// rule is one line of the table. The first one that matches decides.
type rule struct {
	name    string
	status  func(int) bool // nil: any
	texts   []string       // lower case; one of them stands in the answer. Nil: any
	pattern *regexp.Regexp // nil: any; group 1 is a field
	verdict verdict
	kind    fault.Kind // of failed
	cause   error      // of failed, or nil
	// say completes "Adobe Campaign refused to create profile 42: ...". %s is the field.
	say string
}

func is(statuses ...int) func(int) bool {
	return func(status int) bool { return slices.Contains(statuses, status) }
}

func from(low, high int) func(int) bool {
	return func(status int) bool { return status >= low && status <= high }
}

// ErrDenied is the cause of a refusal that need not concern more than the resource that was asked for.
var ErrDenied = errors.New("access is denied")

// rules is the table of what Campaign and its gateway answer. Sources: Campaign Standard documentation, "API
// troubleshooting"; Campaign v8 documentation, "Recommendations & limitations" (texts of both products side by side).
func rules() []rule {
	const field = `([A-Za-z][A-Za-z0-9_]*)`
	return []rule{
		{name: "done", status: from(200, 299), verdict: taken},
		{name: "token", status: is(401), kind: fault.Fatal,
			say: "the token is not accepted, not even a new one (401); check that client id, secret and organisation belong together"},
		{name: "no product profile", status: is(403), texts: []string{"403023"}, kind: fault.Fatal,
			say: "the technical account has no access to this instance (403023); add it to a product profile of Campaign in the Admin Console"},
		{name: "no API key", status: is(403), texts: []string{"403000", "403003", "api key"}, kind: fault.Fatal,
			say: "the API key is not accepted (403000); add the Adobe Campaign API to the project and check the client id"},
		{name: "forbidden", status: is(403), kind: fault.Fatal, cause: ErrDenied,
			say: "access is denied (403); check the technical account's product profile"},
		{name: "wrong address", status: from(500, 599), texts: []string{"oops. something went wrong"}, verdict: lost},

		{name: "no such row", status: is(404), texts: []string{"unable to find document", "unable to decrypt pkey"}, verdict: absent},
		{name: "no such path", status: is(404, 405, 410), kind: fault.Fatal,
			say: "the address does not exist; check that the resource is published and the Profiles & Services Ext API was ticked"},
		{name: "moved", status: from(300, 399), kind: fault.Fatal, say: "the address points elsewhere; check the URL"},
		{name: "exists", texts: []string{"duplicate key", "already exists"}, verdict: conflict},
		{name: "exists by status", status: is(409), verdict: conflict},

		{name: "read-only field", pattern: regexp.MustCompile(`Cannot update the '` + field + `' property that is read-only`), kind: fault.Fatal,
			say: "%s is read-only in Campaign; take it out of the mapping"},
		{name: "unknown field", pattern: regexp.MustCompile(`'` + field + `' property is not valid for the '`), kind: fault.Fatal,
			say: "Campaign has no %s; publish it or take it out of the mapping"},
		{name: "key change", texts: []string{"rst-360012"}, kind: fault.Rejected, say: "the key of a row cannot be changed (RST-360012)"},
		{name: "enumeration", pattern: regexp.MustCompile(`is not valid for the '[^']*' enumeration of the '@?` + field + `' field`), kind: fault.Rejected,
			say: "the value of %s is none of its list; replace it in the mapping"},
		{name: "value of a field", pattern: regexp.MustCompile(`is not valid for the '@?` + field + `' field`), kind: fault.Rejected,
			say: "the value of %s does not have the field's type"},
		{name: "too long", texts: []string{"value too long"}, kind: fault.Rejected, say: "%s is too long"},
		{name: "not valid", texts: []string{"not valid", "read-only", "xtk-"}, kind: fault.Rejected, say: "%s is not acceptable"},
		{name: "database refuses the row", texts: []string{"invalid input syntax", "violates", "out of range"}, kind: fault.Rejected,
			say: "its database does not take %s"},
		{name: "unusable request", status: is(400, 406, 411, 413, 414, 415, 422, 431), kind: fault.Rejected, say: "the request was not acceptable to it"},

		{name: "engine in trouble", texts: []string{"rst-360011"}, kind: fault.Transient, say: "its engine had a fault (RST-360011)"},
		{name: "without a reason", status: is(500), texts: []string{"an error has occurred - please contact your administrator"}, verdict: unsaid},
		{name: "anything else", kind: fault.Transient, say: "it is in trouble"},
	}
}

// matches reports whether r is about a, and the field it names.
func (r rule) matches(a *answer) (field string, ok bool) {
	if r.status != nil && !r.status(a.status) {
		return "", false
	}
	if r.texts != nil && !slices.ContainsFunc(r.texts, func(t string) bool { return strings.Contains(a.folded, t) }) {
		return "", false
	}
	if r.pattern == nil {
		return "", true
	}
	found := r.pattern.FindStringSubmatch(a.text)
	if found == nil {
		return "", false
	}
	return found[1], true
}

// classify finds the rule for an answer and what it says, in words.
func (a *answer) classify(table []rule) (rule, string) {
	if a.html && a.status < 300 {
		return rule{name: "a web page", kind: fault.Transient}, "a web page came back instead of an answer; check the URL and what stands between"
	}
	for _, r := range table {
		field, ok := r.matches(a)
		if !ok {
			continue
		}
		said := r.say
		if strings.Contains(said, "%s") {
			said = fmt.Sprintf(said, a.describe(field, r.name == "too long"))
		}
		return r, said
	}
	return rule{kind: fault.Transient}, "it is in trouble" // the last rule matches everything
}

// describe names the field of an answer, if it is one that was sent: a text that Campaign made of a value must not pass
// for a field (invariant 9).
func (a *answer) describe(field string, tooLong bool) string {
	if _, ours := a.sent[field]; ours {
		return "the field " + field
	}
	if tooLong {
		if names := a.longerThanLimit(); len(names) > 0 {
			return strings.Join(names, " or ")
		}
	}
	return "a field"
}

// longerThanLimit names the sent fields that are longer than the limit that the database complained about.
func (a *answer) longerThanLimit() []string {
	found := regexp.MustCompile(`character varying\((\d+)\)`).FindStringSubmatch(a.text)
	if found == nil {
		return nil
	}
	limit, err := strconv.Atoi(found[1])
	if err != nil {
		return nil
	}
	var names []string
	for field, value := range a.sent {
		if s, ok := value.(string); ok && utf8.RuneCountInString(s) > limit {
			names = append(names, fmt.Sprintf("the field %s (more than %d characters)", field, limit))
		}
	}
	slices.Sort(names)
	return names
}

// newAnswer makes an answer of a response. Values that were sent are blanked out where Campaign quotes them: a row that
// holds the words "already exists" must not change what an answer means.
func newAnswer(status int, header http.Header, body []byte, k call) *answer {
	a := &answer{status: status, html: strings.HasPrefix(header.Get("Content-Type"), "text/html")}
	if status >= 200 && status < 300 {
		return a
	}
	a.sent = k.fields
	a.text = blanked(texts(body), withKey(k.fields, "", k.key))
	a.folded = strings.ToLower(a.text)
	return a
}

// maxText is how much of an error body is looked at.
const maxText = 16 << 10

// texts is the body, or of a JSON body every text in it.
func texts(body []byte) string {
	if len(body) > maxText {
		body = body[:maxText]
	}
	var v any
	if json.Unmarshal(body, &v) != nil {
		return string(body)
	}
	var all []string
	collect(v, &all)
	return strings.Join(all, "\n")
}

func collect(v any, into *[]string) {
	switch v := v.(type) {
	case string:
		*into = append(*into, v)
	case float64:
		*into = append(*into, strconv.FormatFloat(v, 'f', -1, 64))
	case []any:
		for _, e := range v {
			collect(e, into)
		}
	case map[string]any:
		for _, e := range v {
			collect(e, into)
		}
	}
}

func blanked(text string, sent map[string]any) string {
	var values []string
	for _, value := range sent {
		if s, ok := value.(string); ok && s != "" {
			values = append(values, s)
		}
	}
	slices.SortFunc(values, func(a, b string) int { return len(b) - len(a) })
	for _, s := range values {
		text = strings.ReplaceAll(text, "'"+s+"'", "'…'")
		text = strings.ReplaceAll(text, "("+s+")", "(…)")
	}
	return text
}
