package api

import (
	"strings"

	"github.com/danielgtaylor/huma/v2"
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
