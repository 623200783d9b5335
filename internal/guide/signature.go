package guide

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"gancho/internal/hook"
	"gancho/internal/sign"
)

// described are the signatures of each request that the contract describes itself. Beside them there may be one of
// Standard Webhooks.
func (f *facts) described() (list []*sign.Description) {
	s := f.contract.Scheme()
	if s == nil {
		return nil
	}
	parts := s.Parts
	if parts == nil {
		parts = []*sign.Scheme{s}
	}
	for _, part := range parts {
		if part.Description != nil {
			list = append(list, part.Description)
		}
	}
	return list
}

// enclosed reports whether the body of a request is a token that has the event in it.
func (f *facts) enclosed() bool {
	return slices.ContainsFunc(f.described(), func(d *sign.Description) bool { return d.JWT != nil && d.JWT.Enclosed })
}

// standard reports whether each request has a signature of Standard Webhooks, perhaps among others.
func (f *facts) standard() bool {
	s := f.contract.Scheme()
	return s == sign.StandardWebhooks || s != nil && len(f.described()) < len(s.Parts)
}

// recipe says in words how a described signature is computed and compared.
func (p *page) recipe(d *sign.Description) {
	if d.Algorithm == "token" {
		p.say(map[bool]string{true: "recipe.token", false: "recipe.token_base64"}[d.Encoding == "text"])
		p.placesOf(d)
		return
	}
	if d.JWT != nil {
		p.token(d)
		return
	}
	intro := "recipe.intro"
	if public(d) {
		intro = "recipe.verify"
	}
	p.say(intro, "algorithm", algorithmsOf(d))
	p.code("text", []byte(d.Over))
	var parts []string
	for _, name := range d.Sources() {
		parts = append(parts, p.source(d, name))
	}
	if strings.ContainsAny(d.Over, "[]") {
		parts = append(parts, p.words("recipe.brackets"))
	}
	p.list(parts...)
	p.list(p.keyOf(d), p.words(encodingTexts[d.Encoding]))
	p.placesOf(d)
	if d.Join != nil {
		p.say("recipe.several", "join", "`"+*d.Join+"`")
	}
	if d.Tolerance > 0 {
		p.say("recipe.tolerance", "time", duration(d.Tolerance, p.language))
	}
}

// token says how to verify a signature that is a JSON Web Token.
func (p *page) token(d *sign.Description) {
	switch {
	case d.JWT.Detached:
		p.say("recipe.jwt_detached", "algorithm", quoted(d.Algorithm))
	case d.JWT.Enclosed:
		p.say("recipe.jwt_enclosed", "algorithm", quoted(d.Algorithm))
	default:
		p.say("recipe.jwt", "algorithm", quoted(d.Algorithm))
	}
	var b strings.Builder
	for _, c := range slices.Concat(d.JWT.Header, d.JWT.Claims) {
		b.WriteString(c.Name + ": " + c.Value + "\n")
	}
	if b.Len() > 0 {
		p.say("recipe.jwt_claims")
		p.code("text", []byte(strings.TrimSuffix(b.String(), "\n")))
	}
	p.list(p.keyOf(d))
	p.placesOf(d)
}

// algorithmsOf are the algorithms of a signature: the one that signs, and those that a receiver takes as well.
func algorithmsOf(d *sign.Description) string {
	names := []string{quoted(d.Algorithm)}
	for _, name := range d.Also {
		names = append(names, quoted(name))
	}
	return strings.Join(names, " / ")
}

// public reports whether a receiver verifies with a public key.
func public(d *sign.Description) bool {
	return strings.HasPrefix(d.Algorithm, "ed25519") || strings.HasPrefix(d.Algorithm, "ecdsa-") || strings.HasPrefix(d.Algorithm, "rsa-")
}

// plain reports whether a signature is a sum without a key.
func plain(d *sign.Description) bool { return strings.HasPrefix(d.Algorithm, "sha") }

