package compose

import (
	"strings"
	"testing"
	"time"

	"gancho/internal/contract"
	"gancho/internal/hook"
)

// A secret that stands in the request itself is sent, and hidden in what is kept of the request.
func TestTokenIsMasked(t *testing.T) {
	t.Parallel()
	for sign, sent := range map[string]string{
		`{algorithm: token, headers: {X-Kind: "${signature}"}}`:                         "ada:open-sesame",
		`{algorithm: token, encoding: base64, headers: {X-Kind: "Basic ${signature}"}}`: "Basic YWRhOm9wZW4tc2VzYW1l",
		`{algorithm: token, query: {kind: "${signature}"}}`:                             "kind=ada%3Aopen-sesame",
		`{algorithm: token, body: {kind: "${signature}"}}`:                              `"kind":"ada:open-sesame"`,
	} {
		c, err := contract.Parse("standard.yaml", []byte(standard+"endpoint: {sign: "+sign+"}\n"))
		if err != nil {
			t.Fatal(err)
		}
		f, err := NewForm(&hook.Endpoint{
			ID: hook.NewEndpointID(), Secrets: []hook.Secret{{Text: "ada:open-sesame"}}, Config: hook.EndpointConfig{URL: "https://example.com/in"},
		}, c)
		if err != nil {
			t.Fatal(err)
		}
		ev := &hook.Event{ID: hook.NewEventID(), Type: "t", CreatedAt: time.Now(), Payload: []byte(`{"total":1.0}`)}
		composed, err := Composer{}.Compose(t.Context(), f, &hook.Job{Event: ev})
		if err != nil {
			t.Fatal(err)
		}
		text := func(url string, headers []hook.Header, body []byte) string {
			for _, h := range headers {
				url += "\n" + h.Name + ": " + h.Value
			}
			return url + "\n" + string(body)
		}
		m := composed.Message
		if out := text(m.Target, m.Headers, m.Body); !strings.Contains(out, sent) {
			t.Errorf("%s sends\n%s", sign, out)
		}
		kept := composed.Request(nil)
		if shown := text(kept.URL, kept.Headers, kept.Body); strings.Contains(shown, "sesame") || strings.Contains(shown, "YWRhOm9w") {
			t.Errorf("%s shows\n%s", sign, shown)
		}
	}
}
