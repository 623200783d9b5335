package guide

import (
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"gancho/internal/contract"
	"gancho/internal/hook"
	"gancho/internal/rawjson"
)

// endpoint compares what people choose and fill in, and where requests may go.
func (c *comparison) endpoint() {
	old, now := c.before.contract, c.after.contract
	for _, m := range old.Methods() {
		if !slices.Contains(now.Methods(), m) {
			c.breaks("method_gone", []string{"endpoint", "methods"}, "method", m)
		}
	}
	for _, m := range now.Methods() {
		if !slices.Contains(old.Methods(), m) && len(now.Methods()) > 1 {
			c.tells("method_new", []string{"endpoint", "methods"}, "method", m)
		}
	}
	c.settings()
	if old.AllowsShaping() && !now.AllowsShaping() {
		c.tells("shaping_off", []string{"endpoint", "shaping"})
	} else if now.AllowsShaping() && !old.AllowsShaping() {
		c.tells("shaping_on", []string{"endpoint", "shaping"})
	}
	if a, b := old.PerTenant(), now.PerTenant(); b > 0 && (a == 0 || b < a) {
		c.tells("per_tenant_fewer", []string{"endpoint", "per_tenant"}, "new", strconv.Itoa(b))
	} else if a != b {
		c.tells("per_tenant_more", []string{"endpoint", "per_tenant"})
	}
	least, most := old.EventTypesPerEndpoint()
	if nextLeast, nextMost := now.EventTypesPerEndpoint(); nextLeast > least || nextMost > 0 && (most == 0 || nextMost < most) {
		c.breaks("event_types_narrower", []string{"endpoint", "event_types"})
	} else if nextLeast != least || nextMost != most {
		c.tells("event_types_wider", []string{"endpoint", "event_types"})
	}
	for _, r := range c.rewritten {
		compact := func(s string) string { return strings.TrimPrefix(s, "false") } // the same as nothing
		if strings.HasPrefix(r.Key, "endpoint.json.") && (r.Key != "endpoint.json.compact" || compact(r.Old) != compact(r.New)) {
			c.tells("json_style", []string{"endpoint", "json"})
		}
	}
	c.hosts()
	c.tokens()
}

// settings compares what people fill in.
func (c *comparison) settings() {
	old, now := c.before.contract, c.after.contract
	named := func(list []contract.Setting, name string) (contract.Setting, bool) {
		i := slices.IndexFunc(list, func(s contract.Setting) bool { return s.Name == name })
		if i < 0 {
			return contract.Setting{}, false
		}
		return list[i], true
	}
	at := func(name string) []string { return []string{"endpoint", "settings", "properties", name} }
	for _, s := range old.Settings() {
		if _, ok := named(now.Settings(), s.Name); !ok {
			c.breaks("setting_gone", at(s.Name), "setting", s.Name)
		}
	}
	schemaOf := func(c *contract.Contract, name string) []byte {
		property, _ := rawjson.Lookup(c.SettingsSchema(contract.Languages[0]), "properties", name)
		return property
	}
	for _, s := range now.Settings() {
		was, ok := named(old.Settings(), s.Name)
		switch {
		case s.Required && !was.Required:
			c.breaks("setting_required", at(s.Name), "setting", s.Name)
		case !ok:
			c.tells("setting_new", at(s.Name), "setting", s.Name)
		case was.Required && !s.Required:
			c.tells("setting_optional", at(s.Name), "setting", s.Name)
		}
		if !ok {
			continue
		}
		before, after := schemaOf(old, s.Name), schemaOf(now, s.Name)
		breaking := func(l loosening) bool { return l.breaks }
		switch {
		case slices.ContainsFunc(loosened(after, before, c.stopped), breaking): // the old one allows more
			c.breaks("setting_narrower", at(s.Name), "setting", s.Name)
		case slices.ContainsFunc(loosened(before, after, c.stopped), breaking):
			c.tells("setting_wider", at(s.Name), "setting", s.Name)
		}
	}
}

// hosts compares where requests may go.
func (c *comparison) hosts() {
	for _, list := range []struct {
		key         string
		emptyIsMore bool // without the list everything is allowed
	}{{"allow", true}, {"deny", false}} {
		r, ok := c.said("endpoint.egress." + list.key)
		if !ok {
			continue
		}
		path := []string{"endpoint", "egress", list.key}
		old, now := rawjson.Elements([]byte(r.Old)), rawjson.Elements([]byte(r.New))
		lacks := func(a, b [][]byte) bool {
			return slices.ContainsFunc(a, func(x []byte) bool { return !hasValue(b, x) })
		}
		narrower := lacks(now, old)
		if list.emptyIsMore {
			narrower = len(now) > 0 && (len(old) == 0 || lacks(old, now))
		}
		switch {
		case narrower:
			c.breaks("hosts_fewer", path)
		case len(old) != len(now) || lacks(old, now):
			c.tells("hosts_more", path)
		}
	}
}

