package listen

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const (
	piece = 16 << 10 // bytes that are written at once, so that progress is seen
	// What is read after an answer that came before its request had arrived as a whole.
	lingerBytes = 64 << 20
	lingerTime  = 10 * time.Second
	lingerPause = time.Second // without a byte
)

type closeWriter interface{ CloseWrite() error }

// conn is a connection whose peer has to make progress. net/http reads and writes it, one goroutine each at most.
type conn struct {
	net.Conn
	door    *Door
	address netip.Addr // with which it is counted; not valid: it is exempt
	once    sync.Once  // of Close

	// By [ticks], 0 for never. idleSince is set when the connection is made and after each answer, and
	// cleared when the head of a request has arrived. waitingSince is set while we wait for the peer to take a piece of an
	// answer, or to send one of a body. It is also set from when a body is announced until the handler reads it or answers,
	// and again when the handler has returned without all of it: net/http waits for the rest before it answers.
	idleSince    atomic.Int64
	waitingSince atomic.Int64

	in, out pace
	heads   heads
}

var processStart = time.Now()

// ticks are nanoseconds by the monotonic clock, never 0. A wall clock that is put forward or back changes nothing about who
// has been idle or waited for.
func ticks(t time.Time) int64 {
	if n := int64(t.Sub(processStart)); n != 0 {
		return n
	}
	return 1
}

func newConn(nc net.Conn, d *Door) *conn {
	c := &conn{Conn: nc, door: d, address: d.counted(nc.RemoteAddr())}
	c.in, c.out = newPace(d.o), newPace(d.o)
	c.idleSince.Store(ticks(time.Now()))
	return c
}

// Read implements net.Conn.
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.heads.look(p[:n])
	return n, err
}

// Write implements net.Conn. It writes piece by piece, and fails when the peer has used up its time.
func (c *conn) Write(p []byte) (done int, err error) {
	for {
		part := p[done:min(done+piece, len(p))]
		start := time.Now()
		if ends, changed := c.out.deadline(start); changed {
			if err := c.Conn.SetWriteDeadline(ends); err != nil {
				return done, err
			}
		}
		c.waitingSince.Store(ticks(start))
		n, err := c.Conn.Write(part)
		c.waitingSince.Store(0)
		done += n
		c.out.moved(n, time.Since(start))
		if err != nil {
			c.noteCut(err)
			return done, err
		}
		if done == len(p) {
			return done, nil
		}
	}
}

// SetWriteDeadline implements net.Conn. It does nothing: the deadline of writing follows from the peer's progress.
func (*conn) SetWriteDeadline(time.Time) error { return nil }

// noteCut counts a connection whose peer has used up its time.
func (c *conn) noteCut(err error) {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		c.door.cut.Add(1)
	}
}

// CloseWrite is called by net/http before Close, when it has answered a request of which not all has arrived. It reads
// the rest, up to a limit: if it were not read, the system would reset the connection, and most programs that are still
// sending would never see the answer.
func (c *conn) CloseWrite() error {
	w, ok := c.Conn.(closeWriter)
	if !ok {
		return nil
	}
	err := w.CloseWrite()
	if err == nil {
		c.linger()
	}
	return err
}

// linger reads until nothing comes any more, up to a limit.
func (c *conn) linger() {
	start := time.Now()
	c.waitingSince.Store(ticks(start))
	buf := make([]byte, piece)
	for n := 0; n < lingerBytes; {
		now := time.Now()
		if now.Sub(start) > lingerTime || c.Conn.SetReadDeadline(now.Add(lingerPause)) != nil {
			return
		}
		got, err := c.Conn.Read(buf)
		if err != nil {
			return
		}
		n += got
	}
}

// Close implements net.Conn.
func (c *conn) Close() error {
	c.once.Do(func() { c.door.conns.remove(c) })
	return c.Conn.Close()
}

// pace says how long a peer may let us wait. Waiting uses up its time, and each byte earns some back, never more than
// there was at the start. So who stops is cut after patience, and who is slower than the rate a while later.
type pace struct {
	patience, perByte time.Duration
	left              time.Duration
	set               time.Time // the deadline that the connection has
}

func newPace(o Options) pace {
	return pace{patience: o.Patience, left: o.Patience, perByte: time.Second / time.Duration(o.Rate)}
}

// begin is called for each request, and gives the peer all of its time. Meanwhile others may have set deadlines.
func (p *pace) begin() { p.left, p.set = p.patience, time.Time{} }

// deadline is until when the peer has to make progress. The one that the connection has stays if it leaves the peer at
// least three quarters of its time: setting one is not free. It never stays when it is over. For example, a peer with 5 s
// left whose deadline was set 6 s ago, before the handler worked on something else, gets 5 s from now.
func (p *pace) deadline(now time.Time) (ends time.Time, changed bool) {
	ends = now.Add(max(p.left, 0))
	if d := ends.Sub(p.set); d >= 0 && d < p.left/4 {
		return p.set, false
	}
	p.set = ends
	return ends, true
}

// moved notes that n bytes moved after we had waited for some time.
func (p *pace) moved(n int, waited time.Duration) {
	p.left = min(p.patience, p.left-waited+time.Duration(n)*p.perByte)
}
