// Package stats counts attempts and how deliveries end, by endpoint and minute, so that the
// console can show the last hour, day and week without reading the history. It also gathers what errors left out
// ([hook.Omission]), by hour.
//
// A delivery counts once, in the minute in which it ended last: sending it again takes back its earlier end
// (docs/adr/0066). An attempt after which another one follows counts in the minute in which it ended.
//
// It counts in memory, on the goroutine that made the attempt, in about 0.1 µs. Every ten
// seconds the counts are added to rows of the store.
//
// It promises that an orderly stop loses no counts. A crash loses the counts of the last
// seconds, but no deliveries.
package stats

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"gancho/internal/hook"
)

// Store keeps the counts.
type Store interface {
	// AddStats adds rows to those that are stored, in one transaction.
	AddStats(ctx context.Context, rows []hook.StatsRow) error
	// AddOmissions adds rows to those that are stored, in one transaction.
	AddOmissions(ctx context.Context, rows []*hook.Omission) error
}

const (
	flushEvery = 10 * time.Second
	flushRows  = 200 // in one transaction; other writes wait for it
	// These bound the memory while the database cannot be written. Counts beyond them are dropped.
	maxCells = 50_000
	maxRows  = 100_000
	// The same for what errors left out, whose rows have examples. It is counted in the tallies all the same.
	maxOmissions = 5_000
)

// cell names one tally in memory: that of an endpoint in one minute, or of what a tenant has beside its endpoints.
type cell struct {
	tenant   string
	endpoint hook.EndpointID
	minute   int64 // minutes since 1970
}

// Counter counts. Its methods may be called from any goroutine.
type Counter struct {
	store Store
	log   *slog.Logger

	mu    sync.Mutex
	cells map[cell]*hook.Tally // counted since the last flush
	left  omissions            // likewise
	// dropped is how many events are missing in left, because it had too many different omissions.
	dropped int64

	flushing     sync.Mutex // held during a flush
	unstored     map[hook.StatsKey]*hook.Tally
	unstoredLeft omissions
}

// New makes a counter. It stores nothing until [Counter.Run] or [Counter.Flush].
func New(store Store, log *slog.Logger) *Counter {
	return &Counter{
		store: store, log: log, cells: map[cell]*hook.Tally{}, left: omissions{},
		unstored: map[hook.StatsKey]*hook.Tally{}, unstoredLeft: omissions{},
	}
}

// Attempted counts an attempt. If the attempt ended its delivery, it counts that too, at the time that is stored as its end.
// Tests of endpoints are not counted.
func (c *Counter) Attempted(d *hook.Delivery, a *hook.Attempt) {
	if d.Test {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	at := d.FinishedAt
	if at.IsZero() {
		at = a.StartedAt.Add(a.Timing.Total)
	}
	t := c.tally(d.Tenant, d.Endpoint, at)
	if t == nil {
		return
	}
	t.End(d.State)
	sent := a.Class != hook.ClassInterrupted && !hook.NeverSent(a.Class)
	if sent && a.Timing.Total > 0 { // otherwise the time says nothing about the receiver
		t.Took(a.Timing.Total)
	}
}

// Cancelled counts a delivery that ended without an attempt.
func (c *Counter) Cancelled(d *hook.Delivery) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t := c.tally(d.Tenant, d.Endpoint, d.FinishedAt); t != nil {
		t.End(d.State)
	}
}

// Moved counts that a person or a bulk replay moved a delivery to another state: it ended, or it did end and is sent again.
func (c *Counter) Moved(was, now *hook.Delivery) {
	if was.Test {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if was.State.Finished() {
		if t := c.tally(was.Tenant, was.Endpoint, was.FinishedAt); t != nil {
			t.Reopen(was.State)
		}
	}
	if now.State.Finished() {
		if t := c.tally(now.Tenant, now.Endpoint, now.FinishedAt); t != nil {
			t.End(now.State)
		}
	}
}

// Omitted counts what an error left out, at the time of its only example. A delivery that was left out and is not stored
// counts as cancelled, like those that are stored and that Cancelled is called for.
func (c *Counter) Omitted(o *hook.Omission) {
	at := o.Examples[0].At
	row := *o
	row.At, row.First, row.Last = at.UTC().Truncate(time.Hour), at, at
	c.mu.Lock()
	defer c.mu.Unlock()
	if t := c.tally(o.Tenant, o.Endpoint, at); t != nil {
		t.LeftOut += o.Count
		if !o.Endpoint.IsZero() {
			t.Cancelled += o.Unkept
		}
	}
	if !c.left.add(&row) {
		c.dropped += row.Count
	}
}

// omissions are gathered by what they count.
type omissions map[hook.OmissionKey]*hook.Omission

// add adds an omission, which it may keep. It reports false if there are too many different ones already.
func (m omissions) add(o *hook.Omission) bool {
	if sum := m[o.OmissionKey]; sum != nil {
		sum.Add(o)
		return true
	}
	if len(m) >= maxOmissions {
		return false
	}
	m[o.OmissionKey] = o
	return true
}

// sorted returns the rows in the order of their ids. All nodes lock rows in this order, so they cannot deadlock.
func (m omissions) sorted() []*hook.Omission {
	return slices.SortedFunc(maps.Values(m), func(a, b *hook.Omission) int {
		x, y := a.ID(), b.ID()
		return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), slices.Compare(x[:], y[:]))
	})
}

