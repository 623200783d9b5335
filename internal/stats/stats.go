// Package stats counts what deliveries come to, per endpoint and minute, so that
// the last hour, day and week can be shown at any size of history.
//
// Counting happens in memory, on the goroutine that delivers, and costs next to
// nothing. Every few seconds what was counted is added to the store. A crash
// loses what was counted since: statistics are for looking, the deliveries
// themselves are the truth. A stop loses nothing.
package stats

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"gancho/internal/hook"
)

// Store keeps what was counted.
type Store interface {
	// AddStats adds tallies to those it has. After an error nothing was added.
	AddStats(ctx context.Context, rows []hook.StatsRow) error
}

const (
	flushEvery = 10 * time.Second
	flushRows  = 200 // in one transaction, which holds up everything else that is to be written
	// What waits while the database cannot be written is bounded; beyond, counts are dropped.
	maxCells = 50_000
	maxRows  = 100_000
)

// cell is what is counted together.
type cell struct {
	tenant   string
	endpoint hook.EndpointID
	minute   int64 // since 1970
}

// Counter counts. Its methods may be called from any goroutine.
type Counter struct {
	store Store
	log   *slog.Logger

	mu    sync.Mutex
	cells map[cell]*hook.Tally

	flushing sync.Mutex
	unstored map[hook.StatsKey]*hook.Tally
}

// New makes a counter. It stores nothing until [Counter.Run] or [Counter.Flush].
func New(store Store, log *slog.Logger) *Counter {
	return &Counter{store: store, log: log, cells: map[cell]*hook.Tally{}, unstored: map[hook.StatsKey]*hook.Tally{}}
}

// Attempted counts an attempt and what it made of its delivery. Tests are not counted.
func (c *Counter) Attempted(d *hook.Delivery, a *hook.Attempt) {
	if d.Test {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.tally(d, a.StartedAt.Add(a.Timing.Total))
	if t == nil {
		return
	}
	t.End(d.State)
	if a.Timing.Total > 0 && a.Class != hook.ClassInterrupted && !hook.NeverSent(a.Class) { // otherwise it says nothing of the receiver
		t.Took(a.Timing.Total)
	}
}

// Cancelled counts a delivery that ended without an attempt.
func (c *Counter) Cancelled(d *hook.Delivery) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t := c.tally(d, d.FinishedAt); t != nil {
		t.End(d.State)
	}
}

// tally is where to count what happened to a delivery at some time; nil if there
// is too much already.
func (c *Counter) tally(d *hook.Delivery, at time.Time) *hook.Tally {
	key := cell{d.Tenant, d.Endpoint, at.Unix() / 60}
	t := c.cells[key]
	if t == nil && len(c.cells) < maxCells {
		t = new(hook.Tally)
		c.cells[key] = t
	}
	return t
}

// Run adds to the store what is counted until ctx ends. What is counted after
// that needs a [Counter.Flush].
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

// Flush adds to the store what was counted so far. What cannot be stored waits
// for the next time.
func (c *Counter) Flush(ctx context.Context) {
	c.flushing.Lock()
	defer c.flushing.Unlock()
	c.mu.Lock()
	cells := c.cells
	c.cells = map[cell]*hook.Tally{}
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
}

// gather adds a cell to each series it belongs to.
func (c *Counter) gather(of cell, t *hook.Tally) {
	start := time.Unix(of.minute*60, 0).UTC()
	for _, span := range []hook.StatsSpan{hook.StatsMinute, hook.StatsHour} {
		key := hook.StatsKey{Tenant: of.tenant, Endpoint: of.endpoint, Span: span, At: start.Truncate(time.Duration(span))}
		c.add(key, t)
		key.Endpoint = hook.EndpointID{}
		c.add(key, t)
		key.Tenant = ""
		c.add(key, t)
	}
}

func (c *Counter) add(key hook.StatsKey, t *hook.Tally) {
	sum := c.unstored[key]
	if sum == nil {
		sum = new(hook.Tally)
		c.unstored[key] = sum
	}
	sum.Add(t)
}

// sorted is what is to be stored, in the order of its keys, so that nodes that
// write at the same time do not wait for each other in a circle.
func (c *Counter) sorted() []hook.StatsRow {
	out := make([]hook.StatsRow, 0, len(c.unstored))
	for key, t := range c.unstored {
		out = append(out, hook.StatsRow{StatsKey: key, Tally: *t})
	}
	slices.SortFunc(out, func(a, b hook.StatsRow) int {
		return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), slices.Compare(a.Endpoint[:], b.Endpoint[:]), cmp.Compare(a.Span, b.Span), a.At.Compare(b.At))
	})
	return out
}
