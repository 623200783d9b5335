package admin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gancho/internal/contract"
	"gancho/internal/hook"
	"gancho/internal/rawjson"
)

// Tester makes requests outside the queue.
type Tester interface {
	// Test sends an event that is not stored yet, and stores it with the result. An error means that nothing was
	// sent.
	Test(ctx context.Context, endpoint hook.EndpointID, e *hook.Event) (*hook.TestResult, error)
	// Try sends an event to an endpoint that is not stored, and stores nothing. An error means that nothing was sent.
	Try(ctx context.Context, c *contract.Contract, e *hook.Endpoint, ev *hook.Event) (*hook.TestResult, error)
	// Preview is the request that would be made, secrets masked. script, if it is not nil, stands in the place of the
	// endpoint's transformation.
	Preview(ctx context.Context, endpoint hook.EndpointID, e *hook.Event, script *string) (*hook.Preview, error)
	// PreviewNew is Preview for an endpoint that is not stored.
	PreviewNew(ctx context.Context, c *contract.Contract, e *hook.Endpoint, ev *hook.Event) (*hook.Preview, error)
	// PreviewAs is the request for an endpoint and a contract that need not be stored, without a transformation.
	PreviewAs(ctx context.Context, c *contract.Contract, endpoint *hook.Endpoint, e *hook.Event) (*hook.Request, error)
}

// TestStore is what [Tests] need of the database.
type TestStore interface {
	EventStore
	endpointReader
	Tenant(ctx context.Context, id string) (hook.Tenant, error)
	// NoteTest stores how the latest test of an endpoint ended.
	NoteTest(ctx context.Context, id hook.EndpointID, last hook.LastTest) error
}

// Tests are the use cases of trying things: tests of endpoints, and previews of requests. All fields are needed.
type Tests struct {
	Store      TestStore
	Contracts  *contract.Set
	Tester     Tester
	MaxPayload int // bytes
	// Hide returns a stored event without the personal data that must not be in a preview.
	Hide func(*hook.Event) *hook.Event
}

// stored is a stored event for a preview. Personal data is hidden before the request is made, because a contract or a
// script that somebody tries could spell it so that no mask finds it.
func (x Tests) stored(ctx context.Context, tenant, id string) (*hook.Event, error) {
	e, err := Events{x.Store}.Find(ctx, tenant, id)
	if err != nil {
		return nil, err
	}
	return x.Hide(e), nil
}

// EventChoice says which event to test with: a stored one, or a new one for the test.
type EventChoice struct {
	Event   string // a stored event: its id, or the id that its caller gave it; "": one is made up
	Type    string // of one that is made up; "": the first type of the contract that the endpoint takes
	Payload []byte // of one that is made up; nil: the contract's example of the type
}

// EndpointTest is the result of a test of an endpoint.
type EndpointTest struct {
	*hook.TestResult
	Endpoint *hook.Endpoint
	Event    *hook.Event
}

// Endpoint sends a new event to an endpoint, and waits for the answer. It ignores the choice of a stored event. The
// codes of its errors are endpoint_not_found, contract_not_found, event_type_unknown, payload_too_large and
// test_running.
func (x Tests) Endpoint(ctx context.Context, tenant, id string, choice EventChoice) (*EndpointTest, error) {
	e, err := endpoint(ctx, x.Store, tenant, id)
	if err != nil {
		return nil, err
	}
	ev, err := x.eventFor(e, choice)
	if err != nil {
		return nil, err
	}
	t, err := x.Store.Tenant(ctx, tenant)
	if err != nil {
		return nil, err
	}
	ev.Sealed = ev.Sealed || t.Policy.SealPayloads
	r, err := x.Tester.Test(ctx, e.ID, ev)
	if err != nil {
		return nil, err
	}
	last := hook.LastTest{At: r.Attempt.StartedAt, Status: string(hook.Delivered)}
	if r.Delivery.State != hook.Delivered {
		last.Status = r.Attempt.Class
	}
	// The test is stored with its delivery; the list shows it a little later if this fails.
	_ = x.Store.NoteTest(context.WithoutCancel(ctx), e.ID, last)
	return &EndpointTest{r, e, ev}, nil
}

