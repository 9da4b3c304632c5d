package config

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Direction is which way opt-out values flow.
type Direction string

// The directions.
const (
	Disabled           Direction = "disabled"
	DynamicsToCampaign Direction = "dynamics-to-campaign"
	CampaignToDynamics Direction = "campaign-to-dynamics"
	Bidirectional      Direction = "bidirectional"
)

// OptOutSource is how Campaign's side is read.
type OptOutSource string

// The sources. Campaign's documented way is a file a day; the API is for installations that have a filter by
// last-modified time, so that an opt-out need not wait for the file.
const (
	ExportFile OptOutSource = "export-file"
	API        OptOutSource = "api"
	Both       OptOutSource = "both"
)

// OptInOutDoc maps Dynamics' opt-out columns to Campaign's eight fields, and says how Campaign's side is read. A document
// of an older release lacks everything behind Mappings; it is read with the defaults.
type OptInOutDoc struct {
	Direction Direction       `json:"direction"`
	Mappings  []OptOutMapping `json:"mappings"`
	// KeyField is the Campaign field that holds the contact's id.
	KeyField string       `json:"keyField"`
	Source   OptOutSource `json:"source"`
	Export   OptOutExport `json:"export"`
	API      OptOutAPI    `json:"api"`
	// ClockToleranceMinutes is how far the clocks of the two systems may be apart: Campaign's value is the newer one only
	// when it is newer by more than that.
	ClockToleranceMinutes int `json:"clockToleranceMinutes"`
	// LedgerDays is how long decisions are kept.
	LedgerDays int `json:"ledgerDays"`
	// UnknownProfile says what becomes of an opt-out whose contact has no profile yet.
	UnknownProfile UnknownProfile `json:"unknownProfile"`
}

// UnknownProfile is how long Causeway waits for the profile of a contact that has opted out: it may be on its way, and
// would otherwise begin as opted in.
type UnknownProfile struct {
	// WaitHours is how long; then, or at once where it is 0, the contact is counted and passed over.
	WaitHours int `json:"waitHours"`
}

// OptOutMapping joins one Boolean column and one of OptOutFields.
type OptOutMapping struct {
	Column string `json:"column"`
	Field  string `json:"field"`
}

// OptOutExport describes the export files. The vendor publishes no format: each installation defines its own.
type OptOutExport struct {
	// Pattern of the file names in the connection's folder, with * and ?.
	Pattern string `json:"pattern"`
	// Delimiter between columns: one character, or "tab".
	Delimiter string `json:"delimiter"`
	// Encoding is one of ExportEncodings.
	Encoding string `json:"encoding"`
	// KeyColumn holds the contact's id.
	KeyColumn string `json:"keyColumn"`
	// Columns names the column of a field's value where it is not named as the field.
	Columns map[string]string `json:"columns"`
	// TimeColumns names the column that says when a field was changed last, where it is not named as the field with
	// "Changed" behind it. An empty name says that there is none: Campaign's value is then never the newer one.
	TimeColumns map[string]string `json:"timeColumns"`
	// TimeFormat of the time columns: campaign, rfc3339, unix, unix-ms or a pattern such as "DD.MM.YYYY hh:mm:ss"
	// (docs/export-files.md).
	TimeFormat string `json:"timeFormat"`
	// TrueValues and FalseValues are how values are spelt, in any capitals.
	TrueValues  []string `json:"trueValues"`
	FalseValues []string `json:"falseValues"`
	// LateAfterHours is how long after the last file the next one is late.
	LateAfterHours int `json:"lateAfterHours"`
	// SettleSeconds is how long a file must not have grown before it is read.
	SettleSeconds int `json:"settleSeconds"`
}

// OptOutAPI names the installation's own filter of profiles by last-modified time.
type OptOutAPI struct {
	Filter    string `json:"filter"`
	Parameter string `json:"parameter"`
	// PollSeconds is the pause between two questions; each costs an engine call.
	PollSeconds int `json:"pollSeconds"`
}

// OptOutFields lists Campaign's opt-out fields by their API names.
func OptOutFields() []string {
	return []string{"blackList", "blackListEmail", "blackListFax", "blackListMobile", "blackListPhone", "blackListPostalMail",
		"blackListPushnotification", "ccpaOptOut"}
}

// OptOutLabel is the name by which admins know a field: what the API calls a black list is a deny list on the page.
func OptOutLabel(field string) string {
	if rest, ok := strings.CutPrefix(field, "blackList"); ok {
		return "denyList" + rest
	}
	return field
}

