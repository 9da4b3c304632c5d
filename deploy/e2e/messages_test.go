package e2e

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestTheHandbookQuotesTheProduct wants every reason, notice and log message that docs/operations.md explains to be one that the product
// says: the pieces between the dots of each stand in its source. A message that is worded anew fails here until the handbook follows.
func TestTheHandbookQuotesTheProduct(t *testing.T) {
	text := read(t, operations)
	source := productSource(t)
	quoted := 0
	for _, heading := range []string{"## What a status says", "## Log messages"} {
		_, below, found := strings.Cut(text, "\n"+heading+"\n")
		if !found {
			t.Fatalf("the handbook has no chapter %q", heading)
		}
		below, _, _ = strings.Cut(below, "\n#")
		for line := range strings.Lines(below) {
			if !strings.HasPrefix(line, "| ") {
				continue
			}
			first, _, _ := strings.Cut(line[2:], " |")
			for _, quote := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(first, -1) {
				quoted++
				for _, piece := range strings.Split(quote[1], "...") {
					if piece = strings.Trim(piece, " :;,"); len(piece) >= 5 && !strings.Contains(source, piece) {
						t.Errorf("%s: nothing says %q", heading, quote[1])
					}
				}
			}
		}
	}
	if quoted < 50 {
		t.Errorf("only %d quotes were found", quoted)
	}
}

// productSource is the text of the product's Go files, in which texts that are put together over several lines are one.
func productSource(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	for _, root := range []string{"../../pkg", "../../services", "../cli", "../standalone"} {
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			all.Write(text)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return regexp.MustCompile(`"\s*\+\s*"`).ReplaceAllString(all.String(), "")
}
