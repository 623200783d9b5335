// Package redirect follows the redirects of receivers where a contract says so.
//
// It promises:
//   - 307 and 308 are followed with the same method and body. 301, 302 and 303 are followed only by a GET: anything else
//     would arrive without its body, and count as delivered.
//   - Each hop goes through the transport below, so that the same addresses are refused. Nothing goes from https to http.
//   - All hops together have the time of the message.
//   - Another host than the message's gets no credentials and no client certificate, and no body with secrets.
package redirect

import (
	"context"
	nethttp "net/http"
	"net/url"
	"strings"
	"time"

	"gancho/internal/hook"
	"gancho/internal/send"
)

// Transport is a [send.Transport] that follows redirects. It sends by another one.
type Transport struct{ send.Transport }

// New makes a transport over another one.
func New(over send.Transport) *Transport { return &Transport{over} }

// Send makes one attempt to exchange the message; see [send.Transport].
func (t *Transport) Send(ctx context.Context, m *send.Message) *send.Reply {
	if m.Follow == nil {
		return t.Transport.Send(ctx, m)
	}
	began := time.Now()
	var steps []hook.Step
	for at := m; ; {
		reply := t.Transport.Send(ctx, at)
		next := follow(at, reply)
		if next != nil && len(steps) < m.Follow.Most {
			steps = append(steps, hook.Step{
				What: hook.StepRequest, Method: at.Method, URL: at.Target, Status: reply.Response.Status, Took: reply.Timing.Total,
			})
			next.Timeout = max(limit(m)-time.Since(began), time.Millisecond)
			at = next
			continue
		}
		if len(steps) > 0 {
			way := reply.Way()
			way.Target, way.Steps = at.Target, append(steps, way.Steps...)
			reply.Detour = &way
			reply.Unsent, reply.NotNow = false, nil // the first receiver has got the message
			if reply.Timing.FirstByte > 0 {
				reply.Timing.FirstByte += reply.StartedAt.Sub(began)
			}
			reply.StartedAt, reply.Timing.Total = began, time.Since(began)
		}
		return reply
	}
}

func limit(m *send.Message) time.Duration {
	if m.Timeout > 0 {
		return m.Timeout
	}
	return hook.DefaultTimeout
}

// follow is the message for where the answer to one points; nil if that is nowhere, or must not be followed.
func follow(m *send.Message, r *send.Reply) *send.Message {
	if r.Class != "" || r.Response == nil {
		return nil
	}
	switch r.Response.Status {
	case nethttp.StatusTemporaryRedirect, nethttp.StatusPermanentRedirect:
	case nethttp.StatusMovedPermanently, nethttp.StatusFound, nethttp.StatusSeeOther:
		if m.Method != nethttp.MethodGet {
			return nil
		}
	default:
		return nil
	}
	location := ""
	for _, h := range r.Response.Headers {
		if strings.EqualFold(h.Name, "Location") {
			location = h.Value
		}
	}
	from, err := url.Parse(m.Target)
	if err != nil || location == "" {
		return nil
	}
	to, err := from.Parse(location)
	if err != nil || to.Host == "" || to.Scheme != "https" && (to.Scheme != "http" || from.Scheme == "https") {
		return nil
	}
	to.User, to.Fragment, to.RawFragment = nil, "", ""
	next := *m
	next.Target = to.String()
	if to, err = url.Parse(next.Target); err != nil || to.Host == "" { // such as of //::
		return nil
	}
	if sameReceiver(from, to) {
		return &next
	}
	if m.Follow.Stay {
		return nil
	}
	next.Headers, next.Identity = m.Follow.Elsewhere, nil
	return &next
}

// sameReceiver reports whether two URLs lead to the same server, perhaps by https in the place of http.
func sameReceiver(from, to *url.URL) bool {
	if !strings.EqualFold(from.Hostname(), to.Hostname()) {
		return false
	}
	return from.Scheme == to.Scheme && port(from) == port(to) || from.Scheme == "http" && port(from) == "80" && port(to) == "443"
}

func port(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "https":
		return "443"
	}
	return "80"
}
