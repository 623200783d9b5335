package policy

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gancho/internal/hook"
)

// TestProblemsAreTranslated holds the console to a text of its own, in Spanish
// and in Portuguese, for every code of a problem that the API can answer.
func TestProblemsAreTranslated(t *testing.T) {
	codes := map[string]string{} // → where
	for file, src := range goFiles(t) {
		if isTest(file) || !strings.HasPrefix(file, "internal/") {
			continue
		}
		for _, code := range problemCodes(t, file, src) {
			codes[code] = file
		}
	}
	for _, said := range []string{"database_in_use", "database_not_empty", "endpoint_version_not_found"} {
		delete(codes, said) // at a command line, or in the log
	}
	if len(codes) < 80 || codes["endpoint_invalid"] == "" || codes["tenant_not_found"] == "" || codes["cursor_invalid"] == "" {
		t.Fatalf("the codes are not found: %v", codes)
	}
	for _, language := range []string{"es", "pt"} {
		said := catalogue(t, language, "codes")
		for code := range said {
			if codes[code] == "" {
				t.Errorf("%s.ts: nothing answers the code %s any more: remove it", language, code)
			}
		}
		for code, where := range codes {
			if said[code] == "" {
				t.Errorf("%s.ts has no text for the problem %s of %s: write it under problem.codes", language, code, where)
			}
		}
	}
}

// TestFieldErrorsAreTranslated does the same for the codes of wrong fields, in all
// languages: each has a text, and the text mentions only parameters that the
// server sends.
func TestFieldErrorsAreTranslated(t *testing.T) {
	type field struct{ where, text string }
	fields := map[string]field{}
	params := map[string][]string{}
	for file, src := range goFiles(t) {
		if isTest(file) || !strings.HasPrefix(file, "internal/") || strings.HasPrefix(file, "internal/hook/") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, src, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if lit, ok := n.(*ast.CompositeLit); ok && nameOf(lit.Type) == "FieldError" && len(lit.Elts) > 0 {
				t.Errorf("%s makes a hook.FieldError without a code: use hook.Field", file)
			}
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) < 3 || nameOf(call.Fun) != "Field" && nameOf(call.Fun) != "FieldNear" && nameOf(call.Fun) != "add" {
				return true
			}
			code, text := literal(call.Args[1]), literal(call.Args[2])
			if code == "" && nameOf(call.Args[1]) == "fieldUnknown" {
				code = "field_unknown"
			}
			if !codeLike.MatchString(code) || text == "" {
				if nameOf(call.Fun) == "Field" && nameOf(call.Args[1]) != "code" { // code: a function that hands it on
					t.Errorf("%s: the code and the text of a field have to be constants", file)
				}
				return true
			}
			if old, ok := fields[code]; ok && old.text != text {
				t.Errorf("%s and %s say different things of the field code %s: use two codes", old.where, file, code)
			}
			fields[code] = field{file, text}
			for _, e := range call.Args[3:] {
				ast.Inspect(e, func(n ast.Node) bool {
					if lit, ok := n.(*ast.BasicLit); ok {
						params[code] = append(params[code], literal(lit))
					}
					return true
				})
			}
			for _, p := range placeholder.FindAllString(text, -1) {
				if !slices.Contains(params[code], strings.Trim(p, "{}")) {
					t.Errorf("%s: %s says %s, and there is no such parameter", file, code, p)
				}
			}
			return true
		})
	}
	if len(fields) < 80 || fields["url_scheme"].text == "" || !slices.Contains(params["url_too_long"], "max") {
		t.Fatalf("the codes of fields are not found: %v", fields)
	}
	for _, language := range []string{"en", "es", "pt"} {
		said := catalogue(t, language, "details")
		for code, text := range said {
			if fields[code].text == "" {
				t.Errorf("%s.ts: nothing answers the field code %s any more: remove it", language, code)
				continue
			}
			for _, p := range placeholder.FindAllString(text, -1) {
				if !slices.Contains(params[code], strings.Trim(p, "{}")) {
					t.Errorf("%s.ts: %s mentions %s, which the server does not send", language, code, p)
				}
			}
		}
		for code, f := range fields {
			if said[code] == "" {
				t.Errorf("%s.ts has no text for the field code %s of %s (%q): write it under problem.details", language, code, f.where, f.text)
			}
		}
	}
}

// TestPlacesHaveNames holds the console to a name, in all languages, for every member of a form that the API takes: a
// mistake is shown at its place by that name, not by a JSON Pointer.
func TestPlacesHaveNames(t *testing.T) {
	members := formMembers(t)
	if len(members) < 70 || !members["timeout_ms"] || !members["client_secret"] {
		t.Fatalf("the members of forms are not found: %v", members)
	}
	for _, language := range []string{"en", "es", "pt"} {
		said := catalogue(t, language, "places")
		for name := range members {
			if said[name] == "" {
				t.Errorf("%s.ts has no name for the member %s of a form: write it under problem.places", language, name)
			}
		}
	}
}

