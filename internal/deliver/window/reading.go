package window

import (
	"slices"
	"time"

	"gancho/internal/hook"
)

// Rows that were read from the store may be outdated when they arrive. So the window notes what
// happens while the store is being read.

// reading is what happened during one reading of the store. It is made when the reading begins
// and dropped when it ends. Nothing else clears its flags.
type reading struct {
	page     bool                         // a page of the queue is read; offered deliveries may follow it
	released map[hook.DeliveryID]struct{} // forgotten or superseded since; the rows may be older
	deferred []hook.Job                   // offered meanwhile
	missed   bool                         // a delivery stayed in the store or came due; the page may lack it
	changed  bool                         // work was announced, so the times in the page may be outdated
	gap      bool                         // deliveries went back; the page may lack them but show later ones
}

// WantsPage reports whether the next page of the queue should be read now. An ordered queue is
// read only while no delivery is being sent or expected: such a delivery may go back into the
// store, and would then come before everything in the page. In another queue, those that wait for
// others to fill a request do not count: what the page brings may go past them.
func (w *Window) WantsPage() bool {
	if w.CaughtUp() || w.reading != nil || len(w.jobs)-w.waiting >= w.limits.Refill {
		return false
	}
	return !w.ordered || len(w.known) == len(w.jobs)
}

// BeginPage must be called before a page of the queue is read. Deliveries that are offered from
// then on follow the page. [Window.EndPage] or [Window.FailPage] ends it.
func (w *Window) BeginPage() {
	w.announced = false
	w.reading = &reading{page: true, released: map[hook.DeliveryID]struct{}{}}
}

// BeginLook must be called before the store is read for anything but a page of the queue.
// [Window.EndLook] ends it.
func (w *Window) BeginLook() {
	w.reading = &reading{released: map[hook.DeliveryID]struct{}{}}
}

// Knows reports whether a delivery that the store shows must be skipped: it is
// known, or was when the reading began.
func (w *Window) Knows(id hook.DeliveryID) bool {
	if w.known[id].place != nowhere {
		return true
	}
	if _, ok := w.tests[id]; ok {
		return true
	}
	if w.reading == nil {
		return false
	}
	_, ok := w.reading.released[id]
	return ok
}

// EndPage puts the deliveries of a page into memory, and after them those that were offered
// meanwhile. open is as for [Window.Offer].
func (w *Window) EndPage(page hook.DuePage, now time.Time, open bool) (unsent []hook.Job) {
	r := w.reading
	if !w.ordered || !r.gap {
		for i := range page.Jobs {
			if job := &page.Jobs[i]; !w.Knows(job.Delivery.ID) {
				w.budget.MustReserve(size(job))
				w.push(job)
			}
		}
		w.backlog = page.More || r.missed
		w.expectDue(page.Next)
	}
	unsent = w.follow(open)
	w.reading = nil
	notDue := func(job hook.Job) bool { return job.Delivery.Held() || job.Delivery.NextAttemptAt.After(now) }
	if r.changed && w.ordered && slices.ContainsFunc(w.jobs, notDue) {
		unsent = append(unsent, w.Clear()...) // a person may have made that due since the page was read
	}
	return unsent
}

// FailPage says that the page could not be read. [Window.WantsPage] will ask for it again.
// Deliveries that were offered meanwhile are left in the store.
func (w *Window) FailPage() (unsent []hook.Job) {
	w.announced = true
	unsent = w.follow(false)
	w.reading = nil
	return unsent
}

// EndLook ends a reading that [Window.BeginLook] began. all says that the caller handled every
// delivery that waited in the store when the reading began. Then only deliveries that came
// since can wait there.
func (w *Window) EndLook(all bool) {
	if all && w.reading != nil {
		w.backlog = w.reading.missed
	}
	w.reading = nil
}

// follow lets the deliveries that were offered meanwhile wait behind the page.
func (w *Window) follow(open bool) (unsent []hook.Job) {
	for i := range w.reading.deferred {
		job := &w.reading.deferred[i]
		if open && w.mayWait(job) {
			w.push(job)
			continue
		}
		w.budget.Release(size(job))
		w.leave()
		unsent = append(unsent, w.withdraw(job, false)...)
	}
	return unsent
}

func (w *Window) readingPage() bool { return w.reading != nil && w.reading.page }

// mayDefer reports whether a delivery may wait for the page that is being read.
func (w *Window) mayDefer() bool {
	return w.readingPage() && len(w.reading.deferred) < w.limits.Deferred
}

// Announce says that the store may have work that was not offered here.
func (w *Window) Announce() { w.announced = true }

// Advance notes a backlog if a delivery in the store has come due, or if work was announced
// that must be read before anything that is offered. active says that the endpoint is in
// service.
//
// While few deliveries wait in memory, announced work makes no backlog: it is read, and offered
// deliveries still go into memory. An ordered queue is cleared and read again from its head,
// since the place and the time of what waits may have changed, for example by a retry by hand.
func (w *Window) Advance(now time.Time, active bool) (unsent []hook.Job) {
	if !w.nextDue.IsZero() && !now.Before(w.nextDue) {
		w.nextDue = time.Time{}
		w.leave()
	}
	if !w.announced || active && !w.ordered && len(w.jobs) < w.limits.Refill {
		return nil
	}
	if w.ordered {
		unsent = w.Clear()
	}
	w.announced = false
	w.leave()
	if w.reading != nil {
		w.reading.changed = true
	}
	return unsent
}
