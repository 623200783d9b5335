package http

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gancho/internal/send"
)

// An answer counts although the receiver did not read the whole request, and closed, so that the
// rest cannot be written.
func TestAnswerWinsOverWriteError(t *testing.T) {
	t.Parallel()
	for _, status := range []int{200, 401, 410, 413} {
		for _, secure := range []bool{false, true} {
			for _, clock := range []send.Clock{send.ClockTotal, send.ClockResponse} {
				t.Run(fmt.Sprintf("%d/secure %v/clock %d", status, secure, clock), func(t *testing.T) {
					t.Parallel()
					r, change := speaking(t, secure, func(c net.Conn) {
						io.ReadFull(c, make([]byte, 10))
						fmt.Fprintf(c, "HTTP/1.1 %d X\r\nContent-Length: 2\r\n\r\nno", status)
					}) // closing on unread bytes resets the connection
					tr := newTransport(t, change)
					for i := range 10 {
						m := post(r.url, strings.Repeat("x", 16<<20))
						m.Clock, m.Tenant = clock, fmt.Sprint(i)
						x := tr.Send(t.Context(), m)
						if x.Class != "" || x.Response.Status != status || string(x.Response.Body) != "no" {
							t.Fatalf("try %d: class %q (%s), answer %+v", i, x.Class, x.Detail, x.Response)
						}
					}
					if n := r.conns.Load(); n != 10 {
						t.Errorf("%d connections for 10 requests: none can be used again", n)
					}
				})
			}
		}
	}
}

// A receiver that answers 200 at once and then reads the request gets all of it.
func TestEarlySuccessGetsTheRest(t *testing.T) {
	t.Parallel()
	got := make(chan int64, 1)
	r := receive(t, func(c *net.TCPConn, _ int) {
		io.ReadFull(c, make([]byte, 10))
		io.WriteString(c, ok)
		n, _ := io.Copy(io.Discard, io.LimitReader(c, 16<<20))
		got <- n
	})
	x := newTransport(t).Send(t.Context(), post(r.url, strings.Repeat("x", 16<<20)))
	if x.Class != "" || x.Response.Status != 200 {
		t.Errorf("class %q (%s), answer %+v", x.Class, x.Detail, x.Response)
	}
	if n := <-got; n != 16<<20 {
		t.Errorf("the receiver got %d bytes of the request", n)
	}
}

// A connection in steady use is renewed when its age is over, and then leads to where the name
// leads by then.
func TestConnectionsAge(t *testing.T) {
	t.Parallel()
	var old, moved atomic.Int32
	count := func(n *atomic.Int32) func(*net.TCPConn, int) {
		return func(c *net.TCPConn, _ int) {
			for request(c) != "" {
				n.Add(1)
				io.WriteString(c, ok)
			}
		}
	}
	r := receive(t, count(&old))
	_, port, _ := net.SplitHostPort(r.addr)
	l, err := net.Listen("tcp", "127.0.0.2:"+port)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { defer c.Close(); count(&moved)(c.(*net.TCPConn), 0) }()
		}
	}()
	var at atomic.Value
	at.Store(netip.MustParseAddr("127.0.0.1"))
	tr := newTransport(t, func(o *Options) {
		o.MaxAge = time.Hour
		o.Resolver = nameServer(t, func(string, uint16) (byte, []netip.Addr, bool) {
			return 0, []netip.Addr{at.Load().(netip.Addr)}, false
		})
	})
	send := func() {
		if x := tr.Send(t.Context(), post("http://hooks.example.test:"+port+"/", "x")); x.Class != "" {
			t.Fatal(x.Detail)
		}
	}
	for range 20 {
		send()
	}
	if n := r.conns.Load(); n != 1 {
		t.Errorf("%d connections for 20 requests: a young connection is used again", n)
	}
	at.Store(netip.MustParseAddr("127.0.0.2"))
	if send(); moved.Load() != 0 {
		t.Error("a young connection was renewed")
	}
	tr.pool.mu.Lock()
	for _, list := range tr.pool.idle {
		if left := time.Until(list[0].expires); left <= 0 || left > time.Hour {
			t.Errorf("the connection may be used for %v more", left)
		}
		list[0].expires = time.Now() // an hour has passed
	}
	tr.pool.mu.Unlock()
	if send(); moved.Load() != 1 {
		t.Errorf("%d requests went to the old address, and none to the new one", old.Load())
	}
}

// The default age is short enough that a move of the receiver is noticed.
func TestDefaultAge(t *testing.T) {
	t.Parallel()
	p := newTransport(t).pool
	var c conn
	now := time.Now()
	for range 100 {
		if p.age(&c, now); c.expires.Sub(now) > time.Minute || c.expires.Sub(now) < 50*time.Second {
			t.Fatalf("a connection lives for %v", c.expires.Sub(now))
		}
	}
}

// The pool is bounded, drops what nobody uses, and forgets targets without connections.
func TestPoolIsSwept(t *testing.T) {
	t.Parallel()
	r := receive(t, answering(ok))
	tr := newTransport(t)
	for i := range 20 {
		m := post(r.url, "x")
		m.Tenant = fmt.Sprint(i)
		if x := tr.Send(t.Context(), m); x.Class != "" {
			t.Fatal(x.Detail)
		}
	}
	idle := func() (targets, connections int) {
		tr.pool.mu.Lock()
		defer tr.pool.mu.Unlock()
		return len(tr.pool.idle), tr.pool.count
	}
	if targets, n := idle(); targets != 20 || n != 20 {
		t.Fatalf("%d connections to %d targets", n, targets)
	}
	tr.pool.sweep(time.Now())
	if _, n := idle(); n != 20 {
		t.Errorf("a sweep left %d of 20 good connections", n)
	}
	tr.pool.sweep(time.Now().Add(idleTimeout + time.Second))
	if targets, n := idle(); targets != 0 || n != 0 {
		t.Errorf("after the idle time there are %d connections to %d targets", n, targets)
	}
	tr.pool.mu.Lock()
	defer tr.pool.mu.Unlock()
	if tr.pool.timer != nil {
		t.Error("an empty pool goes on sweeping")
	}
}
