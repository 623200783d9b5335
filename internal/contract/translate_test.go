package contract

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"gancho/internal/translate"
)

// english are words that no Spanish or Portuguese text has.
var english = regexp.MustCompile(`(?i)(^|[\s(])(the|is|are|has|have|this|that|with|of|write|there|must|cannot|which|and|it|an|to be|needs|your|each)[\s.,;)]`)

// what people write, and what the readers of YAML and CEL say, is not translated.
var verbatim = regexp.MustCompile(`paid and sent|"[^"]*"|“[^”]*”|«[^»]*»|\{[^{}]*(\{[^{}]*(\{[^{}]*\}[^{}]*)*\}[^{}]*)*\}|\[[^\]]*\]|en: "?[A-Z][^,}]*`)

func checkTranslation(t *testing.T, from, message string) {
	t.Helper()
	for _, language := range Languages[1:] {
		said, known := translate.In(language, message)
		switch rest := verbatim.ReplaceAllString(said, "…"); {
		case !known:
			t.Errorf("%s: there is no text in %s for: %s", from, language, message)
		case english.MatchString(rest):
			t.Errorf("%s: in %s some of it is English: %s\n\t%s", from, language, said, message)
		}
	}
}

// TestMistakesInAllLanguages says all known mistakes in all languages.
func TestMistakesInAllLanguages(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("testdata/mistakes.txt")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for i, line := range strings.Split(string(b), "\n") {
		if said, ok := strings.CutPrefix(line, "> "); ok {
			_, message, _ := strings.Cut(said, ": ")
			checkTranslation(t, "line "+strconv.Itoa(i+1), message)
			n++
		}
	}
	if n < 120 {
		t.Errorf("there are only %d mistakes", n)
	}
}

var verb = regexp.MustCompile(`%[.\d]*[a-z]`)

// sample is a text of the source with something in the place of what differs; ok is false if it is no text.
func sample(e ast.Expr) (text string, ok bool) {
	switch x := e.(type) {
	case *ast.BasicLit:
		if x.Kind != token.STRING {
			return "7", true
		}
		s, err := strconv.Unquote(x.Value)
		return s, err == nil
	case *ast.BinaryExpr:
		a, aOK := sample(x.X)
		b, bOK := sample(x.Y)
		switch { // what stands before or behind a whole sentence is one of its own
		case b == "x7" && strings.HasSuffix(strings.TrimSpace(a), "."):
			b = ""
		case a == "x7" && len(b) > 1 && b[0] == ' ' && unicode.IsUpper(rune(b[1])):
			a = ""
		}
		return a + b, aOK && bOK
	case *ast.SelectorExpr:
		if x.Sel.Name == "about" { // of a key of the language
			return "The answer.", true
		}
	case *ast.CallExpr:
		if f, isSelector := x.Fun.(*ast.SelectorExpr); isSelector && f.Sel.Name == "Sprintf" {
			s, ok := sample(x.Args[0])
			return strings.ReplaceAll(verb.ReplaceAllString(s, "x7"), "%%", "%"), ok
		} else if isSelector && f.Sel.Name == "DidYouMean" {
			return "", true
		}
	}
	return "x7", true
}

// reports are the functions that report a mistake, and which of their arguments are texts.
var reports = map[string][]int{"ProblemAt": {1, 2}, "Problem": {2, 3}, "Doubt": {2, 3}, "problem": {0, 1}}

// advises are files whose sentences all stand behind a report.
var advises = map[string]bool{
	"advice.go": true, "../yamlfile/advice.go": true, "../yamlfile/read.go": true, "../template/mistakes.go": true,
	"../expr/advice.go": true,
}

var (
	sentence = regexp.MustCompile(`^ ?[A-Z][a-z]+ .`)
	dollar   = regexp.MustCompile(`\$\d`) // what a regular expression found
)

// TestEveryReportIsTranslated reads the source of whatever reports mistakes, so that a message that is new cannot be
// forgotten.
func TestEveryReportIsTranslated(t *testing.T) {
	t.Parallel()
	n := 0
	for _, dir := range []string{".", "../yamlfile", "../template", "../schema", "../sign", "../expr"} {
		names, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			fset := token.NewFileSet()
			file, err := parser.ParseFile(fset, name, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			if advises[filepath.ToSlash(name)] {
				ast.Inspect(file, func(node ast.Node) bool {
					e, ok := node.(ast.Expr)
					if !ok {
						return true
					}
					text, ok := sample(e)
					if ok = ok && sentence.MatchString(text); ok {
						checkTranslation(t, fset.Position(e.Pos()).String(), strings.TrimSpace(dollar.ReplaceAllString(text, "x7")))
						n++
					}
					return !ok
				})
			}
			ast.Inspect(file, func(node ast.Node) bool {
				call, ok := node.(*ast.CallExpr)
				if !ok {
					return true
				}
				called := ""
				if f, ok := call.Fun.(*ast.SelectorExpr); ok {
					called = f.Sel.Name
				}
				for _, i := range reports[called] {
					if i >= len(call.Args) {
						continue
					}
					if text, ok := sample(call.Args[i]); ok && strings.Contains(text, " ") {
						checkTranslation(t, fset.Position(call.Pos()).String(), strings.TrimSpace(text))
						n++
					}
				}
				return true
			})
		}
	}
	for _, path := range []string{"docs.faq", "docs.links", "docs.tables"} { // of what is needed there
		for _, k := range keysIn(path) {
			if k.unset == needed {
				checkTranslation(t, path+"."+k.name, k.about)
			}
		}
	}
	if n < 200 {
		t.Errorf("only %d texts were found", n)
	}
}
