package deliver

import (
	"slices"
	"time"

	"gancho/internal/hook"
)

// How new deliveries come into a lane. A delivery is expected before it is
// committed, so that from its first moment in the store on nobody reads it there;
// after the commit it is offered, and goes from memory to its receiver. What was
// not expected, or does not fit, is left to be read from the store: since the
// commit a page may have shown it, and it may even have been sent.

// hold says why a delivery is not to be read from the store.
type hold struct {
	n        int  // reasons: it is expected, queued, in flight, or not durably recorded yet
	expected bool // being committed, and to be offered or called off
	stale    bool // superseded meanwhile, so not to be sent, or not again
}

// hold notes one more reason not to read a delivery from the store.
func (l *lane) hold(id hook.DeliveryID) {
	h := l.held[id]
	h.n++
	l.held[id] = h
	l.holds++
}

// release ends one of them.
func (l *lane) release(id hook.DeliveryID) {
	l.holds--
	h := l.held[id]
	if h.n--; h.n > 0 {
		l.held[id] = h
		return
	}
	delete(l.held, id)
	if l.released != nil {
		l.released[id] = struct{}{}
	}
}

// await expects a delivery that is about to be committed, if the lane has room
// for it. It reports whether it would be sent at once, or very soon, if it were
// offered now: with as many more waiting as may be in flight. In an ordered lane
// that depends on what is before; and at-most-once is noted in a commit of its own.
// Where other nodes accept too, only the store knows what is before.
func (l *lane) await(d *hook.Delivery) (atOnce bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dead.Load() || !l.mine() || l.w.stopping.Load() || l.interrupted || l.plan == nil || l.plan.state != hook.EndpointActive ||
		l.onDisk && !l.paging || len(l.held) >= laneJobs || l.plan.limits.Ordered && l.shared() {
		return false
	}
	l.held[d.ID] = hold{n: l.held[d.ID].n + 1, expected: true}
	l.holds++
	atOnce = d.Mode == hook.AtLeastOnce && l.have == l.want && !l.plan.limits.Ordered && !l.onDisk &&
		len(l.queue)+l.inFlight+l.starting < 2*l.plan.limits.Concurrency && l.limiter == nil && !l.breaker.open && !time.Now().Before(l.notBefore)
	if atOnce {
		l.starting++
	}
	return atOnce
}

// came ends the waiting for a delivery. It reports whether it was expected, and
// then leaves its hold to the caller.
func (l *lane) came(d *hook.Delivery) bool {
	h := l.held[d.ID]
	if !h.expected {
		return false
	}
	h.expected = false
	l.held[d.ID] = h
	if d.State == hook.Sending {
		l.starting--
	}
	return true
}

// callOff ends the waiting for a delivery that was not committed.
func (l *lane) callOff(d *hook.Delivery) {
	l.mu.Lock()
	if l.came(d) {
		l.release(d.ID)
	}
	l.mu.Unlock()
	l.pump() // an ordered lane reads nothing while it expects something
}

// offer takes a delivery that was just committed. It returns false if the lane
// is dead.
func (l *lane) offer(job hook.Job) bool {
	l.mu.Lock()
	if l.dead.Load() {
		l.mu.Unlock()
		return false
	}
	l.usedAt = time.Now()
	d := &job.Delivery
	switch expected := l.came(d); {
	case expected:
		l.admit(job)
		l.release(d.ID)
	case d.NextAttemptAt.After(l.usedAt) && !l.ordered(): // its schedule starts with a delay
		l.expect(d.QueueAt)
	default: // the store knows better, even of one that an earlier lane expected: it may be done already
		l.onDisk, l.missed = true, true
	}
	l.mu.Unlock()
	l.pump()
	return true
}

