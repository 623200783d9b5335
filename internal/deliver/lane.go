package deliver

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"gancho/internal/deliver/pace"
	"gancho/internal/deliver/window"
	"gancho/internal/hook"
)

// lane delivers to one endpoint. It decides when the next request may be sent: it keeps the
// endpoint's concurrency, rate, order and breaker, and works only while this node owns the
// endpoint. Its window decides which deliveries are in memory.
//
// A lane without work has no goroutine. It acts when a delivery is offered, when a
// request ends, when a result is stored, when its timer fires, when something was read
// from the store, and when its configuration changes: each of these calls pump. Nothing
// blocks while mu is held.
type lane struct {
	w        *Worker
	id       hook.EndpointID
	epoch    int64 // of the node when the lane was opened
	standing standing
	ahead    atomic.Int64 // nanoseconds that the clock was put back while no lane was open, see now

	mu     sync.Mutex
	window *window.Window
	pace   pace.Pace
	health health

	plan        *plan // nil until the configuration was read for the first time
	wanted, got int   // counts of configuration changes: announced, and already in plan
	// decided is what attempts made of the endpoint: paused or disabled. The first attempt that does sets it, so that the
	// others that were under way do not decide it again, perhaps after a person resumed the endpoint. The next
	// configuration clears it. It is cleared, too, if the state could not be stored: after an error, or without a lease.
	decided hook.EndpointState
	// recovers: deliveries that an earlier process, or another node, was sending may be in
	// the store. Opening the lane for a take-over sets it; once they are recovered, the
	// first reading of the configuration clears it.
	recovers bool
	// reads: a goroutine reads from the store for the lane. background sets it, and clears
	// it when the goroutine is done. So there is one at a time.
	reads bool

	freeSenders  chan parcel // hands a parcel to an idle sender
	inFlight     int         // parcels with senders
	starting     int         // expected deliveries that are being stored as hook.Sending
	waitsForSlot bool        // it waits in line for a slot: acquire sets it, its turn clears it; requestSlots guards it
	timer        *time.Timer // pumps

	usedAt      time.Time // when a delivery was last offered
	recoveredAt time.Time // when it last looked for interrupted deliveries; zero: not since it was opened
}

// standing says whether a lane may work.
type standing struct{ atomic.Int32 }

const (
	serving int32 = iota // it works
	leaving              // HandOver: it begins nothing new. TakeOver makes it serving again if the hand-over failed
	ended                // it will never work again: another lane may be opened for the endpoint
)

const (
	pageJobs  = 256 // deliveries read from the store at once
	pageBytes = 4 << 20
)

// windowLimits bound what one lane has in memory. Its bytes count towards the memory of all
// lanes ([Options.MemoryBytes]) as well.
var windowLimits = window.Limits{Jobs: 32_768, Bytes: 32 << 20, Deferred: pageJobs, Refill: pageJobs / 2}

func newLane(w *Worker, id hook.EndpointID, recovers bool) *lane {
	l := &lane{
		w: w, id: id, epoch: w.Owner.Epoch(), window: window.New(windowLimits, &w.memory),
		freeSenders: make(chan parcel), wanted: 1, recovers: recovers,
	}
	l.timer = time.AfterFunc(time.Hour, l.pump)
	l.timer.Stop()
	return l
}

func (l *lane) ordered() bool { return l.plan != nil && l.plan.limits.Ordered }

// now is the time by the worker's clock, and not before the last attempt at the endpoint. If the clock was put back
// since, the deliveries that wait for a retry are due by the time that it showed then.
func (l *lane) now() time.Time { return l.w.Now().Add(time.Duration(l.ahead.Load())) }

func (l *lane) active() bool { return l.plan != nil && l.plan.state == hook.EndpointActive }

// open reports whether the lane sends what is offered to it; with mu held.
func (l *lane) open() bool { return l.active() && !l.recovers && l.mayWork() }

// wake says that the store has work for the lane that was not offered to it.
func (l *lane) wake() {
	l.mu.Lock()
	l.window.Announce()
	l.mu.Unlock()
	l.pump()
}

// poll wakes the lane if it is idle, or if it has few deliveries in memory and has not looked
// for interrupted ones for a minute. Otherwise work that nobody announced would never be found.
func (l *lane) poll() {
	l.mu.Lock()
	idle := l.window.Empty() && l.window.NextDue().IsZero()
	long := l.window.Len() < windowLimits.Refill && l.now().Sub(l.recoveredAt) >= interruptedAfter
	l.mu.Unlock()
	if idle || long {
		l.wake()
	}
}

