package rawjson

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFind(t *testing.T) {
	t.Parallel()
	const doc = ` { "contact" : {"email":"a@b","phones":[{"n":1},{"n":[2,3]}]}, "body":{"x":{"phone":"7"},"y":{"phone":null}},"a\u0062":true}`
	for pattern, want := range map[string][]string{
		"contact.email":          {`"a@b"`},
		"contact.phones[1].n":    {`[2,3]`},
		"contact.phones.*.n":     {`1`, `[2,3]`},
		"contact.phones.*.n.*":   {`2`, `3`},
		"body.*.phone":           {`"7"`, `null`},
		"**.phone":               {`"7"`, `null`},
		"**.n":                   {`1`, `[2,3]`},
		"contact.*.*.n.**":       {`1`, `[2,3]`, `2`, `3`},
		"ab":                     {`true`},
		"contact.email.**":       {`"a@b"`},
		"contact.email.*":        nil,
		"nothing.**.here":        nil,
		`contact["phones"][0].n`: {`1`},
	} {
		path, err := ParsePattern(pattern)
		if err != nil {
			t.Fatal(pattern, err)
		}
		var got []string
		for _, s := range Find([]byte(doc), path) {
			got = append(got, doc[s.Start:s.End])
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", pattern, d)
		}
		// The paths are those of the same tokens.
		var byPath []string
		seen := map[string]bool{}
		for _, at := range Paths([]byte(doc), path) {
			token, ok := Lookup([]byte(doc), at...)
			if name := strings.Join(at, "/"); !ok || seen[name] {
				t.Errorf("%s: the path %s leads nowhere or was there before", pattern, name)
			} else {
				seen[name] = true
			}
			byPath = append(byPath, string(token))
		}
		slices.Sort(want)
		slices.Sort(byPath)
		if d := cmp.Diff(want, byPath); d != "" {
			t.Errorf("paths of %s: %s", pattern, d)
		}
	}
	deep := []byte(`{"x":{"a":1,"y":[{"a":2}]},"a":3}`)
	var inOrder []string
	for _, s := range Find(deep, []string{"**", "a"}) {
		inOrder = append(inOrder, string(deep[s.Start:s.End]))
	}
	if got := strings.Join(inOrder, " "); got != "1 2 3" {
		t.Errorf("tokens are found in the order %s", got)
	}
	if d := cmp.Diff([][]string{{"a"}, {"x", "a"}, {"x", "y", "0", "a"}}, Paths(deep, []string{"**", "a"})); d != "" {
		t.Errorf("paths: %s", d)
	}
	for _, wrong := range []string{"", "a..b", "***", "a*", "*a", "a.**b", "**.a.**"} {
		if _, err := ParsePattern(wrong); err == nil {
			t.Errorf("%q counts as a pattern", wrong)
		}
	}
	if _, err := ParsePath("a.*"); err == nil {
		t.Error("a path may have *")
	}
	for _, broken := range []string{"", "{", `{"a"`, `{"a":`, `[`, `[1,`} {
		Find([]byte(broken), []string{"**"}) // must not panic
	}
}

func TestReplaceAll(t *testing.T) {
	t.Parallel()
	const doc = `{"a":{"b":1},"c":[2, 3]}`
	spans := append(Find([]byte(doc), []string{"**", "b"}), Find([]byte(doc), []string{"a"})...)
	spans = append(spans, Find([]byte(doc), []string{"c", "1"})...)
	if got := string(ReplaceAll([]byte(doc), []byte(`""`), spans)); got != `{"a":"","c":[2, ""]}` {
		t.Error(got)
	}
	if got := ReplaceAll([]byte(doc), []byte(`""`), nil); string(got) != doc {
		t.Error(string(got))
	}
	if got := string(ReplaceAll([]byte(`7`), []byte(`""`), Find([]byte(`7`), []string{"**"}))); got != `""` {
		t.Errorf("in the place of the whole document is %s", got)
	}
	back := []Span{{Start: 18, End: 19}, {Start: 5, End: 12}}
	if got := string(ReplaceAll([]byte(doc), []byte(`""`), back)); got != `{"a":"","c":["", 3]}` || back[0].Start != 18 {
		t.Errorf("spans in another order: %s, and they are %v now", got, back)
	}
	var leaves []string
	Scalars([]byte(doc), func(token []byte) { leaves = append(leaves, string(token)) })
	if got := strings.Join(leaves, " "); got != "1 2 3" {
		t.Error(got)
	}
}

// Hiding ten thousand values of a large document takes one pass over it.
func BenchmarkFindMany(b *testing.B) {
	doc := []byte("[" + strings.TrimSuffix(strings.Repeat(`{"phone":"3001234567","name":"Ana"},`, 10_000), ",") + "]")
	b.SetBytes(int64(len(doc)))
	for b.Loop() {
		ReplaceAll(doc, []byte(`"x"`), Find(doc, []string{"**", "phone"}))
	}
}
