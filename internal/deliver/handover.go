package deliver

import (
	"context"
	"maps"
	"slices"
	"time"

	"gancho/internal/hook"
)

// How an endpoint moves from one node to another. A lane checks [lane.mayWork] before it begins
// anything. So a handover only waits for what is running, and then ends the lane.

// mayWork reports whether the lane may begin something at this moment: it serves, and
// this node owns the endpoint.
func (l *lane) mayWork() bool {
	return l.standing.Load() == serving && l.epoch == l.w.Owner.Epoch() && l.w.Owner.Owns(l.id)
}

// ownsStill reports whether no other node can have taken over the endpoint, so this lane may
// still store its health and state. That is true during a handover as well, because the next
// node waits for its end.
func (l *lane) ownsStill() bool {
	return l.epoch == l.w.Owner.Epoch() && (l.standing.Load() == leaving || l.w.Owner.Owns(l.id))
}

// shared reports whether other nodes may accept deliveries, and make tests, of the
// endpoint.
func (l *lane) shared() bool { return l.epoch != 0 }

// testLasts is how old a test delivery must be before it can count as interrupted. Another node
// may be making the test, and this lane does not know the tests of other nodes. So it allows
// the longest time that a test can take. It is 0 for other deliveries, and if there are no
// other nodes.
func (l *lane) testLasts(p *plan, d hook.Delivery) time.Duration {
	if !d.Test || !l.shared() {
		return 0
	}
	return p.limits.Timeout + p.limits.ConnectTimeout + interruptedAfter
}

// record stores a result in the lane's epoch.
func (l *lane) record(r hook.Result, done func()) {
	r.Epoch = l.epoch
	l.w.record(r, done)
}

// HandOver ends the lanes of some endpoints. They send nothing new, and HandOver returns when
// their requests in flight have ended and the results are durable. Owner must not own these
// endpoints any more, or new lanes would be opened. HandOver fails only when ctx ends. Then the
// lanes stay, but begin nothing until [Worker.TakeOver] puts them back to work.
func (w *Worker) HandOver(ctx context.Context, which func(hook.EndpointID) bool) error {
	var lanes []*lane
	for _, l := range w.all() {
		if which(l.id) {
			l.standing.CompareAndSwap(serving, leaving)
			lanes = append(lanes, l)
		}
	}
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for len(lanes) > 0 {
		l := lanes[0]
		if l.drained() {
			l.end()
			w.remove(l)
			lanes = lanes[1:]
			continue
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-again.C:
		}
	}
	return nil
}

// Working lists the endpoints that have lanes.
func (w *Worker) Working() []hook.EndpointID {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Collect(maps.Keys(w.lanes))
}

// drained removes the deliveries that wait in memory. It reports whether nothing else is under
// way: no request, no test, no reading of the store, and no result that is not durable.
func (l *lane) drained() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.putBackAll(l.window.Clear())
	return l.window.Empty() && l.inFlight == 0 && !l.reads
}

// Abandon ends all lanes of earlier epochs at once, because other nodes own their
// endpoints now. Requests in flight go on; their results will be refused.
func (w *Worker) Abandon() {
	epoch := w.Owner.Epoch()
	for _, l := range w.all() {
		if l.epoch != epoch {
			l.end()
			w.remove(l)
		}
	}
}

// end ends the lane. Nothing is lost: all deliveries in its memory are in the store, too.
func (l *lane) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.standing.Store(ended)
	l.timer.Stop()
	l.window.Discard()
}

func (w *Worker) remove(l *lane) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.lanes[l.id] == l {
		delete(w.lanes, l.id)
	}
}

// Nudge makes every lane look for something to start, because this node may own other endpoints
// than before.
func (w *Worker) Nudge() {
	for _, l := range w.all() {
		l.pump()
	}
}
