package api_test

import (
	"strings"
	"testing"
)

// TestContractDocs reads the documentation and the OpenAPI document of contracts in every language.
func TestContractDocs(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for language, title := range map[string]string{"": "## When it is sent", "?lang=en": "## When it is sent", "?lang=es": "## Cuándo se envía", "?lang=pt": "## Quando é enviado"} {
		doc := s.do("GET", "/v1/contracts/kobra/docs"+language, "").want(200)
		if ct := doc.Header.Get("Content-Type"); ct != "text/markdown; charset=utf-8" || !strings.Contains(doc.Body, title) {
			t.Errorf("%s: %s %.200s", language, ct, doc.Body)
		}
	}
	api := s.do("GET", "/v1/contracts/kobra/openapi?lang=es", "").want(200)
	if ct := api.Header.Get("Content-Type"); ct != "application/json" || api.str("openapi") != "3.1.0" || api.str("info.title") != "Kobra: visitas" {
		t.Errorf("%s %.200s", ct, api.Body)
	}
	for _, path := range []string{"docs", "openapi"} {
		s.do("GET", "/v1/contracts/nothing/"+path, "").want(404)
		s.do("GET", "/v1/contracts/kobra/"+path+"?lang=fr", "").want(422)
	}
}
