package api

import (
	"net/http"
	"reflect"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"gancho.example/client"
)

const firesText = " The answer tells which events the change fired; they are committed with it."

// changeCodes are the errors that every change of a record can end with.
var changeCodes = []string{
	"contract_unknown", "record_kind_unknown", "record_key_invalid", "record_busy", "too_many_deliveries", "idempotency_invalid", "idempotency_key_reused",
}

// describedChange is a way to change one record.
type describedChange struct {
	operation
	bodies []string // content types
}

var describedChanges = []describedChange{
	{operation{
		id: "put-record", method: http.MethodPut, summary: "Write a record", codes: []string{"record_invalid", "document_too_large"},
		description: "The whole document, kept byte for byte. It has to be as the contract's JSON Schema for its kind says, and carry its key." + firesText +
			" Writing the same document again changes nothing and fires nothing. 201 if the record was made, 200 if it was there.",
	}, []string{"application/json"}},
	{operation{
		id: "patch-record", method: http.MethodPatch, summary: "Change a record", codes: []string{"record_invalid", "document_too_large", "record_not_found"},
		description: "A JSON Merge Patch (RFC 7396) on the document that is there: null removes a member, lists are replaced as a whole. " +
			"What the patch does not name keeps its bytes; use PUT to store a null." + firesText,
	}, []string{"application/json", "application/merge-patch+json"}},
	{operation{
		id: "delete-record", method: http.MethodDelete, summary: "Delete a record", codes: []string{"record_not_found"}, noBody: true,
		description: "It is gone at once." + firesText,
	}, nil},
}

func (a *API) describeRecordChanges() {
	for _, c := range describedChanges {
		a.describeRecordChange(c)
	}
	a.describeRecordBatch()
}

func (a *API) describeRecordChange(c describedChange) {
	doc := a.huma.OpenAPI()
	c.path, c.access = recordPath, publishers
	c.codes = slices.Concat(c.codes, []string{"record_changed", "record_exists", "precondition_invalid"}, changeCodes)
	answer := map[string]*huma.MediaType{"application/json": {Schema: doc.Components.Schemas.Schema(reflect.TypeFor[client.RecordAnswer](), true, "")}}
	op := &huma.Operation{
		OperationID: c.id, Method: c.method, Path: c.path, Tags: []string{"records"}, Summary: c.summary, Description: c.describe(),
		Security: c.security(), Responses: c.responses(doc.Components.Schemas),
		Parameters: []*huma.Param{
			pathParameter("tenant", "Id of the tenant.", "acme"),
			pathParameter("contract", "Name of the contract.", "shop"),
			pathParameter("kind", "Kind of record.", "order"),
			pathParameter("key", "Key of the record, the same as in its document. A numeric one is its decimal text.", "10042"),
			headerParameter("If-Match", "Only if the record has one of these entity tags; * for any."),
			onceParameter(),
		},
	}
	op.Responses["200"] = &huma.Response{Description: "Done, and durable.", Content: answer}
	if c.method == http.MethodPut {
		op.Responses["201"] = &huma.Response{Description: "The record was made.", Content: answer}
		op.Parameters = append(op.Parameters, headerParameter("If-None-Match", "*: only if there is no such record."))
	}
	if c.bodies != nil {
		op.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{}}
		for _, kind := range c.bodies {
			op.RequestBody.Content[kind] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeObject}}
		}
	}
	doc.AddOperation(op)
}

func (a *API) describeRecordBatch() {
	doc := a.huma.OpenAPI()
	ref := func(t reflect.Type) *huma.Schema { return doc.Components.Schemas.Schema(t, true, "") }
	batch := operation{
		id: "change-records", method: http.MethodPost, path: recordsPath, access: publishers,
		description: "1 to 1000 changes. An item that is wrong carries an error and does not harm the others; those of one record are made in their order." + firesText,
		codes:       append([]string{"record_invalid", "document_too_large", "record_not_found", "record_change_invalid", "too_many_records"}, changeCodes...),
	}
	list := &huma.Schema{Type: huma.TypeArray, Items: ref(reflect.TypeFor[client.RecordChange]()), MinItems: new(1), MaxItems: new(maxRecords)}
	responses := batch.responses(doc.Components.Schemas)
	responses["200"] = &huma.Response{
		Description: "Done, and durable.",
		Content:     map[string]*huma.MediaType{"application/json": {Schema: ref(reflect.TypeFor[client.RecordAnswers]())}},
	}
	doc.AddOperation(&huma.Operation{
		OperationID: batch.id, Method: batch.method, Path: batch.path, Tags: []string{"records"}, Summary: "Change many records", Description: batch.describe(),
		Security: batch.security(), Parameters: []*huma.Param{pathParameter("tenant", "Id of the tenant.", "acme"), onceParameter()}, Responses: responses,
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
