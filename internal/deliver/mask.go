package deliver

import (
	"bytes"
	"slices"
	"strings"

	"gancho/internal/contract"
	"gancho/internal/hook"
	"gancho/internal/send"
	"gancho/internal/transform"
)

// describe completes the attempt with what was sent, secrets masked, wherever
// they show: in our headers and URL, and in an answer that echoes them.
func describe(r renderer, a *hook.Attempt, reply *send.Reply, m *send.Message) {
	a.Request, a.Detail = r.request(m, reply.Sent), cutDetail(r.maskText(a.Detail))
	if a.Response == nil {
		return
	}
	kept := *a.Response
	kept.Headers, kept.Truncated = cutHeaders(kept.Headers, kept.Truncated)
	if len(r.secrets) > 0 {
		kept.Headers, kept.Body = maskHeaders(r, kept.Headers), r.maskBody(kept.Body)
		if kept.Truncated {
			kept.Body = r.maskEnd(kept.Body)
		}
	}
	a.Response = &kept
}

// request is a request as it may be shown. Its body is nil unless something in it
// is secret.
func (r renderer) request(m *send.Message, sent []hook.Header) hook.Request {
	q := hook.Request{Method: m.Method, URL: m.Target, Headers: sent}
	if len(r.secrets) == 0 {
		return q
	}
	q.URL, q.Headers = r.maskText(m.Target), maskHeaders(r, sent)
	if body := r.maskBody(m.Body); !sameSlice(body, m.Body) {
		q.Body = body
	}
	return q
}

// maskBody is body itself if nothing in it is secret.
func (r renderer) maskBody(body []byte) []byte {
	for _, s := range r.secrets {
		if len(s) >= minMasked && bytes.Contains(body, []byte(s)) {
			body = bytes.ReplaceAll(body, []byte(s), []byte(contract.Mask))
		}
	}
	return body
}

// maskEnd masks what a body that was cut has of a secret at its end.
func (r renderer) maskEnd(body []byte) []byte {
	for _, s := range r.secrets {
		for n := min(len(s)-1, len(body)); n >= minMasked; n-- {
			if bytes.HasSuffix(body, []byte(s[:n])) {
				return append(bytes.Clone(body[:len(body)-n]), contract.Mask...)
			}
		}
	}
	return body
}

// keepDetail bounds what is kept, and logged, of the text about a failure, in
// bytes: it may quote the receiver.
const keepDetail = 1 << 10

func cutDetail(s string) string {
	if len(s) <= keepDetail {
		return s
	}
	return strings.ToValidUTF8(s[:keepDetail], "") + "…"
}

// maskText is a text with masks in the place of the secrets in it.
func (r renderer) maskText(s string) string {
	if r.mask == nil {
		return s
	}
	return r.mask.Replace(s)
}

// keepHeaders bounds what is kept of the headers of an answer, in bytes.
const keepHeaders = 8 << 10

// cutHeaders keeps the first headers, as many as there is room for; the second
// result is true if some were left out, or truncated was.
func cutHeaders(headers []hook.Header, truncated bool) ([]hook.Header, bool) {
	size := 0
	for i, h := range headers {
		if size += len(h.Name) + len(h.Value) + 4; size > keepHeaders {
			return headers[:i:i], true
		}
	}
	return headers, truncated
}

// maskHeaders masks secrets within values, and values that are a secret, however
// short.
func maskHeaders(r renderer, headers []hook.Header) []hook.Header {
	out := make([]hook.Header, len(headers))
	for i, h := range headers {
		out[i] = hook.Header{Name: h.Name, Value: r.maskText(h.Value)}
		if slices.Contains(r.secrets, h.Value) {
			out[i].Value = contract.Mask
		}
	}
	return out
}

// newMask replaces secrets, nil if there are none that are long enough.
func newMask(secrets []string) *strings.Replacer {
	var pairs []string
	for _, s := range secrets {
		if len(s) >= minMasked {
			pairs = append(pairs, s, contract.Mask)
		}
	}
	if len(pairs) == 0 {
		return nil
	}
	return strings.NewReplacer(pairs...)
}

// minMasked is the length from which a secret is masked wherever its text occurs.
// A shorter one would blot out half of any text; it is masked where it is all of
// a header's value.
const minMasked = 4

// maskConsole masks what a script printed.
func maskConsole(r renderer, out transform.Output) transform.Output {
	out.Console = slices.Clone(out.Console)
	for i, line := range out.Console {
		out.Console[i] = r.maskText(line)
	}
	return out
}

// hiding masks also what a script put into a request under names that speak of
// credentials.
func (r renderer) hiding(req hook.Head) renderer {
	secrets := slices.Clone(r.secrets)
	for _, s := range contract.SecretsIn(req.URL, req.Headers) {
		if !slices.Contains(secrets, s) {
			secrets = append(secrets, s)
		}
	}
	if len(secrets) > len(r.secrets) {
		slices.SortStableFunc(secrets, func(a, b string) int { return len(b) - len(a) })
		r.secrets = secrets
		r.mask = newMask(secrets)
	}
	return r
}
