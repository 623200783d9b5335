package contract

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gancho/internal/egress"
	"gancho/internal/hook"
	"gancho/internal/rawjson"
	"gancho/internal/schema"
	"gancho/internal/sign"
	"gancho/internal/template"
	"gancho/internal/yamlfile"
)

// DefaultUserAgent is the header User-Agent unless the contract sets or drops it, or the
// endpoint has one of its own.
const DefaultUserAgent = "Gancho"

const defaultContentType = "application/json"

// methods that a webhook can be sent with.
var methods = []string{"POST", "PUT", "PATCH", "DELETE", "GET"}

// endpoint reads the section "endpoint".
func (l *loader) endpoint(c *Contract, n *yamlfile.Node) {
	e := &c.endpoint
	o := l.Object(n, "endpoint", keysOf["endpoint"])
	if v := o.Get("settings"); v != nil {
		e.settings = schema.ReadSettings(l.File, v)
	}
	l.methods(e, o)
	if v := o.Get("sign"); v != nil {
		e.scheme = l.sign(v)
	}
	if v := o.Get("shaping"); v != nil {
		e.shaping = l.OneOf(v, "on", "off") == "on"
	}
	at := l.requestPlace(c)
	ofItems := at
	if l.batches() {
		at = wholePlace(at)
	}
	if v := o.Get("content_type"); v != nil {
		e.contentType = l.template(v, at)
	}
	if v := o.Get("user_agent"); v != nil {
		e.userAgent = l.Str(v)
		if e.userAgent == "none" {
			e.userAgent = ""
		}
	}
	if v := o.Get("accept"); v != nil {
		if e.accept = l.Str(v); !validHeaderValue(e.accept) {
			l.ProblemAt(v, "accept has a character that a header cannot have.", `Write for example: accept: "*/*"`)
		}
		if e.accept == "none" {
			e.accept = ""
		}
	}
	if v := o.Get("headers"); v != nil {
		e.headers, e.eventHeader = l.headers(e, v, at), eventHeader(v)
	}
	if v := o.Get("query"); v != nil {
		l.query(e, v, at)
	}
	if v := o.Get("auth"); v != nil {
		e.auth = l.auth(e, v, at)
	}
	if v := o.Get("json"); v != nil {
		e.json = l.json(v)
	}
	if l.batches() {
		l.itemBody(e, o, ofItems)
	} else if v := o.Get("body"); v != nil {
		l.body(e, v, at, o)
	}
	if v := o.Get("item"); v != nil && !l.batches() {
		l.ProblemAt(v, "item is the part of each event in a request with several, and this contract sends one in each.",
			"Write body instead, or add batch: {max: 100} to delivery.")
	}
	if v := o.Get("schema"); v != nil {
		if e.bodyTexts, e.bodySchema = schema.Read(l.File, v); e.body == nil && e.raw == nil && !l.batches() {
			l.ProblemAt(v, "schema describes the body that body makes, and there is no body here.", "To describe the payload, move the schema to the event type or to the record.")
		}
	}
	if v := o.Get("form"); v != nil {
		e.form = l.form(v)
	}
	l.bodies(e, o)
	if v := o.Get("pairs"); v != nil {
		l.pairs(e, v, n.Get("settings"))
	}
	if v := o.Get("sign"); v != nil {
		l.signedRequest(e, v)
	}
	if v := o.Get("egress"); v != nil {
		e.egress = l.egress(v)
	}
	if v := o.Get("per_tenant"); v != nil {
		e.perTenant = int(l.Number(v, 1, 1000))
	}
	if v := o.Get("event_types"); v != nil {
		l.eventTypes(e, v)
	}
	if v := o.Get("verify"); v != nil {
		l.verify(c, v)
	}
	if c.NeedsCredential() {
		l.needsEndpointCredential(c, n)
	}
}

// needsEndpointCredential reports a request that names a credential if endpoints have none.
func (l *loader) needsEndpointCredential(c *Contract, n *yamlfile.Node) {
	if c.credentials != nil && !c.credentials.Endpoint {
		l.ProblemAt(n, "The request names a credential, and endpoints have none.", "Add endpoint: true to credentials, so that each credential is created together with its endpoint.")
	}
}

// egress reads the section "egress": the hosts that requests may go to.
func (l *loader) egress(n *yamlfile.Node) *egress.Rules {
	var hosts hook.Hosts
	o := l.Object(n, "egress", keysOf["endpoint.egress"])
	nodes := map[string][]*yamlfile.Node{}
	for key, into := range map[string]*[]string{"allow": &hosts.Allow, "deny": &hosts.Deny} {
		if v := o.Get(key); v != nil {
			nodes[key] = l.List(v)
			for _, item := range nodes[key] {
				*into = append(*into, l.Str(item))
			}
		}
	}
	rules, err := egress.Compile(hosts)
	if wrong, ok := errors.AsType[*egress.Wrong](err); ok {
		l.ProblemAt(nodes[wrong.List][wrong.Index], fmt.Sprintf("%q is no host, address or range of addresses.", wrong.Entry),
			"Write for example: example.com, *.example.com or 203.0.113.0/24")
	}
	return rules
}

