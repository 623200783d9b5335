package store

import (
	"context"
	"database/sql"
	"fmt"
	"testing"
	"time"

	"gancho/internal/hook"
	"gancho/internal/pgtest"

	"github.com/jackc/pgx/v5"
)

// History is removed a partition at a time, and only if no delivery in it is unfinished or
// was finished lately.
func TestPartitions(t *testing.T) {
	t.Parallel()
	db := openPG(t)
	addTenants(t, db)
	ep := hook.NewEndpointID()
	now := time.Now()
	old := func(age time.Duration, state hook.State, finished time.Time) hook.DeliveryID {
		t.Helper()
		a := accepted("acme", "", `{}`, ep)
		a.Event.ID = someEventID(now.Add(-age), 1)
		a.Deliveries[0].ID = a.Event.ID.Delivery(1)
		submit(t, db, a)
		d := a.Deliveries[0]
		d.State, d.FinishedAt = state, finished
		done := make(chan error, 1)
		db.SaveResult(hook.Result{Delivery: d, Attempt: &hook.Attempt{Delivery: d.ID, Number: 1}, Frozen: &hook.Frozen{Body: []byte("x")}}, func(err error) { done <- err })
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		return d.ID
	}
	const week = maxSpan
	gone := old(20*week, hook.Delivered, now.Add(-20*week))
	kept := []hook.DeliveryID{
		old(15*week, hook.Retrying, time.Time{}),  // unfinished
		old(10*week, hook.Failed, now),            // finished lately
		old(0, hook.Delivered, now.Add(-20*week)), // young
		old(-20*week, hook.Delivered, now),        // by a clock that is ahead
	}
	if n, err := db.Expire(t.Context(), now.Add(-4*week), 500); n != 1 || err != nil {
		t.Errorf("expired %d partitions, %v; want 1", n, err)
	}
	check := func() {
		t.Helper()
		if _, err := db.Delivery(t.Context(), "acme", gone); !hook.IsKind(err, hook.KindNotFound) {
			t.Errorf("what is past its time is there: %v", err)
		}
		for i, id := range kept {
			_, err1 := db.Delivery(t.Context(), "acme", id)
			_, err2 := db.Event(t.Context(), "acme", id.Event())
			attempts, err3 := db.Attempts(t.Context(), id, 10)
			body, err4 := db.Body(t.Context(), id)
			if err1 != nil || err2 != nil || err3 != nil || err4 != nil || len(attempts) != 1 || string(body) != "x" {
				t.Errorf("%d: %v %v %v %v, %d attempts, body %q", i, err1, err2, err3, err4, len(attempts), body)
			}
		}
	}
	check()
	for _, table := range []string{"events_rest", "deliveries_rest", "attempts_rest", "bodies_rest"} {
		if n := count(t, db, table); n != 0 {
			t.Errorf("%s has %d rows that have no partition", table, n)
		}
	}
	if n, err := db.Expire(t.Context(), now.Add(-4*week), 500); n != 0 || err != nil {
		t.Errorf("again: %d, %v", n, err)
	}
	check()
	if n := count(t, db, "attempts"); n != len(kept) {
		t.Errorf("%d attempts, want %d", n, len(kept))
	}
}

