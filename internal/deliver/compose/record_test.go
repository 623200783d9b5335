package compose

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"gancho/internal/answer"
	"gancho/internal/hook"
	"gancho/internal/mask"
	"gancho/internal/send"
)

// A receiver that sends a secret back gives it away neither in a whole body nor in
// one that breaks off in the middle of the secret.
func TestEchoesAreMasked(t *testing.T) {
	t.Parallel()
	for name, echo := range map[string]string{"whole": "it sent hunter2hunter2", "cut": "it sent hunter2hun"} {
		c := Composed{
			mask:    mask.New("hunter2hunter2"),
			Message: &send.Message{Headers: []hook.Header{{Name: "Authorization", Value: "hunter2hunter2"}}},
		}
		r := &hook.Response{
			Status: 302, Headers: []hook.Header{{Name: "X-Echo", Value: "hunter2hunter2"}}, Body: []byte(echo), Truncated: name == "cut",
		}
		a := &hook.Attempt{Response: r, Detail: "It sent hunter2hunter2"}
		c.Record(a, &send.Reply{Response: r})
		text := fmt.Sprintf("%s %s %v", a.Response.Body, a.Detail, a.Response.Headers)
		if strings.Contains(text, "hunter2") || strings.Count(text, mask.Text) != 3 {
			t.Errorf("%s: %s", name, text)
		}
	}
}

// What is logged of a failure is short, however much the receiver says.
func TestDetailIsShort(t *testing.T) {
	const secret = "hunter2hunter2"
	a := &hook.Attempt{Detail: strings.Repeat("é", maxDetail/2-4) + secret + strings.Repeat("x", 60_000)}
	c := Composed{mask: mask.New(secret), Message: &send.Message{}}
	c.Record(a, &send.Reply{})
	if len(a.Detail) > maxDetail+len("…") || strings.Contains(a.Detail, "hunter") || !utf8.ValidString(a.Detail) {
		t.Errorf("%d bytes, which end with %q", len(a.Detail), a.Detail[len(a.Detail)-20:])
	}
}

// Of an answer with too many headers those are left out that come last, but not the one that says that nobody can look
// into the body for secrets.
func TestCodingIsKept(t *testing.T) {
	t.Parallel()
	many := hook.Header{Name: "A", Value: strings.Repeat("x", 1000)}
	headers := append(slices.Repeat([]hook.Header{many}, 60), hook.Header{Name: "Content-Encoding", Value: "compress"})
	headers = append(headers, slices.Repeat([]hook.Header{{Name: "Content-Type", Value: strings.Repeat("y", 1000)}}, 60)...)
	r := &hook.Response{Status: 200, Headers: headers, Body: []byte("\x1f\x9d\x90secret\x03")}
	a := &hook.Attempt{Response: r}
	c := Composed{Message: &send.Message{}}
	c.Record(a, &send.Reply{Response: r})
	size := 0
	for _, h := range a.Response.Headers {
		size += len(h.Name) + len(h.Value)
	}
	if !answer.Opaque(a.Response) || !a.Response.Truncated || size > maxKeptHeaders+maxCodings*300 || len(r.Headers) != 121 {
		t.Errorf("%d bytes of headers are kept, opaque: %t", size, answer.Opaque(a.Response))
	}
}
