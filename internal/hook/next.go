package hook

import (
	"encoding/binary"
	"time"
)

// Policy is what an endpoint and its contract say about trying again.
type Policy struct {
	// Retry is the delay before each attempt, the first included; never empty.
	Retry []time.Duration
	// Mode is that of new deliveries. A delivery keeps the mode it was accepted with.
	Mode Mode
	// GiveUp says when the endpoint is given up.
	GiveUp GiveUp
}

// Standing is what matters of an endpoint when something happens to one of its
// deliveries.
type Standing struct {
	State   EndpointState
	Ordered bool     // its deliveries go out one by one, in the order of their creation
	Strict  bool     // with Ordered: one that failed holds those behind it
	Failing Failures // its row of failures; zero: there is none, or this attempt says nothing of it
}

// stopped reports whether deliveries to the endpoint are cancelled.
func (e Standing) stopped() bool { return e.State == EndpointDisabled || e.State == EndpointDeleted }

// takes reports whether the endpoint accepts deliveries, now or when it is resumed.
func (e Standing) takes() bool { return e.State == EndpointActive || e.State == EndpointPaused }

// TriggerKind names something that can happen to a delivery.
type TriggerKind string

// Each of these may change the state of a delivery; nothing else does.
const (
	// OnTake: a sender takes the delivery and is about to send its request.
	OnTake TriggerKind = "take"
	// OnAttempt: an attempt ended, or a crash ended it. [Trigger.Outcome] says how.
	OnAttempt TriggerKind = "attempt"
	// OnPutBack: the sender gives the delivery back without having sent it, for
	// example because the database could not be read or another node took over.
	OnPutBack TriggerKind = "put_back"
	// OnSupersede: a schedule made a newer snapshot than the one in this delivery.
	OnSupersede TriggerKind = "supersede"
	// OnEndpointStop: the endpoint was disabled or deleted; [Standing] says which.
	OnEndpointStop TriggerKind = "endpoint_stop"
	// OnLeaveOut: nobody knows whether the endpoint takes the event, because evaluating its filter would cost more work
	// than the event may cost, or failed.
	OnLeaveOut TriggerKind = "leave_out"
	// OnRetry: a person sends the delivery again.
	OnRetry TriggerKind = "retry"
	// OnSkip: a person gives up a delivery that holds the queue of its endpoint.
	OnSkip TriggerKind = "skip"
	// OnCancel: a person cancels what waits. What is being sent may still arrive, and is not tried again.
	OnCancel TriggerKind = "cancel"
	// OnRecover: a bulk replay sends the delivery again. It leaves alone what was
	// superseded or cancelled by a person, and what was a trial and never meant to be sent.
	OnRecover TriggerKind = "recover"
)

// Trigger is something that happens to a delivery.
type Trigger struct {
	Kind    TriggerKind
	Outcome Outcome   // of [OnAttempt]
	Again   time.Time // of [OnPutBack]: the delivery must not be taken before
	Reason  string    // of [OnLeaveOut]: [ReasonOverBudget] or [ReasonFilterFailed]
}

// Then is what a rule of the contract makes of an attempt. "" stands for the usual: a success is delivered, and a failure
// is tried again by the schedule.
type Then string

// The consequences of a rule. Only ThenRetry turns a success into a failure.
const (
	ThenStop    Then = "stop"    // a failure is not tried again
	ThenDisable Then = "disable" // so it is, and the endpoint is disabled
	ThenPause   Then = "pause"   // the endpoint is paused; a failure waits and uses up no place in the schedule
	ThenRetry   Then = "retry"   // it is tried again by the schedule, although it would be a success
)

// Outcome is the part of an attempt's result that decides the next state.
type Outcome struct {
	OK          bool
	Class       string        // error class when not OK
	Then        Then          // what a rule says of it
	RetryAfter  time.Duration // what the receiver asked for; 0: nothing
	Interrupted bool          // the process stopped before it knew the result
	Final       bool          // no later attempt can succeed, for example render_failed
	Cancel      string        // reason to cancel the delivery; "": do not cancel it
}

// Transition is what becomes of a delivery.
type Transition struct {
	Delivery Delivery      // as it is afterwards
	Endpoint EndpointState // what becomes of its endpoint: disabled or paused; "": it stays as it is
	Why      string        // the reason of that
}

// MaxRetryAfter is the longest pause that a receiver can ask for with Retry-After.
const MaxRetryAfter = time.Hour

// jitter is the share by which a delay is spread to either side.
const jitter = 0.10

