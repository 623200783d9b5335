package deliver

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"gancho/internal/deliver/compose"
	"gancho/internal/deliver/pace"
	"gancho/internal/deliver/window"
	"gancho/internal/hook"
	"gancho/internal/send"
)

// How several deliveries go in one request (docs/adr/0047). Each has an attempt and a state of its own. The
// store learns of them together: in one commit before the request that they are being sent, with their places in the
// batch, and in one commit after it what became of each.

// grouping says which deliveries may go in one request.
func (p *plan) grouping() window.Grouping {
	return window.Grouping{
		Max: p.batch.Max, Bytes: p.batch.Bytes, Wait: p.batch.Wait, EndpointVersion: p.endpoint.Version, ContractVersion: p.contract.Version,
	}
}

// sendGroup sends deliveries in one request and records the result of each. What does not fit goes back into the window.
// The first one goes alone if it cannot go together with others, for example because no request can be made of it.
func (l *lane) sendGroup(jobs []hook.Job) {
	l.mu.Lock()
	p := l.plan
	l.mu.Unlock()
	g := &group{l: l, plan: p, jobs: slices.Clone(jobs), was: jobs, again: isBatch(jobs)}
	var err error
	g.batch, err = l.w.composer().Gather(l.w.stopped, p.form, g.jobs, p.batch.Bytes, g.again)
	if err != nil || l.w.stopped.Err() != nil {
		g.giveUp(err)
		return
	}
	n := g.batch.Len()
	if n < len(jobs) {
		l.mu.Lock()
		l.putBackAll(l.window.Return(jobs[max(n, 1):]))
		if l.standing.Load() == ended { // meanwhile
			l.window.Discard()
		}
		l.mu.Unlock()
		g.again = false
	}
	if n == 0 {
		l.send(jobs[0])
		return
	}
	g.jobs, g.was = g.jobs[:n], g.was[:n]
	g.send()
}

// isBatch reports whether the deliveries are those of a batch that was sent before.
func isBatch(jobs []hook.Job) bool {
	first := jobs[0].Delivery.InBatch()
	for i := range jobs {
		if first.IsZero() || jobs[i].Delivery.InBatch() != (hook.Batch{ID: first.ID, Place: i, Of: len(jobs)}) {
			return false
		}
	}
	return true
}

// label makes deliveries one batch.
func label(id hook.BatchID, n int, of func(i int) *hook.Delivery) {
	for i := range n {
		of(i).Batch = &hook.Batch{ID: id, Place: i, Of: n}
	}
}

// group is one request with several events on its way. Its lists have the same length.
type group struct {
	l     *lane
	plan  *plan
	jobs  []hook.Job // as they become
	was   []hook.Job // as they were taken
	batch *compose.Batch
	again bool // the same deliveries were sent before in one request
}

// send makes the request, stores that it is being sent, sends it and records the results.
func (g *group) send() {
	for {
		id := g.jobs[0].Delivery.InBatch().ID
		if !g.again {
			id = hook.NewBatchID()
		}
		label(id, len(g.jobs), func(i int) *hook.Delivery { return &g.jobs[i].Delivery })
		m, err := g.batch.Message(id, g.jobs[0].Delivery.Mode)
		if err != nil {
			g.unmade(err)
			return
		}
		gone, err := g.mark()
		switch {
		case err != nil || gone == nil && !g.l.mayWork(): // storing took time: another node may have taken over meanwhile, and nothing is sent
			g.storedAsSending()
			g.giveUp(nil)
			return
		case gone != nil: // the others are another batch
			if g.drop(gone); len(g.jobs) == 0 {
				g.l.mu.Lock()
				g.l.pace.Ended(pace.Silent, g.l.now())
				g.l.mu.Unlock()
				return
			}
			g.again = false
			continue
		}
		began := g.l.w.Now()
		reply := g.l.w.Transports.For(m.Target).Send(g.l.w.stopped, m)
		if reply.NotNow != nil {
			g.l.w.Log.Error("not sent, because it is not known whether it may be", "batch", id, "error", reply.NotNow)
			g.storedAsSending()
			g.giveUp(hook.Unavailable(reply.NotNow))
			return
		}
		attempts, outcomes, whole := g.judge(reply)
		for _, a := range attempts {
			a.StartedAt = began // by the clock of the worker, as all times of the deliveries are
		}
		g.batch.Record(attempts, reply)
		g.conclude(attempts, outcomes, whole)
		return
	}
}

