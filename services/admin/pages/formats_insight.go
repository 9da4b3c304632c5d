package pages

import (
	"fmt"
	"html/template"

	"github.com/causeway-sync/causeway/pkg/config"
)

// insightFormats are the functions of the pages that show how things are and were.
func insightFormats() template.FuncMap {
	return template.FuncMap{"setting": settingText, "change": changeWord, "firsts": firstChanges, "sides": newSides,
		"wait": waitText, "several": severalInstances, "doing": instanceState,
		"used": usageText, "usageWarning": usageWarning, "shares": usageShares}
}

// sidesTable is two revisions side by side.
type sidesTable struct {
	From, To uint64
	Changes  []config.Change
	ID       string
}

func newSides(from, to uint64, changes []config.Change, id string) sidesTable {
	return sidesTable{From: from, To: to, Changes: changes, ID: id}
}

// shownChanges is how many changes of one revision a list names.
const shownChanges = 5

// firstChanges is the first changes of a revision, and how many others there are.
func firstChanges(changes []string) []string {
	if len(changes) <= shownChanges {
		return changes
	}
	return append(changes[:shownChanges:shownChanges], fmt.Sprintf("and %d more", len(changes)-shownChanges))
}
