package app

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"gancho.example/client"
)

// The API accepts URLs of exactly the schemes that the server can send to. So nobody
// can make an endpoint that is never delivered to, such as a trial.
func TestSchemes(t *testing.T) {
	t.Parallel()
	got := make(chan struct{}, 1)
	url := listening(t, func(http.ResponseWriter, *http.Request) { got <- struct{}{} })
	p := start(t, t.TempDir())
	ctx := t.Context()
	if _, err := p.PutTenant(ctx, "acme", client.TenantInput{}); err != nil {
		t.Fatal(err)
	}
	for _, other := range []string{
		"kafka://broker.example/topic", "shadow:https://a.example/", "shadow://a.example/", "file:///etc/passwd",
	} {
		_, err := p.CreateEndpoint(ctx, "acme", client.EndpointInput{Name: "a", URL: other})
		problem, ok := errors.AsType[*client.Problem](err)
		if !ok || len(problem.Errors) != 1 || problem.Errors[0].Code != "url_scheme" {
			t.Errorf("%s: %v", other, err)
		}
	}
	for _, in := range []client.EndpointInput{
		{Name: "https", URL: "https://a.example/", EventTypes: []string{"none"}},
		{Name: "http", URL: strings.Replace(url, "http:", "HTTP:", 1)},
	} {
		if _, err := p.CreateEndpoint(ctx, "acme", in); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := p.PublishEvent(ctx, "acme", client.NewEvent{Type: "a", Payload: []byte(`1`)}); err != nil {
		t.Fatal(err)
	}
	select {
	case <-got:
	case <-time.After(time.Minute):
		t.Error("nothing was sent")
	}
}
