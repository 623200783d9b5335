package bench

import (
	"context"
	"fmt"
)

// fanout sends each event to many endpoints.
func (b *bench) fanout(ctx context.Context) error {
	s, err := b.startServer(ctx, "fanout")
	if err != nil {
		return err
	}
	defer s.stop()
	each := max((b.o.Concurrency+b.o.Fanout-1)/b.o.Fanout, 1)
	for e := range b.o.Fanout {
		if _, err := s.addEndpointWith(ctx, fmt.Sprintf("bench %d", e), b.sink.endpoint(e), "bench.all", each); err != nil {
			return err
		}
	}
	l := b.load(s, "bench.all")
	l.events = max(b.o.Events/b.o.Fanout, 1)
	if err := b.warm(ctx, s, l, b.o.Fanout, ""); err != nil {
		return err
	}
	var r *saturation
	base, err := b.besideRaw(ctx, func() error {
		return b.during(ctx, s, "fanout", func() (err error) {
			r, err = b.saturate(ctx, s, l, b.o.Fanout, "")
			return err
		})
	})
	if err != nil {
		return err
	}
	b.report.add("raw loop beside it", base, "/s")
	b.report.add(fmt.Sprintf("deliveries of one event to %d endpoints", b.o.Fanout), r.recorded, "/s").to(base, "raw").atLeast(fanoutRatio)
	b.report.add("CPU of the server per 1000 deliveries", r.cpu/float64(r.deliveries)*1000, "s")
	return b.addCosts(s, r)
}
