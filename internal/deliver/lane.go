package deliver

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"gancho/internal/hook"
)

// lane works through the deliveries of one endpoint.
//
// Its queue is a window on the endpoint's queue in the store: the oldest part,
// in order. Once something did not fit (onDisk), new deliveries stay in the
// store until the window has caught up, so nothing overtakes.
//
// Nothing here blocks while mu is held, and nothing runs when there is nothing
// to do: a lane acts when it is offered work, when a request ends, when its
// timer fires, when a page is loaded, or when its configuration changes.
type lane struct {
	w     *Worker
	id    hook.EndpointID
	epoch int64 // of the node when the lane was opened

	mu   sync.Mutex
	plan *plan       // nil until loaded
	dead atomic.Bool // dropped by the worker, which will open a new one

	queue  []hook.Job
	bytes  int                      // of the queue's payloads
	held   map[hook.DeliveryID]hold // not to be read from the store: expected, queued, in flight, or not durably recorded yet
	holds  int                      // their number
	tests  map[hook.DeliveryID]bool // in hands too, but none of the queue's business
	onDisk bool                     // the store may have due deliveries that come before what is offered now
	told   bool                     // it has others, of which none needs to come before: other nodes store while this one accepts
	nextAt time.Time                // when something in the store comes due; zero: nothing known

	// While the store is read, what it shows may be outdated by what is recorded
	// meanwhile: released has the deliveries that the lane let go since the reading
	// began. nil: nothing is being read.
	released map[hook.DeliveryID]struct{}
	paging   bool       // a page of the queue is being read…
	late     []hook.Job // …and these were offered meanwhile
	missed   bool       // there is more in the store than the reading will show
	changed  bool       // what it shows may have another time now
	gap      bool       // it may not show what comes next: that came back into the store meanwhile

	interrupted bool        // an earlier process may have left deliveries in hand
	want, have  int         // version of the configuration: wanted, and in force
	busy        bool        // a goroutine reads for the lane (plan, page, cancelling)
	leaving     atomic.Bool // the endpoint is being handed over: nothing new begins

	hands     chan hook.Job // to a sender that is free
	inFlight  int
	starting  int       // expected deliveries that are being stored as in a sender's hands
	waiting   bool      // in the gate's line; guarded by the gate
	notBefore time.Time // the receiver asked to be left alone until then
	breaker   breaker
	limiter   *rate.Limiter
	timer     *time.Timer

	health  hook.Health
	unsaved bool // health is newer than what was handed to the store
	savedAt time.Time
	usedAt  time.Time

	lookedAt time.Time // when it last looked for what is lost; zero: not since it was opened
}

const (
	laneJobs  = 32_768   // deliveries in memory
	laneBytes = 32 << 20 // that they take there, of what is granted to all lanes together
	pageJobs  = 256      // read from the store at once
	pageBytes = 4 << 20
	lowWater  = pageJobs / 2
)

func newLane(w *Worker, id hook.EndpointID, interrupted bool) *lane {
	l := &lane{w: w, id: id, epoch: w.Owner.Epoch(), held: map[hook.DeliveryID]hold{}, tests: map[hook.DeliveryID]bool{}, hands: make(chan hook.Job), want: 1, interrupted: interrupted, onDisk: true}
	l.timer = time.AfterFunc(time.Hour, l.pump)
	l.timer.Stop()
	return l
}

func (l *lane) ordered() bool { return l.plan != nil && l.plan.limits.Ordered }

// expect remembers that something in the store comes due at t.
func (l *lane) expect(t time.Time) {
	if !t.IsZero() && (l.nextAt.IsZero() || t.Before(l.nextAt)) {
		l.nextAt = t
	}
}

// wake tells that the store has work for the lane. What is accepted here goes on
// from memory meanwhile, unless there is an order to keep.
func (l *lane) wake() {
	l.mu.Lock()
	l.told = true
	l.mu.Unlock()
	l.pump()
}

