package record

import "slices"

// Added is the first destination of a source that its position does not know: what was read before has not gone there, and has to be read
// again. It is empty where there is none, and for a position that names no destination: one of a release that did not note them.
func Added(known, now []string) string {
	if len(known) == 0 {
		return ""
	}
	for _, one := range now {
		if !slices.Contains(known, one) {
			return one
		}
	}
	return ""
}
