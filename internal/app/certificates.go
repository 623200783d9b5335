package app

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"gancho/internal/contract"
	"gancho/internal/hook"
)

const (
	certificatesEvery = 24 * time.Hour
	mostCertificates  = 100 // that are in the log one by one
)

// certificates warns of certificates of endpoints before they expire.
type certificates struct {
	store interface {
		ContractEndpoints(ctx context.Context, contract string, after hook.EndpointID, n int) ([]*hook.Endpoint, error)
	}
	known *contract.Set
	log   *slog.Logger
	first atomic.Pointer[time.Time] // when the first one expires; nil: none does
}

// soonest is when the first certificate expires that was found the last time; zero if there is none.
func (x *certificates) soonest() time.Time {
	if at := x.first.Load(); at != nil {
		return *at
	}
	return time.Time{}
}

// run looks now and once a day, until ctx ends.
func (x *certificates) run(ctx context.Context) error {
	tick := time.NewTicker(certificatesEvery)
	defer tick.Stop()
	for {
		if err := x.look(ctx, time.Now()); err != nil && ctx.Err() == nil {
			x.log.Warn("certificates of endpoints were not looked at", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// look reads all endpoints that are not disabled, page by page, and writes to the log which of their certificates expire
// within [hook.CertificateWarning].
func (x *certificates) look(ctx context.Context, now time.Time) error {
	const page = 200
	var first *time.Time
	found := 0
	for _, c := range x.known.All() {
		for after := (hook.EndpointID{}); ; {
			endpoints, err := x.store.ContractEndpoints(ctx, c.Name, after, page)
			if err != nil {
				return err
			}
			for _, e := range endpoints {
				after = e.ID
				ends := c.SoonestExpiry(e.Config)
				if ends.IsZero() || e.State == hook.EndpointDisabled {
					continue
				}
				if first == nil || ends.Before(*first) {
					first = &ends
				}
				if ends.After(now.Add(hook.CertificateWarning)) {
					continue
				}
				if found++; found <= mostCertificates {
					x.log.Warn("a certificate of an endpoint expires soon, or has expired: enter a new one",
						"tenant", e.Tenant, "endpoint", e.ID, "expires_at", ends)
				}
			}
			if len(endpoints) < page {
				break
			}
		}
	}
	x.first.Store(first)
	if found > mostCertificates {
		x.log.Warn("more certificates of endpoints expire soon than were listed", "count", found)
	}
	return nil
}
