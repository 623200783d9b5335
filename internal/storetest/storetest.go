// Package storetest gives tests a fresh database: the real one, since a copy of
// it in memory would have other habits.
package storetest

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"

	"gancho/internal/store"
)

// Each runs fn on a fresh database of every kind there is. SQLite is the only
// one yet.
func Each(t *testing.T, fn func(t *testing.T, db *store.DB)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		fn(t, Open(t))
	})
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
	db, err := store.Open(t.Context(), store.Options{
		Path: path, Key: key, Log: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
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
