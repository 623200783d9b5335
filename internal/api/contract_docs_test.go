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

// What customers copy from the documentation has the address of this server, also if the operator gave none.
func TestDocumentsHaveTheAddressOfTheServer(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for _, language := range []string{"en", "es", "pt"} {
		for _, path := range []string{"docs", "page"} {
			doc := s.do("GET", "/v1/contracts/cabaprop/"+path+"?lang="+language, "").want(200)
			if !strings.Contains(doc.Body, "http://example.com/api/integration/get-conversation/") || strings.Contains(doc.Body, "ADDRESS-OF") {
				t.Errorf("%s in %s has no curl with the address of the server:\n%s", path, language, doc.Body)
			}
		}
	}
	if doc := s.do("GET", "/v1/contracts/cabaprop/openapi", "").want(200); !strings.Contains(doc.Body, `"http://example.com"`) {
		t.Errorf("the OpenAPI document has no address: %.600s", doc.Body)
	}
}

// A contract says everything that customers read: also other names of its events, and what stands beside the chapters.
func TestContractHelp(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	upnify := s.do("GET", "/v1/contracts/upnify?lang=pt", "").want(200)
	for _, part := range []string{
		`"title":"Novo prospecto"`, `"aliases":["Novo folheto"]`, `"about":"Um prospecto foi criado."`,
		`**Sistema \u003e Integrações \u003e Webhooks**`, `"question":"Um webhook pode relatar vários eventos?"`,
	} {
		if !strings.Contains(strings.ReplaceAll(upnify.Body, ">", `\u003e`), part) {
			t.Errorf("%s is missing in %s", part, upnify.Body)
		}
	}
	kobra := s.do("GET", "/v1/contracts/kobra?lang=es", "").want(200)
	for _, part := range []string{"[\"1\",\"`DebtCollection`\",\"cobranza\"]", "[\"10\",\"`time`\","} {
		if !strings.Contains(kobra.Body, part) {
			t.Errorf("%s is missing in %s", part, kobra.Body)
		}
	}
	if plain := s.do("GET", "/v1/contracts/standard", "").want(200); !strings.Contains(plain.Body, `"help":{"needs":[],"tables":[],"faq":[],"notes":[],"links":[]}`) {
		t.Errorf("%s", plain.Body)
	}
}
