package compose

import (
	"fmt"
	"strings"
	"testing"

	"gancho/internal/contract"
	"gancho/internal/hook"
	"gancho/internal/mask"
	"gancho/internal/send"
)

const computing = `
contract: shapes
title: {en: Shapes}
events: {"*": {title: {en: Any}, set: {k: "${settings.token}", back: {$expr: settings.token.reverse()}}}}
sensitive: [email]
endpoint:
  settings:
    properties:
      token: {type: string, secret: true, title: {en: Token}}
      site: {type: string, title: {en: Site}}
  headers:
    X-Static: {$expr: settings.token.reverse()}
    X-Event: {$expr: 'settings.token.reverse() + string(payload.n)'}
    X-Of-Set: {$expr: set.k.upperAscii()}
    X-Site: {$expr: settings.site.upperAscii()}
    X-Mail: {$expr: payload.email.upperAscii()}
  query: {q: {$expr: '"<" + settings.token.reverse()'}}
  body: {list: [{$expr: '[settings.token.reverse()]'}], back: "${set.back}", n: {$when: payload.n == 1, $value: 1, $else: {$expr: settings.token.reverse()}}}
`

// What a contract computes of a secret is hidden like the secret: in the history, in what a receiver sends back, and from
// a script. What it computes of something else is not.
func TestComputedSecretsAreMasked(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(cfg *hook.EndpointConfig) {
		cfg.Settings, cfg.URL = []byte(`{"token":"s3cretOld9","site":"shop"}`), "https://a.example/in"
	})
	by, err := contract.Parse("shapes.yaml", []byte(computing))
	if err != nil {
		t.Fatal(err)
	}
	b.by = by.WithVersion(1)
	b.set.Add(b.by)
	for _, script := range []string{"", `function handler(webhook) { console.log(webhook.headers["X-Event"] + webhook.query.q); return webhook }`} {
		b.edit(func(cfg *hook.EndpointConfig) { cfg.Transformation = script })
		out := b.compose(&hook.Job{Event: b.ev})
		for name, want := range map[string]string{
			"X-Static": "9dlOterc3s", "X-Event": "9dlOterc3s1", "X-Of-Set": "S3CRETOLD9", "X-Site": "SHOP", "X-Mail": "ANA@B.EXAMPLE",
		} {
			eq(t, name, header(out.Message, name), want)
		}
		eq(t, "URL", out.Message.Target, "https://a.example/in?q=%3C9dlOterc3s")
		eq(t, "body", string(out.Message.Body), `{"list":[["9dlOterc3s"]],"back":"9dlOterc3s","n":1}`)

		a := &hook.Attempt{Detail: "it said S3CRETOLD9", Response: &hook.Response{Status: 200, Body: []byte("got 9dlOterc3s from ANA@B.EXAMPLE")}}
		a.Request = out.Request(out.Message.Headers)
		out.Record(a, &send.Reply{Sent: out.Message.Headers, Response: a.Response})
		kept := fmt.Sprintf("%+v %s %s %s %s", a.Request, a.Request.Body, a.Response.Body, a.Detail, out.Console)
		for _, secret := range []string{"9dlOterc3s", "S3CRETOLD9", "ANA@B.EXAMPLE", "s3cretOld9"} {
			if strings.Contains(kept, secret) {
				t.Errorf("%s is kept: %s", secret, kept)
			}
		}
		if !strings.Contains(kept, "SHOP") || !strings.Contains(kept, mask.Text) {
			t.Error(kept)
		}
		if script != "" && len(out.Console) != 1 {
			t.Errorf("%q, %+v", out.Console, out.Failure)
		}
	}
}

// An expression that fails may quote a secret.
func TestFailedExpressionIsMasked(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	by, err := contract.Parse("shapes.yaml", []byte(strings.Replace(shapes, `"${settings.token}"}`, `{$expr: 'int(settings.token) + payload.n'}}`, 1)))
	if err != nil {
		t.Fatal(err)
	}
	b.by = by.WithVersion(1)
	b.set.Add(b.by)
	_, err = b.c.Compose(t.Context(), b.form(), &hook.Job{Event: b.ev})
	if err == nil || strings.Contains(err.Error(), "s3cret") || !strings.Contains(err.Error(), "the header X-Token cannot be filled in") {
		t.Error(err)
	}
}

