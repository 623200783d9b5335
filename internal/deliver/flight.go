package deliver

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"gancho/internal/hook"
)

type flightKey struct{}

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

// newFlight starts the clock. start is that of the attempt: a second try gets what
// time the first left.
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

// timeUp ends the flight if its phase took too long.
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

func (f *flight) isOver() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.over
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
