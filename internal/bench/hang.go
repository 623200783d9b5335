package bench

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// neighbourRatio is how much slower an endpoint may become through the trouble
// of another.
const neighbourRatio = 1.2

// hangRounds is how often the two servers of the hang scenario take turns.
const hangRounds = 3

// hang compares the endpoints of two servers under the same rate, spread evenly
// over ten endpoints: in one all answer, in the other some never do. The two
// take turns, so that noise of the machine reaches both. Only endpoints that
// answer in both are looked at.
func (b *bench) hang(ctx context.Context) error {
	types := make([]string, b.o.Endpoints)
	for e := range types {
		types[e] = fmt.Sprintf("bench.e%d", e)
	}
	answering := b.o.Endpoints - b.o.Hang
	start := func(name string, hanging int) (*server, error) {
		s, err := b.startServer(ctx, name)
		if err != nil {
			return nil, err
		}
		for e, typ := range types {
			url := b.sink.endpoint(e)
			if e >= b.o.Endpoints-hanging {
				url = b.sink.hang()
			}
			if _, err := s.addEndpoint(ctx, fmt.Sprintf("bench %d", e), url, typ); err != nil {
				s.stop()
				return nil, err
			}
		}
		return s, nil
	}
	healthy, err := start("hang-none", 0)
	if err != nil {
		return err
	}
	defer healthy.stop()
	hanging, err := start("hang-some", b.o.Hang)
	if err != nil {
		return err
	}
	defer hanging.stop()

	turn := func(s *server, d time.Duration, into *samples) error {
		to := spread{types: types, ignored: b.o.Hang}
		if s == hanging {
			to.silent = b.o.Hang
		}
		r, err := b.atRate(ctx, s, d, to)
		if err == nil {
			*into = append(*into, r.travel...)
		}
		return err
	}
	var without, with, dropped samples
	for _, s := range []*server{healthy, hanging} { // warm-up; it also fills the queue of the hanging endpoint
		if err := turn(s, time.Second, &dropped); err != nil {
			return err
		}
	}
	for range hangRounds {
		if err := turn(healthy, b.o.Duration/hangRounds, &without); err != nil {
			return err
		}
		if err := turn(hanging, b.o.Duration/hangRounds, &with); err != nil {
			return err
		}
	}
	slices.Sort(without)
	slices.Sort(with)
	b.compareTimes(fmt.Sprintf("%d of %d endpoints at %s/s", answering, b.o.Endpoints, number(b.o.Rate)),
		"all answer", without, fmt.Sprintf("%d of %d never answer", b.o.Hang, b.o.Endpoints), with)
	return nil
}

// compareTimes adds rows for publish to arrival without and with some trouble. The
// rows with trouble show their ratio to those without, and p50 and p99 have a target.
// Both samples must be sorted.
func (b *bench) compareTimes(what, baseline string, without samples, trouble string, with samples) {
	base := b.report.times(what+", "+baseline, without)
	rows := b.report.times(what+", "+trouble, with)
	for i, r := range rows {
		r.to(base[i].Result, "baseline")
	}
	rows[0].atMost(neighbourRatio)
	rows[1].atMost(neighbourRatio)
}
