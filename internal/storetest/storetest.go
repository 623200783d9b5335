// Package storetest gives tests a fresh database: the real one, since a copy of
// it in memory would have other habits.
package storetest

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"

	"gancho/internal/pgtest"
	"gancho/internal/store"
)

// Each runs fn on a fresh database of every kind there is.
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

// OpenPostgres is [Open] for a database of its own on a real PostgreSQL server.
func OpenPostgres(t testing.TB) *store.DB {
	t.Helper()
	return run(t, store.Options{URL: pgtest.Database(t, store.Migrate), Key: store.NewKey()})
}

// OpenURL is one of several stores on one database of a PostgreSQL server; they have
// one key.
func OpenURL(t testing.TB, url string) *store.DB {
	t.Helper()
	return run(t, store.Options{URL: url, Key: make([]byte, 32)})
}

// Open is a fresh SQLite database that is running. It is stopped and closed when
// the test ends; what it has to say goes to the test's output.
func Open(t testing.TB) *store.DB {
	t.Helper()
	return OpenAt(t, filepath.Join(t.TempDir(), "gancho.db"), store.NewKey())
}

// OpenAt is [Open] for the file at path, with the key it was made with.
func OpenAt(t testing.TB, path string, key []byte) *store.DB {
	t.Helper()
	return run(t, store.Options{Path: path, Key: key})
}

func run(t testing.TB, o store.Options) *store.DB {
	t.Helper()
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
