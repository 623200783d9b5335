package contract

import (
	"encoding/xml"
	"strings"
	"testing"

	"gancho/internal/hook"
	"gancho/internal/mask"
)

const soap = `
contract: soap
title: Soap
events: {"*": {title: E}}
endpoint:
  settings: {properties: {key: {type: string, secret: true, title: K}, source: {type: string, title: S}}}
  body:
    $raw: RAW
    content_type: text/xml; charset=utf-8
`

func raw(t *testing.T, text string) *Contract {
	t.Helper()
	return parseContract(t, strings.Replace(soap, "RAW", text, 1))
}

// A body that is a text: what it names is written for its format, what is absent is empty, and lists are computed.
func TestRawBody(t *testing.T) {
	t.Parallel()
	cfg := hook.EndpointConfig{URL: "http://example.com", Settings: []byte(`{"key":"s<cret & more"}`)}
	for text, want := range map[string]string{
		`'<n id="${xml(payload.id)}" none="${xml(payload.none)}${ xml( payload.null ) }">${xml(payload.name)} ${raw(payload.xml)} ${xml(settings.key)}</n>'`: "" +
			`<n id="1.50" none="">a&lt;b&gt; &amp; &#34;c&#34;` + "\ufffd" + ` <i/> s&lt;cret &amp; more</n>`,
		`{$expr: '"<l>" + payload.list.map(i, "<n>" + xml(i.id) + "</n>").join("") + "</l>"'}`: "<l><n>1</n><n>&lt;2&gt;</n><n></n></l>",
		`'no values'`: "no values",
		`''`:          "",
	} {
		c := raw(t, text)
		r, err := c.Render(cfg, event(`{"id":1.50,"null":null,"name":"a<b> & \"c\"\u0001","xml":"<i/>","list":[{"id":1},{"id":"<2>"},{}]}`))
		if err != nil || string(r.Body) != want || r.Headers[0] != (hook.Header{Name: "Content-Type", Value: "text/xml; charset=utf-8"}) {
			t.Errorf("%s: %v\n%s\nwant\n%s\n%v", text, err, r.Body, want, r.Headers)
		}
		if strings.HasPrefix(want, "<") {
			if err := xml.Unmarshal(r.Body, &struct{}{}); err != nil {
				t.Errorf("%s: %v", r.Body, err)
			}
		}
		secret := strings.Contains(text, "settings.key")
		if c.Plan(cfg).SecretBody() != secret || !c.MakesBody() {
			t.Errorf("%s: secret %t", text, !secret)
		}
		if shown := string(c.Mask(cfg).Body(r.Body)); strings.Contains(shown, "cret") || secret != strings.Contains(shown, mask.Text) {
			t.Errorf("shown: %s", shown)
		}
	}
	if _, err := raw(t, `{$expr: payload.none}`).Render(cfg, event(`{}`)); err == nil || !strings.Contains(err.Error(), "gives nothing") {
		t.Error(err)
	}
	if _, err := raw(t, `"${xml(payload)}`+strings.Repeat("${xml(payload)}", 40)+`"`).Render(cfg, event(`{"a":"`+strings.Repeat("<", 200_000)+`"}`)); err == nil ||
		!strings.Contains(err.Error(), "more than 16777216 bytes") {
		t.Error(err)
	}
	text := &hook.Event{Type: "t", ContentType: "text/plain", Payload: []byte("x")}
	if _, err := raw(t, `a`).Render(cfg, text); err == nil || !strings.Contains(err.Error(), "is text/plain") {
		t.Error(err)
	}
}

// What is 100 notifications in one message of Salesforce stays within the limits of expressions.
func TestRawListOfHundred(t *testing.T) {
	t.Parallel()
	c := raw(t, `{$expr: 'payload.list.map(n, "<Notification><Id>" + xml(n.id) + "</Id><sObject><sf:Name>" + xml(n.name) + "</sf:Name></sObject></Notification>").join("")'}`)
	item := `{"id":"04l000000000000AAA","name":"` + strings.Repeat("Ana & Co ", 20) + `"}`
	r, err := c.Render(hook.EndpointConfig{URL: "http://example.com"}, event(`{"list":[`+strings.Repeat(item+",", 99)+item+`]}`))
	if err != nil || strings.Count(string(r.Body), "<Notification>") != 100 {
		t.Errorf("%v, %d bytes", err, len(r.Body))
	}
}

