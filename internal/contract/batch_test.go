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
