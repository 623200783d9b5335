package admin_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"gancho/internal/admin"
	"gancho/internal/contract"
	"gancho/internal/egress"
	"gancho/internal/hook"
	"gancho/internal/store"
)

// tester notes what it is asked to send, and sends nothing.
type tester struct {
	event  *hook.Event
	script *string
	as     *hook.Endpoint
	fails  error
}

func (x *tester) Test(_ context.Context, _ hook.EndpointID, e *hook.Event) (*hook.TestResult, error) {
	x.event = e
	return &hook.TestResult{Attempt: &hook.Attempt{}}, x.fails
}

func (x *tester) Preview(_ context.Context, _ hook.EndpointID, e *hook.Event, script *string) (*hook.Preview, error) {
	x.event, x.script = e, script
	return &hook.Preview{}, x.fails
}

func (x *tester) Try(_ context.Context, _ *contract.Contract, endpoint *hook.Endpoint, e *hook.Event) (*hook.TestResult, error) {
	x.event, x.as = e, endpoint
	return &hook.TestResult{Attempt: &hook.Attempt{}}, x.fails
}

func (x *tester) PreviewNew(_ context.Context, _ *contract.Contract, endpoint *hook.Endpoint, e *hook.Event) (*hook.Preview, error) {
	x.event, x.as = e, endpoint
	return &hook.Preview{}, x.fails
}

func (x *tester) PreviewAs(_ context.Context, _ *contract.Contract, endpoint *hook.Endpoint, e *hook.Event) (*hook.Request, error) {
	x.event, x.as = e, endpoint
	if x.fails != nil {
		return nil, x.fails
	}
	return &hook.Request{Method: "POST", URL: endpoint.Config.URL}, nil
}

// newTests are tests with an endpoint of the contract shop, which forbids shaping.
func newTests(t *testing.T) (x admin.Tests, sent *tester, e *hook.Endpoint, db *store.DB) {
	t.Helper()
	db, tenant := newTenant(t)
	set := newSet(t, signing, settings)
	sent = &tester{}
	endpoints := admin.Endpoints{Store: db, Egress: egress.NewKeeper(db, nil), Contracts: set, Scripts: &scripts{}}
	e = must(endpoints.Create(t.Context(), tenant, admin.EndpointSpec{
		Contract: "shop", Config: hook.EndpointConfig{URL: address, Settings: []byte(`{"token":"t"}`)},
	}))(t)
	return admin.Tests{Store: db, Contracts: set, Tester: sent, MaxPayload: 1000, Hide: func(e *hook.Event) *hook.Event { return e }}, sent, e, db
}

// publish stores an event of a contract for a tenant.
func publish(t *testing.T, db *store.DB, tenant, contract string) *hook.Event {
	t.Helper()
	ev := &hook.Event{
		ID: hook.NewEventID(), Tenant: tenant, ExternalID: "mine-" + contract, Contract: contract, Type: "order.paid", Door: hook.DoorAPI,
		CreatedAt: time.Now(), Payload: []byte(`{"total":5}`),
	}
	if _, err := db.Submit(hook.Submission{Tenant: tenant, Items: []*hook.Accepted{{Event: ev}}}, time.Hour); err != nil {
		t.Fatal(err)
	}
	return ev
}

func TestTestEndpoint(t *testing.T) {
	t.Parallel()
	x, sent, e, _ := newTests(t)
	got := must(x.Endpoint(t.Context(), e.Tenant, e.ID.String(), admin.EventChoice{Payload: []byte(`{"a":1}`)}))(t)
	if got.Endpoint.ID != e.ID || got.Event != sent.event || got.Event.Type != "order.paid" || got.Event.Tenant != e.Tenant ||
		got.Event.Door != hook.DoorTest || string(got.Event.Payload) != `{"a":1}` {
		t.Errorf("tested with %+v", got.Event)
	}
	for _, c := range []struct {
		name, id string
		choice   admin.EventChoice
		code     string
		places   []string
	}{
		{"no such endpoint", hook.NewEndpointID().String(), admin.EventChoice{}, "endpoint_not_found", nil},
		{"a type that the contract has not", e.ID.String(), admin.EventChoice{Type: "order.sent"}, "event_type_unknown", []string{"/event_type"}},
		{"a payload that is too large", e.ID.String(), admin.EventChoice{Payload: []byte(`"` + strings.Repeat("x", 1000) + `"`)}, "payload_too_large", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := x.Endpoint(t.Context(), e.Tenant, c.id, c.choice)
			refused(t, err, c.code, c.places...)
		})
	}
	x.Contracts = newSet(t, signing)
	_, err := x.Endpoint(t.Context(), e.Tenant, e.ID.String(), admin.EventChoice{})
	refused(t, err, "contract_not_found")
}

