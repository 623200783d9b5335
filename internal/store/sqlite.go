package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"gancho/internal/hook"

	"github.com/pressly/goose/v3"
	driver "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// sqlite is SQLite as [engine] and [dialect]. One goroutine writes over one connection; other
// connections read. With WAL and synchronous=FULL, a commit is on disk when it returns.
//
// Checkpoints run beside the writer (PASSIVE, in background), because an automatic checkpoint
// would make one of the commits slow. Only the writer can restart the log from its beginning,
// because it adds to the log all the time. It does so when the log has grown; by then the
// checkpoints have copied nearly all of it.
type sqlite struct {
	db    *sql.DB   // the writing pool: one connection
	conn  *sql.Conn // that connection
	check *sql.DB   // the checkpointing connection
	read  *sql.DB   // many connections, read-only
	log   *slog.Logger
	seal  *sealer
	stmts stmts

	queue, event *sql.Stmt // for reading

	// gone are the deleted tenants, so that no event is stored that was accepted before its
	// tenant was deleted. Only the writer uses it.
	gone map[string]bool

	rows atomic.Int64 // written since the last checkpoint
	// restart is set by background when the log is longer than walRestart, and cleared by
	// the writer, which then begins the log anew.
	restart atomic.Bool
	// truncate is set by emptyLog, and cleared by the writer, which then empties
	// the log unless somebody reads from it. emptied counts how often that succeeded.
	truncate atomic.Bool
	emptied  atomic.Int64
}

const (
	pageSize        = 4096
	checkpointEvery = time.Second
	checkpointRows  = 1000                // with fewer new rows, a checkpoint waits
	checkpointWait  = 30 * time.Second    // for this long
	walRestart      = 16 << 20 / pageSize // pages
	busyTimeout     = 5 * time.Second     // how long to wait while another program, such as a backup, holds the lock
)

func sqliteDSN(path string, pragmas ...string) string {
	q := url.Values{"_txlock": {"immediate"}, "_pragma": append([]string{
		fmt.Sprintf("busy_timeout(%d)", busyTimeout.Milliseconds()),
		"foreign_keys(0)", // no table refers to another by constraint: history outlives configuration
		"temp_store(2)",
	}, pragmas...)}
	return (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: q.Encode()}).String()
}

func openSQLite(ctx context.Context, o Options) (_ *sqlite, err error) {
	path, log, name := o.Path, o.Log, cmp.Or(o.driver, "sqlite")
	l := &sqlite{log: log, gone: map[string]bool{}}
	defer func() {
		if err != nil {
			_ = l.close()
		}
	}()
	if err := protectFiles(path, log); err != nil {
		return nil, err
	}
	// page_size and auto_vacuum take effect on a new file only, before its first table.
	// secure_delete overwrites what is deleted with zeros (docs/adr/0033).
	l.db, err = sql.Open(name, sqliteDSN(path, fmt.Sprintf("page_size(%d)", pageSize), "auto_vacuum(INCREMENTAL)",
		"secure_delete(ON)", "journal_mode(WAL)", "synchronous(FULL)", "wal_autocheckpoint(0)", "cache_size(-32768)"))
	if err != nil {
		return nil, err
	}
	l.db.SetMaxOpenConns(1)
	if err := l.vacuumOld(ctx, path); err != nil {
		return nil, err
	}
	if err := migrateTables(ctx, l.db, goose.DialectSQLite3, "sqlite"); err != nil {
		return nil, err
	}
	if l.conn, err = l.db.Conn(ctx); err != nil {
		return nil, err
	}
	if err := l.checkSync(ctx); err != nil {
		return nil, err
	}
	if err := l.stmts.prepare(ctx, l.conn); err != nil {
		return nil, err
	}
	if l.check, err = sql.Open(name, sqliteDSN(path, "synchronous(FULL)")); err != nil {
		return nil, err
	}
	l.check.SetMaxOpenConns(1)
	if l.read, err = sql.Open(name, sqliteDSN(path, "query_only(1)", "cache_size(-8192)")); err != nil {
		return nil, err
	}
	l.read.SetMaxOpenConns(2 + 2*runtime.GOMAXPROCS(0))
	l.read.SetMaxIdleConns(2 + runtime.GOMAXPROCS(0))
	//lint:ignore sqlclosecheck kept as long as the store is open; close closes it
	if l.queue, err = l.read.PrepareContext(ctx, sqliteQueue); err != nil {
		return nil, err
	}
	//lint:ignore sqlclosecheck kept as long as the store is open; close closes it
	if l.event, err = l.read.PrepareContext(ctx, eventByID); err != nil {
		return nil, err
	}
	return l, nil
}

// syncFull is the number of synchronous=FULL.
const syncFull = 2

