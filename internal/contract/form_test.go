package contract

import (
	"strings"
	"testing"

	"gancho/internal/hook"
)

const formed = `
contract: f
title: F
events: {"*": {title: E}}
endpoint:
  methods: [POST, GET]
  settings:
    properties:
      pairs: {title: Pairs, type: array, items: {type: object, properties: {key: {type: string}, value: {type: string}, place: {type: string}}}}
  pairs: settings.pairs
  form: FORM
`

// The body as fields of a form: in the body, or in the query of a request that has none.
func TestFormFields(t *testing.T) {
	t.Parallel()
	const payload = `{"leads":{"add":[{"id":1.50,"paid":true,"no":null}]}}`
	for form, want := range map[string]string{
		`{fields: nested}`: "leads%5Badd%5D%5B0%5D%5Bid%5D=1.50&leads%5Badd%5D%5B0%5D%5Bpaid%5D=1&x%5By%5D=%C3%BC",
		`{fields: dotted, booleans: words, empty: send}`: "leads.add.0.id=1.50&leads.add.0.paid=true&leads.add.0.no=&x%5By%5D=%C3%BC",
		`{fields: flat}`:   "leads=%7B%22add%22%3A%5B%7B%22id%22%3A1.50%2C%22paid%22%3Atrue%2C%22no%22%3Anull%7D%5D%7D&x%5By%5D=%C3%BC",
		`{field: payload}`: "payload=%7B%22leads%22%3A%7B%22add%22%3A%5B%7B%22id%22%3A1.50%2C%22paid%22%3Atrue%2C%22no%22%3Anull%7D%5D%7D%2C%22x%5By%5D%22%3A%22%C3%BC%22%7D",
		`{fields: dotted, booleans: numbers, when: "true"}`: "leads.add.0.id=1.50&leads.add.0.paid=1&x%5By%5D=%C3%BC",
	} {
		c := parseContract(t, strings.Replace(formed, "FORM", form, 1))
		cfg := hook.EndpointConfig{URL: "http://example.com/?a=b", Settings: []byte(`{"pairs":[{"key":"x[y]","value":"ü","place":"body"},{"key":"q","value":"1","place":"query"}]}`)}
		post, err := c.Render(cfg, event(payload))
		if err != nil || string(post.Body) != want || post.URL != "http://example.com/?a=b&q=1" || post.Headers[0].Value != formContentType {
			t.Errorf("%s: %v\n%s\nwant\n%s\n%v", form, err, post.Body, want, post.Headers)
		}
		cfg.Method = "GET"
		get, err := c.Render(cfg, event(payload))
		if err != nil || get.Body != nil || get.URL != "http://example.com/?a=b&"+want+"&q=1" || strings.Contains(strings.ToLower(get.Headers[0].Name), "content") {
			t.Errorf("%s: %v %+v", form, err, get)
		}
	}
	c := parseContract(t, strings.Replace(formed, "FORM", "{fields: flat}", 1))
	cfg := hook.EndpointConfig{URL: "http://example.com/"}
	for method, want := range map[string]string{"POST": "", "GET": "http://example.com/"} {
		cfg.Method = method
		if r, err := c.Render(cfg, event(`{"a":null}`)); err != nil || len(r.Body) > 0 || want != "" && r.URL != want {
			t.Errorf("a form without fields: %v %+v", err, r)
		}
		if _, err := c.Render(cfg, event(`[1]`)); err == nil || !strings.Contains(err.Error(), "a list has no names") {
			t.Errorf("%s: a list as a flat form: %v", method, err)
		}
		text := &hook.Event{Type: "t", ContentType: "text/plain", Payload: []byte("x")}
		if _, err := c.Render(cfg, text); err == nil || !strings.Contains(err.Error(), "is text/plain") {
			t.Errorf("%s: a text as a form: %v", method, err)
		}
	}
}

func TestWrongForms(t *testing.T) {
	t.Parallel()
	for form, want := range map[string]string{
		`{}`:                            "form has no field.",
		`{field: a, fields: flat}`:      "not both.",
		`{field: ''}`:                   "has no name.",
		`{fields: deep}`:                "deep",
		`{field: a, booleans: words}`:   "booleans says how values are written in fields",
		`{field: a, empty: send}`:       "empty says how values are written in fields",
		`{fields: nested, empty: none}`: "none",
	} {
		_, err := Parse("f.yaml", []byte(strings.Replace(formed, "FORM", form, 1)))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", form, err)
		}
	}
}
