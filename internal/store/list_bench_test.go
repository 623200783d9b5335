package store

import (
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"gancho/internal/hook"
	"gancho/internal/pgtest"
)

// BenchmarkLists reads lists of a history of 1,000,000 deliveries (or GANCHO_BENCH_ROWS) to
// their end, or 300 pages of 100. ms/page is the mean time of a page, ms/worst the slowest.
// PostgreSQL has no statistics of the tables, as before the first autovacuum.
func BenchmarkLists(b *testing.B) {
	rows := benchRows(b)
	b.Run("sqlite", func(b *testing.B) { benchmarkLists(b, rows, Options{Path: b.TempDir() + "/bench.db"}) })
	b.Run("postgres", func(b *testing.B) { benchmarkLists(b, rows, Options{URL: pgtest.Start(b).Database(b, Migrate)}) })
}

// BenchmarkFillHistory writes such a history into a new SQLite file: into the file that
// GANCHO_HISTORY_FILE names, for example for the browser tests of the console, or else into
// a temporary one.
func BenchmarkFillHistory(b *testing.B) {
	o := Options{Path: b.TempDir() + "/bench.db"}
	if path := os.Getenv("GANCHO_HISTORY_FILE"); path != "" {
		key, err := base64.StdEncoding.DecodeString(os.Getenv("GANCHO_ENCRYPTION_KEY"))
		if err != nil {
			b.Fatal("GANCHO_ENCRYPTION_KEY: ", err)
		}
		o = Options{Path: path, Key: key}
	}
	fillHistory(b, openBench(b, o), benchRows(b))
}

