package guide

import (
	"cmp"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"gancho/internal/contract"
	"gancho/internal/hook"
	"gancho/internal/rawjson"
)

// OpenAPI is an OpenAPI 3.1 document of a contract, with texts in one of [Languages]. It has
// the requests under webhooks, one entry for each event type, with their examples, and the
// look-ups under paths. Assumptions are listed in info as x-assumed.
func OpenAPI(c *contract.Contract, language string) []byte { return Sender{}.OpenAPI(c, language) }

// OpenAPI is like [OpenAPI], with what is known about the sender.
func (s Sender) OpenAPI(c *contract.Contract, language string) []byte {
	p := &page{facts: gather(c), sender: s, language: language}
	doc := object{
		{"openapi", "3.1.0"},
		{"info", p.info()},
	}
	if c.Document != "" {
		doc = append(doc, member{"externalDocs", object{{"url", c.Document}}})
	}
	var components object
	schemes, paths := object{}, object{}
	if p.auth.kind == byHeader {
		schemes = append(schemes, member{"receiver", object{
			{"type", "apiKey"}, {"in", "header"}, {"name", p.auth.header}, {"description", p.where(p.auth)},
		}})
	}
	if len(c.Lookups()) > 0 {
		schemes = append(schemes, member{"token", object{{"type", "http"}, {"scheme", "bearer"}, {"bearerFormat", "JWT"}}})
		server := object{
			{"url", "https://{host}"},
			{"variables", object{{"host", object{{"default", "webhooks.example.com"}}}}},
		}
		if s.URL != "" {
			server = object{{"url", s.URL}}
		}
		doc = append(doc, member{"servers", []any{server}})
	}
	schemas := object{}
	for _, r := range c.Lookups() {
		kind, _ := c.Record(r.Record)
		if s := kind.SchemaIn(language); s != nil {
			schemas = append(schemas, member{"record." + r.Record, s})
		}
		for i, path := range r.Paths {
			paths = append(paths, member{path, object{{strings.ToLower(r.Method), p.route(r, i)}}})
		}
	}
	webhooks := object{}
	for i, e := range p.events {
		webhooks = append(webhooks, member{e.Name, object{{strings.ToLower(e.Method), p.webhook(i, &schemas)}}})
	}
	if len(paths) > 0 {
		doc = append(doc, member{"paths", paths})
	}
	doc = append(doc, member{"webhooks", webhooks})
	if len(schemas) > 0 {
		components = append(components, member{"schemas", unique(schemas)})
	}
	if len(schemes) > 0 {
		components = append(components, member{"securitySchemes", schemes})
	}
	if len(components) > 0 {
		doc = append(doc, member{"components", components})
	}
	return append(indent(encode(doc)), '\n')
}

func (p *page) info() object {
	info := object{{"title", p.contract.Title.In(p.language)}}
	if about := p.contract.About.In(p.language); about != "" {
		info = append(info, member{"description", about})
	}
	info = append(info, member{"version", strconv.FormatInt(max(1, p.contract.Version), 10)})
	assumed := []any{}
	for _, a := range p.contract.Assumed() {
		assumed = append(assumed, object{{"path", a.Path}, {"note", a.Note.In(p.language)}})
	}
	if len(assumed) > 0 {
		info = append(info, member{"x-assumed", assumed})
	}
	return info
}

// webhook describes the request of event type i. It adds the schema of its body to schemas.
func (p *page) webhook(i int, schemas *object) object {
	e := p.events[i]
	op := object{
		{"operationId", "webhook." + strings.ReplaceAll(e.Name, anyEvent, "any")},
		{"summary", e.Title.In(p.language)},
	}
	if about := e.About.In(p.language); about != "" {
		op = append(op, member{"description", about})
	}
	if methods := p.contract.Methods(); len(methods) > 1 {
		op = append(op, member{"x-methods", methods})
	}
	if parameters := append(queryOf(e.URL), p.headers(e.Headers)...); len(parameters) > 0 {
		op = append(op, member{"parameters", parameters})
	}
	security := []any{}
	if p.auth.kind == byHeader {
		security = append(security, object{{"receiver", []any{}}})
	}
	if hook.CarriesBody(e.Method) {
		op = append(op, member{"requestBody", p.requestBody(e, schemas)})
	}
	return append(op,
		member{"responses", p.responses()},
		member{"security", security})
}

// queryOf are the parameters that the contract puts into the query of an address.
func queryOf(address string) (out []any) {
	_, query, _ := strings.Cut(address, "?")
	for pair := range strings.SplitSeq(query, "&") {
		name, value, found := strings.Cut(pair, "=")
		if !found {
			continue
		}
		if plain, err := url.QueryUnescape(name); err == nil {
			name = plain
		}
		if plain, err := url.QueryUnescape(value); err == nil {
			value = plain
		}
		out = append(out, object{
			{"name", name}, {"in", "query"}, {"required", true}, {"schema", object{{"type", "string"}}}, {"example", value},
		})
	}
	return out
}

