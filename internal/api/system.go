package api

import (
	"fmt"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"gancho.example/client"
	"gancho/internal/auth"
)

// systemHandlers answer requests about the server itself.
type systemHandlers struct {
	failures
	health  Health
	metrics http.Handler // nil: none
}

func (h systemHandlers) register(a *API) {
	a.mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { writeStatus(w, "ok") })
	a.mux.HandleFunc("GET /readyz", h.ready)
	a.mux.HandleFunc("GET /openapi.json", a.docs.serve(openAPI31))
	a.mux.HandleFunc("GET /openapi-3.0.json", a.docs.serve(openAPI30))
	if h.metrics != nil {
		a.mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, r *http.Request) {
			key, err := a.auth.Enter(r, auth.Readers.In("system:read"), "", false)
			if err == nil {
				err = auth.AdmitEverything(key)
			}
			if err != nil {
				h.fail(w, r, err)
				return
			}
			h.metrics.ServeHTTP(w, r)
		})
	}
	h.describe(a.huma.OpenAPI())
	add(a, operation{
		id: "get-system", method: http.MethodGet, path: "/v1/system", tag: "system", access: auth.Readers,
		summary:     "Whether the server is well",
		description: "Which of its parts can do their work, and the room on the disk with the database.",
	}, h.system)
}

func writeStatus(w http.ResponseWriter, status string) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprintf(w, "{\"status\":%q}\n", status)
}

// describe adds the operations to the document.
func (h systemHandlers) describe(doc *huma.OpenAPI) {
	problem := map[string]*huma.MediaType{problemType: {Schema: doc.Components.Schemas.Schema(reflect.TypeFor[client.Problem](), true, "")}}
	status := map[string]*huma.MediaType{"application/json": {Schema: &huma.Schema{
		Type: huma.TypeObject, Required: []string{"status"},
		Properties: map[string]*huma.Schema{"status": {Type: huma.TypeString}},
	}}}
	// The numbers tell about all tenants, so a key of one tenant does not read them.
	readers := operation{method: http.MethodGet, path: "/metrics", access: auth.Readers, noBody: true}
	metrics := readers.responses(doc.Components.Schemas)
	metrics["200"] = &huma.Response{
		Description: "Text format.",
		Content:     map[string]*huma.MediaType{"text/plain": {Schema: &huma.Schema{Type: huma.TypeString}}},
	}
	parts := map[string]*huma.MediaType{"application/json": {
		Schema: doc.Components.Schemas.Schema(reflect.TypeFor[client.Readiness](), true, ""),
	}}
	for _, s := range []struct {
		id, path, summary string
		responses         map[string]*huma.Response
	}{
		{"get-health", "/healthz", "Whether the process runs", map[string]*huma.Response{"200": {
			Description: "It runs.",
			Content:     status,
		}}},
		{"get-readiness", "/readyz", "Whether requests can be served", map[string]*huma.Response{
			"200": {Description: "The database answers and commits, and all other parts work.", Content: parts},
			"503": {Description: "A part does not work; errors says which:\n- `not_ready`", Content: problem},
		}},
		{"get-metrics", "/metrics", "Metrics for Prometheus", metrics},
		{"get-openapi", "/openapi.json", "This document", map[string]*huma.Response{"200": {
			Description: "OpenAPI 3.1.",
			Content:     map[string]*huma.MediaType{"application/openapi+json": {Schema: &huma.Schema{Type: huma.TypeObject}}},
		}}},
		{"get-openapi-3.0", "/openapi-3.0.json", "This document, for generators that read only OpenAPI 3.0", map[string]*huma.Response{"200": {
			Description: "OpenAPI 3.0. It says the same, except for what 3.0 has no words for.",
			Content:     map[string]*huma.MediaType{"application/openapi+json": {Schema: &huma.Schema{Type: huma.TypeObject}}},
		}}},
	} {
		if s.path == "/metrics" && h.metrics == nil {
			continue
		}
		op := &huma.Operation{
			OperationID: s.id, Method: http.MethodGet, Path: s.path, Tags: []string{"system"}, Summary: s.summary,
			Description: "Needs no key.",
			Security:    []map[string][]string{}, Responses: s.responses,
		}
		if s.path == "/metrics" {
			readers.description = "Needs a key that is good for all tenants, or none on the operator's own address " +
				"(option operator-listen)."
			op.Description, op.Security = readers.describe(), readers.security()
		}
		doc.AddOperation(op)
	}
}
