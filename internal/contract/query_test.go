package contract

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gancho/internal/hook"
)

const queried = `
contract: q
title: Q
events: {"*": {title: E}}
endpoint:
  methods: [POST, GET, DELETE]
  settings:
    properties:
      token: {type: string, secret: true, title: T}
      pairs: {title: Pairs, type: array, items: {type: object, properties: {key: {type: string}, value: {type: string}, place: {type: string}}}}
  headers: {content-type: application/json, x-own: "1"}
  query: {"a b": "${payload.a}", key: "${settings.token}", event: "${event.type}", all: "${payload}"}
  pairs: settings.pairs
  body: {n: "${payload.a}"}
`

// A request by a method that carries no body has none, and nothing that says what it is. The query has the values, also
// those of pairs that would stand in the body.
func TestNoBody(t *testing.T) {
	t.Parallel()
	c := parseContract(t, queried)
	cfg := hook.EndpointConfig{URL: "http://example.com/?x=%7e", Settings: []byte(
		`{"token":"s&t","pairs":[{"key":"p","value":"1","place":"query"},{"key":"b","value":"ü","place":"body"}]}`)}
	for method, want := range map[string]Rendering{
		"GET": {
			URL:     "http://example.com/?x=%7e&a+b=1.50&key=s%26t&event=order.paid&all=%7B%22a%22%3A1.50%7D&p=1&b=%C3%BC",
			Headers: headers("x-own", "1", "User-Agent", "Gancho"),
		},
		"POST": {
			URL:     "http://example.com/?x=%7e&a+b=1.50&key=s%26t&event=order.paid&all=%7B%22a%22%3A1.50%7D&p=1",
			Headers: headers("content-type", "application/json", "x-own", "1", "User-Agent", "Gancho"),
			Body:    []byte(`{"n":1.50,"b":"ü"}`),
		},
	} {
		cfg.Method, want.Method = method, method
		got, err := c.Render(cfg, event(`{"a":1.50}`))
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", method, d)
		}
	}
	cfg.Method = "DELETE"
	for payload, want := range map[string]string{
		`{"a":null}`: "http://example.com/?x=%7e&key=s%26t&event=order.paid&all=%7B%22a%22%3Anull%7D&p=1&b=%C3%BC",
		`{"a":"` + strings.Repeat("é", 2000) + `"}`: "the URL would have 24",
	} {
		got, err := c.Render(cfg, event(payload))
		if err != nil {
			got.URL = err.Error()
		}
		if !strings.HasPrefix(got.URL, want) || err == nil && got.URL != want {
			t.Errorf("%.20s: %.200s", payload, got.URL)
		}
	}
	text := &hook.Event{Type: "t", ContentType: "text/plain", Payload: []byte("x")}
	if got, err := c.Render(cfg, text); err != nil || got.Body != nil || cmp.Diff(headers("x-own", "1", "User-Agent", "Gancho"), got.Headers) != "" {
		t.Errorf("a payload that is text: %v, %+v", err, got)
	}
}

// A query that is the same for all events is part of the plan.
func TestStaticQuery(t *testing.T) {
	t.Parallel()
	c := parseContract(t, strings.Replace(queried, `event: "${event.type}", all: "${payload}"`, "", 1))
	c2 := parseContract(t, strings.Replace(queried, `"a b": "${payload.a}", key: "${settings.token}", event: "${event.type}", all: "${payload}"`,
		`key: "${settings.token}", none: "${settings.pairs}"`, 1))
	cfg := hook.EndpointConfig{URL: "http://example.com", Settings: []byte(`{"token":"t"}`)}
	if p := c2.Plan(cfg); p.urlOfEvent || p.url != "http://example.com?key=t" {
		t.Errorf("%q", p.url)
	}
	if p := c.Plan(cfg); !p.urlOfEvent || p.url != cfg.URL {
		t.Error("a query that depends on the event is filled in before there is one")
	}
}

func TestWrongQueries(t *testing.T) {
	t.Parallel()
	const begin = "contract: q\ntitle: Q\nevents: {e: {title: E}}\nendpoint:\n"
	for src, want := range map[string]string{
		"  query: a\n":                                                "query is a mapping from names to values, not a text.",
		"  query: {a: '${payload.b'}\n":                               "is not closed",
		"  query: {a: null}\n":                                        "The parameter a has no value.",
		"  headers: {X-N: null}\n":                                    "The header X-N has no value.",
		"  headers:\n    X-N:\n":                                      "The header X-N has no value.",
		"  query: {a: ''}\n  headers: {b: ''}\n":                      "",
		"  query: {sig: a}\n  sign: {query: {sig: '${signature}'}}\n": "The parameter sig carries the signature.",
		"  method: GET\n  body: {a: 1}\n":                             "A request with the method GET carries no body.",
		"  method: DELETE\n  json: {compact: true}\n":                 "A request with the method DELETE carries no body.",
		"  method: GET\n  body: {a: 1}\n  form: {field: f}\n":         "",
		"  methods: [POST, GET]\n  body: {a: 1}\n":                    "",
	} {
		_, err := Parse("q.yaml", []byte(begin+src))
		got := ""
		if err != nil {
			got = err.Error()
		}
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: %q", src, got)
		}
		if _, err := ParseStored("q.yaml", []byte(begin+src)); err != nil && !strings.Contains(err.Error(), "signature") && strings.Contains(want, "no ") {
			t.Errorf("what was accepted earlier is refused: %s: %v", src, err)
		}
	}
}
