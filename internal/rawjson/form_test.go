package rawjson

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The lines of style php are what PHP 8.2 answers: php -r 'echo http_build_query(json_decode($argv[1], true));' DOCUMENT
func TestForm(t *testing.T) {
	t.Parallel()
	php := FormStyle{Names: NestedNames}
	const all = `{"a b":"x y~*-._é","t":true,"f":false,"n":null,"e":[],"o":{},"l":[1,"2",{"k":1.5}],"d":{"x[y]":1,"a.b":2,"":3}}`
	for _, tc := range []struct {
		style     FormStyle
		doc, want string
	}{
		{php, all, "a+b=x+y%7E%2A-._%C3%A9&t=1&f=0&l%5B0%5D=1&l%5B1%5D=2&l%5B2%5D%5Bk%5D=1.5&d%5Bx%5By%5D%5D=1&d%5Ba.b%5D=2&d%5B%5D=3"},
		{php, `{"leads":{"add":[{"id":"1","name":"Ana & \"Co\"\u0000\ud83d\ude00"}]}}`, "leads%5Badd%5D%5B0%5D%5Bid%5D=1&leads%5Badd%5D%5B0%5D%5Bname%5D=Ana+%26+%22Co%22%00%F0%9F%98%80"},
		{php, `{"a":{"b":[],"c":{"d":null}},"z":1}`, "z=1"},
		{php, ` [ {"a":1} , 2 ] `, "0%5Ba%5D=1&1=2"},
		{php, `{}`, ""},
		{php, `{"n":1.50,"big":12345678901234567890.10,"e":1E5,"z":-0.0}`, "n=1.50&big=12345678901234567890.10&e=1E5&z=-0.0"},
		{FormStyle{Names: NestedNames, Words: true, Empty: true}, `{"t":true,"a":{"n":null,"e":[],"o":{}}}`, "t=true&a%5Bn%5D=&a%5Be%5D=&a%5Bo%5D="},
		{FormStyle{Names: DottedNames}, `{"leads":{"add":[{"id":1}]},"b":"c"}`, "leads.add.0.id=1&b=c"},
		{FormStyle{Names: DottedNames}, `[[true]]`, "0.0=1"},
		{FormStyle{}, `{"a":{"b": [1, 2.0]},"c":[],"s":"é","n":null}`, "a=%7B%22b%22%3A+%5B1%2C+2.0%5D%7D&c=%5B%5D&s=%C3%A9"},
	} {
		if got, err := tc.style.AppendForm([]byte("x"), []byte(tc.doc)); err != nil || string(got) != "x"+tc.want {
			t.Errorf("%+v %s:\n%s, %v, want\n%s", tc.style, tc.doc, got, err, tc.want)
		}
	}
	deep := strings.Repeat(`{"a":`, MaxFormDepth) + "1" + strings.Repeat("}", MaxFormDepth)
	if _, err := php.AppendForm(nil, []byte(deep)); err != nil {
		t.Error(err)
	}
	wide := `{"` + strings.Repeat("a", 2000) + `":[1` + strings.Repeat(",1", MaxFormFields-1) + `]`
	for _, tc := range []struct {
		style     FormStyle
		doc, want string
	}{
		{php, `{"a":` + deep + `}`, "more than 64 names"},
		{php, wide + "}", "more than 16777216 bytes"},
		{php, `{"a":"` + strings.Repeat("é", MaxForm/6+1) + `"}`, "more than 16777216 bytes"}, // its two bytes are six in a form
		{FormStyle{}, `{"a":"` + strings.Repeat("=", MaxForm/3+1) + `"}`, "more than 16777216 bytes"},
		{php, `[1` + strings.Repeat(",1", MaxFormFields) + `]`, "more than 10000 fields"},
		{FormStyle{}, `[1]`, "a list has no names"},
		{php, `"a"`, "a single value"},
	} {
		if got, err := tc.style.AppendForm([]byte("x"), []byte(tc.doc)); err == nil || !strings.Contains(err.Error(), tc.want) || string(got) != "x" {
			t.Errorf("%.20s: %.20q, %v", tc.doc, got, err)
		}
	}
}

