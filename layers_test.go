// Package causeway_test holds the tests of the repository as a whole.
package causeway_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

const module = "github.com/causeway-sync/causeway/"

// rule is one line of the layers: what the packages below a prefix may import of ours, or of others.
type rule struct {
	prefix  string
	may     []string // prefixes of our packages; nil for none of ours
	mayNot  []string // prefixes of any package
	because string
}

// The layers, from the bottom. The first prefix that fits a package decides.
var layers = []rule{
	{prefix: "pkg/record", mayNot: []string{"github.com", "golang.org", "go.uber.org"}, because: "vocabulary: standard library only, so that everybody can share it"},
	{prefix: "pkg/fault", mayNot: []string{"github.com", "golang.org", "go.uber.org"}, because: "vocabulary: standard library only, so that everybody can share it"},
	{prefix: "pkg/workflow", mayNot: []string{"github.com", "golang.org", "go.uber.org"}, because: "vocabulary: standard library only, so that everybody can share it"},
	{prefix: "pkg/config", may: []string{"pkg/workflow"}, mayNot: []string{"github.com/nats-io", "golang.org", "go.uber.org"}, because: "vocabulary: standard library only, so that everybody can share it"},
	{prefix: "pkg/catalog", may: []string{"pkg/config"}, mayNot: []string{"github.com", "golang.org", "go.uber.org"}, because: "vocabulary: standard library only, so that everybody can share it"},
	{prefix: "pkg/form", mayNot: []string{"github.com", "golang.org", "go.uber.org"}, because: "forms and documents are values: standard library only"},
	{prefix: "pkg/consent", mayNot: []string{"net", "github.com", "golang.org", "go.uber.org"}, because: "the rule is a pure function of values, times and what was agreed"},
	{prefix: "pkg/mapping", may: vocabulary, mayNot: []string{"net", "github.com/nats-io"}, because: "a mapping is a pure function of row and configuration"},
	{prefix: "pkg/timeline", may: vocabulary, mayNot: []string{"net", "github.com", "golang.org"}, because: "an activity is a pure function of event and configuration"},
	{prefix: "pkg/remote", may: vocabulary, mayNot: []string{"github.com/nats-io"}, because: "a technology knows no other: how a SaaS API is called"},
	{prefix: "pkg/dynamics", may: append([]string{"pkg/remote", "pkg/dynamics"}, vocabulary...), mayNot: []string{"github.com/nats-io"}, because: "a technology knows no other"},
	{prefix: "pkg/campaign", may: append([]string{"pkg/remote", "pkg/campaign"}, vocabulary...), mayNot: []string{"github.com/nats-io"}, because: "a technology knows no other"},
	{prefix: "pkg/exportfile", may: vocabulary, mayNot: []string{"github.com/nats-io", "net/http"}, because: "a technology knows no other: files over SFTP"},
	{prefix: "pkg/access", may: vocabulary, mayNot: []string{"github.com/nats-io"}, because: "a technology knows no other: who somebody is and what they may do"},
	{prefix: "pkg/seal", may: vocabulary, mayNot: []string{"github.com", "golang.org", "net"}, because: "a technology knows no other: secrets in files and texts"},
	{prefix: "pkg/telemetry", may: vocabulary, mayNot: []string{"github.com/nats-io"}, because: "a technology knows no other"},
	{prefix: "pkg/storekey", may: vocabulary, mayNot: []string{"github.com", "golang.org", "net"}, because: "a technology knows no other: a key and the folder that it encrypts"},
	{prefix: "pkg/bus/embedded", may: append([]string{"pkg/storekey"}, vocabulary...), because: "the only importer of nats-server knows nothing else of ours but whose key it is"},
	{prefix: "pkg/bus", may: append([]string{"pkg/bus"}, vocabulary...), because: "a technology knows no other"},
	{prefix: "pkg/written", may: vocabulary, mayNot: []string{"github.com", "golang.org"}, because: "a technology knows no other: files beside the service, and a small interface for what the bus remembers"},
	{prefix: "pkg/pump", may: vocabulary, mayNot: []string{"github.com/nats-io", "net/http"}, because: "an engine asks for small interfaces and knows neither bus nor API"},
	{prefix: "pkg/agent", may: vocabulary, mayNot: []string{"github.com/nats-io", "net/http"}, because: "an engine asks for small interfaces and knows neither bus nor API"},
	{prefix: "services/host", may: []string{"pkg", "services/host"}, because: "what the workflow services share is no service"},
	{prefix: "services/ingress", may: []string{"pkg", "services/host", "services/ingress"}, because: "a service never imports another"},
	{prefix: "services/egress", may: []string{"pkg", "services/host", "services/egress"}, because: "a service never imports another"},
	{prefix: "services/optinout", may: []string{"pkg", "services/host", "services/optinout"}, because: "a service never imports another"},
	{prefix: "services/admin/problems", may: vocabulary, mayNot: []string{"github.com/nats-io"}, because: "how errors are told knows nothing of what is asked"},
	{prefix: "services/admin/backend", may: []string{"pkg", "services/admin/backend"}, mayNot: []string{"net/http", "html", "github.com/danielgtaylor"}, because: "what can be asked knows nothing of the ways to ask it"},
	{prefix: "services/admin/admission", may: []string{"pkg", "services/admin/problems", "services/admin/backend"}, because: "who may come in knows nothing of what is inside"},
	{prefix: "services/admin/natsapi", may: []string{"pkg", "services/admin/problems", "services/admin/backend"}, mayNot: []string{"github.com/danielgtaylor"}, because: "one way to ask knows no other"},
	{prefix: "services/admin/httpapi", may: []string{"pkg", "services/admin/problems", "services/admin/backend", "services/admin/admission"}, because: "one way to ask knows no other"},
	{prefix: "services/admin/pages", may: []string{"pkg", "services/admin"}, because: "the pages document the other ways to ask"},
	{prefix: "services/admin", may: []string{"pkg", "services/admin"}, because: "a service never imports another"},
	{prefix: "deploy", may: []string{"pkg", "services", "deploy"}, because: "deployments may use everything"},
}

