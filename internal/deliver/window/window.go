// Package window keeps the part of one endpoint's queue that is in memory.
//
// The whole queue is in the store. A [Window] decides which of its deliveries may wait in
// memory, and when the rest has to be read. Its caller, a lane of the worker, does everything
// that takes time: it reads pages, sends, and stores results. A Window has no lock, no clock
// and no goroutine; its caller holds a lock.
//
// A delivery comes in one of two ways. Either a publisher announces it before its commit
// ([Window.Expect]) and hands it over after the commit ([Window.Offer]): then it is never read
// from the store. Or it is read as part of a page ([Window.BeginPage], [Window.EndPage]). From
// then on the Window knows it, until the caller says that its result is durable
// ([Window.Settle]).
//
// A delivery that will be sent at once is stored as [hook.Sending] from the start. If it is not
// sent after all, the method that takes it out of memory returns it as unsent. The caller then
// stores it as waiting again, or as cancelled if it was superseded ([Window.Superseded]), and
// settles it.
//
// It promises:
//
//   - A delivery is given out once at a time: [Window.Take] never returns one that is still
//     being sent, or whose result is not durable. Nor does it return one again that a page
//     shows as waiting only because it was settled while the page was read.
//   - Nothing is forgotten: a delivery that is due in the store is in memory, or
//     [Window.WantsPage] becomes true.
//   - If the queue is ordered, deliveries are given out in its order, each only when none of those
//     before it can be sent again: when their results are durable, or they are at-most-once and
//     over ([Window.Over]). Otherwise a crash could lose the result of the one before, which would
//     then be sent again after this one. If the queue is not ordered, a newly accepted delivery
//     still does not overtake a backlog in the store.
//   - What waits in memory is bounded by [Limits] and counted in a [Budget].
package window

import (
	"slices"
	"time"

	"gancho/internal/hook"
)

// Limits bound one window.
type Limits struct {
	Jobs     int // deliveries that are known at once
	Bytes    int // that waiting deliveries take in memory; a single one may take more
	Deferred int // deliveries that wait for the page that is being read
	Refill   int // the next page is read when fewer deliveries wait
}

// Budget is the memory that all windows share, in bytes.
type Budget interface {
	// Reserve takes n bytes, if there are as many.
	Reserve(n int) bool
	// MustReserve takes n bytes, even if there are fewer.
	MustReserve(n int)
	// Release gives back n bytes that were taken.
	Release(n int)
}

// place says where a delivery is that the window knows.
type place uint8

const (
	nowhere  place = iota // not known
	expected              // its commit is under way; it will be offered or called off
	waiting               // in memory, for its turn
	deferred              // in memory, until the page that is being read has come in
	taken                 // with the caller: being sent, or its result is being stored
)

// entry is what the window knows of a delivery.
type entry struct {
	place place
	// unstored: it waits again although the result of its last attempt is not durable.
	// Requeue sets it, and Settle clears it.
	unstored bool
	// superseded: a newer snapshot took its place while it was expected or taken.
	// Supersede sets it; nothing clears it.
	superseded bool
	// over: it is taken and will never be sent again, whatever becomes of its result. Over sets
	// it; nothing clears it.
	over bool
}

// Window is the part of an endpoint's queue that is in memory. Make it with [New].
type Window struct {
	limits  Limits
	budget  Budget
	ordered bool

	jobs     []hook.Job                   // that wait in memory, in the order in which they are taken
	bytes    int                          // that jobs take
	known    map[hook.DeliveryID]entry    // all deliveries that no page may bring in
	unstored int                          // how many of known are unstored
	taken    int                          // how many of known are taken
	over     int                          // how many of those are over
	tests    map[hook.DeliveryID]struct{} // deliveries that are sent past the queue

	// backlog: the store may have deliveries that are due and come before what is
	// offered now, so what is offered stays in the store, too. It is set when a delivery
	// is left in the store or comes due there, and when waiting ones are cleared. A page
	// that shows the end of what is due clears it.
	backlog bool
	// announced: the store has work that was not offered here, for example because another
	// node accepted it. Announce and a failed page set it; beginning to read a page clears
	// it. Unlike a backlog, it lets offered deliveries go to memory, unless the queue is
	// ordered.
	announced bool
	nextDue   time.Time // when a delivery in the store comes due; zero: none is known
	reading   *reading  // nil: nothing is being read

	group      []int  // what sameBatch has listed
	kinds      []kind // what Group has found; their lists are used again
	waiting    int    // how many of the first in memory wait for others to fill a request, when Group last looked
	clears     int    // how often Clear was called
	clearsThen int    // clears when the last group was taken
}

