package config

import (
	"encoding/pem"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"unicode"
)

// Validate returns every fault of an edit of what is stored, nil when there is none. An edit that leaves nothing removes
// the connection and has no fault.
func (e ConnectionEdit) Validate(n ConnectionName, stored StoredConnection) Faults {
	if e.removes(stored) {
		return nil
	}
	var faults Faults
	for _, setting := range ConnectionSettings(n) {
		e.checkText(&faults, setting)
	}
	switch n {
	case ConnectionDynamics:
		e.checkDynamics(&faults)
	case ConnectionCampaign:
		e.checkCampaign(&faults)
	case ConnectionSFTP:
		e.checkSFTP(&faults)
	}
	for _, setting := range ConnectionSettings(n) {
		if setting.Secret {
			e.checkSecret(&faults, n, setting, stored)
		}
	}
	return faults
}

func (e ConnectionEdit) checkText(faults *Faults, setting Setting) {
	value := e.Settings[setting.Name]
	if setting.Secret {
		value = e.Secrets[setting.Name]
	}
	if fix, long := tooLong(setting, value); long {
		faults.add(setting.Name, "too long", fix)
	}
	if strings.ContainsFunc(value, func(r rune) bool { return unicode.IsControl(r) && !(setting.Lines && (r == '\n' || r == '\t')) }) {
		faults.add(setting.Name, "there is a line break or control character in it", "paste it again without")
	}
	if setting.Options != nil && value != "" && !slices.Contains(setting.Options, value) {
		faults.add(setting.Name, "there is no such choice", "use "+strings.Join(setting.Options, " or "))
	}
}

// checkSecret wants a secret that is there, and that was given for the addresses that are.
func (e ConnectionEdit) checkSecret(faults *Faults, n ConnectionName, setting Setting, stored StoredConnection) {
	secret, given := e.Secrets[setting.Name]
	_, there := stored.Secrets[setting.Name]
	next := StoredConnection{Settings: e.Settings}
	switch {
	case given && secret == "", !given && !there:
		faults.add(setting.Name, "missing", "give the "+strings.ToLower(setting.Label))
	case !given && next.Purpose(n, setting.Name) != stored.Purpose(n, setting.Name):
		faults.add(setting.Name, "it was given for another address", "give it again: a secret is sent only to where it was given for")
	}
}

func (e ConnectionEdit) checkDynamics(faults *Faults) {
	e.checkURL(faults, "url", true, "give the origin of the environment, such as https://contoso.crm4.dynamics.com")
	e.checkURL(faults, "tokenUrl", false, "leave it empty for Microsoft's, or give the whole endpoint")
	if e.Settings["tokenUrl"] == "" {
		e.require(faults, "tenant", "give the id or domain of the Microsoft Entra tenant")
	}
	e.require(faults, "clientId", "give the application (client) id")
}

func (e ConnectionEdit) checkCampaign(faults *Faults) {
	const like = "give origin and organisation, such as https://mc.adobe.io/acme"
	if base := e.checkURL(faults, "url", true, like); base != nil {
		if org := strings.Trim(base.Path, "/"); org == "" || strings.Contains(org, "/") || base.RawQuery != "" || base.Fragment != "" {
			faults.add("url", "it does not consist of origin and organisation", like)
		}
	}
	e.checkURL(faults, "tokenUrl", false, "leave it empty for Adobe's, or give the whole endpoint")
	const journal = "give the one that the registration shows, such as https://events-va6.adobe.io/events/organizations/1/integrations/2/abc"
	if base := e.checkURL(faults, "journalUrl", false, journal); base != nil {
		if strings.Trim(base.Path, "/") == "" || base.RawQuery != "" || base.Fragment != "" {
			faults.add("journalUrl", "it does not end with a registration", journal)
		}
		e.require(faults, "orgId", "give the organisation id (...@AdobeOrg): the journal asks for it")
	}
	e.require(faults, "clientId", "give the client id of the credential")
	for _, name := range []string{"filter", "filterParameter"} {
		if value := e.Settings[name]; value != "" && (!fieldName.MatchString(value) || strings.Contains(value, ".")) {
			faults.add(name, "it is no name", "use letters, digits and underscores")
		}
	}
}

func (e ConnectionEdit) checkSFTP(faults *Faults) {
	if addr := e.require(faults, "addr", "give host or host:port"); addr != "" {
		if host, _, err := net.SplitHostPort(addr); (err == nil && host == "") || strings.ContainsAny(addr, "/@ ") {
			faults.add("addr", "it is no address", "give host or host:port, without a scheme or user")
		}
	}
	e.require(faults, "user", "give the user of the files")
	if key, given := e.Secrets["key"]; given && key != "" {
		if block, _ := pem.Decode([]byte(key)); block == nil || !strings.HasSuffix(block.Type, "PRIVATE KEY") {
			faults.add("key", "it is no private key in PEM form", "paste the whole file that ssh-keygen wrote, from -----BEGIN to -----END, not its .pub")
		}
	}
	if text := e.require(faults, "hostKey", "ask the server's operator for it, or have Test show the one that the server presents and compare"); text != "" {
		for line := range strings.Lines(text) {
			if fields := strings.Fields(line); len(fields) < 2 {
				faults.add("hostKey", "it is no host key", `give it like "ssh-ed25519 AAAA...", one a line`)
				break
			}
		}
	}
}

// require returns a value, and adds a fault where there is none.
func (e ConnectionEdit) require(faults *Faults, name, fix string) string {
	value := e.Settings[name]
	if value == "" {
		faults.add(name, "missing", fix)
	}
	return value
}

// checkURL returns an absolute http or https address, nil where there is none or it is wrong.
func (e ConnectionEdit) checkURL(faults *Faults, name string, required bool, fix string) *url.URL {
	value := e.Settings[name]
	if value == "" {
		if required {
			faults.add(name, "missing", fix)
		}
		return nil
	}
	u, err := url.Parse(value)
	switch {
	case err != nil:
		faults.add(name, "it cannot be understood as an address", fix)
	case u.Scheme != "https" && u.Scheme != "http":
		faults.add(name, "it does not begin with https://", fix)
	case u.Host == "":
		faults.add(name, "it names no host", fix)
	case u.User != nil:
		faults.add(name, "it holds a user name or password", fix)
	default:
		return u
	}
	return nil
}

// originOf is scheme, host and port of an address, "" where there is none.
func originOf(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return ""
	}
	return strings.ToLower(fmt.Sprintf("%s://%s", u.Scheme, u.Host))
}
