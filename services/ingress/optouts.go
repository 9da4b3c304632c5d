package ingress

import (
	"context"
	"fmt"
	"slices"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// checkOptOuts refuses fields that Opt In/Out brings from Campaign to Dynamics: ingress would overwrite an opt-out that was
// made in Campaign before Dynamics hears of it. Opt In/Out refuses the same from its side.
func checkOptOuts(ctx context.Context, conn *bus.Conn, doc *config.IngressDoc) error {
	latest, err := bus.NewConfigs(conn).Latest(ctx, workflow.OptInOut)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	parsed, err := config.Decode(workflow.OptInOut, latest.Document)
	if err != nil {
		return nil //nolint:nilerr // Opt In/Out cannot start with it, and the page says why.
	}
	consent := parsed.(*config.OptInOutDoc)
	if consent.Direction != config.Bidirectional && consent.Direction != config.CampaignToDynamics {
		return nil
	}
	for _, m := range doc.Mappings {
		for _, f := range m.Fields {
			if m.Resource == "profile" && slices.Contains(consent.Fields(), f.Field) {
				return fault.New(fault.Fatal, fmt.Sprintf("%s is mapped in %s too, and this mapping would overwrite opt-outs made in Campaign: remove the field from the mapping of %s, or from the other",
					f.Field, workflow.OptInOut.Name(), m.Table))
			}
		}
	}
	return nil
}
