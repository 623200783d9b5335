package app

import (
	"context"
	"time"
)

// keepHouse removes what is past its time, a little at once so that nobody
// waits for it: finished deliveries and their events after the retention time,
// expired idempotency keys, and what belonged to deleted tenants.
func (s *server) keepHouse(ctx context.Context) error {
	const (
		chunk = 500 // rows in one transaction
		rest  = 20 * time.Millisecond
		every = time.Minute
	)
	timer := time.NewTimer(rest)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		expired, err := s.db.Expire(ctx, time.Now().Add(-s.cfg.Retention), chunk)
		var more bool
		if err == nil {
			more, err = s.db.Purge(ctx)
		}
		if err != nil && ctx.Err() == nil {
			s.log.Error("clean-up failed, will try again", "error", err)
			more, expired = false, 0
		}
		if more || expired > 0 {
			timer.Reset(rest)
		} else {
			timer.Reset(every)
		}
	}
}
