// Package deliver is the worker: it takes deliveries that are due, renders,
// signs, sends and judges them, and records what happened.
//
// Each endpoint has a lane (lane.go): a short queue in memory, its own
// concurrency, rate limit, order and breaker. A lane holds a bounded number of
// deliveries; everything beyond waits in the store and costs no memory. So an
// endpoint that hangs, fails or has a million deliveries waiting slows nobody
// but itself.
//
// It promises:
//
//   - First tries, retries, replays and what a crash interrupted take one path;
//     [hook.Next] alone decides what becomes of a delivery.
//   - At-least-once: a delivery leaves the lane's hands only when its result is
//     durable. At-most-once: the intent is durable before the first byte leaves,
//     and what has an intent but no result is never sent again.
//   - Every attempt of a delivery sends the body, URL and headers of the first;
//     only signatures and timestamps are new.
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
	"gancho/internal/hook"
	"gancho/internal/send"
)

// Store is what the worker needs of the database.
type Store interface {
	Endpoint(ctx context.Context, id hook.EndpointID) (*hook.Endpoint, error)
	EndpointVersion(ctx context.Context, id hook.EndpointID, version int64) (hook.EndpointConfig, error)
	// EndpointsWithWork lists the endpoints that have unfinished deliveries.
	EndpointsWithWork(ctx context.Context) ([]hook.EndpointID, error)
	// InHands lists deliveries stored as being in a sender's hands.
	InHands(ctx context.Context, id hook.EndpointID, n int) ([]hook.Delivery, error)
	// Waiting lists deliveries that are unfinished and in nobody's hands.
	Waiting(ctx context.Context, id hook.EndpointID, n int) ([]hook.Delivery, error)
	// Due is a page of the endpoint's queue without those that skip names.
	Due(ctx context.Context, id hook.EndpointID, now time.Time, n, maxBytes int, skip func(hook.DeliveryID) bool) (hook.DuePage, error)

	// Sending notes when convenient that a delivery is in a sender's hands.
	Sending(r hook.Result)
	// Intend notes it durably before it returns. It fails with [hook.ErrNotWaiting] if
	// the delivery is not to be sent any more.
	Intend(r hook.Result) error
	// SaveResult stores a result when convenient, then calls done. After an error
	// nothing was stored.
	SaveResult(r hook.Result, done func(error))
	// SaveHealth stores an endpoint's health when convenient.
	SaveHealth(id hook.EndpointID, h hook.Health)
	SetEndpointState(ctx context.Context, id hook.EndpointID, state hook.EndpointState, reason string, at time.Time) error
	// Submit commits a test: its event and its delivery.
	Submit(sub hook.Submission, keepKeys time.Duration) (hook.Verdicts, error)
}

// Owner says which endpoints this node works for. With one node it is all of
// them; with several, each endpoint has one owner, so that rate, concurrency,
// order and breaker hold across nodes.
type Owner interface {
	// Owns reports whether this node may work for the endpoint at this moment. It is
	// asked before every request.
	Owns(id hook.EndpointID) bool
	// Epoch is what results are fenced by: they are refused ([hook.ErrFenced]) once
	// another node has taken over what was this node's in that epoch. It is 0 for a
	// node that is alone.
	Epoch() int64
	// Tell tells the owner of the endpoint, another node, that it has work.
	Tell(id hook.EndpointID)
}

// OwnsAll is the Owner of a node that is alone.
type OwnsAll struct{}

// Owns is always true.
func (OwnsAll) Owns(hook.EndpointID) bool { return true }

// Epoch is 0.
func (OwnsAll) Epoch() int64 { return 0 }

// Tell has nobody to tell.
func (OwnsAll) Tell(hook.EndpointID) {}

// Observer is told of what happens, on the goroutine that does it: it must be
// quick, and keep nothing of what it is given.
type Observer interface {
	// Attempted is told of every attempt, and of what it made of its delivery. Of
	// one that an earlier process did not finish, it is told when that is found.
	Attempted(e *hook.Endpoint, d *hook.Delivery, a *hook.Attempt)
	// Cancelled is told of every delivery that ends without an attempt.
	Cancelled(d *hook.Delivery)
}

