package guide

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"gancho/internal/contract"
	"gancho/internal/hook"
	"gancho/internal/rawjson"
	"gancho/internal/sign"
)

// when lists the event types, and when those on a schedule come.
func (p *page) when() {
	p.eventTable()
	for _, e := range p.contract.Scheduled() {
		rhythm := p.words("when.every", "time", duration(e.Schedule.Every, p.language))
		if e.Schedule.Cron != "" {
			rhythm = p.words("when.cron", "cron", e.Schedule.Cron, "zone", e.Schedule.Timezone)
		}
		kind, _ := p.contract.Record(e.Schedule.Select)
		p.list(
			p.words("when.scheduled_event",
				"event", quoted(e.Name), "rhythm", rhythm, "kind", strings.ToLower(kind.Title.In(p.language))),
			p.words("when.scheduled_none"),
			p.words("when.scheduled_size", "size", size(e.Schedule.MaxBody)),
		)
	}
}

// setup says what a customer prepares and fills in.
func (p *page) setup() {
	c := p.contract
	credentials, _ := c.Credentials()
	least, most := c.EventTypesPerEndpoint()
	enter := "setup.enter"
	if credentials.Endpoint {
		enter = "setup.enter_credential"
	}
	p.steps(p.words("setup.address"), p.words(enter), p.words("setup.test"))
	if c.Verifies() {
		method, rule := c.HandshakeRule()
		if rule == "" {
			p.say("setup.verify_any", "method", method)
		} else {
			p.say("setup.verify", "method", method, "rule", rule)
		}
		if asks, ok := p.handshake(); ok {
			p.say("setup.verify_request", "challenge", quoted(sampleChallenge))
			wire, _ := p.wire(asks, hook.CarriesBody(asks.Method))
			p.code("http", wire)
		}
	}
	if from := p.sender.Addresses; len(from) > 0 {
		p.say("setup.from", "addresses", "`"+strings.Join(from, "`, `")+"`")
	}
	rows := [][]string{
		{p.words("field.name"), p.words("field.name_about"), p.words("word.yes")},
		{"URL", p.words("field.url_about"), p.words("word.yes")},
	}
	if methods := c.Methods(); len(methods) > 1 {
		about := p.words("field.method_about", "methods", strings.Join(methods, ", "), "default", methods[0])
		rows = append(rows, []string{p.words("field.method"), about, p.words("word.no")})
	}
	switch {
	case len(p.events) == 1 && p.events[0].Name != anyEvent:
	case least == 1 && most == 1:
		rows = append(rows, []string{p.words("field.events"), p.words("field.one_event"), p.words("word.yes")})
	case most > 0:
		about := p.words("field.some_events", "least", strconv.Itoa(least), "most", strconv.Itoa(most))
		rows = append(rows, []string{p.words("field.events"), about, p.yesNo(least > 0)})
	case least > 0:
		rows = append(rows, []string{p.words("field.events"), p.words("field.least_events", "least", strconv.Itoa(least)), p.words("word.yes")})
	default:
		rows = append(rows, []string{p.words("field.events"), p.allEvents(), p.words("word.no")})
	}
	for _, s := range c.Settings() {
		about := s.About.In(p.language)
		if s.Secret {
			about = strings.TrimSpace(about + " " + p.words("field.secret"))
		}
		rows = append(rows, []string{s.Title.In(p.language), about, p.yesNo(s.Required)})
	}
	p.table([]string{p.words("head.field"), p.words("head.enter"), p.words("head.required")}, rows)
	if n := c.PerTenant(); n == 1 {
		p.say("setup.one_per_tenant")
	} else if n > 1 {
		p.say("setup.some_per_tenant", "n", strconv.Itoa(n))
	}
	if credentials.Endpoint {
		p.say("setup.credential_gives",
			"key", strconv.Itoa(credentials.APIKey.Length), "secret", strconv.Itoa(credentials.Secret.Length),
			"lifetime", duration(credentials.Lifetime, p.language))
	}
	noun := map[bool]string{true: "credentials", false: "endpoints"}[credentials.Endpoint]
	p.say("setup.api", "path", "/v1/tenants/{tenant}/"+noun)
	p.code("json", p.setupBody(credentials.Endpoint, most))
}

