package contract

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"gancho/internal/hook"
	"gancho/internal/nearest"
	"gancho/internal/rawjson"
)

// Mask is shown in the place of a secret.
const Mask = "********"

// Setting is one thing a person fills in to make an endpoint.
type Setting struct {
	Name     string
	Title    Text
	About    Text
	Secret   bool
	Required bool
}

// settings is what an endpoint's settings may be.
type settings struct {
	list    []Setting
	schema  *schema
	text    map[string][]byte // the JSON Schema by language
	secrets [][]string        // where secrets are; "*" stands for each element of an array
}

// emptySettings takes nothing but {}.
func emptySettings() settings {
	const text = `{"type":"object","additionalProperties":false}`
	s, err := compileSchema([]byte(text))
	if err != nil {
		panic(err) // a constant
	}
	return settings{schema: s, text: map[string][]byte{Languages[0]: []byte(text)}}
}

// Settings lists what a person fills in, in the order of the file.
func (c *Contract) Settings() []Setting { return slices.Clone(c.endpoint.settings.list) }

// SettingsSchema is the JSON Schema (2020-12) of an endpoint's settings with
// titles in one language; writeOnly marks secrets.
func (c *Contract) SettingsSchema(language string) json.RawMessage {
	if t, ok := c.endpoint.settings.text[language]; ok {
		return t
	}
	return c.endpoint.settings.text[Languages[0]]
}

// readSettings reads a JSON Schema of an object. type: object is understood,
// and additionalProperties is false unless the schema says otherwise: settings
// are our own objects, and a slip in a name must not go unnoticed.
func (l *loader) readSettings(n *node) settings {
	s := emptySettings()
	if n.kind != kindMapping {
		l.problemAt(n, fmt.Sprintf("settings is a JSON Schema, not %s.", n.kind), "Write for example: settings: {properties: {token: {type: string, secret: true}}}")
		return s
	}
	n = closed(n)
	before := len(l.problems.List)
	if _, s.schema = l.schema(n); len(l.problems.List) > before {
		return emptySettings()
	}
	for _, language := range Languages {
		s.text[language] = l.schemaJSON(n, language)
	}
	required := map[string]bool{}
	if r := n.get("required"); r != nil {
		for _, item := range r.items {
			required[item.text] = true
		}
	}
	properties := n.get("properties")
	if properties == nil {
		return s
	}
	for _, p := range properties.pairs {
		set := Setting{Name: p.key, Secret: isSecret(p.value), Required: required[p.key]}
		if t := p.value.get("title"); t != nil {
			set.Title = l.text(t)
		} else {
			l.problem(p.line, p.col, fmt.Sprintf("The setting %s has no title.", p.key), "Add one, it is the label in the form: title: {en: Token}")
		}
		if t := p.value.get("description"); t != nil {
			set.About = l.text(t)
		}
		s.list = append(s.list, set)
	}
	for name := range required {
		if properties.get(name) == nil {
			l.problemAt(n.get("required"), fmt.Sprintf("%s is required, but there is no such property.", name), strings.TrimSpace(nearest.DidYouMean(name, s.names())))
		}
	}
	s.secrets = secretPaths(n, nil)
	return s
}

// closed adds what settings schemas say without saying it.
func closed(n *node) *node {
	out := *n
	out.pairs = slices.Clone(n.pairs)
	if n.get("type") == nil {
		out.pairs = append([]pair{{key: "type", line: n.line, col: n.col, value: &node{kind: kindText, text: "object"}}}, out.pairs...)
	}
	if n.get("additionalProperties") == nil {
		out.pairs = append(out.pairs, pair{key: "additionalProperties", line: n.line, col: n.col, value: &node{kind: kindBool, text: "false"}})
	}
	return &out
}

func (s settings) names() []string {
	names := make([]string, len(s.list))
	for i, x := range s.list {
		names[i] = x.Name
	}
	return names
}

func isSecret(n *node) bool {
	for _, key := range []string{"secret", "writeOnly"} {
		if v := n.get(key); v != nil && v.text == "true" {
			return true
		}
	}
	return false
}

// secretPaths walks a schema for what is marked secret.
func secretPaths(n *node, at []string) (out [][]string) {
	if isSecret(n) {
		return [][]string{slices.Clone(at)}
	}
	if properties := n.get("properties"); properties != nil {
		for _, p := range properties.pairs {
			out = append(out, secretPaths(p.value, append(slices.Clone(at), p.key))...)
		}
	}
	if items := n.get("items"); items != nil {
		out = append(out, secretPaths(items, append(slices.Clone(at), "*"))...)
	}
	return out
}

