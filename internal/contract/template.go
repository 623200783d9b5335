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

// template is a text with ${…} in it. Inside stands a path:
//
//	settings.NAME…   what the person who made the endpoint filled in
//	payload.PATH…    the payload
//	event.id  event.type  event.time (RFC 3339, UTC)  event.tenant
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

var (
	templateRoots = []string{"settings", "payload", "event"}
	eventMembers  = []string{"id", "type", "time", "tenant"}
)

// parseTemplate reads a template. known are the names of the settings.
func parseTemplate(source string, known []string) (*template, error) {
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
		p, err := parseReference(strings.TrimSpace(inner), known)
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
	if text != "" {
		t.parts = append(t.parts, part{text: text})
	}
}

func parseReference(s string, known []string) (part, error) {
	path, err := rawjson.ParsePath(s)
	if err != nil {
		return part{}, fmt.Errorf("${%s} cannot be read: %w", s, err)
	}
	root, path := path[0], path[1:]
	switch root {
	case "settings":
		if len(path) == 0 {
			return part{}, errors.New("${settings} needs the name of a setting, e.g. ${settings.token}")
		}
		if !slices.Contains(known, path[0]) {
			return part{}, fmt.Errorf("there is no setting %s.%s", path[0], nearest.DidYouMean(path[0], known))
		}
	case "payload":
	case "event":
		if len(path) != 1 || !slices.Contains(eventMembers, path[0]) {
			return part{}, fmt.Errorf("${%s} does not exist. Possible: event.%s", s, strings.Join(eventMembers, ", event."))
		}
	default:
		return part{}, fmt.Errorf("there is no %s here.%s", root, nearest.DidYouMean(root, templateRoots))
	}
	return part{root: root, path: path}, nil
}

// static reports whether the result is the same for all events of an endpoint.
func (t *template) static() bool {
	for _, p := range t.parts {
		if p.root != "" && p.root != "settings" {
			return false
		}
	}
	return true
}

// render fills the template in. It is false if something it names is absent or
// null: then what it would have filled is left out. ev may be nil if the
// template is static.
func (t *template) render(settings []byte, ev *hook.Event) (string, bool) {
	if len(t.parts) == 1 {
		return t.parts[0].value(settings, ev)
	}
	var b strings.Builder
	for _, p := range t.parts {
		s, ok := p.value(settings, ev)
		if !ok {
			return "", false
		}
		b.WriteString(s)
	}
	return b.String(), true
}

func (p part) value(settings []byte, ev *hook.Event) (string, bool) {
	switch p.root {
	case "":
		return p.text, true
	case "settings":
		return tokenText(settings, p.path)
	case "payload":
		return tokenText(ev.Payload, p.path)
	}
	switch p.path[0] {
	case "id":
		return ev.ID.String(), true
	case "type":
		return ev.Type, true
	case "time":
		return ev.CreatedAt.UTC().Format("2006-01-02T15:04:05.000Z"), true
	}
	return ev.Tenant, true
}

func tokenText(doc []byte, path []string) (string, bool) {
	token, ok := rawjson.Lookup(doc, path...)
	if !ok || rawjson.KindOf(token) == 'n' {
		return "", false
	}
	return rawjson.Text(token), true
}
