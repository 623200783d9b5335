package deliver

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http/httptrace"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// stage is how far an attempt got; [classify] needs it to tell, for example, a
// resolver that does not answer from a receiver that does not.
type stage int32

const (
	stageResolve stage = iota // the name is being looked up
	stageConnect              // TCP
	stageTLS                  // handshake
	stageWrite                // the request is being written
	stageWait                 // written; no byte of the answer yet
	stageAnswer               // status line and headers are arriving
	stageBody                 // the body is arriving
)

// dialing is the record of one connection being set up. The transport may hand
// the finished connection to another request than the one that asked for it, and
// goes on dialing after its request has ended, so this has a life of its own.
type dialing struct {
	start time.Time
	limit time.Duration
	stage atomic.Int32

	mu       sync.Mutex
	dns      time.Duration
	connect  time.Duration
	tls      time.Duration
	begun    map[string]time.Time // per address: when its connect began
	refused  []*Refused           // addresses the guard did not let through
	tried    int                  // addresses it did
	tryErr   error                // the first failure of one of those
	lookedUp time.Time            // when the name lookup began
}

func (d *dialing) timing() (dns, connect, handshake time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.dns, d.connect, d.tls
}

// verdict is what came of the addresses: those refused, and whether any was let
// through.
func (d *dialing) verdict() (refused []*Refused, tried int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.refused), d.tried
}

// hooks is the trace for the lookup and the connects of d.
func (d *dialing) hooks() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		DNSStart: func(httptrace.DNSStartInfo) {
			d.mu.Lock()
			d.lookedUp = time.Now()
			d.mu.Unlock()
		},
		DNSDone: func(info httptrace.DNSDoneInfo) {
			d.mu.Lock()
			d.dns = time.Since(d.lookedUp)
			d.mu.Unlock()
			if info.Err == nil {
				d.stage.Store(int32(stageConnect))
			}
		},
		ConnectStart: func(_, addr string) {
			d.stage.Store(int32(stageConnect)) // an address in the URL needs no lookup
			d.mu.Lock()
			d.begun[addr] = time.Now()
			d.mu.Unlock()
		},
		ConnectDone: func(_, addr string, err error) {
			d.mu.Lock()
			defer d.mu.Unlock()
			if err == nil || d.connect == 0 {
				d.connect = time.Since(d.begun[addr])
			}
			if err != nil && d.tryErr == nil && asRefused(err) == nil {
				d.tryErr = err
			}
		},
	}
}

// control is the guard's say on one address, after resolving and before
// anything is sent to it.
func (d *dialing) control(g *Guard, network, address string) error {
	err := g.checkDial(network, address)
	d.mu.Lock()
	defer d.mu.Unlock()
	if r := asRefused(err); r != nil {
		d.refused = append(d.refused, r)
	} else {
		d.tried++
	}
	return err
}

// dial connects to addr (host:port) for the transport.
func (s *Sender) dial(ctx context.Context, _, addr string) (net.Conn, error) {
	return s.connect(ctx, addr, false)
}

// dialTLS is dial, with the handshake.
func (s *Sender) dialTLS(ctx context.Context, _, addr string) (net.Conn, error) {
	return s.connect(ctx, addr, true)
}

// connect looks the name up, dials and, if secure, shakes hands, all within one
// limit. How that goes is noted for the flight that asked; the transport may give the
// connection to another one.
func (s *Sender) connect(ctx context.Context, addr string, secure bool) (net.Conn, error) {
	d := &dialing{start: time.Now(), limit: DefaultConnectTimeout, begun: make(map[string]time.Time, 2)}
	if f, ok := ctx.Value(flightKey{}).(*flight); ok {
		d.limit = f.connectLimit
		f.dial.Store(d)
	}
	ctx, cancel := context.WithTimeout(ctx, d.limit)
	defer cancel()
	defer context.AfterFunc(s.closing, cancel)()

	dialer := net.Dialer{
		Resolver:  s.resolver,
		KeepAlive: 15 * time.Second,
		ControlContext: func(_ context.Context, network, address string, _ syscall.RawConn) error {
			return d.control(s.guard, network, address)
		},
	}
	raw, err := dialer.DialContext(httptrace.WithClientTrace(ctx, d.hooks()), "tcp", addr)
	if err != nil {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.tryErr != nil { // more telling than that another address was refused
			return nil, d.tryErr
		}
		return nil, err
	}
	c := &conn{Conn: raw, dialing: d}
	if !secure {
		return c, nil
	}

	d.stage.Store(int32(stageTLS))
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		raw.Close()
		return nil, err
	}
	cfg := s.tls.Clone()
	cfg.ServerName = host
	tc := tls.Client(raw, cfg)
	began := time.Now()
	err = tc.HandshakeContext(ctx)
	d.mu.Lock()
	d.tls = time.Since(began)
	d.mu.Unlock()
	if err != nil {
		raw.Close()
		return nil, err
	}
	c.Conn = tc
	return c, nil
}

// conn is a connection that tells the attempt on it what passes: the request
// head as it is written, whether anything was written, and the first byte that
// comes back. HTTP/1.1 has one request at a time on a connection.
type conn struct {
	net.Conn
	dialing *dialing
	cur     atomic.Pointer[flight]      // the attempt that has the connection, or had it last
	alert   atomic.Pointer[net.OpError] // the other side's TLS alert; net/http loses it at times
}

// Write keeps the head of the request as it goes out, and notes that it does.
func (c *conn) Write(p []byte) (int, error) {
	f := c.cur.Load()
	if f == nil {
		return c.Conn.Write(p)
	}
	f.capture(p)
	n, err := c.Conn.Write(p)
	if n > 0 && !f.wrote.Load() {
		f.wrote.Store(true)
	}
	return n, err
}

// Read notes when the answer begins, and why the other side hung up.
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		if f := c.cur.Load(); f != nil && f.firstByte.Load() == 0 {
			f.firstByte.CompareAndSwap(0, max(1, int64(time.Since(f.start))))
		}
	}
	if err != nil {
		if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "remote error" {
			c.alert.Store(op)
		}
	}
	return n, err
}
