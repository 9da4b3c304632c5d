package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
	"go.uber.org/zap"

	"github.com/causeway-sync/causeway/deploy/cli"
	"github.com/causeway-sync/causeway/deploy/sandbox"
	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/fault"
)

// connect sets up the product's connections to a sandbox, over the NATS API as an operator would. A connection that is set
// up already is left alone, so it may run at every start.
type connect struct {
	cli.NATS
	Dynamics string        `name:"dynamics-origin" help:"Where the product reaches the simulated Dynamics 365." default:"http://127.0.0.1:8365" env:"CAUSEWAY_SANDBOX_DYNAMICS_ORIGIN"`
	Campaign string        `name:"campaign-origin" help:"Where it reaches the simulated Campaign." default:"http://127.0.0.1:8366" env:"CAUSEWAY_SANDBOX_CAMPAIGN_ORIGIN"`
	SFTP     string        `name:"sftp-addr" help:"Where it reaches the SFTP server, whose keys are read from --sftp-files of the same machine." default:"127.0.0.1:8322" env:"CAUSEWAY_SANDBOX_SFTP_ADDR"`
	Wait     time.Duration `name:"wait" help:"How long to wait for the admin service." default:"60s"`
}

// Run sets the connections up.
func (c connect) Run(ctx context.Context, log *zap.Logger) error {
	ctx, cancel := context.WithTimeout(ctx, c.Wait)
	defer cancel()
	options, err := c.Options("causeway-sandbox-connect", log)
	if err != nil {
		return err
	}
	conn, err := bus.Connect(ctx, options)
	if err != nil {
		return err
	}
	defer conn.Close()
	files, err := c.files(ctx)
	if err != nil {
		return err
	}
	for _, one := range []struct {
		name     string
		document map[string]string
	}{
		{"dynamics", map[string]string{"url": c.Dynamics, "tokenUrl": c.Dynamics + "/" + sandbox.Tenant + "/oauth2/v2.0/token", "tenant": sandbox.Tenant,
			"clientId": sandbox.ClientID, "clientSecret": sandbox.ClientSecret}},
		{"campaign", map[string]string{"url": c.Campaign + "/" + sandbox.Organisation, "tokenUrl": c.Campaign + "/ims/token/v3", "orgId": sandbox.Organisation + "@AdobeOrg",
			"clientId": sandbox.ClientID, "clientSecret": sandbox.ClientSecret, "journalUrl": c.Campaign + sandbox.JournalPath}},
		{"sftp", files},
	} {
		if err := set(ctx, conn.NATS(), one.name, one.document); err != nil {
			return err
		}
		log.Info("the connection stands", zap.String("connection", one.name))
	}
	return nil
}

// files asks the sandbox how its SFTP server is reached, and reads the key that lies beside it.
func (c connect) files(ctx context.Context) (map[string]string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.Campaign+"/_sandbox/sftp", nil)
	if err != nil {
		return nil, fault.Wrap(fault.Fatal, err, "the address of the simulated Campaign, "+c.Campaign+", cannot be used")
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fault.Wrap(fault.Fatal, err, "the sandbox does not answer at "+c.Campaign)
	}
	defer response.Body.Close()
	var server struct{ User, KeyFile, HostKey, Folder string }
	if err := json.NewDecoder(response.Body).Decode(&server); err != nil {
		return nil, fault.Wrap(fault.Fatal, err, "the sandbox at "+c.Campaign+" serves no SFTP")
	}
	key, err := os.ReadFile(server.KeyFile)
	if err != nil {
		return nil, fault.Wrap(fault.Fatal, err, "the key of the sandbox's SFTP user cannot be read: run this where its files are")
	}
	return map[string]string{"addr": c.SFTP, "user": server.User, "key": string(key), "hostKey": server.HostKey, "folder": server.Folder}, nil
}

// set stores a connection where none is stored, as soon as the admin service answers.
func set(ctx context.Context, nc *nats.Conn, name string, document map[string]string) error {
	subject := "causeway.api.connections." + name
	var stored struct {
		Revision uint64 `json:"revision"`
	}
	for {
		err := request(ctx, nc, subject, nil, &stored)
		if err == nil {
			break
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return err
		}
	}
	if stored.Revision > 0 {
		return nil
	}
	return request(ctx, nc, subject, map[string]any{"revision": stored.Revision, "document": document}, nil)
}

func request(ctx context.Context, nc *nats.Conn, subject string, body, into any) error {
	var data []byte
	if body != nil {
		var err error
		if data, err = json.Marshal(body); err != nil {
			return fmt.Errorf("encode a request: %w", err)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	reply, err := nc.RequestWithContext(ctx, subject, data)
	if err != nil {
		return fault.Wrap(fault.Transient, err, "the admin service does not answer at "+subject)
	}
	if problem := reply.Header.Get(micro.ErrorHeader); problem != "" {
		return fault.New(fault.Fatal, subject+" is refused: "+problem)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(reply.Data, into)
}
