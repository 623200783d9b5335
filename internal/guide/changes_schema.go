package guide

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"gancho/internal/rawjson"
)

// loosening is something that a schema allows which another one did not, or the other way round if it breaks nobody.
type loosening struct {
	breaks bool
	code   string
	member string // JSON Pointer; * stands for any element
	facts  []string
}

// maxSchemaDepth is how deep schemas are compared, references included.
const maxSchemaDepth = 24

// loosened lists what one schema allows beyond another. stopped ends it early.
func loosened(before, after json.RawMessage, stopped func() bool) []loosening {
	s := &schemaComparison{old: before, now: after, stopped: stopped}
	return s.compare("", before, after, 0)
}

type schemaComparison struct {
	old, now json.RawMessage // the documents, for references
	stopped  func() bool
}

// allowed is what a schema says of one value, with allOf and references followed.
type allowed struct {
	never    bool // no value is valid
	types    []string
	enum     [][]byte // nil: any value
	words    map[string][]byte
	required []string
	members  []rawjson.Member // properties; of several for one name all hold
	items    []byte
	prefix   [][]byte
	more     []byte // additionalProperties
	choices  [][][]byte
}

// allowedBy reads a schema. root is its document.
func allowedBy(schema, root []byte) *allowed {
	s := &allowed{words: map[string][]byte{}}
	s.read(schema, root, 0)
	return s
}

// both is a schema for what two schemas allow; the first may be nil.
func both(a, b []byte) []byte {
	if a == nil {
		return b
	}
	return slices.Concat([]byte(`{"allOf":[`), a, []byte(","), b, []byte("]}"))
}

// silentWords are keywords that say nothing of values.
var silentWords = []string{
	"$id", "$defs", "$comment", "$anchor", "$schema", "title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly",
}

func (s *allowed) read(schema, root []byte, depth int) {
	if rawjson.KindOf(schema) == 'f' {
		s.never = true
	}
	if rawjson.KindOf(schema) != '{' || depth > maxSchemaDepth {
		return
	}
	for _, m := range rawjson.Members(schema) {
		switch v := m.Value; m.Name {
		case "$ref":
			if target, ok := referred(root, rawjson.Text(v)); ok {
				s.read(target, root, depth+1)
			}
		case "allOf":
			for _, part := range rawjson.Elements(v) {
				s.read(part, root, depth+1)
			}
		case "type":
			s.types = bothTypes(s.types, typesOf(v))
		case "enum":
			s.values(rawjson.Elements(v))
		case "const":
			s.values([][]byte{v})
		case "required":
			for _, name := range rawjson.Elements(v) {
				s.required = append(s.required, rawjson.Text(name))
			}
		case "properties":
			for _, p := range rawjson.Members(v) {
				if i := slices.IndexFunc(s.members, func(x rawjson.Member) bool { return x.Name == p.Name }); i >= 0 {
					s.members[i].Value = both(s.members[i].Value, p.Value)
				} else {
					s.members = append(s.members, p)
				}
			}
		case "items":
			s.items = both(s.items, v)
		case "prefixItems":
			for i, item := range rawjson.Elements(v) {
				if i < len(s.prefix) {
					s.prefix[i] = both(s.prefix[i], item)
				} else {
					s.prefix = append(s.prefix, item)
				}
			}
		case "additionalProperties":
			s.more = both(s.more, v)
		case "anyOf", "oneOf":
			s.choices = append(s.choices, rawjson.Elements(v))
		default:
			if slices.Contains(silentWords, m.Name) || strings.HasPrefix(m.Name, "x-") {
				continue
			}
			if was, ok := s.words[m.Name]; !ok || stricter(m.Name, v, was) {
				s.words[m.Name] = v
			}
		}
	}
	if depth == 0 && s.types == nil {
		s.types = s.derivedTypes(root)
	}
}

// derivedTypes are the types of a schema that names none itself: those of its values, or of its choices; nil: any.
func (s *allowed) derivedTypes(root []byte) (types []string) {
	if s.enum != nil {
		for _, v := range s.enum {
			types = append(types, typeOfValue(v))
		}
		return types
	}
	for _, choice := range s.choices {
		var union []string
		for _, branch := range choice {
			of := allowedBy(branch, root).types
			if of == nil {
				union = nil
				break
			}
			union = append(union, of...)
		}
		if union != nil {
			types = bothTypes(types, union)
		}
	}
	return types
}

func (s *allowed) values(list [][]byte) {
	if s.enum == nil {
		s.enum = append([][]byte{}, list...)
		return
	}
	s.enum = slices.DeleteFunc(s.enum, func(v []byte) bool { return !hasValue(list, v) })
}

