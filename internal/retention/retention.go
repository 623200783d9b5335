// Package retention removes what is past its time: finished deliveries and their
// events after the retention time, expired idempotency keys and portal links, and
// what belonged to deleted tenants. What became free on the disk is given back.
//
// It promises that nobody waits for the removal: it works in small transactions
// with pauses between them. What fails is logged and tried again in the next round.
package retention

import (
	"context"
	"log/slog"
	"time"

	"gancho/internal/hook"
)

// Store is what the cleaner needs of the database.
type Store interface {
	// Expire removes up to limit rows of deliveries that finished before the given
	// time, and expired keys and links. It returns how many rows it removed.
	Expire(ctx context.Context, before time.Time, limit int) (removed int, err error)
	// Purge removes some rows of deleted tenants. It reports whether there are more.
	Purge(ctx context.Context) (more bool, err error)
	// Compact gives some free space back to the file system. It reports whether there is
	// more.
	Compact(ctx context.Context) (more bool, err error)
}

const (
	every = 5 * time.Minute       // between two rounds
	pause = 20 * time.Millisecond // between two transactions of a round
	chunk = 500                   // rows that one transaction removes
)

// Cleaner removes old rows of one database. Make it with [New].
type Cleaner struct {
	store         Store
	keep          time.Duration
	log           *slog.Logger
	tenantChanged chan struct{}
}

// New returns a cleaner that keeps finished deliveries for the time keep.
func New(store Store, keep time.Duration, log *slog.Logger) *Cleaner {
	return &Cleaner{store: store, keep: keep, log: log, tenantChanged: make(chan struct{}, 1)}
}

// Changed wakes the cleaner when a tenant was changed, since it may have been
// deleted. It never blocks.
func (c *Cleaner) Changed(change hook.Change) {
	if change.Tenant == "" || !change.Endpoint.IsZero() {
		return
	}
	select {
	case c.tenantChanged <- struct{}{}:
	default:
	}
}

// Run removes old rows until ctx ends.
func (c *Cleaner) Run(ctx context.Context) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		c.purge(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-c.tenantChanged:
		case <-tick.C:
			c.expire(ctx)
			c.compact(ctx)
		}
	}
}

// expire removes finished deliveries that were kept long enough.
func (c *Cleaner) expire(ctx context.Context) {
	c.repeat(ctx, func() (bool, error) {
		n, err := c.store.Expire(ctx, time.Now().Add(-c.keep), chunk)
		return n > 0, err
	})
}

// purge removes what belonged to deleted tenants. Until all of it is gone, the id of
// the tenant cannot be used again, so it does not wait for the next round.
func (c *Cleaner) purge(ctx context.Context) {
	purged := false
	c.repeat(ctx, func() (more bool, err error) {
		more, err = c.store.Purge(ctx)
		purged = purged || more
		return more, err
	})
	if purged {
		c.compact(ctx)
	}
}

// compact gives the space of what was removed back to the file system.
func (c *Cleaner) compact(ctx context.Context) {
	c.repeat(ctx, func() (bool, error) { return c.store.Compact(ctx) })
}

// repeat calls remove, with pauses, as long as there is more to remove.
func (c *Cleaner) repeat(ctx context.Context, remove func() (more bool, err error)) {
	for {
		more, err := remove()
		if err != nil && ctx.Err() == nil {
			c.log.Error("old data could not be removed, will try again", "error", err)
		}
		if !more || err != nil {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}
