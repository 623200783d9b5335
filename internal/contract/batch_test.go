package contract

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gancho/internal/hook"
)

const batched = `
contract: b
title: B
events: {"*": {title: E, set: {kind: 7}}}
endpoint:
  settings: {properties: {token: {type: string, secret: true, title: T}}}
  headers: {x-key: "${settings.token}"}
  item: {id: "${event.id}", kind: "${set.kind}", data: "${payload}"}
  body: {token: "${settings.token}", events: "${items}", last: true}
delivery:
  batch: {max: 3, wait: 250ms, bytes: 2KiB, failed: response.json.failed}
`

// The parts of several events stand in one body, in their order, as each was made.
func TestTogether(t *testing.T) {
	t.Parallel()
	c := parseContract(t, batched)
	if got, want := c.Batching(), (Batching{Max: 3, Wait: 250 * time.Millisecond, Bytes: 2048}); got != want {
		t.Errorf("limits %+v, want %+v", got, want)
	}
	p := c.Plan(hook.EndpointConfig{URL: "http://x/", Settings: []byte(`{"token":"s/t"}`)})
	first, second := event(`{"a":1.50}`), event(`{"a":"ü"}`)
	second.ID = first.ID
	id := first.ID.String()
	items := make([][]byte, 2)
	var err error
	for i, ev := range []*hook.Event{first, second} {
		if items[i], err = p.Item(ev, nil); err != nil {
			t.Fatal(err)
		}
	}
	got, err := p.Together(items...)
	want := Rendering{
		Method: "POST", URL: "http://x/", Headers: headers("Content-Type", "application/json", "x-key", "s/t", "User-Agent", "Gancho"),
		Body: []byte(`{"token":"s/t","events":[{"id":"` + id + `","kind":7,"data":{"a":1.50}},{"id":"` + id + `","kind":7,"data":{"a":"ü"}}],"last":true}`),
	}
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Errorf("%v %s", err, d)
	}
	one, err := p.Render(first)
	if want := `{"token":"s/t","events":[{"id":"` + id + `","kind":7,"data":{"a":1.50}}],"last":true}`; err != nil || string(one.Body) != want {
		t.Errorf("a request with one event: %s, %v", one.Body, err)
	}
	if !p.SecretBody() || !c.MakesBody() || !c.Batches() || !c.JudgesBody() {
		t.Error("the body has a secret in it, and is no payload; the rule reads the answer")
	}
	text := *first
	text.ContentType = "text/xml"
	if _, err := p.Item(&text, nil); err == nil || !strings.Contains(err.Error(), "text/xml") {
		t.Errorf("a payload that is no JSON: %v", err)
	}
}

