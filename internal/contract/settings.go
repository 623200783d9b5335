package contract

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"gancho/internal/hook"
	"gancho/internal/mask"
	"gancho/internal/nearest"
	"gancho/internal/rawjson"
)

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
	secrets mask.Settings     // where secrets are
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
	for _, path := range s.secrets.Masked(doc) {
		found = append(found, hook.Field("/settings"+pointer(path...), "secret_masked",
			"This is the mask that is shown in the place of the secret. Give the secret itself, or leave the field out."))
	}
	return found
}

// SecretSettings says where the secrets are in an endpoint's settings.
func (c *Contract) SecretSettings() mask.Settings { return c.endpoint.settings.secrets }

// Mask hides the secrets of an endpoint: its secret settings, the key of its
// credential, and what its URL and extra headers hold under names that speak of
// credentials.
func (c *Contract) Mask(cfg hook.EndpointConfig) mask.Mask {
	secrets := c.endpoint.settings.secrets.Secrets(cfg.Settings)
	if cfg.Credential != nil {
		secrets = append(secrets, cfg.Credential.APIKey)
	}
	return mask.New(secrets...).WithRequest(cfg.URL, cfg.Headers)
}
