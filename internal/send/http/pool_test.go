package http

import (
	"crypto/tls"
	"net"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gancho/internal/hook"
	"gancho/internal/send"
)

// stuck is a connection to a receiver that reads nothing any more, once on is set: writing goes on until release is
// closed.
type stuck struct {
	net.Conn
	on       atomic.Bool
	deadline atomic.Int64  // of writing, as it was set first once on is set: how long from then
	writing  chan struct{} // closed when a write has begun
	release  chan struct{}
}

func (s *stuck) SetWriteDeadline(t time.Time) error {
	if s.on.Load() {
		s.deadline.CompareAndSwap(0, int64(time.Until(t)))
	}
	return nil
}

func (s *stuck) Write(b []byte) (int, error) {
	if s.on.Load() {
		close(s.writing)
		<-s.release
		return 0, net.ErrClosed
	}
	return s.Conn.Write(b)
}

// Closing a connection with TLS sends something, which waits if the receiver does not read. Only whoever closes it
// waits, and not for long; the pool serves the others meanwhile.
func TestClosingHoldsNobodyElse(t *testing.T) {
	t.Parallel()
	server := httptest.NewTLSServer(nil)
	t.Cleanup(server.Close)
	now := time.Now()
	for name, tt := range map[string]struct {
		idle  bool // the connection is idle in the pool
		close func(*pool, *conn)
	}{
		"idle for long": {true, func(p *pool, _ *conn) { p.sweep(now.Add(2 * idleTimeout)) }},
		"suspect":       {true, func(p *pool, c *conn) { p.suspect(c.key, now) }},
		"closed pool":   {true, func(p *pool, _ *conn) { p.close() }},
		"put too late":  {false, func(p *pool, c *conn) { p.put(c, now.Add(time.Hour)) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			here, there := net.Pipe()
			t.Cleanup(func() { here.Close(); there.Close() })
			go func() { _ = tls.Server(there, server.TLS).Handshake() }()
			s := &stuck{Conn: here, writing: make(chan struct{}), release: make(chan struct{})}
			sock := newSocket(s)
			tc := tls.Client(sock, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12})
			if err := tc.Handshake(); err != nil {
				t.Fatal(err)
			}
			c := newConn(sock, nil, target{addr: "stuck"})
			c.Conn = tc
			p := newPool(time.Minute)
			p.age(c, now)
			if tt.idle {
				p.put(c, now)
			}
			s.on.Store(true)

			closed := make(chan struct{})
			go func() {
				defer close(closed)
				tt.close(p, c)
			}()
			<-s.writing
			taken := make(chan struct{})
			go func() {
				defer close(taken)
				p.take(target{addr: "other"}, now)
			}()
			select {
			case <-taken:
			case <-time.After(time.Minute):
				t.Error("while one connection is being closed, no other request gets one")
			}
			if d := time.Duration(s.deadline.Load()); d > closeWithin {
				t.Errorf("closing may take %s", d)
			}
			close(s.release)
			<-closed
			if p.count != 0 || len(p.idle) != 0 {
				t.Errorf("%d connections are left", p.count)
			}
		})
	}
}

// unwritable is a connection to a receiver that takes nothing: writing ends with its deadline.
type unwritable struct {
	*net.TCPConn
	writes *atomic.Int32
}

func (u unwritable) Write([]byte) (int, error) {
	u.writes.Add(1)
	return 0, os.ErrDeadlineExceeded
}

// A request that could not be written in time on a kept connection has had its time. It is not tried on the other kept
// connections, each of which would have that time again.
func TestWriteLimitIsForOneConnection(t *testing.T) {
	t.Parallel()
	r := receive(t, answering(ok))
	tr := newTransport(t)
	writes := new(atomic.Int32)
	for range 3 {
		raw, err := net.Dial("tcp", r.addr)
		if err != nil {
			t.Fatal(err)
		}
		c := newConn(newSocket(unwritable{raw.(*net.TCPConn), writes}), &dialing{}, target{addr: r.addr})
		tr.pool.age(c, time.Now())
		tr.pool.put(c, time.Now())
	}
	m := post(r.url, "x")
	m.Clock = send.ClockResponse
	x := tr.Send(t.Context(), m)
	if x.Class != hook.ClassTimeout || !strings.Contains(x.Detail, "did not take the request") || !x.Unsent || writes.Load() != 1 {
		t.Errorf("%d writes, unsent %t, class %q: %s", writes.Load(), x.Unsent, x.Class, x.Detail)
	}
}