// Trial is an endpoint that somebody wants to try before it is stored.
type Trial struct {
	Contract *contract.Contract
	Endpoint *hook.Endpoint // not stored as it is here; a new one has an id of its own
	Event    *hook.Event
	Preview  *hook.Preview    // what would be sent, secrets masked; nil if it was sent
	Result   *hook.TestResult // what came of it; nil if nothing was sent
}

// Try makes the request that a new endpoint would get, or, with send, sends it. Nothing is stored. The codes of its errors are
// those of [Endpoints.Create] and event_type_unknown, payload_too_large, render_failed and test_running.
func (x Tests) Try(ctx context.Context, all Endpoints, tenant string, in EndpointSpec, choice EventChoice, send bool) (*Trial, error) {
	c, err := checkEndpoint(contracts{x.Contracts}, &in)
	if err != nil {
		return nil, err
	}
	return x.try(ctx, all, c, &hook.Endpoint{Tenant: tenant}, in, choice, send)
}

// TryChange is [Tests.Try] for a change of an endpoint that is stored.
func (x Tests) TryChange(ctx context.Context, all Endpoints, tenant, id string, p EndpointPatch, choice EventChoice, send bool) (*Trial, error) {
	e, err := endpoint(ctx, x.Store, tenant, id)
	if err != nil {
		return nil, err
	}
	c, in, err := all.patched(ctx, e, p)
	if err != nil {
		return nil, err
	}
	if err := patchSecret(e, c, p.Secret); err != nil {
		return nil, err
	}
	in.Config.Credential = e.Config.Credential
	return x.try(ctx, all, c, e, in, choice, send)
}

// try tries in, which was checked, in the place of was.
func (x Tests) try(
	ctx context.Context, all Endpoints, c *contract.Contract, was *hook.Endpoint, in EndpointSpec, choice EventChoice, send bool,
) (*Trial, error) {
	e, err := tried(ctx, all, c, was, in)
	if err != nil {
		return nil, err
	}
	ev, err := x.madeUp(c, e.Config, choice)
	if err == nil && ev == nil {
		err = hook.InvalidFields("event_type_unknown", c.NoEvent(choice.Type).At("/event_type"))
	}
	if err != nil {
		return nil, err
	}
	ev.Tenant = was.Tenant
	out := &Trial{Contract: c, Endpoint: e, Event: ev}
	if send {
		out.Result, err = x.Tester.Try(ctx, c, e, ev)
	} else {
		out.Preview, err = x.Tester.PreviewNew(ctx, c, e, ev)
	}
	return out, err
}

// tried is the endpoint that in, which was checked, makes of was. It is not stored.
func tried(ctx context.Context, all Endpoints, c *contract.Contract, was *hook.Endpoint, in EndpointSpec) (*hook.Endpoint, error) {
	isNew := was.ID == (hook.EndpointID{})
	if isNew {
		if err := checkEndpointReach(ctx, all.Egress, was.Tenant, c, in.Config, was.Config); err != nil {
			return nil, err
		}
		if err := all.checkShaping(ctx, was.Tenant, c, in.Config, was.Config); err != nil {
			return nil, err
		}
	}
	e, err := newEndpoint(was.Tenant, c, in)
	if err != nil {
		return nil, err
	}
	if !isNew {
		e.ID, e.CreatedAt = was.ID, was.CreatedAt
	}
	if len(was.Secrets) > 0 {
		e.Secrets = was.Secrets
	}
	e.Version = 1
	return e, nil
}

