package contract

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"gancho/internal/expr"
	"gancho/internal/nearest"
	"gancho/internal/rawjson"
	"gancho/internal/yamlfile"
)

// value is a template of JSON, written as YAML and kept in the order of the
// file. A text that is nothing but ${path} copies the token at the path, so a
// number keeps its text and a string its escapes; any other text becomes a
// string, with what its ${…} name put in; everything else is written as it
// stands. A member or element whose token is absent is left out. Keys that
// begin with $ say more than a value can:
//
//	{$when: CEL, $value: V}  V if the condition holds, else it is absent
//	{$text: V}               a string that holds V as JSON
//	{…, $else: W}            W in the place of what is absent
//
// $$ at the start of a key stands for a plain $.
type value struct {
	raw     []byte       // a literal, as JSON
	copy    part         // root != "": the token there
	text    *template    // a string with ${…} in it
	members []valueNamed // an object, if isObject
	items   []*value     // a list, if isList
	special *special

	isObject, isList bool
}

type valueNamed struct {
	name []byte // as a JSON string, colon included
	value
}

// special is what keys that begin with $ say.
type special struct {
	when      *expr.Condition
	then      *value
	asText    bool
	otherwise *value
}

// inputs is everything that a template may name. What a place does not offer is
// zero there, and the loader has refused templates that name it.
type inputs struct {
	settings   []byte
	credential *Credential
	event      *eventInput
	old, new   []byte
	record     []byte
	items      []byte // the mark where a snapshot puts its records

	vars  expr.Vars     // for $when
	style rawjson.Style // of what $text holds
}

// place says what templates and conditions can name somewhere in a contract.
type place struct {
	roots    []string
	settings []string    // names of the settings
	scope    *expr.Scope // of $when; nil: there is none
}

// value reads a template of JSON.
func (l *loader) value(n *yamlfile.Node, at place) *value {
	switch n.Kind {
	case yamlfile.KindMapping:
		return l.valueObject(n, at)
	case yamlfile.KindList:
		v := &value{isList: true}
		for _, item := range n.Items {
			v.items = append(v.items, l.value(item, at))
		}
		return v
	case yamlfile.KindText:
		return l.valueText(n, at)
	case yamlfile.KindNumber, yamlfile.KindBool, yamlfile.KindNull:
	}
	return &value{raw: l.JSON(n)}
}

func (l *loader) valueText(n *yamlfile.Node, at place) *value {
	t, err := parseTemplate(n.Text, at)
	if err != nil {
		line, col := l.Within(n, 1, 1)
		l.Problem(line, col, yamlfile.Sentence("This template is wrong: "+err.Error()), "")
		return &value{raw: []byte("null")}
	}
	switch {
	case len(t.parts) == 1 && t.parts[0].root != "":
		return &value{copy: t.parts[0]}
	case len(t.parts) > 1:
		return &value{text: t}
	}
	text := ""
	if len(t.parts) == 1 {
		text = t.parts[0].text
	}
	return &value{raw: rawjson.Quote(text)}
}

var specialKeys = []string{"$when", "$value", "$text", "$else"}

func (l *loader) valueObject(n *yamlfile.Node, at place) *value {
	if slices.ContainsFunc(n.Pairs, func(p yamlfile.Pair) bool { return strings.HasPrefix(p.Key, "$") && !strings.HasPrefix(p.Key, "$$") }) {
		return l.valueSpecial(n, at)
	}
	v := &value{isObject: true}
	for _, p := range n.Pairs {
		name := p.Key
		if strings.HasPrefix(name, "$$") {
			name = name[1:]
		}
		v.members = append(v.members, valueNamed{append(rawjson.Quote(name), ':'), *l.value(p.Value, at)})
	}
	return v
}

