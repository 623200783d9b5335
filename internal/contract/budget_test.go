package contract

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"gancho/internal/hook"
	"gancho/internal/work"
)

// bomb is a contract of 1.7 kB whose $refs double thirty times.
func bomb(leaf string) string {
	var b strings.Builder
	b.WriteString("contract: bomb\ntitle: {en: Bomb}\nevents:\n  a:\n    title: {en: A}\n    example: '{\"a\":{}}'\n    schema:\n")
	b.WriteString("      properties: {a: {$ref: \"#/$defs/d0\"}}\n      $defs:\n")
	for i := range 30 {
		fmt.Fprintf(&b, "        d%d: {allOf: [{$ref: \"#/$defs/d%d\"}, {$ref: \"#/$defs/d%d\"}]}\n", i, i+1, i+1)
	}
	b.WriteString("        d30: " + leaf + "\n")
	return b.String()
}

func TestContractBomb(t *testing.T) {
	t.Parallel()
	_, err := Parse("bomb.yaml", []byte(bomb("{type: object}")))
	if err == nil || !strings.Contains(err.Error(), "bomb.yaml:6:14: ") || !strings.Contains(err.Error(), "make the schema simpler") {
		t.Errorf("got %v", err)
	}
}

// YAML that doubles, or is nested without end, is refused with its place.
func TestYAMLBombs(t *testing.T) {
	t.Parallel()
	var aliases strings.Builder
	aliases.WriteString("a: &a [x, x]\n")
	for c := 'b'; c <= 'z'; c++ {
		fmt.Fprintf(&aliases, "%c: &%c [*%c, *%c]\n", c, c, c-1, c-1)
	}
	for name, src := range map[string]string{
		"aliases":         aliases.String(),
		"nested lists":    "contract: " + strings.Repeat("[", 9_000) + strings.Repeat("]", 9_000),
		"nested mappings": "contract: " + strings.Repeat("{a: ", 4_000) + "1" + strings.Repeat("}", 4_000),
		"many parts":      "contract: a\nx: [" + strings.Repeat("a, ", 100_000) + "b]\n",
	} {
		_, err := Parse("a.yaml", []byte(src))
		if err == nil || !strings.Contains(err.Error(), "a.yaml:1:") || len(err.Error()) > 20_000 {
			t.Errorf("%s: %.300v", name, err)
		}
	}
}

const dearTriggers = `
contract: dear
title: {en: Dear}
records: {r: {title: {en: R}, key: id}}
events:
`

