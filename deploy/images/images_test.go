package images_test

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/causeway-sync/causeway/deploy/images"
)

func example(t *testing.T) images.Image {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"program": "#!", "authorities": "-----BEGIN CERTIFICATE-----\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return images.Image{Name: "causeway/x", Tags: []string{"latest", "v1"}, Title: "X", Files: map[string]string{"/x": filepath.Join(dir, "program")},
		Entrypoint: []string{"/x"}, Healthcheck: []string{"/x", "healthcheck"}, Folders: []string{"/data"}, Version: "v1",
		Created: time.Unix(1_700_000_000, 0), Authorities: filepath.Join(dir, "authorities")}
}

func archive(t *testing.T, image images.Image) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := image.Write(&out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// entries reads a tar archive.
func entries(t *testing.T, text []byte) (headers []tar.Header, bodies map[string][]byte) {
	t.Helper()
	bodies = map[string][]byte{}
	for r := tar.NewReader(bytes.NewReader(text)); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return headers, bodies
		}
		if err != nil {
			t.Fatal(err)
		}
		if bodies[header.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
		headers = append(headers, *header)
	}
}

// TestTheSameSourceGivesTheSameImage, wherever and whenever it is built.
func TestTheSameSourceGivesTheSameImage(t *testing.T) {
	if !bytes.Equal(archive(t, example(t)), archive(t, example(t))) { // In another folder, with other times.
		t.Error("the second archive differs from the first")
	}
	later := example(t)
	later.Created = later.Created.Add(time.Second)
	if bytes.Equal(archive(t, example(t)), archive(t, later)) {
		t.Error("the time of the commit is not in it")
	}
}

// TestAnImageHoldsItsProgramAndNoMore.
func TestAnImageHoldsItsProgramAndNoMore(t *testing.T) {
	_, parts := entries(t, archive(t, example(t)))
	var manifest []struct {
		Config           string
		RepoTags, Layers []string
	}
	if err := json.Unmarshal(parts["manifest.json"], &manifest); err != nil || len(manifest) != 1 || len(manifest[0].Layers) != 1 {
		t.Fatalf("%s: %v", parts["manifest.json"], err)
	}
	if want := []string{"causeway/x:latest", "causeway/x:v1"}; !slices.Equal(manifest[0].RepoTags, want) {
		t.Errorf("the references are %q, want %q", manifest[0].RepoTags, want)
	}
	var config struct {
		Config struct {
			User            string
			Entrypoint, Env []string
			Labels          map[string]string
			Healthcheck     struct{ Test []string }
			Volumes         map[string]struct{}
		}
	}
	if err := json.Unmarshal(parts[manifest[0].Config], &config); err != nil {
		t.Fatal(err)
	}
	c := config.Config
	if c.User != "65532:65532" || !slices.Equal(c.Healthcheck.Test, []string{"CMD", "/x", "healthcheck"}) || c.Labels["org.opencontainers.image.version"] != "v1" || len(c.Volumes) != 1 {
		t.Errorf("the configuration is %+v", c)
	}
	headers, _ := entries(t, parts[manifest[0].Layers[0]])
	var names []string
	for _, h := range headers {
		names = append(names, h.Name)
		if h.Uid != 0 || h.Uname != "" || !h.ModTime.Equal(time.Unix(1_700_000_000, 0)) {
			t.Errorf("%s tells of the machine that built it: %+v", h.Name, h)
		}
		if h.Name == "data/" && h.Mode != 0o1777 {
			t.Errorf("the folder of data has mode %o", h.Mode)
		}
	}
	if got, want := strings.Join(names, " "), "data/ etc/ etc/ssl/ etc/ssl/certs/ x etc/ssl/certs/ca-certificates.crt"; got != want {
		t.Errorf("the image holds %s, want %s", got, want)
	}
}

// TestTheSBOMNamesWhatIsLinked, of the test's own binary.
func TestTheSBOMNamesWhatIsLinked(t *testing.T) {
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	text, err := images.SBOM(binary, "v1", time.Unix(1_700_000_000, 0))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"spdxVersion": "SPDX-2.3"`, `"SPDXID": "SPDXRef-DOCUMENT"`, `"dataLicense": "CC0-1.0"`, `"created": "2023-11-14T22:13:20Z"`,
		`pkg:golang/stdlib@`, `"relationshipType": "DESCRIBES"`, `"algorithm": "SHA256"`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	seen := map[string]bool{}
	for _, id := range regexp.MustCompile(`"SPDXID": "([^"]+)"`).FindAllStringSubmatch(string(text), -1) {
		if seen[id[1]] || !regexp.MustCompile(`^SPDXRef-[A-Za-z0-9.-]+$`).MatchString(id[1]) {
			t.Errorf("the id %s is used twice, or is none", id[1])
		}
		seen[id[1]] = true
	}
	if _, err := images.SBOM(filepath.Join(t.TempDir(), "none"), "v1", time.Time{}); err == nil {
		t.Error("a binary that is not there has an SBOM")
	}
}

// TestTheDockerfileGivesTheSame: each image of `make images` is a target with the same program, variables and health check.
func TestTheDockerfileGivesTheSame(t *testing.T) {
	text, err := os.ReadFile("../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range images.Products() {
		_, target, found := strings.Cut(string(text), "FROM base AS "+p.Name+"\n")
		target, _, _ = strings.Cut(target, "\nFROM ")
		if !found {
			t.Errorf("the Dockerfile has no target %s", p.Name)
			continue
		}
		for _, want := range append([]string{`ENTRYPOINT ["` + strings.Join(p.Entrypoint, `", "`) + `"]`, `CMD ["` + strings.Join(p.Healthcheck, `", "`) + `"]`}, p.Env...) {
			if !strings.Contains(target, want) {
				t.Errorf("target %s has no %s", p.Name, want)
			}
		}
		for _, program := range p.Programs {
			if !strings.Contains(target, "COPY --from=build /out/"+program.Name+" /"+program.Name+"\n") {
				t.Errorf("target %s does not copy %s", p.Name, program.Name)
			}
		}
		if (len(p.Folders) > 0) != strings.Contains(target, "COPY --from=build /data /data") {
			t.Errorf("target %s differs in its folder for data", p.Name)
		}
	}
}
