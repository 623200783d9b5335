package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"gancho/internal/api"
)

// document is the OpenAPI document, read as plain JSON and checked with another implementation of JSON Schema than the
// one that made it.
type document struct {
	raw       map[string]any
	compiler  *jsonschema.Compiler
	mu        sync.Mutex
	compiled  map[string]*jsonschema.Schema
	templates map[string]*regexp.Regexp
}

const docURL = "https://gancho.example/openapi.json"

func parseDocument(body string) (*document, error) {
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	d := &document{raw: v.(map[string]any), compiler: jsonschema.NewCompiler(), compiled: map[string]*jsonschema.Schema{}, templates: map[string]*regexp.Regexp{}}
	d.compiler.DefaultDraft(jsonschema.Draft2020)
	d.compiler.AssertFormat()
	if err := d.compiler.AddResource(docURL, v); err != nil {
		return nil, err
	}
	for path := range d.paths() {
		d.templates[path] = regexp.MustCompile("^" + regexp.MustCompile(`\\\{[a-z]+\\\}`).ReplaceAllString(regexp.QuoteMeta(path), `[^/]+`) + "$")
	}
	return d, nil
}

func (d *document) paths() map[string]any { return d.raw["paths"].(map[string]any) }

func (d *document) schema(pointer string) (*jsonschema.Schema, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s := d.compiled[pointer]; s != nil {
		return s, nil
	}
	s, err := d.compiler.Compile(docURL + "#" + pointer)
	if err == nil {
		d.compiled[pointer] = s
	}
	return s, err
}

func escape(s string) string { return strings.NewReplacer("~", "~0", "/", "~1").Replace(s) }

// operations yields the path template and the operation of a request. The operation is nil if the path only has other
// methods, and nothing is yielded if there is no such path. A literal segment takes precedence over a parameter, as in
// the router.
func (d *document) operations(method, path string) iter.Seq2[string, map[string]any] {
	return func(yield func(string, map[string]any) bool) {
		best, found, is := "", "", map[string]any(nil)
		for template, re := range d.templates {
			if !re.MatchString(path) {
				continue
			}
			found = template
			op, ok := d.paths()[template].(map[string]any)[strings.ToLower(method)].(map[string]any)
			if ok && (is == nil || strings.Count(template, "{") < strings.Count(best, "{")) {
				best, is = template, op
			}
		}
		switch {
		case is != nil:
			yield(best, is)
		case found != "":
			yield(found, nil)
		}
	}
}

// methods are the methods of all operations that a path belongs to.
func (d *document) methods(path string) (list []string) {
	for _, method := range []string{"GET", "PUT", "POST", "PATCH", "DELETE"} {
		for _, op := range d.operations(method, path) {
			if op != nil {
				list = append(list, method)
			}
		}
	}
	return list
}

// conforms checks an answer against what the document says of it.
func (d *document) conforms(method, path string, a answer) error {
	if method == http.MethodHead || method == http.MethodOptions {
		return nil
	}
	for template, op := range d.operations(method, path) {
		if op == nil {
			if a.Status != http.StatusMethodNotAllowed {
				return fmt.Errorf("%s %s is not documented and answers %d", method, template, a.Status)
			}
			return nil
		}
		status := strconv.Itoa(a.Status)
		res, ok := op["responses"].(map[string]any)[status].(map[string]any)
		if !ok {
			return fmt.Errorf("%s %s: status %s is not documented: %s", method, template, status, a.Body)
		}
		content, ok := res["content"].(map[string]any)
		if !ok {
			if a.Body != "" {
				return fmt.Errorf("%s %s: %s has a body that is not documented", method, template, status)
			}
			return nil
		}
		kind, _, _ := strings.Cut(a.Header.Get("Content-Type"), ";")
		if kind == "" {
			kind = "text/plain"
		}
		if content[kind] == nil {
			return fmt.Errorf("%s %s: %s comes as %q, which is not documented", method, template, status, kind)
		}
		if code, ok := a.codeOf(); ok && !strings.Contains(res["description"].(string), "`"+code+"`") {
			return fmt.Errorf("%s %s: the problem %s is not documented: %s", method, template, code, a.Body)
		}
		if !strings.HasSuffix(kind, "json") {
			return nil
		}
		s, err := d.schema("/paths/" + escape(template) + "/" + strings.ToLower(method) + "/responses/" + status + "/content/" + escape(kind) + "/schema")
		if err != nil {
			return err
		}
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(a.Body))
		if err != nil {
			return err
		}
		if err := s.Validate(v); err != nil {
			return fmt.Errorf("%s %s: %s is not as documented: %w: %.200s", method, template, status, err, a.Body)
		}
		return nil
	}
	return nil // no such path
}

