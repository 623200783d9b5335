package api

import (
	"net/http"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"gancho.example/client"
)

// What the document says of operations that huma does not run.

func pathParameter(name, text, example string) *huma.Param {
	return &huma.Param{Name: name, In: "path", Required: true, Description: text, Schema: &huma.Schema{Type: huma.TypeString}, Example: example}
}

func headerParameter(name, text string) *huma.Param {
	return &huma.Param{Name: name, In: "header", Description: text, Schema: &huma.Schema{Type: huma.TypeString}}
}

func onceParameter() *huma.Param {
	p := headerParameter("Idempotency-Key", "Makes the whole request idempotent.")
	p.Schema.MinLength, p.Schema.MaxLength = new(1), new(maxKey)
	return p
}

func (a *API) describePublish() {
	doc := a.huma.OpenAPI()
	registry := doc.Components.Schemas
	ref := func(t reflect.Type) *huma.Schema { return registry.Schema(t, true, "") }
	event := ref(reflect.TypeFor[client.NewEvent]())
	op := operation{
		method: http.MethodPost, path: eventsPath, access: publishers,
		description: "One event, or an array of 1 to 1000. The answer comes once they are durable, with the number of endpoints that take each. " +
			"In an array an item that is wrong carries an error and does not harm the others.\n\n" +
			"An id makes one event idempotent, the header Idempotency-Key a whole request: the same again, within 24 hours, stores nothing and gets the first answer with duplicate set; " +
			"another content under the same id or key is refused.\n\nPayloads are kept byte for byte.",
		codes: []string{
			"event_invalid", "event_type_invalid", "event_type_unknown", "event_id_invalid", "contract_unknown", "payload_missing", "payload_invalid",
			"too_many_events", "too_many_deliveries", "idempotency_invalid", "event_id_reused", "idempotency_key_reused", "payload_too_large",
		},
	}
	responses := op.responses(registry)
	responses["202"] = &huma.Response{
		Description: "Accepted and durable.",
		Content: map[string]*huma.MediaType{"application/json": {Schema: &huma.Schema{OneOf: []*huma.Schema{
			ref(reflect.TypeFor[client.EventAnswer]()), ref(reflect.TypeFor[client.EventAnswers]()),
		}}}},
	}
	doc.AddOperation(&huma.Operation{
		OperationID: "publish-events", Method: op.method, Path: op.path, Tags: []string{"events"}, Summary: "Publish events",
		Description: op.describe(), Security: op.security(),
		Parameters: []*huma.Param{
			pathParameter("tenant", "Id of the tenant.", "acme"), onceParameter(),
		},
		RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/json": {Schema: &huma.Schema{
			OneOf: []*huma.Schema{event, {Type: huma.TypeArray, Items: event, MinItems: new(1), MaxItems: new(maxEvents)}},
		}}}},
		Responses: responses,
	})
}

func (a *API) describeSystem(doc *huma.OpenAPI) {
	problem := map[string]*huma.MediaType{problemType: {Schema: doc.Components.Schemas.Schema(reflect.TypeFor[client.Problem](), true, "")}}
	status := map[string]*huma.MediaType{"application/json": {Schema: &huma.Schema{
		Type: huma.TypeObject, Required: []string{"status"}, Properties: map[string]*huma.Schema{"status": {Type: huma.TypeString}},
	}}}
	for _, s := range []struct {
		id, path, summary string
		responses         map[string]*huma.Response
	}{
		{"get-health", "/healthz", "Whether the process runs", map[string]*huma.Response{"200": {Description: "It does.", Content: status}}},
		{"get-readiness", "/readyz", "Whether requests can be served", map[string]*huma.Response{
			"200": {Description: "The database answers and commits.", Content: status},
			"503": {Description: "It does not:\n- `storage_unavailable`", Content: problem},
		}},
		{"get-metrics", "/metrics", "Metrics for Prometheus", map[string]*huma.Response{"200": {
			Description: "Text format.", Content: map[string]*huma.MediaType{"text/plain": {Schema: &huma.Schema{Type: huma.TypeString}}},
		}}},
		{"get-openapi", "/openapi.json", "This document", map[string]*huma.Response{"200": {
			Description: "OpenAPI 3.1.", Content: map[string]*huma.MediaType{"application/openapi+json": {Schema: &huma.Schema{Type: huma.TypeObject}}},
		}}},
	} {
		if s.path == "/metrics" && a.Metrics == nil {
			continue
		}
		doc.AddOperation(&huma.Operation{
			OperationID: s.id, Method: http.MethodGet, Path: s.path, Tags: []string{"system"}, Summary: s.summary, Description: "Needs no key.",
			Security: []map[string][]string{}, Responses: s.responses,
		})
	}
}