// heed sees to it that what the lane was told of is read; with mu held. An ordered
// lane reads all of its queue again, as the place and time of what it holds may
// have changed. Where much waits, what comes now gets behind what is stored.
func (l *lane) heed() {
	if !l.told || l.plan.state == hook.EndpointActive && !l.ordered() && len(l.queue) < lowWater {
		return
	}
	if l.ordered() {
		l.drop()
	}
	l.told, l.onDisk, l.missed, l.changed = false, true, true, true
}

// look is wake for a lane that seems to have nothing to do, and now and then for
// one that has: nobody else finds what the lane does not know of.
func (l *lane) look() {
	l.mu.Lock()
	idle := len(l.held) == 0 && len(l.tests) == 0 && l.nextAt.IsZero()
	long := len(l.queue) < lowWater && time.Since(l.lookedAt) >= lostAfter
	l.mu.Unlock()
	if idle || long {
		l.wake()
	}
}

// refresh tells that the endpoint's configuration may have changed.
func (l *lane) refresh() {
	l.mu.Lock()
	l.want++
	l.mu.Unlock()
	l.wake()
}

// pump starts whatever can start now.
func (l *lane) pump() {
	for {
		l.mu.Lock()
		job, ok := l.take()
		l.mu.Unlock()
		if !ok {
			return
		}
		select {
		case l.hands <- job: // a sender that has just become free
		default:
			go l.work(job)
		}
	}
}

// freeFor is how long a sender waits for another delivery before it ends. At a
// steady trickle that saves making a goroutine, and growing its stack, for each.
const freeFor = time.Second

// work sends one delivery after the other, as long as there are any for it.
func (l *lane) work(job hook.Job) {
	free := time.NewTimer(freeFor)
	defer free.Stop()
	for {
		for ok := true; ok; {
			l.send(job)
			for other := l.w.gate.leave(); other != nil; other = l.w.gate.next() {
				other.pump()
			}
			l.mu.Lock()
			l.inFlight--
			job, ok = l.take()
			l.mu.Unlock()
			l.w.senders.Done()
		}
		l.pump() // what just ended may have made room for more than one
		free.Reset(freeFor)
		select {
		case job = <-l.hands:
		case <-free.C:
			return
		case <-l.w.closing:
			return
		}
	}
}

// take decides what happens next, with mu held: it returns a delivery that may
// go out now, already counted as in flight; or it sees to it that the lane acts
// again when there can be one.
func (l *lane) take() (job hook.Job, ok bool) {
	if l.w.stopping.Load() || l.dead.Load() || !l.mine() {
		return job, false
	}
	now := time.Now()
	if l.have != l.want || l.interrupted {
		l.background(l.prepare)
		return job, false
	}
	if !l.nextAt.IsZero() && !now.Before(l.nextAt) {
		l.onDisk, l.missed, l.nextAt = true, true, time.Time{} // a page that is being read may not show it
	}
	if l.plan.state != hook.EndpointActive && !l.busy && now.Sub(l.lookedAt) >= lostAfter { // a test may be, in any state
		l.lookedAt = now
		l.background(l.lookForLost)
	}
	l.heed()
	switch l.plan.state {
	case hook.EndpointActive:
	case hook.EndpointPaused:
		l.drop()
		return job, false
	default: // disabled, deleted
		l.drop()
		if l.onDisk {
			l.background(l.cancelWaiting)
		} else {
			l.arm(now, l.nextAt)
		}
		return job, false
	}
	// An ordered lane reads only when all it has is queued: what is in flight, or on
	// its way back into the store, may come before what the store shows now.
	if (l.onDisk || l.told) && !l.busy && len(l.queue) < lowWater && (!l.plan.limits.Ordered || l.holds == len(l.queue)) {
		l.begin(true) // what goes out from here on is not before the page
		l.background(l.load)
	}
	if len(l.queue) == 0 {
		l.arm(now, l.nextAt)
		return job, false
	}
	if l.inFlight >= l.plan.limits.Concurrency {
		return job, false
	}
	if at, free := l.free(now); !free {
		if !at.IsZero() {
			l.arm(now, at)
		}
		return job, false
	}
	ticket, wait := l.ticket(now)
	if wait > 0 {
		l.arm(now, now.Add(wait))
		return job, false
	}
	if !l.w.gate.enter(l, l.inFlight == 0) {
		if ticket != nil {
			ticket.CancelAt(now)
		}
		return job, false
	}
	return l.pop(), true
}

