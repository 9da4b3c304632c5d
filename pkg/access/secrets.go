package access

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"unicode/utf8"

	"golang.org/x/crypto/bcrypt"

	"github.com/causeway-sync/causeway/pkg/fault"
)

const (
	shortestPassword = 12
	// longestPassword is bcrypt's: it does not look at more bytes.
	longestPassword = 72
	// tokenPrefix lets scanners of repositories and logs recognise a token that got lost.
	tokenPrefix = "causeway_"
)

// PasswordLine is the line of a users file for a person; fault.Invalid where name, role or password cannot be.
func PasswordLine(name, role, password string) (string, error) {
	return passwordLine(name, role, password, passwordCost)
}

func passwordLine(name, role, password string, cost int) (string, error) {
	if err := checkLine(name, role); err != nil {
		return "", err
	}
	switch {
	case utf8.RuneCountInString(password) < shortestPassword:
		return "", fault.New(fault.Invalid, fmt.Sprintf("the password is shorter than %d characters", shortestPassword))
	case len(password) > longestPassword:
		return "", fault.New(fault.Invalid, fmt.Sprintf("the password is longer than %d bytes, of which bcrypt would not see the rest", longestPassword))
	}
	hash, err := bcrypt.GenerateFromPassword([]byte(password), cost)
	if err != nil {
		return "", fault.Wrap(fault.Fatal, err, "the password cannot be hashed")
	}
	return name + ":" + role + ":" + string(hash), nil
}

// TokenLine makes a new token of 256 random bits for a machine, and its line of a users file.
func TokenLine(name, role string) (token, line string, err error) {
	if err := checkLine(name, role); err != nil {
		return "", "", err
	}
	token = tokenPrefix + newSecret()
	sum := sha256.Sum256([]byte(token))
	return token, name + ":" + role + ":" + tokenMark + hex.EncodeToString(sum[:]), nil
}

func checkLine(name, role string) error {
	if problem := checkName(name); problem != "" {
		return fault.New(fault.Invalid, "the line "+problem)
	}
	_, err := ParseRole(role)
	return err
}

// newSecret is 256 random bits as text.
func newSecret() string {
	var random [32]byte
	_, _ = rand.Read(random[:]) // It never fails: it ends the process instead.
	return base64.RawURLEncoding.EncodeToString(random[:])
}