// eventFor creates an event to test an endpoint with.
func (x Tests) eventFor(e *hook.Endpoint, choice EventChoice) (*hook.Event, error) {
	known := contracts{x.Contracts}
	c := known.serving(e)
	if c == nil {
		return nil, known.missing(e.Contract)
	}
	ev, err := x.madeUp(c, e.Config, choice)
	if err == nil && ev == nil {
		err = hook.InvalidFields("event_type_unknown", c.NoEvent(choice.Type).At("/event_type"))
	}
	if err != nil {
		return nil, err
	}
	ev.Tenant = e.Tenant
	return ev, nil
}

// madeUp returns an event without a tenant. What the choice leaves out is taken from the contract's examples. It is nil
// if the contract has no such type.
func (x Tests) madeUp(c *contract.Contract, cfg hook.EndpointConfig, choice EventChoice) (*hook.Event, error) {
	eventType, payload := c.Sample(cfg)
	if choice.Type != "" {
		described, ok := c.Event(choice.Type)
		if !ok {
			return nil, nil
		}
		eventType, payload = choice.Type, described.Sample()
	}
	if choice.Payload != nil {
		payload = choice.Payload
	}
	if len(payload) > x.MaxPayload {
		return nil, &hook.Error{
			Kind: hook.KindTooLarge, Code: "payload_too_large",
			Detail: fmt.Sprintf("The payload is larger than %d bytes.", x.MaxPayload),
		}
	}
	return &hook.Event{
		ID: hook.NewEventID(), Contract: c.Name, Type: eventType, Door: hook.DoorTest, CreatedAt: time.Now(),
		Payload: c.Redact(payload), Sealed: c.SealsPayloads(),
	}, nil
}

// Preview is the request that would be made to an endpoint for an event. script, if it is not nil, stands in the place
// of the endpoint's transformation. Nothing is stored or sent. The codes of its errors are endpoint_not_found,
// event_not_found, contract_not_found, other_contract, event_type_unknown, payload_too_large, render_failed,
// shaping_off and scripts_unavailable.
func (x Tests) Preview(ctx context.Context, tenant, id string, choice EventChoice, script *string) (*hook.Preview, error) {
	e, err := endpoint(ctx, x.Store, tenant, id)
	if err != nil {
		return nil, err
	}
	var ev *hook.Event
	if choice.Event == "" {
		ev, err = x.eventFor(e, choice)
	} else if err = choice.storedAlone(); err == nil {
		ev, err = x.stored(ctx, tenant, choice.Event)
	}
	if err != nil {
		return nil, err
	}
	if ev.Contract != e.Contract {
		return nil, otherContract(ev.Contract, e.Contract)
	}
	if script != nil && *script != "" {
		if c := (contracts{x.Contracts}).inForce(e.Contract); c != nil && !c.AllowsShaping() {
			return nil, hook.InvalidFields("shaping_off", transformationOff(c))
		}
	}
	return x.Tester.Preview(ctx, e.ID, ev, script)
}

// storedAlone refuses a choice of a stored event that also says what to make up.
func (c EventChoice) storedAlone() error {
	if c.Type == "" && c.Payload == nil {
		return nil
	}
	return hook.InvalidFields("request_invalid", hook.Field("/event", "event_alone",
		"A stored event has a type and a payload of its own. Leave out event for an example, or event_type and payload."))
}

// otherContract is the error if the chosen event belongs to another contract.
func otherContract(got, want string) error {
	return hook.InvalidFields("other_contract", hook.Field("/event", "other_contract",
		"This event is of the contract {got}; here it has to be of the contract {want}.", "got", got, "want", want))
}

// ContractTrial says which request to preview or to try under a contract, without an endpoint.
type ContractTrial struct {
	Contract string // the name of one in force; "" if Source is given
	Source   string // a contract that need not be stored
	Tenant   string // of the stored event, if one is chosen; a request is sent by the rules of this tenant
	Secret   string // signing secret of what is sent; "": one is made if the contract signs
	EventChoice
	// Config is the configuration of the endpoint. Without a URL it gets an example, and without event types the type
	// of the event, if the contract asks for some.
	Config hook.EndpointConfig
}

