// Package http sends messages as HTTP requests, and knows everything that is needed
// for that: connections and who keeps them, which addresses may be reached, how a
// request is written and an answer read, and what each failure is called.
//
// Receivers are strangers. So the package promises that it
//
//   - dials only the addresses that its [Guard] allows,
//   - bounds the time and memory that an answer takes,
//   - follows no redirect, keeps no cookies, uses no proxy and decompresses nothing,
//   - sends a request a second time only as [send.Attributes.Resend] permits,
//   - names every failure by a stable class and one English sentence.
package http

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	nethttp "net/http"
	"net/netip"
	"time"

	"gancho/internal/hook"
	"gancho/internal/send"
)

// Limits of one request.
const (
	// DefaultConnectTimeout is used where a message names none.
	DefaultConnectTimeout = 10 * time.Second
	// AnswerGrace is how long headers and body of an answer may take together with
	// [send.ClockResponse]. A body that is not complete by then is cut, and the attempt does
	// not fail for that.
	AnswerGrace = 10 * time.Second
	// MaxResponseHeader is the limit for the headers of an answer, in bytes.
	MaxResponseHeader = 64 << 10

	maxInformational = 16   // 1xx answers before the real one
	idlePerHost      = 4096 // many endpoints may be on one host, and a new connection costs more than an idle one
	idleTimeout      = 30 * time.Second
)

// Options of [New].
type Options struct {
	Allow    []netip.Prefix // networks that may be reached although they are not public
	Resolver *net.Resolver  // nil: the system's
	RootCAs  *x509.CertPool // who may sign receivers' certificates; nil: those that the system trusts
}

// Transport is the [send.Transport] for targets that begin with http: or https:. A
// user name and password in the target become Basic credentials.
//
// Headers are sent in the spelling of the message. A Host header replaces the host of
// the target. Headers that belong to the connection or frame the request
// (Content-Length, Transfer-Encoding, Connection and so on, RFC 9110 section 7.6.1)
// are left out. Nothing is added but Host and Content-Length.
//
// It speaks HTTP/1.1 only: header names keep their spelling, and one slow endpoint cannot delay
// another on a shared connection. Connections are kept open, and shared by all endpoints with
// the same scheme, host and port. An answer is complete when its body has ended or is longer
// than [hook.ReadBody]; a longer body is cut and marked as truncated. RetryAfter is read from
// answers with status 429 or 503 (RFC 9110 section 10.2.3).
type Transport struct {
	guard    *Guard
	resolver *net.Resolver
	tls      *tls.Config
	pooled   *nethttp.Transport
	fresh    *nethttp.Transport // never reuses a connection
	closing  context.Context    // ends with Close: no connection is set up any more
	close    context.CancelFunc
	grace    time.Duration // AnswerGrace, but for tests
}

// New makes a transport. It starts no goroutine; its connections do.
func New(o Options) *Transport {
	t := &Transport{
		guard:    NewGuard(o.Allow),
		resolver: o.Resolver,
		tls: &tls.Config{
			RootCAs:            o.RootCAs,
			MinVersion:         tls.VersionTLS12,
			NextProtos:         []string{"http/1.1"},
			ClientSessionCache: tls.NewLRUClientSessionCache(1024),
		},
		grace: AnswerGrace,
	}
	t.closing, t.close = context.WithCancel(context.Background())
	var http1 nethttp.Protocols
	http1.SetHTTP1(true)
	transport := func(idle int) *nethttp.Transport {
		return &nethttp.Transport{
			DialContext:            t.dial,
			DialTLSContext:         t.dialTLS,
			DisableCompression:     true,
			MaxIdleConnsPerHost:    idle,
			IdleConnTimeout:        idleTimeout,
			MaxResponseHeaderBytes: MaxResponseHeader,
			Protocols:              &http1,
		}
	}
	t.pooled, t.fresh = transport(idlePerHost), transport(-1)
	return t
}

