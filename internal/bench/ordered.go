package bench

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// ordered sends events to endpoints that keep their order: one of them alone, then one event to
// many. Each sends one request at a time, and the next only when the result of the last is durable.
func (b *bench) ordered(ctx context.Context) error {
	for _, endpoints := range slices.Compact([]int{1, b.o.Fanout}) {
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
	return b.orderedBacklog(ctx, s, endpoints)
}

// orderedBacklog lets events wait for the paused endpoints and then resumes these, so that the
// server does nothing but deliver them. What one endpoint can reach at best is a request and a
// commit, one after the other ([bench.turns]), measured before and after.
func (b *bench) orderedBacklog(ctx context.Context, s *server, endpoints int) error {
	for _, id := range s.made {
		if err := s.pause(ctx, id); err != nil {
			return err
		}
	}
	l := b.load(s, "bench.all")
	l.run, l.batch = b.newRun(), max(b.o.Batch, 1)
	l.events = max(b.o.Events/max(endpoints, 8), 1)
	deliveries := l.events * endpoints
	if err := b.sink.begin(ctx, l.run, runSize{Events: l.events, Width: endpoints}); err != nil {
		return err
	}
	if _, err := l.do(ctx); err != nil {
		return err
	}
	before, err := b.turns(ctx)
	if err != nil {
		return err
	}
	commits, err := s.commits(ctx)
	if err != nil {
		return err
	}
	began := now()
	for _, id := range s.made {
		if err := s.call(ctx, http.MethodPost, "/v1/tenants/"+s.tenant+"/endpoints/"+id+"/resume", nil, nil); err != nil {
			return err
		}
	}
	if err := b.sink.wait(ctx, l.run, deliveries); err != nil {
		return err
	}
	st, err := b.sink.stats(ctx, l.run)
	if err != nil {
		return err
	}
	if err := s.settle(ctx, ""); err != nil {
		return err
	}
	made, err := s.commits(ctx)
	if err != nil {
		return err
	}
	after, err := b.turns(ctx)
	if err != nil {
		return err
	}
	if endpoints == 1 {
		b.report.add("a POST to the sink and a commit, one after the other", (before+after)/2, "/s")
	}
	perSecond := float64(deliveries) / time.Duration(max(st.Last-began, 1)).Seconds()
	b.report.add(fmt.Sprintf("backlog delivered in order, endpoints: %d", endpoints), perSecond, "/s").
		to((before+after)/2, "one after the other")
	b.report.add("commits per delivery", (made-commits)/float64(deliveries), "commits")
	return b.sink.forget(ctx, l.run)
}

// turns is how often per second this process can post to the sink and then commit, one after the
// other, each time waiting for the end: what no server that sends in order can do faster. The
// commit is that of a database that does nothing else.
func (b *bench) turns(ctx context.Context) (perSecond float64, err error) {
	commit, closing, err := b.plainCommit(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, closing()) }()
	l := load{run: b.newRun(), types: []string{""}, payload: b.o.Payload, events: 1, batch: 1}
	if err := b.sink.begin(ctx, l.run, runSize{Events: l.events, Width: 1}); err != nil {
		return 0, err
	}
	transport := newTransport(1)
	defer transport.CloseIdleConnections()
	p, err := newPoster(ctx, transport, b.sink.endpoint(0), "")
	if err != nil {
		return 0, err
	}
	m := l.message(0, 1)
	const long = time.Second
	n, began := 0, time.Now()
	for ; time.Since(began) < long; n++ {
		m.stamp(0, now())
		switch status, _, err := p.post(m.body); {
		case err != nil:
			return 0, err
		case status != http.StatusOK:
			return 0, p.unexpected(status)
		}
		if err := commit(ctx); err != nil {
			return 0, err
		}
	}
	return float64(n) / time.Since(began).Seconds(), b.sink.forget(ctx, l.run)
}

// plainCommit returns a function that commits a little and returns when that is durable. Without
// --database it overwrites as many bytes of a file as a result takes in SQLite's log, and syncs
// them.
func (b *bench) plainCommit(ctx context.Context) (commit func(context.Context) error, closing func() error, err error) {
	if b.o.Database != "" {
		d, err := b.openDatabase(ctx)
		if err != nil {
			return nil, nil, err
		}
		return func(ctx context.Context) error { // it writes to the log only, and needs no table
			_, err := d.conn.Exec(ctx, `SELECT pg_logical_emit_message(true, 'gancho bench', repeat('x', 400))`)
			return err
		}, func() error { d.close(); return nil }, nil
	}
	const pages, size = 4, 8 << 20 // of 4 KiB: delivery, queue, attempt; some also change a page above them
	f, err := os.Create(filepath.Join(b.dir, "commits"))
	if err != nil {
		return nil, nil, err
	}
	closing = func() error { return errors.Join(f.Close(), os.Remove(f.Name())) }
	block := make([]byte, pages*4096)
	for range size / len(block) {
		if _, err := f.Write(block); err != nil {
			return nil, nil, errors.Join(err, closing())
		}
	}
	at := int64(0)
	return func(context.Context) error {
		_, err := f.WriteAt(block, at)
		at = (at + int64(len(block))) % size
		return errors.Join(err, f.Sync())
	}, closing, f.Sync()
}
