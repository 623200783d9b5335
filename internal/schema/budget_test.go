package schema

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gancho/internal/rawjson"
	"gancho/internal/work"
	"gancho/internal/yamlfile"
)

// definitions are $defs d0 to d29, each made by each of the one after it, and d30, which is leaf.
func definitions(each, leaf string) string {
	var b strings.Builder
	for i := range 30 {
		fmt.Fprintf(&b, "d%d: %s, ", i, strings.ReplaceAll(each, "NEXT", fmt.Sprintf(`{$ref: "#/$defs/d%d"}`, i+1)))
	}
	return "$defs: {" + b.String() + "d30: " + leaf + "}"
}

// bombs are schemas of which a small document costs years.
var bombs = map[string]struct{ schema, doc string }{
	"allOf":            {`{$ref: "#/$defs/d0", ` + definitions(`{allOf: [NEXT, NEXT]}`, `{type: object}`) + `}`, `{}`},
	"anyOf":            {`{$ref: "#/$defs/d0", ` + definitions(`{anyOf: [NEXT, NEXT]}`, `{type: object, required: [a]}`) + `}`, `{}`},
	"oneOf":            {`{$ref: "#/$defs/d0", ` + definitions(`{oneOf: [NEXT, NEXT]}`, `{type: object, required: [a]}`) + `}`, `{}`},
	"not":              {`{not: {$ref: "#/$defs/d0"}, ` + definitions(`{allOf: [NEXT, NEXT]}`, `{type: object}`) + `}`, `{}`},
	"if":               {`{$ref: "#/$defs/d0", ` + definitions(`{if: NEXT, then: NEXT}`, `{type: object}`) + `}`, `{}`},
	"ref and allOf":    {`{$ref: "#/$defs/d0", ` + definitions(`{allOf: [NEXT], anyOf: [NEXT]}`, `{}`) + `}`, `{}`},
	"dependentSchemas": {`{$ref: "#/$defs/d0", ` + definitions(`{dependentSchemas: {a: NEXT}, allOf: [NEXT]}`, `{}`) + `}`, `{"a":1}`},
	"properties": {
		`{$ref: "#/$defs/n", $defs: {n: {properties: {a: {$ref: "#/$defs/n"}}, patternProperties: {"^a": {$ref: "#/$defs/n"}}}}}`,
		strings.Repeat(`{"a":`, 60) + `1` + strings.Repeat(`}`, 60),
	},
	"properties in not": {
		`{not: {$ref: "#/$defs/n"}, $defs: {n: {required: [b], properties: {a: {$ref: "#/$defs/n"}}, patternProperties: {"^a": {$ref: "#/$defs/n"}, "a$": {$ref: "#/$defs/n"}}}}}`,
		strings.Repeat(`{"b":1,"a":`, 60) + `{"a":1}` + strings.Repeat(`}`, 60),
	},
	"items": {
		`{$ref: "#/$defs/n", $defs: {n: {items: {$ref: "#/$defs/n"}, contains: {$ref: "#/$defs/n"}}}}`,
		strings.Repeat(`[`, 60) + strings.Repeat(`]`, 60),
	},
	"an anchor": {
		`{$ref: "#n", $defs: {n: {$anchor: n, items: {$ref: "#n"}, prefixItems: [{$ref: "#n"}], contains: {$ref: "#n"}}}}`,
		strings.Repeat(`[`, 60) + strings.Repeat(`]`, 60),
	},
	"large enum":         {`{items: {enum: [` + strings.Repeat("a, ", 9000) + `b]}}`, `[` + strings.Repeat(`"c",`, 2000) + `"c"]`},
	"pattern":            {`{items: {pattern: "(x+x+)+y.{1,200}z"}}`, `[` + strings.Repeat(`"`+strings.Repeat("x", 900)+`",`, 1000) + `1]`},
	"patternProperties":  {`{items: {patternProperties: {` + patterns(200) + `}}}`, `[` + strings.Repeat(`{"aaaa":1,"bbbb":2},`, 5000) + `1]`},
	"long names":         {`{patternProperties: {"(x+x+)+y.{1,200}z": {type: string}}}`, `{"` + strings.Repeat("x", 100_000) + `":1}`},
	"many alternatives":  {`{items: {anyOf: [` + strings.Repeat(`{type: string}, `, 2000) + `{type: object}]}}`, `[` + strings.Repeat(`1,`, 5000) + `1]`},
	"propertyNames":      {`{items: {propertyNames: {pattern: "(x+x+)+y"}}}`, `[` + strings.Repeat(`{"`+strings.Repeat("x", 900)+`":1},`, 2000) + `1]`},
	"a reference within": {`{properties: {a: {$ref: "#/properties/b"}, b: {allOf: [{$ref: "#/$defs/d0"}]}}, ` + definitions(`{allOf: [NEXT, NEXT]}`, `{}`) + `}`, `{"a":1}`},
}

