package expr

import (
	"slices"
	"strconv"
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
)

// Reference is a place where a condition or expression reads a variable.
type Reference struct {
	// Path is the name of the variable, split at its dots, and the members that are read of it as far as they stand in
	// the text: [payload items 0] for payload.items[0], [payload items] for payload.items[payload.n].
	Path         []string
	Line, Column int // from 1, within the text
}

// References are the variables that are read. What macros such as map call the elements of a list is not among them.
func (p *program) References() []Reference { return p.refs }

// Names reports whether a variable is read whose name is root or begins with root and a dot.
func (p *program) Names(root string) bool {
	return slices.ContainsFunc(p.refs, func(r Reference) bool { return r.Path[0] == root })
}

// references lists what an expression reads.
func references(a *ast.AST) []Reference {
	f := finder{source: a.SourceInfo()}
	f.walk(a.Expr())
	return f.refs
}

// finder collects references.
type finder struct {
	source *ast.SourceInfo
	bound  []string // the variables of the macros around the present place
	refs   []Reference
}

func (f *finder) walk(e ast.Expr) {
	if path, name, at, ok := f.path(e); ok {
		start := f.source.GetStartLocation(at)
		column := start.Column() - max(0, strings.LastIndex(name, ".")) // of a name with dots CEL knows the place of the last one
		f.refs = append(f.refs, Reference{Path: path, Line: max(1, start.Line()), Column: max(0, column) + 1})
		return
	}
	switch e.Kind() {
	case ast.CallKind:
		call := e.AsCall()
		if call.IsMemberFunction() {
			f.walk(call.Target())
		}
		for _, arg := range call.Args() {
			f.walk(arg)
		}
	case ast.SelectKind:
		f.walk(e.AsSelect().Operand())
	case ast.ListKind:
		for _, item := range e.AsList().Elements() {
			f.walk(item)
		}
	case ast.MapKind:
		for _, entry := range e.AsMap().Entries() {
			f.walk(entry.AsMapEntry().Key())
			f.walk(entry.AsMapEntry().Value())
		}
	case ast.StructKind:
		for _, entry := range e.AsStruct().Fields() {
			f.walk(entry.AsStructField().Value())
		}
	case ast.ComprehensionKind:
		f.comprehension(e.AsComprehension())
	case ast.IdentKind, ast.LiteralKind, ast.UnspecifiedExprKind:
	}
}

// comprehension is what a macro such as map becomes.
func (f *finder) comprehension(c ast.ComprehensionExpr) {
	f.walk(c.IterRange())
	f.walk(c.AccuInit())
	before := len(f.bound)
	f.bound = append(f.bound, c.AccuVar())
	f.walk(c.Result())
	f.bound = append(f.bound, c.IterVar(), c.IterVar2())
	f.walk(c.LoopCondition())
	f.walk(c.LoopStep())
	f.bound = f.bound[:before]
}

// path is the path of an expression that does nothing but read a variable or a member; name and id are those of the
// variable.
func (f *finder) path(e ast.Expr) (path []string, name string, id int64, ok bool) {
	switch e.Kind() {
	case ast.IdentKind:
		if name = strings.TrimPrefix(e.AsIdent(), "."); slices.Contains(f.bound, e.AsIdent()) {
			return nil, "", 0, false
		}
		return strings.Split(name, "."), name, e.ID(), true
	case ast.SelectKind:
		if path, name, id, ok = f.path(e.AsSelect().Operand()); ok {
			path = append(path, e.AsSelect().FieldName())
		}
		return path, name, id, ok
	case ast.CallKind:
		call := e.AsCall()
		if call.FunctionName() != operators.Index || call.Args()[1].Kind() != ast.LiteralKind {
			return nil, "", 0, false
		}
		if path, name, id, ok = f.path(call.Args()[0]); ok {
			switch member := call.Args()[1].AsLiteral().Value().(type) {
			case string:
				path = append(path, member)
			case int64:
				path = append(path, strconv.FormatInt(member, 10))
			default:
				return nil, "", 0, false
			}
		}
		return path, name, id, ok
	default:
		return nil, "", 0, false
	}
}