// headers are the headers that OpenAPI does not describe elsewhere: content types are
// described with bodies, and secrets in security schemes.
func (p *page) headers(list []hook.Header) []any {
	var out []any
	add := func(name, about, example string) {
		parameter := object{{"name", name}, {"in", "header"}, {"required", true}}
		if about != "" {
			parameter = append(parameter, member{"description", about})
		}
		out = append(out, append(parameter, member{"schema", object{{"type", "string"}}}, member{"example", example}))
	}
	for _, h := range list {
		switch lower := strings.ToLower(h.Name); {
		case lower == "content-type" || lower == "accept" || lower == "authorization":
		case p.auth.kind == byHeader && strings.EqualFold(h.Name, p.auth.header):
		default:
			add(h.Name, "", h.Value)
		}
	}
	if p.auth.kind == bySignature {
		for _, h := range []struct {
			about   string // key in the catalogue
			example string
		}{
			{"auth.signature_id", "evt_0198"},
			{"auth.signature_time", "1767323045"},
			{"auth.signature_value", "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4="},
		} {
			name, about, _ := strings.Cut(strings.TrimPrefix(p.words(h.about), "`"), "`: ")
			add(name, about, h.example)
		}
	}
	for _, d := range p.described() {
		if p.auth.kind != byRecipe && p.auth.kind != bySignature {
			break // the example has the secret
		}
		for _, h := range headersOf(d) {
			add(h.Name, "", h.Value)
		}
	}
	return out
}

// requestBody describes the body of an event type, for each content type that it can have.
// It adds the body's schema to schemas.
func (p *page) requestBody(e sent, schemas *object) object {
	schema := p.contract.BodySchema(p.language)
	name := "body"
	if !p.contract.MakesBody() {
		schema, name = e.SchemaIn(p.language), "event."+componentName(e.Name)
	}
	var of any = object{}
	if schema != nil {
		*schemas = append(*schemas, member{name, schema})
		of = object{{"$ref", "#/components/schemas/" + name}}
	}
	var content object
	switch kind := contentType(e.Rendering); {
	case p.contract.FormFields() && kind == formType:
		content = append(content, member{formType, object{{"schema", of}}})
	case kind != formType:
		content = append(content, member{cmp.Or(kind, "application/json"), append(object{{"schema", of}}, p.examples(e))})
	}
	if p.form != "" {
		content = append(content, member{formType, object{{"schema", object{
			{"type", "object"},
			{"required", []string{p.form}},
			{"properties", object{{p.form, object{
				{"type", "string"}, {"contentMediaType", "application/json"}, {"contentSchema", of},
			}}}},
		}}}})
	}
	return object{{"required", true}, {"content", content}}
}

// example is a body as an example: JSON, or a text.
func example(body []byte) any {
	if rawjson.Check(body, rawjson.MaxDepth) != nil {
		return string(body)
	}
	return json.RawMessage(body)
}

// examples are the example of an event type and those of its further cases.
func (p *page) examples(e sent) member {
	if len(e.cases) == 0 {
		return member{"example", example(e.Body)}
	}
	one := func(title contract.Text, body []byte) object {
		return object{{"summary", title.In(p.language)}, {"value", example(body)}}
	}
	all := object{{"example", one(e.Title, e.Body)}}
	for _, further := range e.cases {
		all = append(all, member{further.Case.Name, one(further.Title, further.Body)})
	}
	return member{"examples", unique(all)}
}

// componentName is a name with only those characters that OpenAPI allows in components.
func componentName(name string) string {
	return strings.Map(func(r rune) rune {
		if r == '*' {
			return '_'
		}
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '-' || r == '_' {
			return r
		}
		return '_'
	}, name)
}

// responses say which answers count as received, and what happens after others.
func (p *page) responses() object {
	text := p.words(p.content())
	if p.success.By == contract.SuccessByMore {
		text = p.words("answer.rule", "rule", p.contract.SuccessRule())
	}
	text = strings.TrimSpace(p.statuses() + " " + text)
	var out object
	add := func(status string) { out = append(out, member{status, object{{"description", text}}}) }
	for century := 200; century < 600; century += 100 {
		first, _ := slices.BinarySearch(p.success.Statuses, century)
		last, _ := slices.BinarySearch(p.success.Statuses, century+100)
		if last-first == 100 {
			add(strconv.Itoa(century/100) + "XX")
			continue
		}
		for _, s := range p.success.Statuses[first:last] {
			add(strconv.Itoa(s))
		}
	}
	after := "retries.once_never"
	if !p.once() {
		after = "answer.other"
	}
	return append(out, member{"default", object{{"description", strings.ReplaceAll(p.words(after), "**", "")}}})
}

// route describes path i of a look-up. All paths of a look-up do the same.
func (p *page) route(r contract.Lookup, i int) object {
	id := "lookup." + r.Name
	if i > 0 {
		id += "." + strconv.Itoa(i+1)
	}
	path := r.Paths[i]
	key := path[strings.Index(path, "{")+1 : strings.Index(path, "}")]
	kind, _ := p.contract.Record(r.Record)
	var schema any = object{{"type", "object"}}
	if kind.SchemaIn(p.language) != nil {
		schema = object{{"$ref", "#/components/schemas/record." + r.Record}}
	}
	op := object{{"operationId", id}, {"summary", r.Title.In(p.language)}}
	if about := r.About.In(p.language); about != "" {
		op = append(op, member{"description", about})
	}
	answer := func(key string) object {
		_, text, _ := strings.Cut(p.words(key), ": ")
		return object{{"description", strings.ToUpper(text[:1]) + text[1:]}}
	}
	return append(op,
		member{"parameters", []any{object{
			{"name", key}, {"in", "path"}, {"required", true}, {"schema", object{{"type", "string"}}},
		}}},
		member{"responses", object{
			{"200", object{
				{"description", kind.Title.In(p.language)},
				{"content", object{{"application/json", object{{"schema", schema}}}}},
			}},
			{"401", answer("look_up.refused")},
			{"404", answer("look_up.none")},
		}},
		member{"security", []any{object{{"token", []any{}}}}})
}
