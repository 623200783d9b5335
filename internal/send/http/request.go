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

// request shapes the HTTP request, or returns nil and what is wrong.
func (x *exchange) request(m *send.Message) (req *nethttp.Request, wrong string) {
	req, err := nethttp.NewRequestWithContext(x, m.Method, m.Target, nil)
	if err != nil {
		if _, ok := errors.AsType[*url.Error](err); ok { // not shown: URLs carry secrets
			return nil, "The URL of the request cannot be read as one, so nothing was sent."
		}
		return nil, "The request could not be made (" + plain(err) + "), so nothing was sent."
	}
	if (req.URL.Scheme != "http" && req.URL.Scheme != "https") || req.URL.Host == "" {
		return nil, "The URL of the request does not begin with http:// or https:// and a host, so nothing was sent."
	}
	h := make(nethttp.Header, len(m.Headers)+1)
	h["User-Agent"] = nil // else net/http adds its own
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
	// There is no GetBody beside Body on purpose: without one the transport never
	// sends a request a second time on its own account, not even one with an
	// Idempotency-Key header. And it must be a NopCloser over a bytes.Reader, for
	// then the transport knows that the body is at hand, and writes it together
	// with the head.
	if len(m.Body) > 0 {
		x.body.Reset(m.Body)
		req.Body = io.NopCloser(&x.body)
		req.ContentLength = int64(len(m.Body))
	} else {
		switch req.Method {
		case nethttp.MethodGet, nethttp.MethodHead, nethttp.MethodOptions:
			// These it would send again if they had no body. So they have one;
			// the transport finds it empty and sends none.
			req.Body = io.NopCloser(&x.body)
		}
	}
	return req, ""
}

// resentByNetHTTP tells whether net/http would take the liberty of sending a
// request without body a second time.
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

// kindOfHeader goes by the length first: this runs for every header of every request.
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

// notSendable says what net/http has against a request.
func notSendable(m *send.Message, err error) string {
	for _, h := range m.Headers {
		if !validHeader(h) {
			return "The header " + strconv.Quote(h.Name) + " has a name or value that HTTP does not permit, so nothing was sent."
		}
	}
	return "The request could not be made (" + plain(err) + "), so nothing was sent."
}

// validHeader checks name and value as RFC 9110 sections 5.1 and 5.5 say.
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
