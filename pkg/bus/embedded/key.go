package embedded

import (
	"fmt"
	"os"
	"strings"

	"github.com/causeway-sync/causeway/pkg/fault"
)

// shortestKey keeps a key from being a word that somebody thought of.
const shortestKey = 16

// storeKey reads the key of what is stored; empty where there is no file.
func storeKey(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fault.Wrap(fault.Fatal, err, "the key of what is stored cannot be read from "+path+": make one, such as with `openssl rand -base64 32`, and keep a copy apart from the data")
	}
	key := strings.TrimSpace(string(text))
	if len(key) < shortestKey || strings.ContainsAny(key, "\r\n") {
		return "", fault.New(fault.Fatal, fmt.Sprintf("the key file %s does not hold one line of %d characters or more", path, shortestKey))
	}
	return key, nil
}
