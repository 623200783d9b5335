package explain_test

import (
	"strings"
	"testing"
	"time"

	"gancho/internal/contract"
	"gancho/internal/explain"
	"gancho/internal/hook"
)

const source = `contract: standard
title: {en: Shop}
delivery: {timeout: 3s, retry: [0s, 5s], success: response.status == 200}
events: {order.paid: {title: {en: Order paid}}, order.sent: {title: {en: Order sent}}}
`

func newExplainer(t *testing.T) explain.Explainer {
	t.Helper()
	c, err := contract.Parse("test.yaml", []byte(source))
	if err != nil {
		t.Fatal(err)
	}
	set := new(contract.Set)
	set.Add(c.WithVersion(1))
	return explain.Explainer{Contracts: set}
}

func newEndpoint() *hook.Endpoint {
	return &hook.Endpoint{
		ID: hook.NewEndpointID(), Tenant: "acme", Contract: "standard", State: hook.EndpointActive, Version: 1, CreatedAt: time.Unix(1000, 0),
		Config: hook.EndpointConfig{URL: "https://crm.example.com/hooks"},
	}
}

func newEvent() *hook.Event {
	return &hook.Event{
		ID: hook.NewEventID(), Tenant: "acme", Contract: "standard", Type: "order.paid", Door: hook.DoorAPI, CreatedAt: time.Unix(2000, 0), Payload: []byte(`{"total":5}`),
	}
}

// codes are the codes of reasons, with a space between.
func codes(list []hook.Reason) string {
	var out []string
	for _, r := range list {
		out = append(out, r.Code)
	}
	return strings.Join(out, " ")
}

func TestEvent(t *testing.T) {
	t.Parallel()
	x := newExplainer(t)
	delivery := func(state hook.State, reason string) *hook.Delivery {
		return &hook.Delivery{State: state, Reason: reason}
	}
	for _, c := range []struct {
		name   string
		change func(e *hook.Endpoint, ev *hook.Event)
		d      *hook.Delivery
		want   string
	}{
		{"delivered", nil, delivery(hook.Delivered, ""), "delivered"},
		{"waits for a paused endpoint", func(e *hook.Endpoint, _ *hook.Event) { e.State = hook.EndpointPaused }, delivery(hook.Pending, ""), "waiting paused"},
		{"arrived before the endpoint was paused", func(e *hook.Endpoint, _ *hook.Event) { e.State = hook.EndpointPaused }, delivery(hook.Delivered, ""), "delivered"},
		{"cancelled by a script", nil, delivery(hook.Cancelled, hook.ReasonScript), "script"},
		{"left out for the budget of work", nil, delivery(hook.Cancelled, hook.ReasonOverBudget), "over_budget"},
		{"left out because the filter fails", func(e *hook.Endpoint, _ *hook.Event) {
			e.Config.Filter = "payload.nothing > 3"
		}, delivery(hook.Cancelled, hook.ReasonFilterFailed), "filter_failed"},
		{"left out because the filter failed that it had", nil, delivery(hook.Cancelled, hook.ReasonFilterFailed), "filter_failed"},
		{"a filter that costs too much", func(e *hook.Endpoint, ev *hook.Event) {
			e.Config.Filter = "payload.a.all(x, payload.a.all(y, x == y))"
			ev.Payload = []byte(`{"a":[` + strings.Repeat("1,", 999) + `1]}`)
		}, nil, "over_budget"},
		{"a test event", func(_ *hook.Endpoint, ev *hook.Event) { ev.Door = hook.DoorTest }, nil, "test_event"},
		{"of another contract", func(_ *hook.Endpoint, ev *hook.Event) { ev.Contract = "shop" }, nil, "other_contract"},
		{"before the endpoint", func(_ *hook.Endpoint, ev *hook.Event) { ev.CreatedAt = time.Unix(1, 0) }, nil, "created_later"},
		{"of another type", func(e *hook.Endpoint, _ *hook.Event) { e.Config.EventTypes = []string{"order.sent"} }, nil, "event_type"},
		{"filtered out", func(e *hook.Endpoint, _ *hook.Event) { e.Config.Filter = "payload.total > 100" }, nil, "filter"},
		{"a filter that fails", func(e *hook.Endpoint, _ *hook.Event) { e.Config.Filter = "payload.missing > 100" }, nil, "filter_failed"},
		{"disabled", func(e *hook.Endpoint, _ *hook.Event) { e.State = hook.EndpointDisabled }, nil, "disabled"},
		{"taken now, and not then", nil, nil, "changed_since"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, ev := newEndpoint(), newEvent()
			if c.change != nil {
				c.change(e, ev)
			}
			got := x.Event(e, ev, c.d, "not today", "en")
			if codes(got) != c.want {
				t.Errorf("reasons %s, want %s", codes(got), c.want)
			}
			for _, r := range got {
				if r.Detail == "" || r.Code == "script" && r.Cause != "not today" {
					t.Errorf("reason %+v", r)
				}
			}
		})
	}
}