// keyOf says what a receiver verifies with.
func (p *page) keyOf(d *sign.Description) string {
	switch {
	case d.Keys != nil:
	case public(d):
		return p.words(publicTexts[d.Key])
	case plain(d): // there is no key
		return ""
	default:
		return p.words(keyTexts[d.Key])
	}
	hosts := "`" + strings.Join(d.Keys.Hosts, "`, `") + "`"
	if len(d.Keys.Hosts) == 0 {
		hosts = "`" + d.Keys.URL + "`"
	}
	return p.words("recipe.keys", "url", d.Keys.URL, "hosts", hosts)
}

// headersOf are the headers of a signature, with what stands in them. A JSON object in Base64 is written as one.
func headersOf(d *sign.Description) (out []hook.Header) {
	for _, place := range d.Places {
		if place.In != sign.InHeader {
			continue
		}
		if len(place.Path) == 1 {
			out = append(out, hook.Header{Name: place.Path[0], Value: place.Value})
			continue
		}
		one := fmt.Sprintf("%q:%q", place.Path[1], place.Value)
		if n := len(out); n > 0 && out[n-1].Name == place.Path[0] {
			out[n-1].Value = strings.TrimSuffix(out[n-1].Value, "})") + "," + one + "})"
		} else {
			out = append(out, hook.Header{Name: place.Path[0], Value: "base64({" + one + "})"})
		}
	}
	return out
}

// placesOf says where a signature stands in a request.
func (p *page) placesOf(d *sign.Description) {
	p.say("recipe.places")
	var b strings.Builder
	for _, place := range d.Places {
		if place.In != sign.InHeader {
			part := map[sign.Part]string{sign.InQuery: "query", sign.InBody: "body"}[place.In]
			b.WriteString(strings.TrimSpace(part+" "+strings.Join(place.Path, ".")) + ": " + place.Value + "\n")
		}
	}
	for _, h := range headersOf(d) {
		b.WriteString("header " + h.Name + ": " + h.Value + "\n")
	}
	p.code("text", []byte(strings.TrimSuffix(b.String(), "\n")))
}

// Keys of the catalogue: how the secret becomes a key, how the signature is written, what a source is, and what one of a
// family is, such as header.x-id.
var (
	keyTexts = map[string]string{
		"text": "recipe.key_text", "base64": "recipe.key_base64", "hex": "recipe.key_hex", "whsec": "recipe.key_whsec",
		"sha1": "recipe.key_sha1",
	}
	publicTexts = map[string]string{
		"base64": "recipe.public_base64", "hex": "recipe.public_hex", "whsec": "recipe.public_whsec", "pem": "recipe.public_pem",
	}
	encodingTexts = map[string]string{"hex": "recipe.encoding_hex", "base64": "recipe.encoding_base64", "base64url": "recipe.encoding_base64url", "base64url_unpadded": "recipe.encoding_base64url_unpadded"}
	timeTexts     = map[string]string{
		"unix": "recipe.source_timestamp_unix", "unix_ms": "recipe.source_timestamp_unix_ms", "rfc3339": "recipe.source_timestamp_rfc3339", "http": "recipe.source_timestamp_http",
	}
	sourceTexts = map[string]string{
		"body":               "recipe.source_body",
		"body.sha256":        "recipe.source_body_sha256",
		"body.sha256.base64": "recipe.source_body_sha256_base64",
		"body.crc32":         "recipe.source_body_crc32",
		"key.id":             "recipe.source_key_id",
		"host":               "recipe.source_host",
		"nonce":              "recipe.source_nonce",
		"event.id":           "recipe.source_event_id",
		"secret":             "recipe.source_secret",
		"method":             "recipe.source_method",
		"url":                "recipe.source_url",
		"url.decoded":        "recipe.source_url_decoded",
		"path":               "recipe.source_path",
		"query":              "recipe.source_query",
		"url.query.sorted":   "recipe.source_query_sorted",
		"url.query.grouped":  "recipe.source_query_grouped",
		"signed.headers":     "recipe.source_signed_headers",
		"signed.values":      "recipe.source_signed_values",
		"signed.names":       "recipe.source_signed_names",
		"form.sorted":        "recipe.source_form_sorted",
	}
	familyTexts = map[string]string{
		"header": "recipe.source_header_of", "query": "recipe.source_query_of", "form": "recipe.source_form_of", "json": "recipe.source_json_of",
		"settings": "recipe.source_settings_of",
	}
)

