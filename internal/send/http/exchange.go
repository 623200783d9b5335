package http

import (
	"bytes"
	"context"
	"errors"
	"io"
	nethttp "net/http"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"gancho/internal/hook"
	"gancho/internal/send"
)

// exchangeKey is the context key under which a dial finds the exchange that asked
// for it.
type exchangeKey struct{}

var errDeadline = errors.New("the time limit of the attempt is over")

// exchange is one try of one request: its context, its time limits, and what is known from its
// connection. A second try is another exchange, because the connection or the dial of the first
// may outlive it and still write to it.
type exchange struct {
	context.Context                         // ends when the time is over, or with the context of Send
	cancel          context.CancelFunc      // with send.ClockTotal
	cancelCause     context.CancelCauseFunc // with send.ClockResponse

	start        time.Time // of the attempt; a second try only has the time that the first left
	limits       limits
	clock        send.Clock
	connectLimit time.Duration

	trace  httptrace.ClientTrace
	conn   *conn // nil: none yet
	reused bool  // conn has served an earlier request
	body   bytes.Reader

	dial      atomic.Pointer[dialing] // the dial that this try asked for, if any
	wrote     atomic.Bool             // a byte of the request was written
	firstByte atomic.Int64            // nanoseconds from start to the first byte of the answer; 0: none came

	mu       sync.Mutex
	head     string // the request head, once all of it is written
	headPart []byte // the part of it that is written so far

	// With send.ClockResponse only, guarded by mu:
	timer     *time.Timer // runs out when the present stage takes too long
	stage     stage
	waitEnds  time.Time // when the wait for the answer is over; zero until the request is written
	infoCount int       // informational answers so far
	over      bool      // the timer ran out: timeUp sets it, nothing clears it
	overAt    stage     // the stage in which it did
}

// newExchange makes an exchange and starts its clock.
func newExchange(ctx context.Context, clock send.Clock, l limits, start time.Time) *exchange {
	x := &exchange{start: start, limits: l, clock: clock, connectLimit: l.connect, stage: stageConnect}
	x.trace.GotConn = x.gotConn
	if clock == send.ClockTotal {
		x.connectLimit = min(l.connect, l.timeout)
		c, cancel := context.WithDeadlineCause(ctx, start.Add(l.timeout), errDeadline)
		x.cancel = cancel
		x.Context = httptrace.WithClientTrace(c, &x.trace)
		return x
	}
	c, cancel := context.WithCancelCause(ctx)
	x.cancelCause = cancel
	x.trace.WroteRequest = x.wroteRequest
	x.trace.GotFirstResponseByte = x.gotFirstByte
	x.trace.Got1xxResponse = x.gotInformational
	x.Context = httptrace.WithClientTrace(c, &x.trace)
	// One second longer than the limit of the dial, so that the dial fails first: its error
	// says more.
	x.timer = time.AfterFunc(l.connect+time.Second, x.timeUp)
	return x
}

// end releases the clock and the context.
func (x *exchange) end() {
	if x.clock == send.ClockTotal {
		x.cancel()
		return
	}
	x.mu.Lock()
	x.timer.Stop()
	x.stage = stageEnded
	x.mu.Unlock()
	x.cancelCause(context.Canceled)
}

// Value implements [context.Context]; a dial gets the exchange itself by exchangeKey.
func (x *exchange) Value(key any) any {
	if _, ok := key.(exchangeKey); ok {
		return x
	}
	return x.Context.Value(key)
}

// gotConn is called by net/http when it has a connection, before it writes to it.
func (x *exchange) gotConn(info httptrace.GotConnInfo) {
	c, ok := info.Conn.(*conn)
	if !ok {
		return
	}
	x.conn, x.reused = c, info.Reused
	c.current.Store(x)
	x.enter(stageWrite, x.limits.connect)
}

// wroteRequest is called by net/http when the request is written.
func (x *exchange) wroteRequest(info httptrace.WroteRequestInfo) {
	if info.Err == nil {
		x.enter(stageWait, x.limits.timeout)
	}
}

// gotFirstByte is called by net/http when an answer begins.
func (x *exchange) gotFirstByte() { x.enter(stageAnswer, x.limits.grace) }

// gotInformational is called by net/http for each informational (1xx) answer. The wait for the
// real answer goes on, with the same deadline as before.
func (x *exchange) gotInformational(int, textproto.MIMEHeader) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.infoCount++; x.infoCount > maxInformational {
		return errTooManyInformational
	}
	if x.stage == stageAnswer && !x.over && !x.waitEnds.IsZero() {
		x.stage = stageWait
		x.timer.Reset(max(1, time.Until(x.waitEnds)))
	}
	return nil
}

// enter notes that the exchange has reached a stage, and sets the timer to the
// stage's limit. With send.ClockTotal it does nothing.
func (x *exchange) enter(reached stage, limit time.Duration) {
	if x.timer == nil {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if reached == stageWait {
		x.waitEnds = time.Now().Add(limit)
	}
	if x.over || reached <= x.stage { // an answer may begin before the request is written
		return
	}
	x.stage = reached
	x.timer.Reset(limit)
}

// timeUp is called by the timer. It ends the exchange.
func (x *exchange) timeUp() {
	x.mu.Lock()
	if x.over || x.stage == stageEnded {
		x.mu.Unlock()
		return
	}
	x.over, x.overAt = true, x.stage
	x.mu.Unlock()
	x.cancelCause(errDeadline)
}

func (x *exchange) isOver() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.over
}

// capture is called with the bytes that are written to the connection, and keeps the head of
// the request.
func (x *exchange) capture(p []byte) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.head != "" {
		return
	}
	if x.headPart == nil { // nearly always the head is written in one piece
		if i := bytes.Index(p, endOfHead); i >= 0 {
			x.head = string(p[:i+2])
			return
		}
	}
	seen := max(0, len(x.headPart)-3)
	x.headPart = append(x.headPart, p...)
	if i := bytes.Index(x.headPart[seen:], endOfHead); i >= 0 {
		x.head, x.headPart = string(x.headPart[:seen+i+2]), nil
	}
}

var endOfHead = []byte("\r\n\r\n")

// sent returns the header lines of the request as they were written. If they were not written
// completely, it returns them as they would have been.
func (x *exchange) sent(req *nethttp.Request) []hook.Header {
	x.mu.Lock()
	text := x.head
	x.mu.Unlock()
	if text == "" { // not written in full: let net/http write it into a buffer
		var w bytes.Buffer
		r := req.WithContext(context.Background())
		r.Body = nil
		if req.ContentLength > 0 {
			r.Body = io.NopCloser(strings.NewReader(""))
		}
		_ = r.Write(&w) // fails after the head, because the body is missing
		text, _, _ = strings.Cut(w.String(), "\r\n\r\n")
	}
	_, text, _ = strings.Cut(text, "\r\n") // without the request line
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

// timing says how long the parts took. The times of a dial count only if it was made for this
// try. The connection may come from a dial for another request.
func (x *exchange) timing() hook.Timing {
	t := hook.Timing{FirstByte: time.Duration(x.firstByte.Load()), Total: time.Since(x.start)}
	d := x.dial.Load()
	if x.conn != nil {
		d = nil
		if !x.reused && !x.conn.dialing.start.Before(x.start) {
			d = x.conn.dialing
		}
	}
	if d != nil {
		t.DNS, t.Connect, t.TLS = d.timing()
	}
	return t
}