// New returns an empty window. Nothing is known about the queue yet, so all of it has to be
// read.
func New(limits Limits, budget Budget) *Window {
	return &Window{
		limits: limits, budget: budget, backlog: true,
		known: map[hook.DeliveryID]entry{}, tests: map[hook.DeliveryID]struct{}{},
	}
}

// size is the approximate size of a delivery in memory, in bytes.
func size(job *hook.Job) int {
	n := len(job.Event.Payload) + 700
	if job.Frozen != nil {
		n += len(job.Frozen.Body)
	}
	return n
}

// Len is the number of deliveries that wait in memory for their turn.
func (w *Window) Len() int { return len(w.jobs) }

// Empty reports whether no delivery is known: none is expected, waits, or is with
// the caller.
func (w *Window) Empty() bool { return len(w.known) == 0 && len(w.tests) == 0 }

// Backlog reports whether deliveries in the store come before those that are
// offered now.
func (w *Window) Backlog() bool { return w.backlog }

// CaughtUp reports whether the store has nothing to read before [Window.NextDue].
func (w *Window) CaughtUp() bool { return !w.backlog && !w.announced }

// NextDue is when a delivery in the store comes due; zero if none is known.
func (w *Window) NextDue() time.Time { return w.nextDue }

// SetOrdered says whether the order of the queue has to be kept. Call [Window.Clear] before
// that changes.
func (w *Window) SetOrdered(ordered bool) { w.ordered = ordered }

// Expect notes a delivery that is about to be committed, so that from its first moment in the
// store no page brings it in. If it returns true, [Window.Offer] or [Window.CallOff] must
// follow. It returns false if the delivery has to be read from the store later, because the
// caller would not send it (open is as for Offer), because deliveries in the store come before
// it, or because there is no room.
func (w *Window) Expect(id hook.DeliveryID, open bool) bool {
	if open && (!w.backlog || w.readingPage()) && len(w.known) < w.limits.Jobs && w.known[id].place == nowhere {
		w.known[id] = entry{place: expected}
		return true
	}
	// Example: delivery 1 is expected while a page is being read, and 2 is not, since there is
	// no room. The page leaves out 1, but shows 2 if that is committed in time, and 2 would
	// be sent first. So the page will not be used.
	if w.ordered && w.readingPage() && len(w.known) > len(w.jobs) {
		w.restart()
	}
	return false
}

// CallOff ends the wait for a delivery that was not committed. It is false if the
// delivery was not expected.
func (w *Window) CallOff(id hook.DeliveryID) bool {
	if w.known[id].place != expected {
		return false
	}
	w.forget(id)
	return true
}

// Expects reports whether a delivery is expected.
func (w *Window) Expects(id hook.DeliveryID) bool { return w.known[id].place == expected }

// Offer hands over a delivery that was just committed. open says whether the caller would send
// it; it is false while the endpoint is paused, for example. An expected delivery waits in
// memory if open is true and there is room. A delivery that was not expected is left in the
// store, because a page may have brought it in since its commit, and it may even have been
// sent.
func (w *Window) Offer(job *hook.Job, now time.Time, open bool) []hook.Job {
	d := &job.Delivery
	e := w.known[d.ID]
	switch {
	case e.place != expected && d.NextAttemptAt.After(now) && !w.ordered: // its schedule begins with a delay
		w.expectDue(d.QueueAt)
		return nil
	case e.place != expected:
		w.leave()
		return nil
	case e.superseded:
		return w.withdraw(job, true)
	case open && w.mayWait(job) && w.budget.Reserve(size(job)):
		w.push(job)
		return nil
	case open && w.mayDefer() && w.budget.Reserve(size(job)):
		w.known[d.ID] = entry{place: deferred}
		w.reading.deferred = append(w.reading.deferred, *job)
		return nil
	}
	w.leave()
	return w.withdraw(job, false)
}

