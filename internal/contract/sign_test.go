package contract

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gancho/internal/hook"
	"gancho/internal/sign"
)

const signed = `
contract: shop
title: {en: Shop}
events:
  order.paid: {title: {en: Order paid}}
endpoint:
  headers: {X-Request-Id: "${event.id}"}
  sign:
`

// What a contract says about its signature is the description of its scheme, and nobody else may set its headers.
func TestSignDescribed(t *testing.T) {
	t.Parallel()
	c, err := Parse("shop.yaml", []byte(signed+`
    algorithm: hmac-sha512
    key: hex
    over: "v0:${timestamp}:${header.x-request-id}:${json.a.b}"
    encoding: base64url
    timestamp: unix_ms
    headers: {X-Shop-Signature: "v0=${signature}", X-Shop-Time: "${timestamp}"}
    query: {sig: "${signature}"}
    body: {proof: {by: {token: "${nonce}"}, kind: "1"}}
    several: {join: " "}
    tolerance: 10m
    secret: {prefix: sk_, length: 64}
    nonce: {length: 50, alphabet: a-f0-9}
`))
	if err != nil {
		t.Fatal(err)
	}
	join := " "
	want := &sign.Description{
		Algorithm: "hmac-sha512", Key: "hex", Over: "v0:${timestamp}:${header.x-request-id}:${json.a.b}", Encoding: "base64url",
		Timestamp: "unix_ms", Join: &join, Tolerance: 10 * time.Minute, Secret: sign.Form{Prefix: "sk_", Length: 64},
		Nonce: sign.Form{Length: 50, Alphabet: "abcdef0123456789"},
		Places: []sign.Place{
			{In: sign.InBody, Path: []string{"proof", "by", "token"}, Value: "${nonce}"},
			{In: sign.InBody, Path: []string{"proof", "kind"}, Value: "1"},
			{In: sign.InQuery, Path: []string{"sig"}, Value: "${signature}"},
			{In: sign.InHeader, Path: []string{"X-Shop-Signature"}, Value: "v0=${signature}"},
			{In: sign.InHeader, Path: []string{"X-Shop-Time"}, Value: "${timestamp}"},
		},
	}
	if diff := cmp.Diff(want, c.Scheme().Description); diff != "" {
		t.Error(diff)
	}
	if s := c.Scheme().NewSecret(); !strings.HasPrefix(s, "sk_") || len(s) != 3+128 {
		t.Errorf("a new secret is %s", s)
	}
	for _, name := range []string{"x-shop-signature", "X-SHOP-TIME"} {
		if why := c.RefuseHeader(hook.Header{Name: name, Value: "1"}); !strings.Contains(why, "carries the signature") {
			t.Errorf("a script may set %s: %s", name, why)
		}
		cfg := hook.EndpointConfig{URL: "https://example.com", Headers: []hook.Header{{Name: name, Value: "1"}}}
		if found := c.CheckEndpoint(cfg); len(found) != 1 || found[0].Code != "header_of_signature" {
			t.Errorf("an endpoint may set %s: %v", name, found)
		}
	}
	e := &hook.Endpoint{Config: hook.EndpointConfig{URL: "https://example.com"}, Secrets: []hook.Secret{{Text: "not hexadecimal"}}}
	if found := c.Misfits(e); len(found) != 1 || found[0].Code != "secret_of_other_scheme" || strings.Contains(found[0].Detail, "not hex") {
		t.Errorf("a secret that is no key: %v", found)
	}
}

// A list signs twice. The name alone is the scheme that it always was.
func TestSignList(t *testing.T) {
	t.Parallel()
	head := strings.TrimSuffix(signed, "  sign:\n")
	for list, want := range map[string][]string{
		"standard-webhooks":   {"webhook-id", "webhook-timestamp", "webhook-signature"},
		"[standard-webhooks]": {"webhook-id", "webhook-timestamp", "webhook-signature"},
		`[{key: whsec, headers: {X-Sig: "${signature}"}}, standard-webhooks]`: {"X-Sig", "webhook-id", "webhook-timestamp", "webhook-signature"},
	} {
		c, err := Parse("shop.yaml", []byte(head+"  sign: "+list+"\n"))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, c.Scheme().Headers); diff != "" {
			t.Errorf("%s: %s", list, diff)
		}
		if !strings.Contains(list, "{") && c.Scheme() != sign.StandardWebhooks {
			t.Errorf("%s is another scheme: %s", list, c.Scheme().Name)
		}
	}
}

