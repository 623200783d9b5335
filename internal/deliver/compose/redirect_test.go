package compose

import (
	"slices"
	"testing"
	"time"

	"gancho/internal/contract"
	"gancho/internal/hook"
)

// A redirect to another host takes no secret setting along, also if it is too short to be hidden inside of other texts.
func TestShortSecretStaysWithItsReceiver(t *testing.T) {
	t.Parallel()
	c, err := contract.Parse("standard.yaml", []byte(standard+`
endpoint:
  settings: {properties: {pin: {type: string, secret: true, title: {en: PIN}}}}
  headers: {X-Kind: "${settings.pin}", X-Event: "${event.type}"}
delivery: {redirects: 1}
`))
	if err != nil {
		t.Fatal(err)
	}
	f, err := NewForm(&hook.Endpoint{
		ID: hook.NewEndpointID(), Config: hook.EndpointConfig{URL: "https://example.com/in", Settings: []byte(`{"pin":"123"}`)},
	}, c)
	if err != nil {
		t.Fatal(err)
	}
	ev := &hook.Event{ID: hook.NewEventID(), Type: "t", CreatedAt: time.Now(), Payload: []byte(`{"total":1.0}`)}
	composed, err := Composer{}.Compose(t.Context(), f, &hook.Job{Event: ev})
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := composed.Message.Follow.Elsewhere
	has := func(h hook.Header) bool { return slices.Contains(elsewhere, h) }
	if has(hook.Header{Name: "X-Kind", Value: "123"}) || !has(hook.Header{Name: "X-Event", Value: "t"}) {
		t.Errorf("another host gets %v", elsewhere)
	}
}
