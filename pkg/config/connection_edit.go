package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// ConnectionEdit is what an admin sends for a connection.
type ConnectionEdit struct {
	// Settings replace what is stored, those that are missing included.
	Settings map[string]string
	// Secrets that are given replace the stored ones; an empty one removes it. One that is missing stays as it is.
	Secrets map[string]string
}

// DecodeConnection reads a connection's document: one object with the settings. A secret that is missing, or stands there
// as a GET shows it ({"set":true}), is kept; an empty text removes it. The error is Faults.
func DecodeConnection(n ConnectionName, data []byte) (ConnectionEdit, error) {
	value, faults := parse(data)
	if len(faults) > 0 {
		return ConnectionEdit{}, faults
	}
	object, ok := value.(map[string]any)
	if !ok {
		wrongKind(&faults, "", value, "an object")
		return ConnectionEdit{}, faults
	}
	known := map[string]Setting{}
	for _, setting := range ConnectionSettings(n) {
		known[setting.Name] = setting
	}
	edit := ConnectionEdit{Settings: map[string]string{}, Secrets: map[string]string{}}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		setting, exists := known[name]
		if !exists {
			faults.add(label(name), "there is no such setting", "remove it or correct its name")
			continue
		}
		edit.take(&faults, setting, object[name])
	}
	if len(faults) > 0 {
		return ConnectionEdit{}, faults
	}
	return edit, nil
}

// take reads the value of one setting.
func (e ConnectionEdit) take(faults *Faults, setting Setting, value any) {
	text, isText := value.(string)
	_, isObject := value.(map[string]any)
	switch {
	case setting.Secret && isObject, setting.Secret && value == nil: // As it was shown: kept.
	case !isText:
		wrongKind(faults, setting.Name, value, "a text")
	case setting.Secret:
		e.Secrets[setting.Name] = tidy(setting, text)
	default:
		e.Settings[setting.Name] = tidy(setting, text)
	}
}

// tidy takes off what a paste leaves around a value.
func tidy(setting Setting, text string) string {
	text = strings.TrimSpace(strings.ReplaceAll(text, "\r\n", "\n"))
	if setting.Lines && setting.Secret && text != "" {
		text += "\n" // A key file ends with a line.
	}
	return text
}

// removes reports whether nothing is left of a stored connection.
func (e ConnectionEdit) removes(stored StoredConnection) bool {
	for name := range stored.Secrets {
		if value, given := e.Secrets[name]; !given || value != "" {
			return false
		}
	}
	return len(without(e.Settings))+len(without(e.Secrets)) == 0
}

// Apply makes the version that is to be stored of the one that is. Seal gets what a secret is for, and the secret.
func (e ConnectionEdit) Apply(n ConnectionName, stored StoredConnection, now time.Time, seal func(purpose, secret string) (string, error)) (StoredConnection, error) {
	next := StoredConnection{Settings: without(e.Settings), Secrets: map[string]SealedSecret{}}
	for _, setting := range ConnectionSettings(n) {
		if !setting.Secret {
			continue
		}
		secret, given := e.Secrets[setting.Name]
		kept, there := stored.Secrets[setting.Name]
		switch {
		case !given && there:
			next.Secrets[setting.Name] = kept
		case secret != "":
			sealed, err := seal(next.Purpose(n, setting.Name), secret)
			if err != nil {
				return StoredConnection{}, err
			}
			next.Secrets[setting.Name] = SealedSecret{Sealed: sealed, SetAt: now.UTC().Truncate(time.Second)}
		}
	}
	return next, nil
}

// ShownSecret is what anybody is told of a secret.
type ShownSecret struct {
	Set   bool       `json:"set"`
	SetAt *time.Time `json:"setAt,omitempty"`
}

// Shown is the document of a connection as everybody may see it: every setting by name, of secrets only that they are
// set and since when. DecodeConnection reads it.
func (s StoredConnection) Shown(n ConnectionName) map[string]any {
	shown := map[string]any{}
	for _, setting := range ConnectionSettings(n) {
		if !setting.Secret {
			shown[setting.Name] = s.Settings[setting.Name]
			continue
		}
		secret, set := s.Secrets[setting.Name]
		one := ShownSecret{Set: set}
		if set {
			one.SetAt = &secret.SetAt
		}
		shown[setting.Name] = one
	}
	return shown
}

// tooLong bounds a value.
func tooLong(setting Setting, value string) (string, bool) {
	most := 2000
	if setting.Lines {
		most = 20000
	}
	return fmt.Sprintf("use at most %d characters", most), len(value) > most
}