func hasValue(list [][]byte, v []byte) bool {
	return slices.ContainsFunc(list, func(x []byte) bool { return rawjson.Same(x, v) })
}

// referred is what a reference within a document leads to.
func referred(root []byte, ref string) ([]byte, bool) {
	at, ok := strings.CutPrefix(ref, "#")
	if !ok || at != "" && at[0] != '/' {
		return nil, false
	}
	var path []string
	for _, part := range strings.Split(at, "/")[min(1, len(at)):] {
		if at != "" {
			path = append(path, strings.NewReplacer("~1", "/", "~0", "~").Replace(part))
		}
	}
	if at == "" {
		return root, true
	}
	return rawjson.Lookup(root, path...)
}

// typesOf are the types of a schema: one, or a list of them.
func typesOf(token []byte) (out []string) {
	if list := rawjson.Elements(token); list != nil {
		for _, t := range list {
			out = append(out, rawjson.Text(t))
		}
		return out
	}
	if len(token) > 0 {
		out = []string{rawjson.Text(token)}
	}
	return out
}

func typeOfValue(value []byte) string {
	switch rawjson.KindOf(value) {
	case '"':
		return "string"
	case '{':
		return "object"
	case '[':
		return "array"
	case 't', 'f':
		return "boolean"
	case 'n':
		return "null"
	}
	if strings.ContainsAny(string(value), ".eE") {
		return "number"
	}
	return "integer"
}

// bothTypes are the types that two lists allow; nil allows any.
func bothTypes(a, b []string) []string {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	out := []string{}
	for _, t := range a {
		if allowsType(b, t) {
			out = append(out, t)
		} else if t == "number" && slices.Contains(b, "integer") {
			out = append(out, "integer")
		}
	}
	return out
}

func allowsType(types []string, t string) bool {
	return slices.Contains(types, t) || t == "integer" && slices.Contains(types, "number")
}

// lowest and highest are the keywords that limit a value from below and from above.
var (
	lowest  = []string{"minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties", "minContains"}
	highest = []string{"maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties", "maxContains"}
)

// stricter reports whether a value of a keyword allows less than another one.
func stricter(word string, a, b []byte) bool {
	x, y := numberOf(a), numberOf(b)
	return slices.Contains(lowest, word) && x > y || slices.Contains(highest, word) && x < y
}

func numberOf(token []byte) float64 {
	x, err := strconv.ParseFloat(string(token), 64)
	if err != nil {
		return math.NaN()
	}
	return x
}

// bound is a limit in one form: that of numbers also if the limit itself is excluded.
func (s *allowed) bound(word string) (limit float64, token []byte, ok bool) {
	token, ok = s.words[word]
	limit = numberOf(token)
	partner, step := map[string]string{"minimum": "exclusiveMinimum", "maximum": "exclusiveMaximum"}[word], 0.0
	if v, excluded := s.words[partner]; excluded {
		whole := len(s.types) == 1 && s.types[0] == "integer"
		x := numberOf(v)
		if step = math.Nextafter(x, math.Inf(1)); whole {
			step = math.Floor(x) + 1
		}
		if word == "maximum" {
			if step = math.Nextafter(x, math.Inf(-1)); whole {
				step = math.Ceil(x) - 1
			}
		}
		if !ok || word == "minimum" && step > limit || word == "maximum" && step < limit {
			return step, v, true
		}
	}
	return limit, token, ok
}

// limitText is a limit for people: that of numbers says if it is excluded itself.
func (s *allowed) limitText(word string, token []byte) string {
	if excluded, ok := s.words[strings.Replace(word, "m", "exclusiveM", 1)]; ok && strings.HasSuffix(word, "imum") && string(excluded) == string(token) {
		return map[string]string{"minimum": "> ", "maximum": "< "}[word] + string(token)
	}
	return string(token)
}

// exceeds reports whether a value is beyond a limit.
func exceeds(word string, limit float64, v []byte) bool {
	x := math.NaN()
	switch kind := rawjson.KindOf(v); word {
	case "minimum", "maximum":
		if kind == '0' {
			x = numberOf(v)
		}
	case "minLength", "maxLength":
		if kind == '"' {
			x = float64(utf8.RuneCountInString(rawjson.Text(v)))
		}
	case "minItems", "maxItems":
		if kind == '[' {
			x = float64(len(rawjson.Elements(v)))
		}
	case "minProperties", "maxProperties":
		if kind == '{' {
			x = float64(len(rawjson.Members(v)))
		}
	}
	return strings.HasPrefix(word, "min") && x < limit || strings.HasPrefix(word, "max") && x > limit
}

