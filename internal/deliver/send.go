package deliver

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/textproto"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
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

type flightKey struct{}

type rawConn = syscall.RawConn

var errDeadline = errors.New("the time limit of the attempt is over")

// flight is one try of one request: its context, its clock, and what its
// connection saw of it. Connections and dials may outlive it and hold on to it,
// so a flight is never used twice.
type flight struct {
	context.Context                         // ends with the clock or with Send's own context
	cancel          context.CancelFunc      // under ClockTotal
	cancelCause     context.CancelCauseFunc // under ClockResponse

	start        time.Time
	limits       limits
	clock        Clock
	connectLimit time.Duration

	trace  httptrace.ClientTrace
	conn   *conn // nil: none yet
	reused bool
	body   bytes.Reader

	dial      atomic.Pointer[dialing] // the dial made for this try, if any
	wrote     atomic.Bool             // a byte of the request has left
	firstByte atomic.Int64            // nanoseconds from start to the first byte back; 0: none

	mu       sync.Mutex
	head     string // request head, once it is written
	headPart []byte // what there is of it until then

	// Under ClockResponse only, guarded by mu:
	timer     *time.Timer
	phase     stage
	waitEnds  time.Time // when the clock runs out, once the request is written
	infoCount int
	overAt    stage // phase in which the timer ran out
	over      bool
}

func newFlight(ctx context.Context, clock Clock, l limits, start time.Time) *flight {
	f := &flight{start: start, limits: l, clock: clock, connectLimit: l.connect, phase: stageConnect}
	f.trace.GotConn = f.gotConn
	if clock == ClockTotal {
		f.connectLimit = min(l.connect, l.timeout)
		c, cancel := context.WithDeadlineCause(ctx, start.Add(l.timeout), errDeadline)
		f.cancel = cancel
		f.Context = httptrace.WithClientTrace(c, &f.trace)
		return f
	}
	c, cancel := context.WithCancelCause(ctx)
	f.cancelCause = cancel
	f.trace.WroteRequest = f.wroteRequest
	f.trace.GotFirstResponseByte = f.gotFirstByte
	f.trace.Got1xxResponse = f.gotInformational
	f.Context = httptrace.WithClientTrace(c, &f.trace)
	// The dial has its own limit and reports better, so it comes first.
	f.timer = time.AfterFunc(l.connect+time.Second, f.timeUp)
	return f
}

// land ends everything the flight holds.
func (f *flight) land() {
	if f.clock == ClockTotal {
		f.cancel()
		return
	}
	f.mu.Lock()
	f.timer.Stop()
	f.phase = stageBody + 1
	f.mu.Unlock()
	f.cancelCause(context.Canceled)
}

// Value lets a dial find the flight it is for.
func (f *flight) Value(key any) any {
	if _, ok := key.(flightKey); ok {
		return f
	}
	return f.Context.Value(key)
}

// gotConn is called before anything of the request is written.
func (f *flight) gotConn(info httptrace.GotConnInfo) {
	c, ok := info.Conn.(*conn)
	if !ok {
		return
	}
	f.conn, f.reused = c, info.Reused
	c.cur.Store(f)
	f.enter(stageWrite, f.limits.connect)
}

func (f *flight) wroteRequest(info httptrace.WroteRequestInfo) {
	if info.Err == nil {
		f.enter(stageWait, f.limits.timeout)
	}
}

func (f *flight) gotFirstByte() { f.enter(stageAnswer, f.limits.grace) }

// gotInformational puts the clock back on: what came was not the answer yet.
func (f *flight) gotInformational(int, textproto.MIMEHeader) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.infoCount++; f.infoCount > maxInformational {
		return errTooManyInformational
	}
	if f.phase == stageAnswer && !f.over && !f.waitEnds.IsZero() {
		f.phase = stageWait
		f.timer.Reset(max(1, time.Until(f.waitEnds)))
	}
	return nil
}

// enter moves the clock of ClockResponse to a later phase.
func (f *flight) enter(phase stage, limit time.Duration) {
	if f.timer == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if phase == stageWait {
		f.waitEnds = time.Now().Add(limit)
	}
	if f.over || phase <= f.phase { // an answer may begin before the request is written
		return
	}
	f.phase = phase
	f.timer.Reset(limit)
}

