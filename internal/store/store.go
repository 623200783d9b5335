// Package store is all SQL of Gancho, and the only place that knows it.
//
// It promises:
//
//   - A call that returns nil is durable: its transaction was committed and
//     synced. A call that returns an error stored nothing.
//   - Each method is one transaction, and a verb of the domain. No transaction,
//     row or SQL error leaves this package; failures are [hook.Error]s.
//   - Many callers share one commit (see commit.go), so throughput grows with
//     load while a lone caller waits for one sync.
//   - Payloads come back byte for byte. Endpoint configuration and secrets are
//     encrypted at rest (see seal.go).
//
// The consumers (ingest, deliver, api) each declare the few methods they need;
// *DB satisfies them all. What differs between databases sits behind [dialect].
package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"gancho/internal/hook"
)

// Options say which database to open and how.
type Options struct {
	// Path of the SQLite file; its directory must exist.
	Path string
	// Key encrypts secrets at rest: 32 bytes (AES-256).
	Key []byte
	// Log gets what nobody waits for: failed checkpoints, retried commits.
	Log *slog.Logger
}

// DB is the database of one Gancho node. Its methods may be called from any
// goroutine once [DB.Run] has been started.
type DB struct {
	dialect dialect
	read    *sql.DB // many connections, read-only
	hot     hotReads
	queue   *queue
	seal    *sealer
	log     *slog.Logger
	watch   watchers
	now     func() time.Time
}

// dialect is what differs between SQLite and PostgreSQL. Everything else is
// shared text with $1 placeholders.
type dialect interface {
	// commit writes a batch in one transaction, setting each operation's result.
	// An error means that nothing of the batch was stored.
	commit(b *batch) error
	// commitEach writes each operation in a transaction of its own.
	commitEach(b *batch)
	// background does the upkeep the engine needs until ctx ends.
	background(ctx context.Context)
	// transient reports whether err is the database's state (full disk, lock,
	// lost connection) rather than one operation's fault.
	transient(err error) bool
	close() error
}

//go:embed migrations
var migrations embed.FS

// Open opens the database, creating and migrating it as needed. It starts no
// goroutine; nothing can be written until [DB.Run] runs.
func Open(ctx context.Context, o Options) (*DB, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	seal, err := newSealer(o.Key)
	if err != nil {
		return nil, err
	}
	db := &DB{seal: seal, log: o.Log, queue: newQueue(), now: time.Now}
	lite, read, err := openSQLite(ctx, o.Path, o.Log)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", o.Path, err)
	}
	db.dialect, db.read = lite, read
	return db, db.hot.prepare(ctx, read)
}

// Run commits what callers hand in until ctx ends, then commits what is still
// queued and returns. Callers must have stopped by then, or get an error.
func (db *DB) Run(ctx context.Context) error {
	upkeep, stop := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() { defer close(done); db.dialect.background(upkeep) }()
	db.runQueue(ctx)
	stop()
	<-done
	return nil
}

// Close releases the files. Call it after Run has returned.
func (db *DB) Close() error {
	return errors.Join(db.hot.close(), db.read.Close(), db.dialect.close())
}

// hotReads are the reads that senders wait for, prepared once.
type hotReads struct {
	due, event, body *sql.Stmt
	record, records  *sql.Stmt
}

func (h *hotReads) prepare(ctx context.Context, read *sql.DB) (err error) {
	if h.due, err = read.PrepareContext(ctx, `SELECT `+deliveryColumns+` FROM deliveries WHERE endpoint = $1 AND due_at > 0 ORDER BY due_at, id`); err != nil {
		return err
	}
	if h.event, err = read.PrepareContext(ctx, `SELECT `+eventColumns+` FROM events WHERE tenant = $1 AND id = $2`); err != nil {
		return err
	}
	if h.body, err = read.PrepareContext(ctx, `SELECT body, head FROM bodies WHERE delivery = $1`); err != nil {
		return err
	}
	if h.record, err = read.PrepareContext(ctx, recordQuery); err != nil {
		return err
	}
	h.records, err = read.PrepareContext(ctx, recordsQuery())
	return err
}

func (h *hotReads) close() (err error) {
	for _, s := range []*sql.Stmt{h.due, h.event, h.body, h.record, h.records} {
		if s != nil {
			err = errors.Join(err, s.Close())
		}
	}
	return err
}

// Ready reports whether the database answers reads and commits writes.
func (db *DB) Ready(ctx context.Context) error {
	var one int
	if err := db.read.QueryRowContext(ctx, `SELECT 1`).Scan(&one); err != nil {
		return hook.Unavailable(err)
	}
	return db.change(ctx, func(*tx) error { return nil })
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

// lost turns a failed read into the error callers see.
func lost(err error) error {
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
