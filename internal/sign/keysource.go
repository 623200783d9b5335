package sign

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"gancho/internal/hook"
	"gancho/internal/rawjson"
)

// KeySource says where a receiver finds the public key of a signature. This package fetches nothing: [Scheme.Wanted] says
// which document a request needs, somebody fetches it, [KeySource.Read] reads it, and [Message.Keys] brings it along.
type KeySource struct {
	// URL is a template of the document's address. Beside parts of the request it can name ${key.id} and ${settings.NAME}.
	// One that is nothing but one source is the whole address; in others, what sources stand for is escaped.
	URL string
	// Hosts are where the address may lead: example.com, or *.example.com, in which * is one label, each perhaps with the
	// beginning of a path: example.com/keys/. Empty: the host stands in URL.
	Hosts  []string
	Form   string // of the document, one of [Forms]; "": jwks
	Member string // of a JSON document, the path of the text that has the key; "": the document itself
	// Name is what a certificate has to be made out for, and CA who has to have signed it, in PEM; "": whom the system
	// trusts. HostIsTrust leaves CA out: what comes from the hosts by https is believed.
	Name        string
	CA          string
	HostIsTrust bool
	Auth        *KeyAuth // how the fetch authenticates; nil: not at all
}

// KeyAuth are the client credentials of a fetch, as templates that can name ${settings.NAME}.
type KeyAuth struct{ TokenURL, ClientID, ClientSecret, Scope string }

// Wanted is a document that the keys of a request stand in.
type Wanted struct {
	URL    string
	Host   string // what the contract says about its host; with * in it, the request chooses among many
	KeyID  string // which key is needed; "": the request does not say
	Source *KeySource
	OAuth2 *hook.OAuth2 // what the fetch authenticates with; nil: nothing
}

// EachSetting calls fn for each setting that the description names, and says whether it stands in requests or addresses, or
// proves to a server who fetches from it.
func (d *Description) EachSetting(fn func(path []string, shown, proves bool)) {
	c, problems := compileDescription(*d)
	if len(problems) > 0 {
		return
	}
	each := func(t text, shown, proves bool) {
		t.each(func(s *source, _ bool) {
			if s.kind == kindSetting {
				fn(s.path, shown, proves)
			}
		})
	}
	each(c.over, false, false)
	for _, t := range c.jwt.texts() {
		each(t.text, true, false)
	}
	for _, p := range c.places {
		each(p.text, true, false)
	}
	if c.keys != nil {
		each(c.keys.url, true, false)
		for i, t := range c.keys.auth {
			each(t, false, i == 2) // the client's secret
		}
	}
}

const maxHosts, maxKeyID, maxKeyURL = 16, 256, 2048

// keySource is a KeySource that can be used.
type keySource struct {
	url   text
	whole bool // url is one source, so that is the whole address
	// stranger: the source is a part of the request, whose sender then chooses all of the address. No hosts say what may
	// stand behind a ?, and the API of a host can return there what its users wrote: a certificate of theirs, say.
	stranger bool
	auth     [4]text
}

