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

	// inBubble allows the call where the clock is fake, so that nothing really waits:
	// in a function that is passed to synctest.Test, directly or through a function of
	// the same package, and in a function that calls synctest.Wait.
	inBubble bool
}

var bans = []ban{
	{
		path: "time", names: []string{"Sleep"}, in: isTest, inBubble: true,
		why: "a test that waits for real time is slow or flaky: use testing/synctest or a channel; in a poll with a deadline allow it with //policy:allow time.Sleep: and why",
	},
	{
		path: "time", names: []string{"Now", "Since", "Until"},
		in:  code("internal/hook", "internal/match", "internal/sign", "internal/rawjson", "internal/expr", "internal/contract", "internal/diagnose", "internal/explain"),
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

// code matches the files of some packages, except tests.
func code(dirs ...string) func(string) bool {
	return func(file string) bool {
		return !isTest(file) && slices.Contains(dirs, filepath.ToSlash(filepath.Dir(file)))
	}
}

func TestForbiddenCalls(t *testing.T) {
	sources := goFiles(t)
	makers := map[string][]string{} // directory → its functions that make a bubble
	for file, src := range sources {
		dir := filepath.Dir(file)
		makers[dir] = append(makers[dir], bubbleMakers(t, file, src)...)
	}
	for file, src := range sources {
		for _, finding := range forbidden(t, file, src, makers[filepath.Dir(file)]) {
			t.Error(finding)
		}
	}
}

// systems are the names of the webhook systems whose contracts we ship.
var systems = regexp.MustCompile(`(?i)prolibu|cabaprop|upnify|kobra|catacliente`)

// TestCodeKnowsNoSystem finds code that names one of the systems. If a contract cannot
// say something in YAML, the contract language has to grow. Comments may name the
// systems as examples, and tests may load their contracts.
func TestCodeKnowsNoSystem(t *testing.T) {
	for file, src := range goFiles(t) {
		if isTest(file) {
			continue
		}
		fset, f, _ := parse(t, file, src)
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

// TestNoDialectByType keeps what differs between the databases behind the interfaces
// of package store: code that asks which database it has would have to be found, and
// repeated, for a third one.
func TestNoDialectByType(t *testing.T) {
	asked := regexp.MustCompile(`\.(dialect|engine)\.\(`)
	for file, src := range goFiles(t) {
		if strings.HasPrefix(file, "internal/store/") && !isTest(file) && asked.Match(src) {
			t.Errorf("%s asks which database there is: give the interface a method, or put it behind DB.Cluster", file)
		}
	}
}

// goFiles are the Go files of the program and its tests, by path from the root.
func goFiles(t *testing.T) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	for _, file := range files(t) {
		if !strings.HasSuffix(file, ".go") || strings.HasPrefix(file, "tools/") {
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

// allowances returns, for each line of f, the names that policy:allow comments allow
// there. A comment without a reason allows nothing.
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

// parse parses file. It also returns the import paths by the names that the packages
// have in the file.
func parse(t *testing.T, file string, src []byte) (*token.FileSet, *ast.File, map[string]string) {
	t.Helper()
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, file, src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]string{}
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
	return fset, f, names
}

// bubbleMakers returns the names of the functions in file that call synctest.Test.
func bubbleMakers(t *testing.T, file string, src []byte) (makers []string) {
	t.Helper()
	_, f, names := parse(t, file, src)
	for _, d := range f.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && calls(fn, names, "Test") {
			makers = append(makers, fn.Name.Name)
		}
	}
	return makers
}

// calls reports whether n contains a call of that function of package synctest.
func calls(n ast.Node, names map[string]string, function string) (found bool) {
	ast.Inspect(n, func(n ast.Node) bool {
		found = found || isSynctest(n, names, function)
		return !found
	})
	return found
}

// isSynctest reports whether n is a call of that function of package synctest.
func isSynctest(n ast.Node, names map[string]string, function string) bool {
	call, ok := n.(*ast.CallExpr)
	if !ok {
		return false
	}
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || sel.Sel.Name != function {
		return false
	}
	x, ok := sel.X.(*ast.Ident)
	return ok && names[x.Name] == "testing/synctest"
}

// forbidden returns what bans find in a file. makers are the functions of its package
// that call synctest.Test.
func forbidden(t *testing.T, file string, src []byte, makers []string) (findings []string) {
	t.Helper()
	fset, f, names := parse(t, file, src)
	allowed := allowances(fset, f)
	walk(f, names, makers, func(n ast.Node, bubble bool) {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return
		}
		x, ok := sel.X.(*ast.Ident)
		if !ok {
			return
		}
		at := fset.Position(sel.Pos())
		name := x.Name + "." + sel.Sel.Name
		for _, b := range bans {
			if b.path != names[x.Name] || !slices.Contains(b.names, sel.Sel.Name) || !b.in(file) ||
				(b.inBubble && bubble) || slices.Contains(allowed[at.Line], name) {
				continue
			}
			findings = append(findings, at.String()+": "+name+": "+b.why)
		}
	})
	return findings
}

// walk calls visit for each node of a file, and says whether a synctest bubble encloses it. makers are the functions
// of its package that call synctest.Test.
func walk(f *ast.File, names map[string]string, makers []string, visit func(n ast.Node, bubble bool)) {
	isBubble := func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			return calls(n, names, "Wait") && !calls(n, names, "Test")
		case *ast.CallExpr:
			if fn, ok := n.Fun.(*ast.Ident); ok && slices.Contains(makers, fn.Name) {
				return true
			}
			return isSynctest(n, names, "Test")
		}
		return false
	}

	bubbles := 0 // how many synctest bubbles enclose the current node
	var stack []ast.Node
	ast.Inspect(f, func(n ast.Node) bool {
		if n == nil {
			if isBubble(stack[len(stack)-1]) {
				bubbles--
			}
			stack = stack[:len(stack)-1]
			return true
		}
		stack = append(stack, n)
		if isBubble(n) {
			bubbles++
		}
		visit(n, bubbles > 0)
		return true
	})
}

// TestForbiddenFindsThem tests the search itself.
func TestForbiddenFindsThem(t *testing.T) {
	for _, tc := range []struct {
		name, file, src string
		want            int
	}{
		{"sleep in a test", "internal/x/x_test.go", `import "time"; func f() { time.Sleep(1) }`, 1},
		{"sleep in code", "internal/x/x.go", `import "time"; func f() { time.Sleep(1) }`, 0},
		{"sleep in a bubble", "internal/x/x_test.go", `import ("time"; "testing"; "testing/synctest"); func f(t *testing.T) { synctest.Test(t, func(t *testing.T) { time.Sleep(1) }) }`, 0},
		{"sleep after a bubble", "internal/x/x_test.go", `import ("time"; "testing"; "testing/synctest"); func f(t *testing.T) { synctest.Test(t, func(t *testing.T) {}); time.Sleep(1) }`, 1},
		{"sleep in a bubble of our own", "internal/x/x_test.go", `import ("time"; "testing"; "testing/synctest"); func bubble(t *testing.T, f func()) { synctest.Test(t, func(*testing.T) { f() }) }; func f(t *testing.T) { bubble(t, func() { time.Sleep(1) }); time.Sleep(2) }`, 1},
		{"sleep beside synctest.Wait", "internal/x/x_test.go", `import ("time"; "testing/synctest"); func settle() { time.Sleep(1); synctest.Wait() }`, 0},
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
			src := []byte("package x; " + tc.src)
			if got := forbidden(t, tc.file, src, bubbleMakers(t, tc.file, src)); len(got) != tc.want {
				t.Errorf("found %d, want %d: %v", len(got), tc.want, got)
			}
		})
	}
}