// refresh says that the endpoint's configuration may have changed.
func (l *lane) refresh() {
	l.mu.Lock()
	l.wanted++
	l.mu.Unlock()
	l.wake()
}

// pump starts whatever can start now.
func (l *lane) pump() {
	for {
		l.mu.Lock()
		x, ok := l.take()
		l.mu.Unlock()
		if !ok {
			return
		}
		select {
		case l.freeSenders <- x:
		default:
			go l.work(x)
		}
	}
}

// freeFor is how long a sender waits for another delivery before it ends. If deliveries come
// one at a time, that saves starting a goroutine, and growing its stack, for each of them.
const freeFor = time.Second

// parcel is what one request is made of: a delivery, or several if the contract sends several events in one request.
type parcel struct {
	hook.Job
	group []hook.Job // nil: Job alone
}

// work is a sender: it sends one parcel after the other, as long as there are any.
func (l *lane) work(x parcel) {
	free := time.NewTimer(freeFor)
	defer free.Stop()
	for {
		for ok := true; ok; {
			if x.group == nil {
				l.send(x.Job)
			} else {
				l.sendGroup(x.group)
			}
			l.w.slots.release()
			l.mu.Lock()
			l.inFlight--
			x, ok = l.take()
			l.mu.Unlock()
			l.w.senders.Done()
		}
		l.pump() // the request that ended may have made room for more than one
		free.Reset(freeFor)
		select {
		case x = <-l.freeSenders:
		case <-free.C:
			return
		case <-l.w.closing:
			return
		}
	}
}

// take returns what may be sent now, counted as in flight. If there is nothing,
// it makes sure that the lane acts again when there may be something. mu is held.
func (l *lane) take() (x parcel, ok bool) {
	if l.w.stopping.Load() || !l.mayWork() {
		return x, false
	}
	if l.got != l.wanted || l.recovers {
		l.background(l.prepare)
		return x, false
	}
	now := l.now()
	l.putBackAll(l.window.Advance(now, l.active()))
	if !l.active() {
		l.rest(now)
		return x, false
	}
	if l.window.WantsPage() && !l.reads {
		l.window.BeginPage()
		l.background(l.readPage)
	}
	group, ok := l.headMayGo(now)
	if !ok {
		return x, false
	}
	l.inFlight++
	l.pace.Sent()
	l.w.senders.Add(1)
	if group != nil {
		x.group = l.window.TakeGroup(group)
	} else {
		x.Job = l.window.Take()
	}
	return x, true
}

// headMayGo reports whether the first delivery in memory may be sent now: it is due,
// and concurrency, breaker, rate and the slots of all lanes allow it. If not, the lane
// acts again when that may have changed. If the contract sends several events in one request, group
// lists what goes now, as [window.Window.Group] does; that need not be the first.
func (l *lane) headMayGo(now time.Time) (group []int, ok bool) {
	head, ready := l.window.Head()
	switch {
	case head == nil:
		l.pumpAt(now, l.window.NextDue())
		return nil, false
	case !ready, l.inFlight >= l.plan.limits.Concurrency: // the lane is pumped when the result is stored or a request ends
		return nil, false
	case head.Held() && l.plan.limits.Strict: // until a person retries or skips it, which wakes the lane
		return nil, false
	case head.NextAttemptAt.After(now): // in an ordered queue it waits for its retry here
		l.pumpAt(now, head.NextAttemptAt)
		return nil, false
	}
	if l.plan.batch.Max > 0 {
		var until time.Time
		if group, until = l.window.Group(l.plan.grouping(), now); group == nil { // others may come
			if next := l.window.NextDue(); !next.IsZero() && next.Before(until) { // which may not have to wait
				until = next
			}
			l.pumpAt(now, until)
			return nil, false
		}
	}
	r, again, ok := l.pace.Reserve(now)
	if !ok {
		l.pumpAt(now, again)
		return nil, false
	}
	if !l.w.slots.acquire(l, l.inFlight == 0) {
		r.Cancel(now)
		return nil, false
	}
	return group, true
}

