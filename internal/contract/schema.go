package contract

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/santhosh-tekuri/jsonschema/v6"
	failed "github.com/santhosh-tekuri/jsonschema/v6/kind"

	"gancho/internal/hook"
	"gancho/internal/nearest"
)

// schema is a compiled JSON Schema 2020-12.
type schema struct{ compiled *jsonschema.Schema }

// noLoader refuses to fetch schemas: a contract is complete in itself, and
// checking one must not open files or connections.
type noLoader struct{}

var errNoLoad = errors.New("a schema cannot refer to another file or address; put the definition under $defs")

func (noLoader) Load(string) (any, error) { return nil, errNoLoad }

func compileSchema(text []byte) (*schema, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.UseLoader(noLoader{})
	c.AssertFormat()
	const name = "contract:schema"
	if err := c.AddResource(name, doc); err != nil {
		return nil, err
	}
	s, err := c.Compile(name)
	if err != nil {
		return nil, errors.New(shorten(err))
	}
	return &schema{s}, nil
}

// shorten leaves of the compiler's many lines the one that says what is wrong.
func shorten(err error) string {
	if strings.Contains(err.Error(), errNoLoad.Error()) { // the compiler does not wrap it
		return errNoLoad.Error()
	}
	if e, ok := errors.AsType[*jsonschema.SchemaValidationError](err); ok {
		if v, ok := errors.AsType[*jsonschema.ValidationError](e.Err); ok {
			var found []hook.FieldError
			collect(v, &found)
			for _, f := range found {
				return strings.TrimPrefix(f.Pointer, "/") + ": " + f.Detail
			}
		}
	}
	text := strings.ReplaceAll(err.Error(), "contract:schema", "")
	return strings.Join(strings.Fields(text), " ")
}

// check reports what of a document, which is valid JSON, the schema refuses.
func (s *schema) check(doc []byte) []hook.FieldError {
	if fields := hugeNumbers(doc); fields != nil {
		return fields
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(doc))
	if err != nil {
		return []hook.FieldError{hook.Field("", "json_invalid", "This is not valid JSON.")}
	}
	err = s.compiled.Validate(v)
	if err == nil {
		return nil
	}
	e, ok := errors.AsType[*jsonschema.ValidationError](err)
	if !ok {
		return []hook.FieldError{hook.Field("", "schema_failed", "{problem}", "problem", err)}
	}
	var out []hook.FieldError
	collect(e, &out)
	return out
}

// collect turns the leaves of a validation error into field errors.
func collect(e *jsonschema.ValidationError, out *[]hook.FieldError) {
	if len(e.Causes) > 0 {
		switch e.ErrorKind.(type) {
		case *failed.AnyOf, *failed.OneOf: // each branch fails in its own way; the whole says more
		default:
			for _, c := range e.Causes {
				collect(c, out)
			}
			return
		}
	}
	at := pointer(e.InstanceLocation...)
	add := func(pointer, code, text string, params ...any) {
		*out = append(*out, hook.Field(pointer, code, text, params...))
	}
	switch k := e.ErrorKind.(type) {
	case *failed.Required:
		for _, name := range k.Missing {
			add(at+pointer(name), "required", "This is required.")
		}
	case *failed.AdditionalProperties:
		for _, name := range k.Properties {
			add(at+pointer(name), fieldUnknown, "There is no such field.")
		}
	case *failed.Type:
		*out = append(*out, wrongType(k.Want, k.Got).At(at))
	case *failed.Enum:
		add(at, "one_of", "This has to be one of {values}.", "values", literals(k.Want))
	case *failed.Const:
		add(at, "exactly", "This has to be {value}.", "value", literals([]any{k.Want}))
	case *failed.MinLength:
		if k.Want == 1 {
			add(at, "empty", "This cannot be empty.")
			return
		}
		add(at, "too_short", "This needs at least {min} characters; there are {count}.", "min", k.Want, "count", k.Got)
	case *failed.MaxLength:
		add(at, "too_long", "This can have at most {max} characters; there are {count}.", "max", k.Want, "count", k.Got)
	case *failed.MinItems:
		add(at, "too_few_entries", "This needs at least {min} entries.", "min", k.Want)
	case *failed.MaxItems:
		add(at, "too_many_entries", "This can have at most {max} entries.", "max", k.Want)
	case *failed.Minimum:
		add(at, "too_small", "This has to be at least {min}.", "min", k.Want.RatString())
	case *failed.Maximum:
		add(at, "too_large", "This can be at most {max}.", "max", k.Want.RatString())
	case *failed.Pattern:
		add(at, "pattern", "This has to match the pattern {pattern}.", "pattern", k.Want)
	case *failed.Format:
		add(at, "format", "This has to be in the format {format}.", "format", k.Want)
	default:
		add(at, "schema_rule",
			"This does not meet the rule {rule} of the schema.", "rule", strings.Join(e.ErrorKind.KeywordPath(), "/"))
	}
}

