package cli

import (
	"github.com/nats-io/nats.go"
	"go.uber.org/zap"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/fault"
)

// NATS are the flags of a service that connects to an external nats-server.
type NATS struct {
	URL   string `name:"nats-url" help:"NATS servers, comma-separated." default:"nats://127.0.0.1:4222" env:"CAUSEWAY_NATS_URL"`
	Creds string `name:"nats-creds" help:"File with NATS credentials." type:"existingfile" env:"CAUSEWAY_NATS_CREDS"`
	NKey  string `name:"nats-nkey" help:"File with the seed of the NATS user's nkey, in place of credentials." type:"existingfile" env:"CAUSEWAY_NATS_NKEY"`
	CA    string `name:"nats-ca" help:"File with the certificate authority of the NATS servers." type:"existingfile" env:"CAUSEWAY_NATS_CA"`
	Cert  string `name:"nats-cert" help:"File with a client certificate, where the NATS servers ask for one." type:"existingfile" env:"CAUSEWAY_NATS_CERT"`
	Key   string `name:"nats-key" help:"File with the key of that certificate." type:"existingfile" env:"CAUSEWAY_NATS_KEY"`
	Inbox string `name:"nats-inbox-prefix" help:"Where answers come to, so that each NATS user can be given inboxes that no other may read; _INBOX by default." env:"CAUSEWAY_NATS_INBOX_PREFIX"`
}

// Options are the flags as the bus wants them.
func (n NATS) Options(name string, log *zap.Logger) (bus.Options, error) {
	opts := bus.Options{URL: n.URL, Name: name, Log: log}
	switch {
	case n.NKey != "" && n.Creds != "":
		return opts, fault.New(fault.Fatal, "both --nats-nkey and --nats-creds are given: a connection has one user, leave one out")
	case n.Creds != "":
		opts.Extra = append(opts.Extra, nats.UserCredentials(n.Creds))
	case n.NKey != "":
		nkey, err := nats.NkeyOptionFromSeed(n.NKey)
		if err != nil { // The library's own error may quote the file (invariant 9).
			return opts, fault.New(fault.Fatal, "the file "+n.NKey+" (--nats-nkey) holds no seed of an nkey, which is a line that begins with SU: make one with `make compose-init` or `nk -gen user`")
		}
		opts.Extra = append(opts.Extra, nkey)
	}
	if n.CA != "" {
		opts.Extra = append(opts.Extra, nats.RootCAs(n.CA))
	}
	if (n.Cert == "") != (n.Key == "") {
		return opts, fault.New(fault.Fatal, "--nats-cert and --nats-key belong together: give both files or none")
	}
	if n.Cert != "" {
		opts.Extra = append(opts.Extra, nats.ClientCert(n.Cert, n.Key))
	}
	if n.Inbox != "" {
		opts.Extra = append(opts.Extra, nats.CustomInboxPrefix(n.Inbox))
	}
	return opts, nil
}
