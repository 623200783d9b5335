package bench

import (
	"context"
	"fmt"
	"net/http"
)

// recordRatio is what changes of records have to reach of published events.
const recordRatio = 0.50

// The contract whose records the benchmark changes. It sends as the default
// contract does, so that only the way in differs. Every change fires.
const (
	recordContract = "bench"
	recordKind     = "thing"
	recordEvent    = "thing.changed"
	recordSource   = `
contract: ` + recordContract + `
title: Benchmark
records:
  ` + recordKind + `:
    title: Thing
    key: id
    schema:
      type: object
      required: [id, n, order]
      properties: {id: {type: integer}, n: {type: integer}, order: {type: object, required: [total], properties: {total: {type: string}}}}
events:
  ` + recordEvent + `: {title: Changed, on: ` + recordKind + `, when: 'changed("t")'}
endpoint: {method: POST, content_type: application/json, sign: standard-webhooks}
delivery: {timeout: 15s, retry: [0s, 5s, 5m]}
`
)

// records changes records, each of which fires an event for one endpoint, beside
// publishing as many events. Both stay what they are without the other: events
// before, then changes, then events again.
func (b *bench) records(ctx context.Context) error {
	s, err := b.startServer(ctx, "records")
	if err != nil {
		return err
	}
	defer s.stop()
	if err := s.call(ctx, http.MethodPost, "/v1/contracts", map[string]string{"source": recordSource}, nil); err != nil {
		return err
	}
	if _, err := s.addEndpointWith(ctx, "events", b.sink.endpoint(0), "bench.one", b.o.Concurrency); err != nil {
		return err
	}
	if _, err := s.addEndpointOf(ctx, recordContract, b.sink.endpoint(0), b.o.Concurrency); err != nil {
		return err
	}
	for _, batch := range []int{1, b.o.Batch} {
		if err := b.changes(ctx, s, batch); err != nil {
			return err
		}
	}
	peak, err := s.peak()
	if err != nil {
		return err
	}
	b.report.add("peak memory of the server", peak, "MB")
	return nil
}

// changes measures so many changes per request beside so many events.
func (b *bench) changes(ctx context.Context, s *server, batch int) error {
	changes, events := b.load(s, ""), b.load(s, "bench.one")
	changes.records, changes.want = min(b.o.Records, b.o.Events), http.StatusOK
	changes.batch, events.batch = batch, batch
	if changes.url = s.recordsURL(); batch == 1 {
		changes.path = "/v1/tenants/" + s.tenant + "/records/" + recordContract + "/" + recordKind + "/"
	}
	measure := func(l load) (*saturation, error) {
		l.run = b.newRun()
		return b.saturate(ctx, s, l, 1, "")
	}
	for _, l := range []load{events, changes} {
		if err := b.warm(ctx, s, l, 1, ""); err != nil {
			return err
		}
	}
	before, err := measure(events)
	if err != nil {
		return err
	}
	var r *saturation
	if err := b.during(ctx, s, fmt.Sprintf("records-%d", batch), func() (err error) { r, err = measure(changes); return err }); err != nil {
		return err
	}
	after, err := measure(events)
	if err != nil {
		return err
	}
	b.say("  events beside it: %s and %s per second", number(before.recorded), number(after.recorded))
	each := fmt.Sprintf(", %d per request", batch)
	published, recorded := (before.published+after.published)/2, (before.recorded+after.recorded)/2
	b.report.add("events published, delivered and recorded"+each, recorded, "/s")
	b.report.add("record changes answered"+each, r.published, "/s").to(published, "published").atLeast(recordRatio)
	b.report.add("record changes delivered and recorded"+each, r.recorded, "/s").to(recorded, "published").atLeast(recordRatio)
	b.report.add("CPU of the server per 1000 changes"+each, r.cpuPer1000(), "s").to((before.cpuPer1000()+after.cpuPer1000())/2, "published")
	if r.pushback > 0 {
		b.report.add("answers 429 or 503 (sent again)"+each, float64(r.pushback), "")
	}
	if r.doubled > 0 {
		b.report.add("deliveries that came twice"+each, float64(r.doubled), "").atMost(0)
	}
	return nil
}