// readKeys checks where keys come from.
func (c *compiler) readKeys() {
	d := c.Description.Keys
	if d == nil {
		return
	}
	s := *d
	c.Description.Keys, c.keys = &s, &keySource{}
	if !c.algorithm.private() {
		c.problem("Choose for example rsa-sha256, or remove keys.", fmt.Sprintf("Of %s no key can be published: both sides know the secret.", c.Algorithm), "keys")
	}
	if s.Form == "" {
		s.Form = FormJWKS
	}
	if !slices.Contains(Forms(), s.Form) {
		c.problem("Possible: "+strings.Join(Forms(), ", ")+".", fmt.Sprintf("%q is not possible here.", s.Form), "keys", "form")
	}
	c.readKeyURL(&s)
	if s.Form != FormCertificate {
		for key, given := range map[string]bool{"name": s.Name != "", "ca": s.CA != "", "trust": s.HostIsTrust} {
			if given {
				c.problem("Write form: certificate, or remove it.", "Only a certificate has this.", "keys", key)
			}
		}
	}
	if s.CA != "" {
		switch {
		case !x509.NewCertPool().AppendCertsFromPEM([]byte(s.CA)):
			c.problem("", "This is no certificate in PEM.", "keys", "ca")
		case s.HostIsTrust:
			c.problem("Keep one of them.", "With trust: host nobody looks at the authority.", "keys", "ca")
		}
	}
	if s.Member != "" {
		if _, err := rawjson.ParsePath(s.Member); err != nil {
			c.problem("Write for example key, or data.key.", fmt.Sprintf("This path cannot be read: %v.", err), "keys", "member")
		}
		if s.Form == FormJWKS {
			c.problem("Write form: pem or form: certificate, or remove it.", "A key set is the whole document.", "keys", "member")
		}
	}
	if s.Auth != nil {
		for i, x := range []struct{ key, text string }{
			{"token_url", s.Auth.TokenURL}, {"client_id", s.Auth.ClientID}, {"client_secret", s.Auth.ClientSecret}, {"scope", s.Auth.Scope},
		} {
			t, ok := c.template(x.text, "", "keys", "auth", "oauth2", x.key)
			c.keys.auth[i] = t
			if ok && t.others(kindSetting) {
				c.problem("Name settings, or write the value.", "Who fetches keys authenticates with settings, not with what a stranger sends.", "keys", "auth", "oauth2", x.key)
			}
			if x.text == "" && x.key != "scope" {
				c.problem("", "This is missing: "+x.key+".", "keys", "auth", "oauth2")
			}
		}
		if t := c.keys.auth[0]; len(t) > 0 && !strings.HasPrefix(t[0].literal, "https://") && t[0].literal != "" {
			c.problem("Write https://…", "Tokens are fetched by https only.", "keys", "auth", "oauth2", "token_url")
		}
	}
}

// others reports whether a text has a source of another kind.
func (t text) others(kinds ...kind) (found bool) {
	t.each(func(s *source, _ bool) { found = found || !slices.Contains(kinds, s.kind) })
	return found
}

// readKeyURL checks the address, and where it may lead.
func (c *compiler) readKeyURL(s *KeySource) {
	t, ok := c.template(s.URL, "", "keys", "url")
	if !ok {
		return
	}
	c.keys.url, c.keys.whole = t, len(t) == 1 && t[0].source != nil
	c.keys.stranger = c.keys.whole && t[0].source.kind != kindSetting
	switch literal := t.beginning(); {
	case len(t) == 0:
		c.problem("Add for example url: https://login.example.com/.well-known/jwks.json", "keys does not say where they are.", "keys")
	case t.has(kindSignature, kindSecret, kindBody):
		c.problem("Name a header, a value of the body, ${key.id} or a setting.", "This cannot be a part of an address.", "keys", "url")
	case c.keys.whole && (len(s.Hosts) > 0 || t[0].source.kind == kindSetting):
	case c.keys.whole:
		c.problem("Add for example hosts: [api.example.com]", "Whoever sends a request chooses the address of the key, so say at which hosts it may be.", "keys", "url")
	case !strings.HasPrefix(literal, "https://"):
		c.problem("Write https://…, or one ${…} that is the whole address.", "Keys are fetched by https only.", "keys", "url")
	default:
		// The host is fixed if the literal goes beyond it. Otherwise what stands in it has to be a setting, or pinned.
		host, _, ended := strings.Cut(strings.TrimPrefix(literal, "https://"), "/")
		u, err := url.Parse("https://" + host)
		if ended && (err != nil || u.Host == "" || u.User != nil) {
			c.problem("", "This is no address.", "keys", "url")
		}
		if !ended && t.others(kindSetting) && len(s.Hosts) == 0 {
			c.problem("Add for example hosts: [\"*.example.com\"]", "Whoever sends a request chooses the host of the key, so say which hosts are possible.", "keys", "url")
		}
		if ended && len(s.Hosts) == 0 {
			s.Hosts = []string{u.Host}
		}
	}
	if len(s.Hosts) > maxHosts {
		c.problem("", fmt.Sprintf("There are %d hosts; at most %d are possible.", len(s.Hosts), maxHosts), "keys", "hosts")
	}
	for _, pin := range s.Hosts {
		if !validPin(pin) {
			c.problem("Write a host such as api.example.com or *.example.com, perhaps with the beginning of a path: api.example.com/keys/",
				fmt.Sprintf("%q is no host.", clip(pin)), "keys", "hosts")
		}
	}
}

