package contract

import (
	"encoding/binary"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
)

var rewrite = flag.Bool("rewrite", false, "write what is said about testdata/wrong and testdata/failing into the files")

// said reads each file of a directory: a contract, a line of dashes, and what is said about it.
func said(t *testing.T, pattern string, about func(t *testing.T, src []byte) string) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatal("no test data", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			src, want, ok := strings.Cut(string(b), "\n----\n")
			if !ok {
				t.Fatal("there is no line of four dashes")
			}
			got := about(t, []byte(src+"\n")) + "\n"
			if *rewrite {
				if err := os.WriteFile(file, []byte(src+"\n----\n"+got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("go test -rewrite writes what is said now (-want +got):\n%s", d)
			}
		})
	}
}

// TestWrong reads the contracts that are refused, and the problems that are reported for them.
func TestWrong(t *testing.T) {
	t.Parallel()
	said(t, "testdata/wrong/*.txt", func(t *testing.T, src []byte) string {
		t.Helper()
		c, err := Parse("shop.yaml", src)
		if err == nil {
			t.Fatalf("it was taken: %+v", c)
		}
		return err.Error()
	})
}

// TestFailing reads the contracts whose own tests fail, and what is said of each test. What is said of a test that passes
// would be seen too.
func TestFailing(t *testing.T) {
	t.Parallel()
	said(t, "testdata/failing/*.txt", func(t *testing.T, src []byte) string {
		t.Helper()
		failed := parseContract(t, string(src)).FailedTests("shop.yaml")
		if failed == nil {
			t.Fatal("its tests pass")
		}
		return failed.Error()
	})
}

const shop = `
contract: shop
title: {en: Shop, es: Tienda}
about: Orders of a shop.
document: https://example.com/docs
events:
  order.paid:
    title: Paid
    example: examples/paid.json
  order.sent:
    title: Sent
    example: |-
      {"id": 2}
endpoint:
  method: PUT
  methods: [POST, PUT]
  settings:
    required: [token]
    properties:
      token: {type: string, title: {en: Token, pt: Senha}, secret: true, minLength: 3}
      source: {type: string, title: Source, description: Where it comes from}
      pairs:
        title: Pairs
        type: array
        items: {type: object, properties: {key: {type: string}, value: {type: string, secret: true}}}
  headers:
    authorization: ${settings.token}
    x-source: src-${settings.source}
    x-event: ${event.type}/${payload.id}
  json: {ascii: true}
  user_agent: none
delivery:
  timeout: 2s
  connect_timeout: 5s
  clock: response
  retry: [0s, 1m]
  success: response.status == 200 && !response.html
  concurrency: 4
  per_second: 10
redact: [headers.authorization, 'headers["set-cookie"]', 'list[1].x']
docs: {when: {en: Always., es: Siempre.}}
assumed:
  delivery.timeout: Nobody knows.
  endpoint.settings.properties.source: {en: A guess., pt: Um palpite.}
`

var shopFiles = fstest.MapFS{
	"dir/shop.yaml":          {Data: []byte(shop)},
	"dir/examples/paid.json": {Data: []byte("{\"id\": 1, \"name\": \"Añ\\u00f1 \\\"q\\\" \\/\"}\n")},
}

