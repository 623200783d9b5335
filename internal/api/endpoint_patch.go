package api

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"gancho.example/client"
	"gancho/internal/admin"
	"gancho/internal/hook"
	"gancho/internal/rawjson"
)

// endpointPatch is a JSON Merge Patch on a [client.EndpointInput]: raw members,
// since null and absent mean different things.
type endpointPatch map[string]json.RawMessage

// Schema describes a patch in the document: the members of the input, none of them required, each of them nullable.
func (endpointPatch) Schema(r huma.Registry) *huma.Schema {
	const name = "EndpointPatch"
	if r.Map()[name] == nil {
		input := r.SchemaFromRef(r.Schema(reflect.TypeFor[client.EndpointInput](), true, "").Ref)
		s := &huma.Schema{Type: huma.TypeObject, AdditionalProperties: false, Properties: map[string]*huma.Schema{}}
		for member, of := range input.Properties {
			p := &huma.Schema{Description: of.Description} // an object has a patch of its own; read checks its members
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

// read is the change that a patch asks for. A member that is null gets the value that it would have if it were left out
// of a new endpoint.
func (p endpointPatch) read(schemas huma.Registry) (admin.EndpointPatch, error) {
	var out admin.EndpointPatch
	next, err := p.values(schemas)
	if err != nil {
		return out, err
	}
	if raw := p["headers"]; isObject(raw) {
		if err := json.Unmarshal(raw, &out.Headers); err != nil {
			return out, err // never: values checked that they are strings
		}
	}
	retry, wrong := retryDelays(next.Retry)
	mode, state, timeout := hook.Mode(next.Mode), hook.EndpointState(next.State), milliseconds(next.TimeoutMS)
	var rate float64
	if next.RateLimit != nil {
		rate = next.RateLimit.PerSecond
	}
	for name, raw := range p {
		switch name {
		case "name":
			out.Name = &next.Name
		case "contract":
			out.Contract = &next.Contract
		case "url":
			out.URL = &next.URL
		case "method":
			out.Method = &next.Method
		case "event_types":
			out.EventTypes = &next.EventTypes
		case "filter":
			out.Filter = &next.Filter
		case "headers":
			out.ClearHeaders = string(raw) == "null"
		case "settings":
			out.Settings = raw
		case "auth":
			out.Auth = raw
		case "tls":
			out.TLS = raw
		case "secret":
			out.Secret = &next.Secret
		case "timeout_ms":
			out.Timeout = &timeout
		case "retry":
			out.Retry, out.Wrong = &retry, wrong
		case "rate_limit":
			if !emptyObject(raw) {
				out.PerSecond = &rate
			}
		case "concurrency":
			out.Concurrency = &next.Concurrency
		case "ordered":
			out.Ordered = &next.Ordered
		case "give_up":
			out.GiveUp = new(giveUpOf(next.GiveUp))
		case "mode":
			out.Mode = &mode
		case "transformation":
			out.Transformation = &next.Transformation
		case "state":
			out.State = &state
		}
	}
	return out, nil
}

// values reads the members of a patch that are not null, and checks them as those of a new endpoint are checked.
func (p endpointPatch) values(schemas huma.Registry) (next client.EndpointInput, err error) {
	doc := map[string]json.RawMessage{}
	for name, raw := range p {
		switch {
		case string(raw) == "null":
		case (name == "headers" || name == "auth" || name == "tls") && isObject(raw):
			doc[name] = rawjson.Merge(nil, raw) // a member that is null is removed
		case name == "rate_limit" && emptyObject(raw): // changes nothing
		default:
			doc[name] = raw
		}
	}
	if _, given := p["url"]; !given {
		doc["url"] = encode(admin.SampleURL) // a new endpoint must have one; this one is not used
	}
	text := encode(doc)
	if err := validate[client.EndpointInput](schemas, text); err != nil {
		return next, err
	}
	if err := json.Unmarshal(text, &next); err != nil {
		if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok { // the schema takes 5.0 for a whole number
			return next, hook.InvalidFields("request_invalid", hook.Field("/"+strings.ReplaceAll(e.Field, ".", "/"),
				"digits_only",
				"Write the number with digits alone."))
		}
		return next, err
	}
	return next, checkTexts(&next)
}

func emptyObject(raw json.RawMessage) bool {
	return isObject(raw) && len(rawjson.Members(raw)) == 0
}
