package bench

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"time"
)

// Targets as history grows.
const (
	historyRatio = 1.2  // cost per event, at the end to at the start
	listTime     = 50.0 // ms, any page of any list
	historyStart = 10_000
)

// Sizes of the history scenario.
const (
	rareEvents = 100 // of a type and for an endpoint that have no others, all of them old
	deepPages  = 20  // how far to follow a list's cursor
	pageSize   = 100
)

// history lets a server's past grow and measures, at some sizes of it, what an
// event costs and how long pages of lists take.
func (b *bench) history(ctx context.Context) error {
	s, err := b.startServer(ctx, "history")
	if err != nil {
		return err
	}
	defer s.stop()
	common, err := s.addEndpoint(ctx, "common", b.sink.endpoint(0), "bench.one")
	if err != nil {
		return err
	}
	rare, err := s.addEndpoint(ctx, "rare", b.sink.endpoint(0), "bench.rare")
	if err != nil {
		return err
	}
	old := b.load(s, "bench.rare")
	old.events = rareEvents
	if _, err := b.saturate(ctx, s, old, 1, ""); err != nil {
		return err
	}
	oldest := time.Now().UTC()

	probe := max(b.o.Events/4, 1)
	size := rareEvents
	var first *saturation
	for _, target := range historySizes(b.o.History) {
		if missing := target - size; missing > 0 {
			l := b.load(s, "bench.one")
			l.events, l.batch = missing, 100
			if _, err := b.saturate(ctx, s, l, 1, ""); err != nil {
				return err
			}
			size += missing
		}
		l := b.load(s, "bench.one")
		l.events = probe
		r, err := b.saturate(ctx, s, l, 1, "")
		if err != nil {
			return err
		}
		size += probe
		lists, err := b.listTimes(ctx, s, common, rare, oldest)
		if err != nil {
			return err
		}

		at := ", history of " + number(float64(target))
		cost := b.report.add("CPU of the server per 1000 events"+at, r.cpuPer1000(), "s")
		pace := b.report.add("delivered and recorded"+at, r.recorded, "/s")
		if first == nil {
			first = r
		} else {
			cost.to(first.cpuPer1000(), "start").atMost(historyRatio)
			pace.to(first.recorded, "start").atLeast(1 / historyRatio)
		}
		for _, l := range lists {
			b.report.add(l.name+at, milliseconds(l.worst), "ms").atMost(listTime)
		}
	}
	info, err := diskUse(s.dir)
	if err != nil {
		return err
	}
	b.report.add("size of the data directory per delivery", float64(info)/float64(size), "bytes")
	return nil
}

// historySizes are the sizes to stop at: from 10 thousand ten times as many
// each, and the last.
func historySizes(last int) (sizes []int) {
	for n := historyStart; n < last; n *= 10 {
		sizes = append(sizes, n)
	}
	return append(sizes, last)
}

// listed is how long the slowest page of a kind took.
type listed struct {
	name  string
	worst time.Duration
}

// listTimes asks for pages as a console or a customer's support would, among
// them those that are hard: a filter that nothing matches, or nothing recent.
func (b *bench) listTimes(ctx context.Context, s *server, common, rare string, oldest time.Time) ([]listed, error) {
	lists := []struct {
		of, name string
		query    url.Values
		pages    int
	}{
		{"deliveries", "first page", url.Values{}, 1},
		{"deliveries", "page after page", url.Values{}, deepPages},
		{"deliveries", "the oldest", url.Values{"until": {oldest.Format(time.RFC3339Nano)}}, 2},
		{"deliveries", "by endpoint", url.Values{"endpoint": {common}}, 2},
		{"deliveries", "by endpoint without news", url.Values{"endpoint": {rare}}, 2},
		{"deliveries", "by type", url.Values{"type": {"bench.one"}}, 2},
		{"deliveries", "by type without news", url.Values{"type": {"bench.rare"}}, 2},
		{"deliveries", "by type that never was", url.Values{"type": {"bench.never"}}, 1},
		{"deliveries", "delivered", url.Values{"state": {"delivered"}}, 2},
		{"deliveries", "failed (none)", url.Values{"state": {"failed"}}, 1},
		{"deliveries", "failed, by endpoint (none)", url.Values{"state": {"failed"}, "endpoint": {common}}, 1},
		{"events", "first page", url.Values{}, 1},
		{"events", "page after page", url.Values{}, deepPages},
		{"events", "by type without news", url.Values{"type": {"bench.rare"}}, 2},
	}
	var out []listed
	for _, l := range lists {
		worst := time.Duration(0)
		for range 3 { // of three, the slowest counts
			took, err := s.pages(ctx, l.of, l.query, l.pages)
			if err != nil {
				return nil, fmt.Errorf("list of %s, %s: %w", l.of, l.name, err)
			}
			worst = max(worst, took)
		}
		out = append(out, listed{l.of + ", " + l.name, worst})
	}
	return out, nil
}

// pages follows a list for n pages, or to its end, and returns the time of the
// slowest page.
func (s *server) pages(ctx context.Context, of string, query url.Values, n int) (worst time.Duration, err error) {
	q := url.Values{"limit": {fmt.Sprint(pageSize)}}
	maps.Copy(q, query)
	for range n {
		start := time.Now()
		p, err := s.list(ctx, of, q)
		if err != nil {
			return 0, err
		}
		worst = max(worst, time.Since(start))
		if p.Cursor == nil || *p.Cursor == "" {
			break
		}
		q.Set("cursor", *p.Cursor)
	}
	return worst, nil
}
