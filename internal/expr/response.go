package expr

import (
	"bytes"
	"strings"
	"sync"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"gancho/internal/hook"
	"gancho/internal/rawjson"
)

// Success is the scope of a contract's success rule: the answer of a receiver.
var Success = sync.OnceValue(func() *Scope {
	return NewScope(
		Variable{"response.status", Int},   // an error if the answer has none
		Variable{"response.body", Text},    // as UTF-8; the first hook.ReadBody bytes at most
		Variable{"response.empty", Bool},   // nothing, or nothing but white space
		Variable{"response.html", Bool},    // an HTML page, see [IsHTML]
		Variable{"response.is_json", Bool}, // the whole body is one JSON value
		Variable{"response.json", JSON},    // that value, else null
		Variable{"response.headers", JSON}, // names in lower case; null if absent; several are joined by ", "
	)
})

// Response is the [Vars] of one answer.
type Response struct {
	response *hook.Response
	// StatusOnly makes everything except the status [Unknown], to find out whether the
	// status alone decides.
	StatusOnly bool

	checked, isJSON bool
	headers         any
}

// noStatus makes every condition fail that depends on the status of an answer
// without one. If it had a value instead, such as 0, a rule like status < 300 would hold.
var noStatus = types.NewErr("the answer has no status, and the rule asks for response.status")

// NewResponse makes the [Vars] of an answer, which must not change while it is used.
func NewResponse(r *hook.Response) *Response { return &Response{response: r} }

// Value implements [Vars].
func (r *Response) Value(name string) (any, bool) {
	if name == "response.status" {
		if !r.response.HasStatus() {
			return noStatus, true
		}
		return int64(r.response.Status), true
	}
	if r.StatusOnly {
		return Unknown(), strings.HasPrefix(name, "response.")
	}
	switch name {
	case "response.body":
		return strings.ToValidUTF8(string(r.response.Body), "\ufffd"), true
	case "response.empty":
		return len(bytes.TrimSpace(r.response.Body)) == 0, true
	case "response.html":
		return IsHTML(r.response.Body), true
	case "response.is_json":
		return r.json(), true
	case "response.json":
		if !r.json() {
			return types.NullValue, true
		}
		return Raw(r.response.Body), true
	case "response.headers":
		if r.headers == nil {
			r.headers = headerMap(r.response.Headers)
		}
		return r.headers, true
	}
	return nil, false
}

// json reports whether the body is JSON. A truncated body counts as not JSON: nobody knows
// the rest, and a rule must not be true because of something that was not read.
func (r *Response) json() bool {
	if !r.checked {
		r.checked = true
		r.isJSON = !r.response.Truncated && rawjson.Check(r.response.Body, rawjson.MaxDepth) == nil
	}
	return r.isJSON
}

func headerMap(headers []hook.Header) any {
	m := make(map[ref.Val]ref.Val, len(headers))
	for _, h := range headers {
		name := types.String(strings.ToLower(h.Name))
		if old, ok := m[name]; ok {
			m[name] = old.(types.String) + ", " + types.String(h.Value)
			continue
		}
		m[name] = types.String(h.Value)
	}
	return types.NewRefValMap(types.DefaultTypeAdapter, m)
}

// IsHTML reports whether a body is an HTML page: after a byte order mark, white
// space and comments it begins with <!doctype html or <html, in any case. The
// Content-Type does not count, and a fragment like <p> is a text.
func IsHTML(body []byte) bool {
	b := bytes.TrimPrefix(body, []byte("\ufeff"))
	for {
		b = bytes.TrimLeft(b, " \t\r\n\f")
		if !bytes.HasPrefix(b, []byte("<!--")) {
			break
		}
		end := bytes.Index(b[4:], []byte("-->"))
		if end < 0 {
			return false
		}
		b = b[4+end+3:]
	}
	if tag, ok := cutFold(b, "<!doctype"); ok {
		name := bytes.TrimLeft(tag, " \t\r\n\f")
		rest, ok := cutFold(name, "html")
		return ok && len(name) < len(tag) && endsName(rest)
	}
	rest, ok := cutFold(b, "<html")
	return ok && endsName(rest)
}

// cutFold is bytes.CutPrefix for an ASCII prefix in any case.
func cutFold(b []byte, prefix string) ([]byte, bool) {
	if len(b) < len(prefix) || !strings.EqualFold(string(b[:len(prefix)]), prefix) {
		return b, false
	}
	return b[len(prefix):], true
}

// endsName reports whether the name of a tag ends before rest: <htmlx is another tag.
func endsName(rest []byte) bool {
	return len(rest) == 0 || strings.IndexByte(" \t\r\n\f/>", rest[0]) >= 0
}