// fieldUnknown is replaced by those who know which fields there are.
const fieldUnknown = "field_unknown"

// wrongType says which JSON type, or which of several, is right.
func wrongType(want []string, got string) hook.FieldError {
	if len(want) > 1 {
		return hook.Field("", "type_one_of",
			"This has to be of one of these JSON types: {types}.", "types", strings.Join(want, ", "))
	}
	if word, ok := typeWords[got]; ok {
		got = word
	}
	switch want[0] {
	case "string":
		return hook.Field("", "type_string", "This has to be a text, not {got}.", "got", got)
	case "integer":
		return hook.Field("", "type_integer", "This has to be a whole number, not {got}.", "got", got)
	case "number":
		return hook.Field("", "type_number", "This has to be a number, not {got}.", "got", got)
	case "boolean":
		return hook.Field("", "type_boolean", "This has to be true or false, not {got}.", "got", got)
	case "array":
		return hook.Field("", "type_array", "This has to be a list, not {got}.", "got", got)
	case "object":
		return hook.Field("", "type_object", "This has to be an object, not {got}.", "got", got)
	}
	return hook.Field("", "type_null", "This has to be null, not {got}.", "got", got)
}

var typeWords = map[string]string{
	"string": "a text", "integer": "a whole number", "number": "a number", "boolean": "true or false", "array": "a list", "object": "an object",
}

func literals(values []any) string {
	var out []string
	for _, v := range values {
		if s, ok := v.(string); ok {
			out = append(out, strconv.Quote(s))
			continue
		}
		out = append(out, fmt.Sprint(v))
	}
	return strings.Join(out, ", ")
}

// pointer is a JSON Pointer (RFC 6901).
func pointer(segments ...string) string {
	var b strings.Builder
	for _, s := range segments {
		b.WriteByte('/')
		b.WriteString(strings.NewReplacer("~", "~0", "/", "~1").Replace(s))
	}
	return b.String()
}

// schemaKeywords are those of JSON Schema 2020-12 that contracts can use. The
// validator ignores what it does not know, so a slip would go unnoticed.
var schemaKeywords = []string{
	"$id", "$ref", "$defs", "$comment", "$anchor", "$schema", "type", "enum", "const", "title", "description", "default", "examples",
	"properties", "required", "additionalProperties", "patternProperties", "propertyNames", "minProperties", "maxProperties",
	"dependentRequired", "dependentSchemas", "items", "prefixItems", "contains", "minContains", "maxContains", "minItems", "maxItems",
	"uniqueItems", "minLength", "maxLength", "pattern", "format", "contentEncoding", "contentMediaType", "minimum", "maximum",
	"exclusiveMinimum", "exclusiveMaximum", "multipleOf", "allOf", "anyOf", "oneOf", "not", "if", "then", "else",
	"unevaluatedItems", "unevaluatedProperties", "deprecated", "readOnly", "writeOnly", "secret",
}

// schemaWriter writes a schema given in YAML as JSON, member for member in the
// order of the file. It adds two things to JSON Schema: title and description
// may be given in several languages, and secret: true (written as writeOnly)
// marks what must not be shown.
type schemaWriter struct {
	l        *loader
	language string
	out      []byte
}

// localized is a schema whose titles and descriptions exist in each language.
type localized map[string]json.RawMessage

// in is the schema in a language, or else in English; nil if there is none.
func (t localized) in(language string) json.RawMessage {
	if s, ok := t[language]; ok {
		return s
	}
	return t[Languages[0]]
}

// both is a schema that asks for all that two others do; either may be missing.
func both(a, b localized) localized {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	out := localized{}
	for _, language := range Languages {
		out[language] = slices.Concat([]byte(`{"allOf":[`), a.in(language), []byte(","), b.in(language), []byte("]}"))
	}
	return out
}

// localized writes a schema in every language.
func (l *loader) localized(n *node) localized {
	before := len(l.problems.List)
	out := localized{}
	for _, language := range Languages {
		out[language] = l.schemaJSON(n, language)
		if len(l.problems.List) > before {
			break // each language would repeat them
		}
	}
	return out
}

// schemaJSON is the schema in one language.
func (l *loader) schemaJSON(n *node, language string) []byte {
	w := &schemaWriter{l: l, language: language}
	w.schema(n)
	return w.out
}

