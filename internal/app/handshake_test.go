package app

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"gancho.example/client"
)

// shakingContract asks an address for the challenge, as a signed POST, before it gets anything.
const shakingContract = `contract: shaking
title: {en: Shaking}
endpoint:
  settings: {type: object, required: [token], properties: {token: {type: string, title: {en: Token}, secret: true}}}
  sign:
    over: "v0:${timestamp}:${body}"
    encoding: hex
    timestamp: unix
    headers: {X-Shop-Signature: "v0=${signature}", X-Shop-Time: "${timestamp}"}
  headers: {X-Event: "${event.type}"}
  verify:
    headers: {X-Token: "${settings.token}"}
    body: {type: url_verification, challenge: "${challenge}"}
    accept: response.status == 200 && response.json.challenge == challenge
    per_minute: response.headers["x-allowed-rate"]
events:
  "*": {title: {en: Any}}
`

// shaker answers handshakes on the paths that it knows.
type shaker struct {
	mu     sync.Mutex
	knows  map[string]bool // paths whose challenges it gives back
	events map[string]int  // other requests, by path
	asked  []*http.Request
}

func (s *shaker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	raw, _ := io.ReadAll(r.Body)
	var body struct{ Type, Challenge string }
	_ = json.Unmarshal(raw, &body)
	s.mu.Lock()
	defer s.mu.Unlock()
	if body.Type != "url_verification" {
		s.events[r.URL.Path]++
		return
	}
	s.asked = append(s.asked, r)
	w.Header().Set("X-Allowed-Rate", "600")
	answer := "wrong"
	if s.knows[r.URL.Path] {
		answer = body.Challenge
	}
	_ = json.NewEncoder(w).Encode(map[string]string{"challenge": answer})
}

func (s *shaker) learn(path string) { s.mu.Lock(); defer s.mu.Unlock(); s.knows[path] = true }

func (s *shaker) got(path string) int { s.mu.Lock(); defer s.mu.Unlock(); return s.events[path] }

// An address gets nothing until it has answered the handshake: when it is new, when it was changed, and when it is resumed.
func TestHandshake(t *testing.T) {
	t.Parallel()
	rc := &shaker{knows: map[string]bool{}, events: map[string]int{}}
	srv := httptest.NewServer(rc)
	t.Cleanup(srv.Close)
	p := start(t, t.TempDir())
	ctx := t.Context()
	if _, err := p.PutContract(ctx, shakingContract); err != nil {
		t.Fatal(err)
	}
	publish := func(deliveries int) string {
		t.Helper()
		a, err := p.PublishEvent(ctx, "acme", client.NewEvent{Contract: "shaking", Type: "order.paid", Payload: json.RawMessage(`{"n":1}`)})
		if err != nil || a.Deliveries != deliveries {
			t.Fatalf("%+v, %v; want %d deliveries", a, err, deliveries)
		}
		return a.ID
	}
	state := func(e *client.Endpoint, err error, want, reason string) *client.Endpoint {
		t.Helper()
		if err != nil || e.State != want || e.StateReason != reason {
			t.Fatalf("%+v, %v; want %s because of %q", e, err, want, reason)
		}
		return e
	}
	e := p.endpoint(client.EndpointInput{Contract: "shaking", URL: srv.URL + "/a", Settings: json.RawMessage(`{"token":"t0ken-of-shop"}`)})
	state(e, nil, "disabled", "unverified")
	publish(0)

	r, err := p.VerifyEndpoint(ctx, "acme", e.ID, "es")
	if err != nil || r.Passed || r.Type != "endpoint.verify" || r.Diagnosis.Language != "es" || r.Error == nil || r.Error.Class != "body_rule" {
		t.Fatalf("a wrong answer: %+v, %v", r, err)
	}
	if text, _ := json.Marshal(r); strings.Contains(string(text), "t0ken-of-shop") {
		t.Errorf("the answer shows the token: %s", text)
	}
	if d, err := p.Delivery(ctx, "acme", r.Delivery); err != nil || !d.Test || d.State != "failed" {
		t.Errorf("in the history: %+v, %v", d, err)
	}
	_, err = p.ResumeEndpoint(ctx, "acme", e.ID)
	if wrong, ok := errors.AsType[*client.Problem](err); !ok || wrong.Code != "endpoint_unverified" {
		t.Errorf("resumed: %v", err)
	}

	rc.learn("/a")
	tester, err := p.CreateKey(ctx, client.KeyInput{Role: "tenant", Tenant: "acme", Scopes: []string{"endpoints:test"}})
	if err != nil {
		t.Fatal(err)
	}
	if status, answer := p.call(tester.Text, "POST", "/v1/tenants/acme/endpoints/"+e.ID+"/verify", ""); status != 200 ||
		!strings.Contains(string(answer), `"passed":true`) || !strings.Contains(string(answer), `"endpoint_state":"disabled"`) {
		t.Fatalf("a right answer to somebody who may only test: %d %s", status, answer)
	}
	e, err = p.Endpoint(ctx, "acme", e.ID)
	state(e, err, "disabled", "unverified")
	if r, err := p.VerifyEndpoint(ctx, "acme", e.ID, ""); err != nil || !r.Passed || r.EndpointState != "active" {
		t.Fatalf("a right answer: %+v, %v", r, err)
	}
	e, err = p.Endpoint(ctx, "acme", e.ID)
	state(e, err, "active", "")
	if e.RateLimit == nil || e.RateLimit.PerSecond != 10 {
		t.Errorf("the rate that the receiver allows: %+v", e.RateLimit)
	}
	publish(1)
	eventually(t, "the event arrived", func() bool { return rc.got("/a") == 1 })

	// Another address: what comes meanwhile waits.
	e, err = p.PatchEndpoint(ctx, "acme", e.ID, map[string]any{"url": srv.URL + "/b"})
	state(e, err, "paused", "unverified")
	waits := publish(1)
	rc.learn("/b")
	e, err = p.ResumeEndpoint(ctx, "acme", e.ID)
	state(e, err, "active", "")
	eventually(t, "what waited arrived at the new address", func() bool {
		list, err := p.Deliveries(ctx, "acme", client.DeliveryFilter{Event: waits})
		return err == nil && list.Items[0].State == "delivered" && rc.got("/b") == 1
	})

	// A change that says nothing about where requests go, and a known address, need no person.
	e, err = p.PatchEndpoint(ctx, "acme", e.ID, map[string]any{"name": "CRM"})
	state(e, err, "active", "")
	e, err = p.PatchEndpoint(ctx, "acme", e.ID, map[string]any{"url": srv.URL + "/a"})
	state(e, err, "active", "")

	rc.mu.Lock()
	defer rc.mu.Unlock()
	if len(rc.asked) != 8 {
		t.Errorf("%d handshakes, want 8", len(rc.asked))
	}
	for _, q := range rc.asked {
		if q.Method != "POST" || q.Header.Get("X-Token") != "t0ken-of-shop" || q.Header.Get("X-Event") != "" ||
			!strings.HasPrefix(q.Header.Get("X-Shop-Signature"), "v0=") || q.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %s %v", q.Method, q.URL, q.Header)
		}
	}
}
