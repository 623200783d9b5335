package rawjson

import (
	"encoding/json"
	"testing"

	"pgregory.net/rapid"
)

func TestKeepUnknown(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ stored, understood, next, want string }{
		"nothing unknown":     {`{"a":1}`, `{"a":1}`, `{"b": 2}`, `{"b": 2}`},
		"a member":            {`{"a":1,"new":{"x":[1]}}`, `{"a":1}`, `{"a":2}`, `{"a":2,"new":{"x":[1]}}`},
		"removed and unknown": {`{"a":1,"b":2,"new":3}`, `{"a":1,"b":2}`, `{"b":2}`, `{"b":2,"new":3}`},
		"nothing else":        {`{"new":3}`, `{}`, `{}`, `{"new":3}`},
		"inside":              {`{"auth":{"kind":"x","new":true}}`, `{"auth":{"kind":"x"}}`, `{"auth":{"kind":"y"},"b":1}`, `{"auth":{"kind":"y","new":true},"b":1}`},
		"inside a removed":    {`{"auth":{"kind":"x","new":true},"a":1}`, `{"auth":{"kind":"x"},"a":1}`, `{"a":1}`, `{"a":1}`},
		"a new object":        {`{"new":1}`, `{}`, `{"auth":{"kind":"x"}}`, `{"auth":{"kind":"x"},"new":1}`},
		"the program has it":  {`{"zero":false}`, `{}`, `{"zero":true}`, `{"zero":true}`},
		"another kind":        {`{"a":{"new":1}}`, `{"a":{}}`, `{"a":[1]}`, `{"a":[1]}`},
		"elements": {
			`[{"t":"one","new":1},{"t":"two","new":2}]`, `[{"t":"one"},{"t":"two"}]`, `[{"t":"three"},{"t":"two"},{"t":"one","end":1}]`,
			`[{"t":"three"},{"t":"two","new":2},{"t":"one","end":1,"new":1}]`,
		},
		"elements of one name": {
			`[{"t":"a","v":1,"new":1},{"t":"a","v":2,"new":2}]`, `[{"t":"a","v":1},{"t":"a","v":2}]`, `[{"t":"a","v":3},{"t":"a","v":1}]`,
			`[{"t":"a","v":3,"new":2},{"t":"a","v":1,"new":1}]`,
		},
		"equal elements": {`[{"new":1},{"new":2}]`, `[{},{}]`, `[{},{},{}]`, `[{"new":1},{"new":2},{}]`},
		"escaped":        {`{"\u0061":1,"n\"":2}`, `{"a":1}`, `{"a":3}`, `{"a":3,"n\"":2}`},
		"null":           {`null`, `null`, `{"a":1}`, `{"a":1}`},
	} {
		if got := KeepUnknown([]byte(c.stored), []byte(c.understood), []byte(c.next)); string(got) != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// Whoever understands everything gets what it writes, and whoever changes nothing leaves the document as it was, up to the order of members.
func TestKeepUnknownProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var docs [2][]byte
		for i := range docs {
			var err error
			if docs[i], err = json.Marshal(genJSON(3).Draw(t, "document")); err != nil {
				t.Fatal(err)
			}
		}
		stored, next := docs[0], docs[1]
		if got := KeepUnknown(stored, stored, next); string(got) != string(next) {
			t.Errorf("%s, want %s", got, next)
		}
		if KindOf(stored) == '{' {
			if got := KeepUnknown(stored, []byte(`{}`), []byte(`{}`)); len(byName(got)) != len(byName(stored)) {
				t.Errorf("%s of %s", got, stored)
			}
		}
	})
}
