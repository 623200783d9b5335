package app

import (
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"gancho.example/client"
)

// evil is a contract whose texts try to put a script on the page.
const evil = `contract: evil
title: {en: "Evil <script>alert(1)</script>", es: "Malo", pt: "Mau"}
about: {en: "About <img src=x onerror=alert(1)> [it](javascript:alert(1)).", es: "De qué se trata.", pt: "Do que se trata."}
docs:
  when: {en: "<iframe src=//example.com></iframe>", es: "Cuando sí.", pt: "Quando sim."}
endpoint: {}
events:
  "*": {title: {en: "Any </td><script>alert(2)</script>", es: "Alguno", pt: "Algum"}, example: '{"a": "</code></pre><script>alert(3)</script>"}'}
`

// TestPublicDocumentation: nobody sees the documentation of a contract without a key until the operator switches it on,
// and then everybody does, in each language.
func TestPublicDocumentation(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	logo := filepath.Join(dir, "logo.svg")
	if err := os.WriteFile(logo, []byte(`<svg xmlns="http://www.w3.org/2000/svg"/>`), 0o600); err != nil {
		t.Fatal(err)
	}
	p := startWith(t, place{dir: dir}, func(c *testConfig) {
		c.PublicURL, c.PortalLogo, c.PortalAccent = "https://example.com/hooks", logo, "#123456"
	})
	browser := &http.Client{Timeout: time.Minute}
	type answer struct {
		URL        string
		StatusCode int
		Header     http.Header
	}
	ask := func(method, path string, headers ...string) (answer, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, p.url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Accept", "text/html")
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		res, err := browser.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer{path, res.StatusCode, res.Header}, string(body)
	}
	wrong := func(res answer, body string) {
		t.Helper()
		t.Errorf("%s: %d %v\n%.3000s", res.URL, res.StatusCode, res.Header, body)
	}
	if _, err := p.PutContract(t.Context(), evil); err != nil {
		t.Fatal(err)
	}

	// Off by default; a contract that does not exist looks the same.
	off, offBody := ask("GET", "/docs/cabaprop?lang=es")
	none, noneBody := ask("GET", "/docs/nothing?lang=es")
	if off.StatusCode != 404 || none.StatusCode != 404 || offBody != noneBody || !strings.Contains(offBody, "Esta página no existe") ||
		!strings.Contains(off.Header.Get("X-Robots-Tag"), "noindex") || strings.Contains(offBody, "CABAPROP") {
		wrong(off, offBody)
	}
	for _, name := range []string{"cabaprop", "evil"} {
		c, err := p.SetPublicDocs(t.Context(), name, true)
		if err != nil || !c.PublicDocs || c.DocsURL != "https://example.com/hooks/docs/"+name {
			t.Fatalf("%+v, %v", c, err)
		}
	}
	list, err := p.Contracts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range list.Items {
		if c.PublicDocs != (c.Name == "cabaprop" || c.Name == "evil") {
			t.Errorf("%s is public: %v", c.Name, c.PublicDocs)
		}
	}

	// In the language that is asked for, in the address or by the browser.
	for _, x := range []struct{ query, accept, language, title, heading string }{
		{"?lang=es", "en", "es", "CABAPROP: mensajes", "Cómo configurarlo"},
		{"?lang=pt", "en", "pt", "CABAPROP: mensagens", "Como configurar"},
		{"", "pt-BR,pt;q=0.9", "pt", "CABAPROP: mensagens", "Como configurar"},
		{"", "es-AR", "es", "CABAPROP: mensajes", "Cómo configurarlo"},
		{"?lang=fr", "", "en", "CABAPROP: messages", "Setting it up"},
		{"", "ja", "en", "CABAPROP: messages", "Setting it up"},
	} {
		res, body := ask("GET", "/docs/cabaprop"+x.query, "Accept-Language", x.accept)
		for _, want := range []string{
			`<html lang="` + x.language + `">`, "<title>" + x.title + "</title>", ">" + x.heading + "</h2>", `<meta name="description" content="`,
			`<link rel="canonical" href="https://example.com/hooks/docs/cabaprop?lang=` + x.language + `">`,
			`<link rel="alternate" hreflang="pt" href="https://example.com/hooks/docs/cabaprop?lang=pt">`, `hreflang="x-default"`,
			`src="/hooks/assets/portal-logo-`, `<input type="radio"`, `href="/hooks/docs/style.css?`,
		} {
			if !strings.Contains(body, want) {
				t.Errorf("%s misses %s", res.URL, want)
			}
		}
		if res.StatusCode != 200 || res.Header.Get("Content-Language") != x.language || res.Header.Get("Content-Type") != "text/html; charset=utf-8" {
			wrong(res, "")
		}
		csp := res.Header.Get("Content-Security-Policy")
		if !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") || strings.Contains(csp, "unsafe") {
			t.Errorf("the policy is %s", csp)
		}
		vary := strings.Join(res.Header.Values("Vary"), ",")
		if strings.Contains(vary, "Accept-Language") == (x.query == "?lang=es" || x.query == "?lang=pt") {
			t.Errorf("%s: Vary is %s", res.URL, vary)
		}
	}

	// What a browser has is not sent again; HEAD has no body.
	first, body := ask("GET", "/docs/cabaprop?lang=es")
	tag := first.Header.Get("ETag")
	if res, _ := ask("GET", "/docs/cabaprop?lang=es", "If-None-Match", tag); res.StatusCode != 304 || tag == "" {
		wrong(res, tag)
	}
	if res, b := ask("HEAD", "/docs/cabaprop?lang=es"); res.StatusCode != 200 || b != "" || res.Header.Get("ETag") != tag {
		wrong(res, b)
	}
	if res, b := ask("POST", "/docs/cabaprop?lang=es"); res.StatusCode == 200 {
		wrong(res, b)
	}
	for _, path := range regexp.MustCompile(`(?:src|href)="/hooks(/[^"#]+)"`).FindAllStringSubmatch(body, -1) {
		if res, b := ask("GET", path[1]); res.StatusCode != 200 || b == "" {
			wrong(res, b)
		}
	}
	if _, css := ask("GET", "/docs/style.css"); !strings.Contains(css, "--doc-accent: #123456") {
		t.Error("the style has not the operator's colour")
	}

	// A contract's texts are text.
	res, body := ask("GET", "/docs/evil?lang=en")
	for _, bad := range []string{"<script>", "<img", "<iframe", "javascript:"} {
		if strings.Contains(strings.ReplaceAll(body, `<img class="doc-logo"`, ""), bad) {
			t.Errorf("%s is on the page", bad)
		}
	}
	if !strings.Contains(body, "Evil &lt;script&gt;") {
		wrong(res, body)
	}
	if page, err := p.ContractPage(t.Context(), "evil", "es"); err != nil || page.Title != "Malo" || strings.Contains(page.HTML, "<script") || len(page.Contents) < 5 {
		t.Errorf("%+v, %v", page, err)
	}

	// The page follows the contract, and is gone when it is switched off.
	if _, err := p.PutContract(t.Context(), strings.Replace(evil, "De qué se trata", "Otra cosa", 1)); err != nil {
		t.Fatal(err)
	}
	if res, body := ask("GET", "/docs/evil?lang=es"); !strings.Contains(body, "Otra cosa") {
		wrong(res, body)
	}
	if c, err := p.SetPublicDocs(t.Context(), "evil", false); err != nil || c.PublicDocs {
		t.Errorf("%+v, %v", c, err)
	}
	if res, body := ask("GET", "/docs/evil?lang=es"); res.StatusCode != 404 {
		wrong(res, body)
	}

	// The address of the API's own page cannot be a contract's.
	if _, err := p.PutContract(t.Context(), strings.Replace(evil, "contract: evil", "contract: api", 1)); err != nil {
		t.Fatal(err)
	}
	if _, err := p.SetPublicDocs(t.Context(), "api", true); codeOf(err) != "docs_address_taken" {
		t.Errorf("%v", err)
	}
	p.stop()
	p = startWith(t, place{dir: dir}, func(c *testConfig) {})
	if res, body := ask("GET", "/docs/cabaprop"); res.StatusCode != 200 || strings.Contains(body, "canonical") {
		wrong(res, body)
	}
}

func codeOf(err error) string {
	if p, ok := errors.AsType[*client.Problem](err); ok {
		return p.Code
	}
	return ""
}