func (a answer) codeOf() (string, bool) {
	var p struct{ Code string }
	return p.Code, a.Status >= 400 && json.Unmarshal([]byte(a.Body), &p) == nil && p.Code != ""
}

// theDocument is the document of a server as the tests use it.
var theDocument = sync.OnceValues(func() (*document, error) {
	a := api.New(api.Options{Metrics: http.NotFoundHandler()})
	w := httptest.NewRecorder()
	a.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/openapi.json", nil))
	return parseDocument(w.Body.String())
})

func TestDocumentIsValid(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	a := s.as("", "GET", "/openapi.json", "").want(200)
	d, err := parseDocument(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	if v := d.raw["openapi"]; v != "3.1.0" {
		t.Errorf("openapi: %v", v)
	}
	for name := range d.raw["components"].(map[string]any)["schemas"].(map[string]any) {
		if !regexp.MustCompile(`^[a-zA-Z0-9._-]+$`).MatchString(name) {
			t.Errorf("schema name %q", name)
		}
		if _, err := d.schema("/components/schemas/" + escape(name)); err != nil {
			t.Errorf("schema %s: %v", name, err)
		}
	}
	d.refsResolve(t, d.raw, "#")
	known := []string{"openapi", "info", "jsonSchemaDialect", "servers", "paths", "webhooks", "components", "security", "tags", "externalDocs"}
	for k := range d.raw {
		if !slices.Contains(known, k) {
			t.Errorf("unknown member %s", k)
		}
	}
	info := d.raw["info"].(map[string]any)
	if info["title"] == "" || info["version"] == "" || info["license"] != nil && info["license"].(map[string]any)["name"] == nil {
		t.Errorf("info: %v", info)
	}
	ids := map[any]string{}
	for path, item := range d.paths() {
		for method, o := range item.(map[string]any) {
			where := strings.ToUpper(method) + " " + path
			op := o.(map[string]any)
			if other, twice := ids[op["operationId"]]; op["operationId"] == nil || twice {
				t.Errorf("%s has the id %v, as has %s", where, op["operationId"], other)
			}
			ids[op["operationId"]] = where
			d.checkOperation(t, where, path, op)
		}
	}
	for _, operation := range []string{
		"PUT /v1/tenants/{tenant}", "GET /v1/tenants/{tenant}", "DELETE /v1/tenants/{tenant}", "GET /v1/tenants",
		"POST /v1/tenants/{tenant}/endpoints", "GET /v1/tenants/{tenant}/endpoints",
		"GET /v1/tenants/{tenant}/endpoints/{endpoint}", "PATCH /v1/tenants/{tenant}/endpoints/{endpoint}", "DELETE /v1/tenants/{tenant}/endpoints/{endpoint}",
		"POST /v1/tenants/{tenant}/endpoints/{endpoint}/pause", "POST /v1/tenants/{tenant}/endpoints/{endpoint}/resume",
		"POST /v1/tenants/{tenant}/endpoints/{endpoint}/rotate-secret", "GET /v1/tenants/{tenant}/endpoints/{endpoint}/secret",
		"POST /v1/tenants/{tenant}/endpoints/{endpoint}/recover", "POST /v1/tenants/{tenant}/endpoints/{endpoint}/test",
		"POST /v1/tenants/{tenant}/endpoints/{endpoint}/render", "GET /v1/tenants/{tenant}/events/{event}/explain",
		"POST /v1/tenants/{tenant}/credentials", "GET /v1/tenants/{tenant}/credentials", "GET /v1/tenants/{tenant}/credentials/{credential}",
		"PATCH /v1/tenants/{tenant}/credentials/{credential}", "DELETE /v1/tenants/{tenant}/credentials/{credential}",
		"POST /v1/tenants/{tenant}/credentials/{credential}/tokens",
		"POST /v1/tenants/{tenant}/events", "GET /v1/tenants/{tenant}/events", "GET /v1/tenants/{tenant}/events/{event}",
		"GET /v1/tenants/{tenant}/deliveries", "GET /v1/tenants/{tenant}/deliveries/{delivery}", "POST /v1/tenants/{tenant}/deliveries/{delivery}/retry",
		"POST /v1/keys", "GET /v1/keys", "DELETE /v1/keys/{key}", "GET /v1/contracts", "GET /v1/contracts/{name}",
		"GET /v1/contracts/{name}/docs", "GET /v1/contracts/{name}/openapi",
		"GET /healthz", "GET /readyz", "GET /metrics",
	} {
		if !slices.Contains(slices.Collect(valuesOf(ids)), operation) {
			t.Errorf("%s is not documented", operation)
		}
	}
}

func valuesOf(m map[any]string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for _, v := range m {
			if !yield(v) {
				return
			}
		}
	}
}

