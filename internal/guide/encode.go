package guide

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// object is a JSON object with its members in order.
type object []member

type member struct {
	name  string
	value any
}

// MarshalJSON writes the members in order. A value that is JSON already stays as it is.
func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(encode(m.name))
		b.WriteByte(':')
		b.Write(encode(m.value))
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// encode writes a value as JSON.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(fmt.Sprintf("guide: %v", err)) // cannot happen: only texts, numbers and JSON of valid contracts are encoded
	}
	return bytes.TrimSpace(b.Bytes())
}

// unique drops members whose name an earlier member has.
func unique(o object) object {
	var out object
	for _, m := range o {
		if !slices.ContainsFunc(out, func(x member) bool { return x.name == m.name }) {
			out = append(out, m)
		}
	}
	return out
}

// indent adds line breaks and spaces to JSON. Its tokens stay as they are.
func indent(doc []byte) []byte {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(json.RawMessage(doc)); err != nil {
		return doc
	}
	return []byte(strings.TrimSpace(b.String()))
}
