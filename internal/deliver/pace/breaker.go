package pace

import "time"

// breaker keeps a lane from sending many requests to a receiver that is in trouble. After
// Threshold failures in a row it opens. While it is open, deliveries wait without using
// up attempts, and only one at a time is sent, as a probe. An answer that shows that the
// receiver works closes it. It has no lock; the lane holds one.
type breaker struct {
	failures int           // in a row
	open     bool          // only probes are sent: set by too many failures, cleared when the receiver works
	probing  bool          // a probe is in flight: set by sending while open, cleared when that has ended
	wait     time.Duration // between probes; doubles
	until    time.Time     // when the next probe may be sent
}

// Threshold is after how many failures in a row the breaker opens.
const Threshold = 10

const (
	minWait = 2 * time.Second
	maxWait = time.Minute
)

// allow reports whether a delivery may be sent now. If not, again says when to ask again;
// zero: when the probe in flight has ended.
func (b *breaker) allow(now time.Time) (ok bool, again time.Time) {
	switch {
	case !b.open:
		return true, time.Time{}
	case b.probing:
		return false, time.Time{}
	case now.Before(b.until):
		return false, b.until
	}
	return true, time.Time{}
}

// sent notes that a delivery is sent.
func (b *breaker) sent() {
	if b.open {
		b.probing = true
	}
}

// Verdict is what an attempt says about the receiver as a whole.
type Verdict int

const (
	Alive   Verdict = iota // it works: it answered, whatever it said
	Trouble                // it is in trouble: hook.ReceiverTrouble
	Silent                 // nobody knows: the attempt was interrupted, or nothing was sent
)

// ended notes the end of an attempt. Failures of requests that were sent before the
// breaker opened do not make it wait longer.
func (b *breaker) ended(v Verdict, now time.Time) {
	switch {
	case v == Alive:
		*b = breaker{}
	case v == Silent:
		b.probing = false
	case !b.open:
		if b.failures++; b.failures >= Threshold {
			b.open, b.wait = true, minWait
			b.until = now.Add(b.wait)
		}
	case b.probing:
		b.probing = false
		b.wait = min(2*b.wait, maxWait)
		b.until = now.Add(b.wait)
	}
}
