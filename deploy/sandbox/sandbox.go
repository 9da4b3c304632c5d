// Package sandbox runs both remote systems simulated: a Dynamics 365 with contacts and an Adobe Campaign without any, on
// addresses of this machine, speaking the vendors' own protocols.
//
// It promises that the same flags give the same contacts, and that a little traffic keeps them changing and has Campaign
// send events about them. It is for trying the product and for tests; nothing in it may be used to hold real records.
package sandbox

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/causeway-sync/causeway/pkg/campaign"
	"github.com/causeway-sync/causeway/pkg/campaign/campaigntest"
	"github.com/causeway-sync/causeway/pkg/dynamics"
	"github.com/causeway-sync/causeway/pkg/dynamics/dynamicstest"
	"github.com/causeway-sync/causeway/pkg/fault"
)

// The sandbox's credentials, the same everywhere.
const (
	Tenant       = "sandbox"
	ClientID     = "causeway"
	ClientSecret = "causeway-sandbox" //nolint:gosec // It opens nothing but a simulator.
	Organisation = "sandbox"
)

// Config of the sandbox.
type Config struct {
	// Contacts is how many contacts Dynamics begins with.
	Contacts int
	// Dynamics and Campaign are the addresses to listen on.
	Dynamics, Campaign string
	// SFTP is the address of Campaign's file server, empty for none, and Files the folder that keeps its files and keys; empty
	// for one that is removed at the end.
	SFTP, Files string
	// Traffic is how many records change, and how many events are sent, each second; 0 for none.
	Traffic float64
	// Seed makes the data; the same seed gives the same contacts and events.
	Seed uint64
	// KeepWrites is how many of Campaign's writes are kept for looking at: 0 for the last 100,000, -1 for all.
	KeepWrites int
	Log        *zap.Logger
}

// Sandbox is both systems, listening.
type Sandbox struct {
	cfg       Config
	Dynamics  *dynamicstest.Server
	Campaign  *campaigntest.Server
	dynamicsL net.Listener
	campaignL net.Listener
	files     files
	random    *rand.Rand
}

// Listen seeds the systems and takes their addresses; Serve answers.
func Listen(ctx context.Context, cfg Config) (*Sandbox, error) {
	if cfg.Log == nil {
		cfg.Log = zap.NewNop()
	}
	s := &Sandbox{cfg: cfg, random: rand.New(rand.NewPCG(cfg.Seed, 1)), //nolint:gosec // Test data.
		Dynamics: dynamicstest.New(dynamicstest.Options{Tenant: Tenant, ClientID: ClientID, ClientSecret: ClientSecret})}
	var err error
	if s.files, err = serveFiles(ctx, cfg); err != nil {
		return nil, err
	}
	s.Campaign = campaigntest.New(campaigntest.Options{Org: Organisation, ClientID: ClientID, ClientSecret: ClientSecret, KeepWrites: keepWrites(cfg.KeepWrites),
		Seed: cfg.Seed, Exports: s.files.exports(), Journal: s.eventOptions()})
	s.Dynamics.Seed(cfg.Contacts, cfg.Seed)
	if s.dynamicsL, err = listen(ctx, cfg.Dynamics, "Dynamics 365"); err != nil {
		return nil, errors.Join(err, s.files.close())
	}
	if s.campaignL, err = listen(ctx, cfg.Campaign, "Campaign"); err != nil {
		return nil, errors.Join(err, s.dynamicsL.Close(), s.files.close())
	}
	return s, nil
}

func keepWrites(n int) int {
	switch n {
	case 0:
		return 100_000
	case -1:
		return 0
	}
	return n
}

func listen(ctx context.Context, address, what string) (net.Listener, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fault.Wrap(fault.Fatal, err, fmt.Sprintf("the simulated %s cannot listen on %s: is another sandbox running there?", what, address))
	}
	return listener, nil
}

// DynamicsConfig is how a client reaches the simulated Dynamics.
func (s *Sandbox) DynamicsConfig() dynamics.Config {
	origin := "http://" + s.dynamicsL.Addr().String()
	return dynamics.Config{URL: origin, TokenURL: origin + "/" + Tenant + "/oauth2/v2.0/token", Tenant: Tenant, ClientID: ClientID, ClientSecret: ClientSecret}
}

// CampaignConfig is how a client reaches the simulated Campaign.
func (s *Sandbox) CampaignConfig() campaign.Config {
	origin := "http://" + s.campaignL.Addr().String()
	return campaign.Config{URL: origin + "/" + Organisation, TokenURL: origin + "/ims/token/v3", ClientID: ClientID, ClientSecret: ClientSecret,
		OrgID: Organisation + "@AdobeOrg", JournalURL: origin + JournalPath}
}

// Serve answers until ctx ends.
func (s *Sandbox) Serve(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return serve(ctx, s.dynamicsL, s.Dynamics) })
	group.Go(func() error { return serve(ctx, s.campaignL, s.files.beside(s.Campaign.Handler())) })
	group.Go(func() error { s.traffic(ctx); return nil })
	group.Go(func() error { <-ctx.Done(); return s.files.close() })
	s.cfg.Log.Info("the sandbox is ready", zap.String("dynamics", "http://"+s.dynamicsL.Addr().String()),
		zap.String("campaign", "http://"+s.campaignL.Addr().String()), zap.Int("contacts", s.cfg.Contacts))
	s.sayFiles()
	return group.Wait()
}

func serve(ctx context.Context, listener net.Listener, handler http.Handler) error {
	mux := http.NewServeMux()
	mux.Handle("/", handler)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fault.Wrap(fault.Fatal, err, "a simulated system stopped")
	}
	return nil
}

// traffic changes contacts as people at work would, and sends an event with every change.
func (s *Sandbox) traffic(ctx context.Context) {
	if s.cfg.Traffic <= 0 {
		return
	}
	ticker := time.NewTicker(time.Duration(float64(time.Second) / s.cfg.Traffic))
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			s.Dynamics.Touch(1, s.random)
			_, _ = s.Campaign.AppendEvents(campaigntest.EventBatch{Count: 1}) // one event of any type is always understood
		}
	}
}
