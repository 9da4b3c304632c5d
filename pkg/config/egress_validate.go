package config

import (
	"fmt"
	"regexp"
)

var (
	// navigationName is a navigation property, whose name follows the relationship's and may hold capitals.
	navigationName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,199}$`)
	// eventPath is names joined by dots; names of older events hold signs: "activitystreams:object.@id".
	eventPath = regexp.MustCompile(`^[A-Za-z0-9_@$:/-]{1,64}(\.[A-Za-z0-9_@$:/-]{1,64}){0,9}$`)
)

// maxEventValue is the longest name of an event's type, and maxEventValues how many there may be of one.
const (
	maxEventValue  = 200
	maxEventValues = 50
)

// Validate checks what can be known without asking either side.
func (d *EgressDoc) Validate() Faults {
	var faults Faults
	d.Activities.validate(&faults)
	d.EventFormat.validate(&faults, d.Events)
	for _, start := range []struct {
		path  string
		value JournalStart
	}{{"journal.first", d.Journal.First}, {"journal.afterGap", d.Journal.AfterGap}} {
		if start.value != Oldest && start.value != Latest {
			faults.add(start.path, fmt.Sprintf("%.40q is no end of the journal", start.value), "use oldest or latest")
		}
	}
	if hours := d.UnknownContact.WaitHours; hours < 0 || hours > MaxWaitHours {
		faults.add("unknownContact.waitHours", fmt.Sprintf("%d hours cannot be waited", hours), fmt.Sprintf("use 0 to %d", MaxWaitHours))
	}
	return faults
}

func (a *Activities) validate(faults *Faults) {
	for _, one := range []struct {
		name     string
		activity Activity
	}{{"send", a.Send}, {"open", a.Open}, {"click", a.Click}, {"bounce", a.Bounce}} {
		one.activity.validate(faults, "activities."+one.name, one.name == "click")
	}
}

func (a *Activity) validate(faults *Faults, path string, click bool) {
	checkName(faults, columnName, path+".table", a.Table, "logical name of the activity table")
	columns := []struct{ name, column string }{{"subject", a.Subject}, {"campaignName", a.CampaignName}, {"deliveryName", a.DeliveryName},
		{"occurredOn", a.OccurredOn}, {"mirrorPage", a.MirrorPage}}
	if click {
		columns = append(columns, struct{ name, column string }{"clickedUrl", a.ClickedURL})
	} else if a.ClickedURL != "" {
		faults.add(path+".clickedUrl", "only clicks have a clicked URL", "leave it empty here")
	}
	taken := map[string]string{}
	for _, c := range columns {
		at := path + "." + c.name
		checkName(faults, columnName, at, c.column, "logical name of a column")
		if other, twice := taken[c.column]; twice && c.column != "" {
			faults.add(at, fmt.Sprintf("the column %.40q is already in %s", c.column, other), "use each column once")
		}
		taken[c.column] = at
	}
	if a.Regarding != "" {
		checkName(faults, navigationName, path+".regarding", a.Regarding, "name of the navigation property to the contact, or leave it empty to have it found")
	}
}

func (f *EventFormat) validate(faults *Faults, on Events) {
	for _, place := range []struct {
		name, path string
		needed     bool
	}{{"type", f.Type, true}, {"id", f.ID, true}, {"time", f.Time, true}, {"contact", f.Contact, true}, {"campaign", f.Campaign, false},
		{"delivery", f.Delivery, false}, {"mirrorPage", f.MirrorPage, false}, {"clickedUrl", f.ClickedURL, false}, {"bounceKind", f.BounceKind, false}} {
		if place.path != "" || place.needed {
			checkName(faults, eventPath, "eventFormat."+place.name, place.path, "place in the event, such as data.recipientID")
		}
	}
	taken := map[string]string{}
	for _, kind := range []struct {
		name   string
		values []string
		on     bool
	}{{"send", f.Types.Send, on.Send}, {"open", f.Types.Open, on.Open}, {"click", f.Types.Click, on.Click}, {"bounce", f.Types.Bounce, on.Bounce}} {
		checkEventValues(faults, "eventFormat.types."+kind.name, kind.values, kind.on, taken)
	}
	checkEventValues(faults, "eventFormat.hardBounce", f.HardBounce, on.Bounce && f.BounceKind != "", map[string]string{})
}

// checkEventValues checks a list of texts as they stand in events; taken holds those of the lists before.
func checkEventValues(faults *Faults, path string, values []string, needed bool, taken map[string]string) {
	if needed && len(values) == 0 {
		faults.add(path, "missing: no event would ever be one", "give at least one value, or switch this type of event off")
	}
	if len(values) > maxEventValues {
		faults.add(path, fmt.Sprintf("there are %d values", len(values)), fmt.Sprintf("give at most %d", maxEventValues))
	}
	for i, value := range values {
		at := fmt.Sprintf("%s[%d]", path, i)
		other, twice := taken[value]
		switch {
		case value == "":
			faults.add(at, "missing", "give the value as it stands in events, or remove the line")
		case len(value) > maxEventValue:
			faults.add(at, fmt.Sprintf("%.40q... is too long", value), fmt.Sprintf("give at most %d characters", maxEventValue))
		case twice:
			faults.add(at, fmt.Sprintf("%.40q is already in %s", value, other), "use each value once")
		}
		taken[value] = at
	}
}
