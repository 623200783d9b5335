package contract

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"gancho/internal/nearest"
	"gancho/internal/template"
	"gancho/internal/yamlfile"
)

// body reads the body that the contract makes: a template of JSON, or a text of another kind.
func (l *loader) body(e *endpoint, n *yamlfile.Node, at template.Place, o yamlfile.Object) {
	if n.Get("$raw") != nil {
		l.rawBody(e, n, at, o)
		return
	}
	switch {
	case n.Kind == yamlfile.KindText && n.Text == "settings" && len(e.settings.Secrets()) > 0 && !l.stored:
		l.ProblemAt(n, fmt.Sprintf("This body would send all settings, and %s is secret.", strings.Join(e.settings.Secrets()[0], ".")),
			`Name what is to be sent: body: {source: "${settings.source}"}. For the payload as it is leave body out.`)
	case n.Kind == yamlfile.KindText && !slices.Contains(at.Roots, n.Text) && !strings.HasPrefix(n.Text, "${"):
		meant := ""
		if root, ok := nearest.Word(n.Text, at.Roots); ok {
			meant = " Did you mean " + root + "?"
		}
		l.ProblemAt(n, "This body is a text, and a body is JSON: an object or a list."+meant,
			`For XML or any other text write body: {$raw: "<id>${xml(payload.id)}</id>", content_type: text/xml}. `+
				`For the payload as it is leave body out.`)
		return
	}
	e.body = template.ReadPayload(l.File, n, at)
}

// rawKinds are the functions that texts of a kind need, by a word in their content type.
var rawKinds = []struct{ word, function string }{
	{"xml", "xml"}, {"json", "json"}, {"csv", "csv"}, {"x-www-form-urlencoded", "url"},
}

// rawBody reads a body that is a text: {$raw: …, content_type: …}.
func (l *loader) rawBody(e *endpoint, n *yamlfile.Node, at template.Place, section yamlfile.Object) {
	o := l.Object(n, "body", keysOf["endpoint.body"])
	text, kind := o.Get("$raw"), o.Get("content_type")
	if text == nil {
		return
	}
	e.raw = template.ReadText(l.File, text, at)
	ofItems := section.Get("item").Get("$raw") == nil && l.batches() // in the text
	at.Roots = slices.DeleteFunc(slices.Clone(at.Roots), func(root string) bool { return root == "items" })
	switch {
	case kind == nil:
		l.ProblemAt(n, "This body does not say what kind of text it is.", `Add for example: content_type: text/xml; charset=utf-8`)
	case section.Get("content_type") != nil:
		l.ProblemAt(kind, "The endpoint has a content_type already.", "Leave one of them out.")
	default:
		e.contentType = l.template(kind, at)
	}
	for _, key := range []string{"json", "schema"} {
		if v := section.Get(key); v != nil && !(ofItems && key == "json") {
			l.ProblemAt(v, key+" is for bodies of JSON, and this body is a text.", "Leave it out.")
		}
	}
	if v := o.Get("join"); v != nil {
		l.join(e, v)
	}
	if fields := section.Get("form").Get("fields"); fields != nil {
		l.ProblemAt(fields, "fields needs a body of JSON, and this body is a text.", "Write field: NAME for one field with the whole text, or leave the form out.")
	}
	l.escaped(e, text, e.raw)
}

// escaped reports a value in the text of a body that is put in as it is, where the kind of the text needs a function.
func (l *loader) escaped(e *endpoint, at *yamlfile.Node, text *template.Template) {
	is := strings.ToLower(e.contentType.Literals())
	plain := slices.DeleteFunc(text.Plain(), func(path string) bool { return path == "items" })
	for _, k := range rawKinds {
		if len(plain) > 0 && strings.Contains(is, k.word) {
			line, column := l.Within(at, 1, 1)
			l.Problem(line, column, fmt.Sprintf("${%s} is not written as %s needs it: a value can have characters that mean something there.", plain[0], is),
				fmt.Sprintf("Write ${%s(%s)}, or ${raw(%s)} for a value that is %s already.", k.function, plain[0], plain[0], k.function))
			return
		}
	}
}

// bodyNames reports whether the body has something of a root in it.
func (e *endpoint) bodyNames(root string) bool {
	return e.body.Names(root) || e.raw.Names(root) || e.item.Names(root) || e.itemText.Names(root)
}

// bodyDependsOn reports whether the body is another one if something under a root is.
func (e *endpoint) bodyDependsOn(root string) bool {
	return e.body.DependsOn(root) || e.raw.DependsOn(root) || e.item.DependsOn(root) || e.itemText.DependsOn(root)
}

// rawText makes a body that is a text, or the part of an event in such a body.
func (p *Plan) rawText(text *template.Template, in template.Inputs) ([]byte, error) {
	out, ok, err := text.AppendText(nil, &in)
	switch {
	case err != nil:
		return nil, fmt.Errorf("the body cannot be made of this event: %w", err)
	case !ok:
		return nil, errors.New("the body cannot be made of this event: the template gives nothing for it")
	}
	return out, nil
}

// TextBody reports whether the contract makes a body that is a text, and no JSON.
func (c *Contract) TextBody() bool { return c.endpoint.raw != nil }
