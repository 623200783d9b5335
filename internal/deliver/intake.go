package deliver

import (
	"time"

	"gancho/internal/hook"
)

// How deliveries come into a lane, and how they leave it unsent.

// await notes a delivery that is about to be committed, if the lane would take it into memory.
// It reports whether the delivery would be sent at once, or very soon.
func (l *lane) await(d *hook.Delivery) (atOnce bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	// Where other nodes accept deliveries too, only the store knows the order.
	open := l.open() && !l.w.stopping.Load() && !(l.ordered() && l.shared())
	if !l.window.Expect(d.ID, open) || !l.sendsAtOnce(d, l.now()) {
		return false
	}
	l.starting++
	return true
}

// sendsAtOnce reports whether a delivery that is offered now would be sent at once, or very
// soon: the deliveries in flight, in memory and about to be offered are fewer than twice the
// concurrency. It returns false for an ordered lane, where a delivery waits for those before
// it, and for at-most-once and for contracts that send several events in one request, which need a commit
// of their own first. mu is held.
func (l *lane) sendsAtOnce(d *hook.Delivery, now time.Time) bool {
	if d.Mode != hook.AtLeastOnce || l.ordered() || l.plan.batch.Max > 0 || l.got != l.wanted || l.window.Backlog() || !l.pace.Unlimited(now) {
		return false
	}
	return l.window.Len()+l.inFlight+l.starting < 2*l.plan.limits.Concurrency
}

// arrived ends the wait for an expected delivery; with mu held.
func (l *lane) arrived(d *hook.Delivery) {
	if d.State == hook.Sending && l.window.Expects(d.ID) {
		l.starting--
	}
}

// callOff ends the wait for a delivery that was not committed.
func (l *lane) callOff(d *hook.Delivery) {
	l.mu.Lock()
	l.arrived(d)
	l.window.CallOff(d.ID)
	l.mu.Unlock()
	l.pump() // an ordered lane reads nothing while it expects a delivery
}

// offer takes a delivery that was just committed. It returns false if the lane has
// ended.
func (l *lane) offer(job *hook.Job) bool {
	l.mu.Lock()
	if l.standing.Load() == ended {
		l.mu.Unlock()
		return false
	}
	l.usedAt = l.now()
	l.arrived(&job.Delivery)
	l.putBackAll(l.window.Offer(job, l.usedAt, l.open()))
	l.mu.Unlock()
	l.pump()
	return true
}

// supersede takes a delivery out of memory. If it is in flight, it will not be tried
// again, and if it is expected, not sent at all.
func (l *lane) supersede(id hook.DeliveryID) (inFlight bool) {
	l.mu.Lock()
	unsent, inFlight := l.window.Supersede(id)
	l.putBackAll(unsent)
	l.mu.Unlock()
	l.pump() // what waited behind it
	return inFlight
}

// putBackAll puts back deliveries that are stored as being sent but were not sent. It does so
// on another goroutine; with mu held.
func (l *lane) putBackAll(unsent []hook.Job) {
	if len(unsent) == 0 {
		return
	}
	l.w.senders.Go(func() {
		for i := range unsent {
			l.putBack(unsent[i].Delivery, l.now())
		}
	})
}

// noteTest says that a test is being made, so that its delivery does not count as
// interrupted, until done is called. ok is false if the lane has ended.
func (l *lane) noteTest(id hook.DeliveryID) (done func(), ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.standing.Load() == ended {
		return nil, false
	}
	l.window.NoteTest(id)
	l.usedAt = l.now()
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.window.Settle(id, time.Time{})
	}, true
}
