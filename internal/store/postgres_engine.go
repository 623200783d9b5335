package store

import (
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"gancho/internal/hook"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// This file has the features of PostgreSQL that Gancho uses beyond plain SQL, behind three
// functions: lock, partition and listen. Other databases speak the protocol of PostgreSQL and
// may lack one of them; docs/postgresql.md says what they would need.

// The advisory locks. Other programs are unlikely to use the same numbers.
const (
	lockMigrations = 0x67616e63686f00 + iota // "gancho", then a number
	lockChanges
)

// idleInTransaction is how long the server waits for the next statement of a transaction
// that holds locks. So a process that is suspended does not stop the other nodes for longer.
const idleInTransaction = 10 * time.Second

// workOf returns the application_name of a node's transactions that hold locks. A node that
// takes over the work finds these transactions by the name and ends them: [postgres.endWork].
func workOf(epoch int64) string { return fmt.Sprintf("gancho node %d", epoch) }

// lock takes a lock of the whole database until the transaction ends. epoch is that of the
// node that takes it.
func lock(ctx context.Context, t *sql.Tx, name, epoch int64) error {
	_, err := t.ExecContext(ctx, `SELECT set_config('idle_in_transaction_session_timeout', $1, true), set_config('application_name', $2, true),
		pg_advisory_xact_lock($3)`, fmt.Sprint(idleInTransaction.Milliseconds()), workOf(epoch), name)
	return err
}

// endWork ends the transactions of nodes that are evicted. A process that was suspended
// while it sent a statement would keep its locks until it goes on. No timeout of the server
// ends that: the transaction is neither idle nor does a statement run.
func (p *postgres) endWork(ctx context.Context, epochs []int64) error {
	names := make([]string, len(epochs))
	for i, e := range epochs {
		names[i] = workOf(e)
	}
	_, err := p.sql.ExecContext(ctx, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name = ANY ($1::text[])`, names)
	return err
}

// partitioned are the tables that are partitioned by time, each by a column that begins
// with the time. Rows of a later table belong to rows of earlier ones.
var partitioned = []struct{ table, column string }{
	{"events", "id"}, {"deliveries", "id"}, {"attempts", "delivery"}, {"bodies", "delivery"},
}

// Adding or removing a partition needs an exclusive lock on the table, and all other
// statements queue behind it. So it gives up soon, and tries again a little later.
const (
	alterPatience = 200 * time.Millisecond
	alterTries    = 5
	alterRest     = 300 * time.Millisecond
)

// alterTables runs a change of the tables themselves. If they are in use all the time, it
// fails with an error for which [busyTable] is true.
func (p *postgres) alterTables(ctx context.Context, run func(*tx) error) error {
	for try := 1; ; try++ {
		c := &change{run: func(t *tx) error {
			if _, err := t.exec(`SELECT set_config('lock_timeout', $1, true)`, fmt.Sprint(alterPatience.Milliseconds())); err != nil {
				return err
			}
			return run(t)
		}}
		p.change(c)
		if !busyTable(c.err) || try == alterTries {
			return storageError(c.err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(alterRest):
		}
	}
}

// partition makes the partitions of a span of time, and moves rows of that time into them
// from the default partitions (…_rest).
func partition(t *tx, since, until time.Time) error {
	var number int64
	if err := t.row(`INSERT INTO partitions (since, until) VALUES ($1, $2) RETURNING number`, since.UnixMicro(), until.UnixMicro()).Scan(&number); err != nil {
		return err
	}
	lo, hi := hook.IDAt(since), hook.IDAt(until)
	for _, p := range partitioned {
		name := fmt.Sprintf("%s_%d", p.table, number)
		for _, q := range []string{
			fmt.Sprintf(`CREATE TABLE %s (LIKE %s INCLUDING DEFAULTS)`, name, p.table),
			fmt.Sprintf(`WITH late AS (DELETE FROM %s_rest WHERE %s >= '\x%x' AND %s < '\x%x' RETURNING *) INSERT INTO %s SELECT * FROM late`,
				p.table, p.column, lo[:], p.column, hi[:], name),
			fmt.Sprintf(`ALTER TABLE %s ATTACH PARTITION %s FOR VALUES FROM ('\x%x') TO ('\x%x')`, p.table, name, lo[:], hi[:]),
		} {
			if _, err := t.exec(q); err != nil {
				return err
			}
		}
	}
	return nil
}

// dropPartition removes the partitions of one span of time. It keeps them if a delivery in them
// is unfinished, or was finished after limit.
func dropPartition(t *tx, number int64, limit time.Time) (dropped bool, err error) {
	var busy bool
	err = t.row(fmt.Sprintf(`SELECT EXISTS (SELECT 1 FROM deliveries_%d WHERE due_at IS NOT NULL)
		OR EXISTS (SELECT 1 FROM deliveries_%d WHERE finished_at >= $1)`, number, number), limit.UnixMicro()).Scan(&busy)
	if err != nil || busy {
		return false, err
	}
	for i := len(partitioned) - 1; i >= 0; i-- {
		if _, err := t.exec(fmt.Sprintf(`DROP TABLE %s_%d`, partitioned[i].table, number)); err != nil {
			return false, err
		}
	}
	_, err = t.exec(`DELETE FROM partitions WHERE number = $1`, number)
	return err == nil, err
}

// busyTable reports whether a statement failed because it did not get the lock of a table
// within the timeout.
func busyTable(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && e.Code == "55P03"
}

// channel is where nodes notify each other. An empty payload says that there are signals
// to read. Any other payload is the ids of endpoints with work, in hexadecimal.
const (
	channel     = "gancho"
	idsInNotice = 200 // a payload has at most 8000 bytes
)

// notify sends the ids of endpoints with work to all nodes that listen.
func (p *postgres) notify(ctx context.Context, ids []hook.EndpointID) error {
	for part := range slices.Chunk(ids, idsInNotice) {
		text := make([]byte, 0, 32*len(part))
		for _, id := range part {
			text = hex.AppendEncode(text, id[:])
		}
		// This writes no row, so it costs no sync.
		if _, err := p.pool.Exec(ctx, `SELECT pg_notify($1, $2)`, channel, string(text)); err != nil {
			return err
		}
	}
	return nil
}

// listen is [Cluster.Listen].
func (p *postgres) listen(ctx context.Context, work func([]hook.EndpointID), changed, missed func()) error {
	conn, err := pgx.ConnectConfig(ctx, p.pool.Config().ConnConfig)
	if err != nil {
		return storageError(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if _, err := conn.Exec(ctx, `LISTEN `+channel); err != nil {
		return storageError(err)
	}
	missed()
	for {
		n, err := conn.WaitForNotification(ctx)
		if err != nil {
			return storageError(err)
		}
		if n.Payload == "" {
			changed()
			continue
		}
		var ids []hook.EndpointID
		for part := range slices.Chunk([]byte(n.Payload), 32) {
			var id hook.EndpointID
			if k, err := hex.Decode(id[:], part); err == nil && k == len(id) {
				ids = append(ids, id)
			}
		}
		work(ids)
	}
}

// notificationsArrive tries whether a notification comes through.
func (p *postgres) notificationsArrive(ctx context.Context) (bool, error) {
	conn, err := pgx.ConnectConfig(ctx, p.pool.Config().ConnConfig)
	if err != nil {
		return false, storageError(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	own := fmt.Sprintf("gancho_%x", rand.Uint64())
	if _, err := conn.Exec(ctx, `LISTEN `+own); err != nil {
		return false, ctx.Err() // an engine without it
	}
	if _, err := p.pool.Exec(ctx, `SELECT pg_notify($1, 'x')`, own); err != nil {
		return false, storageError(err)
	}
	wait, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	_, err = conn.WaitForNotification(wait)
	return err == nil, ctx.Err()
}

// shrink does nothing: PostgreSQL's autovacuum looks after the files.
func (p *postgres) shrink(*tx) (more bool, err error) { return false, nil }

// emptyLog does nothing: PostgreSQL recycles its log.
func (p *postgres) emptyLog() (emptied func() bool) { return func() bool { return true } }