// refsResolve checks that every $ref names a schema that exists.
func (d *document) refsResolve(t *testing.T, v any, at string) {
	switch v := v.(type) {
	case map[string]any:
		if ref, ok := v["$ref"].(string); ok {
			var to any = d.raw
			for name := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
				m, _ := to.(map[string]any)
				to = m[name]
			}
			if to == nil || !strings.HasPrefix(ref, "#/") {
				t.Errorf("%s: %s leads nowhere", at, ref)
			}
		}
		for k, x := range v {
			d.refsResolve(t, x, at+"/"+k)
		}
	case []any:
		for i, x := range v {
			d.refsResolve(t, x, fmt.Sprintf("%s/%d", at, i))
		}
	}
}

func (d *document) checkOperation(t *testing.T, where, path string, op map[string]any) {
	for _, member := range []string{"summary", "description"} {
		if s, _ := op[member].(string); s == "" {
			t.Errorf("%s has no %s", where, member)
		}
	}
	declared := map[string]bool{}
	if params, ok := op["parameters"].([]any); ok {
		for _, p := range params {
			p := p.(map[string]any)
			if p["in"] == "path" {
				declared[p["name"].(string)] = true
				if p["required"] != true {
					t.Errorf("%s: the path parameter %s is not required", where, p["name"])
				}
			}
			if p["description"] == nil || p["schema"] == nil {
				t.Errorf("%s: the parameter %s is not described", where, p["name"])
			}
		}
	}
	for _, m := range regexp.MustCompile(`\{([a-z]+)\}`).FindAllStringSubmatch(path, -1) {
		if !declared[m[1]] {
			t.Errorf("%s: the path parameter %s is not declared", where, m[1])
		}
		delete(declared, m[1])
	}
	for name := range declared {
		t.Errorf("%s: the path has no parameter %s", where, name)
	}
	success := false
	for status, r := range op["responses"].(map[string]any) {
		r := r.(map[string]any)
		success = success || status[0] == '2'
		if s, _ := r["description"].(string); s == "" {
			t.Errorf("%s: %s is not described", where, status)
		}
		content, _ := r["content"].(map[string]any)
		if status[0] >= '4' && content["application/problem+json"] == nil {
			t.Errorf("%s: %s is no problem", where, status)
		}
		if status[0] >= '4' && !strings.Contains(r["description"].(string), "`") {
			t.Errorf("%s: %s names no codes", where, status)
		}
	}
	if !success {
		t.Errorf("%s: no success is described", where)
	}
	if strings.HasPrefix(path, "/v1/") && op["security"] == nil {
		t.Errorf("%s: needs a key and does not say so", where)
	}
	if body, ok := op["requestBody"].(map[string]any); ok {
		if content := body["content"].(map[string]any); content["application/json"] == nil && content["application/octet-stream"] == nil {
			t.Errorf("%s: the body is not described", where)
		}
	}
}

// TestDocumentIsValidOpenAPI gives the document, in both versions, to an independent validator, which checks it against the
// official schemas of OpenAPI and resolves its references. It needs node and npm packages (make test-needs), and fails
// without them.
func TestDocumentIsValidOpenAPI(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	paths := []string{"/openapi.json", "/openapi-3.0.json"}
	var in bytes.Buffer
	for _, path := range paths {
		if err := json.Compact(&in, []byte(s.as("", "GET", path, "").want(200).Body)); err != nil {
			t.Fatal(err)
		}
		in.WriteByte('\n')
	}
	cmd := exec.CommandContext(t.Context(), "node", "oracle.js")
	cmd.Dir = "../guide/testdata/oracle"
	cmd.Stdin = &in
	cmd.Stderr = t.Output()
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("node oracle.js: %v; run make test-needs", err)
	}
	answers := json.NewDecoder(bytes.NewReader(out))
	for i, version := range []string{"3.1", "3.0"} {
		var found struct {
			Valid   bool
			Version string
			Errors  json.RawMessage
			Paths   []string
		}
		if err := answers.Decode(&found); err != nil {
			t.Fatal(err)
		}
		if !found.Valid || found.Version != version || !slices.Contains(found.Paths, "/v1/tenants/{tenant}/events") {
			t.Errorf("%s: valid %v, version %s, %d paths: %.3000s", paths[i], found.Valid, found.Version, len(found.Paths), found.Errors)
		}
	}
	if old := s.as("", "GET", paths[1], "").Body; strings.Contains(old, `"null"`) || !strings.Contains(old, `"nullable":true`) {
		t.Error("the document of version 3.0 has the type null")
	}
}

