package api_test

import (
	"os"
	"strings"
	"testing"
)

// A published event that reaches nobody is answered with a hint, or is refused if its contract was forgotten.
func TestHints(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	tenant := s.tenant("acme")
	publish := func(body string) string { return tenantEvent(s, tenant, body) }
	example, err := os.ReadFile("../../contracts/examples/kobra-finish-visit.compact.json")
	if err != nil {
		t.Fatal(err)
	}
	visit := `{"type":"visit.finished","payload":` + string(example)
	if got := publish(visit + `}`); got != "hint_no_endpoint" {
		t.Errorf("no endpoint at all: %s", got)
	}
	kobra, _ := s.endpoint(tenant, `{"url":"`+nobody+`/","contract":"kobra","settings":{"api_key":"x"}}`)
	a := s.do("POST", tenant+"/events", visit+`}`).want(422)
	if a.str("code") != "contract_needed" || a.str("errors.0.pointer") != "/contract" || a.str("errors.0.params.contract") != "kobra" {
		t.Errorf("the contract was forgotten: %s", a.Body)
	}
	b := s.do("POST", tenant+"/events", `[`+visit+`},{"type":"other.thing","payload":1}]`).want(202)
	if b.str("items.0.error.code") != "contract_needed" || b.str("items.1.hint_code") != "hint_no_endpoint" {
		t.Errorf("in a batch: %s", b.Body)
	}
	for body, want := range map[string]string{
		visit + `,"contract":"standard"}`:                        "hint_other_contract",
		visit + `,"contract":"kobra"}`:                           "",
		`{"type":"invoice.paid","payload":1}`:                    "hint_no_endpoint",
		`{"type":"invoice.paid","payload":1,"contract":"kobra"}`: "event_type_unknown",
	} {
		if got := publish(body); got != want {
			t.Errorf("%s: %q, want %q", body, got, want)
		}
	}
	s.do("POST", kobra+"/disable", "").want(200)
	if got := publish(visit + `,"contract":"kobra"}`); got != "hint_disabled" {
		t.Errorf("the endpoint is disabled: %s", got)
	}
	s.do("POST", kobra+"/resume", "").want(200)
	s.endpoint(tenant, `{"url":"`+nobody+`/","event_types":["order.*"],"filter":"payload.n > 1"}`)
	for body, want := range map[string]string{
		`{"type":"invoice.paid","payload":1}`:       "hint_type",
		`{"type":"order.paid","payload":{"n":1}}`:   "hint_filtered",
		`{"type":"order.paid","payload":{"n":2}}`:   "",
		`{"type":"order.paid","payload":{"n":"x"}}`: "hint_left_out",
	} {
		if got := publish(body); got != want {
			t.Errorf("%s: %q, want %q", body, got, want)
		}
	}
	// Standard takes the type as well, so nothing was forgotten, even while that endpoint is disabled.
	open, _ := s.endpoint(tenant, `{"url":"`+nobody+`/"}`)
	if got := publish(visit + `}`); got != "" {
		t.Errorf("standard takes it: %s", got)
	}
	s.do("POST", open+"/disable", "").want(200)
	if got := publish(visit + `}`); got != "hint_disabled" {
		t.Errorf("a disabled endpoint of standard takes it: %s", got)
	}
}

// What was accepted before the endpoints changed keeps its answer if it is repeated.
func TestHintOfRepeat(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	tenant := s.tenant("acme")
	const body = `{"type":"visit.finished","id":"v1","payload":{"visitID":"1"}}`
	first := s.do("POST", tenant+"/events", body).want(202)
	s.endpoint(tenant, `{"url":"`+nobody+`/","contract":"kobra","settings":{"api_key":"x"}}`)
	again := s.do("POST", tenant+"/events", body).want(202)
	if again.get("duplicate") != true || again.str("id") != first.str("id") || again.str("hint_code") != "hint_other_contract" {
		t.Errorf("%s\n%s", first.Body, again.Body)
	}
}

// tenantEvent publishes an event and returns the code of the hint, or of the problem.
func tenantEvent(s *server, tenant, body string) string {
	a := s.do("POST", tenant+"/events", body)
	if a.Status == 202 {
		code, _ := a.get("hint_code").(string)
		return code
	}
	return a.str("code")
}

// A change of a record that fires an event for nobody says so as well.
func TestHintOfRecord(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	tenant := s.tenant("acme")
	a := s.do("PUT", tenant+"/records/kobra/visit/1", `{"visitID":"1","finished":true}`).want(201)
	if a.str("events.0.type") != "visit.finished" || a.str("events.0.hint_code") != "hint_no_endpoint" {
		t.Error(a.Body)
	}
}

// Every door says which member was probably meant, and that a form is no JSON.
func TestMembersAndForms(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	tenant := s.tenant("acme")
	for _, c := range []struct{ method, path, body, want string }{
		{"POST", tenant + "/events", `{"eventType":"a.b","payload":1}`, "Did you mean type?"},
		{"POST", tenant + "/events", `{"event":"a.b","payload":1}`, "Did you mean type?"},
		{"POST", tenant + "/events", `{"type":"a.b","data":1}`, "Did you mean payload?"},
		{"POST", tenant + "/events", `{"type":"a.b","payload":1,"event_id":"1"}`, "Did you mean id?"},
		{"POST", tenant + "/endpoints", `{"url":"https://a.example","eventTypes":["a"]}`, "Did you mean event_types?"},
		{"POST", tenant + "/endpoints", `{"targetUrl":"https://a.example"}`, "Did you mean url?"},
		{"POST", tenant + "/endpoints", `{"url":"https://a.example","rate_limit":{"perSecond":3}}`, "Did you mean per_second?"},
		{"POST", "/v1/keys", `{"rol":"tenant"}`, "Did you mean role?"},
		{"PUT", tenant, `{"nam":"x"}`, "Did you mean name?"},
		{"POST", tenant + "/events", `type=a.b&payload=1`, "This is a form"},
		{"POST", tenant + "/endpoints", `url=https%3A%2F%2Fa.example`, "This is a form"},
		{"POST", tenant + "/records", `kind=visit`, "This is a form"},
		{"PUT", tenant + "/records/kobra/visit/1", `visitID=1`, "This is a form"},
		{"POST", "/v1/keys", `role=tenant`, "This is a form"},
	} {
		a := s.do(c.method, c.path, c.body)
		if a.Status != 422 && a.Status != 400 || !strings.Contains(a.Body, c.want) {
			t.Errorf("%s %s %s: %d %s", c.method, c.path, c.body, a.Status, a.Body)
		}
	}
	e, _ := s.endpoint(tenant, `{"url":"`+nobody+`/"}`)
	a := s.do("PATCH", e, `{"eventTypes":["a"]}`).want(422)
	if !strings.Contains(a.Body, "Did you mean event_types?") {
		t.Error(a.Body)
	}
}
