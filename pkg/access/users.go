package access

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/crypto/bcrypt"

	"github.com/causeway-sync/causeway/pkg/fault"
)

// Users is what a users file says. It never changes; a changed file is new Users.
//
// A line is name:role:secret. Empty lines and those that begin with # say nothing. The secret is one of
//
//	$2a$12$...        a bcrypt hash: a person, who signs in with a password
//	sha256:<64 hex>   a machine, which sends the bearer token that has this hash
//	-                 a person whom a trusted proxy signs in
//
// A name stands once, except that a machine may have several tokens of one role while one replaces the other.
type Users struct {
	people map[string]account
	tokens map[[sha256.Size]byte]account
	// nobody is a hash that no password has, as costly as the costliest one here.
	nobody []byte
	// weak are the lines whose hash is cheap to guess against.
	weak []int
}

type account struct {
	name string
	role Role
	// hash is bcrypt's; nil for machines and for who comes by a proxy.
	hash []byte
	// stamp changes with the secret: what was granted on another one is worth nothing.
	stamp [sha256.Size]byte
	line  int
}

const (
	// passwordCost is that of new hashes: about a quarter of a second.
	passwordCost = 12
	// weakCost and less is told, and more than dearestCost refused: each attempt would take seconds.
	weakCost    = 9
	dearestCost = 15
	longestName = 64
	tokenMark   = "sha256:"
	byProxyOnly = "-"
)

// ParseUsers reads a users file; fault.Invalid names every line that is wrong, and never what stands in it.
func ParseUsers(text []byte) (*Users, error) {
	u := &Users{people: map[string]account{}, tokens: map[[sha256.Size]byte]account{}}
	var wrong []string
	cost := bcrypt.MinCost
	for number, line := range bytes.Split(bytes.TrimPrefix(text, []byte("\ufeff")), []byte("\n")) {
		line := strings.TrimSpace(string(line))
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if problem := u.add(line, number+1, &cost); problem != "" {
			wrong = append(wrong, fmt.Sprintf("line %d %s", number+1, problem))
		}
	}
	switch {
	case len(wrong) > 0:
		return nil, fault.New(fault.Invalid, strings.Join(wrong, "; ")+`; a line is name:role:hash, made by "admin hash-password" or "admin new-token"`)
	case len(u.people)+len(u.tokens) == 0:
		return nil, fault.New(fault.Invalid, `it names nobody, so nobody could sign in: add a line made by "admin hash-password"`)
	}
	u.nobody = fmt.Appendf(nil, "$2a$%02d$%s", cost, strings.Repeat("e", 53))
	return u, nil
}

// add reads one line, and says what is wrong with it.
func (u *Users) add(line string, number int, cost *int) string {
	parts := strings.SplitN(line, ":", 3)
	if len(parts) != 3 {
		return "has not three parts"
	}
	role, err := ParseRole(parts[1])
	if err != nil {
		return "names no role (viewer, operator or admin)"
	}
	a := account{name: parts[0], role: role, stamp: sha256.Sum256([]byte(parts[2])), line: number}
	if problem := checkName(a.name); problem != "" {
		return problem
	}
	if digits, ok := strings.CutPrefix(parts[2], tokenMark); ok {
		return u.addToken(a, digits)
	}
	if other, taken := u.named(a.name); taken {
		return fmt.Sprintf("repeats the name of line %d", other.line)
	}
	if parts[2] != byProxyOnly {
		a.hash = []byte(parts[2])
		its, err := bcrypt.Cost(a.hash)
		switch {
		case err != nil || len(a.hash) != 60:
			return "has a hash that is neither bcrypt's nor that of a token"
		case its > dearestCost:
			return fmt.Sprintf("has a bcrypt cost over %d", dearestCost)
		case its <= weakCost:
			u.weak = append(u.weak, number)
		}
		*cost = max(*cost, its)
	}
	u.people[a.name] = a
	return ""
}

func (u *Users) addToken(a account, digits string) string {
	sum, err := hex.DecodeString(digits)
	if err != nil || len(sum) != sha256.Size {
		return "has a token's hash that is not 64 hexadecimal digits"
	}
	if other, taken := u.people[a.name]; taken {
		return fmt.Sprintf("repeats the name of line %d", other.line)
	}
	if other, taken := u.named(a.name); taken && other.role != a.role {
		return fmt.Sprintf("gives the name of line %d another role", other.line)
	}
	if other, taken := u.tokens[[sha256.Size]byte(sum)]; taken {
		return fmt.Sprintf("repeats the token of line %d", other.line)
	}
	u.tokens[[sha256.Size]byte(sum)] = a
	return ""
}

// named finds who has a name.
func (u *Users) named(name string) (account, bool) {
	if a, ok := u.people[name]; ok {
		return a, true
	}
	for _, a := range u.tokens {
		if a.name == name {
			return a, true
		}
	}
	return account{}, false
}

// checkName keeps names to what can stand in a log and on a page and cannot be taken for another.
func checkName(name string) string {
	if name == "" || utf8.RuneCountInString(name) > longestName {
		return fmt.Sprintf("has a name that is empty or longer than %d characters", longestName)
	}
	for _, r := range name {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("._@+-", r) {
			return "has a name with something else than letters, digits and . _ @ + -"
		}
	}
	return ""
}

// Password recognises a person. It takes the same time for a name that does not exist.
func (u *Users) Password(name, password string) (Identity, bool) {
	a, known := u.people[name]
	hash := a.hash
	if hash == nil {
		hash = u.nobody
	}
	right := bcrypt.CompareHashAndPassword(hash, []byte(password)) == nil
	if !known || a.hash == nil || !right || len(password) > longestPassword {
		return Identity{}, false
	}
	return a.identity(ByPassword), true
}

// Token recognises a machine.
func (u *Users) Token(token string) (Identity, bool) {
	a, ok := u.tokens[sha256.Sum256([]byte(token))]
	if !ok {
		return Identity{}, false
	}
	return a.identity(ByToken), true
}

// Proxied recognises whom a trusted proxy has signed in: any person of the file.
func (u *Users) Proxied(name string) (Identity, bool) {
	a, ok := u.people[name]
	return a.identity(ByProxy), ok
}

// Current is what an identity is worth now: its present role, or nothing when the line is gone or has another secret.
func (u *Users) Current(who Identity) (Identity, bool) {
	a, ok := u.people[who.Name]
	if !ok || a.stamp != who.stamp {
		return Identity{}, false
	}
	return a.identity(who.Means), true
}

func (a account) identity(means Means) Identity {
	return Identity{Name: a.name, Role: a.role, Means: means, stamp: a.stamp}
}