// rest is for a lane whose endpoint is not active. It keeps nothing in memory, and cancels the
// deliveries that wait in the store unless the endpoint is only paused. It still looks for
// interrupted deliveries, because tests are made in any state.
func (l *lane) rest(now time.Time) {
	if !l.reads && now.Sub(l.recoveredAt) >= interruptedAfter {
		l.recoveredAt = now
		l.background(l.recoverForgotten)
	}
	l.putBackAll(l.window.Clear())
	switch {
	case l.plan.state == hook.EndpointPaused:
	case l.window.Backlog():
		l.background(l.cancelWaiting)
	default:
		l.pumpAt(now, l.window.NextDue())
	}
}

// pumpAt makes the lane act again at t, unless t is zero.
func (l *lane) pumpAt(now, t time.Time) {
	if !t.IsZero() {
		l.timer.Reset(max(t.Sub(now), 0))
	}
}

// background runs fn on a goroutine of its own, unless another is running, and then
// pumps; with mu held.
func (l *lane) background(fn func(context.Context)) {
	if l.reads {
		return
	}
	l.reads = true
	l.w.senders.Go(func() {
		fn(l.w.stopped)
		l.mu.Lock()
		l.reads = false
		l.mu.Unlock()
		l.pump()
	})
}

// backOff logs that something could not be read, and waits a second, so that the lane
// does not try again at once.
func (l *lane) backOff(ctx context.Context, what string, err error) {
	if ctx.Err() != nil || errors.Is(err, errNotNow) {
		return
	}
	l.w.Log.Error(what, "endpoint", l.id, "error", err)
	select {
	case <-ctx.Done():
	case <-time.After(time.Second):
	}
}

// prepare reads the endpoint's configuration and puts it in force. The first time it
// also recovers what an earlier process was sending.
func (l *lane) prepare(ctx context.Context) {
	l.mu.Lock()
	wanted, recovers := l.wanted, l.recovers
	l.mu.Unlock()
	p, err := l.w.plan(ctx, l.id)
	if err != nil {
		if hook.IsKind(err, hook.KindNotFound) { // nothing can ever be delivered there again
			l.end()
			return
		}
		l.backOff(ctx, "cannot read the endpoint, will try again", err)
		return
	}
	if recovers {
		if err := l.recoverInterrupted(ctx, p, 0); err != nil {
			l.backOff(ctx, "cannot read interrupted deliveries, will try again", err)
			return
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.recovers = false
	l.got = wanted
	l.setPlan(p)
}

// setPlan puts a configuration in force; with mu held.
func (l *lane) setPlan(p *plan) {
	old := l.plan
	l.plan, l.decided = p, ""
	if old == nil {
		l.health.Health = p.endpoint.Health
		l.ahead.Store(int64(max(p.endpoint.Health.LastRun.Sub(l.w.Now()), 0)))
		l.pace.Limit(p.limits.PerSecond)
		l.window.SetOrdered(p.limits.Ordered)
		return
	}
	if old.limits.Ordered != p.limits.Ordered || old.state != p.state {
		l.putBackAll(l.window.Clear())
		l.window.SetOrdered(p.limits.Ordered)
	}
	if old.limits.PerSecond != p.limits.PerSecond {
		l.pace.Limit(p.limits.PerSecond)
	}
	resumed := old.state != hook.EndpointActive && p.state == hook.EndpointActive
	corrected := hook.Corrected(old.endpoint, p.endpoint)
	if resumed || corrected { // a person says that the receiver works again, or what failed was not the endpoint as it is now
		l.healed(l.now())
	}
	if resumed || corrected || old.endpoint.Version != p.endpoint.Version {
		l.pace.Forgive()
	}
}

// tend saves health that is not stored yet. It reports whether the lane can be dropped,
// because it has ended or was idle for long enough, which ends it. now is by the worker's clock.
func (l *lane) tend(now time.Time) (drop bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now = now.Add(time.Duration(l.ahead.Load())) // as all times of the lane
	if l.health.unsaved {
		l.saveHealth(now)
	}
	if l.standing.Load() != ended && (!l.idle(now) || now.Sub(l.usedAt) <= idleAfter) {
		return false
	}
	l.standing.Store(ended)
	l.timer.Stop()
	return true
}

// idle reports whether the lane can be dropped without a loss: it has no deliveries in memory,
// knows of none that it would read, and keeps no pause that a new lane would not know of. mu is
// held.
func (l *lane) idle(now time.Time) bool {
	unread := !l.window.CaughtUp() && (l.plan == nil || l.active())
	return l.window.Empty() && l.window.NextDue().IsZero() && !unread && !l.reads && !l.pace.Pausing(now)
}
