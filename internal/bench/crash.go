package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"time"
)

// What can rightly be in flight when a server is killed: the requests it has
// open, and the answers it had but not yet committed. The first is bounded by
// the endpoint's concurrency, the second by what arrived in the last moment.
const (
	endpointConcurrency = 32 // the product's default
	unrecordedWindow    = 100 * time.Millisecond
)

// errLost is the one result of a benchmark that is an error: the promise of the
// product is broken.
var errLost = errors.New("acknowledged events never arrived")

// crash publishes as fast as it can while the server is killed with kill -9 and
// started again on the same data, several times. It then counts what was
// acknowledged and never arrived, and what arrived more than once.
func (b *bench) crash(ctx context.Context) error {
	s, err := b.startServer(ctx, "crash")
	if err != nil {
		return err
	}
	defer func() { s.stop() }()
	if _, err := s.addEndpoint(ctx, "bench", b.sink.endpoint(0), "bench.one"); err != nil {
		return err
	}
	until := make(chan struct{})
	l := b.load(s, "bench.one")
	l.events = 500_000 // room for, not a goal
	l.until, l.tolerant = until, true
	if err := b.sink.begin(ctx, l.run, runSize{Events: l.events, Width: 1}); err != nil {
		return err
	}
	type result struct {
		out *loaded
		err error
	}
	loading, cancel := context.WithCancel(ctx)
	defer cancel()
	finished := make(chan result, 1)
	go func() {
		out, err := l.do(loading)
		finished <- result{out, err}
	}()

	kills, recovery, err := b.killSeveralTimes(ctx, s)
	close(until)
	if err != nil {
		cancel()
		<-finished
		return err
	}
	r := <-finished
	if r.err != nil {
		return r.err
	}
	found, err := b.whatArrived(ctx, s, l.run, r.out, kills)
	if err != nil {
		return err
	}

	b.report.add("kill -9 under load", float64(len(kills)), "times")
	b.report.add("slowest start on the same data", milliseconds(recovery), "ms")
	b.report.add("events acknowledged", float64(r.out.accepted()), "")
	b.report.add("lost: acknowledged and never arrived", float64(found.lost), "").atMost(0)
	b.report.add("in flight when killed, at most", float64(found.inFlight), "")
	b.report.add("doubled: arrived more than once", float64(found.doubled), "").atMost(float64(found.inFlight))
	if found.doubled > 0 {
		b.report.add("longest from a doubled one's first arrival to the kill", milliseconds(found.oldest), "ms")
		b.report.add(fmt.Sprintf("doubled ones whose history says interrupted, of %d looked at", found.sampled), float64(found.marked), "").atLeast(float64(found.sampled))
	}
	b.report.add("arrived though never acknowledged", float64(found.unasked), "")
	if found.lost > 0 {
		return fmt.Errorf("%w: %d of %d", errLost, found.lost, r.out.accepted())
	}
	return b.sink.forget(ctx, l.run)
}

// killSeveralTimes kills the server at moments that nobody chose and starts it
// again. It returns when the kills were ([now]) and how long the slowest start
// took until the server was ready.
func (b *bench) killSeveralTimes(ctx context.Context, s *server) (kills []int64, slowest time.Duration, err error) {
	for range b.o.Kills {
		load := 700*time.Millisecond + rand.N(800*time.Millisecond)
		if err := pauseFor(ctx, load); err != nil {
			return nil, 0, err
		}
		s.kill()
		kills = append(kills, now())
		start := time.Now()
		if err := s.start(ctx); err != nil {
			return nil, 0, err
		}
		slowest = max(slowest, time.Since(start))
	}
	return kills, slowest, pauseFor(ctx, 500*time.Millisecond)
}

// aftermath is what the crash scenario counts, in events.
type aftermath struct {
	lost     int
	doubled  int
	unasked  int           // arrived, but the answer to the publisher was cut off
	inFlight int           // upper bound over all kills
	oldest   time.Duration // longest from the first arrival of a doubled event to the kill after it
	sampled  int           // doubled events whose history was looked at
	marked   int           // those among them with an attempt marked interrupted
}

// whatArrived waits until nothing more comes and counts.
func (b *bench) whatArrived(ctx context.Context, s *server, run int, out *loaded, kills []int64) (found aftermath, err error) {
	var arrivals []arrival
	err = waitFor(ctx, 500*time.Millisecond, patience, func() (int64, bool, error) {
		if arrivals, err = b.sink.arrivals(ctx, run); err != nil {
			return 0, false, err
		}
		missing := 0
		for n, a := range arrivals {
			if out.acks[n] != 0 && a.arrived == 0 {
				missing++
			}
		}
		found.lost = missing
		return int64(missing), missing == 0, nil
	})
	if err != nil && !errors.Is(err, errStalled) {
		return found, err
	}
	if err := s.settle(ctx, ""); err != nil && found.lost == 0 {
		return found, err
	}
	// What comes twice may come after the last that was waited for.
	if arrivals, err = b.sink.arrivals(ctx, run); err != nil {
		return found, err
	}
	st, err := b.sink.stats(ctx, run)
	if err != nil {
		return found, err
	}

	firstArrivals := make([]int64, 0, len(arrivals))
	for n, a := range arrivals {
		if a.arrived != 0 {
			firstArrivals = append(firstArrivals, a.arrived)
			if out.acks[n] == 0 {
				found.unasked++
			}
		}
	}
	slices.Sort(firstArrivals)
	for _, kill := range kills {
		from, _ := slices.BinarySearch(firstArrivals, kill-int64(unrecordedWindow))
		to, _ := slices.BinarySearch(firstArrivals, kill)
		found.inFlight += endpointConcurrency + to - from
	}
	seen := map[int]bool{}
	var ids []string
	for _, d := range st.Doubles {
		if seen[d.Slot] {
			continue
		}
		seen[d.Slot] = true
		ids = append(ids, d.ID)
		first := arrivals[d.Slot].arrived
		// The sink may read a little after the kill what was sent before it.
		if i, _ := slices.BinarySearch(kills, first-int64(unrecordedWindow)); i < len(kills) {
			found.oldest = max(found.oldest, time.Duration(kills[i]-first))
		}
	}
	found.doubled = len(ids)
	found.sampled, found.marked, err = b.lookAtDoubles(ctx, s, ids)
	return found, err
}

// lookAtDoubles asks the API about some events that arrived twice: an honest
// history has an attempt marked interrupted.
func (b *bench) lookAtDoubles(ctx context.Context, s *server, ids []string) (sampled, marked int, err error) {
	const enough = 20
	for _, id := range ids[:min(len(ids), enough)] {
		p, err := s.deliveries(ctx, url.Values{"event": {id}})
		if err != nil {
			return 0, 0, err
		}
		sampled++
		for _, item := range p.Items {
			d, err := s.delivery(ctx, item.ID)
			if err != nil {
				return 0, 0, err
			}
			for _, a := range d.Attempts {
				if a.Interrupted {
					marked++
					break
				}
			}
		}
	}
	return sampled, marked, nil
}
