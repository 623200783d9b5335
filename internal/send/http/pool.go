package http

import (
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"gancho/internal/certs"
)

// target is whose connection a connection is, and where it leads. Only requests of the same
// tenant to the same target use it, and with the same identity: who shows no certificate, or another one, must not
// speak as somebody else.
type target struct {
	tenant string
	secure bool
	addr   string // host:port as in the URL, in ASCII
	// identity is what the connection was set up with; nil: nothing of the endpoint's own.
	identity *certs.Identity
}

// Limits of the pool.
const (
	idleTimeout = 30 * time.Second // a connection that nobody used for so long is closed
	maxIdle     = 8192             // connections that are kept for all targets together
	sweepEvery  = 5 * time.Second
	// distrustFor is how long no connection is kept to a receiver that sent bytes which answer
	// no request. The check before a request sees only what has arrived by then.
	distrustFor = 10 * time.Minute
	maxDistrust = 65536
)

// pool keeps connections open between requests.
//
// It promises that a connection is used again only for its own [target], only if its receiver has
// answered the last request completely and sent nothing else, and only until its age is over.
type pool struct {
	maxAge time.Duration

	mu       sync.Mutex
	idle     map[target][]*conn // the one that was used last is the last
	count    int                // connections in idle
	distrust map[target]time.Time
	timer    *time.Timer // sweeps; nil: nothing to sweep
	closed   bool
}

func newPool(maxAge time.Duration) *pool {
	return &pool{maxAge: maxAge, idle: map[target][]*conn{}, distrust: map[target]time.Time{}}
}

// age sets how long a new connection may be used. Ages differ a little, so that connections that
// were made together are not renewed together.
func (p *pool) age(c *conn, now time.Time) {
	c.expires = now.Add(p.maxAge - rand.N(p.maxAge/8+1))
}

// take returns a connection that can be used at once, or nil.
func (p *pool) take(key target, now time.Time) *conn {
	for {
		p.mu.Lock()
		list := p.idle[key]
		if len(list) == 0 {
			p.mu.Unlock()
			return nil
		}
		c := list[len(list)-1]
		p.drop(key, len(list)-1)
		p.mu.Unlock()
		if c.usable(now) {
			err := c.SetDeadline(time.Time{})
			if err == nil {
				err = c.probe()
			}
			if err == nil {
				return c
			}
			if errors.Is(err, errUnasked) {
				p.suspect(key, now)
			}
		}
		c.Close()
	}
}

// drop removes a connection from the list of its target; with mu held.
func (p *pool) drop(key target, i int) {
	list := p.idle[key]
	last := len(list) - 1
	copy(list[i:], list[i+1:])
	list[last] = nil
	p.count--
	if last == 0 {
		delete(p.idle, key)
	} else {
		p.idle[key] = list[:last]
	}
}

func (c *conn) usable(now time.Time) bool {
	return now.Before(c.expires) && now.Sub(c.idleAt) < idleTimeout
}

// put keeps a connection whose last answer has been read completely, or closes it.
func (p *pool) put(c *conn, now time.Time) {
	c.idleAt = now
	if c.br.Buffered() > 0 {
		p.suspect(c.key, now)
		c.Close()
		return
	}
	if out := p.keep(c, now); out != nil {
		out.Close()
	}
}

// keep adds a connection to those that are idle. It returns the one to be closed, nil if there is
// none: c if it cannot be used again, another one if there are too many.
func (p *pool) keep(c *conn, now time.Time) (out *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if until, ok := p.distrust[c.key]; p.closed || !c.usable(now) || ok && now.Before(until) {
		return c
	}
	if p.count >= maxIdle { // any target gives up the one that it has not used for the longest time
		for key, list := range p.idle {
			out = list[0]
			p.drop(key, 0)
			break
		}
	}
	p.idle[c.key] = append(p.idle[c.key], c)
	p.count++
	p.sweepLater()
	return out
}

// suspect closes the connections to a receiver that sent bytes nobody asked for, and keeps none
// for a while.
func (p *pool) suspect(key target, now time.Time) {
	closeAll(p.forget(key, now))
}

// forget is suspect, but for closing the connections.
func (p *pool) forget(key target, now time.Time) (over []*conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	over = p.idle[key]
	p.count -= len(over)
	delete(p.idle, key)
	if len(p.distrust) >= maxDistrust {
		clear(p.distrust)
	}
	p.distrust[key] = now.Add(distrustFor)
	p.sweepLater()
	return over
}

// sweepLater makes sure that sweep runs; with mu held.
func (p *pool) sweepLater() {
	if p.timer == nil && !p.closed {
		p.timer = time.AfterFunc(sweepEvery, func() { p.sweep(time.Now()) })
	}
}

// sweep closes the connections whose time is over or whose receiver has closed or sent
// something, and forgets the targets that have none.
func (p *pool) sweep(now time.Time) { closeAll(p.stale(now)) }

// stale is sweep, but for closing the connections.
func (p *pool) stale(now time.Time) (over []*conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for key, until := range p.distrust {
		if now.After(until) {
			delete(p.distrust, key)
		}
	}
	for key, list := range p.idle {
		for i := len(list) - 1; i >= 0; i-- {
			c := list[i]
			if !c.usable(now) || !probeWaits && (c.SetDeadline(time.Time{}) != nil || c.probe() != nil) {
				over = append(over, c)
				p.drop(key, i)
			}
		}
	}
	p.timer = nil
	if p.count > 0 || len(p.distrust) > 0 {
		p.sweepLater()
	}
	return over
}

// close closes what is idle, and keeps nothing from then on.
func (p *pool) close() { closeAll(p.end()) }

// end is close, but for closing the connections.
func (p *pool) end() (over []*conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	if p.timer != nil {
		p.timer.Stop()
	}
	for _, list := range p.idle {
		over = append(over, list...)
	}
	clear(p.idle)
	p.count = 0
	return over
}

// closeAll closes connections that have left the pool. It is never called with mu held: closing
// one may wait for its receiver, and all other requests would wait with it.
func closeAll(list []*conn) {
	for _, c := range list {
		c.Close()
	}
}
