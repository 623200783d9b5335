package contract

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gancho/internal/hook"
)

// The type of the content, the agent and Accept stand where the contract or the endpoint puts them.
func TestPlacesOfHeaders(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		endpoint string
		own      []hook.Header
		want     []hook.Header
	}{
		{"accept: text/plain", nil, headers("Content-Type", "application/json", "User-Agent", "Gancho", "Accept", "text/plain")},
		{"accept: none, user_agent: me/1", nil, headers("Content-Type", "application/json", "User-Agent", "me/1")},
		{"accept: text/plain", headers("ACCEPT", "a/b", "x-z", "1"), headers("Content-Type", "application/json", "ACCEPT", "a/b", "x-z", "1", "User-Agent", "Gancho")},
		{"headers: {accept: c/d, user-agent: it, content-type: x/y}, accept: text/plain", nil, headers("accept", "c/d", "user-agent", "it", "content-type", "x/y")},
		{
			"headers: {x-a: '1', content-type: x/y}, form: {field: f}", nil,
			headers("content-type", "application/x-www-form-urlencoded", "x-a", "1", "User-Agent", "Gancho"),
		},
	} {
		c := parseContract(t, "contract: o\ntitle: O\nevents: {order.paid: {title: E}}\nendpoint: {"+tc.endpoint+"}\n")
		r, err := c.Render(hook.EndpointConfig{URL: "http://example.com", Headers: tc.own}, event(`{"a":1}`))
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(tc.want, r.Headers); d != "" {
			t.Errorf("%s: %s", tc.endpoint, d)
		}
	}
}

// WithBody takes the body and its type from another request, and leaves both requests as they were.
func TestWithBody(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ mine, other, want []hook.Header }{
		{headers("x-a", "1", "content-type", "a/b", "x-b", "2"), headers("Content-Type", "c/d"), headers("x-a", "1", "content-type", "c/d", "x-b", "2")},
		{headers("x-a", "1"), headers("x-c", "3", "content-type", "c/d"), headers("Content-Type", "c/d", "x-a", "1")},
		{headers("Content-Type", "a/b", "x-b", "2"), headers("x-c", "3"), headers("x-b", "2")},
		{headers("x-a", "1", "Content-Type", "a/b", "x-b", "2"), nil, headers("x-a", "1", "x-b", "2")},
		{headers("x-a", "1"), headers("x-c", "3"), headers("x-a", "1")},
	} {
		mine, other := Rendering{URL: "u", Headers: tc.mine, Body: []byte("m")}, Rendering{Headers: tc.other, Body: []byte("o")}
		before := fmt.Sprint(mine, other)
		got := mine.WithBody(other)
		if d := cmp.Diff(Rendering{URL: "u", Headers: tc.want, Body: []byte("o")}, got); d != "" {
			t.Error(d)
		}
		if fmt.Sprint(mine, other) != before {
			t.Error("the requests have changed")
		}
	}
}
