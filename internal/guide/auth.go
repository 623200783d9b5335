package guide

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"gancho/internal/contract"
	"gancho/internal/hook"
	"gancho/internal/rawjson"
	"gancho/internal/sign"
)

// How a receiver can know that a request is genuine.
const (
	bySignature = "signature" // Standard Webhooks
	byRecipe    = "recipe"    // a signature that the contract describes
	byHeader    = "header"    // a secret in a header
	byBody      = "body"      // a secret in a member of the body
	byQuery     = "query"     // a secret in a parameter of the query
	byURL       = "url"       // nothing in the request; the receiver can put a secret into its address
)

// auth says where a request has its secret, and what that secret is.
type auth struct {
	kind    string
	header  string   // name
	prefix  string   // what comes before the secret in the header's value
	encoded bool     // after the prefix, the secret is written in Base64
	secret  string   // placeholder of the secret
	member  []string // path in the body, of byBody
	param   string   // name, of byQuery; where the receiver's own secret stands, of byURL
	is      origin
}

// sent is how the secret is written in the header.
func (a auth) sent() string {
	if a.encoded {
		return base64.StdEncoding.EncodeToString([]byte(a.secret))
	}
	return a.secret
}

// value is the whole value of the header.
func (a auth) value() string { return a.prefix + a.sent() }

// origin says where a receiver gets the secret that it compares with.
type origin struct {
	text    string           // key in the catalogue, one of the texts what.…
	setting contract.Setting // of whatSetting
	key     string           // of a pair, of whatPair
	place   string           // of a pair
}

// What a receiver compares with.
const (
	whatSigning = "what.signing" // the signing secret of the webhook
	whatKey     = "what.key"     // the API key of the credential
	whatSetting = "what.setting" // what was entered in a field
	whatBasic   = "what.basic"   // user and password
	whatPair    = "what.pair"    // the value of a pair
	whatURL     = "what.url"     // what the receiver put into its own address
)

// optional reports whether a request has the secret only if somebody fills in a field that can be left empty.
func (o origin) optional() bool { return o.text == whatSetting && !o.setting.Required }

// what is what a receiver compares with, as a part of a sentence.
func (p *page) what(o origin) string {
	switch o.text {
	case whatSetting:
		return p.words(o.text, "field", p.field(o.setting))
	case whatPair:
		return p.words(o.text, "key", quoted(o.key))
	case whatURL:
		return p.words(o.text, "secret", quoted(sampleSecret))
	}
	return p.words(o.text)
}

// field is the name of a setting in the form.
func (p *page) field(s contract.Setting) string {
	if title := s.Title.In(p.language); title != "" {
		return title
	}
	return s.Name
}

// checked is how the sample programs know a genuine request. Where they cannot check what a request has, they compare a
// secret in the receiver's own address.
func (f *facts) checked() auth {
	if f.auth.kind == byRecipe && f.programmable() == nil {
		return ownAddress
	}
	return f.auth
}

var ownAddress = auth{kind: byURL, param: "token", secret: sampleSecret, is: origin{text: whatURL}}

// candidate is a placeholder that the example of a request may have somewhere.
type candidate struct {
	text string
	is   origin
}

// findAuth finds where a request has the placeholder of a secret.
func (f *facts) findAuth(r contract.Rendering) auth {
	switch {
	case f.standard():
		return auth{kind: bySignature, is: origin{text: whatSigning}}
	case f.contract.Scheme() != nil && !f.bare():
		return auth{kind: byRecipe, is: origin{text: whatSigning}}
	}
	for _, c := range f.candidates() {
		if a, ok := f.find(r, c); ok {
			return a
		}
	}
	if f.bare() { // it stands where no program looks that is so simple
		return auth{kind: byRecipe, is: origin{text: whatSigning}}
	}
	return ownAddress
}

// candidates are the placeholders of all secrets that a request may have.
func (f *facts) candidates() (list []candidate) {
	if f.bare() {
		return []candidate{{f.signing, origin{text: whatSigning}}}
	}
	if f.contract.AuthKind() == "basic" {
		list = append(list, candidate{f.userAndPassword(), origin{text: whatBasic}})
	}
	for _, s := range f.contract.Settings() {
		if s.Secret {
			list = append(list, candidate{placeholder(s.Name), origin{text: whatSetting, setting: s}})
		}
	}
	if _, ok := f.contract.Credentials(); ok {
		list = append(list, candidate{sampleKey, origin{text: whatKey}})
	}
	if pair, ok := samplePair(f.contract); ok {
		list = append(list, candidate{pair.Value, origin{text: whatPair, key: pair.Key, place: cmp.Or(pair.Place, "header")}})
	}
	return list
}

