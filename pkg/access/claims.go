package access

import (
	"slices"
	"strings"
	"unicode"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/causeway-sync/causeway/pkg/fault"
)

// recognise reads name and role out of a verified token.
func (c ProviderConfig) recognise(token *oidc.IDToken) (Identity, error) {
	var claims map[string]any
	if err := token.Claims(&claims); err != nil {
		return Identity{}, fault.New(fault.Rejected, "the identity provider's answer is not understood")
	}
	who := Identity{Name: c.nameIn(claims, token.Subject), Means: ByProvider}
	values := valuesOf(claimAt(claims, c.RolesClaim))
	for _, role := range Roles() {
		if slices.ContainsFunc(c.Roles[role], func(value string) bool { return slices.Contains(values, value) }) {
			who.Role = role
		}
	}
	if who.Role == Nobody {
		return Identity{}, fault.New(fault.Conflict, "you are signed in at the identity provider and have no role here: ask an admin of this service for one")
	}
	return who, nil
}

// nameIn is the first claim that holds a name, as far as it can stand in the history.
func (c ProviderConfig) nameIn(claims map[string]any, subject string) string {
	for _, claim := range []string{c.NameClaim, "preferred_username", "email"} {
		if text, ok := claimAt(claims, claim).(string); ok {
			if name := shown(text); name != "" {
				return name
			}
		}
	}
	return shown(subject)
}

// claimAt finds a claim by its name, or by the names on the way to it with dots between: realm_access.roles.
func claimAt(claims map[string]any, path string) any {
	if path == "" {
		return nil
	}
	if value, ok := claims[path]; ok { // Some providers have names with dots, such as https://example.com/roles.
		return value
	}
	name, rest, deeper := strings.Cut(path, ".")
	if inner, ok := claims[name].(map[string]any); ok && deeper {
		return claimAt(inner, rest)
	}
	return nil
}

// valuesOf takes a claim of one text or a list of them.
func valuesOf(claim any) []string {
	switch claim := claim.(type) {
	case string:
		return []string{claim}
	case []any:
		var values []string
		for _, value := range claim {
			if text, ok := value.(string); ok {
				values = append(values, text)
			}
		}
		return values
	}
	return nil
}

// shown keeps of a name what can stand in a log and on a page: no marks that turn or hide what follows.
func shown(name string) string {
	kept := strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) && r != unicode.ReplacementChar {
			return r
		}
		return -1
	}, name)
	runes := []rune(strings.TrimSpace(kept))
	return string(runes[:min(len(runes), longestName)])
}
