package contract

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"gancho/internal/hook"
	"gancho/internal/template"
	"gancho/internal/yamlfile"
)

// MaxFilledURL is how many bytes the URL of a request can have that is filled in from an event. Common servers and
// proxies read no longer ones (RFC 9110, section 4.1, asks for 8000).
const MaxFilledURL = 8000

// parameter is a parameter of the query that the contract sends.
type parameter struct {
	name  string // as it stands in a URL
	value *template.Template
}

// query reads the section "query".
func (l *loader) query(e *endpoint, n *yamlfile.Node, at template.Place) {
	if n.Kind != yamlfile.KindMapping {
		l.ProblemAt(n, fmt.Sprintf("query is a mapping from names to values, not %s.", n.Kind), `Write for example: query: {id: "${payload.id}"}`)
		return
	}
	for _, p := range n.Pairs {
		if p.Key == "" {
			l.Problem(p.Line, p.Column, "The parameter has no name.", "")
		}
		if l.nothing(p, "parameter") {
			continue
		}
		if e.scheme != nil && e.scheme.CarriesParameter(p.Key) {
			l.Problem(p.Line, p.Column, fmt.Sprintf("The parameter %s carries the signature.", p.Key), "Give this one another name.")
		}
		e.query = append(e.query, parameter{url.QueryEscape(p.Key), template.ReadText(l.File, p.Value, at)})
	}
}

// nothing reports a header or parameter whose value is null.
func (l *loader) nothing(p yamlfile.Pair, what string) bool {
	if p.Value.Kind != yamlfile.KindNull || l.stored {
		return false
	}
	l.Problem(p.Line, p.Column, fmt.Sprintf("The %s %s has no value.", what, p.Key),
		`Leave the line out to send none, write "" for an empty one, or "null" in quotes for that word.`)
	return true
}

// planQuery fills in the parameters that are the same in all requests, and keeps the others.
func (p *Plan) planQuery() {
	static := &template.Inputs{Settings: p.cfg.Settings, Credential: p.credential}
	if slices.ContainsFunc(p.contract.endpoint.query, func(q parameter) bool { return !q.value.Static() }) {
		p.query = p.contract.endpoint.query
		return
	}
	address, err := withParameters(p.url, p.contract.endpoint.query, static)
	if err != nil { // with these settings; whoever renders a request is told
		p.query = p.contract.endpoint.query
		return
	}
	p.url = address
}

// fillURL is the URL of the request for an event.
func (p *Plan) fillURL(ev *hook.Event) (string, error) {
	in, err := p.inputs(ev)
	if err != nil {
		return "", err
	}
	address, err := withParameters(p.url, p.query, &in)
	if err != nil {
		return "", err
	}
	if address = withQuery(address, p.pairs, p.inQuery); len(address) > MaxFilledURL {
		return "", fmt.Errorf("the URL would have %d bytes with what the contract puts into its query, and at most %d are possible; "+
			"send less, or by a method with a body", len(address), MaxFilledURL)
	}
	return address, nil
}

// withParameters appends parameters to a URL, without those whose template names something that is absent or null.
func withParameters(address string, list []parameter, in *template.Inputs) (string, error) {
	for _, q := range list {
		v, ok, err := q.value.Render(in)
		if err != nil {
			return "", fmt.Errorf("the parameter %s of the URL cannot be filled in: %w", q.name, err)
		}
		if ok {
			address = withParameter(address, q.name+"="+url.QueryEscape(v))
		}
	}
	return address, nil
}

// withParameter appends a parameter to a URL. The existing part of the URL keeps its bytes.
func withParameter(address, parameter string) string {
	switch {
	case !strings.Contains(address, "?"):
		return address + "?" + parameter
	case strings.HasSuffix(address, "?"), strings.HasSuffix(address, "&"):
		return address + parameter
	}
	return address + "&" + parameter
}

// inQuery reports whether a pair goes into the query. Where a method carries no body, the pairs of the body go there, as
// the fields of an HTML form with the method GET do.
func (p *Plan) inQuery(x freePair) bool {
	return x.place == inQuery || x.place == inBody && !hook.CarriesBody(p.method)
}

// bodies reports what makes a body in a contract all of whose methods carry none.
func (l *loader) bodies(e *endpoint, o yamlfile.Object) {
	if len(e.methods) == 0 || slices.ContainsFunc(e.methods, hook.CarriesBody) || l.stored {
		return
	}
	for _, key := range []string{"body", "form", "json"} {
		if v := o.Get(key); v != nil {
			l.ProblemAt(v, fmt.Sprintf("A request with the method %s carries no body.", e.method),
				`Put values into the query: query: {id: "${payload.id}"}, or choose another method.`)
		}
	}
}
