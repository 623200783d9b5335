package rawjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, in string
		pointer  string
		detail   string // part of it; "" means the text is good
	}{
		{"object", `{"a":1}`, "", ""},
		{"scalar", ` 1.50e10 `, "", ""},
		{"deep enough", strings.Repeat("[", 4) + strings.Repeat("]", 4), "", ""},
		{"brackets in strings do not nest", `["[[[[[[[[\"[[[["]`, "", ""},
		{"siblings do not nest", `[[],[],[],[],[],{},{},{}]`, "", ""},
		{"empty", "", "", "is empty"},
		{"blank", " \n", "", "is empty"},
		{"too deep", strings.Repeat("[", 5) + strings.Repeat("]", 5), "", "more than 4 deep"},
		{"twice", `{"a":{"b":1,"b":2}}`, "/a/b", "twice"},
		{"twice, spelled differently", `{"b":1,"\u0062":2}`, "/b", "twice"},
		{"utf-8", "{\"a\":\"\xff\"}", "/a", "UTF-8"},
		{"half a pair", `{"a":"\ud800"}`, "/a", "in pairs"},
		{"escape", `{"a":"\x"}`, "/a", "invalid escape"},
		{"control", "[\"a\nb\"]", "/0", "control character"},
		{"trailing", `{} {}`, "", "exactly one"},
		{"trailing word", `{}x`, "", "exactly one"},
		{"cut", `{"a":[1,2`, "/a", "ends in the middle"},
		{"comma", `{"a":1,}`, "", "comma"},
		{"single quotes", `{'a':1}`, "", "double quotes"},
		{"comment", `{} // x`, "", "exactly one"},
		{"NaN", `[NaN]`, "/0", "'N' is not expected"},
		{"leading zero", `[01]`, "", "not valid JSON"},
		{"as deep as allowed, and more brackets than that", `[[[[]]],{},{}]`, "", ""},
		{"what follows a string counts", `[["a"],["b"],["c"],["d"]]`, "", ""},
		{"ends after an escape", `["\`, "/0", "ends in the middle"},
		{"deeper than any limit", strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000), "", "too deep"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			err := Check([]byte(tc.in), 4)
			if tc.detail == "" {
				if err != nil {
					t.Fatalf("Check(%q) = %v, want nil", tc.in, err)
				}
				return
			}
			e, ok := errors.AsType[*SyntaxError](err)
			if !ok {
				t.Fatalf("Check(%q) = %v, want a *SyntaxError", tc.in, err)
			}
			if !strings.Contains(e.Detail, tc.detail) || e.Pointer != tc.pointer {
				t.Errorf("Check(%q)\n got %q at %q\nwant %q at %q", tc.in, e.Detail, e.Pointer, tc.detail, tc.pointer)
			}
		})
	}
}

// The place of an error is where a person has to look.
func TestCheckPlace(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`{} {}`:               "exactly one value. (in the document, at byte 3)",
		`{"a":{"b":1,"b":2}}`: "Keep one of them. (in /a/b, at byte 12)",
		`{"a":"xyz`:           "every string, array and object. (in /a, at byte 9)",
		`{"a":[1,2`:           "every string, array and object. (in /a, at byte 9)",
		`["a", 'b']`:          "not in single ones. (in /1, at byte 6)",
		`[[[[[]]]]]`:          "Send a flatter document. (in the document, at byte 4)",
		`{"a":1,}`:            "before the closing bracket is not allowed. (in the document, at byte 7)",
		`[1,/*x*/2]`:          "comments are not allowed. (in /1, at byte 3)",
		``:                    "Send one JSON value. (in the document, at byte 0)",
	} {
		if err := Check([]byte(in), 4); err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("Check(%s) = %v, want … %s", in, err, want)
		}
	}
}

// A decoder from the pool must not remember anything of an earlier text.
func TestCheckAfterFailure(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{`{"a":`, `[[[[`, `{"a":1,"a":2}`, `"`} {
		if Check([]byte(bad), 9) == nil {
			t.Fatalf("Check(%q) = nil", bad)
		}
		if err := Check([]byte(`{"a":1}`), 9); err != nil {
			t.Fatalf("after %q: %v", bad, err)
		}
	}
}

