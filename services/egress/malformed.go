package egress

import (
	"bytes"
	"encoding/hex"
	"encoding/json"

	"github.com/causeway-sync/causeway/pkg/campaign"
)

// longestKey is how long a name may be to serve as a record's key.
const longestKey = 200

// keyOf is the key of the record of an event: its id, where that can stand in a header, as ids can.
func keyOf(id string) string {
	if len(id) <= longestKey && plain(id) {
		return id
	}
	sum := digest(id)
	return hex.EncodeToString(sum[:])
}

// placeOf is the key of the record of an event that cannot be understood and so has no id that could be trusted: its place
// in the journal, or what it says where it has none.
func placeOf(e campaign.JournalEvent) string {
	if e.Position != "" {
		return keyOf(e.Position)
	}
	sum := digest(string(e.Body))
	return hex.EncodeToString(sum[:])
}

// plain reports whether a text can stand in a header.
func plain(text string) bool {
	for i := range len(text) {
		if text[i] <= ' ' || text[i] > '~' {
			return false
		}
	}
	return true
}

// notAnObject encloses an event that is no JSON object, which every record's data has to be.
const notAnObject = "notAnObject"

// enclosed is the data of a record for an event, disclosed the event again.
func enclosed(event json.RawMessage) json.RawMessage {
	if trimmed := bytes.TrimLeft(event, " \t\r\n"); len(trimmed) > 0 && trimmed[0] == '{' {
		return trimmed
	}
	data, err := json.Marshal(map[string]json.RawMessage{notAnObject: event})
	if err != nil { // Not even JSON: as a text it is.
		data, _ = json.Marshal(map[string]string{notAnObject: string(event)})
	}
	return data
}

func disclosed(data json.RawMessage) json.RawMessage {
	var enclosing map[string]json.RawMessage
	if !bytes.HasPrefix(data, []byte(`{"`+notAnObject+`"`)) {
		return data
	}
	if json.Unmarshal(data, &enclosing) == nil && len(enclosing) == 1 && enclosing[notAnObject] != nil {
		return enclosing[notAnObject]
	}
	return data
}
