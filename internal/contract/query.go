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

// planURL fills in what of the URL is the same in all requests.
func (p *Plan) planURL() {
	query := p.contract.endpoint.query
	p.url = p.cfg.URL
	p.urlOfEvent = p.formInQuery() || slices.ContainsFunc(query, func(q parameter) bool { return !q.value.Static() })
	if p.urlOfEvent {
		p.query = query
		return
	}
	address, err := withParameters(p.url, query, &template.Inputs{Settings: p.cfg.Settings, Credential: p.credential})
	if err != nil { // with these settings; whoever renders a request is told
		p.query, p.urlOfEvent = query, true
		return
	}
	p.url = withQuery(address, p.pairs, p.inQuery)
}

// formInQuery reports whether a form stands in the query, as that of an HTML page with the method GET does.
func (p *Plan) formInQuery() bool { return p.bodiless && p.form != nil }

// fillURL is the URL of the request for an event.
func (p *Plan) fillURL(ev *hook.Event, a *Attempt) (string, error) {
	in, err := p.inputs(ev, a, p.url)
	if err != nil {
		return "", err
	}
	address, err := withParameters(p.url, p.query, &in)
	if err != nil {
		return "", err
	}
	if p.formInQuery() {
		if !ev.JSON() {
			return "", errNotJSON(ev)
		}
		fields, err := p.makeBody(ev, a, p.url)
		if err != nil {
			return "", err
		}
		if len(fields) > 0 {
			address = withParameter(address, string(fields))
		}
	}
	address = withQuery(address, p.pairs, p.inQuery)
	if len(address) > MaxFilledURL {
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

// inQuery reports whether a pair goes into the query by itself. Where a method carries no body, the pairs of the body go
// there, too; a form has them in it.
func (p *Plan) inQuery(x freePair) bool {
	return x.place == inQuery || x.place == inBody && p.bodiless && p.form == nil
}

// bodies reports what makes a body in a contract all of whose methods carry none.
func (l *loader) bodies(e *endpoint, o yamlfile.Object) {
	if len(e.methods) == 0 || slices.ContainsFunc(e.methods, hook.CarriesBody) || l.stored || o.Get("form") != nil {
		return
	}
	for _, key := range []string{"body", "json"} {
		if v := o.Get(key); v != nil {
			l.ProblemAt(v, fmt.Sprintf("A request with the method %s carries no body.", e.method),
				`Put values into the query: query: {id: "${payload.id}"}; or the whole body: form: {fields: flat}; or choose another method.`)
		}
	}
}