// authentication compares how requests authenticate. What stands in headers is compared with them.
func (c *comparison) authentication() {
	path := []string{"endpoint", "auth"}
	of := func(f facts) *hook.Auth {
		cfg := f.config(f.settings)
		cfg.Credential = f.sampleCredential()
		return f.contract.Auth(cfg)
	}
	old, now := of(c.before), of(c.after)
	a, b := oauthOf(old), oauthOf(now)
	switch {
	case a == nil && b == nil:
		switch was, is := c.before.contract.AuthKind(), c.after.contract.AuthKind(); {
		case now != nil && !c.before.contract.OwnsAuth():
			c.tells("auth_new", path, "kind", is)
		case was != is && was != "" && is != "":
			c.breaks("auth_kind", path, "new", is)
		}
	case a == nil && c.before.contract.OwnsAuth():
		c.breaks("auth_kind", path, "new", "oauth2")
	case a == nil:
		c.tells("auth_new", path, "kind", "oauth2")
	case b == nil && c.after.contract.OwnsAuth():
		c.breaks("auth_kind", path, "new", authName(c.after.contract))
	case b == nil:
		c.breaks("auth_gone", path)
	default:
		for _, m := range []struct{ name, old, new string }{
			{"token_url", a.TokenURL, b.TokenURL},
			{"client_id", a.ClientID, b.ClientID},
			{"client_secret", a.ClientSecret, b.ClientSecret},
			{"scope", a.Scope, b.Scope},
			{"audience", a.Audience, b.Audience},
			{"style", styleOf(a), styleOf(b)},
		} {
			if m.old != m.new { // values may be secret
				c.breaks("auth_member", append(slices.Clone(path), "oauth2", m.name), "member", m.name)
			}
		}
	}
}

func authName(c *contract.Contract) string {
	if kind := c.AuthKind(); kind != "" {
		return kind
	}
	return "Authorization"
}

func oauthOf(a *hook.Auth) *hook.OAuth2 {
	if a == nil {
		return nil
	}
	return a.OAuth2
}

func styleOf(a *hook.OAuth2) string {
	if a.Style == "" {
		return hook.StyleHeader
	}
	return a.Style
}

// tokens compares credentials, and the routes on which receivers read records.
func (c *comparison) tokens() {
	old, now := c.before.contract, c.after.contract
	if now.NeedsCredential() && !old.NeedsCredential() {
		c.breaks("credential_needed", []string{"credentials"})
	}
	a, had := old.Credentials()
	b, has := now.Credentials()
	path := []string{"credentials", "token"}
	switch {
	case had && !has:
		c.breaks("credentials_gone", []string{"credentials"})
	case has && !had:
		c.tells("credentials_new", []string{"credentials"})
	case had && has:
		c.duration(append(path, "lifetime"), "credential_token", a.Lifetime, b.Lifetime, true, false)
		if _, ok := c.said("credentials.token.claims"); ok {
			c.breaks("credential_claims", append(path, "claims"))
		}
		if a.Endpoint && !b.Endpoint && !old.NeedsCredential() {
			c.tells("credential_apart", []string{"credentials", "endpoint"})
		} else if b.Endpoint && !a.Endpoint && !now.NeedsCredential() {
			c.breaks("credential_together", []string{"credentials", "endpoint"})
		}
	}
	c.lookups(old.Lookups(), now.Lookups())
}

func (c *comparison) lookups(old, now []contract.Lookup) {
	routeOf := func(list []contract.Lookup, path string) (contract.Lookup, bool) {
		for _, r := range list {
			if slices.ContainsFunc(r.Paths, func(p string) bool { return shapeOfPath(p) == shapeOfPath(path) }) {
				return r, true
			}
		}
		return contract.Lookup{}, false
	}
	for _, r := range old {
		at := []string{"lookup", r.Name}
		for _, p := range r.Paths {
			next, ok := routeOf(now, p)
			if !ok {
				c.breaks("lookup_gone", append(slices.Clone(at), "paths"), "path", p)
				continue
			}
			at := []string{"lookup", next.Name}
			if next.Record != r.Record {
				c.breaks("lookup_record", append(slices.Clone(at), "record"), "path", p, "old", r.Record, "new", next.Record)
				continue
			}
			before, _ := c.before.contract.Record(r.Record)
			after, _ := c.after.contract.Record(r.Record)
			if before.Key != after.Key {
				c.breaks("lookup_key", []string{"records", r.Record, "key"}, "path", p, "old", before.Key, "new", after.Key)
			}
			switch {
			case before.Schema != nil && after.Schema == nil:
				c.breaks("schema_gone", []string{"records", r.Record, "schema"}, "event", r.Record)
			case before.Schema != nil:
				c.schemas(r.Record, []string{"records", r.Record, "schema"}, before.Schema, after.Schema)
			}
		}
	}
	for _, r := range now {
		for _, p := range r.Paths {
			if _, ok := routeOf(old, p); !ok {
				c.tells("lookup_new", []string{"lookup", r.Name, "paths"}, "path", p)
			}
		}
	}
}