// ExportEncodings lists the encodings that an export file may have.
func ExportEncodings() []string { return []string{"utf-8", "utf-16le", "iso-8859-1", "windows-1252"} }

// DefaultOptInOut is disabled and maps nothing.
func DefaultOptInOut() *OptInOutDoc {
	return &OptInOutDoc{
		Direction: Disabled, Mappings: []OptOutMapping{}, KeyField: "externalId", Source: ExportFile,
		Export: OptOutExport{
			Pattern: "optout_*.csv", Delimiter: ",", Encoding: "utf-8", KeyColumn: "externalId",
			Columns: map[string]string{}, TimeColumns: map[string]string{}, TimeFormat: "campaign",
			TrueValues: []string{"true", "1", "yes"}, FalseValues: []string{"false", "0", "no"}, LateAfterHours: 26, SettleSeconds: 10,
		},
		API:                   OptOutAPI{Filter: "byLastModified", Parameter: "since_parameter", PollSeconds: 60},
		ClockToleranceMinutes: 5, LedgerDays: 400, UnknownProfile: UnknownProfile{WaitHours: 24},
	}
}

// olderOptInOut is what the settings are that a stored document does not have.
func olderOptInOut() *OptInOutDoc {
	doc := DefaultOptInOut()
	doc.Direction, doc.Mappings = "", nil // A document always has these two.
	return doc
}

// CannotStart says why the workflow has nothing to do, where that is so.
func (d *OptInOutDoc) CannotStart() string {
	switch {
	case d.Direction == Disabled:
		return "opt-in/out is disabled: choose a direction first"
	case d.Direction == DynamicsToCampaign:
		return "this direction is done by the contact mapping of Dynamics 365 to Campaign: add the opt-out columns there"
	case len(d.Mappings) == 0:
		return "no opt-out column is mapped: add a mapping first"
	}
	return ""
}

// ReadsFiles reports whether Campaign's export files are read.
func (d *OptInOutDoc) ReadsFiles() bool { return d.Source == ExportFile || d.Source == Both }

// ReadsAPI reports whether Campaign's profiles are asked for by last-modified time.
func (d *OptInOutDoc) ReadsAPI() bool { return d.Source == API || d.Source == Both }

// ClockTolerance is how far the clocks may be apart.
func (d *OptInOutDoc) ClockTolerance() time.Duration {
	return time.Duration(d.ClockToleranceMinutes) * time.Minute
}

// LedgerAge is how long decisions are kept.
func (d *OptInOutDoc) LedgerAge() time.Duration {
	return time.Duration(d.LedgerDays) * 24 * time.Hour
}

// Fields lists the mapped Campaign fields in the order of the mappings.
func (d *OptInOutDoc) Fields() []string {
	fields := make([]string, len(d.Mappings))
	for i, m := range d.Mappings {
		fields[i] = m.Field
	}
	return fields
}

// Column is the column of a field's value.
func (e OptOutExport) Column(field string) string { return cmp.Or(e.Columns[field], field) }

// TimeColumn is the column of a field's time, empty where there is none.
func (e OptOutExport) TimeColumn(field string) string {
	if column, given := e.TimeColumns[field]; given {
		return column
	}
	return field + "Changed"
}

func (d *OptInOutDoc) normalise() {
	present(&d.Mappings)
	present(&d.Export.TrueValues)
	present(&d.Export.FalseValues)
	if d.Export.Columns == nil {
		d.Export.Columns = map[string]string{}
	}
	if d.Export.TimeColumns == nil {
		d.Export.TimeColumns = map[string]string{}
	}
}