func TestLookup(t *testing.T) {
	t.Parallel()
	doc := []byte(` { "a" : { "b\u0063" : [ 1.50 , "x\"}", { "d" : null } ] } , "e": "" } `)
	for _, tc := range []struct {
		path []string
		want string // "" means absent
	}{
		{nil, string(bytes.TrimSpace(doc))},
		{[]string{"a", "bc", "0"}, "1.50"},
		{[]string{"a", "bc", "1"}, `"x\"}"`},
		{[]string{"a", "bc", "2", "d"}, "null"},
		{[]string{"a", "bc", "3"}, ""},
		{[]string{"a", "bc", "-1"}, ""},
		{[]string{"a", "bc", "x"}, ""},
		{[]string{"a", "bc", "0", "x"}, ""},
		{[]string{"e"}, `""`},
		{[]string{"f"}, ""},
	} {
		got, ok := Lookup(doc, tc.path...)
		if string(got) != tc.want || ok != (tc.want != "") {
			t.Errorf("Lookup(%q) = %q, %v, want %q", tc.path, got, ok, tc.want)
		}
		if cap(got) != len(got) {
			t.Errorf("who appends to the token at %q writes into the document", tc.path)
		}
	}
	for _, tc := range []struct{ doc, name string }{
		{``, "a"}, {` `, "a"}, {`{"a\x":1}`, "a"}, // no name that JSON has
		{`{"b":{},":1,":2}`, ","}, // what looks like a member follows the object
	} {
		if got, ok := Lookup([]byte(tc.doc), tc.name); ok {
			t.Errorf("Lookup(%q) in %s = %s", tc.name, tc.doc, got)
		}
	}
	if got, ok := Lookup([]byte(`[{},":1,"]`), "0", ","); ok {
		t.Errorf("an empty object has %s, which follows it", got)
	}
}

