package contract

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gancho/internal/expr"
	"gancho/internal/hook"
	"gancho/internal/rawjson"
	"gancho/internal/sign"
)

// DefaultUserAgent is sent unless the contract sets or drops it, or the
// endpoint brings its own.
const DefaultUserAgent = "Gancho"

const defaultContentType = "application/json"

// methods that a webhook can be sent with.
var methods = []string{"POST", "PUT", "PATCH", "DELETE", "GET"}

// endpoint reads the section of the same name.
func (l *loader) endpoint(c *Contract, n *node) {
	e := &c.endpoint
	o := l.object(n, "endpoint", keysOf["endpoint"])
	if v := o.get("settings"); v != nil {
		e.settings = l.readSettings(v)
	}
	l.methods(e, o)
	if v := o.get("sign"); v != nil {
		e.scheme = sign.Lookup(l.oneOf(v, sign.Names()...))
	}
	if v := o.get("shaping"); v != nil {
		e.shaping = l.oneOf(v, "on", "off") == "on"
	}
	at := place{roots: credentialRoots(c, requestRoots), settings: e.settings.names()}
	if v := o.get("content_type"); v != nil {
		e.contentType = l.template(v, at)
	}
	if v := o.get("user_agent"); v != nil {
		e.userAgent = l.str(v)
		if e.userAgent == "none" {
			e.userAgent = ""
		}
	}
	if v := o.get("headers"); v != nil {
		l.headers(e, v, at)
	}
	if v := o.get("json"); v != nil {
		e.json = l.json(v)
	}
	if v := o.get("body"); v != nil {
		at.scope = expr.Request()
		e.body = l.payload(v, at)
	}
	if v := o.get("schema"); v != nil {
		if e.bodyTexts, e.bodySchema = l.schema(v); e.body == nil {
			l.problemAt(v, "schema says what a shaped body is like, and there is no body here.", "Say it of the payload: move it to the event type, or to the record.")
		}
	}
	if v := o.get("form"); v != nil {
		e.form = l.form(v)
	}
	if v := o.get("pairs"); v != nil {
		l.pairs(e, v, n.get("settings"))
	}
	if v := o.get("per_tenant"); v != nil {
		e.perTenant = int(l.number(v, 1, 1000))
	}
	if v := o.get("event_types"); v != nil {
		l.eventTypes(e, v)
	}
	if c.credentials != nil && !c.credentials.Endpoint && c.NeedsCredential() {
		l.problemAt(n, "The request names a credential, and endpoints have none.", "Add endpoint: true to credentials, so that each is made together with its endpoint.")
	}
}

// form reads how a body becomes a field of a form.
func (l *loader) form(n *node) *form {
	f := &form{field: "payload"}
	o := l.object(n, "form", keysOf["endpoint.form"])
	if v := o.get("field"); v != nil {
		if f.field = l.str(v); f.field == "" && v.kind == kindText {
			l.problemAt(v, "The field of the form has no name.", "Write for example: field: payload")
		}
	} else if o.n != nil {
		l.problemAt(n, "form has no field.", "Say what the field is called: field: payload")
	}
	if v := o.get("when"); v != nil {
		f.when = l.condition(v, expr.Settings())
	}
	return f
}

// eventTypes reads how many event types an endpoint takes.
func (l *loader) eventTypes(e *endpoint, n *node) {
	o := l.object(n, "event_types", keysOf["endpoint.event_types"])
	if v := o.get("min"); v != nil {
		e.minTypes = int(l.number(v, 0, 1000))
	}
	if v := o.get("max"); v != nil {
		e.maxTypes = int(l.number(v, 1, 1000))
	}
	if e.maxTypes > 0 && e.minTypes > e.maxTypes {
		l.problemAt(n, "min is more than max.", "Write for example {min: 1, max: 1} for exactly one.")
	}
}

// methods reads the default method and those a person may choose.
func (l *loader) methods(e *endpoint, o object) {
	if v := o.get("method"); v != nil {
		e.method = l.oneOf(v, methods...)
		e.methods = []string{e.method}
	}
	v := o.get("methods")
	if v == nil {
		return
	}
	e.methods = nil
	for _, item := range l.list(v) {
		e.methods = append(e.methods, l.oneOf(item, methods...))
	}
	if i := slices.Index(e.methods, e.method); i > 0 {
		e.methods = append([]string{e.method}, slices.Delete(e.methods, i, i+1)...)
	} else if i < 0 {
		l.problemAt(v, fmt.Sprintf("The default method %s is not among the methods.", e.method), "Add it, or set method: to one of them.")
	}
}

func (l *loader) headers(e *endpoint, n *node, at place) {
	if n.kind != kindMapping {
		l.problemAt(n, fmt.Sprintf("headers is a mapping from names to values, not %s.", n.kind), "Write for example: x-source: shop")
		return
	}
	seen := map[string]bool{}
	for _, p := range n.pairs {
		low := strings.ToLower(p.key)
		switch f, bad := refuseHeader(p.key, e.scheme); {
		case bad:
			l.problem(p.line, p.col, f.Detail, "")
		case seen[low]:
			l.problem(p.line, p.col, fmt.Sprintf("The header %s is there already; upper and lower case do not matter.", p.key), "Keep one of them.")
		}
		seen[low] = true
		if t := l.template(p.value, at); t != nil {
			e.headers = append(e.headers, headerTemplate{p.key, t})
		}
	}
}

func (l *loader) template(n *node, at place) *template {
	text := l.str(n)
	t, err := parseTemplate(text, at)
	if err != nil {
		line, col := l.within(n, 1, 1)
		l.problem(line, col, sentence("This template is wrong: "+err.Error()), "")
		return &template{}
	}
	for _, p := range t.parts {
		if p.root == "" && !validHeaderValue(p.text) {
			l.problemAt(n, "A header cannot hold control characters.", "Write it in one line.")
		}
	}
	return t
}

// json reads how strings are escaped. What is not said stays as it comes.
func (l *loader) json(n *node) (s rawjson.Style) {
	o := l.object(n, "json", keysOf["endpoint.json"])
	if v := o.get("ascii"); v != nil {
		s.ASCII = l.boolean(v)
		s.RawUnicode = !s.ASCII
	}
	if v := o.get("escape_slash"); v != nil {
		s.EscapeSlash = l.boolean(v)
		s.PlainSlash = !s.EscapeSlash
	}
	if v := o.get("compact"); v != nil {
		s.Compact = l.boolean(v)
	}
	return s
}

// ownHeaders belong to the connection or are computed.
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

// wrongMethod names the methods there are.
func wrongMethod(method string, possible []string) hook.FieldError {
	if len(possible) == 1 {
		return hook.Field("", "method_only", "This contract sends with {method} only.", "method", possible[0])
	}
	return notPossible(method, possible...)
}