func (l *loader) valueSpecial(n *yamlfile.Node, at place) *value {
	for _, p := range n.Pairs {
		if !slices.Contains(specialKeys, p.Key) {
			l.Problem(p.Line, p.Column, fmt.Sprintf("%s cannot stand beside keys that begin with $.", p.Key), strings.TrimSpace(nearest.DidYouMean(p.Key, specialKeys))+" A plain $ at the start of a name is written $$.")
		}
	}
	s := &special{}
	then, text := n.Get("$value"), n.Get("$text")
	switch {
	case (then == nil) == (text == nil):
		l.ProblemAt(n, "One of $value and $text is needed.", `Write for example {$when: new.a == 1, $value: "${new.b}"}`)
	case text != nil:
		s.asText, s.then = true, l.value(text, at)
	default:
		s.then = l.value(then, at)
	}
	if w := n.Get("$when"); w != nil {
		if at.scope == nil {
			l.ProblemAt(w, "There is no $when here.", "")
		} else {
			s.when = l.condition(w, at.scope)
		}
	}
	if o := n.Get("$else"); o != nil {
		s.otherwise = l.value(o, at)
	}
	return &value{special: s}
}

// append writes the value. It is false, with out as it was, if the value is
// absent.
func (v *value) append(out []byte, in *inputs) ([]byte, bool, error) {
	switch {
	case v.raw != nil:
		return append(out, v.raw...), true, nil
	case v.copy.root != "":
		token, ok := v.copy.token(in)
		return append(out, token...), ok, nil
	case v.text != nil:
		s, ok := v.text.render(in)
		if !ok {
			return out, false, nil
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

func (v *value) appendObject(out []byte, in *inputs) ([]byte, bool, error) {
	start := len(out)
	out = append(out, '{')
	for i := range v.members {
		m := &v.members[i]
		before := len(out)
		if before > start+1 {
			out = append(out, ',')
		}
		next, ok, err := m.append(append(out, m.name...), in)
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

func (v *value) appendList(out []byte, in *inputs) ([]byte, bool, error) {
	start := len(out)
	out = append(out, '[')
	for _, item := range v.items {
		before := len(out)
		if before > start+1 {
			out = append(out, ',')
		}
		next, ok, err := item.append(out, in)
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

func (s *special) append(out []byte, in *inputs) ([]byte, bool, error) {
	holds := true
	if s.when != nil {
		var err error
		if holds, err = s.when.Eval(context.Background(), in.vars); err != nil {
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
		return s.otherwise.append(out, in)
	}
	return out, false, nil
}

func (s *special) appendThen(out []byte, in *inputs) ([]byte, bool, error) {
	if !s.asText {
		return s.then.append(out, in)
	}
	inner, ok, err := s.then.append(nil, in)
	if !ok || err != nil {
		return out, false, err
	}
	style := in.style
	style.Compact = true
	if inner, err = rawjson.Restyle(inner, style); err != nil {
		return out, false, err
	}
	return append(out, rawjson.Quote(string(inner))...), true, nil
}

// errNothing is a template at whose root is nothing.
var errNothing = errors.New("the template gives nothing for it")

// document renders a template that has to give a value other than null. One
// that copies a whole document gives that document itself.
func (v *value) document(in *inputs) ([]byte, error) {
	if v.copy.root != "" && len(v.copy.path) == 0 {
		if token, ok := v.copy.token(in); ok {
			return token, nil
		}
		return nil, errNothing
	}
	out, ok, err := v.append(nil, in)
	if err != nil {
		return nil, err
	}
	if !ok || rawjson.KindOf(out) == 'n' {
		return nil, errNothing
	}
	return out, nil
}

// names reports whether the template copies from a root.
func (v *value) names(root string) bool {
	if v == nil {
		return false
	}
	has := func(p part) bool { return p.root == root }
	if has(v.copy) || v.text != nil && slices.ContainsFunc(v.text.parts, has) {
		return true
	}
	for i := range v.members {
		if v.members[i].names(root) {
			return true
		}
	}
	return slices.ContainsFunc(v.items, func(i *value) bool { return i.names(root) }) ||
		v.special != nil && (v.special.then.names(root) || v.special.otherwise.names(root))
}
