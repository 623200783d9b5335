package deliver

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/netip"
	"time"

	"gancho/internal/hook"
)

// Clock says what the time limit of a [Shot] covers.
type Clock int

const (
	// ClockTotal is one deadline from the start of the attempt, name lookup
	// and connecting included, to the last byte of the body.
	ClockTotal Clock = iota
	// ClockResponse runs from the moment the request is written until the
	// status line of the answer begins to arrive (informational 1xx answers do
	// not stop it). Setting up the connection, and writing the request, may
	// take ConnectTimeout each; headers and body then get [AnswerGrace].
	ClockResponse
)

// Limits of one request.
const (
	// DefaultConnectTimeout is used where a shot names none.
	DefaultConnectTimeout = 10 * time.Second
	// AnswerGrace is how long headers and body may take under [ClockResponse].
	// A body that is not at its end by then is cut, which is no failure.
	AnswerGrace = 10 * time.Second
	// MaxResponseHeader is the limit for the headers of an answer, in bytes.
	MaxResponseHeader = 64 << 10

	maxInformational = 16   // 1xx answers before the real one
	idlePerHost      = 4096 // many endpoints may live on one host, and dialing costs more than keeping
	idleTimeout      = 30 * time.Second
)

// Shot is one HTTP request to be made. The sender only reads it, but may still
// read Body shortly after [Sender.Send] has returned (when the receiver answers
// before it has taken the whole request), so Body must never be written again.
type Shot struct {
	Method string
	URL    string // http or https; user and password in it become Basic credentials
	// Headers are sent spelled as here. Host replaces the host of the URL.
	// Those that belong to the connection or frame the message (Content-Length,
	// Transfer-Encoding, Connection and so on, RFC 9110 section 7.6.1) are left
	// out. Nothing is added but Host and Content-Length.
	Headers        []hook.Header
	Body           []byte
	Timeout        time.Duration // what Clock covers; 0: [hook.DefaultTimeout]
	ConnectTimeout time.Duration // name lookup, connect and TLS together; 0: [DefaultConnectTimeout]
	Clock          Clock
	// Resend permits one immediate second try, on a fresh connection, when a
	// kept-alive connection turned out to be closed before any byte of the
	// answer came. That is nearly always the receiver closing an idle
	// connection at the same moment, but it cannot be told from a receiver
	// that took the request and died, so it must be off for at-most-once.
	// (A request of which nothing was written is always tried again.)
	Resend bool
}

// Exchange is what became of a [Shot].
type Exchange struct {
	StartedAt time.Time
	// Sent is every header line in the order and spelling of the wire, Host and
	// Content-Length included, secrets not masked. If no connection came about,
	// it is what would have been sent; if the request could not be shaped, nil.
	Sent []hook.Header
	// Response is nil if no status line and headers came. With Class not empty
	// it is an answer that broke off: the status, and the body as far as it came.
	Response *hook.Response
	Timing   hook.Timing
	// Class is empty if a complete HTTP answer came, whatever its status: that
	// is for the contract to judge. A body beyond [hook.ReadBody] counts as
	// complete; it is cut and marked as truncated.
	Class      string
	Detail     string        // one English sentence; empty with Class
	RetryAfter time.Duration // wish of a 429 or 503 answer (RFC 9110 section 10.2.3); 0: none
	// Unsent says that not one byte of the request left this machine, so the
	// receiver cannot have acted on it.
	Unsent bool
	Resent bool // the second try of [Shot.Resend] was made
}

// SenderOptions are what all requests of a [Sender] have in common.
type SenderOptions struct {
	Allow    []netip.Prefix // networks that may be reached although they are not public
	Resolver *net.Resolver  // nil: the system's
	RootCAs  *x509.CertPool // who may sign receivers' certificates; nil: as the system says
}

// Sender makes HTTP requests to receivers, which are strangers: it dials only
// what its [Guard] allows, follows no redirect, keeps no cookies, uses no proxy,
// inflates nothing, and bounds time and memory of every answer.
//
// It speaks HTTP/1.1 only: header names keep their spelling, and one slow
// endpoint cannot hold up another on a shared connection. Connections are kept
// alive and shared by all endpoints with the same scheme, host and port.
//
// A Sender is safe for concurrent use.
type Sender struct {
	guard    *Guard
	resolver *net.Resolver
	tls      *tls.Config
	pooled   *http.Transport
	fresh    *http.Transport // never reuses a connection
	closing  context.Context
	close    context.CancelFunc
	grace    time.Duration // AnswerGrace, but for tests
}

