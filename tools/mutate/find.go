package main

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/tools/go/packages"
)

// mutant is one change of the code that a test should notice.
type mutant struct {
	number int
	file   string // from the root of the project
	line   int
	column int
	text   string // what is written instead of what, as "a < b → a <= b"
}

// key identifies a mutant in explanations. It stays the same when lines move.
func (m *mutant) key() string { return m.file + ": " + m.text }

// id identifies a mutant in results. It stays the same when tests change.
func (m *mutant) id() string { return strconv.Itoa(m.number) + " " + m.key() }

// edit replaces the bytes from offset at to offset end of a file. Edits that begin at the same offset are applied
// outermost first, those that end at the same offset innermost first; size is the length of the node they belong to.
type edit struct {
	at, end int
	suffix  bool
	size    int
	text    string
}

// finder collects the mutants of a package. Each gets a number, and code that behaves differently if
// mutateIs says that this number is meant. So all mutants are compiled once.
type finder struct {
	pkg     *packages.Package
	root    string
	src     []byte
	file    string
	edits   []edit
	next    int
	mutants []*mutant
	results []*types.Tuple // of the functions around the current node
}

// text is the source of a node on one line.
func (f *finder) text(n ast.Node) string {
	return strings.Join(strings.Fields(string(f.src[f.offset(n.Pos()):f.offset(n.End())])), " ")
}

func (f *finder) offset(p token.Pos) int { return f.pkg.Fset.Position(p).Offset }

// add makes a mutant of n and returns its number.
func (f *finder) add(n ast.Node, format string, args ...any) int {
	f.next++
	at := f.pkg.Fset.Position(n.Pos())
	text := fmt.Sprintf(format, args...)
	if r := []rune(text); len(r) > 160 {
		text = string(r[:80]) + " … " + string(r[len(r)-79:])
	}
	f.mutants = append(f.mutants, &mutant{number: f.next, file: f.file, line: at.Line, column: at.Column, text: text})
	return f.next
}

// wrap writes before and after a node.
func (f *finder) wrap(n ast.Node, before, after string) {
	at, end := f.offset(n.Pos()), f.offset(n.End())
	f.edits = append(
		f.edits,
		edit{at: at, end: at, size: end - at, text: before},
		edit{at: end, end: end, suffix: true, size: end - at, text: after},
	)
}

// apply returns the source with all edits.
func (f *finder) apply() []byte {
	slices.SortStableFunc(f.edits, func(a, b edit) int {
		switch {
		case a.at != b.at:
			return cmp.Compare(a.at, b.at)
		case a.suffix != b.suffix: // what ends here is complete before anything begins
			if a.suffix {
				return -1
			}
			return 1
		case a.suffix:
			return cmp.Compare(a.size, b.size)
		}
		return cmp.Compare(b.size, a.size)
	})
	var out []byte
	last := 0
	for _, e := range f.edits {
		out = append(append(out, f.src[last:e.at]...), e.text...)
		last = e.end
	}
	return append(out, f.src[last:]...)
}

// value says what the compiler knows of an expression: its type, and whether it is no constant.
func (f *finder) value(e ast.Expr) (t types.Type, variable bool) {
	tv, ok := f.pkg.TypesInfo.Types[e]
	return tv.Type, ok && tv.IsValue() && tv.Value == nil
}

func is(t types.Type, info types.BasicInfo) bool {
	b, ok := t.Underlying().(*types.Basic)
	return ok && b.Info()&info != 0
}

// walk finds the mutants below n.
func (f *finder) walk(n ast.Node) {
	ast.Inspect(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GenDecl:
			return n.Tok == token.VAR // constants and types have nothing that can change while the program runs
		case *ast.FuncDecl:
			if n.Body == nil || n.Name.Name == "init" {
				return false
			}
			f.results = append(f.results, f.pkg.TypesInfo.Defs[n.Name].Type().(*types.Signature).Results())
			f.walk(n.Body)
			f.results = f.results[:len(f.results)-1]
			return false
		case *ast.FuncLit:
			f.results = append(f.results, f.pkg.TypesInfo.Types[n].Type.(*types.Signature).Results())
			f.walk(n.Body)
			f.results = f.results[:len(f.results)-1]
			return false
		case *ast.BlockStmt:
			f.removals(n.List)
		case *ast.CaseClause:
			f.removals(n.Body)
		case *ast.CommClause:
			f.removals(n.Body)
		case *ast.BinaryExpr:
			f.binary(n)
		case *ast.UnaryExpr:
			if n.Op == token.NOT {
				if _, variable := f.value(n); variable && !isComparison(n.X) {
					k := f.add(n, "%s → %s", f.text(n), f.text(n.X))
					f.wrap(n, fmt.Sprintf("(mutateIs(%d) != (", k), "))")
				}
			}
		case *ast.IfStmt:
			f.condition(n.Cond)
		case *ast.ForStmt:
			if n.Cond != nil {
				f.condition(n.Cond)
			}
		case *ast.ReturnStmt:
			f.returned(n)
		case *ast.Ident:
			if t, ok := f.pkg.TypesInfo.Types[n]; ok && t.Value != nil && (n.Name == "true" || n.Name == "false") &&
				types.Identical(t.Type, types.Typ[types.Bool]) {
				k := f.add(n, "%s → %t", n.Name, n.Name == "false")
				f.wrap(n, fmt.Sprintf("(mutateIs(%d) != ", k), ")")
			}
		}
		return true
	})
}