// nobody is the Observer where there is none.
type nobody struct{}

func (nobody) Attempted(*hook.Endpoint, *hook.Delivery, *hook.Attempt) {}
func (nobody) Cancelled(*hook.Delivery)                                {}

// Options of [New].
type Options struct {
	Store      Store
	Transports send.Transports // by the scheme of an endpoint's URL
	Contracts  *contract.Set
	Scripts    Transformer // nil: endpoints have no transformations
	Owner      Owner
	Observer   Observer // may be nil
	Log        *slog.Logger

	DisableAfter time.Duration // endpoints that only fail this long are disabled; 0: never
	StopTimeout  time.Duration // how long a stop waits for requests in flight
	InFlight     int           // requests at once, over all endpoints
	MemoryBytes  int           // what waiting deliveries take in memory, over all endpoints
	Tick         time.Duration // how often lanes are tended; 0: a second
}

// Worker delivers. Its methods may be called from any goroutine.
type Worker struct {
	Options
	slots  requestSlots
	memory memoryBudget

	mu    sync.Mutex
	lanes map[hook.EndpointID]*lane
	tests map[hook.EndpointID]struct{} // endpoints that are being tested

	stopping atomic.Bool
	closing  chan struct{}   // closed with stopping: senders that are free end
	stopped  context.Context // cancelled when requests in flight must end
	cancel   context.CancelFunc
	senders  sync.WaitGroup // goroutines that send, load or cancel
	records  sync.WaitGroup // results handed to the store and not yet durable
	unstored chan struct{}  // one token for each of those: bounds them
}

// unrecordedLimit bounds the results that wait for a slow database; beyond it
// senders wait too.
const unrecordedLimit = 2048

// New makes a worker. It does nothing until [Worker.TakeOver] and [Worker.Run].
func New(o Options) *Worker {
	if o.Owner == nil {
		o.Owner = OwnsAll{}
	}
	if o.Observer == nil {
		o.Observer = nobody{}
	}
	if o.Tick == 0 {
		o.Tick = tickEvery
	}
	w := &Worker{
		Options: o, lanes: map[hook.EndpointID]*lane{}, tests: map[hook.EndpointID]struct{}{}, unstored: make(chan struct{}, unrecordedLimit), closing: make(chan struct{}),
	}
	w.slots.limit, w.memory.max = max(o.InFlight, 1), max(o.MemoryBytes, 1<<20)
	w.stopped, w.cancel = context.WithCancel(context.Background())
	return w
}

const (
	tickEvery  = time.Second // [Options.Tick]
	sweepTicks = 10          // a sweep is a safety net: lanes know their work without it
	idleAfter  = time.Minute // an idle lane is dropped
)

