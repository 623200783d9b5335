package bench

import (
	"context"
	"fmt"
)

// ordered sends events to endpoints that keep their order: one of them alone, then one event to
// many. Each sends one request at a time, and the next only when the result of the last is durable.
func (b *bench) ordered(ctx context.Context) error {
	for _, endpoints := range []int{1, b.o.Fanout} {
		if err := b.orderedTo(ctx, endpoints); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) orderedTo(ctx context.Context, endpoints int) error {
	name := fmt.Sprintf("ordered-%d", endpoints)
	s, err := b.startServer(ctx, name)
	if err != nil {
		return err
	}
	defer s.stop()
	for e := range endpoints {
		in := map[string]any{
			"name": fmt.Sprintf("bench %d", e), "url": b.sink.endpoint(e), "event_types": []string{"bench.all"}, "ordered": true,
		}
		if _, err := s.makeEndpoint(ctx, in, 0); err != nil {
			return err
		}
	}
	l := b.load(s, "bench.all")
	l.events = max(b.o.Events/max(endpoints, 4), 1) // a single one is slow: a quarter says enough
	if err := b.warm(ctx, s, l, endpoints, ""); err != nil {
		return err
	}
	var r *saturation
	base, err := b.besideRaw(ctx, func() error {
		return b.during(ctx, s, name, func() (err error) {
			r, err = b.saturate(ctx, s, l, endpoints, "")
			return err
		})
	})
	if err != nil {
		return err
	}
	b.report.add(fmt.Sprintf("deliveries in order, endpoints: %d", endpoints), r.recorded, "/s").to(base, "raw")
	b.report.add("CPU of the server per 1000 deliveries", r.cpu/float64(r.deliveries)*1000, "s")
	return nil
}
