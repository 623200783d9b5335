package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// Targets of the schedule scenario.
const (
	scheduleTime   = 5.0   // s, one run over all records
	scheduleMemory = 300.0 // MB
)

// scheduleShare is how many of the records a snapshot holds: one of so many.
const scheduleShare = 5

// scheduleContract makes a snapshot of those records that are ready.
const scheduleContract = `contract: bench-snapshot
title: {en: Benchmark}
records:
  metric: {title: {en: Metric}, key: id}
events:
  metrics:
    title: {en: All that are ready}
    every: 1h
    select: metric
    where: record.status == "ready"
    item: {id: "${record.id}", rating: "${record.rating}", last_seen: "${record.last_seen}", views: "${record.views}"}
    payload: {model: metric, body: "${items}"}
`

// scheduled is what the benchmark reads of a run.
type scheduled struct {
	State    string  `json:"state"`
	Detail   string  `json:"detail"`
	Records  int     `json:"records"`
	Examined int     `json:"examined"`
	Bytes    float64 `json:"bytes"`
	Took     float64 `json:"took_ms"`
}

// schedule makes snapshots of many records, alone and beside other deliveries.
func (b *bench) schedule(ctx context.Context) error {
	s, err := b.startServer(ctx, "schedule")
	if err != nil {
		return err
	}
	defer s.stop()
	if err := s.call(ctx, http.MethodPost, "/v1/contracts", map[string]string{"source": scheduleContract}, nil); err != nil {
		return err
	}
	snapshots := map[string]any{"name": "snapshots", "url": b.sink.endpoint(0), "contract": "bench-snapshot"}
	if err := s.call(ctx, http.MethodPost, "/v1/tenants/"+s.tenant+"/endpoints", snapshots, nil); err != nil {
		return err
	}
	if _, err := s.addEndpoint(ctx, "others", b.sink.endpoint(1), "bench.one"); err != nil {
		return err
	}
	start := now()
	if err := s.putMetrics(ctx, b.o.Snapshot); err != nil {
		return err
	}
	b.report.add("records written, 1,000 per request", float64(b.o.Snapshot)/time.Duration(max(now()-start, 1)).Seconds(), "/s")

	var alone scheduled
	if alone, err = s.snapshot(ctx, b.o.Snapshot); err != nil {
		return err
	}
	what := fmt.Sprintf("run over %s records, %s of them in the event", thousands(int64(alone.Examined)), thousands(int64(alone.Records)))
	b.report.add(what, alone.Took/1000, "s").under(scheduleTime)
	b.report.add("payload of the event", alone.Bytes/1e6, "MB")

	var baseline, beside, dropped samples
	to := spread{types: []string{"bench.one"}}
	turn := func(d time.Duration, into *samples) error {
		r, err := b.atRate(ctx, s, d, to)
		if err == nil {
			*into = append(*into, r.travel...)
		}
		return err
	}
	if err := turn(time.Second, &dropped); err != nil { // warm-up
		return err
	}
	for range hangRounds { // in turns, so that noise of the machine reaches both
		if err := turn(b.o.Duration/hangRounds, &baseline); err != nil {
			return err
		}
		ran := make(chan error, 1)
		go func() {
			_, err := s.snapshot(ctx, b.o.Snapshot)
			ran <- err
		}()
		err := turn(b.o.Duration/hangRounds, &beside)
		if err = errors.Join(err, <-ran); err != nil {
			return err
		}
	}
	slices.Sort(baseline)
	slices.Sort(beside)
	b.compareTimes(fmt.Sprintf("publish to arrival at %s/s", number(b.o.Rate)), "nothing else", baseline,
		"a run beside it", beside)
	peak, err := s.peak()
	if err != nil {
		return err
	}
	b.report.add("peak memory of the server", peak, "MB").atMost(scheduleMemory)
	return nil
}

// putMetrics writes so many records, one in scheduleShare of them ready.
func (s *server) putMetrics(ctx context.Context, n int) error {
	const batch = 1000
	type change struct {
		Contract string          `json:"contract"`
		Kind     string          `json:"kind"`
		Document json.RawMessage `json:"document"`
	}
	for from := 0; from < n; from += batch {
		var items []change
		for i := from; i < min(from+batch, n); i++ {
			status := "draft"
			if i%scheduleShare == 0 {
				status = "ready"
			}
			items = append(items, change{"bench-snapshot", "metric", fmt.Appendf(nil,
				`{"id":"m%08d","status":%q,"rating":0.%012d,"last_seen":"2026-11-21T18:00:00.000Z","views":%d,"owner":"somebody@example.com","note":"Something that the snapshot leaves out."}`,
				i, status, i*7919, i%1000)})
		}
		if err := s.call(ctx, http.MethodPost, "/v1/tenants/"+s.tenant+"/records", items, nil); err != nil {
			return err
		}
	}
	return nil
}

// snapshot runs the schedule, and fails if it did not see every record.
func (s *server) snapshot(ctx context.Context, records int) (r scheduled, err error) {
	if err = s.call(ctx, http.MethodPost, "/v1/tenants/"+s.tenant+"/schedules/bench-snapshot/metrics/run", nil, &r); err != nil {
		return r, err
	}
	if want := (records + scheduleShare - 1) / scheduleShare; r.State != "sent" || r.Examined != records || r.Records != want {
		return r, fmt.Errorf("a run is %s with %d of %d records, where %d of %d should be in it %s", r.State, r.Records, r.Examined, want, records, r.Detail)
	}
	return r, nil
}
