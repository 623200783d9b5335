// Package pace says when the receiver of one endpoint can take the next request: not during a pause, as the breaker
// allows, and within the rate limit.
//
// It promises that a receiver in trouble gets one probe at a time until it works again, and that no more requests begin in
// a second than its rate limit allows, beside a burst of a tenth of a second. A [Pace] has no lock, no clock and no
// goroutine; its caller, a lane of the worker, holds a lock and says what time it is.
package pace

import (
	"time"

	"golang.org/x/time/rate"
)

// Pace delays the requests to one endpoint. The zero value delays none until attempts fail.
type Pace struct {
	notBefore time.Time     // the end of a pause: the receiver asked for it, an ordered lane could not send, or no script may run
	breaker   breaker       // keeps away from a receiver in trouble
	limiter   *rate.Limiter // nil: the endpoint has no rate limit
}

// Limit sets the rate limit, in requests a second; 0 is none. A burst is a tenth of a second.
func (p *Pace) Limit(perSecond float64) {
	p.limiter = nil
	if perSecond > 0 {
		p.limiter = rate.NewLimiter(rate.Limit(perSecond), max(1, int(perSecond/10)))
	}
}

// Pause lets no request begin before until. An earlier pause ends then, too, also if it was longer.
func (p *Pace) Pause(until time.Time) { p.notBefore = until }

// Extend is Pause, but it shortens no pause.
func (p *Pace) Extend(until time.Time) {
	if p.notBefore.Before(until) {
		p.notBefore = until
	}
}

// Forgive ends every pause, for an endpoint that was resumed or changed.
func (p *Pace) Forgive() { p.breaker, p.notBefore = breaker{}, time.Time{} }

// Unlimited reports whether nothing delays a request: no rate limit, and no pause.
func (p *Pace) Unlimited(now time.Time) bool { return p.limiter == nil && !p.Pausing(now) }

// Pausing reports whether the breaker is open or a pause is not over.
func (p *Pace) Pausing(now time.Time) bool { return p.breaker.open || now.Before(p.notBefore) }

// Reserve takes the right to send one request now. If ok is false, again says when to
// ask again; zero: when a request has ended. The right can be given back with Cancel.
func (p *Pace) Reserve(now time.Time) (r Reservation, again time.Time, ok bool) {
	if now.Before(p.notBefore) {
		return r, p.notBefore, false
	}
	if ok, again := p.breaker.allow(now); !ok {
		return r, again, false
	}
	if p.limiter == nil {
		return r, time.Time{}, true
	}
	r.rate = p.limiter.ReserveN(now, 1)
	if wait := r.rate.DelayFrom(now); wait > 0 {
		r.Cancel(now)
		return Reservation{}, now.Add(wait), false
	}
	return r, time.Time{}, true
}

// Sent notes that a request is sent, for which a place was reserved.
func (p *Pace) Sent() { p.breaker.sent() }

// Ended notes what the end of a request says about the receiver.
func (p *Pace) Ended(v Verdict, now time.Time) { p.breaker.ended(v, now) }

// Reservation is a place in the rate limit.
type Reservation struct{ rate *rate.Reservation }

// Cancel gives the place back.
func (r Reservation) Cancel(now time.Time) {
	if r.rate != nil {
		r.rate.CancelAt(now)
	}
}
