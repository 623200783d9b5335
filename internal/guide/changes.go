package guide

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"gancho/internal/contract"
	"gancho/internal/hook"
	"gancho/internal/rawjson"
	"gancho/internal/sign"
)

// Change is something that a new version of a contract changes for those who receive its webhooks.
type Change struct {
	Breaks  bool   // a receiver that understood the old version may not understand the new one
	Code    string // a stable word
	Line    int    // in the new contract, 0 if it does not stand there
	OldLine int    // in the old contract, of what is gone; else 0

	facts []string // for the text, in turn
}

// Text is one sentence about the change, in one of [Languages].
func (c Change) Text(language string) string {
	return catalogue.In(language, "change."+c.Code, c.facts...)
}

// Told is a change in one language, for programs.
type Told struct {
	Breaks  bool
	Code    string
	Detail  string            // [Change.Text]
	Params  map[string]string // what the sentence mentions, by name
	Line    int
	OldLine int
}

// In is the change in one of [Languages].
func (c Change) In(language string) Told {
	params := map[string]string{}
	for i := 0; i+1 < len(c.facts); i += 2 {
		params[c.facts[i]] = c.facts[i+1]
	}
	return Told{c.Breaks, c.Code, c.Text(language), params, c.Line, c.OldLine}
}

// maxChanges is how many changes of one request are told.
const maxChanges = 50

// Changes lists what a new version of a contract changes for receivers, what breaks them first. It makes the requests of
// both for the same examples, and for what the tests of both begin with, and compares those; and it compares what
// receivers rely on beside them: time limits, attempts, the signature, what counts as success, and schemas. Titles and
// texts are no changes.
func Changes(before, after *contract.Contract) []Change {
	list, _ := ChangesWithin(context.Background(), before, after)
	return list
}

// ChangesWithin is [Changes] until ctx is done. Then the list has what was found so far, and whole is false. The request
// that is being made at that moment is finished first.
func ChangesWithin(ctx context.Context, before, after *contract.Contract) (list []Change, whole bool) {
	c := &comparison{
		before: withoutRequests(before), after: withoutRequests(after), told: map[string]bool{},
		stopped: func() bool { return ctx.Err() != nil },
	}
	c.oldLine, c.newLine = before.Lines(), after.Lines()
	c.eventTypes()
	c.endpoint()
	c.signature()
	c.delivery()
	c.success()
	c.requests()
	slices.SortStableFunc(c.list, func(a, b Change) int {
		switch {
		case a.Breaks == b.Breaks:
			return 0
		case a.Breaks:
			return -1
		}
		return 1
	})
	return c.list, !c.stopped()
}

// comparison compares two versions of a contract.
type comparison struct {
	before, after    facts
	oldLine, newLine func(path ...string) int
	list             []Change
	told             map[string]bool
	stopped          func() bool // nobody waits for more
}

// add adds a change, once. path is where it stands in the new version or, if it is gone, in the old one.
func (c *comparison) add(breaks bool, code string, path []string, facts ...string) {
	key := code + "\x00" + strings.Join(facts, "\x00")
	if c.told[key] {
		return
	}
	c.told[key] = true
	ch := Change{Breaks: breaks, Code: code, facts: facts}
	if strings.HasSuffix(code, "_gone") {
		ch.OldLine = c.oldLine(path...)
	} else {
		ch.Line = c.newLine(path...)
	}
	c.list = append(c.list, ch)
}

func (c *comparison) breaks(code string, path []string, facts ...string) {
	c.add(true, code, path, facts...)
}

func (c *comparison) tells(code string, path []string, facts ...string) {
	c.add(false, code, path, facts...)
}

func (c *comparison) eventTypes() {
	for _, e := range c.before.contract.EventTypes() {
		if c.stopped() {
			return
		}
		path := []string{"events", e.Name}
		now, ok := c.after.contract.Event(c.nameOf(e))
		switch {
		case !ok:
			c.breaks("event_gone", path, "event", e.Name)
		case e.Schema != nil && now.Schema == nil:
			c.breaks("schema_gone", append(path, "schema"), "event", e.Name)
		case e.Schema != nil:
			c.schemas(e.Name, "", e.Schema, now.Schema)
		}
	}
	for _, e := range c.after.contract.EventTypes() {
		if c.stopped() {
			return
		}
		if !slices.ContainsFunc(c.before.contract.EventTypes(), func(x contract.EventType) bool { return x.Name == e.Name }) {
			c.tells("event_new", []string{"events", e.Name}, "event", e.Name)
		}
	}
}

