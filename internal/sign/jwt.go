package sign

import (
	"bytes"
	"crypto/hmac"
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"gancho/internal/rawjson"
)

// JWT says that the signature is a JSON Web Token (RFC 7519) in its compact form. Its algorithm is that of the
// description, by the name that RFC 7518 gives it.
type JWT struct {
	Claims []Claim // of a token that is not detached; a receiver compares those that it can compute
	Header []Claim // beside alg
	// Lifetime adds the claims iat and exp; 0: none. A receiver looks at exp and nbf in any case.
	Lifetime time.Duration
	// Detached says that the token signs the body, which is not in it (RFC 7515, appendix F, with RFC 7797): header..signature.
	Detached bool
	// Enclosed says that the body is a JSON object whose members are the claims, and that the token takes its place.
	Enclosed bool
}

// Claim is a member of a token. Its value is a template. One that is nothing but the time in seconds or milliseconds is
// a number.
type Claim struct{ Name, Value string }

// claim is a Claim that can be used.
type claim struct {
	name   string
	text   text
	number bool
	known  bool // a receiver can compute it
}

// jwt is a JWT that can be used.
type jwt struct {
	JWT
	alg            string
	claims, header []claim
}

// jwtEncoding is the form of a token in a template. What a signature is in bytes stands inside of it.
var jwtEncoding = &encoding{name: "jwt", class: "[0-9A-Za-z_.-]"}

// jwtNames are the names of algorithms in tokens.
var jwtNames = map[string]string{
	"hmac-sha256": "HS256", "hmac-sha384": "HS384", "hmac-sha512": "HS512", "rsa-sha256": "RS256", "rsa-pss-sha256": "PS256",
	"ecdsa-sha256-raw": "ES256", "ed25519": "EdDSA",
}

// maxToken is how long a token may be that a verifier looks at, in bytes.
const maxToken = 8 << 10

// maxEnclosed is how long one may be that is the body.
const maxEnclosed = 4 << 20

// readJWT makes a jwt of the description.
func (c *compiler) readJWT() {
	d := c.Description.JWT
	c.jwt, c.encoding = &jwt{JWT: *d, alg: jwtNames[c.Algorithm]}, jwtEncoding
	if c.jwt.alg == "" {
		c.problem("Possible: hmac-sha256, hmac-sha384, hmac-sha512, rsa-sha256, rsa-pss-sha256, ecdsa-sha256-raw, ed25519.",
			fmt.Sprintf("No token can be signed with %s.", c.Algorithm), "algorithm")
	}
	for key, given := range map[string]string{"over": c.Over, "encoding": c.Description.Encoding} {
		if given != "" {
			c.problem("Remove it.", "A token has its own form, and signs its claims.", key)
		}
	}
	if d.Detached && (len(d.Claims) > 0 || d.Lifetime > 0) {
		c.problem("Put them into header, or remove detached.", "A detached token has no claims: it signs the body.", "jwt", "claims")
	}
	if d.Enclosed {
		if len(d.Claims) > 0 || d.Lifetime > 0 || d.Detached {
			c.problem("Remove claims, lifetime and detached.", "The claims of this token are what the body has.", "jwt", "enclosed")
		}
		c.Places = append([]Place{{In: InBody, Value: "${signature}"}}, c.Places...)
	}
	c.jwt.claims, c.jwt.header = c.readClaims(d.Claims, "claims", "iat", "exp"), c.readClaims(d.Header, "header", "alg", "b64", "crit")
}

