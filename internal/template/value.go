package template

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"gancho/internal/expr"
	"gancho/internal/hook"
	"gancho/internal/nearest"
	"gancho/internal/rawjson"
	"gancho/internal/work"
	"gancho/internal/yamlfile"
)

// Value is a template of JSON, written as YAML and kept in the order of the file. A text that is nothing but ${path}
// copies the JSON at the path. Any other text becomes a string in which its ${…} are filled in. Everything else is
// written as it is. A member or element that is absent is left out. Keys that begin with $ do more:
//
//	{$expr: CEL}             the result of the expression; absent if that is null
//	{$when: CEL, $value: V}  V if the condition holds, else it is absent; likewise with $expr or $text
//	{$text: V}               a string that holds V as JSON
//	{…, $else: W}            W in the place of what is absent
//
// $$ at the start of a key stands for a plain $. A Value does not change and is safe for concurrent use.
type Value struct {
	raw     []byte       // a literal, as JSON
	copy    part         // root != "": the token there
	text    *Template    // a string with ${…} in it
	members []valueNamed // an object, if isObject
	items   []*Value     // a list, if isList
	special *special

	isObject, isList bool
}

type valueNamed struct {
	name []byte // as a JSON string, colon included
	Value
}

// special is an object whose keys begin with $.
type special struct {
	when      *expr.Condition
	computed  *expr.Expression // nil: it is then
	then      *Value
	asText    bool
	otherwise *Value
}

// Inputs is everything that a template may name. Fill in what the [Place] of the template offers; templates that name
// something else were refused when they were read.
type Inputs struct {
	Settings   []byte
	Credential *hook.Identity
	Event      *hook.Event
	Old, New   []byte
	Record     []byte
	Items      []byte // the mark where a snapshot puts its records
	Set        []byte // the constants of the event's type; nil: it has none
	Endpoint   Endpoint
	URL        string   // where the request goes
	Attempt    *Attempt // nil: the first, at the time of the event

	Vars  expr.Vars     // for $when and $expr; nil: made of Settings, Credential and Event when it is needed
	Work  *work.Budget  // of $when and $expr; nil: each has only a limit of its own
	Style rawjson.Style // of what $text holds

	changes []byte // made of Old and New when it is first named
}

// Place says what templates, conditions and expressions can name at one place of a contract.
type Place struct {
	Roots    []string
	Settings []string    // names of the settings
	Set      []string    // names of the constants of event types
	Scope    *expr.Scope // of $when and $expr; nil: there are none
}

// ReadValue reads a template of JSON.
func ReadValue(f *yamlfile.File, n *yamlfile.Node, at Place) *Value {
	switch n.Kind {
	case yamlfile.KindMapping:
		return readObject(f, n, at)
	case yamlfile.KindList:
		v := &Value{isList: true}
		for _, item := range n.Items {
			v.items = append(v.items, ReadValue(f, item, at))
		}
		return v
	case yamlfile.KindText:
		return readText(f, n, at)
	case yamlfile.KindNumber, yamlfile.KindBool, yamlfile.KindNull:
	}
	return &Value{raw: f.JSON(n)}
}

func readText(f *yamlfile.File, n *yamlfile.Node, at Place) *Value {
	doubtful(f, n)
	t, err := parseTemplate(n.Text, at)
	if err != nil {
		line, col := f.Within(n, 1, 1)
		f.Problem(line, col, yamlfile.Sentence("This template is wrong: "+err.Error()), "")
		return &Value{raw: []byte("null")}
	}
	switch {
	case len(t.parts) == 1 && t.parts[0].root != "" && t.parts[0].escape == nil:
		return &Value{copy: t.parts[0]}
	case len(t.parts) > 1, len(t.parts) == 1 && t.parts[0].root != "":
		return &Value{text: t}
	}
	text := ""
	if len(t.parts) == 1 {
		text = t.parts[0].text
	}
	return &Value{raw: rawjson.Quote(text)}
}

// ValueKeys are the keys of a JSON template that is computed or chosen.
var ValueKeys = []string{"$expr", "$when", "$value", "$text", "$else"}

// isSpecial reports whether a key of the mapping begins with a $ that stands for itself.
func isSpecial(n *yamlfile.Node) bool {
	return slices.ContainsFunc(n.Pairs, func(p yamlfile.Pair) bool { return strings.HasPrefix(p.Key, "$") && !strings.HasPrefix(p.Key, "$$") })
}

func readObject(f *yamlfile.File, n *yamlfile.Node, at Place) *Value {
	if isSpecial(n) {
		return readSpecial(f, n, at)
	}
	v := &Value{isObject: true}
	for _, p := range n.Pairs {
		name := p.Key
		if strings.HasPrefix(name, "$$") {
			name = name[1:]
		}
		v.members = append(v.members, valueNamed{append(rawjson.Quote(name), ':'), *ReadValue(f, p.Value, at)})
	}
	return v
}

