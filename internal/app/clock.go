package app

import (
	"sync"
	"time"
)

// clock is the time by which events are accepted and deliveries come due. It is the wall clock, but it never goes back:
// while the wall clock shows an earlier time than before, a clock goes on from there at the pace of the monotonic clock.
// So a wall clock that is put back makes no retry wait longer, and sends nothing before what was accepted earlier. A wall
// clock that is put forward looks like a machine that slept: what came due meanwhile is due.
type clock struct {
	wall func() time.Time // with a monotonic reading, as of time.Now

	mu   sync.Mutex
	last time.Time // what Now returned last; zero: nothing yet
}

// wallClock is the clock of the machine; tests put another there before a server starts.
var wallClock = time.Now

// Now returns the time, with a monotonic reading.
func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.wall()
	if !c.last.IsZero() {
		elapsed := now.Sub(c.last) // by the monotonic clock
		if steady := c.last.Add(elapsed); now.Round(0).Before(steady.Round(0)) {
			now = steady
		}
	}
	c.last = now
	return now
}
