package window

import (
	"slices"
	"time"

	"gancho/internal/hook"
)

// Grouping says which deliveries may leave together, in one request with several events.
type Grouping struct {
	Max   int // deliveries
	Bytes int // of their payloads or frozen items; a single one may have more
	// The versions that a delivery gets which has none yet.
	EndpointVersion, ContractVersion int64
}

// lookahead is how many deliveries behind the head are looked at, beside those that fit into the group.
const lookahead = hook.MaxBatch

// Group lists the places in the window of the deliveries that would leave together if the head left now, the head
// first. The list is valid until the next call of any method. whole says that waiting for others is of no use: the group is
// full, or it is a batch that was sent before and is all there. Call Group only if the head is ready.
//
// A batch that was sent before leaves alone and as it was. If some of it is gone, the rest is grouped anew.
func (w *Window) Group(g Grouping, now time.Time) (group []int, whole bool) {
	if group = w.sameBatch(now); group != nil {
		return group, true
	}
	w.group = append(w.group[:0], 0)
	head := &w.jobs[0].Delivery
	bytes := itemSize(&w.jobs[0])
	for i := 1; i < len(w.jobs) && i < g.Max+lookahead; i++ {
		if len(w.group) >= g.Max {
			return w.group, true
		}
		job := &w.jobs[i]
		if !g.joins(head, &job.Delivery, now) || w.known[job.Delivery.ID].unstored {
			if w.ordered {
				return w.group, true // what comes later has to wait
			}
			continue
		}
		if bytes += itemSize(job); bytes > g.Bytes {
			return w.group, true
		}
		w.group = append(w.group, i)
	}
	return w.group, len(w.group) >= g.Max || bytes >= g.Bytes
}

// joins reports whether a delivery may leave together with the head. All of a request have the same mode and the same
// place in the schedule, so that all come back at the same time if it fails, and bodies of the same versions.
func (g Grouping) joins(head, d *hook.Delivery, now time.Time) bool {
	return !d.NextAttemptAt.After(now) && d.Held() == head.Held() && (d.Batch == nil || head.Batch != nil && d.Batch.ID == head.Batch.ID) &&
		d.Mode == head.Mode && d.Slot == head.Slot && g.versions(d) == g.versions(head)
}

// versions are those of a delivery's body.
func (g Grouping) versions(d *hook.Delivery) [2]int64 {
	if d.EndpointVersion == 0 {
		return [2]int64{g.EndpointVersion, g.ContractVersion}
	}
	return [2]int64{d.EndpointVersion, d.ContractVersion}
}

// sameBatch lists the batch of the head in its order, nil if there is none or some of it is not in memory or not due.
func (w *Window) sameBatch(now time.Time) []int {
	batch, held := w.jobs[0].Delivery.Batch, w.jobs[0].Delivery.Held()
	if batch == nil {
		return nil
	}
	w.group = w.group[:0]
	for i := 0; i < len(w.jobs) && i < batch.Of+lookahead && len(w.group) < batch.Of; i++ {
		if d := &w.jobs[i].Delivery; d.Batch != nil && d.Batch.ID == batch.ID && d.Held() == held && !d.NextAttemptAt.After(now) && !w.known[d.ID].unstored {
			w.group = append(w.group, i)
		}
	}
	slices.SortFunc(w.group, func(a, b int) int { return w.jobs[a].Delivery.Batch.Place - w.jobs[b].Delivery.Batch.Place })
	for n, i := range w.group {
		if *w.jobs[i].Delivery.Batch != (hook.Batch{ID: batch.ID, Place: n, Of: batch.Of}) {
			return nil
		}
	}
	if len(w.group) != batch.Of {
		return nil
	}
	return w.group
}

// itemSize is about what a delivery adds to the body of a request.
func itemSize(job *hook.Job) int {
	if job.Frozen != nil {
		return len(job.Frozen.Body) + 1
	}
	return len(job.Event.Payload) + 1
}

// TakeGroup gives out what [Window.Group] has listed, in that order.
func (w *Window) TakeGroup(group []int) []hook.Job {
	out := make([]hook.Job, 0, len(group))
	for _, i := range group {
		out = append(out, w.jobs[i])
		w.freed(&w.jobs[i])
		w.hold(w.jobs[i].Delivery.ID, false)
		w.jobs[i] = hook.Job{}
	}
	if slices.Max(group) == len(group)-1 { // they are the first, as a rule
		w.jobs = w.jobs[len(group):]
	} else {
		w.jobs = slices.DeleteFunc(w.jobs, func(job hook.Job) bool { return job.Event == nil })
	}
	if len(w.jobs) == 0 {
		w.jobs = nil
	}
	w.clearsThen = w.clears
	return out
}

// Return puts back, unsent and as the head, what was taken last in a group and did not fit into the request. An ordered
// queue that was cleared meanwhile is read again from the store, since something may come before them by now.
func (w *Window) Return(jobs []hook.Job) (unsent []hook.Job) {
	stale := w.ordered && w.clears != w.clearsThen
	if stale {
		w.restart()
	}
	kept := make([]hook.Job, 0, len(jobs))
	for i := range jobs {
		job := &jobs[i]
		id := job.Delivery.ID
		superseded := w.known[id].superseded
		switch {
		case (stale || superseded) && job.Delivery.State == hook.Sending:
			unsent = append(unsent, *job)
		case stale || superseded:
			w.taken--
			w.forget(id)
		default:
			w.taken--
			w.budget.MustReserve(size(job))
			w.bytes += size(job)
			w.known[id] = entry{place: waiting}
			kept = append(kept, *job)
		}
	}
	w.jobs = slices.Insert(w.jobs, 0, kept...)
	return unsent
}
