package contract

import (
	"fmt"
	"io"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"time"

	"gancho/internal/hook"
	"gancho/internal/rawjson"
	"gancho/internal/template"
	"gancho/internal/yamlfile"
)

// Credential is the part of a credential that requests and tokens can contain.
type Credential = hook.Identity

// Credentials is the section "credentials": what the keys, secrets and tokens of a
// contract look like.
type Credentials struct {
	APIKey Alphabet
	Secret Alphabet
	// Endpoint is set if each credential is created together with the endpoint that it
	// belongs to, and endpoints are created in no other way.
	Endpoint bool
	// Lifetime is how long a token is valid.
	Lifetime time.Duration

	claims *template.Value
}

// Alphabet describes a random text.
type Alphabet struct {
	Length     int
	Characters string
}

// Limits of the credentials section.
const (
	maxKeyLength     = 256
	maxTokenLifetime = 10 * 365 * 24 * time.Hour
	minKeyBits       = 64
)

// Make returns a random text in which all characters are equally likely. It reads as many
// bytes from random as it needs.
func (a Alphabet) Make(random io.Reader) (string, error) {
	out := make([]byte, 0, a.Length)
	limit := 256 - 256%len(a.Characters) // larger bytes would make the first characters likelier
	buf := make([]byte, a.Length)
	for len(out) < a.Length {
		if _, err := io.ReadFull(random, buf); err != nil {
			return "", err
		}
		for _, b := range buf {
			if int(b) < limit && len(out) < a.Length {
				out = append(out, a.Characters[int(b)%len(a.Characters)])
			}
		}
	}
	return string(out), nil
}

// Credentials is how credentials are made, false if the contract has none.
func (c *Contract) Credentials() (Credentials, bool) {
	if c.credentials == nil {
		return Credentials{}, false
	}
	return *c.credentials, true
}

// Has reports whether Make could have returned a text.
func (a Alphabet) Has(text string) bool {
	if len(text) != a.Length {
		return false
	}
	for i := range len(text) {
		if strings.IndexByte(a.Characters, text[i]) < 0 {
			return false
		}
	}
	return true
}

// String describes such a text, as a sentence without its full stop.
func (a Alphabet) String() string {
	return fmt.Sprintf("It has %d characters, all of them from %s", a.Length, a.Characters)
}

// ownClaims are the claims that Gancho sets itself.
var ownClaims = []string{"jti", "iat", "exp"}

// Claims is the payload of a token (JWT) for a credential: the claims of the contract,
// then jti, which is different in each token, and iat and exp in whole seconds. The
// secret is never among them.
func (c *Credentials) Claims(of Credential, jti string, now time.Time) (claims []byte, expires time.Time) {
	issued := now.UTC().Truncate(time.Second)
	expires = issued.Add(c.Lifetime)
	out := []byte("{}")
	if c.claims != nil {
		if made, err := c.claims.Document(&template.Inputs{Credential: &of}); err == nil {
			out = made
		}
	}
	out = out[:len(out)-1]
	if len(out) > 1 {
		out = append(out, ',')
	}
	out = append(out, `"jti":`...)
	out = append(out, rawjson.Quote(jti)...)
	out = append(out, `,"iat":`...)
	out = strconv.AppendInt(out, issued.Unix(), 10)
	out = append(out, `,"exp":`...)
	out = strconv.AppendInt(out, expires.Unix(), 10)
	return append(out, '}'), expires
}

// credentials reads the section.
func (l *loader) credentials(c *Contract, n *yamlfile.Node) {
	o := l.Object(n, "credentials", keysOf["credentials"])
	cr := &Credentials{}
	for _, key := range []string{"api_key", "secret"} {
		v := o.Get(key)
		if v == nil {
			if o.Node != nil {
				l.ProblemAt(n, "credentials has no "+key+".", "Add for example: "+key+": {length: 40, alphabet: a-z0-9}")
			}
			continue
		}
		a := l.alphabet(v, key)
		if key == "api_key" {
			cr.APIKey = a
		} else {
			cr.Secret = a
		}
	}
	if v := o.Get("endpoint"); v != nil {
		cr.Endpoint = l.Bool(v)
	}
	if v := o.Get("token"); v != nil {
		t := l.Object(v, "token", keysOf["credentials.token"])
		if h := t.Get("lifetime"); h != nil {
			cr.Lifetime = l.Duration(h, time.Minute, maxTokenLifetime)
		} else if t.Node != nil {
			l.ProblemAt(v, "A token needs a lifetime.", "Add for example: lifetime: 730h")
		}
		if claims := t.Get("claims"); claims != nil {
			cr.claims = l.claims(claims)
		}
	} else if o.Node != nil {
		l.ProblemAt(n, "credentials has no token.", "Add for example: token: {lifetime: 730h}")
	}
	c.credentials = cr
}

