package http

import (
	"bytes"
	nethttp "net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"gancho/internal/hook"
	"gancho/internal/send"
)

// The bytes of a request are those that net/http writes, which receivers have got so far. The
// one exception is a query with bytes that a query cannot contain.
func TestBytesOfNetHTTP(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		target := rapid.SampledFrom([]string{"http://", "https://"}).Draw(t, "scheme") +
			rapid.SampledFrom([]string{"example.com", "example.com:8080", "[2001:db8::1]", "[fe80::1%25eth0]:81", "münchen.example", "203.0.113.7"}).Draw(t, "host") +
			rapid.SampledFrom([]string{"", "/", "/a b", "/a%2Fb", "/ü/x", "/a;b=c", "//x", "/a\"b"}).Draw(t, "path") +
			rapid.SampledFrom([]string{"", "?", "?a=b&c", "?a=%20%zz&b[]='+$,;:@/?"}).Draw(t, "query") +
			rapid.SampledFrom([]string{"", "#f"}).Draw(t, "fragment")
		m := &send.Message{Target: target, Body: []byte(rapid.SampledFrom([]string{"", "x", `{"a":1}`}).Draw(t, "body"))}
		m.Method = rapid.SampledFrom([]string{"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "NOTIFY"}).Draw(t, "method")
		names := rapid.SliceOfN(rapid.SampledFrom([]string{
			"a", "B", "api-key", "Content-Type", "User-Agent", "user-agent", "Authorization", "Z-9", "Accept", "webhook-id",
		}), 0, 8).Draw(t, "names")
		for _, name := range names {
			m.Headers = append(m.Headers, hook.Header{Name: name, Value: rapid.SampledFrom([]string{"v", " v\t", "", "é", "1,2"}).Draw(t, "value")})
		}
		var want bytes.Buffer
		req, err := nethttp.NewRequestWithContext(t.Context(), m.Method, m.Target, bytes.NewReader(m.Body))
		if err != nil {
			t.Fatal(err)
		}
		if len(m.Body) == 0 {
			req.Body = nil
		}
		req.Header["User-Agent"] = nil
		for _, h := range m.Headers {
			if h.Name == "User-Agent" && req.Header["User-Agent"] != nil && strings.TrimSpace(req.Header["User-Agent"][0]) == "" {
				return // of two, net/http takes the first, also an empty one
			}
			req.Header[h.Name] = append(req.Header[h.Name], h.Value)
		}
		if err := req.Write(&want); err != nil {
			t.Fatal(err)
		}
		r, refusal := newRequest(m)
		if r == nil {
			t.Fatal(refusal)
		}
		if diff := cmp.Diff(want.String(), string(r.head)+string(r.body)); diff != "" {
			t.Fatal(target, diff)
		}
	})
}

// Of a query, only what it cannot contain is encoded.
func TestQuery(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]string{
		"a=b&c=%20%2f%C3%A9":       "a=b&c=%20%2f%C3%A9",
		"name=José Peña":           "name=Jos%C3%A9%20Pe%C3%B1a",
		`q="x"`:                    "q=%22x%22",
		"q=<a>|{b}^`\\":            "q=%3Ca%3E%7C%7Bb%7D%5E%60%5C",
		"ids[]=1&t='x'&u=$+,;:@/?": "ids[]=1&t='x'&u=$+,;:@/?",
		"broken=%zz%":              "broken=%zz%",
	} {
		if got := string(appendQuery(nil, query)); got != want {
			t.Errorf("%s: got %s, want %s", query, got, want)
		}
	}
	r, refusal := newRequest(&send.Message{Target: "http://example.com/é?q=é ñ%20"})
	if r == nil {
		t.Fatal(refusal)
	}
	if line, _, _ := strings.Cut(string(r.head), "\r\n"); line != "GET /%C3%A9?q=%C3%A9%20%C3%B1%20 HTTP/1.1" {
		t.Errorf("request line %q", line)
	}
}