// checkSync fails if a commit of the writing connection would return before it is on disk.
func (l *sqlite) checkSync(ctx context.Context) error {
	var sync int
	if err := l.conn.QueryRowContext(ctx, `PRAGMA synchronous`).Scan(&sync); err != nil {
		return err
	}
	if sync != syncFull {
		return fmt.Errorf("commits would not be durable: synchronous is %d instead of %d (FULL)", sync, syncFull)
	}
	return nil
}

func (l *sqlite) prepare(ctx context.Context, text string) (*sql.Stmt, error) {
	return l.read.PrepareContext(ctx, text)
}

// change does nothing: there is one writer, so changes belong into batches.
func (l *sqlite) change(*change) bool { return false }

// submit makes the stored forms of large payloads, and of sealed ones.
func (l *sqlite) submit(s *submission) (written bool) {
	s.encode(l.seal, packFrom)
	return false
}

// dropHistory has nothing to drop.
func (l *sqlite) dropHistory(context.Context, time.Time) (int, bool, error) { return 0, false, nil }

// indexedBy names the index, since SQLite has no statistics here and might take another.
func (l *sqlite) indexedBy(index string) string { return " INDEXED BY " + index }

// inOrder only reads: TestListPlans shows that the texts leave SQLite no other plan.
func (l *sqlite) inOrder(ctx context.Context, query string, args []any, row func(scanner) error) error {
	_, err := collect(ctx, l.read, func(r scanner) (struct{}, error) { return struct{}{}, row(r) }, query, args...)
	return err
}

func (l *sqlite) byIDs(q *query, tenant string, ids []hook.ID) string {
	q.and("tenant = %s", tenant)
	marks := make([]string, len(ids))
	for i, id := range ids {
		marks[i] = q.arg(id[:])
	}
	q.where = append(q.where, "id IN ("+strings.Join(marks, ", ")+")")
	return "deliveries"
}

const sqliteQueue = `SELECT ` + deliveryColumns + ` FROM deliveries
	WHERE endpoint = $1 AND due_at >= $2 AND due_at <= $3 AND (due_at, id) > ($4, $5) ORDER BY due_at, id LIMIT $6`

// readQueue reads one queue by itself.
func (l *sqlite) readQueue(ctx context.Context, q *queueRead) error {
	rows, err := l.queue.QueryContext(ctx, q.id[:], q.since, q.until, q.at, append([]byte{}, q.after...), q.n)
	if err != nil {
		return storageError(err)
	}
	defer rows.Close()
	q.list = make([]hook.Delivery, 0, q.n)
	for rows.Next() {
		d, err := scanDelivery(rows)
		if err != nil {
			return storageError(err)
		}
		q.list = append(q.list, d)
	}
	return storageError(rows.Err())
}

// readEvents reads the first event only: reading them together saves nothing here.
func (l *sqlite) readEvents(ctx context.Context, into map[hook.EventID]*hook.Event, list []hook.Delivery) error {
	id := list[0].ID.Event()
	e, err := l.seal.scanEvent(l.event.QueryRowContext(ctx, list[0].Tenant, id[:]))
	if errors.Is(err, sql.ErrNoRows) {
		return hook.NotFound("event", id.String())
	}
	into[id] = e
	return storageError(err)
}

// busyText finds the next endpoint in the index, again and again.
func (l *sqlite) busyText() string {
	return `WITH RECURSIVE busy (endpoint) AS (
			SELECT (SELECT endpoint FROM deliveries WHERE due_at IS NOT NULL ORDER BY endpoint LIMIT 1)
			UNION ALL
			SELECT (SELECT d.endpoint FROM deliveries d WHERE d.due_at IS NOT NULL AND d.endpoint > busy.endpoint
				ORDER BY d.endpoint LIMIT 1)
			FROM busy WHERE busy.endpoint IS NOT NULL
		)
		SELECT endpoint FROM busy WHERE endpoint IS NOT NULL`
}

func (l *sqlite) close() error {
	var errs []error
	l.stmts.close()
	for _, stmt := range []*sql.Stmt{l.queue, l.event} {
		if stmt != nil {
			errs = append(errs, stmt.Close())
		}
	}
	if l.conn != nil {
		errs = append(errs, l.conn.Close())
	}
	if l.check != nil {
		errs = append(errs, l.check.Close())
	}
	if l.read != nil {
		errs = append(errs, l.read.Close())
	}
	if l.db != nil {
		errs = append(errs, l.db.Close())
	}
	return errors.Join(errs...)
}

func (l *sqlite) transient(err error) bool {
	e, ok := errors.AsType[*driver.Error](err)
	if !ok {
		return true // the connection itself is in trouble
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_ERROR,
		sqlite3.SQLITE_RANGE:
		return false
	}
	return true // full disk, I/O error, lock, read-only file…
}