func TestPreview(t *testing.T) {
	t.Parallel()
	x, sent, e, db := newTests(t)
	stored, other := publish(t, db, e.Tenant, "shop"), publish(t, db, e.Tenant, "standard")
	for _, name := range []string{stored.ID.String(), stored.ExternalID} {
		must(x.Preview(t.Context(), e.Tenant, e.ID.String(), admin.EventChoice{Event: name}, nil))(t)
		if sent.event.ID != stored.ID {
			t.Errorf("%s: previewed %s", name, sent.event.ID)
		}
	}
	must(x.Preview(t.Context(), e.Tenant, e.ID.String(), admin.EventChoice{}, new("")))(t) // without any script
	if sent.event.Door != hook.DoorTest || sent.script == nil {
		t.Errorf("previewed %+v with the script %v", sent.event, sent.script)
	}
	for _, c := range []struct {
		name   string
		choice admin.EventChoice
		script *string
		code   string
		place  string
	}{
		{"an event of another contract", admin.EventChoice{Event: other.ID.String()}, nil, "other_contract", "/event"},
		{"a stored event with a type", admin.EventChoice{Event: stored.ID.String(), Type: "order.paid"}, nil, "request_invalid", "/event"},
		{"a stored event with a payload", admin.EventChoice{Event: stored.ID.String(), Payload: []byte(`1`)}, nil, "request_invalid", "/event"},
		{"a script that the contract forbids", admin.EventChoice{}, new("x"), "shaping_off", "/transformation"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := x.Preview(t.Context(), e.Tenant, e.ID.String(), c.choice, c.script)
			refused(t, err, c.code, c.place)
		})
	}
	_, err := x.Preview(t.Context(), e.Tenant, e.ID.String(), admin.EventChoice{Event: "nothing"}, nil)
	refused(t, err, "event_not_found")
}

func TestPreviewContract(t *testing.T) {
	t.Parallel()
	x, sent, e, db := newTests(t)
	config := hook.EndpointConfig{Settings: []byte(`{"token":"t"}`)}
	got := must(x.PreviewContract(t.Context(), admin.ContractTrial{Contract: "shop", Config: config}))(t)
	if got.Request == nil || got.Request.URL != admin.SampleURL || got.EventType != "order.paid" || len(got.Wrong) > 0 {
		t.Errorf("of a contract in force: %+v", got)
	}
	got = must(x.PreviewContract(t.Context(), admin.ContractTrial{Source: signing, EventChoice: admin.EventChoice{Type: "a"}}))(t)
	if got.Request == nil || len(sent.as.Secrets) != 1 {
		t.Errorf("of a text: %+v, %d secrets", got, len(sent.as.Secrets))
	}
	stored := publish(t, db, e.Tenant, "shop")
	must(x.PreviewContract(t.Context(), admin.ContractTrial{
		Contract: "shop", Config: config, Tenant: e.Tenant, EventChoice: admin.EventChoice{Event: stored.ExternalID},
	}))(t)
	if sent.event.ID != stored.ID {
		t.Errorf("previewed %s, want the stored event", sent.event.ID)
	}

	// What cannot be rendered is no error.
	for _, c := range []struct {
		name   string
		trial  admin.ContractTrial
		places string
	}{
		{"no settings", admin.ContractTrial{Contract: "shop"}, "/settings/token"},
		{"a type that the contract has not", admin.ContractTrial{Contract: "shop", EventChoice: admin.EventChoice{Type: "a"}}, "/event_type"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := must(x.PreviewContract(t.Context(), c.trial))(t)
			if got.Request != nil || len(got.Wrong) != 1 || got.Wrong[0].Pointer != c.places {
				t.Errorf("preview %+v", got)
			}
		})
	}
	sent.fails = hook.Invalid("render_failed", "No request can be made.")
	if got := must(x.PreviewContract(t.Context(), admin.ContractTrial{Contract: "shop", Config: config}))(t); got.Request != nil || len(got.Wrong) != 1 {
		t.Errorf("what cannot be rendered: %+v", got)
	}
}

func TestPreviewContractRefuses(t *testing.T) {
	t.Parallel()
	x, _, e, db := newTests(t)
	other := publish(t, db, e.Tenant, "standard")
	stored := admin.EventChoice{Event: other.ID.String()}
	for _, c := range []struct {
		name   string
		trial  admin.ContractTrial
		code   string
		places []string
	}{
		{"neither a name nor a text", admin.ContractTrial{}, "request_invalid", []string{"/contract"}},
		{"a name and a text", admin.ContractTrial{Contract: "shop", Source: settings}, "request_invalid", []string{"/contract"}},
		{"no such contract", admin.ContractTrial{Contract: "shp"}, "contract_not_found", nil},
		{"settings that are a list", admin.ContractTrial{Contract: "shop", Config: hook.EndpointConfig{Settings: []byte(`[]`)}}, "request_invalid", []string{"/settings"}},
		{"a stored event of no tenant", admin.ContractTrial{Contract: "shop", EventChoice: stored}, "request_invalid", []string{"/tenant"}},
		{"a tenant that is not there", admin.ContractTrial{Contract: "shop", Tenant: "nobody", EventChoice: stored}, "tenant_not_found", nil},
		{"an event of another contract", admin.ContractTrial{Contract: "shop", Tenant: e.Tenant, EventChoice: stored}, "other_contract", []string{"/event"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := x.PreviewContract(t.Context(), c.trial)
			refused(t, err, c.code, c.places...)
		})
	}
	_, err := x.PreviewContract(t.Context(), admin.ContractTrial{Source: "contract: shop\n"})
	mistakes(t, err)
}
