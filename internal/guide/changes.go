package guide

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gancho/internal/contract"
	"gancho/internal/hook"
	"gancho/internal/rawjson"
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
// receivers rely on beside them: time limits, attempts, the signature, what answers mean, handshakes and schemas. Of what
// is written in another way without any difference that was found, it says just that. [treatments] says it for each key of
// the language. Titles and texts are no changes.
func Changes(before, after *contract.Contract) []Change {
	list, _ := ChangesWithin(context.Background(), before, after)
	return list
}

// ChangesWithin is [Changes] until ctx is done. Then the list has what was found so far, and whole is false. The request
// that is being made at that moment is finished first.
func ChangesWithin(ctx context.Context, before, after *contract.Contract) (list []Change, whole bool) {
	c := &comparison{
		before: withoutRequests(before), after: withoutRequests(after), told: map[string]bool{}, had: map[string]bool{},
		stopped: func() bool { return ctx.Err() != nil },
	}
	c.old, c.now = before.Read(), after.Read()
	c.rewritten = contract.Rewritten(c.old, c.now)
	c.chosen = c.chosenSettings()
	for _, part := range []func(){
		c.eventTypes, c.endpoint, c.authentication, c.signature, c.handshake, c.delivery, c.answers, c.stored, c.requests, c.others,
	} {
		if !c.stopped() {
			part()
		}
	}
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
	before, after facts
	old, now      *contract.Reading
	chosen        [][2]json.RawMessage // see [comparison.chosenSettings]
	plans         [][2]*contract.Plan  // with these settings
	list          []Change
	rewritten     []contract.Rewriting
	mask          interface{ Text(string) string } // of the payload that is compared; nil: there is none
	told          map[string]bool
	had           map[string]bool // headers of the old version, in lower case
	at            [][]string      // where something was told
	stopped       func() bool     // nobody waits for more
}

