package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// load is one run of the generator: a number of events in requests of batch
// each, either as fast as concurrency allows or at a fixed rate.
type load struct {
	url         string
	others      []string // of more nodes; the posters are spread over all of them
	path        string   // of records that are put one by one, without the key
	key         string   // sent as a bearer token; "" to the sink
	want        int      // status that means accepted
	run         int
	types       []string // event number n gets types[n % len(types)]
	payload     int      // bytes
	enveloped   bool     // as the API takes events, not the bare payload
	records     int      // changes of so many records instead of events; 0: events
	events      int
	batch       int // events per request; 1 sends objects, more sends arrays
	concurrency int
	rate        float64         // events per second, open loop; 0: as fast as it goes
	until       <-chan struct{} // if not nil, closing it ends the load early
	tolerant    bool            // go on when the server cannot be reached
}

// loaded is what came of a load.
type loaded struct {
	batch  int
	events int
	// acks holds for each request how long it took from its first try to the
	// answer that accepted it, in nanoseconds; 0: never accepted.
	acks     []int64
	late     samples // at a rate: how long after it was due each event was let go; sorted
	pushback int64   // answers 429 and 503
	lost     int64   // requests without any answer (tolerant loads only)
	began    int64   // [now] of the first request
	ended    int64   // [now] of the last answer
}

// accepted counts the events that the server promised to deliver.
func (l *loaded) accepted() (n int) {
	for i, a := range l.acks {
		if a != 0 {
			n += min(l.batch, l.events-i*l.batch)
		}
	}
	return n
}

// ackTimes are the times to acceptance, sorted.
func (l *loaded) ackTimes() samples {
	s := make(samples, 0, len(l.acks))
	for _, a := range l.acks {
		if a != 0 {
			s = append(s, a)
		}
	}
	return s.sorted()
}

// perSecond is the pace at which events were accepted.
func (l *loaded) perSecond() float64 {
	return float64(l.accepted()) / time.Duration(max(l.ended-l.began, 1)).Seconds()
}

// due is one request that is to be sent now.
type due struct {
	request int
	at      int64 // [now] when it was let go; 0: take the time when sending
}

// do runs the load. Each worker goroutine owns its message bodies and its
// requests; nothing is encoded while it runs.
func (l load) do(ctx context.Context) (*loaded, error) {
	l.batch = max(l.batch, 1)
	requests := (l.events + l.batch - 1) / l.batch
	out := &loaded{batch: l.batch, events: l.events, acks: make([]int64, requests)}
	transport := newTransport(l.concurrency)
	defer transport.CloseIdleConnections()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)

	posters := make([]*poster, min(l.concurrency, requests))
	urls := append([]string{l.url}, l.others...)
	for i := range posters {
		p, err := newPoster(ctx, transport, urls[i%len(urls)], l.key)
		if err != nil {
			return nil, err
		}
		if l.records > 0 && l.batch <= 1 {
			p.req.Method = http.MethodPut
		}
		posters[i] = p
	}
	next := l.asFastAsPossible(requests)
	var pacing sync.WaitGroup
	defer pacing.Wait()
	if l.rate > 0 {
		paced := make(chan due, requests) // never blocks the clock
		pacing.Go(func() { out.late = l.pace(ctx, requests, paced) })
		next = func() (due, bool) {
			d, ok := <-paced
			return d, ok && ctx.Err() == nil
		}
	}

	var workers sync.WaitGroup
	out.began = now()
	for _, p := range posters {
		workers.Go(func() {
			if err := l.work(ctx, p, next, out); err != nil {
				cancel(err)
			}
		})
	}
	workers.Wait()
	pacing.Wait()
	out.ended = now()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	out.late.sorted()
	return out, nil
}

// asFastAsPossible hands out request numbers until all are taken.
func (l load) asFastAsPossible(requests int) func() (due, bool) {
	var taken atomic.Int64
	return func() (due, bool) {
		select {
		case <-l.until: // nil: never
			return due{}, false
		default:
		}
		n := int(taken.Add(1)) - 1
		return due{request: n}, n < requests
	}
}