// eventTypes reads how many event types an endpoint has to list.
func (l *loader) eventTypes(e *endpoint, n *yamlfile.Node) {
	o := l.Object(n, "event_types", keysOf["endpoint.event_types"])
	if v := o.Get("min"); v != nil {
		e.minTypes = int(l.Number(v, 0, 1000))
	}
	if v := o.Get("max"); v != nil {
		e.maxTypes = int(l.Number(v, 1, 1000))
	}
	if e.maxTypes > 0 && e.minTypes > e.maxTypes {
		l.ProblemAt(n, "min is more than max.", "Write for example {min: 1, max: 1} for exactly one.")
	}
}

// methods reads the default method and the methods that a person may choose.
func (l *loader) methods(e *endpoint, o yamlfile.Object) {
	if v := o.Get("method"); v != nil {
		e.method = l.OneOf(v, methods...)
		e.methods = []string{e.method}
	}
	v := o.Get("methods")
	if v == nil {
		return
	}
	e.methods = nil
	before := l.Count()
	for _, item := range l.List(v) {
		e.methods = append(e.methods, l.OneOf(item, methods...))
	}
	if l.Count() > before {
		return
	}
	if i := slices.Index(e.methods, e.method); i > 0 {
		e.methods = append([]string{e.method}, slices.Delete(e.methods, i, i+1)...)
	} else if i < 0 {
		l.ProblemAt(v, fmt.Sprintf("The default method %s is not among the methods.", e.method), "Add it, or set method: to one of them.")
	}
}

func (l *loader) headers(e *endpoint, n *yamlfile.Node, at template.Place) (out []headerTemplate) {
	if n.Kind != yamlfile.KindMapping {
		l.ProblemAt(n, fmt.Sprintf("headers is a mapping from names to values, not %s.", n.Kind), "Write for example: x-source: shop")
		return nil
	}
	seen := map[string]bool{}
	for _, p := range n.Pairs {
		low := strings.ToLower(p.Key)
		switch f, bad := refuseHeader(p.Key, e.scheme); {
		case bad:
			l.Problem(p.Line, p.Column, f.Detail, "")
		case seen[low]:
			l.Problem(p.Line, p.Column, fmt.Sprintf("The header %s is there already; upper and lower case do not matter.", p.Key), "Keep one of them.")
		}
		seen[low] = true
		if l.nothing(p, "header") {
			continue
		}
		if t := l.template(p.Value, at); t != nil {
			out = append(out, headerTemplate{p.Key, t})
		}
	}
	return out
}

// template reads the value of a header.
func (l *loader) template(n *yamlfile.Node, at template.Place) *template.Template {
	t := template.ReadText(l.File, n, at)
	if !validHeaderValue(t.Literals()) {
		l.ProblemAt(n, "A header cannot hold control characters.", "Write it in one line.")
	}
	return t
}

// json reads how strings are escaped. A style that is not given leaves strings as they are.
func (l *loader) json(n *yamlfile.Node) (s rawjson.Style) {
	o := l.Object(n, "json", keysOf["endpoint.json"])
	if v := o.Get("ascii"); v != nil {
		s.ASCII = l.Bool(v)
		s.RawUnicode = !s.ASCII
	}
	if v := o.Get("escape_slash"); v != nil {
		s.EscapeSlash = l.Bool(v)
		s.PlainSlash = !s.EscapeSlash
	}
	if v := o.Get("compact"); v != nil {
		s.Compact = l.Bool(v)
	}
	return s
}

// ownHeaders belong to the connection, or Gancho computes them.
var ownHeaders = []string{"host", "content-length", "transfer-encoding", "connection", "keep-alive", "upgrade", "te", "trailer", "proxy-connection", "expect", "content-encoding"}

// refuseHeader says why a header cannot be set under a contract that signs with
// a scheme; false if it can. The scheme is nil if the contract does not sign.
func refuseHeader(name string, scheme *sign.Scheme) (hook.FieldError, bool) {
	low := strings.ToLower(name)
	switch {
	case !validHeaderName(name):
		return hook.Field("", "header_name",
			"{name} cannot be the name of a header. Use letters, digits and -.", "name", strconv.Quote(name)), true
	case slices.Contains(ownHeaders, low):
		return hook.Field("", "header_of_gancho",
			"The header {name} is set by Gancho itself and cannot be given.", "name", name), true
	case scheme != nil && scheme.Carries(name):
		return hook.Field("", "header_of_signature",
			"The header {name} carries the signature and cannot be given.", "name", name), true
	case scheme != nil && scheme.Reserves(name):
		return hook.Field("", "header_reserved",
			"Headers that begin with {prefix} belong to the signature; {name} cannot be given.",
			"prefix", scheme.Reserved, "name", name), true
	}
	return hook.FieldError{}, false
}

// sets reports whether the contract itself sends a header of this name.
func (e *endpoint) sets(name string) bool {
	return slices.ContainsFunc(e.headers, func(h headerTemplate) bool { return strings.EqualFold(h.name, name) })
}

// wrongMethod says which methods are possible.
func wrongMethod(method string, possible []string) hook.FieldError {
	if len(possible) == 1 {
		return hook.Field("", "method_only", "This contract sends with {method} only.", "method", possible[0])
	}
	return notPossible(method, possible...)
}