func readSpecial(f *yamlfile.File, n *yamlfile.Node, at Place) *Value {
	for _, p := range n.Pairs {
		if !slices.Contains(ValueKeys, p.Key) {
			f.Problem(p.Line, p.Column, fmt.Sprintf("%s cannot stand beside keys that begin with $.", p.Key), strings.TrimSpace(nearest.DidYouMean(p.Key, ValueKeys))+" A plain $ at the start of a name is written $$.")
		}
	}
	s := &special{}
	computed, then, text := n.Get("$expr"), n.Get("$value"), n.Get("$text")
	switch {
	case one(computed, then, text) == nil:
		f.ProblemAt(n, "One of $expr, $value and $text is needed.", `Write for example {$expr: new.a * 2} or {$when: new.a == 1, $value: "${new.b}"}`)
	case computed != nil:
		s.computed = readExpression(f, computed, at)
	case text != nil:
		s.asText, s.then = true, ReadValue(f, text, at)
	default:
		s.then = ReadValue(f, then, at)
	}
	if w := n.Get("$when"); w != nil {
		if at.Scope == nil {
			f.ProblemAt(w, "There is no $when here.", "")
		} else {
			s.when = readWhen(f, w, at)
		}
	}
	if o := n.Get("$else"); o != nil {
		s.otherwise = ReadValue(f, o, at)
	}
	return &Value{special: s}
}

// readWhen compiles the CEL of $when. It is nil if a problem was reported. It can read what $expr can; a file that was
// accepted earlier may name settings and constants that do not exist, which are null.
func readWhen(f *yamlfile.File, n *yamlfile.Node, at Place) *expr.Condition {
	c := ReadCondition(f, n, at.Scope)
	if c == nil {
		return nil
	}
	for _, r := range c.References() {
		line, col := f.Within(n, r.Line, r.Column)
		if problem := wrongDocument(r.Path); problem != "" {
			f.Problem(line, col, problem, "")
		} else if problem := at.refuses(r.Path); problem != "" {
			f.Doubt(line, col, problem, "")
		}
	}
	return c
}

// one is the node that is there, nil if none or more than one is.
func one(nodes ...*yamlfile.Node) (found *yamlfile.Node) {
	for _, n := range nodes {
		switch {
		case n != nil && found != nil:
			return nil
		case n != nil:
			found = n
		}
	}
	return found
}

// Append appends the value to out. If the value is absent, Append returns out as it was, and false. An error comes from
// a condition or an expression that has no result here; its text is for people.
func (v *Value) Append(out []byte, in *Inputs) ([]byte, bool, error) {
	switch {
	case v.raw != nil:
		return append(out, v.raw...), true, nil
	case v.copy.root != "":
		token, ok := v.copy.token(in)
		if err := in.Work.Spend(work.OfBytes(len(token))); err != nil {
			return out, false, err
		}
		return append(out, token...), ok, nil
	case v.text != nil:
		s, ok, _ := v.text.Render(in) // it has no conditions
		if err := in.Work.Spend(work.OfBytes(len(s))); err != nil || !ok {
			return out, false, err
		}
		return append(out, rawjson.Quote(s)...), true, nil
	case v.isObject:
		return v.appendObject(out, in)
	case v.isList:
		return v.appendList(out, in)
	case v.special != nil:
		return v.special.append(out, in)
	}
	return out, false, nil
}

func (v *Value) appendObject(out []byte, in *Inputs) ([]byte, bool, error) {
	start := len(out)
	out = append(out, '{')
	for i := range v.members {
		m := &v.members[i]
		before := len(out)
		if before > start+1 {
			out = append(out, ',')
		}
		next, ok, err := m.Append(append(out, m.name...), in)
		if err != nil {
			return out[:start], false, err
		}
		if !ok {
			next = next[:before]
		}
		out = next
	}
	return append(out, '}'), true, nil
}

func (v *Value) appendList(out []byte, in *Inputs) ([]byte, bool, error) {
	start := len(out)
	out = append(out, '[')
	for _, item := range v.items {
		before := len(out)
		if before > start+1 {
			out = append(out, ',')
		}
		next, ok, err := item.Append(out, in)
		if err != nil {
			return out[:start], false, err
		}
		if !ok {
			next = next[:before]
		}
		out = next
	}
	return append(out, ']'), true, nil
}

func (s *special) append(out []byte, in *Inputs) ([]byte, bool, error) {
	holds := true
	if s.when != nil {
		var err error
		if holds, err = s.when.Eval(in.Work, in.vars()); err != nil {
			return out, false, err
		}
	}
	if holds {
		next, ok, err := s.appendThen(out, in)
		if ok || err != nil {
			return next, ok, err
		}
	}
	if s.otherwise != nil {
		return s.otherwise.Append(out, in)
	}
	return out, false, nil
}

func (s *special) appendThen(out []byte, in *Inputs) ([]byte, bool, error) {
	switch {
	case s.computed != nil:
		return s.computed.Append(out, in.Work, in.vars())
	case !s.asText:
		return s.then.Append(out, in)
	}
	inner, ok, err := s.then.Append(nil, in)
	if !ok || err != nil {
		return out, false, err
	}
	style := in.Style
	style.Compact = true
	if inner, err = rawjson.Restyle(inner, style); err != nil {
		return out, false, err
	}
	return append(out, rawjson.Quote(string(inner))...), true, nil
}

