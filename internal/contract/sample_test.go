package contract

import (
	"testing"

	"gancho/internal/hook"
)

func TestSample(t *testing.T) {
	t.Parallel()
	parse := func(events string) *Contract {
		t.Helper()
		c, err := Parse("x.yaml", []byte("contract: x\ntitle: {en: X}\nevents:\n"+events))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	some := parse("  a.one: {title: {en: One}}\n  a.two: {title: {en: Two}, example: '{\"n\": 2}'}\n  b: {title: {en: B}, example: '[3]'}\n")
	open := parse("  \"*\": {title: {en: Any}, example: '[ 1 ]'}\n")
	bare := parse("  a: {title: {en: A}}\n")
	for _, c := range []struct {
		contract      *Contract
		globs         []string
		name, payload string
	}{
		{some, nil, "a.two", `{"n": 2}`},
		{some, []string{"b"}, "b", "[3]"},
		{some, []string{"*.one"}, "a.one", emptySample},
		{some, []string{"nothing"}, "a.two", `{"n": 2}`},
		{some, []string{""}, "a.two", `{"n": 2}`}, // not a glob
		{open, nil, "test", "[ 1 ]"},
		{open, []string{"order.*"}, "order.test", "[ 1 ]"},
		{open, []string{"*.paid", "x"}, "test.paid", "[ 1 ]"},
		{open, []string{".*"}, "test", "[ 1 ]"},
		{bare, nil, "a", emptySample},
	} {
		name, payload := c.contract.Sample(hook.EndpointConfig{EventTypes: c.globs})
		if name != c.name || string(payload) != c.payload {
			t.Errorf("%v: %s %s, want %s %s", c.globs, name, payload, c.name, c.payload)
		}
		if !c.contract.HasEvent(name) {
			t.Errorf("%v: the contract has no %s", c.globs, name)
		}
	}
}