func loadShop(t testing.TB) *Contract {
	t.Helper()
	c, err := Load(shopFiles, "dir/shop.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestLoad(t *testing.T) {
	t.Parallel()
	c := loadShop(t)
	if c.Name != "shop" || c.Title.In("es") != "Tienda" || c.Title.In("pt") != "Shop" || c.About.In("xx") != "Orders of a shop." || c.Document == "" {
		t.Errorf("%+v", c)
	}
	events := c.EventTypes()
	if len(events) != 2 || string(events[0].Example) != `{"id": 1, "name": "Añ\u00f1 \"q\" \/"}` || string(events[1].Example) != `{"id": 2}` {
		t.Errorf("%+v", events)
	}
	wantSettings := []Setting{
		{Name: "token", Title: Text{En: "Token", Pt: "Senha"}, Secret: true, Required: true},
		{Name: "source", Title: Text{En: "Source"}, About: Text{En: "Where it comes from"}},
		{Name: "pairs", Title: Text{En: "Pairs"}},
	}
	if d := cmp.Diff(wantSettings, c.Settings()); d != "" {
		t.Error(d)
	}
	if got := string(c.SettingsSchema("pt")); !strings.Contains(got, `"token":{"type":"string","title":"Senha","writeOnly":true,"minLength":3}`) || !strings.HasSuffix(got, `"additionalProperties":false}`) {
		t.Error(got)
	}
	wantAssumed := []Assumption{{"delivery.timeout", Text{En: "Nobody knows."}}, {"endpoint.settings.properties.source", Text{En: "A guess.", Pt: "Um palpite."}}}
	if d := cmp.Diff(wantAssumed, c.Assumed()); d != "" {
		t.Error(d)
	}
	if c.Docs("when").In("es") != "Siempre." || !c.Docs("setup").Empty() {
		t.Error("docs")
	}
	if d := cmp.Diff([]string{"PUT", "POST"}, c.Methods()); d != "" {
		t.Error(d)
	}
}

// The stored form needs no files and has the same contents, line for line.
func TestStandalone(t *testing.T) {
	t.Parallel()
	c := loadShop(t)
	if strings.Count(string(c.Source), "\n") != strings.Count(shop, "\n") {
		t.Error("lines have moved")
	}
	again, err := Parse("shop.yaml", c.Source)
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range again.EventTypes() {
		if string(e.Example) != string(c.EventTypes()[i].Example) {
			t.Errorf("%s: %s", e.Name, e.Example)
		}
	}
	if string(again.Source) != string(c.Source) {
		t.Error("not stable")
	}
	if v := c.WithVersion(7); v.Version != 7 || c.Version != 0 {
		t.Error("WithVersion changes the contract itself")
	}
}

// The name of an example may be in quotes and come after other text on its line.
func TestStandaloneQuoted(t *testing.T) {
	t.Parallel()
	fsys := fstest.MapFS{
		"a.yaml": {Data: []byte("contract: a\ntitle: A\nevents: {ñ: {title: x}, e: {title: \"ñé\", example: 'e.json'}, f: {example: e.json, title: y}}\n")},
		"e.json": {Data: []byte(`["'\"{}#: "]`)},
	}
	_, err := Load(fsys, "a.yaml")
	if err == nil || !strings.Contains(err.Error(), `a.yaml:3:10: "ñ" cannot name an event type`) {
		t.Fatal(err)
	}
	fsys["a.yaml"].Data = []byte(strings.Replace(string(fsys["a.yaml"].Data), "{ñ:", "{n:", 1))
	c, err := Load(fsys, "a.yaml")
	if err != nil {
		t.Fatal(err)
	}
	again, err := Parse("a.yaml", c.Source)
	if err != nil {
		t.Fatalf("%v\n%s", err, c.Source)
	}
	for _, e := range again.EventTypes()[1:] {
		if string(e.Example) != `["'\"{}#: "]` {
			t.Errorf("%s: %q", e.Name, e.Example)
		}
	}
}

func TestLoadFiles(t *testing.T) {
	t.Parallel()
	for example, want := range map[string]string{
		"none.json":        "a/x.yaml:3:33: The example a/none.json cannot be used: there is no such file.",
		"../../etc/passwd": "cannot be used",
		"../b/e.json":      "",
		"/etc/passwd":      "no such file",
	} {
		fsys := fstest.MapFS{
			"a/x.yaml": {Data: []byte("contract: x\ntitle: X\nevents: {e: {title: E, example: " + example + "}}\n")},
			"b/e.json": {Data: []byte("{}")},
		}
		_, err := Load(fsys, "a/x.yaml")
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: got %v, want %q", example, err, want)
		}
	}
	if _, err := Load(shopFiles, "nothing.yaml"); err == nil {
		t.Error("a file that is not there was loaded")
	}
}

