package expr

import (
	"bytes"
	"slices"
	"strings"
	"sync"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"gancho/internal/answer"
	"gancho/internal/hook"
	"gancho/internal/rawjson"
)

// Success is the scope of a contract's success rule: the answer of a receiver.
var Success = sync.OnceValue(func() *Scope {
	return NewScope(responseVariables...)
})

// Accept is the scope of the rule that says which answer to a handshake is right.
var Accept = sync.OnceValue(func() *Scope {
	return NewScope(append(slices.Clone(responseVariables),
		Variable{"challenge", Text}, // what was sent
		Variable{"secret", Text},    // the endpoint's newest signing secret; "" if it has none
	)...)
})

// Challenge is what the rule of a handshake compares answers with.
type Challenge struct{ Text, Secret string }

var responseVariables = []Variable{
	{"response.status", Int},   // an error if the answer has none
	{"response.body", Text},    // decoded, as UTF-8; as much as was read
	{"response.empty", Bool},   // nothing, or nothing but white space
	{"response.html", Bool},    // an HTML page, see [IsHTML]
	{"response.is_json", Bool}, // the whole body is one JSON value
	{"response.json", JSON},    // that value, else null
	{"response.headers", JSON}, // names in lower case; null if absent; several are joined by ", "
}

// Answer is the scope of the rules that say what follows from an attempt: the answer, and what there is without one.
var Answer = sync.OnceValue(func() *Scope {
	return NewScope(append(slices.Clone(responseVariables),
		Variable{"error.class", Text},   // of docs/states.md; empty after a success
		Variable{"attempt.number", Int}, // from 1
	)...)
})

// Answered is the [Vars] of an attempt. Without an answer, or without a status, response.status is 0; everything else of
// the answer is empty then.
type Answered struct {
	*Response
	Class   string
	Attempt int64
}

// Value implements [Vars].
func (a *Answered) Value(name string) (any, bool) {
	switch name {
	case "error.class":
		return a.Class, true
	case "attempt.number":
		return a.Attempt, true
	case "response.status":
		return int64(a.response.Status), true
	}
	return a.Response.Value(name)
}

// Response is the [Vars] of one answer.
type Response struct {
	response *hook.Response
	// StatusOnly makes everything except the status [Unknown], to find out whether the
	// status alone decides.
	StatusOnly bool
	// Challenge is what was asked in a handshake; nil: this is none.
	Challenge *Challenge

	read, whole     bool // text is read; it is all
	text            []byte
	checked, isJSON bool
	headers         any
}

// noStatus makes every condition fail that depends on the status of an answer
// without one. If it had a value instead, such as 0, a rule like status < 300 would hold.
var noStatus = types.NewErr("the answer has no status, and the rule asks for response.status")

// NewResponse makes the [Vars] of an answer, which must not change while it is used.
// nil stands for none: everything of it is empty.
func NewResponse(r *hook.Response) *Response {
	if r == nil {
		r = &hook.Response{}
	}
	return &Response{response: r}
}

// Value implements [Vars].
func (r *Response) Value(name string) (any, bool) {
	if name == "response.status" {
		if !r.response.HasStatus() {
			return noStatus, true
		}
		return int64(r.response.Status), true
	}
	if c := r.Challenge; c != nil {
		switch name {
		case "challenge":
			return c.Text, true
		case "secret":
			return c.Secret, true
		}
	}
	if r.StatusOnly {
		return Unknown(), strings.HasPrefix(name, "response.")
	}
	switch name {
	case "response.body":
		return strings.ToValidUTF8(string(r.decoded()), "\ufffd"), true
	case "response.empty":
		return len(bytes.TrimSpace(r.decoded())) == 0, true
	case "response.html":
		return IsHTML(r.decoded()), true
	case "response.is_json":
		return r.json(), true
	case "response.json":
		if !r.json() {
			return types.NullValue, true
		}
		return Raw(r.decoded()), true
	case "response.headers":
		if r.headers == nil {
			r.headers = headerMap(r.response.Headers)
		}
		return r.headers, true
	}
	return nil, false
}

// decoded is the body without compression and byte order mark, in UTF-8, see [answer.Judged]. It is decoded when a
// condition needs it.
func (r *Response) decoded() []byte {
	if !r.read {
		r.read = true
		r.text, r.whole = answer.Judged(r.response)
	}
	return r.text
}

// Cut reports whether a condition looked at the body and saw only the beginning of it, because the rest was not read or
// could not be decoded.
func (r *Response) Cut() bool { return r.read && !r.whole }

// json reports whether the body is JSON. A truncated body counts as not JSON: nobody knows
// the rest, and a rule must not be true because of something that was not read.
func (r *Response) json() bool {
	if !r.checked {
		r.checked = true
		text := r.decoded()
		r.isJSON = r.whole && rawjson.Check(text, rawjson.MaxDepth) == nil
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

// HTML reports whether the answer is an HTML page, see [IsHTML].
func (r *Response) HTML() bool { return IsHTML(r.decoded()) }

// IsHTML reports whether a text is an HTML page: after a byte order mark, white space, comments and a line like
// <?xml version="1.0"?> it begins with <!doctype html or <html, in any case. The
// Content-Type does not count, and a fragment like <p> is a text.
func IsHTML(body []byte) bool {
	b := bytes.TrimPrefix(body, []byte("\ufeff"))
	for {
		b = bytes.TrimLeft(b, " \t\r\n\f")
		begin, end := "<!--", "-->"
		if bytes.HasPrefix(b, []byte("<?")) {
			begin, end = "<?", "?>"
		}
		if !bytes.HasPrefix(b, []byte(begin)) {
			break
		}
		_, after, ok := bytes.Cut(b[len(begin):], []byte(end))
		if !ok {
			return false
		}
		b = after
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