// The same holds where a corrected endpoint fails, and around several events, alone and together.
func TestFailedExpressionIsMaskedEverywhere(t *testing.T) {
	t.Parallel()
	masked := func(where string, err error) {
		t.Helper()
		if err == nil || strings.Contains(err.Error(), "s3cret") || !strings.Contains(err.Error(), mask.Text) {
			t.Errorf("%s: %v", where, err)
		}
	}
	b := newBench(t, func(cfg *hook.EndpointConfig) { cfg.Settings = []byte(`{"token":"1"}`) })
	by, err := contract.Parse("shapes.yaml", []byte(strings.Replace(shapes, `"${settings.token}"}`, `{$expr: 'string(payload.n == 1 && "a".matches(settings.token))'}}`, 1)))
	if err != nil {
		t.Fatal(err)
	}
	b.by = by.WithVersion(1)
	b.set.Add(b.by)
	job := hook.Job{Event: b.ev, Delivery: hook.Delivery{EndpointVersion: 1, ContractVersion: 1, Attempts: 1}}
	b.compose(&job)
	b.edit(func(cfg *hook.EndpointConfig) { cfg.Settings = []byte(`{"token":"(s3cretNew9"}`) })
	_, err = b.c.Compose(t.Context(), b.form(), &job)
	masked("corrected", err)

	b = newBench(t, func(cfg *hook.EndpointConfig) { cfg.Settings = []byte(`{"token":"(s3cretOld9"}`) })
	b.useBatch(1, `headers: {X-Token: {$expr: 'string("a".matches(settings.token))'}}`)
	_, err = b.c.Compose(t.Context(), b.form(), &b.jobs("1")[0])
	masked("one event", err)
	_, err = b.gather(b.jobs("1", "2"), 0, false).Message(hook.NewBatchID(), hook.AtLeastOnce)
	masked("two events", err)
}

// A text body is masked as well: what a function or an expression made of a secret, also within an object.
func TestTextBodyIsMasked(t *testing.T) {
	t.Parallel()
	const contractOf = `
contract: shapes
title: Shapes
events: {"*": {title: Any}}
endpoint:
  settings: {properties: {auth: {type: object, title: A, properties: {token: {type: string, secret: true, title: T}}}}}
  headers: {X-Auth: "${percent(settings.auth.token)}"}
  body: {$raw: RAW, content_type: text/xml}
`
	for _, raw := range []string{
		`"<a b='${xml(settings.auth)}'>${xml(settings.auth.token)} ${xml(payload.n)}</a>"`,
		`{$expr: '"<a>" + xml(json(settings.auth)) + xml(settings.auth.token) + " 1</a>"'}`,
	} {
		b := newBench(t, func(cfg *hook.EndpointConfig) {
			cfg.Settings, cfg.Headers, cfg.URL = []byte(`{"auth":{"token":"s3\"cr<é\nOld9"}}`), nil, "https://a.example/in"
		})
		by, err := contract.Parse("shapes.yaml", []byte(strings.Replace(contractOf, "RAW", raw, 1)))
		if err != nil {
			t.Fatal(err)
		}
		b.by = by.WithVersion(1)
		b.set.Add(b.by)
		out := b.compose(&hook.Job{Event: b.ev})
		if !strings.Contains(string(out.Message.Body), "s3&#34;cr&lt;é&#xA;Old9") || header(out.Message, "Content-Type") != "text/xml" {
			t.Fatalf("%s", out.Message.Body)
		}
		shown := fmt.Sprintf("%s", out.Request(out.Message.Headers))
		if strings.Contains(shown, "Old9") || strings.Contains(shown, "s3") {
			t.Errorf("shown: %s", shown)
		}
		eq(t, "the body hides something", b.c.HidesBody(t.Context(), b.form(), hook.Delivery{}), true)
	}
}
