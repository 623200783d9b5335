package guide

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gancho/internal/contract"
	"gancho/internal/rawjson"
)

// TestOpenAPI validates all documents in all languages with an independent validator, against the official schema of
// OpenAPI 3.1. It needs node and its npm packages (make test-needs), and fails without them.
func TestOpenAPI(t *testing.T) {
	t.Parallel()
	type document struct {
		contract *contract.Contract
		language string
		text     []byte
	}
	var all []document
	var in bytes.Buffer
	for _, c := range append(shipped(t), parse(t, minimal)) {
		for _, language := range Languages {
			d := document{c, language, OpenAPI(c, language)}
			all = append(all, d)
			if err := json.Compact(&in, d.text); err != nil {
				t.Fatal(err)
			}
			in.WriteByte('\n')
		}
	}
	in.WriteString(`{"openapi":"3.1.0","info":{"title":"wrong"},"webhooks":{"a":{"post":{"responses":5}}}}` + "\n")

	cmd := exec.CommandContext(t.Context(), "node", "oracle.js")
	cmd.Dir = "testdata/oracle"
	cmd.Stdin = &in
	cmd.Stderr = t.Output()
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("node oracle.js: %v; run make test-needs", err)
	}
	type found struct {
		Valid    bool
		Version  string
		Errors   json.RawMessage
		Webhooks []string
		Paths    []string
	}
	var answers []found
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		var f found
		if err := json.Unmarshal(lines.Bytes(), &f); err != nil {
			t.Fatal(err)
		}
		answers = append(answers, f)
	}
	if len(answers) != len(all)+1 || answers[len(all)].Valid {
		t.Fatal("the validator takes what is wrong, so it proves nothing")
	}
	for i, d := range all {
		t.Run(d.contract.Name+"/"+d.language, func(t *testing.T) {
			t.Parallel()
			f := answers[i]
			if !f.Valid || f.Version != "3.1" {
				t.Fatalf("OpenAPI %q, valid %v: %s", f.Version, f.Valid, f.Errors)
			}
			var events, paths []string
			for _, e := range d.contract.EventTypes() {
				events = append(events, e.Name)
			}
			for _, r := range d.contract.Lookups() {
				paths = append(paths, r.Paths...)
			}
			slices.Sort(events)
			slices.Sort(paths)
			slices.Sort(f.Webhooks)
			slices.Sort(f.Paths)
			if diff := cmp.Diff(events, f.Webhooks); diff != "" {
				t.Errorf("webhooks: %s", diff)
			}
			if len(paths)+len(f.Paths) > 0 && !slices.Equal(paths, f.Paths) {
				t.Errorf("paths %q, not %q", f.Paths, paths)
			}
			same(t, d.contract, d.text)
		})
	}
}

// same checks that the examples are the bodies that are sent, and that each is valid under its schema.
func same(t *testing.T, c *contract.Contract, doc []byte) {
	t.Helper()
	f := gather(c)
	for _, e := range f.events {
		for _, method := range []string{"post", "put"} {
			content, ok := rawjson.Lookup(doc, "webhooks", e.Name, method, "requestBody", "content")
			if !ok {
				continue
			}
			media, _ := rawjson.Lookup(content, "application/json")
			sameExample(t, c, e, e.Body, media, "example")
			for _, further := range e.cases {
				sameExample(t, c, e, further.Body, media, "examples", further.Case.Name, "value")
			}
		}
	}
	for _, a := range c.Assumed() {
		if !bytes.Contains(doc, encode(a.Path)) {
			t.Errorf("that %s is assumed is not in the document", a.Path)
		}
	}
}

// sameExample checks that the example at a path is the body, and that it is valid under the schema.
func sameExample(t *testing.T, c *contract.Contract, e sent, body, media []byte, path ...string) {
	t.Helper()
	if len(e.cases) > 0 && len(path) == 1 {
		path = []string{"examples", "example", "value"}
	}
	example, ok := rawjson.Lookup(media, path...)
	var compact bytes.Buffer
	if err := json.Compact(&compact, example); err != nil || !ok {
		t.Fatal(path, err, ok)
	}
	if !bytes.Equal(compact.Bytes(), body) {
		t.Errorf("the example of %s is %s", e.Name, compact.Bytes())
	}
	if found := c.CheckPayload(e.Name, compact.Bytes()); !c.MakesBody() && len(found) > 0 {
		t.Errorf("%s: %v", e.Name, found)
	}
}

// A request by a method that carries no body is described by its query.
func TestMethodWithoutBody(t *testing.T) {
	t.Parallel()
	c := parse(t, "contract: g\ntitle: G\nevents: {e: {title: E, example: '{\"id\":\"a b\"}'}}\nendpoint:\n  method: GET\n  query: {id: '${payload.id}'}\n")
	doc := OpenAPI(c, "en")
	op, ok := rawjson.Lookup(doc, "webhooks", "e", "get")
	body, _ := rawjson.Lookup(op, "requestBody")
	list, _ := rawjson.Lookup(op, "parameters")
	first, _ := rawjson.Restyle(rawjson.Elements(list)[0], rawjson.Style{Compact: true})
	if !ok || body != nil || !strings.HasPrefix(string(first), `{"name":"id","in":"query",`) || !strings.Contains(string(first), `"a b"`) {
		t.Errorf("%s", op)
	}
	text := string(Markdown(c, "en"))
	_, head, ok := strings.Cut(text, "GET /webhooks?id=a+b HTTP/1.1\n")
	if head, _, _ = strings.Cut(head, "```"); !ok || strings.Contains(head, "Content-") {
		t.Errorf("%s", text)
	}
}

// A body that is no JSON is a text in the description.
func TestRawBody(t *testing.T) {
	t.Parallel()
	c := parse(t, "contract: g\ntitle: G\nevents: {e: {title: E, example: '{\"id\":\"a&b\"}'}}\nendpoint:\n"+
		"  body: {$raw: '<id>${xml(payload.id)}</id>', content_type: text/xml; charset=utf-8}\n")
	content, _ := rawjson.Lookup(OpenAPI(c, "en"), "webhooks", "e", "post", "requestBody", "content")
	m := rawjson.Members(content)
	if len(m) != 1 {
		t.Fatalf("%s", content)
	}
	if example, _ := rawjson.Lookup(m[0].Value, "example"); m[0].Name != "text/xml; charset=utf-8" || rawjson.Text(example) != "<id>a&amp;b</id>" {
		t.Errorf("%s", content)
	}
	if text := string(Markdown(c, "en")); !strings.Contains(text, "\n<id>a&amp;b</id>\n") {
		t.Errorf("%s", text)
	}
}

// A body whose values have fields is described by their names in the document.
func TestFormFields(t *testing.T) {
	t.Parallel()
	c := parse(t, "contract: g\ntitle: G\nevents: {e: {title: E, example: '{\"id\":{\"a\":1}}', schema: {type: object}}}\nendpoint:\n  form: {fields: nested}\n")
	content, _ := rawjson.Lookup(OpenAPI(c, "en"), "webhooks", "e", "post", "requestBody", "content")
	if m := rawjson.Members(content); len(m) != 1 || m[0].Name != formType || !strings.Contains(string(m[0].Value), "#/components/schemas/event.e") {
		t.Errorf("%s", content)
	}
	if text := string(Markdown(c, "en")); !strings.Contains(text, "\nid%5Ba%5D=1\n") || strings.Contains(text, "in the field") {
		t.Errorf("%s", text)
	}
}