// kindsOf says to which types a keyword applies; another keyword applies to all.
var kindsOf = map[string][]string{
	"minimum": {"number", "integer"}, "maximum": {"number", "integer"}, "multipleOf": {"number", "integer"},
	"minLength": {"string"}, "maxLength": {"string"}, "pattern": {"string"}, "format": {"string"}, "contentEncoding": {"string"},
	"contentMediaType": {"string"}, "minItems": {"array"}, "maxItems": {"array"}, "uniqueItems": {"array"}, "contains": {"array"},
	"minContains": {"array"}, "maxContains": {"array"}, "unevaluatedItems": {"array"}, "minProperties": {"object"},
	"maxProperties": {"object"}, "patternProperties": {"object"}, "propertyNames": {"object"}, "dependentRequired": {"object"},
	"dependentSchemas": {"object"}, "unevaluatedProperties": {"object"},
}

// can reports whether a value that a keyword applies to can be there.
func (s *allowed) can(word string) bool {
	kinds := kindsOf[word]
	return kinds == nil || s.types == nil || slices.ContainsFunc(kinds, func(k string) bool { return slices.Contains(s.types, k) })
}

// compare lists what the schema after allows at one place beyond the schema before.
func (s *schemaComparison) compare(member string, before, after []byte, depth int) (out []loosening) {
	if depth > maxSchemaDepth || s.stopped() {
		return nil
	}
	old, now := allowedBy(before, s.old), allowedBy(after, s.now)
	if now.never {
		return nil
	}
	tell := func(breaks bool, code, member string, facts ...string) {
		if member == "" {
			member = "/"
		}
		out = append(out, loosening{breaks, code, member, facts})
	}
	if old.types != nil && now.types == nil {
		tell(true, "schema_any", member)
		return out
	}
	if old.types != nil {
		kept := false
		for _, kind := range now.types {
			switch {
			case allowsType(old.types, kind):
				kept = true
			case kind == "null":
				tell(true, "schema_null", member)
			case kind == "number" && slices.Contains(old.types, "integer"):
				kept = true
				tell(true, "schema_type", member, "kind", kind)
			case old.enum != nil && now.enum != nil: // its values are told below
			default:
				tell(true, "schema_type", member, "kind", kind)
			}
		}
		if !kept && len(now.types) > 0 && (old.enum == nil || now.enum == nil) {
			return out
		}
	}
	switch {
	case old.enum == nil:
	case now.enum == nil && allBoolean(now.types) && hasValue(old.enum, []byte("true")) && hasValue(old.enum, []byte("false")):
	case now.enum == nil:
		tell(true, "schema_values", member)
	default:
		for _, v := range now.enum {
			if s.stopped() {
				return out
			}
			if null := rawjson.KindOf(v) == 'n'; !hasValue(old.enum, v) && !(null && !allowsType(old.types, "null")) { // else told above
				tell(true, "schema_value", member, "value", brief(v))
			}
		}
	}
	s.limits(old, now, func(code string, facts ...string) { tell(true, code, member, facts...) })
	for _, name := range old.required {
		if !slices.Contains(now.required, name) && now.can("dependentRequired") {
			tell(true, "schema_optional", member+"/"+name)
		}
	}
	out = append(out, s.members(member, old, now, depth)...)
	out = append(out, s.elements(member, old, now, depth)...)
	return append(out, s.chosen(member, old, now, after, depth)...)
}

func allBoolean(types []string) bool { return len(types) == 1 && types[0] == "boolean" }

// limits compares bounds, and rules that are compared as they stand.
func (s *schemaComparison) limits(old, now *allowed, add func(code string, facts ...string)) {
	words := []string{"minimum", "maximum", "multipleOf"}
	for _, list := range [][]string{lowest, highest} {
		for _, w := range list {
			if !strings.HasSuffix(w, "imum") {
				words = append(words, w)
			}
		}
	}
	for _, word := range words {
		limit, token, ok := old.bound(word)
		if !ok || !now.can(word) {
			continue
		}
		next, with, limited := now.bound(word)
		switch {
		case now.enum != nil && word != "multipleOf":
			if slices.ContainsFunc(now.enum, func(v []byte) bool { return exceeds(word, limit, v) && !hasValue(old.enum, v) }) {
				add("schema_limit_gone", "keyword", word, "old", old.limitText(word, token))
			}
		case !limited && (strings.HasPrefix(word, "min") && limit <= 0 && !strings.HasSuffix(word, "imum")):
		case !limited:
			add("schema_limit_gone", "keyword", word, "old", old.limitText(word, token))
		case word == "multipleOf" && math.Mod(next, limit) != 0, strings.HasPrefix(word, "min") && next < limit, strings.HasPrefix(word, "max") && next > limit:
			add("schema_limit", "keyword", word, "old", old.limitText(word, token), "new", now.limitText(word, with))
		}
	}
	var rules []string
	for word := range old.words {
		if slices.Contains(words, word) || slices.Contains(lowest, word) || slices.Contains(highest, word) {
			continue
		}
		rules = append(rules, word)
	}
	slices.Sort(rules)
	for _, word := range rules {
		was, is := old.words[word], now.words[word]
		if !now.can(word) || now.enum != nil || word == "uniqueItems" && rawjson.KindOf(was) == 'f' {
			continue
		}
		if is == nil {
			add("schema_rule_gone", "keyword", word)
		} else if !rawjson.Same(sorted(was), sorted(is)) {
			add("schema_rule", "keyword", word)
		}
	}
}

