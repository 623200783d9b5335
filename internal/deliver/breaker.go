package deliver

import "time"

// breaker keeps a lane from hammering a receiver that is in trouble. After
// breakerThreshold failures in a row it opens: deliveries wait, without using
// up their retry schedules, while one at a time goes out as a probe. Any answer
// that shows the receiver alive closes it. It is pure; the lane holds the lock.
type breaker struct {
	failures int           // in a row
	open     bool          // only probes go out
	probing  bool          // one is out now
	wait     time.Duration // between probes; doubles
	until    time.Time     // when the next probe may go out
}

const (
	breakerThreshold = 10
	breakerMinWait   = 2 * time.Second
	breakerMaxWait   = time.Minute
)

// allow reports whether a delivery may go out now. If not, again says when to
// ask again; zero means: when the probe that is out has ended.
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

// sent notes that a delivery goes out.
func (b *breaker) sent() {
	if b.open {
		b.probing = true
	}
}

// verdict is what an attempt says about the receiver as a whole.
type verdict int

const (
	alive   verdict = iota // it answered, whatever it said
	trouble                // hook.ReceiverTrouble
	silent                 // nothing can be concluded: interrupted, never sent
)

// ended notes the end of an attempt. Stragglers that left before the breaker
// opened do not make it wait longer.
func (b *breaker) ended(v verdict, now time.Time) {
	switch {
	case v == alive:
		*b = breaker{}
	case v == silent:
		b.probing = false
	case !b.open:
		if b.failures++; b.failures >= breakerThreshold {
			b.open, b.wait = true, breakerMinWait
			b.until = now.Add(b.wait)
		}
	case b.probing:
		b.probing = false
		b.wait = min(2*b.wait, breakerMaxWait)
		b.until = now.Add(b.wait)
	}
}
