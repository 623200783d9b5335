package api

import (
	"net/http"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"gancho/client"
)

// What the document says of operations that huma does not run.

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
			{Name: "tenant", In: "path", Required: true, Description: "Id of the tenant.", Schema: &huma.Schema{Type: huma.TypeString}, Example: "acme"},
			{Name: "Idempotency-Key", In: "header", Description: "Makes the whole request idempotent.", Schema: &huma.Schema{Type: huma.TypeString, MinLength: new(1), MaxLength: new(maxKey)}},
		},
		RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/json": {Schema: &huma.Schema{
			OneOf: []*huma.Schema{event, {Type: huma.TypeArray, Items: event, MinItems: new(1), MaxItems: new(maxEvents)}},
		}}}},
		Responses: responses,
	})
}

// recordParameters are the parameters of what is about one record.
func recordParameters() []*huma.Param {
	return []*huma.Param{
		{Name: "tenant", In: "path", Required: true, Description: "Id of the tenant.", Schema: &huma.Schema{Type: huma.TypeString}, Example: "acme"},
		{Name: "contract", In: "path", Required: true, Description: "Name of the contract.", Schema: &huma.Schema{Type: huma.TypeString}, Example: "shop"},
		{Name: "kind", In: "path", Required: true, Description: "Kind of record.", Schema: &huma.Schema{Type: huma.TypeString}, Example: "order"},
		{Name: "key", In: "path", Required: true, Description: "Key of the record, the same as in its document. A numeric one is its decimal text.", Schema: &huma.Schema{Type: huma.TypeString}, Example: "10042"},
	}
}

func (a *API) describeRecordChanges() {
	doc := a.huma.OpenAPI()
	registry := doc.Components.Schemas
	ref := func(t reflect.Type) *huma.Schema { return registry.Schema(t, true, "") }
	header := func(name, text string) *huma.Param {
		return &huma.Param{Name: name, In: "header", Description: text, Schema: &huma.Schema{Type: huma.TypeString}}
	}
	once := &huma.Param{
		Name: "Idempotency-Key", In: "header", Description: "Makes the whole request idempotent.",
		Schema: &huma.Schema{Type: huma.TypeString, MinLength: new(1), MaxLength: new(maxKey)},
	}
	answer := map[string]*huma.MediaType{"application/json": {Schema: ref(reflect.TypeFor[client.RecordAnswer]())}}
	anyObject := &huma.Schema{Type: huma.TypeObject}
	const fires = " The answer tells which events the change fired; they are committed with it."
	codes := []string{
		"contract_unknown", "record_kind_unknown", "record_key_invalid", "record_changed", "record_exists", "record_busy",
		"precondition_invalid", "idempotency_invalid", "idempotency_key_reused",
	}
	for _, c := range []struct {
		operation
		bodies []string
	}{
		{operation{
			id: "put-record", method: http.MethodPut, path: recordPath, summary: "Write a record", codes: append([]string{"record_invalid", "document_too_large"}, codes...),
			description: "The whole document, kept byte for byte. It has to be as the contract's JSON Schema for its kind says, and carry its key." + fires +
				" Writing the same document again changes nothing and fires nothing. 201 if the record was made, 200 if it was there.",
		}, []string{"application/json"}},
		{operation{
			id: "patch-record", method: http.MethodPatch, path: recordPath, summary: "Change a record",
			codes: append([]string{"record_invalid", "document_too_large", "record_not_found"}, codes...),
			description: "A JSON Merge Patch (RFC 7396) on the document that is there: null removes a member, lists are replaced as a whole. " +
				"What the patch does not name keeps its bytes; use PUT to store a null." + fires,
		}, []string{"application/json", "application/merge-patch+json"}},
		{operation{
			id: "delete-record", method: http.MethodDelete, path: recordPath, summary: "Delete a record", codes: append([]string{"record_not_found"}, codes...), noBody: true,
			description: "It is gone at once." + fires,
		}, nil},
	} {
		c.access = publishers
		responses := c.responses(registry)
		responses["200"] = &huma.Response{Description: "Done, and durable.", Content: answer}
		if c.method == http.MethodPut {
			responses["201"] = &huma.Response{Description: "The record was made.", Content: answer}
		}
		op := &huma.Operation{
			OperationID: c.id, Method: c.method, Path: c.path, Tags: []string{"records"}, Summary: c.summary, Description: c.describe(),
			Security: []map[string][]string{{"key": {}}}, Responses: responses,
			Parameters: append(recordParameters(), header("If-Match", "Only if the record has one of these entity tags; * for any."), once),
		}
		if c.method == http.MethodPut {
			op.Parameters = append(op.Parameters, header("If-None-Match", "*: only if there is no such record."))
		}
		if c.bodies != nil {
			op.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{}}
			for _, kind := range c.bodies {
				op.RequestBody.Content[kind] = &huma.MediaType{Schema: anyObject}
			}
		}
		doc.AddOperation(op)
	}
	batch := operation{
		id: "change-records", method: http.MethodPost, path: recordsPath, access: publishers,
		description: "1 to 1000 changes. An item that is wrong carries an error and does not harm the others; those of one record are made in their order." + fires,
		codes: []string{
			"contract_unknown", "record_kind_unknown", "record_key_invalid", "record_busy", "record_invalid", "document_too_large", "record_not_found",
			"record_change_invalid", "too_many_records", "idempotency_invalid", "idempotency_key_reused",
		},
	}
	change := ref(reflect.TypeFor[client.RecordChange]())
	list := &huma.Schema{Type: huma.TypeArray, Items: change, MinItems: new(1), MaxItems: new(maxRecords)}
	responses := batch.responses(registry)
	responses["200"] = &huma.Response{
		Description: "Done, and durable.",
		Content:     map[string]*huma.MediaType{"application/json": {Schema: ref(reflect.TypeFor[client.RecordAnswers]())}},
	}
	doc.AddOperation(&huma.Operation{
		OperationID: batch.id, Method: batch.method, Path: batch.path, Tags: []string{"records"}, Summary: "Change many records", Description: batch.describe(),
		Security: []map[string][]string{{"key": {}}}, Parameters: append(recordParameters()[:1], once), Responses: responses,
		RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/json": {Schema: &huma.Schema{OneOf: []*huma.Schema{
			list, {Type: huma.TypeObject, Required: []string{"items"}, Properties: map[string]*huma.Schema{"items": list}},
		}}}}},
	})
}

// describeRecordGet says what is in a document: nothing that is known here.
func (a *API) describeRecordGet(op operation) {
	responses := a.operation(op.method, op.path).Responses
	responses["200"].Content = map[string]*huma.MediaType{"application/json": {Schema: &huma.Schema{Type: huma.TypeObject}}}
	delete(responses["200"].Headers, "Content-Type")
	responses["304"] = &huma.Response{Description: "It has one of the entity tags.", Headers: responses["200"].Headers}
}

func (a *API) describeRecordList(op operation) {
	a.describeBody(op.method, op.path, "200", reflect.TypeFor[client.List[client.Record]]())
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
