package window

import (
	"slices"
	"time"

	"gancho/internal/hook"
)

// Grouping says which deliveries may leave together, in one request with several events.
type Grouping struct {
	Max   int           // deliveries
	Bytes int           // of their payloads or frozen items; a single one may have more
	Wait  time.Duration // how long a delivery waits for others, from when it is due
	// The versions that a delivery gets which has none yet.
	EndpointVersion, ContractVersion int64
}

// lookahead is how many deliveries behind the head are looked at, beside those that fit into the group.
const lookahead = hook.MaxBatch

// maxKinds is how many kinds of deliveries that cannot go together wait beside each other. What comes behind more waits until
// one of them is gone, for at most [Grouping.Wait].
const maxKinds = 16

// kind is a delivery that waits for others, and those that would leave with it.
type kind struct {
	group []int // places in the window
	bytes int
}

// Group lists the places in the window of deliveries that leave together now, nil if all have to wait for others: then one
// could leave at until, whatever comes. The list is valid until the next call of any method. Call Group only if the head is
// ready.
//
// A group leaves if it is full, if its first delivery has waited for [Grouping.Wait], or if it is a batch that was sent before
// and is all there: that leaves alone and as it was. If some of it is gone, the rest is grouped anew. In an ordered queue the
// first is the head, and what cannot join it ends its wait. Otherwise what cannot join it goes past, and may wait for its like.
func (w *Window) Group(g Grouping, now time.Time) (group []int, until time.Time) {
	w.kinds, w.waiting = w.kinds[:0], 0
	var due *kind // the first one that has waited long enough: it only fills up
	for i := 0; i < len(w.jobs) && i < g.Max+lookahead; i++ {
		job := &w.jobs[i]
		if i > 0 && w.unstored > 0 && w.known[job.Delivery.ID].unstored {
			if w.ordered {
				return w.kinds[0].group, until // what comes later has to wait
			}
			continue
		}
		k := w.kindOf(g, &job.Delivery, due, now)
		switch {
		case k != nil:
			if k.bytes += itemSize(job); k.bytes > g.Bytes {
				return k.group, until
			}
			k.group = append(k.group, i)
		case i > 0 && w.ordered:
			return w.kinds[0].group, until
		case due != nil, len(w.kinds) == maxKinds, i > 0 && job.Delivery.NextAttemptAt.After(now):
			continue
		default:
			if same := w.sameBatch(i, now); same != nil {
				return same, until
			}
			k = w.newKind(i)
			if leaves := job.Delivery.NextAttemptAt.Add(g.Wait); !leaves.After(now) {
				due = k
			} else if until.IsZero() || leaves.Before(until) {
				until = leaves
			}
		}
		if len(k.group) >= g.Max || k.bytes >= g.Bytes {
			return k.group, until
		}
	}
	if due != nil {
		return due.group, until
	}
	if !w.ordered {
		w.waiting = min(len(w.jobs), g.Max+lookahead)
	}
	return nil, until
}

// kindOf is the group that a delivery joins, nil if it joins none. If one is due, only that.
func (w *Window) kindOf(g Grouping, d *hook.Delivery, due *kind, now time.Time) *kind {
	for i := range w.kinds {
		k := &w.kinds[i]
		if (due == nil || due == k) && g.joins(&w.jobs[k.group[0]].Delivery, d, now) {
			return k
		}
	}
	return nil
}

// newKind begins a group with a delivery.
func (w *Window) newKind(i int) *kind {
	n := len(w.kinds)
	if n == cap(w.kinds) {
		w.kinds = append(make([]kind, 0, maxKinds), w.kinds...)
	}
	w.kinds = w.kinds[:n+1] // the list of an earlier group is used again
	k := &w.kinds[n]
	k.group, k.bytes = append(k.group[:0], i), itemSize(&w.jobs[i])
	return k
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

// sameBatch lists the batch of a delivery in its order, nil if there is none or some of it is not in memory or not due. None of
// it comes before that delivery.
func (w *Window) sameBatch(first int, now time.Time) []int {
	batch, held := w.jobs[first].Delivery.Batch, w.jobs[first].Delivery.Held()
	if batch == nil {
		return nil
	}
	w.group = w.group[:0]
	for i := first; i < len(w.jobs) && i < first+batch.Of+lookahead && len(w.group) < batch.Of; i++ {
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
