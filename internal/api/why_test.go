package api_test

import (
	"strings"
	"testing"

	"gancho/internal/hook"
)

// TestDeliveryWhy asks which rules made deliveries what they are.
func TestDeliveryWhy(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	tenant := s.tenant("acme")
	// codes of why a delivery was made, taken, judged, and what is next.
	why := func(d hook.Delivery, want string) answer {
		t.Helper()
		a := s.do("GET", tenant+"/deliveries/"+d.ID.String()+"?lang=es", "").want(200)
		var codes []string
		for _, part := range []string{"made", "taken", "judged", "next"} {
			codes = append(codes, a.str("why."+part+".code"))
		}
		if got := strings.Join(codes, " "); got != want {
			t.Errorf("%s, want %s: %s", got, want, jsonOf(t, a.get("why")))
		}
		return a
	}
	attempt := func(d hook.Delivery, class string, status int) *hook.Attempt {
		at := &hook.Attempt{Delivery: d.ID, Number: d.Attempts + 1, Class: class, Request: hook.Request{Method: "POST", URL: nobody + "/"}}
		if status != 0 {
			at.Response = &hook.Response{Status: status}
		}
		return at
	}

	path, _ := s.endpoint(tenant, `{"url":"`+nobody+`/","event_types":["order.*"],"filter":"payload.total > 100","retry":["0s","1h","1h"]}`)
	event := s.do("POST", tenant+"/events", `{"type":"order.paid","payload":{"total":200}}`).want(202).str("id")
	now := func() hook.Delivery { return s.deliveriesOf("acme", event)[0] }
	if a := why(now(), "posted takes_filter status_counts first_attempt"); a.str("why.taken.cause") != "payload.total > 100" || !strings.Contains(a.str("why.made.detail"), "El producto informó que esto ocurrió: order.paid.") {
		t.Errorf("%s", jsonOf(t, a.get("why")))
	}
	s.do("POST", path+"/pause", "").want(200)
	why(now(), "posted takes_filter status_counts paused")
	s.do("POST", path+"/resume", "").want(200)
	s.finish(now(), hook.Retrying, attempt(now(), hook.ClassStatus5xx, 500))
	if a := why(now(), "posted takes_filter status_not_held next_attempt"); !strings.Contains(a.str("why.next.detail"), "intento 2 de un máximo de 3") || !strings.Contains(a.str("why.judged.detail"), "500") {
		t.Errorf("%s", jsonOf(t, a.get("why")))
	}
	s.finish(now(), hook.Retrying, attempt(now(), hook.ClassConnectRefused, 0))
	why(now(), "posted takes_filter no_answer next_attempt")
	s.do("PATCH", path, `{"event_types":["user.*"],"filter":""}`).want(200)
	s.finish(now(), hook.Failed, attempt(now(), hook.ClassTooSlow, 200))
	why(now(), "posted took_then answer_too_late gave_up")
	s.finish(now(), hook.Delivered, attempt(now(), "", 204))
	why(now(), "posted took_then status_held nothing_more")
	s.do("DELETE", path, "").want(204)
	why(now(), "posted destination_deleted status_held nothing_more")

	// A change of a record, judged by the contract's own rule.
	_, kobra := s.endpoint(tenant, `{"contract":"kobra","url":"`+nobody+`/","settings":{"api_key":"secret"}}`)
	changed := s.do("PUT", tenant+"/records/kobra/visit/v1", `{"visitID":"v1","finished":true}`)
	event = changed.str("events.0.id")
	a := why(now(), "record_changed takes_all status_counts first_attempt")
	if rule := a.str("why.made.cause"); !strings.Contains(rule, "finished") || !strings.Contains(a.str("why.made.detail"), "Visita") {
		t.Errorf("%s", jsonOf(t, a.get("why")))
	}
	s.do("POST", tenant+"/endpoints/"+kobra+"/disable", "").want(200)
	why(now(), "record_changed takes_all status_counts disabled") // it will be cancelled soon
	s.finish(now(), hook.Cancelled, nil)
	why(now(), "record_changed takes_all status_counts cancelled_disabled")

	_, _ = s.endpoint(tenant, `{"contract":"catacliente","url":"`+nobody+`/"}`)
	sample := s.do("GET", "/v1/contracts/catacliente", "").want(200)
	event = s.do("POST", tenant+"/events", `{"contract":"catacliente","type":"`+sample.str("events.0.name")+`","payload":`+sample.str("events.0.example")+`}`).want(202).str("id")
	s.finish(now(), hook.Failed, attempt(now(), hook.ClassBodyRule, 200))
	if a := why(now(), "posted takes_all rule_not_held gave_up"); !strings.Contains(a.str("why.judged.cause"), "response") {
		t.Errorf("%s", jsonOf(t, a.get("why")))
	}
}
