package schema

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"gancho/internal/work"
)

// The validator has no limit of its own: with $refs that double, a schema of 2 kB takes years for the document {}. But
// it asks for the format of a value at each schema that it comes to, before it goes on to what is within. So the
// compiled copy of a schema has a format at each of its schemas, which counts.

// compiled is a compiled copy of a schema, for one check at a time.
type compiled struct {
	*jsonschema.Schema
	left *int64 // units of work; a check that needs more panics with errCostly
}

// errCostly is the panic of a check that would cost more than is left.
var errCostly = errors.New("the check costs too much work")

// copies are the compiled copies of one schema. More than one is made only for checks at the same time.
type copies struct {
	doc     any // the schema, with formats that count
	formats []counter

	mu   sync.Mutex
	free []*compiled
}

// counter is a format that charges what a schema costs by itself, and then checks the format that it stands for.
type counter struct {
	name    string // of the format
	format  *jsonschema.Schema
	fixed   int64 // units for each value
	members int64 // units for each member of an object or element of a list
	names   int64 // units for each 32 bytes of the name of a member
	text    int64 // units for each 32 bytes of a text
}

// maxPattern bounds the compiled size of a regular expression, in instructions: a search takes a step for each of them
// at each byte.
const maxPattern = 1000

// newCopies prepares a schema. It refuses regular expressions that are too large, and references to what is no schema.
func newCopies(doc any) (*copies, error) {
	x := &copies{doc: doc}
	p := &preparer{copies: x, places: map[string]bool{}, bases: []string{""}}
	if err := p.schema(doc, "", ""); err != nil {
		return nil, err
	}
	for _, r := range p.refs {
		if !p.leads(r) {
			return nil, fmt.Errorf("$ref %s does not lead to a schema; put the definition under $defs", r.to)
		}
	}
	first, err := x.compile()
	if err != nil {
		return nil, err
	}
	x.free = append(x.free, first)
	return x, nil
}

// preparer puts a counter into each schema of a document.
type preparer struct {
	*copies
	places map[string]bool // JSON pointers of schemas
	bases  []string        // JSON pointers of the root, and of the schemas that have an $id
	refs   []reference
}

// reference is a $ref. A pointer in it begins at base, the closest schema around it that has an $id.
type reference struct{ base, to string }

// leads reports whether a $ref leads to a schema. Without a path in it, it always does: the validator looks for an $id and
// an $anchor only in schemas. A path after an address begins at one of the bases, and has to be right for each of them.
func (p *preparer) leads(r reference) bool {
	address, path, _ := strings.Cut(r.to, "#")
	if plain, err := url.PathUnescape(path); err == nil {
		path = plain
	}
	if path == "" || path[0] != '/' {
		return true
	}
	if address == "" {
		return p.places[r.base+path]
	}
	return !slices.ContainsFunc(p.bases, func(base string) bool { return !p.places[base+path] })
}

// nested says at which keywords there are schemas: one, a list of them, or one for each name.
var nested = map[string]string{
	"items": "one", "additionalProperties": "one", "propertyNames": "one", "contains": "one", "not": "one", "if": "one",
	"then": "one", "else": "one", "unevaluatedItems": "one", "unevaluatedProperties": "one",
	"allOf": "list", "anyOf": "list", "oneOf": "list", "prefixItems": "list",
	"properties": "names", "$defs": "names", "patternProperties": "names", "dependentSchemas": "names",
}

func (p *preparer) schema(v any, at, base string) error {
	p.places[at] = true
	s, ok := v.(map[string]any)
	if !ok {
		return nil
	}
	if _, named := s["$id"].(string); named {
		base = at
		p.bases = append(p.bases, at)
	}
	c := counter{fixed: 1}
	for keyword, v := range s {
		at := at + Pointer(keyword)
		switch v := v.(type) {
		case map[string]any:
			switch nested[keyword] {
			case "one":
				if err := p.schema(v, at, base); err != nil {
					return err
				}
			case "names":
				for name, sub := range v {
					if err := p.schema(sub, at+Pointer(name), base); err != nil {
						return err
					}
				}
			}
		case []any:
			if nested[keyword] == "list" {
				for i, sub := range v {
					if err := p.schema(sub, at+"/"+strconv.Itoa(i), base); err != nil {
						return err
					}
				}
			}
		case bool:
			p.places[at] = true
		}
		if err := c.add(keyword, v); err != nil {
			return err
		}
		if ref, ok := v.(string); ok && keyword == "$ref" {
			p.refs = append(p.refs, reference{base, ref})
		}
	}
	format, _ := s["format"].(string)
	if _, wrong := s["format"]; wrong && format == "" {
		return nil // the compiler reports it
	}
	if format != "" {
		of, err := ofFormat(format)
		if err != nil {
			return err
		}
		c.format = of
	}
	c.name = fmt.Sprintf("%s%d:%s", counted, len(p.formats), format)
	p.formats = append(p.formats, c)
	s["format"] = c.name
	last(s)
	return nil
}

// last moves the keywords that the validator looks at before the format into the last schema of allOf.
func last(s map[string]any) {
	values := map[string]any{}
	for _, keyword := range []string{"enum", "const"} {
		if v, ok := s[keyword]; ok {
			values[keyword] = v
			delete(s, keyword)
		}
	}
	all, ok := s["allOf"].([]any)
	if _, wrong := s["allOf"]; len(values) > 0 && (ok || !wrong) {
		s["allOf"] = append(all, values)
	}
}

// counted begins the names of formats that count. The name that the schema has comes after the next colon.
const counted = "gancho-work-"

