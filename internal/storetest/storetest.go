// Package storetest gives tests a fresh database of their own: a real SQLite file or a
// real PostgreSQL, because a stand-in would behave differently.
//
// It promises that the database is running when a function returns it, and that it is
// stopped and closed when the test ends.
package storetest

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"

	"gancho/internal/pgtest"
	"gancho/internal/store"
)

// Each runs fn in parallel subtests, on a fresh SQLite and on a fresh PostgreSQL database.
func Each(t *testing.T, fn func(t *testing.T, db *store.DB)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		fn(t, Open(t))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		fn(t, OpenPostgres(t))
	})
}

// OpenPostgres returns a fresh database on a real PostgreSQL server.
func OpenPostgres(t testing.TB) *store.DB {
	t.Helper()
	return Run(t, store.Options{URL: pgtest.Database(t, store.Migrate), Key: store.NewKey()})
}

// OpenURL opens an existing PostgreSQL database. Stores that share one get the same key.
func OpenURL(t testing.TB, url string) *store.DB {
	t.Helper()
	return Run(t, store.Options{URL: url, Key: make([]byte, 32)})
}

// Open returns a fresh SQLite database. Its warnings go to the test's output.
func Open(t testing.TB) *store.DB {
	t.Helper()
	return OpenAt(t, filepath.Join(t.TempDir(), "gancho.db"), store.NewKey())
}

// OpenAt opens the SQLite file at path with the key that it was created with.
func OpenAt(t testing.TB, path string, key []byte) *store.DB {
	t.Helper()
	return Run(t, store.Options{Path: path, Key: key})
}

// Run opens a database and runs it until the test ends; what it logs goes to the test's
// output.
func Run(t testing.TB, o store.Options) *store.DB {
	t.Helper()
	if o.MakeKey == nil {
		o.MakeKey = func() ([]byte, error) { return store.NewKey(), nil }
	}
	o.Log = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	db, err := store.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- db.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}
