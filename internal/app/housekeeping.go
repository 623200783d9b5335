package app

import (
	"context"
	"log/slog"
	"time"

	"gancho/internal/hook"
	"gancho/internal/store"
)

// house removes what is past its time, a little at once so that nobody waits for
// it: finished deliveries and their events after the retention time, expired
// idempotency keys, and what belonged to deleted tenants.
type house struct {
	db        *store.DB
	retention time.Duration
	log       *slog.Logger
	wake      chan struct{} // a tenant was changed, perhaps deleted
}

func newHouse(db *store.DB, retention time.Duration, log *slog.Logger) *house {
	return &house{db: db, retention: retention, log: log, wake: make(chan struct{}, 1)}
}

// changed tells that configuration was committed.
func (h *house) changed(c hook.Change) {
	if c.Tenant != "" && c.Endpoint.IsZero() {
		select {
		case h.wake <- struct{}{}:
		default:
		}
	}
}

const (
	expireChunk = 500 // rows in one transaction
	houseRest   = 20 * time.Millisecond
	houseEvery  = 5 * time.Minute
)

// run keeps house until ctx ends.
func (h *house) run(ctx context.Context) error {
	tick := time.NewTicker(houseEvery)
	defer tick.Stop()
	for {
		h.purge(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-h.wake:
		case <-tick.C:
			h.repeat(ctx, func() (bool, error) {
				n, err := h.db.Expire(ctx, time.Now().Add(-h.retention), expireChunk)
				return n > 0, err
			})
		}
	}
}

// purge removes what belonged to deleted tenants; until it is all gone, their ids
// cannot be used again, so somebody may be waiting.
func (h *house) purge(ctx context.Context) {
	h.repeat(ctx, func() (bool, error) { return h.db.Purge(ctx) })
}

// repeat does step with a rest in between, as long as there is more.
func (h *house) repeat(ctx context.Context, step func() (more bool, err error)) {
	for {
		more, err := step()
		if err != nil && ctx.Err() == nil {
			h.log.Error("clean-up failed, will try again", "error", err)
		}
		if !more || err != nil {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(houseRest):
		}
	}
}
