package admin_test

import (
	"context"
	"encoding/json"
	"testing"

	"gancho/internal/admin"
	"gancho/internal/hook"
)

// asking is a contract with a handshake.
const asking = `contract: asking
title: {en: Asking}
endpoint:
  settings: {type: object, properties: {key: {type: string, title: {en: Key}}}}
  verify: {method: GET}
events: {order.paid: {title: {en: Paid}}}
`

// receiver answers handshakes as a receiver would.
type receiver struct {
	right bool
	asked int
	then  func() // what happens before the next answer; nil: nothing
}

func (r *receiver) Handshake(context.Context, hook.EndpointID, *hook.Event) (*hook.TestResult, error) {
	r.asked++
	if then := r.then; then != nil {
		r.then = nil
		then()
	}
	state := hook.Failed
	if r.right {
		state = hook.Delivered
	}
	return &hook.TestResult{Delivery: hook.Delivery{State: state}, Attempt: &hook.Attempt{Detail: "It answered."}}, nil
}

func newAsking(t *testing.T) (x admin.Endpoints, tenant string, r *receiver) {
	t.Helper()
	x, tenant = newEndpoints(t)
	r = &receiver{}
	x.Contracts, x.Greeter = newSet(t, asking), r
	return x, tenant, r
}

// What a person wants of an endpoint, and what a handshake makes of it.
func TestHandshakeStates(t *testing.T) {
	t.Parallel()
	const elsewhere = "https://other.example.com/hooks"
	type step struct {
		do    string // url, settings, name, verify, try, or a state: by a patch if it begins with "patch "
		right bool   // what the receiver answers
		want  string // state, reason
		asked int    // handshakes
	}
	for name, tc := range map[string]struct {
		state hook.EndpointState
		right bool
		want  string
		steps []step
	}{
		"a right answer":  {hook.EndpointActive, true, "active ", nil},
		"created paused":  {hook.EndpointPaused, false, "paused by_person", []step{{"verify", true, "paused by_person", 1}, {"active", true, "active ", 1}}},
		"disabled":        {hook.EndpointDisabled, false, "disabled by_person", []step{{"url", true, "disabled by_person", 0}, {"active", true, "active ", 1}}},
		"a corrected URL": {hook.EndpointActive, false, "disabled unverified", []step{{"url", true, "active ", 1}}},
		"still wrong":     {hook.EndpointActive, false, "disabled unverified", []step{{"url", false, "disabled unverified", 1}, {"name", true, "disabled unverified", 0}, {"settings", true, "active ", 1}}},
		"settings that say the same": {hook.EndpointActive, true, "active ", []step{
			{"settings", true, "active ", 1}, {"the same", false, "active ", 0}, {"settings", false, "active ", 0},
		}},
		"a paused one stays paused": {hook.EndpointActive, true, "active ", []step{
			{"paused", false, "paused by_person", 0}, {"url", true, "paused by_person", 0}, {"verify", true, "paused by_person", 1}, {"active", true, "active ", 1},
		}},
		"paused while it is unverified": {hook.EndpointActive, true, "active ", []step{
			{"url", false, "paused unverified", 1}, {"paused", false, "paused by_person", 0}, {"verify", true, "paused by_person", 1},
		}},
		"disabled while it is unverified": {hook.EndpointActive, false, "disabled unverified", []step{
			{"patch disabled", true, "disabled by_person", 0}, {"url", true, "disabled by_person", 0},
		}},
		"tried by somebody who may not change it": {hook.EndpointActive, false, "disabled unverified", []step{
			{"try", true, "disabled unverified", 1}, {"verify", true, "active ", 1},
		}},
		"resumed by a patch": {hook.EndpointPaused, false, "paused by_person", []step{{"patch active", false, "paused unverified", 1}, {"verify", true, "active ", 1}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x, tenant, r := newAsking(t)
			r.right = tc.right
			e := must(x.Create(t.Context(), tenant, admin.EndpointSpec{Contract: "asking", State: tc.state, Config: hook.EndpointConfig{URL: address}}))(t)
			check := func(i int, want string) {
				t.Helper()
				stored := must(x.Get(t.Context(), tenant, e.ID.String()))(t)
				if got := string(stored.State) + " " + stored.StateReason; got != want {
					t.Fatalf("step %d: %s, want %s", i, got, want)
				}
			}
			check(0, tc.want)
			for i, s := range tc.steps {
				r.right, r.asked = s.right, 0
				var err error
				patch := func(p admin.EndpointPatch) { _, err = x.Patch(t.Context(), tenant, e.ID.String(), p) }
				switch s.do {
				case "url":
					patch(admin.EndpointPatch{URL: new(elsewhere)})
				case "settings":
					patch(admin.EndpointPatch{Settings: json.RawMessage(`{"key":"k"}`)})
				case "the same":
					patch(admin.EndpointPatch{Settings: json.RawMessage(` { } `)})
				case "name":
					patch(admin.EndpointPatch{Name: new("CRM")})
				case "verify", "try":
					_, err = x.Verify(t.Context(), tenant, e.ID.String(), s.do == "verify")
				case "patch active", "patch disabled":
					patch(admin.EndpointPatch{State: new(hook.EndpointState(s.do[len("patch "):]))})
				default:
					_, err = x.SetState(t.Context(), tenant, e.ID.String(), hook.EndpointState(s.do))
				}
				if err != nil {
					t.Fatalf("step %d: %v", i+1, err)
				}
				check(i+1, s.want)
				if r.asked != s.asked {
					t.Fatalf("step %d: %d handshakes, want %d", i+1, r.asked, s.asked)
				}
			}
		})
	}
}

// Who changes an endpoint while a handshake with it runs cannot make another one. It is made for them.
func TestHandshakeWhileChanging(t *testing.T) {
	t.Parallel()
	change := func(x admin.Endpoints, tenant, id string, change func(*hook.Endpoint)) func() {
		return func() {
			e := must(x.Get(t.Context(), tenant, id))(t)
			change(e)
			if ok := must(x.Store.UpdateEndpoint(t.Context(), e, true))(t); !ok {
				t.Error("the change was not stored")
			}
		}
	}
	for name, tc := range map[string]struct {
		right  bool // the first answer
		change func(*hook.Endpoint)
		asked  int
		want   string
	}{
		"another address":                      {true, func(e *hook.Endpoint) { e.Config.URL += "/2" }, 2, "active "},
		"another address after a wrong answer": {false, func(e *hook.Endpoint) { e.Config.URL += "/2" }, 2, "active "},
		"disabled":                             {true, func(e *hook.Endpoint) { e.State, e.StateReason = hook.EndpointDisabled, hook.ReasonByPerson }, 1, "disabled by_person"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x, tenant, r := newAsking(t)
			e := must(x.Create(t.Context(), tenant, admin.EndpointSpec{Contract: "asking", Config: hook.EndpointConfig{URL: address}}))(t)
			r.asked, r.right = 0, tc.right
			first := change(x, tenant, e.ID.String(), tc.change)
			r.then = func() { first(); r.then = func() { r.right = true } }
			if _, err := x.Verify(t.Context(), tenant, e.ID.String(), true); err != nil {
				t.Fatal(err)
			}
			stored := must(x.Get(t.Context(), tenant, e.ID.String()))(t)
			if got := string(stored.State) + " " + stored.StateReason; got != tc.want || r.asked != tc.asked {
				t.Errorf("%s after %d handshakes, want %s after %d", got, r.asked, tc.want, tc.asked)
			}
		})
	}
}
