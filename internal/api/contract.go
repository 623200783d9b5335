package api

import (
	"context"
	"net/http"

	"gancho/client"
	"gancho/internal/contract"
	"gancho/internal/hook"
)

func (a *API) routeContracts() {
	add(a, operation{
		id: "list-contracts", method: http.MethodGet, path: "/v1/contracts", tag: "contracts", access: anyReaders,
		summary: "List contracts", description: "All of them, ordered by name.",
	}, a.listContracts)
	add(a, operation{
		id: "get-contract", method: http.MethodGet, path: "/v1/contracts/{name}", tag: "contracts", access: anyReaders,
		summary: "Read a contract", codes: []string{"contract_not_found"},
	}, a.getContract)
}

// LanguageQuery is the parameter of what has texts for people.
type LanguageQuery struct {
	Language string `query:"language" enum:"en,es,pt" default:"en" doc:"Language of the titles."`
}

func wireContract(c *contract.Contract, language string) client.Contract {
	out := client.Contract{
		Name: c.Name, Title: c.Title.In(language), Version: c.Version, Signing: c.Signing() != "", EventTypes: []client.EventType{},
		Methods: c.Methods(), Settings: c.SettingsSchema(language),
	}
	for _, e := range c.EventTypes() {
		out.EventTypes = append(out.EventTypes, client.EventType{Name: e.Name, Title: e.Title.In(language)})
	}
	return out
}

func (a *API) listContracts(_ context.Context, in *LanguageQuery) (*struct{ Body client.List[client.Contract] }, error) {
	out := client.List[client.Contract]{Items: []client.Contract{}}
	for _, c := range a.Contracts.All() {
		out.Items = append(out.Items, wireContract(c, in.Language))
	}
	return &struct{ Body client.List[client.Contract] }{out}, nil
}

func (a *API) getContract(_ context.Context, in *struct {
	Name string `path:"name" doc:"Name of the contract." example:"standard"`
	LanguageQuery
},
) (*struct{ Body client.Contract }, error) {
	c := a.contract(in.Name)
	if c == nil {
		return nil, hook.NotFound("contract", in.Name)
	}
	return &struct{ Body client.Contract }{wireContract(c, in.Language)}, nil
}

// contractNames are the names of all contracts, for errors.
func (a *API) contractNames() []string {
	var names []string
	for _, c := range a.Contracts.All() {
		names = append(names, c.Name)
	}
	return names
}

// contract is the current contract of a name, nil if there is none.
func (a *API) contract(name string) *contract.Contract {
	c, ok := a.Contracts.Lookup(name)
	if !ok {
		return nil
	}
	return c
}