func (c *compiler) readClaims(list []Claim, key string, taken ...string) (out []claim) {
	for _, x := range list {
		at := []string{"jwt", key, x.Name}
		if slices.Contains(taken, x.Name) && (key == "header" || c.jwt.Lifetime > 0) {
			c.problem("Remove it.", "This is filled in already.", at...)
		}
		t, ok := c.template(x.Value, "", at...)
		if !ok {
			continue
		}
		c.readBack(t, at...)
		known, others := !t.has(kindTimestamp, kindNonce, kindEventID, kindKeyID), false
		t.each(func(s *source, _ bool) {
			others = others || !slices.Contains([]kind{kindTimestamp, kindNonce, kindEventID, kindKeyID}, s.kind)
		})
		if !known && others {
			c.problem("Make a claim of each.", "A receiver knows ${timestamp}, ${nonce} and ${event.id} from the token alone, "+
				"so it could not compare what stands beside them.", at...)
		}
		out = append(out, claim{
			name: x.Name, text: t, known: known,
			number: len(t) == 1 && t.has(kindTimestamp) && c.Timestamp != "rfc3339" && c.Timestamp != "http",
		})
		if t.has(kindSecret, kindSignature) {
			c.problem("Name parts of the request, for example ${body.sha256}.", "Neither the secret nor the signature can stand in the token.", at...)
		}
	}
	return out
}

// texts are the templates of a token.
func (j *jwt) texts() (out []located) {
	if j == nil {
		return nil
	}
	for _, x := range j.claims {
		out = append(out, located{x.text, []string{"jwt", "claims", x.name}})
	}
	for _, x := range j.header {
		out = append(out, located{x.text, []string{"jwt", "header", x.name}})
	}
	return out
}

