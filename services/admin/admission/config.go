package admission

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/causeway-sync/causeway/pkg/access"
	"github.com/causeway-sync/causeway/pkg/fault"
)

// Access says who may use the service. The zero value sets up nobody: everybody who reaches the service is admin, which is
// accepted on loopback addresses only.
type Access struct {
	// UsersFile lists people and machines; see access.Users.
	UsersFile string
	// Provider signs people in by OpenID Connect, where it has an Issuer. Its Redirect is made of PublicURL.
	Provider access.ProviderConfig
	// PublicURL is where browsers reach the pages, such as https://causeway.example.com; needed for the provider.
	PublicURL string
	// TrustedProxies are the networks whose forwarding headers and user header (Config.UserHeader) are believed.
	TrustedProxies []netip.Prefix
	// Idle and Longest end sessions; 2 and 12 hours by default.
	Idle, Longest time.Duration
	// CertFile and KeyFile serve HTTPS, and are read again when they are renewed.
	CertFile, KeyFile string
}

// Config is what the door needs to know.
type Config struct {
	Access Access
	// UserHeader names the header in which a trusted proxy puts the signed-in user; empty where there is none.
	UserHeader string
	// Hosts are the names under which browsers may reach the service; empty for all, except on a loopback address.
	Hosts []string
	Log   *zap.Logger
}

// nobody reports whether nobody is set up.
func (a Access) nobody() bool { return a.UsersFile == "" && a.Provider.Issuer == "" }

// BackPath is where the provider sends browsers back to.
const BackPath = "/login/back"

// provider is the provider's configuration with the address that browsers come back to.
func (a Access) provider() access.ProviderConfig {
	cfg := a.Provider
	if a.PublicURL != "" {
		cfg.Redirect = strings.TrimSuffix(a.PublicURL, "/") + BackPath
	}
	return cfg
}

// MayListen refuses an address that others can reach while nobody has to sign in: each of them would be admin. Where a proxy
// stands in front that is every address, also one of this machine. A caller that opens more than the admin service asks before
// it opens anything.
func MayListen(address string, a Access, userHeader string) error {
	if !a.nobody() {
		return nil
	}
	if setting := a.ofProxy(userHeader); setting != "" {
		return fault.New(fault.Fatal, fmt.Sprintf("nobody has to sign in, and %s is for a proxy that brings others here: each of them would be admin. "+
			"Set up users with %s, or leave that setting out", setting, howToSetUp))
	}
	resolved, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return fault.Wrap(fault.Fatal, err, fmt.Sprintf("%s is not an address to listen on: give host:port, such as 127.0.0.1:8080", address))
	}
	if isLoopback(resolved) {
		return nil
	}
	return fault.New(fault.Fatal, fmt.Sprintf("nobody has to sign in, and others can reach %s: each of them would be admin. "+
		"Set up users with %s, or listen on this machine only with --http 127.0.0.1:8080 (CAUSEWAY_HTTP)", address, howToSetUp))
}

const howToSetUp = "--users-file (CAUSEWAY_USERS_FILE; the subcommand hash-password makes its lines) or with --oidc-issuer (CAUSEWAY_OIDC_ISSUER)"

// ofProxy names a setting that only a service behind a proxy needs while nobody is set up, empty where there is none.
func (a Access) ofProxy(userHeader string) string {
	switch {
	case len(a.TrustedProxies) > 0:
		return "--trusted-proxy (CAUSEWAY_TRUSTED_PROXIES)"
	case userHeader != "":
		return "--user-header (CAUSEWAY_USER_HEADER)"
	case a.PublicURL != "":
		return "--public-url (CAUSEWAY_PUBLIC_URL)"
	}
	return ""
}

func isLoopback(addr net.Addr) bool {
	tcp, ok := addr.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}
