// Package cli is what every binary shares: flags with their environment twins, signals, logs and exit codes. It is the
// only place, with the mains, that knows of them.
//
// A binary ends with 0 after a stop that was asked for, with 1 after a fault, with 2 when its flags are wrong; a second
// signal ends it at once with 130 (SIGINT) or 143 (SIGTERM).
package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/alecthomas/kong"
	"go.uber.org/zap"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/telemetry"
)

// Log are the flags of the log.
type Log struct {
	Level string `name:"log-level" help:"How much to log: debug, info, warn or error." default:"info" enum:"debug,info,warn,error" env:"CAUSEWAY_LOG_LEVEL"`
	Plain bool   `name:"log-plain" help:"Log plain lines for people instead of JSON." env:"CAUSEWAY_LOG_PLAIN"`
}

// Healthcheck is the subcommand that asks the running process for its health; images have no shell to do it. It looks
// where the process serves by the same environment.
type Healthcheck struct {
	Address string `name:"address" help:"Address of the process's pages or probes." default:"${probes}" env:"CAUSEWAY_HEALTHCHECK_ADDRESS,${probesEnv}"`
	TLSCert string `name:"tls-cert" help:"Certificate that the process serves its pages with; without one it is asked without TLS." env:"${certEnv}"`
}

// Probes is where a binary answers /healthz: an address, the variable that moves it, and the one that names its certificate.
type Probes struct{ Address, Env, CertEnv string }

// OnPages is for binaries that answer beside their pages, Apart for those with an address of their own.
func OnPages() Probes {
	return Probes{Address: "127.0.0.1:8080", Env: "CAUSEWAY_HTTP", CertEnv: "CAUSEWAY_TLS_CERT"}
}

// Apart is for binaries that answer on an address of their own, where one is given.
func Apart() Probes {
	return Probes{Address: "127.0.0.1:9100", Env: "CAUSEWAY_PROBES", CertEnv: "CAUSEWAY_PROBES_TLS_CERT"}
}

// Main parses flags into grammar, whose command kong selects and whose Run method gets a context that ends with the
// first signal, and a logger. It does not return.
func Main(name, description string, grammar any, log func() Log, probes Probes) {
	parser, err := kong.New(grammar, kong.Name(name), kong.Description(description), kong.UsageOnError(),
		kong.Vars{"version": Version(), "probes": probes.Address, "probesEnv": probes.Env, "certEnv": probes.CertEnv})
	if err != nil {
		fmt.Fprintln(os.Stderr, name+":", err)
		os.Exit(2)
	}
	selected, err := parser.Parse(os.Args[1:])
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v (see %s --help)\n", name, err, name)
		os.Exit(2)
	}
	logger, err := telemetry.NewLogger(log().Level, log().Plain)
	if err != nil {
		fmt.Fprintln(os.Stderr, name+":", err)
		os.Exit(2)
	}
	ctx, stop := signalled(logger)
	selected.BindTo(ctx, (*context.Context)(nil))
	selected.Bind(logger)
	err = selected.Run()
	asked := ctx.Err() != nil
	stop()
	if err != nil && !(asked && errors.Is(err, context.Canceled)) { // A stop that came before everything was up is no fault.
		// The cause is for whoever starts the process: it speaks of addresses and files, not of records.
		logger.Error(name+" ended", causes(err)...)
		_ = logger.Sync()
		os.Exit(1)
	}
}

// causes are the fields of a fault: what a person should read, and what it came from where that says more.
func causes(err error) []zap.Field {
	fields := []zap.Field{zap.String("why", fault.Message(err))}
	if cause := deepest(err); cause.Error() != fault.Message(err) {
		fields = append(fields, zap.NamedError("cause", cause))
	}
	return fields
}

// deepest is the innermost error of a chain.
func deepest(err error) error {
	for {
		inner, ok := err.(interface{ Unwrap() error })
		if !ok || inner.Unwrap() == nil {
			return err
		}
		err = inner.Unwrap()
	}
}

// signalled returns a context that ends with the first SIGINT or SIGTERM; the second ends the process at once.
func signalled(log *zap.Logger) (context.Context, func()) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		defer close(done)
		got, open := <-signals
		if !open {
			return
		}
		log.Info("stopping: finishing what is under way", zap.String("signal", got.String()))
		cancel()
		if got, open = <-signals; open {
			os.Exit(128 + int(got.(syscall.Signal)))
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(signals)
		<-done
		cancel()
	}
}

// version is what the linker was told (-X), where the source does not come with its history, as in an image's build.
var version string

// Version is the release, or the module's version, or the commit it was built from.
func Version() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "dev"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" && len(setting.Value) >= 12 {
			return setting.Value[:12]
		}
	}
	return "dev"
}
