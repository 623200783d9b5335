package bench

import (
	"context"
	"fmt"
	"time"
)

// saturation is what a server did when it was given all it could take.
type saturation struct {
	events     int
	deliveries int
	seconds    float64 // first request until all is delivered and recorded
	published  float64 // events accepted per second
	arrived    float64 // deliveries per second until the last arrival
	recorded   float64 // deliveries per second until the API shows all of them delivered
	cpu        float64 // CPU seconds of the server
	acks       samples // request to acceptance, sorted
	travel     samples // publish to arrival, sorted
	doubled    int     // deliveries that came more than once
	pushback   int64   // answers 429 and 503
}

// saturate runs a load whose events each go to width endpoints, and waits until
// every delivery has arrived and is recorded. endpoint limits the last check to
// one endpoint; "" is all of them.
func (b *bench) saturate(ctx context.Context, s *server, l load, width int, endpoint string) (*saturation, error) {
	if err := b.sink.begin(ctx, l.run, runSize{Events: l.events, Width: width}); err != nil {
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
	r := &saturation{events: out.accepted(), deliveries: out.accepted() * width}
	if err := b.sink.wait(ctx, l.run, r.deliveries); err != nil {
		return nil, err
	}
	if err := s.settle(ctx, endpoint); err != nil {
		return nil, err
	}
	recorded := now()
	after, err := s.cpu()
	if err != nil {
		return nil, err
	}
	st, err := b.sink.stats(ctx, l.run)
	if err != nil {
		return nil, err
	}
	arrivals, err := b.sink.arrivals(ctx, l.run)
	if err != nil {
		return nil, err
	}
	if st.Strange > 0 {
		return nil, fmt.Errorf("%d deliveries came to an endpoint that they were not for", st.Strange)
	}
	perSecond := func(until int64) float64 {
		return float64(r.deliveries) / time.Duration(max(until-out.began, 1)).Seconds()
	}
	r.seconds = time.Duration(recorded - out.began).Seconds()
	r.published, r.arrived, r.recorded = out.perSecond(), perSecond(st.Last), perSecond(recorded)
	r.cpu = after - before
	r.acks, r.travel = out.ackTimes(), travelTimes(arrivals)
	r.doubled, r.pushback = len(st.Doubles), out.pushback
	return r, b.sink.forget(ctx, l.run)
}

// warm sends a few events like those of l, so that connections are open and
// statements prepared when the measuring begins.
func (b *bench) warm(ctx context.Context, s *server, l load, width int, endpoint string) error {
	l.run = b.newRun()
	l.events = max(warmUp(l.events), 2*l.batch)
	l.until = nil
	_, err := b.saturate(ctx, s, l, width, endpoint)
	return err
}

// cpuPer1000 is the CPU time of the server per 1000 events, in seconds.
func (r *saturation) cpuPer1000() float64 { return r.cpu / float64(r.events) * 1000 }

// addCosts adds the rows that every saturating scenario has.
func (b *bench) addCosts(s *server, r *saturation) error {
	peak, err := s.peak()
	if err != nil {
		return err
	}
	b.report.add("peak memory of the server", peak, "MB")
	b.report.times("publish to arrival, saturated", r.travel)
	if r.pushback > 0 {
		b.report.add("answers 429 or 503 (sent again)", float64(r.pushback), "")
	}
	if r.doubled > 0 {
		b.report.add("deliveries that came twice", float64(r.doubled), "").atMost(0)
	}
	return nil
}
