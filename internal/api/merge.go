package api

import (
	"encoding/json"
	"maps"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	jsonv2 "github.com/go-json-experiment/json"

	"gancho.example/client"
	"gancho/internal/contract"
	"gancho/internal/hook"
)

// endpointPatch is a JSON Merge Patch on a [client.EndpointInput]: raw members,
// since null and absent mean different things.
type endpointPatch map[string]json.RawMessage

// Schema makes the document say what the members are: those of the input, none
// required, all nullable.
func (endpointPatch) Schema(r huma.Registry) *huma.Schema {
	const name = "EndpointPatch"
	if r.Map()[name] == nil {
		input := r.SchemaFromRef(r.Schema(reflect.TypeFor[client.EndpointInput](), true, "").Ref)
		s := &huma.Schema{Type: huma.TypeObject, AdditionalProperties: false, Properties: map[string]*huma.Schema{}}
		for member, of := range input.Properties {
			p := &huma.Schema{Description: of.Description} // an object: its members are patched, and checked once they are merged
			if of.Ref == "" && of.Type != huma.TypeObject && of.Type != "" {
				whole := *of
				p = &whole
				p.Nullable, p.Default = true, nil
			}
			s.Properties[member] = p
		}
		s.PrecomputeMessages()
		r.Map()[name] = s
	}
	return &huma.Schema{Ref: "#/components/schemas/" + name}
}

// mergeEndpoint applies a patch to the input document of an endpoint. Headers
// are matched without regard to case, and their masks stand for the stored
// values.
func mergeEndpoint(doc []byte, patch endpointPatch, stored []hook.Header) ([]byte, error) {
	if raw, ok := patch["headers"]; ok && isObject(raw) {
		var err error
		patch = maps.Clone(patch)
		if patch["headers"], err = nameHeaders(raw, stored); err != nil {
			return nil, err
		}
	}
	return merge(doc, encode(patch))
}

// nameHeaders spells the headers of a patch as they are stored, and puts stored
// values into the place of their masks.
func nameHeaders(raw json.RawMessage, stored []hook.Header) (json.RawMessage, error) {
	var given map[string]json.RawMessage
	if err := jsonv2.Unmarshal(raw, &given); err != nil {
		return nil, err
	}
	out := map[string]json.RawMessage{}
	for name, value := range given {
		for _, h := range stored {
			if !strings.EqualFold(h.Name, name) {
				continue
			}
			if string(value) == `"`+contract.Mask+`"` {
				value = encode(h.Value)
			}
			// Another spelling replaces the old one.
			if h.Name != name && string(value) != "null" {
				out[h.Name] = json.RawMessage("null")
			} else {
				name = h.Name
			}
		}
		out[name] = value
	}
	return encode(out), nil
}

// merge applies a JSON Merge Patch (RFC 7396). Values that are taken over keep
// their text.
func merge(doc, patch json.RawMessage) (json.RawMessage, error) {
	if !isObject(patch) {
		return patch, nil
	}
	into, from := map[string]json.RawMessage{}, map[string]json.RawMessage{}
	if isObject(doc) {
		if err := jsonv2.Unmarshal(doc, &into); err != nil {
			return nil, err
		}
	}
	if err := jsonv2.Unmarshal(patch, &from); err != nil {
		return nil, err
	}
	for name, value := range from {
		if string(value) == "null" {
			delete(into, name)
			continue
		}
		merged, err := merge(into[name], value)
		if err != nil {
			return nil, err
		}
		into[name] = merged
	}
	return encode(into), nil
}
