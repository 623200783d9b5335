package bench

import (
	"context"
	"fmt"
	"time"
)

// Targets at a steady rate, and with nothing to do.
const (
	steadyP50 = 2.0 // ms
	steadyP99 = 8.0 // ms
	idleCPU   = 1.0 // % of a core
)

// steady publishes at a fixed rate, whatever the server does, and then leaves
// it alone.
func (b *bench) steady(ctx context.Context) error {
	s, err := b.startServer(ctx, "steady")
	if err != nil {
		return err
	}
	defer s.stop()
	if _, err := s.addEndpoint(ctx, "bench", b.sink.endpoint(0), "bench.one"); err != nil {
		return err
	}
	if _, err := b.atRate(ctx, s, time.Second, spread{types: []string{"bench.one"}}); err != nil { // warm-up
		return err
	}
	r, err := b.atRate(ctx, s, b.o.Duration, spread{types: []string{"bench.one"}})
	if err != nil {
		return err
	}
	at := number(b.o.Rate) + "/s"
	rows := b.report.times("publish to arrival at "+at, r.travel)
	rows[0].atMost(steadyP50)
	rows[1].atMost(steadyP99)
	b.report.times("request to acceptance at "+at, r.acks)
	b.report.add("CPU of the server at "+at, r.cpu/r.seconds*100, "% of a core")
	b.report.add("the generator's own delay, p99", milliseconds(r.late.quantile(0.99)), "ms")
	if r.pushback > 0 {
		b.report.add("answers 429 or 503 (sent again)", float64(r.pushback), "")
	}

	if err := s.settle(ctx, ""); err != nil {
		return err
	}
	if err := pauseFor(ctx, time.Second); err != nil {
		return err
	}
	before, err := s.cpu()
	if err != nil {
		return err
	}
	start := time.Now()
	if err := pauseFor(ctx, b.o.Idle); err != nil {
		return err
	}
	after, err := s.cpu()
	if err != nil {
		return err
	}
	b.report.add(fmt.Sprintf("CPU of the idle server over %s", b.o.Idle), (after-before)/time.Since(start).Seconds()*100, "% of a core").under(idleCPU)
	peak, err := s.peak()
	if err != nil {
		return err
	}
	b.report.add("peak memory of the server", peak, "MB")
	return nil
}

// pacedRun is what a server did at a fixed rate.
type pacedRun struct {
	travel   samples // publish to arrival, sorted
	acks     samples // due to accepted, sorted
	late     samples // the generator's own delay, sorted
	cpu      float64 // CPU seconds of the server
	seconds  float64 // until the last arrival
	pushback int64
}

// spread says which endpoints the events of a paced run go to, in turn: one for
// each type.
type spread struct {
	types   []string
	silent  int // the last so many never answer; nothing is waited for from them
	ignored int // the last so many are left out of the times
}

// atRate publishes at the benchmark's rate for a time and waits for everything
// that is to arrive.
func (b *bench) atRate(ctx context.Context, s *server, d time.Duration, to spread) (*pacedRun, error) {
	l := b.load(s, to.types...)
	l.rate = b.o.Rate
	l.events = max(int(b.o.Rate*d.Seconds()), len(to.types))
	if err := b.sink.begin(ctx, l.run, runSize{Events: l.events, Width: 1}); err != nil {
		return nil, err
	}
	before, err := s.cpu()
	if err != nil {
		return nil, err
	}
	out, err := l.do(ctx)
	if err != nil {
		return nil, err
	}
	if err := b.sink.wait(ctx, l.run, to.count(l.events)); err != nil {
		return nil, err
	}
	ended := now()
	after, err := s.cpu()
	if err != nil {
		return nil, err
	}
	arrivals, err := b.sink.arrivals(ctx, l.run)
	if err != nil {
		return nil, err
	}
	for n := range arrivals {
		if n%len(to.types) >= len(to.types)-to.ignored {
			arrivals[n] = arrival{}
		}
	}
	return &pacedRun{
		travel: travelTimes(arrivals), acks: out.ackTimes(), late: out.late,
		cpu: after - before, seconds: time.Duration(ended - out.began).Seconds(), pushback: out.pushback,
	}, b.sink.forget(ctx, l.run)
}

// count is how many of the first n events go to endpoints that answer.
func (to spread) count(n int) (answered int) {
	for i := range n {
		if i%len(to.types) < len(to.types)-to.silent {
			answered++
		}
	}
	return answered
}