// shapeOfPath is a path in which it does not matter what the key is called.
func shapeOfPath(path string) string {
	segments := strings.Split(path, "/")
	for i, s := range segments {
		if strings.HasPrefix(s, "{") {
			segments[i] = "{}"
		}
	}
	return strings.Join(segments, "/")
}

// sampleChallenge is the challenge in the handshakes that are compared.
const sampleChallenge = "your-challenge"

// handshake compares what an address has to answer before it gets events.
func (c *comparison) handshake() {
	path := []string{"endpoint", "verify"}
	a, b := c.before.contract, c.after.contract
	switch {
	case !a.Verifies() && !b.Verifies():
		return
	case !a.Verifies():
		c.breaks("verify_new", path)
		return
	case !b.Verifies():
		c.tells("verify_gone", path)
		return
	}
	payload, _ := json.Marshal(map[string]string{"challenge": sampleChallenge}) // always encodes
	ev := &hook.Event{Tenant: "your-company", Contract: a.Name, Type: contract.HandshakeType, Door: hook.DoorTest, CreatedAt: sampleTime, Payload: payload}
	secrets := []hook.Secret{{Text: "your-secret"}}
	old, now := a.Handshake(ev, secrets), b.Handshake(ev, secrets)
	for _, settings := range c.chosen {
		was, err := old.PlanFor(c.before.config(settings[0]), nil).Of(hook.EndpointID(hook.IDAt(sampleTime)), "MyApp").Render(ev)
		is, err2 := now.PlanFor(c.after.config(settings[1]), nil).Of(hook.EndpointID(hook.IDAt(sampleTime)), "MyApp").Render(ev)
		if err != nil || err2 != nil {
			continue
		}
		c.handshakes(path, was, is)
	}
	c.accepted(append(path, "accept"), old, now)
	if _, ok := c.said("endpoint.verify.per_minute"); ok {
		c.tells("verify_rate", append(slices.Clone(path), "per_minute"))
	}
}

// handshakes compares the requests of two handshakes.
func (c *comparison) handshakes(path []string, was, is contract.Rendering) {
	at := func(key ...string) []string { return append(slices.Clone(path), key...) }
	if was.Method != is.Method {
		c.breaks("verify_method", at("method"), "old", was.Method, "new", is.Method)
	}
	a, b := parametersOf(was.URL), parametersOf(is.URL)
	for _, name := range slices.Sorted(keysOf(a)) {
		if !b.Has(name) {
			c.breaks("verify_query_gone", at("query", name), "name", name)
		} else if !slices.Equal(a[name], b[name]) {
			c.breaks("verify_query", at("query", name), "name", name)
		}
	}
	for _, name := range slices.Sorted(keysOf(b)) {
		if !a.Has(name) {
			c.tells("verify_query_new", at("query", name), "name", name)
		}
	}
	for _, h := range was.Headers {
		i := headerIn(is.Headers, h.Name)
		switch {
		case slices.Contains(free, strings.ToLower(h.Name)):
		case i < 0:
			c.breaks("verify_header_gone", at("headers", h.Name), "name", h.Name)
		case is.Headers[i].Value != h.Value:
			c.breaks("verify_header", at("headers", is.Headers[i].Name), "name", h.Name)
		}
	}
	for _, h := range is.Headers {
		if headerIn(was.Headers, h.Name) < 0 && !slices.Contains(free, strings.ToLower(h.Name)) {
			c.tells("verify_header_new", at("headers", h.Name), "name", h.Name)
		}
	}
	if string(was.Body) != string(is.Body) {
		c.breaks("verify_body", at("body"))
	}
}

