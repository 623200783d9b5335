package http

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

// stage is how far an exchange has got. [classify] needs it: a name server that does
// not answer is another failure than a receiver that does not.
type stage int32

const (
	stageResolve stage = iota // the name is being looked up
	stageConnect              // TCP
	stageTLS                  // handshake
	stageWrite                // the request is being written
	stageWait                 // the request is written, and no byte of the answer has come
	stageAnswer               // status line and headers are arriving
	stageBody                 // the body is arriving
	stageEnded                // nobody waits for it any more
)

// dialing records how one connection is set up. It is not part of an exchange,
// because net/http may give the finished connection to another request than the one
// that asked for it, and goes on dialing after that request has ended.
type dialing struct {
	start time.Time
	limit time.Duration
	stage atomic.Int32 // a [stage]

	mu       sync.Mutex
	dns      time.Duration
	connect  time.Duration
	tls      time.Duration
	begun    map[string]time.Time // when the connect to each address began
	refused  []*Refused           // addresses that the guard refused
	tried    int                  // how many addresses it allowed
	tryErr   error                // the first failure of one of those
	lookedUp time.Time            // when the name lookup began
}

func (d *dialing) timing() (dns, connect, handshake time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.dns, d.connect, d.tls
}

// addresses returns the addresses that the guard refused, and how many it allowed.
func (d *dialing) addresses() (refused []*Refused, tried int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.refused), d.tried
}

// trace notes the name lookup and the connects in d.
func (d *dialing) trace() *httptrace.ClientTrace {
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
			d.stage.Store(int32(stageConnect)) // also where the URL has an address, which needs no lookup
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

// check asks the guard about one address, after the name is resolved and before
// anything is sent to the address.
func (d *dialing) check(g *Guard, network, address string) error {
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

// dial connects to addr (host:port) for net/http.
func (t *Transport) dial(ctx context.Context, _, addr string) (net.Conn, error) {
	return t.connect(ctx, addr, false)
}

// dialTLS is dial with a TLS handshake.
func (t *Transport) dialTLS(ctx context.Context, _, addr string) (net.Conn, error) {
	return t.connect(ctx, addr, true)
}

// connect looks the name up, connects and, if secure, makes the TLS handshake, all within one
// limit. It gives the record of the dial to the exchange that asked for the connection.
func (t *Transport) connect(ctx context.Context, addr string, secure bool) (net.Conn, error) {
	d := &dialing{start: time.Now(), limit: DefaultConnectTimeout, begun: make(map[string]time.Time, 2)}
	if x, ok := ctx.Value(exchangeKey{}).(*exchange); ok {
		d.limit = x.connectLimit
		x.dial.Store(d)
	}
	ctx, cancel := context.WithTimeout(ctx, d.limit)
	defer cancel()
	defer context.AfterFunc(t.closing, cancel)()

	dialer := net.Dialer{
		Resolver:  t.resolver,
		KeepAlive: 15 * time.Second,
		ControlContext: func(_ context.Context, network, address string, _ syscall.RawConn) error {
			return d.check(t.guard, network, address)
		},
	}
	raw, err := dialer.DialContext(httptrace.WithClientTrace(ctx, d.trace()), "tcp", addr)
	if err != nil {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.tryErr != nil { // why an allowed address failed says more than that another was refused
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
	cfg := t.tls.Clone()
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

// conn is a connection that reports to the exchange that uses it: the request head as
// it is written, whether anything was written, and when the first byte came back.
// HTTP/1.1 has one request at a time on a connection.
type conn struct {
	net.Conn
	dialing *dialing
	current atomic.Pointer[exchange]    // the exchange that uses the connection, or used it last
	alert   atomic.Pointer[net.OpError] // the TLS alert of the other side, which net/http may lose
}

// Write implements [net.Conn].
func (c *conn) Write(p []byte) (int, error) {
	x := c.current.Load()
	if x == nil {
		return c.Conn.Write(p)
	}
	x.capture(p)
	n, err := c.Conn.Write(p)
	if n > 0 && !x.wrote.Load() {
		x.wrote.Store(true)
	}
	return n, err
}

// Read implements [net.Conn].
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		if x := c.current.Load(); x != nil && x.firstByte.Load() == 0 {
			x.firstByte.CompareAndSwap(0, max(1, int64(time.Since(x.start))))
		}
	}
	if err != nil {
		if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "remote error" {
			c.alert.Store(op)
		}
	}
	return n, err
}