func (p *page) yesNo(b bool) string {
	if b {
		return p.words("word.yes")
	}
	return p.words("word.no")
}

// setupBody is the body of the API request that creates the endpoint.
func (p *page) setupBody(credential bool, most int) []byte {
	body := fmt.Sprintf(`{"contract":%s,"name":"CRM","url":%s`, quote(p.contract.Name), quote(sampleURL))
	if !credential {
		if most > 0 || len(p.events) > 1 {
			body += fmt.Sprintf(`,"event_types":[%s]`, quote(p.events[0].Name))
		}
		if len(p.settings) > len("{}") {
			body += `,"settings":` + string(p.settings)
		}
	}
	return indent([]byte(body + "}"))
}

// authentication says how to recognize a genuine request.
func (p *page) authentication() {
	switch a := p.auth; a.kind {
	case bySignature:
		p.say("auth.signature")
		p.list(p.words("auth.signature_id"), p.words("auth.signature_time"), p.words("auth.signature_value"))
		p.say("auth.signature_check")
		if len(p.described()) > 0 {
			p.say("recipe.beside")
		}
	case byRecipe:
		for i, d := range p.described() {
			if i > 0 {
				p.say("recipe.also")
			}
			p.recipe(d)
		}
	default:
		p.secret(a)
	}
	if kind := p.contract.AuthKind(); kind != "" {
		p.say("auth." + kind)
	}
	if p.checked().kind == byURL && (p.auth.kind == byRecipe || p.contract.AuthKind() != "") {
		p.say("recipe.sample", "url", quoted(p.ownURL()))
	}
	p.say("auth.always")
}

// secret says where a request has a secret, and with what to compare it.
func (p *page) secret(a auth) {
	switch {
	case a.kind == byURL:
		if p.contract.AuthKind() == "" {
			p.say("auth.url", "url", quoted(p.ownURL()), "secret", quoted(sampleSecret))
		}
		if !p.contract.OwnsAuth() {
			p.say("auth.chosen")
		}
		return
	case p.contract.AuthKind() != "": // it is said with the kind
		return
	case a.is.text == whatPair:
		p.say("auth.own_pair", "key", quoted(a.is.key), "place", p.words("place."+a.is.place))
	case a.is.optional():
		p.say("auth.optional", "field", p.field(a.is.setting))
	}
	p.line("%s %s", p.where(a), p.words("auth.compare"))
}

// where says in which place of a request a secret stands.
func (p *page) where(a auth) string {
	what := p.what(a.is)
	switch {
	case a.kind == byBody:
		return p.words("auth.body", "member", quoted(strings.Join(a.member, ".")), "what", what)
	case a.kind == byQuery:
		return p.words("auth.query", "param", quoted(a.param), "what", what)
	case a.encoded:
		return p.words("auth.header_base64", "header", quoted(a.header), "value", quoted(a.value()), "secret", quoted(a.sent()), "what", what)
	case a.prefix != "":
		return p.words("auth.header_prefix", "header", quoted(a.header), "value", quoted(a.value()), "secret", quoted(a.sent()), "what", what)
	}
	return p.words("auth.header", "header", quoted(a.header), "what", what)
}

// ownURL is the receiver's own address, with a secret in it.
func (p *page) ownURL() string { return sampleURL + "?" + ownAddress.param + "=" + ownAddress.secret }

// request shows the request as it is sent.
func (p *page) request() {
	first := p.events[0]
	p.example(first.Rendering)
	if command := p.curl(first.Rendering); command != nil {
		p.code("sh", command)
	}
	bytes, style := "", ""
	if body := first.Body; len(body) > 0 && !p.unsigned() && utf8.Valid(body) && body[len(body)-1] != '\n' {
		bytes = p.words("request.bytes", "n", strconv.Itoa(len(body)))
	}
	if rawjson.KindOf(first.Body) != 0 && !p.enclosed() {
		style = p.style()
	}
	p.list(bytes, style, p.escapes(first.Body), p.redirects())
	if p.form != "" && contentType(first.Rendering) != formType {
		p.say("request.form", "setting", quoted(p.formWhen), "field", quoted(p.form))
		wire, _ := p.wire(p.asForm(first.EventType), true)
		p.code("http", wire)
	}
	if b := p.contract.Batching(); p.contract.Batches() && b.Max > 1 {
		if r, err := p.together(); err == nil {
			p.say("request.batch", "max", strconv.Itoa(b.Max), "wait", duration(b.Wait, p.language))
			p.body(r)
		}
	}
	if redacted := p.contract.Redacted(); len(redacted) > 0 {
		for i := range redacted {
			redacted[i] = quoted(redacted[i])
		}
		p.say("request.redacted", "paths", strings.Join(redacted, ", "))
	}
}

