package api_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMainPath(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	tenant := s.tenant("acme")
	path, id := s.endpoint(tenant, `{"name":"CRM","url":"`+nobody+`/hook","event_types":["order.*"]}`)
	e := s.do("GET", path, "").want(200)
	if got := e.str("contract") + e.str("state") + e.str("mode") + e.str("method"); got != "standardactiveat_least_oncePOST" {
		t.Errorf("defaults: %s", e.Body)
	}
	if secret := s.do("GET", path+"/secret", "").want(200).str("secret"); len(secret) < 20 {
		t.Errorf("secret %q", secret)
	}
	ev := s.do("POST", tenant+"/events", `{"type":"order.paid","id":"my-123","payload": {"b":1,  "a":0.000907775311708679}}`).want(202)
	if ev.Body != `{"id":"`+ev.str("id")+`","external_id":"my-123","deliveries":1,"duplicate":false}` {
		t.Errorf("answer %s", ev.Body)
	}
	again := s.do("POST", tenant+"/events", `{"type":"order.paid","id":"my-123","payload": {"b":1,  "a":0.000907775311708679}}`).want(202)
	if again.get("duplicate") != true || again.str("id") != ev.str("id") {
		t.Errorf("again: %s", again.Body)
	}
	for _, name := range []string{ev.str("id"), "my-123"} {
		got := s.do("GET", tenant+"/events/"+name, "").want(200)
		const payload = `"payload":{"b":1,  "a":0.000907775311708679}}`
		if !hasSuffix(got.Body, payload) || got.get("deliveries") == nil {
			t.Errorf("event %s: %s", name, got.Body)
		}
	}
	list := s.do("GET", tenant+"/deliveries?endpoint="+id, "").want(200)
	if diff := cmp.Diff([]any{"pending", ev.str("id"), nil}, []any{list.get("items.0.state"), list.get("items.0.event"), list.get("next_cursor")}); diff != "" {
		t.Errorf("list (-want +got):\n%s", diff)
	}
	d := s.do("GET", tenant+"/deliveries/"+list.str("items.0.id"), "").want(200)
	if d.get("attempts") == nil || d.get("attempt_list") == nil {
		t.Errorf("delivery %s", d.Body)
	}
	if n := s.do("GET", tenant+"/events", "").want(200); n.str("items.0.external_id") != "my-123" || n.get("items.0.payload") != nil {
		t.Errorf("events %s", n.Body)
	}
}

func hasSuffix(s, suffix string) bool {
	return len(s) >= len(suffix) && s[len(s)-len(suffix):] == suffix
}