// nameOf is the name of an event type; for any type, one that stands for it.
func (c *comparison) nameOf(e contract.EventType) string {
	if e.Name == anyEvent {
		return sampleEvent
	}
	return e.Name
}

// schemas compares what two schemas say of one place in the payload.
func (c *comparison) schemas(event, pointer string, before, after json.RawMessage) {
	path := []string{"events", event, "schema"}
	at := func(schema json.RawMessage, keys ...string) []byte {
		v, _ := rawjson.Lookup(schema, keys...)
		return v
	}
	place := cmp.Or(pointer, "/")
	if old, now := typesOf(at(before, "type")), typesOf(at(after, "type")); len(old) > 0 {
		for _, kind := range now {
			if !slices.Contains(old, kind) && !(kind == "integer" && slices.Contains(old, "number")) {
				c.breaks("schema_type", path, "event", event, "member", place, "kind", kind)
			}
		}
		if len(now) == 0 {
			c.breaks("schema_any", path, "event", event, "member", place)
		}
	}
	if old := rawjson.Elements(at(before, "enum")); old != nil {
		for _, v := range rawjson.Elements(at(after, "enum")) {
			if c.stopped() {
				return
			}
			if !slices.ContainsFunc(old, func(x []byte) bool { return rawjson.Same(x, v) }) {
				c.breaks("schema_value", path, "event", event, "member", place, "value", string(v))
			}
		}
	}
	required := rawjson.Elements(at(after, "required"))
	for _, name := range rawjson.Elements(at(before, "required")) {
		if c.stopped() {
			return
		}
		if !slices.ContainsFunc(required, func(x []byte) bool { return rawjson.Same(x, name) }) {
			c.breaks("schema_optional", path, "event", event, "member", pointer+"/"+rawjson.Text(name))
		}
	}
	properties := at(after, "properties")
	for _, m := range rawjson.Members(at(before, "properties")) {
		if c.stopped() {
			return
		}
		if now, ok := rawjson.Lookup(properties, m.Name); ok {
			c.schemas(event, pointer+"/"+m.Name, m.Value, now)
		} else {
			c.breaks("schema_member_gone", path, "event", event, "member", pointer+"/"+m.Name)
		}
	}
	known := at(before, "properties")
	for _, m := range rawjson.Members(properties) {
		if c.stopped() {
			return
		}
		if _, ok := rawjson.Lookup(known, m.Name); !ok {
			c.tells("schema_member", path, "event", event, "member", pointer+"/"+m.Name)
		}
	}
	if items, now := at(before, "items"), at(after, "items"); items != nil && now != nil {
		c.schemas(event, pointer+"/*", items, now)
	}
	parts, now := rawjson.Elements(at(before, "allOf")), rawjson.Elements(at(after, "allOf"))
	for i := range min(len(parts), len(now)) {
		c.schemas(event, pointer, parts[i], now[i])
	}
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

// endpoint compares what people choose and fill in.
func (c *comparison) endpoint() {
	old, now := c.before.contract, c.after.contract
	for _, m := range old.Methods() {
		if !slices.Contains(now.Methods(), m) {
			c.breaks("method_gone", []string{"endpoint", "methods"}, "method", m)
		}
	}
	named := func(list []contract.Setting, name string) (contract.Setting, bool) {
		i := slices.IndexFunc(list, func(s contract.Setting) bool { return s.Name == name })
		if i < 0 {
			return contract.Setting{}, false
		}
		return list[i], true
	}
	for _, s := range old.Settings() {
		if _, ok := named(now.Settings(), s.Name); !ok {
			c.breaks("setting_gone", []string{"endpoint", "settings", "properties", s.Name}, "setting", s.Name)
		}
	}
	for _, s := range now.Settings() {
		path := []string{"endpoint", "settings", "properties", s.Name}
		was, ok := named(old.Settings(), s.Name)
		switch {
		case s.Required && !was.Required:
			c.breaks("setting_required", path, "setting", s.Name)
		case !ok:
			c.tells("setting_new", path, "setting", s.Name)
		}
	}
	if now.NeedsCredential() && !old.NeedsCredential() {
		c.breaks("credential_needed", []string{"credentials"})
	}
}

// signature compares how requests are signed.
func (c *comparison) signature() {
	path := []string{"endpoint", "sign"}
	old, now := c.before.contract.Scheme(), c.after.contract.Scheme()
	switch {
	case old == nil && now == nil:
	case old == nil:
		c.tells("signature_new", path)
	case now == nil:
		c.breaks("signature_gone", path)
	case !signAlike(old, now):
		c.breaks("signature", path)
	}
}

// signAlike reports whether a receiver verifies the signatures of two schemes in the same way.
func signAlike(a, b *sign.Scheme) bool {
	if a.Name != b.Name || !slices.Equal(a.Headers, b.Headers) || !slices.EqualFunc(a.Parts, b.Parts, signAlike) {
		return false
	}
	if a.Description == nil || b.Description == nil {
		return a.Description == b.Description
	}
	old, now := *a.Description, *b.Description
	old.Secret, old.Tolerance = now.Secret, now.Tolerance // what receivers need not know
	return reflect.DeepEqual(old, now)
}

// delivery compares limits and attempts.
func (c *comparison) delivery() {
	old, now := c.before.limits, c.after.limits
	at := func(key string) []string { return []string{"delivery", key} }
	duration := func(key, code string, old, now time.Duration) {
		switch {
		case now < old:
			c.breaks(code+"_shorter", at(key), "old", old.String(), "new", now.String())
		case now > old:
			c.tells(code+"_longer", at(key), "old", old.String(), "new", now.String())
		}
	}
	duration("timeout", "timeout", old.Timeout, now.Timeout)
	duration("connect_timeout", "connect_timeout", old.ConnectTimeout, now.ConnectTimeout)
	switch {
	case old.Clock == now.Clock:
	case now.Clock == contract.ClockTotal:
		c.breaks("clock_total", at("clock"))
	default:
		c.tells("clock_response", at("clock"))
	}
	if a, b := c.before.policy, c.after.policy; a.Mode != b.Mode {
		c.breaks("mode_"+string(b.Mode), at("mode"))
	} else if a.Mode == hook.AtLeastOnce {
		length := func(p hook.Policy) (sum time.Duration) {
			for _, d := range p.Retry {
				sum += d
			}
			return sum
		}
		duration("retry", "retry", length(a), length(b))
	}
	switch {
	case old.Ordered && !now.Ordered:
		c.breaks("order_gone", at("ordered"))
	case now.Ordered && !old.Ordered:
		c.tells("order_new", at("ordered"))
	}
}

// triedAnswers are answers that a success rule is tried with.
var triedAnswers = func() (out []hook.Response) {
	bodies := []struct{ kind, text string }{
		{"", ""},
		{"text/plain", "OK"},
		{"text/html", "<!doctype html><html></html>"},
		{"application/json", `{}`},
		{"application/json", `{"ok":true}`},
		{"application/json", `{"success":true}`},
		{"application/json", `{"status":"ok"}`},
	}
	for _, status := range []int{200, 201, 202, 204, 299, 301, 302, 400, 404, 409, 410, 422, 429, 500, 503} {
		for _, b := range bodies {
			r := hook.Response{Status: status, Body: []byte(b.text)}
			if b.kind != "" {
				r.Headers = []hook.Header{{Name: "Content-Type", Value: b.kind}}
			}
			out = append(out, r)
		}
	}
	return out
}()

// success compares what counts as success, on answers that receivers give.
func (c *comparison) success() {
	path := []string{"delivery", "success"}
	wider := false
	for i := range triedAnswers {
		if c.stopped() {
			return
		}
		r := &triedAnswers[i]
		was, is := c.before.contract.Judge(r).OK, c.after.contract.Judge(r).OK
		if was && !is {
			answer := strconv.Itoa(r.Status)
			if len(r.Body) > 0 {
				answer += " " + string(r.Body)
			}
			c.breaks("success_narrower", path, "answer", answer)
			return
		}
		wider = wider || is && !was
	}
	switch {
	case wider:
		c.tells("success_wider", path)
	case c.before.contract.SuccessRule() != c.after.contract.SuccessRule():
		c.tells("success_rule", path)
	}
}

// requests compares the requests of both versions for the same payloads.
func (c *comparison) requests() {
	for _, e := range c.before.contract.EventTypes() {
		now, ok := c.after.contract.Event(c.nameOf(e))
		if !ok {
			continue
		}
		if e.Example == nil {
			e.Example = now.Example
		}
		if c.stopped() {
			return
		}
		c.request(e, now, e.Example)
		for _, further := range e.Cases {
			if c.stopped() {
				return
			}
			c.request(e, now, further.Example)
		}
		if e.Example != nil && now.Example != nil && (e.On != "" || e.Schedule != nil) { // the payload is made by the contract
			c.bodies(e.Name, []string{"events", e.Name, "example"}, e.Example, now.Example)
		}
	}
	for _, tests := range []*contract.Contract{c.before.contract, c.after.contract} {
		var made []contract.TestPayload
		for p := range c.after.contract.TestPayloads(tests) {
			if c.stopped() {
				return
			}
			made = append(made, p)
		}
		for was := range c.before.contract.TestPayloads(tests) {
			if c.stopped() {
				return
			}
			i := slices.IndexFunc(made, func(p contract.TestPayload) bool { return p.Test == was.Test })
			switch {
			case i < 0 || was.Payload == nil:
			case made[i].Payload == nil:
				c.breaks("event_not_fired", []string{"events", was.Event, "when"}, "event", was.Event, "test", was.Test)
			default:
				c.bodies(was.Event, []string{"events", was.Event, "payload"}, was.Payload, made[i].Payload)
				e, _ := c.before.contract.Event(was.Event)
				now, _ := c.after.contract.Event(was.Event)
				c.request(e, now, was.Payload)
			}
		}
	}
}

// request compares the requests for one payload; nil stands for none that is known.
func (c *comparison) request(e, now contract.EventType, example []byte) {
	e.Example, now.Example = example, example
	now.Name = e.Name
	a, b := c.before.render(e, c.before.settings), c.after.render(now, c.after.settings)
	if a.Method != b.Method {
		c.breaks("method", []string{"endpoint", "method"}, "old", a.Method, "new", b.Method)
	}
	c.query(a.URL, b.URL)
	c.headers(a.Headers, b.Headers)
	if example != nil { // else it was a made-up one
		c.bodies(e.Name, []string{"endpoint", "body"}, a.Body, b.Body)
	}
}

// query compares what the contract adds to addresses.
func (c *comparison) query(before, after string) {
	path := []string{"endpoint", "query"}
	old, now := parametersOf(before), parametersOf(after)
	for _, name := range slices.Sorted(keysOf(old)) {
		switch {
		case !now.Has(name):
			c.breaks("query_gone", append(path, name), "name", name)
		case now.Get(name) != old.Get(name):
			c.breaks("query_value", append(path, name), "name", name, "old", old.Get(name), "new", now.Get(name))
		}
	}
	for _, name := range slices.Sorted(keysOf(now)) {
		if !old.Has(name) {
			c.tells("query_new", append(path, name), "name", name)
		}
	}
}

func parametersOf(address string) url.Values {
	u, err := url.Parse(address)
	if err != nil {
		return url.Values{}
	}
	return u.Query()
}

func keysOf(v url.Values) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range v {
			if !yield(k) {
				return
			}
		}
	}
}

