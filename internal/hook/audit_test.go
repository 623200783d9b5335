package hook

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestEndpointChanges(t *testing.T) {
	t.Parallel()
	was := Endpoint{
		Name: "CRM", State: EndpointActive, Secrets: []Secret{{Text: "whsec_a"}},
		Config: EndpointConfig{URL: "http://a/", Settings: json.RawMessage(`{"token":"x"}`), PerSecond: 5, Timeout: time.Second, Concurrency: 3},
	}
	if got := was.Changes(&was); len(got) != 0 {
		t.Errorf("changes of an unchanged endpoint: %v", got)
	}
	now := was
	now.Name, now.State, now.Secrets = "ERP", EndpointPaused, []Secret{{Text: "whsec_b"}, {Text: "whsec_a", ExpiresAt: time.Unix(1, 0)}}
	now.Config.URL, now.Config.Settings, now.Config.PerSecond = "http://b/", json.RawMessage(`{"token":"y"}`), 0
	now.Config.Headers, now.Config.Timeout, now.Config.Concurrency = []Header{{"A", "b"}}, time.Minute, 4
	want := []string{"name", "state", "secret", "headers", "concurrency", "rate_limit", "settings", "timeout_ms", "url"}
	if diff := cmp.Diff(want, was.Changes(&now)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