// example shows a request as it is sent.
func (p *page) example(r contract.Rendering) {
	wire, cut := p.wire(r, true)
	intro := "request.intro"
	switch {
	case p.enclosed():
		intro = "request.intro_token"
	case cut:
		intro = "request.intro_cut"
	}
	p.say(intro)
	p.code("http", wire)
}

// style says how JSON is written, as far as the contract decides it.
func (p *page) style() string {
	switch s := p.contract.JSONStyle(); {
	case s.Compact && (s.ASCII || s.RawUnicode) && (s.EscapeSlash || s.PlainSlash):
		return p.words("request.style")
	case s.Compact:
		return p.words("request.compact")
	}
	return p.words("request.as_published")
}

// unsigned reports whether bodies have a signature in them that the examples lack.
func (p *page) unsigned() bool {
	return p.enclosed() || p.signing == "" && slices.ContainsFunc(p.described(), (*sign.Description).InBody)
}

// redirects says whether redirects are followed.
func (p *page) redirects() string {
	if most := p.contract.Redirects(); most > 0 {
		return p.words("request.redirects_followed", "most", strconv.Itoa(most))
	}
	return p.words("request.redirects")
}

// wire is a request as it is sent over HTTP/1.1. Of a long body it has only the beginning; then cut is true.
// signed says that it has the headers of a signature.
func (p *page) wire(r contract.Rendering, signed bool) (wire []byte, cut bool) {
	path := strings.TrimPrefix(r.URL, "https://example.com")
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\nHost: example.com\n", r.Method, path)
	for _, h := range r.Headers {
		fmt.Fprintf(&b, "%s: %s\n", h.Name, h.Value)
	}
	if signed && p.auth.kind == bySignature {
		b.WriteString("webhook-id: evt_…\nwebhook-timestamp: 1767323045\nwebhook-signature: v1,…\n")
	}
	if signed && (p.auth.kind == byRecipe || p.auth.kind == bySignature) {
		for _, d := range p.described() {
			for _, h := range headersOf(d) {
				fmt.Fprintf(&b, "%s: %s\n", h.Name, h.Value)
			}
		}
	}
	if hook.CarriesBody(r.Method) && !p.unsigned() {
		fmt.Fprintf(&b, "Content-Length: %d\n", len(r.Body))
	}
	b.WriteString("\n")
	const most = 160
	body := []rune(string(r.Body))
	if p.enclosed() {
		body = []rune("eyJ….….…")
	}
	if cut = len(body) > most; cut {
		body = append(body[:most:most], '…')
	}
	b.WriteString(string(body))
	return []byte(b.String()), cut
}

// escapes names the unusual escapes in a body, "" if it has none.
func (p *page) escapes(body []byte) string {
	var found []string
	for _, escape := range []string{`\/`, `\u00`} {
		if strings.Contains(string(body), escape) {
			found = append(found, quoted(strings.TrimSuffix(escape, "00")))
		}
	}
	if len(found) == 0 {
		return ""
	}
	return p.words("request.escapes", "escapes", strings.Join(found, ", "))
}

// group is a group of event types whose bodies have the same members.
type group struct {
	events []sent
	fields []field
}

// groups are the event types, grouped by the members of their bodies.
func (p *page) groups() []*group {
	var out []*group
	byShape := map[string]*group{}
	for _, e := range p.events {
		schema := p.contract.BodySchema(p.language)
		if !p.contract.MakesBody() {
			schema = e.SchemaIn(p.language)
		}
		fields := fieldsOf(schema, e.Body)
		key := shape(fields)
		if byShape[key] == nil {
			byShape[key] = &group{fields: fields}
			out = append(out, byShape[key])
		}
		g := byShape[key]
		g.events = append(g.events, e)
	}
	return out
}

