package dynamics_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/causeway-sync/causeway/pkg/dynamics"
	"github.com/causeway-sync/causeway/pkg/dynamics/dynamicstest"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/remote/remotetest"
)

func TestCheckActivity(t *testing.T) {
	env := newEnvironment(t, dynamicstest.Options{NoBulk: []string{"adobe_emailopen"}})
	columns := []string{"subject", "adobe_senton"}
	got, findings := env.client.CheckActivity(t.Context(), "adobe_emailsend", columns)
	if len(findings) != 0 || got.EntitySet != "adobe_emailsends" || got.Regarding != "regardingobjectid_contact_adobe_emailsend" || !got.Bulk {
		t.Errorf("%+v, %v", got, findings)
	}
	if len(got.Columns) != 2 || got.Columns[0].MaxLength != 200 || got.Columns[1].Type != dynamics.DateTime {
		t.Errorf("columns %+v", got.Columns)
	}
	if other, findings := env.client.CheckActivity(t.Context(), "adobe_emailopen", nil); other.Bulk || len(findings) != 0 {
		t.Errorf("without CreateMultiple: %+v, %v", other, findings)
	}
}

// The name that leads to the contact comes from metadata: the pattern has exceptions.
func TestTheNameThatLeadsToTheContact(t *testing.T) {
	table := dynamicstest.Activities()[0]
	for i := range table.Columns {
		if table.Columns[i].Name == "regardingobjectid" {
			table.Columns[i].Navigations = map[string]string{"contact": "regardingobjectid_contact"}
		}
	}
	env := newEnvironment(t, dynamicstest.Options{Tables: []dynamicstest.Table{table}})
	got, findings := env.client.CheckActivity(t.Context(), "adobe_emailsend", nil)
	if len(findings) != 0 || got.Regarding != "regardingobjectid_contact" {
		t.Errorf("%+v, %v", got, findings)
	}
}

// 17. What egress needs and what is not there: each finding names what to mend.
func TestSurvives_MissingPrerequisitesOfWriting(t *testing.T) {
	homeless := dynamicstest.Activities()[0]
	homeless.LogicalName, homeless.EntitySetName = "new_call", "new_calls"
	for i := range homeless.Columns {
		if homeless.Columns[i].Name == "regardingobjectid" {
			homeless.Columns[i].Targets = []string{"account"}
		}
	}
	for name, tc := range map[string]struct {
		opt     dynamicstest.Options
		table   string
		columns []string
		says    []string
	}{
		"no table":        {opt: dynamicstest.Options{NoActivities: true}, table: "adobe_emailsend", says: []string{"no table adobe_emailsend"}},
		"not an activity": {table: "contact", says: []string{"holds no activities"}},
		"no columns":      {table: "adobe_emailsend", columns: []string{"nope", "nor"}, says: []string{"no column nope", "no column nor"}},
		"wrong type":      {table: "adobe_emailsend", columns: []string{"regardingobjectid", "statecode"}, says: []string{"regardingobjectid", "State"}},
		"read-only":       {table: "adobe_emailsend", columns: []string{"modifiedon"}, says: []string{"cannot be written"}},
		"no contact":      {opt: dynamicstest.Options{Tables: []dynamicstest.Table{homeless}}, table: "new_call", says: []string{"cannot regard a contact"}},
		"no privileges": {opt: dynamicstest.Options{Lacks: []string{"prvCreateActivity", "prvAppendToContact"}}, table: "adobe_emailsend",
			says: []string{"prvCreateActivity", "prvAppendToContact"}},
		"a bad name": {table: "adobe_emailsend')", says: []string{"not the logical name"}},
		"no secret":  {opt: dynamicstest.Options{ClientSecret: "other"}, table: "adobe_emailsend", says: []string{"secret is wrong"}},
	} {
		t.Run(name, func(t *testing.T) {
			env := newEnvironment(t, tc.opt)
			_, findings := env.client.CheckActivity(t.Context(), tc.table, tc.columns)
			if len(findings) != len(tc.says) {
				t.Fatalf("findings: %v", findings)
			}
			for i, says := range tc.says {
				if !fault.Is(findings[i], fault.Fatal) || !strings.Contains(fmt.Sprint(findings[i]), says) {
					t.Errorf("finding %v (%v), want %q", findings[i], fault.KindOf(findings[i]), says)
				}
			}
		})
	}
}

func TestCheckUpdate(t *testing.T) {
	env := newEnvironment(t, dynamicstest.Options{})
	columns, findings := env.client.CheckUpdate(t.Context(), "contact", []string{"donotemail", "donotphone"})
	if len(findings) != 0 || len(columns) != 2 || columns[1].Type != dynamics.Boolean {
		t.Errorf("%+v, %v", columns, findings)
	}
	poor := newEnvironment(t, dynamicstest.Options{Lacks: []string{"prvWriteContact"}})
	if _, findings := poor.client.CheckUpdate(t.Context(), "contact", []string{"nope"}); len(findings) != 2 || !strings.Contains(findings[1].Error(), "prvWriteContact") {
		t.Errorf("findings: %v", findings)
	}
}

func TestChecksOfWritingInTrouble(t *testing.T) {
	env := newEnvironment(t, dynamicstest.Options{})
	env.Inject(remotetest.Fault{Kind: remotetest.Error})
	_, findings := env.client.CheckActivity(t.Context(), "adobe_emailsend", nil)
	_, more := env.client.CheckUpdate(t.Context(), "contact", nil)
	if len(findings) != 1 || len(more) != 1 || !fault.Is(findings[0], fault.Transient) || !fault.Is(more[0], fault.Transient) {
		t.Errorf("findings: %v, %v", findings, more)
	}
}
