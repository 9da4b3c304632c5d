package httpapi

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// examplesOf are the examples that a schema alone would not give, by operation; "put-config request" is one's body.
func examplesOf(operation string) map[string]*huma.Example {
	switch operation {
	case "get-config", "put-config", "put-config request":
		examples := map[string]*huma.Example{}
		for _, id := range workflow.All() {
			examples[string(id)] = &huma.Example{Summary: id.Name() + ", as it ships", Value: plain(config.Default(id))}
		}
		return examples
	case "get-connection", "put-connection":
		return map[string]*huma.Example{"dynamics": {Summary: "Dynamics 365", Value: map[string]any{"url": "https://contoso.crm4.dynamics.com", "tenant": "contoso.onmicrosoft.com",
			"clientId": "0f8fad5b-d9cb-469f-a165-70867728950e", "tokenUrl": "", "clientSecret": map[string]any{"set": true, "setAt": "2026-01-02T03:04:05Z"}}}}
	case "put-connection request", "test-connection request":
		return map[string]*huma.Example{"dynamics": {Summary: "Dynamics 365", Value: map[string]any{"url": "https://contoso.crm4.dynamics.com", "tenant": "contoso.onmicrosoft.com",
			"clientId": "0f8fad5b-d9cb-469f-a165-70867728950e", "clientSecret": "the-secret's-value"}}}
	case "preview-mapping request":
		return map[string]*huma.Example{"contact": {Summary: "A mapping that is not stored, for three rows", Value: plain(map[string]any{"mapping": config.DefaultIngress().Mappings[0], "limit": 3})}}
	}
	return nil
}

// plain is a value as JSON has it.
func plain(v any) any {
	if doc, ok := v.(config.Document); ok {
		v = json.RawMessage(mustEncode(doc))
	}
	data, err := json.Marshal(v)
	var out any
	if err == nil {
		err = json.Unmarshal(data, &out)
	}
	if err != nil {
		return nil // A test asks every example for its shape.
	}
	return out
}

// mustEncode writes a default document; nil where that fails, which a test would notice.
func mustEncode(doc config.Document) []byte {
	data, err := config.Encode(doc)
	if err != nil {
		return nil
	}
	return data
}

// giveExample gives a body the examples that are written for it, or one that follows from its schema.
func giveExample(schemas huma.Registry, operation string, media *huma.MediaType, stream bool) {
	switch examples := examplesOf(operation); {
	case media.Example != nil || media.Examples != nil:
	case examples != nil:
		media.Examples = examples
	case stream:
		media.Example = []any{map[string]any{"event": "workflows", "data": exampleNamed(schemas, "", schemas.Map()["WorkflowList"], 0)}}
	default:
		media.Example = exampleNamed(schemas, "", media.Schema, 0)
	}
}

// words are examples for members by their name, where the schema tells none.
func words() map[string]any {
	return map[string]any{
		"id": "ingress", "name": "Dynamics 365 to Campaign", "reason": "", "by": "anna@contoso.com", "via": "http", "note": "mappings[contact].applyDeletes changed from true to false",
		"source": "contact", "key": "0f8fad5b-d9cb-469f-a165-70867728950e", "contact": "0f8fad5b-d9cb-469f-a165-70867728950e", "group": "9ae16a3b2f90404f", "cause": "contact …: the text has N characters",
		"workflow": "ingress", "verb": "start", "op": "upsert", "instance": "host-4f2a", "version": "1.0.0", "table": "contact", "resource": "profile", "column": "emailaddress1", "field": "email",
		"label": "Profiles", "payload": map[string]any{"lastname": "Lovelace"}, "would": "Ada", "now": "Adah", "message": "events of this time are no longer kept", "fix": "give the name of a Campaign field",
		"displayName": "Contact", "type": "string", "detail": "a token was granted", "process": "ingress (host-4f2a)", "through": 4711, "before": 4711, "after": 4711, "seq": 4711,
	}
}

// exampleNamed makes an example of a schema; a member's name chooses the word where the schema tells none.
func exampleNamed(schemas huma.Registry, name string, s *huma.Schema, depth int) any {
	if s == nil || depth > 12 {
		return nil
	}
	if s.Ref != "" {
		return exampleNamed(schemas, name, schemas.SchemaFromRef(s.Ref), depth+1)
	}
	switch {
	case len(s.Examples) > 0:
		return plain(s.Examples[0])
	case len(s.Enum) > 0:
		return plain(s.Enum[0])
	case s.Default != nil:
		return plain(s.Default)
	case len(s.OneOf) > 0:
		return exampleNamed(schemas, name, s.OneOf[0], depth+1)
	}
	return exampleOfType(schemas, name, s, depth)
}

func exampleOfType(schemas huma.Registry, name string, s *huma.Schema, depth int) any {
	word, known := words()[name]
	switch s.Type {
	case huma.TypeObject:
		object := map[string]any{}
		for _, member := range slices.Sorted(maps.Keys(s.Properties)) {
			object[member] = exampleNamed(schemas, member, s.Properties[member], depth+1)
		}
		if values, ok := s.AdditionalProperties.(*huma.Schema); ok && len(object) == 0 {
			object["name"] = exampleNamed(schemas, "", values, depth+1)
		}
		return object
	case huma.TypeArray:
		return []any{exampleNamed(schemas, name, s.Items, depth+1)}
	case huma.TypeBoolean:
		return true
	case huma.TypeInteger, huma.TypeNumber:
		if _, text := word.(string); known && !text {
			return word
		}
		if s.Minimum != nil && *s.Minimum > 7 {
			return *s.Minimum
		}
		return 7
	case huma.TypeString:
		if s.Format == "date-time" {
			return "2026-01-02T03:04:05Z"
		}
		if text, ok := word.(string); ok {
			return text
		}
		return "text"
	}
	if known { // Any value.
		return word
	}
	return "text"
}
