package guide

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"gancho/internal/contract"
	"gancho/internal/hook"
	"gancho/internal/rawjson"
)

// Placeholders in examples for what only the customer knows.
const (
	sampleURL = "https://example.com/webhooks"
	sampleKey = "your-api-key"
	// sampleSecret stands for a secret in the receiver's own address.
	sampleSecret = "your-secret"
	pairHeader   = "X-Webhook-Token"
	pairValue    = "your-token"
)

const (
	anyEvent    = "*"
	formType    = "application/x-www-form-urlencoded"
	sampleEvent = "order.paid" // stands for any event type
)

// sampleTime is the time of the events in examples.
var sampleTime = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// facts are what the documentation states about a contract.
type facts struct {
	contract *contract.Contract
	settings json.RawMessage // placeholders for what a person fills in
	auth     auth
	signing  string // placeholder of the signing secret, where examples have it in them; "" if they have not
	form     string // field of the form that bodies are sent in; "" if they never are a form
	formWhen string // the setting and the value that make bodies forms; "" if they always are
	success  contract.Success
	limits   contract.Limits
	policy   hook.Policy
	events   []sent
}

// sent is an event type with the requests of its example and of its further cases.
type sent struct {
	contract.EventType
	contract.Rendering
	cases []sentCase
}

// sentCase is a further case with its request.
type sentCase struct {
	contract.Case
	contract.Rendering
}

// withoutRequests are the facts that need no rendering.
func withoutRequests(c *contract.Contract) facts {
	f := facts{contract: c, settings: sampleSettings(c, nil)}
	cfg := f.config(f.settings)
	f.limits, f.policy = c.Limits(cfg), c.Policy(cfg)
	return f
}

func gather(c *contract.Contract) facts {
	f := withoutRequests(c)
	f.signing, f.success = signingSecret(c.Scheme()), c.Success()
	for _, e := range c.EventTypes() {
		s := sent{EventType: e, Rendering: f.render(e, f.settings)}
		for _, further := range e.Cases {
			e.Example = further.Example
			s.cases = append(s.cases, sentCase{further, f.render(e, f.settings)})
		}
		f.events = append(f.events, s)
	}
	f.auth = f.findAuth(f.events[0].Rendering)
	f.findForm()
	return f
}

func (f *facts) config(settings json.RawMessage) hook.EndpointConfig {
	return hook.EndpointConfig{URL: sampleURL, Settings: settings}
}

// render renders the request of an event type's example.
func (f *facts) render(e contract.EventType, settings json.RawMessage) contract.Rendering {
	return f.renderFor(e, settings, nil)
}

// plan is that of a sample endpoint with these settings.
func (f *facts) plan(settings json.RawMessage) *contract.Plan {
	return f.contract.PlanFor(f.config(settings), f.sampleCredential()).Of(hook.EndpointID(hook.IDAt(sampleTime)), "MyApp")
}

// again is the request of a second attempt, after an answer with the status 503.
func (f *facts) again(e contract.EventType) contract.Rendering {
	return f.renderFor(e, f.settings, secondAttempt())
}

func secondAttempt() *contract.Attempt {
	later := sampleTime.Add(5 * time.Second)
	return &contract.Attempt{Number: 2, At: later, FirstAt: sampleTime, LastStatus: 503, LastError: hook.ClassStatus5xx}
}

func (f *facts) renderFor(e contract.EventType, settings json.RawMessage, a *contract.Attempt) contract.Rendering {
	r, err := f.plan(settings).RenderFor(f.sampleEvent(e), a)
	if err != nil { // the contract cannot render its example: show what is known
		r = contract.Rendering{Method: f.contract.Methods()[0], URL: sampleURL, Body: e.Sample()}
	}
	return f.sign(r)
}

// together is a request with the first two events, or with the first one twice.
func (f *facts) together() (r contract.Rendering, err error) {
	plan := f.plan(f.settings)
	var items [][]byte
	for _, e := range []sent{f.events[0], f.events[min(1, len(f.events)-1)]} {
		item, err := plan.Item(f.sampleEvent(e.EventType), nil)
		if err != nil {
			return r, err
		}
		items = append(items, item)
	}
	if r, err = plan.Together(items...); err != nil {
		return r, err
	}
	return f.sign(r), nil
}

// handshake is the request that asks an address whether it wants the webhooks. It is false if there is none, or it cannot
// be made.
func (f *facts) handshake() (contract.Rendering, bool) {
	ev := f.contract.NewHandshake("your-company", sampleTime)
	ev.ID, ev.Payload = hook.EventID{}, []byte(`{"challenge":"`+sampleChallenge+`"}`)
	h := f.contract.Handshake(ev, nil)
	if h == nil {
		return contract.Rendering{}, false
	}
	r, err := h.PlanFor(f.config(f.settings), f.sampleCredential()).Of(hook.EndpointID(hook.IDAt(sampleTime)), "MyApp").RenderFor(ev, nil)
	if hook.CarriesBody(r.Method) {
		r = f.sign(r)
	}
	return r, err == nil
}

// greets reports whether the sample programs answer the handshake as the contract asks: any 2xx is right, and it is signed
// like an event.
func (f *facts) greets() bool {
	if !f.contract.Verifies() {
		return true
	}
	method, rule := f.contract.HandshakeRule()
	return rule == "" && hook.CarriesBody(method) && f.contract.Scheme() != nil && f.checked().kind != byURL
}

