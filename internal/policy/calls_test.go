package policy

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// ban forbids some functions or variables of a package of the standard library.
type ban struct {
	path  string   // import path
	names []string // what of it
	in    func(file string) bool
	why   string // and what to do instead

	// inBubble allows it inside a function given to synctest.Test, where the
	// clock is fake and nothing really waits.
	inBubble bool
}

var bans = []ban{
	{
		path: "time", names: []string{"Sleep"}, in: isTest, inBubble: true,
		why: "a test that waits for real time is slow or flaky: use testing/synctest, a channel, or poll with a deadline",
	},
	{
		path: "time", names: []string{"Now", "Since", "Until"},
		in:  code("internal/hook", "internal/match", "internal/sign", "internal/rawjson", "internal/expr", "internal/contract"),
		why: "this package is pure: take now as a parameter",
	},
	{
		path: "fmt", names: []string{"Print", "Printf", "Println"}, in: func(f string) bool { return !isTest(f) },
		why: "write to the io.Writer or the logger you were given; only package cli talks to the terminal, through its own",
	},
	{
		path: "context", names: []string{"TODO"}, in: anywhere,
		why: "take a context from the caller, or t.Context() in a test",
	},
	{
		path: "net/http", names: []string{"DefaultClient", "Get", "Post", "PostForm", "Head"}, in: anywhere,
		why: "the default client has no deadline and no guard against private addresses: use a client of your own",
	},
	{
		path: "net/http", names: []string{"DefaultServeMux", "Handle", "HandleFunc", "ListenAndServe", "ListenAndServeTLS"}, in: anywhere,
		why: "make a mux and an http.Server with timeouts of your own",
	},
}

func anywhere(string) bool { return true }

func isTest(file string) bool { return strings.HasSuffix(file, "_test.go") }

// code is the files of some packages that are not tests.
func code(dirs ...string) func(string) bool {
	return func(file string) bool {
		return !isTest(file) && slices.Contains(dirs, filepath.ToSlash(filepath.Dir(file)))
	}
}

func TestForbiddenCalls(t *testing.T) {
	for file, src := range goFiles(t) {
		for _, finding := range forbidden(t, file, src) {
			t.Error(finding)
		}
	}
}

// systems are the names of the webhook systems whose contracts we ship.
var systems = regexp.MustCompile(`(?i)prolibu|cabaprop|upnify|kobra|catacliente`)

// TestCodeKnowsNoSystem keeps the systems in their contracts: if one of them
// cannot be described in YAML, the contract language is what grows. Comments may
// name them as examples, and tests may load them.
func TestCodeKnowsNoSystem(t *testing.T) {
	for file, src := range goFiles(t) {
		if isTest(file) {
			continue
		}
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, file, src, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		allowed := allowances(fset, f)
		ast.Inspect(f, func(n ast.Node) bool {
			var text string
			switch n := n.(type) {
			case *ast.Ident:
				text = n.Name
			case *ast.BasicLit:
				text = n.Value
			}
			if name := systems.FindString(text); name != "" {
				if at := fset.Position(n.Pos()); !slices.Contains(allowed[at.Line], "system") {
					t.Errorf("%s: the code knows %s by name: say it in contracts/*.yaml or in a data file", at, name)
				}
			}
			return true
		})
	}
}

// goFiles are the Go files of the program and its tests, by path from the root.
func goFiles(t *testing.T) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	for _, file := range files(t) {
		if !strings.HasSuffix(file, ".go") || strings.HasPrefix(file, "tools/") || strings.HasPrefix(file, zz+"/") {
			continue
		}
		src, err := os.ReadFile(filepath.Join("..", "..", file))
		if os.IsNotExist(err) {
			continue // removed, and not yet committed
		}
		if err != nil {
			t.Fatal(err)
		}
		all[file] = src
	}
	return all
}

// allowances are what the policy:allow comments of f allow, by line. A comment
// without a reason allows nothing.
func allowances(fset *token.FileSet, f *ast.File) map[int][]string {
	allowed := map[int][]string{}
	for _, group := range f.Comments {
		for _, c := range group.List {
			what, ok := strings.CutPrefix(c.Text, "//policy:allow ")
			if !ok {
				continue
			}
			name, reason, _ := strings.Cut(what, ":")
			if strings.TrimSpace(reason) == "" {
				continue
			}
			line := fset.Position(c.Pos()).Line
			allowed[line] = append(allowed[line], name)
			allowed[line+1] = append(allowed[line+1], name)
		}
	}
	return allowed
}