// Next decides what becomes of a delivery when something happens to it. It is the
// only place that does: every arrow in docs/states.md is a result of Next, and the
// store writes these results. ok is false if the trigger changes nothing in the
// delivery's present state; then the delivery comes back as it was.
//
// Next is pure: equal arguments give equal results. The jitter of the retry delays
// comes from the delivery's id.
func Next(d Delivery, t Trigger, p Policy, e Standing, now time.Time) (next Transition, ok bool) {
	next = Transition{Delivery: d}
	n := &next.Delivery
	switch t.Kind {
	case OnTake:
		ok = n.take(now)
	case OnAttempt:
		if ok = n.conclude(t.Outcome, p, now); ok && !d.Test {
			next.Endpoint, next.Why = t.Outcome.consequence(e)
			if next.Endpoint == "" && !t.Outcome.OK && !e.stopped() {
				next.Endpoint, next.Why = p.GiveUp.decide(e.Failing, n.State == Failed, now)
			}
			if n.State == Failed && e.Strict && n.Mode == AtLeastOnce && next.Endpoint != EndpointDisabled && !e.stopped() {
				n.State, n.NextAttemptAt = Retrying, time.Time{} // it holds the queue
			}
			if next.Endpoint == e.State { // it is paused already
				next.Endpoint, next.Why = "", ""
			}
			if next.Endpoint != "" {
				e.State = next.Endpoint
			}
		}
	case OnPutBack:
		ok = n.putBack(t.Again)
	case OnSupersede:
		ok = n.supersede()
	case OnEndpointStop:
		ok = e.stopped() && n.State.Waiting()
	case OnLeaveOut:
		ok = n.leaveOut(t.Reason)
	case OnRetry:
		ok = e.takes() && n.retry(now)
	case OnSkip:
		if ok = d.Held(); ok {
			n.State, n.Reason = Cancelled, ReasonSkipped
		}
	case OnCancel:
		ok = n.cancel()
	case OnRecover:
		ok = e.takes() && d.State.Finished() && !d.Superseded && d.Reason != ReasonShadow && n.retry(now)
	}
	if !ok {
		return Transition{Delivery: d}, false
	}
	n.settle(e, now, t.Kind == OnCancel || d.Reason == ReasonByPerson)
	return next, true
}

// consequence is what an attempt makes of its endpoint, whatever the mode of the delivery, and why. A state "" says that
// the endpoint stays as it is.
func (o Outcome) consequence(e Standing) (EndpointState, string) {
	switch why := ReasonAnswerRule; {
	case o.Then == ThenDisable && !e.stopped():
		if o.Class == ClassGone {
			why = ReasonGone
		}
		return EndpointDisabled, why
	case o.Then == ThenPause && e.State == EndpointActive:
		return EndpointPaused, why
	}
	return "", ""
}

// take is [OnTake]. A delivery in [Sending] was stored so when it was accepted, and
// its sender comes to it now. If a newer snapshot exists by then, it is not sent.
func (d *Delivery) take(now time.Time) bool {
	if d.State.Finished() || d.State == Sending && d.Superseded {
		return false
	}
	d.State, d.Reason, d.NextAttemptAt = Sending, "", now
	return true
}

// conclude is [OnAttempt]. A waiting delivery has an attempt when no request could be
// made of it, or when it was sent before the store knew. In the second case the
// store may even have cancelled it meanwhile, as superseded or for a person; the attempt counts.
func (d *Delivery) conclude(o Outcome, p Policy, now time.Time) bool {
	if d.State.Finished() && !(d.State == Cancelled && d.Superseded) {
		return false
	}
	d.Attempts++
	once := d.Mode == AtMostOnce
	switch {
	case o.OK:
		d.State, d.Reason = Delivered, ""
	case o.Cancel != "":
		d.State, d.Reason = Cancelled, o.Cancel
		return true
	case d.Test: // a test has one attempt, whatever its mode
		d.State, d.Reason = Failed, o.Class
	case once && o.Interrupted:
		d.State, d.Reason = Unknown, ReasonInterrupted
	case once, o.Final:
		d.State, d.Reason = Failed, o.Class
	case o.Interrupted: // does not use up a place in the schedule
		d.State, d.Reason, d.NextAttemptAt, d.QueueAt = Pending, ReasonInterrupted, now, now
		return true
	case o.Then == ThenPause: // it waits until the endpoint is resumed, and uses up no place either
		d.State, d.Reason, d.NextAttemptAt, d.QueueAt = Retrying, o.Class, now, now
		return true
	case o.Then == ThenStop, o.Then == ThenDisable, d.Slot+1 >= len(p.Retry):
		d.State, d.Reason = Failed, o.Class
	default:
		wait := spread(p.Retry[d.Slot+1], d.spreadBy(), d.Slot)
		wait = max(wait, min(o.RetryAfter, MaxRetryAfter))
		d.State, d.Reason, d.NextAttemptAt = Retrying, o.Class, now.Add(wait)
		d.QueueAt = d.NextAttemptAt
	}
	d.Slot++
	return true
}

