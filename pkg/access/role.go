package access

import (
	"crypto/sha256"
	"fmt"

	"github.com/causeway-sync/causeway/pkg/fault"
)

// Role is what somebody may do. Each includes those before it.
type Role int

const (
	// Nobody is not signed in: the zero value may nothing.
	Nobody Role = iota
	// Viewer sees how things are, and no record's content.
	Viewer
	// Operator starts, stops, retries and replays, and sees the records that are in the way.
	Operator
	// Admin configures, and removes for good.
	Admin
)

var roleNames = [...]string{Nobody: "nobody", Viewer: "viewer", Operator: "operator", Admin: "admin"}

// Roles are those that can be given, from the least to the most.
func Roles() []Role { return []Role{Viewer, Operator, Admin} }

// String is the role's name in files, flags and on pages.
func (r Role) String() string {
	if r < 0 || int(r) >= len(roleNames) {
		return fmt.Sprintf("role %d", int(r))
	}
	return roleNames[r]
}

// Includes reports whether somebody in the role may do what needs another.
func (r Role) Includes(least Role) bool { return r >= least }

// ParseRole reads a role that can be given; fault.Invalid for any other word.
func ParseRole(name string) (Role, error) {
	for _, r := range Roles() {
		if name == r.String() {
			return r, nil
		}
	}
	return Nobody, fault.New(fault.Invalid, "there is no such role: use viewer, operator or admin")
}

// Means is how somebody was recognised.
type Means string

const (
	// ByPassword and ByProvider are people who signed in.
	ByPassword Means = "password"
	ByProvider Means = "provider"
	// ByToken is a machine.
	ByToken Means = "token"
	// ByProxy is whom a trusted proxy has signed in.
	ByProxy Means = "proxy"
	// ByPlace is anybody on this machine, where no users are set up.
	ByPlace Means = "place"
)

// Identity is who asks. The zero value is nobody.
type Identity struct {
	Name  string
	Role  Role
	Means Means
	// stamp stands for the secret that it was granted on.
	stamp [sha256.Size]byte
}
