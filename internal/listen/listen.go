// Package listen serves HTTP to a world that is slow, broken or hostile.
//
// It promises:
//
//   - A peer that sends or takes nothing is cut off; one that is slow and steady is served. Waiting for a peer uses up
//     its time, and each byte that moves earns some of it back. So no answer and no body needs a limit of its own, and
//     a stream may last for ever.
//   - There is a limit of connections, and one for each address. At the limit the connection that has been idle longest
//     makes room, then the one that has kept us waiting longest. If there is none, the new one gets 503.
//   - A caller whose request is refused before all of its body was read still gets the answer.
//   - What proxies say about a caller is believed only if the operator trusts the proxy. No handler sees it otherwise.
//   - No handler sees the path of the public address before its own.
//   - A request whose length two parties could understand in two ways is the last one of its connection.
package listen

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"
)

// Options of [New]. The zero value has no limit of connections and trusts nobody.
type Options struct {
	// Connections is how many may be open at the same time; 0: any number.
	Connections int
	// PerAddress is how many of them may come from one address, or one /64 of IPv6; 0: any number. Loopback addresses and
	// trusted proxies are exempt, because many callers come through them.
	PerAddress int
	// Trusted are the addresses of proxies whose word about a caller is taken.
	Trusted []netip.Prefix
	// Path is what the server's paths begin with in the addresses that browsers use, such as /gancho; "": nothing. It is
	// removed from the paths of requests; a proxy may have done that before, so those without it are served, too.
	Path string
	// Patience is how long a peer may let us wait; 0: 30 s.
	Patience time.Duration
	// Rate is how many bytes a second a peer has to send or take, on average, once its patience is used up; 0: 1 KiB.
	Rate int
	// Stop is how long open requests may go on when the server stops; OnStop is called at its begin, and ends what would
	// never end by itself. nil: nothing.
	Stop   time.Duration
	OnStop func()
	Log    *slog.Logger // nil: none

	countLoopback bool // in tests, whose peers are all loopback
}

const (
	headerTime = 10 * time.Second // for the head of a request, from its first byte
	idleTime   = 2 * time.Minute  // between two requests
	maxHead    = 64 << 10         // bytes
)

// Door serves one listener. Its methods may be called from any goroutine.
type Door struct {
	o       Options
	conns   conns
	refused atomic.Int64
	cut     atomic.Int64
	hinted  atomic.Bool // somebody whom we do not trust spoke for a caller, and that was logged
}

// New makes a Door. It starts nothing.
func New(o Options) *Door {
	if o.Patience <= 0 {
		o.Patience = 30 * time.Second
	}
	if o.Rate <= 0 {
		o.Rate = 1 << 10
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if most := fileLimit() / 2; o.Connections > most {
		o.Log.Warn("the system allows fewer open files than the limit of connections needs; raise its limit (ulimit -n)",
			"connections", o.Connections, "lowered_to", most)
		o.Connections = most
	}
	return &Door{o: o, conns: newConns(o.Connections, o.PerAddress)}
}

// Open is how many connections are open.
func (d *Door) Open() int { return d.conns.open() }

// Refused is how many connections were answered 503 or closed at once because there were too many.
func (d *Door) Refused() int64 { return d.refused.Load() }

// Cut is how many connections were closed because their peers made us wait, or to make room for others.
func (d *Door) Cut() int64 { return d.cut.Load() }

// Serve serves requests until ctx ends, then lets open ones finish for as long as Stop allows. It closes the listener.
func (d *Door) Serve(ctx context.Context, l net.Listener, h http.Handler) error {
	srv := &http.Server{
		Handler: d.guard(h), ReadHeaderTimeout: headerTime, IdleTimeout: idleTime, MaxHeaderBytes: maxHead,
		ErrorLog: slog.NewLogLogger(d.o.Log.Handler(), slog.LevelWarn),
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, connKey{}, c)
		},
		ConnState: func(nc net.Conn, s http.ConnState) {
			c, ok := nc.(*conn)
			if !ok {
				return
			}
			switch s {
			case http.StateIdle:
				c.waitingSince.Store(0)
				c.idleSince.Store(ticks(time.Now()))
			case http.StateActive:
				c.idleSince.Store(0)
			case http.StateNew, http.StateHijacked, http.StateClosed:
				// A new connection is idle from the start; of a closed one Close takes care. Nothing hijacks.
			}
		},
	}
	if d.o.OnStop != nil {
		srv.RegisterOnShutdown(d.o.OnStop)
	}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(&listener{l, d}) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	finish, cancel := context.WithTimeout(context.WithoutCancel(ctx), d.o.Stop)
	defer cancel()
	if err := srv.Shutdown(finish); err != nil {
		_ = srv.Close() // the time is over
	}
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

type connKey struct{}

// listener hands out connections within the limits.
type listener struct {
	net.Listener
	door *Door
}

// Accept implements net.Listener.
func (l *listener) Accept() (net.Conn, error) {
	for {
		nc, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if c := l.door.admit(nc); c != nil {
			return c, nil
		}
	}
}

// admit registers a connection, and makes room for it if there is none. It returns nil if the connection was refused.
func (d *Door) admit(nc net.Conn) *conn {
	c := newConn(nc, d)
	evicted, ok := d.conns.add(c)
	if evicted != nil {
		d.cut.Add(1)
		_ = evicted.Close()
	}
	if ok {
		soften(nc)
		return c
	}
	d.refused.Add(1)
	d.conns.refuse(nc)
	return nil
}

// counted is the address whose connections are counted with those of a peer: the address itself, or the /64 of an IPv6
// address, since one subscriber has that many. It is not valid if the peer is exempt.
func (d *Door) counted(peer net.Addr) (of netip.Addr) {
	a := addressOf(peer.String())
	if !a.IsValid() || a.IsLoopback() && !d.o.countLoopback || d.trusts(a) {
		return netip.Addr{}
	}
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return a
}

// addressOf is the address in a text such as 192.0.2.1:443. It is not valid if there is none.
func addressOf(hostPort string) netip.Addr {
	p, err := netip.ParseAddrPort(hostPort)
	if err != nil {
		return netip.Addr{}
	}
	return p.Addr().Unmap().WithZone("")
}