// accepted compares which answers to a handshake are right.
func (c *comparison) accepted(path []string, old, now *contract.Contract) {
	_, rule := c.before.contract.HandshakeRule()
	_, next := c.after.contract.HandshakeRule()
	if _, ok := c.said("endpoint.verify.accept"); !ok {
		return
	}
	text := rule + "\n" + next
	words, _ := literalsOf(text)
	words = append(words, sampleChallenge, "*", "120")
	var answers []*hook.Response
	for _, status := range []int{200, 201, 204, 302, 400, 404} {
		for _, kind := range []string{"text/plain", "application/json"} {
			for _, body := range []string{"", "OK", sampleChallenge, string(quote(sampleChallenge)), nested([]string{"challenge"}, string(quote(sampleChallenge)))} {
				answers = append(answers, answer(status, kind, body))
			}
			for _, m := range jsonOfRules.FindAllStringSubmatch(text, -1) {
				for _, w := range words {
					answers = append(answers, answer(status, kind, nested(nameOfPath.FindAllString(m[1], -1), string(quote(w)))))
				}
			}
		}
		for _, m := range headersOfRules.FindAllStringSubmatch(text, -1) {
			for _, w := range words {
				r := answer(status, "", "")
				r.Headers = append(r.Headers, hook.Header{Name: m[1] + m[2], Value: w})
				answers = append(answers, r)
			}
		}
	}
	fewer, more := false, false
	for _, r := range answers {
		if c.stopped() {
			return
		}
		was, is := old.Judge(r).OK, now.Judge(r).OK
		fewer, more = fewer || was && !is, more || is && !was
	}
	switch {
	case fewer:
		c.breaks("verify_accept_narrower", path)
	case more:
		c.tells("verify_accept_wider", path)
	default:
		c.tells("verify_accept", path)
	}
}

// stored compares what becomes of payloads before they are sent.
func (c *comparison) stored() {
	old, now := c.before.contract, c.after.contract
	for _, p := range now.Redacted() {
		if !slices.Contains(old.Redacted(), p) {
			c.breaks("redact_new", []string{"redact"}, "path", p)
		}
	}
	for _, p := range old.Redacted() {
		if !slices.Contains(now.Redacted(), p) {
			c.tells("redact_gone", []string{"redact"}, "path", p)
		}
	}
	if old.ReportsPosted() != now.ReportsPosted() && (old.ChecksPosted() || now.ChecksPosted()) {
		if now.ReportsPosted() {
			c.breaks("schema_reported", []string{"schema_on_post"})
		} else {
			c.tells("schema_refused", []string{"schema_on_post"})
		}
	}
}

// chosenSettings are placeholders for what people fill in, for the version before and the one after: only what is needed, all, and
// each choice of those that have several.
func (c *comparison) chosenSettings() (out [][2]json.RawMessage) {
	a, b := c.before.contract, c.after.contract
	add := func(chosen map[string]json.RawMessage) {
		pair := [2]json.RawMessage{sampleSettings(a, chosen), sampleSettings(b, chosen)}
		if !slices.ContainsFunc(out, func(x [2]json.RawMessage) bool { return reflect.DeepEqual(x, pair) }) {
			out = append(out, pair)
		}
	}
	add(nil)
	all := map[string]json.RawMessage{}
	schemas := [2]json.RawMessage{a.SettingsSchema(contract.Languages[0]), b.SettingsSchema(contract.Languages[0])}
	valuesOf := func(schema []byte, name string) [][]byte {
		property, _ := rawjson.Lookup(schema, "properties", name)
		options, _ := rawjson.Lookup(property, "enum")
		if kind, _ := rawjson.Lookup(property, "type"); rawjson.Text(kind) == "boolean" {
			return [][]byte{[]byte("true"), []byte("false")}
		}
		return rawjson.Elements(options)
	}
	type choice struct {
		name  string
		value []byte
	}
	var choices []choice
	for _, s := range a.Settings() {
		property, ok := rawjson.Lookup(schemas[0], "properties", s.Name)
		if _, both := rawjson.Lookup(schemas[1], "properties", s.Name); !ok || !both || s.Name == a.PairsSetting() || s.Name == b.PairsSetting() {
			continue
		}
		values := valuesOf(schemas[0], s.Name)
		if len(values) == 0 {
			all[s.Name] = sampleOf(property, placeholder(s.Name))
			continue
		}
		for _, v := range values {
			if hasValue(valuesOf(schemas[1], s.Name), v) {
				all[s.Name] = v
				choices = append(choices, choice{s.Name, v})
			}
		}
	}
	add(all)
	const most = 20
	for _, x := range choices[:min(most, len(choices))] {
		add(map[string]json.RawMessage{x.name: x.value})
	}
	return out
}
