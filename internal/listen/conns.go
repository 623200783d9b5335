package listen

import (
	"io"
	"net"
	"net/netip"
	"sync"
	"time"
)

const (
	// stalled is how long a connection has kept us waiting before it may be closed to make room for another.
	stalled = 5 * time.Second
	// refusing is how many refused callers are given time to read why; more are closed at once.
	refusing    = 64
	refusalTime = time.Second
)

const refusal = "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\nRetry-After: 1\r\n" +
	"Connection: close\r\nX-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\n\r\n" +
	`{"type":"urn:gancho:problem:too_many_connections","title":"Service Unavailable","status":503,` +
	`"detail":"Too many connections are open. Try again in a moment, with fewer.","code":"too_many_connections"}`

// conns are the open connections.
type conns struct {
	most, perAddress int // 0: no limit
	tellers          chan struct{}

	mu  sync.Mutex
	all map[*conn]struct{}
	of  map[netip.Addr]int // of each address that is counted
}

func newConns(most, perAddress int) conns {
	return conns{
		most: most, perAddress: perAddress, tellers: make(chan struct{}, refusing),
		all: map[*conn]struct{}{}, of: map[netip.Addr]int{},
	}
}

func (s *conns) open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.all)
}

// add registers a connection. At a limit another one has to make room: evicted, which the caller closes. It is not ok
// if no other can.
func (s *conns) add(c *conn) (evicted *conn, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.perAddress > 0 && c.address.IsValid() && s.of[c.address] >= s.perAddress:
		evicted = s.leastUseful(func(o *conn) bool { return o.address == c.address })
	case s.most > 0 && len(s.all) >= s.most:
		evicted = s.leastUseful(func(*conn) bool { return true })
	default:
		s.put(c)
		return nil, true
	}
	if evicted == nil {
		return nil, false
	}
	s.drop(evicted)
	s.put(c)
	return evicted, true
}

// leastUseful is the connection among those that has been idle longest, or else has kept us waiting longest. nil: all
// are at work.
func (s *conns) leastUseful(among func(*conn) bool) *conn {
	var idle, slow *conn
	var idleSince, slowSince int64
	before := ticks(time.Now().Add(-stalled))
	for c := range s.all {
		if !among(c) {
			continue
		}
		if at := c.idleSince.Load(); at != 0 && (idle == nil || at < idleSince) {
			idle, idleSince = c, at
		}
		if at := c.waitingSince.Load(); at != 0 && at < before && (slow == nil || at < slowSince) {
			slow, slowSince = c, at
		}
	}
	if idle != nil {
		return idle
	}
	return slow
}

func (s *conns) put(c *conn) {
	s.all[c] = struct{}{}
	if c.address.IsValid() {
		s.of[c.address]++
	}
}

// drop forgets a connection; nothing happens if that was done before.
func (s *conns) drop(c *conn) {
	if _, ok := s.all[c]; !ok {
		return
	}
	delete(s.all, c)
	if !c.address.IsValid() {
		return
	}
	if s.of[c.address]--; s.of[c.address] == 0 {
		delete(s.of, c.address)
	}
}

func (s *conns) remove(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(c)
}

// refuse tells a peer that there are too many connections, if not too many are being told so already.
func (s *conns) refuse(nc net.Conn) {
	select {
	case s.tellers <- struct{}{}:
	default:
		_ = nc.Close()
		return
	}
	go func() {
		defer func() { <-s.tellers }()
		defer nc.Close()
		_ = nc.SetDeadline(time.Now().Add(refusalTime))
		if _, err := io.WriteString(nc, refusal); err != nil {
			return
		}
		// Closing a socket with unread bytes resets it, and the peer may lose the answer.
		if tcp, ok := nc.(closeWriter); ok && tcp.CloseWrite() == nil {
			_, _ = io.CopyN(io.Discard, nc, maxHead)
		}
	}()
}
