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

// Pool runs scripts in processes of its own, so that one that cannot be stopped
// or that breaks the engine is killed and hurts nobody. Processes are started
// when they are needed, used again, and ended when nobody needs them.
//
// The scripts of one endpoint run one at a time, and the endpoints whose scripts
// take long share half of the processes. So one whose script always takes the
// longest keeps one process busy, and many of them keep others from none.
type Pool struct {
	command func() *exec.Cmd
	limits  Limits
	kill    time.Duration // how long a run may take before its process is killed
	slots   chan struct{} // a token for each process that is at work
	long    chan struct{} // a token for each that is at work for an endpoint in slow

	mu     sync.Mutex
	turns  map[string]*turn    // by endpoint
	slow   map[string]struct{} // endpoints whose last run took long
	idle   []*process          // the one used last at the end
	closed bool
}

const (
	killAfter = 2 * time.Second  // the engine should have stopped by itself long before
	idleFor   = time.Minute      // an idle process ends
	runsEach  = 10_000           // then it is replaced, whatever the engine may have leaked
	startTime = 20 * time.Second // for a new process to begin
	maxSlow   = 10_000           // endpoints that are remembered to be slow; beyond it all are forgiven
)

// turn is whose turn it is among the runs of one endpoint.
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

// request and reply are what goes to a process and comes back.
type request struct {
	Limits Limits
	Kill   time.Duration
	Source string
	Input  *Input // nil: only look whether it is a script
}

type reply struct {
	Output Output
	Error  *Error
}

// Run runs the script of an endpoint. The error is an [*Error], or a [hook.Error]
// of KindUnavailable if no process can be had.
func (p *Pool) Run(ctx context.Context, endpoint, source string, in Input) (Output, error) {
	return p.do(ctx, endpoint, request{p.limits, p.kill, source, &in})
}

// Check reports what is wrong with a script that can be told without an event;
// its errors are those of Run.
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
	p.note(endpoint, time.Since(began) > p.limits.Time/2)
	if err != nil {
		w.end()
		if w.overstayed.Load() {
			return Output{}, &Error{Class: hook.ClassScriptTimeout, Message: "The script did not end and was stopped. A single step of it takes very long, such as a search in a long text."}
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

// unavailable says that no script can be run now.
func unavailable(err error) error {
	return &hook.Error{
		Kind: hook.KindUnavailable, Code: "scripts_unavailable", Detail: "No transformation can be run or checked now. Try again in a moment.", Err: err,
	}
}

var errClosed = errors.New("transformations have stopped with the server")

// wait waits for the endpoint's turn, and then for a place.
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

// take is an idle process or a new one.
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

// giveBack keeps a process for the next run.
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

// Close ends the processes that are idle, and each other one when its run ends.
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

// Serve is the other side of a [Pool]: it runs the scripts that come from r and
// writes what they come to to w, until r ends.
func Serve(r io.Reader, w io.Writer, exit func()) error {
	dec, enc := gob.NewDecoder(r), gob.NewEncoder(w)
	if err := enc.Encode(reply{}); err != nil { // here we are
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
		// Should the server have gone meanwhile, nobody else would stop a script.
		watchdog := time.AfterFunc(2*q.Kill, exit)
		var a reply
		a.Output, a.Error = run(q.Limits, q.Source, q.Input)
		watchdog.Stop()
		if err := enc.Encode(a); err != nil {
			return err
		}
	}
}