func isComparison(e ast.Expr) bool {
	b, ok := ast.Unparen(e).(*ast.BinaryExpr)
	return ok && slices.Contains([]token.Token{token.EQL, token.NEQ, token.LSS, token.LEQ, token.GTR, token.GEQ}, b.Op)
}

// condition negates a condition that has no operator of which there are mutants anyway.
func (f *finder) condition(e ast.Expr) {
	e = ast.Unparen(e)
	switch e := e.(type) {
	case *ast.BinaryExpr:
		return
	case *ast.UnaryExpr:
		if e.Op == token.NOT {
			return
		}
	}
	if _, variable := f.value(e); variable {
		k := f.add(e, "%s → !%s", f.text(e), f.text(e))
		f.wrap(e, fmt.Sprintf("(mutateIs(%d) != (", k), "))")
	}
}

var boundary = map[token.Token]token.Token{
	token.LSS: token.LEQ, token.LEQ: token.LSS, token.GTR: token.GEQ, token.GEQ: token.GTR,
}

var negation = map[token.Token]token.Token{
	token.EQL: token.NEQ, token.NEQ: token.EQL, token.LSS: token.GEQ, token.LEQ: token.GTR, token.GTR: token.LEQ, token.GEQ: token.LSS,
}

var arithmetic = map[token.Token][2]string{ // the operator instead, and the function that applies one of the two
	token.ADD: {"-", "mutateAdd"}, token.SUB: {"+", "mutateSub"}, token.MUL: {"/", "mutateMul"},
	token.QUO: {"*", "mutateQuo"}, token.REM: {"*", "mutateRem"},
}

func (f *finder) binary(n *ast.BinaryExpr) {
	t, variable := f.value(n)
	if !variable {
		return
	}
	x, y := f.text(n.X), f.text(n.Y)
	switch n.Op {
	case token.LAND, token.LOR:
		// Each side is replaced by the value with which it has no say.
		for _, side := range []ast.Expr{n.X, n.Y} {
			if _, variable := f.value(side); !variable {
				continue
			}
			if n.Op == token.LAND {
				k := f.add(side, "%s → true, in %s && %s", f.text(side), x, y)
				f.wrap(side, "((", fmt.Sprintf(") || mutateIs(%d))", k))
			} else {
				k := f.add(side, "%s → false, in %s || %s", f.text(side), x, y)
				f.wrap(side, "((", fmt.Sprintf(") && !mutateIs(%d))", k))
			}
		}
	case token.EQL, token.NEQ, token.LSS, token.LEQ, token.GTR, token.GEQ:
		k := f.add(n, "%s %s %s → %s %s %s", x, n.Op, y, x, negation[n.Op], y)
		before, after := fmt.Sprintf("(mutateIs(%d) != (", k), "))"
		if other := boundary[n.Op]; other != 0 {
			k := f.add(n, "%s %s %s → %s %s %s", x, n.Op, y, x, other, y)
			equal := fmt.Sprintf("(%s) == (%s)", x, y)
			if n.Op == token.LSS || n.Op == token.GTR {
				before, after = before+"((", fmt.Sprintf(") || (mutateIs(%d) && %s))", k, equal)+after
			} else {
				before, after = before+"((", fmt.Sprintf(") && !(mutateIs(%d) && %s))", k, equal)+after
			}
		}
		f.wrap(n, before, after)
	case token.ADD, token.SUB, token.MUL, token.QUO, token.REM:
		a, ok := arithmetic[n.Op]
		if !ok || !is(t, types.IsInteger) && (!is(t, types.IsFloat) || n.Op == token.REM) {
			return
		}
		k := f.add(n, "%s %s %s → %s %s %s", x, n.Op, y, x, a[0], y)
		f.wrap(n, fmt.Sprintf("%s(%d, ", a[1], k), ")")
		at := f.offset(n.OpPos)
		f.edits = append(f.edits, edit{at: at, end: at + len(n.Op.String()), text: ","})
	default: // shifts and bits have no mutants
	}
}

