package dynamicstest

// The longest texts of the activity tables.
const (
	subjectLength = 200
	nameLength    = 256
	addressLength = 1000
)

// Activities are the custom activity tables of Adobe's integration: one for each type of email event, with the names
// that are publicly known of sends and follow their pattern for the others.
func Activities() []Table {
	click := activity("adobe_emailurlclick", "Email URL Click", "adobe_clickedon")
	click.Columns = append(click.Columns, text(addressLength, "adobe_trackingurl")...)
	return []Table{
		activity("adobe_emailsend", "Email Send", "adobe_senton"),
		activity("adobe_emailopen", "Email Open", "adobe_openedon"),
		click,
		activity("adobe_emailbounce", "Email Bounce", "adobe_bouncedon"),
	}
}

// activity is a custom activity table with the columns of activitypointer that integrations write (Dataverse docs,
// Custom activities).
func activity(name, label, occurred string) Table {
	t := Table{LogicalName: name, EntitySetName: name + "s", DisplayName: label, PrimaryID: "activityid", PrimaryName: "subject",
		Custom: true, Activity: true}
	t.Columns = append(t.Columns, text(subjectLength, "subject")...)
	t.Columns = append(t.Columns,
		Column{Name: "description", Type: Memo, MaxLength: 2000},
		Column{Name: "regardingobjectid", Type: Lookup, Targets: []string{"account", "contact"}},
		Column{Name: "ownerid", Type: Owner, Targets: []string{"systemuser", "team"}},
		Column{Name: "scheduledstart", Type: DateTime}, Column{Name: "scheduledend", Type: DateTime},
		Column{Name: "actualstart", Type: DateTime}, Column{Name: "actualend", Type: DateTime},
	)
	t.Columns = append(t.Columns, text(nameLength, "adobe_campaignname", "adobe_deliveryname")...)
	t.Columns = append(t.Columns, text(addressLength, "adobe_mirrorpageurl")...)
	t.Columns = append(t.Columns, Column{Name: occurred, Type: DateTime})
	return t
}

// states are the choices of statecode and statuscode.
func (t Table) states() (state, status []Option) {
	if t.Activity {
		return []Option{{0, "Open"}, {1, "Completed"}, {2, "Canceled"}, {3, "Scheduled"}},
			[]Option{{1, "Open"}, {2, "Completed"}, {3, "Canceled"}, {4, "Scheduled"}}
	}
	return []Option{{0, "Active"}, {1, "Inactive"}}, []Option{{1, "Active"}, {2, "Inactive"}}
}

// navigation is the property that @odata.bind takes to point a lookup to a target: a lookup with several targets carries
// the target in it, and what an activity regards carries the activity too (Dataverse docs, Web API navigation
// properties).
func (t Table) navigation(c Column, target string) string {
	switch {
	case c.Navigations[target] != "":
		return c.Navigations[target]
	case t.Activity && c.Name == "regardingobjectid":
		return c.Name + "_" + target + "_" + t.LogicalName
	case len(c.Targets) > 1 && c.Type != Owner:
		return c.Name + "_" + target
	}
	return c.Name
}
