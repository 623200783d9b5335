package schema

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"gancho/internal/yamlfile"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, src string) (*yamlfile.File, *yamlfile.Node) {
	t.Helper()
	f, root := yamlfile.Open("a.yaml", []byte(src), 1<<20)
	if root == nil {
		t.Fatal(f.Err())
	}
	return f, root
}

func TestRead(t *testing.T) {
	t.Parallel()
	f, root := open(t, `{type: object, required: [id], additionalProperties: false, properties: {id: {type: integer, title: {en: Number, es: Número}}, a/b: {type: string, secret: true, minLength: 2}}}`)
	texts, s := Read(f, root)
	if s == nil {
		t.Fatal(f.Err())
	}
	if got := string(texts.In("es")); !strings.Contains(got, `"title":"Número"`) || !strings.Contains(got, `"writeOnly":true`) {
		t.Errorf("in Spanish: %s", got)
	}
	if string(texts.In("xx")) != string(texts.In("en")) {
		t.Error("a language that there is not gets no English schema")
	}
	var got []string
	for _, f := range s.Check(nil, []byte(`{"a/b":"x","c":1}`)) {
		got = append(got, f.Pointer+" "+f.Code)
	}
	slices.Sort(got)
	if d := cmp.Diff([]string{"/a~1b too_short", "/c field_unknown", "/id required"}, got); d != "" {
		t.Error(d)
	}
	if found := s.Check(nil, []byte(`{"id":1e99999}`)); len(found) != 1 || found[0].Code != "number_exponent" {
		t.Errorf("a number that would fill the memory: %v", found)
	}
	if found := s.Check(nil, []byte(`{"id":1}`)); found != nil {
		t.Errorf("a good document: %v", found)
	}
	both := string(Both(texts, Texts{"en": []byte("true")}).In("en"))
	if !strings.HasPrefix(both, `{"allOf":[{`) || !strings.HasSuffix(both, `,true]}`) {
		t.Errorf("both: %s", both)
	}
}

func TestReadReports(t *testing.T) {
	t.Parallel()
	for src, want := range map[string]string{
		"{tpye: string}":              "JSON Schema has no keyword tpye. Did you mean type?",
		"{type: text}":                `There is no type "text" in JSON Schema.`,
		"{$ref: 'https://x.example'}": "put the definition under $defs",
		"{minimum: low}":              "The schema cannot be used",
		"{properties: {a: 7}}":        "A schema is a mapping, not a number.",
	} {
		f, root := open(t, src)
		if _, s := Read(f, root); s != nil || f.Count() != 1 || !strings.Contains(f.Err().Error(), want) {
			t.Errorf("%s: %v, want %q once", src, f.Err(), want)
		}
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	f, root := open(t, `{required: [token], properties: {token: {type: string, title: Token, secret: true}, pairs: {title: Pairs, type: array, items: {type: object, properties: {value: {type: string, writeOnly: true}}}}}}`)
	s := ReadSettings(f, root)
	if err := f.Err(); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"token", "pairs"}, s.Names()); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([][]string{{"token"}, {"pairs", "*", "value"}}, [][]string(s.Secrets())); d != "" {
		t.Error(d)
	}
	if first := s.List()[0]; first.Title.En != "Token" || !first.Secret || !first.Required {
		t.Errorf("%+v", first)
	}
	for doc, want := range map[string]string{
		``: "/settings/token required", `{"token":"********"}`: "/settings/token secret_masked", `{"token":"a","tokn":1}`: "/settings/tokn setting_unknown", `{`: "/settings json_refused",
	} {
		found := s.Check([]byte(doc))
		if len(found) != 1 || found[0].Pointer+" "+found[0].Code != want {
			t.Errorf("%s: %v, want %s", doc, found, want)
		}
	}
	if found := NoSettings().Check([]byte(`{"a":1}`)); len(found) != 1 || found[0].Code != "settings_none" {
		t.Errorf("settings where there are none: %v", found)
	}
}