// NewSender makes a sender. It starts no goroutine; connections do.
func NewSender(o SenderOptions) *Sender {
	s := &Sender{
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
	s.closing, s.close = context.WithCancel(context.Background())
	var http1 http.Protocols
	http1.SetHTTP1(true)
	transport := func(idle int) *http.Transport {
		return &http.Transport{
			DialContext:            s.dial,
			DialTLSContext:         s.dialTLS,
			DisableCompression:     true,
			MaxIdleConnsPerHost:    idle,
			IdleConnTimeout:        idleTimeout,
			MaxResponseHeaderBytes: MaxResponseHeader,
			Protocols:              &http1,
		}
	}
	s.pooled, s.fresh = transport(idlePerHost), transport(-1)
	return s
}

// Close closes idle connections and gives up on those being set up. Requests
// under way go on; end them through their context.
func (s *Sender) Close() {
	s.close()
	s.pooled.CloseIdleConnections()
	s.fresh.CloseIdleConnections()
}

// Send makes one request and returns what became of it, never nil. Ending ctx
// ends the attempt with [hook.ClassInterrupted].
func (s *Sender) Send(ctx context.Context, shot *Shot) *Exchange {
	x := &Exchange{StartedAt: time.Now()}
	limits := s.limitsOf(shot)
	f := newFlight(ctx, shot.Clock, limits, x.StartedAt)
	defer func() { f.land() }() // not f.land itself: f changes below

	rt := s.pooled
	req, again := f.request(shot)
	if req == nil {
		x.Class, x.Detail, x.Unsent = hook.ClassRender, again, true
		x.Timing.Total = time.Since(x.StartedAt)
		return x
	}
	if req.Body == nil && resentByTransport(req) {
		rt = s.fresh
	}
	//lint:ignore bodyclose f.answer closes it; when this fails and the loop tries again there is none
	resp, err := rt.RoundTrip(req)
	for err != nil && f.reused && ctx.Err() == nil && f.Err() == nil {
		switch {
		case !f.wrote.Load(): // the receiver had closed it before
		case shot.Resend && !x.Resent && f.firstByte.Load() == 0:
			x.Resent = true
			rt = s.fresh
		default:
			rt = nil
		}
		if rt == nil {
			break
		}
		f.land()
		f = newFlight(ctx, shot.Clock, limits, x.StartedAt)
		req, _ = f.request(shot)
		//lint:ignore bodyclose f.answer closes it, once one has come
		resp, err = rt.RoundTrip(req)
	}

	if err == nil {
		x.Response, err = f.answer(resp)
		if s := x.Response.Status; s == http.StatusTooManyRequests || s == http.StatusServiceUnavailable {
			x.RetryAfter = retryAfter(resp.Header, time.Now())
		}
	}
	if err != nil && f.conn == nil && f.dial.Load() == nil && f.Err() == nil {
		// net/http looks at the headers before it asks for a connection.
		x.Class, x.Detail, x.Unsent = hook.ClassRender, notSendable(shot, err), true
		x.Timing.Total = time.Since(x.StartedAt)
		return x
	}
	x.Timing = f.timing()
	x.Unsent = !f.wrote.Load() && !x.Resent
	x.Sent = f.sent(req)
	if err != nil {
		fault := f.fault(ctx, req, x.Response, err)
		fault.interrupted = fault.interrupted || f.conn == nil && s.closing.Err() != nil
		x.Class, x.Detail = classify(fault)
	}
	return x
}

type limits struct {
	timeout time.Duration
	connect time.Duration
	grace   time.Duration
}

// limitsOf fills in what the shot leaves out.
func (s *Sender) limitsOf(shot *Shot) limits {
	l := limits{timeout: shot.Timeout, connect: shot.ConnectTimeout, grace: s.grace}
	if l.timeout <= 0 {
		l.timeout = hook.DefaultTimeout
	}
	if l.connect <= 0 {
		l.connect = DefaultConnectTimeout
	}
	return l
}