// formMembers are the JSON names of all that requests with a form have, at any depth.
func formMembers(t *testing.T) map[string]bool {
	types := map[string]*ast.StructType{}
	for file, src := range goFiles(t) {
		if isTest(file) || !strings.HasPrefix(file, "client/") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, src, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if spec, ok := n.(*ast.TypeSpec); ok {
				if s, ok := spec.Type.(*ast.StructType); ok {
					types[spec.Name.Name] = s
				}
			}
			return true
		})
	}
	members := map[string]bool{}
	var walk func(name string)
	walk = func(name string) {
		s := types[name]
		delete(types, name) // once
		if s == nil {
			return
		}
		for _, field := range s.Fields.List {
			if field.Tag != nil {
				json, _, _ := strings.Cut(reflect.StructTag(literal(field.Tag)).Get("json"), ",")
				members[json] = true
			}
			ast.Inspect(field.Type, func(n ast.Node) bool {
				if id, ok := n.(*ast.Ident); ok {
					walk(id.Name)
				}
				return true
			})
		}
	}
	for _, name := range slices.Collect(maps.Keys(types)) {
		if strings.HasSuffix(name, "Input") || strings.HasSuffix(name, "Patch") {
			walk(name)
		}
	}
	return members
}

var placeholder = regexp.MustCompile(`\{[a-z]+\}`)

// literal is the text of a string literal, or of several joined by +; "" if e is neither.
func literal(e ast.Expr) string {
	if sum, ok := e.(*ast.BinaryExpr); ok && sum.Op == token.ADD {
		return literal(sum.X) + literal(sum.Y)
	}
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return ""
	}
	text, _ := strconv.Unquote(lit.Value) // the parser took it
	return text
}

// catalogue reads one section under problem of the console's catalogue of a
// language: texts by code.
func catalogue(t *testing.T, language, section string) map[string]string {
	t.Helper()
	text, err := os.ReadFile("../../web/src/i18n/" + language + ".ts")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "\n    "+section+": {\n")
	inside, _, closed := strings.Cut(rest, "\n    },\n")
	if !found || !closed {
		t.Fatalf("%s.ts has no section problem.%s", language, section)
	}
	out := map[string]string{}
	for _, m := range entry.FindAllStringSubmatch(inside, -1) {
		out[m[1]] = m[2]
	}
	return out
}

// entry is a text of a catalogue as Biome formats it: a long one has a line of its own.
var entry = regexp.MustCompile(`(?m)^      ([A-Za-z_0-9]+):\s+["'\x60](.+)["'\x60],$`)

var codeLike = regexp.MustCompile(`^[a-z]+(_[a-z0-9]+)*$`)

// problemCodes are the codes that a file makes problems of: Code: "x" of an
// error, the code that a maker of errors is given, or the table of meanings.
func problemCodes(t *testing.T, file string, src []byte) (found []string) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, src, 0)
	if err != nil {
		t.Fatal(err)
	}
	add := func(e ast.Expr, suffix string) {
		if text := literal(e); text != "" && codeLike.MatchString(text+suffix) {
			found = append(found, text+suffix)
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CompositeLit:
			name := nameOf(n.Type)
			for _, e := range n.Elts {
				if kv, ok := e.(*ast.KeyValueExpr); ok && name == "Error" && nameOf(kv.Key) == "Code" {
					add(kv.Value, "")
				}
			}
		case *ast.CallExpr:
			switch name := nameOf(n.Fun); {
			case len(n.Args) < 2:
			case slices.Contains([]string{"Invalid", "InvalidField", "InvalidFields", "Conflict", "wrong", "unauthorized", "newProblem"}, name):
				add(n.Args[0], "")
			case name == "NotFound":
				add(n.Args[0], "_not_found")
			case name == "invalidParameter":
				add(n.Args[0], "_invalid")
			}
		case *ast.AssignStmt:
			if nameOf(n.Lhs[0]) == "code" {
				add(n.Rhs[0], "")
			}
		case *ast.ValueSpec:
			if n.Names[0].Name == "meanings" {
				for _, e := range n.Values[0].(*ast.CompositeLit).Elts {
					add(e.(*ast.KeyValueExpr).Key, "")
				}
			}
		}
		return true
	})
	return found
}

// nameOf is the last name of a type, a function or a member.
func nameOf(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}

// TestConsoleOffersEveryScope compares the scopes that the console offers for a new key with those that there are.
func TestConsoleOffersEveryScope(t *testing.T) {
	text, err := os.ReadFile("../../web/src/pages/Keys.tsx")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "const scopes = (")
	list, _, closed := strings.Cut(rest, ").split(")
	if !found || !closed {
		t.Fatal("web/src/pages/Keys.tsx has no list of scopes any more")
	}
	offered := scopeName.FindAllString(list, -1)
	var want []string
	for _, s := range hook.Scopes() {
		want = append(want, string(s))
	}
	if diff := cmp.Diff(want, offered); diff != "" {
		t.Errorf("web/src/pages/Keys.tsx should offer the scopes of hook.Scopes; -: add, +: remove\n%s", diff)
	}
}

var scopeName = regexp.MustCompile(`[a-z]+:[a-z]+`)
