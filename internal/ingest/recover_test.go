package ingest_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"gancho/internal/hook"
	"gancho/internal/ingest"
	"gancho/internal/store"
	"gancho/internal/storetest"
)

// failingBulk is a store in which the steps of one bulk action fail.
type failingBulk struct {
	ingest.Store
	id hook.BulkID
}

func (s failingBulk) AdvanceBulk(
	ctx context.Context, b *hook.Bulk, ordered func(hook.EndpointID) bool,
) (hook.BulkStep, error) {
	if b.ID == s.id {
		return hook.BulkStep{}, errors.New("cannot be read")
	}
	return s.Store.AdvanceBulk(ctx, b, ordered)
}

// A bulk action that fails does not keep those behind it from going on.
func TestBulkActionsFailAlone(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		b := newSetup(t, db)
		b.endpoint("standard", hook.EndpointActive, hook.EndpointConfig{})
		var ids []hook.BulkID
		for range 2 {
			one := &hook.Bulk{
				ID: hook.BulkID(hook.NewID()), Tenant: "acme", Kind: hook.BulkCancel, State: hook.BulkRunning, CreatedAt: time.Now(),
			}
			if err := db.CreateBulk(t.Context(), one); err != nil {
				t.Fatal(err)
			}
			ids = append(ids, one.ID)
		}
		b.Store = failingBulk{b.Store, ids[0]}
		if err := b.BulkSome(t.Context()); err == nil {
			t.Error("the failure is not told")
		}
		if got, err := db.Bulk(t.Context(), "acme", ids[1]); err != nil || got.State != hook.BulkDone {
			t.Errorf("behind one that fails: %+v, %v", got, err)
		}
	})
}
