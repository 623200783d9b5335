package contract

import (
	"bytes"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"gancho/internal/hook"
	"gancho/internal/rawjson"
	"gancho/internal/schema"
	"gancho/internal/yamlfile"
)

// MaxPairs is how many pairs an endpoint can have.
const MaxPairs = 50

// The places of a pair.
const (
	inHeader = "header"
	inQuery  = "query"
	inBody   = "body"
)

// freePair is a key and a value that a person chose, and the part of the request that
// they go into.
type freePair struct {
	key, value, place string
	at                string // JSON Pointer to the pair in the endpoint
}

// pairs reads the name of the setting that lists the pairs as {key, value, place}.
func (l *loader) pairs(e *endpoint, n, settings *yamlfile.Node) {
	name, ok := strings.CutPrefix(l.Str(n), "settings.")
	if n.Kind != yamlfile.KindText {
		return
	}
	if !ok || !slices.Contains(e.settings.Names(), name) {
		l.ProblemAt(n, fmt.Sprintf("There is no setting %s.", n.Text), "Name a setting that is a list of {key, value, place}: settings.pairs")
		return
	}
	items := settings.Get("properties").Get(name).Get("items")
	for _, member := range []string{"key", "value"} {
		if items.Get("properties").Get(member) == nil {
			l.ProblemAt(n, fmt.Sprintf("The entries of %s have no %s.", n.Text, member), "Describe them as {type: object, required: [key, value], properties: {key: …, value: …, place: …}}.")
		}
	}
	e.pairs = name
}

// pairsIn are the pairs in an endpoint's settings.
func (e *endpoint) pairsIn(settings []byte) (out []freePair) {
	if e.pairs == "" {
		return nil
	}
	list, _ := rawjson.Lookup(settings, e.pairs)
	for i, item := range rawjson.Elements(list) {
		p := freePair{place: inHeader, at: "/settings" + schema.Pointer(e.pairs, strconv.Itoa(i))}
		if t, ok := rawjson.Lookup(item, "key"); ok {
			p.key = rawjson.Text(t)
		}
		if t, ok := rawjson.Lookup(item, "value"); ok {
			p.value = rawjson.Text(t)
		}
		if t, ok := rawjson.Lookup(item, "place"); ok && rawjson.KindOf(t) == '"' {
			p.place = rawjson.Text(t)
		}
		out = append(out, p)
	}
	return out
}

// checkPairs reports what is wrong with an endpoint's pairs.
func (c *Contract) checkPairs(r *report, cfg hook.EndpointConfig) {
	pairs := c.endpoint.pairsIn(cfg.Settings)
	if len(pairs) > MaxPairs {
		r.add("/settings"+schema.Pointer(c.endpoint.pairs), "pairs_too_many",
			"There are {count} pairs; at most {max} are allowed.", "count", len(pairs), "max", MaxPairs)
		return
	}
	seen := map[string]bool{}
	for _, h := range cfg.Headers {
		seen[inHeader+strings.ToLower(h.Name)] = true
	}
	for _, p := range pairs {
		id := p.place + p.key
		switch p.place {
		case inHeader:
			id = p.place + strings.ToLower(p.key)
			if f, bad := refuseHeader(p.key, c.endpoint.scheme); bad {
				r.wrong(f.At(p.at + "/key"))
			} else if strings.EqualFold(p.key, "content-type") || c.endpoint.sends(p.key) {
				r.wrong(c.ownsHeader(p.key).At(p.at + "/key"))
			} else if f, bad := wrongValue(p.value); bad {
				r.wrong(f.At(p.at + "/value"))
			}
		case inBody, inQuery:
			if p.place == inBody && c.endpoint.raw != nil {
				r.add(p.at+"/place", "pair_no_member", "The body of this contract is a text, which has no members. Put the pair into a header or the query.")
				break
			}
			if p.key == "" {
				r.add(p.at+"/key", "empty", "This cannot be empty.")
			}
		default:
			r.wrong(notPossible(p.place, inHeader, inQuery, inBody).At(p.at + "/place"))
		}
		if seen[id] && p.place != inQuery {
			r.add(p.at+"/key", "pair_twice", "{name} is there already; keep one of them.", "name", p.key)
		}
		seen[id] = true
	}
}

// withQuery appends the chosen pairs to the query of a URL. The existing part of the URL keeps its
// bytes.
func withQuery(address string, pairs []freePair, chosen func(freePair) bool) string {
	for _, p := range pairs {
		if chosen(p) {
			address = withParameter(address, url.QueryEscape(p.key)+"="+url.QueryEscape(p.value))
		}
	}
	return address
}

// withMembers puts pairs into a JSON object, replacing a member of the same
// name and adding others at the end; everything else keeps its bytes.
func withMembers(body []byte, pairs []freePair) ([]byte, error) {
	for _, p := range pairs {
		if p.place != inBody {
			continue
		}
		if rawjson.KindOf(body) != '{' {
			return nil, fmt.Errorf("the pair %s goes into the body, and the body is no JSON object", p.key)
		}
		if _, ok := rawjson.Lookup(body, p.key); ok {
			body = rawjson.Replace(body, rawjson.Quote(p.value), p.key)
			continue
		}
		end := bytes.LastIndexByte(body, '}')
		out := append(make([]byte, 0, len(body)+len(p.key)+len(p.value)+8), body[:end]...)
		if len(rawjson.Members(body)) > 0 {
			out = append(out, ',')
		}
		out = append(append(append(out, rawjson.Quote(p.key)...), ':'), rawjson.Quote(p.value)...)
		body = append(out, body[end:]...)
	}
	return body, nil
}
