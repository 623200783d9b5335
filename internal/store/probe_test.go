package store

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"gancho/internal/hook"
	"gancho/internal/pgtest"
)

// A file that cannot grow is noticed by a probe before, or when, events are refused; not afterwards.
func TestReadyOnFullFile(t *testing.T) {
	t.Parallel()
	db := open(t)
	addTenants(t, db)
	ep := newEndpoint(t, db, "acme")
	ctx := t.Context()
	for range 10 { // once there are probes to replace, they need no more room
		if err := db.Ready(ctx); err != nil {
			t.Fatal(err)
		}
	}
	limit := func(pages int) {
		t.Helper()
		if err := db.change(ctx, func(t *tx) error {
			_, err := t.exec(fmt.Sprintf(`PRAGMA max_page_count = %d`, pages))
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	var pages int
	if err := db.read.QueryRowContext(ctx, `PRAGMA page_count`).Scan(&pages); err != nil {
		t.Fatal(err)
	}
	limit(pages + 20)
	refused := false
	for n := 0; n < 10_000 && !refused; n++ {
		_, err := db.Submit(hook.Submission{Tenant: "acme", Items: []*hook.Accepted{accepted("acme", "", `"x"`, ep.ID)}}, time.Hour)
		refused = err != nil
	}
	if !refused {
		t.Fatal("no event was refused")
	}
	if err := db.Ready(ctx); !hook.IsKind(err, hook.KindUnavailable) {
		t.Errorf("events are refused, and ready says %v", err)
	}
	limit(1 << 20)
	if err := db.Ready(ctx); err != nil {
		t.Errorf("with room again: %v", err)
	}
	var rows int
	if err := db.read.QueryRowContext(ctx, `SELECT count(*) FROM probe`).Scan(&rows); err != nil || rows != 1 {
		t.Errorf("%d probes are kept, %v", rows, err)
	}
}

// A PostgreSQL that became read-only, as a standby is, is not ready, although it answers.
func TestReadyOnReadOnlyPostgres(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t, Migrate)
	db := run(t, Options{URL: url, Key: NewKey()})
	ctx := t.Context()
	if err := db.Ready(ctx); err != nil {
		t.Fatal(err)
	}
	var at int64
	if err := db.read.QueryRowContext(ctx, `SELECT at FROM probe`).Scan(&at); err != nil || at == 0 {
		t.Fatalf("ready, and nothing was written: %d, %v", at, err)
	}
	readOnly := func(on string) {
		t.Helper()
		conn, err := pgx.Connect(ctx, url)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(ctx)
		for _, query := range []string{
			`SET default_transaction_read_only = off`,
			`DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = ` + on + `', current_database()); END $$`,
			`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`,
		} {
			if _, err := conn.Exec(ctx, query); err != nil {
				t.Fatal(err)
			}
		}
	}
	readOnly("on")
	eventually(t, "it is not ready", func() bool {
		err := db.Ready(ctx)
		if err == nil { // a connection that was being made got away
			readOnly("on")
			return false
		}
		return hook.IsKind(err, hook.KindUnavailable) && strings.Contains(err.Error(), "read-only")
	})
	readOnly("off")
	eventually(t, "it is ready again", func() bool { return db.Ready(ctx) == nil })
}

// A probe that nobody commits ends with its context.
func TestReadyEnds(t *testing.T) {
	t.Parallel()
	db := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	release := make(chan struct{})
	busy := make(chan error, 1)
	started := make(chan struct{})
	go func() {
		busy <- db.change(t.Context(), func(*tx) error { close(started); <-release; return nil })
	}()
	<-started
	ready := make(chan error, 1)
	go func() { ready <- db.Ready(ctx) }()
	eventually(t, "the probe waits to be committed", func() bool {
		db.gathering.mu.Lock()
		defer db.gathering.mu.Unlock()
		return len(db.gathering.next.changes) > 0
	})
	cancel()
	if err := <-ready; !hook.IsKind(err, hook.KindUnavailable) {
		t.Errorf("nothing is committed, and ready says %v", err)
	}
	close(release)
	if err := <-busy; err != nil {
		t.Error(err)
	}
}
