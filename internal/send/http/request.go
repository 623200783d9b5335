package http

import (
	"cmp"
	"encoding/base64"
	"net"
	nethttp "net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"
	"golang.org/x/net/idna"

	"gancho/internal/egress"
	"gancho/internal/hook"
	"gancho/internal/send"
)

// outgoing is a message as it goes over the wire.
type outgoing struct {
	to     target
	host   string // of the URL, with the port if that has one: the name that people know
	name   string // the host without port, in ASCII
	method string
	head   []byte // request line and headers, up to the empty line
	body   []byte
	sent   []hook.Header    // the headers in head
	rules  [2]*egress.Rules // of the tenant, of the contract: where it may go
	answer nethttp.Request  // what is needed of the request to read an answer to it
}

// newRequest makes the request. If the message cannot be sent, it returns nil and one sentence
// that says why.
func newRequest(m *send.Message) (r *outgoing, refusal string) {
	u, err := url.Parse(m.Target)
	if err != nil { // its text has the URL, which may hold a secret
		return nil, "The URL of the request cannot be read as one, so nothing was sent."
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, "The URL of the request does not begin with http:// or https:// and a host, so nothing was sent."
	}
	r = &outgoing{host: u.Host, method: m.Method, body: m.Body, rules: [2]*egress.Rules{1: m.Egress}}
	if r.method == "" {
		r.method = nethttp.MethodGet
	}
	if !httpguts.ValidHeaderFieldName(r.method) {
		return nil, "The request could not be made (invalid method " + strconv.Quote(r.method) + "), so nothing was sent."
	}
	if r.name, err = asciiHost(u.Hostname()); err != nil {
		return nil, "The host of the URL is no name that the DNS can hold, so nothing was sent."
	}
	r.to = target{tenant: m.Tenant, secure: u.Scheme == "https", addr: net.JoinHostPort(r.name, portOf(u))}
	if r.to.secure {
		r.to.identity = m.Identity
	}
	r.answer.Method = r.method

	if r.sent, refusal = sentHeaders(m, r.method, u); refusal != "" {
		return nil, refusal
	}
	r.writeHead(u)
	return r, ""
}

// sentHeaders lists the headers of a request as net/http orders them: Host, User-Agent, Content-Length, and the others
// sorted by name. If the message cannot be sent, it says why.
func sentHeaders(m *send.Message, method string, u *url.URL) (list []hook.Header, refusal string) {
	host, agent, auth := "", "", false
	others := make([]hook.Header, 0, len(m.Headers)+1)
	for _, h := range m.Headers {
		if !validHeader(h) {
			return nil, "The header " + strconv.Quote(h.Name) + " has a name or value that HTTP does not permit, so nothing was sent."
		}
		h.Value = textproto.TrimString(h.Value)
		switch kindOfHeader(h.Name) {
		case headerFraming:
			continue
		case headerHost:
			host = h.Value
			continue
		case headerAuth:
			auth = true
		case headerOther:
		}
		if h.Name == "User-Agent" { // in another spelling it is a header like any other
			agent = cmp.Or(agent, h.Value)
			continue
		}
		others = append(others, h)
	}
	if user := u.User; user != nil && !auth {
		password, _ := user.Password()
		basic := base64.StdEncoding.EncodeToString([]byte(user.Username() + ":" + password))
		others = append(others, hook.Header{Name: "Authorization", Value: "Basic " + basic})
	}
	slices.SortStableFunc(others, func(a, b hook.Header) int { return strings.Compare(a.Name, b.Name) })
	if host == "" {
		var err error
		if host, err = httpguts.PunycodeHostPort(withoutZone(u.Host)); err != nil {
			return nil, "The host of the URL is no name that the DNS can hold, so nothing was sent."
		}
	}
	if !httpguts.ValidHostHeader(host) {
		return nil, "The header \"Host\" has a value that HTTP does not permit, so nothing was sent."
	}

	list = make([]hook.Header, 0, len(others)+3)
	list = append(list, hook.Header{Name: "Host", Value: host})
	if agent != "" {
		list = append(list, hook.Header{Name: "User-Agent", Value: agent})
	}
	if needsLength(method) || len(m.Body) > 0 {
		list = append(list, hook.Header{Name: "Content-Length", Value: strconv.Itoa(len(m.Body))})
	}
	return append(list, others...), ""
}

// writeHead makes the head of the request line and the headers. It leaves room behind the head for a body that is
// written together with it.
func (r *outgoing) writeHead(u *url.URL) {
	path := u.EscapedPath()
	if path == "" {
		path = "/"
	}
	size := len(r.method) + len(path) + 3*len(u.RawQuery) + 16
	for _, h := range r.sent {
		size += len(h.Name) + len(h.Value) + 4
	}
	if len(r.body) <= oneWrite {
		size += len(r.body)
	}
	b := make([]byte, 0, size)
	b = append(append(append(b, r.method...), ' '), path...)
	if u.ForceQuery || u.RawQuery != "" {
		b = appendQuery(append(b, '?'), u.RawQuery)
	}
	b = append(b, " HTTP/1.1\r\n"...)
	for _, h := range r.sent {
		b = append(append(b, h.Name...), ": "...)
		b = append(append(b, h.Value...), "\r\n"...)
	}
	r.head = append(b, "\r\n"...)
}

// oneWrite is the largest body that is written together with the head.
const oneWrite = 16 << 10

// needsLength reports whether many servers expect Content-Length also without a body.
func needsLength(method string) bool {
	return method == nethttp.MethodPost || method == nethttp.MethodPut || method == nethttp.MethodPatch
}

func portOf(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "https":
		return "443"
	}
	return "80"
}

// asciiHost is a name or address as the DNS has it: a name in another script is in punycode.
func asciiHost(name string) (string, error) {
	for i := range len(name) {
		if name[i] >= 0x80 {
			return idna.Lookup.ToASCII(name)
		}
	}
	return name, nil
}

// withoutZone removes the zone of an IPv6 address, which means something on this machine only.
func withoutZone(host string) string {
	if !strings.HasPrefix(host, "[") {
		return host
	}
	end := strings.LastIndexByte(host, ']')
	zone := strings.IndexByte(host, '%')
	if zone < 0 || end < zone {
		return host
	}
	return host[:zone] + host[end:]
}

// appendQuery appends a query. Bytes that a query cannot contain (RFC 3986 section 3.4) are
// percent-encoded, as those of the path are. All others stay, also what is encoded already.
func appendQuery(b []byte, query string) []byte {
	const hex = "0123456789ABCDEF"
	for i := range len(query) {
		c := query[i]
		if c <= ' ' || c >= 0x7f || strings.IndexByte("\"<>\\^`{|}", c) >= 0 {
			b = append(b, '%', hex[c>>4], hex[c&15])
		} else {
			b = append(b, c)
		}
	}
	return b
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
