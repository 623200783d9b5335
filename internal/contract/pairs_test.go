package contract

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gancho/internal/hook"
)

const paired = `
contract: p
title: P
events: {e: {title: E}}
endpoint:
  settings:
    properties:
      pairs: {title: Pairs, type: array, items: {type: object, properties: {key: {type: string}, value: {type: string}, place: {type: [string, "null"]}}}}
  headers: {x-own: "1"}
  pairs: settings.pairs
`

// Pairs that a person lists: where they go in the request, and which are refused.
func TestPairs(t *testing.T) {
	t.Parallel()
	c := parseContract(t, paired)
	pairs := func(list string) hook.EndpointConfig {
		return hook.EndpointConfig{URL: "http://example.com/", Settings: []byte(`{"pairs":[` + list + `]}`), Headers: headers("X-Endpoint", "e")}
	}
	item := `{"key":"a","value":"1","place":"query"}`
	for list, want := range map[string]string{
		strings.Repeat(item+",", MaxPairs-1) + item:                                       "",
		strings.Repeat(item+",", MaxPairs) + `{"key":"","place":"query"}`:                 "/settings/pairs pairs_too_many",
		`{"key":"Content-Type","value":"x"}`:                                              "/settings/pairs/0/key header_of_contract",
		`{"key":"X-OWN","value":"x"}`:                                                     "/settings/pairs/0/key header_of_contract",
		`{"key":"host","value":"x"}`:                                                      "/settings/pairs/0/key header_of_gancho",
		`{"key":"x-a","value":"a\nb"}`:                                                    "/settings/pairs/0/value header_value_control",
		`{"key":"x-endpoint","value":"x"}`:                                                "/settings/pairs/0/key pair_twice",
		`{"key":"x-a","value":"1"},{"key":"X-A","value":"2","place":null}`:                "/settings/pairs/1/key pair_twice",
		`{"key":"a","value":"1","place":"body"},{"key":"a","value":"2","place":"body"}`:   "/settings/pairs/1/key pair_twice",
		`{"key":"a","value":"1","place":"body"},{"key":"A","value":"2","place":"body"}`:   "",
		`{"key":"a","value":"1","place":"query"},{"key":"a","value":"2","place":"query"}`: "",
		`{"key":"a","value":"1","place":"body"},{"key":"a","value":"2"}`:                  "",
		`{"key":"","value":"1","place":"body"},{"key":"","value":"2","place":"query"}`:    "/settings/pairs/0/key empty, /settings/pairs/1/key empty",
		`{"key":"a","value":"1","place":"path"}`:                                          "/settings/pairs/0/place not_possible",
	} {
		if got := found(c.CheckEndpoint(pairs(list))); got != want {
			t.Errorf("%.100s: got %q, want %q", list, got, want)
		}
	}
	all := `{"key":"x-1","value":"h"},{"key":"q","value":"a&b","place":"query"},{"key":"b","value":"\"","place":"body"},{"key":"x-2","value":"i"}`
	for _, tc := range []struct{ url, wantURL, payload, body string }{
		{"http://example.com/", "http://example.com/?q=a%26b", `{"a":1}`, `{"a":1,"b":"\""}`},
		{"http://example.com/?", "http://example.com/?q=a%26b", `{ }`, `{ "b":"\""}`},
		{"http://example.com/?x", "http://example.com/?x&q=a%26b", `{"b":{"c":1},"a":1}`, `{"b":"\"","a":1}`},
		{"http://example.com/?x=1&", "http://example.com/?x=1&q=a%26b", `{"a":{}}`, `{"a":{},"b":"\""}`},
	} {
		cfg := pairs(all)
		cfg.URL = tc.url
		r, err := c.Render(cfg, event(tc.payload))
		if err != nil {
			t.Fatal(err)
		}
		want := Rendering{
			Method: "POST", URL: tc.wantURL, Body: []byte(tc.body),
			Headers: headers("Content-Type", "application/json", "x-own", "1", "x-1", "h", "x-2", "i", "X-Endpoint", "e", "User-Agent", "Gancho"),
		}
		if d := cmp.Diff(want, r); d != "" {
			t.Error(d)
		}
	}
	const wrong = "the pair b goes into the body, and the body is no JSON object"
	if _, err := c.Render(pairs(all), event(`[1]`)); err == nil || err.Error() != wrong {
		t.Errorf("got %v, want %s", err, wrong)
	}
	if !c.Plan(pairs(all)).SecretBody() || c.Plan(pairs(item)).SecretBody() {
		t.Error("a pair in the body, and no other, makes the body secret")
	}
}