// Members and Elements list what is there, in order, up to the place where a text is broken.
func TestMembersAndElements(t *testing.T) {
	t.Parallel()
	for doc, want := range map[string]string{
		``: "nil", ` `: "nil", `1`: "nil", `"a"`: "nil", `[1]`: "nil",
		`{}`: "", ` { "b" : 1 , "a\u0062" : {"c":[2]} } `: `b=1 ab={"c":[2]} `,
		`{"a":1 "b":2}`: "a=1 ", `{"a":1;"b":2}`: "a=1;\"b\":2 ", `{"a":[];"b":2}`: "a=[] ", `{"a":1,b":2}`: "a=1 ",
		`{"a":1,"b"=2}`: "a=1 ", `{"a":1,"b"`: "a=1 ", `{"a":1,"b":`: "a=1 ", `{"a":1,"b":"x`: "a=1 ", `{"a":1,"b`: "a=1 ",
		`{"a":1,"\x":2,"c":3}`: "a=1 ", `{"a":1`: "a=1 ", `{a:1,"b":2}`: "",
	} {
		var got strings.Builder
		list := Members([]byte(doc))
		for _, m := range list {
			got.WriteString(m.Name + "=" + string(m.Value) + " ")
			if cap(m.Value) != len(m.Value) {
				t.Errorf("who appends to %s writes into %s", m.Value, doc)
			}
		}
		if (list == nil) != (want == "nil") || want != "nil" && got.String() != want {
			t.Errorf("Members(%s) = %q, nil %v, want %s", doc, got.String(), list == nil, want)
		}
	}
	for doc, want := range map[string]string{
		``: "nil", ` `: "nil", `1`: "nil", `{"a":[1]}`: "nil",
		`[]`: "", ` [ 1 , "a" ,[2, 3],{"b":4}] `: `1 "a" [2, 3] {"b":4} `,
		`["a" "b"]`: `"a" `, `["a";"b"]`: `"a" `, `[[];[]]`: `[] `, `["a","b`: `"a" `, `["a",`: `"a" `, `["a"`: `"a" `, `[,1]`: "",
	} {
		var got strings.Builder
		list := Elements([]byte(doc))
		for _, e := range list {
			got.WriteString(string(e) + " ")
			if cap(e) != len(e) {
				t.Errorf("who appends to %s writes into %s", e, doc)
			}
		}
		if (list == nil) != (want == "nil") || want != "nil" && got.String() != want {
			t.Errorf("Elements(%s) = %q, nil %v, want %s", doc, got.String(), list == nil, want)
		}
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	for token, want := range map[string]string{`"a\u0062\/"`: "ab/", `""`: "", `1.50`: "1.50", `null`: "null", `{"a":1}`: `{"a":1}`} {
		if got := Text([]byte(token)); got != want {
			t.Errorf("Text(%s) = %q, want %q", token, got, want)
		}
	}
	for _, token := range []string{``, `"`, `1`, `"a`, `a"`, `1"`, `"\x"`} {
		if s, ok := Unquote([]byte(token)); ok {
			t.Errorf("%s counts as the string %q", token, s)
		}
	}
	for text, want := range map[string]string{"": `""`, "a\"/\n": `"a\"/\n"`, "ñ\xff\xfe!": `"ñ\ufffd!"`} {
		if got := string(Quote(text)); got != strings.ReplaceAll(want, `\ufffd`, "\ufffd") {
			t.Errorf("Quote(%q) = %s, want %s", text, got, want)
		}
	}
}

func TestKindOf(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Kind{
		` {}`: '{', "\t[": '[', "\r\n\"": '"', "true": 't', "false": 'f', "null": 'n', "-1": '0', "0": '0', "9": '0', "": 0, "  ": 0, "x": 0, "}": 0,
	} {
		if got := KindOf([]byte(text)); got != want {
			t.Errorf("KindOf(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestReplace(t *testing.T) {
	t.Parallel()
	doc := []byte(`{ "a" : [1.0, "x"], "b":2 }`)
	if got, want := string(Replace(doc, []byte(`"***"`), "a", "1")), `{ "a" : [1.0, "***"], "b":2 }`; got != want {
		t.Errorf("Replace = %s, want %s", got, want)
	}
	long := `"` + strings.Repeat("x", 100) + `"`
	if got, want := string(Replace(doc, []byte(long), "b")), `{ "a" : [1.0, "x"], "b":`+long+` }`; got != want {
		t.Errorf("Replace = %s, want %s", got, want)
	}
	if got := Replace(doc, []byte(`0`), "z"); &got[0] != &doc[0] {
		t.Error("Replace of an absent token copied the document")
	}
}

func TestRestyle(t *testing.T) {
	t.Parallel()
	php := Style{ASCII: true, EscapeSlash: true, Compact: true}
	raw := Style{RawUnicode: true, EscapeSlash: true, Compact: true}
	for _, tc := range []struct {
		name     string
		style    Style
		in, want string // want "" means: the very same slice
	}{
		{"php", php, `{"é/": "ã😀/", "n": 1.50}`, `{"\u00e9\/":"\u00e3\ud83d\ude00\/","n":1.50}`},
		{"php conforms", php, `{"\u00e9\/":"\ud83d\ude00 \" \\ \n","n":[1E5,-0.0]}`, ""},
		{"php upper-case hex", php, `["\u00E9"]`, `["\u00e9"]`},
		{"php escaped ASCII", php, `["\u0041\u000a\u0022\u005c\u001F\u007f"]`, "[\"A\\n\\\"\\\\\\u001f\x7f\"]"},
		{"raw", raw, `[ "\u00e9\ud83d\ude00/" ]`, `["é😀\/"]`},
		{"raw conforms", raw, `["é😀\/\n\u001f"]`, ""},
		{"raw line separators stay", raw, "[\"\\u2028\u2029\"]", ""},
		{"raw keeps half a pair", raw, `["\ud83dx"]`, ""},
		{"slash escaped by number", Style{EscapeSlash: true}, `["\u002f"]`, `["\/"]`},
		{"only slashes", Style{EscapeSlash: true}, `[ "\u00E9/" ]`, `[ "\u00E9\/" ]`},
		{"plain slash", Style{PlainSlash: true}, `["\/\\/"]`, `["/\\/"]`},
		{"compact keeps strings", Style{Compact: true}, "{ \"a b\" :\t[ 1 , 2 ]\r\n}", `{"a b":[1,2]}`},
		{"slashes outside strings", Style{EscapeSlash: true}, `[1]`, ""},
		{"no style", Style{}, `[ "/" ]`, ""},
		{"plain slash by number", Style{PlainSlash: true}, `["\u002f"]`, `["/"]`},
		{"escaped slashes win", Style{EscapeSlash: true, PlainSlash: true}, `["/\/\u002f"]`, `["\/\/\/"]`},
		{"slashes of which no style speaks", Style{ASCII: true}, `["/\/"]`, ""},
		{"slash by number in ASCII", Style{ASCII: true}, `["\u002f"]`, `["/"]`},
		{"short escapes", Style{ASCII: true}, `["\u0008\u000c\u000d\u0009\u0020\u001F"]`, `["\b\f\r\t \u001f"]`},
		{"ASCII ends at 7f", Style{ASCII: true}, `["\u007F\u0080"]`, "[\"\x7f\\u0080\"]"},
		{"raw begins at 80", Style{RawUnicode: true}, `["\u007F\u0080"]`, "[\"\x7f\u0080\"]"},
		{"the last of the basic plane", Style{ASCII: true}, "[\"\uffff\U00010000\"]", `["\uffff\ud800\udc00"]`},
		{"the replacement character is a character", Style{ASCII: true}, "[\"\ufffd\"]", `["\ufffd"]`},
		{"all hex digits", Style{ASCII: true}, `["\uABCD\uEF01\u2345\u6789\uabcd\uefab"]`, `["\uabcd\uef01\u2345\u6789\uabcd\uefab"]`},
		{"ASCII wins", Style{ASCII: true, RawUnicode: true}, `["é\u00e9"]`, `["\u00e9\u00e9"]`},
		{"without a setting for it, a character stays as it is written", Style{Compact: true}, `["\u002f\u00E9"]`, ""},
		{"half a pair before what looks like the other half", raw, `["\ud83dxudc00\ud83d\\dc00"]`, ""},
		{"half a pair before another character", raw, `["\ud83d\u0041"]`, `["\ud83dA"]`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			in := []byte(tc.in)
			got, err := Restyle(in, tc.style)
			if err != nil {
				t.Fatal(err)
			}
			if tc.want == "" {
				if &got[0] != &in[0] {
					t.Fatalf("Restyle copied %s to %s", tc.in, got)
				}
				return
			}
			if string(got) != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
			if string(in) != tc.in {
				t.Errorf("the input became %s", in)
			}
		})
	}
}

// Restyle reports text that it cannot read instead of sending half of it.
func TestRestyleMalformed(t *testing.T) {
	t.Parallel()
	for _, in := range []string{
		`"a`, `"\`, `"\u`, `"\u12`, `"\u123"`, `"\u00/0"`, `"\u00:0"`, `"\u00@0"`, `"\u00G0"`, "\"\\u00`0\"", `"\u00g0"`, "\"\xff\"", "\"\xc3", "\"\xed\xa0\x80\"",
	} {
		b := append(make([]byte, 0, len(in)), in...) // reading behind it panics
		if out, err := Restyle(b, Style{ASCII: true}); err == nil {
			t.Errorf("Restyle(%q) = %q", in, out)
		}
	}
}

func genJSON(depth int) *rapid.Generator[any] {
	return rapid.Custom(func(t *rapid.T) any {
		kinds := 5
		if depth > 0 {
			kinds = 7
		}
		switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
		case 0:
			return nil
		case 1:
			return rapid.Bool().Draw(t, "bool")
		case 2:
			return rapid.Float64().Filter(func(f float64) bool { return f-f == 0 }).Draw(t, "number")
		case 3:
			return rapid.StringOfN(rapid.RuneFrom([]rune("/\\\"aãé\n\x01\u2028😀")), 0, 8, -1).Draw(t, "text")
		case 4:
			return rapid.String().Draw(t, "any text")
		case 5:
			return rapid.SliceOfN(genJSON(depth-1), 0, 4).Draw(t, "array")
		default:
			return rapid.MapOfN(rapid.String(), genJSON(depth-1), 0, 4).Draw(t, "object")
		}
	})
}

// Restyle keeps the meaning, changes nothing the second time, and gives the right style.
func TestRestyleProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in, err := json.MarshalIndent(genJSON(3).Draw(t, "value"), "", " ")
		if err != nil {
			t.Skip()
		}
		if Check(in, 100) != nil {
			t.Fatalf("encoding/json wrote what Check refuses: %s", in)
		}
		s := Style{
			ASCII: rapid.Bool().Draw(t, "ascii"), RawUnicode: rapid.Bool().Draw(t, "raw"),
			EscapeSlash: rapid.Bool().Draw(t, "slash"), PlainSlash: rapid.Bool().Draw(t, "plain"),
			Compact: rapid.Bool().Draw(t, "compact"),
		}
		out, err := Restyle(in, s)
		if err != nil {
			t.Fatal(err)
		}
		if err := Check(out, 100); err != nil {
			t.Fatalf("not valid any more: %v\n%s", err, out)
		}
		var a, b any
		if json.Unmarshal(in, &a) != nil || json.Unmarshal(out, &b) != nil {
			t.Fatal("cannot be read")
		}
		if d := cmp.Diff(a, b); d != "" {
			t.Fatalf("the meaning changed:\n%s", d)
		}
		again, err := Restyle(out, s)
		if err != nil || &again[0] != &out[0] {
			t.Fatalf("not stable: %s\n%s %v", out, again, err)
		}
		if s.ASCII && bytes.ContainsFunc(out, func(r rune) bool { return r > 0x7f }) {
			t.Fatalf("not ASCII: %s", out)
		}
	})
}

