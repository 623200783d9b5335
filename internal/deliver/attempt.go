package deliver

import (
	"context"
	"errors"
	"strings"
	"time"

	"gancho/internal/contract"
	"gancho/internal/deliver/pace"
	"gancho/internal/hook"
	"gancho/internal/send"
)

// send makes one attempt of a delivery and records the result. If no attempt could be
// made, it puts the delivery back.
func (l *lane) send(job hook.Job) {
	l.mu.Lock()
	p := l.plan
	l.mu.Unlock()
	before := job.Delivery
	m, err := l.w.attempt(p, &job, func(d *hook.Delivery, frozen *hook.Frozen) error {
		edited := before.EndpointVersion != d.EndpointVersion || before.ContractVersion != d.ContractVersion
		if err := l.mark(d, frozen, edited && before.EndpointVersion != 0 || p.contract.Batches()); err != nil {
			return err
		}
		if !l.mayWork() { // storing took time: another node may have taken over meanwhile, and nothing is sent
			return errNotMarked
		}
		return nil
	})
	if err != nil { // the delivery is not at fault: its state stays, and it is read again if it still waits
		if errors.Is(err, errNotMarked) || errors.Is(err, errUnsent) {
			unsure(&before)
		}
		var wait time.Duration
		if m.why != nil {
			wait = m.why.RetryAfter
		}
		l.giveUp(before, l.now(), wait)
		return
	}
	l.conclude(p, job, m)
}

// unsure notes that a delivery may be stored as being sent or not; it is put back as if it were.
func unsure(d *hook.Delivery) { d.State = hook.Sending }

// made is an attempt and its result.
type made struct {
	*hook.Attempt
	outcome hook.Outcome
	frozen  *hook.Frozen // to keep with the delivery; nil if there is nothing to keep, or it is stored already
	unsent  bool         // set if the script failed or cancelled: there was no request
	why     *hook.Error  // with errNotNow and errUnsent: what was not available; nil: the worker is stopping
}

// Why an attempt was not made although nothing is wrong with the delivery.
var (
	errNotNow    = errors.New("the worker is stopping, or something that the message needs is not available")
	errNotMarked = errors.New("could not store that the delivery is being sent")
	errUnsent    = errors.New("it is stored that the delivery is being sent, but the transport could not find out whether it may be")
)

// attempt makes one attempt of a delivery, of a lane or of a test: it renders and signs the
// request, sends it and judges the answer. Before it sends, it calls mark, which stores
// that the delivery is being sent; if mark fails, nothing is sent.
func (w *Worker) attempt(p *plan, job *hook.Job, mark func(d *hook.Delivery, frozen *hook.Frozen) error) (m made, err error) {
	d := &job.Delivery
	began := w.Now()
	version := d.EndpointVersion
	c, err := w.composer().Compose(w.stopped, p.form, job)
	switch {
	case err != nil && hook.IsKind(err, hook.KindUnavailable), w.stopped.Err() != nil:
		m.why, _ = errors.AsType[*hook.Error](err)
		return m, errNotNow
	case c.Failure != nil:
		m = unsent(began, c.Failure.Class, c.Failure.Text)
	case c.Cancelled:
		m = unsent(began, hook.ClassScriptCancel, cancelledBy(c.Reason))
		m.outcome.Cancel = hook.ReasonScript
	case err != nil:
		m.Attempt = &hook.Attempt{StartedAt: w.Now(), Class: hook.ClassRender, Detail: err.Error()}
		m.outcome = hook.Outcome{Class: hook.ClassRender, Final: true}
	default:
		if err := mark(d, c.Frozen); err != nil {
			return m, err
		}
		began = w.Now()
		reply := w.Transports.For(c.Message.Target).Send(w.stopped, c.Message)
		if reply.NotNow != nil {
			w.Log.Error("not sent, because it is not known whether it may be", "delivery", d.ID, "error", reply.NotNow)
			m.why = hook.Unavailable(reply.NotNow)
			return m, errUnsent
		}
		m.Attempt, m.outcome = judge(p, reply, d.Slot+1)
		m.StartedAt = began // by the clock of the worker, as all times of the delivery are
		c.Record(m.Attempt, reply)
	}
	sentBefore := version != 0 && version == d.EndpointVersion && (job.Frozen != nil || d.Attempts > 0)
	if m.unsent && !sentBefore { // the receiver has seen nothing, so the next attempt begins with the configuration of its time
		d.EndpointVersion, d.ContractVersion = 0, 0
	}
	m.frozen = c.Frozen
	m.Delivery, m.Number, m.Transport = d.ID, d.Attempts+1, w.transportOf(p, c.Message)
	return m, nil
}