// pace lets requests go at the load's rate and returns how late each was let
// go. One that is late is stamped with the time when it was let go, not with
// the time when it was due: the generator's own delay is not the server's.
func (l load) pace(ctx context.Context, requests int, out chan<- due) (late samples) {
	defer close(out)
	late = make(samples, 0, requests)
	interval := float64(time.Second) * float64(l.batch) / l.rate
	start := now()
	for i := range requests {
		dueAt := start + int64(float64(i)*interval)
		t := now()
		for t < dueAt {
			sleep(min(time.Duration(dueAt-t), 50*time.Millisecond))
			if ctx.Err() != nil {
				return late
			}
			t = now()
		}
		late = append(late, t-dueAt)
		out <- due{request: i, at: t}
	}
	return late
}

// Pauses before a request that the server pushed back is sent again.
const (
	minPushback = 2 * time.Millisecond
	maxPushback = time.Second
)

// work sends the requests that next hands out, one at a time.
func (l load) work(ctx context.Context, p *poster, next func() (due, bool), out *loaded) error {
	messages := l.messages()
	for {
		d, ok := next()
		if !ok {
			return nil
		}
		first := d.request * l.batch
		m := messages[d.request%len(messages)]
		if left := l.events - first; left < l.batch { // the last, shorter batch
			m = l.message(first, left)
		}
		t := d.at
		if t == 0 {
			t = now()
		}
		m.stamp(first, t)
		if l.records > 0 {
			if key := m.name(first, l.records); l.batch == 1 {
				p.req.URL.Path = l.path + string(key)
			}
		}
		for pause := minPushback; ; pause = min(2*pause, maxPushback) {
			status, wait, err := p.post(m.body)
			switch {
			case err != nil && ctx.Err() != nil:
				return ctx.Err()
			case err != nil && l.tolerant:
				atomic.AddInt64(&out.lost, 1)
				sleep(10 * time.Millisecond) // it may be starting again
			case err != nil:
				return err
			case status == l.want || l.records > 0 && status == http.StatusCreated:
				if l.batch > 1 && bytes.Contains(p.answer.Bytes(), []byte(`"error"`)) {
					return fmt.Errorf("an event of a batch was refused: %w", p.unexpected(status))
				}
				out.acks[d.request] = max(now()-t, 1)
			case status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable:
				atomic.AddInt64(&out.pushback, 1)
				if err := pauseFor(ctx, min(max(pause, wait), maxPushback)); err != nil {
					return err
				}
				continue
			default:
				return p.unexpected(status)
			}
			break
		}
	}
}

// messages are this worker's bodies: request r uses number r modulo their count.
func (l load) messages() []*message {
	// A batch starts anywhere in the list of types; one body per start.
	starts := len(l.types) / gcd(len(l.types), l.batch)
	ms := make([]*message, starts)
	for r := range ms {
		ms[r] = l.message(r*l.batch, l.batch)
	}
	return ms
}

// message is a body for the n events that begin with number first.
func (l load) message(first, n int) *message {
	if l.records > 0 {
		return newDocuments(l.run, l.payload, n, l.batch > 1)
	}
	return newMessage(l.run, l.payload, l.typesFrom(first, n), l.enveloped, l.batch > 1)
}

// typesFrom are the types of the n events that begin with number first.
func (l load) typesFrom(first, n int) []string {
	types := make([]string, n)
	for i := range types {
		types[i] = l.types[(first+i)%len(l.types)]
	}
	return types
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// pauseFor waits d unless ctx ends first.
func pauseFor(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}

// errStalled is the end of a wait in which nothing moved any more.
var errStalled = errors.New("nothing moved any more")

// waitFor asks progress every pause until it reports done. It gives up with
// [errStalled] when the number it reports has not changed for patience.
func waitFor(ctx context.Context, pause, patience time.Duration, progress func() (n int64, done bool, err error)) error {
	last, since := int64(-1), time.Now()
	for {
		n, done, err := progress()
		if err != nil || done {
			return err
		}
		if n != last {
			last, since = n, time.Now()
		} else if time.Since(since) > patience {
			return errStalled
		}
		if err := pauseFor(ctx, pause); err != nil {
			return err
		}
	}
}