// check reports what is wrong with an endpoint's settings.
func (s settings) check(doc json.RawMessage) []hook.FieldError {
	if len(doc) == 0 {
		doc = json.RawMessage("{}")
	}
	if err := rawjson.Check(doc, rawjson.MaxDepth); err != nil {
		return []hook.FieldError{hook.Field("/settings", "json_refused", "{problem}", "problem", err)}
	}
	found := s.schema.check(doc)
	for i := range found {
		f := &found[i]
		if name, _ := strings.CutPrefix(f.Pointer, "/"); f.Code == fieldUnknown && !strings.Contains(name, "/") {
			*f = hook.Field(f.Pointer, "setting_unknown",
				"There is no such setting.", nearest.Params(name, s.names())...)
			if len(s.list) == 0 {
				*f = hook.Field(f.Pointer, "settings_none", "There is no such setting; this contract has none.")
			}
		}
		f.Pointer = "/settings" + f.Pointer
	}
	for _, path := range s.found(doc) {
		token, _ := rawjson.Lookup(doc, path...)
		if rawjson.Text(token) == Mask {
			found = append(found, hook.Field("/settings"+pointer(path...), "secret_masked",
				"This is the mask that is shown in the place of the secret. Give the secret itself, or leave the field out."))
		}
	}
	return found
}

// found lists the paths of the secrets that doc has.
func (s settings) found(doc []byte) (out [][]string) {
	for _, pattern := range s.secrets {
		out = append(out, expand(doc, pattern, nil)...)
	}
	return out
}

func expand(doc []byte, pattern, at []string) (out [][]string) {
	for i, segment := range pattern {
		if segment != "*" {
			at = append(slices.Clone(at), segment)
			continue
		}
		list, _ := rawjson.Lookup(doc, at...)
		for n := range rawjson.Elements(list) {
			out = append(out, expand(doc, pattern[i+1:], append(slices.Clone(at), fmt.Sprint(n)))...)
		}
		return out
	}
	if token, ok := rawjson.Lookup(doc, at...); ok && rawjson.KindOf(token) != 'n' {
		out = append(out, at)
	}
	return out
}

// Secrets lists the secret values of an endpoint, to be masked wherever they
// show: in headers, URLs, bodies and answers that echo them. They are the secret
// settings, the values of extra headers and of query parameters whose names say so
// ([hook.CredentialName]), and what such a value has behind its scheme, as in
// "Bearer …", each in all its [spellings]. Longer ones come first, so that none is
// masked in part.
func (c *Contract) Secrets(cfg hook.EndpointConfig) []string {
	return c.SecretsFor(cfg, cfg.Credential)
}

