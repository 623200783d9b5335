package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"runtime"
	"slices"
	"time"

	"gancho/internal/hook"
)

// What SQLite leaves on the disk: who can read the files, what stays in them of rows that were
// deleted, and how they get smaller again.
//
// Deleted rows are overwritten with zeros (secure_delete), so the database file has nothing of
// them after the next checkpoint. Their pages become free; Compact gives free pages back to the
// file system, a few at a time. The write-ahead log still has the old pages until it begins
// anew, so Compact also makes the writer empty the log.

const (
	shrinkStep  = 256              // free pages that one transaction gives back
	spareShare  = 8                // one free page in eight used ones stays, because it is needed again soon…
	sparePages  = 256              // …and so many in any case: 1 MiB
	vacuumUpTo  = 64 << 20         // bytes; an old file that is larger is compacted by a person, see Rewrite
	emptyLogFor = 10 * time.Second // how long emptyLog tries
)

// companions are the endings of the files that SQLite keeps beside a database.
var companions = []string{"-wal", "-shm", "-journal"}

// protectFiles creates an empty database file if there is none, and takes away what others than
// the owner may do with the file and its companions. SQLite gives new companions the
// permissions of the database.
func protectFiles(path string, log *slog.Logger) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	for _, end := range slices.Concat([]string{""}, companions) {
		if err := Protect(path+end, log); err != nil {
			return err
		}
	}
	return nil
}

// Protect makes a file readable for its owner only, and logs a warning if others could read or
// change it until now. It does nothing if there is no such file, or if the system has no such
// permissions.
func Protect(path string, log *slog.Logger) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) || runtime.GOOS == "windows" {
		return nil
	}
	if err != nil {
		return err
	}
	was := info.Mode().Perm()
	if was&0o077 == 0 {
		return nil
	}
	if err := os.Chmod(path, was&0o700); err != nil {
		return fmt.Errorf("others can read %s, and its permissions cannot be changed: run chmod 600 on it: %w", path, err)
	}
	log.Warn("others could read a file; now only its owner can", "file", path, "was", was.String())
	return nil
}

// vacuumOld rewrites a database that an earlier version made, so that it can give back free
// pages and has nothing left of deleted rows. A large one would take long, so it is only logged
// what to do.
func (l *sqlite) vacuumOld(ctx context.Context, path string) error {
	var mode, pages int64
	if err := l.db.QueryRowContext(ctx, `PRAGMA auto_vacuum`).Scan(&mode); err != nil {
		return err
	}
	if mode != 0 {
		return nil
	}
	if err := l.db.QueryRowContext(ctx, `PRAGMA page_count`).Scan(&pages); err != nil {
		return err
	}
	if pages*pageSize > vacuumUpTo {
		l.log.Warn("the database file cannot get smaller, and may still have data that was deleted by an earlier version: "+
			"stop the server and run gancho compact once", "file", path, "bytes", pages*pageSize)
		return nil
	}
	l.log.Info("rewriting the database file once, so that it gets smaller when data is removed", "bytes", pages*pageSize)
	for _, text := range []string{`PRAGMA auto_vacuum = INCREMENTAL`, `VACUUM`, `PRAGMA wal_checkpoint(TRUNCATE)`} {
		if _, err := l.db.ExecContext(ctx, text); err != nil {
			return err
		}
	}
	return nil
}