// polish corrects what huma cannot be told by tags.
func polish(doc *huma.OpenAPI) {
	schemas := doc.Components.Schemas.Map()
	for name, s := range schemas {
		// Answers may get new members; what is sent to us may not.
		if !strings.HasSuffix(name, "Input") && !strings.HasSuffix(name, "Patch") && name != "NewEvent" && name != "RecordChange" && name != "RateLimit" {
			s.AdditionalProperties = nil
		}
	}
	for _, m := range []struct{ schema, member string }{
		{"Endpoint", "rate_limit"},
		{"Attempt", "response"},
		{"Attempt", "error"},
		{"DeliveryDetail", "diagnosis"},
		{"TestResult", "response"},
		{"TestResult", "error"},
		{"RenderResult", "error"},
		{"Explanation", "delivery"},
		{"StatsCounts", "latency_ms"},
		{"StatsPoint", "latency_ms"},
		{"EventDetail", "schedule"},
		{"Schedule", "last_run"},
		{"ContractDetail", "credentials"},
		{"ContractRendering", "request"},
	} {
		p := schemas[m.schema].Properties[m.member]
		schemas[m.schema].Properties[m.member] = &huma.Schema{
			Description: p.Description, OneOf: []*huma.Schema{{Ref: p.Ref}, {Type: "null"}},
		}
	}
	for _, m := range []struct{ schema, member string }{
		{"Tenant", "metadata"}, {"Endpoint", "settings"}, {"Contract", "settings"}, {"ContractDetail", "settings"}, {"ContractRenderInput", "settings"}, {"TenantInput", "metadata"}, {"EndpointInput", "settings"},
	} {
		schemas[m.schema].Properties[m.member].Type = huma.TypeObject
	}
	// An item of a batch is either an answer or an error.
	for _, answer := range []string{"EventAnswer", "RecordAnswer"} {
		delete(schemas[answer].Properties, "error")
		schemas[answer+"s"].Properties["items"].Items = &huma.Schema{OneOf: []*huma.Schema{
			{Ref: "#/components/schemas/" + answer},
			{
				Type: huma.TypeObject, Required: []string{"error"},
				Properties: map[string]*huma.Schema{"error": {Ref: "#/components/schemas/Problem"}},
			},
		}}
	}
	// Documents and patches are JSON of any kind, as far as can be told here.
	for _, m := range []struct{ schema, member string }{{"Record", "document"}, {"RecordChange", "document"}, {"RecordChange", "patch"}} {
		schemas[m.schema].Properties[m.member].Type = huma.TypeObject
	}
	put := doc.Paths["/v1/tenants/{tenant}"].Put
	put.Responses["201"] = &huma.Response{Description: "The tenant was made.", Content: put.Responses["200"].Content}
	put.Responses["200"].Description = "The tenant was there."
	post := doc.Paths["/v1/contracts"].Post
	post.Responses["200"] = &huma.Response{Description: "The version in force has this text already.", Content: post.Responses["201"].Content}
	post.Responses["201"].Description = "A new version is in force."
}