func (w *schemaWriter) schema(n *node) {
	if n.kind == kindBool {
		w.out = append(w.out, n.text...)
		return
	}
	if n.kind != kindMapping {
		w.l.problemAt(n, fmt.Sprintf("A schema is a mapping, not %s.", n.kind), "Write for example: {type: string}")
		w.out = append(w.out, "true"...)
		return
	}
	w.members(n, func(p pair) {
		switch {
		case !slices.Contains(schemaKeywords, p.key) && !strings.HasPrefix(p.key, "x-"):
			w.l.problem(p.line, p.col, fmt.Sprintf("JSON Schema has no keyword %s.%s", p.key, nearest.DidYouMean(p.key, schemaKeywords)), "Names that begin with x- are free.")
			w.member(p.key)
			w.any(p.value)
		case p.key == "type":
			w.member(p.key)
			w.types(p.value)
		case p.key == "secret":
			w.member("writeOnly")
			w.any(p.value)
		case (p.key == "title" || p.key == "description") && p.value.kind == kindMapping:
			w.member(p.key)
			w.str(w.l.text(p.value).In(w.language))
		case slices.Contains([]string{"properties", "$defs", "patternProperties", "dependentSchemas"}, p.key) && p.value.kind == kindMapping:
			w.member(p.key)
			w.members(p.value, func(q pair) { w.member(q.key); w.schema(q.value) })
		case slices.Contains([]string{"items", "additionalProperties", "propertyNames", "contains", "not", "if", "then", "else", "unevaluatedItems", "unevaluatedProperties"}, p.key):
			w.member(p.key)
			w.schema(p.value)
		case slices.Contains([]string{"allOf", "anyOf", "oneOf", "prefixItems"}, p.key) && p.value.kind == kindList:
			w.member(p.key)
			w.list(p.value, w.schema)
		default:
			w.member(p.key)
			w.any(p.value)
		}
	})
}

var schemaTypes = []string{"string", "integer", "number", "boolean", "object", "array", "null"}

// types writes one type or a list of them.
func (w *schemaWriter) types(n *node) {
	one := func(n *node) {
		if n.kind == kindNull && !n.refused {
			w.l.problemAt(n, "The type null has to stand in quotes.", `Write "null"`)
		} else if !slices.Contains(schemaTypes, n.text) {
			w.l.problemAt(n, fmt.Sprintf("There is no type %q in JSON Schema.", n.text), strings.TrimSpace(nearest.DidYouMean(n.text, schemaTypes)))
		}
		w.str(n.text)
	}
	if n.kind == kindList {
		w.list(n, one)
		return
	}
	one(n)
}

// any writes a value that is no schema: an enum, a default, an example.
func (w *schemaWriter) any(n *node) {
	switch n.kind {
	case kindMapping:
		w.members(n, func(p pair) { w.member(p.key); w.any(p.value) })
	case kindList:
		w.list(n, w.any)
	case kindNull:
		w.out = append(w.out, "null"...)
	case kindBool:
		w.out = append(w.out, n.text...)
	case kindNumber:
		if !jsontext.Value(n.text).IsValid() {
			w.l.problemAt(n, fmt.Sprintf("%s is not a number as JSON writes it.", n.text), "Write it in decimal, or in quotes if it is a text.")
			w.out = append(w.out, '0')
			return
		}
		w.out = append(w.out, n.text...)
	case kindText:
		w.str(n.text)
	}
}

func (w *schemaWriter) members(n *node, each func(pair)) {
	w.out = append(w.out, '{')
	for i, p := range n.pairs {
		if i > 0 {
			w.out = append(w.out, ',')
		}
		each(p)
	}
	w.out = append(w.out, '}')
}

func (w *schemaWriter) list(n *node, each func(*node)) {
	w.out = append(w.out, '[')
	for i, item := range n.items {
		if i > 0 {
			w.out = append(w.out, ',')
		}
		each(item)
	}
	w.out = append(w.out, ']')
}

func (w *schemaWriter) member(name string) {
	w.str(name)
	w.out = append(w.out, ':')
}

func (w *schemaWriter) str(s string) {
	out, err := jsontext.AppendQuote(w.out, s)
	if err != nil { // YAML text is valid UTF-8; nothing else can go wrong
		out = append(w.out, `""`...)
	}
	w.out = out
}

// hugeNumbers finds a number with an exponent of more than four characters. Checking
// whether one is whole would first write it out, with all its zeros.
func hugeNumbers(doc []byte) []hook.FieldError {
	inText := false
	for i := 0; i < len(doc); i++ {
		c := doc[i]
		switch {
		case inText && c == '\\':
			i++
		case c == '"':
			inText = !inText
		case inText:
		case (c == 'e' || c == 'E') && i > 0 && digit(doc[i-1]):
			exponent := 0
			for ; i+1 < len(doc) && (digit(doc[i+1]) || doc[i+1] == '+' || doc[i+1] == '-'); i++ {
				exponent++
			}
			if exponent > 4 { // its sign included
				return []hook.FieldError{hook.Field("", "number_exponent",
					"A number has an exponent of more than four characters. Send such numbers as text.")}
			}
		}
	}
	return nil
}

func digit(c byte) bool { return '0' <= c && c <= '9' }
