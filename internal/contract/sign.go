package contract

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"gancho/internal/nearest"
	"gancho/internal/sign"
	"gancho/internal/yamlfile"
)

// Limits of the section "sign".
const (
	maxSignatures   = 4 // that each request has
	minTolerance    = time.Second
	maxTolerance    = 7 * 24 * time.Hour
	maxSecretLength = 512
)

// sign reads how requests are signed: the name of a scheme, a description of one, or a list of both.
func (l *loader) sign(n *yamlfile.Node) *sign.Scheme {
	items := []*yamlfile.Node{n}
	if n.Kind == yamlfile.KindList {
		if items = n.Items; len(items) == 0 || len(items) > maxSignatures {
			l.ProblemAt(n, fmt.Sprintf("The list has %d signatures; a request has 1 to %d.", len(items), maxSignatures), "")
			return nil
		}
	}
	var schemes []*sign.Scheme
	for _, item := range items {
		if s := l.scheme(item); s != nil {
			schemes = append(schemes, s)
		}
	}
	if len(schemes) < len(items) {
		return nil
	}
	s, err := sign.Join(schemes...)
	if err != nil {
		l.ProblemAt(n, "These signatures do not go together: "+err.Error()+".", "")
		return nil
	}
	return s
}

// scheme reads one signature, nil if a problem was reported.
func (l *loader) scheme(n *yamlfile.Node) *sign.Scheme {
	switch {
	case n.Kind == yamlfile.KindMapping:
		return l.describedScheme(n)
	case n.Text == "none":
		l.ProblemAt(n, `"none" is not possible here.`, "Remove the line: without sign, requests are not signed.")
		return nil
	}
	if _, near := nearest.Word(n.Text, sign.Names()); !near {
		l.ProblemAt(n, fmt.Sprintf("There is no signature scheme %q.", n.Text),
			`Write sign: standard-webhooks, or describe the signature, for example: {algorithm: hmac-sha256, over: "${body}", headers: {X-Signature: "${signature}"}}`)
		return nil
	}
	s := sign.Lookup(l.OneOf(n, sign.Names()...))
	if s == nil || s.Name != n.Text {
		return nil
	}
	return s
}

// describedScheme reads a description of a signature.
func (l *loader) describedScheme(n *yamlfile.Node) *sign.Scheme {
	before := l.Count()
	o := l.Object(n, "sign", keysOf["endpoint.sign"])
	var d sign.Description
	if v := o.Get("algorithm"); v != nil {
		d.Algorithm, d.Also = l.algorithms(v)
	}
	for key, into := range map[string]*string{
		"key": &d.Key, "over": &d.Over, "encoding": &d.Encoding, "timestamp": &d.Timestamp,
	} {
		if v := o.Get(key); v != nil {
			*into = l.Str(v)
		}
	}
	for _, in := range []struct {
		key  string
		part sign.Part
	}{{"body", sign.InBody}, {"query", sign.InQuery}, {"headers", sign.InHeader}} {
		if v := o.Get(in.key); v != nil {
			d.Places = append(d.Places, l.places(v, in.key, in.part, nil)...)
		}
	}
	if v := o.Get("several"); v != nil {
		if join := l.Object(v, "several", keysOf["endpoint.sign.several"]).Get("join"); join != nil {
			text := l.Str(join)
			d.Join = &text
		} else {
			l.ProblemAt(v, "several has no join.", `Add what stands between signatures: several: {join: " "}`)
		}
	}
	if v := o.Get("jwt"); v != nil {
		d.JWT = l.jwt(v)
	}
	if v := o.Get("keys"); v != nil {
		d.Keys = l.keySource(v)
	}
	if v := o.Get("signed"); v != nil {
		d.Signed = l.signedHeaders(v)
	}
	if v := o.Get("tolerance"); v != nil {
		d.Tolerance = l.Duration(v, minTolerance, maxTolerance)
	}
	if v := o.Get("secret"); v != nil {
		d.Secret = l.randomText(v, "secret")
	}
	if v := o.Get("nonce"); v != nil {
		d.Nonce = l.randomText(v, "nonce")
	}
	if l.Count() > before {
		return nil
	}
	s, problems := sign.Compile(d)
	for _, p := range problems {
		at := n
		for _, key := range p.At {
			if next := at.Get(key); next != nil {
				at = next
			}
		}
		line, column := l.Within(at, 1, 1)
		l.Problem(line, column, yamlfile.Sentence(p.Message), p.Fix)
	}
	return s
}

// jwt reads what stands in a token.
func (l *loader) jwt(n *yamlfile.Node) *sign.JWT {
	o, out := l.Object(n, "jwt", keysOf["endpoint.sign.jwt"]), &sign.JWT{}
	for key, into := range map[string]*[]sign.Claim{"claims": &out.Claims, "header": &out.Header} {
		v := o.Get(key)
		switch {
		case v == nil:
		case v.Kind != yamlfile.KindMapping:
			l.ProblemAt(v, fmt.Sprintf("%s is a mapping from names to texts, not %s.", key, v.Kind), `Write for example: {sha256: "${body.sha256}"}`)
		default:
			for _, p := range v.Pairs {
				*into = append(*into, sign.Claim{Name: p.Key, Value: l.Str(p.Value)})
			}
		}
	}
	if v := o.Get("lifetime"); v != nil {
		out.Lifetime = l.Duration(v, minTolerance, maxTolerance)
	}
	if v := o.Get("detached"); v != nil {
		out.Detached = l.Bool(v)
	}
	if v := o.Get("enclosed"); v != nil {
		out.Enclosed = l.Bool(v)
	}
	return out
}