func patterns(n int) string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf(`"(a|b)*%d": {type: string}`, i))
	}
	return strings.Join(list, ", ")
}

// A check ends when its work is used up, whatever the schema is made of. A bomb that goes off for every document is
// refused with its line and what to change.
func TestBombs(t *testing.T) {
	t.Parallel()
	for name, bomb := range bombs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, root := open(t, bomb.schema)
			_, s := Read(f, root)
			if s == nil {
				if text := f.Err().Error(); !strings.Contains(text, "a.yaml:1:") || !strings.Contains(text, "Refer to each definition once") {
					t.Errorf("it is refused: %s", text)
				}
				return
			}
			if !json.Valid([]byte(bomb.doc)) {
				t.Fatal("the document is no JSON")
			}
			b := work.NewBudget(t.Context(), 300_000, nil)
			found := s.Check(b, []byte(bomb.doc))
			if len(found) != 1 || found[0].Code != "schema_costly" {
				t.Errorf("the check found %.200v", fmt.Sprint(found))
			}
			if n := b.Close(); n < 300_000 || n > 310_000 {
				t.Errorf("%d units were spent, want 300,000", n)
			}
		})
	}
}

// What grows with the document, and not with its square or more, is not refused.
func TestNoBomb(t *testing.T) {
	t.Parallel()
	for schema, doc := range map[string]string{
		`{$ref: "#/$defs/n", $defs: {n: {type: object, properties: {left: {$ref: "#/$defs/n"}, right: {$ref: "#/$defs/n"}}}}}`: strings.Repeat(`{"left":{},"right":`, 100) + "{}" + strings.Repeat("}", 100),
		`{type: array, items: {type: object, required: [a], properties: {a: {type: string, format: email, maxLength: 30}}}}`:   `[` + strings.Repeat(`{"a":"x@example.com","b":1},`, 9_999) + `{"a":"y@example.com"}]`,
		`{type: object, properties: {text: {type: string, pattern: "^x*$"}}}`:                                                  `{"text":"` + strings.Repeat("x", 1000) + `"}`,
		`{$id: "https://example.com/a", $ref: "#/$defs/a%20b", $defs: {"a b": {type: object}}}`:                                `{}`,
		`{$id: "https://example.com/a", $ref: "https://example.com/a#/$defs/b", $defs: {b: {type: object}}}`:                   `{}`,
		`{$ref: "https://example.com/b", $defs: {b: {$id: "https://example.com/b", type: object}}}`:                            `{}`,
		`{$defs: {a: {$id: "https://example.com/a", $defs: {b: true}, $ref: "#/$defs/b"}}, $ref: "#/$defs/a"}`:                 `{}`,
	} {
		f, root := open(t, schema)
		_, s := Read(f, root)
		if s == nil {
			t.Errorf("%s: %v", schema, f.Err())
			continue
		}
		for range 3 { // a stopped check before, and several at once, change nothing
			s.Check(work.NewBudget(t.Context(), 1, nil), []byte(doc))
			if found := s.Check(work.NewBudget(t.Context(), 500_000, nil), []byte(doc)); found != nil {
				t.Errorf("%s: %v", schema, found)
			}
		}
	}
}