// Rewrite writes a SQLite file anew without free pages and without anything that was deleted,
// and returns its size in bytes before and after. No program may use the file meanwhile. It
// needs as much free space as the new file takes. If it is interrupted, the old file is still
// there.
func Rewrite(ctx context.Context, path string, log *slog.Logger) (before, after int64, err error) {
	if err := protectFiles(path, log); err != nil {
		return 0, 0, err
	}
	if before, err = sizeOf(path, companions...); err != nil {
		return 0, 0, err
	}
	fresh := path + ".new"
	if err := remove(fresh); err != nil { // an interrupted Rewrite left it
		return 0, 0, err
	}
	if err := protectFiles(fresh, log); err != nil {
		return 0, 0, err
	}
	if err := copyInto(ctx, path, fresh); err != nil {
		return 0, 0, errors.Join(err, remove(fresh))
	}
	// With the last connection, the log went into the file. One that is still there would be
	// taken for the log of the new file.
	if _, err := os.Stat(path + "-wal"); !errors.Is(err, fs.ErrNotExist) {
		return 0, 0, errors.Join(fmt.Errorf("another program uses %s; stop it first", path), err, remove(fresh))
	}
	if err := os.Rename(fresh, path); err != nil {
		return 0, 0, err
	}
	after, err = sizeOf(path, companions...)
	return before, after, err
}

// copyInto writes what is in one database file into another, which is empty, and syncs it.
func copyInto(ctx context.Context, from, to string) (err error) {
	db, err := sql.Open("sqlite", sqliteDSN(from, "journal_mode(WAL)"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(ctx, `PRAGMA auto_vacuum = INCREMENTAL`); err != nil {
		return err
	}
	if _, err := db.ExecContext(ctx, `VACUUM INTO ?`, to); err != nil {
		return err
	}
	f, err := os.OpenFile(to, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// sizeOf is the number of bytes that a file and its companions have together.
func sizeOf(path string, ends ...string) (n int64, err error) {
	for _, end := range append(ends, "") {
		info, err := os.Stat(path + end)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return 0, err
		}
		n += info.Size()
	}
	return n, nil
}

// remove removes a file if it is there.
func remove(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Compact gives a part of the free space in a SQLite file back to the file system, in one short
// transaction. more says that the caller has to call it again. The last call also makes the
// writer empty the write-ahead log, unless somebody reads from it. Compact does nothing with
// PostgreSQL, which looks after its files itself.
func (db *DB) Compact(ctx context.Context) (more bool, err error) {
	err = db.change(ctx, func(t *tx) error {
		if more, err = db.engine.shrink(t); err == nil && !more {
			_ = db.engine.emptyLog()
		}
		return err
	})
	return more, err
}

// emptyLog empties the write-ahead log of a SQLite file, so that nothing that was deleted is in
// it. It fails with KindUnavailable if somebody goes on reading what is in the log.
func (db *DB) emptyLog(ctx context.Context) error {
	for begin := time.Now(); ; {
		emptied := func() bool { return false }
		if err := db.change(ctx, func(*tx) error { emptied = db.engine.emptyLog(); return nil }); err != nil {
			return err
		}
		switch {
		case emptied():
			return nil
		case time.Since(begin) > emptyLogFor:
			return hook.Unavailable(errors.New("the write-ahead log is being read, so it cannot be emptied"))
		}
		if err := rest(ctx); err != nil {
			return err
		}
	}
}

// shrink gives at most shrinkStep pages back, if more than the spare ones are free.
func (l *sqlite) shrink(t *tx) (more bool, err error) {
	var free, pages int64
	if err := t.row(`PRAGMA freelist_count`).Scan(&free); err != nil {
		return false, err
	}
	if err := t.row(`PRAGMA page_count`).Scan(&pages); err != nil {
		return false, err
	}
	excess := free - max((pages-free)/spareShare, sparePages)
	if excess <= 0 {
		return false, nil
	}
	rows, err := t.rows(fmt.Sprintf(`PRAGMA incremental_vacuum(%d)`, min(excess, shrinkStep)))
	if err != nil {
		return false, err
	}
	defer rows.Close()
	given := false
	for rows.Next() { // it gives one page back for each row that is asked for
		given = true
	}
	return given && excess > shrinkStep, rows.Err()
}

// emptyLog is about the write-ahead log.
func (l *sqlite) emptyLog() (emptied func() bool) {
	was := l.emptied.Load()
	l.truncate.Store(true)
	return func() bool { return l.emptied.Load() != was }
}
