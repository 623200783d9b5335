package rawjson

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMerge(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, doc, patch, want string }{
		// The examples of RFC 7396, appendix A.
		{"replace", `{"a":"b"}`, `{"a":"c"}`, `{"a":"c"}`},
		{"add", `{"a":"b"}`, `{"b":"c"}`, `{"a":"b","b":"c"}`},
		{"remove", `{"a":"b"}`, `{"a":null}`, `{}`},
		{"remove one", `{"a":"b","b":"c"}`, `{"a":null}`, `{"b":"c"}`},
		{"list by text", `{"a":["b"]}`, `{"a":"c"}`, `{"a":"c"}`},
		{"text by list", `{"a":"c"}`, `{"a":["b"]}`, `{"a":["b"]}`},
		{"nested", `{"a":{"b":"c"}}`, `{"a":{"b":"d","c":null}}`, `{"a":{"b":"d"}}`},
		{"lists are whole", `{"a":[{"b":"c"}]}`, `{"a":[1]}`, `{"a":[1]}`},
		{"list by list", `["a","b"]`, `["c","d"]`, `["c","d"]`},
		{"object by list", `{"a":"b"}`, `["c"]`, `["c"]`},
		{"by null", `{"a":"foo"}`, `null`, `null`},
		{"by text", `{"a":"foo"}`, `"bar"`, `"bar"`},
		{"null stays", `{"e":null}`, `{"a":1}`, `{"e":null,"a":1}`},
		{"list by object", `[1,2]`, `{"a":"b","c":null}`, `{"a":"b"}`},
		{"of nothing", ``, `{"a":{"bb":{"ccc":null}}}`, `{"a":{"bb":{}}}`},
		{"new nested nulls", `{}`, `{"a":{"bb":{"ccc":null}}}`, `{"a":{"bb":{}}}`},

		{
			"bytes stay", ` { "n" : 0.000907775311708679 ,` + "\t" + `"u":"\u00e3\/" , "k" : 1 } ` + "\n", `{"k":2.50}`,
			` { "n" : 0.000907775311708679 ,` + "\t" + `"u":"\u00e3\/" , "k" : 2.50 } ` + "\n",
		},
		{"first goes", `{ "a": 1,  "b": 2,   "c": 3 }`, `{"a":null}`, `{ "b": 2,   "c": 3 }`},
		{"middle goes", `{ "a": 1,  "b": 2,   "c": 3 }`, `{"b":null}`, `{ "a": 1,   "c": 3 }`},
		{"last goes", `{ "a": 1,  "b": 2,   "c": 3 }`, `{"c":null}`, `{ "a": 1,  "b": 2 }`},
		{"all go", `{ "a": 1,  "b": 2 }`, `{"b":null,"a":null}`, `{ }`},
		{"all go but for new", `{ "a": 1,  "b": 2 }`, `{"b":null,"a":null,"c":3}`, `{ "c": 3 }`},
		{"set out like the rest", "{\n  \"a\": 1,\n  \"b\": 2\n}", `{"c":3,"d":[ 4 ]}`, "{\n  \"a\": 1,\n  \"b\": 2,\n  \"c\": 3,\n  \"d\": [ 4 ]\n}"},
		{"like the only one", "{\n  \"a\": 1\n}", `{"c":3}`, "{\n  \"a\": 1,\n  \"c\": 3\n}"},
		{"into nothing", `{ }`, `{"c" : 3}`, `{"c" : 3 }`},
		{"names are compared unescaped", `{"\u0061":1,"b":2}`, `{"a":3,"\u0062":null}`, `{"\u0061":3}`},
		{"nothing to do", `{"a": 1}`, `{ }`, `{"a": 1}`},
		{"nothing to remove", `{"a": 1}`, `{"b":null}`, `{"a": 1}`},
		{"deep", `{"a":{"x":1.0,"y":2},"b":1}`, `{"a":{"y":null,"z":[null]}}`, `{"a":{"x":1.0,"z":[null]},"b":1}`},
	} {
		if got := string(Merge([]byte(c.doc), []byte(c.patch))); got != c.want {
			t.Errorf("%s\n got %q\nwant %q", c.name, got, c.want)
		}
	}
}

// plainMerge is the algorithm of the RFC on decoded values.
func plainMerge(target, patch any) any {
	p, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	out, ok := target.(map[string]any)
	if !ok {
		out = map[string]any{}
	}
	for name, value := range p {
		if value == nil {
			delete(out, name)
		} else {
			out[name] = plainMerge(out[name], value)
		}
	}
	return out
}

func decode(t *testing.T, b []byte) (v any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%v: %q", err, b)
	}
	return v
}

// FuzzMerge compares Merge with the algorithm of the RFC, and checks that each member that
// the patch does not name keeps its bytes and its order.
func FuzzMerge(f *testing.F) {
	for _, c := range [][2]string{
		{`{"a":{"b":1.0,"c":[1]},"d":null, "e":"\u00e9"}`, `{"a":{"b":null,"x":{"y":null,"z":1e2}},"f":[null]}`},
		{"{\n\"a\" : 1 }\n", `{"a":null,"b":{}}`},
		{`[1]`, `{"a":null}`},
		{`{"a":{}}`, `{"a":{"a":{"a":null}}}`},
	} {
		f.Add([]byte(c[0]), []byte(c[1]))
	}
	f.Fuzz(func(t *testing.T, doc, patch []byte) {
		docIn, patchIn := bytes.Clone(doc), bytes.Clone(patch)
		got := Merge(doc, patch) // must not panic whatever it is given
		if !bytes.Equal(docIn, doc) || !bytes.Equal(patchIn, patch) {
			t.Fatal("an input was written to")
		}
		if Check(doc, MaxDepth) != nil || Check(patch, MaxDepth) != nil {
			return
		}
		if err := Check(got, MaxDepth); err != nil {
			t.Fatalf("%q with %q became %q: %v", doc, patch, got, err)
		}
		if diff := cmp.Diff(plainMerge(decode(t, doc), decode(t, patch)), decode(t, got)); diff != "" {
			t.Fatalf("%q with %q became %q: %s", doc, patch, got, diff)
		}
		if KindOf(doc) != '{' || KindOf(patch) != '{' {
			return
		}
		named := map[string]bool{}
		for _, m := range Members(patch) {
			named[m.Name] = true
		}
		var before, after []string
		known := map[string]bool{}
		for _, m := range Members(doc) {
			if known[m.Name] = true; !named[m.Name] {
				before = append(before, fmt.Sprintf("%s=%s", m.Name, m.Value))
			}
		}
		for _, m := range Members(got) {
			if known[m.Name] && !named[m.Name] {
				after = append(after, fmt.Sprintf("%s=%s", m.Name, m.Value))
			}
		}
		if diff := cmp.Diff(before, after); diff != "" {
			t.Fatalf("%q with %q became %q: %s", doc, patch, got, diff)
		}
		if again := Merge(got, patch); !Same(again, got) {
			t.Fatalf("patched twice, %q became %q", got, again)
		}
	})
}
