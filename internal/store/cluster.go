package store

import (
	"context"
	"database/sql"
	"fmt"
	"sync/atomic"
	"time"

	"gancho/internal/hook"
)

// Cluster is what a database offers to several nodes that work on it: which nodes there are
// and what each owns, signals, notifications and notices between them. Only PostgreSQL has
// it. docs/adr/0007 says how nodes share the work.
type Cluster struct {
	db *DB
	p  *postgres
}

// Cluster is nil if the database belongs to this process alone.
func (db *DB) Cluster() *Cluster { return db.cluster }

// Trips is the number of round trips to the server since the database was opened. An idle
// node makes less than one per second.
func (c *Cluster) Trips() int64 { return c.p.trips.n.Load() }

// nodeClock is the clock of the database in microseconds. Leases are measured with it alone,
// since the clocks of two nodes differ.
const nodeClock = `(extract(epoch FROM clock_timestamp()) * 1000000)::bigint`

// membership identifies this process: source in its notices, epoch in its commits, which
// are refused when another node has evicted it (fencing).
type membership struct {
	source int64 // random
	// epoch is 0 until the first Join; commits are not fenced then. It is below 0 while the
	// process is not a node: while it joins, after it was evicted and after it has left. Then
	// nothing is written.
	epoch atomic.Int64
	said  atomic.Pointer[saidKeys] // about its encryption keys; nil: nothing yet
}

// Join makes this process a node, with a lease that [Cluster.Heartbeat] has to renew. An
// earlier node of the same name is evicted, since only one process can have a name; "" is
// no name. polls says that this node gets no notifications.
func (c *Cluster) Join(ctx context.Context, name string, lease time.Duration, polls bool) (epoch int64, err error) {
	c.p.node.epoch.Store(-1)
	if name != "" {
		if err := c.evict(ctx, `name = $1`, name); err != nil {
			return 0, err
		}
	}
	err = c.db.change(ctx, func(t *tx) error {
		return t.row(`INSERT INTO nodes (name, expires_at, polls, knows) VALUES ($1, `+nodeClock+` + $2, $3, $4) RETURNING epoch`,
			name, lease.Microseconds(), polls, lastMigration("postgres")).Scan(&epoch)
	})
	if err == nil {
		c.p.node.epoch.Store(epoch)
	}
	return epoch, err
}