// admit puts a delivery where it waits its turn; with mu held, and a hold on it.
func (l *lane) admit(job hook.Job) {
	id := job.Delivery.ID
	switch {
	case l.held[id].stale:
		l.hold(id)
		l.dismiss(job)
	case !l.mine():
		l.decline(job)
	case l.push(job):
	case l.paging && len(l.late) < pageJobs && l.w.gate.hold(jobSize(job)):
		l.hold(id)
		l.late = append(l.late, job)
	default:
		l.decline(job)
	}
}

// decline leaves a delivery to the store; with mu held. If it is stored as being
// in a sender's hands (the lane was ready then, and is not now), that is mended.
func (l *lane) decline(job hook.Job) {
	l.onDisk, l.missed = true, true
	if job.Delivery.State == hook.Sending {
		l.hold(job.Delivery.ID)
		l.giveBack([]hook.Job{job})
	}
}

// giveBack stores deliveries that are stored as being in a sender's hands, but
// are not, as pending again; with mu held, and a hold on each.
func (l *lane) giveBack(jobs []hook.Job) {
	l.w.senders.Go(func() {
		for _, job := range jobs {
			l.putBack(job.Delivery, time.Now())
		}
	})
}

// push puts a delivery at the end of the queue, unless it has to wait its turn
// in the store.
func (l *lane) push(job hook.Job) bool {
	size := jobSize(job)
	if l.onDisk || l.interrupted || l.plan != nil && l.plan.state != hook.EndpointActive ||
		len(l.queue) >= laneJobs || l.bytes+size > laneBytes && l.bytes > 0 || !l.w.gate.hold(size) {
		return false
	}
	l.enqueue(job)
	return true
}

// enqueue puts a delivery into the queue; its bytes are counted at the gate.
func (l *lane) enqueue(job hook.Job) {
	l.queue = append(l.queue, job)
	l.bytes += jobSize(job)
	l.hold(job.Delivery.ID)
}

// jobSize is about what a delivery takes in memory, in bytes.
func jobSize(job hook.Job) int {
	n := len(job.Event.Payload) + 700
	if job.Frozen != nil {
		n += len(job.Frozen.Body)
	}
	return n
}

// supersede takes a delivery out of the queue, or sees to it that it is not tried
// again if it is in flight, and not at all if it is expected.
func (l *lane) supersede(id hook.DeliveryID) (inFlight bool) {
	l.mu.Lock()
	if l.released != nil { // what is being read shows it as it was
		l.released[id] = struct{}{}
	}
	if job, ok := l.takeOut(id); ok {
		l.dismiss(job)
	} else if h := l.held[id]; h.n > 0 {
		h.stale = true
		l.held[id] = h
		inFlight = !h.expected
	}
	l.mu.Unlock()
	l.pump() // what waited behind it
	return inFlight
}

// takeOut takes a delivery out of what waits in memory, and leaves its hold to the
// caller; with mu held.
func (l *lane) takeOut(id hook.DeliveryID) (job hook.Job, ok bool) {
	is := func(job hook.Job) bool { return job.Delivery.ID == id }
	if i := slices.IndexFunc(l.late, is); i >= 0 {
		job = l.late[i]
		l.late = slices.Delete(l.late, i, i+1)
		l.w.gate.release(jobSize(job))
		return job, true
	}
	i := slices.IndexFunc(l.queue, is)
	if i < 0 {
		return job, false
	}
	job = l.queue[i]
	l.queue = slices.Delete(l.queue, i, i+1)
	l.bytes -= jobSize(job)
	l.w.gate.release(jobSize(job))
	return job, true
}

// dismiss lets go of a superseded delivery that never was in a sender's hands;
// with mu held, and a hold on it. If it was stored as being sent when it was accepted,
// the store only noted that it is superseded, and it is put back to be cancelled.
func (l *lane) dismiss(job hook.Job) {
	if job.Delivery.State != hook.Sending {
		l.release(job.Delivery.ID)
		return
	}
	job.Delivery.Superseded = true
	l.giveBack([]hook.Job{job})
}
