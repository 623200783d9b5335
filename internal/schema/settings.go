package schema

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"gancho/internal/hook"
	"gancho/internal/mask"
	"gancho/internal/nearest"
	"gancho/internal/rawjson"
	"gancho/internal/yamlfile"
)

// Setting is one thing a person fills in to make an endpoint.
type Setting struct {
	Name     string
	Title    yamlfile.Text
	About    yamlfile.Text
	Secret   bool
	Required bool
}

// Settings is what an endpoint's settings may be.
type Settings struct {
	list    []Setting
	schema  *Schema
	text    map[string][]byte // the JSON Schema by language
	secrets mask.Settings     // where secrets are
}

// NoSettings takes nothing but {}.
func NoSettings() Settings {
	const text = `{"type":"object","additionalProperties":false}`
	s, err := compile([]byte(text))
	if err != nil {
		panic(err) // a constant
	}
	return Settings{schema: s, text: map[string][]byte{yamlfile.Languages[0]: []byte(text)}}
}

// List is what a person fills in, in the order of the file.
func (s Settings) List() []Setting { return slices.Clone(s.list) }

// JSON is the schema with titles in one language. writeOnly marks secrets.
func (s Settings) JSON(language string) json.RawMessage {
	if t, ok := s.text[language]; ok {
		return t
	}
	return s.text[yamlfile.Languages[0]]
}

// Secrets says where the secrets are in a document of these settings.
func (s Settings) Secrets() mask.Settings { return s.secrets }

// ReadSettings reads a JSON Schema of an object. type: object is understood,
// and additionalProperties is false unless the schema says otherwise: settings
// are our own objects, and a slip in a name must not go unnoticed.
func ReadSettings(f *yamlfile.File, n *yamlfile.Node) Settings {
	s := NoSettings()
	if n.Kind != yamlfile.KindMapping {
		f.ProblemAt(n, fmt.Sprintf("settings is a JSON Schema, not %s.", n.Kind), "Write for example: settings: {properties: {token: {type: string, secret: true}}}")
		return s
	}
	if len(n.Pairs) > 0 && n.Get("properties") == nil && !slices.Contains(schemaKeywords, n.Pairs[0].Key) {
		p := n.Pairs[0]
		f.Problem(p.Line, p.Column, fmt.Sprintf("settings is a JSON Schema: %s has to stand under properties.", p.Key),
			fmt.Sprintf("Write settings: {properties: {%s: {type: string, title: …}}}", p.Key))
		return s
	}
	n = closed(n)
	before := f.Count()
	if _, s.schema = Read(f, n); f.Count() > before {
		return NoSettings()
	}
	for _, language := range yamlfile.Languages {
		s.text[language] = inLanguage(f, n, language)
	}
	required := map[string]bool{}
	if r := n.Get("required"); r != nil {
		for _, item := range r.Items {
			required[item.Text] = true
		}
	}
	properties := n.Get("properties")
	if properties == nil {
		return s
	}
	for _, p := range properties.Pairs {
		set := Setting{Name: p.Key, Secret: isSecret(p.Value), Required: required[p.Key]}
		if t := p.Value.Get("title"); t != nil {
			set.Title = f.Text(t)
		} else {
			f.Problem(p.Line, p.Column, fmt.Sprintf("The setting %s has no title.", p.Key), "Add one, it is the label in the form: title: {en: Token}")
		}
		if t := p.Value.Get("description"); t != nil {
			set.About = f.Text(t)
		}
		s.list = append(s.list, set)
	}
	for name := range required {
		if properties.Get(name) == nil {
			f.ProblemAt(n.Get("required"), fmt.Sprintf("%s is required, but there is no such property.", name), strings.TrimSpace(nearest.DidYouMean(name, s.Names())))
		}
	}
	s.secrets = secretPaths(n, nil)
	return s
}

// closed adds what settings schemas say without saying it.
func closed(n *yamlfile.Node) *yamlfile.Node {
	out := *n
	out.Pairs = slices.Clone(n.Pairs)
	if n.Get("type") == nil {
		out.Pairs = append([]yamlfile.Pair{{Key: "type", Line: n.Line, Column: n.Column, Value: &yamlfile.Node{Kind: yamlfile.KindText, Text: "object"}}}, out.Pairs...)
	}
	if n.Get("additionalProperties") == nil {
		out.Pairs = append(out.Pairs, yamlfile.Pair{Key: "additionalProperties", Line: n.Line, Column: n.Column, Value: &yamlfile.Node{Kind: yamlfile.KindBool, Text: "false"}})
	}
	return &out
}

func (s Settings) Names() []string {
	names := make([]string, len(s.list))
	for i, x := range s.list {
		names[i] = x.Name
	}
	return names
}

func isSecret(n *yamlfile.Node) bool {
	for _, key := range []string{"secret", "writeOnly"} {
		if v := n.Get(key); v != nil && v.Text == "true" {
			return true
		}
	}
	return false
}

// secretPaths walks a schema for what is marked secret.
func secretPaths(n *yamlfile.Node, at []string) (out [][]string) {
	if isSecret(n) {
		return [][]string{slices.Clone(at)}
	}
	if properties := n.Get("properties"); properties != nil {
		for _, p := range properties.Pairs {
			out = append(out, secretPaths(p.Value, append(slices.Clone(at), p.Key))...)
		}
	}
	if items := n.Get("items"); items != nil {
		out = append(out, secretPaths(items, append(slices.Clone(at), "*"))...)
	}
	return out
}

// Check reports what is wrong with an endpoint's settings.
func (s Settings) Check(doc json.RawMessage) []hook.FieldError {
	if len(doc) == 0 {
		doc = json.RawMessage("{}")
	}
	if err := rawjson.Check(doc, rawjson.MaxDepth); err != nil {
		return []hook.FieldError{hook.Field("/settings", "json_refused", "{problem}", "problem", err)}
	}
	found := s.schema.Check(nil, doc)
	for i := range found {
		f := &found[i]
		if name, _ := strings.CutPrefix(f.Pointer, "/"); f.Code == fieldUnknown && !strings.Contains(name, "/") {
			*f = hook.Field(f.Pointer, "setting_unknown",
				"There is no such setting.", nearest.Params(name, s.Names())...)
			if len(s.list) == 0 {
				*f = hook.Field(f.Pointer, "settings_none", "There is no such setting; this contract has none.")
			}
		}
		f.Pointer = "/settings" + f.Pointer
	}
	for _, path := range s.secrets.Masked(doc) {
		found = append(found, hook.Field("/settings"+Pointer(path...), "secret_masked",
			"This is the mask that is shown in the place of the secret. Give the secret itself, or leave the field out."))
	}
	return found
}