// ErrNothing is the error of [Value.Document] if the value is absent or null.
var ErrNothing = errors.New("the template gives nothing for it")

// Document makes a document other than null. A value that copies a whole document returns the slice of that document.
func (v *Value) Document(in *Inputs) ([]byte, error) {
	if v.copy.root != "" && len(v.copy.path) == 0 {
		if token, ok := v.copy.token(in); ok {
			return token, nil
		}
		return nil, ErrNothing
	}
	out, ok, err := v.Append(nil, in)
	if err != nil {
		return nil, err
	}
	if !ok || rawjson.KindOf(out) == 'n' {
		return nil, ErrNothing
	}
	return out, nil
}

// Names reports whether the value puts something of a root into the JSON. What only a condition reads does not count.
func (v *Value) Names(root string) bool {
	if v == nil {
		return false
	}
	has := func(p part) bool { return p.root == root }
	if has(v.copy) || v.text != nil && slices.ContainsFunc(v.text.parts, has) {
		return true
	}
	for i := range v.members {
		if v.members[i].Names(root) {
			return true
		}
	}
	return slices.ContainsFunc(v.items, func(i *Value) bool { return i.Names(root) }) ||
		v.special != nil && (v.special.computes(root) || v.special.then.Names(root) || v.special.otherwise.Names(root))
}

// computes reports whether the expression reads a root.
func (s *special) computes(root string) bool { return s.computed != nil && s.computed.Names(root) }

// references are what the condition and the expression read.
func (s *special) references() (list []expr.Reference) {
	if s.when != nil {
		list = append(list, s.when.References()...)
	}
	if s.computed != nil {
		list = append(list, s.computed.References()...)
	}
	return list
}

// visit calls fn for each path that the JSON depends on, also in conditions.
func (v *Value) visit(fn func(root string, path []string)) {
	if v == nil {
		return
	}
	if v.copy.root != "" {
		fn(v.copy.root, v.copy.path)
	}
	if v.text != nil {
		v.text.visit(fn)
	}
	for i := range v.members {
		v.members[i].visit(fn)
	}
	for _, item := range v.items {
		item.visit(fn)
	}
	if s := v.special; s != nil {
		for _, r := range s.references() {
			fn(r.Path[0], r.Path[1:])
		}
		s.then.visit(fn)
		s.otherwise.visit(fn)
	}
}

// Constant reports whether the value is the same whatever the inputs are.
func (v *Value) Constant() bool {
	if v.copy.root != "" || v.text != nil || v.special != nil {
		return false
	}
	return !slices.ContainsFunc(v.members, func(m valueNamed) bool { return !m.Constant() }) &&
		!slices.ContainsFunc(v.items, func(i *Value) bool { return !i.Constant() })
}

// ReadPayload reads a template of a whole payload. The name of a root alone, without ${ }, stands for its whole document.
func ReadPayload(f *yamlfile.File, n *yamlfile.Node, at Place) *Value {
	for _, root := range at.Roots {
		if _, parts := rootMembers[root]; parts && root != "items" || root == "set" {
			continue // it is no document
		}
		if n.Kind == yamlfile.KindText && n.Text == root {
			return Whole(root)
		}
	}
	v := ReadValue(f, n, at)
	if v.raw != nil || v.text != nil {
		whole := at.Roots[0]
		if whole == "settings" { // nobody wants to send all of them
			whole = "payload"
		}
		f.ProblemAt(n, "A payload is a JSON object or list.", fmt.Sprintf("Write %s for the whole document, or a mapping with its members.", whole))
	}
	return v
}

// Whole is a template that copies a whole document.
func Whole(root string) *Value { return &Value{copy: part{root: root}} }

// IsWhole reports whether the template does nothing but copy the whole document of a root.
func (v *Value) IsWhole(root string) bool { return v.copy.root == root && len(v.copy.path) == 0 }

// ReadCondition compiles a condition in CEL. It is nil if a problem was reported, at its place within the condition.
func ReadCondition(f *yamlfile.File, n *yamlfile.Node, scope *expr.Scope) *expr.Condition {
	if n.Kind == yamlfile.KindBool || n.Kind == yamlfile.KindNumber {
		f.ProblemAt(n, fmt.Sprintf("A condition compares something; this is only %s.", n.Text), `Write for example payload.total > 100 or response.status == 200`)
		return nil
	}
	text := f.Str(n)
	if n.Kind != yamlfile.KindText {
		return nil
	}
	c, err := scope.Compile(text)
	if err == nil {
		return c
	}
	wrongCode(f, n, err)
	return nil
}

// wrongCode reports a mistake in a condition or an expression.
func wrongCode(f *yamlfile.File, n *yamlfile.Node, err error) {
	e, ok := errors.AsType[*expr.Error](err)
	if !ok {
		f.ProblemAt(n, err.Error(), "")
		return
	}
	line, col := f.Within(n, e.Line, e.Column)
	f.Problem(line, col, e.Message, "")
}
