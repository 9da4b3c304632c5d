// Package images makes container images of binaries without an engine and without a registry: an archive that `docker
// load`, podman and skopeo take.
//
// It promises that the same binary, authorities and time give the same bytes, and with them the same image id; that an
// image holds its binary, the certificate authorities of the machine that built it and empty folders for data, and no
// more: no shell, no package manager, nobody but an unprivileged numeric user; and that it runs on a read-only root file
// system.
package images

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"
)

// User runs what is in an image: the number that nobody has elsewhere, as in other images of this kind.
const User = "65532:65532"

// Image is what goes into one.
type Image struct {
	// Name and Tags give it its references, such as causeway/admin:latest.
	Name string
	Tags []string
	// Title and Description are for the labels.
	Title, Description string
	// Files are copied, path in the image to path on this machine, and may be executed. The entry point is one of them.
	Files      map[string]string
	Entrypoint []string
	// Healthcheck is the command that the engine asks how the process is.
	Healthcheck []string
	Env         []string
	Ports       []string
	// Folders are made for data. Anybody may write to them, because the user can be chosen when the container is made; the
	// only process in it is ours.
	Folders []string
	// Version, Revision and Source say what it was built from, and Created when that was made.
	Version, Revision, Source string
	Created                   time.Time
	// Authorities is the file of certificate authorities that remotes are believed by; empty for none.
	Authorities string
}

// authoritiesIn is where Go looks for certificate authorities.
const authoritiesIn = "/etc/ssl/certs/ca-certificates.crt"

// Write writes the archive.
func (i Image) Write(w io.Writer) error {
	layer, err := i.layer()
	if err != nil {
		return err
	}
	config, err := json.Marshal(i.config(digest(layer)))
	if err != nil {
		return fmt.Errorf("encode the configuration of %s: %w", i.Name, err)
	}
	id, layerFile := digest(config), digest(layer)+".tar"
	var references []string
	for _, tag := range i.Tags {
		references = append(references, i.Name+":"+tag)
	}
	manifest, err := json.Marshal([]map[string]any{{"Config": id + ".json", "RepoTags": references, "Layers": []string{layerFile}}})
	if err != nil {
		return fmt.Errorf("encode the manifest of %s: %w", i.Name, err)
	}
	archive := tar.NewWriter(w)
	for _, part := range []struct {
		name string
		body []byte
	}{{id + ".json", config}, {layerFile, layer}, {"manifest.json", manifest}} {
		if err := i.add(archive, part.name, 0o644, part.body); err != nil {
			return err
		}
	}
	return archive.Close()
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// config is the image's configuration, as the OCI image specification and, for the health check, Docker's have it.
func (i Image) config(layer string) map[string]any {
	ports, volumes := map[string]struct{}{}, map[string]struct{}{}
	for _, port := range i.Ports {
		ports[port] = struct{}{}
	}
	for _, folder := range i.Folders {
		if folder != "/tmp" {
			volumes[folder] = struct{}{}
		}
	}
	created := i.Created.UTC().Format(time.RFC3339)
	config := map[string]any{
		"User": User, "Entrypoint": i.Entrypoint, "Env": append([]string{"SSL_CERT_FILE=" + authoritiesIn}, i.Env...), "ExposedPorts": ports, "Volumes": volumes,
		"WorkingDir": "/", "StopSignal": "SIGTERM",
		"Labels": map[string]string{
			"org.opencontainers.image.title": i.Title, "org.opencontainers.image.description": i.Description, "org.opencontainers.image.version": i.Version,
			"org.opencontainers.image.revision": i.Revision, "org.opencontainers.image.source": i.Source, "org.opencontainers.image.created": created,
			"org.opencontainers.image.licenses": "Apache-2.0",
		},
	}
	if i.Healthcheck != nil {
		config["Healthcheck"] = map[string]any{"Test": append([]string{"CMD"}, i.Healthcheck...), "Interval": 5 * time.Second, "Timeout": 4 * time.Second,
			"StartPeriod": 30 * time.Second, "Retries": 3}
	}
	return map[string]any{"architecture": runtime.GOARCH, "os": "linux", "created": created, "config": config,
		"rootfs":  map[string]any{"type": "layers", "diff_ids": []string{"sha256:" + layer}},
		"history": []map[string]any{{"created": created, "created_by": "make images"}}}
}

// layer is the one layer, as a tar archive.
func (i Image) layer() ([]byte, error) {
	var out bytes.Buffer
	archive := tar.NewWriter(&out)
	if err := i.folders(archive); err != nil {
		return nil, err
	}
	for _, path := range sorted(i.Files) {
		body, err := os.ReadFile(i.Files[path])
		if err != nil {
			return nil, fmt.Errorf("%s of %s: %w", path, i.Name, err)
		}
		if err := i.add(archive, path, 0o755, body); err != nil {
			return nil, err
		}
	}
	if i.Authorities != "" {
		body, err := os.ReadFile(i.Authorities)
		if err != nil {
			return nil, fmt.Errorf("the certificate authorities: %w", err)
		}
		if err := i.add(archive, authoritiesIn, 0o644, body); err != nil {
			return nil, err
		}
	}
	if err := archive.Close(); err != nil {
		return nil, fmt.Errorf("write the layer of %s: %w", i.Name, err)
	}
	return out.Bytes(), nil
}
