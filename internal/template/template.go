// Package template fills in what a contract leaves open: texts with ${…} in them, and JSON that is made of events,
// records, settings and credentials.
//
// It promises that everything that can be wrong with a template is reported when it is read, with its line; that what
// is copied keeps its bytes, so that a number is never rounded and a string keeps its escapes; and that filling in
// changes nothing that it was given. A [Template] makes a text, a [Value] makes JSON. Where a template stands decides
// what it can name, see [Place]. Both copy with ${…} and compute with {$expr: CEL}.
package template

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"gancho/internal/hook"
	"gancho/internal/nearest"
	"gancho/internal/rawjson"
	"gancho/internal/work"
	"gancho/internal/yamlfile"
)

// Template is a text with ${…} in it. Between the braces is a path. What it can begin with, its root, depends on the
// place of the template:
//
//	settings.NAME…   what the person who created the endpoint filled in
//	payload.PATH…    the payload
//	event.id  event.type  event.time (RFC 3339, UTC)  event.tenant  event.external_id  event.uuid  event.unix  event.unix_ms
//	credential.api_key  credential.id  credential.name  credential.tenant
//	endpoint.id  endpoint.name  url.full  url.host  url.path  url.query.NAME
//	attempt.number  attempt.time  attempt.unix  attempt.unix_ms  attempt.first_at  attempt.last_status  attempt.last_error
//	old.PATH…  new.PATH…  the record before and after a change
//	changes.old.PATH…  changes.new.PATH…  changes.keys  the members in which they differ
//	record.PATH…     a stored record
//	items            the records that a snapshot holds
//	set.NAME…        the constants that the contract sets for the type of the event
//	challenge        what a handshake sends, and the receiver may have to send back
//
// A function around the path writes the value for a text of another format, see [rawjson.EscapeNamed]: ${xml(payload.a)}.
// A string is put in without its quotes, anything else as it is written in its JSON. $${ stands for ${ itself. In the
// place of the text there may be an object with keys such as $expr, see [Value]; what it makes is put in the same way. A
// Template does not change and is safe for concurrent use.
type Template struct {
	parts    []part
	computed *Value // nil: the parts are the text
}

// part is a piece of text, or a path under one of the roots.
type part struct {
	text   string
	root   string // "" for text
	path   []string
	escape rawjson.Escape // nil: the value is put in as it is
}

// ReadText reads a template. It is empty if a problem was reported.
func ReadText(f *yamlfile.File, n *yamlfile.Node, at Place) *Template {
	if n.Kind == yamlfile.KindMapping {
		if !isSpecial(n) {
			f.ProblemAt(n, "This has to be a text, or an object with $expr.", `Write for example "${payload.id}", or {$expr: payload.total * 2}`)
			return &Template{}
		}
		return &Template{computed: readSpecial(f, n, at)}
	}
	doubtful(f, n)
	t, err := parseTemplate(f.Str(n), at)
	if err != nil {
		line, col := f.Within(n, 1, 1)
		f.Problem(line, col, yamlfile.Sentence("This template is wrong: "+err.Error()), "")
		return &Template{}
	}
	return t
}

// Literal is a template that is nothing but a text.
func Literal(text string) *Template { return &Template{parts: []part{{text: text}}} }

// parseTemplate parses a template.
func parseTemplate(source string, at Place) (*Template, error) {
	t := &Template{}
	rest := source
	for {
		i := strings.Index(rest, "${")
		if i < 0 {
			break
		}
		if i > 0 && rest[i-1] == '$' {
			t.add(rest[:i-1] + "${")
			rest = rest[i+2:]
			continue
		}
		t.add(rest[:i])
		inner, after, ok := strings.Cut(rest[i+2:], "}")
		if !ok {
			return nil, errors.New("${ is not closed by }; $${ stands for a plain ${")
		}
		p, err := parseReference(strings.TrimSpace(inner), at)
		if err != nil {
			return nil, err
		}
		t.parts = append(t.parts, p)
		rest = after
	}
	t.add(rest)
	return t, nil
}

func (t *Template) add(text string) {
	if text == "" {
		return
	}
	if n := len(t.parts); n > 0 && t.parts[n-1].root == "" {
		t.parts[n-1].text += text
		return
	}
	t.parts = append(t.parts, part{text: text})
}