// Head is the delivery whose turn it is, nil if none waits in memory. It is not ready while the
// result of its last attempt is not durable: otherwise that result could be stored after the
// result of the next attempt, and replace it. The head of an ordered queue is not ready while any
// delivery is taken, because the one before it may still be sent again. If all of those are over
// and the head is at-most-once too, it is ready: it is sent only after a commit of its own, which
// as a rule takes their results along. If it does not, a crash makes them unknown, and none is sent
// again.
func (w *Window) Head() (d *hook.Delivery, ready bool) {
	if len(w.jobs) == 0 {
		return nil, false
	}
	d = &w.jobs[0].Delivery
	ready = (w.unstored == 0 || !w.known[d.ID].unstored) &&
		(!w.ordered || w.taken == w.over && (w.over == 0 || d.Mode == hook.AtMostOnce))
	return d, ready
}

// OthersWait reports whether deliveries that are not taken wait for their turn, in memory or in the
// store, or are about to be offered.
func (w *Window) OthersWait() bool { return len(w.known) > w.taken || !w.CaughtUp() }

// Take gives out the head, which must be ready. It is the caller's until it is
// settled or requeued.
func (w *Window) Take() hook.Job {
	job := w.jobs[0]
	w.waiting = 0
	w.jobs[0] = hook.Job{} // its payload can go
	if w.jobs = w.jobs[1:]; len(w.jobs) == 0 {
		w.jobs = nil // and the array
	}
	w.freed(&job)
	w.hold(job.Delivery.ID, false)
	return job
}

// Requeue puts back a taken delivery as the head: it keeps its place in an ordered
// queue while it waits for its next attempt. The result of its last attempt is still
// to be settled.
func (w *Window) Requeue(job *hook.Job) {
	w.budget.MustReserve(size(job))
	w.bytes += size(job)
	w.jobs = slices.Insert(w.jobs, 0, *job)
	w.known[job.Delivery.ID] = entry{place: waiting, unstored: true}
	w.taken--
	w.unstored++
}

// Over says that the attempt of a taken delivery has ended and that the delivery will never be
// sent again, not even if the process ends before its result is durable. That is true of an
// at-most-once delivery from the moment on that the store has it as being sent.
func (w *Window) Over(id hook.DeliveryID) {
	if e := w.known[id]; e.place == taken && !e.over {
		e.over = true
		w.known[id] = e
		w.over++
	}
}

// Settle says that the newest state of a taken delivery is durable, or that a test has ended.
// again is when to read the delivery from the store again; zero if it is finished. Settle
// reports whether the delivery waits in memory already, because it was requeued.
func (w *Window) Settle(id hook.DeliveryID, again time.Time) (requeued bool) {
	switch e := w.known[id]; {
	case e.unstored:
		w.stored(id)
		return true
	case e.place == taken:
		w.taken--
		if e.over {
			w.over--
		}
	}
	w.forget(id)
	w.expectDue(again)
	return false
}

// Superseded reports whether a newer snapshot took the place of a taken delivery.
func (w *Window) Superseded(id hook.DeliveryID) bool { return w.known[id].superseded }

// Supersede says that a newer snapshot took the place of a delivery; the store has that
// already. A delivery that waits in memory is removed. One that is expected will not be put
// into memory. One that is taken is marked ([Window.Superseded]), and isTaken is true.
func (w *Window) Supersede(id hook.DeliveryID) (unsent []hook.Job, isTaken bool) {
	if w.reading != nil { // which may show it as it was
		w.reading.released[id] = struct{}{}
	}
	is := func(job hook.Job) bool { return job.Delivery.ID == id }
	switch e := w.known[id]; e.place {
	case expected, taken:
		e.superseded = true
		w.known[id] = e
		return nil, e.place == taken
	case waiting:
		i := slices.IndexFunc(w.jobs, is)
		job := w.jobs[i]
		w.jobs = slices.Delete(w.jobs, i, i+1)
		w.freed(&job)
		return w.withdraw(&job, true), false
	case deferred:
		i := slices.IndexFunc(w.reading.deferred, is)
		job := w.reading.deferred[i]
		w.reading.deferred = slices.Delete(w.reading.deferred, i, i+1)
		w.budget.Release(size(&job))
		return w.withdraw(&job, true), false
	case nowhere:
	}
	return nil, false
}

