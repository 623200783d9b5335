package store

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"gancho/internal/hook"
	"gancho/internal/pgtest"
)

// BenchmarkDeliver measures what a delivery costs the store under load: accepting it and
// storing its result. ns/op is per event.
func BenchmarkDeliver(b *testing.B) {
	b.Run("sqlite", func(b *testing.B) {
		benchmarkDeliver(b, func(b *testing.B) Options { return Options{Path: filepath.Join(b.TempDir(), "g.db")} })
	})
	b.Run("postgres", func(b *testing.B) { // which syncs here
		server := pgtest.Start(b)
		benchmarkDeliver(b, func(b *testing.B) Options { return Options{URL: server.Database(b, Migrate)} })
	})
}

func benchmarkDeliver(b *testing.B, options func(*testing.B) Options) {
	for _, callers := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			o := options(b)
			o.Key = make([]byte, 32)
			db, err := Open(b.Context(), o)
			if err != nil {
				b.Fatal(err)
			}
			ctx, stop := context.WithCancel(context.Background())
			done := make(chan error, 1)
			go func() { done <- db.Run(ctx) }()
			if _, _, err := db.PutTenant(ctx, "acme", hook.TenantChange{}); err != nil {
				b.Fatal(err)
			}
			payload := fmt.Sprintf(`{"p":"%0400d"}`, 1)
			ep := hook.NewEndpointID()
			var wg, recorded sync.WaitGroup
			b.ResetTimer()
			for c := range callers {
				wg.Go(func() {
					for i := c; i < b.N; i += callers {
						a := accepted("acme", "", payload, ep)
						if _, err := db.Submit(hook.Submission{Tenant: "acme", Items: []*hook.Accepted{a}}, time.Hour); err != nil {
							b.Error(err)
							return
						}
						d := a.Deliveries[0]
						d.State, d.Attempts, d.Slot, d.FinishedAt = hook.Delivered, 1, 1, time.Now()
						recorded.Add(1)
						db.SaveResult(hook.Result{Delivery: d, Attempt: &hook.Attempt{
							Delivery: d.ID, Number: 1, StartedAt: time.Now(),
							Request: hook.Request{Method: "POST", URL: "http://127.0.0.1:1234/hooks", Headers: []hook.Header{
								{Name: "Host", Value: "127.0.0.1:1234"},
								{Name: "Content-Length", Value: "400"},
								{Name: "Content-Type", Value: "application/json"},
								{Name: "User-Agent", Value: "Gancho"},
								{Name: "webhook-id", Value: a.Event.ID.String()},
								{Name: "webhook-timestamp", Value: "1700000000"},
								{Name: "webhook-signature", Value: "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4="},
							}},
							Response: &hook.Response{Status: 200, Headers: []hook.Header{{Name: "Date", Value: "Sat, 21 Nov 2026 19:00:00 GMT"}, {Name: "Content-Length", Value: "0"}}},
						}}, func(error) { recorded.Done() })
					}
				})
			}
			wg.Wait()
			recorded.Wait()
			b.StopTimer()
			stop()
			if err := errors.Join(<-done, db.Close()); err != nil {
				b.Error(err)
			}
		})
	}
}
