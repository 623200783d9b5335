package compose

import (
	"strings"
	"testing"
	"time"

	"gancho/internal/contract"
	"gancho/internal/hook"
	"gancho/internal/send"
)

// What is kept of a handshake shows no secret: neither what an expression made of one, nor the signing secret in an answer.
func TestHandshakeIsMasked(t *testing.T) {
	t.Parallel()
	c, err := contract.Parse("o.yaml", []byte(`contract: o
title: O
events: {order.paid: {title: E}}
endpoint:
  settings: {type: object, properties: {token: {type: string, title: {en: T}, secret: true}}}
  sign: {over: "${body}", encoding: hex, headers: {X-Sum: "${signature}"}}
  verify:
    method: GET
    headers: {X-Half: {$expr: "settings.token.substring(0, 12)"}}
    query: {sum: {$expr: "base64(settings.token)"}}
    accept: response.body == challenge + secret
`))
	if err != nil {
		t.Fatal(err)
	}
	e := &hook.Endpoint{
		ID: hook.NewEndpointID(), Contract: "o", Secrets: []hook.Secret{{Text: "signing-secret-of-shop"}},
		Config: hook.EndpointConfig{URL: "https://example.com/in", Settings: []byte(`{"token":"t0ken-of-the-shop"}`)},
	}
	ev := c.NewHandshake("acme", time.Now())
	f, err := NewForm(e, c.Handshake(ev, e.Secrets))
	if err != nil {
		t.Fatal(err)
	}
	composed, err := Composer{}.Compose(t.Context(), f, &hook.Job{Event: ev})
	if err != nil {
		t.Fatal(err)
	}
	m := composed.Message
	if half := m.Headers[0].Value; half != "t0ken-of-the" || !strings.HasSuffix(m.Target, "?sum=dDBrZW4tb2YtdGhlLXNob3A%3D") {
		t.Fatalf("sent %s %+v", m.Target, m.Headers)
	}
	at := &hook.Attempt{Response: &hook.Response{Status: 200, Body: []byte("challenge: signing-secret-of-shop")}}
	composed.Record(at, &send.Reply{Sent: m.Headers})
	var kept strings.Builder
	kept.WriteString(at.Request.URL + " " + string(at.Response.Body))
	for _, h := range at.Request.Headers {
		kept.WriteString(" " + h.Value)
	}
	for _, secret := range []string{"t0ken-of-the", "dDBrZW4t", "signing-secret"} {
		if strings.Contains(kept.String(), secret) {
			t.Errorf("%s is kept: %s", secret, kept.String())
		}
	}
}