// Some schemas are refused when they are read.
func TestRefusedSchemas(t *testing.T) {
	t.Parallel()
	for schema, want := range map[string]string{
		`{$ref: "#/x-defs/a", x-defs: {a: {type: object}}}`:                                            "does not lead to a schema; put the definition under $defs",
		`{enum: [1], $ref: "#/enum/0"}`:                                                                "does not lead to a schema",
		`{$ref: "contract:schema#/default", default: {allOf: [true]}}`:                                 "does not lead to a schema",
		`{$id: "https://example.com/a", $ref: "https://example.com/a#/default", default: {not: true}}`: "does not lead to a schema",
		`{properties: {a: {pattern: "(a{1,30}b?){1,30}"}}}`:                                            "at most 1000 are possible",
		`{patternProperties: {"(a{1,30}b?){1,31}": {type: string}}}`:                                   "repeat less in it",
	} {
		f, root := open(t, schema)
		if _, s := Read(f, root); s != nil || !strings.Contains(f.Err().Error(), want) {
			t.Errorf("%s: %v, want %q", schema, f.Err(), want)
		}
	}
}

func TestLongNumbers(t *testing.T) {
	t.Parallel()
	f, root := open(t, `{properties: {a: {type: integer}}}`)
	_, s := Read(f, root)
	if s == nil {
		t.Fatal(f.Err())
	}
	if found := s.Check(nil, []byte(`{"a":`+strings.Repeat("1", 1001)+`}`)); len(found) != 1 || found[0].Code != "number_long" {
		t.Errorf("found %v", found)
	}
	if found := s.Check(nil, []byte(`{"a":`+strings.Repeat("1", 1000)+`,"b":"`+strings.Repeat("1", 2000)+`"}`)); found != nil {
		t.Errorf("found %v", found)
	}
}

// A format is checked as before, and named as the schema names it.
func TestFormats(t *testing.T) {
	t.Parallel()
	f, root := open(t, `{properties: {a: {format: email}, b: {format: no-such}}}`)
	_, s := Read(f, root)
	if s == nil {
		t.Fatal(f.Err())
	}
	if found := s.Check(nil, []byte(`{"a":"x@example.com","b":"y"}`)); found != nil {
		t.Errorf("found %v", found)
	}
	found := s.Check(nil, []byte(`{"a":"x"}`))
	if len(found) != 1 || found[0].Code != "format" || !strings.Contains(found[0].Detail, "the format email") {
		t.Errorf("found %v", found)
	}
}

func BenchmarkCheck(b *testing.B) {
	f, root := yamlfile.Open("a.yaml", []byte(`{type: object, required: [id], properties: {id: {type: integer}, name: {type: string, maxLength: 30}, tags: {type: array, items: {type: string}}}}`), 1<<20)
	_, s := Read(f, root)
	doc := []byte(`{"id":1,"name":"Ana","tags":["a","b"]}`)
	b.ReportAllocs()
	for b.Loop() {
		if found := s.Check(nil, doc); found != nil {
			b.Fatal(found)
		}
	}
}

// A value that is patched is the document that [rawjson.Merge] makes.
func TestPatchedValue(t *testing.T) {
	t.Parallel()
	doc := `{"a":{"b":1,"c":[1,{"d":null}]},"e":"x"}`
	var v Value
	if wrong := v.Read(nil, []byte(doc)); wrong != nil {
		t.Fatal(wrong)
	}
	merged := []byte(doc)
	for _, patch := range []string{
		`{"a":{"b":null}}`, `{"a":{"c":{"f":null,"g":{"h":1,"i":null}}}}`, `{"e":{"x":{"y":null}}}`, `{"e":[null]}`, `{}`,
		`{"a":1,"new":{"x":null}}`, `{"a":{"z":2}}`, `7`, `{"again":{"and":"again"}}`,
	} {
		merged = rawjson.Merge(merged, []byte(patch))
		if wrong := v.Patch(nil, []byte(patch)); wrong != nil {
			t.Fatal(wrong)
		}
		want, err := unmarshal(merged)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, v.v); d != "" {
			t.Errorf("%s makes %s\n%s", patch, merged, d)
		}
	}
}
