package campaign

import (
	"maps"
	"time"
)

// DateTime is a point in time as Campaign writes it: "2019-09-25 23:20:35.000Z", a blank, milliseconds, UTC (Campaign
// Standard documentation, samples of profiles).
func DateTime(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05.000Z") }

// ParseDateTime reads what DateTime writes, with any number of fractional digits or none.
func ParseDateTime(text string) (time.Time, error) {
	return time.ParseInLocation("2006-01-02 15:04:05Z", text, time.UTC)
}

// Date is a day as Campaign writes it: "2019-09-25".
func Date(t time.Time) string { return t.Format(time.DateOnly) }

// encoded is fields with points in time as Campaign wants them. Everything else goes as encoding/json writes it: nil
// clears a field, enumerations go by technical name, json.Number keeps its digits.
func encoded(fields map[string]any) map[string]any {
	copied := false
	for field, value := range fields {
		if t, ok := value.(time.Time); ok {
			if !copied {
				fields, copied = maps.Clone(fields), true
			}
			fields[field] = DateTime(t)
		}
	}
	return fields
}

// withKey is a copy of fields with the key in it.
func withKey(fields map[string]any, field, key string) map[string]any {
	all := make(map[string]any, len(fields)+1)
	maps.Copy(all, fields)
	all[field] = key
	return all
}

// withoutKey is fields without the key: PATCH cannot change keys.
func withoutKey(fields map[string]any, field string) map[string]any {
	all := make(map[string]any, len(fields))
	maps.Copy(all, fields)
	delete(all, field)
	return all
}