// ticket takes one of the rate limit's places, or says how long until there is
// one.
func (l *lane) ticket(now time.Time) (*rate.Reservation, time.Duration) {
	if l.limiter == nil {
		return nil, 0
	}
	r := l.limiter.ReserveN(now, 1)
	if wait := r.DelayFrom(now); wait > 0 {
		r.CancelAt(now)
		return nil, wait
	}
	return r, 0
}

// free reports whether head of the queue may go out now; if not, when to ask
// again (zero: when a request ends, or a result is durable).
func (l *lane) free(now time.Time) (at time.Time, free bool) {
	head := &l.queue[0].Delivery
	if l.held[head.ID].n > 1 { // ordered, and its last result is not durable yet: it would be stored over the next one's
		return time.Time{}, false
	}
	if head.NextAttemptAt.After(now) { // ordered, and its retry is not due
		return head.NextAttemptAt, false
	}
	if now.Before(l.notBefore) {
		return l.notBefore, false
	}
	if ok, again := l.breaker.allow(now); !ok {
		return again, false
	}
	return time.Time{}, true
}

func (l *lane) pop() hook.Job {
	job := l.queue[0]
	l.queue[0] = hook.Job{}
	l.queue = l.queue[1:]
	if len(l.queue) == 0 {
		l.queue = nil // let the array go
	}
	l.bytes -= jobSize(job)
	l.w.gate.release(jobSize(job))
	l.inFlight++
	l.breaker.sent()
	l.w.senders.Add(1)
	return job
}

// arm makes the lane act again at t.
func (l *lane) arm(now, t time.Time) {
	if !t.IsZero() {
		l.timer.Reset(max(t.Sub(now), 0))
	}
}

// drop empties the queue; the store has everything.
func (l *lane) drop() {
	var back []hook.Job
	for _, job := range l.queue {
		if job.Delivery.State == hook.Sending {
			back = append(back, job)
		} else {
			l.release(job.Delivery.ID)
		}
	}
	if len(back) > 0 {
		l.giveBack(back)
	}
	if l.bytes > 0 {
		l.w.gate.release(l.bytes)
	}
	if len(l.queue) > 0 {
		l.onDisk, l.gap = true, true
	}
	l.queue, l.bytes = nil, 0
}

// background runs fn on a goroutine of its own, one at a time, and pumps after.
func (l *lane) background(fn func(context.Context)) {
	if l.busy {
		return
	}
	l.busy = true
	l.w.senders.Go(func() {
		fn(l.w.stopped)
		l.mu.Lock()
		l.busy = false
		l.mu.Unlock()
		l.pump()
	})
}

// pause keeps the lane from trying again at once after a failed read.
func (l *lane) pause(ctx context.Context, what string, err error) {
	if ctx.Err() != nil || errors.Is(err, errNotNow) {
		return
	}
	l.w.Log.Error(what, "endpoint", l.id, "error", err)
	select {
	case <-ctx.Done():
	case <-time.After(time.Second):
	}
}

