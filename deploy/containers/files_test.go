package containers

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
)

// combinations are the ways in which the files are meant to be used together.
var combinations = [][]string{
	{"docker-compose.yml"},
	{"docker-compose.yml", "deploy/compose.cluster.yml"},
	{"docker-compose.yml", "deploy/compose.nats-port.yml"},
	{"docker-compose.yml", "deploy/compose.official-nats.yml"},
	{"docker-compose.yml", "deploy/compose.tls.yml"},
	{"docker-compose.yml", "deploy/compose.oidc.yml"},
	{"docker-compose.yml", "deploy/compose.cluster.yml", "deploy/compose.nats-port.yml", "deploy/compose.tls.yml", "deploy/compose.oidc.yml"},
}

// TestBothVersionsOfComposeAcceptTheFiles asks the docker-compose that is installed, and for version 2 the library that it
// is made of, which checks against the specification.
func TestBothVersionsOfComposeAcceptTheFiles(t *testing.T) {
	in := install(t, 0)
	for _, files := range combinations {
		t.Run(strings.Join(files, " "), func(t *testing.T) {
			var flags, paths []string
			for _, file := range files {
				path := filepath.Join(in.folder, file)
				flags, paths = append(flags, "-f", path), append(paths, path)
			}
			args := append(composeProgram()[1:], "--project-directory", in.folder)
			if _, err := run(nil, composeProgram()[0], append(append(args, flags...), "--profile", "sandbox", "config", "--quiet")...); err != nil {
				t.Errorf("the docker-compose of this machine: %v", err)
			}
			options, err := cli.NewProjectOptions(paths, cli.WithWorkingDirectory(in.folder), cli.WithName("causeway"), cli.WithProfiles([]string{"sandbox"}))
			if err != nil {
				t.Fatal(err)
			}
			loaded, err := options.LoadProject(context.Background())
			if err != nil {
				t.Fatalf("version 2: %v", err)
			}
			for _, service := range []string{"nats", "admin", "ingress", "egress", "optinout", "sandbox"} {
				s, err := loaded.GetService(service)
				if err != nil {
					t.Errorf("version 2: %v", err)
					continue
				}
				if s.HealthCheck == nil || s.StopGracePeriod == nil || !s.ReadOnly || s.User == "" || s.Restart != "unless-stopped" || s.Deploy == nil || s.Deploy.Resources.Limits == nil {
					t.Errorf("version 2: %s lacks what it was given: %+v", service, s)
				}
				for _, port := range s.Ports {
					if port.HostIP != "127.0.0.1" {
						t.Errorf("%s publishes port %d on %q", service, port.Target, port.HostIP)
					}
				}
			}
		})
	}
}

// TestTheClusterLeavesTheSingleServersVolumeAlone: a server of a cluster deletes the streams that a single server left.
func TestTheClusterLeavesTheSingleServersVolumeAlone(t *testing.T) {
	in := install(t, 0)
	data := map[string]string{}
	for _, files := range combinations {
		var paths []string
		for _, file := range files {
			paths = append(paths, filepath.Join(in.folder, file))
		}
		options, err := cli.NewProjectOptions(paths, cli.WithWorkingDirectory(in.folder), cli.WithName("causeway"))
		if err != nil {
			t.Fatal(err)
		}
		loaded, err := options.LoadProject(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		for name, s := range loaded.Services {
			clustered := slices.Contains(s.Command, "/etc/nats/cluster.conf")
			for _, v := range s.Volumes {
				if v.Target != "/data" || !strings.HasPrefix(name, "nats") {
					continue
				}
				if clustered == (v.Source == "nats") {
					t.Errorf("%v: %s has the volume %s, clustered: %t", files, name, v.Source, clustered)
				}
				if of, taken := data[v.Source]; taken && of != name {
					t.Errorf("%s and %s share the volume %s", of, name, v.Source)
				}
				data[v.Source] = name
			}
		}
	}
	if len(data) != 4 {
		t.Errorf("the servers' volumes are %v", data)
	}
}

// TestTheExampleNamesEveryVariable, with the default that the files have.
func TestTheExampleNamesEveryVariable(t *testing.T) {
	example, err := os.ReadFile(filepath.Join(top, ".env.example"))
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]string{}
	for _, line := range regexp.MustCompile(`(?m)^#?(CAUSEWAY_[A-Z_]+)=(.*)$`).FindAllStringSubmatch(string(example), -1) {
		named[line[1]] = line[2]
	}
	used := map[string]bool{}
	for _, file := range []string{"docker-compose.yml", "deploy/compose.cluster.yml", "deploy/compose.nats-port.yml", "deploy/compose.official-nats.yml",
		"deploy/compose.tls.yml", "deploy/compose.oidc.yml"} {
		text, err := os.ReadFile(filepath.Join(top, file))
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range regexp.MustCompile(`\$\{(CAUSEWAY_[A-Z_]+):-([^}]*)\}`).FindAllStringSubmatch(string(text), -1) {
			used[found[1]] = true
			if value, there := named[found[1]]; !there || value != found[2] {
				t.Errorf("%s has %s with %q, .env.example %q (there: %t)", file, found[1], found[2], value, there)
			}
		}
	}
	for name := range named {
		if !used[name] {
			t.Errorf(".env.example names %s, which no file uses", name)
		}
	}
	if len(used) < 20 {
		t.Errorf("only %d variables were found", len(used))
	}
}
