package deliver

import (
	"strings"

	"gancho/internal/hook"
	"gancho/internal/mask"
	"gancho/internal/send"
)

// describe completes an attempt with the request as it was sent. It hides secrets
// in all that is kept of the attempt: in the request, in the text about a failure,
// and in an answer that repeats them.
func describe(hide mask.Mask, a *hook.Attempt, reply *send.Reply, m *send.Message) {
	a.Request, a.Detail = shown(hide, m, reply.Sent), cutDetail(hide.Text(a.Detail))
	if a.Response == nil {
		return
	}
	kept := *a.Response
	kept.Headers, kept.Truncated = cutHeaders(kept.Headers, kept.Truncated)
	kept.Headers = hide.Headers(kept.Headers)
	if kept.Truncated {
		kept.Body = hide.CutBody(kept.Body)
	} else {
		kept.Body = hide.Body(kept.Body)
	}
	a.Response = &kept
}

// shown is a request as people may see it. Its body is nil unless there is a secret
// in it, because the body is stored elsewhere already.
func shown(hide mask.Mask, m *send.Message, sent []hook.Header) hook.Request {
	q := hook.Request{Method: m.Method, URL: hide.Text(m.Target), Headers: hide.Headers(sent)}
	if body := hide.Body(m.Body); !sameSlice(body, m.Body) {
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

// cutHeaders keeps as many of the first headers as there is room for. The second
// result is true if it left some out, or if truncated was.
func cutHeaders(headers []hook.Header, truncated bool) ([]hook.Header, bool) {
	size := 0
	for i, h := range headers {
		if size += len(h.Name) + len(h.Value) + 4; size > maxKeptHeaders {
			return headers[:i:i], true
		}
	}
	return headers, truncated
}
