// Package deliver is the worker: it takes deliveries that are due, renders,
// signs, sends and judges them, and records what happened.
//
// Each endpoint has a lane (lane.go) with its own concurrency, rate limit, order
// and breaker. A bounded number of its deliveries waits in memory (package window);
// the rest waits in the store and costs no memory. So an endpoint that never answers,
// fails, or has a million deliveries waiting slows down no other.
//
// It promises:
//
//   - First attempts, retries, replays and interrupted deliveries take one path;
//     [hook.Next] alone decides what becomes of a delivery.
//   - At least once: a lane forgets a delivery only when its result is durable.
//     At most once: that it will be sent is durable before its first byte is sent; a
//     delivery with that mark and without a result is never sent again.
//   - Ordered: a delivery is sent only when none of those before it can be sent again, even after a
//     crash: their results are durable, or all are at-most-once, and that they were sent is durable.
//   - Every attempt of a delivery sends the body, URL and headers of the first;
//     only signatures and timestamps are new. Several events in one request stay together,
//     also over a crash, as long as each of them is to be sent again (batch.go).
//
// docs/states.md draws the states; ARCHITECTURE.md lists the goroutines.
package deliver

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"gancho/internal/contract"
	"gancho/internal/deliver/compose"
	"gancho/internal/deliver/window"
	"gancho/internal/hook"
	"gancho/internal/send"
)

// Store is what the worker needs of the database.
type Store interface {
	Endpoint(ctx context.Context, id hook.EndpointID) (*hook.Endpoint, error)
	// EndpointsWithWork lists the endpoints that have unfinished deliveries.
	EndpointsWithWork(ctx context.Context) ([]hook.EndpointID, error)
	// InHands lists up to n deliveries that are stored as hook.Sending.
	InHands(ctx context.Context, id hook.EndpointID, n int) ([]hook.Delivery, error)
	// Waiting lists up to n deliveries that are neither finished nor hook.Sending.
	Waiting(ctx context.Context, id hook.EndpointID, n int) ([]hook.Delivery, error)
	// Due reads a page of the endpoint's queue: up to n deliveries that are due at now, in the
	// order of the queue. It leaves out those for which skip returns true. The page ends early
	// when its payloads reach maxBytes.
	Due(
		ctx context.Context, id hook.EndpointID, now time.Time, n, maxBytes int, skip func(hook.DeliveryID) bool,
	) (hook.DuePage, error)

	// Sending stores in the background that a delivery is being sent. If the result comes soon,
	// the store writes only the result.
	Sending(r hook.Result)
	// Intend stores that a delivery is being sent, and returns when that is durable. It fails
	// with [hook.ErrNotWaiting] if the delivery must not be sent any more.
	Intend(r hook.Result) error
	// SaveResult stores a result in the background, at once if it is awaited, and then calls
	// done, on the goroutine that commits. After an error nothing was stored.
	SaveResult(r hook.Result, done func(error))
	// SaveHealth stores an endpoint's health in the background.
	SaveHealth(id hook.EndpointID, h hook.Health)
	// SetEndpointState returns when the state is durable.
	SetEndpointState(
		ctx context.Context, id hook.EndpointID, state hook.EndpointState, reason string, at time.Time,
	) error
	// Submit commits a test: its event and its delivery.
	Submit(sub hook.Submission, keepKeys time.Duration) (hook.Verdicts, error)
}

// Owner says which endpoints this node delivers to. A single node delivers to all of
// them. Several nodes divide them, so that each endpoint has one owner, and its rate,
// concurrency, order and breaker hold across nodes.
type Owner interface {
	// Owns reports whether this node may work for the endpoint at this moment. It is
	// asked before every request.
	Owns(id hook.EndpointID) bool
	// Epoch is the number that this node stores results under. After another node has taken
	// over its endpoints, the store refuses results of that epoch ([hook.ErrFenced]). It is 0
	// for a node that is alone.
	Epoch() int64
	// Tell tells the owner of the endpoint, another node, that the endpoint has work.
	Tell(id hook.EndpointID)
}

// OwnsAll is the Owner of a node that is alone.
type OwnsAll struct{}

