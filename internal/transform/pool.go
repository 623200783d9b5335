package transform

import (
	"context"
	"encoding/gob"
	"errors"
	"io"
	"os/exec"
	"slices"
	"sync"
	"time"

	"gancho/internal/hook"
)

// Pool runs scripts in processes of its own. If a script cannot be stopped or breaks the
// engine, only its process is killed. Processes are started when they are needed, used
// again, and ended when they have been idle for a while.
//
// The scripts of one endpoint run one at a time, and all endpoints whose scripts take long
// share half of the processes. So one slow endpoint keeps only one process busy, and many
// slow endpoints leave half of the processes to the others.
type Pool struct {
	command func() *exec.Cmd
	limits  Limits
	kill    time.Duration // how long a run may take before its process is killed
	// Ran is told how long a script of a tenant ran. Set it before the first run; nil: nobody is told.
	Ran   func(tenant string, took time.Duration)
	slots chan struct{} // has an element for each process that is busy
	long  chan struct{} // has an element for each process that is busy for an endpoint in slow

	mu     sync.Mutex
	turns  map[string]*turn    // by endpoint
	slow   map[string]struct{} // endpoints whose last run took long
	idle   []*process          // the one used last at the end
	closed bool
}

const (
	killAfter = 2 * time.Second  // the engine stops a script long before, unless one instruction takes longer
	idleFor   = time.Minute      // then an idle process is ended
	runsEach  = 10_000           // then a process is replaced, in case the engine leaks memory
	startTime = 20 * time.Second // a new process has to answer within this time
	maxSlow   = 10_000           // size of the list of slow endpoints; when it is full, it is cleared
)

// turn makes the runs of one endpoint wait for each other.
type turn struct {
	taken chan struct{}
	users int
}

// NewPool makes a pool of at most size processes. command makes the command that
// starts one: a program that calls [Serve] with its standard input and output.
func NewPool(size int, command func() *exec.Cmd) *Pool {
	size = max(size, 1)
	return &Pool{
		command: command, limits: DefaultLimits, kill: killAfter, slots: make(chan struct{}, size), long: make(chan struct{}, max(size/2, 1)),
		turns: map[string]*turn{}, slow: map[string]struct{}{},
	}
}

// request is sent to a process, reply comes back.
type request struct {
	Limits Limits
	Kill   time.Duration
	Source string
	Input  *Input // nil: only check that the text is a script
}

type reply struct {
	Output Output
	Error  *Error
}

// Run runs the script of an endpoint. The error is an [*Error], or a [hook.Error]
// of KindUnavailable if there is no process for it.
func (p *Pool) Run(ctx context.Context, endpoint, source string, in Input) (Output, error) {
	return p.do(ctx, endpoint, request{p.limits, p.kill, source, &in})
}

// Check reports the mistakes of a script that show without an event. Its errors are those
// of Run.
func (p *Pool) Check(ctx context.Context, endpoint, source string) error {
	_, err := p.do(ctx, endpoint, request{p.limits, p.kill, source, nil})
	return err
}

func (p *Pool) do(ctx context.Context, endpoint string, q request) (Output, error) {
	if failure := checkSource(q.Source); failure != nil {
		return Output{}, failure
	}
	done, err := p.wait(ctx, endpoint)
	if err != nil {
		return Output{}, unavailable(err)
	}
	defer done()
	w, err := p.take()
	if err != nil {
		return Output{}, unavailable(err)
	}
	began := time.Now()
	r, err := w.run(q, q.Kill)
	took := time.Since(began)
	p.note(endpoint, took > p.limits.Time/2)
	if p.Ran != nil && q.Input != nil {
		p.Ran(q.Input.Tenant, took)
	}
	if err != nil {
		w.end()
		if w.overstayed.Load() {
			return Output{}, &Error{Class: hook.ClassScriptTimeout, Message: "The script did not end and was stopped. A single instruction of it takes very long, such as a search in a long text."}
		}
		return Output{}, failed("The script ended the process that it ran in.")
	}
	p.giveBack(w)
	if r.Error != nil {
		return Output{}, r.Error
	}
	return r.Output, nil
}