// sorted is a JSON value with its members in order, as rules are compared.
func sorted(token []byte) []byte {
	var v any
	if json.Unmarshal(token, &v) != nil {
		return token
	}
	out, err := json.Marshal(v)
	if err != nil {
		return token
	}
	return out
}

// members compares the members of objects.
func (s *schemaComparison) members(member string, old, now *allowed, depth int) (out []loosening) {
	if !now.can("dependentRequired") {
		return nil
	}
	for _, m := range old.members {
		at := member + "/" + m.Name
		if s.stopped() {
			return out
		}
		if i := slices.IndexFunc(now.members, func(x rawjson.Member) bool { return x.Name == m.Name }); i >= 0 {
			out = append(out, s.compare(at, m.Value, now.members[i].Value, depth+1)...)
		} else {
			out = append(out, loosening{true, "schema_member_gone", at, nil})
		}
	}
	for _, m := range now.members {
		if !slices.ContainsFunc(old.members, func(x rawjson.Member) bool { return x.Name == m.Name }) {
			out = append(out, loosening{false, "schema_member", member + "/" + m.Name, nil})
		}
	}
	switch {
	case old.more == nil:
	case allowedBy(old.more, s.old).never:
		if now.more == nil || !allowedBy(now.more, s.now).never {
			out = append(out, loosening{false, "schema_open", orSlash(member), nil})
		}
	case now.more == nil:
		out = append(out, s.compare(member+"/*", old.more, []byte("true"), depth+1)...)
	default:
		out = append(out, s.compare(member+"/*", old.more, now.more, depth+1)...)
	}
	return out
}

func orSlash(pointer string) string {
	if pointer == "" {
		return "/"
	}
	return pointer
}

// elements compares the elements of lists.
func (s *schemaComparison) elements(member string, old, now *allowed, depth int) (out []loosening) {
	if !now.can("minItems") {
		return nil
	}
	anything := []byte("true")
	at := func(x *allowed, i int) []byte {
		switch {
		case i < len(x.prefix):
			return x.prefix[i]
		case x.items != nil:
			return x.items
		}
		return anything
	}
	for i := range max(len(old.prefix), len(now.prefix)) {
		out = append(out, s.compare(member+"/"+strconv.Itoa(i), at(old, i), at(now, i), depth+1)...)
	}
	if old.items != nil {
		out = append(out, s.compare(member+"/*", old.items, at(now, math.MaxInt), depth+1)...)
	}
	return out
}

// chosen compares oneOf and anyOf: each choice that is allowed now has to be one of those before.
func (s *schemaComparison) chosen(member string, old, now *allowed, after []byte, depth int) (out []loosening) {
	breaking := func(list []loosening) []loosening {
		return slices.DeleteFunc(slices.Clone(list), func(l loosening) bool { return !l.breaks })
	}
	for i, were := range old.choices {
		are := [][]byte{after}
		if i < len(now.choices) {
			are = now.choices[i]
		}
		for _, branch := range are {
			if types := allowedBy(branch, s.now).types; old.types != nil && types != nil && !slices.ContainsFunc(types, func(t string) bool { return allowsType(old.types, t) }) {
				continue // its types are told already
			}
			var least []loosening
			fits := false
			for k, was := range were {
				found := breaking(s.compare(member, was, branch, depth+1))
				if fits = len(found) == 0; fits {
					break
				}
				if k == 0 || len(found) < len(least) {
					least = found
				}
			}
			switch {
			case fits:
			case len(are) == len(were) && len(least) <= 2:
				out = append(out, least...)
			default:
				out = append(out, loosening{true, "schema_choice", orSlash(member), nil})
			}
			if s.stopped() {
				return out
			}
		}
	}
	return out
}