// free are headers on which no receiver relies.
var free = []string{"user-agent", "accept"}

// headers compares the headers of two requests, without the signature.
func (c *comparison) headers(before, after []hook.Header) {
	find := func(list []hook.Header, name string) int {
		return slices.IndexFunc(list, func(h hook.Header) bool { return strings.EqualFold(h.Name, name) })
	}
	renamed := map[string]bool{}
	for _, h := range before {
		path := []string{"endpoint", "headers", h.Name}
		i := find(after, h.Name)
		if slices.Contains(free, strings.ToLower(h.Name)) {
			continue
		}
		switch {
		case i < 0:
			k := slices.IndexFunc(after, func(x hook.Header) bool { return x.Value == h.Value && find(before, x.Name) < 0 })
			if k < 0 {
				c.breaks("header_gone", path, "name", h.Name)
				continue
			}
			renamed[after[k].Name] = true
			c.breaks("header_renamed", []string{"endpoint", "headers", after[k].Name}, "old", h.Name, "new", after[k].Name)
		case strings.EqualFold(h.Name, "Content-Type") && after[i].Value != h.Value:
			c.breaks("content_type", []string{"endpoint", "content_type"}, "old", h.Value, "new", after[i].Value)
		case after[i].Value != h.Value:
			c.breaks("header_value", []string{"endpoint", "headers", after[i].Name}, "name", h.Name, "old", h.Value, "new", after[i].Value)
		case after[i].Name != h.Name:
			c.tells("header_spelling", []string{"endpoint", "headers", after[i].Name}, "old", h.Name, "new", after[i].Name)
		}
	}
	for _, h := range after {
		if find(before, h.Name) < 0 && !renamed[h.Name] && !slices.Contains(free, strings.ToLower(h.Name)) {
			c.tells("header_new", []string{"endpoint", "headers", h.Name}, "name", h.Name)
		}
	}
}