func (f *flight) timeUp() {
	f.mu.Lock()
	if f.over || f.phase > stageBody {
		f.mu.Unlock()
		return
	}
	f.over, f.overAt = true, f.phase
	f.mu.Unlock()
	f.cancelCause(errDeadline)
}

// capture keeps the head of the request as it is written.
func (f *flight) capture(p []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.head != "" {
		return
	}
	if f.headPart == nil { // as a rule it is written in one piece
		if i := bytes.Index(p, endOfHead); i >= 0 {
			f.head = string(p[:i+2])
			return
		}
	}
	seen := max(0, len(f.headPart)-3)
	f.headPart = append(f.headPart, p...)
	if i := bytes.Index(f.headPart[seen:], endOfHead); i >= 0 {
		f.head, f.headPart = string(f.headPart[:seen+i+2]), nil
	}
}

var endOfHead = []byte("\r\n\r\n")

// sent is the request head as header lines.
func (f *flight) sent(req *http.Request) []hook.Header {
	f.mu.Lock()
	text := f.head
	f.mu.Unlock()
	if text == "" { // nothing was written, or not all of it: have it written here
		var w bytes.Buffer
		r := req.WithContext(context.Background())
		r.Body = nil
		if req.ContentLength > 0 {
			r.Body = io.NopCloser(strings.NewReader(""))
		}
		_ = r.Write(&w) // fails after the head, for want of a body
		text, _, _ = strings.Cut(w.String(), "\r\n\r\n")
	}
	_, text, _ = strings.Cut(text, "\r\n") // the request line
	list := make([]hook.Header, 0, strings.Count(text, "\r\n")+1)
	for text != "" {
		var line string
		line, text, _ = strings.Cut(text, "\r\n")
		if name, value, ok := strings.Cut(line, ":"); ok {
			list = append(list, hook.Header{Name: name, Value: strings.TrimPrefix(value, " ")})
		}
	}
	return list
}