// Run delivers until ctx ends. Then it starts nothing new, waits for requests
// in flight up to StopTimeout, interrupts the rest, and returns once every
// result is durable or given up. The store must keep running until then.
func (w *Worker) Run(ctx context.Context) error {
	tick := time.NewTicker(w.Tick)
	defer tick.Stop()
	lastSweep := time.Now()
	for {
		select {
		case <-ctx.Done():
			w.stop()
			return nil
		case now := <-tick.C:
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

// TakeOver opens a lane for every endpoint with work that which names. The lanes
// first deal with what an earlier process, or another node, had in hand. Call it
// before anything is offered for these endpoints: what this process has in hand
// must not be taken for that.
func (w *Worker) TakeOver(ctx context.Context, which func(hook.EndpointID) bool) error {
	for _, l := range w.all() {
		switch {
		case !which(l.id):
		case l.standing.CompareAndSwap(leaving, serving): // it was to be handed over, and that failed
		default: // opened while the endpoint was passing to another node: what it holds may be long delivered
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

// sweep finds work that no lane knows of.
func (w *Worker) sweep(ctx context.Context) error {
	ids, err := w.Store.EndpointsWithWork(ctx)
	for _, id := range ids {
		if !w.Owner.Owns(id) {
			continue
		}
		l := w.lane(id, false)
		if l.epoch == 0 {
			l.poll()
		} else { // other nodes store for it, and what they told may be lost: even a busy lane has to look
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

// lane returns the endpoint's lane, opening it if there is none. interrupted
// says that an earlier process may have left deliveries in hand.
func (w *Worker) lane(id hook.EndpointID, interrupted bool) *lane {
	w.mu.Lock()
	defer w.mu.Unlock()
	l := w.lanes[id]
	if l != nil && l.epoch != w.Owner.Epoch() { // opened just when the node was fenced
		go l.end()
		l = nil
	}
	if l == nil || l.standing.Load() == ended {
		l = newLane(w, id, interrupted)
		w.lanes[id] = l
	}
	return l
}

// Offer hands over deliveries that were just committed. Those that do not fit
// into their lane's memory are left in the store, where the lane will find them.
func (w *Worker) Offer(jobs []hook.Job) {
	for i := range jobs {
		id := jobs[i].Delivery.Endpoint
		if !w.Owner.Owns(id) {
			if l := w.existing(id); l != nil { // which may expect it, from when the endpoint was ours
				l.offer(&jobs[i])
			}
			w.Owner.Tell(id)
			continue
		}
		for !w.lane(id, false).offer(&jobs[i]) { // the lane was dropped meanwhile
		}
	}
}

// Await expects a delivery that is about to be committed: until it is offered, or
// called off with [Worker.CallOff], it is not read from the store. It reports
// whether the delivery would be sent at once. Such a one is stored as
// [hook.Sending], which spares noting that later; if it cannot be sent after all,
// the lane stores it as pending again.
func (w *Worker) Await(d *hook.Delivery) (atOnce bool) {
	l := w.existing(d.Endpoint)
	return l != nil && l.await(d)
}

// CallOff tells that a delivery was not committed. One that was not expected is
// ignored.
func (w *Worker) CallOff(d *hook.Delivery) {
	if l := w.existing(d.Endpoint); l != nil {
		l.callOff(d)
	}
}

// Wake tells that the endpoint has work in the store that was not offered.
func (w *Worker) Wake(id hook.EndpointID) {
	if w.Owner.Owns(id) {
		w.lane(id, false).wake()
	} else {
		w.Owner.Tell(id)
	}
}

// Supersede tells that a newer snapshot took the place of deliveries, and that the
// store knows: those that wait are not sent, and those in flight not again.
func (w *Worker) Supersede(list []hook.Delivery) {
	for i := range list {
		d := &list[i]
		inFlight := false
		if l := w.existing(d.Endpoint); l != nil { // or whoever opens it reads what the store knows
			inFlight = l.supersede(d.ID)
		}
		if d.State.Finished() && !inFlight { // its attempt tells what became of it
			w.Observer.Cancelled(d)
		}
	}
}

// Refresh tells that configuration was committed, of an endpoint or of a contract.
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

// stop ends what [Worker.Run] promises to end, in this order: nothing new, then what
// is in flight, then its results.
func (w *Worker) stop() {
	w.mu.Lock() // no test begins after this
	w.stopping.Store(true)
	w.mu.Unlock()
	close(w.closing)
	for _, l := range w.all() { // who is past the check of stopping has counted itself when this returns
		l.mu.Lock()
		l.mu.Unlock() //lint:ignore SA2001 it is the waiting that counts
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
	w.tend(time.Now())
	w.records.Wait()
}

// record stores a result, trying again until it is durable or the worker has
// stopped. It waits while too many results are on their way.
func (w *Worker) record(r hook.Result, done func()) {
	w.unstored <- struct{}{}
	w.records.Add(1)
	finish := func() { <-w.unstored; w.records.Done() }
	var attempt func(wait time.Duration)
	attempt = func(wait time.Duration) {
		w.Store.SaveResult(r, func(err error) {
			if err == nil {
				done()
				finish()
				return
			}
			if errors.Is(err, hook.ErrFenced) { // it is somebody else's now
				done()
				finish()
				return
			}
			if w.stopped.Err() != nil && wait > 2*time.Second { // found again, as interrupted, after the next start
				w.Log.Error("result not stored before stopping", "delivery", r.Delivery.ID, "error", err)
				finish()
				return
			}
			time.AfterFunc(wait, func() { attempt(min(2*wait, 5*time.Second)) })
		})
	}
	attempt(100 * time.Millisecond)
}