// beginning is the literal that a text begins with.
func (t text) beginning() string {
	if len(t) == 0 {
		return ""
	}
	return t[0].literal
}

// validPin reports whether a pattern is a host, of which labels may be *, and perhaps the beginning of a path. The last two
// labels are not *, so that nobody pins everything below com.
func validPin(pin string) bool {
	host, path, _ := strings.Cut(pin, "/")
	host, port, _ := strings.Cut(host, ":")
	if strings.Trim(port, "0123456789") != "" {
		return false
	}
	labels := strings.Split(host, ".")
	for i, label := range labels {
		if label == "*" && i < len(labels)-2 {
			continue
		}
		if label == "" || strings.Trim(label, letters+"-") != "" {
			return false
		}
	}
	return strings.Trim(path, letters+"-._~/") == "" && !strings.Contains(path, "..")
}

// pinned returns which of the hosts an address is at, without a path; "" if it is not https or at none. It takes only
// addresses that every reader understands in the same way: no user, no fragment, no path with empty parts or dots, and no
// port that is not named.
func (s *KeySource) pinned(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" || u.User != nil || u.Fragment != "" || u.Opaque != "" || u.Host == "" ||
		len(address) > maxKeyURL || strings.ContainsFunc(address, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '\\' || r == '#' }) {
		return ""
	}
	for part := range strings.SplitSeq(u.Path, "/") {
		if part == "." || part == ".." {
			return ""
		}
	}
	if strings.Contains(u.Path, "//") || strings.Contains(strings.ToLower(u.EscapedPath()), "%2e") {
		return ""
	}
	host := strings.TrimSuffix(strings.ToLower(u.Host), ":443")
	for _, pin := range s.Hosts {
		name, path, _ := strings.Cut(pin, "/")
		if name = strings.ToLower(name); sameLabels(name, host) && strings.HasPrefix(u.EscapedPath(), "/"+path) {
			return name
		}
	}
	return ""
}

// sameLabels compares a host with a pattern, label by label.
func sameLabels(pattern, host string) bool {
	p, h := strings.Split(pattern, "."), strings.Split(host, ".")
	if len(p) != len(h) {
		return false
	}
	for i := range p {
		if p[i] != h[i] && (p[i] != "*" || h[i] == "" || strings.Trim(h[i], letters+"-") != "") {
			return false
		}
	}
	return true
}

// Wanted says which document has the public key of a request, nil if the scheme has a key that its user brings along. The
// message needs Settings if the contract names some. An address at another host than the contract names is an error, which
// wraps [ErrKey]; a request without what the address is made of, one that wraps [ErrMissing].
func (s *Scheme) Wanted(m Message) (*Wanted, error) {
	for _, part := range append([]*Scheme{s}, s.Parts...) {
		if part.wanted != nil {
			return part.wanted(m)
		}
	}
	return nil, nil
}

// FetchesKeys reports whether the public keys of the scheme are at an address.
func (s *Scheme) FetchesKeys() bool {
	return slices.ContainsFunc(append([]*Scheme{s}, s.Parts...), func(part *Scheme) bool { return part.wanted != nil })
}

