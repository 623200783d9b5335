package yamlfile

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const limit = 1 << 10

func open(t *testing.T, src string) (*File, *Node) {
	t.Helper()
	f, root := Open("a.yaml", []byte(src), limit)
	if root == nil {
		t.Fatal(f.Err())
	}
	return f, root
}

func TestReads(t *testing.T) {
	t.Parallel()
	f, root := open(t, "\ufefftitle: {en: One, es: Uno}\nplain: 'x'\nlist: [a, b]\nwait: 1h30m\nsize: 2KiB\nrate: 1.5\non: true\nmode: on\n")
	o := f.Object(root, "It", []string{"title", "plain", "list", "wait", "size", "rate", "on", "mode"})
	if got := f.Text(o.Get("title")); got.In("es") != "Uno" || got.In("pt") != "One" || got.Empty() {
		t.Errorf("title: %+v", got)
	}
	if got := f.Text(o.Get("plain")); got != (Text{En: "x"}) {
		t.Errorf("plain: %+v", got)
	}
	if got := f.List(o.Get("list")); len(got) != 2 || f.Str(got[1]) != "b" || got[1].Line != 3 || got[1].Column != 11 {
		t.Errorf("list: %+v", got)
	}
	if got := f.Duration(o.Get("wait"), time.Second, 2*time.Hour); got != 90*time.Minute {
		t.Errorf("wait: %v", got)
	}
	if got := f.Size(o.Get("size"), 1, 1<<20); got != 2048 {
		t.Errorf("size: %v", got)
	}
	if f.Number(o.Get("rate"), 0, 2) != 1.5 || !f.Bool(o.Get("on")) || f.OneOf(o.Get("mode"), "off", "on") != "on" {
		t.Error("rate, on or mode")
	}
	if !root.Has([]string{"list", "1"}) || root.Has([]string{"list", "2"}) || root.Has([]string{"list", "x"}) || !root.Has([]string{"title", "en"}) {
		t.Error("Has finds what is not there, or not what is")
	}
	if got := string(f.JSON(root)); got != `{"title":{"en":"One","es":"Uno"},"plain":"x","list":["a","b"],"wait":"1h30m","size":"2KiB","rate":1.5,"on":true,"mode":"on"}` {
		t.Errorf("as JSON: %s", got)
	}
	if err := f.Err(); err != nil || f.Count() != 0 {
		t.Error(err)
	}
}

// All mistakes of a file are reported, in the order of the file.
func TestReports(t *testing.T) {
	t.Parallel()
	f, root := open(t, "wait: 15\nlsit: [a]\ntext: 1.0\nsize: 9MiB\nempty:\nanchor: &a x\nnumber: .5e\nnan: .nan\n")
	o := f.Object(root, "It", []string{"wait", "list", "text", "size", "empty", "anchor", "number", "nan"})
	f.Number(o.Get("number"), 0, 1) // reported first, and the last but one in the file
	f.Duration(o.Get("wait"), 0, time.Hour)
	f.Str(o.Get("text"))
	f.Size(o.Get("size"), 1, 1<<20)
	f.Str(o.Get("anchor")) // reported already
	f.JSON(o.Get("nan"))
	want := []string{
		"a.yaml:1:7: A duration needs a unit. Write for example 15s or 15ms.",
		"a.yaml:2:1: It has no key lsit. Did you mean list?",
		`a.yaml:3:7: This has to be a text, not a number. Put it in quotes: "1.0"`,
		`a.yaml:4:7: "9MiB" is not a size from 1 bytes to 1 MiB. Write for example 16MiB.`,
		"a.yaml:5:1: empty has no value. Give it one, or remove the line.",
		"a.yaml:6:9: Anchors and aliases (& and *) are not part of the contract language. Write the value out; a text that begins with & or * needs quotes.",
		"a.yaml:7:9: This has to be a number from 0 to 1.",
		"a.yaml:8:6: .nan is not a number as JSON writes it. Write it in decimal, or in quotes if it is a text.",
	}
	if d := cmp.Diff(want, strings.Split(f.Err().Error(), "\n")); d != "" {
		t.Error(d)
	}
}

func TestRefuses(t *testing.T) {
	t.Parallel()
	for src, want := range map[string]string{
		"":                                   "a.yaml:1:1: The file is empty.",
		"a: 1\n---\nb: 2\n":                  "There is a second document",
		"a: [":                               "This is not valid YAML",
		"\xff\xfea":                          "UTF-16",
		"a: 1\nb: \xe9\n":                    "a.yaml:2:4: The file is not UTF-8",
		strings.Repeat("a", limit+1):         "The file has 1025 bytes; at most 1024 are allowed.",
		"x: {y: ${settings.token}}\n":        "a template needs quotes",
		strings.Repeat("- a\n", limit/4)[:0]: "The file is empty.",
	} {
		f, root := Open("a.yaml", []byte(src), limit)
		if err := f.Err(); root != nil || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: %v, want %q", src, err, want)
		}
	}
}

func TestWithin(t *testing.T) {
	t.Parallel()
	f, root := open(t, "a: one two\nb: 'one two'\nc: |\n  one\n  two\n")
	for _, tc := range []struct {
		key               string
		line, column      int
		wantLine, wantCol int
	}{{"a", 1, 5, 1, 8}, {"b", 1, 5, 2, 9}, {"c", 2, 1, 5, 3}} {
		if line, col := f.Within(root.Get(tc.key), tc.line, tc.column); line != tc.wantLine || col != tc.wantCol {
			t.Errorf("%s: %d:%d, want %d:%d", tc.key, line, col, tc.wantLine, tc.wantCol)
		}
	}
}

func TestStandalone(t *testing.T) {
	t.Parallel()
	f, root := open(t, "a: {x: one.json, y: 'two.json'} # end\nb: c\n")
	f.Inline(root.Get("a").Get("x"), []byte("{\n\"n\": 1}"))
	f.Inline(root.Get("a").Get("y"), []byte("ñ"))
	if got, want := string(f.Standalone()), "a: {x: \"{\\n\\\"n\\\": 1}\", y: \"ñ\"} # end\nb: c\n"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
