package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"time"

	"gancho/internal/hook"
	"gancho/internal/pgtest"
)

// fill writes n events of the time at, each with a delivery in a state, directly into the
// tables.
func fill(t testing.TB, db *DB, ep hook.EndpointID, state hook.State, at time.Time, n int) {
	t.Helper()
	const chunk = 250_000
	prefix, payload := hook.IDAt(at), fmt.Appendf(nil, `{"p":"%0400d"}`, 1)
	id := func(last string) string { return `$1::bytea || int8send(n) || '\x` + last + `'::bytea` }
	series := func(from int) string {
		return fmt.Sprintf("generate_series(%d::bigint, %d) AS n", from, min(from+chunk, n)-1)
	}
	isPostgres := db.Cluster() != nil
	if !isPostgres {
		id = func(last string) string { return `CAST($1 || unhex(printf('%016x` + last + `', n)) AS BLOB)` }
		series = func(from int) string {
			return fmt.Sprintf("(WITH RECURSIVE s (n) AS (SELECT %d UNION ALL SELECT n + 1 FROM s WHERE n < %d) SELECT n FROM s)", from, min(from+chunk, n)-1)
		}
	}
	blob := map[bool]string{true: "BYTEA", false: "BLOB"}[isPostgres]
	due := `CAST($2 AS BIGINT) + n`
	if state.Finished() {
		due = `CAST(NULL AS BIGINT)`
	}
	for from := 0; from < n; from += chunk {
		for _, q := range []struct {
			text string
			args []any
		}{
			{
				`INSERT INTO events (tenant, id, contract, type, source, created_at, payload)
				SELECT 'acme', ` + id("0000") + `, 'standard', 'x', 'api', CAST($2 AS BIGINT) + n, CAST($3 AS ` + blob + `) FROM ` + series(from),
				[]any{prefix[:6], at.UnixMicro(), payload},
			},
			{
				`INSERT INTO deliveries (tenant, id, endpoint, type, mode, state, reason, test, attempts, slot,
					due_at, next_attempt_at, created_at, endpoint_version, contract_version)
				SELECT 'acme', ` + id("0001") + `, CAST($3 AS ` + blob + `), 'x', 'at_least_once', '` + string(state) + `', '', FALSE, 0, 0,
					` + due + `, ` + due + `, CAST($2 AS BIGINT) + n, 0, 0 FROM ` + series(from),
				[]any{prefix[:6], at.UnixMicro(), ep[:]},
			},
		} {
			var err error
			if isPostgres { // which ends a change that takes long
				_, err = db.cluster.p.sql.ExecContext(t.Context(), q.text, q.args...)
			} else {
				err = db.change(t.Context(), func(t *tx) error { _, err := t.exec(q.text, q.args...); return err })
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}

// Reading the queue reads only the rows it needs, whatever the backlog and the history,
// also if the database has no statistics of them.
func TestDueByIndex(t *testing.T) {
	each(t, func(t *testing.T, db *DB) {
		addTenants(t, db)
		long, old, short := hook.NewEndpointID(), hook.NewEndpointID(), hook.NewEndpointID()
		many := 500 // SQLite has one way to read, whatever there is
		if db.Cluster() != nil {
			many = 50_000
		}
		queue := sqliteQueue
		if db.Cluster() != nil {
			queue = postgresQueue
		}
		check := func() {
			t.Helper()
			for _, ep := range []hook.EndpointID{long, old, short} {
				readsLittle(t, db, queue, queueArgs(db, ep, 1, math.MaxInt64, -1, 10)...)
				readsLittle(t, db, queue, queueArgs(db, ep, 0, 0, -1, 10)...)
			}
			readsLittle(t, db, db.dialect.busyText())
		}
		submit(t, db, accepted("acme", "", `1`, short), accepted("acme", "", `1`, old))
		analyze(t, db)
		fill(t, db, long, hook.Pending, time.Now().Add(-time.Hour), many)
		fill(t, db, old, hook.Delivered, time.Now().Add(-2*time.Hour), many)
		check()
		analyze(t, db)
		check()
		page, err := db.Due(t.Context(), long, time.Now(), 256, 4<<20, func(hook.DeliveryID) bool { return false })
		if err != nil || len(page.Jobs) != 256 || !page.More {
			t.Errorf("a page of %d, more: %v, %v", len(page.Jobs), page.More, err)
		}
		for i, job := range page.Jobs {
			if want := page.Jobs[0].Delivery.QueueAt.Add(time.Duration(i) * time.Microsecond); !job.Delivery.QueueAt.Equal(want) {
				t.Fatalf("delivery %d is due at %s, want %s", i, job.Delivery.QueueAt, want)
			}
		}
		if ids, err := db.EndpointsWithWork(t.Context()); err != nil || len(ids) != 3 {
			t.Errorf("endpoints with work: %v, %v", ids, err)
		}
	})
}

// Queues that are read at the same time are read with one statement. Each keeps its order,
// gets its own payloads, and leaves out what its reader already has.
func TestDueTogether(t *testing.T) {
	each(t, func(t *testing.T, db *DB) {
		addTenants(t, db)
		const queues, deliveries = 3 * readsTogether / 2, 20 // more than one statement reads, and payloads than one reads along
		endpoints := make([]hook.EndpointID, queues)
		for i := range endpoints {
			endpoints[i] = hook.NewEndpointID()
			tenant := []string{"acme", "globex"}[i%2]
			var items []*hook.Accepted
			for n := range deliveries {
				items = append(items, accepted(tenant, "", fmt.Sprintf(`"%d of %d"`, n, i), endpoints[i]))
			}
			submit(t, db, items...)
		}
		var wg sync.WaitGroup
		for i, ep := range endpoints {
			wg.Go(func() {
				all, err := db.Due(t.Context(), ep, time.Now(), 256, 4<<20, func(hook.DeliveryID) bool { return false })
				if err != nil || len(all.Jobs) != deliveries {
					t.Errorf("%d of queue %d, %v", len(all.Jobs), i, err)
					return
				}
				for n, job := range all.Jobs {
					if want := fmt.Sprintf(`"%d of %d"`, n, i); job.Delivery.Endpoint != ep || string(job.Event.Payload) != want {
						t.Errorf("%s of %s, want %s", job.Event.Payload, job.Delivery.Endpoint, want)
					}
				}
				first := all.Jobs[0].Delivery.ID
				rest, err := db.Due(t.Context(), ep, time.Now(), 5, 4<<20, func(id hook.DeliveryID) bool { return id == first })
				if err != nil || len(rest.Jobs) != 5 || rest.Jobs[0].Delivery.ID != all.Jobs[1].Delivery.ID {
					t.Errorf("%d after the first of queue %d, %v", len(rest.Jobs), i, err)
				}
			})
		}
		wg.Wait()
	})
}

// queueArgs are the arguments of an engine's queueText for one queue.
func queueArgs(db *DB, ep hook.EndpointID, since, until, at int64, n int32) []any {
	if db.Cluster() != nil {
		return []any{[][]byte{ep[:]}, []int64{since}, []int64{until}, []int64{at}, [][]byte{{}}, []int32{n}}
	}
	return []any{ep[:], since, until, at, []byte{}, n}
}

func analyze(t *testing.T, db *DB) {
	t.Helper()
	if err := db.change(t.Context(), func(t *tx) error { _, err := t.exec(`ANALYZE`); return err }); err != nil {
		t.Fatal(err)
	}
}

var (
	wholesale = regexp.MustCompile(`SCAN deliveries\n|TEMP B-TREE`) // plans of SQLite that do not go by an index, or not in its order
	buffers   = regexp.MustCompile(`Buffers: shared(?: hit=(\d+))?(?: read=(\d+))?`)
)

// readsLittle fails if a query reads much more than it returns. PostgreSQL counts the blocks
// it reads; of SQLite the query plan is checked.
func readsLittle(t *testing.T, db *DB, query string, args ...any) {
	t.Helper()
	conn, err := db.read.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if db.Cluster() == nil {
		if plan := explain(t, conn, `EXPLAIN QUERY PLAN `+query, args...); wholesale.MatchString(plan) {
			t.Errorf("%s\nhas the plan:\n%s", query, plan)
		}
		return
	}
	query = `EXPLAIN (ANALYZE, BUFFERS) ` + query
	explain(t, conn, query, args...) // the first time of a session, it also reads what there is to know about the tables
	plan := explain(t, conn, query, args...)
	counted := buffers.FindStringSubmatch(plan)
	if counted == nil {
		t.Fatalf("PostgreSQL does not say what it read:\n%s", plan)
	}
	const little = 200 // blocks of 8 KiB; a table has more than a thousand
	read := 0
	for _, n := range counted[1:] {
		blocks, _ := strconv.Atoi(n) // "": none
		read += blocks
	}
	if read > little {
		t.Errorf("%s %v\nreads %d blocks:\n%s", query, args, read, plan)
	}
}

// explain is the query plan of an engine: the last column of each row.
func explain(t *testing.T, conn *sql.Conn, query string, args ...any) (plan string) {
	t.Helper()
	rows, err := conn.QueryContext(t.Context(), query, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		into := make([]any, len(columns))
		for i := range into {
			into[i] = new(any)
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		plan += fmt.Sprintln(*into[len(into)-1].(*any))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return plan
}

// BenchmarkDue measures reading the queue beside a backlog: a page of the endpoint with the
// backlog, a page of another endpoint, and the list of endpoints with work.
func BenchmarkDue(b *testing.B) {
	b.Run("sqlite", func(b *testing.B) {
		benchmarkDue(b, func(b *testing.B) Options { return Options{Path: filepath.Join(b.TempDir(), "g.db")} })
	})
	b.Run("postgres", func(b *testing.B) {
		server := pgtest.Start(b)
		benchmarkDue(b, func(b *testing.B) Options { return Options{URL: server.Database(b, Migrate)} })
	})
}

func benchmarkDue(b *testing.B, options func(*testing.B) Options) {
	for _, backlog := range []int{1_000, 10_000, 100_000, 2_000_000} {
		b.Run(fmt.Sprintf("backlog=%d", backlog), func(b *testing.B) {
			o := options(b)
			o.Key = make([]byte, 32)
			db, err := Open(b.Context(), o)
			if err != nil {
				b.Fatal(err)
			}
			ctx, stop := context.WithCancel(context.Background())
			done := make(chan error, 1)
			go func() { done <- db.Run(ctx) }()
			long, short := hook.NewEndpointID(), hook.NewEndpointID()
			now := time.Now()
			fill(b, db, long, hook.Pending, now.Add(-2*time.Hour), backlog)
			fill(b, db, short, hook.Pending, now.Add(-time.Hour), 10)
			none := func(hook.DeliveryID) bool { return false }
			for name, claim := range map[string]func() error{
				"page":      func() error { _, err := db.Due(ctx, long, time.Now(), 256, 4<<20, none); return err },
				"neighbour": func() error { _, err := db.Due(ctx, short, time.Now(), 256, 4<<20, none); return err },
				"endpoints": func() error { _, err := db.EndpointsWithWork(ctx); return err },
			} {
				b.Run(name, func(b *testing.B) {
					for b.Loop() {
						if err := claim(); err != nil {
							b.Fatal(err)
						}
					}
				})
			}
			stop()
			if err := errors.Join(<-done, db.Close()); err != nil {
				b.Error(err)
			}
		})
	}
}
