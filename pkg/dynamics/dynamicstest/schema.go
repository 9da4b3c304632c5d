package dynamicstest

import "strings"

// Type is the kind of a column, after Dataverse's AttributeTypeCode.
type Type int

// The types. Date is DateTime with the format DateOnly, MultiSelect is Virtual with MultiSelectPicklistType.
const (
	String Type = iota
	Memo
	Integer
	BigInt
	Decimal
	Double
	Money
	Boolean
	DateTime
	Date
	Picklist
	MultiSelect
	State
	Status
	Lookup
	Customer
	Owner
	Uniqueidentifier
)

// Option is one choice of a Picklist, MultiSelect, State, Status or (values 0 and 1) Boolean column.
type Option struct {
	Value int
	Label string
}

// Column describes a column by its logical name.
type Column struct {
	Name string
	Type Type
	// MaxLength in characters, for String and Memo.
	MaxLength int
	Options   []Option
	// Targets are the logical names of the tables that a Lookup, Customer or Owner points to.
	Targets []string
	// Navigations name the navigation property for a target where it does not follow the pattern.
	Navigations map[string]string
	// Required columns cannot be left out of a creation or set to null.
	Required bool
	// ReadOnly columns are maintained by the server.
	ReadOnly bool
	// Secured columns exist and cannot be read (IsValidForRead is false).
	Secured bool
}

// Table describes a table. The primary key, createdon, modifiedon, versionnumber, statecode and statuscode are added.
type Table struct {
	LogicalName   string
	EntitySetName string
	DisplayName   string
	PrimaryID     string
	PrimaryName   string
	Columns       []Column
	// Untracked tables have change tracking switched off.
	Untracked bool
	Custom    bool
	Activity  bool
}

// Property is the column's name in a row's JSON: a lookup reads as _name_value.
func (c Column) Property() string {
	if c.isLookup() {
		return "_" + c.Name + "_value"
	}
	return c.Name
}

func (c Column) isLookup() bool { return c.Type == Lookup || c.Type == Customer || c.Type == Owner }

func (c Column) hasOptions() bool {
	switch c.Type {
	case Picklist, MultiSelect, State, Status, Boolean:
		return true
	}
	return false
}

func text(length int, names ...string) []Column {
	var list []Column
	for _, name := range names {
		list = append(list, Column{Name: name, Type: String, MaxLength: length})
	}
	return list
}

func yesNo(name, no, yes string) Column {
	return Column{Name: name, Type: Boolean, Options: []Option{{0, no}, {1, yes}}}
}

// Contact is the table contact with the columns that integrations map (Dataverse docs, contact table reference).
func Contact() Table {
	t := Table{LogicalName: "contact", EntitySetName: "contacts", DisplayName: "Contact", PrimaryID: "contactid", PrimaryName: "fullname"}
	t.Columns = append(t.Columns, Column{Name: "fullname", Type: String, MaxLength: 160, ReadOnly: true})
	t.Columns = append(t.Columns, text(50, "firstname", "middlename")...)
	t.Columns = append(t.Columns, Column{Name: "lastname", Type: String, MaxLength: 50})
	t.Columns = append(t.Columns, text(100, "nickname", "jobtitle", "salutation", "emailaddress1", "emailaddress2", "emailaddress3")...)
	t.Columns = append(t.Columns, text(50, "telephone1", "telephone2", "telephone3", "mobilephone", "fax")...)
	t.Columns = append(t.Columns, text(250, "address1_line1", "address1_line2", "address1_line3")...)
	t.Columns = append(t.Columns, text(80, "address1_city", "address1_country")...)
	t.Columns = append(t.Columns, text(50, "address1_stateorprovince")...)
	t.Columns = append(t.Columns, text(20, "address1_postalcode")...)
	t.Columns = append(t.Columns,
		Column{Name: "description", Type: Memo, MaxLength: 2000},
		Column{Name: "birthdate", Type: Date},
		Column{Name: "gendercode", Type: Picklist, Options: []Option{{1, "Male"}, {2, "Female"}}},
		Column{Name: "familystatuscode", Type: Picklist, Options: []Option{{1, "Single"}, {2, "Married"}, {3, "Divorced"}, {4, "Widowed"}}},
		Column{Name: "preferredcontactmethodcode", Type: Picklist, Options: []Option{{1, "Any"}, {2, "Email"}, {3, "Phone"}, {4, "Fax"}, {5, "Mail"}}},
		Column{Name: "parentcustomerid", Type: Customer, Targets: []string{"account", "contact"}},
		Column{Name: "numberofchildren", Type: Integer},
		Column{Name: "creditlimit", Type: Money},
	)
	for _, name := range []string{"donotemail", "donotbulkemail", "donotphone", "donotfax", "donotpostalmail", "donotbulkpostalmail", "donotsendmm"} {
		t.Columns = append(t.Columns, yesNo(name, "Allow", "Do Not Allow"))
	}
	t.Columns = append(t.Columns, yesNo("followemail", "Do Not Allow", "Allow"))
	return t
}

// Membership is a custom table that points to contact and has a column of every remaining type.
func Membership() Table {
	return Table{
		LogicalName: "new_membership", EntitySetName: "new_memberships", DisplayName: "Membership", PrimaryID: "new_membershipid",
		PrimaryName: "new_name", Custom: true,
		Columns: []Column{
			{Name: "new_name", Type: String, MaxLength: 100, Required: true},
			{Name: "new_contactid", Type: Lookup, Targets: []string{"contact"}},
			{Name: "new_level", Type: Picklist, Options: []Option{{100000000, "Bronze"}, {100000001, "Silver"}, {100000002, "Gold"}}},
			{Name: "new_interests", Type: MultiSelect, Options: []Option{{1, "News"}, {2, "Travel"}, {3, "Sport"}}},
			{Name: "new_points", Type: Integer},
			{Name: "new_spent", Type: Decimal},
			{Name: "new_score", Type: Double},
			{Name: "new_renewedon", Type: DateTime},
			{Name: "new_notes", Type: Memo, MaxLength: 2000},
			yesNo("new_active", "No", "Yes"),
			{Name: "new_secret", Type: String, MaxLength: 100, Secured: true},
		},
	}
}

// complete adds what every table has.
func (t Table) complete() Table {
	if t.DisplayName == "" {
		t.DisplayName = t.LogicalName
	}
	own := t.Columns
	t.Columns = []Column{
		{Name: t.PrimaryID, Type: Uniqueidentifier},
		{Name: "createdon", Type: DateTime, ReadOnly: true},
		{Name: "modifiedon", Type: DateTime, ReadOnly: true},
		{Name: "versionnumber", Type: BigInt, ReadOnly: true},
	}
	t.Columns = append(t.Columns, own...)
	state, status := t.states()
	t.Columns = append(t.Columns, Column{Name: "statecode", Type: State, Options: state}, Column{Name: "statuscode", Type: Status, Options: status})
	return t
}

// schemaName is the logical name as a developer once typed it.
func schemaName(logical string) string {
	if logical == "" {
		return ""
	}
	return strings.ToUpper(logical[:1]) + logical[1:]
}
