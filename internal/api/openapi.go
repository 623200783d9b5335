package api

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"

	"gancho/internal/contract"
)

// openapi makes the OpenAPI document of the server: in version 3.1, and for generators that read only 3.0. It has
// examples of whole requests. The document needs no key, so contracts of the operator's own are not in it.
type openapi struct {
	doc       *huma.OpenAPI
	contracts func() []*contract.Contract // those with examples; nil: none
	guide     Guide

	once sync.Once // somebody asks for the document
	made map[string][]byte
}

// The versions of OpenAPI.
const (
	openAPI31 = "3.1"
	openAPI30 = "3.0"
)

// in is the document in a version.
func (o *openapi) in(version string) []byte {
	o.once.Do(func() {
		var contracts []*contract.Contract
		if o.contracts != nil {
			contracts = o.contracts()
		}
		o.addExamples(contracts)
		o.made = map[string][]byte{openAPI31: encode(o.doc), openAPI30: downgraded(o.doc)}
	})
	return o.made[version]
}

func (o *openapi) serve(version string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/openapi+json")
		_, _ = w.Write(o.in(version)) // the caller may have gone
	}
}

// example is a whole body of a request.
type example struct {
	operation, name, summary string
	body                     json.RawMessage
}

// addExamples puts the examples of whole requests into the document.
func (o *openapi) addExamples(contracts []*contract.Contract) {
	list := []example{
		{"publish-events", "one", "One event", json.RawMessage(
			`{"type":"order.paid","id":"order-1001-paid","payload":{"order":"1001","total":129.9,"currency":"USD"}}`)},
		{"publish-events", "several", "Several events at once", json.RawMessage(
			`[{"type":"order.paid","id":"order-1002-paid","payload":{"order":"1002"}},{"type":"order.sent","id":"order-1001-sent","payload":{"order":"1001"}}]`)},
		{"create-portal-link", "link", "For one person, in their language and your colour", json.RawMessage(
			`{"name":"Ana","lang":"es","accent":"#0b7285","expires_in":"10m","session_for":"8h"}`)},
		{"recover-endpoint", "failed", "Everything that failed since a time", json.RawMessage(
			`{"since":"2026-11-01T00:00:00Z","states":["failed","missing"]}`)},
	}
	for _, c := range contracts {
		title := c.Title.In(languages[0])
		if o.guide.Setup != nil {
			body, credential := o.guide.Setup(c)
			operation := "create-endpoint"
			if credential {
				operation = "create-credential"
			}
			list = append(list, example{operation, c.Name, title, body})
		}
		for _, e := range c.EventTypes() {
			if e.Name != "*" {
				list = append(list, example{"publish-events", c.Name, title + ": " + e.Title.In(languages[0]), encode(map[string]any{
					"contract": c.Name, "type": e.Name, "payload": json.RawMessage(e.Sample()),
				})})
				break
			}
		}
		for _, r := range c.Records() {
			if doc := sampleRecord(r); doc != nil {
				name := c.Name + "_" + r.Kind
				list = append(
					list, example{"put-record", name, title + ": " + r.Title.In(languages[0]), doc},
					example{"change-records", name, title + ": " + r.Title.In(languages[0]), encode([]map[string]any{
						{"contract": c.Name, "kind": r.Kind, "key": sampleKey, "document": doc},
					})},
				)
			}
		}
	}
	byOperation := map[string][]example{}
	for _, e := range list {
		byOperation[e.operation] = append(byOperation[e.operation], e)
	}
	for _, item := range o.doc.Paths {
		for _, op := range []*huma.Operation{item.Post, item.Put} {
			if op == nil || len(byOperation[op.OperationID]) == 0 {
				continue
			}
			body := op.RequestBody.Content["application/json"]
			body.Examples = map[string]*huma.Example{}
			for _, e := range byOperation[op.OperationID] {
				body.Examples[e.name] = &huma.Example{Summary: e.summary, Value: e.body}
			}
		}
	}
}

// sampleKey is the key of records in examples.
const sampleKey = "1001"

