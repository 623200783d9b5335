package policy

import (
	"go/ast"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"
)

// A test asserts no time: on a machine that is slow or busy, everything can take long. So a test must not compare the time
// that passed with a limit, nor give up after less than a minute, except in a synctest bubble, where the time is exact.
// That something took at least some time may be asserted, as no machine is too slow for that. Exceptions are
//
//	//policy:allow time: and why a slow machine does not make the test fail

// shortest is the least that a test waits before it fails.
const shortest = time.Minute

func TestNoTimesAsserted(t *testing.T) {
	t.Parallel()
	sources := goFiles(t)
	makers := map[string][]string{}
	for file, src := range sources {
		dir := filepath.Dir(file)
		makers[dir] = append(makers[dir], bubbleMakers(t, file, src)...)
	}
	for file, src := range sources {
		if isTest(file) {
			for _, finding := range timesAsserted(t, file, src, makers[filepath.Dir(file)]) {
				t.Error(finding)
			}
		}
	}
}

// timesAsserted returns where a test asserts a time.
func timesAsserted(t *testing.T, file string, src []byte, makers []string) (findings []string) {
	t.Helper()
	fset, f, names := parse(t, file, src)
	allowed := allowances(fset, f)
	passed := map[string]bool{} // variables that have the time that passed
	find := func(n ast.Node, what string) {
		if at := fset.Position(n.Pos()); !slices.Contains(allowed[at.Line], "time") {
			findings = append(findings, at.String()+": "+what)
		}
	}
	soon := func(n ast.Node, wait ast.Expr) {
		if d, ok := duration(wait, names); ok && d < shortest {
			find(n, "gives up after "+d.String()+", which can be too soon on a busy machine: wait a minute or more, or use testing/synctest")
		}
	}
	isSince := func(x ast.Expr) bool {
		id, ok := x.(*ast.Ident)
		return ok && passed[id.Name] || contains(x, func(n ast.Node) bool { return since(n, names) })
	}
	walk(f, names, makers, func(n ast.Node, bubble bool) {
		if bubble {
			return
		}
		switch n := n.(type) {
		case *ast.FuncDecl:
			clear(passed)
		case *ast.AssignStmt:
			if len(n.Lhs) == 1 && len(n.Rhs) == 1 {
				if id, ok := n.Lhs[0].(*ast.Ident); ok {
					passed[id.Name] = since(n.Rhs[0], names)
				}
			}
		case *ast.BinaryExpr:
			more, less := n.Op == token.GTR || n.Op == token.GEQ, n.Op == token.LSS || n.Op == token.LEQ
			if more && isSince(n.X) || less && isSince(n.Y) {
				find(n, "compares the time that passed with a limit: wait for a condition, or use testing/synctest")
			}
		case *ast.CallExpr:
			if of(n, names, "context", "WithTimeout") && len(n.Args) == 2 {
				soon(n, n.Args[1])
			}
		case *ast.CommClause: // one that does nothing is a pause
			if n.Comm == nil || len(n.Body) == 0 {
				return
			}
			ast.Inspect(n.Comm, func(x ast.Node) bool {
				if call, ok := x.(*ast.CallExpr); ok && of(call, names, "time", "After") && len(call.Args) == 1 {
					soon(n, call.Args[0])
				}
				return true
			})
		}
	})
	return findings
}

// since reports whether n is the time that passed: time.Since(x) or time.Now().Sub(x).
func since(n ast.Node, names map[string]string) bool {
	call, ok := n.(*ast.CallExpr)
	if !ok {
		return false
	}
	if of(call, names, "time", "Since") {
		return true
	}
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || sel.Sel.Name != "Sub" {
		return false
	}
	now, ok := sel.X.(*ast.CallExpr)
	return ok && of(now, names, "time", "Now")
}

// of reports whether call calls that function of a package.
func of(call *ast.CallExpr, names map[string]string, path, function string) bool {
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || sel.Sel.Name != function {
		return false
	}
	x, ok := sel.X.(*ast.Ident)
	return ok && names[x.Name] == path
}

var units = map[string]time.Duration{
	"Nanosecond": 1, "Microsecond": time.Microsecond, "Millisecond": time.Millisecond,
	"Second": time.Second, "Minute": time.Minute, "Hour": time.Hour,
}

// duration is a duration that is written out, as 3*time.Second.
func duration(x ast.Expr, names map[string]string) (time.Duration, bool) {
	switch x := x.(type) {
	case *ast.SelectorExpr:
		id, ok := x.X.(*ast.Ident)
		return units[x.Sel.Name], ok && names[id.Name] == "time"
	case *ast.BinaryExpr:
		factor, ok := x.X.(*ast.BasicLit)
		if !ok || x.Op != token.MUL {
			return 0, false
		}
		n, err := strconv.Atoi(factor.Value)
		unit, ok := duration(x.Y, names)
		return time.Duration(n) * unit, ok && err == nil
	}
	return 0, false
}

// contains reports whether there is such a node in x.
func contains(x ast.Node, is func(ast.Node) bool) (found bool) {
	ast.Inspect(x, func(n ast.Node) bool {
		found = found || n != nil && is(n)
		return !found
	})
	return found
}

// TestTimesAssertedFindsThem tests the search itself.
func TestTimesAssertedFindsThem(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, body string
		want       int
	}{
		{"a limit", `if time.Since(start) > time.Second { t.Fatal() }`, 1},
		{"a limit in a variable", `took := time.Since(start); if took >= 2*promised { t.Fatal() }`, 1},
		{"the other way round", `if limit < time.Now().Sub(start) { t.Fatal() }`, 1},
		{"in seconds", `if time.Since(start).Seconds() > 3 { t.Fatal() }`, 1},
		{"not before", `if time.Since(start) < time.Second { t.Fatal() }`, 0},
		{"in a bubble", `synctest.Test(t, func(t *testing.T) { if time.Since(start) > time.Second { t.Fatal() } })`, 0},
		{"allowed", "//policy:allow time: because\nif time.Since(start) > time.Second { t.Fatal() }", 0},
		{"a variable of another kind", `took := n; if took > 3 { t.Fatal() }`, 0},
		{"gives up soon", `select { case <-done: case <-time.After(5*time.Second): t.Fatal() }`, 1},
		{"a short context", `ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)`, 1},
		{"gives up late", `select { case <-done: case <-time.After(2*time.Minute): t.Fatal() }`, 0},
		{"a pause", `<-time.After(time.Second); select { case <-done: case <-time.After(time.Second): }`, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			src := "package x; import (\"context\"; \"testing\"; \"testing/synctest\"; \"time\"); func f(t *testing.T) {\n" + tc.body + "\n}"
			if got := timesAsserted(t, "internal/x/x_test.go", []byte(src), nil); len(got) != tc.want {
				t.Errorf("found %q, want %d", got, tc.want)
			}
		})
	}
}
