package contract

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"gancho/internal/hook"
	"gancho/internal/nearest"
	"gancho/internal/rawjson"
)

// template is a text with ${…} in it. Inside stands a path; what it can begin
// with depends on where the template stands:
//
//	settings.NAME…   what the person who made the endpoint filled in
//	payload.PATH…    the payload
//	event.id  event.type  event.time (RFC 3339, UTC)  event.tenant
//	credential.api_key  credential.id  credential.name  credential.tenant
//	old.PATH…  new.PATH…  the record before and after a change
//	record.PATH…     a stored record
//	items            the records that a snapshot holds
//
// A string is put in without its quotes, anything else as it is written in the
// JSON it comes from, so numbers keep their text. $${ stands for ${ itself.
type template struct {
	source string
	parts  []part
}

// part is a piece of text, or a path under one of the roots.
type part struct {
	text string
	root string // "" for text
	path []string
}

// eventInput is the event a request is shaped for.
type eventInput = hook.Event

// rootMembers are the members of the roots that are no JSON documents.
var rootMembers = map[string][]string{
	"event":      {"id", "type", "time", "tenant"},
	"credential": {"api_key", "id", "name", "tenant"},
	"items":      nil,
}

// requestRoots are what the parts of a request can be made of.
var requestRoots = []string{"settings", "payload", "event", "credential"}

// parseTemplate reads a template.
func parseTemplate(source string, at place) (*template, error) {
	t := &template{source: source}
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

func (t *template) add(text string) {
	if text == "" {
		return
	}
	if n := len(t.parts); n > 0 && t.parts[n-1].root == "" {
		t.parts[n-1].text += text
		return
	}
	t.parts = append(t.parts, part{text: text})
}

func parseReference(s string, at place) (part, error) {
	path, err := rawjson.ParsePath(s)
	if err != nil {
		return part{}, fmt.Errorf("${%s} cannot be read: %w", s, err)
	}
	root, path := path[0], path[1:]
	if !slices.Contains(at.roots, root) {
		return part{}, fmt.Errorf("there is no %s here.%s", root, nearest.DidYouMean(root, at.roots))
	}
	members, fixed := rootMembers[root]
	switch {
	case root == "settings" && len(path) == 0:
		return part{}, errors.New("${settings} needs the name of a setting, e.g. ${settings.token}")
	case root == "settings" && !slices.Contains(at.settings, path[0]):
		return part{}, fmt.Errorf("there is no setting %s.%s", path[0], nearest.DidYouMean(path[0], at.settings))
	case root == "credential" && len(path) > 0 && path[0] == "secret":
		return part{}, errors.New("the secret of a credential is never sent; ${credential.api_key} names the credential")
	case fixed && members == nil && len(path) > 0:
		return part{}, fmt.Errorf("${%s} does not exist; write ${%s}", s, root)
	case fixed && members != nil && (len(path) != 1 || !slices.Contains(members, path[0])):
		return part{}, fmt.Errorf("${%s} does not exist. Possible: %s.%s", s, root, strings.Join(members, ", "+root+"."))
	}
	return part{root: root, path: path}, nil
}

// static reports whether the result is the same for all events of an endpoint.
func (t *template) static() bool {
	return !slices.ContainsFunc(t.parts, func(p part) bool { return p.root == "payload" || p.root == "event" })
}

// render fills the template in. It is false if something it names is absent or
// null: then what it would have filled is left out.
func (t *template) render(in *inputs) (string, bool) {
	if len(t.parts) == 1 {
		return t.parts[0].value(in)
	}
	var b strings.Builder
	for i := range t.parts {
		s, ok := t.parts[i].value(in)
		if !ok {
			return "", false
		}
		b.WriteString(s)
	}
	return b.String(), true
}

// value is the part as a text.
func (p *part) value(in *inputs) (string, bool) {
	switch p.root {
	case "":
		return p.text, true
	case "event":
		switch p.path[0] {
		case "id":
			return in.event.ID.String(), true
		case "type":
			return in.event.Type, true
		case "time":
			return in.event.CreatedAt.UTC().Format("2006-01-02T15:04:05.000Z"), true
		}
		return in.event.Tenant, true
	case "credential":
		if in.credential == nil {
			return "", false
		}
		return credentialMember(in.credential, p.path[0]), true
	}
	token, ok := p.token(in)
	if !ok || rawjson.KindOf(token) == 'n' {
		return "", false
	}
	return rawjson.Text(token), true
}

// token is the part as JSON, copied from where it stands.
func (p *part) token(in *inputs) ([]byte, bool) {
	var doc []byte
	switch p.root {
	case "settings":
		doc = in.settings
	case "payload":
		doc = in.event.Document()
	case "old":
		doc = in.old
	case "new":
		doc = in.new
	case "record":
		doc = in.record
	case "items":
		doc = in.items
	default:
		s, ok := p.value(in)
		if !ok {
			return nil, false
		}
		return rawjson.Quote(s), true
	}
	if len(p.path) == 0 {
		return doc, doc != nil
	}
	return rawjson.Lookup(doc, p.path...)
}
