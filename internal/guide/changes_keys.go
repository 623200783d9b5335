package guide

import (
	"regexp"
	"slices"
	"strings"

	"gancho/internal/contract"
)

// treatment is how the comparison of two versions treats a key of the language.
type treatment struct {
	how howCompared
	why string // of nothing: why no receiver is concerned
}

type howCompared int

const (
	// tried: requests, or answers, are tried with both versions. What is written in another way, without any difference that
	// was found, is said as such: another payload may show one.
	tried howCompared = iota
	// exact: the comparison knows all that the key can say.
	exact
	// nothing: no receiver is concerned.
	nothing
)

// treatments says it for each key of [contract.Keys]; a section stands for its keys. A key that is missing here is treated as tried.
var treatments = map[string]treatment{
	"contract": {nothing, "endpoints and receivers do not see the name"},
	"title":    {nothing, "people read it"}, "about": {nothing, "people read it"}, "document": {nothing, "people read it"},
	"category": {nothing, "people read it"}, "docs": {nothing, "people read it"}, "assumed": {nothing, "people read it"},
	"names":         {nothing, "people read it"},
	"tests":         {nothing, "they send nothing"},
	"sensitive":     {nothing, "it is sent as it is; only who looks at the history sees less"},
	"seal_payloads": {nothing, "it is about how payloads are stored"},
	"redact":        {exact, ""}, "schema_on_post": {exact, ""},

	"records.*.title": {nothing, "people read it"}, "records.*.about": {nothing, "people read it"},
	"records.*.key": {exact, ""}, "records.*.schema": {exact, ""},

	"events.*.title": {nothing, "people read it"}, "events.*.about": {nothing, "people read it"},
	"events.*.aliases": {nothing, "people read it"},
	"events.*.example": {exact, ""},
	"events.*.cases":   {nothing, "they are examples; requests are made of those of both versions and compared"},
	"events.*.schema":  {exact, ""}, "events.*.set": {tried, ""}, "events.*.headers": {tried, ""}, "events.*.on": {exact, ""},
	"events.*.when": {tried, ""}, "events.*.every": {exact, ""}, "events.*.cron": {exact, ""}, "events.*.timezone": {exact, ""},
	"events.*.select": {exact, ""}, "events.*.where": {tried, ""}, "events.*.item": {tried, ""}, "events.*.payload": {tried, ""},
	"events.*.max_body": {exact, ""},

	"endpoint.method": {exact, ""}, "endpoint.methods": {exact, ""}, "endpoint.content_type": {tried, ""},
	"endpoint.user_agent": {exact, ""}, "endpoint.accept": {exact, ""}, "endpoint.settings": {exact, ""}, "endpoint.headers": {tried, ""},
	"endpoint.query": {tried, ""}, "endpoint.pairs": {exact, ""}, "endpoint.body": {tried, ""}, "endpoint.item": {tried, ""},
	"endpoint.schema": {exact, ""}, "endpoint.json": {exact, ""}, "endpoint.form.field": {exact, ""}, "endpoint.form.fields": {exact, ""},
	"endpoint.form.booleans": {exact, ""}, "endpoint.form.empty": {exact, ""}, "endpoint.form.when": {tried, ""},
	"endpoint.auth": {tried, ""}, "endpoint.verify.method": {exact, ""}, "endpoint.verify.query": {tried, ""},
	"endpoint.verify.headers": {tried, ""}, "endpoint.verify.body": {tried, ""}, "endpoint.verify.form": {exact, ""},
	"endpoint.verify.accept": {exact, ""}, "endpoint.verify.per_minute": {exact, ""},
	"endpoint.sign": {exact, ""}, "endpoint.sign.algorithm": {exact, ""}, "endpoint.sign.key": {exact, ""}, "endpoint.sign.over": {exact, ""},
	"endpoint.sign.encoding": {exact, ""}, "endpoint.sign.timestamp": {exact, ""}, "endpoint.sign.headers": {exact, ""},
	"endpoint.sign.query": {exact, ""}, "endpoint.sign.body": {exact, ""}, "endpoint.sign.several": {exact, ""}, "endpoint.sign.signed": {exact, ""},
	"endpoint.sign.jwt":       {exact, ""},
	"endpoint.sign.keys":      {exact, ""},
	"endpoint.sign.tolerance": {nothing, "it is how far the time may be off for who verifies; senders do not use it"},
	"endpoint.sign.secret":    {nothing, "it is how new secrets look; those in use stay, and receivers take any text"},
	"endpoint.sign.nonce":     {nothing, "receivers take any text"},
	"endpoint.shaping":        {exact, ""}, "endpoint.per_tenant": {exact, ""}, "endpoint.event_types": {exact, ""}, "endpoint.egress": {exact, ""},

	"delivery.timeout": {exact, ""}, "delivery.connect_timeout": {exact, ""}, "delivery.clock": {exact, ""}, "delivery.retry": {exact, ""},
	"delivery.mode": {exact, ""}, "delivery.success": {exact, ""}, "delivery.disable_if": {exact, ""}, "delivery.stop_if": {exact, ""},
	"delivery.pause_if": {exact, ""}, "delivery.retry_if": {exact, ""}, "delivery.give_up": {exact, ""}, "delivery.concurrency": {exact, ""},
	"delivery.per_second": {exact, ""}, "delivery.ordered": {exact, ""}, "delivery.delay": {exact, ""}, "delivery.debounce.key": {exact, ""},
	"delivery.debounce.wait": {exact, ""}, "delivery.debounce.max": {exact, ""}, "delivery.redirects": {exact, ""},
	"delivery.batch.max": {exact, ""}, "delivery.batch.wait": {exact, ""}, "delivery.batch.bytes": {exact, ""}, "delivery.batch.failed": {exact, ""},

	"credentials.api_key":        {nothing, "it is how new keys look; those in use stay"},
	"credentials.secret":         {nothing, "it is how new secrets look; those in use stay"},
	"credentials.token.lifetime": {exact, ""}, "credentials.token.claims": {exact, ""}, "credentials.endpoint": {exact, ""},
	"lookup.*.title": {nothing, "people read it"}, "lookup.*.about": {nothing, "people read it"},
	"lookup.*.paths": {exact, ""}, "lookup.*.record": {exact, ""}, "lookup.*.auth": {nothing, "there is one way"},
}

