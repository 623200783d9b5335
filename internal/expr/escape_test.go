package expr

import (
	"errors"
	"strings"
	"testing"

	"gancho/internal/work"
)

type fixed map[string]any

func (f fixed) Value(name string) (any, bool) { v, ok := f[name]; return v, ok }

// Values are written for texts of other formats, whatever kind they are of, and writing long ones costs what reading them
// costs.
func TestEscapes(t *testing.T) {
	t.Parallel()
	scope := NewScope(Variable{"v", JSON})
	vars := fixed{"v": Raw([]byte(`{"t":"<a> & \"b\"","n":1.50,"l":[1, "x"],"o":{"k": "<"}}`))}
	for text, want := range map[string]string{
		`xml(v.t)`:                             `"&lt;a&gt; &amp; &#34;b&#34;"`,
		`xml(v.none)`:                          `""`,
		`json(v.none) + json(null)`:            `"nullnull"`,
		`xml(v.o)`:                             `"{&#34;k&#34;: &#34;&lt;&#34;}"`,
		`json(v.l)`:                            `"[1, \"x\"]"`,
		`json([v.t, 1, true])`:                 `"[\"<a> & \\\"b\\\"\",1,true]"`,
		`csv("a;b") + csv(2)`:                  `"\"a;b\"2"`,
		`percent("é 1")`:                       `"%C3%A9%201"`,
		`v.l.map(i, xml(string(i))).join("-")`: `"1-x"`,
	} {
		e, err := scope.Expression(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got, _, err := e.Append(nil, nil, vars); err != nil || string(got) != want {
			t.Errorf("%s: %s, %v, want %s", text, got, err, want)
		}
	}
	vars["v"] = Raw([]byte(`{"o":{"a":"` + strings.Repeat("x", 320_000) + `"},"l":[` + strings.Repeat("1,", 99) + `1]}`))
	e, err := scope.Expression(`v.l.all(i, size(json(v.o)) > 1)`)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := e.Append(nil, work.NewBudget(t.Context(), 1<<40, nil), vars); !errors.Is(err, ErrTooCostly) {
		t.Errorf("100 times 320 kB cost nothing: %v", err)
	}
	if _, err := scope.Expression(`html(v)`); err == nil {
		t.Error("a function that does not exist is taken")
	}
}