// userAndPassword is the placeholder of user and password as basic authentication joins them, "" without it.
func (f *facts) userAndPassword() string {
	a := f.contract.Auth(f.config(f.settings))
	if a == nil || a.Basic == nil {
		return ""
	}
	return a.Basic.User + ":" + a.Basic.Password
}

// find finds a placeholder in a request: at the end of a header, perhaps in Base64, as a text in the body, or as a
// parameter of the query.
func (f *facts) find(r contract.Rendering, c candidate) (auth, bool) {
	if c.text == "" {
		return auth{}, false
	}
	a := auth{secret: c.text, is: c.is}
	encoded := base64.StdEncoding.EncodeToString([]byte(c.text))
	for _, h := range r.Headers {
		a.kind, a.header = byHeader, h.Name
		if before, ok := strings.CutSuffix(h.Value, c.text); ok {
			a.prefix = before
			return a, true
		}
		if before, ok := strings.CutSuffix(h.Value, encoded); ok {
			a.prefix, a.encoded = before, true
			return a, true
		}
	}
	a.header = ""
	if path := pathOf(r.Body, c.text); path != nil {
		a.kind, a.member = byBody, path
		return a, true
	}
	if u, err := url.Parse(r.URL); err == nil {
		for name, values := range u.Query() {
			if slices.Equal(values, []string{c.text}) && plainName.MatchString(name) {
				a.kind, a.param = byQuery, name
				return a, true
			}
		}
	}
	return auth{}, false
}

// plainName matches names of parameters that every language reads as they are; PHP changes others.
var plainName = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// pathOf is the path of a text in a JSON object, nil if it is not there.
func pathOf(doc []byte, text string) []string {
	if rawjson.KindOf(doc) != '{' {
		return nil
	}
	for _, m := range rawjson.Members(doc) {
		name := m.Name
		switch rawjson.KindOf(m.Value) {
		case '"':
			if rawjson.Text(m.Value) == text {
				return []string{name}
			}
		case '{':
			if rest := pathOf(m.Value, text); rest != nil {
				return append([]string{name}, rest...)
			}
		}
	}
	return nil
}

// bare reports whether each request has the signing secret itself in it, and no other signature.
func (f *facts) bare() bool {
	s := f.contract.Scheme()
	return s != nil && s.Bare && s.Description != nil
}

// signingSecret is a placeholder of the signing secret that a scheme takes, "" if it takes none.
func signingSecret(s *sign.Scheme) string {
	if s == nil || s.Description == nil {
		return ""
	}
	for _, text := range []string{"your-signing-secret", s.Description.Secret.Prefix + "your-signing-secret"} {
		if s.Check(text) == nil {
			return text
		}
	}
	return ""
}

// sign puts into an example what the signature adds to it: the secret itself, or members of the body. Other signatures
// are described beside the example.
func (f *facts) sign(r contract.Rendering) contract.Rendering {
	s := f.contract.Scheme()
	if f.signing == "" || !f.bare() && !s.Description.InBody() {
		return r
	}
	signer, err := s.NewSigner([]hook.Secret{{Text: f.signing}})
	if err != nil {
		return r
	}
	signed, err := signer.Sign(sign.Message{
		ID: hook.EventID{}.String(), Time: sampleTime, Nonce: strings.Repeat("0123456789", 5), Method: r.Method,
		URL: r.URL, Headers: slices.Clip(r.Headers), Body: r.Body, Settings: f.settings,
	})
	if err != nil {
		f.signing = "" // the example lacks what is signed
		return r
	}
	r.Body = signed.Body
	if f.bare() {
		r.URL, r.Headers = signed.URL, signed.Headers
	}
	return r
}

// pair is a pair of key and value that a customer chooses.
type pair struct {
	Key   string `json:"key"`
	Value string `json:"value"`
	Place string `json:"place,omitempty"`
}

// list is a setting with this pair alone.
func (p pair) list() []byte {
	list, err := json.Marshal([]pair{p})
	if err != nil {
		panic(err) // cannot happen: strings always encode
	}
	return list
}

// samplePair is a pair that an endpoint of the contract takes, in a header if possible. It is false if the contract has
// no pairs, or takes none of these.
func samplePair(c *contract.Contract) (pair, bool) {
	setting := c.PairsSetting()
	if setting == "" {
		return pair{}, false
	}
	at := "/settings/" + setting
	for _, place := range []string{"", "header", "query", "body"} {
		for _, key := range []string{pairHeader, "X-My-Token", "token", "my_token"} {
			p := pair{key, pairValue, place}
			wrong := c.CheckEndpoint(hook.EndpointConfig{URL: sampleURL, Settings: fmt.Appendf(nil, "{%q:%s}", setting, p.list())})
			if !slices.ContainsFunc(wrong, func(f hook.FieldError) bool { return strings.HasPrefix(f.Pointer, at) }) {
				return p, true
			}
		}
	}
	return pair{}, false
}
