package contract

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"gancho/internal/yamlfile"
)

// Lookup is a route on which receivers read the record that an event is about.
type Lookup struct {
	Name   string
	Title  Text
	About  Text
	Method string   // GET
	Paths  []string // patterns; {…} stands for one segment, the key of the record
	Record string   // kind
	// Auth is how the caller identifies itself: "bearer" means with a token of one of the
	// contract's credentials. The records are those of the credential's tenant.
	Auth string
}

// Lookups lists the routes in the order of the file.
func (c *Contract) Lookups() []Lookup { return slices.Clone(c.lookups) }

// FindLookup returns the route for the path of a request, as it is there (escaped), and
// the record's key in it.
func (c *Contract) FindLookup(path string) (route Lookup, key string, ok bool) {
	for _, r := range c.lookups {
		for _, pattern := range r.Paths {
			if key, ok := matchPath(pattern, path); ok {
				return r, key, true
			}
		}
	}
	return Lookup{}, "", false
}

// matchPath compares segment by segment. key is the segment in the place of {…}.
func matchPath(pattern, path string) (key string, ok bool) {
	want, have := strings.Split(pattern, "/"), strings.Split(path, "/")
	if len(want) != len(have) {
		return "", false
	}
	for i := range want {
		segment, err := url.PathUnescape(have[i])
		switch {
		case err != nil:
			return "", false
		case strings.HasPrefix(want[i], "{"):
			if key = segment; key == "" {
				return "", false
			}
		case want[i] != segment:
			return "", false
		}
	}
	return key, true
}

// ownPaths are the beginnings of paths that Gancho answers itself.
var ownPaths = []string{"/v1", "/in", "/healthz", "/readyz", "/metrics", "/openapi.json", "/openapi.yaml", "/openapi-3.0.json", "/docs", "/console", "/portal", "/assets"}

// readLookup reads the section lookup.
func (l *loader) readLookup(c *Contract, n *yamlfile.Node) {
	if n.Kind != yamlfile.KindMapping {
		l.ProblemAt(n, "lookup is a mapping from the name of each route to what it is.", "Write for example: lookup: {get_order: {title: {en: Read an order}, paths: [\"/api/orders/{id}\"], record: order}}")
		return
	}
	seen := map[string]bool{}
	for _, p := range n.Pairs {
		o := l.Object(p.Value, "The route "+p.Key, keysOf["lookup.*"])
		if o.Node == nil {
			continue
		}
		r := Lookup{Name: p.Key, Method: "GET", Auth: "bearer"}
		if v := o.Get("title"); v != nil {
			r.Title = l.Text(v)
		} else {
			l.Problem(p.Line, p.Column, fmt.Sprintf("The route %s has no title.", p.Key), "Add one: title: {en: Read an order}")
		}
		if v := o.Get("about"); v != nil {
			r.About = l.Text(v)
		}
		if v := o.Get("record"); v != nil {
			if r.Record = l.Str(v); c.record(r.Record) == nil && v.Kind == yamlfile.KindText {
				l.ProblemAt(v, fmt.Sprintf("There is no record %s.", r.Record), nearestFix(r.Record, c.kinds()))
			}
		} else {
			l.Problem(p.Line, p.Column, fmt.Sprintf("The route %s has no record.", p.Key), "Add the kind of record that it reads: record: order")
		}
		if v := o.Get("auth"); v != nil {
			r.Auth = l.OneOf(v, "bearer")
		}
		if c.credentials == nil {
			l.Problem(p.Line, p.Column, fmt.Sprintf("The route %s needs the token of a credential, and the contract has no credentials.", p.Key), "Add the section credentials.")
		}
		v := o.Get("paths")
		if v == nil || len(v.Items) == 0 {
			l.Problem(p.Line, p.Column, fmt.Sprintf("The route %s has no paths.", p.Key), "Add for example: paths: [\"/api/orders/{id}\"]")
		} else {
			for _, item := range l.List(v) {
				if path := l.lookupPath(item); path != "" && seen[path] {
					l.ProblemAt(item, "This path is listed twice.", "Remove one of them.")
				} else if path != "" {
					seen[path] = true
					r.Paths = append(r.Paths, path)
				}
			}
		}
		c.lookups = append(c.lookups, r)
	}
}

func (l *loader) lookupPath(n *yamlfile.Node) string {
	text := l.Str(n)
	if n.Kind != yamlfile.KindText {
		return ""
	}
	keys, wrong := 0, !strings.HasPrefix(text, "/") || strings.HasSuffix(text, "/")
	for _, segment := range strings.Split(text, "/")[1:] {
		name, isKey := strings.CutPrefix(segment, "{")
		if isKey {
			keys++
			name, isKey = strings.CutSuffix(name, "}")
			wrong = wrong || !isKey
		}
		wrong = wrong || name == "" || strings.ContainsAny(name, "{}?#%* \"\\")
	}
	first, _, _ := strings.Cut(strings.TrimPrefix(text, "/"), "/")
	switch {
	case wrong || keys != 1:
		l.ProblemAt(n, fmt.Sprintf("%q is not the pattern of a path.", text), "Write a path with one {…} for the key of the record, for example /api/orders/{id}.")
	case slices.Contains(ownPaths, "/"+first):
		l.ProblemAt(n, fmt.Sprintf("Paths below /%s belong to Gancho itself.", first), "Begin with something else, for example /api.")
	default:
		return text
	}
	return ""
}
