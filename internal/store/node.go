package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"gancho/internal/hook"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Nodes that share one PostgreSQL, as docs/adr/0007 decides. With SQLite there is
// one node, and nothing of this is called.

// nodeClock is the database's clock in microseconds: leases are never compared by
// the clocks of two nodes.
const nodeClock = `(extract(epoch FROM clock_timestamp()) * 1000000)::bigint`

// membership is what commits are fenced by.
type membership struct {
	epoch atomic.Int64 // 0: not a member, and not fenced
}

// Join makes this process a node, with a lease that has to be renewed by [DB.Beat].
// A node of the same name that was before is buried: only one process can have a
// name; "" is nobody's. polls says that it hears no notifications.
func (db *DB) Join(ctx context.Context, name string, lease time.Duration, polls bool) (epoch int64, err error) {
	db.nodes.epoch.Store(0)
	err = db.change(ctx, func(t *tx) error {
		if name != "" {
			before, err := t.numbers(`SELECT epoch FROM nodes WHERE name = $1`, name)
			if err != nil {
				return err
			}
			if err := t.bury(before); err != nil {
				return err
			}
		}
		return t.row(`INSERT INTO nodes (name, expires_at, polls) VALUES ($1, `+nodeClock+` + $2, $3) RETURNING epoch`,
			name, lease.Microseconds(), polls).Scan(&epoch)
	})
	if err == nil {
		db.nodes.epoch.Store(epoch)
	}
	return epoch, err
}

// Beat renews the lease and looks around. After [hook.ErrFenced] the node has lost
// everything and has to join anew.
func (db *DB) Beat(ctx context.Context, epoch int64, lease time.Duration) (*hook.Nodes, error) {
	pool := db.dialect.(*postgres).pool // with a connection that is kept for this
	r, err := pool.Exec(ctx, `UPDATE nodes SET expires_at = `+nodeClock+` + $2 WHERE epoch = $1`, epoch, lease.Microseconds())
	if err != nil {
		return nil, lost(err)
	}
	if r.RowsAffected() == 0 {
		return nil, hook.ErrFenced
	}
	return look(ctx, pool)
}

// look reads nodes and slots in one statement.
func look(ctx context.Context, pool *pgxpool.Pool) (*hook.Nodes, error) {
	rows, err := pool.Query(ctx, `SELECT -1, epoch, expires_at > `+nodeClock+`, polls FROM nodes
		UNION ALL SELECT slot, owner, false, false FROM slots WHERE owner IS NOT NULL ORDER BY 1, 2`)
	if err != nil {
		return nil, lost(err)
	}
	defer rows.Close()
	var n hook.Nodes
	for rows.Next() {
		var slot int
		var epoch int64
		var alive, polls bool
		if err := rows.Scan(&slot, &epoch, &alive, &polls); err != nil {
			return nil, lost(err)
		}
		switch {
		case slot >= 0:
			n.Owner[slot] = epoch
		case alive:
			n.Alive = append(n.Alive, epoch)
			n.Polls = n.Polls || polls
		default:
			n.Expired = append(n.Expired, epoch)
		}
	}
	return &n, lost(rows.Err())
}

// Bury takes the work from nodes whose leases have expired. What they are writing
// at this moment is committed before, or not at all.
func (db *DB) Bury(ctx context.Context, epochs []int64) error {
	return db.change(ctx, func(t *tx) error {
		var dead []int64
		for _, e := range epochs {
			expired, err := t.numbers(`SELECT epoch FROM nodes WHERE epoch = $1 AND expires_at <= `+nodeClock, e)
			if err != nil {
				return err
			}
			dead = append(dead, expired...)
		}
		return t.bury(dead)
	})
}

// bury removes nodes and frees their slots. From then on their results are refused.
func (t *tx) bury(epochs []int64) error {
	for _, e := range epochs {
		// This waits for a commit of theirs, since each locks the row.
		for _, q := range []string{`DELETE FROM nodes WHERE epoch = $1`, `UPDATE slots SET owner = NULL WHERE owner = $1`} {
			if _, err := t.exec(q, e); err != nil {
				return err
			}
		}
	}
	return nil
}

// Take makes a node the owner of slots that have none, and returns those it got.
func (db *DB) Take(ctx context.Context, epoch int64, slots []int) (got []int, err error) {
	err = db.change(ctx, func(t *tx) error {
		got = nil
		list, err := t.numbers(`UPDATE slots SET owner = $1 WHERE slot = ANY ($2::integer[]) AND owner IS NULL
			AND EXISTS (SELECT 1 FROM nodes WHERE epoch = $1) RETURNING slot`, epoch, slots)
		for _, s := range list {
			got = append(got, int(s))
		}
		return err
	})
	return got, err
}