// sampleRecord is a document of a kind of record with what its schema requires, and the key; nil if the schema asks for
// what cannot be made up, or the key is inside another object.
func sampleRecord(r contract.RecordKind) json.RawMessage {
	if strings.Contains(r.Key, ".") {
		return nil
	}
	var schema struct {
		Required   []string                   `json:"required"`
		Properties map[string]json.RawMessage `json:"properties"`
	}
	if len(r.Schema) > 0 && json.Unmarshal(r.Schema, &schema) != nil {
		return nil
	}
	doc := map[string]any{}
	for _, name := range schema.Required {
		value, ok := sampleValue(schema.Properties[name])
		if !ok {
			return nil
		}
		doc[name] = value
	}
	doc[r.Key] = any(sampleKey)
	if numeric(schema.Properties[r.Key]) {
		doc[r.Key] = json.RawMessage(sampleKey)
	}
	return encode(doc)
}

// described is what of a JSON Schema a sample is made of.
type described struct {
	Type     any               `json:"type"`
	Enum     []json.RawMessage `json:"enum"`
	Const    json.RawMessage   `json:"const"`
	Examples []json.RawMessage `json:"examples"`
	Default  json.RawMessage   `json:"default"`
	Pattern  string            `json:"pattern"`
	Format   string            `json:"format"`
}

// types are the types of a schema, the first first.
func (d described) types() []string {
	switch t := d.Type.(type) {
	case string:
		return []string{t}
	case []any:
		var out []string
		for _, x := range t {
			if s, ok := x.(string); ok {
				out = append(out, s)
			}
		}
		return out
	}
	return nil
}

func numeric(schema json.RawMessage) bool {
	var d described
	return json.Unmarshal(schema, &d) == nil && !slices.Contains(d.types(), "string") &&
		(slices.Contains(d.types(), "integer") || slices.Contains(d.types(), "number"))
}

// sampleValue is a value that a schema accepts. It is not ok if none can be made up.
func sampleValue(schema json.RawMessage) (value any, ok bool) {
	var d described
	if len(schema) == 0 {
		return "text", true
	}
	if json.Unmarshal(schema, &d) != nil {
		return nil, false
	}
	switch {
	case len(d.Const) > 0:
		return d.Const, true
	case len(d.Enum) > 0:
		return d.Enum[0], true
	case len(d.Examples) > 0:
		return d.Examples[0], true
	case len(d.Default) > 0:
		return d.Default, true
	case len(d.types()) == 0:
		return "text", d.Pattern == ""
	}
	switch d.types()[0] {
	case "string":
		return "text", d.Pattern == "" && d.Format == ""
	case "integer", "number":
		return 1, true
	case "boolean":
		return true, true
	case "array":
		return []any{}, true
	case "object":
		return map[string]any{}, true
	}
	return nil, true
}

// downgraded is a document in version 3.0. huma says in other words, or leaves out, nearly all that 3.0 has no words for.
func downgraded(doc *huma.OpenAPI) []byte {
	text, err := doc.Downgrade()
	var v map[string]any
	if err == nil {
		err = json.Unmarshal(text, &v)
	}
	if err != nil {
		panic("api: " + err.Error()) // cannot happen: it was encoded before
	}
	withoutNull(v)
	return encode(v)
}

// withoutNull replaces the type null, which 3.0 does not have, in a part of the document.
func withoutNull(v any) {
	switch v := v.(type) {
	case []any:
		for _, x := range v {
			withoutNull(x)
		}
	case map[string]any:
		for _, x := range v {
			withoutNull(x)
		}
		list, ok := v["oneOf"].([]any) // [{$ref}, {type: null}]
		if !ok {
			return
		}
		rest := slices.DeleteFunc(slices.Clone(list), func(x any) bool {
			m, ok := x.(map[string]any)
			return ok && m["type"] == "null"
		})
		if len(rest) < len(list) {
			v["nullable"] = true
			delete(v, "oneOf")
			v["allOf"] = rest
		}
	}
}
