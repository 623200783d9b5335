package api

import (
	"context"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"gancho.example/client"
	"gancho/internal/admin"
	"gancho/internal/auth"
	"gancho/internal/contract"
	"gancho/internal/hook"
)

// Guide writes what customers and their tools read about a contract, in a language: en, es or pt. server is the address of
// the server, such as https://hooks.example.com, for commands that customers copy.
type Guide struct {
	Markdown func(c *contract.Contract, language, server string) []byte
	OpenAPI  func(c *contract.Contract, language, server string) []byte
	// Page is the same as Markdown, as a part of a web page.
	Page func(c *contract.Contract, language, server string) client.ContractPage
	// Setup is the body of the request that creates an endpoint of a contract, or the credential that it comes with; nil: the
	// document of the API has no examples of them.
	Setup func(c *contract.Contract) (body []byte, credential bool)
	// Changes are what a new version changes for receivers, what breaks them first. whole is false if ctx was done before
	// everything was compared.
	Changes func(ctx context.Context, before, after *contract.Contract, language string) (list []client.ContractChange, whole bool)
}

// guideHandlers answer requests for what customers and their tools read about a contract.
type guideHandlers struct {
	contracts admin.Contracts
	guide     Guide
	addresses addresses
}

// server is the address of this server, as whoever asks knows it.
func (h guideHandlers) server(ctx context.Context) string {
	return h.addresses.url(requestOf(ctx), "").String()
}

func (h guideHandlers) register(a *API) {
	document := func(id, path, contentType, schemaType, summary, description string,
		write func(c *contract.Contract, language, server string) []byte,
	) {
		add(a, operation{
			id: id, method: http.MethodGet, path: path, tag: "contracts", access: auth.AnyReaders, page: hook.PageDocumentation,
			summary: summary, description: description, codes: []string{"contract_not_found"},
		}, func(ctx context.Context, in *ContractDocInput) (*contractDoc, error) {
			c, err := h.contracts.Get(in.Name)
			if err != nil {
				return nil, err
			}
			return &contractDoc{ContentType: contentType, Body: write(c, in.Language, h.server(ctx))}, nil
		})
		success := a.operation(http.MethodGet, path).Responses["200"]
		success.Description = summary + "."
		success.Headers = nil
		mediaType, _, _ := strings.Cut(contentType, ";")
		success.Content = map[string]*huma.MediaType{mediaType: {Schema: &huma.Schema{Type: schemaType}}}
	}
	document("get-contract-docs", "/v1/contracts/{name}/docs", "text/markdown; charset=utf-8", huma.TypeString,
		"Read the documentation of a contract",
		"Markdown for the customers who receive its webhooks: when webhooks are sent, how to set them up, their fields, "+
			"examples, and programs that receive them.",
		h.guide.Markdown)
	document("get-contract-openapi", "/v1/contracts/{name}/openapi", "application/json", huma.TypeObject,
		"Read the OpenAPI document of a contract",
		"An OpenAPI 3.1 document with its requests as webhooks and its look-ups as paths.",
		h.guide.OpenAPI)
	add(a, operation{
		id: "get-contract-page", method: http.MethodGet, path: "/v1/contracts/{name}/page", tag: "contracts", access: auth.AnyReaders, page: hook.PageDocumentation,
		summary:     "Read the documentation of a contract as HTML",
		description: "The same text as its Markdown, as a part of a web page: for your own pages, and for the console.",
		codes:       []string{"contract_not_found"},
	}, h.page)
}

func (h guideHandlers) page(ctx context.Context, in *ContractDocInput) (*struct{ Body client.ContractPage }, error) {
	c, err := h.contracts.Get(in.Name)
	if err != nil {
		return nil, err
	}
	return &struct{ Body client.ContractPage }{h.guide.Page(c, in.Language, h.server(ctx))}, nil
}

// ContractDocInput names a contract and a language.
type ContractDocInput struct {
	Name     string `path:"name" doc:"Name of the contract." example:"standard"`
	Language string `query:"lang" enum:"en,es,pt" default:"en" doc:"Language of the texts."`
}

// contractDoc is a document, sent unchanged.
type contractDoc struct {
	ContentType string `header:"Content-Type"`
	Body        []byte
}
