package pages

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/causeway-sync/causeway/services/admin/httpapi"
	"github.com/causeway-sync/causeway/services/admin/problems"
)

// reference is the description of the API for people: what /openapi.json tells programs, laid out once when the service
// starts.
type reference struct {
	Groups   []referenceGroup
	Problems []problems.Kind
	Schemas  []referenceSchema
}

// referenceGroup is the operations of a tag.
type referenceGroup struct {
	Name, Text string
	Operations []referenceOperation
}

type referenceOperation struct {
	ID, Method, Path, Summary, Text, Role string
	Parameters                            []referenceMember
	Request                               *referenceBody
	// Required is false for a body that may be left out.
	Required bool
	Answers  []referenceAnswer
	Problems []referenceAnswer
}

// referenceAnswer is an answer, or a problem with the place that says more about it.
type referenceAnswer struct {
	Status, Text, Place string
	Headers             []referenceMember
	Body                *referenceBody
}

type referenceBody struct {
	Kind     string
	Type     referenceType
	Examples []referenceExample
}

type referenceExample struct{ Name, Text string }

// referenceMember is a parameter, a header or a member of an object.
type referenceMember struct {
	Name, In, Text, Example string
	Required                bool
	Type                    referenceType
}

// referenceType says what a value is: words, and the schema that they lead to.
type referenceType struct{ Words, Schema string }

type referenceSchema struct {
	Name, Text string
	Members    []referenceMember
}

// newReference lays the description out.
func newReference(doc *huma.OpenAPI) (reference, error) {
	r := reference{Problems: problems.Kinds()}
	for _, tag := range doc.Tags {
		group := referenceGroup{Name: tag.Name, Text: tag.Description}
		for _, op := range httpapi.Operations(doc) {
			if slices.Contains(op.Tags, tag.Name) {
				one, err := newReferenceOperation(op)
				if err != nil {
					return r, err
				}
				group.Operations = append(group.Operations, one)
			}
		}
		r.Groups = append(r.Groups, group)
	}
	schemas := doc.Components.Schemas.Map()
	for _, name := range slices.Sorted(maps.Keys(schemas)) {
		r.Schemas = append(r.Schemas, newReferenceSchema(name, schemas[name]))
	}
	return r, nil
}

func newReferenceOperation(op *huma.Operation) (one referenceOperation, err error) {
	one = referenceOperation{ID: op.OperationID, Method: op.Method, Path: op.Path, Summary: op.Summary, Text: op.Description, Role: fmt.Sprint(op.Extensions["x-least-role"])}
	for _, p := range op.Parameters {
		one.Parameters = append(one.Parameters, referenceMember{Name: p.Name, In: p.In, Text: p.Description, Example: fmt.Sprint(p.Example), Required: p.Required, Type: typeWords(p.Schema)})
	}
	if op.RequestBody != nil {
		if one.Request, err = newReferenceBody(op.RequestBody.Content); err != nil {
			return one, fmt.Errorf("%s: %w", op.OperationID, err)
		}
		one.Required = op.RequestBody.Required
	}
	for _, status := range slices.Sorted(maps.Keys(op.Responses)) {
		answer := op.Responses[status]
		shown := referenceAnswer{Status: status, Text: answer.Description}
		if media := answer.Content["application/problem+json"]; media != nil {
			if example, ok := media.Example.(map[string]any); ok {
				_, shown.Place, _ = strings.Cut(fmt.Sprint(example["type"]), "#")
			}
			one.Problems = append(one.Problems, shown)
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(answer.Headers)) {
			header := answer.Headers[name]
			shown.Headers = append(shown.Headers, referenceMember{Name: name, Text: header.Description, Example: fmt.Sprint(header.Example)})
		}
		if shown.Body, err = newReferenceBody(answer.Content); err != nil {
			return one, fmt.Errorf("%s: %w", op.OperationID, err)
		}
		one.Answers = append(one.Answers, shown)
	}
	return one, nil
}

func newReferenceBody(content map[string]*huma.MediaType) (*referenceBody, error) {
	for kind, media := range content {
		body := &referenceBody{Kind: kind, Type: typeWords(media.Schema)}
		examples := map[string]any{}
		if media.Example != nil {
			examples["Example"] = media.Example
		}
		for name, example := range media.Examples {
			examples["Example "+name] = example.Value
		}
		for _, name := range slices.Sorted(maps.Keys(examples)) {
			text, err := laidOut(examples[name])
			if err != nil {
				return nil, err
			}
			body.Examples = append(body.Examples, referenceExample{Name: name, Text: text})
		}
		return body, nil
	}
	return nil, nil
}

// laidOut writes an example for people: no character of it is escaped for HTML, which is the page's business.
func laidOut(v any) (string, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(v)
	return strings.TrimSpace(out.String()), err
}

func newReferenceSchema(name string, s *huma.Schema) referenceSchema {
	shown := referenceSchema{Name: name, Text: s.Description}
	for _, member := range slices.Sorted(maps.Keys(s.Properties)) {
		property := s.Properties[member]
		shown.Members = append(shown.Members, referenceMember{Name: member, Text: property.Description, Required: slices.Contains(s.Required, member), Type: typeWords(property)})
	}
	return shown
}

// typeWords says in words what a schema allows.
func typeWords(s *huma.Schema) referenceType {
	if s == nil {
		return referenceType{Words: "anything"}
	}
	if s.Ref != "" {
		name := s.Ref[strings.LastIndex(s.Ref, "/")+1:]
		return referenceType{Words: name, Schema: name}
	}
	switch {
	case len(s.Enum) > 0:
		words := make([]string, len(s.Enum))
		for i, one := range s.Enum {
			words[i] = fmt.Sprint(one)
		}
		return referenceType{Words: strings.Join(words, " | ")}
	case len(s.OneOf) > 0:
		words := make([]string, len(s.OneOf))
		for i, one := range s.OneOf {
			words[i] = typeWords(one).Words
		}
		return referenceType{Words: strings.Join(words, " or ")}
	case s.Type == huma.TypeArray:
		item := typeWords(s.Items)
		return referenceType{Words: "list of " + item.Words, Schema: item.Schema}
	case s.Type == huma.TypeString && s.Format != "":
		return referenceType{Words: "text (" + s.Format + ")"}
	}
	words := map[string]string{huma.TypeString: "text", huma.TypeInteger: "whole number", huma.TypeNumber: "number", huma.TypeBoolean: "true or false", huma.TypeObject: "object"}[s.Type]
	if words == "" {
		words = "anything"
	}
	return referenceType{Words: words}
}
