package bench

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Targets of what nodes do for each other.
const (
	takeOver      = 15.0   // s
	pausedAfter   = 1000.0 // ms
	failoverNodes = 2
)

// failover measures how soon another node takes over from a killed one, and how soon
// a pause that one node accepted takes effect on the other.
func (b *bench) failover(ctx context.Context) error {
	db, err := b.openDatabase(ctx)
	if err != nil {
		return err
	}
	defer db.close()
	c, err := b.startCluster(ctx, db, "failover", failoverNodes, nodeEndpoints)
	if err != nil {
		return err
	}
	defer c.stop()
	if err := b.pauseElsewhere(ctx, c); err != nil {
		return err
	}
	return b.killOne(ctx, c)
}

// runningLoad is a load at the benchmark's rate that is under way.
type runningLoad struct {
	load
	ended chan error
	out   *loaded
}

func (b *bench) beginLoad(ctx context.Context, c *cluster, types ...string) (*runningLoad, error) {
	l := &runningLoad{load: b.loadCluster(c), ended: make(chan error, 1)}
	l.types = types
	l.rate, l.tolerant = b.o.Rate, true
	l.events = max(int(b.o.Rate*b.o.Duration.Seconds()), 1)
	if err := b.sink.begin(ctx, l.run, runSize{Events: l.events, Width: 1}); err != nil {
		return nil, err
	}
	go func() {
		out, err := l.do(ctx)
		l.out = out
		l.ended <- err
	}()
	return l, nil
}

// arrive waits until everything that was accepted has arrived.
func (b *bench) arrive(ctx context.Context, l *runningLoad) (arrivals []arrival, err error) {
	missing := 0
	err = waitFor(ctx, 200*time.Millisecond, patience, func() (int64, bool, error) {
		if arrivals, err = b.sink.arrivals(ctx, l.run); err != nil {
			return 0, false, err
		}
		missing = 0
		for n, a := range arrivals {
			if l.out.acks[n] != 0 && a.arrived == 0 {
				missing++
			}
		}
		return int64(missing), missing == 0, nil
	})
	if errors.Is(err, errStalled) {
		err = fmt.Errorf("%w: %d of %d", errLost, missing, l.out.accepted())
	}
	return arrivals, err
}

// pauseElsewhere pauses an endpoint through each node in turn while both nodes accept
// events for it, and measures when the last one arrives.
func (b *bench) pauseElsewhere(ctx context.Context, c *cluster) error {
	var longest time.Duration
	for _, s := range c.nodes {
		l, err := b.beginLoad(ctx, c, c.types[0])
		if err != nil {
			return err
		}
		if err := pauseFor(ctx, b.o.Duration/4); err != nil {
			return err
		}
		if err := s.pause(ctx, c.ids[0]); err != nil {
			return err
		}
		paused := now()
		if err := <-l.ended; err != nil {
			return err
		}
		st, err := b.sink.stats(ctx, l.run)
		if err != nil {
			return err
		}
		longest = max(longest, time.Duration(st.Last-paused))
		if err := s.call(ctx, http.MethodPost, "/v1/tenants/"+s.tenant+"/endpoints/"+c.ids[0]+"/resume", nil, nil); err != nil {
			return err
		}
		if _, err := b.arrive(ctx, l); err != nil {
			return err
		}
		if err := b.sink.forget(ctx, l.run); err != nil {
			return err
		}
	}
	b.report.add("last arrival after a pause was answered by any node", milliseconds(longest), "ms").atMost(pausedAfter)
	return nil
}

// killOne kills a node under load. The longest time from publish to arrival is the time
// that the other node needed to take over.
func (b *bench) killOne(ctx context.Context, c *cluster) error {
	l, err := b.beginLoad(ctx, c, c.types...)
	if err != nil {
		return err
	}
	if err := pauseFor(ctx, b.o.Duration/2); err != nil {
		return err
	}
	c.nodes[1].kill()
	if err := <-l.ended; err != nil {
		return err
	}
	arrivals, err := b.arrive(ctx, l)
	if err != nil {
		return err
	}
	travel := travelTimes(arrivals)
	st, err := b.sink.stats(ctx, l.run)
	if err != nil {
		return err
	}
	b.report.add("events acknowledged while a node was killed", float64(l.out.accepted()), "")
	b.report.add("longest publish to arrival: the take-over", travel.quantile(1).Seconds(), "s").atMost(takeOver)
	b.report.add("arrived twice", float64(len(st.Doubles)), "").atMost(nodeEndpoints * endpointConcurrency)
	return b.sink.forget(ctx, l.run)
}
