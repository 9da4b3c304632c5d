package images

import (
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strings"
	"time"
)

// SBOM lists what a Go binary was built from, as an SPDX 2.3 document: the binary itself, Go's standard library and every
// module that is linked in, by what the linker wrote into it. A module's sum is the one of go.sum.
func SBOM(binary, version string, created time.Time) ([]byte, error) {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return nil, fmt.Errorf("what %s was built from cannot be read: %w", binary, err)
	}
	body, err := os.ReadFile(binary)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(body)
	name, checksum := filepath.Base(binary), hex.EncodeToString(sum[:])
	main := spdxPackage{ID: "SPDXRef-binary", Name: info.Path, Version: version, FileName: name, Purpose: "APPLICATION",
		Checksums: []spdxChecksum{{"SHA256", checksum}}}
	d := spdx{Version: "SPDX-2.3", License: "CC0-1.0", ID: "SPDXRef-DOCUMENT", Name: name + "-" + version,
		// The binary's own sum makes the name unique, and the same each time.
		Namespace: "https://causeway.invalid/spdx/" + name + "-" + checksum,
		Creation:  spdxCreation{Created: created.UTC().Format(time.RFC3339), Creators: []string{"Tool: causeway-images"}},
		Packages:  []spdxPackage{main.complete("")},
		Relations: []spdxRelation{{"SPDXRef-DOCUMENT", "DESCRIBES", main.ID}}}
	d.link(main.ID, spdxPackage{ID: "SPDXRef-stdlib", Name: "stdlib", Version: strings.TrimPrefix(info.GoVersion, "go"), Purpose: "LIBRARY"})
	for _, module := range append([]*debug.Module{&info.Main}, info.Deps...) {
		if module.Replace != nil {
			module = module.Replace
		}
		if module.Path == "" || strings.HasPrefix(module.Path, ".") {
			continue
		}
		p := spdxPackage{ID: "SPDXRef-" + notInIDs.ReplaceAllString(module.Path, "-"), Name: module.Path, Version: module.Version, Purpose: "LIBRARY"}
		if module == &info.Main {
			p.Version = version
		}
		if module.Sum != "" {
			p.Comment = "go.sum " + module.Sum
		}
		d.link(main.ID, p)
	}
	return json.MarshalIndent(d, "", "  ")
}

var notInIDs = regexp.MustCompile(`[^A-Za-z0-9.-]+`)

// link adds a package that the binary holds.
func (d *spdx) link(binary string, p spdxPackage) {
	d.Packages = append(d.Packages, p.complete("pkg:golang/"+p.Name+"@"+url.PathEscape(p.Version)))
	d.Relations = append(d.Relations, spdxRelation{binary, "STATIC_LINK", p.ID})
}

// complete says of what this tool does not know that it does not.
func (p spdxPackage) complete(purl string) spdxPackage {
	p.Location, p.Concluded, p.Declared, p.Copyright, p.Supplier = "NOASSERTION", "NOASSERTION", "NOASSERTION", "NOASSERTION", "NOASSERTION"
	if purl != "" {
		p.References = []spdxReference{{"PACKAGE-MANAGER", "purl", purl}}
	}
	return p
}

type spdx struct {
	Version   string         `json:"spdxVersion"`
	License   string         `json:"dataLicense"`
	ID        string         `json:"SPDXID"`
	Name      string         `json:"name"`
	Namespace string         `json:"documentNamespace"`
	Creation  spdxCreation   `json:"creationInfo"`
	Packages  []spdxPackage  `json:"packages"`
	Relations []spdxRelation `json:"relationships"`
}

type spdxCreation struct {
	Created  string   `json:"created"`
	Creators []string `json:"creators"`
}

type spdxPackage struct {
	ID         string          `json:"SPDXID"`
	Name       string          `json:"name"`
	Version    string          `json:"versionInfo,omitempty"`
	FileName   string          `json:"packageFileName,omitempty"`
	Purpose    string          `json:"primaryPackagePurpose"`
	Supplier   string          `json:"supplier"`
	Location   string          `json:"downloadLocation"`
	Analyzed   bool            `json:"filesAnalyzed"`
	Concluded  string          `json:"licenseConcluded"`
	Declared   string          `json:"licenseDeclared"`
	Copyright  string          `json:"copyrightText"`
	Checksums  []spdxChecksum  `json:"checksums,omitempty"`
	References []spdxReference `json:"externalRefs,omitempty"`
	Comment    string          `json:"comment,omitempty"`
}

type spdxChecksum struct {
	Algorithm string `json:"algorithm"`
	Value     string `json:"checksumValue"`
}

type spdxReference struct {
	Category string `json:"referenceCategory"`
	Type     string `json:"referenceType"`
	Locator  string `json:"referenceLocator"`
}

type spdxRelation struct {
	From string `json:"spdxElementId"`
	Type string `json:"relationshipType"`
	To   string `json:"relatedSpdxElement"`
}