func (c *compiled) wanted(m Message) (*Wanted, error) {
	r := reading{values: values{m: &m, strip: c.strip}}
	for i := range c.places {
		if err := r.read(&c.places[i]); err != nil {
			return nil, err
		}
	}
	if c.jwt != nil && len(r.candidates) > 0 {
		r.keyID = tokenKeyID(r.candidates[0])
	}
	if len(r.keyID) > maxKeyID {
		return nil, noKey("the name of the key is too long")
	}
	w, src := &Wanted{KeyID: r.keyID, Source: c.Description.Keys}, c.Description.Keys
	address, absent := "", (*source)(nil)
	if c.keys.whole {
		address, absent = c.keys.url.render(&r.values)
	} else {
		address, absent = c.keys.url.escaped(&r.values, false)
	}
	if absent != nil {
		return nil, fmt.Errorf("%w: ${%s}, which says where the key is", ErrMissing, absent.name)
	}
	if w.URL = address; len(src.Hosts) == 0 { // its host is a setting
		src = &KeySource{Hosts: []string{hostOf(address)}}
	}
	if w.Host = src.pinned(address); w.Host == "" || c.keys.stranger && strings.Contains(address, "?") {
		return nil, noKey("the address %q is not one that the contract allows", clipURL(address))
	}
	if src := c.Description.Keys; src.Auth != nil {
		var texts [4]string
		for i, t := range c.keys.auth {
			if texts[i], absent = t.render(&r.values); absent != nil {
				return nil, fmt.Errorf("%w: ${%s}, with which the key is fetched", ErrMissing, absent.name)
			}
		}
		if !strings.HasPrefix(texts[0], "https://") { // it may be a setting
			return nil, noKey("the address of its token is not https")
		}
		w.OAuth2 = &hook.OAuth2{TokenURL: texts[0], ClientID: texts[1], ClientSecret: texts[2], Scope: texts[3]}
	}
	return w, nil
}

func clipURL(s string) string {
	if len(s) > 120 {
		return s[:120] + "…"
	}
	return s
}

// escaped is render for an address: values are escaped, so that none can reach beyond its part of the path, or beyond its
// parameter of the query. An id "a&app=theirs" would otherwise choose whose key it is. inQuery says that a ? stands before.
func (t text) escaped(v *values, inQuery bool) (string, *source) {
	var b strings.Builder
	for _, p := range t {
		switch {
		case p.group != nil:
			if s, absent := p.group.escaped(v, inQuery); absent == nil {
				b.WriteString(s)
				inQuery = inQuery || strings.Contains(s, "?")
			}
		case p.source == nil:
			b.WriteString(p.literal)
			inQuery = inQuery || strings.Contains(p.literal, "?")
		default:
			value, ok := v.get(p.source)
			if !ok {
				return "", p.source
			}
			escape := url.PathEscape
			if inQuery {
				escape = urlencode
			}
			b.WriteString(escape(value))
		}
	}
	return b.String(), nil
}

// tokenKeyID is the id of the key that a token says it is signed with.
func tokenKeyID(token string) string {
	head, _, _ := strings.Cut(token[:min(len(token), maxToken)], ".")
	doc, err := encodings[2].decode(head)
	if err != nil || rawjson.Check(doc, rawjson.MaxDepth) != nil {
		return ""
	}
	return member(bytes.TrimSpace(doc), "kid")
}

// keysOf are the keys that one request is verified with: those that the receiver brought along, and those that are
// published. id names the key, if the request does.
func (v *describedVerifier) keysOf(m *Message, id string, now time.Time) ([]material, error) {
	if v.Description.Keys == nil || m.Keys == nil && len(v.keys) > 0 {
		return v.keys, nil
	}
	if m.Keys == nil {
		return nil, noKey("nobody has fetched it")
	}
	found, err := v.publishedKeys(m.Keys, id, now)
	return append(slices.Clip(v.keys), found...), err
}

// withHeaderMember puts a member into the JSON object in Base64 that a header is.
func withHeaderMember(headers []hook.Header, path []string, text string) []hook.Header {
	at := slices.IndexFunc(headers, func(h hook.Header) bool { return h.Name == path[0] })
	doc := []byte("{}")
	if at >= 0 {
		doc, _ = encodings[1].decode(headers[at].Value) // ours, from the member before
	}
	doc, _ = withMember(doc, path[1:], text) // an object, so it has room
	h := hook.Header{Name: path[0], Value: encodings[1].encode(doc)}
	if at < 0 {
		return append(headers, h)
	}
	headers = slices.Clone(headers)
	headers[at] = h
	return headers
}

// headerMembers are the texts of a member of JSON objects in Base64.
func headerMembers(lines []string, name string) (out []string) {
	for _, line := range lines {
		if len(line) > maxValue {
			continue
		}
		doc, err := encodings[1].decode(strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimSpace(line)))
		if err != nil || rawjson.KindOf(doc) != '{' {
			continue
		}
		if text, ok := jsonText(doc, []string{name}); ok {
			out = append(out, text)
		}
	}
	return out
}