func base64url(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// input is what a token signs, and how the token begins.
func (j *jwt) input(v *values, now time.Time) (message []byte, begin string, absent *source) {
	first := `{"alg":"` + j.alg + `"`
	if j.Detached {
		first += `,"b64":false,"crit":["b64"]`
	}
	head, absent := appendClaims([]byte(first), j.header, v)
	if absent != nil {
		return nil, "", absent
	}
	if begin = base64url(append(head, '}')); j.Detached {
		return slices.Concat([]byte(begin+"."), v.m.Body), begin + ".", nil
	}
	if j.Enclosed {
		if rawjson.KindOf(v.m.Body) != '{' || rawjson.Check(v.m.Body, rawjson.MaxDepth) != nil {
			return nil, "", &source{name: "body, as a JSON object"}
		}
		begin += "." + base64url(v.m.Body)
		return []byte(begin), begin, nil
	}
	claims, absent := appendClaims([]byte("{"), j.claims, v)
	if absent != nil {
		return nil, "", absent
	}
	if j.Lifetime > 0 {
		if len(claims) > 1 {
			claims = append(claims, ',')
		}
		claims = fmt.Appendf(claims, `"iat":%d,"exp":%d`, now.Unix(), now.Add(j.Lifetime).Unix())
	}
	begin += "." + base64url(append(claims, '}'))
	return []byte(begin), begin, nil
}

func appendClaims(b []byte, list []claim, v *values) ([]byte, *source) {
	for _, x := range list {
		value, absent := x.text.render(v)
		if absent != nil {
			return nil, absent
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = append(append(b, rawjson.Quote(x.name)...), ':')
		if x.number {
			b = append(b, value...)
		} else {
			b = append(b, rawjson.Quote(value)...)
		}
	}
	return b, nil
}

// verifyToken checks one token against the request.
func (v *describedVerifier) verifyToken(token string, r *reading, now time.Time) error {
	wrong := func(format string, args ...any) error {
		return fmt.Errorf("%w: the token %s", ErrNoMatch, fmt.Sprintf(format, args...))
	}
	parts := strings.Split(token, ".")
	longest := maxToken
	if v.jwt.Enclosed {
		longest = maxEnclosed
	}
	if len(token) > longest || len(parts) != 3 || (parts[1] == "") != v.jwt.Detached {
		return wrong("has another form")
	}
	decode := base64.RawURLEncoding.Strict().DecodeString
	head, err := decode(parts[0])
	payload, err2 := decode(parts[1])
	signature, err3 := decode(parts[2])
	if err != nil || err2 != nil || err3 != nil || rawjson.Check(head, rawjson.MaxDepth) != nil ||
		!v.jwt.Detached && rawjson.Check(payload, rawjson.MaxDepth) != nil {
		return wrong("cannot be read")
	}
	if alg := member(head, "alg"); alg != v.jwt.alg {
		return wrong("is signed with %q, and %s is expected", clip(alg), v.jwt.alg)
	}
	crit, critical := rawjson.Lookup(head, "crit")
	plain, unencoded := rawjson.Lookup(head, "b64")
	message := []byte(parts[0] + "." + parts[1])
	switch {
	case v.jwt.Detached:
		if unencoded && string(plain) == "false" {
			message = append(message, v.m(r)...)
		} else {
			message = append(message, base64url(v.m(r))...)
		}
		if critical && !(len(rawjson.Elements(crit)) == 1 && rawjson.Text(rawjson.Elements(crit)[0]) == "b64") {
			return wrong("demands extensions that are not known")
		}
	case critical || unencoded:
		return wrong("demands extensions that are not known")
	}
	keys, err := v.keysOf(r.values.m, member(head, "kid"), now)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(keys, func(k material) bool {
		if v.algorithm.private() {
			return v.algorithm.verify(&k, message, signature)
		}
		return hmac.Equal(signature, v.algorithm.sum(&k, message))
	}) {
		return fmt.Errorf("%w: the secret is another one, or the token was changed on the way", ErrNoMatch)
	}
	if err := v.checkClaims(head, v.jwt.header, r, now); err != nil || v.jwt.Detached {
		return err
	}
	limit := int64(v.tolerance / time.Second)
	for _, name := range []string{"exp", "nbf"} {
		text := member(payload, name)
		if text == "" {
			if name == "exp" && v.jwt.Lifetime > 0 {
				return wrong("has no claim exp")
			}
			continue
		}
		at, err := strconv.ParseFloat(text, 64)
		switch {
		case err != nil:
			return fmt.Errorf("%w: the claim %s is %q", ErrBadTimestamp, name, clip(text))
		case name == "exp" && at < float64(now.Unix()-limit):
			return fmt.Errorf("%w: the token has expired", ErrTooOld)
		case name == "nbf" && at > float64(now.Unix()+limit):
			return fmt.Errorf("%w: the token is not in force yet", ErrTooNew)
		}
	}
	return v.checkClaims(payload, v.jwt.claims, r, now)
}

// m is the body of the request.
func (v *describedVerifier) m(r *reading) []byte { return r.values.m.Body }

// checkClaims compares claims with the request, and their time with now.
func (v *describedVerifier) checkClaims(doc []byte, list []claim, r *reading, now time.Time) error {
	for _, x := range list {
		got := member(doc, x.name)
		// A nonce or an id may stand in a header as well, which the token is to vouch for.
		want, absent := x.text.render(&r.values)
		if absent != nil && absent.kind == kindSetting && r.m.Settings == nil && r.m.Keys == nil {
			continue // whoever verifies was not told, and brought the key of this sender, which vouches for the rest
		}
		if x.known && absent != nil || absent == nil && !same(want, got) {
			return fmt.Errorf("%w: the claim %s of the token does not fit the request", ErrNoMatch, x.name)
		}
		if x.known {
			continue
		}
		if got == "" {
			return fmt.Errorf("%w: the claim %s of the token", ErrMissing, x.name)
		}
		if len(x.text) == 1 && x.text.has(kindTimestamp) {
			seconds, ok := v.seconds(got)
			if !ok {
				return fmt.Errorf("%w: it is %q", ErrBadTimestamp, clip(got))
			}
			if err := near(seconds, v.tolerance, now); err != nil {
				return err
			}
		}
	}
	return nil
}

// member is the text of a member of an object, "" if it is absent or null.
func member(doc []byte, name string) string {
	token, ok := rawjson.Lookup(bytes.TrimSpace(doc), name)
	if !ok || rawjson.KindOf(token) == 'n' {
		return ""
	}
	return rawjson.Text(token)
}
