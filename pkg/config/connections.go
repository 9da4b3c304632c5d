package config

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/causeway-sync/causeway/pkg/workflow"
)

// ConnectionName names a remote system that Causeway connects to.
type ConnectionName string

// The connections.
const (
	ConnectionDynamics ConnectionName = "dynamics"
	ConnectionCampaign ConnectionName = "campaign"
	ConnectionSFTP     ConnectionName = "sftp"
)

// ConnectionNames are all connections, in the order in which people see them.
func ConnectionNames() []ConnectionName {
	return []ConnectionName{ConnectionDynamics, ConnectionCampaign, ConnectionSFTP}
}

// Valid reports whether there is such a connection.
func (n ConnectionName) Valid() bool { return slices.Contains(ConnectionNames(), n) }

// Label is the connection's name for people.
func (n ConnectionName) Label() string {
	return map[ConnectionName]string{ConnectionDynamics: "Dynamics 365", ConnectionCampaign: "Adobe Campaign", ConnectionSFTP: "Campaign's export files (SFTP)"}[n]
}

// Setting describes one setting of a connection.
type Setting struct {
	// Name in documents: "clientSecret".
	Name string
	// Label and Hint are for people.
	Label, Hint string
	// Secret settings are write-only: nobody is shown them again, and they are sealed before they leave the process that
	// took them.
	Secret bool
	// Address settings say where secrets, or what is got for them, are sent. A secret belongs to the addresses that it was
	// given for: changing one asks for the secret again, or who may edit the address could have the secret sent to himself.
	Address bool
	// Lines is true where the value has several.
	Lines bool
	// Options are the values that there are, the first being the default; nil for any text.
	Options []string
}

// ConnectionSettings are the settings of a connection, in the order in which people see them.
func ConnectionSettings(n ConnectionName) []Setting {
	switch n {
	case ConnectionDynamics:
		return []Setting{
			{Name: "url", Label: "Environment", Hint: "Origin of the environment, such as https://contoso.crm4.dynamics.com", Address: true},
			{Name: "tenant", Label: "Tenant", Hint: "Microsoft Entra tenant, its id or domain"},
			{Name: "clientId", Label: "Client id", Hint: "Application (client) id of the app registration"},
			{Name: "clientSecret", Label: "Client secret", Hint: "The secret's value, not its id", Secret: true},
			{Name: "tokenUrl", Label: "Token endpoint", Hint: "Microsoft's by default", Address: true},
		}
	case ConnectionCampaign:
		return []Setting{
			{Name: "url", Label: "Instance", Hint: "Origin and organisation, such as https://mc.adobe.io/acme", Address: true},
			{Name: "orgId", Label: "Organisation id", Hint: "As the Adobe Developer Console shows it: ...@AdobeOrg"},
			{Name: "clientId", Label: "Client id", Hint: "Client id of the OAuth server-to-server credential"},
			{Name: "clientSecret", Label: "Client secret", Hint: "Of the same credential", Secret: true},
			{Name: "tokenUrl", Label: "Token endpoint", Hint: "Adobe's by default", Address: true},
			{Name: "journalUrl", Label: "Journal", Hint: "Of the registration in Adobe I/O Events; needed for Campaign to Dynamics 365", Address: true},
			{Name: "lookup", Label: "Profiles are found by", Hint: "A custom key in the URL (key), or a published filter (filter)", Options: []string{"key", "filter"}},
			{Name: "filter", Label: "Filter", Hint: "byExternalId by default"},
			{Name: "filterParameter", Label: "Parameter of the filter", Hint: "externalId_parameter by default"},
		}
	case ConnectionSFTP:
		return []Setting{
			{Name: "addr", Label: "Server", Hint: "host or host:port"},
			{Name: "user", Label: "User", Hint: "User of the files there"},
			{Name: "key", Label: "Private key", Hint: "In PEM form as ssh-keygen writes it, without a passphrase", Secret: true, Lines: true},
			{Name: "hostKey", Label: "Host key", Hint: `Key that the server must prove to hold, such as "ssh-ed25519 AAAA..."; Test shows the one that it presents`, Lines: true},
			{Name: "folder", Label: "Folder", Hint: "d365_loads/exports by default"},
		}
	}
	return nil
}

// StoredConnection is a connection as it is stored: the settings that everybody may see, and the secrets sealed.
type StoredConnection struct {
	Settings map[string]string       `json:"settings"`
	Secrets  map[string]SealedSecret `json:"secrets,omitempty"`
}

// SealedSecret is a secret that only a holder of the key can read.
type SealedSecret struct {
	Sealed string    `json:"sealed"`
	SetAt  time.Time `json:"setAt"`
}

// IsSetUp reports whether anything is stored.
func (s StoredConnection) IsSetUp() bool { return len(s.Settings)+len(s.Secrets) > 0 }

// Purpose is what a secret of the connection is for: its name, and the origins that it may be sent to. It is sealed with
// the secret, so that a document that was altered on its way cannot have the secret sent elsewhere.
func (s StoredConnection) Purpose(n ConnectionName, secret string) string {
	parts := []string{string(n), secret}
	for _, setting := range ConnectionSettings(n) {
		if setting.Address {
			parts = append(parts, originOf(s.Settings[setting.Name]))
		}
	}
	return strings.Join(parts, " ")
}

// ConnectionChanges tells what differs between two stored versions, without any value.
func ConnectionChanges(n ConnectionName, before, after StoredConnection) []string {
	var changes []string
	for _, setting := range ConnectionSettings(n) {
		name := string(n) + "." + setting.Name
		old, now := before.Settings[setting.Name], after.Settings[setting.Name]
		if setting.Secret {
			old, now = before.Secrets[setting.Name].Sealed, after.Secrets[setting.Name].Sealed
		}
		switch {
		case old == now:
		case old == "":
			changes = append(changes, name+" set")
		case now == "":
			changes = append(changes, name+" removed")
		default:
			changes = append(changes, name+" changed")
		}
	}
	return changes
}

// ConnectionsOf are the connections that a workflow needs with a configuration.
func ConnectionsOf(id workflow.ID, doc Document) []ConnectionName {
	needs := []ConnectionName{ConnectionDynamics, ConnectionCampaign}
	if optinout, ok := doc.(*OptInOutDoc); ok && id == workflow.OptInOut && optinout.ReadsFiles() {
		needs = append(needs, ConnectionSFTP)
	}
	return needs
}

// without is a copy of a map without empty values; never nil.
func without(values map[string]string) map[string]string {
	kept := maps.Clone(values)
	if kept == nil {
		kept = map[string]string{}
	}
	maps.DeleteFunc(kept, func(_, value string) bool { return value == "" })
	return kept
}
