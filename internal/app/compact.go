package app

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"gancho/internal/store"
)

// Compact writes the SQLite file in a data directory anew, without free pages and deleted data,
// while no server uses it. It returns the bytes that the database takes before and after.
func Compact(ctx context.Context, dir string) (before, after int64, err error) {
	file := filepath.Join(dir, databaseFile)
	if _, err := os.Stat(file); err != nil {
		return 0, 0, fmt.Errorf("--data: there is no database in %s: %w", dir, err)
	}
	log := slog.New(slog.DiscardHandler)
	data, err := openData(dir, log)
	if err != nil {
		return 0, 0, err
	}
	defer data.close()
	return store.Rewrite(ctx, file, log)
}
