// Package shadow is the transport that sends nothing. It shows what would be sent: messages are
// rendered, signed and recorded as always, but no byte leaves.
//
// It promises:
//
//   - It reaches no network and calls Send of no other transport.
//   - It records the headers that the real transport would have sent, and refuses a
//     message that the real transport would refuse, with the same words.
//   - No reply of it can count as a success: each has the class [hook.ClassShadow] or
//     [hook.ClassRender], and no response.
package shadow

import (
	"context"
	"strings"
	"time"

	"gancho/internal/hook"
	"gancho/internal/send"
)

// Scheme marks a target to which nothing is sent. The real target follows it:
// "shadow:https://example.com/hook".
const Scheme = "shadow"

// Transport is the [send.Transport] that sends nothing.
type Transport struct {
	real send.Transports
}

// New makes a transport that stands in for others. There are two ways to use it:
//
//   - Registered for the scheme [Scheme], it keeps back the messages to targets that begin with
//     "shadow:". The rest of such a target is the real one.
//   - Registered instead of another transport, for example for "https", it keeps back all
//     messages that the other would send.
//
// In both cases real has the real transports.
func New(real send.Transports) *Transport { return &Transport{real} }

// All returns a map that has, for each scheme of real, a transport that sends nothing.
func All(real send.Transports) send.Transports {
	t := New(real)
	all := make(send.Transports, len(real))
	for scheme := range real {
		all[scheme] = t
	}
	return all
}

// Name is "shadow".
func (*Transport) Name() string { return Scheme }

// Send sends nothing. Its reply has the headers that would have been sent.
func (t *Transport) Send(_ context.Context, m *send.Message) *send.Reply {
	reply := &send.Reply{StartedAt: time.Now(), Unsent: true}
	headers, refusal := t.Headers(m)
	if refusal != "" {
		reply.Class, reply.Detail = hook.ClassRender, refusal
	} else {
		reply.Sent, reply.Class = headers, hook.ClassShadow
		reply.Detail = "The message was made and recorded as a trial, and was not sent."
	}
	reply.Timing.Total = time.Since(reply.StartedAt)
	return reply
}

// Headers are those that the real transport would send.
func (t *Transport) Headers(m *send.Message) (headers []hook.Header, refusal string) {
	tried := *m
	if scheme, target, _ := strings.Cut(m.Target, ":"); strings.EqualFold(scheme, Scheme) {
		tried.Target = target
	}
	return t.real.For(tried.Target).Headers(&tried)
}
