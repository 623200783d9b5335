package contract

import (
	"strings"
	"testing"
	"time"

	"gancho/internal/hook"
)

func TestDelayProblems(t *testing.T) {
	t.Parallel()
	const head = "contract: shop\ntitle: {en: Shop}\nevents: {a: {title: {en: A}}}\ndelivery:\n  "
	for text, want := range map[string]string{
		`delay: soon`:                                          "4:",
		`delay: 800h`:                                          "4:",
		`debounce: 30s`:                                        "4:",
		`debounce: {wait: 30s}`:                                "has no key",
		`debounce: {key: "${payload.id}"}`:                     "has no wait",
		`debounce: {key: orders, wait: 1s}`:                    "would replace each other",
		`debounce: {key: "${settings.a}", wait: 1s}`:           "no settings here",
		`debounce: {key: {$expr: "settings.a"}, wait: 1s}`:     "no settings here",
		`debounce: {key: "${payload.id}", wait: 1m, max: 5s}`:  "max is less than wait",
		`debounce: {key: "${payload.id}", wait: 1m, most: 5s}`: "most",
	} {
		_, err := Parse("shop.yaml", []byte(head+text+"\n"))
		if err == nil || !strings.Contains(err.Error(), strings.Replace(want, "4:", "5:", 1)) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func TestWaits(t *testing.T) {
	t.Parallel()
	c, err := Parse("shop.yaml", []byte(`contract: shop
title: {en: Shop}
events: {a: {title: {en: A}}}
delivery: {delay: 10m, retry: [5s, 1m], debounce: {key: "${event.type}/${payload.id}", wait: 30s, max: 2m}}
`))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := c.Waits(), (Waits{10 * time.Minute, 30 * time.Second, 2 * time.Minute}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := c.FirstDelay(hook.EndpointConfig{}); got != 10*time.Minute+5*time.Second {
		t.Errorf("first delay %s", got)
	}
	if got := c.FirstDelay(hook.EndpointConfig{Retry: []time.Duration{time.Second}}); got != 10*time.Minute+time.Second {
		t.Errorf("first delay %s with the endpoint's own schedule", got)
	}
	of := func(kind, payload string) *hook.Debounce {
		d, err := c.Debounce(nil, &hook.Event{Type: kind, Payload: []byte(payload)})
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	one := of("a", `{"id":1,"x":1}`)
	if one == nil || one.Wait != 30*time.Second || one.Max != 2*time.Minute {
		t.Fatalf("%+v", one)
	}
	if same := of("a", `{"id":1,"x":2}`); same.Key != one.Key {
		t.Error("the same key has another sum")
	}
	for _, other := range []*hook.Debounce{of("b", `{"id":1}`), of("a", `{"id":2}`)} {
		if other.Key == one.Key {
			t.Error("another key has the same sum")
		}
	}
	if d := of("a", `{"x":1}`); d != nil {
		t.Errorf("without the key: %+v", d)
	}
}
