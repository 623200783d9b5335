package app

import (
	"context"
	"fmt"
	"net"
	"net/http"

	"golang.org/x/sync/errgroup"

	"gancho/internal/listen"
)

// operatorConnections is how many connections the operator's own address takes.
const operatorConnections = 256

func openListener(address string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s (is another server running there?): %w", address, err)
	}
	return l, nil
}

// open serves HTTP until ctx ends: for everybody, and for the operator if there is an address for that. Then open
// requests finish, for as long as the stop timeout allows.
func (s *server) open(group *errgroup.Group, ctx context.Context, p *parts) {
	o := listen.Options{
		Connections: s.cfg.MaxConnections, PerAddress: s.cfg.MaxConnectionsPerAddress, Trusted: s.cfg.TrustedProxies,
		Path: s.cfg.PublicURL.path(),
		Stop: s.cfg.StopTimeout, OnStop: s.live.Close, // streams would never end by themselves
		Log: s.log.With("part", "http"),
	}
	public := listen.New(o)
	p.numbers.Door("public", public)
	serve := func(d *listen.Door, l net.Listener, h http.Handler) {
		group.Go(func() error { return d.Serve(ctx, l, h) })
	}
	group.Go(func() error {
		<-ctx.Done()
		s.log.Info("stopping", "cause", context.Cause(ctx))
		return nil
	})
	if s.operator == nil {
		serve(public, s.listener, profiler(p.handler, p.auth))
		return
	}
	o.Connections, o.PerAddress = operatorConnections, 0
	own := listen.New(o)
	p.numbers.Door("operator", own)
	serve(public, s.listener, p.handler)
	serve(own, s.operator, withMetrics(profiler(p.handler, p.auth), p.numbers.Handler()))
	fmt.Fprintf(s.stdout, "For the operator it listens on http://%s\n", s.operator.Addr())
}

// withMetrics serves /metrics without a key.
func withMetrics(next, metrics http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", metrics)
	mux.Handle("/", next)
	return mux
}