// putBack is [OnPutBack]. A delivery without attempts forgets the versions that it
// was to be rendered with, since nobody saw anything of it.
func (d *Delivery) putBack(again time.Time) bool {
	if d.State != Sending || d.Test {
		return false
	}
	d.State, d.QueueAt = Retrying, again
	if d.Attempts == 0 {
		d.State, d.EndpointVersion, d.ContractVersion, d.Batch = Pending, 0, 0, nil
	}
	return true
}

// supersede is [OnSupersede]. A waiting delivery is cancelled by settle. One that is
// being sent may still arrive; at-most-once ends with its attempt anyway.
func (d *Delivery) supersede() bool {
	if d.State.Finished() || d.Superseded || d.State == Sending && d.Mode == AtMostOnce {
		return false
	}
	d.Superseded, d.Reason = true, ReasonSuperseded
	return true
}

// cancel is [OnCancel]. It is supersede, with another reason, and leaves tests alone, which end with their attempt.
func (d *Delivery) cancel() bool {
	if d.Test || !d.supersede() {
		return false
	}
	d.Reason = ReasonByPerson
	return true
}

// leaveOut is [OnLeaveOut]. Only a delivery that is being made can be left out.
func (d *Delivery) leaveOut(reason string) bool {
	if d.State != Pending || d.Attempts > 0 || d.Test {
		return false
	}
	d.State, d.Reason = Cancelled, reason
	return true
}

// retry is [OnRetry], and [OnRecover] of finished deliveries. A finished delivery
// begins its schedule anew, and so does one that is held; one that waits for its next attempt only waits no longer.
// Either leaves the batch that it was in.
// At-most-once can be sent again only if it was left out: then it never was sent.
func (d *Delivery) retry(now time.Time) bool {
	if !d.State.Finished() && d.State != Retrying || d.Test || d.Mode == AtMostOnce && !d.LeftOut() {
		return false
	}
	if d.State.Finished() || d.Held() {
		d.State, d.Reason, d.Slot, d.Superseded = Pending, "", 0, false
	}
	d.NextAttemptAt, d.QueueAt, d.Batch = now, now, nil
	return true
}

// settle ends what nobody needs any more, and sets the times that follow from the state. byPerson says that a person
// cancelled the delivery while it was being sent.
func (d *Delivery) settle(e Standing, now time.Time, byPerson bool) {
	if d.State.Waiting() {
		switch {
		case d.Superseded && byPerson:
			d.State, d.Reason = Cancelled, ReasonByPerson
		case d.Superseded:
			d.State, d.Reason = Cancelled, ReasonSuperseded
		case e.State == EndpointDeleted:
			d.State, d.Reason = Cancelled, ReasonEndpointDeleted
		case e.State == EndpointDisabled:
			d.State, d.Reason = Cancelled, ReasonEndpointDisabled
		}
	}
	d.FinishedAt = time.Time{}
	switch {
	case d.State.Finished():
		d.NextAttemptAt, d.QueueAt, d.FinishedAt = time.Time{}, time.Time{}, now
	case d.State.Waiting() && e.Ordered:
		d.QueueAt = d.CreatedAt
	}
}

// spreadBy is the id by which the delay is spread: all deliveries of a batch come back at the same time.
func (d *Delivery) spreadBy() ID {
	if d.Batch != nil {
		return ID(d.Batch.ID)
	}
	return ID(d.ID)
}

// spread moves wait by up to ±10 %, so that requests that failed together do
// not come back together.
func spread(wait time.Duration, id ID, slot int) time.Duration {
	h := binary.BigEndian.Uint64(id[:8])*0x9e3779b97f4a7c15 ^ binary.BigEndian.Uint64(id[8:]) ^ uint64(slot)<<40
	h ^= h >> 31
	h *= 0xbf58476d1ce4e5b9
	h ^= h >> 29
	unit := float64(h>>11) / (1 << 53) // [0,1)
	return wait + time.Duration(float64(wait)*jitter*(2*unit-1))
}
