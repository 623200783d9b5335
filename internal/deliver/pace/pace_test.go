package pace

import (
	"testing"
	"time"
)

var start = time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)

// wants checks whether a request may be sent now, and when to ask again if not.
func wants(t *testing.T, p *Pace, now time.Time, ok bool, again time.Time) Reservation {
	t.Helper()
	r, gotAgain, got := p.Reserve(now)
	if got != ok || !gotAgain.Equal(again) {
		t.Fatalf("Reserve = %v, again %v; want %v, %v", got, gotAgain, ok, again)
	}
	return r
}

func TestPause(t *testing.T) {
	t.Parallel()
	var p Pace
	wants(t, &p, start, true, time.Time{}).Cancel(start) // nothing to give back
	if !p.Unlimited(start) || p.Pausing(start) {
		t.Error("a new pace delays requests")
	}
	end := start.Add(time.Minute)
	p.Pause(end)
	wants(t, &p, end.Add(-1), false, end)
	if p.Unlimited(end.Add(-1)) || !p.Pausing(end.Add(-1)) {
		t.Error("a pause is not seen")
	}
	wants(t, &p, end, true, time.Time{})
	if !p.Unlimited(end) || p.Pausing(end) {
		t.Error("a pause does not end")
	}
	p.Extend(end.Add(-time.Second))
	wants(t, &p, start, false, end) // extending does not shorten
	p.Extend(end.Add(time.Second))
	wants(t, &p, start, false, end.Add(time.Second))
	p.Pause(end)
	wants(t, &p, start, false, end) // what the receiver asks for last counts
	p.Forgive()
	wants(t, &p, start, true, time.Time{})
}

// Ten requests a second are one each tenth of a second, 50 may come five at a time.
func TestLimit(t *testing.T) {
	t.Parallel()
	for perSecond, burst := range map[float64]int{0.5: 1, 10: 1, 19: 1, 50: 5} {
		var p Pace
		p.Limit(perSecond)
		if p.Unlimited(start) || p.Pausing(start) {
			t.Errorf("%v a second: is unlimited, or a pause", perSecond)
		}
		for range burst {
			wants(t, &p, start, true, time.Time{})
		}
		next := start.Add(time.Duration(float64(time.Second) / perSecond)) // by then there is a place again
		_, again, ok := p.Reserve(start)
		if ok || again.Sub(next).Abs() > time.Microsecond {
			t.Errorf("%v a second: after %d at once, again %v, want %v", perSecond, burst, again, next)
		}
		// Asking takes no place away, and a place that is given back is free again.
		wants(t, &p, again, true, time.Time{}).Cancel(again)
		wants(t, &p, again, true, time.Time{})
		p.Limit(0)
		for range 100 {
			wants(t, &p, start, true, time.Time{})
		}
	}
}

// While the breaker is open, probes go out one at a time, within the pause that the receiver asked for.
func TestBreakerOfPace(t *testing.T) {
	t.Parallel()
	var p Pace
	p.Limit(1e6)
	for range Threshold {
		p.Sent()
		p.Ended(Trouble, start)
	}
	if !p.Pausing(start) || p.Unlimited(start) {
		t.Error("the breaker is not open")
	}
	probe := start.Add(minWait)
	wants(t, &p, start, false, probe)
	p.Pause(probe.Add(time.Second))
	wants(t, &p, probe, false, probe.Add(time.Second))
	wants(t, &p, probe.Add(time.Second), true, time.Time{})
	p.Sent()
	wants(t, &p, probe.Add(time.Minute), false, time.Time{})
	if !p.Pausing(probe.Add(time.Minute)) {
		t.Error("during a probe the lane may be dropped")
	}
	p.Ended(Trouble, probe)
	p.Forgive()
	wants(t, &p, start, true, time.Time{})
	for range Threshold - 1 { // it counts from zero
		p.Sent()
		p.Ended(Trouble, start)
	}
	wants(t, &p, start, true, time.Time{})
}