// All conditions of a change share one budget. One for which nothing is left is reported, and the others are as they
// would be without it.
func TestFireBudget(t *testing.T) {
	t.Parallel()
	var src strings.Builder
	src.WriteString(dearTriggers)
	for i := range 20 {
		src.WriteString(fmt.Sprintf("  e%d: {title: {en: E}, on: r, when: 'new.a.all(x, new.a.all(y, x + y < %d))'}\n", i, 1000+i))
	}
	c, err := Parse("dear.yaml", []byte(src.String()))
	if err != nil {
		t.Fatal(err)
	}
	doc := []byte(`{"id":1,"a":[` + strings.Repeat("1,", 60) + `1]}`)
	events, troubles := c.Fire(nil, "r", nil, doc)
	if len(events) != 20 || len(troubles) != 0 {
		t.Fatalf("without a budget %d events fire, %v", len(events), troubles)
	}
	b := work.NewBudget(t.Context(), 100_000, nil)
	events, troubles = c.Fire(b, "r", nil, doc)
	if len(events) < 2 || len(events)+len(troubles) != 20 || len(troubles) < 5 || !strings.Contains(troubles[0].Detail, "has used up the work") {
		t.Errorf("%d events fire, %v", len(events), troubles)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if events, _ := c.Fire(work.NewBudget(ctx, 100_000, nil), "r", nil, doc); len(events) > 0 {
		t.Errorf("the caller has left, and %d events fire", len(events))
	}
}

// A snapshot ends when its budget is used up.
func TestSnapshotBudget(t *testing.T) {
	t.Parallel()
	for name, part := range map[string]string{
		"where": "where: 'record.a.all(x, record.a.all(y, x + y < 1000))'",
		"item":  "item: {big: \"${record}\", again: {$when: 'record.a.all(x, record.a.all(y, x + y < 1000))', $value: 1}}",
	} {
		c, err := Parse("dear.yaml", []byte(dearTriggers+"  e: {title: {en: E}, every: 1h, select: r, "+part+"}\n"))
		if err != nil {
			t.Fatal(err)
		}
		b := work.NewBudget(t.Context(), 200_000, nil)
		s, _ := c.NewSnapshot(b, "e")
		doc := []byte(`{"id":1,"a":[` + strings.Repeat("1,", 60) + `1]}`)
		for n := range 100 {
			if _, err := s.Add(doc); err != nil {
				if !errors.Is(err, work.ErrSpent) || n < 2 {
					t.Errorf("%s: record %d: %v", name, n, err)
				}
				break
			}
		}
		if spent := b.Close(); spent < 200_000 || spent > 300_000 {
			t.Errorf("%s: %d units were spent", name, spent)
		}
	}
}

// A record at which the caller leaves is not a record that was left out: the run has failed.
func TestSnapshotOfACallerWhoLeft(t *testing.T) {
	t.Parallel()
	for name, part := range map[string]string{"where": "where: 'record.a == 1'", "item": "item: {$when: 'record.a == 1', $value: 1}"} {
		c, err := Parse("dear.yaml", []byte(dearTriggers+"  e: {title: {en: E}, every: 1h, select: r, "+part+"}\n"))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		s, _ := c.NewSnapshot(work.NewBudget(ctx, 200_000, nil), "e")
		if taken, err := s.Add([]byte(`{"id":1,"a":1}`)); err != nil || !taken {
			t.Fatalf("%s: %t, %v", name, taken, err)
		}
		cancel()
		if _, err := s.Add([]byte(`{"id":2,"a":1}`)); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A template cannot make a body of any size out of a small event.
func TestRenderBudget(t *testing.T) {
	t.Parallel()
	src := "contract: big\ntitle: {en: Big}\nevents: {a: {title: {en: A}}}\nendpoint:\n  body: {list: [" + strings.Repeat(`"${payload}", `, 1000) + "1]}\n"
	c, err := Parse("big.yaml", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	ev := event(`{"pad":"` + strings.Repeat("x", 1<<20) + `"}`)
	if _, err := c.Plan(hook.EndpointConfig{URL: "http://x"}).Render(ev); err == nil || !strings.Contains(err.Error(), "used up the work") {
		t.Errorf("got %v", err)
	}
	if _, err := c.Plan(hook.EndpointConfig{URL: "http://x"}).Render(event(`{"pad":"x"}`)); err != nil {
		t.Errorf("a small event: %v", err)
	}
}

// A filter that is too costly for an example of the contract is refused with the name of the event type.
func TestFilterTooCostlyForExample(t *testing.T) {
	t.Parallel()
	src := "contract: c\ntitle: {en: C}\nevents:\n  small: {title: {en: S}, example: '{\"a\":[1]}'}\n  large: {title: {en: L}, example: '{\"a\":[" +
		strings.Repeat("1,", 200) + "1]}'}\n"
	c, err := Parse("c.yaml", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	cfg := hook.EndpointConfig{URL: "http://x", Filter: "payload.a.all(x, payload.a.all(y, payload.a.all(z, x + y + z < 99)))"}
	found := c.CheckFilterCost(cfg)
	if len(found) != 1 || found[0].Code != "filter_costly_example" || !strings.Contains(found[0].Detail, "large") {
		t.Errorf("found %v", found)
	}
	cfg.EventTypes = []string{"small"} // which the endpoint never gets does not count
	if found := c.CheckFilterCost(cfg); found != nil {
		t.Errorf("found %v", found)
	}
}