// The examples of signatures in the reference are signatures, and what they sign is verified.
func TestReferenceSignatures(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("../../docs/contract-language.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(b), "```yaml sign\n")[1:]
	if len(blocks) != 9 {
		t.Errorf("%d examples", len(blocks))
	}
	for _, block := range blocks {
		example, _, _ := strings.Cut(block, "```")
		src := strings.TrimSuffix(signed, "  sign:\n") + "  " + strings.ReplaceAll(strings.TrimSpace(example), "\n", "\n  ") + "\n"
		c, err := Parse("shop.yaml", []byte(src))
		if err != nil {
			t.Errorf("%v\n%s", err, src)
			continue
		}
		secret := c.Scheme().NewSecret()
		signer, err := c.Scheme().NewSigner([]hook.Secret{{Text: secret}})
		if err != nil {
			t.Fatal(err)
		}
		now := time.Now()
		m, err := signer.Sign(sign.Message{ID: "evt_1", Time: now, Method: "POST", URL: "https://example.com/?a=1", Body: []byte("{}")})
		if err != nil {
			t.Errorf("%v\n%s", err, src)
			continue
		}
		v, err := c.Scheme().NewVerifier(0, secret)
		if err != nil {
			t.Fatal(err)
		}
		if err := v.Verify(m, now); err != nil {
			t.Errorf("%v\n%s", err, src)
		}
	}
}

// A signature covers headers that each request has, and stands in each kind of body that has members.
func TestSignedRequests(t *testing.T) {
	t.Parallel()
	const body = "sign: {over: '${header.content-type}', body: {s: '${signature}'}}"
	const list = "[{over: '${body}', headers: {x-a: '${signature}'}}, {over: '${header.%s}', headers: {x-b: '${signature}'}}]"
	for endpoint, want := range map[string]string{
		"accept: a/b, sign: {over: '${header.User-Agent}${header.ACCEPT}${header.content-type}', headers: {x-s: '${signature}'}}":                                                                                                 "",
		"headers: {x-own: '1'}, sign: {over: '${header.X-Own}', headers: {x-s: '${signature}'}}":                                                                                                                                  "",
		"sign: {over: '${header.x-t}', headers: {x-t: '${timestamp}', x-s: '${signature}'}}":                                                                                                                                      "",
		"settings: {properties: {p: {title: P, type: array, items: {type: object, properties: {key: {type: string}, value: {type: string}}}}}}, pairs: settings.p, sign: {over: '${header.x-t}', headers: {x-s: '${signature}'}}": "",
		"sign: {over: '${header.x-c}', headers: {x-s: '${signature}'}}":                                                                                                                                                           "test.yaml:4:25: The header x-c is signed",
		"sign: " + strings.Replace(list, "%s", "content-type", 1):                                                                                                                                                                 "",
		"sign: " + strings.Replace(list, "%s", "x-c", 1):                                                                                                                                                                          "test.yaml:4:77: The header x-c is signed",
		body: "",
		"content_type: application/vnd.shop+json, " + body:                                                 "",
		"content_type: application/x-www-form-urlencoded, " + body:                                         "",
		"content_type: text/xml, form: {field: f}, " + body:                                                "",
		"settings: {properties: {ct: {title: CT, type: string}}}, content_type: '${settings.ct}', " + body: "",
		"content_type: 'x/${payload.ct}', " + body:                                                         "",
		"content_type: text/xml, sign: {over: '${header.content-type}', headers: {x-s: '${signature}'}}":   "",
		"content_type: text/xml, " + body:                                                                  "The signature stands in the body, which is text/xml",
		"sign: {over: '${header.content-type}', body: {'': '${signature}'}}":                               "There is no name.",
		"sign: {over: '${header.content-type}', headers: {x-s: {a: {b: '${signature}'}}}}":                 "This has to be a text",
	} {
		_, err := Parse("test.yaml", []byte("contract: s\ntitle: S\nevents: {e: {title: E}}\nendpoint: {"+endpoint+"}\n"))
		got := ""
		if err != nil {
			got = err.Error()
		}
		if (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%s\ngot  %s\nwant %s", endpoint, got, want)
		}
	}
}
