package http

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http/httptrace"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"gancho/internal/send"
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

// dialing records how one connection is set up. The connects of one dial run at the same time, and
// may outlive it.
type dialing struct {
	start time.Time
	limit time.Duration
	stage atomic.Int32 // a [stage]

	certAsked atomic.Bool // the receiver asked for a client certificate

	mu       sync.Mutex
	dns      time.Duration
	connect  time.Duration
	tls      time.Duration
	begun    map[string]time.Time // when the connect to each address began
	refused  []*Refused           // addresses that the guard refused
	barred   []netip.Addr         // addresses that the rules for hosts refused
	tried    int                  // how many addresses it allowed
	tryErr   error                // the first failure of one of those
	lookedUp time.Time            // when the name lookup began
}

func (d *dialing) timing() (dns, connect, handshake time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.dns, d.connect, d.tls
}

// lookup is how long the name lookup took.
func (d *dialing) lookup() time.Duration {
	dns, _, _ := d.timing()
	return dns
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
			if err != nil && d.tryErr == nil && !isRefused(err) {
				d.tryErr = err
			}
		},
	}
}

// check asks the guard about one address, after the name is resolved and before
// anything is sent to the address.
func (d *dialing) check(g *Guard, r *outgoing, network, address string) error {
	err := g.checkDial(network, address)
	if ap, perr := netip.ParseAddrPort(address); err == nil && perr == nil && r.refuses(ap.Addr()) {
		err = &refusedHost{addr: ap.Addr()}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if r := asRefused(err); r != nil {
		d.refused = append(d.refused, r)
	} else if h, ok := errors.AsType[*refusedHost](err); ok {
		d.barred = append(d.barred, h.addr)
	} else {
		d.tried++
	}
	return err
}

// connect looks the name up, connects and, for https, makes the TLS handshake, all within one
// limit. It leaves the record of the dial with the exchange.
func (t *Transport) connect(x *exchange, r *outgoing) (*conn, error) {
	now := time.Now()
	d := &dialing{start: now, limit: x.limits.connect, begun: make(map[string]time.Time, 2)}
	x.dial = d
	until := now.Add(x.limits.connect)
	if x.clock == send.ClockTotal {
		d.limit = min(x.limits.connect, x.limits.timeout)
		if ends := x.ends(); ends.Before(until) {
			until = ends
		}
	}
	ctx, cancel := context.WithDeadline(x.ctx, until)
	defer cancel()
	defer context.AfterFunc(t.closing, cancel)()

	open := t.open
	if t.proxy != nil {
		open = t.openByProxy
	}
	raw, peer, err := open(ctx, d, r)
	if err != nil {
		return nil, err
	}
	c := newConn(newSocket(raw), d, r.to)
	c.peer = peer
	if !r.to.secure {
		return c, nil
	}
	d.stage.Store(int32(stageTLS))
	cfg := t.tls.Clone()
	cfg.ServerName = r.name
	shown := new(tls.Certificate) // none
	if own := r.to.identity; own != nil {
		cfg.RootCAs = own.Roots(cfg.RootCAs)
		cfg.ClientSessionCache = nil // a session that is resumed proves who began it
		if own.Certificate != nil {
			shown = own.Certificate
		}
	}
	cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		d.certAsked.Store(true)
		return shown, nil
	}
	tc := tls.Client(c.sock, cfg)
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

// open makes the TCP connection, and says to which address.
func (t *Transport) open(ctx context.Context, d *dialing, r *outgoing) (net.Conn, netip.Addr, error) {
	dialer := net.Dialer{
		Resolver:  t.resolver,
		KeepAlive: 15 * time.Second,
		ControlContext: func(_ context.Context, network, address string, _ syscall.RawConn) error {
			return d.check(t.guard, r, network, address)
		},
	}
	raw, err := dialer.DialContext(httptrace.WithClientTrace(ctx, d.trace()), "tcp", r.to.addr)
	if err != nil {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.tryErr != nil { // why an allowed address failed says more than that another was refused
			return nil, netip.Addr{}, d.tryErr
		}
		return nil, netip.Addr{}, err
	}
	if ap, err := netip.ParseAddrPort(raw.RemoteAddr().String()); err == nil {
		return raw, ap.Addr(), nil
	}
	return raw, netip.Addr{}, nil
}