// Give frees slots of a node, which must have stopped working on them.
func (db *DB) Give(ctx context.Context, epoch int64, slots []int) error {
	return db.change(ctx, func(t *tx) error {
		_, err := t.exec(`UPDATE slots SET owner = NULL WHERE slot = ANY ($2::integer[]) AND owner = $1`, epoch, slots)
		return err
	})
}

// Leave ends a node that has stopped working.
func (db *DB) Leave(ctx context.Context, epoch int64) error {
	db.nodes.epoch.CompareAndSwap(epoch, 0)
	return db.change(ctx, func(t *tx) error { return t.bury([]int64{epoch}) })
}

// Weights is how many active endpoints each slot has.
func (db *DB) Weights(ctx context.Context) (w [hook.Slots]int, err error) {
	rows, err := db.read.QueryContext(ctx, `SELECT get_byte(id, 9), COUNT(*) FROM endpoints WHERE state = 'active' GROUP BY 1`)
	if err != nil {
		return w, lost(err)
	}
	defer rows.Close()
	for rows.Next() {
		var slot, n int
		if err := rows.Scan(&slot, &n); err != nil {
			return w, lost(err)
		}
		w[slot] = n
	}
	return w, lost(rows.Err())
}

// Signals reads what other nodes, and this one, said after the given number, and
// returns the number to go on from. Too long ago is as if everything had changed.
func (db *DB) Signals(ctx context.Context, after int64) (list []hook.Signal, last int64, err error) {
	rows, err := db.read.QueryContext(ctx, `SELECT number, tenant, contract, endpoint, key, work FROM signals WHERE number > $1 ORDER BY number`, after)
	if err != nil {
		return nil, after, lost(err)
	}
	defer rows.Close()
	last = after
	for rows.Next() {
		var s hook.Signal
		var endpoint, key []byte
		if err := rows.Scan(&last, &s.Tenant, &s.Contract, &endpoint, &key, &s.Work); err != nil {
			return nil, after, lost(err)
		}
		copy(s.Endpoint[:], endpoint)
		copy(s.Key[:], key)
		list = append(list, s)
	}
	return list, last, lost(rows.Err())
}

// LastSignal is the number of the newest signal.
func (db *DB) LastSignal(ctx context.Context) (last int64, err error) {
	err = db.read.QueryRowContext(ctx, `SELECT COALESCE(MAX(number), 0) FROM signals`).Scan(&last)
	return last, lost(err)
}

// Tell tells other nodes that endpoints of theirs have work: by notification, and
// by signals for those that hear none. It is not durable, and need not be.
func (db *DB) Tell(ctx context.Context, ids []hook.EndpointID, polls bool) error {
	p := db.dialect.(*postgres)
	if err := p.notify(ctx, ids); err != nil || !polls {
		return lost(err)
	}
	return db.change(ctx, func(t *tx) error {
		for _, id := range ids {
			if _, err := t.exec(`INSERT INTO signals (at, endpoint, work) VALUES (`+nodeClock+`, $1, true)`, id[:]); err != nil {
				return err
			}
		}
		return nil
	})
}

// Hear calls work for endpoints that other nodes say have some, changed when there
// are signals to read and missed when some may have been lost, until ctx or the
// connection ends.
func (db *DB) Hear(ctx context.Context, work func([]hook.EndpointID), changed, missed func()) error {
	return listen(ctx, db.dialect.(*postgres), work, changed, missed)
}

// Announce tells those who [DB.Watch] of a change that another node committed.
func (db *DB) Announce(c hook.Change) { db.changed(c) }

// Deaf reports whether notifications do not come through, as behind a pooler that
// gives each transaction to another session.
func (db *DB) Deaf(ctx context.Context) (bool, error) {
	return deaf(ctx, db.dialect.(*postgres))
}

// numbers reads a column of numbers.
func (t *tx) numbers(query string, args ...any) (list []int64, err error) {
	rows, err := t.rows(query, args...)
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

// expireSignals forgets what every node has long read.
func (db *DB) expireSignals(ctx context.Context) error {
	return db.change(ctx, func(t *tx) error {
		_, err := t.exec(`DELETE FROM signals WHERE at < ` + nodeClock + fmt.Sprintf(` - %d`, time.Hour.Microseconds()))
		return err
	})
}

// checkSeal fails if the database was written with another encryption key.
func (db *DB) checkSeal(ctx context.Context) error {
	var sealed []byte
	err := db.change(ctx, func(t *tx) error {
		err := t.row(`SELECT value FROM seals WHERE name = 'check'`).Scan(&sealed)
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		sealed = db.seal.sealBytes([]byte("gancho"), []byte("check"))
		_, err = t.exec(`INSERT INTO seals (name, value) VALUES ('check', $1)`, sealed)
		return err
	})
	if err != nil {
		return err
	}
	if _, err := db.seal.openBytes(sealed, []byte("check")); err != nil {
		return errors.New("this database was written with another encryption key: give every node the same one (--encryption-key)")
	}
	return nil
}