// ContractPreview is the request of a [ContractTrial].
type ContractPreview struct {
	Contract  *contract.Contract
	EventType string            // "" if the contract has no such type
	Request   *hook.Request     // secrets masked; nil: none can be made
	Wrong     []hook.FieldError // what is wrong with the trial
}

// SampleURL is the address of endpoints that are made up for a preview.
const SampleURL = "https://receiver.example/webhook"

// PreviewContract is the request that a contract makes. Nothing is stored or sent. A trial that cannot be rendered is
// no error. The error is a *[contract.Problems] if the contract is wrong; other codes are request_invalid,
// contract_not_found, tenant_not_found, event_not_found, other_contract and payload_too_large.
func (x Tests) PreviewContract(ctx context.Context, in ContractTrial) (*ContractPreview, error) {
	c, err := x.contractOf(in)
	if err != nil {
		return nil, err
	}
	e, err := madeUpEndpoint(c, in)
	if err != nil {
		return nil, err
	}
	ev, err := x.eventUnder(ctx, c, e.Config, in)
	if err != nil {
		return nil, err
	}
	out := &ContractPreview{Contract: c}
	if _, ok := c.Event(ev.Type); !ok {
		out.Wrong = []hook.FieldError{c.NoEvent(ev.Type).At(in.typePointer())}
		return out, nil
	}
	out.EventType = ev.Type
	chooseType(c, &e.Config, ev.Type)
	out.Wrong = c.CheckEndpoint(e.Config)
	renderable := len(out.Wrong) == 0
	out.Wrong = append(out.Wrong, wrongPayload(c, ev)...)
	if !renderable {
		return out, nil
	}
	out.Request, err = x.Tester.PreviewAs(ctx, c, e, ev)
	if refused, ok := errors.AsType[*hook.Error](err); ok && refused.Kind == hook.KindInvalid {
		out.Wrong = append(out.Wrong, hook.Field("", "not_rendered", "{problem}", "problem", refused.Detail))
		out.Request, err = nil, nil
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}

// TryContract sends the request that a contract makes, once, to the URL of the trial, and waits for the answer. It checks
// what creating an endpoint of the contract checks. Nothing is stored. The error is a *[contract.Problems] if the contract
// is wrong; other codes are those of [Tests.PreviewContract], endpoint_invalid, secret_invalid, event_type_unknown,
// payload_invalid and test_running.
func (x Tests) TryContract(ctx context.Context, all Endpoints, in ContractTrial) (*Trial, error) {
	if in.Tenant == "" {
		return nil, hook.InvalidFields("request_invalid", hook.Field("/tenant", "tenant_of_trial",
			"Say by the rules of which tenant this is sent."))
	}
	if _, err := x.Store.Tenant(ctx, in.Tenant); err != nil {
		return nil, err
	}
	c, err := x.contractOf(in)
	if err != nil {
		return nil, err
	}
	ev, err := x.eventUnder(ctx, c, in.Config, in)
	if err != nil {
		return nil, err
	}
	if _, ok := c.Event(ev.Type); !ok {
		return nil, hook.InvalidFields("event_type_unknown", c.NoEvent(ev.Type).At(in.typePointer()))
	}
	spec := EndpointSpec{Contract: c.Name, Config: in.Config, State: hook.EndpointActive, Secret: in.Secret}
	chooseType(c, &spec.Config, ev.Type)
	if err := checkEndpointUnder(c, &spec); err != nil {
		return nil, err
	}
	if wrong := wrongPayload(c, ev); len(wrong) > 0 {
		return nil, hook.InvalidFields("payload_invalid", wrong...)
	}
	e, err := tried(ctx, all, c, &hook.Endpoint{Tenant: in.Tenant}, spec)
	if err != nil {
		return nil, err
	}
	out := &Trial{Contract: c, Endpoint: e, Event: ev}
	out.Result, err = x.Tester.Try(ctx, c, e, ev)
	return out, err
}

// typePointer is where the trial says which event type it is about.
func (in ContractTrial) typePointer() string {
	if in.Event != "" {
		return "/event"
	}
	return "/event_type"
}

// chooseType gives an endpoint the event type of its trial, if the contract asks for types and it has none.
func chooseType(c *contract.Contract, cfg *hook.EndpointConfig, eventType string) {
	if least, _ := c.EventTypesPerEndpoint(); least > 0 && len(cfg.EventTypes) == 0 {
		cfg.EventTypes = []string{eventType}
	}
}

// wrongPayload is what the contract's schema refuses of the payload of an event.
func wrongPayload(c *contract.Contract, ev *hook.Event) (wrong []hook.FieldError) {
	for _, f := range c.CheckPayload(ev.Type, ev.Payload) {
		wrong = append(wrong, f.At("/payload"+f.Pointer))
	}
	return wrong
}

// contractOf is the contract that a trial names or brings.
func (x Tests) contractOf(in ContractTrial) (*contract.Contract, error) {
	if (in.Source == "") == (in.Contract == "") {
		return nil, hook.InvalidFields("request_invalid", hook.Field("/contract", "contract_or_source",
			"Give either the name of a contract, or a source."))
	}
	if in.Source != "" {
		return contract.Parse(sourceFile, []byte(in.Source))
	}
	known := contracts{x.Contracts}
	if c := known.inForce(in.Contract); c != nil {
		return c, nil
	}
	return nil, known.missing(in.Contract)
}

// madeUpEndpoint is the endpoint of a trial, which is not stored.
func madeUpEndpoint(c *contract.Contract, in ContractTrial) (*hook.Endpoint, error) {
	e := &hook.Endpoint{
		ID: hook.NewEndpointID(), Tenant: in.Tenant, Contract: c.Name, Name: "Sample", State: hook.EndpointActive, Version: 1,
		Config: in.Config,
	}
	if e.Config.URL == "" {
		e.Config.URL = SampleURL
	}
	if s := e.Config.Settings; s != nil {
		switch {
		case string(s) == "null":
			e.Config.Settings = nil
		case rawjson.KindOf(s) != '{':
			return nil, hook.InvalidFields("request_invalid", hook.Field("/settings", "object_needed",
				"This has to be an object."))
		}
	}
	slices.SortFunc(e.Config.Headers, func(x, y hook.Header) int { return strings.Compare(x.Name, y.Name) })
	if scheme := c.Scheme(); scheme != nil {
		e.Secrets = []hook.Secret{{Text: scheme.NewSecret()}}
	}
	return e, nil
}

// eventUnder is the event of a trial as if it had come in under the contract. The contract may not have its type.
func (x Tests) eventUnder(ctx context.Context, c *contract.Contract, cfg hook.EndpointConfig, in ContractTrial) (*hook.Event, error) {
	if in.Event == "" {
		ev, err := x.madeUp(c, cfg, in.EventChoice)
		switch {
		case err != nil:
			return nil, err
		case ev == nil:
			return &hook.Event{Type: in.Type}, nil
		}
		ev.Tenant = in.Tenant
		return ev, nil
	}
	if err := in.storedAlone(); err != nil {
		return nil, err
	}
	if in.Tenant == "" {
		return nil, hook.InvalidFields("request_invalid", hook.Field("/tenant", "tenant_of_event",
			"Say which tenant the event is of."))
	}
	if _, err := x.Store.Tenant(ctx, in.Tenant); err != nil {
		return nil, err
	}
	ev, err := x.stored(ctx, in.Tenant, in.Event)
	if err != nil {
		return nil, err
	}
	if ev.Contract != c.Name {
		return nil, otherContract(ev.Contract, c.Name)
	}
	ev.Payload = c.Redact(ev.Payload)
	return ev, nil
}