// The time of the YAML parser grows with the square of the size of a file. Files that would
// take long are refused before they are parsed.
// A file in another encoding is accepted, or refused with instructions how to save it.
func TestEncodings(t *testing.T) {
	t.Parallel()
	const text = "contract: shop\ntitle: Café\nevents: {a: {title: A}}\n"
	c, err := Parse("x.yaml", []byte("\ufeff"+text))
	if err != nil || c.Name != "shop" || string(c.Source) != text {
		t.Errorf("a byte order mark: %v", err)
	}
	wide := func(order binary.AppendByteOrder, mark bool) (out []byte) {
		if mark {
			out = order.AppendUint16(out, 0xfeff)
		}
		for _, u := range utf16.Encode([]rune(text)) {
			out = order.AppendUint16(out, u)
		}
		return out
	}
	for name, c := range map[string]struct {
		src  []byte
		want string
	}{
		"little endian":       {wide(binary.LittleEndian, true), "x.yaml:1:1: The file is not UTF-8 but UTF-16, as it seems. Save it as UTF-8"},
		"big endian":          {wide(binary.BigEndian, true), "x.yaml:1:1: The file is not UTF-8 but UTF-16, as it seems. Save it as UTF-8"},
		"without a mark":      {wide(binary.LittleEndian, false), "x.yaml:1:1: The file is not UTF-8 but UTF-16, as it seems. Save it as UTF-8"},
		"Latin-1":             {[]byte(strings.Replace(text, "é", "\xe9", 1)), "x.yaml:2:11: The file is not UTF-8: what stands here is a letter of another encoding. Save it as UTF-8"},
		"Latin-1 in the last": {[]byte(text + "# \xe9"), "x.yaml:4:3: The file is not UTF-8"},
	} {
		if _, err := Parse("x.yaml", c.src); err == nil || !strings.HasPrefix(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTooMuch(t *testing.T) {
	t.Parallel()
	for name, src := range map[string]string{
		"nested":  "a: " + strings.Repeat("[", 400_000),
		"dashes":  strings.Repeat("- ", 400_000),
		"lines":   strings.Repeat("a: b\n", 100_000),
		"too big": "a: \"" + strings.Repeat("x", MaxSource) + "\"",
	} {
		_, err := Parse("x.yaml", []byte(src))
		if err == nil || !strings.Contains(err.Error(), "x.yaml:1:1: The file has ") {
			t.Errorf("%s: %.200v", name, err)
		}
	}
}

// FuzzParse: no text makes Parse panic, and the Source of a contract can be parsed again.
func FuzzParse(f *testing.F) {
	f.Add(shop)
	files, _ := filepath.Glob("testdata/wrong/*.txt")
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		src, _, _ := strings.Cut(string(b), "\n----\n")
		f.Add(src)
	}
	f.Fuzz(func(t *testing.T, src string) {
		c, err := Parse("x.yaml", []byte(src))
		if err != nil {
			p, ok := errors.AsType[*Problems](err)
			if !ok || len(p.List) == 0 {
				t.Fatalf("%T", err)
			}
			return
		}
		if _, err := Parse("x.yaml", c.Source); err != nil {
			t.Fatalf("does not stand alone: %v", err)
		}
	})
}

// The console makes a link of document, so only addresses of web pages are taken. One that was stored by a release that
// took others stays in force without it.
func TestDocumentURL(t *testing.T) {
	t.Parallel()
	for text, ok := range map[string]bool{
		"https://docs.example.com/webhooks": true, "http://example.com": true, "HTTPS://example.com": true,
		"javascript:alert(1)": false, "JavaScript://example.com/%0aalert(1)": false, "data:text/html,x": false,
		"//example.com": false, "docs.pdf": false, "https:///x": false, "https://me@example.com": false, "ftp://example.com": false,
		"https://exa mple.com": false, "vbscript:x": false, "file:///etc/passwd": false,
	} {
		source := []byte("contract: shop\ntitle: Shop\ndocument: '" + text + "'\nevents: {order.paid: {title: Paid, example: '{}'}}\n")
		c, err := Parse("shop.yaml", source)
		if (err == nil) != ok || ok && c.Document != text {
			t.Errorf("%s: %v", text, err)
		}
		if c, err = ParseStored("shop.yaml", source); err != nil || ok != (c.Document == text) || !ok && c.Document != "" {
			t.Errorf("%s, stored: %v, %v", text, c, err)
		}
	}
}