// Check accepts what encoding/json accepts, except duplicates and text that is not Unicode.
// The test changes one byte of a document at a time.
func TestCheckProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		b, err := json.Marshal(genJSON(3).Draw(t, "value"))
		if err != nil {
			t.Skip()
		}
		if rapid.Bool().Draw(t, "break it") {
			b[rapid.IntRange(0, len(b)-1).Draw(t, "at")] = rapid.SampledFrom([]byte("\"{}[],:0e-\\u \xff\n")).Draw(t, "with")
		}
		err = Check(b, 100)
		valid := json.Valid(b)
		if err == nil && (!valid || !utf8.Valid(b)) {
			t.Fatalf("Check takes %q", b)
		}
		if err != nil && valid && utf8.Valid(b) && !bytes.Contains(b, []byte(`\u`)) {
			dec := json.NewDecoder(bytes.NewReader(b))
			dec.UseNumber()
			if !duplicates(dec) {
				t.Fatalf("Check refuses %q: %v", b, err)
			}
		}
	})
}

// Lookup finds what encoding/json finds.
func TestLookupProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := rapid.MapOfN(rapid.String(), genJSON(2), 1, 5).Draw(t, "object")
		b, err := json.Marshal(m)
		if err != nil {
			t.Skip()
		}
		for name, v := range m {
			token, ok := Lookup(b, name)
			if !ok {
				t.Fatalf("%q is not found in %s", name, b)
			}
			want, _ := json.Marshal(v)
			if !bytes.Equal(token, want) {
				t.Fatalf("%q: got %s, want %s", name, token, want)
			}
		}
		if len(Members(b)) != len(m) {
			t.Fatalf("Members found %d of %d", len(Members(b)), len(m))
		}
	})
}

