package store

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"gancho/internal/pgtest"
)

// A program works on tables that a newer one brought up to date, unless that has
// taken away what it needs: then it says so and touches nothing.
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
			change(`ALTER TABLE events ADD COLUMN later TEXT NOT NULL DEFAULT ''`)
			ep := newEndpoint(t, db, "acme")
			again := run(t, o)
			submit(t, again, accepted("acme", "", `1`, ep.ID))
			submit(t, db, accepted("acme", "", `2`, ep.ID))
			change(`UPDATE compatible SET since = 999`)
			if _, err := Open(t.Context(), o); err == nil || !strings.Contains(err.Error(), "start the newer version") {
				t.Errorf("opened tables that are too new: %v", err)
			}
			submit(t, db, accepted("acme", "", `3`, ep.ID))
		})
	}
}

// Nodes that start together make the tables one after the other, also behind a
// pooler that has fewer connections than there are nodes.
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
