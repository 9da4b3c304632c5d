package record

import (
	"regexp"
	"strings"
)

var (
	guids   = regexp.MustCompile(`[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}`)
	numbers = regexp.MustCompile(`(HTTP |Dynamics )?\b[0-9]+\b`)
)

// longestCause bounds a cause, in runes.
const longestCause = 300

// shortKey is the length up to which a key is looked for behind its source only: elsewhere it may be any word.
const shortKey = 6

// Cause is what a reason says without the record that it says it of: records that were refused for the same cause have
// the same one. The record's key, other identifiers and counts are left out; a status such as "HTTP 403" stays.
func Cause(reason, source, key string) string {
	cause := strings.Join(strings.Fields(reason), " ")
	if key != "" {
		cause = strings.ReplaceAll(cause, source+" "+key, source+" …")
		if len(key) > shortKey {
			cause = strings.ReplaceAll(cause, key, "…")
		}
	}
	cause = guids.ReplaceAllString(cause, "…")
	cause = numbers.ReplaceAllStringFunc(cause, func(number string) string {
		if strings.Contains(number, " ") {
			return number
		}
		return "N"
	})
	if runes := []rune(cause); len(runes) > longestCause {
		cause = string(runes[:longestCause-1]) + "…"
	}
	return cause
}