// TestDelivery explains a delivery as long as everything is there, and then without what is gone.
func TestDelivery(t *testing.T) {
	t.Parallel()
	x := newExplainer(t)
	d := hook.Delivery{State: hook.Failed, Attempts: 1}
	last := &hook.Attempt{Request: hook.Request{Method: "POST"}, Response: &hook.Response{Status: 500}, Class: hook.ClassStatus5xx}
	why := x.Delivery(d, newEndpoint(), newEvent(), last, "", "en")
	if why.Made == nil || why.Taken == nil || why.Judged == nil || why.Judged.Cause != "response.status == 200" || why.Next.Code == "" {
		t.Errorf("why %+v", why)
	}
	left := x.Delivery(hook.Delivery{State: hook.Cancelled, Reason: hook.ReasonOverBudget}, newEndpoint(), newEvent(), nil, "", "pt")
	if left.Taken.Code != "over_budget" || left.Next.Code != "left_out" {
		t.Errorf("a delivery that was left out: %+v", left)
	}
	left = x.Delivery(hook.Delivery{State: hook.Cancelled, Reason: hook.ReasonFilterFailed}, newEndpoint(), newEvent(), nil, "", "es")
	if left.Taken.Code != "filter_failed" || left.Next.Code != "mend_filter" || !strings.Contains(left.Next.Detail, "compruebe primero si el valor") {
		t.Errorf("a delivery whose filter failed: %+v", left)
	}
	gone := x.Delivery(d, nil, nil, nil, "", "en")
	if gone.Made != nil || gone.Taken != nil || gone.Judged != nil || gone.Next != why.Next {
		t.Errorf("without endpoint and event: %+v", gone)
	}
	x.Contracts = new(contract.Set)
	if why := x.Delivery(d, newEndpoint(), newEvent(), last, "", "en"); why.Made == nil || why.Judged != nil {
		t.Errorf("without its contract: %+v", why)
	}
}

func TestAttempt(t *testing.T) {
	t.Parallel()
	x := newExplainer(t)
	at := &hook.Attempt{Class: hook.ClassTimeout}
	e := newEndpoint()
	in := x.Attempt(e, hook.Delivery{EndpointVersion: 1, ContractVersion: 1}, at, "en")
	if in.Code != "no_answer_in_time" || in.Level != "error" || in.Language != "en" || !strings.Contains(in.Title+in.Advice, "3") {
		t.Errorf("with the limits of then: %+v", in)
	}
	// The endpoint was changed since, so its limits are not those of the attempt.
	if after := x.Attempt(e, hook.Delivery{EndpointVersion: 2, ContractVersion: 1}, at, "en"); after == in || after.Code != in.Code {
		t.Errorf("after a change: %+v", after)
	}
	if gone := x.Attempt(nil, hook.Delivery{}, at, "es"); gone.Code != in.Code || gone.Language != "es" {
		t.Errorf("without its endpoint: %+v", gone)
	}
}