// TestExamplesAreAccepted sends the examples of whole requests that the document has, each to its operation.
func TestExamplesAreAccepted(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.tenant("acme")
	_, endpoint := s.endpoint("/v1/tenants/acme", `{"url":"http://192.0.2.1/"}`)
	d, err := parseDocument(s.as("", "GET", "/openapi.json", "").want(200).Body)
	if err != nil {
		t.Fatal(err)
	}
	if servers, ok := d.raw["servers"].([]any); !ok || len(servers) != 1 {
		t.Errorf("servers: %v", d.raw["servers"])
	}
	seen := map[string]int{}
	for path, item := range d.paths() {
		for method, op := range item.(map[string]any) {
			body, _ := op.(map[string]any)["requestBody"].(map[string]any)
			content, _ := body["content"].(map[string]any)
			media, _ := content["application/json"].(map[string]any)
			examples, _ := media["examples"].(map[string]any)
			for name, e := range examples {
				text, err := json.Marshal(e.(map[string]any)["value"])
				if err != nil {
					t.Fatal(err)
				}
				contract, kind, _ := strings.Cut(name, "_")
				at := strings.NewReplacer("{tenant}", "acme", "{endpoint}", endpoint, "{contract}", contract, "{kind}", kind, "{key}", "1001").Replace(path)
				a := s.do(strings.ToUpper(method), at, string(text))
				if a.Status >= 300 || strings.Contains(a.Body, `"error":{`) {
					t.Errorf("%s %s, example %s: %d %s\n%s", method, path, name, a.Status, a.Body, text)
				}
				seen[op.(map[string]any)["operationId"].(string)]++
			}
		}
	}
	for _, id := range []string{"publish-events", "create-endpoint", "create-credential", "create-portal-link", "put-record", "change-records", "recover-endpoint"} {
		if seen[id] == 0 {
			t.Errorf("%s has no examples", id)
		}
	}
	t.Log(seen)
}

func TestRoutesAreDocumented(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	d, err := theDocument()
	if err != nil {
		t.Fatal(err)
	}
	for template := range d.paths() {
		path := regexp.MustCompile(`\{[a-z]+\}`).ReplaceAllString(template, "x")
		allowed := d.methods(path)
		for _, method := range []string{"GET", "PUT", "POST", "PATCH", "DELETE"} {
			if slices.Contains(allowed, method) {
				continue
			}
			a := s.do(method, path, "{}").want(405)
			for m := range strings.SplitSeq(a.Header.Get("Allow"), ", ") {
				if m != "HEAD" && !slices.Contains(allowed, m) {
					t.Errorf("%s: Allow is %s", path, a.Header.Get("Allow"))
				}
			}
		}
		a := s.as("", "OPTIONS", path, "").want(204)
		for _, m := range allowed {
			if !strings.Contains(a.Header.Get("Allow"), m) {
				t.Errorf("OPTIONS %s: Allow is %s", path, a.Header.Get("Allow"))
			}
		}
	}
	s.tenant("acme")
	s.do("HEAD", "/v1/tenants/acme", "").want(200)
	s.do("HEAD", "/v1/tenants/nobody", "").want(404)
	s.as("", "HEAD", "/v1/tenants/acme", "").want(401)
	s.do("HEAD", "/v1/tenants/acme/endpoints/x/pause", "").want(405)
	for _, path := range []string{"/", "/v1", "/v1/", "/v2/tenants", "/v1/tenants/", "/v1/tenants/acme/", "/v1/nothing", "/docs", "/schemas/Key.json", "/openapi.yaml", "/openapi-3.1.json"} {
		s.do("GET", path, "").want(404)
		s.as("", "GET", path, "").want(404)
	}
}
