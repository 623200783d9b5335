package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"gancho/internal/hook"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
)

// postgres is PostgreSQL as [engine] and [dialect]. The committing goroutine writes
// batches over one connection (postgres_write.go); changes and reads share a pool.
//
// A change reads before it writes, and its code is the same for SQLite, which has one
// writer. So each change takes a lock of the whole database, whatever node it runs on.
// Batches take none: they insert rows, and update rows that only their owner updates.
//
// No state stays on a connection after a transaction, so this works behind PgBouncer with
// transaction pooling: prepared statements have no names, and no lock belongs to a session.
type postgres struct {
	pool *pgxpool.Pool // reads and changes
	sql  *sql.DB       // the same pool but for one connection, so that a lease is renewed however busy it is
	hot  *pgxpool.Pool // the one connection that writes batches
	turn chan struct{} // bounds the changes under way: more would only wait, each on a connection
	log  *slog.Logger
	seal *sealer
	span time.Duration // of new partitions

	node  membership
	reads queueReads
	trips trips
}

// trips counts round trips to the server; a pgx tracer is asked at each.
type trips struct{ n atomic.Int64 }

// TraceQueryStart counts a statement that goes out by itself.
func (t *trips) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	t.n.Add(1)
	return ctx
}

// TraceQueryEnd counts nothing.
func (t *trips) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// TraceBatchStart counts statements that go out together.
func (t *trips) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	t.n.Add(1)
	return ctx
}

// TraceBatchQuery counts nothing.
func (t *trips) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

// TraceBatchEnd counts nothing.
func (t *trips) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

const (
	// commitTimeout ends the wait for a server that does not answer a commit. The connection is
	// closed, and it stays unknown whether the commit succeeded.
	commitTimeout = 15 * time.Second
	changeTimeout = 30 * time.Second
	// conflicts is how often a transaction is tried that conflicts with another.
	conflicts = 5
	// changesAtOnce is how many changes of this node have a connection: one has the lock,
	// and one waits for it.
	changesAtOnce = 2
	// leastConns are the connections of changes, one to read and one to renew the lease.
	leastConns = changesAtOnce + 2
)

func openPostgres(ctx context.Context, o Options) (_ *postgres, err error) {
	cfg, err := pgxpool.ParseConfig(o.URL)
	if err != nil {
		return nil, errors.New("the database's URL cannot be read; write postgres://user:password@host:5432/database") // err has the password
	}
	// The descriptions of statements are cached here, and their names are not used. So a
	// statement takes one round trip, and works if a pooler gives each transaction to
	// another server process.
	if !strings.Contains(o.URL, "default_query_exec_mode") {
		cfg.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	}
	if cfg.ConnConfig.ConnectTimeout == 0 {
		cfg.ConnConfig.ConnectTimeout = 5 * time.Second
	}
	if !strings.Contains(o.URL, "pool_max_conns") {
		cfg.MaxConns = int32(4 + 2*runtime.GOMAXPROCS(0))
	}
	cfg.MaxConns = max(cfg.MaxConns, leastConns)
	p := &postgres{log: o.Log, span: partitionSpan(o.Retention), turn: make(chan struct{}, changesAtOnce)}
	p.node.source = rand.Int64()
	defer func() {
		if err != nil {
			_ = p.close()
		}
	}()
	cfg.ConnConfig.Tracer = &p.trips
	cfg.ShouldPing = p.shouldPing
	if cfg.PingTimeout == 0 {
		cfg.PingTimeout = cfg.ConnConfig.ConnectTimeout
	}
	hot := cfg.Copy()
	hot.MaxConns, hot.MinConns = 1, 0
	if p.pool, err = pgxpool.NewWithConfig(ctx, cfg); err != nil {
		return nil, err
	}
	if p.hot, err = pgxpool.NewWithConfig(ctx, hot); err != nil {
		return nil, err
	}
	// A connection that passes directly to a waiting caller needs no ping: it was used a
	// moment ago.
	p.sql = stdlib.OpenDBFromPool(p.pool, stdlib.OptionShouldPing(func(context.Context, stdlib.ShouldPingParams) bool { return false }))
	p.sql.SetMaxOpenConns(int(cfg.MaxConns) - 1)
	if err := p.migrate(ctx); err != nil {
		return nil, err
	}
	return p, p.checkSync(ctx)
}

// checkSync warns if the server answers a commit before it is on disk. That may be meant, since what is
// lost then is little and only if the machine of the server crashes; but it has to be known.
func (p *postgres) checkSync(ctx context.Context) error {
	var commit string
	if err := p.sql.QueryRowContext(ctx, `SELECT current_setting('synchronous_commit')`).Scan(&commit); err != nil {
		return err
	}
	if commit == "off" {
		p.log.Warn("synchronous_commit is off in the PostgreSQL database: events that were accepted can be lost if its machine crashes",
			"change", "ALTER ROLE … SET synchronous_commit = on")
	}
	return nil
}

