package hook

import (
	"encoding/binary"
	"time"
)

// Policy is what an endpoint and its contract say about trying again.
type Policy struct {
	Retry []time.Duration // delay before each attempt, the first included; never empty
	Mode  Mode
}

// Outcome is what one attempt came to, as far as the state machine cares.
type Outcome struct {
	OK          bool
	Class       string        // error class when not OK
	RetryAfter  time.Duration // what the receiver asked for (429, 503); 0: nothing
	Interrupted bool          // the process stopped before the end was known
	Final       bool          // no later attempt can succeed (render_failed)
	Cancel      string        // reason to cancel the delivery; "": none
}

// Transition is what becomes of a delivery after an attempt.
type Transition struct {
	State         State
	Reason        string
	Slot          int
	NextAttemptAt time.Time // zero once finished
	Disable       string    // reason to disable the endpoint; "": leave it
}

// MaxRetryAfter bounds how long a receiver can ask to be left alone.
const MaxRetryAfter = time.Hour

// jitter is the share by which a delay is spread to either side.
const jitter = 0.10

// Next decides what becomes of a delivery after one attempt. It is the only
// place that does: first tries, retries, replays and take-overs after a crash
// all come through here. It is pure: equal arguments give equal answers, and
// the jitter comes from the delivery's id.
func Next(d Delivery, o Outcome, p Policy, now time.Time) Transition {
	t := decide(d, o, p, now)
	if o.Class == ClassGone && !o.OK && !d.Test { // 410 means: stop sending here, whatever the mode
		t.Disable = ReasonGone
	}
	return t
}

func decide(d Delivery, o Outcome, p Policy, now time.Time) Transition {
	switch {
	case o.OK:
		return Transition{State: Delivered, Slot: d.Slot + 1}
	case o.Cancel != "":
		return Transition{State: Cancelled, Reason: o.Cancel, Slot: d.Slot}
	case d.Test: // whatever the mode, once
		return Transition{State: Failed, Reason: o.Class, Slot: d.Slot + 1}
	case p.Mode == AtMostOnce && o.Interrupted:
		return Transition{State: Unknown, Reason: ReasonInterrupted, Slot: d.Slot + 1}
	case p.Mode == AtMostOnce, o.Final:
		return Transition{State: Failed, Reason: o.Class, Slot: d.Slot + 1}
	case o.Interrupted: // does not use up a place in the schedule
		return Transition{State: Pending, Reason: ReasonInterrupted, Slot: d.Slot, NextAttemptAt: now}
	case o.Class == ClassGone:
		return Transition{State: Failed, Reason: o.Class, Slot: d.Slot + 1}
	case d.Slot+1 >= len(p.Retry):
		return Transition{State: Failed, Reason: o.Class, Slot: d.Slot + 1}
	}
	wait := spread(p.Retry[d.Slot+1], d.ID, d.Slot)
	wait = max(wait, min(o.RetryAfter, MaxRetryAfter))
	return Transition{State: Retrying, Reason: o.Class, Slot: d.Slot + 1, NextAttemptAt: now.Add(wait)}
}

// spread moves wait by up to ±10 %, so that deliveries that failed together do
// not come back together.
func spread(wait time.Duration, id DeliveryID, slot int) time.Duration {
	h := binary.BigEndian.Uint64(id[:8])*0x9e3779b97f4a7c15 ^ binary.BigEndian.Uint64(id[8:]) ^ uint64(slot)<<40
	h ^= h >> 31
	h *= 0xbf58476d1ce4e5b9
	h ^= h >> 29
	unit := float64(h>>11) / (1 << 53) // [0,1)
	return wait + time.Duration(float64(wait)*jitter*(2*unit-1))
}