// Without item and body, the request is a list of payloads, in the style of the contract.
func TestTogetherPlain(t *testing.T) {
	t.Parallel()
	c := parseContract(t, "contract: b\ntitle: B\nevents: {\"*\": {title: E}}\nendpoint: {json: {compact: true}}\ndelivery: {batch: {}}\n")
	if got, want := c.Batching(), (Batching{Max: 100, Wait: time.Second, Bytes: 1 << 20}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	p := c.Plan(hook.EndpointConfig{URL: "http://x/"})
	item, err := p.Item(event(`{"a": 1}`), nil)
	if err != nil || string(item) != `{"a":1}` {
		t.Fatalf("%s, %v", item, err)
	}
	if got, err := p.Together(item, item); err != nil || string(got.Body) != `[{"a":1},{"a":1}]` {
		t.Errorf("%s, %v", got.Body, err)
	}
	plain := event(`{"a":1}`)
	if item, err := p.Item(plain, nil); err != nil || &item[0] != &plain.Payload[0] {
		t.Errorf("the payload was copied: %v", err)
	}
}

// The answer says by place or by id which events were not taken. What makes no sense is an error.
func TestRefused(t *testing.T) {
	t.Parallel()
	c := parseContract(t, batched)
	events := []*hook.Event{event(`1`), event(`2`), event(`3`)}
	events[1].ID, events[2].ID, events[2].ExternalID = hook.NewEventID(), hook.NewEventID(), "mine"
	for body, want := range map[string]string{
		`{"failed":[0,2]}`: "[true false true]",
		`{"failed":["` + events[1].ID.String() + `"]}`: "[false true false]",
		`{"failed":["mine",0]}`:                        "[true false true]",
		`{"failed":[]}`:                                "[false false false]",
		`{}`:                                           "[false false false]",
		`ok`:                                           "[false false false]",
		`{"failed":[3]}`:                               "it named 3, and the request had 3 events",
		`{"failed":[-1]}`:                              "it named -1",
		`{"failed":[0.5]}`:                             "it named 0.5",
		`{"failed":["other"]}`:                         "it named other",
		`{"failed":[""]}`:                              "it named ", // the others have no external id
		`{"failed":[{"a":1}]}`:                         "it named map",
		`{"failed":{"a":1}}`:                           "no list",
		`{"failed":"` + events[0].ID.String() + `"}`: "no list",
	} {
		got, err := c.Refused(&hook.Response{Status: 200, Body: []byte(body)}, events)
		text := fmt.Sprint(got)
		if err != nil {
			text = err.Error()
		}
		if !strings.Contains(text, want) {
			t.Errorf("%s: %s, want %s", body, text, want)
		}
	}
}

// A rule that cannot be computed for an answer is an error, not an answer without failures.
func TestRefusedCannotBeComputed(t *testing.T) {
	t.Parallel()
	c := parseContract(t, strings.Replace(batched, "failed: response.json.failed", "failed: 'response.json.failed.map(x, x.place * 1)'", 1))
	events := []*hook.Event{event(`1`), event(`2`)}
	for body, want := range map[string]string{`{"failed":[{"place":1}]}`: "[false true]", `{"failed":[{"place":"one"}]}`: "", `{"failed":7}`: "", `{}`: "", `<p>`: ""} {
		got, err := c.Refused(&hook.Response{Status: 200, Body: []byte(body)}, events)
		if (err != nil) != (want == "") || want != "" && fmt.Sprint(got) != want {
			t.Errorf("%s: %v, %v", body, got, err)
		}
	}
}

// A mistake in the body around the events is a message like any other.
func TestBatchBodyWithAMistake(t *testing.T) {
	t.Parallel()
	for _, value := range []string{`{$expr: "1 + 1"}`, `{$when: "1 +", $then: a}`, `{$when: "true"}`, `["${item}"]`} {
		src := "contract: b\ntitle: B\nevents: {\"*\": {title: E}}\nendpoint: {body: {a: " + value + ", events: \"${items}\"}}\ndelivery: {batch: {}}\n"
		_, err := Parse("b.yaml", []byte(src))
		if err == nil || strings.Contains(err.Error(), "exactly once") {
			t.Errorf("%s: %v", value, err)
		}
	}
}

// Whoever names all events of a large request many times over costs little work.
func BenchmarkRefused(b *testing.B) {
	c, err := Parse("b.yaml", []byte(batched))
	if err != nil {
		b.Fatal(err)
	}
	events := make([]*hook.Event, hook.MaxBatch)
	var names []string
	for i := range events {
		events[i] = event(`1`)
		events[i].ID = hook.NewEventID()
		names = append(names, events[i].ID.String())
	}
	body := []byte(`{"failed":["` + strings.Join(names, `","`) + `"]}`)
	for b.Loop() {
		if _, err := c.Refused(&hook.Response{Status: 200, Body: body}, events); err != nil {
			b.Fatal(err)
		}
	}
}

// A part may name its attempt, by itself or in a constant, and so does a request with one part.
func TestItemOfAnAttempt(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"itself":        strings.Replace(batched, `data: "${payload}"`, `try: "${attempt.number}"`, 1),
		"in a constant": strings.Replace(batched, "set: {kind: 7}", `set: {kind: "${attempt.number}"}`, 1),
	} {
		c := parseContract(t, text)
		p := c.Plan(hook.EndpointConfig{URL: "http://x/", Settings: []byte(`{"token":"t"}`)})
		first, err := p.Item(event(`1`), nil)
		if err != nil {
			t.Fatal(err)
		}
		third, err := p.RenderFor(event(`1`), &Attempt{Number: 3})
		if !p.BodyPerAttempt() || err != nil || strings.Contains(string(first), ":3") || !strings.Contains(string(third.Body), ":3") {
			t.Errorf("%s: first %s, third %s, %v", name, first, third.Body, err)
		}
	}
	if parseContract(t, batched).Plan(hook.EndpointConfig{URL: "http://x/"}).BodyPerAttempt() {
		t.Error("nothing names the attempt")
	}
}

// lines is a contract whose requests are texts of several events.
func lines(endpoint string) string {
	return "contract: b\ntitle: B\nevents: {\"*\": {title: E}}\nendpoint: {" + endpoint + "}\ndelivery: {batch: {}}\n"
}

