package guide

import (
	"strings"
	"testing"
)

// The documentation of a contract that describes its signature says the whole recipe, and nothing of Standard Webhooks.
func TestRecipe(t *testing.T) {
	t.Parallel()
	const head = "contract: shop\ntitle: {en: Shop}\nevents: {paid: {title: {en: Paid}}}\nendpoint: {sign: "
	c := parse(t, head+`{key: base64, over: "v0:${timestamp}:${body}[:${header.content-type}]", timestamp: unix_ms, tolerance: 10m,
  headers: {X-Shop-Signature: "v0=${signature}", X-Shop-Time: "${timestamp}"}, several: {join: ","}}}`+"\n")
	for _, language := range Languages {
		doc := string(Markdown(c, language))
		for _, want := range []string{
			"\nv0:${timestamp}:${body}[:${header.content-type}]\n", "`hmac-sha256`", "`${timestamp}`:", "`${body}`:", "`content-type`", "`[ ]`",
			"Base64", "header X-Shop-Signature: v0=${signature}", "header X-Shop-Time: ${timestamp}", "`,`", "10 min", "X-Shop-Time: ${timestamp}\nContent-Length",
		} {
			if !strings.Contains(doc, want) {
				t.Errorf("%s: the documentation does not say %q", language, want)
			}
		}
		if strings.Contains(doc, "whsec") || strings.Contains(doc, "webhook-id") {
			t.Errorf("%s: the documentation describes another signature", language)
		}
		for _, source := range []string{"body.sha256", "timestamp", "nonce", "event.id", "url", "url.decoded", "path", "query", "method", "secret", "form.sorted", "header.a", "query.a", "form.a", "json.a.b"} {
			p := page{facts: gather(c), language: language}
			if text := p.source(p.described()[0], source); !strings.Contains(text, "`${"+source+"}`: ") {
				t.Errorf("%s: %s is explained as %q", language, source, text)
			}
		}
	}
	if api := string(OpenAPI(c, "en")); !strings.Contains(api, `"X-Shop-Signature"`) || strings.Contains(api, "webhook-signature") {
		t.Errorf("OpenAPI does not have the headers of the signature:\n%s", api)
	}
	both := parse(t, head+`[{key: whsec, headers: {X-Shop-Signature: "${signature}"}}, standard-webhooks]}`+"\n")
	if doc := string(Markdown(both, "en")); !strings.Contains(doc, "another signature beside this one") || !strings.Contains(doc, "webhook-id") {
		t.Errorf("two signatures:\n%s", doc)
	}
}
