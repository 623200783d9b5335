package store

import (
	"context"
	"database/sql"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/pressly/goose/v3"

	"gancho/internal/hook"
	"gancho/internal/pgtest"
)

// A program works on tables that a newer one has migrated, unless they lack what it needs:
// then it fails with a message and writes nothing.
func TestNewerTables(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]Options{
		"sqlite":   {Path: filepath.Join(t.TempDir(), "gancho.db"), Key: make([]byte, 32)},
		"postgres": {URL: pgtest.Database(t, Migrate), Key: make([]byte, 32)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := run(t, o)
			addTenants(t, db)
			change := func(query string) {
				t.Helper()
				if err := db.change(t.Context(), func(t *tx) error { _, err := t.exec(query); return err }); err != nil {
					t.Fatal(err)
				}
			}
			change(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, true)`)
			ep := newEndpoint(t, db, "acme")
			queue := func(db *DB, want int) {
				t.Helper()
				due, err := db.Due(t.Context(), ep.ID, time.Now(), 10, 1<<20, func(hook.DeliveryID) bool { return false })
				if err != nil || len(due.Jobs) != want {
					t.Errorf("%d deliveries are due (%v), want %d", len(due.Jobs), err, want)
				}
			}
			queue(db, 0)
			change(`ALTER TABLE events ADD COLUMN later TEXT NOT NULL DEFAULT ''`)
			change(`ALTER TABLE deliveries ADD COLUMN later BOOLEAN NOT NULL DEFAULT FALSE`)
			again := run(t, o)
			submit(t, again, accepted("acme", "", `1`, ep.ID))
			submit(t, db, accepted("acme", "", `2`, ep.ID))
			queue(db, 2)
			queue(again, 2)
			change(`UPDATE compatible SET since = 999`)
			if _, err := Open(t.Context(), o); err == nil || !strings.Contains(err.Error(), "start the newer version") {
				t.Errorf("opened tables that are too new: %v", err)
			}
			submit(t, db, accepted("acme", "", `3`, ep.ID))
		})
	}
}

// A migration that waits for a long transaction lets other statements pass, logs what it
// waits for, and is done after that has ended.
func TestMigrateBesideLongTransaction(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t, Migrate)
	connect := func() *pgx.Conn {
		t.Helper()
		conn, err := pgx.Connect(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close(context.Background()) })
		return conn
	}
	long, other := connect(), connect()
	exec := func(conn *pgx.Conn, query string) {
		t.Helper()
		if _, err := conn.Exec(t.Context(), query); err != nil {
			t.Fatal(err)
		}
	}
	exec(other, `DROP SCHEMA public CASCADE; CREATE SCHEMA public`)
	migrateTo(t, url, 11) // the next one changes the table signals
	exec(long, `BEGIN; SELECT count(*) FROM signals`)
	said, migrated := new(lockedBuffer), make(chan error, 1)
	go func() {
		p, err := openPostgres(context.WithoutCancel(t.Context()), Options{URL: url, Log: slog.New(slog.NewTextHandler(said, nil))})
		if err == nil {
			err = p.close()
		}
		migrated <- err
	}()
	eventually(t, "the migration waits", func() (waits bool) {
		if err := other.QueryRow(t.Context(), `SELECT EXISTS (SELECT 1 FROM pg_locks WHERE relation = 'signals'::regclass AND NOT granted)`).Scan(&waits); err != nil {
			t.Fatal(err)
		}
		return waits
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := other.Exec(ctx, `SELECT count(*) FROM signals`); err != nil {
		t.Fatalf("who comes after the migration waits for the transaction too: %v", err)
	}
	eventually(t, "it says that it waits", func() bool { return strings.Contains(said.String(), "in use by a long transaction") })
	exec(long, `ROLLBACK`)
	if err := <-migrated; err != nil {
		t.Error(err)
	}
	exec(other, `SELECT delivery FROM signals; SELECT 1 FROM portal_links`)
}

// migrateTo makes the tables as they were after the given migration.
func migrateTo(t *testing.T, url string, version int64) {
	t.Helper()
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	provider, err := migrationsOf(db, goose.DialectPostgres, "postgres")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := provider.UpTo(t.Context(), version); err != nil {
		t.Fatal(err)
	}
}

// lockedBuffer is a buffer that several goroutines can use.
type lockedBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// Nodes that start together migrate one after the other, also behind a pooler with fewer
// connections than there are nodes.
func TestMigrateAtOnce(t *testing.T) {
	t.Parallel()
	direct := pgtest.Database(t, Migrate)
	conn, err := pgx.Connect(t.Context(), direct)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(t.Context(), `DROP SCHEMA public CASCADE; CREATE SCHEMA public`); err != nil {
		t.Fatal(err)
	}
	url := pgtest.Pooler(t, direct, 3)
	const nodes = 6
	ended := make(chan error, nodes)
	for range nodes {
		go func() { ended <- Migrate(t.Context(), url) }()
	}
	for range nodes {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

// Every table is either copied by a move or has nothing that could be moved.
func TestTables(t *testing.T) {
	t.Parallel()
	db := open(t)
	known := map[string]bool{"goose_db_version": true, "compatible": true, "probe": true}
	for _, table := range Tables() {
		known[table.Name] = true
	}
	names, err := collect(t.Context(), db.read, one[string], `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if !known[name] {
			t.Errorf("no move copies the table %s: add it to Tables", name)
		}
	}
}

// Both databases order the keys of tables alike, whatever the collation of the database is. A move that was interrupted
// goes on after the last row in that order.
func TestKeysSortAlike(t *testing.T) {
	t.Parallel()
	db := openPG(t)
	names, err := collect(t.Context(), db.read, one[string], `SELECT c.relname || '.' || a.attname FROM pg_index i
		JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = current_schema()
		JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey)
		JOIN pg_collation k ON k.oid = a.attcollation WHERE i.indisprimary AND k.collname <> 'C'`)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		table, _, _ := strings.Cut(name, ".")
		if slices.ContainsFunc(Tables(), func(k Table) bool { return k.Name == table }) {
			t.Errorf(`%s is part of a key and has no COLLATE "C"`, name)
		}
	}
}
