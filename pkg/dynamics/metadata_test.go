package dynamics_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/causeway-sync/causeway/pkg/dynamics"
	"github.com/causeway-sync/causeway/pkg/dynamics/dynamicstest"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/remote/remotetest"
)

func TestTables(t *testing.T) {
	env := newEnvironment(t, dynamicstest.Options{})
	contact := dynamics.Table{LogicalName: "contact", EntitySetName: "contacts", PrimaryIDAttribute: "contactid", PrimaryNameAttribute: "fullname",
		ChangeTrackingEnabled: true, DisplayName: "Contact"}
	got, err := env.client.Table(t.Context(), "contact")
	if diff := cmp.Diff(contact, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	all, err := env.client.Tables(t.Context())
	if err != nil || len(all) != 6 || all[4] != contact || !all[5].IsCustomEntity || all[5].IsActivity || !all[0].IsActivity {
		t.Errorf("%+v, %v", all, err)
	}
	if _, err := env.client.Table(t.Context(), "nothing"); !fault.Is(err, fault.NotFound) {
		t.Errorf("a table that is not there: %v", err)
	}
}

func TestColumns(t *testing.T) {
	env := newEnvironment(t, dynamicstest.Options{})
	want := map[string]dynamics.Column{
		"lastname":                {Type: dynamics.String, MaxLength: 50},
		"description":             {Type: dynamics.Memo, MaxLength: 2000},
		"birthdate":               {Type: dynamics.Date},
		"modifiedon":              {Type: dynamics.DateTime},
		"creditlimit":             {Type: dynamics.Money},
		"_parentcustomerid_value": {LogicalName: "parentcustomerid", DisplayName: "parentcustomerid", Type: dynamics.Lookup, Targets: []string{"account", "contact"}},
		"gendercode":              {Type: dynamics.Picklist, Options: []dynamics.Option{{Value: 1, Label: "Male"}, {Value: 2, Label: "Female"}}},
		"donotemail":              {Type: dynamics.Boolean, Options: []dynamics.Option{{Value: 0, Label: "Allow"}, {Value: 1, Label: "Do Not Allow"}}},
		"statecode":               {Type: dynamics.State, Options: []dynamics.Option{{Value: 0, Label: "Active"}, {Value: 1, Label: "Inactive"}}},
		"contactid":               {Type: dynamics.Uniqueidentifier},
		"versionnumber":           {Type: dynamics.BigInt},
	}
	checkColumnsOf(t, env, "contact", want)
	checkColumnsOf(t, env, "new_membership", map[string]dynamics.Column{
		"new_name":      {Type: dynamics.String, MaxLength: 100, Required: true},
		"new_interests": {Type: dynamics.MultiSelect, Options: []dynamics.Option{{Value: 1, Label: "News"}, {Value: 2, Label: "Travel"}, {Value: 3, Label: "Sport"}}},
		"new_spent":     {Type: dynamics.Decimal},
	})
	list, _ := env.client.Columns(t.Context(), "new_membership")
	for _, c := range list {
		if c.Readable == (c.Name == "new_secret") {
			t.Errorf("column %s readable: %v", c.Name, c.Readable)
		}
	}
}

func checkColumnsOf(t *testing.T, env *environment, table string, want map[string]dynamics.Column) {
	t.Helper()
	list, err := env.client.Columns(t.Context(), table)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, got := range list {
		c, ok := want[got.Name]
		if !ok {
			continue
		}
		found++
		c.Name, c.Readable = got.Name, true
		c.Creatable = got.Name != "modifiedon" && got.Name != "versionnumber"
		c.Updatable = c.Creatable
		if c.LogicalName == "" {
			c.LogicalName, c.DisplayName = got.Name, got.Name
		}
		if diff := cmp.Diff(c, got); diff != "" {
			t.Errorf("%s: %s", got.Name, diff)
		}
	}
	if found != len(want) {
		t.Errorf("%d of %d columns of %s are there", found, len(want), table)
	}
}

// 14. set/$count stops at 5000; the count that progress shows does not.
func TestSurvives_CountAbove5000(t *testing.T) {
	env := newEnvironment(t, dynamicstest.Options{})
	env.Seed(5001, 1)
	if n, err := env.client.Count(t.Context(), "contact"); err != nil || n != 5001 {
		t.Errorf("%d, %v", n, err)
	}
}

func TestRow(t *testing.T) {
	env := newEnvironment(t, dynamicstest.Options{})
	id := env.put("", "Ada")
	table, err := env.client.Table(t.Context(), "contact")
	if err != nil {
		t.Fatal(err)
	}
	rec, err := env.client.Row(t.Context(), table.LogicalName, strings.ToUpper(id), []string{"lastname"})
	if err != nil || rec.Key != id || rec.Version == 0 || string(rec.Data) != `{"contactid":"`+id+`","lastname":"Ada"}` {
		t.Errorf("%+v %s, %v", rec, rec.Data, err)
	}
	env.Delete("contact", id)
	if _, err = env.client.Row(t.Context(), table.LogicalName, id, nil); !fault.Is(err, fault.NotFound) {
		t.Errorf("a row that is gone: %v", err)
	}
	if _, err = env.client.Row(t.Context(), table.LogicalName, "x')", nil); !fault.Is(err, fault.Invalid) {
		t.Errorf("a key that is none: %v", err)
	}
}

// 17. What a preflight finds, each with what to mend.
func TestSurvives_MissingPrerequisites(t *testing.T) {
	untracked := dynamicstest.Membership()
	untracked.LogicalName, untracked.EntitySetName, untracked.Untracked = "new_untracked", "new_untrackeds", true
	for name, tc := range map[string]struct {
		opt     dynamicstest.Options
		table   string
		columns []string
		says    []string
	}{
		"all is well":  {table: "contact", columns: []string{"lastname", "_parentcustomerid_value"}},
		"no table":     {opt: dynamicstest.Options{NoActivities: true}, table: "adobe_emailsend", says: []string{"no table adobe_emailsend"}},
		"no columns":   {table: "contact", columns: []string{"nope", "nor"}, says: []string{"no column nope", "no column nor"}},
		"secured":      {table: "new_membership", columns: []string{"new_secret"}, says: []string{"cannot be read"}},
		"not tracked":  {opt: dynamicstest.Options{Tables: []dynamicstest.Table{untracked}}, table: "new_untracked", says: []string{"turn it on in Power Apps"}},
		"no privilege": {opt: dynamicstest.Options{NoOrganizationRead: []string{"contact"}}, table: "contact", says: []string{"prvReadContact"}},
		"no secret":    {opt: dynamicstest.Options{ClientSecret: "other"}, table: "contact", says: []string{"secret is wrong"}},
		"no client":    {opt: dynamicstest.Options{ClientID: "other"}, table: "contact", says: []string{"does not exist in this tenant"}},
		"no tenant":    {opt: dynamicstest.Options{Tenant: "other"}, table: "contact", says: []string{"tenant does not exist"}},
	} {
		t.Run(name, func(t *testing.T) {
			env := newEnvironment(t, tc.opt)
			findings := env.client.Check(t.Context(), tc.table, tc.columns)
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

func TestCheckInTrouble(t *testing.T) {
	env := newEnvironment(t, dynamicstest.Options{})
	env.Inject(remotetest.Fault{Kind: remotetest.Error})
	findings := env.client.Check(t.Context(), "contact", nil)
	if len(findings) != 1 || !fault.Is(findings[0], fault.Transient) {
		t.Errorf("findings: %v", findings)
	}
}
