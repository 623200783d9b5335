package http

import (
	"bufio"
	"errors"
	"math"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"
)

// socket is the TCP connection under a [conn], without TLS.
type socket struct {
	net.Conn
	raw syscall.RawConn // nil: the connection has none
	// probing makes Read return what has arrived, or errNothing, without waiting. [conn.probe]
	// sets it and clears it again.
	probing bool
	closing bool // [conn.Close] was called
}

func newSocket(c net.Conn) *socket {
	s := &socket{Conn: c}
	if sc, ok := c.(syscall.Conn); ok {
		s.raw, _ = sc.SyscallConn()
	}
	return s
}

// closeWithin is how long a receiver that does not read can delay the end of its connection.
const closeWithin = 100 * time.Millisecond

// SetWriteDeadline implements [net.Conn]. To close a connection, crypto/tls sends an alert, for which it allows five
// seconds; a socket that is being closed allows less.
func (s *socket) SetWriteDeadline(t time.Time) error {
	if s.closing {
		if soon := time.Now().Add(closeWithin); t.IsZero() || t.After(soon) {
			t = soon
		}
	}
	return s.Conn.SetWriteDeadline(t)
}

// nothing is the error of a read that would have to wait. crypto/tls forgets an error that is
// temporary, so the connection can be used afterwards.
type nothing struct{}

func (nothing) Error() string   { return "nothing has arrived" }
func (nothing) Timeout() bool   { return true }
func (nothing) Temporary() bool { return true }

var errNothing error = nothing{}

// Read implements [net.Conn].
func (s *socket) Read(p []byte) (int, error) {
	if s.probing {
		return s.arrived(p)
	}
	return s.Conn.Read(p)
}

// conn is a connection to a receiver. One goroutine at a time uses it; while it writes a long
// request, another may read.
type conn struct {
	net.Conn // the socket, or TLS over it
	sock     *socket
	br       *bufio.Reader // of the conn
	dialing  *dialing      // how it came about
	key      target
	peer     netip.Addr // the receiver's address
	expires  time.Time  // it serves no new request from then on
	idleAt   time.Time  // when it was put into the pool
	failed   error      // of the last Read; bufio hides it behind the part of a line that came before it
	headLeft int64      // bytes that Read may still return before the headers must have ended
}

func newConn(sock *socket, d *dialing, key target) *conn {
	c := &conn{Conn: sock, sock: sock, dialing: d, key: key, headLeft: math.MaxInt64}
	c.br = bufio.NewReader(c)
	return c
}

// Read implements [net.Conn].
func (c *conn) Read(p []byte) (int, error) {
	if c.headLeft <= 0 {
		return 0, errHeadersTooLarge
	}
	n, err := c.Conn.Read(p[:min(int64(len(p)), c.headLeft)])
	c.headLeft -= int64(n)
	c.failed = err
	return n, err
}

// Close closes the connection, which nobody reads or writes.
func (c *conn) Close() {
	c.sock.closing = true
	_ = c.Conn.Close() // nothing can be done about an error
}

// limitHeaders makes Read fail unless the headers of an answer end within
// [MaxResponseHeader]. endHeaders ends that.
func (c *conn) limitHeaders() { c.headLeft = MaxResponseHeader }
func (c *conn) endHeaders()   { c.headLeft = math.MaxInt64 }

var (
	errHeadersTooLarge = errors.New("the headers are too large")
	errUnasked         = errors.New("bytes came that answer no request")
)

// probe looks at the connection without waiting. It returns nil if the receiver has sent nothing
// that was not read, errUnasked if it has, and the error of reading if the receiver has closed.
// What belongs to TLS itself, such as a session ticket, counts as nothing.
func (c *conn) probe() error {
	c.sock.probing = true
	defer func() { c.sock.probing = false }()
	switch _, err := c.br.Peek(1); {
	case err == nil:
		return errUnasked
	case errors.Is(err, errNothing):
		return nil
	default:
		return err
	}
}

// longAgo is a deadline that is over.
var longAgo = time.Unix(1, 0)

// isDeadline reports whether err says that the deadline of a connection is over.
func isDeadline(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }
