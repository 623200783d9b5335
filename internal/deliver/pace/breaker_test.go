package pace

import (
	"testing"
	"time"
)

func TestBreaker(t *testing.T) {
	t.Parallel()
	var b breaker
	now := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	fail := func(n int) {
		for range n {
			b.sent()
			b.ended(Trouble, now)
		}
	}
	allowed := func(want bool, wantAgain time.Time) {
		t.Helper()
		if ok, again := b.allow(now); ok != want || !again.Equal(wantAgain) {
			t.Fatalf("allow = %v, again %v; want %v, %v", ok, again, want, wantAgain)
		}
	}
	fail(Threshold - 1)
	allowed(true, time.Time{})
	fail(1)
	allowed(false, now.Add(minWait))
	for range 50 { // requests that were in flight when it opened
		b.ended(Trouble, now)
	}
	allowed(false, now.Add(minWait))

	now = now.Add(minWait)
	allowed(true, time.Time{})
	b.sent()
	allowed(false, time.Time{}) // one probe at a time
	b.ended(Trouble, now)
	allowed(false, now.Add(2*minWait)) // the wait doubles
	for range 20 {
		now = now.Add(maxWait)
		b.sent()
		b.ended(Trouble, now)
	}
	allowed(false, now.Add(maxWait)) // up to a limit

	now = now.Add(maxWait)
	b.sent()
	b.ended(Silent, now) // interrupted: the probe has ended, and nothing is known
	allowed(true, time.Time{})
	b.sent()
	b.ended(Alive, now)
	allowed(true, time.Time{})
	fail(Threshold - 1) // it counts from zero again
	allowed(true, time.Time{})
}