// mark stores durably that the deliveries are being sent, and where in the batch each is. gone lists those that must not
// be sent any more; then the request must be made again without them. After an error nothing must be sent.
func (g *group) mark() (gone hook.NotWaiting, err error) {
	r := hook.Result{Epoch: g.l.epoch}
	now := g.l.now()
	for i := range g.jobs {
		t, ok := hook.Next(g.jobs[i].Delivery, hook.Trigger{Kind: hook.OnTake}, hook.Policy{}, hook.Standing{}, now)
		if !ok { // superseded since it was accepted
			gone = append(gone, g.jobs[i].Delivery.ID)
			continue
		}
		g.jobs[i].Delivery = t.Delivery
		if i == 0 {
			r.Delivery, r.Frozen = t.Delivery, g.batch.Frozen(i)
		} else {
			r.Others = append(r.Others, hook.Result{Delivery: t.Delivery, Frozen: g.batch.Frozen(i)})
		}
	}
	if gone != nil {
		return gone, nil
	}
	err = g.l.w.Store.Intend(r)
	if gone, some := errors.AsType[hook.NotWaiting](err); some {
		return gone, nil
	}
	if errors.Is(err, hook.ErrNotWaiting) { // of one
		return hook.NotWaiting{g.jobs[0].Delivery.ID}, nil
	}
	if err != nil && !errors.Is(err, hook.ErrFenced) {
		g.l.w.Log.Error("not sent, because it could not be stored that it is being sent", "delivery", r.Delivery.ID, "error", err)
	}
	return nil, err
}

// drop leaves out deliveries that must not be sent any more, and puts them back.
func (g *group) drop(gone hook.NotWaiting) {
	for i := len(g.jobs) - 1; i >= 0; i-- {
		if slices.Contains(gone, g.jobs[i].Delivery.ID) {
			g.l.putBack(g.was[i].Delivery, g.l.now().Add(time.Second))
			g.jobs, g.was = slices.Delete(g.jobs, i, i+1), slices.Delete(g.was, i, i+1)
			g.batch.Drop(i)
		}
	}
}

// storedAsSending notes that the deliveries may be stored as being sent; they are put back as if they were.
func (g *group) storedAsSending() {
	for i := range g.was {
		unsure(&g.was[i].Delivery)
	}
}

// giveUp puts back all deliveries, because something is wrong in Gancho, not at the receiver. The error may say when
// to try again.
func (g *group) giveUp(err error) {
	now := g.l.now()
	wait := time.Duration(0)
	if e, ok := errors.AsType[*hook.Error](err); ok {
		wait = e.RetryAfter
	}
	again := now.Add(max(wait, time.Second))
	g.l.mu.Lock()
	g.l.pace.Ended(pace.Silent, now) // it may have been a probe of the breaker
	if g.l.ordered() {
		g.l.putBackAll(g.l.window.Restart())
	}
	if g.l.ordered() || wait > 0 {
		g.l.pace.Extend(again)
	}
	endpoint := hook.Standing{}
	if g.l.plan != nil {
		endpoint = hook.Standing{State: g.l.plan.state, Ordered: g.l.plan.limits.Ordered}
	}
	var results, settled []hook.Result
	for i := range g.was {
		d := g.was[i].Delivery
		d.Superseded = d.Superseded || g.l.window.Superseded(d.ID)
		t, ok := hook.Next(d, hook.Trigger{Kind: hook.OnPutBack, Again: again}, hook.Policy{}, endpoint, now)
		if ok {
			results = append(results, hook.Result{Delivery: t.Delivery})
		} else { // it is not stored as being sent, so the store has it as it is
			settled = append(settled, hook.Result{Delivery: d})
		}
	}
	g.l.mu.Unlock()
	g.l.settleAll(settled, again)
	for i := range results {
		if d := &results[i].Delivery; d.State == hook.Cancelled {
			g.l.w.Observer.Cancelled(d)
		}
	}
	g.l.recordAll(results, again, false)
}

// unmade ends the deliveries, because no request can be made of them, whatever the events are.
func (g *group) unmade(err error) {
	var attempts []*hook.Attempt
	outcome := hook.Outcome{Class: hook.ClassRender, Final: true}
	for range g.jobs {
		attempts = append(attempts, &hook.Attempt{StartedAt: g.l.w.Now(), Class: hook.ClassRender, Detail: err.Error()})
	}
	g.conclude(attempts, slices.Repeat([]hook.Outcome{outcome}, len(g.jobs)), outcome)
}

// refused is why an attempt failed although the request succeeded.
const refused = "The receiver answered with success, and named this event among those that it did not take."

// judge decides what the reply means for each delivery, and what it says about the receiver (whole).
func (g *group) judge(reply *send.Reply) (attempts []*hook.Attempt, outcomes []hook.Outcome, whole hook.Outcome) {
	var answer hook.Response
	if reply.Response != nil {
		answer = *reply.Response
	}
	a, whole := judge(g.plan, reply, g.jobs[0].Delivery.Slot+1)
	var wrong []bool
	if whole.OK && reply.Response != nil {
		events := make([]*hook.Event, len(g.jobs))
		for i := range g.jobs {
			events[i] = g.jobs[i].Event
		}
		var err error
		if wrong, err = g.plan.contract.Refused(&answer, events); err != nil {
			whole.OK, whole.Class = false, hook.ClassBodyRule
			a.Class, a.Detail = hook.ClassBodyRule,
				fmt.Sprintf("The rule delivery.batch.failed could not be applied to the answer, so all events of the request failed: %v.", err)
		} else if !slices.Contains(wrong, false) {
			whole.OK, whole.Class = false, hook.ClassBodyRule
		}
	}
	for i := range g.jobs {
		own, o := *a, whole
		if wrong != nil && wrong[i] {
			own.Class, own.Detail = hook.ClassBodyRule, refused
			o.OK, o.Class = false, hook.ClassBodyRule
		}
		attempts, outcomes = append(attempts, &own), append(outcomes, o)
	}
	return attempts, outcomes, whole
}

