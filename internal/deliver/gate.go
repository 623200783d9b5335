package deliver

import "sync"

// gate bounds what all lanes together use: sockets and memory. A lane with
// nothing in flight draws on a reserve of its own, so endpoints that hang cannot
// keep the others from going out: however many sockets they hold, everybody
// else still gets one.
type gate struct {
	mu       sync.Mutex
	limit    int     // of inFlight; the same again is the reserve
	inFlight int     // requests
	maxBytes int     // of bytes, but one payload may always be held
	bytes    int     // of deliveries that wait in memory
	waiting  []*lane // for a request, in order of asking
}

// enter asks for one more request in flight; first says that the lane has none
// yet, so that it may draw on the reserve. If refused, the lane is woken when it is
// worth asking again.
func (g *gate) enter(l *lane, first bool) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.inFlight < g.limit || first && g.inFlight < 2*g.limit {
		g.inFlight++
		return true
	}
	if !l.waiting { // one place in the line, however often it asks
		l.waiting = true
		g.waiting = append(g.waiting, l)
	}
	return false
}

// leave ends a request and returns the lane to wake, if one waits. A lane that
// has no use for the place any more must pass the wake-up on: see [gate.next].
func (g *gate) leave() *lane {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inFlight--
	return g.first()
}

// next is the lane to wake if there is a place free and somebody waits for it.
func (g *gate) next() *lane {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.inFlight >= g.limit {
		return nil
	}
	return g.first()
}

// first takes the lane that waits longest out of the line, nil if none waits; with
// mu held.
func (g *gate) first() *lane {
	if len(g.waiting) == 0 {
		return nil
	}
	l := g.waiting[0]
	g.waiting = g.waiting[1:]
	l.waiting = false
	return l
}

// room is how many bytes may still be held.
func (g *gate) room() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.maxBytes - g.bytes
}

// hold asks to keep n bytes in memory.
func (g *gate) hold(n int) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.bytes+n > g.maxBytes && g.bytes > 0 {
		return false
	}
	g.bytes += n
	return true
}

// release gives back n bytes that [gate.hold] or [gate.mustHold] took.
func (g *gate) release(n int) {
	g.mu.Lock()
	g.bytes -= n
	g.mu.Unlock()
}

// mustHold counts n bytes that are in memory already, over the bound if need be.
func (g *gate) mustHold(n int) {
	g.mu.Lock()
	g.bytes += n
	g.mu.Unlock()
}
