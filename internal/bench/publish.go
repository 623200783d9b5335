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
	r, s, base, err := b.oneEndpoint(ctx, "publish", 1)
	if err != nil {
		return err
	}
	defer s.stop()
	b.report.add("raw loop beside it", base, "/s")
	b.report.add("events accepted", r.published, "/s").to(base, "raw")
	b.report.add("events delivered and recorded", r.recorded, "/s").to(base, "raw").atLeast(publishRatio).aim(publishAim)
	b.report.add("CPU of the server per 1000 events", r.cpuPer1000(), "s").atMost(cpuPer1000)
	b.report.times("request to acceptance, saturated", r.acks)
	return b.addCosts(s, r)
}

// batch sends many events per request to one endpoint.
func (b *bench) batch(ctx context.Context) error {
	r, s, base, err := b.oneEndpoint(ctx, "batch", b.o.Batch)
	if err != nil {
		return err
	}
	defer s.stop()
	b.report.add("raw loop beside it", base, "/s")
	b.report.add("events accepted", r.published, "/s").to(base, "raw")
	b.report.add("events delivered and recorded", r.recorded, "/s").to(base, "raw").atLeast(batchRatio)
	b.report.add("CPU of the server per 1000 events", r.cpuPer1000(), "s").atMost(cpuPer1000)
	return b.addCosts(s, r)
}

// oneEndpoint saturates a fresh server that has one endpoint, beside the raw
// loop. It returns the server still running; unless there is an error, the
// caller stops it.
func (b *bench) oneEndpoint(ctx context.Context, name string, batch int) (r *saturation, s *server, base float64, err error) {
	if s, err = b.startServer(ctx, name); err != nil {
		return nil, nil, 0, err
	}
	defer func() {
		if err != nil {
			s.stop()
		}
	}()
	if _, err = s.addEndpoint(ctx, "bench", b.sink.endpoint(0), "bench.one"); err != nil {
		return nil, nil, 0, err
	}
	l := b.load(s, "bench.one")
	l.batch = batch
	if err = b.warm(ctx, s, l, 1, ""); err != nil {
		return nil, nil, 0, err
	}
	base, err = b.besideRaw(ctx, func() error {
		return b.during(ctx, s, name, func() (err error) {
			r, err = b.saturate(ctx, s, l, 1, "")
			return err
		})
	})
	return r, s, base, err
}
