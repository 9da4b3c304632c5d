// Command nats-healthcheck asks the NATS server in the same container how it is: nats-server has no subcommand for it, and
// the image no shell.
//
// As `nats-healthcheck start PROGRAM ARGUMENT...` it becomes the server, unless the data was stored with another key than
// the one at hand: nats-server itself would start, and what it cannot open would be made anew, empty. A health check holds
// the key against the data too.
package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"syscall"
	"time"

	"github.com/causeway-sync/causeway/pkg/storekey"
)

// address is the monitoring address of deploy/nats/server.conf, which only the container itself reaches.
const address = "http://127.0.0.1:8222/healthz?js-server-only=true"

// Where deploy/nats/server.conf has its data and the key of it.
const (
	data    = "/data"
	keyFile = "/run/secrets/nats-store-key.conf"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "start" {
		fmt.Fprintln(os.Stderr, "not started:", start(data, keyFile, os.Args[2:]))
		os.Exit(1)
	}
	if err := errors.Join(storekey.SameConf(data, keyFile), check(address)); err != nil {
		fmt.Fprintln(os.Stderr, "not healthy:", err)
		os.Exit(1)
	}
}

// start becomes the program that is named with its arguments, or says why not.
func start(dir, conf string, program []string) error {
	if len(program) == 0 {
		return errors.New("which program is to be started?")
	}
	if err := storekey.SameConf(dir, conf); err != nil {
		return err
	}
	return syscall.Exec(program[0], program, os.Environ())
}

func check(url string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the server answers %s", response.Status)
	}
	return nil
}