func (l *sqlite) commit(b *batch) (err error) {
	ctx := context.Background() // no cancellation: a commit ends by itself
	if _, err := l.stmts.begin.ExecContext(ctx); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			l.stmts.reset()
			// The engine may have rolled back already; then this fails, which is fine.
			_, _ = l.stmts.rollback.ExecContext(ctx)
		}
	}()
	for _, c := range b.changes {
		if err := l.runChange(ctx, c); err != nil {
			return err
		}
	}
	for _, s := range b.submissions {
		if err := l.writeSubmission(ctx, s); err != nil {
			return err
		}
	}
	// Results may be of deliveries that this very batch inserts.
	if err := l.stmts.flush(ctx); err != nil {
		return err
	}
	for _, m := range b.marks {
		stored, err := l.mark(ctx, m)
		if err != nil {
			return err
		}
		m.noted(stored)
	}
	for _, r := range b.results {
		if err := l.result(ctx, r); err != nil {
			return err
		}
	}
	for id, h := range b.health {
		if err := l.saveHealth(ctx, id, h); err != nil {
			return err
		}
	}
	if err := l.stmts.flush(ctx); err != nil {
		return err
	}
	if _, err = l.stmts.commit.ExecContext(ctx); err != nil {
		return err
	}
	for _, c := range b.changes {
		for tenant, gone := range c.tenants {
			if c.err == nil {
				l.gone[tenant] = gone
			}
		}
	}
	l.rows.Add(int64(b.size()))
	switch restart := l.restart.Swap(false); {
	case l.truncate.CompareAndSwap(true, false):
		l.restartLog(ctx, "TRUNCATE")
	case restart:
		l.restartLog(ctx, "RESTART")
	}
	return nil
}

// restartLog begins the write-ahead log anew: RESTART overwrites the file in place, TRUNCATE
// empties it first. It waits for readers only shortly, since commits wait meanwhile. The next
// checkpoint, or the next round of retention, makes it try again.
func (l *sqlite) restartLog(ctx context.Context, how string) {
	const patience = 20 * time.Millisecond
	start := time.Now()
	failed := func(err error) {
		if err != nil {
			l.log.Warn("checkpoint failed", "error", err)
		}
	}
	_, err := l.conn.ExecContext(ctx, fmt.Sprintf(`PRAGMA busy_timeout = %d`, patience.Milliseconds()))
	failed(err)
	var busy bool // a reader is in the way; that is no error
	var pages, done int64
	err = l.conn.QueryRowContext(ctx, `PRAGMA wal_checkpoint(`+how+`)`).Scan(&busy, &pages, &done)
	failed(err)
	if err == nil && !busy && how == "TRUNCATE" {
		l.emptied.Add(1)
	}
	_, err = l.conn.ExecContext(ctx, fmt.Sprintf(`PRAGMA busy_timeout = %d`, busyTimeout.Milliseconds()))
	failed(err)
	if took := time.Since(start); took > slowCommit {
		l.log.Warn("the disk is slow: a checkpoint held up commits", "took", took)
	}
}

// runChange runs one change under a savepoint. The error of the change is kept for its
// caller; returned is only an error of the transaction itself.
func (l *sqlite) runChange(ctx context.Context, c *change) error {
	if _, err := l.conn.ExecContext(ctx, `SAVEPOINT change`); err != nil {
		return err
	}
	t := &tx{ctx: ctx, conn: l.conn}
	c.err = c.run(t)
	if c.err != nil {
		if e, ok := errors.AsType[*driver.Error](c.err); ok && l.transient(e) {
			return c.err
		}
		if _, err := l.conn.ExecContext(ctx, `ROLLBACK TO change`); err != nil {
			return err
		}
	}
	c.tenants = t.tenants
	_, err := l.conn.ExecContext(ctx, `RELEASE change`)
	return err
}

// background checkpoints the log beside the writer.
func (l *sqlite) background(ctx context.Context) {
	tick := time.NewTicker(checkpointEvery)
	defer tick.Stop()
	last := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			rows := l.rows.Load()
			if rows == 0 || rows < checkpointRows && now.Sub(last) < checkpointWait {
				continue
			}
			last = now
			l.rows.Add(-rows)
		}
		var busy, pages, done int64
		err := l.check.QueryRowContext(ctx, `PRAGMA wal_checkpoint(PASSIVE)`).Scan(&busy, &pages, &done)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			l.log.Warn("checkpoint failed", "error", err)
		case pages > walRestart:
			// Nearly all of the log is in the database file now, so the writer can copy the
			// rest quickly and begin anew. A log that is overwritten in place stays small,
			// and the file system syncs it faster than one that grows.
			l.restart.Store(true)
		}
	}
}
