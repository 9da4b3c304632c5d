package pages

import (
	"os"
	"reflect"
	"testing"

	"github.com/alecthomas/kong"
)

// TestAnEmptyVariableIsAsIfItWereNotThere: compose files pass each variable on, empty where nobody set it.
func TestAnEmptyVariableIsAsIfItWereNotThere(t *testing.T) {
	parse := func() (a Access) {
		t.Helper()
		parser, err := kong.New(&a)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parser.Parse(nil); err != nil {
			t.Fatal(err)
		}
		return a
	}
	names := []string{"CAUSEWAY_PUBLIC_URL", "CAUSEWAY_HOSTS", "CAUSEWAY_TRUSTED_PROXIES", "CAUSEWAY_USER_HEADER", "CAUSEWAY_TLS_CERT", "CAUSEWAY_TLS_KEY",
		"CAUSEWAY_OIDC_ISSUER", "CAUSEWAY_OIDC_CLIENT_ID", "CAUSEWAY_OIDC_CLIENT_SECRET_FILE", "CAUSEWAY_OIDC_NAME_CLAIM",
		"CAUSEWAY_OIDC_VIEWERS", "CAUSEWAY_OIDC_OPERATORS", "CAUSEWAY_OIDC_ADMINS"}
	for _, name := range names {
		t.Setenv(name, "")
		if err := os.Unsetenv(name); err != nil {
			t.Fatal(err)
		}
	}
	without, err := parse().Config()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		t.Setenv(name, "")
	}
	parsed := parse()
	empty, err := parsed.Config()
	if err != nil {
		t.Fatal(err)
	}
	if len(parsed.Hosts) != 0 || len(parsed.TrustedProxies) != 0 {
		t.Errorf("hosts %q, proxies %v", parsed.Hosts, parsed.TrustedProxies)
	}
	for role, values := range empty.Provider.Roles {
		if len(values) == 0 && len(without.Provider.Roles[role]) == 0 {
			empty.Provider.Roles[role] = without.Provider.Roles[role] // No values are none, whether there is a list or not.
		}
	}
	empty.TrustedProxies = without.TrustedProxies
	if !reflect.DeepEqual(empty, without) {
		t.Errorf("empty variables give\n%+v, none\n%+v", empty, without)
	}
}