// add adds a change, once. path is where it stands in the new version or, if it is gone, in the old one.
func (c *comparison) add(breaks bool, code string, path []string, facts ...string) {
	if c.mask != nil {
		facts = slices.Clone(facts)
		for i := 1; i < len(facts); i += 2 {
			facts[i] = c.mask.Text(facts[i])
		}
	}
	c.at = append(c.at, slices.Clone(path))
	key := code + "\x00" + strings.Join(facts, "\x00")
	if c.told[key] {
		return
	}
	c.told[key] = true
	ch := Change{Breaks: breaks, Code: code, facts: facts}
	if strings.HasSuffix(code, "_gone") {
		ch.OldLine = c.old.Line(path...)
	} else if ch.Line = c.now.Line(path...); ch.Line == 0 {
		ch.OldLine = c.old.Line(path...)
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
			c.schemas(e.Name, append(path, "schema"), e.Schema, now.Schema)
		}
		if ok {
			c.origin(e, now)
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

// origin compares what makes the events of a type.
func (c *comparison) origin(e, now contract.EventType) {
	at := func(key string) []string { return []string{"events", now.Name, key} }
	a, b := e.Schedule, now.Schedule
	switch {
	case e.On != now.On || (a == nil) != (b == nil):
		c.breaks("event_origin", []string{"events", now.Name}, "event", e.Name)
	case a == nil:
	case a.Select != b.Select:
		c.breaks("event_origin", at("select"), "event", e.Name)
	default:
		if a.Every != b.Every || a.Cron != b.Cron || a.Cron != "" && a.Timezone != b.Timezone {
			c.tells("event_times", []string{"events", now.Name}, "event", e.Name)
		}
		old, next := bytesText(a.MaxBody), bytesText(b.MaxBody)
		if b.MaxBody > a.MaxBody {
			c.breaks("event_larger", at("max_body"), "event", e.Name, "old", old, "new", next)
		} else if b.MaxBody < a.MaxBody {
			c.tells("event_smaller", at("max_body"), "event", e.Name, "old", old, "new", next)
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

// schemas compares what two schemas say of a payload, or of a body.
func (c *comparison) schemas(event string, path []string, before, after json.RawMessage) {
	for _, l := range loosened(before, after, c.stopped) {
		c.add(l.breaks, l.code, path, append([]string{"event", event, "member", l.member}, l.facts...)...)
	}
}

// requests compares the requests of both versions for the same payloads.
func (c *comparison) requests() {
	for _, e := range c.before.contract.EventTypes() {
		now, ok := c.after.contract.Event(c.nameOf(e))
		if !ok {
			continue
		}
		examples := [][]byte{e.Example, now.Example}
		if e.Example == nil && now.Example == nil && e.On == "" && e.Schedule == nil {
			examples = [][]byte{e.Sample()}
		}
		for _, further := range append(slices.Clone(e.Cases), now.Cases...) {
			examples = append(examples, further.Example)
		}
		for _, example := range examples {
			if c.stopped() {
				return
			}
			if example != nil {
				c.request(e, now, example)
			}
		}
		for _, payload := range c.probes(e, cmp.Or(string(e.Example), string(now.Example))) {
			if c.stopped() {
				return
			}
			c.request(e, now, payload)
		}
		if e.Example != nil && now.Example != nil && (e.On != "" || e.Schedule != nil) { // the payload is made by the contract
			c.hiding(e.Example)
			c.bodies(e.Name, []string{"events", e.Name, "example"}, e.Example, now.Example)
			c.mask = nil
		}
	}
	if a, b := c.before.contract.BodySchema("en"), c.after.contract.BodySchema("en"); a != nil {
		if path := []string{"endpoint", "schema"}; b != nil {
			c.schemas("endpoint.body", path, a, b)
		} else {
			c.breaks("schema_gone", path, "event", "endpoint.body")
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
			case i < 0 || was.Payload == nil && made[i].Payload == nil:
			case was.Payload == nil:
				c.tells("event_fired", []string{"events", was.Event, "when"}, "event", was.Event, "test", was.Test)
			case made[i].Payload == nil:
				c.breaks("event_not_fired", []string{"events", was.Event, "when"}, "event", was.Event, "test", was.Test)
			default:
				c.hiding(was.Payload)
				c.bodies(was.Event, c.payloadPath(was.Event), was.Payload, made[i].Payload)
				c.mask = nil
				e, _ := c.before.contract.Event(was.Event)
				now, _ := c.after.contract.Event(was.Event)
				c.request(e, now, was.Payload)
			}
		}
	}
}

// payloadPath is where it stands what the payload of an event is made of.
func (c *comparison) payloadPath(event string) []string {
	key := "payload"
	for _, r := range c.rewritten {
		if r.Key == "events.*.item" && r.Path[1] == event {
			key = "item"
		}
	}
	return []string{"events", event, key}
}

// hiding makes texts hide the personal data of a payload.
func (c *comparison) hiding(payload []byte) {
	a, b := c.before.contract, c.after.contract
	c.mask = a.SensitiveMask(b.SensitiveMask(b.Mask(hook.EndpointConfig{}), payload), payload)
}

// maxProbes is how many payloads are made of one example.
const maxProbes = 200

// probes are variants of an example: in the place of each of its values stands each value that is named in what requests are made
// of, if that is written in another way. So a condition that the example does not meet is met by one of them.
func (c *comparison) probes(e contract.EventType, example string) (out [][]byte) {
	var text strings.Builder
	for _, r := range c.rewritten {
		if ofRequests.MatchString(r.Key) {
			for _, m := range computedTexts.FindAllString(r.Old+"\n"+r.New, -1) {
				if condition, ok := rawjson.Unquote([]byte(m[strings.Index(m, ":")+1:])); ok {
					text.WriteString(condition + "\n")
				}
			}
		}
	}
	if text.Len() == 0 || example == "" {
		return nil
	}
	words, values := literalsOf(text.String())
	values = append(values, "true", "false")
	for _, w := range words {
		values = append(values, string(quote(w)))
	}
	var place func(prefix []string, doc []byte)
	place = func(prefix []string, doc []byte) {
		for _, m := range rawjson.Members(doc) {
			path := append(slices.Clone(prefix), m.Name)
			if rawjson.KindOf(m.Value) == '{' {
				place(path, m.Value)
				continue
			}
			for _, v := range values {
				probe := rawjson.Replace([]byte(example), []byte(v), path...)
				valid := func(x *contract.Contract) bool { return x.CheckPayload(e.Name, probe) == nil }
				if len(out) < maxProbes && !c.stopped() && valid(c.before.contract) && valid(c.after.contract) {
					out = append(out, probe)
				}
			}
		}
	}
	if rawjson.KindOf([]byte(example)) == '{' {
		place(nil, []byte(example))
	}
	return out
}

var (
	ofRequests    = regexp.MustCompile(`^(endpoint\.(content_type|headers|query|body|item|body.*|auth\..*)|events\.\*\.(set|headers))$`)
	computedTexts = regexp.MustCompile(`"\$(expr|when)":"(?:[^"\\]|\\.)*"`)
)

// request compares the requests for one payload, with what people fill in and for first and second attempts.
func (c *comparison) request(e, now contract.EventType, payload []byte) {
	payload = c.before.contract.Redact(c.after.contract.Redact(payload))
	e.Example, now.Example, now.Name = payload, payload, e.Name
	c.hiding(payload)
	defer func() { c.mask = nil }()
	for i := range c.chosen {
		c.together(e, now, i)
		for _, attempt := range []*contract.Attempt{nil, secondAttempt()} {
			if c.stopped() {
				return
			}
			c.attempt(e, now, i, attempt)
		}
	}
}

// attempt compares the requests with the settings at an index of chosen.
func (c *comparison) attempt(e, now contract.EventType, settings int, attempt *contract.Attempt) {
	tried := func(f *facts, version int, e contract.EventType) (contract.Rendering, error) {
		ev := f.sampleEvent(e)
		ev.ExternalID = "your-id" // that the publisher gave it
		return c.plansOf(settings)[version].RenderFor(ev, attempt)
	}
	a, err := tried(&c.before, 0, e)
	if err != nil { // no receiver has seen it
		return
	}
	b, err := tried(&c.after, 1, now)
	if err != nil {
		c.breaks("request_failed", []string{"endpoint"}, "event", e.Name)
		return
	}
	if a.Method != b.Method {
		c.breaks("method", []string{"endpoint", "method"}, "old", a.Method, "new", b.Method)
	}
	c.query(a.URL, b.URL)
	c.headers(e.Name, a.Headers, b.Headers)
	if isForm(a) && isForm(b) {
		c.forms(e.Name, a.Body, b.Body)
	} else {
		c.bodies(e.Name, c.bodyPath(), a.Body, b.Body)
	}
}

// together compares the requests for one event twice, if both versions send several in one.
func (c *comparison) together(e, now contract.EventType, settings int) {
	if !c.before.contract.Batches() || !c.after.contract.Batches() || c.stopped() {
		return
	}
	twice := func(f *facts, version int, e contract.EventType) (contract.Rendering, error) {
		plan := c.plansOf(settings)[version]
		item, err := plan.Item(f.sampleEvent(e), nil)
		if err != nil {
			return contract.Rendering{}, err
		}
		return plan.Together(item, item)
	}
	a, err := twice(&c.before, 0, e)
	b, err2 := twice(&c.after, 1, now)
	if err == nil && err2 == nil && !(isForm(a) && isForm(b)) {
		c.bodies(e.Name, c.bodyPath(), a.Body, b.Body)
	}
}

// plansOf are the plans of both versions with the settings at an index of chosen.
func (c *comparison) plansOf(settings int) [2]*contract.Plan {
	if c.plans == nil {
		for _, s := range c.chosen {
			c.plans = append(c.plans, [2]*contract.Plan{c.before.plan(s[0]), c.after.plan(s[1])})
		}
	}
	return c.plans[settings]
}

// bodyPath is where it stands what bodies are made of.
func (c *comparison) bodyPath() []string {
	ofItem := func(r contract.Rewriting) bool { return strings.HasPrefix(r.Key, "endpoint.item") }
	if slices.ContainsFunc(c.rewritten, ofItem) {
		return []string{"endpoint", "item"}
	}
	if c.before.contract.Batches() != c.after.contract.Batches() {
		return ofDelivery("batch")
	}
	return []string{"endpoint", "body"}
}

func isForm(r contract.Rendering) bool { return strings.HasPrefix(contentType(r), formType) }

// forms compares the fields of two forms.
func (c *comparison) forms(event string, before, after []byte) {
	path := []string{"endpoint", "form"}
	a, err := url.ParseQuery(string(before))
	b, err2 := url.ParseQuery(string(after))
	if err != nil || err2 != nil {
		return
	}
	for _, name := range slices.Sorted(keysOf(a)) {
		switch {
		case !b.Has(name):
			c.breaks("field_gone", path, "event", event, "name", indexesOfField(name))
		case slices.Equal(a[name], b[name]):
		case document(a[name]) && document(b[name]): // the one field of the whole body
			c.bodies(event, []string{"endpoint", "body"}, []byte(a.Get(name)), []byte(b.Get(name)))
		case contract.NamesCredential(name):
			c.breaks("field_other", path, "event", event, "name", name)
		default:
			c.breaks("field_value", path, "event", event, "name", indexesOfField(name), "old", brief([]byte(a.Get(name))), "new", brief([]byte(b.Get(name))))
		}
	}
	for _, name := range slices.Sorted(keysOf(b)) {
		if !a.Has(name) {
			c.tells("field_new", path, "event", event, "name", indexesOfField(name))
		}
	}
}

// document reports whether the values of a field are one object or list of JSON.
func document(values []string) bool {
	return len(values) == 1 && strings.ContainsAny(values[0], "{[") && isJSON([]byte(values[0]))
}

var numbersOfFields = regexp.MustCompile(`\[\d+\]|\.\d+(\.|$)`)

// indexesOfField is the name of a field with * in the place of the numbers of elements.
func indexesOfField(name string) string {
	return numbersOfFields.ReplaceAllStringFunc(name, func(s string) string {
		return strings.Map(func(r rune) rune {
			if r >= '0' && r <= '9' {
				return -1
			}
			return r
		}, strings.NewReplacer("[", "[*", ".", ".*").Replace(strings.TrimSuffix(s, "."))) + map[bool]string{true: "."}[strings.HasSuffix(s, ".") && len(s) > 1]
	})
}

// query compares what the contract adds to addresses.
func (c *comparison) query(before, after string) {
	path := []string{"endpoint", "query"}
	old, now := parametersOf(before), parametersOf(after)
	for _, name := range slices.Sorted(keysOf(old)) {
		switch {
		case !now.Has(name):
			c.breaks("query_gone", append(slices.Clone(path), name), "name", name)
		case slices.Equal(now[name], old[name]):
		case contract.NamesCredential(name):
			c.breaks("query_other", append(slices.Clone(path), name), "name", name)
		default:
			c.breaks("query_value", append(slices.Clone(path), name), "name", name, "old", strings.Join(old[name], ", "), "new", strings.Join(now[name], ", "))
		}
	}
	for _, name := range slices.Sorted(keysOf(now)) {
		if !old.Has(name) {
			c.tells("query_new", append(slices.Clone(path), name), "name", name)
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

// free are headers by which no receiver reads a request. Some choose by them what they answer.
var free = []string{"user-agent", "accept"}

func headerIn(list []hook.Header, name string) int {
	return slices.IndexFunc(list, func(h hook.Header) bool { return strings.EqualFold(h.Name, name) })
}

// headers compares the headers of two requests, without the signature.
func (c *comparison) headers(event string, before, after []hook.Header) {
	oauth := oauthOf(c.before.contract.Auth(c.before.config(c.before.settings))) != nil || oauthOf(c.after.contract.Auth(c.after.config(c.after.settings))) != nil
	notMade := func(h hook.Header) bool { return oauth && strings.EqualFold(h.Name, "Authorization") } // see [comparison.authentication]
	before, after = slices.DeleteFunc(slices.Clone(before), notMade), slices.DeleteFunc(slices.Clone(after), notMade)
	for _, h := range before {
		c.had[strings.ToLower(h.Name)] = true
	}
	renamed := map[string]bool{}
	at := func(name string) []string {
		if e, ok := c.after.contract.Event(event); ok && headerOfType(c.rewritten, e.Name, name) {
			return []string{"events", e.Name, "headers", name}
		}
		return []string{"endpoint", "headers", name}
	}
	for _, h := range before {
		i := headerIn(after, h.Name)
		switch isFree := slices.Contains(free, strings.ToLower(h.Name)); {
		case isFree && i < 0:
			c.tells("agent_gone", []string{"endpoint", agentKey(h.Name)}, "name", h.Name)
		case isFree:
			if after[i].Value != h.Value {
				c.tells("agent", []string{"endpoint", agentKey(h.Name)}, "name", h.Name, "old", h.Value, "new", after[i].Value)
			}
		case i < 0:
			k := slices.IndexFunc(after, func(x hook.Header) bool { return x.Value == h.Value && headerIn(before, x.Name) < 0 })
			if k < 0 {
				c.breaks("header_gone", at(h.Name), "name", h.Name)
				continue
			}
			renamed[after[k].Name] = true
			c.breaks("header_renamed", at(after[k].Name), "old", h.Name, "new", after[k].Name)
		case strings.EqualFold(h.Name, "Content-Type") && after[i].Value != h.Value:
			c.breaks("content_type", []string{"endpoint", "content_type"}, "old", h.Value, "new", after[i].Value)
		case after[i].Value != h.Value && contract.NamesCredential(h.Name):
			c.breaks("header_other", at(after[i].Name), "name", h.Name)
		case after[i].Value != h.Value:
			c.breaks("header_value", at(after[i].Name), "name", h.Name, "old", h.Value, "new", after[i].Value)
		case after[i].Name != h.Name:
			c.tells("header_spelling", at(after[i].Name), "old", h.Name, "new", after[i].Name)
		}
	}
	for _, h := range after {
		switch {
		case c.had[strings.ToLower(h.Name)] || renamed[h.Name] || c.before.contract.OwnsAuth() && strings.EqualFold(h.Name, "Authorization"):
		case slices.Contains(free, strings.ToLower(h.Name)):
			c.tells("agent_new", []string{"endpoint", agentKey(h.Name)}, "name", h.Name, "new", h.Value)
		default:
			c.tells("header_new", at(h.Name), "name", h.Name)
		}
	}
}

// agentKey is the key of the language that says what a header of free is.
func agentKey(header string) string { return strings.ReplaceAll(strings.ToLower(header), "-", "_") }

// headerOfType reports whether it is an event type that has a header in another way.
func headerOfType(list []contract.Rewriting, event, name string) bool {
	return slices.ContainsFunc(list, func(r contract.Rewriting) bool {
		return r.Key == "events.*.headers" && r.Path[1] == event && strings.Contains(strings.ToLower(r.Old+r.New), strings.ToLower(strconv.Quote(name)))
	})
}

// bodies compares two payloads or bodies of an event.
func (c *comparison) bodies(event string, path []string, before, after []byte) {
	if bytes.Equal(before, after) {
		return
	}
	switch a, b := isJSON(before), isJSON(after); {
	case len(after) == 0:
		c.breaks("body_gone", path, "event", event)
		return
	case len(before) == 0:
		c.tells("body_new", path, "event", event)
		return
	case !a && !b:
		old, now := apart(before, after)
		c.breaks("body_text", path, "event", event, "old", old, "new", now)
		return
	case !a || !b:
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
		name := member[strings.LastIndexByte(member, '/')+1:]
		switch {
		case d.New != nil && d.Old != nil && old == now && contract.NamesCredential(name):
			c.breaks("member_other", to, "event", event, "member", member)
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

func isJSON(b []byte) bool { return rawjson.Check(b, rawjson.MaxDepth) == nil }

// apart are two texts from shortly before the place on at which they differ.
func apart(a, b []byte) (string, string) {
	i := 0
	for i < min(len(a), len(b)) && a[i] == b[i] {
		i++
	}
	from := max(0, i-10)
	show := func(t []byte) string { return strings.ToValidUTF8(brief(t[from:]), "") }
	return show(a), show(b)
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