// duplicates reports whether an object in b, which is valid, has a member twice.
func duplicates(dec *json.Decoder) bool {
	tok, err := dec.Token()
	if err != nil {
		return false
	}
	dup := false
	switch tok {
	case json.Delim('{'):
		seen := map[any]bool{}
		for dec.More() {
			name, _ := dec.Token()
			dup = seen[name] || dup
			seen[name] = true
			dup = duplicates(dec) || dup
		}
		_, _ = dec.Token()
	case json.Delim('['):
		for dec.More() {
			dup = duplicates(dec) || dup
		}
		_, _ = dec.Token()
	}
	return dup
}

// FuzzCheck compares Check with encoding/json, which accepts duplicates and repairs text
// that is not UTF-8, and calls the rest of the package with any bytes.
func FuzzCheck(f *testing.F) {
	for _, s := range []string{`{"a":[1,"x",null]}`, `{"a":1,"a":2}`, `"\ud800"`, `[`, "\"\xff\"", `{"a":}`, "[1,2", `"\u00`, `{"`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		err := Check(b, 10000)
		if err == nil {
			if !json.Valid(b) {
				t.Fatalf("Check takes %q, encoding/json does not", b)
			}
			dec := json.NewDecoder(bytes.NewReader(b))
			dec.UseNumber()
			if duplicates(dec) {
				t.Fatalf("Check takes duplicates: %q", b)
			}
		} else if e, ok := errors.AsType[*SyntaxError](err); !ok || e.Detail == "" || e.Offset > int64(len(b)) {
			t.Fatalf("Check(%q) = %#v", b, err)
		} else if json.Valid(b) && !strings.Contains(e.Detail, "twice") && !strings.Contains(e.Detail, "UTF-8") &&
			!strings.Contains(e.Detail, "surrogates") && !strings.Contains(e.Detail, "deep") {
			t.Fatalf("Check refuses %q: %v", b, err)
		}
		before := string(b)
		for n := range 32 {
			s := Style{n&1 != 0, n&2 != 0, n&4 != 0, n&8 != 0, n&16 != 0}
			if _, rerr := Restyle(b, s); rerr != nil && err == nil {
				t.Fatalf("Restyle refuses what Check takes: %q", b)
			}
		}
		Lookup(b, "a", "0")
		Members(b)
		Elements(b)
		Replace(b, []byte("1"), "a")
		if string(b) != before {
			t.Fatal("the input was changed")
		}
	})
}