// unsent is the attempt of a delivery whose script failed or cancelled: no request left.
func unsent(began time.Time, class, detail string) (m made) {
	took := hook.Timing{Total: time.Since(began)}
	m.Attempt = &hook.Attempt{StartedAt: began, Timing: took, Class: class, Detail: detail}
	m.outcome = hook.Outcome{Class: class}
	m.unsent = true
	return m
}

// cancelledBy says that a script cancelled the delivery, for the reason that it gave.
func cancelledBy(reason string) string {
	if reason == "" {
		return "The transformation of this endpoint cancelled the delivery."
	}
	return "The transformation of this endpoint cancelled the delivery: " + strings.TrimRight(reason, ".") + "."
}

// transportOf names the transport of an attempt. m is nil if the attempt ended before
// there was a message.
func (w *Worker) transportOf(p *plan, m *send.Message) string {
	target := p.endpoint.Config.URL
	if m != nil {
		target = m.Target
	}
	return w.Transports.For(target).Name()
}

// mark stores that the delivery is being sent. It returns only when that is durable if
// the delivery is at-most-once, if a script made the request, since the script may give
// another result after a crash, or if that is needed for another reason (must): the delivery is
// stored with other versions, or a script may have made its part of a request with several events.
// Otherwise the store writes it later, unless the delivery was stored as being sent when it
// was accepted. mark fails with [hook.ErrNotWaiting] or errNotMarked; then the delivery must
// not be sent.
func (l *lane) mark(d *hook.Delivery, frozen *hook.Frozen, must bool) error {
	durable := must || d.Mode == hook.AtMostOnce || frozen != nil && frozen.Head != nil
	if d.State == hook.Sending && !durable {
		return nil
	}
	t, ok := hook.Next(*d, hook.Trigger{Kind: hook.OnTake}, hook.Policy{}, hook.Standing{}, l.now())
	if !ok { // superseded since it was accepted
		return hook.ErrNotWaiting
	}
	*d = t.Delivery
	r := hook.Result{Delivery: *d, Frozen: frozen, Epoch: l.epoch}
	if !durable {
		l.w.Store.Sending(r)
		return nil
	}
	err := l.w.Store.Intend(r)
	switch {
	case err == nil, errors.Is(err, hook.ErrNotWaiting):
		return err
	case !errors.Is(err, hook.ErrFenced):
		l.w.Log.Error("not sent, because it could not be stored that it is being sent", "delivery", d.ID, "error", err)
	}
	return errNotMarked
}

// judge decides by the rules of the contract what a reply means for the delivery. number is that of the attempt, as
// requests say it: the place in the schedule, from 1.
func judge(p *plan, r *send.Reply, number int) (*hook.Attempt, hook.Outcome) {
	a := &hook.Attempt{StartedAt: r.StartedAt, Response: r.Response, Timing: r.Timing, Class: r.Class, Detail: r.Detail}
	o := hook.Outcome{Class: r.Class, Interrupted: r.Class == hook.ClassInterrupted}
	switch {
	case r.Class == hook.ClassShadow:
		o.Cancel = hook.ReasonShadow
	case !o.Interrupted && !hook.NeverSent(r.Class):
		v := p.contract.JudgeAttempt(contract.Attempted{Response: r.Response, Class: r.Class, Detail: r.Detail, Number: number})
		o = v.Outcome()
		a.Class, a.Detail = v.Class, v.Detail
		a.SetExtras(hook.Extra{Rule: v.Rule, RuleFailed: v.Failed})
		if !o.OK {
			o.RetryAfter = r.RetryAfter
		}
	}
	if r.Response != nil {
		r.Response.Long = nil // only the rules need it, and the attempt stays in memory until it is stored
	}
	a.Interrupted = o.Interrupted
	return a, o
}

