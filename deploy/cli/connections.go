package cli

import (
	"context"

	"go.uber.org/zap"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/campaign"
	"github.com/causeway-sync/causeway/pkg/dynamics"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/telemetry"
	"github.com/causeway-sync/causeway/services/host"
)

// Dynamics are the flags of the connection to Dynamics 365.
type Dynamics struct {
	URL          string `name:"dynamics-url" help:"Origin of the Dynamics 365 environment, such as https://contoso.crm4.dynamics.com." env:"CAUSEWAY_DYNAMICS_URL"`
	TokenURL     string `name:"dynamics-token-url" help:"Token endpoint; Microsoft's by default." env:"CAUSEWAY_DYNAMICS_TOKEN_URL"`
	Tenant       string `name:"dynamics-tenant" help:"Microsoft Entra tenant." env:"CAUSEWAY_DYNAMICS_TENANT"`
	ClientID     string `name:"dynamics-client-id" help:"Application (client) id." env:"CAUSEWAY_DYNAMICS_CLIENT_ID"`
	ClientSecret string `name:"dynamics-client-secret" help:"Client secret; better given in the environment." env:"CAUSEWAY_DYNAMICS_CLIENT_SECRET"`
}

// Config are the flags as the client wants them.
func (d Dynamics) Config() dynamics.Config {
	return dynamics.Config{URL: d.URL, TokenURL: d.TokenURL, Tenant: d.Tenant, ClientID: d.ClientID, ClientSecret: d.ClientSecret}
}

// Campaign are the flags of the connection to Adobe Campaign.
type Campaign struct {
	URL          string `name:"campaign-url" help:"Origin and organisation of Adobe Campaign, such as https://mc.adobe.io/acme." env:"CAUSEWAY_CAMPAIGN_URL"`
	TokenURL     string `name:"campaign-token-url" help:"Token endpoint; Adobe's by default." env:"CAUSEWAY_CAMPAIGN_TOKEN_URL"`
	OrgID        string `name:"campaign-org-id" help:"Organisation id (...@AdobeOrg)." env:"CAUSEWAY_CAMPAIGN_ORG_ID"`
	JournalURL   string `name:"campaign-journal-url" help:"Journal of the registration in Adobe I/O Events, such as https://events-va6.adobe.io/events/organizations/1/integrations/2/abc; for Campaign to Dynamics 365." env:"CAUSEWAY_CAMPAIGN_JOURNAL_URL"`
	ClientID     string `name:"campaign-client-id" help:"Client id of the Adobe project." env:"CAUSEWAY_CAMPAIGN_CLIENT_ID"`
	ClientSecret string `name:"campaign-client-secret" help:"Client secret; better given in the environment." env:"CAUSEWAY_CAMPAIGN_CLIENT_SECRET"`
	Lookup       string `name:"campaign-lookup" help:"How a profile is found by its key: by a custom key in the URL (key) or a published filter (filter)." default:"key" enum:"key,filter" env:"CAUSEWAY_CAMPAIGN_LOOKUP"`
	Filter       string `name:"campaign-filter" help:"Name of that filter." default:"byExternalId" env:"CAUSEWAY_CAMPAIGN_FILTER"`
	Parameter    string `name:"campaign-filter-parameter" help:"Parameter of that filter." default:"externalId_parameter" env:"CAUSEWAY_CAMPAIGN_FILTER_PARAMETER"`
}

// Config are the flags as the client wants them.
func (c Campaign) Config() campaign.Config {
	return campaign.Config{URL: c.URL, TokenURL: c.TokenURL, OrgID: c.OrgID, JournalURL: c.JournalURL, ClientID: c.ClientID, ClientSecret: c.ClientSecret,
		Lookup: campaign.Lookup{Mode: c.Lookup, Filter: c.Filter, Parameter: c.Parameter}}
}

// Host are the flags of a workflow's own process.
type Host struct {
	Instance string `name:"instance" help:"Name of this instance, unique among the living; made of the host's name by default." env:"CAUSEWAY_INSTANCE"`
	Probes   string `name:"probes" help:"Address of /healthz, /readyz and /metrics; empty for none." env:"CAUSEWAY_PROBES"`
}

// Config are the flags as a host wants them.
func (h Host) Config(n NATS, name string, log *zap.Logger) (host.Config, error) {
	options, err := n.Options(name, log)
	if err != nil {
		return host.Config{}, err
	}
	instance := h.Instance
	if instance != "" {
		instance = bus.Token(instance)
	}
	return host.Config{NATS: options, Instance: instance, Version: Version(), Probes: h.Probes, Log: log}, nil
}

// Run implements the healthcheck subcommand.
func (h Healthcheck) Run(ctx context.Context) error {
	if err := telemetry.Healthcheck(ctx, h.Address, h.TLSCert); err != nil {
		return fault.Wrap(fault.Fatal, err, "not healthy: "+err.Error())
	}
	return nil
}