// sampleEvent is an event of a type, with its example.
func (f *facts) sampleEvent(e contract.EventType) *hook.Event {
	name := e.Name
	if name == anyEvent {
		name = sampleEvent
	}
	return &hook.Event{
		Tenant: "your-company", Contract: f.contract.Name, Type: name, CreatedAt: sampleTime, Payload: e.Sample(),
	}
}

func (f *facts) sampleCredential() *contract.Credential {
	return &contract.Credential{ID: "your-credential", Tenant: "your-company", Name: "MyApp", APIKey: sampleKey}
}

// sampleSettings are values for the required settings and the secrets, and those of chosen.
func sampleSettings(c *contract.Contract, chosen map[string]json.RawMessage) json.RawMessage {
	schema := c.SettingsSchema(contract.Languages[0])
	out := []byte{'{'}
	add := func(name string, value []byte) {
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(append(out, quote(name)...), ':'), value...)
	}
	for _, s := range c.Settings() {
		property, _ := rawjson.Lookup(schema, "properties", s.Name)
		options, _ := rawjson.Lookup(property, "enum")
		switch value, ok := chosen[s.Name]; {
		case ok:
			add(s.Name, value)
		case s.Name == c.PairsSetting():
			if p, ok := samplePair(c); ok {
				add(s.Name, p.list())
			}
		case !s.Secret && !s.Required:
		case len(rawjson.Elements(options)) > 0:
			add(s.Name, rawjson.Elements(options)[0])
		default:
			add(s.Name, sampleOf(property, placeholder(s.Name)))
		}
	}
	return append(out, '}')
}

// sampleOf is a value that is valid under the schema of a setting. It is text if the schema
// allows one.
func sampleOf(schema []byte, text string) []byte {
	kind, _ := rawjson.Lookup(schema, "type")
	if first := rawjson.Elements(kind); len(first) > 0 {
		kind = first[0]
	}
	switch rawjson.Text(kind) {
	case "boolean":
		return []byte("true")
	case "integer", "number":
		return []byte("1")
	case "array":
		return []byte("[]")
	case "object":
		return []byte("{}")
	}
	return quote(text)
}

// placeholder is the placeholder of a setting.
func placeholder(setting string) string { return "your-" + strings.ReplaceAll(setting, "_", "-") }

func quote(text string) []byte {
	out, err := json.Marshal(text)
	if err != nil {
		panic(err) // cannot happen: a string always encodes
	}
	return out
}

// findForm sets form and formWhen: it tries the values of all settings. Where each value has a field there is no one name.
func (f *facts) findForm() {
	if f.contract.FormFields() {
		return
	}
	field := func(r contract.Rendering) string {
		if contentType(r) != formType {
			return ""
		}
		name, _, _ := strings.Cut(string(r.Body), "=")
		return name
	}
	if f.form = field(f.events[0].Rendering); f.form != "" {
		return
	}
	schema := f.contract.SettingsSchema(contract.Languages[0])
	for _, s := range f.contract.Settings() {
		property, _ := rawjson.Lookup(schema, "properties", s.Name)
		options, _ := rawjson.Lookup(property, "enum")
		values := rawjson.Elements(options)
		if kind, _ := rawjson.Lookup(property, "type"); rawjson.Text(kind) == "boolean" {
			values = [][]byte{[]byte("true"), []byte("false")}
		}
		for _, v := range values {
			r := f.render(f.events[0].EventType, sampleSettings(f.contract, map[string]json.RawMessage{s.Name: v}))
			if name := field(r); name != "" {
				f.form, f.formWhen = name, s.Name+" = "+rawjson.Text(v)
				return
			}
		}
	}
}

// asForm is the request of an event type with the setting that makes its body a form.
func (f *facts) asForm(e contract.EventType) contract.Rendering {
	name, value, ok := strings.Cut(f.formWhen, " = ")
	if !ok {
		return f.render(e, f.settings)
	}
	raw := json.RawMessage(value)
	if value != "true" && value != "false" {
		raw = quote(value)
	}
	return f.render(e, sampleSettings(f.contract, map[string]json.RawMessage{name: raw}))
}

func contentType(r contract.Rendering) string {
	i := slices.IndexFunc(r.Headers, func(h hook.Header) bool { return strings.EqualFold(h.Name, "Content-Type") })
	if i < 0 {
		return ""
	}
	return r.Headers[i].Value
}

// simplest is the simplest answer that is a success. If none is known, it is one that says no more than 200.
func (f *facts) simplest() (status int, body string) {
	if e := f.success.Example; e != nil {
		return e.Status, string(e.Body)
	}
	return http.StatusOK, ""
}

// scheduled reports whether some events are made on a schedule.
func (f *facts) scheduled() bool { return len(f.contract.Scheduled()) > 0 }

// once reports whether an event is never sent again.
func (f *facts) once() bool { return f.policy.Mode == hook.AtMostOnce }

// hurried reports whether the time to answer is so short that a tool on another continent
// can miss it.
func (f *facts) hurried() bool { return f.limits.Timeout < 2*time.Second }
