package compose

import (
	"slices"
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

// A redirect to another host takes a signature along, but neither a token that is the secret itself nor a body with one.
func TestTokenStaysWithItsReceiver(t *testing.T) {
	t.Parallel()
	const hmac = `{headers: {X-Sum: "${signature}"}}`
	for sign, want := range map[string]struct {
		headers []string
		stay    bool
	}{
		hmac: {headers: []string{"X-Sum"}},
		`{algorithm: token, headers: {X-Kind: "${signature}"}}`:                         {},
		`{algorithm: token, encoding: base64, headers: {X-Kind: "Basic ${signature}"}}`: {},
		`[{algorithm: token, headers: {X-Kind: "${signature}"}}, ` + hmac + `]`:         {headers: []string{"X-Sum"}},
		`{algorithm: token, body: {kind: "${signature}"}}`:                              {stay: true},
		`{jwt: {lifetime: 5m}, headers: {Authorization: "Bearer ${signature}"}}`:        {},
	} {
		c, err := contract.Parse("standard.yaml", []byte(standard+"endpoint: {sign: "+sign+"}\ndelivery: {redirects: 1}\n"))
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
		var headers []string
		for _, h := range composed.Message.Follow.Elsewhere {
			if h.Name != "Content-Type" && h.Name != "User-Agent" && h.Name != "Accept" {
				headers = append(headers, h.Name)
			}
		}
		if follow := composed.Message.Follow; !slices.Equal(headers, want.headers) || follow.Stay != want.stay {
			t.Errorf("%s: another host gets %v, and stays: %v; want %+v", sign, headers, follow.Stay, want)
		}
	}
}
