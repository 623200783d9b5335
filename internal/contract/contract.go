// Package contract compiles contracts: YAML files that describe one webhook system
// each. No other Go code depends on the name of a system: what is particular about a
// system is in its file. If the file cannot express it, the language has to grow here.
//
// [Parse] reports every mistake of a file at once, each with line, column and fix. The
// [Contract] that it returns is complete, immutable and safe for concurrent use. It
// decides how an endpoint may be configured ([Contract.CheckEndpoint]), when an event
// is made ([Contract.Fire], [Contract.NewSnapshot]), what is sent ([Plan.Render]), how
// long a request may take and when it is sent again ([Plan.Limits], [Plan.Policy]), and
// what counts as success ([Contract.Judge]). A [Set] has the contracts of a running node.
//
// The package is pure: it reads only the files that [Load] is given, no clock and no
// network. YAML is read by package yamlfile, JSON Schemas by package schema, and
// templates by package template. docs/contract-language.md describes the language.
package contract

import (
	"encoding/json"
	"slices"
	"time"

	"gancho/internal/egress"
	"gancho/internal/expr"
	"gancho/internal/hook"
	"gancho/internal/mask"
	"gancho/internal/rawjson"
	"gancho/internal/schema"
	"gancho/internal/sign"
	"gancho/internal/template"
	"gancho/internal/work"
)

// Contract is one compiled contract.
type Contract struct {
	Name    string
	Version int64  // given by the store, see [Contract.WithVersion]; 0 until it is stored
	Source  []byte // the YAML text, in which the text of example files replaces their names
	Title   Text
	About   Text
	// Document is the address of the system's public document, "" if there is none.
	Document string
	// Category is one of [Categories], "" if the contract names none.
	Category string

	endpointNouns map[string]Noun // by language; see [Contract.EndpointNoun]

	records     []RecordKind
	events      []EventType
	byName      map[string]int // event type → index of events
	anyEvent    bool           // there is an event type "*", so events of every type are accepted
	endpoint    endpoint
	handshake   *handshake      // nil: endpoints get events at once
	asked       *expr.Challenge // of the receiver, if this is a [Contract.Handshake]
	credentials *Credentials    // nil: there are none
	lookups     []Lookup
	delivery    delivery
	redact      [][]string
	sensitive   mask.Fields
	// perAttempt and looksBack say that requests name something of their attempt, and of those before it.
	perAttempt, looksBack bool
	// computesHidden is set if an expression of a request reads a secret or personal data, see [Plan.Computed].
	computesHidden bool
	personal       []string // the same as the contract writes them
	seals          bool
	reports        bool // what the schema of a posted event refuses is accepted, see [Contract.Misshapen]
	assumed        []Assumption
	docs           map[string]Text
	help           Help
	tests          []Test
	newer          []Problem
	schemes        []string // of endpoints' URLs, see [Set.Schemes]; nil: https and http
}

// EventType is one type of event that a contract lists. The name "*" stands for every
// type that is not listed by name.
type EventType struct {
	Name    string
	Title   Text
	About   Text
	Aliases []string        // what else people call it, such as its name in the system's own document
	Example []byte          // a payload, exactly; nil if the contract gives none
	Cases   []Case          // further examples that look different, in the order of the file
	Schema  json.RawMessage // JSON Schema 2020-12 of the payload; nil if there is none
	// On is the kind of record whose changes make events of this type, see
	// [Contract.Fire]. Schedule is set if a snapshot of records is sent at certain times.
	// If neither is set, events of this type are posted.
	On       string
	Schedule *Schedule

	schemas []*schema.Schema
	posted  *schema.Schema // of schemas, the one that the event type itself has; nil if it has none
	texts   schema.Texts   // of Schema
	trigger *trigger
	own     *ownParts // nil: its requests are like those of any other type
	line    int
}

// Case is a further example of an event type, for payloads that look different.
type Case struct {
	Name    string // unique in its event type; written like the name of a contract
	Title   Text
	Example []byte // a payload, exactly
}

// SchemaIn is Schema with titles and descriptions in one language.
func (e *EventType) SchemaIn(language string) json.RawMessage { return e.texts.In(language) }

// Condition is the text of the condition that a change of a record has to meet. It is
// "" if the event type has none.
func (e *EventType) Condition() string {
	if e.trigger == nil || e.trigger.when == nil {
		return ""
	}
	return e.trigger.when.Text()
}

// Assumption is a fact that no public document of the system states.
type Assumption struct {
	Path string // where in the contract, e.g. delivery.retry
	Note Text   // what is assumed and why
}

