package admin

import (
	"testing"

	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

func TestMappedTablesAreThoseOfTheStoredDocument(t *testing.T) {
	doc := config.DefaultIngress()
	doc.Mappings[0].ReplayRequested = true
	data, err := config.Encode(doc)
	if err != nil {
		t.Fatal(err)
	}
	tables := mappedTables(workflow.Ingress, data)
	if len(tables) != 1 || tables[0] != (mappedTable{Table: "contact", Resource: "profile", Queued: true}) {
		t.Errorf("tables %+v", tables)
	}
	if tables := mappedTables(workflow.Ingress, []byte("{")); tables != nil {
		t.Errorf("of an unreadable document: %+v", tables)
	}
	if tables := mappedTables(workflow.Egress, data); tables != nil {
		t.Errorf("of another workflow: %+v", tables)
	}
}