// source says what a ${…} of a recipe stands for.
func (p *page) source(d *sign.Description, name string) string {
	key, rest := sourceTexts[name], ""
	if name == "timestamp" {
		key = timeTexts[d.Timestamp]
	} else if key == "" {
		family, of, _ := strings.Cut(name, ".")
		key, rest = familyTexts[family], of
	}
	pair, join := "", ""
	if d.Signed != nil {
		pair, join = quoted(d.Signed.Pair), quoted(strings.ReplaceAll(d.Signed.Join, "\n", `\n`))
	}
	return p.words(key, "source", "`${"+name+"}`", "name", quoted(rest), "pair", pair, "join", join)
}

// recipe is a described signature as the sample programs compute it.
type recipe struct {
	Hash      string // sha256
	GoHash    string // sha256.New
	Plain     bool   // a plain sum, without a key
	Key       string // see [sign.Description]
	Prefix    string // of the secret, taken off before the key is decoded
	Encoding  string
	Timestamp string
	Seconds   int // that the time may differ; 0: there is none
	Over      []sign.Step
	Reads     []sign.Read
}

// programmable is the first signature that is simple enough for the sample programs, nil if none is.
func (f *facts) programmable() *recipe {
	for _, d := range f.described() {
		over, reads, ok := d.Simple()
		if !ok {
			continue
		}
		r := &recipe{
			Plain: plain(d), Hash: strings.TrimPrefix(d.Algorithm, "hmac-"), Key: d.Key, Prefix: d.Secret.Prefix,
			Encoding: d.Encoding, Timestamp: d.Timestamp, Seconds: int(d.Tolerance / time.Second), Over: over, Reads: reads,
		}
		r.GoHash = map[string]string{"sha1": "sha1.New", "sha256": "sha256.New", "sha384": "sha512.New384", "sha512": "sha512.New"}[r.Hash]
		if d.Key == "whsec" {
			r.Prefix = "whsec_"
		}
		return r
	}
	return nil
}

// LooksUp reports whether the program needs a value that it read from a header, beside the signature.
func (r *recipe) LooksUp() bool {
	return r.Seconds > 0 || slices.ContainsFunc(r.Over, func(s sign.Step) bool {
		return s.Source == "timestamp" || s.Source == "nonce" || s.Source == "event.id"
	})
}

// MAC, Base64, Dated and Timed say what the programs have to import.
func (s sample) MAC() bool   { return s.InRecipe() && !s.Recipe.Plain }
func (s sample) Timed() bool { return s.InRecipe() && s.Recipe.Seconds > 0 }
func (s sample) Dated() bool { return s.Timed() && s.Recipe.Timestamp == "rfc3339" }
func (s sample) Base64() bool {
	return s.Encoded || s.InRecipe() && (s.Recipe.Encoding != "hex" || s.MAC() && (s.Recipe.Key == "base64" || s.Recipe.Key == "whsec"))
}

// GoImports are the packages that the program in Go imports.
func (s sample) GoImports() []string {
	list := []string{"crypto/subtle", "io", "log", "net/http", "os"}
	add := func(needed bool, names ...string) {
		if needed {
			list = append(list, names...)
		}
	}
	add(s.JSON(), "encoding/json")
	add(s.Reads == "fields", "net/url")
	add(s.Form != "", "net/url", "strings")
	add(s.Signed(), "crypto/hmac", "crypto/sha256", "encoding/base64", "strconv", "strings", "time")
	add(s.Encoded, "encoding/base64")
	if r := s.Recipe; s.InRecipe() {
		add(true, "crypto/"+strings.ReplaceAll(r.Hash, "sha384", "sha512"), "strings")
		add(s.MAC(), "crypto/hmac")
		add(s.MAC() && r.Key == "sha1", "crypto/sha1")
		add(s.Base64(), "encoding/base64")
		add(r.Encoding == "hex" || s.MAC() && r.Key == "hex", "encoding/hex")
		add(s.Timed(), "time")
		add(s.Timed() && !s.Dated(), "strconv")
	}
	slices.Sort(list)
	return slices.Compact(list)
}