// endpoint is the section "endpoint".
type endpoint struct {
	method      string
	methods     []string
	contentType *template.Template
	headers     []headerTemplate
	query       []parameter
	ofTypes     ofTypes // what event types add
	userAgent   string  // "": the header is not sent
	accept      string  // "": the header Accept is not sent, unless headers or an endpoint have one
	eventHeader string  // the header that is nothing but the type of the event; "" if there is none
	json        rawjson.Style
	body        *template.Value    // nil: the payload, or raw; in a contract that batches, what stands around the items
	raw         *template.Template // a body that is no JSON; nil: there is none
	item        *template.Value    // of an event in a request with several; nil: the payload, or itemText
	itemText    *template.Template // an item that is no JSON; nil: there is none
	around      aroundText         // raw in a contract that batches
	bodySchema  *schema.Schema
	bodyTexts   schema.Texts // of bodySchema; nil if there is none
	form        *form
	auth        auth         // nil: an endpoint may choose
	pairs       string       // name of the setting; "" if there is none
	scheme      *sign.Scheme // nil: requests are not signed
	shaping     bool
	settings    schema.Settings
	egress      *egress.Rules // nil: requests may go to any host
	perTenant   int           // 0: any number
	minTypes    int           // event types of an endpoint
	maxTypes    int           // 0: any number
}

type headerTemplate struct {
	name  string
	value *template.Template
}

// delivery is the section "delivery". A zero value stands for the default of the
// product.
type delivery struct {
	timeout        time.Duration
	connectTimeout time.Duration
	clock          Clock
	retry          []time.Duration
	delay          time.Duration
	debounce       *debounce // nil: none
	mode           hook.Mode
	success        *expr.Condition // nil: any 2xx
	concurrency    int
	perSecond      float64
	ordered        bool
	redirects      int // how many are followed
	rules          answerRules
	giveUp         hook.GiveUp
	strict         bool // ordered, and what failed holds what is behind it
	judgesBody     bool // some rule looks at the content of an answer
	batch          batching
}

// Clock says what a contract's timeout covers.
type Clock string

const (
	// ClockTotal runs from the start of the attempt, connection set-up included,
	// to the last byte of the answer.
	ClockTotal Clock = "total"
	// ClockResponse runs from the moment the request is written to the status
	// line of the answer; connection set-up has its own limit.
	ClockResponse Clock = "response"
)

// WithVersion is the same contract with the version under which it is stored.
func (c *Contract) WithVersion(version int64) *Contract {
	d := *c
	d.Version = version
	return &d
}

// HasEvent reports whether the contract accepts events of this type.
func (c *Contract) HasEvent(eventType string) bool {
	_, ok := c.Event(eventType)
	return ok
}

// NamesEvent reports whether the contract has an event type by its own name, not only by "*".
func (c *Contract) NamesEvent(eventType string) bool {
	_, ok := c.byName[eventType]
	return ok && eventType != anyEvent
}

// Event is the description of an event type: its own, or that of "*".
func (c *Contract) Event(eventType string) (EventType, bool) {
	if i, ok := c.byName[eventType]; ok && eventType != anyEvent {
		return c.events[i], true
	}
	if c.anyEvent && hook.ValidEventType(eventType) {
		return c.events[c.byName[anyEvent]], true
	}
	return EventType{}, false
}

// EventTypes lists the event types in the order of the file.
func (c *Contract) EventTypes() []EventType { return slices.Clone(c.events) }

// EventNames lists their names in the order of the file, without "*".
func (c *Contract) EventNames() []string {
	var names []string
	for _, e := range c.events {
		if e.Name != anyEvent {
			names = append(names, e.Name)
		}
	}
	return names
}

// Scheme is how requests are signed, nil if they are not.
func (c *Contract) Scheme() *sign.Scheme { return c.endpoint.scheme }

// AllowsShaping reports whether endpoints may have a filter and a transformation of
// their own.
func (c *Contract) AllowsShaping() bool { return c.endpoint.shaping }

// Methods lists the HTTP methods a person may choose from, the default first.
func (c *Contract) Methods() []string { return slices.Clone(c.endpoint.methods) }

// SuccessRule is the text of the condition for success, "" if any 2xx is a success.
func (c *Contract) SuccessRule() string {
	if c.delivery.success == nil {
		return ""
	}
	return c.delivery.success.Text()
}

// Redacted lists the paths of values that are removed from payloads before these are
// stored.
func (c *Contract) Redacted() []string {
	out := []string{}
	for _, path := range c.redact {
		text := ""
		for _, segment := range path {
			text = rawjson.JoinPath(text, segment)
		}
		out = append(out, text)
	}
	return out
}

