package http

import (
	"encoding/base64"
	"errors"
	"io"
	nethttp "net/http"
	"net/url"
	"strconv"
	"strings"

	"gancho/internal/hook"
	"gancho/internal/send"
)

// request makes the HTTP request. If the message cannot be sent, it returns nil and one
// sentence that says why.
func (x *exchange) request(m *send.Message) (req *nethttp.Request, refusal string) {
	req, err := nethttp.NewRequestWithContext(x, m.Method, m.Target, nil)
	if err != nil {
		if _, ok := errors.AsType[*url.Error](err); ok { // its text has the URL, which may hold a secret
			return nil, "The URL of the request cannot be read as one, so nothing was sent."
		}
		return nil, "The request could not be made (" + plain(err) + "), so nothing was sent."
	}
	if (req.URL.Scheme != "http" && req.URL.Scheme != "https") || req.URL.Host == "" {
		return nil, "The URL of the request does not begin with http:// or https:// and a host, so nothing was sent."
	}
	h := make(nethttp.Header, len(m.Headers)+1)
	h["User-Agent"] = nil // otherwise net/http adds its own
	values := make([]string, len(m.Headers))
	auth := false
	for i, line := range m.Headers {
		switch kindOfHeader(line.Name) {
		case headerFraming:
			continue
		case headerHost:
			req.Host = line.Value
			continue
		case headerAuth:
			auth = true
		case headerOther:
		}
		if have, ok := h[line.Name]; ok && have != nil {
			h[line.Name] = append(have, line.Value)
			continue
		}
		values[i] = line.Value
		h[line.Name] = values[i : i+1 : i+1]
	}
	if user := req.URL.User; user != nil && !auth {
		password, _ := user.Password()
		h["Authorization"] = []string{"Basic " + base64.StdEncoding.EncodeToString([]byte(user.Username()+":"+password))}
	}
	req.Header = h
	// Body has no GetBody beside it on purpose: without one net/http never sends a
	// request with a body a second time by itself, not even one with an Idempotency-Key
	// header. And Body is a NopCloser over a bytes.Reader, because net/http knows that
	// such a body is in memory, and writes it together with the head.
	if len(m.Body) > 0 {
		x.body.Reset(m.Body)
		req.Body = io.NopCloser(&x.body)
		req.ContentLength = int64(len(m.Body))
	} else {
		switch req.Method {
		case nethttp.MethodGet, nethttp.MethodHead, nethttp.MethodOptions:
			// Without a body net/http might send these a second time. So they get an empty
			// one, which net/http notices and does not send.
			req.Body = io.NopCloser(&x.body)
		}
	}
	return req, ""
}

// resentByNetHTTP reports whether net/http may send a request without a body a second
// time by itself. Such a request gets a new connection, since net/http sends again only
// what failed on a connection that was used before.
func resentByNetHTTP(req *nethttp.Request) bool {
	_, a := req.Header["Idempotency-Key"]
	_, b := req.Header["X-Idempotency-Key"]
	return a || b || req.Method == nethttp.MethodTrace
}

type headerKind int

const (
	headerOther headerKind = iota
	headerHost
	headerAuth
	headerFraming
)

// kindOfHeader compares the length first, because it runs for every header of every
// request.
func kindOfHeader(name string) headerKind {
	is := func(s string) bool { return strings.EqualFold(name, s) }
	switch len(name) {
	case 2:
		if is("TE") {
			return headerFraming
		}
	case 4:
		if is("Host") {
			return headerHost
		}
	case 7:
		if is("Trailer") || is("Upgrade") {
			return headerFraming
		}
	case 10:
		if is("Connection") || is("Keep-Alive") {
			return headerFraming
		}
	case 13:
		if is("Authorization") {
			return headerAuth
		}
	case 14:
		if is("Content-Length") {
			return headerFraming
		}
	case 16:
		if is("Proxy-Connection") {
			return headerFraming
		}
	case 17:
		if is("Transfer-Encoding") {
			return headerFraming
		}
	}
	return headerOther
}

// notSendable says in a sentence why net/http refused a message with err.
func notSendable(m *send.Message, err error) string {
	for _, h := range m.Headers {
		if !validHeader(h) {
			return "The header " + strconv.Quote(h.Name) + " has a name or value that HTTP does not permit, so nothing was sent."
		}
	}
	return "The request could not be made (" + plain(err) + "), so nothing was sent."
}

// validHeader reports whether RFC 9110 sections 5.1 and 5.5 permit the name and the value.
func validHeader(h hook.Header) bool {
	if h.Name == "" {
		return false
	}
	for i := range len(h.Name) {
		c := h.Name[i]
		if c >= 0x7f || c <= ' ' || strings.IndexByte(`"(),/:;<=>?@[\]{}`, c) >= 0 {
			return false
		}
	}
	for i := range len(h.Value) {
		if c := h.Value[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}
