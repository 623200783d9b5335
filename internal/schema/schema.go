// Package schema compiles the JSON Schemas (2020-12) that contracts write in YAML, and checks documents against them.
//
// It promises that a schema is complete in itself, so that compiling one opens neither files nor connections; that a
// keyword or type that JSON Schema does not have is reported with its line; and that what is wrong with a document is
// said to a person by its place, a stable code and a sentence. [Settings] are the schema of what a person fills in to
// create an endpoint, with the knowledge of which fields are secret.
package schema

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	failed "github.com/santhosh-tekuri/jsonschema/v6/kind"

	"gancho/internal/hook"
	"gancho/internal/nearest"
	"gancho/internal/work"
	"gancho/internal/yamlfile"
)

// Schema is a compiled JSON Schema 2020-12.
type Schema struct{ copies *copies }

// noLoader refuses to fetch schemas: a contract is complete in itself, and
// checking one must not open files or connections.
type noLoader struct{}

var errNoLoad = errors.New("a schema cannot refer to another file or address; put the definition under $defs")

func (noLoader) Load(string) (any, error) { return nil, errNoLoad }

func compile(text []byte) (*Schema, error) {
	doc, err := unmarshal(text)
	if err != nil {
		return nil, err
	}
	c, err := newCopies(doc)
	if err != nil {
		return nil, err
	}
	if err := c.probe(); err != nil {
		return nil, err
	}
	return &Schema{c}, nil
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

// Check reports what of a document, which is valid JSON, the schema refuses. The budget may be nil. If it is not enough,
// that is reported as well, with the code schema_costly.
func (s *Schema) Check(b *work.Budget, doc []byte) []hook.FieldError {
	var v Value
	if wrong := v.Read(b, doc); wrong != nil {
		return wrong
	}
	return s.CheckValue(b, &v)
}

// CheckValue is Check for a document that was read.
func (s *Schema) CheckValue(b *work.Budget, v *Value) []hook.FieldError {
	err, costly := s.copies.validate(b, v.v)
	switch {
	case costly:
		return tooCostly()
	case err == nil:
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

func tooCostly() []hook.FieldError {
	return []hook.FieldError{hook.Field("", "schema_costly",
		"Checking this by its schema costs more work than is allowed. Send a smaller document, or make the schema simpler.")}
}

// maxFound is how many mistakes of a document are reported.
const maxFound = 100

// collect turns the leaves of a validation error into field errors.
func collect(e *jsonschema.ValidationError, out *[]hook.FieldError) {
	if len(*out) >= maxFound {
		return
	}
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
	at := Pointer(e.InstanceLocation...)
	add := func(pointer, code, text string, params ...any) {
		*out = append(*out, hook.Field(pointer, code, text, params...))
	}
	switch k := e.ErrorKind.(type) {
	case *failed.Required:
		for _, name := range k.Missing {
			add(at+Pointer(name), "required", "This is required.")
		}
	case *failed.AdditionalProperties:
		for _, name := range k.Properties {
			add(at+Pointer(name), fieldUnknown, "There is no such field.")
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
		add(at, "format", "This has to be in the format {format}.", "format", formatName(k.Want))
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

// maxLiterals is how many of the values that are possible are named.
const maxLiterals = 20

func literals(values []any) string {
	var out []string
	for i, v := range values {
		if i == maxLiterals {
			out = append(out, "…")
			break
		}
		if s, ok := v.(string); ok {
			out = append(out, strconv.Quote(s))
			continue
		}
		out = append(out, fmt.Sprint(v))
	}
	return strings.Join(out, ", ")
}

// Pointer is a JSON Pointer (RFC 6901).
func Pointer(segments ...string) string {
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

// writer writes a schema given in YAML as JSON, member for member in the
// order of the file. It adds two things to JSON Schema: title and description
// may be given in several languages, and secret: true (written as writeOnly)
// marks what must not be shown.
type writer struct {
	yamlfile.Writer
	language string
}

// Texts is a schema whose titles and descriptions exist in each language.
type Texts map[string]json.RawMessage

// In is the schema in a language, or else in English; nil if there is none.
func (t Texts) In(language string) json.RawMessage {
	if s, ok := t[language]; ok {
		return s
	}
	return t[yamlfile.Languages[0]]
}

// Both is a schema that asks for all that two others ask for; either may be nil.
func Both(a, b Texts) Texts {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	out := Texts{}
	for _, language := range yamlfile.Languages {
		out[language] = slices.Concat([]byte(`{"allOf":[`), a.In(language), []byte(","), b.In(language), []byte("]}"))
	}
	return out
}

// inEachLanguage writes a schema in every language.
func inEachLanguage(f *yamlfile.File, n *yamlfile.Node) Texts {
	before := f.Count()
	out := Texts{}
	for _, language := range yamlfile.Languages {
		out[language] = inLanguage(f, n, language)
		if f.Count() > before {
			break // each language would repeat them
		}
	}
	return out
}

// inLanguage is the schema in one language.
func inLanguage(f *yamlfile.File, n *yamlfile.Node, language string) []byte {
	w := &writer{Writer: yamlfile.Writer{File: f}, language: language}
	w.schema(n)
	return w.Out
}

func (w *writer) schema(n *yamlfile.Node) {
	if n.Kind == yamlfile.KindBool {
		w.Out = append(w.Out, n.Text...)
		return
	}
	if n.Kind != yamlfile.KindMapping {
		w.File.ProblemAt(n, fmt.Sprintf("A schema is a mapping, not %s.", n.Kind), "Write for example: {type: string}")
		w.Out = append(w.Out, "true"...)
		return
	}
	w.Members(n, func(p yamlfile.Pair) {
		switch {
		case !slices.Contains(schemaKeywords, p.Key) && !strings.HasPrefix(p.Key, "x-"):
			w.File.Problem(p.Line, p.Column, fmt.Sprintf("JSON Schema has no keyword %s.%s", p.Key, nearest.DidYouMean(p.Key, schemaKeywords)), "Names that begin with x- are free.")
			w.Name(p.Key)
			w.Value(p.Value)
		case p.Key == "required" && p.Value.Kind != yamlfile.KindList && p.Value.Kind != yamlfile.KindNull:
			fix := "Write required: [id]"
			if p.Value.Kind == yamlfile.KindBool {
				fix = "Write it beside properties: {required: [id], properties: {id: {type: string}}}"
			} else if p.Value.Kind == yamlfile.KindText {
				fix = "Write required: [" + p.Value.Text + "]"
			}
			w.File.ProblemAt(p.Value, fmt.Sprintf("required is a list of the members that have to be there, not %s.", p.Value.Kind), fix)
			w.Name(p.Key)
			w.Out = append(w.Out, "[]"...)
		case p.Key == "type":
			w.Name(p.Key)
			w.types(p.Value)
		case p.Key == "secret":
			w.Name("writeOnly")
			w.Value(p.Value)
		case (p.Key == "title" || p.Key == "description") && p.Value.Kind == yamlfile.KindMapping:
			w.Name(p.Key)
			w.Str(w.File.Text(p.Value).In(w.language))
		case slices.Contains([]string{"properties", "$defs", "patternProperties", "dependentSchemas"}, p.Key) && p.Value.Kind == yamlfile.KindMapping:
			w.Name(p.Key)
			w.Members(p.Value, func(q yamlfile.Pair) { w.Name(q.Key); w.schema(q.Value) })
		case slices.Contains([]string{"items", "additionalProperties", "propertyNames", "contains", "not", "if", "then", "else", "unevaluatedItems", "unevaluatedProperties"}, p.Key):
			w.Name(p.Key)
			w.schema(p.Value)
		case slices.Contains([]string{"allOf", "anyOf", "oneOf", "prefixItems"}, p.Key) && p.Value.Kind == yamlfile.KindList:
			w.Name(p.Key)
			w.List(p.Value, w.schema)
		default:
			w.Name(p.Key)
			w.Value(p.Value)
		}
	})
}

var schemaTypes = []string{"string", "integer", "number", "boolean", "object", "array", "null"}

// otherTypes are types of other languages, and what JSON Schema writes.
var otherTypes = map[string]string{
	"int": "Write type: integer", "long": "Write type: integer", "bool": "Write type: boolean", "float": "Write type: number",
	"double": "Write type: number", "decimal": "Write type: number, or string if the amounts stand in quotes.", "text": "Write type: string",
	"list": "Write type: array", "map": "Write type: object", "dict": "Write type: object", "any": "Remove the line: without type, anything is possible.",
	"date": "Write type: string, format: date", "datetime": "Write type: string, format: date-time", "uuid": "Write type: string, format: uuid",
	"email": "Write type: string, format: email", "url": "Write type: string, format: uri", "enum": "Write enum: [a, b] with the values.",
	"password": "Write type: string, secret: true", "secret": "Write type: string, secret: true",
}

// types writes one type or a list of them.
func (w *writer) types(n *yamlfile.Node) {
	one := func(n *yamlfile.Node) {
		if n.Kind == yamlfile.KindNull && !n.Refused {
			w.File.ProblemAt(n, "The type null has to stand in quotes.", `Write "null"`)
		} else if !slices.Contains(schemaTypes, n.Text) {
			fix, known := otherTypes[strings.ToLower(n.Text)]
			if !known {
				fix = strings.TrimSpace(nearest.DidYouMean(n.Text, schemaTypes))
			}
			w.File.ProblemAt(n, fmt.Sprintf("There is no type %q in JSON Schema.", n.Text), fix)
		}
		w.Str(n.Text)
	}
	if n.Kind == yamlfile.KindList {
		w.List(n, one)
		return
	}
	one(n)
}

// maxDigits is how many digits a number can have in a row where a schema is checked.
const maxDigits = 1000

// hugeNumbers finds a number with an exponent of more than four characters, or with more than [maxDigits] digits.
// Checking whether one is whole would first write it out, with all its zeros.
func hugeNumbers(doc []byte) []hook.FieldError {
	inText := false
	digits := 0
	for i := 0; i < len(doc); i++ {
		c := doc[i]
		if !inText && digit(c) {
			if digits++; digits > maxDigits {
				return []hook.FieldError{hook.Field("", "number_long",
					"A number has more than {max} digits. Send such numbers as text.", "max", maxDigits)}
			}
			continue
		}
		digits = 0
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

// Read compiles a JSON Schema. The Schema is nil if problems were reported.
func Read(f *yamlfile.File, n *yamlfile.Node) (Texts, *Schema) {
	before := f.Count()
	text := inEachLanguage(f, n)
	if f.Count() > before {
		return text, nil
	}
	s, err := compile(text.In(yamlfile.Languages[0]))
	if err != nil {
		f.ProblemAt(n, yamlfile.Sentence("The schema cannot be used: "+err.Error()), "")
		return text, nil
	}
	return text, s
}
