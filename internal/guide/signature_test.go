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
		for _, source := range []string{"body.sha256", "body.sha256.base64", "host", "timestamp", "nonce", "event.id", "url", "url.decoded", "path", "query", "method", "secret", "form.sorted", "header.a", "query.a", "form.a", "json.a.b"} {
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
	if doc := string(Markdown(both, "en")); !strings.Contains(doc, "another signature as well") || !strings.Contains(doc, "webhook-id") {
		t.Errorf("two signatures:\n%s", doc)
	}
}

// Tokens are told in words of their own, and never as something that is computed of the request.
func TestRecipeOfTokens(t *testing.T) {
	t.Parallel()
	for sign, want := range map[string][3]string{
		`{algorithm: token, headers: {X-Token: "${signature}"}}`: {
			"carries exactly the signing secret", "lleva exactamente el secreto de firma", "leva exatamente o segredo de assinatura",
		},
		`{algorithm: token, query: {token: "${signature}"}}`: {
			"the parameter `token` is exactly the signing secret", "en el parámetro `token`, exactamente", "no parâmetro `token`, exatamente",
		},
		`{algorithm: sha256, over: "${secret}${body}", headers: {X-Sum: "${signature}"}}`: {
			"- The signature is written in hexadecimal digits.\n\nIn the request", "- La firma se escribe en dígitos hexadecimales.\n\nEn la",
			"- A assinatura é escrita em dígitos hexadecimais.\n\nNa",
		},
		`{algorithm: ed25519, key: hex, headers: {X-Sig: "${signature}"}}`: {
			"that of your webhook, decoded from hexadecimal digits", "la de su webhook, decodificada de dígitos hexadecimales",
			"a do seu webhook, decodificada de dígitos hexadecimais",
		},
		`{algorithm: token, encoding: base64, headers: {Authorization: "Basic ${signature}"}}`: {
			"is the Base64 of", "escrito en Base64", "escrito em Base64",
		},
		`{jwt: {claims: {sum: "${body.sha256}"}}, headers: {X-Token: "${signature}"}}`: {
			"JSON Web Token (RFC 7519)", "JSON Web Token (RFC 7519)", "JSON Web Token (RFC 7519)",
		},
		`{jwt: {detached: true}, headers: {X-Token: "${signature}"}}`: {
			"JSON Web Signature (RFC 7515)", "JSON Web Signature (RFC 7515)", "JSON Web Signature (RFC 7515)",
		},
		`{timestamp: http, over: "${timestamp}${body}", headers: {Date: "${timestamp}", X-Token: "${signature}"}}`: {
			"`Fri, 02 Jan 2026 03:04:05 GMT`", "`Fri, 02 Jan 2026 03:04:05 GMT`", "`Fri, 02 Jan 2026 03:04:05 GMT`",
		},
	} {
		c := parse(t, "contract: shop\ntitle: {en: Shop}\nevents: {paid: {title: {en: Paid}}}\nendpoint: {sign: "+sign+"}\n")
		for i, language := range []string{"en", "es", "pt"} {
			doc := string(Markdown(c, language))
			if !strings.Contains(doc, want[i]) || strings.Contains(sign, "jwt") && strings.Contains(sign, "sum") && !strings.Contains(doc, "sum: ${body.sha256}") {
				t.Errorf("%s, %s: the documentation does not say %q:\n%s", sign, language, want[i], doc)
			}
		}
	}
}
