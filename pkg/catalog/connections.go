package catalog

import "github.com/causeway-sync/causeway/pkg/config"

// The questions about connections, with the shapes of request and answer. No answer holds a secret.
const (
	AskConnections    = "connections"     // {} → []ConnectionInUse
	AskTestConnection = "test-connection" // ConnectionTest → TestReport
)

// ConnectionInUse is a connection that the environment of a process sets. It wins over what is stored, as a whole.
type ConnectionInUse struct {
	Name config.ConnectionName `json:"name" example:"dynamics"`
	// Process that it is set for: workflow and instance.
	Process string `json:"process" example:"ingress (host-4f2a)"`
	// Settings by name, without the secrets; Secrets are the names of those that are set.
	Settings map[string]string `json:"settings"`
	Secrets  []string          `json:"secrets"`
}

// ConnectionTest asks whether a connection works.
type ConnectionTest struct {
	Name config.ConnectionName `json:"name"`
	// Draft is tried in place of what the service would use; its secrets are sealed as stored ones are.
	Draft *config.StoredConnection `json:"draft,omitempty"`
}

// TestReport says step by step what works and what does not. Steps behind one that failed, and that need it, are missing.
type TestReport struct {
	OK    bool       `json:"ok" doc:"every step worked"`
	Steps []TestStep `json:"steps"`
}

// TestStep is one thing that was tried.
type TestStep struct {
	Name   string `json:"name" example:"Sign-in"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail" doc:"what was found" example:"a token was granted"`
	Fix    string `json:"fix,omitempty" doc:"what would mend it"`
}