var function = regexp.MustCompile(`^(\w+)\s*\((.*)\)$`)

// parseReference parses what stands between ${ and }: a path, or a function of a path.
func parseReference(s string, at Place) (part, error) {
	call := function.FindStringSubmatch(s)
	if call == nil {
		return parsePath(s, at)
	}
	escape, ok := rawjson.EscapeNamed(call[1])
	if !ok {
		return part{}, fmt.Errorf("there is no function %s.%s", call[1], nearest.DidYouMean(call[1], rawjson.EscapeNames()))
	}
	p, err := parsePath(strings.TrimSpace(call[2]), at)
	p.escape = escape
	return p, err
}

func parsePath(s string, at Place) (part, error) {
	path, err := rawjson.ParsePath(s)
	if err != nil {
		return part{}, fmt.Errorf("${%s} cannot be read: %w", s, err)
	}
	root, path := path[0], path[1:]
	if !slices.Contains(at.Roots, root) {
		return part{}, fmt.Errorf("there is no %s here.%s", root, at.rootFix(append([]string{root}, path...)))
	}
	switch {
	case root == "settings" && len(path) == 0:
		return part{}, errors.New("${settings} needs the name of a setting, e.g. ${settings.token}")
	case root == "settings" && !slices.Contains(at.Settings, path[0]):
		return part{}, fmt.Errorf("there is no setting %s.%s", path[0], nearest.DidYouMean(path[0], at.Settings))
	case root == "set" && (len(path) == 0 || !slices.Contains(at.Set, path[0])):
		return part{}, errors.New(noConstant(path, at.Set))
	case root == "credential" && len(path) > 0 && path[0] == "secret":
		return part{}, errors.New("the secret of a credential is never sent; ${credential.api_key} names the credential")
	case root == "event" && len(path) > 0 && slices.Contains([]string{"payload", "data", "body"}, path[0]):
		return part{}, fmt.Errorf("${%s} does not exist. Write ${%s}", s, strings.Join(append([]string{"payload"}, path[1:]...), "."))
	}
	if wrong := wrongMember(root, path); wrong != "" {
		return part{}, errors.New(wrong)
	}
	return part{root: root, path: path}, nil
}

// noConstant says that no event type has a constant of a name.
func noConstant(path, known []string) string {
	switch {
	case len(known) == 0:
		return "no event type sets constants; write for example events: {order.paid: {set: {topic: orders}}}"
	case len(path) == 0:
		return "${set} needs the name of a constant, e.g. ${set." + known[0] + "}"
	}
	return fmt.Sprintf("no event type sets %s.%s", path[0], nearest.DidYouMean(path[0], known))
}

// Literals is the text of the template without its references.
func (t *Template) Literals() string {
	var b strings.Builder
	for _, p := range t.parts {
		b.WriteString(p.text)
	}
	return b.String()
}

// Setting is the path of the first setting that the template names, nil if it names none.
func (t *Template) Setting() (path []string) {
	t.visit(func(root string, rest []string) {
		if path == nil && root == "settings" {
			path = rest
		}
	})
	return path
}

// Names reports whether the template puts something of a root into the text.
func (t *Template) Names(root string) bool {
	if t == nil {
		return false
	}
	return t.computed.Names(root) || slices.ContainsFunc(t.parts, func(p part) bool { return p.root == root })
}

// Static reports whether the result is the same for all events of an endpoint.
func (t *Template) Static() bool {
	static := true
	t.visit(func(root string, _ []string) {
		static = static && !slices.Contains(ofEvents, root)
	})
	return static
}

// visit calls fn for each path that the text depends on.
func (t *Template) visit(fn func(root string, path []string)) {
	if t == nil {
		return
	}
	if t.computed != nil {
		t.computed.visit(fn)
	}
	for _, p := range t.parts {
		if p.root != "" {
			fn(p.root, p.path)
		}
	}
}

