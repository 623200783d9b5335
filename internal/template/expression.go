package template

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"gancho/internal/expr"
	"gancho/internal/nearest"
	"gancho/internal/yamlfile"
)

// RequestScope is the scope of conditions and expressions in the parts of a request: the type of the event, and
// everything that the [RequestRoots] have.
var RequestScope = sync.OnceValue(func() *expr.Scope { return requestScope(RequestRoots) })

// HandshakeScope is the same for the parts of a handshake, which have the [HandshakeRoots].
var HandshakeScope = sync.OnceValue(func() *expr.Scope { return requestScope(HandshakeRoots) })

func requestScope(roots []string) *expr.Scope {
	vars := []expr.Variable{{Name: "type", Type: expr.Text}}
	for _, root := range roots {
		if hasDocument(root) {
			vars = append(vars, expr.Variable{Name: root, Type: expr.JSON})
		} else {
			vars = append(vars, memberVariables(root)...)
		}
	}
	return expr.NewScope(vars...)
}

// CredentialScope is the scope of expressions that can name only a credential.
var CredentialScope = sync.OnceValue(func() *expr.Scope { return expr.NewScope(memberVariables("credential")...) })

// memberVariables are the members of a root that is no document.
func memberVariables(root string) (vars []expr.Variable) {
	for _, name := range rootMembers[root] {
		kind := expr.Text
		switch {
		case root == "credential", name == "external_id": // null without one
			kind = expr.JSON
		case isNumber(name):
			kind = expr.Int
		}
		vars = append(vars, expr.Variable{Name: root + "." + name, Type: kind})
	}
	return vars
}

// readExpression compiles the CEL of $expr. It is nil if a problem was reported, at its place within the expression.
func readExpression(f *yamlfile.File, n *yamlfile.Node, at Place) *expr.Expression {
	text := n.Text
	switch {
	case n.Refused:
		return nil
	case at.Scope == nil:
		f.ProblemAt(n, "There is no $expr here.", "")
		return nil
	case n.Kind == yamlfile.KindMapping || n.Kind == yamlfile.KindList || n.Kind == yamlfile.KindNull:
		f.ProblemAt(n, fmt.Sprintf("$expr is an expression in CEL, not %s.", n.Kind), `Write it as a text in quotes, for example {$expr: "payload.total * 2"}`)
		return nil
	}
	e, err := at.Scope.Expression(text)
	if err != nil {
		wrongCode(f, n, err)
		return nil
	}
	for _, r := range e.References() {
		if problem := at.refuses(r.Path); problem != "" {
			line, col := f.Within(n, r.Line, r.Column)
			f.Problem(line, col, problem, "")
			return nil
		}
	}
	return e
}

// ReadExpression compiles an expression in CEL whose result is JSON. It is nil if a problem was reported, at its place
// within the expression.
func ReadExpression(f *yamlfile.File, n *yamlfile.Node, scope *expr.Scope) *expr.Expression {
	text := f.Str(n)
	if n.Kind != yamlfile.KindText {
		return nil
	}
	e, err := scope.Expression(text)
	if err != nil {
		wrongCode(f, n, err)
		return nil
	}
	return e
}

// refuses says why an expression cannot read a path here; "" if it can.
func (at Place) refuses(path []string) string {
	root := path[0]
	switch {
	case root == "type": // of the event, as in filters
		return ""
	case !slices.Contains(at.Roots, root):
		return fmt.Sprintf("There is no %s here.", root) + nearest.DidYouMean(root, at.Roots)
	case root == "settings" && len(path) == 1:
		return "settings needs the name of a setting, for example settings.token."
	case root == "set" && (len(path) == 1 || !slices.Contains(at.Set, path[1])):
		return yamlfile.Sentence(noConstant(path[1:], at.Set))
	case root == "settings" && !slices.Contains(at.Settings, path[1]):
		return fmt.Sprintf("There is no setting %s.", path[1]) + nearest.DidYouMean(path[1], at.Settings)
	}
	return wrongDocument(path)
}

// vars are the variables for conditions and expressions.
func (in *Inputs) vars() expr.Vars {
	if in.Vars == nil {
		in.Vars = &requestVars{in: *in}
	}
	return in.Vars
}

// requestVars are the variables of a request. It remembers what was read of the documents.
type requestVars struct {
	in   Inputs
	read map[string]any
}

// Value implements [expr.Vars].
func (r *requestVars) Value(name string) (any, bool) {
	root, member, inRoot := strings.Cut(name, ".")
	p := part{root: root}
	switch {
	case name == "type":
		return r.in.Event.Type, true
	case inRoot:
		p.path = []string{member}
		text, ok := p.value(&r.in)
		switch {
		case !ok:
			return expr.Raw(nil), true
		case isNumber(member):
			n, err := strconv.ParseInt(text, 10, 64)
			return n, err == nil
		}
		return text, true
	case r.read[name] == nil:
		if r.read == nil {
			r.read = map[string]any{}
		}
		token, _ := p.token(&r.in)
		r.read[name] = expr.Raw(token)
	}
	return r.read[name], true
}
