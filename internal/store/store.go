// Package store contains all SQL of Gancho. No other package knows SQL.
//
// It promises:
//
//   - A call that returns nil is durable: its transaction was committed and
//     synced. A call that returns an error stored nothing.
//   - Each method is one transaction, and a verb of the domain. No transaction,
//     row or SQL error leaves this package; failures are [hook.Error]s.
//   - Many callers share one commit (see commit.go), so throughput grows with the
//     load, and a single caller waits for one sync.
//   - Payloads come back byte for byte. Endpoint configuration and secrets are
//     encrypted at rest (see seal.go), payloads if somebody asked for it (payload.go).
//
// The consumers (ingest, deliver, api) each declare the few methods they need;
// *DB satisfies them all. What differs between databases sits behind [engine] and
// [dialect], and what only a database of several nodes has behind [DB.Cluster].
package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"gancho/internal/hook"
)

// Options say which database to open and how.
type Options struct {
	// Path of the SQLite file; its directory must exist.
	Path string
	// URL of a PostgreSQL database (postgres://…), instead of a file.
	URL string
	// Moving opens a database that package move copies to, finished or not.
	Moving bool
	// Key encrypts secrets at rest: 32 bytes (AES-256). It stands for Keys with one key.
	Key []byte
	// Keys reads the encryption keys from where they are kept, in any order; nil: Key alone. It
	// is called again if the database names a key that was not there before.
	Keys func() ([][]byte, error)
	// MakeKey makes a key, and returns it when it is kept durably beside those that there are. It
	// is called for the first key, if nothing is sealed in the database, and for a rotation. nil:
	// there must be a key.
	MakeKey func() ([]byte, error)
	// Retention is about how long history is kept. The length of a partition follows from
	// it. 0: a month. [DB.Expire] removes history.
	Retention time.Duration
	// MaxEndpoints is how many endpoints a tenant can have. 0, and the highest value:
	// [hook.MaxFanout], so that an event can go to all of them.
	MaxEndpoints int
	// Log gets errors that no caller gets: failed checkpoints, repeated commits.
	Log *slog.Logger
	// Now is the clock of everything that is stored, except what only the clock of the database may say
	// ([Cluster]), and what ends by the machine's clock, as its readers ask that one: sessions, portal links and the
	// texts of keys. With SQLite, schedules follow the machine's clock, too. nil: [time.Now].
	Now    func() time.Time
	driver string // of SQLite, "" for the usual one; tests have one that fails
}

// DB is the database of one Gancho node. Its methods may be called from any
// goroutine once [DB.Run] has been started.
type DB struct {
	engine    engine
	dialect   dialect
	cluster   *Cluster // nil with SQLite
	read      *sql.DB  // many connections, read-only
	hot       hotReads
	gathering *gathering
	commits   atomic.Int64 // see Commits
	seal      *sealer
	options   Options
	sweep     *sweep        // of the rotation that this node leads; only [DB.LeadRotation] uses it
	settle    time.Duration // for tests, see settleAfter
	log       *slog.Logger
	watch     watchers
	now       func() time.Time

	maxEndpoints int // of a tenant
	clock        clock
}

// engine is how a database writes. SQLite and PostgreSQL each implement it, and dialect.
type engine interface {
	// commit writes a batch in one transaction, setting each operation's result.
	// An error means that nothing of the batch was stored.
	commit(b *batch) error
	// submit does what a submission needs on its caller's goroutine, before it is put
	// into a batch. It reports whether it has written the submission already.
	submit(s *submission) (written bool)
	// change runs a change in a transaction of its own and sets its error. It reports false,
	// and does nothing, if changes have to go into batches.
	change(c *change) (ran bool)
	// dropHistory removes partitions of history that ended before a time, and returns
	// how many. It reports false if history is not partitioned, and does nothing.
	dropHistory(ctx context.Context, before time.Time) (dropped int, partitioned bool, err error)
	// shrink gives some free space back to the file system, in a change, and reports whether
	// there is more. emptyLog makes the next commit empty the log of earlier ones; emptied says
	// afterwards whether it did.
	shrink(t *tx) (more bool, err error)
	emptyLog() (emptied func() bool)
	// background does the upkeep the engine needs until ctx ends.
	background(ctx context.Context)
	// transient reports whether err is the database's state (full disk, lock,
	// lost connection) rather than one operation's fault.
	transient(err error) bool
	close() error
}