// However many changes wait, the node can read and renew its lease. Otherwise it would be
// evicted because it is busy.
func TestChangesLeaveConnections(t *testing.T) {
	t.Parallel()
	a, b := twoNodes(t)
	epoch := join(t, a, "", time.Hour)
	other := holdChanges(t, b)
	changes := make(chan error)
	const crowd = 30
	for i := range crowd {
		go func() {
			_, _, err := a.PutTenant(context.WithoutCancel(t.Context()), fmt.Sprint("t", i), hook.TenantChange{})
			changes <- err
		}()
	}
	for deadline := time.Now().Add(time.Minute); ; { // until they hold all the connections they get
		var waiting int
		if err := b.read.QueryRow(`SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
			AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`).Scan(&waiting); err != nil {
			t.Fatal(err)
		}
		if waiting >= changesAtOnce {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("no change waits")
		}
	}
	if _, err := a.Cluster().LastSignal(t.Context()); err != nil {
		t.Error(err)
	}
	// Also if reads hold all other connections.
	for range int(a.cluster.p.pool.Config().MaxConns) - 1 - changesAtOnce {
		conn, err := a.read.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	if _, err := a.Cluster().Heartbeat(t.Context(), epoch, time.Hour); err != nil {
		t.Error(err)
	}
	if err := other.Rollback(); err != nil {
		t.Error(err)
	}
	for range crowd {
		if err := <-changes; err != nil {
			t.Error(err)
		}
	}
}

// If a long read keeps a partition from being made, other statements do not wait behind the
// lock that making it needs.
func TestPartitionWaitsBriefly(t *testing.T) {
	t.Parallel()
	db := openPG(t)
	addTenants(t, db)
	a := accepted("acme", "", `{}`, hook.NewEndpointID())
	submit(t, db, a)
	reader, err := db.read.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reader.Rollback() }() // after the end it does nothing
	if _, err := reader.Exec(`SELECT count(*) FROM deliveries`); err != nil {
		t.Fatal(err)
	}
	p, made := db.cluster.p, make(chan error, 1)
	later := time.Now().Add(20 * maxSpan)
	go func() { made <- p.adopt(context.WithoutCancel(t.Context()), later) }()
	eventually(t, "the tables are wanted whole, or it was given up", func() (waits bool) {
		if err := db.read.QueryRow(`SELECT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'relation' AND NOT granted
			AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))`).Scan(&waits); err != nil {
			t.Fatal(err)
		}
		return waits || len(made) > 0
	})
	d, stored := a.Deliveries[0], make(chan error, 1)
	d.State, d.FinishedAt = hook.Delivered, time.Now()
	db.SaveResult(hook.Result{Delivery: d}, func(err error) { stored <- err })
	if err := <-stored; err != nil {
		t.Errorf("a result waited for a partition: %v", err)
	}
	if err := <-made; !busyTable(err) {
		t.Errorf("a partition was made of tables that are read: %v", err)
	}
	if err := reader.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := p.adopt(t.Context(), later); err != nil {
		t.Error(err)
	}
}

// A restarting server ends all sessions, and a pooler ends those it does not need. The next
// statement works all the same, even if its connection was used a moment before.
func TestDeadConnections(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t, Migrate)
	db := run(t, Options{URL: url, Key: make([]byte, 32)})
	addTenants(t, db)
	epoch := join(t, db, "", time.Hour)
	known := accepted("acme", "", `{}`, hook.NewEndpointID())
	submit(t, db, known)
	killer, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = killer.Close(context.WithoutCancel(t.Context())) }()
	sessions := func(what string) (n int) {
		t.Helper()
		if err := killer.QueryRow(t.Context(), `SELECT count(`+what+`) FROM pg_stat_activity
			WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	ctx := t.Context()
	d := known.Deliveries[0]
	for _, c := range []struct {
		name string
		call func() error
	}{
		{"read", func() error { _, err := db.Delivery(ctx, "acme", d.ID); return err }},
		{"list", func() error {
			_, _, err := db.Deliveries(ctx, "acme", hook.DeliveryFilter{}, hook.Page{Limit: 1})
			return err
		}},
		{"queue", func() error { _, err := db.Waiting(ctx, d.Endpoint, 1); return err }},
		{"change", func() error { _, _, err := db.PutTenant(ctx, "initech", hook.TenantChange{}); return err }},
		{"publish", func() error {
			_, err := db.Submit(hook.Submission{Tenant: "acme", Items: []*hook.Accepted{accepted("acme", "", `{}`, d.Endpoint)}}, time.Hour)
			return err
		}},
		{"result", func() error {
			done := make(chan error)
			db.SaveResult(hook.Result{Epoch: epoch, Delivery: d}, func(err error) { done <- err })
			return <-done
		}},
		{"beat", func() error { _, err := db.Cluster().Heartbeat(ctx, epoch, time.Hour); return err }},
		{"signals", func() error { _, err := db.Cluster().LastSignal(ctx); return err }},
		{"notify", func() error { return db.Cluster().NotifyWork(ctx, []hook.EndpointID{d.Endpoint}, false) }},
		{"ready", func() error { return db.Ready(ctx) }},
	} {
		submit(t, db, accepted("acme", "", `{}`, d.Endpoint)) // over the connection that writes
		var reading []*sql.Conn
		for range 3 {
			conn, err := db.read.Conn(ctx)
			if err != nil {
				t.Fatal(err)
			}
			reading = append(reading, conn)
		}
		for _, conn := range reading {
			if err := conn.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if n := sessions("pg_terminate_backend(pid)"); n < 4 {
			t.Errorf("%s: %d sessions to end, want 4 or more", c.name, n)
		}
		eventually(t, "all sessions have ended", func() bool { return sessions("*") == 0 })
		if err := c.call(); err != nil {
			t.Errorf("%s, after all sessions were ended: %v", c.name, err)
		}
	}
}