var doc400 = []byte(`{"id":"ord_01HZX3","customer":{"name":"Ana María","email":"ana@example.com","address":{"street":"Av. Corrientes 1234","city":"Buenos Aires"}},"items":[{"sku":"A-1","qty":2,"price":19.99},{"sku":"B-7","qty":1,"price":5.5}],"total":45.48,"currency":"ARS","paid":true,"note":null,"url":"https://example.com/o/1","created_at":"2026-11-21T18:00:00Z","tags":["new","web"],"lines":[1,2,3,4,5,6,7,8,9,10]}`)

func BenchmarkCheck(b *testing.B) {
	b.SetBytes(int64(len(doc400)))
	b.ReportAllocs()
	for b.Loop() {
		if Check(doc400, MaxDepth) != nil {
			b.Fatal()
		}
	}
}

func BenchmarkRestyleConforming(b *testing.B) {
	php, _ := Restyle(doc400, Style{ASCII: true, EscapeSlash: true, Compact: true})
	b.SetBytes(int64(len(php)))
	b.ReportAllocs()
	for b.Loop() {
		_, _ = Restyle(php, Style{ASCII: true, EscapeSlash: true, Compact: true})
	}
}

func BenchmarkRestyleChanging(b *testing.B) {
	b.SetBytes(int64(len(doc400)))
	b.ReportAllocs()
	for b.Loop() {
		_, _ = Restyle(doc400, Style{ASCII: true, EscapeSlash: true, Compact: true})
	}
}

func BenchmarkLookup(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		_, _ = Lookup(doc400, "tags", "1")
	}
}

func TestPath(t *testing.T) {
	t.Parallel()
	for in, want := range map[string][]string{
		"a": {"a"}, "a.b-c.d_1": {"a", "b-c", "d_1"}, `a["x.y"].z[0]`: {"a", "x.y", "z", "0"}, `a["q\"]"]`: {"a", `q"]`},
		"aZ.zA.09": {"aZ", "zA", "09"}, `a[10]["ñ"][""]`: {"a", "10", "ñ", ""},
		"a/": nil, "a:": nil, "a@": nil, "a`": nil, "a{": nil, "a[1": nil, "a[1]]": nil, `a["\x"]`: nil, "a[2147483648]": nil, "a[+1]": nil,
		"": nil, ".a": nil, "a.": nil, "a..b": nil, "a[": nil, "a[]": nil, "a[x]": nil, `a["x]`: nil, `a["x"`: nil, "[0]": nil, "a b": nil, `a["x"]b`: nil, "a[-1]": nil,
	} {
		got, err := ParsePath(in)
		if (err == nil) != (want != nil) || cmp.Diff(want, got) != "" && err == nil {
			t.Errorf("ParsePath(%q) = %q, %v, want %q", in, got, err, want)
		}
	}
	if got := JoinPath("", "a"); got != "a" {
		t.Errorf("the first name of a path is written %s", got)
	}
	if _, err := ParsePath("a[]"); err == nil || !strings.Contains(err.Error(), `["name"] or [0]`) {
		t.Errorf("the error of empty brackets does not say what they need: %v", err)
	}
	for _, name := range []string{"a", "x.y", "", `q"`, "ñ"} {
		got, err := ParsePath(JoinPath("events", name))
		if err != nil || len(got) != 2 || got[1] != name {
			t.Errorf("%q does not survive: %q %v", name, got, err)
		}
	}
}

func TestSame(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		a, b string
		want bool
	}{
		{`{"a": [1, 2]}`, "{\"a\":[1,\n2]} ", true},
		{`"a b"`, `"ab"`, false},
		{`"a b"`, ` "a b"`, true},
		{`1.0`, `1`, false},
		{`1`, `1.0`, false},
		{`{"a":1,"b":2}`, `{"b":2,"a":1}`, false},
		{`"\/"`, `"/"`, false},
		{`[]`, `[ ]`, true},
		{`[1]`, `[1,1]`, false},
		{`null`, ``, false},
		{``, ` `, true},
		{`"a\" b"`, `"a\"  b"`, false},
		{`"a`, ` "a`, false}, // no tokens at all
		{`["a"]`, ` ["a`, false},
		{`["a`, ` ["a"]`, false},
		{`1 `, `1`, true},
		{`"a"`, `"a" `, true},
	} {
		if got := Same([]byte(tc.a), []byte(tc.b)); got != tc.want {
			t.Errorf("Same(%s, %s) = %v", tc.a, tc.b, got)
		}
	}
}