// note remembers whether the last run of an endpoint took long.
func (p *Pool) note(endpoint string, long bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !long {
		delete(p.slow, endpoint)
		return
	}
	if len(p.slow) >= maxSlow {
		clear(p.slow)
	}
	p.slow[endpoint] = struct{}{}
}

// unavailable is the error if no script can be run now.
func unavailable(err error) error {
	return &hook.Error{
		Kind: hook.KindUnavailable, Code: "scripts_unavailable", Detail: "No transformation can be run or checked now. Try again in a moment.", Err: err,
	}
}

var errClosed = errors.New("transformations have stopped with the server")

// wait waits until no other run of the endpoint is going on, and then for a process. done
// lets the next ones go on.
func (p *Pool) wait(ctx context.Context, endpoint string) (done func(), err error) {
	p.mu.Lock()
	t := p.turns[endpoint]
	if t == nil {
		t = &turn{taken: make(chan struct{}, 1)}
		p.turns[endpoint] = t
	}
	t.users++
	p.mu.Unlock()
	var held []chan struct{}
	done = func() {
		for _, c := range slices.Backward(held) {
			<-c
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		if t.users--; t.users == 0 {
			delete(p.turns, endpoint)
		}
	}
	enter := func(c chan struct{}) bool {
		select {
		case c <- struct{}{}:
			held = append(held, c)
			return true
		case <-ctx.Done():
			return false
		}
	}
	if !enter(t.taken) || p.isSlow(endpoint) && !enter(p.long) || !enter(p.slots) {
		done()
		return nil, ctx.Err()
	}
	return done, nil
}

func (p *Pool) isSlow(endpoint string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, slow := p.slow[endpoint]
	return slow
}

// take returns an idle process, or starts one.
func (p *Pool) take() (*process, error) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, errClosed
	}
	if n := len(p.idle); n > 0 {
		w := p.idle[n-1]
		p.idle = p.idle[:n-1]
		p.mu.Unlock()
		w.expiry.Stop()
		return w, nil
	}
	p.mu.Unlock()
	return start(p.command())
}

// giveBack makes a process idle, or ends it after its last run.
func (p *Pool) giveBack(w *process) {
	p.mu.Lock()
	keep := !p.closed && w.runs < runsEach
	if keep {
		p.idle = append(p.idle, w)
		w.expiry = time.AfterFunc(idleFor, func() { p.expire(w) })
	}
	p.mu.Unlock()
	if !keep {
		w.end()
	}
}

// expire ends a process if it is still idle.
func (p *Pool) expire(w *process) {
	p.mu.Lock()
	found := false
	for i := range p.idle {
		if p.idle[i] == w {
			p.idle, found = append(p.idle[:i:i], p.idle[i+1:]...), true
			break
		}
	}
	p.mu.Unlock()
	if found {
		w.end()
	}
}

// Close ends the idle processes. Each other process ends after its run.
func (p *Pool) Close() {
	p.mu.Lock()
	p.closed = true
	idle := p.idle
	p.idle = nil
	p.mu.Unlock()
	for _, w := range idle {
		w.expiry.Stop()
		w.end()
	}
}

// Serve is what a process of a [Pool] does: it reads requests from r until it ends, runs
// their scripts, and writes the results to w. It calls exit if a script does not end.
func Serve(r io.Reader, w io.Writer, exit func()) error {
	dec, enc := gob.NewDecoder(r), gob.NewEncoder(w)
	if err := enc.Encode(reply{}); err != nil { // tells the pool that the process is ready
		return err
	}
	for {
		var q request
		if err := dec.Decode(&q); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		// If the server is gone, nobody else stops a script that does not end.
		watchdog := time.AfterFunc(2*q.Kill, exit)
		var a reply
		a.Output, a.Error = run(q.Limits, q.Source, q.Input)
		watchdog.Stop()
		if err := enc.Encode(a); err != nil {
			return err
		}
	}
}