// treatmentOf is that of a key, or of the section that it is in.
func treatmentOf(key string) (t treatment, ok bool) {
	for section := key; ; {
		if t, ok := treatments[section]; ok {
			return t, true
		}
		i := strings.LastIndexAny(section, ".[")
		if i < 0 {
			return treatment{}, false
		}
		section = section[:i]
	}
}

// said is what both versions say at a key, if that is different. There may be several; it is the first.
func (c *comparison) said(key string) (contract.Rewriting, bool) {
	i := slices.IndexFunc(c.rewritten, func(r contract.Rewriting) bool { return r.Key == key })
	if i < 0 {
		return contract.Rewriting{}, false
	}
	return c.rewritten[i], true
}

// open are the names of what a trial cannot exhaust. Settings, the types of events and constants it can.
var open = regexp.MustCompile(`\b(payload|new|old|changes|changed|record|items|attempt|response|error|url|external_id|challenge)\b`)

// others tells what is written in another way and made no difference with anything that was tried.
func (c *comparison) others() {
	events := map[string]bool{} // those that are there before and after
	for _, e := range c.before.contract.EventTypes() {
		_, events[e.Name] = c.after.contract.Event(c.nameOf(e))
	}
	for _, r := range c.rewritten {
		t, known := treatmentOf(r.Key)
		if known && (t.how != tried || !open.MatchString(r.Old+r.New)) || r.Path[0] == "events" && !events[r.Path[1]] || c.toldOf(r) {
			continue
		}
		switch r.Key {
		case "events.*.when":
			c.breaks("event_when", r.Path, "event", r.Path[1])
		case "events.*.where":
			c.breaks("event_where", r.Path, "event", r.Path[1])
		default:
			path := strings.Join(r.Path, ".")
			if _, after, ok := strings.Cut(path, "endpoint.sign.0"); ok {
				path = "endpoint.sign" + after
			}
			c.tells("rewritten", r.Path, "key", path)
		}
	}
}

// toldOf reports whether something was told of what stands at a key.
func (c *comparison) toldOf(r contract.Rewriting) bool {
	within := func(a, b []string) bool { return len(a) <= len(b) && slices.Equal(a, b[:len(a)]) }
	return slices.ContainsFunc(c.at, func(path []string) bool { return within(r.Path, path) || len(path) > 1 && within(path, r.Path) })
}
