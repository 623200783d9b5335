package contract

import (
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gancho/internal/hook"
)

// made is an event of the type that computes its constants.
func made(payload string) *hook.Event {
	ev := event(payload)
	ev.Type = "e"
	return ev
}

const computed = `
contract: c
title: C
events:
  e: {title: E, set: {topic: orders, no: {$expr: payload.v + 1}}, headers: {X-Topic: {$expr: 'set.topic + "/" + type'}}}
  made: {title: M, on: order, payload: {id: {$expr: '"o-" + string(new.id)'}, more: {$expr: new.n - old.n}, was: {$expr: old.n, $else: 0}}}
  list:
    title: L
    every: 1h
    select: order
    item: {double: {$expr: record.n * 2}}
records: {order: {title: O, key: id}}
credentials:
  api_key: {length: 30, alphabet: a-z0-9}
  secret: {length: 64, alphabet: a-z0-9}
  endpoint: true
  token: {lifetime: 1h, claims: {who: {$expr: 'credential.name + "/" + credential.tenant'}}}
endpoint:
  settings: {properties: {site: {type: [string, number], title: Site}}}
  content_type: {$expr: '"application/" + (payload.v == 2 ? "vnd.v2+json" : "json")'}
  headers:
    X-Total: {$expr: payload.a * 2}
    X-Site: {$expr: 'settings.site + "/hooks"'}
    X-None: {$expr: payload.none}
    X-Rest: {$when: payload.a > 100, $expr: payload.a - 100, $else: none}
    X-Key: {$expr: 'credential.api_key + "!"'}
  query: {a: {$expr: payload.a + 1}, s: {$expr: 'settings.site + "&"'}, none: {$expr: payload.none}}
  body:
    no: {$expr: set.no * 2}
    total: {$expr: payload.a * 2}
    skus: {$expr: 'payload.items.map(i, i.sku)'}
    open: {$expr: 'payload.items.filter(i, i.qty > 1)'}
    none: {$expr: payload.none}
`

// A value is computed wherever one stands.
func TestExpressionsEverywhere(t *testing.T) {
	t.Parallel()
	c := parseContract(t, computed)
	cfg := hook.EndpointConfig{URL: "http://example.com", Settings: []byte(`{"site":"shop"}`), Credential: &Credential{APIKey: "k3y"}}
	if found := c.CheckEndpoint(cfg); found != nil {
		t.Fatal(found)
	}
	r, err := c.Plan(cfg).Render(made(`{"a":60,"v":2,"items":[{"sku":"A","qty":1.0},{"sku":"B","qty":2 }]}`))
	if err != nil {
		t.Fatal(err)
	}
	var headers []string
	for _, h := range r.Headers {
		headers = append(headers, h.Name+": "+h.Value)
	}
	want := "Content-Type: application/vnd.v2+json, X-Total: 120, X-Site: shop/hooks, X-Rest: none, X-Key: k3y!, User-Agent: Gancho, X-Topic: orders/e"
	if got := strings.Join(headers, ", "); got != want {
		t.Errorf("headers %s\nwant    %s", got, want)
	}
	if got, want := string(r.Body), `{"no":6,"total":120,"skus":["A","B"],"open":[{"sku":"B","qty":2 }]}`; got != want {
		t.Errorf("body %s, want %s", got, want)
	}
	if r.URL != "http://example.com?a=61&s=shop%26" {
		t.Error(r.URL)
	}
	// The headers that are the same for all events are made once.
	if p := c.Plan(cfg); p.headers[2].template != nil || p.headers[1].template == nil {
		t.Error("X-Site is computed for each event, or X-Total is not")
	}
	fired, troubles := c.Fire(nil, "order", []byte(`{"id":7,"n":1}`), []byte(`{"id":7,"n":3}`))
	if len(troubles) > 0 || len(fired) != 1 || string(fired[0].Payload) != `{"id":"o-7","more":2,"was":1}` {
		t.Errorf("%s, %v", fired, troubles)
	}
	s, _ := c.NewSnapshot(nil, "list")
	if taken, err := s.Add([]byte(`{"id":1,"n":4}`)); err != nil || !taken || string(s.Payload()) != `[{"double":8}]` {
		t.Errorf("%s, %v", s.Payload(), err)
	}
	cr, _ := c.Credentials()
	if claims, _ := cr.Claims(Credential{Name: "App", Tenant: "acme"}, "j", event("{}").CreatedAt); !strings.HasPrefix(string(claims), `{"who":"App/acme","jti":"j"`) {
		t.Errorf("%s", claims)
	}
}

// Where an expression has no result, the endpoint is refused or the event is not sent, and the message says which part
// of the request it is.
func TestExpressionFails(t *testing.T) {
	t.Parallel()
	c := parseContract(t, computed)
	cfg := hook.EndpointConfig{URL: "http://example.com", Settings: []byte(`{"site":1}`), Credential: &Credential{APIKey: "k3y"}}
	if got := found(c.CheckEndpoint(cfg)); got != "/settings/site header_undecided" {
		t.Error(got)
	}
	if _, err := c.Plan(cfg).Render(made(`{"a":60,"v":1,"items":[]}`)); err == nil || !strings.Contains(err.Error(), "the parameter s of the URL cannot be filled in: an operator or function of the expression met") {
		t.Error(err)
	}
	cfg.Settings = []byte(`{"site":"s"}`)
	for payload, want := range map[string]string{
		`{"a":"x","v":1,"items":[]}`: "the parameter a of the URL cannot be filled in",
		`{"a":1,"v":1,"items":5}`:    "the body cannot be made of this event",
		`{"a":1,"v":"x"}`:            "the constants of the event type e cannot be made",
		`{"a":true,"v":1}`:           "the parameter a of the URL cannot be filled in",
	} {
		if _, err := c.Plan(cfg).Render(made(payload)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", payload, err)
		}
	}
}