// shouldPing decides whether a connection is pinged before it leaves the pool; it is
// replaced if the ping fails. It is pinged if it was idle for long, or if there is
// something to read on it, since that is most likely the message that the server closes it.
// Finding out later is worse: a statement that was sent over a dead connection cannot be
// repeated without knowing whether the server has run it.
func (p *postgres) shouldPing(_ context.Context, c pgxpool.ShouldPingParams) bool {
	ping := c.IdleDuration > pingAfter || !quiet(c.Conn.PgConn().Conn())
	if ping {
		p.trips.n.Add(1)
	}
	return ping
}

// migrate brings the tables up to date, one node at a time. Migrations only add, so nodes
// of the release before can work meanwhile and afterwards.
func (p *postgres) migrate(ctx context.Context) error {
	guard, err := p.lockSoon(ctx, lockMigrations)
	if err != nil {
		return err
	}
	defer func() { _ = guard.Rollback() }() // it holds a lock and has written nothing
	// This transaction is idle while other connections migrate, however long that takes. If
	// this machine disappears, TCP keep-alive ends the transaction.
	if _, err := guard.ExecContext(ctx, `SELECT set_config('idle_in_transaction_session_timeout', '0', true),
		set_config('tcp_keepalives_idle', '10', true), set_config('tcp_keepalives_interval', '5', true),
		set_config('tcp_keepalives_count', '4', true)`); err != nil {
		return err
	}
	if err := p.migrateInTurn(ctx); err != nil {
		return err
	}
	if err := p.partitionAhead(ctx); !busyTable(err) {
		return err
	}
	return nil // housekeeping tries again
}

func (p *postgres) close() error {
	var err error
	if p.sql != nil {
		err = p.sql.Close()
	}
	if p.pool != nil {
		p.pool.Close()
	}
	if p.hot != nil {
		p.hot.Close()
	}
	return err
}

// prepare prepares nothing: a named prepared statement belongs to a session, and a pooler
// changes sessions.
func (p *postgres) prepare(context.Context, string) (*sql.Stmt, error) { return nil, nil }

// indexedBy returns nothing: the planner of PostgreSQL has statistics.
func (p *postgres) indexedBy(string) string { return "" }

// byIDs looks deliveries up one by one. LIMIT 1 forces the planner to; otherwise it may read
// all deliveries of the tenant.
func (p *postgres) byIDs(q *query, tenant string, ids []hook.ID) string {
	list := make([][]byte, len(ids))
	for i, id := range ids {
		list[i] = id[:]
	}
	return fmt.Sprintf(`unnest(%s::bytea[]) AS wanted (one) CROSS JOIN LATERAL
		(SELECT * FROM deliveries WHERE tenant = %s AND id = one LIMIT 1) AS deliveries`, q.arg(list), q.arg(tenant))
}

// postgresQueue reads several queues, each row with the number of its queue. It and
// busyText are functions of the database, see migration 11.
const postgresQueue = `SELECT u.number, ` + deliveryColumns + ` FROM unnest($1::bytea[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bytea[], $6::integer[])
	WITH ORDINALITY AS u (wanted, since, until, after_due, after_id, most, number),
	LATERAL gancho_queue(u.wanted, u.since, u.until, u.after_due, u.after_id, u.most) AS d`

func (p *postgres) busyText() string { return `SELECT gancho_busy()` }

// byIndex makes the planner read an index in its order, for one transaction. Statistics are
// missing when a table has just grown. Without them the planner takes every tenant and
// endpoint for a small one, reads all its rows and sorts them.
const byIndex = `SELECT set_config('enable_' || name, 'off', true) FROM unnest(ARRAY['sort', 'seqscan', 'bitmapscan', 'hashjoin', 'mergejoin']) AS name`

// inOrder sends the settings and the query as one pipeline, which is one round trip and
// one transaction.
func (p *postgres) inOrder(ctx context.Context, query string, args []any, row func(scanner) error) error {
	conn, err := p.sql.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // back to the pool
	q := &pgx.Batch{}
	q.Queue(byIndex)
	q.Queue(query, args...).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			if err := row(rows); err != nil {
				return err
			}
		}
		return rows.Err()
	})
	return pipelined(conn, func(c *pgx.Conn) error { return c.SendBatch(ctx, q).Close() })
}

func (p *postgres) transient(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return true // the connection is in trouble
	}
	switch e.Code[:2] {
	case "21", "22", "23", "42": // a value, a constraint or a statement is wrong
		return false
	}
	return true
}

func (p *postgres) background(ctx context.Context) { <-ctx.Done() }

// openError says what to do about a database that cannot be opened.
func openError(err error) error {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch e.Code {
		case "28P01", "28000":
			return fmt.Errorf("the database refuses the user or the password of its URL: %w", err)
		case "3D000":
			return fmt.Errorf("there is no such database; make it with CREATE DATABASE: %w", err)
		case "42501":
			return fmt.Errorf("the database's user may not make tables: give it CREATE on the schema: %w", err)
		}
	}
	return err
}

// Migrate brings the tables of a PostgreSQL database up to date. [Open] does so too; this
// is for operators who do it before new nodes start. If it has to wait for others, it says
// so on standard error.
func Migrate(ctx context.Context, url string) error {
	p, err := openPostgres(ctx, Options{URL: url, Log: slog.Default()})
	if err != nil {
		return openError(err)
	}
	return p.close()
}
