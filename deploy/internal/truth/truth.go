// Package truth says when both sides are in step: what the mapping that ships makes of a contact, written down a second
// time and without the product's code, so that a test that compares with it believes nobody.
package truth

import (
	"fmt"
	"iter"
)

// named bounds how many differences are listed.
const named = 10

// Profile is what Campaign should hold of a contact's row, field to value.
func Profile(row map[string]any) map[string]string {
	text := func(column string, length int) string {
		s, _ := row[column].(string)
		if runes := []rune(s); length > 0 && len(runes) > length {
			s = string(runes[:length])
		}
		return s
	}
	gender := "unknown"
	switch fmt.Sprint(row["gendercode"]) {
	case "1":
		gender = "male"
	case "2":
		gender = "female"
	}
	return map[string]string{
		"salutation": text("salutation", 20), "firstName": text("firstname", 30), "middleName": text("middlename", 30),
		"lastName": text("lastname", 50), "email": text("emailaddress1", 0), "phone": text("telephone1", 32),
		"mobilePhone": text("mobilephone", 32), "birthDate": text("birthdate", 0), "gender": gender,
	}
}

// Differences compares both sides, contact id to row, field by field, and names up to ten that differ. Nil means that
// they are equal. It consumes profiles.
func Differences(contacts iter.Seq2[string, map[string]any], profiles map[string]map[string]any) []string {
	var found []string
	for id, row := range contacts {
		profile, there := profiles[id]
		delete(profiles, id)
		if !there {
			found = append(found, id+" is missing in Campaign")
			continue
		}
		for field, want := range Profile(row) {
			if got, _ := profile[field].(string); got != want {
				found = append(found, fmt.Sprintf("%s %s is %q, want %q", id, field, got, want))
			}
		}
	}
	for id := range profiles {
		found = append(found, id+" is in Campaign and not in Dynamics")
	}
	return found[:min(len(found), named)]
}
