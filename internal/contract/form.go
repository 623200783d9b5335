package contract

import (
	"fmt"
	"net/url"

	"gancho/internal/expr"
	"gancho/internal/rawjson"
	"gancho/internal/template"
	"gancho/internal/yamlfile"
)

// form sends a body as an HTML form: the whole of it in one field, or each of its values in a field of its own.
type form struct {
	field  string // "": each value has a field
	fields rawjson.FormStyle
	when   *expr.Condition // over settings; nil: always
}

// formContentType is that of HTML forms.
const formContentType = "application/x-www-form-urlencoded"

var namesOfFields = map[string]rawjson.FormNames{
	"flat": rawjson.FlatNames, "nested": rawjson.NestedNames, "dotted": rawjson.DottedNames,
}

// form reads the section "form".
func (l *loader) form(n *yamlfile.Node) *form {
	f := &form{}
	o := l.Object(n, "form", keysOf["endpoint.form"])
	field, fields := o.Get("field"), o.Get("fields")
	switch {
	case field != nil && fields != nil:
		l.ProblemAt(fields, "A form has field, the name of the one field for the whole body, or fields, not both.",
			"Leave one of them out.")
	case field != nil:
		if f.field = l.Str(field); f.field == "" && field.Kind == yamlfile.KindText {
			l.ProblemAt(field, "The field of the form has no name.", "Write for example: field: payload")
		}
	case fields != nil:
		f.fields.Names = namesOfFields[l.OneOf(fields, "flat", "nested", "dotted")]
	case o.Node != nil:
		l.ProblemAt(n, "form has no field.",
			"Add the name of the field for the whole body, field: payload, or say how each value gets one, fields: nested")
	}
	for key, read := range map[string]func(*yamlfile.Node){
		"booleans": func(v *yamlfile.Node) { f.fields.Words = l.OneOf(v, "numbers", "words") == "words" },
		"empty":    func(v *yamlfile.Node) { f.fields.Empty = l.OneOf(v, "leave_out", "send") == "send" },
	} {
		if v := o.Get(key); v != nil {
			if read(v); field != nil {
				l.ProblemAt(v, fmt.Sprintf("%s says how values are written in fields, and there is one field for the whole body.", key),
					"Leave it out.")
			}
		}
	}
	if v := o.Get("when"); v != nil {
		f.when = template.ReadCondition(l.File, v, expr.Settings())
	}
	return f
}

// applies reports whether the body is sent as a form.
func (f *form) applies(settings []byte) (bool, error) {
	if f.when == nil {
		return true, nil
	}
	return f.when.Eval(nil, expr.NewSettings(settings))
}

// put puts a body into the form.
func (f *form) put(body []byte) ([]byte, error) {
	if f.field != "" {
		return []byte(url.QueryEscape(f.field) + "=" + url.QueryEscape(string(body))), nil
	}
	out, err := f.fields.AppendForm(make([]byte, 0, len(body)), body)
	if err != nil {
		return nil, fmt.Errorf("the body cannot be sent as a form: %w", err)
	}
	return out, nil
}

// FormFields reports whether bodies are sent as a form in which each value has a field of its own.
func (c *Contract) FormFields() bool { return c.endpoint.form != nil && c.endpoint.form.field == "" }