// bodies compares two payloads or bodies of an event.
func (c *comparison) bodies(event string, path []string, before, after []byte) {
	if bytes.Equal(before, after) {
		return
	}
	aJSON, bJSON := rawjson.Check(before, rawjson.MaxDepth) == nil, rawjson.Check(after, rawjson.MaxDepth) == nil
	if !aJSON || !bJSON {
		c.breaks("body", path, "event", event)
		return
	}
	found := rawjson.Differences(before, after, maxChanges)
	if len(found) == 0 {
		c.tells("body_style", path, "event", event)
	}
	for _, d := range found {
		member := indexes(d.Pointer)
		to := append(slices.Clone(path), strings.Split(strings.TrimPrefix(d.Pointer, "/"), "/")...)
		old, now := rawjson.KindOf(d.Old), rawjson.KindOf(d.New)
		switch {
		case d.New == nil:
			c.breaks("member_gone", to, "event", event, "member", member)
		case d.Old == nil:
			c.tells("member_new", to, "event", event, "member", member)
		case old != now:
			c.breaks("member_type", to, "event", event, "member", member, "old", brief(d.Old), "new", brief(d.New))
		default:
			c.breaks("member_text", to, "event", event, "member", member, "old", brief(d.Old), "new", brief(d.New))
		}
	}
}

// indexes is a pointer with * in the place of the numbers of elements, because each element changes alike.
func indexes(pointer string) string {
	parts := strings.Split(pointer, "/")
	for i, p := range parts {
		if _, err := strconv.Atoi(p); err == nil {
			parts[i] = "*"
		}
	}
	return cmp.Or(strings.Join(parts, "/"), "/")
}

// brief is the beginning of a value.
func brief(token []byte) string {
	const most = 60
	if len(token) <= most {
		return string(token)
	}
	return strings.ToValidUTF8(string(token[:most]), "") + "…"
}

// news writes what this version changes since another one.
func (p *page) news() {
	if p.sender.Since == nil {
		return
	}
	var breaking, others []string
	for _, c := range Changes(p.sender.Since, p.contract) {
		if c.Breaks {
			breaking = append(breaking, c.Text(p.language))
		} else {
			others = append(others, c.Text(p.language))
		}
	}
	if len(breaking)+len(others) == 0 {
		p.say("news.nothing")
	}
	if len(breaking) > 0 {
		p.say("news.breaking")
		p.list(breaking...)
	}
	if len(others) > 0 {
		p.say("news.others")
		p.list(others...)
	}
}
