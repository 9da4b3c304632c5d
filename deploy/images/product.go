package images

import "path"

// Built is a program to build, and where its source is.
type Built struct {
	Name, Package string
	// Module is the folder of the module that the package is built from; the product's by default.
	Module string
}

// Product is an image with the programs in it.
type Product struct {
	Image
	Programs []Built
}

// Products are the images of this repository. version, and what else is the same for all, is the caller's to fill in.
func Products() []Product {
	return []Product{
		service("admin", "The admin service: pages, HTTP API and NATS API", "./services/admin/cmd/admin", "CAUSEWAY_HTTP=0.0.0.0:8080", "8080/tcp"),
		service("ingress", "The workflow Dynamics 365 to Campaign", "./services/ingress/cmd/ingress", "CAUSEWAY_PROBES=0.0.0.0:9100", "9100/tcp").
			keeping("/data", "CAUSEWAY_STATE=/data"),
		service("egress", "The workflow Campaign to Dynamics 365", "./services/egress/cmd/egress", "CAUSEWAY_PROBES=0.0.0.0:9100", "9100/tcp"),
		service("optinout", "The workflow Opt In/Out", "./services/optinout/cmd/optinout", "CAUSEWAY_PROBES=0.0.0.0:9100", "9100/tcp"),
		service("standalone", "Everything in one process, with an embedded NATS server", "./deploy/standalone/cmd/standalone", "CAUSEWAY_HTTP=0.0.0.0:8080", "8080/tcp").
			keeping("/data", "CAUSEWAY_DATA=/data"),
		service("sandbox", "Dynamics 365 and Adobe Campaign simulated, for trials and tests", "./deploy/sandbox/cmd/sandbox", "CAUSEWAY_SANDBOX_DYNAMICS=0.0.0.0:8365", "8365/tcp").
			keeping("/data", "CAUSEWAY_SANDBOX_CAMPAIGN=0.0.0.0:8366", "CAUSEWAY_SANDBOX_SFTP=0.0.0.0:8322", "CAUSEWAY_SANDBOX_SFTP_FILES=/data"),
		{
			Image: Image{Name: "nats", Title: "NATS server", Description: "nats-server, built from its Go module, with a health check and a guard of its store key",
				Entrypoint: []string{"/nats-healthcheck", "start", "/nats-server"}, Healthcheck: []string{"/nats-healthcheck"}, Ports: []string{"4222/tcp", "6222/tcp"}, Folders: []string{"/data"}},
			Programs: []Built{{"nats-server", "github.com/nats-io/nats-server/v2", "deploy/e2e"}, {"nats-healthcheck", "./deploy/images/cmd/nats-healthcheck", ""}},
		},
	}
}

// service is the image of one of our binaries, which serves by what the environment says and asks itself how it is.
func service(name, description, source, address, port string) Product {
	binary := path.Join("/", name)
	return Product{
		Image: Image{Name: name, Title: "Causeway " + name, Description: description, Entrypoint: []string{binary}, Healthcheck: []string{binary, "healthcheck"},
			Env: []string{address}, Ports: []string{port}},
		Programs: []Built{{name, source, ""}},
	}
}

// keeping gives an image a folder for data, and further variables.
func (p Product) keeping(folder string, env ...string) Product {
	p.Folders, p.Env = append(p.Folders, folder), append(p.Env, env...)
	return p
}
