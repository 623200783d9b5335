package bench

import (
	"context"
	"fmt"
)

// backlogMemory is the most memory the server may hold with a long queue, in MB.
const backlogMemory = 300.0

// neighbourPace is the share of its throughput that an endpoint must keep beside a
// long queue: the inverse of [neighbourRatio].
const neighbourPace = 1 / neighbourRatio

// backlog measures one endpoint before and after another one on the same server
// has a long queue of deliveries waiting.
func (b *bench) backlog(ctx context.Context) error {
	s, err := b.startServer(ctx, "backlog")
	if err != nil {
		return err
	}
	defer s.stop()
	neighbour, err := s.addEndpoint(ctx, "neighbour", b.sink.endpoint(0), "bench.one")
	if err != nil {
		return err
	}
	waiting, err := s.addEndpoint(ctx, "waiting", b.sink.hang(), "bench.waiting")
	if err != nil {
		return err
	}
	if b.o.BacklogBy == "pause" {
		if err := s.pause(ctx, waiting); err != nil {
			return err
		}
	}

	measure := func() (*saturation, *pacedRun, error) {
		l := b.load(s, "bench.one")
		l.events = max(b.o.Events/2, 1)
		if err := b.warm(ctx, s, l, 1, neighbour); err != nil {
			return nil, nil, err
		}
		fast, err := b.saturate(ctx, s, l, 1, neighbour)
		if err != nil {
			return nil, nil, err
		}
		paced, err := b.atRate(ctx, s, b.o.Duration/2, spread{types: []string{"bench.one"}})
		return fast, paced, err
	}
	fastBefore, pacedBefore, err := measure()
	if err != nil {
		return err
	}
	fill := b.load(s, "bench.waiting")
	fill.events, fill.batch = b.o.Backlog, 100
	filled, err := fill.do(ctx)
	if err != nil {
		return err
	}
	if n := filled.accepted(); n != b.o.Backlog {
		return fmt.Errorf("only %d of %d events were accepted", n, b.o.Backlog)
	}
	b.say("  %s deliveries wait", number(float64(b.o.Backlog)))
	fastAfter, pacedAfter, err := measure()
	if err != nil {
		return err
	}
	peak, err := s.peak()
	if err != nil {
		return err
	}
	long := fmt.Sprintf("%s waiting beside it (%s)", number(float64(b.o.Backlog)), b.o.BacklogBy)
	b.report.add("events accepted into the queue", filled.perSecond(), "/s")
	b.report.add("peak memory of the server", peak, "MB").atMost(backlogMemory)
	b.report.add("delivered and recorded, no queue", fastBefore.recorded, "/s")
	b.report.add("delivered and recorded, "+long, fastAfter.recorded, "/s").to(fastBefore.recorded, "baseline").atLeast(neighbourPace)
	b.compareTimes("publish to arrival at "+number(b.o.Rate)+"/s", "no queue", pacedBefore.travel, long, pacedAfter.travel)
	return nil
}
