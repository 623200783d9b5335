package app

import (
	"io"
	"net/http"
	"testing"
	"time"

	"gancho.example/client"
)

// The server starts the processes that run scripts, and one endpoint's endless
// script does not keep another's from running.
func TestTransformations(t *testing.T) {
	t.Parallel()
	got := make(chan string, 10)
	url := listening(t, func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- r.Header.Get("X-Source") + string(body)
	})
	p := start(t, t.TempDir())
	ctx := t.Context()
	if _, err := p.PutTenant(ctx, "acme", client.TenantInput{}); err != nil {
		t.Fatal(err)
	}
	for kind, script := range map[string]string{
		"endless": "function handler() { for (;;); }",
		"fine":    "function handler(webhook) { webhook.headers['X-Source'] = 'shop'; webhook.payload.b = 2; return webhook }",
	} {
		if _, err := p.CreateEndpoint(ctx, "acme", client.EndpointInput{Name: kind, URL: url, EventTypes: []string{kind}, Transformation: script}); err != nil {
			t.Fatal(err)
		}
	}
	for range 4 {
		if _, err := p.PublishEvent(ctx, "acme", client.NewEvent{Type: "endless", Payload: []byte(`{}`)}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := p.PublishEvent(ctx, "acme", client.NewEvent{Type: "fine", Payload: []byte(`{"a": 9007199254740993}`)}); err != nil {
		t.Fatal(err)
	}
	select {
	case sent := <-got:
		if sent != `shop{"a":9007199254740993,"b":2}` {
			t.Errorf("sent %s", sent)
		}
	case <-time.After(2 * time.Minute):
		t.Fatal("nothing was sent")
	}
	p.stop()
}
