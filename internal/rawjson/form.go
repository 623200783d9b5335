package rawjson

import (
	"errors"
	"fmt"
	"strconv"
)

// Limits of a form that is made of a document. A name repeats those around it, so a small document can make a large form.
const (
	MaxFormFields = 10_000
	MaxFormDepth  = 64
	MaxForm       = 16 << 20 // bytes, as they are sent
)

var errFormLong = fmt.Errorf("the form has more than %d bytes", MaxForm)

// FormNames says how the fields of a form are named that stand deeper in a document.
type FormNames int

const (
	FlatNames   FormNames = iota // the members of the document; what stands deeper is one text of JSON
	NestedNames                  // leads[add][0][id], with the brackets escaped, as PHP writes and reads
	DottedNames                  // leads.add.0.id
)

// FormStyle says how a document becomes a form.
type FormStyle struct {
	Names FormNames
	Words bool // true and false are written so; else 1 and 0, as PHP does
	Empty bool // null, {} and [] make a field without text; else none, as in PHP
}

// AppendForm appends the values of a document, which has passed [Check], to a form
// (application/x-www-form-urlencoded), in their order. Numbers keep their text. If there are none, out comes back as it
// was. The text of an error is for people.
func (s FormStyle) AppendForm(out, doc []byte) ([]byte, error) {
	f := formWriter{FormStyle: s, out: out, start: len(out)}
	switch kind := KindOf(doc); {
	case kind == '{', kind == '[' && s.Names != FlatNames:
		if err := f.children(doc, 0, true); err != nil {
			return out, err
		}
		return f.out, nil
	case kind == '[':
		return out, errors.New("a list has no names for the fields of a form; only an object has")
	}
	return out, errors.New("a form is made of an object, and this is a single value")
}

// formWriter appends fields to out. name is the name of the field that comes next, escaped.
type formWriter struct {
	FormStyle
	name  []byte
	out   []byte
	start int
	count int
}

// children writes the members or elements of a document.
func (f *formWriter) children(doc []byte, depth int, top bool) error {
	if depth >= MaxFormDepth {
		return fmt.Errorf("the form has more than %d names in one another", MaxFormDepth)
	}
	before := len(f.name)
	one := func(name string, value []byte) error {
		switch {
		case top:
			f.name = AppendFormEscape(f.name[:0], name)
		case f.Names == NestedNames:
			f.name = append(AppendFormEscape(append(f.name, "%5B"...), name), "%5D"...)
		default:
			f.name = AppendFormEscape(append(f.name, '.'), name)
		}
		err := f.value(value, depth)
		f.name = f.name[:before]
		return err
	}
	for _, m := range Members(doc) {
		if err := one(m.Name, m.Value); err != nil {
			return err
		}
	}
	for i, element := range Elements(doc) {
		if err := one(strconv.Itoa(i), element); err != nil {
			return err
		}
	}
	return nil
}

// value writes a value under the present name.
func (f *formWriter) value(v []byte, depth int) error {
	text := Text(v)
	switch kind := KindOf(v); {
	case kind == 'n':
		return f.empty()
	case (kind == '{' || kind == '[') && f.Names != FlatNames:
		if len(Members(v)) == 0 && len(Elements(v)) == 0 {
			return f.empty()
		}
		return f.children(v, depth+1, false)
	case kind == 't' && !f.Words:
		text = "1"
	case kind == 'f' && !f.Words:
		text = "0"
	}
	return f.field(text)
}

func (f *formWriter) empty() error {
	if !f.Empty {
		return nil
	}
	return f.field("")
}

func (f *formWriter) field(text string) error {
	if f.count++; f.count > MaxFormFields {
		return fmt.Errorf("the form has more than %d fields", MaxFormFields)
	}
	if len(f.out)-f.start+len(f.name)+len(text) > MaxForm { // before anything is copied; escaping makes it longer
		return errFormLong
	}
	if len(f.out) > f.start {
		f.out = append(f.out, '&')
	}
	f.out = AppendFormEscape(append(append(f.out, f.name...), '='), text)
	if len(f.out)-f.start > MaxForm {
		return errFormLong
	}
	return nil
}

// AppendFormEscape appends a text as it stands in a form, byte for byte as PHP's urlencode writes it: letters, digits and
// -._ stay, a space becomes +, and every other byte %XX.
func AppendFormEscape(out []byte, text string) []byte {
	const hex = "0123456789ABCDEF"
	for _, c := range []byte(text) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '.':
			out = append(out, c)
		case c == ' ':
			out = append(out, '+')
		default:
			out = append(out, '%', hex[c>>4], hex[c&15])
		}
	}
	return out
}
