package send

import (
	"context"
	"strings"
	"testing"

	"gancho/internal/hook"
)

// named is a transport of which only the name matters.
type named string

func (n named) Name() string                               { return string(n) }
func (n named) Send(context.Context, *Message) *Reply      { return &Reply{} }
func (n named) Headers(m *Message) ([]hook.Header, string) { return m.Headers, "" }

func TestTransportsFor(t *testing.T) {
	t.Parallel()
	all := Transports{"http": named("http"), "https": named("http"), "queue": named("queue")}
	for target, want := range map[string]string{
		"http://a/b":       "http",
		"https://a/b?c=:d": "http",
		"HTTPS://a":        "http",
		"queue:topic":      "queue",
		"ftp://a":          "none",
		"a/b":              "none",
		"":                 "none",
		":":                "none",
	} {
		if got := all.For(target).Name(); got != want {
			t.Errorf("%q is sent by %s, want %s", target, got, want)
		}
	}
}

// A target that nothing can send to is refused with a sentence that says so, and that
// shows no more of the target than its scheme.
func TestTransportsRefuse(t *testing.T) {
	t.Parallel()
	all := Transports{"http": named("http"), "https": named("http")}
	for target, want := range map[string]string{
		"ftp://example.com/s3cret":       `Messages can be sent to http, https, but not to the scheme "ftp", so nothing was sent.`,
		"example.com/s3cret":             "Messages can be sent to http, https, but not to a target without a scheme, so nothing was sent.",
		"my s3cret: https://example.com": "Messages can be sent to http, https, but not to a target without a scheme, so nothing was sent.",
	} {
		m := &Message{Target: target}
		r := all.For(target).Send(t.Context(), m)
		if r.Class != hook.ClassRender || r.Detail != want || !r.Unsent || r.Sent != nil || r.Response != nil || r.StartedAt.IsZero() {
			t.Errorf("%s: %+v\nwant %s", target, r, want)
		}
		if headers, refusal := all.For(target).Headers(m); headers != nil || refusal != r.Detail {
			t.Errorf("%s: headers %v, refusal %q", target, headers, refusal)
		}
		if strings.Contains(r.Detail, "s3cret") {
			t.Errorf("%s: the sentence shows a secret: %s", target, r.Detail)
		}
	}
}

// The choice is made for every attempt, so it must cost no allocation.
func TestTransportsForAllocatesNothing(t *testing.T) {
	all := Transports{"http": named("http"), "https": named("http")}
	if n := testing.AllocsPerRun(100, func() { all.For("https://example.com/hook") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
