package schema

import (
	"gancho/internal/hook"
	"gancho/internal/work"
)

// Value is a document as schemas check it. Reading a large document costs more than checking it, so one that is patched
// again and again is kept as a Value. The zero Value is null.
type Value struct{ v any }

// Read reads a document, which is valid JSON. What it reports is what no schema takes, or that the budget, which may be
// nil, is not enough.
func (v *Value) Read(b *work.Budget, doc []byte) []hook.FieldError {
	read, wrong := read(b, doc)
	if wrong == nil {
		v.v = read
	}
	return wrong
}

// Patch applies a JSON Merge Patch, with the same result as [rawjson.Merge] and Read.
func (v *Value) Patch(b *work.Budget, patch []byte) []hook.FieldError {
	read, wrong := read(b, patch)
	if wrong == nil {
		v.v = merge(v.v, read)
	}
	return wrong
}

func read(b *work.Budget, doc []byte) (any, []hook.FieldError) {
	if fields := hugeNumbers(doc); fields != nil {
		return nil, fields
	}
	if b.Spend(work.OfBytes(len(doc))) != nil {
		return nil, tooCostly()
	}
	v, err := unmarshal(doc)
	if err != nil {
		return nil, []hook.FieldError{hook.Field("", "json_invalid", "This is not valid JSON.")}
	}
	return v, nil
}

// merge applies a patch to a value (RFC 7396). It changes the objects of the value.
func merge(value, patch any) any {
	changes, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	into, ok := value.(map[string]any)
	if !ok {
		into = map[string]any{}
	}
	for name, v := range changes {
		if v == nil {
			delete(into, name)
		} else {
			into[name] = merge(into[name], v)
		}
	}
	return into
}