// conclude lets [hook.Next] decide what becomes of the delivery after an attempt, and
// records the decision.
func (l *lane) conclude(p *plan, job hook.Job, m made) {
	a, o, frozen := m.Attempt, m.outcome, m.frozen
	now := l.now()
	d := &job.Delivery

	l.mu.Lock()
	endpoint := hook.Standing{State: l.plan.state, Ordered: p.limits.Ordered, Strict: p.limits.Strict}
	// An attempt under an earlier version of the endpoint, perhaps to another URL, says
	// nothing about the endpoint as it is now.
	current, tells := p.endpoint.Version == l.plan.endpoint.Version, false
	if current {
		if tells = l.notice(a, o, now); o.Cancel != hook.ReasonShadow {
			endpoint.Failing = l.health.failing()
		}
	} else {
		l.pace.Ended(pace.Silent, now)
	}
	d.Superseded = d.Superseded || l.window.Superseded(d.ID)
	once := d.Mode == hook.AtMostOnce && d.State == hook.Sending // that is durable: after a crash it is not sent again
	t, ok := hook.Next(*d, hook.Trigger{Kind: hook.OnAttempt, Outcome: o}, p.policy, endpoint, now)
	if !ok { // cannot happen: a lane sends only unfinished deliveries
		l.w.Log.Error("attempt of a finished delivery", "delivery", d.ID, "state", d.State)
	}
	*d = t.Delivery
	to, why := t.Endpoint, t.Why
	if !current || to == l.decided {
		to = ""
	}
	if tells && (d.State == hook.Failed || d.Held()) {
		l.ended(now)
	}
	if to != "" {
		l.decided = to
	}
	if to == hook.EndpointPaused { // until the lane reads that; resuming the endpoint ends the pause
		l.pace.Extend(now.Add(pausing))
	}
	if p.limits.Ordered && d.State == hook.Retrying && l.ordered() && l.standing.Load() != ended {
		next := job // it stays the first of the queue, so that no later delivery is sent before it
		if frozen != nil {
			next.Frozen = frozen
		}
		l.window.Requeue(&next)
	}
	if once && d.State.Finished() {
		l.window.Over(d.ID)
	}
	_, ready := l.window.Head() // a head that is ready does not wait for this result
	awaited := l.ordered() && d.State.Finished() && !ready && l.window.OthersWait()
	l.mu.Unlock()

	l.w.Observer.Attempted(p.endpoint, d, a)
	final := *d
	l.record(hook.Result{Delivery: final, Attempt: a, Frozen: frozen, Awaited: awaited}, func() { l.settle(final, now) })
	if to != "" {
		l.setState(to, why, now)
	}
}

// pausing is how long a lane waits until it knows that its endpoint was paused. If that could not be stored, it goes on
// then, and the next answer pauses the endpoint again.
const pausing = time.Minute

// notice counts an attempt for the circuit breaker and the health of the endpoint. It reports whether the attempt says
// anything of the receiver. mu is held.
func (l *lane) notice(a *hook.Attempt, o hook.Outcome, now time.Time) (tells bool) {
	v := pace.Alive
	switch {
	case o.Interrupted || o.Final || o.Cancel != "":
		v = pace.Silent
	case !o.OK && hook.ReceiverTrouble(o.Class):
		v = pace.Trouble
	}
	if hook.NeverSent(a.Class) {
		l.pace.Ended(pace.Silent, now)
	} else {
		l.pace.Ended(v, now)
	}
	if v == pace.Silent {
		return false
	}
	if o.RetryAfter > 0 {
		l.pace.Pause(now.Add(min(o.RetryAfter, hook.MaxRetryAfter)))
	}
	if l.health.note(a, o, silence(l.plan.policy.Retry), now) || !o.OK && l.plan.policy.GiveUp.Counts() {
		l.saveHealth(now)
	}
	return true
}

// giveUp puts back a delivery that could not be sent because something is wrong in Gancho, not
// at the receiver. An ordered lane then reads its whole queue again, so that no later delivery
// is sent before this one.
func (l *lane) giveUp(d hook.Delivery, now time.Time, wait time.Duration) {
	again := now.Add(max(wait, time.Second))
	l.mu.Lock()
	l.pace.Ended(pace.Silent, now) // it may have been a probe of the breaker
	if l.ordered() {
		l.putBackAll(l.window.Restart())
	}
	if l.ordered() || wait > 0 {
		l.pace.Extend(again)
	}
	l.mu.Unlock()
	l.putBack(d, again)
}