// NameTaken reports whether some node has a name.
func (c *Cluster) NameTaken(ctx context.Context, name string) (yes bool, err error) {
	err = c.db.read.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM nodes WHERE name = $1)`, name).Scan(&yes)
	return yes, storageError(err)
}

// Heartbeat renews the lease and returns which nodes there are and what they own. The error
// is [hook.ErrFenced] if this node was evicted; it has to join again then.
func (c *Cluster) Heartbeat(ctx context.Context, epoch int64, lease time.Duration) (*hook.Nodes, error) {
	pool := c.p.pool // it has a connection that c.p.sql cannot use, so a busy node renews its lease
	// One statement, since an idle node sends nothing else. Rows that are no slots have numbers
	// below zero. The statement reads the leases as they were before it renews this node's.
	rows, err := pool.Query(ctx, `WITH ours AS (UPDATE nodes SET expires_at = `+nodeClock+` + $2 WHERE epoch = $1 RETURNING epoch)
		SELECT -3, `+nodeClock+`, true, false FROM ours
		UNION ALL SELECT -2, (SELECT COALESCE(MAX(number), 0) FROM signals), `+watched("$3")+`, false
		UNION ALL SELECT -1, epoch, epoch = $1 OR expires_at > `+nodeClock+`, polls FROM nodes
		UNION ALL SELECT slot, owner, true, false FROM slots WHERE owner IS NOT NULL ORDER BY 1, 2`,
		epoch, lease.Microseconds(), c.p.node.source)
	if err != nil {
		return nil, storageError(err)
	}
	defer rows.Close()
	var n hook.Nodes
	ours := false
	for rows.Next() {
		var slot int
		var epoch int64
		var alive, polls bool
		if err := rows.Scan(&slot, &epoch, &alive, &polls); err != nil {
			return nil, storageError(err)
		}
		switch {
		case slot >= 0:
			n.Owner[slot] = epoch
		case slot == -3:
			ours, n.Signals.At = true, time.UnixMicro(epoch)
		case slot == -2:
			n.Signals.Number, n.Signals.Watched = epoch, alive
		case alive:
			n.Alive = append(n.Alive, epoch)
			n.Polls = n.Polls || polls
		default:
			n.Expired = append(n.Expired, epoch)
		}
	}
	if err := rows.Err(); err != nil {
		return nil, storageError(err)
	}
	if !ours {
		return nil, hook.ErrFenced
	}
	return &n, nil
}

// Evict removes those of the nodes whose leases have expired, with what they own. A transaction
// that such a node has open is committed before Evict returns, or never.
func (c *Cluster) Evict(ctx context.Context, epochs []int64) error {
	return c.evict(ctx, `epoch = ANY ($1::bigint[]) AND expires_at <= `+nodeClock, epochs)
}

// evictPatience is how long an eviction waits for a commit of the node, which takes
// milliseconds unless the process is suspended.
const evictPatience = time.Second

// evict removes the nodes for whose rows a condition is true, with what they own. It does
// not take the lock of changes, since a suspended node may hold it.
func (c *Cluster) evict(ctx context.Context, which string, arg any) error {
	p := c.p
	for {
		gone, err := p.evictNow(ctx, which, arg)
		if err == nil {
			return storageError(p.endWork(ctx, gone)) // they may hold other locks
		}
		if !busyTable(err) && !conflict(err) {
			return storageError(err)
		}
		held, err := numbers(p.sql.QueryContext(ctx, `SELECT epoch FROM nodes WHERE `+which, arg))
		if err == nil {
			err = p.endWork(ctx, held)
		}
		if err != nil {
			return storageError(err)
		}
	}
}

func (p *postgres) evictNow(ctx context.Context, which string, arg any) (gone []int64, err error) {
	err = p.transact(ctx, func(_ *sql.Conn, shared *sql.Tx) error {
		if _, err := shared.ExecContext(ctx, `SELECT set_config('lock_timeout', $1, true),
			set_config('idle_in_transaction_session_timeout', $2, true)`,
			fmt.Sprint(evictPatience.Milliseconds()), fmt.Sprint(idleInTransaction.Milliseconds())); err != nil {
			return err
		}
		// This waits for a commit of such a node, since each commit locks its row. Only then
		// its slots are freed, since it may just have taken some.
		if gone, err = numbers(shared.QueryContext(ctx, `DELETE FROM nodes WHERE `+which+` RETURNING epoch`, arg)); err != nil {
			return err
		}
		_, err = shared.ExecContext(ctx, `UPDATE slots SET owner = NULL WHERE owner = ANY ($1::bigint[])`, gone)
		return err
	})
	return gone, err
}

// Take makes a node the owner of those slots that are free, and returns them.
func (c *Cluster) Take(ctx context.Context, epoch int64, slots []int) (got []int, err error) {
	err = c.db.change(ctx, func(t *tx) error {
		got = nil
		list, err := t.numbers(`UPDATE slots SET owner = $1 WHERE slot = ANY ($2::integer[]) AND owner IS NULL
			AND EXISTS (SELECT 1 FROM nodes WHERE epoch = $1 FOR KEY SHARE) RETURNING slot`, epoch, slots)
		for _, s := range list {
			got = append(got, int(s))
		}
		return err
	})
	return got, err
}

// Give frees slots of a node, which must have stopped working on them.
func (c *Cluster) Give(ctx context.Context, epoch int64, slots []int) error {
	return c.db.change(ctx, func(t *tx) error {
		_, err := t.exec(`UPDATE slots SET owner = NULL WHERE slot = ANY ($2::integer[]) AND owner = $1`, epoch, slots)
		return err
	})
}

// Leave removes a node that has stopped working, and frees its slots.
func (c *Cluster) Leave(ctx context.Context, epoch int64) error {
	c.p.node.epoch.CompareAndSwap(epoch, -1)
	return c.evict(ctx, `epoch = $1`, epoch)
}

// Weights is how many active endpoints each slot has.
func (c *Cluster) Weights(ctx context.Context) (w [hook.Slots]int, err error) {
	rows, err := c.db.read.QueryContext(ctx,
		`SELECT get_byte(id, 9), COUNT(*) FROM endpoints WHERE state = 'active' GROUP BY 1`)
	if err != nil {
		return w, storageError(err)
	}
	defer rows.Close()
	for rows.Next() {
		var slot, n int
		if err := rows.Scan(&slot, &n); err != nil {
			return w, storageError(err)
		}
		w[slot] = n
	}
	return w, storageError(rows.Err())
}

// keepSignals is how long signals are kept. A node that has not read signals for half of it
// may miss some.
const keepSignals = time.Hour

// Signals reads the signals of all nodes, this one included, after those that were read
// before. If that is long ago, the list begins with a signal that anything may have changed.
func (c *Cluster) Signals(ctx context.Context, before hook.SignalsRead) (list []hook.Signal, now hook.SignalsRead, err error) {
	rows, err := c.db.read.QueryContext(ctx, `SELECT 0, `+nodeClock+`, '', '', NULL, NULL, `+watched("$2")+`, NULL
		UNION ALL SELECT number, at, tenant, contract, endpoint, key, work, delivery FROM signals WHERE number > $1 ORDER BY 1`,
		before.Number, c.p.node.source)
	if err != nil {
		return nil, before, storageError(err)
	}
	defer rows.Close()
	now.Number = before.Number
	for rows.Next() {
		var s hook.Signal
		var number, at int64
		var endpoint, key, delivery []byte
		if err := rows.Scan(&number, &at, &s.Tenant, &s.Contract, &endpoint, &key, &s.Work, &delivery); err != nil {
			return nil, before, storageError(err)
		}
		if number == 0 {
			now.Watched = s.Work
			if now.At = time.UnixMicro(at); now.At.Sub(before.At) > keepSignals/2 {
				list = append(list, hook.Signal{Change: hook.Change{Anything: true}})
			}
			continue
		}
		now.Number = number
		copy(s.Endpoint[:], endpoint)
		copy(s.Key[:], key)
		copy(s.Superseded[:], delivery)
		list = append(list, s)
	}
	if err := rows.Err(); err != nil {
		return nil, before, storageError(err)
	}
	return list, now, nil
}

// LastSignal is the number of the newest signal, and the time by the clock of the database.
func (c *Cluster) LastSignal(ctx context.Context) (now hook.SignalsRead, err error) {
	var at int64
	err = c.db.read.QueryRowContext(ctx, `SELECT COALESCE(MAX(number), 0), `+nodeClock+` FROM signals`).Scan(&now.Number, &at)
	now.At = time.UnixMicro(at)
	return now, storageError(err)
}

// NotifyWork tells other nodes that endpoints of theirs have work: by notification, and if
// polls is set, by signals too, for nodes that get no notifications. A notification can be
// lost; the owner then finds the work later.
func (c *Cluster) NotifyWork(ctx context.Context, ids []hook.EndpointID, polls bool) error {
	p := c.p
	if err := p.notify(ctx, ids); err != nil || !polls {
		return storageError(err)
	}
	return c.db.change(ctx, func(t *tx) error {
		for _, id := range ids {
			if _, err := t.exec(`INSERT INTO signals (at, endpoint, work) VALUES (`+nodeClock+`, $1, true)`, id[:]); err != nil {
				return err
			}
		}
		return nil
	})
}

// Listen waits for notifications until ctx or the connection ends. It calls work with
// endpoints that have work, changed when there are new signals, and missed when
// notifications may have been lost.
func (c *Cluster) Listen(ctx context.Context, work func([]hook.EndpointID), changed, missed func()) error {
	return c.p.listen(ctx, work, changed, missed)
}

// Announce calls the functions given to [DB.Watch] for a change that another node committed.
func (c *Cluster) Announce(change hook.Change) { c.db.changed(change) }

// MustPoll reports whether notifications do not arrive, as behind a pooler that gives each
// transaction to another session. It tries one, which can take two seconds.
func (c *Cluster) MustPoll(ctx context.Context) (bool, error) {
	arrive, err := c.p.notificationsArrive(ctx)
	return err == nil && !arrive, err
}

// numbers reads a column of numbers.
func (t *tx) numbers(query string, args ...any) (list []int64, err error) {
	return numbers(t.rows(query, args...))
}

func numbers(rows *sql.Rows, err error) (list []int64, _ error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var n int64
		if err := rows.Scan(&n); err != nil {
			return nil, err
		}
		list = append(list, n)
	}
	return list, rows.Err()
}

// signalSuperseded tells all nodes which deliveries a newer snapshot has superseded, since
// one of them may have those in memory.
func (t *tx) signalSuperseded(list []hook.Delivery) error {
	if len(list) == 0 {
		return nil
	}
	var ids, endpoints [][]byte
	for _, d := range list {
		ids, endpoints = append(ids, d.ID[:]), append(endpoints, d.Endpoint[:])
	}
	if _, err := t.exec(`INSERT INTO signals (at, endpoint, delivery)
		SELECT `+nodeClock+`, u.endpoint, u.delivery FROM unnest($1::bytea[], $2::bytea[]) AS u (endpoint, delivery)`, endpoints, ids); err != nil {
		return err
	}
	_, err := t.exec(`SELECT pg_notify($1, '')`, channel)
	return err
}

// expireSignals removes signals that every node has read or missed.
func (c *Cluster) expireSignals(ctx context.Context) error {
	return c.db.change(ctx, func(t *tx) error {
		_, err := t.exec(`DELETE FROM signals WHERE at < ` + nodeClock + fmt.Sprintf(` - %d`, keepSignals.Microseconds()))
		return err
	})
}
