package bench

import "context"

// Targets of throughput and cost. Ratios are to the raw loop.
const (
	publishRatio = 0.25
	publishAim   = 0.33
	batchRatio   = 0.45
	fanoutRatio  = 0.50
	cpuPer1000   = 0.12 // CPU seconds of the server per 1000 events
)

// publish sends one event per request to one endpoint.
func (b *bench) publish(ctx context.Context) error {
	return b.oneEndpoint(ctx, "publish", 1, func(s *server, r *saturation, base float64) error {
		b.report.add("raw loop beside it", base, "/s")
		b.report.add("events accepted", r.published, "/s").to(base, "raw")
		b.report.add("events delivered and recorded", r.recorded, "/s").to(base, "raw").atLeast(publishRatio).aim(publishAim)
		b.report.add("CPU of the server per 1000 events", r.cpuPer1000(), "s").atMost(cpuPer1000)
		b.report.times("request to acceptance, saturated", r.acks)
		return b.addCosts(s, r)
	})
}

// batch sends many events per request to one endpoint.
func (b *bench) batch(ctx context.Context) error {
	return b.oneEndpoint(ctx, "batch", b.o.Batch, func(s *server, r *saturation, base float64) error {
		b.report.add("raw loop beside it", base, "/s")
		b.report.add("events accepted", r.published, "/s").to(base, "raw")
		b.report.add("events delivered and recorded", r.recorded, "/s").to(base, "raw").atLeast(batchRatio)
		b.report.add("CPU of the server per 1000 events", r.cpuPer1000(), "s").atMost(cpuPer1000)
		return b.addCosts(s, r)
	})
}

// oneEndpoint saturates a fresh server that has one endpoint, beside the raw
// loop, and gives the result to report while the server still runs.
func (b *bench) oneEndpoint(ctx context.Context, name string, batch int, report func(s *server, r *saturation, base float64) error) error {
	s, err := b.startServer(ctx, name)
	if err != nil {
		return err
	}
	defer s.stop()
	if _, err := s.addEndpointWith(ctx, "bench", b.sink.endpoint(0), "bench.one", b.o.Concurrency); err != nil {
		return err
	}
	l := b.load(s, "bench.one")
	l.batch = batch
	if err := b.warm(ctx, s, l, 1, ""); err != nil {
		return err
	}
	var r *saturation
	base, err := b.besideRaw(ctx, func() error {
		return b.during(ctx, s, name, func() (err error) {
			r, err = b.saturate(ctx, s, l, 1, "")
			return err
		})
	})
	if err != nil {
		return err
	}
	return report(s, r, base)
}
