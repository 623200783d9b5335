package store

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"time"

	"github.com/pressly/goose/v3"
)

// Programs of two releases work on the same tables side by side: while nodes are
// replaced one after the other, and when the newer one is taken back. So
// migrations add. One that takes something away, or asks more of who writes, does
// so a release after the last program that needs it as it was, and says since
// when: UPDATE compatible SET since = the last migration that such programs do not
// know, plus one. Programs that know less are refused here. A test in policy finds
// migrations that forget to.

// migrateTables brings tables up to date with the migrations in a directory.
func migrateTables(ctx context.Context, db *sql.DB, dialect goose.Dialect, directory string) error {
	files, err := fs.Sub(migrations, "migrations/"+directory)
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(dialect, db, files, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	if _, err := provider.Up(ctx); err != nil { // which leaves alone what it does not know
		return err
	}
	sources := provider.ListSources()
	known := sources[len(sources)-1].Version
	var since int64
	if err := db.QueryRowContext(ctx, `SELECT since FROM compatible`).Scan(&since); err != nil {
		return err
	}
	if known < since {
		return fmt.Errorf("a newer Gancho has changed its tables, and this version is too old for them (it knows %d migrations, and needs %d): start the newer version", known, since)
	}
	return nil
}

// lockSoon is [lock], but holds no connection while it waits: behind a pooler that
// has few, whoever has the lock needs another.
func (p *postgres) lockSoon(ctx context.Context, name int64) (*sql.Tx, error) {
	const again = 50 * time.Millisecond
	for {
		t, err := p.sql.BeginTx(ctx, nil)
		if err != nil {
			return nil, err
		}
		var got bool
		if err := t.QueryRowContext(ctx, `SELECT pg_try_advisory_xact_lock($1)`, name).Scan(&got); err != nil {
			_ = t.Rollback()
			return nil, err
		}
		if got {
			return t, nil
		}
		if err := t.Rollback(); err != nil {
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(again):
		}
	}
}
