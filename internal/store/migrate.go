package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"time"

	"github.com/pressly/goose/v3"
)

// Programs of two releases work on the same tables at the same time: while nodes are replaced
// one after the other, and if an upgrade is undone. So migrations only add. Some migrations
// remove something, or make tables that older programs cannot write to. Such a migration comes
// one release after the last program that needs the old tables. It also shuts those programs
// out, with UPDATE compatible SET since = (the last migration that they know) + 1. Here a
// program that knows fewer migrations than that is refused. A test in policy finds migrations
// that forget the UPDATE.

// migrationsOf are the migrations in a directory.
func migrationsOf(db *sql.DB, dialect goose.Dialect, directory string) (*goose.Provider, error) {
	files, err := fs.Sub(migrations, "migrations/"+directory)
	if err != nil {
		return nil, err
	}
	if dialect == goose.DialectPostgres {
		files = impatient{files}
	}
	return goose.NewProvider(dialect, db, files, goose.WithDisableGlobalRegistry(true))
}

// migrateTables brings tables up to date with the migrations in a directory.
func migrateTables(ctx context.Context, db *sql.DB, dialect goose.Dialect, directory string) error {
	provider, err := migrationsOf(db, dialect, directory)
	if err != nil {
		return err
	}
	if _, err := provider.Up(ctx); err != nil { // Up ignores migrations of newer programs
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

// feature is something that a program has to know to work on the tables, as the migrations that came with it.
type feature struct{ sqlite, postgres int }

var (
	keyedValues    = feature{18, 22} // values that name the key under which they are sealed
	sealedPayloads = feature{22, 26}
)

// migration is the one that came with a feature.
func (db *DB) migration(f feature) int {
	if db.cluster != nil {
		return f.postgres
	}
	return f.sqlite
}

// shutOut refuses programs from now on that do not know a feature. Those that run stay.
func (db *DB) shutOut(t *tx, f feature) error {
	_, err := t.exec(`UPDATE compatible SET since = $1 WHERE since < $1`, db.migration(f))
	return err
}

// lastMigration is the last one in a directory, which says what this program knows.
func lastMigration(directory string) (number int) {
	list, _ := fs.ReadDir(migrations, "migrations/"+directory) // they are in the program
	_, _ = fmt.Sscanf(list[len(list)-1].Name(), "%d", &number)
	return number
}

// A migration needs an exclusive lock on a table, and all other statements queue behind
// it. So it gives up if it does not get the lock soon, and is tried again until it does. It
// waits longer than it takes autovacuum to give way.
const (
	migrationPatience = 2 * time.Second
	migrationRest     = 3 * time.Second
)

// migrateInTurn is [migrateTables] while other programs use the tables.
func (p *postgres) migrateInTurn(ctx context.Context) error {
	for try := 1; ; {
		err := migrateTables(ctx, p.sql, goose.DialectPostgres, "postgres")
		switch {
		case busyTable(err):
			p.log.Warn("a table that has to be changed is in use by a long transaction; end that, or wait: trying again", "error", err,
				"query", "SELECT pid, state, xact_start, query FROM pg_stat_activity ORDER BY xact_start")
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(migrationRest):
			}
		case conflict(err) && try < conflicts: // others want the same tables, perhaps in another order
			try++
		default:
			return err
		}
	}
}

// impatient is a directory of migrations that wait at most [migrationPatience] for a lock.
// Goose begins the transactions, so each file gets a statement that sets the timeout.
type impatient struct{ fs.FS }

func (m impatient) Open(name string) (fs.File, error) {
	f, err := m.FS.Open(name)
	if err != nil || !strings.HasSuffix(name, ".sql") {
		return f, err
	}
	text, err := io.ReadAll(f)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	const up = "-- +goose Up\n"
	limit := fmt.Sprintf("%sSELECT set_config('lock_timeout', '%d', true);\n", up, migrationPatience.Milliseconds())
	return migration{f, strings.NewReader(strings.Replace(string(text), up, limit, 1))}, nil
}

// migration is a file of [impatient]: its text has the added statement.
type migration struct {
	fs.File
	text io.Reader
}

func (m migration) Read(p []byte) (int, error) { return m.text.Read(p) }

// lockSoon is [lock] without holding a connection while it waits. Behind a pooler with few
// connections, the node that has the lock needs a second one.
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
