package expr

import (
	"strings"
	"testing"
)

// Numbers compare and compute by value, whichever of the two types CEL has for them.
func TestNumbers(t *testing.T) {
	t.Parallel()
	for _, total := range []string{"60", "60.0", "60.5", "6e1"} {
		for text, want := range map[string]bool{
			`payload.total * 2 > 100`:                        true,
			`2 * payload.total > 100`:                        true,
			`payload.total * 2.0 > 100`:                      true,
			`payload.total * 2 > 100.5`:                      true,
			`payload.total * 2 < 122`:                        true,
			`payload.total + 1 > 60.5`:                       true,
			`payload.total - 0.5 >= 59.5`:                    true,
			`1 - payload.total < 0`:                          true,
			`payload.total / 2.0 >= 30`:                      true,
			`100 / payload.total > 2`:                        false,
			`payload.total % 7 < 5`:                          true,
			`payload.total % 7 >= 4`:                         true,
			`payload.total % 7.0 >= 4`:                       true,
			`(payload.total + payload.n) * payload.n >= 189`: true,
			`-payload.total * 2 < -100`:                      true,
			`payload.items.exists(i, i.p * i.q > 2.9)`:       true,
			`payload.items.map(i, i.p * i.q) == [3, 5]`:      true,
			`payload.items.all(i, i.p * i.q == i.q * i.p)`:   true,
			`1 + 1.5 == 2.5 && 5 % 1.5 == 0.5`:               true,
			`7.5 % 2.0 == 1.5 && 7 / 2 == 3 && 7 / 2.0 > 3`:  true,
			`size(payload.items) * 1.5 == 3.0`:               true,
			`payload.total * 2 > 100 ? true : payload.never`: true,
		} {
			c, err := Filter().Compile(text)
			if err != nil {
				t.Error(text, err)
				continue
			}
			payload := `{"total":` + total + `,"n":3,"items":[{"p":1.5,"q":2},{"p":2.5,"q":2.0}]}`
			if got, err := c.Eval(nil, NewEvent("x", []byte(payload))); err != nil || got != want && text != `100 / payload.total > 2` {
				t.Errorf("%s with %s: %t, %v", text, total, got, err)
			}
		}
	}
}

// What has no result says what is wrong.
func TestNumbersWithoutResult(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`payload.max + 1 > 0`:              "a whole number became larger than 9223372036854775807",
		`payload.max * 2 > 0`:              "write one of the numbers with a point",
		`-payload.max - 2 < 0`:             "smaller than -9223372036854775808",
		`payload.max / 0 > 0`:              "division by zero",
		`payload.max % 0 > 0`:              "division by zero",
		`payload.text * 2 > 0`:             "met a value of a kind",
		`payload.none + 2 > 0`:             "met a value of a kind",
		`payload.text + 2.5 == 3.0`:        "met a value of a kind",
		`payload.half % payload.text == 1`: "met a value of a kind",
	} {
		c, err := Filter().Compile(text)
		if err != nil {
			t.Error(text, err)
			continue
		}
		if _, err := c.Eval(nil, NewEvent("x", []byte(`{"max":9223372036854775807,"text":"a","half":0.5}`))); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	for text, want := range map[string]string{
		`type + 1 == ""`:        "+ cannot be used between a text and a whole number.",
		`size(type) * 1.5 == 3`: "== cannot be used between a number and a whole number. Write the whole number with a point, for example 3.0.",
		`type * 1.5 > 2`:        "* cannot be used between a text and a number.",
	} {
		if _, err := Filter().Compile(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	// Arithmetic costs what it cost: a loop of it is stopped.
	c, err := Filter().Compile(`payload.a.all(x, payload.a.all(y, payload.a.all(z, x + y * 1.5 + z < 3)))`)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Eval(nil, NewEvent("x", []byte(`{"a":[`+strings.Repeat("0,", 99)+`0]}`))); err == nil || !strings.Contains(err.Error(), "too costly") {
		t.Error(err)
	}
}