// forbidden is what bans find in a file.
func forbidden(t *testing.T, file string, src []byte) (findings []string) {
	t.Helper()
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, file, src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]string{} // of the packages in this file → import path
	for _, imp := range f.Imports {
		path, err := strconv.Unquote(imp.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		name := path[strings.LastIndex(path, "/")+1:]
		if imp.Name != nil {
			name = imp.Name.Name
		}
		names[name] = path
	}
	allowed := allowances(fset, f)
	bubbles := 0 // enclosing calls of synctest.Test
	var stack []ast.Node
	ast.Inspect(f, func(n ast.Node) bool {
		if n == nil {
			if isBubble(stack[len(stack)-1], names) {
				bubbles--
			}
			stack = stack[:len(stack)-1]
			return true
		}
		stack = append(stack, n)
		if isBubble(n, names) {
			bubbles++
		}
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		x, ok := sel.X.(*ast.Ident)
		if !ok {
			return true
		}
		at := fset.Position(sel.Pos())
		name := x.Name + "." + sel.Sel.Name
		for _, b := range bans {
			if b.path != names[x.Name] || !slices.Contains(b.names, sel.Sel.Name) || !b.in(file) ||
				(b.inBubble && bubbles > 0) || slices.Contains(allowed[at.Line], name) {
				continue
			}
			findings = append(findings, at.String()+": "+name+": "+b.why)
		}
		return true
	})
	return findings
}

// isBubble reports whether n is a call of synctest.Test.
func isBubble(n ast.Node, names map[string]string) bool {
	call, ok := n.(*ast.CallExpr)
	if !ok {
		return false
	}
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	x, ok := sel.X.(*ast.Ident)
	return ok && names[x.Name] == "testing/synctest"
}

// TestForbiddenFindsThem holds the search itself to examples.
func TestForbiddenFindsThem(t *testing.T) {
	for _, tc := range []struct {
		name, file, src string
		want            int
	}{
		{"sleep in a test", "internal/x/x_test.go", `import "time"; func f() { time.Sleep(1) }`, 1},
		{"sleep in code", "internal/x/x.go", `import "time"; func f() { time.Sleep(1) }`, 0},
		{"sleep in a bubble", "internal/x/x_test.go", `import ("time"; "testing"; "testing/synctest"); func f(t *testing.T) { synctest.Test(t, func(t *testing.T) { time.Sleep(1) }) }`, 0},
		{"sleep after a bubble", "internal/x/x_test.go", `import ("time"; "testing"; "testing/synctest"); func f(t *testing.T) { synctest.Test(t, func(t *testing.T) {}); time.Sleep(1) }`, 1},
		{"allowed with a reason", "internal/x/x_test.go", "import \"time\"; func f() {\n//policy:allow time.Sleep: because\ntime.Sleep(1) }", 0},
		{"allowed without one", "internal/x/x_test.go", "import \"time\"; func f() {\n//policy:allow time.Sleep\ntime.Sleep(1) }", 1},
		{"the clock in a pure package", "internal/hook/x.go", `import "time"; var f = time.Now`, 1},
		{"the clock elsewhere", "internal/deliver/x.go", `import "time"; var f = time.Now`, 0},
		{"the clock in a pure package's test", "internal/hook/x_test.go", `import "time"; var f = time.Now`, 0},
		{"another package called time", "internal/hook/x.go", `import "example.org/time"; var f = time.Now`, 0},
		{"renamed", "internal/hook/x.go", `import clock "time"; var f = clock.Now`, 1},
		{"print", "internal/x/x.go", `import "fmt"; func f() { fmt.Println() }`, 1},
		{"todo", "internal/x/x.go", `import "context"; var c = context.TODO()`, 1},
		{"default client", "internal/x/x_test.go", `import "net/http"; var c = http.DefaultClient`, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := forbidden(t, tc.file, []byte("package x; "+tc.src)); len(got) != tc.want {
				t.Errorf("found %d, want %d: %v", len(got), tc.want, got)
			}
		})
	}
}