// removals makes mutants that lack a statement of a list.
func (f *finder) removals(list []ast.Stmt) {
	for i, s := range list {
		switch s := s.(type) {
		case *ast.AssignStmt:
			if s.Tok == token.DEFINE || onlyBlank(s) {
				continue
			}
		case *ast.ExprStmt:
			if call, ok := s.X.(*ast.CallExpr); ok && nameOf(call.Fun) == "panic" {
				continue // the compiler wants it where a function ends
			}
		case *ast.IncDecStmt, *ast.DeferStmt, *ast.GoStmt, *ast.SendStmt:
		case *ast.BranchStmt:
			if s.Tok == token.FALLTHROUGH || s.Tok == token.GOTO {
				continue
			}
		case *ast.ReturnStmt:
			if len(s.Results) > 0 || i == len(list)-1 && len(f.results) > 0 && f.results[len(f.results)-1].Len() > 0 {
				continue
			}
		default:
			continue
		}
		k := f.add(s, "without %s", f.text(s))
		f.wrap(s, fmt.Sprintf("if !mutateIs(%d) { ", k), " }")
	}
}

func onlyBlank(s *ast.AssignStmt) bool {
	return !slices.ContainsFunc(s.Lhs, func(e ast.Expr) bool { return nameOf(e) != "_" })
}

func nameOf(e ast.Expr) string {
	if id, ok := e.(*ast.Ident); ok {
		return id.Name
	}
	return ""
}

// returned makes mutants that return the zero value instead.
func (f *finder) returned(s *ast.ReturnStmt) {
	want := f.results[len(f.results)-1]
	if want.Len() != len(s.Results) {
		return
	}
	for i, e := range s.Results {
		t, variable := f.value(e)
		if !variable || t == nil || !types.Identical(t, want.At(i).Type()) || isComparison(e) {
			continue
		}
		if lit, ok := e.(*ast.CompositeLit); ok && len(lit.Elts) == 0 {
			continue // is the zero value, or as good as it
		}
		if b, ok := ast.Unparen(e).(*ast.BinaryExpr); ok && (b.Op == token.LAND || b.Op == token.LOR) {
			continue // its sides are changed
		}
		k := f.add(e, "return %s → its zero value", f.text(e))
		f.wrap(e, fmt.Sprintf("mutateZero(%d, ", k), ")")
	}
}

// support is the file that the code of all mutants needs: the name of the package and the number of mutants fill it in.
//
// If MUTATE_TRACE names a file, the program writes there the number of each mutant that would have made a difference
// where it stands, each once.
const support = `package %s

import (
	"os"
	"reflect"
	"strconv"
	"sync/atomic"
)

var mutateNumber, _ = strconv.Atoi(os.Getenv("MUTATE_NUMBER"))

var mutateTrace = func() *os.File {
	if path := os.Getenv("MUTATE_TRACE"); path != "" {
		if file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600); err == nil {
			return file
		}
	}
	return nil
}()

var mutateSeen [%d]atomic.Bool

func mutateMark(k int) {
	if !mutateSeen[k].Swap(true) {
		mutateTrace.WriteString(strconv.Itoa(k) + "\n")
	}
}

func mutateIs(k int) bool {
	if mutateTrace != nil {
		mutateMark(k)
	}
	return k == mutateNumber
}

type mutateInt interface {
	~int | ~int8 | ~int16 | ~int32 | ~int64 | ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~uintptr
}

type mutateAny interface{ mutateInt | ~float32 | ~float64 }

func mutateAdd[T mutateAny](k int, a, b T) T {
	if b != 0 && mutateIs(k) {
		return a - b
	}
	return a + b
}

func mutateSub[T mutateAny](k int, a, b T) T {
	if b != 0 && mutateIs(k) {
		return a + b
	}
	return a - b
}

func mutateMul[T mutateAny](k int, a, b T) T {
	if mutateIs(k) {
		return a / b
	}
	return a * b
}

func mutateQuo[T mutateAny](k int, a, b T) T {
	if mutateIs(k) {
		return a * b
	}
	return a / b
}

func mutateRem[T mutateInt](k int, a, b T) T {
	if mutateIs(k) {
		return a * b
	}
	return a %% b
}

func mutateZero[T any](k int, v T) T {
	if mutateTrace != nil && reflect.ValueOf(&v).Elem().IsZero() {
		return v
	}
	if mutateIs(k) {
		var zero T
		return zero
	}
	return v
}
`
