package expr

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"

	"gancho/internal/rawjson"
)

// Trigger is the scope of a condition on a change of a record. It has the documents old,
// which is null on create, new, which is null on delete, and changes ([Changes]), and four functions:
//
//	changed("path")           the value at the path has changed, token for token
//	changed_except(["a"])     a member of the document other than these has changed
//	added("path")             the list at the path has an element that it did not have
//	removed("path")           the list at the path lost an element
//
// All four treat an absent value like null, and an absent list like an empty one. Paths
// have to be literals, so that a mistake in one is found when the condition is compiled.
var Trigger = sync.OnceValue(func() *Scope {
	s := newScope([]Variable{{"old", JSON}, {"new", JSON}, {"changes", JSON}}, changeFunctions()...)
	s.check = checkPaths
	return s
})

// Record is the scope of a condition on one stored record.
var Record = sync.OnceValue(func() *Scope { return NewScope(Variable{"record", JSON}) })

// Change is the [Vars] of one change of a record. It remembers what a condition has read
// or compared, for the next condition.
type Change struct {
	oldRaw, newRaw []byte
	old, new       any
	changes        any
	answers        map[string]bool // results of the functions, by call
}

// NewChange makes the [Vars] of a change from the document before and after it; nil if
// there is none. Both have passed [rawjson.Check] and must not change.
func NewChange(before, after []byte) *Change { return &Change{oldRaw: before, newRaw: after} }

// self is the name under which the functions find their Change.
const self = "@change"

// Value implements [Vars].
func (c *Change) Value(name string) (any, bool) {
	switch name {
	case "old":
		if c.old == nil {
			c.old = Raw(c.oldRaw)
		}
		return c.old, true
	case "new":
		if c.new == nil {
			c.new = Raw(c.newRaw)
		}
		return c.new, true
	case "changes":
		if c.changes == nil {
			c.changes = Raw(Changes(c.oldRaw, c.newRaw))
		}
		return c.changes, true
	case self:
		return c, true
	}
	return nil, false
}

// Changes is a JSON object with the members old, new and keys: of the members in which two documents differ, what they
// were, what they are, and their names. A member that was not there before, or is not there any more, is not in old, or not in new. Of a
// document that was not there before there is no old, and of one that was deleted no new.
func Changes(before, after []byte) []byte {
	was, is := rawjson.Members(before), rawjson.Members(after)
	earlier, now := map[string][]byte{}, map[string]bool{}
	for _, m := range was {
		earlier[m.Name] = m.Value
	}
	var names []string
	parts := map[string][]byte{}
	add := func(part string, m rawjson.Member) {
		b := append(append(parts[part], ','), rawjson.Quote(m.Name)...)
		parts[part] = append(append(b, ':'), m.Value...)
	}
	for _, m := range is {
		now[m.Name] = true
		old := earlier[m.Name]
		if old != nil && rawjson.Same(old, m.Value) {
			continue
		}
		names = append(names, m.Name)
		add("new", m)
		if old != nil {
			add("old", rawjson.Member{Name: m.Name, Value: old})
		}
	}
	for _, m := range was {
		if !now[m.Name] {
			names = append(names, m.Name)
			add("old", m)
		}
	}
	out := []byte("{")
	for _, part := range []struct {
		name string
		doc  []byte
	}{{"old", before}, {"new", after}} {
		if part.doc != nil {
			out = append(append(out, `"`+part.name+`":{`...), parts[part.name][min(1, len(parts[part.name])):]...)
			out = append(out, "},"...)
		}
	}
	out = append(out, `"keys":[`...)
	for i, name := range names {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, rawjson.Quote(name)...)
	}
	return append(out, "]}"...)
}

// NewRecord is the [Vars] of one record, for [Record].
func NewRecord(doc []byte) Vars { return record{Raw(doc)} }

type record struct{ doc any }

func (r record) Value(name string) (any, bool) { return r.doc, name == "record" }

// changeFunction is one of the functions on a Change.
type changeFunction func(c *Change, args []string) bool

var changeCalls = map[string]changeFunction{
	"changed": func(c *Change, path []string) bool {
		return !rawjson.Same(at(c.oldRaw, path), at(c.newRaw, path))
	},
	"changed_except": func(c *Change, names []string) bool {
		before, after := rawjson.Members(c.oldRaw), rawjson.Members(c.newRaw)
		return differs(after, before, names) || differs(before, after, names)
	},
	"added":   func(c *Change, path []string) bool { return more(at(c.newRaw, path), at(c.oldRaw, path)) },
	"removed": func(c *Change, path []string) bool { return more(at(c.oldRaw, path), at(c.newRaw, path)) },
}

func changeFunctions() []cel.EnvOption {
	var out []cel.EnvOption
	for name := range changeCalls {
		arg := cel.StringType
		if name == "changed_except" {
			arg = cel.ListType(cel.StringType)
		}
		out = append(out, cel.Function(name, cel.Overload(name, []*cel.Type{arg}, cel.BoolType)))
	}
	return out
}

// at is the token at a path, nil if it is absent or null.
func at(doc []byte, path []string) []byte {
	token, _ := rawjson.Lookup(doc, path...)
	if rawjson.KindOf(token) == 'n' {
		return nil
	}
	return token
}

