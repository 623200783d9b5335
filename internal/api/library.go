package api

import (
	"context"
	"net/http"

	"gancho.example/client"
	"gancho/internal/auth"
	"gancho/internal/contract"
)

// registerLibrary registers the operations about contracts that are not in force. They have a path of their own, because
// /v1/contracts/library/{name} and /v1/contracts/{name}/docs would both be /v1/contracts/library/docs.
func (h contractHandlers) registerLibrary(a *API) {
	const path = "/v1/library"
	add(a, operation{
		id: "list-library", contracts: true, notInPortal: true, method: http.MethodGet, path: path, tag: "contracts", access: auth.AnyReaders,
		summary: "List the library",
		description: "Contracts of well-known systems that come with the program, ordered by name. They are not in force: " +
			"read one, change what should be different, and store it with POST /v1/contracts.",
	}, h.library)
	add(a, operation{
		id: "get-library-contract", contracts: true, notInPortal: true, method: http.MethodGet, path: path + "/{name}", tag: "contracts",
		access: auth.AnyReaders, summary: "Read a contract of the library", description: "Its YAML, and what the list says of it.",
		codes: []string{"contract_not_found"},
	}, h.libraryContract)
}

func wireLibraryEntry(e contract.LibraryEntry, language string) client.LibraryEntry {
	return client.LibraryEntry{
		Name: e.Name, Title: e.Title.In(language), Category: e.Category, Document: e.Document, Signature: e.Signature,
		EventHeader: e.EventHeader, EventTypes: append([]string{}, e.EventTypes...), Tests: e.Tests,
	}
}

func (h contractHandlers) library(_ context.Context, in *Speaks) (*struct {
	Body client.List[client.LibraryEntry]
}, error,
) {
	list, err := h.contracts.Library.List()
	if err != nil {
		return nil, err
	}
	out := client.List[client.LibraryEntry]{Items: []client.LibraryEntry{}}
	for _, e := range list {
		out.Items = append(out.Items, wireLibraryEntry(e, in.language()))
	}
	return &struct {
		Body client.List[client.LibraryEntry]
	}{out}, nil
}

func (h contractHandlers) libraryContract(_ context.Context, in *struct {
	Name string `path:"name" doc:"Name of the contract." example:"github"`
	Speaks
},
) (*struct{ Body client.LibraryContract }, error) {
	c, source, err := h.contracts.Library.Find(in.Name)
	if err != nil {
		return nil, err
	}
	return &struct{ Body client.LibraryContract }{client.LibraryContract{
		LibraryEntry: wireLibraryEntry(c.LibraryEntry(), in.language()), About: c.About.In(in.language()), Source: string(source),
	}}, nil
}