// NoteTest makes a delivery known that the caller sends past the queue, so that it does
// not look like one that a crash interrupted. [Window.Settle] ends that.
func (w *Window) NoteTest(id hook.DeliveryID) { w.tests[id] = struct{}{} }

// Clear removes what waits in memory, for example when the endpoint is paused. The store
// has all of it, and it will be read from there again.
func (w *Window) Clear() (unsent []hook.Job) {
	w.clears++
	w.waiting = 0
	if len(w.jobs) > 0 {
		w.restart()
	}
	for i := range w.jobs {
		unsent = append(unsent, w.withdraw(&w.jobs[i], false)...)
	}
	w.budget.Release(w.bytes)
	w.jobs, w.bytes = nil, 0
	return unsent
}

// Restart is for an ordered queue when a taken delivery goes back into the store. It
// clears what waits in memory, so that all of it is read again behind that delivery.
func (w *Window) Restart() []hook.Job {
	w.restart()
	return w.Clear()
}

// Discard gives back all memory of a window that will not be used any more. Only taken
// deliveries stay known, since they will be settled.
func (w *Window) Discard() {
	w.budget.Release(w.bytes)
	w.jobs, w.bytes = nil, 0
	if w.reading != nil {
		for i := range w.reading.deferred {
			w.budget.Release(size(&w.reading.deferred[i]))
		}
		w.reading.deferred = nil
	}
	for id, e := range w.known {
		switch {
		case e.unstored:
			w.stored(id)
			w.hold(id, false)
		case e.place != taken:
			delete(w.known, id)
		}
	}
}

// mayWait reports whether a delivery may wait in memory for its turn: nothing in the
// store comes before it, and there is room.
func (w *Window) mayWait(job *hook.Job) bool {
	return !w.backlog && len(w.jobs) < w.limits.Jobs && (w.bytes == 0 || w.bytes+size(job) <= w.limits.Bytes)
}

// push appends a delivery, whose bytes are reserved.
func (w *Window) push(job *hook.Job) {
	w.jobs = append(w.jobs, *job)
	w.bytes += size(job)
	w.known[job.Delivery.ID] = entry{place: waiting}
}

// freed gives back the bytes of a delivery that waited.
func (w *Window) freed(job *hook.Job) {
	w.bytes -= size(job)
	w.budget.Release(size(job))
}

// leave notes that a delivery stays in the store.
func (w *Window) leave() {
	w.backlog = true
	if w.reading != nil {
		w.reading.missed = true
	}
}

// restart notes that deliveries go back into the store and come before others there. A page
// that is being read may show only the others.
func (w *Window) restart() {
	w.leave()
	if w.reading != nil {
		w.reading.gap = true
	}
}

// withdraw ends the wait of a delivery in memory. If it is stored as being sent, withdraw
// returns it, so that the caller stores that it was not sent.
func (w *Window) withdraw(job *hook.Job, superseded bool) []hook.Job {
	id := job.Delivery.ID
	switch {
	case w.known[id].unstored: // its last result is on its way
		w.stored(id)
		w.hold(id, superseded)
		return nil
	case job.Delivery.State == hook.Sending:
		w.hold(id, superseded)
		return []hook.Job{*job}
	}
	w.forget(id)
	return nil
}

// hold notes that a delivery, which was not taken, is with the caller from now on.
func (w *Window) hold(id hook.DeliveryID, superseded bool) {
	w.known[id] = entry{place: taken, superseded: superseded}
	w.taken++
}

// stored clears unstored of a requeued delivery, because its last result is durable or because
// it does not wait in memory any more.
func (w *Window) stored(id hook.DeliveryID) {
	w.known[id] = entry{place: waiting}
	w.unstored--
}

// forget makes a delivery unknown. A reading that has begun still skips it, because it may show
// the delivery as it was.
func (w *Window) forget(id hook.DeliveryID) {
	delete(w.known, id)
	delete(w.tests, id)
	if w.reading != nil {
		w.reading.released[id] = struct{}{}
	}
}

// expectDue remembers that a delivery in the store comes due at t.
func (w *Window) expectDue(t time.Time) {
	if !t.IsZero() && (w.nextDue.IsZero() || t.Before(w.nextDue)) {
		w.nextDue = t
	}
}