var vocabulary = []string{"pkg/record", "pkg/fault", "pkg/workflow", "pkg/config", "pkg/catalog"}

type listed struct {
	ImportPath string
	Name       string
	Imports    []string
}

// list asks the go command for every package of the product module.
func list(t *testing.T) []listed {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Name,Imports", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var packages []listed
	dec := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}

func within(path, prefix string) bool { return path == prefix || strings.HasPrefix(path, prefix+"/") }

func anyOf(path string, prefixes []string) bool {
	for _, prefix := range prefixes {
		if within(path, prefix) {
			return true
		}
	}
	return false
}

// TestLayers proves that no package imports what its layer may not.
func TestLayers(t *testing.T) {
	for _, p := range list(t) {
		path := strings.TrimPrefix(p.ImportPath+"/", module)
		path = strings.TrimSuffix(path, "/")
		if path+"/" == module || p.ImportPath+"/" == module {
			continue
		}
		r, found := ruleOf(path)
		if !found {
			t.Errorf("%s stands in no layer: add it to layers", path)
			continue
		}
		// A main is the deployment's hand in a service: it parses flags and calls Run.
		if p.Name == "main" {
			r.may = append([]string{"deploy/cli", "deploy/sandbox", "deploy/standalone", "services/egress", "services/optinout"}, r.may...)
		}
		for _, imported := range p.Imports {
			ours, isOurs := strings.CutPrefix(imported, module)
			if isOurs && !anyOf(ours, r.may) {
				t.Errorf("%s imports %s: %s", path, ours, r.because)
			}
			if !isOurs && anyOf(imported, r.mayNot) && !strings.HasSuffix(path, "test") {
				t.Errorf("%s imports %s: %s", path, imported, r.because)
			}
			if strings.HasPrefix(imported, "github.com/nats-io/nats-server") && !within(path, "pkg/bus/embedded") {
				t.Errorf("%s imports %s: only pkg/bus/embedded may", path, imported)
			}
		}
	}
}

func ruleOf(path string) (rule, bool) {
	for _, r := range layers {
		if within(path, r.prefix) {
			return r, true
		}
	}
	return rule{}, false
}