// Owns is always true.
func (OwnsAll) Owns(hook.EndpointID) bool { return true }

// Epoch is 0.
func (OwnsAll) Epoch() int64 { return 0 }

// Tell does nothing, as there are no other nodes.
func (OwnsAll) Tell(hook.EndpointID) {}

// Observer is notified of attempts and cancellations. The worker calls it on the goroutine that
// delivers, so its methods must return quickly. They must not keep their arguments.
type Observer interface {
	// Attempted is called after every attempt, with the delivery as it is then. For an attempt
	// that a crash interrupted, it is called when a worker later finds the delivery.
	Attempted(e *hook.Endpoint, d *hook.Delivery, a *hook.Attempt)
	// Cancelled is called for every delivery that ends without an attempt.
	Cancelled(d *hook.Delivery)
}

// nobody is the default Observer.
type nobody struct{}

func (nobody) Attempted(*hook.Endpoint, *hook.Delivery, *hook.Attempt) {}
func (nobody) Cancelled(*hook.Delivery)                                {}

// Options of [New].
type Options struct {
	Store      Store
	Past       compose.Store   // what earlier attempts were made of, and what came of them
	Transports send.Transports // by the scheme of an endpoint's URL
	Contracts  *contract.Set
	Scripts    compose.Transformer // nil: endpoints have no transformations
	Owner      Owner
	Observer   Observer // may be nil
	Log        *slog.Logger

	DisableAfter time.Duration // an endpoint that has only failed for this long is disabled; 0: never
	StopTimeout  time.Duration // how long a stop waits for requests in flight
	InFlight     int           // requests in flight of all endpoints together
	MemoryBytes  int           // memory for the waiting deliveries of all endpoints together
	Tick         time.Duration // how often health is saved and idle lanes are dropped; 0: a second
	// Now is the clock by which deliveries come due. It must not go back, as the wall clock may; nil: [time.Now].
	Now func() time.Time
}

// Worker delivers. Its methods may be called from any goroutine.
type Worker struct {
	Options
	slots  requestSlots
	memory window.Memory

	mu    sync.Mutex
	lanes map[hook.EndpointID]*lane
	tests map[hook.EndpointID]struct{} // endpoints that are being tested

	beat     atomic.Pointer[time.Time] // when Run looked around last; nil: never
	stopping atomic.Bool               // Run was told to stop; nothing clears it
	closing  chan struct{}             // closed when stopping is set, so that idle senders end
	stopped  context.Context           // ends when requests in flight must end
	cancel   context.CancelFunc
	senders  sync.WaitGroup // goroutines that send, read or put back
	results  sync.WaitGroup // results that are not durable yet
	unstored chan struct{}  // one token for each of those results; its capacity bounds them
}

// unstoredLimit is how many results may wait for a slow database. At the limit, senders wait
// until a result is stored.
const unstoredLimit = 2048