// request shapes the HTTP request, or returns nil and what is wrong.
func (f *flight) request(shot *Shot) (req *http.Request, wrong string) {
	req, err := http.NewRequestWithContext(f, shot.Method, shot.URL, nil)
	if err != nil {
		if _, ok := errors.AsType[*url.Error](err); ok { // not shown: URLs carry secrets
			return nil, "The URL of the request cannot be read as one, so nothing was sent."
		}
		return nil, "The request could not be made (" + plain(err) + "), so nothing was sent."
	}
	if (req.URL.Scheme != "http" && req.URL.Scheme != "https") || req.URL.Host == "" {
		return nil, "The URL of the request does not begin with http:// or https:// and a host, so nothing was sent."
	}
	h := make(http.Header, len(shot.Headers)+1)
	h["User-Agent"] = nil // else net/http adds its own
	values := make([]string, len(shot.Headers))
	auth := false
	for i, line := range shot.Headers {
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
	if len(shot.Body) > 0 {
		f.body.Reset(shot.Body)
		req.Body = io.NopCloser(&f.body)
		req.ContentLength = int64(len(shot.Body))
	} else {
		switch req.Method {
		case http.MethodGet, http.MethodHead, http.MethodOptions:
			// These it would send again if they had no body. So they have one;
			// the transport finds it empty and sends none.
			req.Body = io.NopCloser(&f.body)
		}
	}
	return req, ""
}

// resentByTransport tells whether net/http would take the liberty of sending a
// request without body a second time.
func resentByTransport(req *http.Request) bool {
	_, a := req.Header["Idempotency-Key"]
	_, b := req.Header["X-Idempotency-Key"]
	return a || b || req.Method == http.MethodTrace
}

type headerKind int

const (
	headerOther headerKind = iota
	headerHost
	headerAuth
	headerFraming
)

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
func notSendable(shot *Shot, err error) string {
	for _, h := range shot.Headers {
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

// answer reads the body within the limits. The response is never nil.
func (f *flight) answer(resp *http.Response) (*hook.Response, error) {
	out := &hook.Response{Status: resp.StatusCode, Headers: responseHeaders(resp)}
	f.enter(stageBody, f.limits.grace)
	if resp.StatusCode == http.StatusSwitchingProtocols { // what follows is not HTTP
		out.Body = []byte{}
		return out, resp.Body.Close()
	}
	var err error
	out.Body, out.Truncated, err = readBody(resp)
	// Before its end, closing the body closes the connection.
	if cerr := resp.Body.Close(); err == nil && !out.Truncated {
		err = cerr
	}
	if err != nil && f.clock == ClockResponse && f.isOver() {
		out.Truncated = true // the status came in time: that is what counted
		return out, nil
	}
	return out, err
}

func (f *flight) isOver() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.over
}

var scratch = sync.Pool{New: func() any { return new([hook.KeepBody]byte) }}

// readBody reads up to [hook.ReadBody] bytes and returns the first
// [hook.KeepBody] of them, and whether there was more than those.
func readBody(resp *http.Response) (kept []byte, truncated bool, err error) {
	if n := resp.ContentLength; n >= 0 && n <= hook.KeepBody {
		kept = make([]byte, n)
		got, err := io.ReadFull(resp.Body, kept)
		if resp.Request.Method == http.MethodHead {
			return []byte{}, false, nil
		}
		return kept[:got], false, err
	}
	buf := scratch.Get().(*[hook.KeepBody]byte)
	defer scratch.Put(buf)
	n, err := io.ReadFull(resp.Body, buf[:])
	kept = bytes.Clone(buf[:n])
	if kept == nil {
		kept = []byte{}
	}
	switch {
	case err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) && resp.ContentLength < 0 && cleanEnd(resp):
		return kept, false, nil
	case err != nil:
		return kept, false, err
	}
	for total := n; ; {
		n, err = resp.Body.Read(buf[:])
		if n > 0 {
			truncated = true
		}
		switch total += n; {
		case err == io.EOF:
			return kept, truncated, nil
		case err != nil:
			return kept, true, err
		case total > hook.ReadBody:
			return kept, true, nil
		}
	}
}

// cleanEnd tells the end of a body of unknown length, which io.ReadFull reports
// as unexpected, from one that broke off: a body at its end says so again.
func cleanEnd(resp *http.Response) bool {
	var one [1]byte
	_, err := resp.Body.Read(one[:])
	return err == io.EOF
}

// responseHeaders lists the headers of an answer by name. net/http has already
// brought their names into canonical form and lost their order.
func responseHeaders(resp *http.Response) []hook.Header {
	list := make([]hook.Header, 0, len(resp.Header)+len(resp.TransferEncoding))
	for name, values := range resp.Header {
		for _, v := range values {
			list = append(list, hook.Header{Name: name, Value: v})
		}
	}
	for _, te := range resp.TransferEncoding {
		list = append(list, hook.Header{Name: "Transfer-Encoding", Value: te})
	}
	slices.SortStableFunc(list, func(a, b hook.Header) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// retryAfter reads a Retry-After header (RFC 9110 section 10.2.3): seconds, or a
// date, which is taken relative to the answer's own Date so that a receiver's
// wrong clock does no harm. 0 means none, nothing sensible, or no wait.
func retryAfter(h http.Header, now time.Time) time.Duration {
	const limit = 365 * 24 * time.Hour // only so that nothing overflows
	text := strings.TrimSpace(h.Get("Retry-After"))
	if text == "" {
		return 0
	}
	if strings.Trim(text, "0123456789") == "" {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n > int64(limit/time.Second) {
			return limit
		}
		return time.Duration(n) * time.Second
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	if theirs, err := http.ParseTime(h.Get("Date")); err == nil {
		now = theirs
	}
	return min(max(0, at.Sub(now)), limit)
}

// timing is how long the parts took, as far as they were this try's own.
func (f *flight) timing() hook.Timing {
	t := hook.Timing{FirstByte: time.Duration(f.firstByte.Load()), Total: time.Since(f.start)}
	d := f.dial.Load()
	if f.conn != nil {
		d = nil
		if !f.reused && !f.conn.dialing.start.Before(f.start) {
			d = f.conn.dialing
		}
	}
	if d != nil {
		t.DNS, t.Connect, t.TLS = d.timing()
	}
	return t
}
