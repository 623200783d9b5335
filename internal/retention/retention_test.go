package retention

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"gancho/internal/hook"
	"gancho/internal/store"
	"gancho/internal/storetest"
)

// A customer who deletes a tenant and creates it anew must not wait for the next
// round: the change itself wakes the cleaner.
func TestDeletedTenant(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		c := New(db, 24*time.Hour, slog.New(slog.NewTextHandler(t.Output(), nil)))
		db.Watch(c.Changed)
		done := make(chan error, 1)
		go func() { done <- c.Run(ctx) }()

		if _, _, err := db.PutTenant(ctx, "acme", hook.TenantChange{}); err != nil {
			t.Fatal(err)
		}
		if err := db.DeleteTenant(ctx, "acme"); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(time.Minute); ; {
			_, _, err := db.PutTenant(ctx, "acme", hook.TenantChange{})
			if err == nil {
				break
			}
			if !hook.IsKind(err, hook.KindConflict) || time.Now().After(deadline) {
				t.Fatalf("the tenant cannot be created again: %v", err)
			}
			time.Sleep(10 * time.Millisecond) //policy:allow time.Sleep: a poll with a deadline
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// What concerns an endpoint alone is no reason to look for deleted tenants.
func TestChangedOfEndpoint(t *testing.T) {
	t.Parallel()
	c := New(nil, 0, slog.New(slog.DiscardHandler))
	c.Changed(hook.Change{Tenant: "acme", Endpoint: hook.EndpointID(hook.IDAt(time.Now()))})
	c.Changed(hook.Change{Contract: "standard"})
	if len(c.tenantChanged) != 0 {
		t.Error("a change of an endpoint or a contract woke the cleaner")
	}
	c.Changed(hook.Change{Tenant: "acme"})
	c.Changed(hook.Change{Tenant: "other"}) // must not block
	if len(c.tenantChanged) != 1 {
		t.Error("a change of a tenant did not wake the cleaner")
	}
}