// Sensitive says which values of payloads, bodies, records and settings are personal data. They
// are stored and sent, and shown only to whoever asks for them and has the right.
func (c *Contract) Sensitive() mask.Fields { return c.sensitive }

// SensitivePaths are the paths of [Contract.Sensitive], as the contract writes them: contact.email, items.*.phone,
// **.document.
func (c *Contract) SensitivePaths() []string { return append([]string{}, c.personal...) }

// SealsPayloads says that payloads and records of the contract are encrypted where they are stored, whichever tenant
// they are of.
func (c *Contract) SealsPayloads() bool { return c.seals }

// SensitiveMask hides the sensitive values of a JSON document wherever they stand, for texts
// that may repeat them.
func (c *Contract) SensitiveMask(m mask.Mask, doc []byte) mask.Mask {
	if len(c.sensitive) == 0 {
		return m
	}
	return m.With(c.sensitive.Values(doc)...)
}

// PerTenant is how many endpoints of the contract a tenant can have, 0 for any
// number.
func (c *Contract) PerTenant() int { return c.endpoint.perTenant }

// EventTypesPerEndpoint is how many event types an endpoint has to list at least and at
// most. A maximum of 0 means that there is none. If there is one, the endpoint has to
// list names, not patterns.
func (c *Contract) EventTypesPerEndpoint() (least, most int) {
	return c.endpoint.minTypes, c.endpoint.maxTypes
}

// MakesBody reports whether the contract makes the body with a template of its own, or of several events,
// so that it is not the payload. [Contract.BodySchema] then describes the body.
func (c *Contract) MakesBody() bool {
	return c.endpoint.body != nil || c.endpoint.raw != nil || c.Batches()
}

// BodySchema is the JSON Schema (2020-12) of the body that the contract makes, with
// texts in one language; nil if the contract has none.
func (c *Contract) BodySchema(language string) json.RawMessage {
	return c.endpoint.bodyTexts.In(language)
}

// JSONStyle is how JSON in bodies is written; the zero style leaves it as it was published.
func (c *Contract) JSONStyle() rawjson.Style { return c.endpoint.json }

// PairsSetting is the name of the setting in which a person lists keys and values of
// their own for each request, "" if there is none.
func (c *Contract) PairsSetting() string { return c.endpoint.pairs }

// Assumed lists the facts that no public document states, in the order of the file.
func (c *Contract) Assumed() []Assumption { return slices.Clone(c.assumed) }

// Docs is a chapter of the customer documentation, see [Chapters].
func (c *Contract) Docs(chapter string) Text { return c.docs[chapter] }

// CheckPayload checks a payload, which is valid JSON, against the schemas of its event
// type. Pointers begin at the payload. A type without a schema accepts every payload.
func (c *Contract) CheckPayload(eventType string, payload []byte) []hook.FieldError {
	e, ok := c.Event(eventType)
	if !ok {
		return nil
	}
	return e.check(nil, payload)
}

// CheckPosted lists why an event that was posted is refused: its payload, which is valid JSON, does not satisfy the schema
// of its event type. Pointers begin at the payload. The budget may be nil. It is nil without computing anything if the
// event type has no schema of its own, or if the contract only reports ([Contract.Misshapen]).
func (c *Contract) CheckPosted(b *work.Budget, eventType string, payload []byte) []hook.FieldError {
	if c.reports {
		return nil
	}
	return c.checkOwn(b, eventType, payload)
}

// Misshapen lists what is wrong with the payload of a posted event that was accepted because the contract only reports
// such mistakes. Pointers begin at the payload. The work has a limit.
func (c *Contract) Misshapen(eventType string, payload []byte) []hook.FieldError {
	if !c.reports {
		return nil
	}
	return c.checkOwn(renderBudget(), eventType, payload)
}

func (c *Contract) checkOwn(b *work.Budget, eventType string, payload []byte) []hook.FieldError {
	i, ok := c.byName[eventType]
	if !ok && c.anyEvent {
		i, ok = c.byName[anyEvent], true
	}
	if !ok || c.events[i].posted == nil {
		return nil
	}
	return c.events[i].posted.Check(b, payload)
}

// Redact replaces the values that the contract does not allow to be stored. It returns
// payload itself if there is nothing to replace.
func (c *Contract) Redact(payload []byte) []byte {
	for _, path := range c.redact {
		payload = rawjson.Replace(payload, []byte(`"[redacted]"`), path...)
	}
	return payload
}

// Egress are the rules of the contract for the hosts that requests may go to; nil: any.
func (c *Contract) Egress() *egress.Rules { return c.endpoint.egress }
