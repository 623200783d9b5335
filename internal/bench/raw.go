package bench

import (
	"context"
	"net/http"
	"os"
	"slices"
	"time"
)

// ceiling is what the raw loop reached, each time it ran.
type ceiling struct {
	perSecond []float64
	at        time.Time // of the latest
	times     samples   // send to arrival of the latest, sorted
	cpu       float64   // CPU seconds of generator and sink per 1000 requests, the latest
}

// raw shows the ceiling: the same generator posting straight to the sink.
func (b *bench) raw(ctx context.Context) error {
	for range 2 {
		if err := b.measureRaw(ctx); err != nil {
			return err
		}
	}
	c := b.ceiling
	b.report.add("POST to the sink, without a server", (c.perSecond[0]+c.perSecond[1])/2, "/s")
	b.report.add("CPU of generator and sink per 1000 requests", c.cpu, "s")
	b.report.times("send to arrival", c.times)
	return nil
}

// measureRaw runs the raw loop once.
func (b *bench) measureRaw(ctx context.Context) error {
	l := load{
		url: b.sink.endpoint(0), want: http.StatusOK,
		run: b.newRun(), types: []string{""}, payload: b.o.Payload,
		events: b.o.Events, batch: 1, concurrency: b.o.Concurrency,
	}
	warm := l
	warm.events, warm.run = warmUp(l.events), b.newRun()
	if _, err := warm.do(ctx); err != nil {
		return err
	}
	if err := b.sink.begin(ctx, l.run, runSize{Events: l.events, Width: 1}); err != nil {
		return err
	}
	before, err := b.ownCPU()
	if err != nil {
		return err
	}
	out, err := l.do(ctx)
	if err != nil {
		return err
	}
	after, err := b.ownCPU()
	if err != nil {
		return err
	}
	arrived, err := b.sink.arrivals(ctx, l.run)
	if err != nil {
		return err
	}
	b.ceiling.perSecond = append(b.ceiling.perSecond, out.perSecond())
	b.ceiling.cpu = (after - before) / float64(l.events) * 1000
	b.ceiling.at = time.Now()
	b.ceiling.times = travelTimes(arrived)
	return b.sink.forget(ctx, l.run)
}

// ownCPU is the CPU time that the generator and the sink have used, in seconds.
func (b *bench) ownCPU() (float64, error) {
	generator, err := cpuSeconds(os.Getpid())
	if err != nil {
		return 0, err
	}
	receiver, err := cpuSeconds(b.sink.pid())
	return generator + receiver, err
}

// warmUp is how many events to send before n are measured: enough to open the
// connections and to grow what grows.
func warmUp(n int) int { return min(max(n/10, 1), 2000) }

// besideRaw runs work between two raw loops and returns the mean of the two, in
// requests per second. A raw loop that ended a moment ago counts as the first.
func (b *bench) besideRaw(ctx context.Context, work func() error) (float64, error) {
	if time.Since(b.ceiling.at) > 3*time.Second {
		if err := b.measureRaw(ctx); err != nil {
			return 0, err
		}
	}
	if err := work(); err != nil {
		return 0, err
	}
	if err := b.measureRaw(ctx); err != nil {
		return 0, err
	}
	last := b.ceiling.perSecond[len(b.ceiling.perSecond)-2:]
	b.say("  the raw loop beside it: %s and %s per second", number(last[0]), number(last[1]))
	return (last[0] + last[1]) / 2, nil
}

// travelTimes are the times from send to first arrival, sorted. Slots without
// an arrival are left out.
func travelTimes(as []arrival) samples {
	times := make(samples, 0, len(as))
	for _, a := range as {
		if a.arrived != 0 {
			times = append(times, a.arrived-a.sent)
		}
	}
	slices.Sort(times)
	return times
}
