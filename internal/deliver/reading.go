package deliver

import (
	"context"
	"sync"
	"time"

	"gancho/internal/hook"
)

// What a lane reads from the store, on a goroutine of its own: pages of its queue, deliveries
// that were interrupted, and deliveries to cancel because the endpoint is disabled.

// interruptedAfter is when a delivery counts as interrupted that is stored as being sent
// although no lane sends it. That should never happen. It could if a commit succeeded but its
// publisher got an error. Then the delivery is found after this time, without a restart.
const interruptedAfter = time.Minute

// knows reports whether the lane must skip a delivery that it read from the store, because it
// has that delivery in memory, or had it when the reading began.
func (l *lane) knows(id hook.DeliveryID) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.window.Knows(id)
}

// beginLook must be called before the lane reads deliveries that are not a page of its queue,
// and endLook after it has handled them.
func (l *lane) beginLook() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.window.BeginLook()
}

func (l *lane) endLook() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.window.EndLook(false)
}

// readPage reads the page of the queue that the window has begun.
func (l *lane) readPage(ctx context.Context) {
	// Even if no memory is free, ask for one byte: that reads one delivery, so every lane makes
	// progress.
	maxBytes := max(min(l.w.memory.Free(), pageBytes), 1)
	page, err := l.w.Store.Due(ctx, l.id, l.now(), pageJobs, maxBytes, l.knows)
	p, lookForInterrupted := l.endPage(page, err)
	if lookForInterrupted {
		err = l.recoverInterrupted(ctx, p, interruptedAfter)
	}
	if err != nil {
		l.backOff(ctx, "cannot read waiting deliveries, will try again", err)
	}
}

// endPage hands a page to the window. It reports whether now is a good moment to look
// for interrupted deliveries: once a minute, and whenever there is nothing to do.
func (l *lane) endPage(page hook.DuePage, err error) (p *plan, lookForInterrupted bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if l.recoveredAt.IsZero() { // first page of a lane: if it brings work, look for interrupted ones in a minute
		l.recoveredAt = now
	}
	if err != nil {
		l.putBackAll(l.window.FailPage())
		return nil, false
	}
	lookForInterrupted = len(page.Jobs) == 0 && l.window.Empty() || now.Sub(l.recoveredAt) >= interruptedAfter
	if lookForInterrupted {
		l.recoveredAt = now
	}
	l.putBackAll(l.window.EndPage(page, now, l.open()))
	if l.standing.Load() == ended { // meanwhile
		l.window.Discard()
	}
	return l.plan, lookForInterrupted
}

// recoverForgotten looks for interrupted deliveries of a lane that reads no pages, because its
// endpoint is not active.
func (l *lane) recoverForgotten(ctx context.Context) {
	l.mu.Lock()
	p := l.plan
	l.mu.Unlock()
	if err := l.recoverInterrupted(ctx, p, interruptedAfter); err != nil {
		l.backOff(ctx, "cannot read interrupted deliveries, will try again", err)
	}
}

// recoverInterrupted finds deliveries that have been stored as being sent for longer than age
// and that this lane is not sending. It records the result "interrupted" for each of them, and
// returns when these results are durable.
func (l *lane) recoverInterrupted(ctx context.Context, p *plan, age time.Duration) error {
	for {
		if !l.mayWork() { // another node sends them, or the next lane looks again
			return errNotNow
		}
		found, err := l.recoverSome(ctx, p, age)
		if err != nil || found == 0 {
			return err
		}
		if age > 0 {
			l.wake()
		}
	}
}

// recoverSome is one round of recoverInterrupted. It returns how many were found.
func (l *lane) recoverSome(ctx context.Context, p *plan, age time.Duration) (found int, err error) {
	l.beginLook()
	list, err := l.w.Store.InHands(ctx, l.id, pageJobs)
	var stored sync.WaitGroup
	for _, d := range list {
		if l.now().Sub(d.NextAttemptAt).Abs() < max(age, l.testLasts(p, d)) || l.knows(d.ID) {
			continue
		}
		found++
		stored.Add(1)
		r := l.w.interruptedResult(d, p, l.w.composer().HidesBody(ctx, p.form, d), l.now())
		l.w.Observer.Attempted(p.endpoint, &r.Delivery, r.Attempt)
		l.record(r, stored.Done)
	}
	l.endLook()
	if err == nil && !waitOr(ctx, &stored) {
		err = ctx.Err()
	}
	return found, err
}

// cancelWaiting cancels, page by page, what waits for a disabled or deleted endpoint.
func (l *lane) cancelWaiting(ctx context.Context) {
	for l.mayWork() && l.cancelPage(ctx) {
	}
}

// cancelPage cancels one page and reports whether there may be another.
func (l *lane) cancelPage(ctx context.Context) (more bool) {
	l.beginLook()
	list, err := l.w.Store.Waiting(ctx, l.id, pageJobs)
	var stored sync.WaitGroup
	cancelled := 0
	for _, d := range list {
		if l.knows(d.ID) { // it is being sent; the result of its attempt cancels it
			continue
		}
		if r, ok := l.cancelled(d); ok {
			cancelled++
			stored.Add(1)
			l.w.Observer.Cancelled(&r.Delivery)
			l.record(r, stored.Done)
		}
	}
	recorded := waitOr(ctx, &stored)
	if err != nil {
		l.backOff(ctx, "cannot read waiting deliveries, will try again", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	stopped := !recorded || ctx.Err() != nil
	resumed := l.active() || l.plan.state == hook.EndpointPaused || l.got != l.wanted
	more = !stopped && !resumed && (err != nil || cancelled > 0 && len(list) == pageJobs)
	l.window.EndLook(!stopped && !resumed && !more)
	return more
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
