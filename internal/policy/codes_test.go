package policy

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestProblemsAreTranslated holds the console to a text of its own, in Spanish
// and in Portuguese, for every code of a problem that the API can answer.
func TestProblemsAreTranslated(t *testing.T) {
	codes := map[string]string{} // → where
	var all strings.Builder
	for file, src := range goFiles(t) {
		if isTest(file) || !strings.HasPrefix(file, "internal/") {
			continue
		}
		all.Write(src)
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
		file := "../../web/src/i18n/" + language + ".ts"
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(text), "    codes: {\n")
		said, rest, _ := strings.Cut(rest, "\n    },\n")
		details, _, _ := strings.Cut(strings.TrimPrefix(rest, "    details: {\n"), "\n    },\n")
		entry := regexp.MustCompile(`(?m)^      "?([^"\n]+?)"?:\s+["'\x60]`)
		known := map[string]bool{}
		for _, m := range entry.FindAllStringSubmatch(said, -1) {
			if known[m[1]] = true; codes[m[1]] == "" {
				t.Errorf("%s: nothing answers the code %s any more: remove it", file, m[1])
			}
		}
		for code, where := range codes {
			if !known[code] {
				t.Errorf("%s has no text for the problem %s, which is of %s: write it under problem.codes", file, code, where)
			}
		}
		sentences := entry.FindAllStringSubmatch(details, -1)
		if len(sentences) == 0 {
			t.Errorf("%s: no sentences under problem.details", file)
		}
		for _, m := range sentences {
			if english := m[1]; !strings.Contains(all.String(), english) && !strings.Contains(all.String(), strings.ReplaceAll(english, "%", "%%")) {
				t.Errorf("%s: nothing says %q any more: correct or remove it", file, english)
			}
		}
	}
}

var codeLike = regexp.MustCompile(`^[a-z]+(_[a-z]+)*$`)

// problemCodes are the codes that a file makes problems of: Code: "x" of an
// error, the code that a maker of errors is given, or the table of meanings.
func problemCodes(t *testing.T, file string, src []byte) (found []string) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, src, 0)
	if err != nil {
		t.Fatal(err)
	}
	add := func(e ast.Expr, suffix string) {
		if lit, ok := e.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			text, _ := strconv.Unquote(lit.Value) // the parser took it
			if text += suffix; codeLike.MatchString(text) {
				found = append(found, text)
			}
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
			case slices.Contains([]string{"Invalid", "InvalidFields", "invalid", "Conflict", "wrong", "unauthorized"}, name):
				add(n.Args[0], "")
			case name == "newProblem":
				add(n.Args[1], "")
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