func (l *loader) claims(n *yamlfile.Node) *template.Value {
	if n.Kind != yamlfile.KindMapping {
		l.ProblemAt(n, "claims is a mapping from the names of claims to their values.", `Write for example: claims: {name: "${credential.name}"}`)
		return nil
	}
	for _, p := range n.Pairs {
		if slices.Contains(ownClaims, strings.ToLower(p.Key)) {
			l.Problem(p.Line, p.Column, fmt.Sprintf("The claim %s is set by Gancho itself.", p.Key), "Remove the line; lifetime decides.")
		}
	}
	return template.ReadValue(l.File, n, template.Place{Roots: []string{"credential"}, Scope: template.CredentialScope()})
}

func (l *loader) alphabet(n *yamlfile.Node, what string) (a Alphabet) {
	o := l.Object(n, what, keysOf["credentials.api_key"])
	if o.Node == nil {
		return a
	}
	if v := o.Get("length"); v != nil {
		a.Length = int(l.Number(v, 1, maxKeyLength))
	} else {
		l.ProblemAt(n, what+" has no length.", "Add for example: length: 40")
	}
	if v := o.Get("alphabet"); v != nil {
		a.Characters = l.characters(v)
	} else {
		l.ProblemAt(n, what+" has no alphabet.", "Add for example: alphabet: a-z0-9")
	}
	if have := a.bits(); a.Length > 0 && a.Characters != "" && have < minKeyBits {
		l.ProblemAt(n, fmt.Sprintf("%s could be guessed: it has %d bits of randomness, and at least %d are needed.", what, have, minKeyBits), "Make it longer.")
	}
	return a
}

// bits is a lower bound for the bits of randomness in a text.
func (a Alphabet) bits() int { return a.Length * (bits.Len(uint(len(a.Characters))) - 1) }

// characters reads an alphabet, in which a-z stands for a range.
func (l *loader) characters(n *yamlfile.Node) string {
	text := l.Str(n)
	var out []byte
	add := func(c byte) bool {
		if c <= ' ' || c > '~' || c == '"' || c == '\\' || slices.Contains(out, c) {
			return false
		}
		out = append(out, c)
		return true
	}
	for i := 0; i < len(text); i++ {
		from, to := text[i], text[i]
		if i+2 < len(text) && text[i+1] == '-' {
			to = text[i+2]
			i += 2
		}
		for c := int(from); c <= int(to) || c == int(from); c++ {
			if !add(byte(c)) {
				l.ProblemAt(n, fmt.Sprintf("%q cannot be an alphabet.", text), "Write each character once, or ranges, for example a-z0-9.")
				return ""
			}
		}
	}
	if n.Kind == yamlfile.KindText && len(out) < 2 {
		l.ProblemAt(n, "An alphabet has at least two characters.", "Write for example a-z0-9.")
		return ""
	}
	return string(out)
}

// NeedsCredential reports whether requests contain something of a credential.
func (c *Contract) NeedsCredential() bool {
	e := &c.endpoint
	if e.bodyNames("credential") {
		return true
	}
	if slices.ContainsFunc(e.query, func(q parameter) bool { return q.value.Names("credential") }) {
		return true
	}
	for _, t := range e.auth {
		if t.Names("credential") {
			return true
		}
	}
	return e.contentType.Names("credential") || c.setNames("credential") ||
		slices.ContainsFunc(slices.Concat(e.headers, c.headersOfTypes()), func(h headerTemplate) bool { return h.value.Names("credential") })
}

// credentialRoots are the roots that templates can name, without credential if the
// contract has no credentials.
func credentialRoots(c *Contract, roots []string) []string {
	if c.credentials != nil {
		return roots
	}
	return slices.DeleteFunc(slices.Clone(roots), func(r string) bool { return strings.HasPrefix(r, "credential") })
}