// prepare reads the endpoint's configuration, and deals with what an earlier
// process had in hand.
func (l *lane) prepare(ctx context.Context) {
	l.mu.Lock()
	want, interrupted := l.want, l.interrupted
	l.mu.Unlock()
	p, err := l.w.plan(ctx, l.id)
	if err != nil {
		if hook.IsKind(err, hook.KindNotFound) { // nothing can be delivered there ever again
			l.end()
			return
		}
		l.pause(ctx, "cannot read the endpoint, will try again", err)
		return
	}
	if interrupted {
		if err := l.reclaim(ctx, p, 0); err != nil {
			l.pause(ctx, "cannot read interrupted deliveries, will try again", err)
			return
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.interrupted = false
	l.have = want
	l.setPlan(p)
}

// setPlan puts a configuration in force.
func (l *lane) setPlan(p *plan) {
	if l.plan == nil {
		l.health = p.endpoint.Health
	}
	if old := l.plan; old != nil && (old.limits.Ordered != p.limits.Ordered || old.state != p.state) {
		l.drop()
	}
	if l.plan == nil || l.plan.limits.PerSecond != p.limits.PerSecond {
		l.limiter = nil
		if r := p.limits.PerSecond; r > 0 {
			l.limiter = rate.NewLimiter(rate.Limit(r), max(1, int(r/10))) // bursts of a tenth of a second
		}
	}
	if l.plan != nil && l.plan.state != hook.EndpointActive && p.state == hook.EndpointActive {
		l.breaker, l.notBefore = breaker{}, time.Time{} // somebody says it is mended
		l.health.FailingSince = time.Time{}
	}
	if l.plan != nil && l.plan.endpoint.Version != p.endpoint.Version {
		l.breaker, l.notBefore = breaker{}, time.Time{}
	}
	l.plan = p
}

// reclaim gives every delivery that is stored as in hand for longer than age, and
// that this lane does not have, the result "interrupted", and returns when that
// is durable.
func (l *lane) reclaim(ctx context.Context, p *plan, age time.Duration) error {
	for {
		if !l.mine() { // what is in hand is another's, or will be looked at again
			return errNotNow
		}
		l.beginReading()
		list, err := l.w.Store.InHands(ctx, l.id, pageJobs)
		if err != nil {
			return err
		}
		var wait sync.WaitGroup
		found := false
		for _, d := range list {
			if time.Since(d.NextAttemptAt) < max(age, l.testLasts(p, d)) || l.holdsOn(d.ID) {
				continue
			}
			found = true
			wait.Add(1)
			r := l.w.interruptedResult(d, p, l.hidesBody(ctx, p, d), time.Now())
			l.w.Observer.Attempted(p.endpoint, &r.Delivery, r.Attempt)
			l.record(r, wait.Done)
		}
		l.mu.Lock()
		l.released = nil
		l.mu.Unlock()
		if !waitOr(ctx, &wait) {
			return ctx.Err()
		}
		if !found {
			return nil
		}
		if age > 0 {
			l.wake()
		}
	}
}

// lookForLost is what a lane does that reads no pages.
func (l *lane) lookForLost(ctx context.Context) {
	l.mu.Lock()
	p := l.plan
	l.mu.Unlock()
	if err := l.reclaim(ctx, p, lostAfter); err != nil {
		l.pause(ctx, "cannot read interrupted deliveries, will try again", err)
	}
}

// hidesBody reports whether the body of a delivery must not be shown as it is; if
// that cannot be found out, it must not.
func (l *lane) hidesBody(ctx context.Context, p *plan, d hook.Delivery) bool {
	r, err := l.w.renderer(ctx, p, &d)
	return err != nil || r.SecretBody()
}

// load reads a page of the queue, for which the reading has begun. Deliveries
// offered meanwhile follow it, once the page has caught up with them.
func (l *lane) load(ctx context.Context) {
	// At least one, so that every lane gets on; more as far as memory allows.
	budget := max(min(l.w.gate.room(), pageBytes), 1)
	page, err := l.w.Store.Due(ctx, l.id, time.Now(), pageJobs, budget, l.holdsOn)

	l.mu.Lock()
	if l.lookedAt.IsZero() { // no hurry where work is at hand
		l.lookedAt = time.Now()
	}
	look := err == nil && (len(page.Jobs) == 0 && l.holds == 0 || time.Since(l.lookedAt) >= lostAfter)
	if look {
		l.lookedAt = time.Now()
	}
	if err == nil && !(l.gap && l.ordered()) {
		for _, job := range page.Jobs {
			if !l.has(job.Delivery.ID) {
				l.w.gate.mustHold(jobSize(job))
				l.enqueue(job)
			}
		}
		l.onDisk = page.More || l.missed
		l.expect(page.Next)
	}
	l.told = l.told || err != nil
	for _, job := range l.late {
		l.w.gate.release(jobSize(job))
		if err != nil || !l.push(job) {
			l.decline(job)
		}
		l.release(job.Delivery.ID)
	}
	if l.changed && l.ordered() && len(l.queue) > 0 && l.queue[0].Delivery.NextAttemptAt.After(time.Now()) {
		l.drop()
	}
	l.released, l.paging, l.late = nil, false, nil
	if l.dead.Load() { // abandoned meanwhile
		l.w.gate.release(l.bytes)
		l.queue, l.bytes = nil, 0
	}
	p := l.plan
	l.mu.Unlock()
	if look {
		err = l.reclaim(ctx, p, lostAfter)
	}
	if err != nil {
		l.pause(ctx, "cannot read waiting deliveries, will try again", err)
	}
}

// lostAfter is how long a delivery can be stored as in hand without a lane that
// has it, before it is taken for interrupted. Nothing should ever be; this mends
// it without a restart if something is.
const lostAfter = time.Minute

// beginReading must come before the store is read.
func (l *lane) beginReading() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.begin(false)
}

func (l *lane) begin(page bool) {
	l.missed, l.changed, l.gap = false, false, false
	l.told = l.told && !page // what it was told of, the page shows
	l.paging, l.released = page, map[hook.DeliveryID]struct{}{}
}

// has reports whether the lane has a delivery that the store shows, or had it
// when the reading began; with mu held.
func (l *lane) has(id hook.DeliveryID) bool {
	if l.held[id].n > 0 || l.tests[id] {
		return true
	}
	_, ok := l.released[id]
	return ok
}

// holdTest keeps what looks for interrupted deliveries from taking a test for one,
// until letGo is called. It is false if the lane is dead.
func (l *lane) holdTest(id hook.DeliveryID) (letGo func(), ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dead.Load() {
		return nil, false
	}
	l.tests[id], l.usedAt = true, time.Now()
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.tests, id)
		if l.released != nil {
			l.released[id] = struct{}{}
		}
	}, true
}

