// Package http sends messages as HTTP requests, and knows everything that is needed
// for that: connections and who keeps them, which addresses may be reached, how a
// request is written and an answer read, and what each failure is called.
//
// Receivers are strangers. So the package promises that it
//
//   - dials only the addresses that its [Guard] allows,
//   - bounds the time and memory that an answer takes,
//   - judges no request by bytes that were not sent in answer to it, as far as a look before the
//     request can see that; tenants never share a connection,
//   - follows no redirect, keeps no cookies, uses no proxy but the operator's and decompresses nothing,
//   - sends a request a second time only as [send.Attributes.Resend] permits,
//   - names every failure by a stable class and one English sentence.
package http

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	nethttp "net/http"
	"net/netip"
	"time"

	"gancho/internal/egress"
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

	maxInformational = 16 // 1xx answers before the real one
)

// Options of [New].
type Options struct {
	Allow    []netip.Prefix // networks that may be reached although they are not public
	Resolver *net.Resolver  // nil: the system's
	RootCAs  *x509.CertPool // who may sign receivers' certificates; nil: those that the system trusts
	// Egress knows which ports are allowed, and to which hosts the messages of a tenant may go.
	// nil: to any host, and to the ports that are allowed without an operator's leave.
	Egress *egress.Keeper
	// Proxy is the operator's forward proxy, through which all requests go; nil: none. Its own
	// address may be any.
	Proxy *Proxy
	// MaxAge is how long a connection may be used; then the name is looked up again. 0:
	// [DefaultMaxAge].
	MaxAge time.Duration
}

// DefaultMaxAge is used where [Options] name no age.
const DefaultMaxAge = time.Minute

// Transport is the [send.Transport] for targets that begin with http: or https:. A
// user name and password in the target become Basic credentials.
//
// Headers are sent in the spelling of the message. A Host header replaces the host of
// the target. Headers that belong to the connection or frame the request
// (Content-Length, Transfer-Encoding, Connection and so on, RFC 9110 section 7.6.1)
// are left out. Nothing is added but Host and Content-Length.
//
// It speaks HTTP/1.1 only: header names keep their spelling, and one slow endpoint cannot delay
// another on a shared connection. Connections are kept open for a while, and shared by the
// endpoints of one tenant with the same scheme, host and port. An answer is complete when its body
// has ended or is longer than [hook.ReadBody]; a longer body is cut and marked as truncated. An
// answer that comes before the whole request was written counts. RetryAfter is read from answers
// with any status; see [retryAfter].
type Transport struct {
	guard     *Guard
	egress    *egress.Keeper
	resolver  *net.Resolver
	proxy     *Proxy // nil: none
	tls       *tls.Config
	pool      *pool
	closing   context.Context // ends with Close: no connection is set up any more
	close     context.CancelFunc
	grace     time.Duration // AnswerGrace, but for tests
	connected func()        // called when a new connection is there; for tests
}

// New makes a transport. It starts no goroutine.
func New(o Options) *Transport {
	t := &Transport{
		guard:    NewGuard(o.Allow),
		egress:   o.Egress,
		resolver: o.Resolver,
		proxy:    o.Proxy,
		tls: &tls.Config{
			RootCAs:            o.RootCAs,
			MinVersion:         tls.VersionTLS12,
			NextProtos:         []string{"http/1.1"},
			ClientSessionCache: tls.NewLRUClientSessionCache(1024),
		},
		pool:  newPool(cmp.Or(o.MaxAge, DefaultMaxAge)),
		grace: AnswerGrace,
	}
	t.closing, t.close = context.WithCancel(context.Background())
	return t
}

// Name is "http", also for targets that begin with https:.
func (*Transport) Name() string { return "http" }

// Close closes idle connections and gives up those being set up. Requests that are
// being made go on; end them through their context.
func (t *Transport) Close() {
	t.close()
	t.pool.close()
}

// Send makes one request; see [send.Transport].
func (t *Transport) Send(ctx context.Context, m *send.Message) *send.Reply {
	reply := &send.Reply{StartedAt: time.Now()}
	r, refusal := newRequest(m)
	if r == nil {
		reply.Class, reply.Detail, reply.Unsent = hook.ClassRender, refusal, true
		reply.Timing.Total = time.Since(reply.StartedAt)
		return reply
	}
	var x *exchange
	var header nethttp.Header
	var err error
	for again, fresh := true, false; again; {
		x = &exchange{ctx: ctx, start: reply.StartedAt, limits: t.limitsOf(m), clock: m.Clock, all: m.WholeAnswer}
		if err = t.connection(x, r, fresh); err == nil {
			reply.Response, header, err = x.run(r)
		}
		again = false
		if err != nil && x.reused && !isDeadline(err) && ctx.Err() == nil && !x.timeUp() {
			switch {
			case !x.wrote.Load(): // the receiver had closed the connection before
				again = true
			case m.Resend && !reply.Resent && x.firstByte == 0:
				reply.Resent, fresh, again = true, true, true
			}
		}
		reply.Timing = x.timing()
		t.release(x)
	}

	if reply.Response != nil {
		reply.RetryAfter = retryAfter(header, time.Now())
	}
	reply.Unsent = !x.wrote.Load() && !reply.Resent
	reply.Sent = r.sent
	if err != nil {
		f := x.failure(r, reply.Response, err)
		f.interrupted = f.interrupted || x.conn == nil && t.closing.Err() != nil
		reply.Class, reply.Detail = classify(f)
		if h, ok := errors.AsType[*refusedHost](err); ok {
			reply.NotNow = h.err
		}
	}
	return reply
}

// connection gives the exchange a connection: one that was kept, unless fresh, or a new one.
func (t *Transport) connection(x *exchange, r *outgoing, fresh bool) error {
	if err := x.ctx.Err(); err != nil {
		return err
	}
	now := time.Now()
	if err := t.checkReach(x.ctx, r); err != nil {
		return err
	}
	for !fresh {
		if x.conn = t.pool.take(r.to, now); x.conn == nil {
			break
		}
		if !r.refuses(x.conn.peer) {
			x.reused = true
			return nil
		}
		x.conn.Close() // the rules have changed since it was made, or it was made under another contract
		x.conn = nil
	}
	c, err := t.connect(x, r)
	if err != nil {
		return err
	}
	x.conn, x.stage = c, stageWrite
	t.pool.age(c, now)
	if t.connected != nil {
		t.connected()
	}
	if errors.Is(c.probe(), errUnasked) { // if the receiver has closed, writing or reading will tell
		return errUnasked
	}
	return nil
}

// release keeps the connection for the next request, or closes it.
func (t *Transport) release(x *exchange) {
	switch {
	case x.conn == nil:
	case x.keep:
		t.pool.put(x.conn, time.Now())
	default:
		x.conn.Close()
	}
}

// Headers are the header lines that Send would write, Host and Content-Length
// included; see [send.Transport].
func (t *Transport) Headers(m *send.Message) (headers []hook.Header, refusal string) {
	r, refusal := newRequest(m)
	if r == nil {
		return nil, refusal
	}
	return r.sent, ""
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
