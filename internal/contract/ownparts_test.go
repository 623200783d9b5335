package contract

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gancho/internal/hook"
)

const ofTypesYAML = `contract: own
title: Own
events:
  push:
    title: Push
    headers: {X-Gitlab-Event: Push Hook}
    set: {topic: repo/push, rank: 1.50, list: [a, null]}
  tag:
    title: Tag
    headers: {x-kind: "${payload.kind}", X-Only: "${set.topic}!"}
    set: {topic: "tag/${payload.kind}"}
  plain: {title: Plain}
  "*": {title: Other, headers: {X-Gitlab-Event: "Other ${event.type}"}}
endpoint:
  user_agent: none
  content_type: application/json
  headers: {X-Kind: any, X-Topic: "${set.topic}"}
  body: {topic: "${set.topic}", rank: "${set.rank}", list: "${set.list}", id: "${payload.id}"}
`

// An event type has headers and constants of its own: they replace those of the endpoint, whatever their case, and are
// added to them.
func TestOwnParts(t *testing.T) {
	t.Parallel()
	c := parseContract(t, ofTypesYAML)
	json := []string{"Content-Type", "application/json"}
	for _, tc := range []struct {
		eventType, payload, body string
		headers                  []string
	}{
		{
			"push", `{"id":7}`, `{"topic":"repo/push","rank":1.50,"list":["a",null],"id":7}`,
			[]string{"X-Kind", "any", "X-Topic", "repo/push", "X-Gitlab-Event", "Push Hook"},
		},
		{"tag", `{"id":7,"kind":"v"}`, `{"topic":"tag/v","id":7}`, []string{"x-kind", "v", "X-Topic", "tag/v", "X-Only", "tag/v!"}},
		{"tag", `{"id":7}`, `{"id":7}`, []string{"X-Kind", "any"}},
		{"plain", `{"id":7}`, `{"id":7}`, []string{"X-Kind", "any"}},
		{"new.one", `{"id":7}`, `{"id":7}`, []string{"X-Kind", "any", "X-Gitlab-Event", "Other new.one"}},
	} {
		ev := event(tc.payload)
		ev.Type = tc.eventType
		r, err := c.Render(hook.EndpointConfig{URL: "http://example.com"}, ev)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(headers(append(json, tc.headers...)...), r.Headers); d != "" {
			t.Errorf("%s: %s", tc.eventType, d)
		}
		if string(r.Body) != tc.body {
			t.Errorf("%s: %s", tc.eventType, r.Body)
		}
	}
}

// The headers of requests are made once for each plan; a type with headers of its own does not change those of others.
//
//nolint:paralleltest // it counts allocations
func TestOwnHeadersLeaveOthersAlone(t *testing.T) {
	c := parseContract(t, `contract: own
title: Own
events: {a: {title: A, headers: {X-B: "2", user-agent: it}}, b: {title: B}}
endpoint: {headers: {x-b: "1"}}
`)
	p := c.Plan(hook.EndpointConfig{URL: "http://example.com"})
	for range 2 {
		for eventType, want := range map[string][]string{
			"a": {"Content-Type", "application/json", "X-B", "2", "user-agent", "it"},
			"b": {"Content-Type", "application/json", "x-b", "1", "User-Agent", "Gancho"},
		} {
			ev := event(`{}`)
			ev.Type = eventType
			r, err := p.Render(ev)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(headers(want...), r.Headers); d != "" {
				t.Errorf("%s: %s", eventType, d)
			}
		}
	}
	ev := event(`{}`)
	ev.Type = "b"
	if n := testing.AllocsPerRun(100, func() { _, _ = p.HeadFor(ev, nil) }); n > 0 {
		t.Errorf("a request of a type without headers of its own costs %v allocations", n)
	}
	if found := c.CheckEndpoint(hook.EndpointConfig{URL: "http://example.com", Headers: headers("user-agent", "me")}); len(found) != 1 {
		t.Errorf("an endpoint can set a header of an event type: %v", found)
	}
}

// A header of an event type is checked like any other, also when it is filled in.
func TestOwnHeadersAreChecked(t *testing.T) {
	t.Parallel()
	c := parseContract(t, `contract: own
title: Own
events: {a: {title: A, headers: {X-B: "${settings.b}", X-C: "${payload.c}"}}}
endpoint: {settings: {properties: {b: {type: string, title: B}}}}
`)
	cfg := hook.EndpointConfig{URL: "http://example.com", Settings: []byte(`{"b":"1\n2"}`)}
	if found := c.CheckEndpoint(cfg); len(found) != 1 || found[0].Pointer != "/settings/b" {
		t.Errorf("a line break in a setting: %v", found)
	}
	cfg.Settings = nil
	ev := event(`{"c":"1\n2"}`)
	ev.Type = "a"
	if _, err := c.Render(cfg, ev); err == nil || !strings.Contains(err.Error(), "X-C") {
		t.Errorf("a line break in a header: %v", err)
	}
}

// What is wrong with set and headers is said where it stands.
func TestOwnPartsRefused(t *testing.T) {
	t.Parallel()
	const top = "contract: own\ntitle: Own\nevents:\n  a:\n    title: A\n"
	for _, tc := range []struct{ yaml, want string }{
		{"    set: {topic: a}\nendpoint: {headers: {X-T: \"${set.tpic}\"}}\n", "no event type sets tpic. Did you mean topic?"},
		{"endpoint: {headers: {X-T: \"${set.topic}\"}}\n", "no event type sets constants"},
		{"    set: {topic: a}\nendpoint: {headers: {X-T: \"${set}\"}}\n", "${set} needs the name"},
		{"    set: {topic: a}\nendpoint: {body: set}\n", "A payload is a JSON object"},
		{"endpoint: {body: event}\n", "A payload is a JSON object"},
		{"    set: [a]\n", "set is a mapping"},
		{"    set: {a b: 1}\n", "cannot be the name of a constant"},
		{"    set: {a: 1, b: \"${set.a}\"}\n", "there is no set here"},
		{"    headers: {Content-Type: text/plain}\n", "type of the content is not given here"},
		{"    headers: {content-length: 1}\n", "set by Gancho itself"},
		{"    headers: {X-A: 1, x-a: 2}\n", "is there already"},
		{"    headers: [X-A]\n", "headers is a mapping"},
		{"    headers: {webhook-id: a}\nendpoint: {sign: standard-webhooks}\n", "signature"},
		{"    headers: {X-A: \"${credential.id}\"}\ncredentials: {api_key: {length: 30, alphabet: a-z}}\n", "endpoints have none"},
	} {
		_, err := Parse("own.yaml", []byte(top+tc.yaml))
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v", tc.yaml, err)
		}
	}
}

// A body with a constant that is made of a secret hides it as if it named the secret itself.
func TestOwnSecretConstant(t *testing.T) {
	t.Parallel()
	c := parseContract(t, `contract: own
title: Own
events: {a: {title: A, set: {k: "${settings.key}"}}}
endpoint: {settings: {properties: {key: {type: string, secret: true, title: K}}}, body: {k: "${set.k}"}}
`)
	if !c.Plan(hook.EndpointConfig{URL: "http://example.com"}).SecretBody() {
		t.Error("the body shows a secret")
	}
}