func (l *lane) holdsOn(id hook.DeliveryID) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.has(id)
}

// cancelWaiting cancels, page by page, what waits for a disabled endpoint.
func (l *lane) cancelWaiting(ctx context.Context) {
	for l.mine() && l.cancelPage(ctx) {
	}
}

// cancelPage cancels one page and reports whether there may be another.
func (l *lane) cancelPage(ctx context.Context) (more bool) {
	l.beginReading()
	list, err := l.w.Store.Waiting(ctx, l.id, pageJobs)
	var wait sync.WaitGroup
	cancelled := 0
	for _, d := range list {
		if !l.holdsOn(d.ID) { // what is in flight is cancelled by its own result
			cancelled++
			wait.Add(1)
			r := l.cancelled(d)
			l.w.Observer.Cancelled(&r.Delivery)
			l.record(r, wait.Done)
		}
	}
	recorded := waitOr(ctx, &wait)
	if err != nil {
		l.pause(ctx, "cannot read waiting deliveries, will try again", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.released = nil
	switch {
	case !recorded || ctx.Err() != nil:
		return false
	case l.plan.state == hook.EndpointActive || l.plan.state == hook.EndpointPaused || l.have != l.want:
		return false // in service again
	case err != nil || cancelled > 0 && len(list) == pageJobs:
		return true
	}
	l.onDisk = l.missed
	return false
}

// waitOr waits for wg, or gives up when ctx ends.
func waitOr(ctx context.Context, wg *sync.WaitGroup) bool {
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	select {
	case <-done:
		return true
	case <-ctx.Done():
		return false
	}
}

// tend saves health and reports whether the lane has been idle long enough to
// be dropped; then it is dead.
func (l *lane) tend(now time.Time) (drop bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.unsaved {
		l.saveHealth(now)
	}
	idle := len(l.held) == 0 && len(l.tests) == 0 && l.nextAt.IsZero() && !l.busy && !l.breaker.open && !now.Before(l.notBefore) &&
		(!l.onDisk && !l.told || l.plan != nil && l.plan.state != hook.EndpointActive)
	if l.dead.Load() || idle && now.Sub(l.usedAt) > idleAfter {
		l.dead.Store(true)
		l.timer.Stop()
		return true
	}
	return false
}

func (l *lane) saveHealth(now time.Time) {
	if !l.trusted() {
		return
	}
	l.w.Store.SaveHealth(l.id, l.health)
	l.unsaved, l.savedAt = false, now
}
