package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"gancho/internal/guide"
	"gancho/internal/hook"
)

// routeContractDocs registers what customers and their tools read about a contract.
func (a *API) routeContractDocs() {
	document := func(id, path, contentType, schemaType, summary, description string, write func(*ContractDocInput) ([]byte, error)) {
		add(a, operation{
			id: id, method: http.MethodGet, path: path, tag: "contracts", access: anyReaders,
			summary: summary, description: description, codes: []string{"contract_not_found"},
		}, func(_ context.Context, in *ContractDocInput) (*contractDoc, error) {
			text, err := write(in)
			if err != nil {
				return nil, err
			}
			return &contractDoc{ContentType: contentType, Body: text}, nil
		})
		success := a.operation(http.MethodGet, path).Responses["200"]
		success.Description = summary + "."
		success.Headers = nil
		success.Content = map[string]*huma.MediaType{contentType: {Schema: &huma.Schema{Type: schemaType}}}
	}
	document("get-contract-docs", "/v1/contracts/{name}/docs", "text/markdown", huma.TypeString,
		"Read the documentation of a contract",
		"For the customers who receive its webhooks, as Markdown: when they are sent, how to set them up, fields, examples, programs that receive them.",
		func(in *ContractDocInput) ([]byte, error) {
			c := a.contract(in.Name)
			if c == nil {
				return nil, hook.NotFound("contract", in.Name)
			}
			return guide.Markdown(c, in.Language), nil
		})
	document("get-contract-openapi", "/v1/contracts/{name}/openapi", "application/json", huma.TypeObject,
		"Read the OpenAPI document of a contract",
		"OpenAPI 3.1: its requests as webhooks, its look-ups as paths.",
		func(in *ContractDocInput) ([]byte, error) {
			c := a.contract(in.Name)
			if c == nil {
				return nil, hook.NotFound("contract", in.Name)
			}
			return guide.OpenAPI(c, in.Language), nil
		})
}

// ContractDocInput names a contract and a language.
type ContractDocInput struct {
	Name     string `path:"name" doc:"Name of the contract." example:"standard"`
	Language string `query:"lang" enum:"en,es,pt" default:"en" doc:"Language of the texts."`
}

// contractDoc is a document as it is.
type contractDoc struct {
	ContentType string `header:"Content-Type"`
	Body        []byte
}