// Render fills the template in. It is false if something that the template names is absent or null. Whoever asked then
// leaves out the header or member that the text was for. The error is that of [Value.Append].
func (t *Template) Render(in *Inputs) (string, bool, error) {
	if t.computed != nil {
		token, ok, err := t.computed.Append(nil, in)
		if err != nil || !ok || rawjson.KindOf(token) == 'n' {
			return "", false, err
		}
		return rawjson.Text(token), true, nil
	}
	if len(t.parts) == 1 {
		s, ok := t.parts[0].value(in)
		return s, ok, nil
	}
	var b strings.Builder
	for i := range t.parts {
		s, ok := t.parts[i].value(in)
		if !ok {
			return "", false, nil
		}
		b.WriteString(s)
	}
	return b.String(), true, nil
}

// Plain lists the paths that are put in as they are, without a function.
func (t *Template) Plain() (paths []string) {
	for _, p := range t.parts {
		if p.root != "" && p.escape == nil {
			path := p.root
			for _, name := range p.path {
				path = rawjson.JoinPath(path, name)
			}
			paths = append(paths, path)
		}
	}
	return paths
}

// Split is the text before and after the one place that puts in the whole of a root, and the function there, nil if there is
// none. ok is false unless there is exactly one such place.
func (t *Template) Split(root string) (before, after *Template, escape rawjson.Escape, ok bool) {
	is := func(p part) bool { return p.root == root }
	i := slices.IndexFunc(t.parts, is)
	if t.computed != nil || i < 0 || slices.ContainsFunc(t.parts[i+1:], is) {
		return nil, nil, nil, false
	}
	return &Template{parts: t.parts[:i]}, &Template{parts: t.parts[i+1:]}, t.parts[i].escape, true
}

// MaxText is how many bytes [Template.AppendText] makes at most.
const MaxText = 16 << 20

// AppendText appends the whole text to out. Unlike with Render, what is absent or null is an empty text, and the text is
// there without it. ok is false if $expr gave null. The error is that of [Value.Append], or says that the text is too
// long.
func (t *Template) AppendText(out []byte, in *Inputs) (_ []byte, ok bool, err error) {
	if t.computed != nil {
		text, ok, err := t.Render(in)
		return append(out, text...), ok, err
	}
	start := len(out)
	for i := range t.parts {
		p := &t.parts[i]
		var s string
		if p.escape == nil {
			s, _ = p.value(in)
		} else {
			token, _ := p.token(in)
			s = p.escape(token)
		}
		if err := in.Work.Spend(work.OfBytes(len(s))); err != nil {
			return out[:start], false, err
		}
		if len(out)-start+len(s) > MaxText {
			return out[:start], false, fmt.Errorf("the text has more than %d bytes", MaxText)
		}
		out = append(out, s...)
	}
	return out, true, nil
}

// value is the part as a text.
func (p *part) value(in *Inputs) (string, bool) {
	if p.escape == nil {
		return p.plain(in)
	}
	token, ok := p.token(in)
	if !ok || rawjson.KindOf(token) == 'n' {
		return "", false
	}
	return p.escape(token), true
}

func (p *part) plain(in *Inputs) (string, bool) {
	switch p.root {
	case "":
		return p.text, true
	case "event":
		return eventMember(in.Event, p.path[0])
	case "credential":
		if in.Credential == nil {
			return "", false
		}
		return credentialMember(in.Credential, p.path[0]), true
	}
	token, ok := p.token(in)
	if !ok || rawjson.KindOf(token) == 'n' {
		return "", false
	}
	return rawjson.Text(token), true
}

// token is the part as JSON, without its function. It is a piece of the document that the part names.
func (p *part) token(in *Inputs) ([]byte, bool) {
	if p.root == "" || p.root == "credential" || p.root == "event" {
		s, ok := p.plain(in)
		switch {
		case !ok:
			return nil, false
		case p.root == "event" && isNumber(p.path[0]):
			return []byte(s), true
		}
		return rawjson.Quote(s), true
	}
	doc := in.document(p.root)
	if len(p.path) == 0 {
		return doc, doc != nil
	}
	return rawjson.Lookup(doc, p.path...)
}

// credentialMember is what ${credential.…} names.
func credentialMember(c *hook.Identity, name string) string {
	switch name {
	case "api_key":
		return c.APIKey
	case "id":
		return c.ID
	case "name":
		return c.Name
	}
	return c.Tenant
}
