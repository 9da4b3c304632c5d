package record_test

import (
	"strings"
	"testing"

	"github.com/causeway-sync/causeway/pkg/record"
)

func TestCause(t *testing.T) {
	const id = "0f8fad5b-d9cb-469f-a165-70867728950e"
	for _, tc := range []struct{ name, reason, key, want string }{
		{"the key goes", "contact " + id + ": column birthdate does not fit field birthDate: a string", id,
			"contact …: column birthdate does not fit field birthDate: a string"},
		{"counts go", "contact " + id + ": the text has 57 characters, the field takes 50", id,
			"contact …: the text has N characters, the field takes N"},
		{"a status and a code stay", "Dynamics 365 refused the request (HTTP 403, code 0x80048d19)", id,
			"Dynamics 365 refused the request (HTTP 403, code 0x80048d19)"},
		{"another identifier goes", "the parent " + strings.ToUpper(id) + " is missing", "k", "the parent … is missing"},
		{"a short key is no word of the text", "contact a: a value is missing", "a", "contact …: a value is missing"},
		{"a key that is a number", "contact 4711111: refused 4711111", "4711111", "contact …: refused …"},
		{"names with digits stay", "field address1 is missing", "k", "field address1 is missing"},
		{"one line", "first\nsecond\t third", "k", "first second third"},
		{"empty", "", "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := record.Cause(tc.reason, "contact", tc.key); got != tc.want {
				t.Errorf("got  %q\nwant %q", got, tc.want)
			}
		})
	}
	if got := []rune(record.Cause(strings.Repeat("é", 1000), "", "")); len(got) != 300 {
		t.Errorf("a long cause has %d characters", len(got))
	}
}