// New makes a worker. It does nothing until [Worker.TakeOver] and [Worker.Run].
func New(o Options) *Worker {
	if o.Owner == nil {
		o.Owner = OwnsAll{}
	}
	if o.Observer == nil {
		o.Observer = nobody{}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Tick == 0 {
		o.Tick = tickEvery
	}
	w := &Worker{
		Options: o, lanes: map[hook.EndpointID]*lane{}, tests: map[hook.EndpointID]struct{}{},
		unstored: make(chan struct{}, unstoredLimit), closing: make(chan struct{}),
	}
	w.slots.limit, w.memory.Max = max(o.InFlight, 1), max(o.MemoryBytes, 1<<20)
	w.stopped, w.cancel = context.WithCancel(context.Background())
	return w
}

const (
	tickEvery  = time.Second // [Options.Tick]
	sweepTicks = 10          // ticks between two sweeps, which find work that nobody announced
	idleAfter  = time.Minute // how long a lane is idle before it is dropped
)

// Run delivers until ctx ends. Then it starts nothing new, waits up to StopTimeout for
// requests in flight, interrupts the rest, and returns when every result is durable, or
// could not be stored. The store must keep running until then.
func (w *Worker) Run(ctx context.Context) error {
	tick := time.NewTicker(w.Tick)
	defer tick.Stop()
	began := time.Now() // as the times of the ticker
	lastSweep := began
	w.beat.Store(&began)
	for {
		select {
		case <-ctx.Done():
			w.stop()
			return nil
		case now := <-tick.C:
			w.beat.Store(&now)
			w.tend(now)
			if now.Sub(lastSweep) >= sweepTicks*w.Tick {
				lastSweep = now
				if err := w.sweep(ctx); err != nil && ctx.Err() == nil {
					w.Log.Error("cannot read what waits to be delivered, will try again", "error", err)
				}
			}
		}
	}
}

// Beat is when Run looked around last, with a monotonic reading; zero: never. It does so every [Options.Tick].
func (w *Worker) Beat() time.Time {
	if at := w.beat.Load(); at != nil {
		return *at
	}
	return time.Time{}
}

// TakeOver opens a lane for every endpoint that which selects and that has work. Each lane
// first recovers the deliveries that an earlier process, or another node, was sending. Call
// TakeOver before anything is offered for these endpoints: in the store, a delivery that this
// process is sending looks like one that was interrupted.
func (w *Worker) TakeOver(ctx context.Context, which func(hook.EndpointID) bool) error {
	for _, l := range w.all() {
		switch {
		case !which(l.id):
		case l.standing.CompareAndSwap(leaving, serving): // the hand-over failed
		default: // opened while another node owned the endpoint: that node may have sent what this lane has in memory
			l.end()
			w.remove(l)
		}
	}
	ids, err := w.Store.EndpointsWithWork(ctx)
	for _, id := range ids {
		if which(id) {
			w.lane(id, true).wake()
		}
	}
	return err
}

// sweep finds work that nobody announced.
func (w *Worker) sweep(ctx context.Context) error {
	ids, err := w.Store.EndpointsWithWork(ctx)
	for _, id := range ids {
		if !w.Owner.Owns(id) {
			continue
		}
		l := w.lane(id, false)
		if l.epoch == 0 {
			l.poll()
		} else { // other nodes store deliveries for it, and an announcement may get lost: even a busy lane has to read
			l.wake()
		}
	}
	return err
}

// tend saves health that is not stored yet and drops idle lanes.
func (w *Worker) tend(now time.Time) {
	for _, l := range w.all() {
		if l.tend(now) {
			w.mu.Lock()
			if w.lanes[l.id] == l {
				delete(w.lanes, l.id)
			}
			w.mu.Unlock()
		}
	}
}

func (w *Worker) all() []*lane {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Collect(maps.Values(w.lanes))
}

// existing returns the endpoint's lane if there is one, else nil.
func (w *Worker) existing(id hook.EndpointID) *lane {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.lanes[id]
}

// lane returns the endpoint's lane, and opens it if there is none. recovers says that
// deliveries which an earlier process, or another node, was sending may be in the store, so a
// new lane looks for them first.
func (w *Worker) lane(id hook.EndpointID, recovers bool) *lane {
	w.mu.Lock()
	defer w.mu.Unlock()
	l := w.lanes[id]
	if l != nil && l.epoch != w.Owner.Epoch() { // opened just before this node began a new epoch
		go l.end()
		l = nil
	}
	if l == nil || l.standing.Load() == ended {
		l = newLane(w, id, recovers)
		w.lanes[id] = l
	}
	return l
}

// Offer hands over deliveries that were just committed. One that does not fit into its
// lane's memory is left in the store, and the lane reads it from there.
func (w *Worker) Offer(jobs []hook.Job) {
	for i := range jobs {
		id := jobs[i].Delivery.Endpoint
		if !w.Owner.Owns(id) {
			if l := w.existing(id); l != nil { // it may still expect the delivery: Await came while we owned the endpoint
				l.offer(&jobs[i])
			}
			w.Owner.Tell(id)
			continue
		}
		for !w.lane(id, false).offer(&jobs[i]) { // the lane was dropped meanwhile
		}
	}
}

// Await announces a delivery that is about to be committed. Until it is offered, or called
// off with [Worker.CallOff], no lane reads it from the store. Await reports whether the
// delivery would be sent at once. Then the caller stores it as [hook.Sending] in the
// same commit, which saves storing that later. If it cannot be sent after all, the lane
// stores it as waiting again.
func (w *Worker) Await(d *hook.Delivery) (atOnce bool) {
	l := w.existing(d.Endpoint)
	return l != nil && l.await(d)
}

// CallOff says that a delivery was not committed. It does nothing if the delivery is not
// expected.
func (w *Worker) CallOff(d *hook.Delivery) {
	if l := w.existing(d.Endpoint); l != nil {
		l.callOff(d)
	}
}

// Wake says that the endpoint has work in the store that was not offered.
func (w *Worker) Wake(id hook.EndpointID) {
	if w.Owner.Owns(id) {
		w.lane(id, false).wake()
	} else {
		w.Owner.Tell(id)
	}
}

// Supersede says that a newer snapshot took the place of deliveries, which the store knows
// already. Those that wait are not sent, and those in flight are not tried again.
func (w *Worker) Supersede(list []hook.Delivery) {
	for i := range list {
		d := &list[i]
		inFlight := false
		if l := w.existing(d.Endpoint); l != nil { // a lane that is opened later reads it from the store
			inFlight = l.supersede(d.ID)
		}
		if d.State.Finished() && !inFlight { // if it is in flight, the observer is notified when the attempt ends
			w.Observer.Cancelled(d)
		}
	}
}

// Refresh says that a change of an endpoint or of a contract was committed.
func (w *Worker) Refresh(c hook.Change) {
	if c.Contract != "" || c.Anything {
		for _, l := range w.all() {
			l.mu.Lock()
			other := l.plan != nil && l.plan.contract.Name != c.Contract && !c.Anything
			l.mu.Unlock()
			if !other {
				l.refresh()
			}
		}
	}
	if c.Endpoint != (hook.EndpointID{}) && w.Owner.Owns(c.Endpoint) {
		w.lane(c.Endpoint, false).refresh()
	}
}

// stop does what [Worker.Run] promises for the end: it begins nothing new, then ends what
// is in flight, then waits for the results.
func (w *Worker) stop() {
	w.mu.Lock() // no test begins after this
	w.stopping.Store(true)
	w.mu.Unlock()
	close(w.closing)
	// A lane that checked stopping before it was set may be starting a sender. It holds its
	// lock until that sender is counted, so after this loop w.senders counts all of them.
	for _, l := range w.all() {
		l.mu.Lock()
		l.mu.Unlock() //lint:ignore SA2001 only the waiting matters
	}
	done := make(chan struct{})
	go func() { w.senders.Wait(); close(done) }()
	timeout := time.NewTimer(w.StopTimeout)
	defer timeout.Stop()
	select {
	case <-done:
	case <-timeout.C:
		w.Log.Info("interrupting the requests that are still in flight")
	}
	w.cancel()
	<-done
	for _, l := range w.all() {
		l.mu.Lock()
		l.putBackAll(l.window.Clear())
		l.mu.Unlock()
	}
	w.senders.Wait()
	w.tend(w.Now())
	w.results.Wait()
}

// record stores a result, and tries again until it is durable or the worker has stopped.
// Then it calls done, unless the worker stopped first. It blocks while too many results
// are not durable yet.
func (w *Worker) record(r hook.Result, done func()) {
	w.unstored <- struct{}{}
	w.results.Add(1)
	finish := func() { <-w.unstored; w.results.Done() }
	var attempt func(wait time.Duration)
	attempt = func(wait time.Duration) {
		w.Store.SaveResult(r, func(err error) {
			if err == nil || errors.Is(err, hook.ErrFenced) { // fenced: another node decides about it now
				done()
				finish()
				return
			}
			if w.stopped.Err() != nil && wait > 2*time.Second { // after the next start the delivery counts as interrupted
				w.Log.Error("result not stored before stopping", "delivery", r.Delivery.ID, "error", err)
				finish()
				return
			}
			time.AfterFunc(wait, func() { attempt(min(2*wait, 5*time.Second)) })
		})
	}
	attempt(100 * time.Millisecond)
}