// A body that is a text holds the items of several events, with a separator between them. The functions of texts write each item.
func TestTogetherAsText(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ endpoint, want string }{
		"XML": {
			`item: {$raw: '<e id="${xml(payload.id)}">${xml(payload.n)}</e>'}, body: {$raw: "<all>${items}</all>", content_type: text/xml}`,
			`text/xml <all><e id="a&lt;b">1.50</e><e id="&#34;x">2</e></all>`,
		},
		"CSV with a line of names": {
			`item: {$raw: '${csv(payload.id)};${csv(payload.n)}'}, body: {$raw: "id;n\n${items}\n", join: "\n", content_type: text/csv}`,
			"text/csv id;n\na<b;1.50\n\"\"\"x\";2\n",
		},
		"a line of JSON each": {
			`body: {$raw: "${items}\n", join: "\n", content_type: application/x-ndjson}`,
			"application/x-ndjson {\"id\":\"a<b\",\"n\":1.50}\n{\"id\":\"\\\"x\",\"n\":2}\n",
		},
		"JSON in the style of the contract": {
			`json: {ascii: true}, item: {i: "${payload.id}", u: "ü"}, body: {$raw: "${items}", join: "|", content_type: text/plain}`,
			`text/plain {"i":"a<b","u":"\u00fc"}|{"i":"\"x","u":"\u00fc"}`,
		},
		"a function of each item of JSON": {
			`body: {$raw: "<i>${xml(items)}</i>", join: "</i><i>", content_type: text/xml}`,
			`text/xml <i>{&#34;id&#34;:&#34;a&lt;b&#34;,&#34;n&#34;:1.50}</i><i>{&#34;id&#34;:&#34;\&#34;x&#34;,&#34;n&#34;:2}</i>`,
		},
		"no separator": {`item: {$raw: "[${payload.n}]"}, body: {$raw: "${items}", content_type: text/plain}`, `text/plain [1.50][2]`},
		"the whole text in a field of a form": {
			`form: {field: list}, item: {$raw: "${payload.n}"}, body: {$raw: "${items}", join: "&", content_type: text/plain}`,
			`application/x-www-form-urlencoded list=1.50%262`,
		},
		"a list in a field of a form": {
			`form: {field: list}, item: {n: "${payload.n}"}`,
			`application/x-www-form-urlencoded list=%5B%7B%22n%22%3A1.50%7D%2C%7B%22n%22%3A2%7D%5D`,
		},
		"fields of a list": {`form: {fields: nested}, item: {n: "${payload.n}"}`, `application/x-www-form-urlencoded 0%5Bn%5D=1.50&1%5Bn%5D=2`},
		"fields of a list with a name": {
			`form: {fields: dotted}, item: {n: "${payload.n}"}, body: {all: "${items}", last: true}`,
			`application/x-www-form-urlencoded all.0.n=1.50&all.1.n=2&last=1`,
		},
	} {
		c := parseContract(t, lines(tt.endpoint))
		p := c.Plan(hook.EndpointConfig{URL: "http://x/"})
		var items [][]byte
		for _, payload := range []string{`{"id": "a<b", "n": 1.50}`, "{\"id\":\"\\\"x\",\n\"n\":2}"} {
			item, err := p.Item(event(payload), nil)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			items = append(items, item)
		}
		r, err := p.Together(items...)
		if got := fmt.Sprintf("%s %s", r.Headers[0].Value, r.Body); err != nil || got != tt.want {
			t.Errorf("%s: %s, %v\nwant %s", name, got, err, tt.want)
		}
	}
}

// A text that nobody makes anything of can be an item as it is; JSON and other texts cannot stand for each other.
func TestItemsOfTexts(t *testing.T) {
	t.Parallel()
	text := event("a,b\r\n")
	text.ContentType = "text/csv"
	for endpoint, want := range map[string]string{
		`body: {$raw: "${items}", content_type: text/csv}`:                                  "a,b\r\n",
		`item: {$raw: "${csv(payload)}"}, body: {$raw: "${items}", content_type: text/csv}`: "text/csv",
		`item: {a: 1}, body: {$raw: "${items}", content_type: text/csv}`:                    "text/csv",
		`body: {all: "${items}"}`: "text/csv",
		`item: {$raw: {$expr: payload.x}}, body: {$raw: "${items}", content_type: text/plain}`: "text/csv",
	} {
		item, err := parseContract(t, lines(endpoint)).Plan(hook.EndpointConfig{URL: "http://x/"}).Item(text, nil)
		if err != nil {
			item = []byte(err.Error())
		}
		if !strings.Contains(string(item), want) {
			t.Errorf("%s: %s, want %s", endpoint, item, want)
		}
	}
	p := parseContract(t, lines(`item: {$raw: {$expr: payload.x}}, body: {$raw: "${items}", content_type: text/plain}`)).Plan(hook.EndpointConfig{URL: "http://x/"})
	if _, err := p.Item(event(`{}`), nil); err == nil || !strings.Contains(err.Error(), "gives nothing") {
		t.Errorf("an item of nothing: %v", err)
	}
	p = parseContract(t, lines(`form: {fields: flat}, body: {all: "${items}"}`)).Plan(hook.EndpointConfig{URL: "http://x/"})
	if item, err := p.Item(event(`{"a":1}`), nil); err != nil || string(item) != `{"a":1}` {
		t.Errorf("%s, %v", item, err)
	}
	deep := strings.Repeat("[", 70) + strings.Repeat("]", 70)
	p = parseContract(t, lines(`form: {fields: nested}`)).Plan(hook.EndpointConfig{URL: "http://x/"})
	if _, err := p.Item(event(deep), nil); err == nil || !strings.Contains(err.Error(), "form") {
		t.Errorf("an item that makes no fields: %v", err)
	}
}
