package store

import (
	"testing"
	"time"

	"gancho/internal/hook"
	"gancho/internal/pgtest"
)

// BenchmarkBulk runs bulk actions over the history of [BenchmarkLists], one step after the other without the pauses that a
// server makes. rows/s are the deliveries looked at in a second, changed/s those cancelled or queued; ms/worst is the slowest
// step.
func BenchmarkBulk(b *testing.B) {
	rows := benchRows(b)
	b.Run("sqlite", func(b *testing.B) { benchmarkBulk(b, rows, Options{Path: b.TempDir() + "/bench.db"}) })
	b.Run("postgres", func(b *testing.B) { benchmarkBulk(b, rows, Options{URL: pgtest.Start(b).Database(b, Migrate)}) })
}

func benchmarkBulk(b *testing.B, rows int, o Options) {
	db := openBench(b, o)
	_, _, held := fillHistory(b, db, rows)
	for _, c := range []struct {
		name string
		kind hook.BulkKind
		f    hook.DeliveryFilter
	}{
		{"retry the failed", hook.BulkRetry, hook.DeliveryFilter{States: []hook.State{hook.Failed}}},
		{"retry the failed of a rare type", hook.BulkRetry, hook.DeliveryFilter{States: []hook.State{hook.Failed}, Types: []string{"rare"}}},
		{"cancel what waits for an endpoint", hook.BulkCancel, hook.DeliveryFilter{Endpoints: []hook.EndpointID{held}}},
		{"cancel what waits", hook.BulkCancel, hook.DeliveryFilter{}},
		{"retry everything", hook.BulkRetry, hook.DeliveryFilter{States: []hook.State{hook.Delivered}}},
	} {
		b.Run(c.name, func(b *testing.B) {
			var worst time.Duration
			var examined, changed int64
			for b.Loop() {
				a := hook.Bulk{
					ID: hook.BulkID(hook.NewID()), Tenant: "acme", Kind: c.kind, State: hook.BulkRunning, Filter: c.f, CreatedAt: time.Now(),
				}
				if err := db.CreateBulk(b.Context(), &a); err != nil {
					b.Fatal(err)
				}
				for until := time.Now().Add(time.Minute); a.State == hook.BulkRunning && time.Now().Before(until); {
					began := time.Now()
					if _, err := db.AdvanceBulk(b.Context(), &a, func(hook.EndpointID) bool { return false }); err != nil {
						b.Fatal(err)
					}
					worst = max(worst, time.Since(began))
				}
				if _, err := db.StopBulk(b.Context(), "acme", a.ID); err != nil {
					b.Fatal(err)
				}
				examined, changed = examined+a.Examined, changed+a.Changed
			}
			b.ReportMetric(float64(examined)/b.Elapsed().Seconds(), "rows/s")
			b.ReportMetric(float64(changed)/b.Elapsed().Seconds(), "changed/s")
			b.ReportMetric(float64(examined)/float64(b.N), "rows")
			b.ReportMetric(float64(changed)/float64(b.N), "changed")
			b.ReportMetric(float64(worst.Microseconds())/1000, "ms/worst")
		})
	}
}