func TestWrongBodies(t *testing.T) {
	t.Parallel()
	const begin = "contract: b\ntitle: B\nevents: {e: {title: E}}\nendpoint:\n  settings: {properties: {key: {type: string, secret: true, title: K}, source: {type: string, title: S}}}\n"
	for src, want := range map[string]string{
		"  body: '<xml>'\n":              "6:9: This body is a text, and a body is JSON: an object or a list. For XML or any other text write body: {$raw:",
		"  body: |\n    <x/>\n":          "$raw",
		"  body: paylod\n":               "Did you mean payload?",
		"  body: '${json(payload)}'\n":   "Write payload for the whole document",
		"  body: settings\n":             "6:9: This body would send all settings, and key is secret. Name what is to be sent",
		"  body: {a: '${settings}'}\n":   "needs the name of a setting",
		"  body: {$expr: settings}\n":    "needs the name of a setting",
		"  body: payload\n":              "",
		"  body: '${payload.a}'\n":       "",
		"  body: {a: '${xml(payload)}'}": "",
		"  body: {$raw: '<a>${payload.b}</a>', content_type: application/soap+xml}\n": "6:17: ${payload.b} is not written as application/soap+xml needs it",
		"  body: {$raw: '{${payload.b.c}', content_type: application/json}\n":         "Write ${json(payload.b.c)}, or ${raw(payload.b.c)}",
		"  body: {$raw: '${payload.b}', content_type: text/plain}\n":                  "",
		"  body: {$raw: '${html(payload.b)}', content_type: text/plain}\n":            "there is no function html.",
		"  body: {$raw: '${xlm(payload.b)}', content_type: text/xml}\n":               "Did you mean xml?",
		"  body: {$raw: '${xml(paylod.b)}', content_type: text/xml}\n":                "Did you mean payload?",
		"  body: {$raw: '${xml(payload.b}', content_type: text/xml}\n":                "cannot be read",
		"  body: {$raw: a}\n": "does not say what kind of text it is",
		"  body: {$raw: a, content_type: text/plain, b: 1}\n":                       "body has no key b.",
		"  body: {$raw: a, content_type: text/plain}\n  content_type: a/b\n":        "has a content_type already",
		"  body: {$raw: a, content_type: text/plain}\n  json: {compact: true}\n":    "json is for bodies of JSON",
		"  body: {$raw: a, content_type: text/plain}\n  schema: {type: object}\n":   "schema is for bodies of JSON",
		"  body: {$raw: a, content_type: text/plain}\n  form: {fields: nested}\n":   "fields needs a body of JSON",
		"  body: {$raw: a, content_type: text/plain}\n  form: {field: data}\n":      "",
		"  body: {$raw: a, content_type: a/b}\n  sign: {body: {s: '${signature}'}}": "",
	} {
		_, err := Parse("b.yaml", []byte(begin+src))
		got := ""
		if err != nil {
			got = err.Error()
		}
		if want == "" && got != "" && !strings.Contains(src, "sign") || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", src, got, want)
		}
	}
	if _, err := ParseStored("b.yaml", []byte(begin+"  body: settings\n")); err != nil {
		t.Errorf("what was accepted earlier is refused: %v", err)
	}
	if _, err := Parse("b.yaml", []byte("contract: b\ntitle: B\nevents: {e: {title: E}}\nendpoint: {settings: {properties: {s: {type: string, title: S}}}, body: settings}\n")); err != nil {
		t.Errorf("settings without a secret: %v", err)
	}
}

// No pair can stand in a text.
func TestPairInRawBody(t *testing.T) {
	t.Parallel()
	c := parseContract(t, strings.Replace(paired, "  pairs: settings.pairs\n", "  pairs: settings.pairs\n  body: {$raw: a, content_type: text/plain}\n", 1))
	got := found(c.CheckEndpoint(hook.EndpointConfig{URL: "http://example.com", Settings: []byte(`{"pairs":[{"key":"a","value":"b","place":"body"}]}`)}))
	if got != "/settings/pairs/0/place pair_no_member" {
		t.Error(got)
	}
}