// Validate checks direction, mappings and how Campaign's side is read.
func (d *OptInOutDoc) Validate() Faults {
	var faults Faults
	directions := []Direction{Disabled, DynamicsToCampaign, CampaignToDynamics, Bidirectional}
	if !slices.Contains(directions, d.Direction) {
		faults.add("direction", fmt.Sprintf("%.40q is not a direction", d.Direction),
			"use disabled, dynamics-to-campaign, campaign-to-dynamics or bidirectional")
	}
	columns, fields := map[string]int{}, map[string]int{}
	for i, m := range d.Mappings {
		at := fmt.Sprintf("mappings[%d]", i)
		checkName(&faults, columnName, at+".column", m.Column, "logical name of a Boolean column")
		if !slices.Contains(OptOutFields(), m.Field) {
			faults.add(at+".field", fmt.Sprintf("%.40q is not an opt-out field", m.Field), "use one of "+strings.Join(OptOutFields(), ", "))
		}
		once(&faults, columns, m.Column, i, at+".column", "column", "mappings[%d]")
		once(&faults, fields, m.Field, i, at+".field", "field", "mappings[%d]")
	}
	checkName(&faults, fieldName, "keyField", d.KeyField, "Campaign field that holds the contact's id")
	if !slices.Contains([]OptOutSource{ExportFile, API, Both}, d.Source) {
		faults.add("source", fmt.Sprintf("%.40q is not a way to read Campaign", d.Source), "use export-file, api or both")
	}
	d.Export.validate(&faults)
	if d.ReadsAPI() {
		checkName(&faults, filterName, "api.filter", d.API.Filter, "name of the installation's filter of profiles by last-modified time")
		checkName(&faults, filterName, "api.parameter", d.API.Parameter, "name of that filter's parameter")
	}
	checkRange(&faults, "api.pollSeconds", d.API.PollSeconds, 1, 86400)
	checkRange(&faults, "clockToleranceMinutes", d.ClockToleranceMinutes, 0, 1440)
	checkRange(&faults, "ledgerDays", d.LedgerDays, 1, 3650)
	checkRange(&faults, "unknownProfile.waitHours", d.UnknownProfile.WaitHours, 0, MaxWaitHours)
	return faults
}

// filterName fits filters and their parameters; they stand in a URL.
var filterName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{0,99}$`)

func (e *OptOutExport) validate(faults *Faults) {
	if e.Pattern == "" || strings.ContainsAny(e.Pattern, "/\\") {
		faults.add("export.pattern", "not a pattern of file names", "give a name with * and ?, without a folder: the folder belongs to the SFTP connection")
	}
	if e.Delimiter != "tab" && (utf8.RuneCountInString(e.Delimiter) != 1 || strings.ContainsAny(e.Delimiter, "\"\r\n\uFFFD")) {
		faults.add("export.delimiter", fmt.Sprintf("%.10q is not a delimiter", e.Delimiter), "give one character, such as , or ; or the word tab")
	}
	if !slices.Contains(ExportEncodings(), e.Encoding) {
		faults.add("export.encoding", fmt.Sprintf("%.40q is not an encoding that is known", e.Encoding), "use one of "+strings.Join(ExportEncodings(), ", "))
	}
	if e.TimeFormat == "" {
		faults.add("export.timeFormat", "missing", "use campaign, rfc3339, unix, unix-ms or a pattern such as DD.MM.YYYY hh:mm:ss")
	}
	e.validateColumns(faults)
	for _, list := range []struct {
		path   string
		values []string
	}{{"export.trueValues", e.TrueValues}, {"export.falseValues", e.FalseValues}} {
		if len(list.values) == 0 {
			faults.add(list.path, "empty", "give at least one spelling")
		}
	}
	for i, value := range e.FalseValues {
		if slices.ContainsFunc(e.TrueValues, func(other string) bool { return strings.EqualFold(other, value) }) {
			faults.add(fmt.Sprintf("export.falseValues[%d]", i), "stands among the true values too", "let each spelling mean one thing")
		}
	}
	checkRange(faults, "export.lateAfterHours", e.LateAfterHours, 1, 24*31)
	checkRange(faults, "export.settleSeconds", e.SettleSeconds, 1, 3600)
}

// validateColumns checks that a column is not asked to mean two things. Times may share one: an installation may know
// only when the profile was changed.
func (e *OptOutExport) validateColumns(faults *Faults) {
	if e.KeyColumn == "" {
		faults.add("export.keyColumn", "missing", "give the column that holds the contact's id")
	}
	means := map[string]string{e.KeyColumn: "the key"}
	for _, field := range OptOutFields() {
		column := e.Column(field)
		if other, taken := means[column]; taken {
			faults.add("export.columns."+field, fmt.Sprintf("the column is that of %s already", other), "let each column mean one thing")
		}
		means[column] = field
	}
	for _, names := range []struct {
		path    string
		columns map[string]string
	}{{"export.columns", e.Columns}, {"export.timeColumns", e.TimeColumns}} {
		for _, field := range slices.Sorted(maps.Keys(names.columns)) {
			if !slices.Contains(OptOutFields(), field) {
				faults.add(joinPath(names.path, label(field)), "not an opt-out field", "use one of "+strings.Join(OptOutFields(), ", "))
			}
		}
	}
}

func checkRange(faults *Faults, path string, value, low, high int) {
	if value < low || value > high {
		faults.add(path, fmt.Sprintf("%d is out of range", value), fmt.Sprintf("give a number from %d to %d", low, high))
	}
}