func benchRows(t testing.TB) int {
	text := os.Getenv("GANCHO_BENCH_ROWS")
	if text == "" {
		return 1_000_000
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 100_000 {
		t.Fatalf("GANCHO_BENCH_ROWS is %q; write a number of 100000 or more", text)
	}
	return n
}

func benchmarkLists(b *testing.B, rows int, o Options) {
	db := openBench(b, o)
	busy, quiet, held := fillHistory(b, db, rows)
	oldest := time.Now().Add(-time.Duration(rows-2000) * time.Second)
	for _, c := range []struct {
		name string
		f    hook.DeliveryFilter
	}{
		{"all", hook.DeliveryFilter{}},
		{"the oldest", hook.DeliveryFilter{Until: oldest}},
		{"of an endpoint", hook.DeliveryFilter{Endpoints: []hook.EndpointID{busy}}},
		{"of an endpoint without news", hook.DeliveryFilter{Endpoints: []hook.EndpointID{quiet}}},
		{"type", hook.DeliveryFilter{Types: []string{"t1"}}},
		{"rare type", hook.DeliveryFilter{Types: []string{"rare"}}},
		{"type that never was", hook.DeliveryFilter{Types: []string{"none"}}},
		{"rare type of an endpoint", hook.DeliveryFilter{Types: []string{"rare"}, Endpoints: []hook.EndpointID{busy}}},
		{"type that never was, of an endpoint", hook.DeliveryFilter{Types: []string{"none"}, Endpoints: []hook.EndpointID{busy}}},
		{"delivered", hook.DeliveryFilter{States: []hook.State{hook.Delivered}}},
		{"failed", hook.DeliveryFilter{States: []hook.State{hook.Failed}}},
		{"failed, rare type", hook.DeliveryFilter{States: []hook.State{hook.Failed}, Types: []string{"rare"}}},
		{"failed, of an endpoint without any", hook.DeliveryFilter{States: []hook.State{hook.Failed}, Endpoints: []hook.EndpointID{quiet}}},
		{"cancelled, rare type, of an endpoint", hook.DeliveryFilter{States: []hook.State{hook.Cancelled}, Types: []string{"rare"}, Endpoints: []hook.EndpointID{busy}}},
		{"unknown (three)", hook.DeliveryFilter{States: []hook.State{hook.Unknown}}},
		{"pending (many)", hook.DeliveryFilter{States: []hook.State{hook.Pending}}},
		{"pending (many), rare type", hook.DeliveryFilter{States: []hook.State{hook.Pending}, Types: []string{"rare"}}},
		{"pending (many), of an endpoint", hook.DeliveryFilter{States: []hook.State{hook.Pending}, Endpoints: []hook.EndpointID{held}}},
		{"retrying (few)", hook.DeliveryFilter{States: []hook.State{hook.Retrying}, Endpoints: []hook.EndpointID{busy}}},
		{"sending (none)", hook.DeliveryFilter{States: []hook.State{hook.Sending}}},
		{"delivered, type that never was, an hour", hook.DeliveryFilter{States: []hook.State{hook.Delivered}, Types: []string{"none"}, Since: time.Now().Add(-time.Hour)}},
	} {
		b.Run(c.name, func(b *testing.B) {
			followList(b, func(p hook.Page) (int, hook.ID, error) {
				list, next, err := db.Deliveries(b.Context(), "acme", c.f, p)
				return len(list), next, err
			})
		})
	}
	for _, typ := range []string{"", "rare", "none"} {
		b.Run(strings.TrimSpace("events "+typ), func(b *testing.B) {
			followList(b, func(p hook.Page) (int, hook.ID, error) {
				list, next, err := db.Events(b.Context(), "acme", hook.EventFilter{Type: typ}, p)
				return len(list), next, err
			})
		})
	}
}

// followList reads page after page and reports the mean and the slowest.
func followList(b *testing.B, read func(hook.Page) (int, hook.ID, error)) {
	const most = 300
	var worst time.Duration
	var pages, items int
	for b.Loop() {
		p := hook.Page{Limit: 100}
		pages, items = 0, 0
		for {
			began := time.Now()
			n, next, err := read(p)
			if err != nil {
				b.Fatal(err)
			}
			worst = max(worst, time.Since(began))
			pages, items = pages+1, items+n
			if p.Before = next; next.IsZero() || pages == most {
				break
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/1000/float64(b.N*pages), "ms/page")
	b.ReportMetric(float64(worst.Microseconds())/1000, "ms/worst")
	b.ReportMetric(float64(pages), "pages")
	b.ReportMetric(float64(items), "items")
}

// fillHistory stores events and deliveries of a tenant, one per second until now. Most are
// delivered, to the endpoint busy. One in 1000 failed; of the oldest 20,000 every second was
// cancelled; the newest 20,000 wait for the endpoint held; some have a rare type.
func fillHistory(b testing.TB, db *DB, rows int) (busy, quiet, held hook.EndpointID) {
	ctx := b.Context()
	if _, _, err := db.PutTenant(ctx, "acme", hook.TenantChange{}); err != nil {
		b.Fatal(err)
	}
	for name, id := range map[string]*hook.EndpointID{"busy": &busy, "quiet": &quiet, "held": &held} {
		e := &hook.Endpoint{ID: hook.NewEndpointID(), Tenant: "acme", Name: name, Contract: "standard", State: hook.EndpointPaused, Config: hook.EndpointConfig{URL: "http://x"}}
		if err := db.CreateEndpoint(ctx, e); err != nil {
			b.Fatal(err)
		}
		*id = e.ID
	}
	series := fmt.Sprintf(`(WITH RECURSIVE s (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM s WHERE i < %d) SELECT i FROM s) AS s`, rows-1)
	id := `unhex(printf('%%012x70000000%%08x%04x', %d + i * 1000, i))`
	no, payload := `0`, `x'7b7d'`
	if db.Cluster() != nil {
		no, payload = `false`, `'{}'::bytea`
		series = fmt.Sprintf(`generate_series(0, %d) AS s (i)`, rows-1)
		id = `decode(lpad(to_hex(%[2]d + i::bigint * 1000), 12, '0') || '70000000' || lpad(to_hex(i), 8, '0') || '%04[1]x', 'hex')`
	}
	first := time.Now().Add(-time.Duration(rows) * time.Second).UnixMilli()
	typ := `CASE WHEN i % 50000 = 7 THEN 'rare' WHEN i % 2 = 0 THEN 't0' ELSE 't1' END`
	waits, failed := fmt.Sprintf(`i >= %d`, rows-20_000), `i % 1000 = 7`
	for _, q := range []string{
		`INSERT INTO events (tenant, id, contract, type, source, created_at, payload)
			SELECT 'acme', ` + fmt.Sprintf(id, 0, first) + `, 'standard', ` + typ + fmt.Sprintf(`, 'api', %d + i * CAST(1000000 AS BIGINT), %s FROM `, first*1000, payload) + series,
		`INSERT INTO deliveries (tenant, id, endpoint, type, mode, state, reason, test, attempts, slot, due_at, next_attempt_at, created_at, finished_at, endpoint_version, contract_version)
			SELECT 'acme', ` + fmt.Sprintf(id, 1, first) + `, (SELECT id FROM endpoints WHERE name = CASE WHEN ` + waits + ` THEN 'held' WHEN i BETWEEN 100 AND 1099 THEN 'quiet' ELSE 'busy' END), ` + typ + `, 'at_least_once',
			CASE WHEN ` + waits + ` THEN 'pending' WHEN i % 20000 = 3 THEN 'retrying' WHEN ` + failed + ` THEN 'failed' WHEN i IN (11, 1111, 11111) THEN 'unknown'
				WHEN i < 20000 AND i % 2 = 0 THEN 'cancelled' ELSE 'delivered' END, '', ` + no + `, 1, 1,
			CASE WHEN ` + waits + ` OR i % 20000 = 3 THEN ` + fmt.Sprintf(`%d END, NULL, %[1]d + i * CAST(1000000 AS BIGINT), %[1]d, 0, 0 FROM `, first*1000) + series,
	} {
		if err := db.change(ctx, func(t *tx) error { _, err := t.exec(q); return err }); err != nil {
			b.Fatal(err)
		}
	}
	return busy, quiet, held
}

func openBench(b testing.TB, o Options) *DB {
	b.Helper()
	if o.Key == nil {
		o.Key = NewKey()
	}
	db, err := Open(b.Context(), o)
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- db.Run(ctx) }()
	b.Cleanup(func() {
		stop()
		<-done
		_ = db.Close()
	})
	return db
}