// dialect has the reads whose SQL differs between SQLite and PostgreSQL. Most statements are
// the same for both, with $1 placeholders.
type dialect interface {
	// prepare prepares a statement for reading. It returns nil if the database works better
	// without.
	prepare(ctx context.Context, text string) (*sql.Stmt, error)
	// indexedBy returns the SQL that makes a statement use an index, or "" if the planner
	// chooses well by itself.
	indexedBy(index string) string
	// inOrder reads a page of a list row by row, in the order of the index that the query is
	// written for. It never reads the whole table, and never sorts, even if the planner has no
	// statistics.
	inOrder(ctx context.Context, query string, args []any, row func(scanner) error) error
	// byIDs returns the FROM clause of a query for the deliveries of a tenant that have these
	// ids.
	byIDs(q *query, tenant string, ids []hook.ID) (table string)
	// readQueue reads a page of an endpoint's queue into q. It reads only the rows of that
	// page, however many deliveries there are.
	readQueue(ctx context.Context, q *queueRead) error
	// readEvents reads the event of the first delivery in list. If that saves round trips, it
	// also reads the events of the others. Only the first event has to exist.
	readEvents(ctx context.Context, into map[hook.EventID]*hook.Event, list []hook.Delivery) error
	// busyText lists the endpoints that have unfinished deliveries, at a cost that
	// grows with the number of endpoints, not of deliveries.
	busyText() string
}

//go:embed migrations
var migrations embed.FS

// Open opens the database, creating and migrating it as needed. It starts no
// goroutine; nothing can be written until [DB.Run] runs. It fails with a [hook.SealKeysError]
// if an encryption key is missing or wrong.
func Open(ctx context.Context, o Options) (*DB, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	db := &DB{seal: &sealer{}, options: o, log: o.Log, gathering: newGathering(), now: o.Now, maxEndpoints: hook.MaxFanout}
	if o.MaxEndpoints > 0 {
		db.maxEndpoints = min(o.MaxEndpoints, hook.MaxFanout)
	}
	if o.URL != "" {
		p, err := openPostgres(ctx, o)
		if err != nil {
			return nil, openError(err)
		}
		p.seal = db.seal
		db.engine, db.dialect, db.read, db.clock = p, p, p.sql, databaseClock
		db.cluster = &Cluster{db, p}
		if !o.Moving {
			if err := db.cluster.checkMoved(ctx); err != nil {
				return nil, errors.Join(err, p.close())
			}
		}
	} else {
		l, err := openSQLite(ctx, o)
		if err != nil {
			return nil, fmt.Errorf("open %s: %w", o.Path, err)
		}
		l.seal = db.seal
		db.engine, db.dialect, db.read, db.clock = l, l, l.read, wallClock
	}
	if err := db.openKeys(ctx, o); err != nil {
		return nil, errors.Join(err, db.engine.close())
	}
	return db, db.hot.prepare(ctx, db)
}

// Run commits what callers hand in until ctx ends, then commits what still waits, and
// returns. From then on callers get an error.
func (db *DB) Run(ctx context.Context) error {
	upkeep, stop := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() { defer close(done); db.engine.background(upkeep) }()
	db.runCommits(ctx)
	stop()
	<-done
	return nil
}

// Close releases the files. Call it after Run has returned.
func (db *DB) Close() error {
	return errors.Join(db.hot.close(), db.engine.close())
}

// hotReads are the statements whose results senders wait for. They are prepared once, if
// [dialect] does that.
type hotReads struct {
	event, body, record, records hotRead
}

// hotRead is one of them.
type hotRead struct {
	db   *sql.DB
	text string
	stmt *sql.Stmt // nil: not prepared
}

func (h *hotReads) prepare(ctx context.Context, db *DB) (err error) {
	for _, p := range []struct {
		read *hotRead
		text string
	}{
		{&h.event, eventByID},
		{&h.body, `SELECT body, head FROM bodies WHERE delivery = $1`},
		{&h.record, recordQuery},
		{&h.records, recordsQuery()},
	} {
		p.read.db, p.read.text = db.read, p.text
		if p.read.stmt, err = db.dialect.prepare(ctx, p.text); err != nil {
			return fmt.Errorf("%w in %s", err, p.text)
		}
	}
	return nil
}

func (h *hotReads) close() (err error) {
	for _, r := range []*hotRead{&h.event, &h.body, &h.record, &h.records} {
		if r.stmt != nil {
			err = errors.Join(err, r.stmt.Close())
		}
	}
	return err
}

// QueryContext and QueryRowContext are those of [sql.Stmt].
func (r *hotRead) QueryContext(ctx context.Context, args ...any) (*sql.Rows, error) {
	if r.stmt != nil {
		return r.stmt.QueryContext(ctx, args...)
	}
	return r.db.QueryContext(ctx, r.text, args...)
}

func (r *hotRead) QueryRowContext(ctx context.Context, args ...any) *sql.Row {
	if r.stmt != nil {
		return r.stmt.QueryRowContext(ctx, args...)
	}
	return r.db.QueryRowContext(ctx, r.text, args...)
}

// micros and fromMicros are how times are stored: UTC microseconds, NULL for
// the zero time.
func micros(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}

func fromMicros(n sql.NullInt64) time.Time {
	if !n.Valid {
		return time.Time{}
	}
	return time.UnixMicro(n.Int64).UTC()
}

// storageError turns an error of the database into the one that callers get.
func storageError(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*hook.Error](err); ok {
		return err
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return hook.Unavailable(err)
}
