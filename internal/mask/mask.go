// Package mask hides secrets in what is stored, shown, logged or passed to a script.
//
// It promises three things:
//   - A [Mask] that was made of the secrets of a request hides each of them wherever it stands in a text, a header or a
//     body, in every spelling that senders and receivers use: plain, in JSON, in a URL or a form, in HTML, XML or CSV; in
//     an answer also where it is compressed or in another charset.
//   - [InRequest] and [Header] know where people put credentials: into headers and query parameters whose names say so,
//     behind a word such as "Bearer", or in the password of "Basic".
//   - A settings document can be shown with masks ([Settings.Hide]) and sent back with them ([Settings.Restore]): a mask
//     that comes back stands for the secret that is stored.
//
// The package is pure. Everything in it is safe for concurrent use.
package mask

import (
	"bytes"
	"cmp"
	"html"
	"net/url"
	"slices"
	"strings"

	"gancho/internal/answer"
	"gancho/internal/hook"
	"gancho/internal/rawjson"
)

// Text is what people see in the place of a secret.
const Text = "********"

// Is reports whether a JSON value is the mask.
func Is(value []byte) bool { return rawjson.Text(value) == Text }

// Mask hides a fixed list of secrets. The zero Mask hides nothing.
type Mask struct {
	// spellings are the secrets in every spelling, the longest first: one secret may contain another.
	spellings []string
	replacer  *strings.Replacer // nil: no spelling is long enough
}

// minLength is the length in bytes from which a secret is hidden wherever it stands. A shorter one would hide half of
// any text, so it is hidden only where it is the whole value of a header.
const minLength = 4

// New makes a mask for secrets. Empty ones are left out.
func New(secrets ...string) Mask { return Mask{}.With(secrets...) }

// With is a mask that hides more secrets than m.
func (m Mask) With(secrets ...string) Mask {
	var more []string
	for _, secret := range secrets {
		more = append(more, spellings(secret)...)
	}
	return m.And(Mask{spellings: more})
}

// And is a mask that hides what m hides and what other hides.
func (m Mask) And(other Mask) Mask {
	list := slices.Concat(m.spellings, other.spellings)
	slices.SortFunc(list, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	if list = slices.Compact(list); len(list) == len(m.spellings) {
		return m
	}
	m = Mask{spellings: list}
	var pairs []string
	for _, s := range list {
		if len(s) >= minLength {
			pairs = append(pairs, s, Text)
		}
	}
	if len(pairs) > 0 {
		m.replacer = strings.NewReplacer(pairs...)
	}
	return m
}

// WithRequest is With the secrets that a URL and headers hold, see [InRequest].
func (m Mask) WithRequest(address string, headers []hook.Header) Mask {
	return m.With(InRequest(address, headers)...)
}

// Text is a text with masks in the place of the secrets.
func (m Mask) Text(s string) string {
	if m.replacer == nil {
		return s
	}
	return m.replacer.Replace(s)
}

// Texts is a list of texts with masks in the place of the secrets.
func (m Mask) Texts(list []string) []string {
	list = slices.Clone(list)
	for i, s := range list {
		list[i] = m.Text(s)
	}
	return list
}

// Headers is a list of headers with masks in the place of the secrets. Names are left as they are.
func (m Mask) Headers(list []hook.Header) []hook.Header {
	if len(m.spellings) == 0 {
		return list
	}
	list = slices.Clone(list)
	for i, h := range list {
		if list[i].Value = m.Text(h.Value); slices.Contains(m.spellings, h.Value) {
			list[i].Value = Text
		}
	}
	return list
}

// Body is a body with masks in the place of the secrets. It is body itself if no secret is in it.
func (m Mask) Body(body []byte) []byte {
	for _, s := range m.spellings {
		if len(s) >= minLength && bytes.Contains(body, []byte(s)) {
			body = bytes.ReplaceAll(body, []byte(s), []byte(Text))
		}
	}
	return body
}

// Start is Body for a body whose end may be cut off: then it also hides the beginning of a secret at the end.
func (m Mask) Start(body []byte, cut bool) []byte {
	body = m.Body(body)
	if !cut {
		return body
	}
	for _, s := range m.spellings {
		for n := min(len(s)-1, len(body)); n >= minLength; n-- {
			if bytes.HasSuffix(body, []byte(s[:n])) {
				return append(bytes.Clone(body[:len(body)-n]), Text...)
			}
		}
	}
	return body
}

// Answer is an answer with masks in the place of the secrets. A body in a coding or a charset that can be read, see
// [answer.Read], stays in it, but ends where reading ends, because a secret may be in the rest. In one that is
// [answer.Opaque] nothing is found.
func (m Mask) Answer(r hook.Response) hook.Response {
	if len(m.spellings) == 0 {
		return r
	}
	body := answer.Read(&r)
	masked := m.Start(body.Bytes, body.Truncated)
	if body.Cut || !bytes.Equal(masked, body.Bytes) {
		r.Body, r.Truncated = body.Encode(masked), body.Truncated
	}
	r.Headers = m.Headers(r.Headers)
	return r
}

// spellings are the ways in which a secret may stand in what is sent and in what comes back: as it is, in JSON, in a
// URL or a form, in HTML, and as the functions of templates write it. For most secrets they are all the same.
func spellings(secret string) []string {
	if secret == "" {
		return nil
	}
	out := []string{secret}
	for _, style := range []rawjson.Style{{}, {EscapeSlash: true}, {ASCII: true}, {ASCII: true, EscapeSlash: true}} {
		if inJSON, err := rawjson.Restyle(rawjson.Quote(secret), style); err == nil {
			out = append(out, string(inJSON[1:len(inJSON)-1]))
		}
	}
	for _, s := range out {
		query := url.QueryEscape(s)
		out = append(out, query, strings.ReplaceAll(query, "+", "%20"), string(rawjson.AppendFormEscape(nil, s)))
	}
	out = append(out, rawjson.Spellings(secret)...)
	inHTML := html.EscapeString(secret)
	out = append(out, inHTML, strings.NewReplacer("&#34;", "&quot;", "&#39;", "&#039;").Replace(inHTML))
	slices.Sort(out)
	return slices.Compact(out)
}