// conclude lets [hook.Next] decide what becomes of each delivery, and records the decisions together. whole is what the
// request says about the receiver. Deliveries that are tried again stay together, as a batch of their own if others are
// not.
func (g *group) conclude(attempts []*hook.Attempt, outcomes []hook.Outcome, whole hook.Outcome) {
	l, p := g.l, g.plan
	now := l.now()
	results := make([]hook.Result, len(g.jobs))

	l.mu.Lock()
	endpoint := hook.Standing{State: l.plan.state, Ordered: p.limits.Ordered, Strict: p.limits.Strict}
	to, why := hook.EndpointState(""), ""
	current, tells := p.endpoint.Version == l.plan.endpoint.Version, false // see lane.conclude
	if current {
		if tells = l.notice(attempts[0], whole, now); whole.Cancel != hook.ReasonShadow {
			endpoint.Failing = l.health.failing()
		}
	} else {
		l.pace.Ended(pace.Silent, now)
	}
	var waiting []*hook.Delivery
	finished := false
	for i := range g.jobs {
		d, a := g.jobs[i].Delivery, attempts[i]
		a.Delivery, a.Number = d.ID, d.Attempts+1
		x := a.Extras()
		x.Batch = d.InBatch()
		a.SetExtras(x)
		a.Transport = l.w.transportOf(p, g.batch.Sent())
		d.Superseded = d.Superseded || l.window.Superseded(d.ID)
		once := d.Mode == hook.AtMostOnce && d.State == hook.Sending // that is durable: after a crash it is not sent again
		t, ok := hook.Next(d, hook.Trigger{Kind: hook.OnAttempt, Outcome: outcomes[i]}, p.policy, endpoint, now)
		if !ok { // cannot happen: a lane sends only unfinished deliveries
			l.w.Log.Error("attempt of a finished delivery", "delivery", d.ID, "state", d.State)
		}
		if current && t.Endpoint != "" && t.Endpoint != l.decided {
			to, why = t.Endpoint, t.Why
		}
		if tells && (t.Delivery.State == hook.Failed || t.Delivery.Held()) {
			l.ended(now)
			endpoint.Failing = l.health.failing() // the next one of the request counts on
		}
		results[i] = hook.Result{Delivery: t.Delivery, Attempt: a, Frozen: g.batch.Frozen(i)}
		if t.Delivery.State.Waiting() {
			waiting = append(waiting, &results[i].Delivery)
		} else if finished = true; once {
			l.window.Over(d.ID)
		}
	}
	if to != "" {
		l.decided = to
	}
	if to == hook.EndpointPaused { // see lane.conclude
		l.pace.Extend(now.Add(pausing))
	}
	if len(waiting) < len(results) {
		label(hook.NewBatchID(), len(waiting), func(i int) *hook.Delivery { return waiting[i] })
	}
	for i := range slices.Backward(results) {
		d := &results[i].Delivery
		if p.limits.Ordered && d.State == hook.Retrying && l.ordered() && l.standing.Load() != ended {
			next := g.jobs[i] // it stays among the first of the queue, so that no later delivery is sent before it
			if next.Delivery = *d; results[i].Frozen != nil {
				next.Frozen = results[i].Frozen
			}
			l.window.Requeue(&next)
		}
	}
	_, ready := l.window.Head() // a head that is ready does not wait for these results
	awaited := l.ordered() && finished && !ready && l.window.OthersWait()
	l.mu.Unlock()

	for i := range results {
		l.w.Observer.Attempted(p.endpoint, &results[i].Delivery, results[i].Attempt)
	}
	l.recordAll(results, now, awaited)
	if to != "" {
		l.setState(to, why, now)
	}
}

// recordAll stores results in one commit and then settles their deliveries.
func (l *lane) recordAll(results []hook.Result, again time.Time, awaited bool) {
	if len(results) == 0 {
		return
	}
	r := results[0]
	r.Awaited, r.Others = awaited, results[1:]
	l.record(r, func() { l.settleAll(results, again) })
}

// settleAll lets the lane forget deliveries, because the store now has them as given. They come back together.
func (l *lane) settleAll(results []hook.Result, again time.Time) {
	if len(results) == 0 {
		return
	}
	l.mu.Lock()
	act := false
	for i := range results {
		act = l.settled(&results[i].Delivery, again) || act
	}
	act = act || l.ordered() && l.window.OthersWait()
	l.mu.Unlock()
	if act {
		go l.pump() // not on this goroutine, which is the one that commits
	}
}