// Each example of computed values in the documentation loads, and renders an event.
func TestDocumentedExpressions(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("../../docs/contract-language.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(b), "```yaml computed\n")[1:]
	for _, block := range blocks {
		block, _, _ = strings.Cut(block, "```")
		c := parseContract(t, "contract: c\ntitle: C\nevents: {e: {title: E}}\n"+block)
		cfg := hook.EndpointConfig{URL: "http://example.com"}
		r, err := c.Plan(cfg).Render(event(`{"price":1.5,"quantity":3,"kind":"new","items":[{"sku":"A","quantity":2}]}`))
		if err != nil || len(r.Body) == 0 {
			t.Errorf("%v: %s", err, block)
		}
	}
	if len(blocks) == 0 {
		t.Error("there is no example")
	}
}

// Only what reads a secret or personal data counts as computed of it.
func TestComputed(t *testing.T) {
	t.Parallel()
	c := parseContract(t, `
contract: c
title: C
events: {e: {title: E, set: {s: {$expr: '"<" + settings.site + ">"'}}}}
sensitive: ["**.email", items.*.phone]
endpoint:
  settings:
    properties:
      site: {type: string, title: Site}
      token: {type: string, title: Token, secret: true}
      hooks: {type: array, title: Hooks, items: {type: object, properties: {key: {type: string, secret: true}, name: {type: string}}}}
  headers:
    A: {$expr: 'settings.hooks[0].key + "!"'}
    B: {$expr: 'settings.hooks.map(h, h.key).join("+")'}
    C: {$expr: 'settings.site + "!"'}
    D: {$expr: '"mail " + payload.a.email'}
    E: {$expr: '"phone " + payload.items[0].phone'}
    F: {$expr: '"other " + payload.items[0].other'}
    G: {$expr: string(payload.size)}
    H: {$expr: payload.none.email}
    I: {$expr: '"set " + set.s'}
    J: {$expr: '"url " + url.full'}
    K: {$expr: '"host " + url.host'}
    L: {$expr: '"try " + string(attempt.number) + settings.hooks[1].key'}
  auth: {bearer: {$expr: '"b-" + settings.token'}}
  body: {$raw: {$expr: '"<t>" + settings.hooks[0].key'}, content_type: text/xml}
`)
	cfg := hook.EndpointConfig{URL: "http://example.com?t=1", Settings: []byte(`{"site":"shop","token":"t0","hooks":[{"key":"k1","name":"n"},{"key":"k2"}]}`)}
	secrets, personal := c.Plan(cfg).Computed(made(`{"a":{"email":"m"},"items":[{"phone":"p","other":"o"}],"size":5}`), &Attempt{Number: 3})
	if d := cmp.Diff([]string{"k1!", "k1+k2", "set <shop>", "url http://example.com?t=1", "try 3k2", "b-t0", "<t>k1"}, secrets); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"mail m", "phone p"}, personal); d != "" {
		t.Error(d)
	}
}

// What is computed of the URL is computed of the one that the request goes to.
func TestComputedOfFilledURL(t *testing.T) {
	t.Parallel()
	c := parseContract(t, `
contract: c
title: C
events: {e: {title: E}}
endpoint:
  query: {n: "${payload.n}", u: {$expr: base64(url.full)}}
  headers: {X-Url: {$expr: hex(url.full)}}
`)
	p := c.Plan(hook.EndpointConfig{URL: "http://example.com?key=t0ken"})
	ev := made(`{"n":5}`)
	r, err := p.Render(ev)
	if err != nil {
		t.Fatal(err)
	}
	secrets, _ := p.Computed(ev, nil)
	u, _ := url.Parse(r.URL)
	i := slices.IndexFunc(r.Headers, func(h hook.Header) bool { return h.Name == "X-Url" })
	for _, want := range []string{r.Headers[i].Value, u.Query().Get("u")} {
		if !slices.Contains(secrets, want) {
			t.Errorf("%s is not among %q", want, secrets)
		}
	}
}

// Everything that can be rendered can be masked, however dear all parts of the request are together.
func TestComputedIsNotShortOfBudget(t *testing.T) {
	t.Parallel()
	var query, headers, want []string
	for i := range 5 {
		dear := func(end string) string {
			want = append(want, "nek0t"+end)
			return fmt.Sprintf(`{$expr: 'payload.l.all(x, x + 1 > 0) ? settings.token.reverse() + "%s" : ""'}`, end)
		}
		query = append(query, fmt.Sprintf("q%d: %s", i, dear(fmt.Sprint("q", i))))
		headers = append(headers, fmt.Sprintf("X-%d: %s", i, dear(fmt.Sprint("h", i))))
	}
	slices.Sort(want)
	c := parseContract(t, `
contract: c
title: C
events: {e: {title: E}}
endpoint:
  settings: {properties: {token: {type: string, title: Token, secret: true}}}
  query: {`+strings.Join(query, ", ")+`}
  headers: {`+strings.Join(headers, ", ")+`, X-N: "${payload.n}"}
`)
	p := c.Plan(hook.EndpointConfig{URL: "http://example.com", Settings: []byte(`{"token":"t0ken"}`)})
	ev := made(`{"n":5,"l":[` + strings.Repeat("1,", 30_000) + `1]}`)
	if _, err := p.Render(ev); err != nil {
		t.Fatal(err)
	}
	secrets, _ := p.Computed(ev, nil)
	slices.Sort(secrets)
	if got := slices.Compact(secrets); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}
