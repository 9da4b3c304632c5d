// Command secrets makes the secrets of an installation in containers; see package secrets. `make compose-init` runs it.
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/causeway-sync/causeway/deploy/secrets"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "secrets:", err)
		os.Exit(1)
	}
}

func run() error {
	folder := secrets.Folder{}
	flag.StringVar(&folder.Path, "folder", "secrets", "where they are kept")
	flag.IntVar(&folder.UID, "uid", 65532, "user that the containers run as; takes effect for root only")
	flag.IntVar(&folder.GID, "gid", 65532, "its group")
	names := flag.String("names", "", "further names and addresses of the NATS servers, comma-separated; a certificate that is there must be good for them")
	certs := flag.Bool("certs", false, "make certificates only")
	flag.Parse()
	for name := range strings.SplitSeq(*names, ",") {
		if name = strings.TrimSpace(name); name != "" {
			folder.Names = append(folder.Names, name)
		}
	}
	made, password, err := missing(&folder, *certs)
	if err != nil {
		return err
	}
	if len(made) == 0 && password == "" {
		fmt.Printf("%s has everything; nothing was changed\n", folder.Path)
		return nil
	}
	fmt.Printf("made in %s: %s\n", folder.Path, strings.Join(made, " "))
	if password != "" {
		fmt.Printf("the page's first user is \"admin\", the password, which is shown only now: %s\n", password)
	}
	return nil
}

// missing makes what is missing, or the certificates of it only.
func missing(folder *secrets.Folder, certs bool) (made []string, password string, err error) {
	if certs {
		made, err = folder.Certificates()
		return made, "", err
	}
	if made, err = folder.Make(); err != nil {
		return made, "", err
	}
	password, err = folder.FirstUser("admin")
	return made, password, err
}
