package texts

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

func load(en, es string) (*Catalogue, error) {
	return Load(fstest.MapFS{"words/en.txt": {Data: []byte(en)}, "words/es.txt": {Data: []byte(es)}}, "words", "en", "es")
}

func TestCatalogue(t *testing.T) {
	t.Parallel()
	c, err := load(`# For the translator.

[greeting]
Hello {name}, [this] is
a paragraph: it has # and = and "quotes".

[parting.short]
# Between friends.
Bye
`, "[parting.short]\nChao\n[greeting]\n  ¿Qué tal,\n\n{name}?\n")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"greeting", "parting.short"}, c.Keys()); diff != "" {
		t.Error(diff)
	}
	for _, tc := range []struct{ language, key, want string }{
		{"en", "greeting", `Hello Ana, [this] is a paragraph: it has # and = and "quotes".`},
		{"es", "greeting", "¿Qué tal, Ana?"},
		{"es", "parting.short", "Chao"},
		{"fr", "parting.short", "Bye"},
	} {
		facts := []string{"name", "Ana"}
		if got := c.In(tc.language, tc.key, facts...); got != tc.want || facts[0] != "name" {
			t.Errorf("%s %s: %q; facts %q", tc.language, tc.key, got, facts)
		}
	}
	if got := c.In("es", "greeting"); got != "¿Qué tal, {name}?" {
		t.Errorf("without facts: %q", got)
	}
	if c.Known("es") != "es" || c.Known("fr") != "en" {
		t.Error("the language for everybody else is the first")
	}
	defer func() {
		if recover() == nil {
			t.Error("a key that is not there")
		}
	}()
	c.In("en", "nothing")
}

func TestMistakes(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ en, es, want string }{
		"a missing key":      {"[a]\nx\n[b]\ny\n", "[a]\nx\n", "words/es.txt: b is missing"},
		"a key too many":     {"[a]\nx\n", "[a]\nx\n[b]\ny\n", "words/es.txt: the first language has no b"},
		"no text":            {"[a]\n[b]\ny\n", "[a]\nx\n[b]\ny\n", `words/en.txt:1: "a" has the text ""`},
		"no text at the end": {"[a]\nx\n[b]\n", "[a]\nx\n[b]\ny\n", `words/en.txt:3: "b" has the text ""`},
		"no key":             {"x\n[a]\nx\n", "[a]\nx\n", `words/en.txt:0: "" has the text "x"`},
		"a key twice":        {"[a]\nx\n", "[a]\nx\n[a]\nx\n", "words/es.txt:3: a is there twice"},
		"other placeholders": {
			"[a]\n{n} of {most}\n", "[a]\n{n} de {max}\n", "words/es.txt: a has the placeholders [{max} {n}]",
		},
	} {
		if _, err := load(tc.en, tc.es); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Load(fstest.MapFS{}, "words", "en"); err == nil {
		t.Error("a file that is not there")
	}
}
