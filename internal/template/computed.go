package template

import (
	"slices"

	"gancho/internal/rawjson"
)

// Picks chooses among the paths that an expression reads. The path begins with the name of its root.
type Picks func(path []string) bool

// Computes reports whether an expression or a function in the text reads a path that is picked.
func (t *Template) Computes(picks Picks) bool {
	return t != nil && (t.computed.Computes(picks) ||
		slices.ContainsFunc(t.parts, func(p part) bool { return p.escapes(picks) }))
}

// escapes reports whether the part is a function of a path that is picked.
func (p *part) escapes(picks Picks) bool {
	return p.escape != nil && picks(append([]string{p.root}, p.path...))
}

// Computes reports whether an expression or a function in the JSON reads a path that is picked.
func (v *Value) Computes(picks Picks) bool {
	if v == nil {
		return false
	}
	if v.text.Computes(picks) {
		return true
	}
	for i := range v.members {
		if v.members[i].Computes(picks) {
			return true
		}
	}
	return slices.ContainsFunc(v.items, func(i *Value) bool { return i.Computes(picks) }) ||
		v.special != nil && (v.special.picked(picks) || v.special.then.Computes(picks) || v.special.otherwise.Computes(picks))
}

func (s *special) picked(picks Picks) bool {
	if s.computed == nil {
		return false
	}
	for _, r := range s.computed.References() {
		if picks(r.Path) {
			return true
		}
	}
	return false
}

// Computed lists the texts and numbers that the expressions and functions make that read a path that is picked.
func (t *Template) Computed(in *Inputs, picks Picks) (texts []string) {
	if t == nil {
		return nil
	}
	for i := range t.parts {
		if p := &t.parts[i]; p.escapes(picks) {
			if text, ok := p.value(in); ok {
				texts = append(texts, text)
			}
		}
	}
	return append(texts, t.computed.Computed(in, picks)...)
}

// Computed lists the texts and numbers that the expressions and functions make that read a path that is picked. An expression without
// result makes none, and a condition beside it does not count.
func (v *Value) Computed(in *Inputs, picks Picks) (texts []string) {
	if v == nil {
		return nil
	}
	texts = v.text.Computed(in, picks)
	for i := range v.members {
		texts = append(texts, v.members[i].Computed(in, picks)...)
	}
	for _, item := range v.items {
		texts = append(texts, item.Computed(in, picks)...)
	}
	s := v.special
	if s == nil {
		return texts
	}
	if s.picked(picks) {
		token, _, _ := s.computed.Append(nil, in.Work, in.vars()) // whoever renders the request is told of the error
		rawjson.Scalars(token, func(scalar []byte) {
			if kind := rawjson.KindOf(scalar); kind == '"' || kind == '0' {
				texts = append(texts, rawjson.Text(scalar))
			}
		})
	}
	return append(append(texts, s.then.Computed(in, picks)...), s.otherwise.Computed(in, picks)...)
}
