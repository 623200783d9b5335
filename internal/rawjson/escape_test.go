package rawjson

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEscapes(t *testing.T) {
	t.Parallel()
	for token, want := range map[string]map[string]string{
		`"a<b>&\"'\n\u0001é"`: {
			"xml": "a&lt;b&gt;&amp;&#34;&#39;&#xA;\ufffdé", "url": "a%3Cb%3E%26%22%27%0A%01%C3%A9", "csv": "\"a<b>&\"\"'\n\u0001é\"",
			"json": `"a<b>&\"'\n\u0001é"`, "percent": "a<b>&%22'%0A%01%C3%A9", "raw": "a<b>&\"'\n\u0001é",
		},
		`1.50`:        {"xml": "1.50", "url": "1.50", "csv": "1.50", "json": "1.50", "percent": "1.50", "raw": "1.50"},
		`{"a": "<"}`:  {"xml": "{&#34;a&#34;: &#34;&lt;&#34;}", "json": `{"a": "<"}`, "csv": `"{""a"": ""<""}"`},
		`"a-b._~ +%"`: {"url": "a-b._~%20%2B%25", "percent": "a-b._~%20+%25", "csv": "a-b._~ +%"},
		`"€ uro"`:     {"percent": "%E2%82%AC%20uro"},
		`" a"`:        {"csv": `" a"`},
		`null`:        {"xml": "", "url": "", "csv": "", "json": "null", "percent": "", "raw": ""},
		``:            {"xml": "", "url": "", "csv": "", "json": "null", "percent": "", "raw": ""},
	} {
		for name, want := range want {
			escape, ok := EscapeNamed(name)
			if got := escape([]byte(token)); !ok || got != want {
				t.Errorf("%s(%s): %q, want %q", name, token, got, want)
			}
		}
	}
	if _, ok := EscapeNamed("html"); ok || len(EscapeNames()) != 6 {
		t.Error(EscapeNames())
	}
	got := Spellings("a\"<é")
	for _, want := range []string{`a"<é`, `a\"<é`, `a""<é`, "a%22%3C%C3%A9", "a%22<%C3%A9", "a&#34;&lt;é"} {
		if !slices.Contains(got, want) {
			t.Errorf("no %s in %q", want, got)
		}
	}
}

// valid is a text as XML can hold it.
func valid(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' || r == '\n' || r == '\r' || 0x20 <= r && r <= 0xd7ff || 0xe000 <= r && r <= 0xfffd || 0x10000 <= r {
			return r
		}
		return '\ufffd'
	}, strings.ToValidUTF8(text, "\ufffd"))
}

// FuzzEscapes puts any text into a document of each format, as the escapes write it, and reads it back with a parser.
func FuzzEscapes(f *testing.F) {
	for _, s := range []string{"a<b>&\"'", "]]>", "\x00\x0b\ufffe", "\r\n\t ", "é😀", `a,"b";c`, "%41 +&=", "<!--", "-->", "\u2028"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		token := Quote(text)
		escaped := map[string]string{}
		for _, name := range EscapeNames() {
			escape, _ := EscapeNamed(name)
			escaped[name] = escape(token)
		}
		text = strings.ToValidUTF8(text, "\ufffd")

		var doc struct {
			Attribute string `xml:"a,attr"`
			Text      string `xml:",chardata"`
		}
		source := `<?xml version="1.0"?><x a="` + escaped["xml"] + `">` + escaped["xml"] + "</x>"
		d := xml.NewDecoder(strings.NewReader(source))
		if err := d.Decode(&doc); err != nil || doc.Text != valid(text) || doc.Attribute != valid(text) {
			t.Fatalf("%q in XML: %v, %q", text, err, doc)
		}
		if _, err := d.Token(); !errors.Is(err, io.EOF) {
			t.Fatalf("%q is more than one element", text)
		}

		if got, err := url.PathUnescape(escaped["url"]); err != nil || got != text {
			t.Fatalf("%q in a URL: %q, %v", text, got, err)
		}
		if got, err := url.ParseQuery("a=" + escaped["url"] + "&b=c"); err != nil || got.Get("a") != text || len(got) != 2 {
			t.Fatalf("%q in a query: %q, %v", text, got, err)
		}
		if got, err := url.PathUnescape(escaped["percent"]); err != nil || got != text || strings.ContainsFunc(escaped["percent"], func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '"' }) {
			t.Fatalf("%q in a header: %q, %v", text, got, err)
		}
		var back string
		if err := json.Unmarshal([]byte(escaped["json"]), &back); err != nil || back != text {
			t.Fatalf("%q in JSON: %q, %v", text, back, err)
		}
		if !strings.ContainsRune(text, '\r') { // the reader takes \r\n for \n, also in quotes
			got, err := csv.NewReader(bytes.NewReader([]byte("a," + escaped["csv"] + ",b\n"))).ReadAll()
			if err != nil || len(got) != 1 || cmp.Diff([]string{"a", text, "b"}, got[0]) != "" {
				t.Fatalf("%q in CSV: %q, %v", text, got, err)
			}
		}
	})
}
