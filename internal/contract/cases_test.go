package contract

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

// The documents and bodies of tests may stand in files beside the contract. The stored form of the contract needs none of
// them, and its tests say the same.
func TestTestsWithFiles(t *testing.T) {
	t.Parallel()
	fsys := fstest.MapFS{
		"shop/shop.yaml": {Data: []byte(`
contract: shop
title: Shop
records: {order: {title: Order, key: id}}
events:
  order.paid: {title: Paid, on: order}
  daily: {title: Daily, every: 1h, select: order}
tests:
  paid: {event: order.paid, new: examples/order.json, fires: [order.paid], body: examples/order.json}
  again: {on: order, old: examples/order.json, new: '{"id":7}', fires: []} # no change
  daily: {event: daily, records: [examples/order.json], body: examples/all.txt}
  fails: {event: order.paid, new: {id: 8}, body: examples/order.json}
`)},
		"shop/examples/order.json": {Data: []byte("{\"id\": 7}\n")},
		"shop/examples/all.txt":    {Data: []byte("[{\"id\": 7}] \t\r\n")},
	}
	c, err := Load(fsys, "shop/shop.yaml")
	if err != nil {
		t.Fatal(err)
	}
	stored, err := Parse("shop.yaml", c.Source)
	if err != nil {
		t.Fatal(err)
	}
	const wrong = "The body differs. At byte 7 of 9:\n  expected  {\"id\": 7}\n  but came  {\"id\":8}"
	for _, c := range []*Contract{c, stored} {
		if d := cmp.Diff([]string{"paid", "again", "daily", "fails"}, c.Tests()); d != "" {
			t.Error(d)
		}
		type said struct {
			Name   string
			Line   int
			Wrong  string
			Events int
		}
		var got []said
		for _, r := range c.RunTests() {
			got = append(got, said{r.Name, r.Line, r.Wrong, len(r.Events)})
		}
		want := []said{{"paid", 9, "", 1}, {"again", 10, "", 0}, {"daily", 11, "", 0}, {"fails", 12, wrong, 1}}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
	}
	fsys["shop/shop.yaml"].Data = []byte(strings.Replace(string(fsys["shop/shop.yaml"].Data), "new: examples/order.json", "new: examples/none.json", 1))
	_, err = Load(fsys, "shop/shop.yaml")
	const missing = "shop/shop.yaml:9:34: The file examples/none.json cannot be used: there is no such file. " +
		"Give the name relative to this contract."
	if err == nil || err.Error() != missing {
		t.Errorf("got  %v\nwant %s", err, missing)
	}
}

// A contract whose tests pass, or that has none, has nothing to report.
func TestNoFailedTests(t *testing.T) {
	t.Parallel()
	for _, tests := range []string{"", "tests: {a: {event: a, payload: {id: 1}, body: '{\"id\":1}'}}\n"} {
		c := parseContract(t, "contract: a\ntitle: A\nevents: {a: {title: A, example: '{\"id\":  1}'}}\n"+tests)
		if p := c.FailedTests("a.yaml"); p != nil {
			t.Error(p)
		}
	}
}

// A release that refused less may have stored a contract with a test that says nothing. The contract stays in force,
// without that test.
func TestStoredWithIdleTest(t *testing.T) {
	t.Parallel()
	src := []byte("contract: a\ntitle: A\nevents: {a: {title: A}}\ntests:\n  old: {event: a, payload: {}, fires: [a], body: {}}\n  kept: {event: a, payload: {}, body: {}}\n")
	if c, err := Parse("a.yaml", src); err == nil {
		t.Errorf("it was taken: %v", c.Tests())
	}
	c, err := ParseStored("a.yaml", src)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"kept"}, c.Tests()); d != "" {
		t.Error(d)
	}
}