// expected lists the fields of a document that was decoded by another package.
func expected(style FormStyle, v any, name string, into url.Values) {
	below := func(child string) string {
		switch {
		case name == "" && into.Has("\x00top"):
			return child
		case style.Names == NestedNames:
			return name + "[" + child + "]"
		}
		return name + "." + child
	}
	text := func(s string) { into.Add(name, s) }
	switch v := v.(type) {
	case map[string]any:
		top := into.Has("\x00top")
		for _, k := range slices.Sorted(maps.Keys(v)) {
			field := below(k)
			into.Del("\x00top")
			expected(style, v[k], field, into)
			if top {
				into.Set("\x00top", "")
			}
		}
		if len(v) == 0 && !top && style.Empty {
			text("")
		}
	case []any:
		top := into.Has("\x00top")
		for i, e := range v {
			field := below(strconv.Itoa(i))
			into.Del("\x00top")
			expected(style, e, field, into)
			if top {
				into.Set("\x00top", "")
			}
		}
		if len(v) == 0 && !top && style.Empty {
			text("")
		}
	case bool:
		words := map[bool]string{true: "1", false: "0"}
		if style.Words {
			words = map[bool]string{true: "true", false: "false"}
		}
		text(words[v])
	case nil:
		if style.Empty {
			text("")
		}
	default:
		text(fmt.Sprint(v))
	}
}

// back makes a document of nested fields, whose lists are objects with numbers for names, and whose values are texts.
func back(form url.Values) map[string]any {
	top := map[string]any{}
	for name, values := range form {
		at, path := top, strings.Split(strings.ReplaceAll(name, "]", ""), "[")
		for _, part := range path[:len(path)-1] {
			if at[part] == nil {
				at[part] = map[string]any{}
			}
			at = at[part].(map[string]any)
		}
		at[path[len(path)-1]] = values[0]
	}
	return top
}

// texts is a document as [back] makes it.
func texts(v any) any {
	out := map[string]any{}
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			out[k] = texts(e)
		}
	case []any:
		for i, e := range v {
			out[strconv.Itoa(i)] = texts(e)
		}
	case nil:
		return ""
	case bool, json.Number, string:
		return fmt.Sprint(v)
	}
	if len(out) == 0 {
		return ""
	}
	return out
}

// FuzzForm compares the form that is made of a document with what net/url reads of it, and with the document.
func FuzzForm(f *testing.F) {
	for _, s := range []string{
		`{"a":[1,"x",null,{"b":true}]}`, `{"a b":"&=%+~","é":{"":[]}}`, `[[],{}]`, `{"a[b]":1,"a":{"b":2}}`, `{"":{"":1}}`, `{"a.b":{"c":"\u0000\ud83d\ude00"}}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		if Check(doc, MaxDepth) != nil || len(doc) > 1<<16 {
			return
		}
		dec := json.NewDecoder(strings.NewReader(string(doc)))
		dec.UseNumber()
		var v any
		if err := dec.Decode(&v); err != nil {
			t.Skip()
		}
		before := string(doc)
		for _, style := range []FormStyle{{Names: NestedNames}, {Names: NestedNames, Words: true, Empty: true}, {Names: DottedNames, Words: true}} {
			form, err := style.AppendForm(nil, doc)
			if err != nil {
				continue
			}
			got, err := url.ParseQuery(string(form))
			if err != nil {
				t.Fatalf("net/url cannot read %q: %v", form, err)
			}
			want := url.Values{"\x00top": {""}}
			expected(style, v, "", want)
			delete(want, "\x00top")
			for _, list := range []url.Values{got, want} {
				for _, values := range list {
					slices.Sort(values)
				}
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Fatalf("%q gives %q: %s", doc, form, d)
			}
			if object, ok := v.(map[string]any); ok && style.Empty && style.Names == NestedNames && !hasBrackets(v) && len(object) > 0 {
				if d := cmp.Diff(texts(v), any(back(got))); d != "" {
					t.Fatalf("%q does not come back from %q: %s", doc, form, d)
				}
			}
		}
		if _, err := (FormStyle{}).AppendForm(nil, doc); err == nil && KindOf(doc) != '{' {
			t.Fatalf("a flat form of %q", doc)
		}
		if string(doc) != before {
			t.Fatal("the input was changed")
		}
	})
}

// hasBrackets reports whether a name of a document has brackets, so that a field's name cannot be read back.
func hasBrackets(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			if strings.ContainsAny(k, "[]") || hasBrackets(e) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, hasBrackets)
	}
	return false
}
