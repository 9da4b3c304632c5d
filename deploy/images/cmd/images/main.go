// Command images builds the product's binaries and their container images, with an SBOM beside each, and hands the images
// to a Docker engine where one runs. `make images` runs it, at the top of the repository.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/causeway-sync/causeway/deploy/images"
)

// source is where the source is published, for the labels.
const source = "https://github.com/causeway-sync/causeway"

type builder struct {
	out, prefix, version, revision, authorities string
	tags                                        []string
	created                                     time.Time
	load                                        bool
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "images:", err)
		os.Exit(1)
	}
}

func run() error {
	b := builder{created: time.Unix(0, 0)}
	flag.StringVar(&b.out, "out", "bin/images", "folder of binaries, archives and SBOMs")
	flag.StringVar(&b.prefix, "prefix", "causeway/", "what the images' names begin with")
	flag.StringVar(&b.version, "version", "dev", "version, and tag beside latest")
	flag.StringVar(&b.revision, "revision", "", "commit")
	flag.StringVar(&b.authorities, "authorities", "/etc/ssl/certs/ca-certificates.crt", "certificate authorities that are copied into the images")
	flag.BoolVar(&b.load, "load", false, "give the images to the Docker engine")
	only := flag.String("only", "", "images to build, comma-separated; all by default")
	flag.Parse()
	if epoch := os.Getenv("SOURCE_DATE_EPOCH"); epoch != "" {
		seconds, err := strconv.ParseInt(epoch, 10, 64)
		if err != nil {
			return fmt.Errorf("SOURCE_DATE_EPOCH is %q, not seconds since 1970", epoch)
		}
		b.created = time.Unix(seconds, 0)
	}
	b.tags = []string{"latest"}
	if b.version != "dev" {
		b.tags = append(b.tags, b.version)
	}
	for _, product := range images.Products() {
		if *only != "" && !strings.Contains(","+*only+",", ","+product.Name+",") {
			continue
		}
		if err := b.make(product); err != nil {
			return err
		}
	}
	return nil
}

// make builds one image from its programs.
func (b builder) make(p images.Product) error {
	p.Files = map[string]string{}
	for _, program := range p.Programs {
		binary, err := b.build(program)
		if err != nil {
			return err
		}
		p.Files["/"+program.Name] = binary
		document, err := images.SBOM(binary, b.version, b.created)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(b.out, program.Name+".spdx.json"), append(document, '\n'), 0o644); err != nil {
			return err
		}
	}
	p.Version, p.Revision, p.Source, p.Created, p.Authorities, p.Tags = b.version, b.revision, source, b.created, b.authorities, b.tags
	short := p.Name
	p.Name = b.prefix + p.Name
	path := filepath.Join(b.out, short+".tar")
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := p.Write(file); err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	stat, err := os.Stat(path)
	if err != nil {
		return err
	}
	fmt.Printf("%-12s %5.1f MB  %s\n", short, float64(stat.Size())/1e6, path)
	if !b.load {
		return nil
	}
	if out, err := exec.Command("docker", "load", "--quiet", "--input", path).CombinedOutput(); err != nil {
		return fmt.Errorf("docker load: %w\n%s", err, out)
	}
	return nil
}

// build builds a program so that the same source gives the same bytes: no paths of this machine, no C, no build id.
func (b builder) build(program images.Built) (binary string, err error) {
	binary, err = filepath.Abs(filepath.Join(b.out, program.Name))
	if err != nil {
		return "", err
	}
	args := []string{"build"}
	if program.Module != "" {
		args = append(args, "-C", program.Module)
	}
	cmd := exec.Command("go", append(args, "-trimpath", "-ldflags=-s -w -buildid= -X github.com/causeway-sync/causeway/deploy/cli.version="+b.version, "-o", binary, program.Package)...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", program.Name, err, out)
	}
	return binary, nil
}
