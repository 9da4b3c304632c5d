// Package pages holds the flags and subcommands of the binaries that serve the pages, apart from those that all binaries
// share: the services of the workflows do not link the admin service.
package pages

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/causeway-sync/causeway/pkg/access"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/services/admin/admission"
)

// Access are the flags of who may use the pages and the API.
type Access struct {
	UsersFile      string         `name:"users-file" help:"File of people and machines that may sign in, one name:role:hash a line; followed when it changes." env:"CAUSEWAY_USERS_FILE"`
	PublicURL      string         `name:"public-url" help:"Address under which browsers reach the pages, such as https://causeway.example.com; needed for OpenID Connect." env:"CAUSEWAY_PUBLIC_URL"`
	Hosts          []string       `name:"host" help:"Names under which browsers may reach the service; all by default." env:"CAUSEWAY_HOSTS"`
	TrustedProxies []netip.Prefix `name:"trusted-proxy" help:"Networks of proxies whose X-Forwarded-For, X-Forwarded-Proto and user header are believed, such as 10.0.0.0/8." env:"CAUSEWAY_TRUSTED_PROXIES"`
	UserHeader     string         `name:"user-header" help:"Header in which a trusted proxy names the user that it has signed in." env:"CAUSEWAY_USER_HEADER"`
	SessionIdle    time.Duration  `name:"session-idle" help:"How long a session may be idle." default:"2h" env:"CAUSEWAY_SESSION_IDLE"`
	SessionLongest time.Duration  `name:"session-longest" help:"How long after signing in one has to sign in again." default:"12h" env:"CAUSEWAY_SESSION_LONGEST"`
	TLSCert        string         `name:"tls-cert" help:"Certificate of the pages, in PEM; read again when it is renewed." env:"CAUSEWAY_TLS_CERT"`
	TLSKey         string         `name:"tls-key" help:"Key of that certificate." env:"CAUSEWAY_TLS_KEY"`

	OIDCIssuer     string   `name:"oidc-issuer" help:"OpenID Connect provider, such as https://login.microsoftonline.com/<tenant>/v2.0." env:"CAUSEWAY_OIDC_ISSUER"`
	OIDCClientID   string   `name:"oidc-client-id" help:"What the provider knows this service as." env:"CAUSEWAY_OIDC_CLIENT_ID"`
	OIDCSecretFile string   `name:"oidc-client-secret-file" help:"File with the secret of that client." env:"CAUSEWAY_OIDC_CLIENT_SECRET_FILE"`
	OIDCScopes     []string `name:"oidc-scope" help:"Scopes to ask for beside openid." default:"profile,email" env:"CAUSEWAY_OIDC_SCOPES"`
	OIDCNameClaim  string   `name:"oidc-name-claim" help:"Claim with the name for the history; preferred_username, else email, else sub by default." env:"CAUSEWAY_OIDC_NAME_CLAIM"`
	OIDCRolesClaim string   `name:"oidc-roles-claim" help:"Claim with the roles; a dot for each level, such as realm_access.roles." default:"roles" env:"CAUSEWAY_OIDC_ROLES_CLAIM"`
	OIDCViewers    []string `name:"oidc-viewers" help:"Values of that claim that make a viewer." env:"CAUSEWAY_OIDC_VIEWERS"`
	OIDCOperators  []string `name:"oidc-operators" help:"Values that make an operator." env:"CAUSEWAY_OIDC_OPERATORS"`
	OIDCAdmins     []string `name:"oidc-admins" help:"Values that make an admin." env:"CAUSEWAY_OIDC_ADMINS"`
}

// Config are the flags as the admin service wants them.
func (a Access) Config() (admission.Access, error) {
	cfg := admission.Access{UsersFile: a.UsersFile, PublicURL: a.PublicURL, TrustedProxies: a.TrustedProxies, Idle: a.SessionIdle, Longest: a.SessionLongest,
		CertFile: a.TLSCert, KeyFile: a.TLSKey,
		Provider: access.ProviderConfig{Issuer: a.OIDCIssuer, ClientID: a.OIDCClientID, Scopes: a.OIDCScopes, NameClaim: a.OIDCNameClaim, RolesClaim: a.OIDCRolesClaim,
			Roles: map[access.Role][]string{access.Viewer: a.OIDCViewers, access.Operator: a.OIDCOperators, access.Admin: a.OIDCAdmins}}}
	if a.OIDCSecretFile != "" {
		secret, err := os.ReadFile(a.OIDCSecretFile)
		if err != nil {
			return cfg, fault.Wrap(fault.Fatal, err, "the secret of the OpenID Connect client cannot be read: check --oidc-client-secret-file")
		}
		cfg.Provider.ClientSecret = strings.TrimSpace(string(secret))
	}
	return cfg, nil
}

// HashPassword is the subcommand that writes a person's line of a users file.
type HashPassword struct {
	Name string `arg:"" help:"Name to sign in with."`
	Role string `arg:"" help:"viewer, operator or admin."`
}

// Run reads a password, twice where somebody types it, and prints the line.
func (h HashPassword) Run() error {
	password, err := readPassword(os.Stdin, os.Stderr)
	if err != nil {
		return err
	}
	line, err := access.PasswordLine(h.Name, h.Role, password)
	if err != nil {
		return err
	}
	fmt.Println(line)
	return nil
}

// readPassword takes a line of a file or pipe, or asks at a terminal, where nothing that is typed is shown.
func readPassword(in *os.File, prompt io.Writer) (string, error) {
	if !term.IsTerminal(int(in.Fd())) {
		line, err := bufio.NewReader(io.LimitReader(in, 1<<10)).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return "", fault.Wrap(fault.Fatal, err, "the password cannot be read")
		}
		return strings.TrimRight(line, "\r\n"), nil
	}
	var typed [2]string
	for i, ask := range []string{"Password: ", "Once more: "} {
		fmt.Fprint(prompt, ask)
		password, err := term.ReadPassword(int(in.Fd()))
		fmt.Fprintln(prompt)
		if err != nil {
			return "", fault.Wrap(fault.Fatal, err, "the password cannot be read")
		}
		typed[i] = string(password)
	}
	if typed[0] != typed[1] {
		return "", fault.New(fault.Fatal, "the two passwords differ: try again")
	}
	return typed[0], nil
}

// NewToken is the subcommand that makes a machine's token.
type NewToken struct {
	Name string `arg:"" help:"Name of the machine, for the history."`
	Role string `arg:"" help:"viewer, operator or admin."`
}

// Run prints the line of the users file, and on the other stream the token, which is kept nowhere.
func (n NewToken) Run() error {
	token, line, err := access.TokenLine(n.Name, n.Role)
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "The token, shown this once: "+token)
	fmt.Println(line)
	return nil
}
