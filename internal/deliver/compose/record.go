package compose

import (
	"slices"
	"strings"

	"gancho/internal/hook"
	"gancho/internal/send"
)

// Record completes an attempt with the request as it was sent. It masks secrets in everything
// that is kept: in the request, in the text about a failure, and in an answer that repeats the
// secret. Personal data is masked there, too, except in the body, see [contract.Contract.Sensitive].
func (c *Composed) Record(a *hook.Attempt, reply *send.Reply) {
	way := reply.Way()
	if len(way.Secrets) > 0 {
		c.secrets, c.mask = c.secrets.With(way.Secrets...), c.mask.With(way.Secrets...)
	}
	if a.Extra != nil || way.Steps != nil {
		x := a.Extras()
		x.Steps, x.RuleFailed = slices.Clone(way.Steps), cutDetail(c.mask.Text(x.RuleFailed))
		for i := range x.Steps {
			x.Steps[i].URL = c.mask.Text(x.Steps[i].URL)
		}
		a.SetExtras(x)
	}
	a.Request, a.Detail = c.Request(reply.Sent), cutDetail(c.mask.Text(a.Detail))
	if way.Target != "" {
		a.Request.URL = c.mask.Text(way.Target)
	}
	if a.Response == nil {
		return
	}
	kept := c.mask.Answer(*a.Response) // before headers are left out, which say how the body is coded
	kept.Headers, kept.Truncated = cutHeaders(kept.Headers, kept.Truncated)
	a.Response = &kept
}

// Request is the message as people may see it; sent are the headers that the transport
// sent, or would send. Its body is nil unless there is a secret, a signature or something of the attempt in it, because
// the body is stored elsewhere already.
func (c *Composed) Request(sent []hook.Header) hook.Request {
	m := c.Message
	q := hook.Request{Method: m.Method, URL: c.mask.Text(m.Target), Headers: c.mask.Headers(sent)}
	if body := c.secrets.Body(m.Body); c.ownBody || !sameSlice(body, m.Body) {
		q.Body = body
	}
	return q
}

// maxDetail is how many bytes are kept, and logged, of the text about a failure:
// it may quote the receiver.
const maxDetail = 1 << 10

func cutDetail(s string) string {
	if len(s) <= maxDetail {
		return s
	}
	return strings.ToValidUTF8(s[:maxDetail], "") + "…"
}

// maxKeptHeaders is how many bytes are kept of the headers of an answer.
const maxKeptHeaders = 8 << 10

// Of the headers that say how a body is coded, as many and as much of each is kept where there is no room any more.
const (
	maxCodings = 4
	maxCoding  = 256
)

// cutHeaders keeps as many of the first headers as there is room for, and those that say how the body is coded: without
// them, whoever shows the body does not know that secrets cannot be seen in it. The second result is true if it left
// some out, or if truncated was.
func cutHeaders(headers []hook.Header, truncated bool) ([]hook.Header, bool) {
	size := 0
	for i, h := range headers {
		if size += len(h.Name) + len(h.Value) + 4; size > maxKeptHeaders {
			kept := headers[:i:i]
			for _, h := range headers[i:] {
				if len(kept) < i+maxCodings && (strings.EqualFold(h.Name, "Content-Encoding") || strings.EqualFold(h.Name, "Content-Type")) {
					h.Value = h.Value[:min(len(h.Value), maxCoding)]
					kept = append(kept, h)
				}
			}
			return kept, true
		}
	}
	return headers, truncated
}