// fields describes the body of each group, with examples.
func (p *page) fields() {
	example, further := "fields.example", "fields.example_case"
	switch {
	case p.enclosed():
		example, further = "fields.claims", "fields.claims_case"
	case p.unsigned():
		example, further = "fields.unsigned", "fields.unsigned_case"
	}
	groups := p.groups()
	for _, g := range groups {
		if len(groups) > 1 {
			p.line("### %s", p.names(g.events))
		}
		rows := make([][]string, 0, len(g.fields))
		for _, f := range g.fields {
			about := f.about
			if len(f.values) > 0 {
				values := slices.Clone(f.values)
				for i := range values {
					values[i] = quoted(values[i])
				}
				about = strings.TrimSpace(about + " " + p.words("word.possible", "values", strings.Join(values, ", ")))
			}
			required := "–"
			if f.required != "" {
				required = p.yesNo(f.required == "yes")
			}
			rows = append(rows, []string{quoted(f.path), p.types(f.types), required, about})
		}
		if len(rows) > 0 {
			p.table([]string{p.words("head.field"), p.words("head.type"), p.words("head.required"), p.words("head.about")}, rows)
		}
		p.say(example, "event", p.eventName(g.events[0].EventType))
		p.body(g.events[0].Rendering)
		for _, e := range g.events {
			for _, c := range e.cases {
				p.say(further, "event", p.eventName(e.EventType), "title", c.Title.In(p.language))
				p.body(c.Rendering)
			}
		}
	}
	p.say("fields.open")
	p.tables()
}

// body writes the body of a request, byte for byte.
func (p *page) body(r contract.Rendering) {
	kind := "json"
	if contentType(r) == formType || p.contract.TextBody() {
		kind = "text"
	}
	p.code(kind, r.Body)
}

// names lists event types in a heading.
func (p *page) names(events []sent) string {
	const most = 4
	out := make([]string, 0, most)
	for _, e := range events[:min(most, len(events))] {
		out = append(out, p.eventName(e.EventType))
	}
	text := strings.Join(out, ", ")
	if more := len(events) - most; more > 0 {
		text += " " + p.words("word.and_more", "n", strconv.Itoa(more))
	}
	return text
}

// eventName is the name of an event type, as code, or its title if it has any name.
func (p *page) eventName(e contract.EventType) string {
	if e.Name == anyEvent {
		return e.Title.In(p.language)
	}
	return quoted(e.Name)
}

// types names the types of a value.
func (p *page) types(kinds []string) string {
	out := make([]string, len(kinds))
	for i, k := range kinds {
		out[i] = p.words("type." + k)
	}
	return strings.Join(out, " "+p.words("word.or")+" ")
}

// lookup describes the routes from which receivers read records.
func (p *page) lookup() {
	routes := p.contract.Lookups()
	for _, r := range routes {
		p.line("**%s.** %s", r.Title.In(p.language), r.About.In(p.language))
		paths := make([]string, len(r.Paths))
		for i, path := range r.Paths {
			paths[i] = quoted(r.Method + " " + p.sender.path() + path)
		}
		p.list(paths...)
		p.code("sh", fmt.Appendf(nil, "curl -H 'Authorization: Bearer '\"$TOKEN\" \\\n  '%s%s'",
			cmp.Or(p.sender.URL, "https://"+p.words("word.host")), fillPath(r.Paths[0], p.words("word.id"))))
	}
	if len(routes) == 0 {
		return
	}
	credentials, _ := p.contract.Credentials()
	p.list(p.words("look_up.token", "lifetime", duration(credentials.Lifetime, p.language)),
		p.words("look_up.refused"), p.words("look_up.none"))
}

// fillPath is a path with a word in the place of {…}.
func fillPath(path, word string) string {
	from, to := strings.Index(path, "{"), strings.Index(path, "}")
	return path[:from] + word + path[to+1:]
}

// size writes a number of bytes in KiB or MiB.
func size(n int) string {
	if n%(1<<20) == 0 {
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%d KiB", n>>10)
}