// SecretsFor is Secrets as if the endpoint belonged to a credential, whose key is
// one too.
func (c *Contract) SecretsFor(cfg hook.EndpointConfig, credential *Credential) []string {
	var out []string
	for _, path := range c.endpoint.settings.found(cfg.Settings) {
		token, _ := rawjson.Lookup(cfg.Settings, path...)
		text := rawjson.Text(token)
		out = append(out, spellings(text)...)
		if scheme, _, ok := strings.Cut(text, " "); ok && slices.Contains(authSchemes, strings.ToLower(scheme)) {
			out = append(out, behindScheme(text)...)
		}
	}
	if credential != nil {
		out = append(out, spellings(credential.APIKey)...)
	}
	out = append(out, SecretsIn(cfg.URL, cfg.Headers)...)
	slices.SortFunc(out, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	return slices.Compact(out)
}

// authSchemes are the words before a secret that are none themselves.
var authSchemes = []string{"basic", "bearer", "token", "apikey"}

// minPassword is the length from which the password in "Basic …" is masked where
// it stands alone; shorter ones tend to be words that stand everywhere.
const minPassword = 8

// behindScheme lists what a value such as "Bearer …" holds behind its first word,
// and of a name and password (RFC 7617) also these as a receiver reads them.
func behindScheme(value string) (out []string) {
	scheme, rest, _ := strings.Cut(value, " ")
	rest = strings.TrimSpace(rest)
	out = spellings(rest)
	if plain, err := base64.StdEncoding.DecodeString(rest); err == nil && strings.EqualFold(scheme, "basic") {
		out = append(out, spellings(string(plain))...)
		if _, password, _ := strings.Cut(string(plain), ":"); len(password) >= minPassword {
			out = append(out, spellings(password)...)
		}
	}
	return out
}

// spellings are the ways in which a secret may stand in what is sent and in what
// comes back: as it is, in JSON, in a URL or a form, and in HTML. Of most secrets
// they are all the same.
func spellings(text string) []string {
	if text == "" {
		return nil
	}
	out := []string{text}
	for _, style := range []rawjson.Style{{}, {EscapeSlash: true}, {ASCII: true}, {ASCII: true, EscapeSlash: true}} {
		if inJSON, err := rawjson.Restyle(jsonString(text), style); err == nil {
			out = append(out, string(inJSON[1:len(inJSON)-1]))
		}
	}
	for _, s := range out {
		query := url.QueryEscape(s)
		out = append(out, query, strings.ReplaceAll(query, "+", "%20"))
	}
	inHTML := html.EscapeString(text)
	out = append(out, inHTML, strings.NewReplacer("&#34;", "&quot;", "&#39;", "&#039;").Replace(inHTML))
	slices.Sort(out)
	return slices.Compact(out)
}

// SecretsIn lists what a URL and headers hold under names that speak of
// credentials, see [hook.CredentialName], in all [spellings].
func SecretsIn(address string, headers []hook.Header) (out []string) {
	add := func(text string) { out = append(out, spellings(text)...) }
	for _, h := range headers {
		if hook.CredentialName(h.Name) {
			add(h.Value)
			out = append(out, behindScheme(h.Value)...)
		}
	}
	addQuery(address, add)
	return out
}

// addQuery adds the query parameters of a URL that hold a credential.
func addQuery(text string, add func(string)) {
	u, err := url.Parse(text)
	if err != nil {
		return
	}
	for pair := range strings.SplitSeq(u.RawQuery, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if !hook.CredentialName(name) {
			continue
		}
		add(value) // as it stands in the URL…
		if plain, err := url.QueryUnescape(value); err == nil {
			add(plain) // …and as a receiver may echo it
		}
	}
}

// MaskSettings is an endpoint's settings as they may be shown: [Mask] in the
// place of each secret, everything else byte for byte.
func (c *Contract) MaskSettings(doc json.RawMessage) json.RawMessage {
	for _, path := range c.endpoint.settings.found(doc) {
		doc = rawjson.Replace(doc, []byte(`"`+Mask+`"`), path...)
	}
	return doc
}

// UnmaskSettings puts the stored secrets back into settings that somebody read,
// changed elsewhere and sent back with the masks in them. A mask within a list
// stands for the secret of the entry that looked like this one, wherever it now
// stands; if there is none, the mask stays, and checking the settings tells so.
func (c *Contract) UnmaskSettings(given, stored json.RawMessage) json.RawMessage {
	if jsontext.Value(given).Kind() != '{' {
		return given
	}
	for _, path := range c.endpoint.settings.found(given) {
		token, _ := rawjson.Lookup(given, path...)
		if rawjson.Text(token) != Mask {
			continue
		}
		if old, ok := c.storedSecret(given, stored, path); ok {
			given = rawjson.Replace(given, old, path...)
		}
	}
	return given
}

// storedSecret is what the mask at a path of given stands for. Entries of lists
// are found by how they look with masks on; one that was edited in its place
// keeps its secret as long as no other entry claims it.
func (c *Contract) storedSecret(given, stored []byte, path []string) ([]byte, bool) {
	path = slices.Clone(path)
	givenMasked, storedMasked := c.MaskSettings(given), c.MaskSettings(stored)
	for i := 1; i < len(path); i++ {
		list, _ := rawjson.Lookup(givenMasked, path[:i]...)
		want := rawjson.Elements(list)
		n, err := strconv.Atoi(path[i])
		if err != nil || n >= len(want) {
			continue // no list
		}
		list, _ = rawjson.Lookup(storedMasked, path[:i]...)
		have := rawjson.Elements(list)
		index := func(in [][]byte, e []byte) int {
			return slices.IndexFunc(in, func(x []byte) bool { return rawjson.Same(x, e) })
		}
		switch k := index(have, want[n]); {
		case n < len(have) && rawjson.Same(have[n], want[n]):
		case k >= 0:
			path[i] = strconv.Itoa(k)
		case len(have) != len(want) || index(want, have[n]) >= 0:
			return nil, false
		}
	}
	return rawjson.Lookup(stored, path...)
}
