package ingress_test

import (
	"testing"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// TestAFieldOfOptInOutIsRefused: ingress would overwrite an opt-out that was made in Campaign.
func TestAFieldOfOptInOutIsRefused(t *testing.T) {
	for direction, refused := range map[config.Direction]bool{config.Bidirectional: true, config.CampaignToDynamics: true,
		config.DynamicsToCampaign: false, config.Disabled: false} {
		t.Run(string(direction), func(t *testing.T) {
			h := newHouse(t, 3)
			doc := config.DefaultOptInOut()
			doc.Direction = direction
			doc.Mappings = []config.OptOutMapping{{Column: "donotbulkemail", Field: "blackListEmail"}}
			data, err := config.Encode(doc)
			if err != nil {
				t.Fatal(err)
			}
			configs := bus.NewConfigs(h.Conn)
			latest, err := configs.Latest(h.Context(), workflow.OptInOut)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := configs.Put(h.Context(), workflow.OptInOut, data, latest.Number, "test"); err != nil {
				t.Fatal(err)
			}
			h.edit(func(doc *config.IngressDoc) {
				doc.Mappings[0].Fields = append(doc.Mappings[0].Fields, config.FieldMapping{Column: "donotbulkemail", Field: "blackListEmail", ApplyUpdates: true})
			})
			h.serve("i")
			h.Command(workflow.Start)
			if refused {
				h.Status("i", workflow.Failed, "blackListEmail is mapped in Opt In/Out too")
				return
			}
			h.Status("i", workflow.Running, "")
		})
	}
}