// signedHeaders reads which headers are signed because they are listed.
func (l *loader) signedHeaders(n *yamlfile.Node) *sign.SignedHeaders {
	if n.Kind == yamlfile.KindList {
		l.ProblemAt(n, "signed is a mapping, not a list.", "Write for example: signed: {headers: [date, x-request-id]}")
		return nil
	}
	o, out := l.Object(n, "signed", keysOf["endpoint.sign.signed"]), &sign.SignedHeaders{Between: ",", Pair: ":", Join: "\n"}
	for key, into := range map[string]*string{"between": &out.Between, "pair": &out.Pair, "join": &out.Join} {
		if v := o.Get(key); v != nil {
			*into = l.Str(v)
		}
	}
	if v := o.Get("headers"); v == nil {
		l.ProblemAt(n, "signed has no headers.", "Name them: signed: {headers: [date, x-request-id]}")
	} else {
		for _, item := range l.List(v) {
			out.Names = append(out.Names, l.Str(item))
		}
	}
	return out
}

// otherwiseSet are headers that a request has for another reason, so that no signature can stand in them.
var otherwiseSet = []string{"content-type", "user-agent", "accept"}

// places reads headers, parameters of the query, or members of the body, which may be nested.
func (l *loader) places(n *yamlfile.Node, what string, in sign.Part, outer []string) (out []sign.Place) {
	if n.Kind != yamlfile.KindMapping {
		l.ProblemAt(n, fmt.Sprintf("%s is a mapping from names to texts, not %s.", what, n.Kind), `Write for example: {X-Signature: "${signature}"}`)
		return nil
	}
	for _, p := range n.Pairs {
		path := append(slices.Clone(outer), p.Key)
		if in == sign.InHeader && outer == nil {
			if f, bad := refuseHeader(p.Key, nil); bad {
				l.Problem(p.Line, p.Column, f.Detail, "")
			} else if slices.Contains(otherwiseSet, strings.ToLower(p.Key)) {
				l.Problem(p.Line, p.Column, fmt.Sprintf("Each request has the header %s already.", p.Key), "Put the signature into a header of its own.")
			}
		}
		switch {
		case p.Key == "":
			l.Problem(p.Line, p.Column, "There is no name.", "")
		case p.Value.Kind == yamlfile.KindMapping && (in == sign.InBody || in == sign.InHeader && outer == nil):
			out = append(out, l.places(p.Value, p.Key, in, path)...)
		default:
			out = append(out, sign.Place{In: in, Path: path, Value: l.Str(p.Value)})
		}
	}
	return out
}

// randomText reads what a random text looks like.
func (l *loader) randomText(n *yamlfile.Node, what string) (f sign.Form) {
	if what == "secret" && n.Kind == yamlfile.KindText {
		l.ProblemAt(n, "The secret itself does not stand in the contract.",
			"Each endpoint gets a secret of its own; secret says how new ones look: {prefix: whsec_, length: 32}")
		return f
	}
	o := l.Object(n, what, keysOf["endpoint.sign."+what])
	if v := o.Get("prefix"); v != nil {
		f.Prefix = l.Str(v)
	}
	if v := o.Get("length"); v != nil {
		f.Length = int(l.Number(v, 8, maxSecretLength))
	}
	if v := o.Get("alphabet"); v != nil {
		f.Alphabet = l.characters(v)
	}
	return f
}

// signedRequest checks that the request has what its signatures need.
func (l *loader) signedRequest(e *endpoint, n *yamlfile.Node) {
	var schemes []*sign.Scheme
	if e.scheme != nil {
		if schemes = e.scheme.Parts; schemes == nil {
			schemes = []*sign.Scheme{e.scheme}
		}
	}
	for i, s := range schemes {
		d, at := s.Description, n
		if d == nil {
			continue
		}
		if n.Kind == yamlfile.KindList {
			at = n.Items[i]
		}
		over := at.Get("over")
		if over == nil {
			over = at
		}
		for _, name := range d.NeedsHeaders() {
			known := e.pairs != "" || e.scheme.Carries(name) || e.sends(name) ||
				slices.ContainsFunc([]string{"content-type", "user-agent", "accept"}, func(s string) bool { return strings.EqualFold(s, name) })
			if !known {
				l.ProblemAt(over, fmt.Sprintf("The header %s is signed, and the contract sends no such header.", name),
					fmt.Sprintf("Add it to headers, or put it into brackets: it is then signed if a request has it: [${header.%s}]", name))
			}
		}
		l.signedSettings(e, d, at)
		if kind := e.contentType.Literals(); d.InBody() && (d.JWT == nil || !d.JWT.Enclosed) && (e.raw != nil || kind != "text/plain; charset=UTF-8") && e.contentType.Static() && e.contentType.Setting() == nil && e.form == nil &&
			!strings.Contains(kind, "json") && !strings.Contains(kind, "x-www-form-urlencoded") {
			l.ProblemAt(at.Get("body"), fmt.Sprintf("The signature stands in the body, which is %s: it has no members.", kind),
				"Put the signature into a header.")
		}
	}
}
