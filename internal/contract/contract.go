// Package contract loads, checks and compiles contracts: YAML files that
// describe one webhook system each. It exists so that no Go code knows any
// system by name: what is particular about one is said in its file, and if it
// cannot be said there, the language grows, here.
//
// [Parse] finds every mistake of a file at once, each with line, column and the
// fix. A [Contract] that it returns is complete, immutable and safe for
// concurrent use. It answers, for one endpoint, what may be configured
// ([Contract.CheckEndpoint]), what makes an event ([Contract.Fire],
// [Contract.NewSnapshot]), what is sent ([Plan.Render]), how long and how
// often ([Plan.Limits], [Plan.Policy]) and what counts as success
// ([Contract.Judge]). A [Set] holds the contracts of a running node.
//
// The package is pure: it reads no file but those given to [Load], no clock and
// no network. docs/contract-language.md is the reference of the language.
package contract

import (
	"encoding/json"
	"slices"
	"time"

	"gancho/internal/expr"
	"gancho/internal/hook"
	"gancho/internal/rawjson"
	"gancho/internal/schema"
	"gancho/internal/sign"
	"gancho/internal/template"
)

// Contract is one compiled contract.
type Contract struct {
	Name    string
	Version int64  // given by the store, see [Contract.WithVersion]; 0 as long as it is not stored
	Source  []byte // the YAML text, with the text of example files in the place of their names
	Title   Text
	About   Text
	// Document is where the system's public document is, "" if nowhere.
	Document string

	records     []RecordKind
	events      []EventType
	byName      map[string]int // event type → index of events
	anyEvent    bool           // an event type "*" is listed: every type is taken
	endpoint    endpoint
	credentials *Credentials // nil: there are none
	lookups     []Lookup
	delivery    delivery
	redact      [][]string
	assumed     []Assumption
	docs        map[string]Text
	tests       []Test
	schemes     []string // of endpoints' URLs, see [Set.Schemes]; nil: https and http
}

// EventType is one kind of event that a contract knows. The name "*" stands for
// every type that is not listed by name.
type EventType struct {
	Name    string
	Title   Text
	About   Text
	Example []byte          // a payload, exactly; nil if the contract gives none
	Cases   []Case          // payloads that differ from Example in kind, in the order of the file
	Schema  json.RawMessage // JSON Schema 2020-12 of the payload; nil if there is none
	// On is the kind of record whose changes make it, see [Contract.Fire]; Schedule
	// says when it is made of the records there are. Without either it is posted.
	On       string
	Schedule *Schedule

	schemas []*schema.Schema
	texts   schema.Texts // of Schema
	trigger *trigger
	line    int
}

// Case is a further example of an event type, for what can look quite different.
type Case struct {
	Name    string // unique in its event type; written like the name of a contract
	Title   Text
	Example []byte // a payload, exactly
}

// SchemaIn is Schema with titles and descriptions in a language.
func (e *EventType) SchemaIn(language string) json.RawMessage { return e.texts.In(language) }

// Condition is what a change of a record has to meet to make it, as it stands in
// the file; "" if every change does, or none.
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

// endpoint is the section of the same name.
type endpoint struct {
	method      string
	methods     []string
	contentType *template.Template
	headers     []headerTemplate
	userAgent   string // "" drops it
	json        rawjson.Style
	body        *template.Value // nil: the payload
	bodySchema  *schema.Schema
	bodyTexts   schema.Texts // of bodySchema; nil if there is none
	form        *form
	pairs       string       // name of the setting; "" if there is none
	scheme      *sign.Scheme // nil: requests are not signed
	shaping     bool
	settings    schema.Settings
	perTenant   int // 0: any number
	minTypes    int // event types of an endpoint
	maxTypes    int // 0: any number
}

// form sends a body as a field of an HTML form.
type form struct {
	field string
	when  *expr.Condition // over settings; nil: always
}

type headerTemplate struct {
	name  string
	value *template.Template
}

// delivery is the section of the same name; zero values mean the product's
// defaults.
type delivery struct {
	timeout        time.Duration
	connectTimeout time.Duration
	clock          Clock
	retry          []time.Duration
	mode           hook.Mode
	success        *expr.Condition // nil: any 2xx
	concurrency    int
	perSecond      float64
	ordered        bool
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

// WithVersion is the same contract with the version it is stored under.
func (c *Contract) WithVersion(version int64) *Contract {
	d := *c
	d.Version = version
	return &d
}

// HasEvent reports whether events of this type can exist under the contract.
func (c *Contract) HasEvent(eventType string) bool {
	_, ok := c.Event(eventType)
	return ok
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

// SuccessRule is the condition for success as it stands in the file, "" if any
// 2xx is one.
func (c *Contract) SuccessRule() string {
	if c.delivery.success == nil {
		return ""
	}
	return c.delivery.success.Text()
}

// Redacted lists the paths of what is taken out of payloads before they are stored.
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

// PerTenant is how many endpoints of the contract a tenant can have, 0 for any
// number.
func (c *Contract) PerTenant() int { return c.endpoint.perTenant }

// EventTypesPerEndpoint is how many event types an endpoint names at least and
// at most; a maximum of 0 is none. With a maximum they are names, no patterns.
func (c *Contract) EventTypesPerEndpoint() (least, most int) {
	return c.endpoint.minTypes, c.endpoint.maxTypes
}

// MakesBody reports whether the contract makes the body with a template of its own,
// so that it is not the payload. [Contract.BodySchema] then describes the body.
func (c *Contract) MakesBody() bool { return c.endpoint.body != nil }

// BodySchema is the JSON Schema (2020-12) of the body that the contract shapes,
// in a language; nil if it says nothing about it.
func (c *Contract) BodySchema(language string) json.RawMessage {
	return c.endpoint.bodyTexts.In(language)
}

// PairsSetting is the name of the setting in which a person lists keys and values of
// their own for each request, "" if there is none.
func (c *Contract) PairsSetting() string { return c.endpoint.pairs }

// Assumed lists what no public document states, in the order of the file.
func (c *Contract) Assumed() []Assumption { return slices.Clone(c.assumed) }

// Docs is a chapter of the customer documentation, see [Chapters].
func (c *Contract) Docs(chapter string) Text { return c.docs[chapter] }

// CheckPayload checks a payload, which is valid JSON, against the schema of its
// event type. Pointers begin at the payload. Nothing is wrong with a payload
// whose type has no schema.
func (c *Contract) CheckPayload(eventType string, payload []byte) []hook.FieldError {
	e, ok := c.Event(eventType)
	if !ok {
		return nil
	}
	return e.check(payload)
}

// Redact replaces what the contract says must not be stored. It returns payload
// itself if there is nothing to replace.
func (c *Contract) Redact(payload []byte) []byte {
	for _, path := range c.redact {
		payload = rawjson.Replace(payload, []byte(`"[redacted]"`), path...)
	}
	return payload
}