// tally returns the tally of an endpoint for the minute of at, or of the tenant alone if the endpoint is zero. It returns
// nil if memory has too many tallies; then the caller counts nothing. The caller holds c.mu.
func (c *Counter) tally(tenant string, endpoint hook.EndpointID, at time.Time) *hook.Tally {
	key := cell{tenant, endpoint, at.Unix() / 60}
	t := c.cells[key]
	if t == nil && len(c.cells) < maxCells {
		t = new(hook.Tally)
		c.cells[key] = t
	}
	return t
}

// Run stores the counts every ten seconds until ctx ends. Call [Counter.Flush] then to
// store the rest.
func (c *Counter) Run(ctx context.Context) error {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			c.Flush(ctx)
		}
	}
}

// Flush stores what was counted so far. What cannot be stored is tried again by the next
// Flush.
func (c *Counter) Flush(ctx context.Context) {
	c.flushing.Lock()
	defer c.flushing.Unlock()
	c.mu.Lock()
	cells, left := c.cells, c.left
	dropped := c.dropped
	c.cells, c.left, c.dropped = map[cell]*hook.Tally{}, omissions{}, 0
	c.mu.Unlock()
	for cell, t := range cells {
		c.gather(cell, t)
	}
	for chunk := range slices.Chunk(c.sorted(), flushRows) {
		if err := c.store.AddStats(ctx, chunk); err != nil {
			c.log.Warn("statistics not stored, will try again", "error", err)
			break
		}
		for _, row := range chunk {
			delete(c.unstored, row.StatsKey)
		}
	}
	if n := len(c.unstored); n > maxRows {
		clear(c.unstored)
		c.log.Error("statistics dropped: the database could not be written for too long", "rows", n)
	}
	for _, o := range left {
		if !c.unstoredLeft.add(o) {
			dropped += o.Count
		}
	}
	if dropped > 0 {
		c.log.Error("events that errors left out are missing in the list of omissions: too many different ones wait to be stored. "+
			"The statistics count them", "events", dropped)
	}
	for chunk := range slices.Chunk(c.unstoredLeft.sorted(), flushRows) {
		if err := c.store.AddOmissions(ctx, chunk); err != nil {
			c.log.Warn("what errors left out is not stored, will try again", "error", err)
			break
		}
		for _, o := range chunk {
			delete(c.unstoredLeft, o.OmissionKey)
		}
	}
}

// gather adds the tally of a cell to six unstored rows: for its minute and for its hour, each
// for the endpoint, for the tenant, and for all tenants. Without an endpoint there are four.
func (c *Counter) gather(of cell, t *hook.Tally) {
	start := time.Unix(of.minute*60, 0).UTC()
	for _, span := range []hook.StatsSpan{hook.StatsMinute, hook.StatsHour} {
		key := hook.StatsKey{Tenant: of.tenant, Endpoint: of.endpoint, Span: span, At: start.Truncate(time.Duration(span))}
		if !of.endpoint.IsZero() {
			c.add(key, t)
		}
		key.Endpoint = hook.EndpointID{}
		c.add(key, t)
		key.Tenant = ""
		c.add(key, t)
	}
}

// add adds a tally to an unstored row.
func (c *Counter) add(key hook.StatsKey, t *hook.Tally) {
	sum := c.unstored[key]
	if sum == nil {
		sum = new(hook.Tally)
		c.unstored[key] = sum
	}
	sum.Add(t)
}

// sorted returns the unstored rows in the order of their keys. All nodes lock rows in this
// order, so they cannot deadlock.
func (c *Counter) sorted() []hook.StatsRow {
	out := make([]hook.StatsRow, 0, len(c.unstored))
	for key, t := range c.unstored {
		out = append(out, hook.StatsRow{StatsKey: key, Tally: *t})
	}
	slices.SortFunc(out, func(a, b hook.StatsRow) int {
		return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), slices.Compare(a.Endpoint[:], b.Endpoint[:]),
			cmp.Compare(a.Span, b.Span), a.At.Compare(b.At))
	})
	return out
}
