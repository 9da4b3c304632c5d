package access_test

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"github.com/causeway-sync/causeway/pkg/access"
	"github.com/causeway-sync/causeway/pkg/fault"
)

// person is a line with a cheap hash, so that tests are quick.
func person(t testing.TB, name, role, password string) string {
	t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	return name + ":" + role + ":" + string(hash) + "\n"
}

func parse(t testing.TB, text string) *access.Users {
	t.Helper()
	users, err := access.ParseUsers([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return users
}

func TestUsersAreRecognised(t *testing.T) {
	token, line, err := access.TokenLine("etl", "operator")
	if err != nil {
		t.Fatal(err)
	}
	users := parse(t, "\ufeff# people\r\n\r\n"+person(t, "anna@contoso.com", "admin", "correct horse")+"  "+line+"\r\nben:viewer:-\n")
	for name, tc := range map[string]struct {
		ask  func() (access.Identity, bool)
		want access.Identity
	}{
		"a person":            {func() (access.Identity, bool) { return users.Password("anna@contoso.com", "correct horse") }, access.Identity{Name: "anna@contoso.com", Role: access.Admin, Means: access.ByPassword}},
		"a machine":           {func() (access.Identity, bool) { return users.Token(token) }, access.Identity{Name: "etl", Role: access.Operator, Means: access.ByToken}},
		"by a proxy":          {func() (access.Identity, bool) { return users.Proxied("ben") }, access.Identity{Name: "ben", Role: access.Viewer, Means: access.ByProxy}},
		"a wrong password":    {func() (access.Identity, bool) { return users.Password("anna@contoso.com", "correct horsf") }, access.Identity{}},
		"no password":         {func() (access.Identity, bool) { return users.Password("anna@contoso.com", "") }, access.Identity{}},
		"an unknown name":     {func() (access.Identity, bool) { return users.Password("carl", "correct horse") }, access.Identity{}},
		"other case":          {func() (access.Identity, bool) { return users.Password("Anna@contoso.com", "correct horse") }, access.Identity{}},
		"the proxy's only":    {func() (access.Identity, bool) { return users.Password("ben", "-") }, access.Identity{}},
		"the hash as token":   {func() (access.Identity, bool) { return users.Token(line[strings.LastIndex(line, ":")+1:]) }, access.Identity{}},
		"a token as password": {func() (access.Identity, bool) { return users.Password("etl", token) }, access.Identity{}},
		"no token":            {func() (access.Identity, bool) { return users.Token("") }, access.Identity{}},
		"a machine by proxy":  {func() (access.Identity, bool) { return users.Proxied("etl") }, access.Identity{}},
	} {
		who, ok := tc.ask()
		if ok != (tc.want.Role != access.Nobody) || who.Name != tc.want.Name || who.Role != tc.want.Role || (ok && who.Means != tc.want.Means) {
			t.Errorf("%s: %+v, %v", name, who, ok)
		}
	}
}

// TestALongPasswordIsNotItsBeginning: bcrypt looks at 72 bytes only.
func TestALongPasswordIsNotItsBeginning(t *testing.T) {
	whole := strings.Repeat("0123456789", 8)
	users := parse(t, person(t, "anna", "admin", whole[:72]))
	if _, ok := users.Password("anna", whole[:72]); !ok {
		t.Error("72 bytes are refused")
	}
	if _, ok := users.Password("anna", whole); ok {
		t.Error("a password that only begins right is accepted")
	}
}

// TestUsersFaults: every wrong line is named, none is quoted.
func TestUsersFaults(t *testing.T) {
	good := person(t, "good", "viewer", "x")
	sum := strings.Repeat("ab", 32)
	for text, want := range map[string]string{
		"": "names nobody", "# nothing\n": "names nobody",
		"anna:secret1":                            "line 1 has not three parts",
		good + "anna:root:secret1":                "line 2 names no role",
		"anna:admin:secret1":                      "line 1 has a hash that is neither",
		"anna:admin:":                             "line 1 has a hash that is neither",
		":admin:-":                                "line 1 has a name",
		"an na:admin:-":                           "line 1 has a name",
		"anna\u202e:admin:-":                      "line 1 has a name",
		"<script>:admin:-":                        "line 1 has a name",
		strings.Repeat("x", 65) + ":admin:-":      "line 1 has a name",
		good + "good:admin:-":                     "line 2 repeats the name of line 1",
		"etl:viewer:sha256:secret1":               "line 1 has a token's hash",
		"good:viewer:sha256:" + sum + "\n" + good: "line 2 repeats the name of line 1",
		good + "good:viewer:sha256:" + sum:        "line 2 repeats the name of line 1",
		"a:viewer:sha256:" + sum + "\nb:viewer:sha256:" + sum:      "line 2 repeats the token of line 1",
		"a:viewer:sha256:" + sum + "\na:admin:sha256:cd" + sum[2:]: "line 2 gives the name of line 1 another role",
		"anna:admin:$2a$16$" + strings.Repeat("e", 53):             "line 1 has a bcrypt cost over 15",
		"a:b:secret1\nc:d:e": "line 2 names no role",
	} {
		_, err := access.ParseUsers([]byte(text))
		if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret1") {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
	parse(t, "a:viewer:sha256:"+sum+"\na:viewer:sha256:cd"+sum[2:]) // Two tokens, while one replaces the other.
}

// TestCurrent: what was granted follows the file.
func TestCurrent(t *testing.T) {
	line := person(t, "anna", "admin", "first password")
	who, _ := parse(t, line).Password("anna", "first password")
	for name, tc := range map[string]struct {
		text string
		role access.Role
	}{
		"the same":         {line, access.Admin},
		"another role":     {strings.Replace(line, "admin", "viewer", 1), access.Viewer},
		"another password": {person(t, "anna", "admin", "second password"), access.Nobody},
		"gone":             {person(t, "ben", "admin", "first password"), access.Nobody},
	} {
		now, ok := parse(t, tc.text).Current(who)
		if now.Role != tc.role || ok != (tc.role != access.Nobody) {
			t.Errorf("%s: %+v, %v", name, now, ok)
		}
	}
}

// TestLines: what the subcommands write is what the file takes, and what cannot be is refused.
func TestLines(t *testing.T) {
	line, err := access.CheapPasswordLine("anna", "admin", "correct horse battery")
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := parse(t, line).Password("anna", "correct horse battery"); !ok {
		t.Errorf("the password is not accepted")
	}
	if access.DearCost < 12 {
		t.Errorf("new hashes cost %d", access.DearCost)
	}
	for _, wrong := range [][3]string{{"anna", "admin", "too short"}, {"anna", "admin", strings.Repeat("x", 73)}, {"anna", "root", "correct horse battery"}, {"a:b", "admin", "correct horse battery"}} {
		if line, err := access.PasswordLine(wrong[0], wrong[1], wrong[2]); !fault.Is(err, fault.Invalid) || line != "" || strings.Contains(err.Error(), wrong[2]) {
			t.Errorf("%q: %q, %v", wrong, line, err)
		}
	}
	first, line, err := access.TokenLine("etl", "viewer")
	second, _, _ := access.TokenLine("etl", "viewer")
	if err != nil || first == second || strings.Contains(line, first) || !strings.HasSuffix(line, fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(first)))) {
		t.Errorf("%v", err)
	}
	if _, _, err := access.TokenLine("etl", ""); !fault.Is(err, fault.Invalid) {
		t.Errorf("no role: %v", err)
	}
}

// FuzzParseUsers: whatever a file holds, it is used or refused, and a refusal quotes no part of a line that could be secret.
func FuzzParseUsers(f *testing.F) {
	for _, seed := range []string{"anna:admin:$2a$04$" + strings.Repeat("e", 53), "etl:viewer:sha256:" + strings.Repeat("ab", 32), "ben:viewer:-", "::", "\x00:admin:-", "#", "a:b:c:d\r\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		users, err := access.ParseUsers(text)
		if (users == nil) == (err == nil) {
			t.Fatalf("%v, %v", users, err)
		}
		if users == nil {
			return
		}
		if who, ok := users.Token(string(text)); ok {
			t.Fatalf("the file is a token: %+v", who)
		}
		if _, ok := users.Current(access.Identity{Name: "anna"}); ok {
			t.Fatal("an identity that was never granted is current")
		}
	})
}
