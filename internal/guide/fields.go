package guide

import (
	"cmp"
	"slices"
	"strings"

	"gancho/internal/rawjson"
)

// field is one member of a body.
type field struct {
	path     string // contact.skills[].skill
	types    []string
	required string // "yes", "no", or "" if the schema does not say
	about    string
	values   []string // the values that it can have, as JSON; none: any
}

// fieldsOf lists the members that the schema or the example of a body has: first those of
// the example, in its order.
func fieldsOf(schema, example []byte) []field {
	var out []field
	var schemas [][]byte
	if len(schema) > 0 {
		schemas = parts(schema)
	}
	members(&out, "", schemas, example)
	return out
}

// parts are a schema and the schemas in its allOf, recursively.
func parts(schema []byte) [][]byte {
	out := [][]byte{schema}
	all, _ := rawjson.Lookup(schema, "allOf")
	for _, s := range rawjson.Elements(all) {
		out = append(out, parts(s)...)
	}
	return out
}

// members lists the members of an object at a path.
func members(out *[]field, at string, schemas [][]byte, example []byte) {
	var names []string
	seen := map[string]bool{}
	add := func(doc []byte) map[string][]byte {
		values := map[string][]byte{}
		for _, m := range rawjson.Members(doc) {
			values[m.Name] = m.Value
			if !seen[m.Name] {
				seen[m.Name] = true
				names = append(names, m.Name)
			}
		}
		return values
	}
	tokens := add(example)
	properties := make([]map[string][]byte, len(schemas))
	required := map[string]bool{}
	for i, s := range schemas {
		of, _ := rawjson.Lookup(s, "properties")
		properties[i] = add(of)
		list, _ := rawjson.Lookup(s, "required")
		for _, t := range rawjson.Elements(list) {
			required[rawjson.Text(t)] = true
		}
	}
	for _, name := range names {
		f := field{path: strings.TrimPrefix(at+"."+name, ".")}
		var own [][]byte
		for _, p := range properties {
			if s, ok := p[name]; ok {
				own = append(own, parts(s)...)
			}
		}
		switch {
		case required[name]:
			f.required = "yes"
		case len(own) > 0:
			f.required = "no"
		}
		token := tokens[name]
		f.describe(own, token)
		*out = append(*out, f)
		below(out, f.path, own, token)
	}
}

// below lists the members of an object, or of the objects in a list.
func below(out *[]field, path string, schemas [][]byte, token []byte) {
	switch rawjson.KindOf(token) {
	case '[':
		var items [][]byte
		for _, s := range schemas {
			if i, ok := rawjson.Lookup(s, "items"); ok {
				items = append(items, parts(i)...)
			}
		}
		var first []byte
		if elements := rawjson.Elements(token); len(elements) > 0 {
			first = elements[0]
		}
		if rawjson.KindOf(first) == '{' || len(items) > 0 {
			members(out, path+"[]", items, first)
		}
	case '{', 0, 'n':
		members(out, path, schemas, token)
	case '"', '0', 't', 'f':
	}
}

// describe sets types, description and values from schemas, and the type from the example
// if no schema has it.
func (f *field) describe(schemas [][]byte, token []byte) {
	for _, s := range schemas {
		kind, _ := rawjson.Lookup(s, "type")
		switch rawjson.KindOf(kind) {
		case '"':
			f.types = append(f.types, rawjson.Text(kind))
		case '[':
			for _, k := range rawjson.Elements(kind) {
				f.types = append(f.types, rawjson.Text(k))
			}
		}
		about, _ := rawjson.Lookup(s, "description")
		f.about = cmp.Or(f.about, rawjson.Text(about))
		if values, ok := rawjson.Lookup(s, "enum"); ok {
			for _, v := range rawjson.Elements(values) {
				f.values = append(f.values, string(v))
			}
		}
		if v, ok := rawjson.Lookup(s, "const"); ok {
			f.values = append(f.values, string(v))
		}
	}
	if len(f.types) == 0 && len(f.values) > 0 {
		for _, v := range f.values {
			f.types = append(f.types, typeOf([]byte(v)))
		}
	}
	if len(f.types) == 0 && token != nil {
		f.types = []string{typeOf(token)}
	}
	slices.SortStableFunc(f.types, func(a, b string) int { return rank(a) - rank(b) })
	f.types = slices.Compact(f.types)
}

// rank sorts null after all other types.
func rank(kind string) int {
	if kind == "null" {
		return 1
	}
	return 0
}

// typeOf is the JSON Schema type of a value.
func typeOf(token []byte) string {
	switch rawjson.KindOf(token) {
	case '"':
		return "string"
	case '0':
		if strings.ContainsAny(string(token), ".eE") {
			return "number"
		}
		return "integer"
	case 't', 'f':
		return "boolean"
	case '{':
		return "object"
	case '[':
		return "array"
	}
	return "null"
}

// shape is equal for bodies that have the same members.
func shape(fields []field) string {
	var b strings.Builder
	for _, f := range fields {
		b.WriteString(f.path + " " + strings.Join(f.types, ",") + "\n")
	}
	return b.String()
}
