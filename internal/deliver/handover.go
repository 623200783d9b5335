package deliver

import (
	"context"
	"maps"
	"slices"
	"time"

	"gancho/internal/hook"
)

// How the work for an endpoint passes from node to node. The lane says whether it
// may work before it begins anything, so what is left is to end it.

// mine reports whether the lane may work at this moment.
func (l *lane) mine() bool {
	return !l.leaving.Load() && l.epoch == l.w.Owner.Epoch() && l.w.Owner.Owns(l.id)
}

// trusted reports whether what the lane knows of its endpoint is the truth: no other
// node can have taken over. While it is handed over, none has yet.
func (l *lane) trusted() bool {
	return l.epoch == l.w.Owner.Epoch() && (l.leaving.Load() || l.w.Owner.Owns(l.id))
}

// shared reports whether other nodes may accept deliveries, and make tests, of the
// endpoint.
func (l *lane) shared() bool { return l.epoch != 0 }

// testLasts is how long a test may be under way elsewhere: any node makes them, and
// only its own lane knows of it. It is 0 for what is no test.
func (l *lane) testLasts(p *plan, d hook.Delivery) time.Duration {
	if !d.Test || !l.shared() {
		return 0
	}
	return p.limits.Timeout + p.limits.ConnectTimeout + lostAfter
}

// record stores a result in the lane's epoch.
func (l *lane) record(r hook.Result, done func()) {
	r.Epoch = l.epoch
	l.w.record(r, done)
}

// HandOver ends the lanes of some endpoints: nothing new is sent for them, and it
// returns when what was in flight has ended and is durable. Owner must not own
// them any more, or new lanes would open. It fails only with ctx, and then the
// lanes go on ending by themselves.
func (w *Worker) HandOver(ctx context.Context, which func(hook.EndpointID) bool) error {
	var lanes []*lane
	for _, l := range w.all() {
		if which(l.id) {
			l.leaving.Store(true)
			lanes = append(lanes, l)
		}
	}
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for len(lanes) > 0 {
		l := lanes[0]
		if l.quiet() {
			l.end()
			w.remove(l)
			lanes = lanes[1:]
			continue
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-look.C:
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

// quiet drops what waits in the lane, a page that was being read included, and
// reports whether it has nothing in hand.
func (l *lane) quiet() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.drop()
	return l.holds == 0 && l.inFlight == 0 && !l.busy && len(l.tests) == 0
}

// Abandon ends all lanes of earlier epochs at once: their work is another node's.
// Requests in flight end by themselves, and their results are refused.
func (w *Worker) Abandon() {
	epoch := w.Owner.Epoch()
	for _, l := range w.all() {
		if l.epoch != epoch {
			l.end()
			w.remove(l)
		}
	}
}

// end makes a lane dead, with what it holds in memory.
func (l *lane) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dead.Store(true)
	l.timer.Stop()
	l.w.gate.release(l.bytes)
	l.queue, l.bytes = nil, 0
}

func (w *Worker) remove(l *lane) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.lanes[l.id] == l {
		delete(w.lanes, l.id)
	}
}

// Nudge tells that Owner may have changed its mind: lanes look what they can do.
func (w *Worker) Nudge() {
	for _, l := range w.all() {
		l.pump()
	}
}