// formatName is the name of a format as the schema has it.
func formatName(name string) string {
	if rest, ok := strings.CutPrefix(name, counted); ok {
		_, name, _ = strings.Cut(rest, ":")
	}
	return name
}

// add adds what a keyword costs.
func (c *counter) add(keyword string, v any) error {
	switch keyword {
	case "enum", "const":
		b, err := json.Marshal(v)
		if err != nil {
			return err
		}
		values, _ := v.([]any)
		c.fixed += work.OfBytes(len(b)) + int64(len(values))
	case "pattern":
		n, err := patternSize(v)
		if err != nil {
			return err
		}
		c.text += n
	case "patternProperties":
		patterns, _ := v.(map[string]any)
		for pattern := range patterns {
			n, err := patternSize(pattern)
			if err != nil {
				return err
			}
			c.names += 1 + n
		}
	case "allOf", "anyOf", "oneOf", "required":
		list, _ := v.([]any)
		c.fixed += int64(len(list))
	case "dependentRequired", "dependentSchemas":
		names, _ := v.(map[string]any)
		c.fixed += int64(len(names))
	case "minLength", "maxLength":
		c.text++
	case "format":
		c.text += 2
	case "uniqueItems":
		c.members += 8
	case "additionalProperties", "propertyNames", "contains", "items", "unevaluatedItems", "unevaluatedProperties":
		c.members++
	}
	return nil
}

// patternSize is how many instructions a regular expression has.
func patternSize(v any) (int64, error) {
	text, ok := v.(string)
	if !ok {
		return 0, nil // the compiler reports it
	}
	re, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		//lint:ignore nilerr the compiler reports it
		return 0, nil
	}
	prog, err := syntax.Compile(re.Simplify())
	if err != nil {
		//lint:ignore nilerr the compiler reports it
		return 0, nil
	}
	if n := len(prog.Inst); n > maxPattern {
		return 0, fmt.Errorf("the pattern %.40q has %d steps, and at most %d are possible; repeat less in it, or use maxLength",
			text, n, maxPattern)
	}
	return int64(len(prog.Inst)), nil
}

// ofFormat is a schema that asks for nothing but a format.
func ofFormat(format string) (*jsonschema.Schema, error) {
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	if err := c.AddResource("contract:format", map[string]any{"format": format}); err != nil {
		return nil, err
	}
	return c.Compile("contract:format")
}

// compile makes a copy.
func (x *copies) compile() (*compiled, error) {
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.UseLoader(noLoader{})
	c.AssertFormat()
	out := &compiled{left: new(int64)}
	for i := range x.formats {
		c.RegisterFormat(x.formats[i].counting(out.left))
	}
	const name = "contract:schema"
	if err := c.AddResource(name, x.doc); err != nil {
		return nil, err
	}
	s, err := c.Compile(name)
	if err != nil {
		return nil, errors.New(shorten(err))
	}
	out.Schema = s
	return out, nil
}

// counting is the format of a counter, which takes what a value costs from left.
func (c *counter) counting(left *int64) *jsonschema.Format {
	return &jsonschema.Format{Name: c.name, Validate: func(v any) error {
		cost := c.fixed
		switch v := v.(type) {
		case map[string]any:
			cost += c.members * int64(len(v))
			if c.names > 0 {
				for name := range v {
					cost += c.names * work.OfBytes(len(name))
				}
			}
		case []any:
			cost += c.members * int64(len(v))
		case string:
			cost += c.text * work.OfBytes(len(v))
		}
		if *left -= cost; *left < 0 {
			panic(errCostly)
		}
		if c.format != nil && c.format.Format != nil {
			return c.format.Format.Validate(v)
		}
		return nil
	}}
}

// maxUnits is what one check may cost if the budget has more.
const maxUnits = 5_000_000

// validate validates a value within a budget. costly says that the check was stopped.
func (x *copies) validate(b *work.Budget, v any) (err error, costly bool) {
	c, err := x.take()
	if err != nil {
		return err, false
	}
	defer x.give(c)
	if b.Begin() != nil {
		return nil, true
	}
	units := min(b.Left(), maxUnits)
	*c.left = units
	defer func() {
		b.End(units - max(*c.left, 0))
		if p := recover(); p != nil {
			if p != any(errCostly) {
				panic(p)
			}
			err, costly = nil, true
		}
	}()
	return c.Validate(v), false
}

func (x *copies) take() (*compiled, error) {
	x.mu.Lock()
	if n := len(x.free); n > 0 {
		c := x.free[n-1]
		x.free = x.free[:n-1]
		x.mu.Unlock()
		return c, nil
	}
	x.mu.Unlock()
	return x.compile()
}

// maxFree is how many copies are kept.
const maxFree = 4

func (x *copies) give(c *compiled) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.free) < maxFree {
		x.free = append(x.free, c)
	}
}

// maxEmpty is what checking an empty document may cost.
const maxEmpty = 100_000

// probe finds out whether even the smallest documents cost too much.
func (x *copies) probe() error {
	for _, doc := range []any{map[string]any{}, []any{}, "", json.Number("0")} {
		if _, costly := x.validate(work.NewBudget(context.Background(), maxEmpty, nil), doc); costly {
			return errors.New("even for an empty document it costs too much work, because its $refs, allOf, anyOf or oneOf lead " +
				"to the same schemas again and again. Refer to each definition once")
		}
	}
	return nil
}

// unmarshal reads a JSON document as the validator wants it.
func unmarshal(doc []byte) (any, error) { return jsonschema.UnmarshalJSON(bytes.NewReader(doc)) }
