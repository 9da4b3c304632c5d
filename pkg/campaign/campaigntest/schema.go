package campaigntest

import "slices"

// FieldType is the high-level type that metadata shows.
type FieldType string

// The types of fields.
const (
	String     FieldType = "string"
	Integer    FieldType = "number"
	Float      FieldType = "double"
	Boolean    FieldType = "boolean"
	Date       FieldType = "date"
	DateTime   FieldType = "datetime"
	Enum       FieldType = "enumeration"
	Item       FieldType = "item" // an object of strings: Parts names them
	Link       FieldType = "link"
	Collection FieldType = "collection"
)

// Field is one field of a resource.
type Field struct {
	Name string
	Type FieldType
	// Length is the most characters of a String, 0 for no limit.
	Length   int
	ReadOnly bool
	// Values are the technical names of an Enum; the first one is the default.
	Values []string
	// Parts are the members of an Item.
	Parts []string
	// Target is the resource of a Link or Collection.
	Target string
	// Extended fields show only under profileAndServicesExt.
	Extended bool
}

// The APIs under which a resource can stand.
const (
	Standard = "profileAndServices"
	Extended = "profileAndServicesExt"
	Custom   = "customResources"
)

// Resource defines a resource.
type Resource struct {
	Name string
	// Schema is the name in the engine's error texts: "nms:recipient".
	Schema string
	// API is Extended (then also Standard, for "profile") or Custom.
	API string
	// Key is the String field of the identification key: unique, and not changeable. Empty: there is none.
	Key    string
	Fields []Field
}

func (d Resource) field(name string) (Field, bool) {
	i := slices.IndexFunc(d.Fields, func(f Field) bool { return f.Name == name })
	if i < 0 {
		return Field{}, false
	}
	return d.Fields[i], true
}

// Profile is the out-of-the-box profile (ACS documentation, "Data model, profile") with externalId as the
// identification key.
func Profile() Resource {
	address := []string{"address1", "address2", "address3", "address4", "city", "zipCode", "stateCode", "countryCode"}
	return Resource{
		Name: "profile", Schema: "nms:recipient", API: Extended, Key: "externalId",
		Fields: slices.Concat([]Field{
			{Name: "externalId", Type: String, Length: 100},
			{Name: "email", Type: String, Length: 128},
			{Name: "firstName", Type: String, Length: 30},
			{Name: "lastName", Type: String, Length: 50},
			{Name: "middleName", Type: String, Length: 30},
			{Name: "salutation", Type: String, Length: 20},
			{Name: "title", Type: String, Length: 255},
			{Name: "thumbnail", Type: String, Length: 255},
			{Name: "phone", Type: String, Length: 32},
			{Name: "mobilePhone", Type: String, Length: 32},
			{Name: "fax", Type: String, Length: 32},
			{Name: "domain", Type: String, Length: 255, ReadOnly: true},
			{Name: "birthDate", Type: Date},
			{Name: "age", Type: Integer, ReadOnly: true},
			{Name: "gender", Type: Enum, Values: []string{"unknown", "male", "female"}},
			{Name: "emailFormat", Type: Enum, Values: []string{"unknown", "text", "html"}},
			{Name: "timeZone", Type: String, Length: 64},
			{Name: "isExternal", Type: Boolean},
			{Name: "created", Type: DateTime, ReadOnly: true},
			{Name: "lastModified", Type: DateTime, ReadOnly: true},
			{Name: "location", Type: Item, Parts: address},
			{Name: "postalAddress", Type: Item, Parts: address, ReadOnly: true},
			{Name: "cryptedId", Type: String, ReadOnly: true},
		}, booleans("blackList", "blackListEmail", "blackListFax", "blackListMobile", "blackListPhone",
			"blackListPostalMail", "blackListPushnotification", "ccpaOptOut"),
			collections("logs", "tracking", "excludeLogs", "subscriptions", "subHisto", "appSubscription")),
	}
}

func booleans(names ...string) []Field {
	var fields []Field
	for _, name := range names {
		fields = append(fields, Field{Name: name, Type: Boolean})
	}
	return fields
}

func collections(names ...string) []Field {
	var fields []Field
	for _, name := range names {
		fields = append(fields, Field{Name: name, Type: Collection, Target: name, ReadOnly: true})
	}
	return fields
}
