package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"gancho/internal/hook"
)

// TestExactBytes reads payloads and bodies by the routes that add nothing to them.
func TestExactBytes(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	tenant := s.tenant("acme")
	s.tenant("other")
	s.endpoint(tenant, `{"url":"`+nobody+`/"}`)
	const payload = `{ "n": 9007199254740993, "s": "\u00e3<script>alert(1)</script>" }`
	event := s.do("POST", tenant+"/events", `{"type":"a","id":"mine","payload":`+payload+`}`).want(202).str("id")
	d := s.deliveriesOf("acme", event)[0]
	request := hook.Request{Method: "POST", URL: nobody + "/", Headers: []hook.Header{{Name: "Content-Type", Value: "text/html"}}}
	own := request
	own.Body = []byte("<html>\xff")
	s.finish(d, hook.Retrying, &hook.Attempt{Delivery: d.ID, Number: 1, Request: request})
	s.finish(s.deliveriesOf("acme", event)[0], hook.Retrying, &hook.Attempt{Delivery: d.ID, Number: 2, Request: own})
	s.finish(s.deliveriesOf("acme", event)[0], hook.Failed, &hook.Attempt{Delivery: d.ID, Number: 3, Class: "render_failed"})
	detail := s.do("GET", tenant+"/deliveries/"+d.ID.String(), "").want(200)
	attempts := tenant + "/deliveries/" + d.ID.String() + "/attempts/"
	read := s.key(`{"role":"read","tenant":"acme"}`)
	for path, want := range map[string]struct{ kind, file, body string }{
		tenant + "/events/" + event + "/payload":             {"application/json", event + ".json", payload},
		tenant + "/events/mine/payload":                      {"application/json", event + ".json", payload},
		attempts + detail.str("attempt_list.0.id") + "/body": {"application/octet-stream", detail.str("attempt_list.0.id"), payload},
		attempts + detail.str("attempt_list.1.id") + "/body": {"application/octet-stream", detail.str("attempt_list.1.id"), "<html>\xff"},
	} {
		a := s.as(read, "GET", path, "").want(200)
		if a.Body != want.body {
			t.Errorf("%s: %q", path, a.Body)
		}
		for name, value := range map[string]string{
			"Content-Type": want.kind, "Content-Disposition": `attachment; filename="` + want.file + `"`,
			"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'; sandbox",
			"Cross-Origin-Resource-Policy": "same-origin", "Cache-Control": "no-store",
		} {
			if got := a.Header.Get(name); got != value {
				t.Errorf("%s: %s is %q, want %q", path, name, got, value)
			}
		}
		for key, status := range map[string]int{
			"": http.StatusUnauthorized, s.key(`{"role":"publish","tenant":"acme"}`): http.StatusForbidden,
			s.key(`{"role":"tenant","tenant":"other"}`): http.StatusNotFound,
		} {
			s.as(key, "GET", path, "").want(status)
		}
	}
	for path, code := range map[string]string{
		tenant + "/events/nothing/payload":                                       "event_not_found",
		tenant + "/deliveries/dlv_nothing/attempts/att_1/body":                   "delivery_not_found",
		attempts + "att_nothing_1/body":                                          "attempt_not_found",
		attempts + detail.str("attempt_list.2.id") + "/body":                     "attempt_not_found", // nothing was sent
		"/v1/tenants/other/deliveries/" + d.ID.String() + "/attempts/att_1/body": "delivery_not_found",
	} {
		if a := s.do("GET", path, "").want(404); a.str("code") != code {
			t.Errorf("%s: %s", path, a.Body)
		}
	}
	// The console asks for the same object without these bytes.
	if a := s.do("GET", tenant+"/events/"+event+"?payload=false", "").want(200); a.get("payload") != nil || a.str("id") != event {
		t.Errorf("event without payload: %s", a.Body)
	}
	a := s.do("GET", tenant+"/deliveries/"+d.ID.String()+"?bodies=false", "").want(200)
	if a.str("attempt_list.0.request.body") != "" || a.get("attempt_list.1.request.body_base64") != nil || a.str("attempt_list.0.request.method") != "POST" {
		t.Errorf("delivery without bodies: %s", a.Body)
	}
}

// An event that is not JSON says what it is. Its payload is a string in the event, and
// the bytes themselves on the route for them.
func TestEventNotJSON(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	tenant := s.tenant("acme")
	for _, c := range []struct{ contentType, payload, encoding, shown string }{
		{"application/x-www-form-urlencoded", "a=1&b=<\n", "text", "a=1&b=<\n"},
		{"text/plain", "", "text", ""},
		{"application/octet-stream", "\xff\x00", "base64", "/wA="},
	} {
		ev := &hook.Event{
			ID: hook.NewEventID(), Tenant: "acme", Contract: "standard", Type: "a", Door: hook.DoorInbound, CreatedAt: time.Now(),
			ContentType: c.contentType, Payload: []byte(c.payload),
		}
		if _, err := s.db.Submit(hook.Submission{Tenant: "acme", Items: []*hook.Accepted{{Event: ev}}}, 0); err != nil {
			t.Fatal(err)
		}
		path := tenant + "/events/" + ev.ID.String()
		a := s.do("GET", path, "").want(200)
		a.is("content_type", c.contentType).is("payload_encoding", c.encoding).is("payload", c.shown)
		s.do("GET", tenant+"/events?limit=1", "").want(200).is("items.0.content_type", c.contentType)
		raw := s.do("GET", path+"/payload", "").want(200)
		if got := raw.Header.Get("Content-Type"); raw.Body != c.payload || got != "application/octet-stream" {
			t.Errorf("%q as %s", raw.Body, got)
		}
	}
	id := s.do("POST", tenant+"/events", `{"type":"a","payload":"text"}`).want(202).str("id")
	if a := s.do("GET", tenant+"/events/"+id, "").want(200); strings.Contains(a.Body, "content_type") || strings.Contains(a.Body, "payload_encoding") {
		t.Errorf("JSON says what it is: %s", a.Body)
	}
}
