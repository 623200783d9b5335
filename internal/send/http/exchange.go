package http

import (
	"cmp"
	"context"
	"errors"
	nethttp "net/http"
	"sync"
	"sync/atomic"
	"time"

	"gancho/internal/hook"
	"gancho/internal/send"
)

// exchange is one try of one request on one connection, and what is known of it. Its time limits
// are deadlines of the connection.
type exchange struct {
	ctx    context.Context // of Send
	start  time.Time       // of the attempt; a second try only has the time that the first left
	limits limits
	clock  send.Clock
	all    bool // [send.Attributes.WholeAnswer]

	dial      *dialing // the dial that this try made; nil: none
	conn      *conn    // nil: none came about
	reused    bool     // conn has served an earlier request
	firstByte time.Duration
	keep      bool // the connection can serve another request

	wrote   atomic.Bool // a byte of the request was written
	written atomic.Bool // all of it was

	mu          sync.Mutex
	stage       stage
	interrupted bool      // ctx has ended
	waitEnds    time.Time // with send.ClockResponse: when the wait for the answer is over; zero until the request is written
}

// ends is when the time for the whole attempt is over; zero with [send.ClockResponse].
func (x *exchange) ends() time.Time {
	if x.clock == send.ClockResponse {
		return time.Time{}
	}
	return x.start.Add(x.limits.timeout)
}

// timeUp reports whether the time for the whole attempt is over.
func (x *exchange) timeUp() bool {
	return x.clock == send.ClockTotal && !time.Now().Before(x.ends())
}

func (x *exchange) isInterrupted() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.interrupted
}

// interrupt makes reading and writing fail at once.
func (x *exchange) interrupt() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.interrupted = true
	_ = x.conn.SetDeadline(longAgo)
}

// enter notes that the exchange has reached a stage. With [send.ClockResponse] the connection may
// be read until the stage's limit; the body has what its headers left. Otherwise the limit of the
// whole attempt stays.
func (x *exchange) enter(reached stage, limit time.Duration) {
	x.mu.Lock()
	defer x.mu.Unlock()
	now := time.Now()
	if reached == stageWait {
		x.waitEnds = now.Add(limit)
	}
	if reached <= x.stage { // an answer may begin before the request is written
		return
	}
	x.stage = reached
	if reached == stageBody { // shares the limit of the headers
		return
	}
	if x.clock == send.ClockResponse && !x.interrupted {
		_ = x.conn.SetReadDeadline(now.Add(limit))
	}
}

// waitAgain notes that an answer was only informational. The wait for the real one goes on, with
// the same deadline as before.
func (x *exchange) waitAgain() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.stage = stageWrite
	if x.clock == send.ClockResponse && !x.interrupted {
		ends := x.waitEnds
		if ends.IsZero() {
			ends = time.Now().Add(x.limits.connect)
		} else {
			x.stage = stageWait
		}
		_ = x.conn.SetReadDeadline(ends)
	}
}

// run writes the request and reads the answer. The response is nil if no complete headers came.
// header is that of the answer. An answer counts even if the rest of the request could not be written.
func (x *exchange) run(r *outgoing) (out *hook.Response, header nethttp.Header, err error) {
	stop := context.AfterFunc(x.ctx, x.interrupt)
	defer func() {
		if !stop() { // the deadline is, or will be, in the past
			x.keep = false
		}
	}()
	x.mu.Lock()
	x.stage = stageWrite
	if !x.interrupted {
		ends := x.ends()
		if x.clock == send.ClockResponse {
			ends = time.Now().Add(x.limits.connect)
		}
		_ = x.conn.SetDeadline(ends)
	}
	x.mu.Unlock()

	var written chan struct{} // closed when a long request, which is written while the answer is read, has been written
	if len(r.body) <= oneWrite {
		if err := x.write(append(r.head, r.body...)); err != nil && (!x.wrote.Load() && x.reused || isDeadline(err)) {
			return nil, nil, err
		} // after other errors the answer may still be there
	} else {
		written = make(chan struct{})
		go func() {
			defer close(written)
			_ = x.write(r.head, r.body) // x.written says whether it worked
		}()
	}

	//lint:ignore bodyclose Close would read the rest of the body; the connection is closed instead
	resp, err := x.readHeaders(r)
	if err == nil {
		header = resp.Header
		x.enter(stageBody, x.limits.grace)
		var whole bool
		out, whole, err = x.answer(resp)
		x.keep = whole && err == nil && !resp.Close
	}
	if written != nil {
		if out == nil || out.Status < 200 || out.Status > 299 { // nobody wants the rest
			_ = x.conn.SetWriteDeadline(longAgo)
		}
		<-written
	}
	if !x.written.Load() {
		x.keep = false
		if out != nil && (out.Status < 200 || out.Status > 299) && err != nil && isClosed(err) {
			out.Truncated, err = true, nil // the bytes that the receiver left unread reset the connection
		}
	}
	return out, header, err
}

// write writes the parts of the request.
func (x *exchange) write(parts ...[]byte) error {
	for _, p := range parts {
		n, err := x.conn.Write(p)
		if n > 0 {
			x.wrote.Store(true)
		}
		if err != nil {
			// If an answer is on its way, it comes soon. It gets no longer than the whole attempt has.
			x.mu.Lock()
			if late := time.Now().Add(afterWriteError); !x.interrupted && !isDeadline(err) {
				if ends := x.ends(); ends.IsZero() || late.Before(ends) {
					_ = x.conn.SetReadDeadline(late)
				}
			}
			x.mu.Unlock()
			return err
		}
	}
	x.written.Store(true)
	x.enter(stageWait, x.limits.timeout)
	return nil
}

// afterWriteError is how long an answer may take to arrive when the request could not be written.
const afterWriteError = 5 * time.Second

// readHeaders reads the head of the answer, after any informational answers.
func (x *exchange) readHeaders(r *outgoing) (*nethttp.Response, error) {
	c := x.conn
	for count := 0; ; {
		if _, err := c.br.Peek(1); err != nil {
			return nil, err
		}
		if x.firstByte == 0 {
			x.firstByte = max(1, time.Since(x.start))
		}
		x.enter(stageAnswer, x.limits.grace)
		c.limitHeaders()
		//lint:ignore bodyclose Close would read the rest of the body; the connection is closed instead
		resp, err := nethttp.ReadResponse(c.br, &r.answer)
		c.endHeaders()
		if err != nil {
			return nil, cmp.Or(c.failed, err)
		}
		if resp.StatusCode > 199 || resp.StatusCode == nethttp.StatusSwitchingProtocols {
			return resp, nil
		}
		if count++; count > maxInformational {
			return nil, errTooManyInformational
		}
		x.waitAgain()
	}
}

// timing says how long the parts took.
func (x *exchange) timing() hook.Timing {
	t := hook.Timing{FirstByte: x.firstByte, Total: time.Since(x.start)}
	if x.dial != nil {
		t.DNS, t.Connect, t.TLS = x.dial.timing()
	}
	return t
}

var errTooManyInformational = errors.New("too many informational answers")
