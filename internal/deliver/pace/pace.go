package deliver

import (
	"time"

	"golang.org/x/time/rate"
)

// pace says when the receiver can take the lane's next request: not during a pause, as the
// breaker allows, and within the rate limit. It has no lock; the lane holds one.
type pace struct {
	notBefore time.Time     // the end of a pause: the receiver asked for it, an ordered lane could not send, or no script may run
	breaker   breaker       // keeps away from a receiver in trouble
	limiter   *rate.Limiter // nil: the endpoint has no rate limit
}

// limit sets the rate limit; 0 is none. A burst is a tenth of a second.
func (p *pace) limit(perSecond float64) {
	p.limiter = nil
	if perSecond > 0 {
		p.limiter = rate.NewLimiter(rate.Limit(perSecond), max(1, int(perSecond/10)))
	}
}

// forgive ends every pause, for an endpoint that was resumed or changed.
func (p *pace) forgive() { p.breaker, p.notBefore = breaker{}, time.Time{} }

// unlimited reports whether nothing delays a request: no rate limit, and no pause.
func (p *pace) unlimited(now time.Time) bool { return p.limiter == nil && !p.pausing(now) }

// pausing reports whether the breaker is open or the receiver asked for a pause.
func (p *pace) pausing(now time.Time) bool { return p.breaker.open || now.Before(p.notBefore) }

// reserve takes the right to send one request now. If ok is false, again says when to
// ask again; zero: when a request has ended. The right can be given back with cancel.
func (p *pace) reserve(now time.Time) (r reservation, again time.Time, ok bool) {
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
		r.cancel(now)
		return reservation{}, now.Add(wait), false
	}
	return r, time.Time{}, true
}

// reservation is a place in the rate limit.
type reservation struct{ rate *rate.Reservation }

// cancel gives the place back.
func (r reservation) cancel(now time.Time) {
	if r.rate != nil {
		r.rate.CancelAt(now)
	}
}