// differs reports whether b lacks a member of a, or has another value for it; members
// whose names are in except do not count. Documents mostly keep the order of their
// members, so the member at the same place is compared first.
func differs(a, b []rawjson.Member, except []string) bool {
	var places map[string]int // of the members of b; made when one is not at the same place as in a
	for i, m := range a {
		if slices.Contains(except, m.Name) || rawjson.KindOf(m.Value) == 'n' {
			continue
		}
		if i >= len(b) || b[i].Name != m.Name {
			if places == nil {
				places = placesOf(b)
			}
			var ok bool
			if i, ok = places[m.Name]; !ok {
				return true
			}
		}
		if !rawjson.Same(m.Value, b[i].Value) {
			return true
		}
	}
	return false
}

// placesOf maps the name of each member to its index.
func placesOf(members []rawjson.Member) map[string]int {
	places := make(map[string]int, len(members))
	for i, m := range members {
		places[m.Name] = i
	}
	return places
}

// more reports whether the list a has an element that the list b does not have. A value
// that is not a list counts as an empty list.
func more(a, b []byte) bool {
	elements := rawjson.Elements(a)
	if len(elements) == 0 {
		return false
	}
	has := map[string]bool{}
	for _, e := range rawjson.Elements(b) {
		has[spelled(e)] = true
	}
	return slices.ContainsFunc(elements, func(e []byte) bool { return !has[spelled(e)] })
}

// spelled is a token without white space. Two tokens are the same for [rawjson.Same] if
// and only if these texts are equal.
func spelled(token []byte) string {
	compact, err := rawjson.Restyle(token, rawjson.Style{Compact: true})
	if err != nil { // it has passed [rawjson.Check]
		return string(token)
	}
	return string(compact)
}

// checkPaths refuses calls of the functions whose argument is not a literal or not a path.
func checkPaths(text string, a *cel.Ast) *Error {
	native := a.NativeRep()
	var found *Error
	ast.PostOrderVisit(native.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if found != nil || e.Kind() != ast.CallKind || changeCalls[e.AsCall().FunctionName()] == nil {
			return
		}
		call := e.AsCall()
		if _, err := literal(call.FunctionName(), constant(call.Args()[0])); err != nil {
			at := native.SourceInfo().GetStartLocation(call.Args()[0].ID())
			found = &Error{Line: max(1, at.Line()), Column: at.Column() + 1, Message: err.Error() + "."}
		}
	}))
	return found
}

// constant is the value of a literal text, an empty list for a list of literal texts, else nil.
func constant(e ast.Expr) any {
	switch e.Kind() {
	case ast.LiteralKind:
		s, _ := e.AsLiteral().Value().(string)
		return s
	case ast.ListKind:
		for _, item := range e.AsList().Elements() {
			if _, ok := constant(item).(string); !ok {
				return nil
			}
		}
		return []string{}
	default:
		return nil
	}
}

// literal reads the argument of a call: a path, or names of members.
func literal(function string, arg any) ([]string, error) {
	switch arg := arg.(type) {
	case []string:
		return arg, nil
	case string:
		path, err := rawjson.ParsePath(arg)
		if err != nil {
			return nil, fmt.Errorf("%s(%q) does not name a path: %w. Write for example %s(\"contact.name\")", function, arg, err, function)
		}
		return path, nil
	}
	if function == "changed_except" {
		return nil, fmt.Errorf("%s takes a list of names in quotes, for example %s([\"name\", \"phone\"])", function, function)
	}
	return nil, fmt.Errorf("%s takes a path in quotes, for example %s(\"contact.name\")", function, function)
}

// changeCall is a call of one of the functions. It replaces CEL's own node for the call,
// because a function in CEL cannot read variables.
type changeCall struct {
	id   int64
	key  string // different for calls with different functions or arguments
	args []string
	call changeFunction
}

// bindChange replaces each call of one of the functions by a changeCall.
func bindChange(i interpreter.InterpretableV2) (interpreter.InterpretableV2, error) {
	call, ok := i.(interpreter.InterpretableCall)
	if !ok || changeCalls[call.Function()] == nil {
		return i, nil
	}
	name := call.Function()
	var arg any
	if c, ok := call.Args()[0].(interpreter.InterpretableConst); ok {
		arg = texts(c.Value())
	}
	args, err := literal(name, arg)
	if err != nil {
		return nil, err // checkPaths said so before
	}
	return &changeCall{id: call.ID(), key: name + "\x00" + strings.Join(args, "\x00"), args: args, call: changeCalls[name]}, nil
}

// texts is a constant text or list of texts.
func texts(v ref.Val) any {
	switch v := v.(type) {
	case types.String:
		return string(v)
	case interface{ Value() any }:
		switch list := v.Value().(type) {
		case []ref.Val:
			out := []string{}
			for _, e := range list {
				s, _ := e.(types.String)
				out = append(out, string(s))
			}
			return out
		case []string:
			return list
		}
	}
	return nil
}

func (c *changeCall) ID() int64 { return c.id }

func (c *changeCall) Exec(frame *interpreter.ExecutionFrame) ref.Val { return c.Eval(frame) }

func (c *changeCall) Eval(vars interpreter.Activation) ref.Val {
	v, _ := vars.ResolveName(self)
	change, ok := v.(*Change)
	if !ok {
		return types.NewErr("there is no change here")
	}
	answer, known := change.answers[c.key]
	if !known {
		answer = c.call(change, c.args)
		if change.answers == nil {
			change.answers = map[string]bool{}
		}
		change.answers[c.key] = answer
	}
	return types.Bool(answer)
}
