package expr

import (
	"strings"
	"testing"
)

// A condition that reads a whole long text for each element of a long list is stopped. One
// that does so a few times is not.
func TestCostGoesByLength(t *testing.T) {
	t.Parallel()
	payload := []byte(`{"a":[` + strings.Repeat("1,", 2999) + `1],"s":"` + strings.Repeat("a", 100_000) + `"}`)
	for _, each := range []string{
		`(payload.s + payload.s).size() > 0`,
		`!payload.s.contains("ab")`,
		`!payload.s.matches("ab")`,
		`payload.s.replace("a", "bb").size() > 0`,
		`payload.s.split("").size() > 0`,
		`payload.s == payload.s`,
		`payload.a == payload.a`,
		`(payload.a + payload.a).size() > 0`,
		`!(2 in payload.a)`,
		`payload == payload`,
	} {
		c, err := Filter().Compile(each)
		if err != nil {
			t.Fatal(each, err)
		}
		if ok, err := c.Eval(nil, NewEvent("x", payload)); !ok || err != nil {
			t.Errorf("%s: %t %v", each, ok, err)
		}
		if c, err = Filter().Compile("payload.a.all(x, " + each + ")"); err != nil {
			t.Fatal(each, err)
		}
		if _, err := c.Eval(nil, NewEvent("x", payload)); err == nil || !strings.Contains(err.Error(), "too costly") {
			t.Errorf("%s for each of 3000: %v, want that it is too costly", each, err)
		}
	}
}

// Reading each element of a long list once is not too costly, also if the condition makes
// another list of them.
func TestCostOfLongLists(t *testing.T) {
	t.Parallel()
	payload := []byte(`{"items":[` + strings.Repeat(`{"sku":"a","n":7},`, 9_999) + `{"sku":"b","n":8}]}`)
	for _, text := range []string{
		`payload.items.exists(i, i.sku == "b")`,
		`payload.items.all(i, i.n > 5)`,
		`payload.items.filter(i, i.n > 7).size() == 1`,
		`payload.items.filter(i, i.n > 5).size() == 10000`,
		`8 in payload.items.map(i, i.n)`,
		`payload.items.size() == 10000`,
	} {
		c, err := Filter().Compile(text)
		if err != nil {
			t.Fatal(text, err)
		}
		if ok, err := c.Eval(nil, NewEvent("x", payload)); !ok || err != nil {
			t.Errorf("%s: %t %v", text, ok, err)
		}
	}
}

// The least cost of a condition counts what is written in it, nested as it is, and nothing of the document.
func TestLeastCost(t *testing.T) {
	t.Parallel()
	list := "[" + strings.Repeat("1,", 99) + "1]"
	for text, hopeless := range map[string]bool{
		`payload.items.filter(i, i.n > 5).map(i, i.s.split(",").join("")).exists(x, x.replace("a", "b").matches("^a+$"))`: false,
		`payload.a.all(x, payload.a.all(y, payload.a.all(z, x + y + z < 3)))`:                                             false,
		`type in ["a", "b"] && payload.customer.tags.exists(t, t.lowerAscii().contains("vip")) || size(payload) > 3`:      false,
		list + ".all(a, a == payload.b)":                                                         false,
		list + ".all(a, " + list + ".all(b, a + b < 9))":                                         false,
		list + ".all(a, " + list + ".all(b, " + list + ".exists(c, a + b + c + payload.x > 9)))": true,
		list + ".map(a, " + list + ".map(b, " + list + ".filter(c, a + b + c > 9))).size() > 0":  true,
	} {
		least, err := Filter().LeastCost(text)
		if err != nil || (least > MaxCost) != hopeless {
			t.Errorf("%.60s costs at least %d, %v", text, least, err)
		}
	}
	if _, err := Filter().LeastCost("payload."); err == nil {
		t.Error("a mistake is no error")
	}
}