// putBack gives a delivery back to the queue in the store, because it was not sent. If it is
// stored as being sent, it is first stored as waiting again, or as cancelled if [hook.Next]
// decides so, for example because it was superseded.
func (l *lane) putBack(d hook.Delivery, again time.Time) {
	l.mu.Lock()
	var endpoint hook.Standing
	if l.plan != nil {
		endpoint = hook.Standing{State: l.plan.state, Ordered: l.plan.limits.Ordered}
	}
	d.Superseded = d.Superseded || l.window.Superseded(d.ID)
	l.mu.Unlock()
	t, ok := hook.Next(d, hook.Trigger{Kind: hook.OnPutBack, Again: again}, hook.Policy{}, endpoint, l.now())
	if !ok { // it is not stored as being sent, so the store has it as it is
		l.settle(d, again)
		return
	}
	d = t.Delivery
	if d.State == hook.Cancelled {
		l.w.Observer.Cancelled(&d)
	}
	l.record(hook.Result{Delivery: d}, func() { l.settle(d, again) })
}

// settle lets the lane forget a delivery, because the store now has it as given. If the
// delivery is not finished, the lane will read it from the store again, but not before again.
func (l *lane) settle(d hook.Delivery, again time.Time) {
	l.mu.Lock()
	// An ordered lane sends the next delivery, and reads its next page, only when this is stored.
	act := l.settled(&d, again) || l.ordered() && l.window.OthersWait()
	l.mu.Unlock()
	if act {
		go l.pump() // not on this goroutine, which is the one that commits
	}
}

// settled is the part of settle that concerns the window. It reports whether the delivery will be sent again; with mu held.
func (l *lane) settled(d *hook.Delivery, again time.Time) bool {
	switch {
	case d.State.Finished():
		again = time.Time{}
	case d.State == hook.Retrying && d.QueueAt.After(again):
		again = d.QueueAt
	}
	return l.window.Settle(d.ID, again) || !again.IsZero()
}

// setState disables or pauses the endpoint. If that is not stored, the next failed attempt decides again.
func (l *lane) setState(to hook.EndpointState, why string, now time.Time) {
	undecided := func() {
		l.mu.Lock()
		l.decided = ""
		l.mu.Unlock()
	}
	if !l.ownsStill() { // another node may have taken over, and then decides
		undecided()
		return
	}
	if err := l.w.Store.SetEndpointState(context.WithoutCancel(l.w.stopped), l.id, to, why, now); err != nil {
		undecided()
		l.w.Log.Error("state of the endpoint not stored", "endpoint", l.id, "state", to, "reason", why, "error", err)
		return
	}
	l.w.Log.Warn("endpoint "+string(to), "endpoint", l.id, "reason", why)
}

// interruptedResult is the result of an attempt whose process ended before it knew the
// outcome. hidden says that the body of the request must be masked.
func (w *Worker) interruptedResult(d hook.Delivery, p *plan, hidden bool, now time.Time) hook.Result {
	a := &hook.Attempt{
		Delivery: d.ID, Number: d.Attempts + 1, StartedAt: d.NextAttemptAt, Interrupted: true, Class: hook.ClassInterrupted,
		Transport: w.transportOf(p, nil), Request: p.form.Request(hidden),
		Detail: "Gancho stopped before the answer was recorded; the receiver may or may not have got this request.",
	}
	a.SetExtras(hook.Extra{Batch: d.InBatch()})
	interrupted := hook.Outcome{Interrupted: true, Class: hook.ClassInterrupted}
	t, _ := hook.Next(d, hook.Trigger{Kind: hook.OnAttempt, Outcome: interrupted}, p.policy,
		hook.Standing{State: p.state, Ordered: p.limits.Ordered}, now)
	return hook.Result{Delivery: t.Delivery, Attempt: a}
}

// cancelled is the result of a delivery that waits for a disabled or deleted endpoint. ok is
// false if the endpoint was resumed meanwhile, so that the delivery goes on waiting.
func (l *lane) cancelled(d hook.Delivery) (r hook.Result, ok bool) {
	l.mu.Lock()
	endpoint := hook.Standing{State: l.plan.state}
	l.mu.Unlock()
	t, ok := hook.Next(d, hook.Trigger{Kind: hook.OnEndpointStop}, hook.Policy{}, endpoint, l.now())
	return hook.Result{Delivery: t.Delivery}, ok
}