// Name is "http", also for targets that begin with https:.
func (*Transport) Name() string { return "http" }

// Close closes idle connections and gives up those being set up. Requests that are
// being made go on; end them through their context.
func (t *Transport) Close() {
	t.close()
	t.pooled.CloseIdleConnections()
	t.fresh.CloseIdleConnections()
}

// Send makes one request; see [send.Transport].
func (t *Transport) Send(ctx context.Context, m *send.Message) *send.Reply {
	reply := &send.Reply{StartedAt: time.Now()}
	limits := t.limitsOf(m)
	x := newExchange(ctx, m.Clock, limits, reply.StartedAt)
	defer func() { x.end() }() // not x.end itself, since x is replaced below

	rt := t.pooled
	req, refusal := x.request(m)
	if req == nil {
		reply.Class, reply.Detail, reply.Unsent = hook.ClassRender, refusal, true
		reply.Timing.Total = time.Since(reply.StartedAt)
		return reply
	}
	if req.Body == nil && resentByNetHTTP(req) {
		rt = t.fresh
	}
	//lint:ignore bodyclose x.answer closes it; when this fails and the loop tries again there is none
	resp, err := rt.RoundTrip(req)
	for err != nil && x.reused && ctx.Err() == nil && x.Err() == nil {
		switch {
		case !x.wrote.Load(): // the receiver had closed the connection before
		case m.Resend && !reply.Resent && x.firstByte.Load() == 0:
			reply.Resent = true
			rt = t.fresh
		default:
			rt = nil
		}
		if rt == nil {
			break
		}
		x.end()
		x = newExchange(ctx, m.Clock, limits, reply.StartedAt)
		req, _ = x.request(m)
		//lint:ignore bodyclose x.answer closes it, once one has come
		resp, err = rt.RoundTrip(req)
	}

	if err == nil {
		reply.Response, err = x.answer(resp)
		if s := reply.Response.Status; s == nethttp.StatusTooManyRequests || s == nethttp.StatusServiceUnavailable {
			reply.RetryAfter = retryAfter(resp.Header, time.Now())
		}
	}
	if err != nil && x.conn == nil && x.dial.Load() == nil && x.Err() == nil {
		// net/http checks the headers before it asks for a connection.
		reply.Class, reply.Detail, reply.Unsent = hook.ClassRender, notSendable(m, err), true
		reply.Timing.Total = time.Since(reply.StartedAt)
		return reply
	}
	reply.Timing = x.timing()
	reply.Unsent = !x.wrote.Load() && !reply.Resent
	reply.Sent = x.sent(req)
	if err != nil {
		f := x.failure(ctx, req, reply.Response, err)
		f.interrupted = f.interrupted || x.conn == nil && t.closing.Err() != nil
		reply.Class, reply.Detail = classify(f)
	}
	return reply
}

// Headers are the header lines that Send would write, Host and Content-Length
// included; see [send.Transport].
func (t *Transport) Headers(m *send.Message) (headers []hook.Header, refusal string) {
	for _, h := range m.Headers {
		if !validHeader(h) {
			return nil, notSendable(m, nil)
		}
	}
	x := newExchange(context.Background(), send.ClockTotal, limits{timeout: time.Minute, connect: time.Minute}, time.Now())
	defer x.end()
	req, refusal := x.request(m)
	if req == nil {
		return nil, refusal
	}
	return x.sent(req), ""
}

// limits are how long the parts of one request may take.
type limits struct {
	timeout time.Duration // what the clock covers
	connect time.Duration
	grace   time.Duration // for headers and body, with [send.ClockResponse]
}

// limitsOf fills in what the message leaves out.
func (t *Transport) limitsOf(m *send.Message) limits {
	l := limits{timeout: m.Timeout, connect: m.ConnectTimeout, grace: t.grace}
	if l.timeout <= 0 {
		l.timeout = hook.DefaultTimeout
	}
	if l.connect <= 0 {
		l.connect = DefaultConnectTimeout
	}
	return l
}
