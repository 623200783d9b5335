package store

import (
	"context"
	"errors"

	"gancho/internal/hook"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// A submission that ends a run of a schedule reads before it writes, as changes do.
// There are few, so each has a transaction of its own, under the lock of changes.

// submit notes in which epoch a submission is handed in, and writes those that end a
// run on their caller's goroutine: other nodes may keep the lock for long, and batches
// must not wait for that.
func (p *postgres) submit(s *submission) (written bool) {
	s.epoch = p.node.epoch.Load()
	if s.RunEnd == nil {
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), changeTimeout)
	defer cancel()
	select {
	case p.turn <- struct{}{}:
		defer func() { <-p.turn }()
	case <-ctx.Done():
		s.err = hook.Unavailable(ctx.Err())
		return true
	}
	b := current(&batch{submissions: []*submission{s}}, p.node.epoch.Load())
	for range conflicts {
		if len(b.submissions) == 0 { // refused
			break
		}
		err := p.endRunOnce(ctx, b)
		switch {
		case err == nil:
			return true
		case errors.Is(err, errTenantGone):
			s.err = hook.NotFound("tenant", s.Tenant)
			return true
		}
		if s.err = hook.Unavailable(err); !conflict(err) {
			return true
		}
	}
	return true
}

func (p *postgres) endRunOnce(ctx context.Context, b *batch) (err error) {
	conn, err := p.sql.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // back to the pool
	s := b.submissions[0]
	shared, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = shared.Rollback() }() // after a commit it does nothing
	if err := lock(ctx, shared, lockChanges, s.epoch); err != nil {
		return err
	}
	w := &writing{batch: b, epoch: s.epoch}
	w.forget()
	w.keyed = true // the transaction is open
	s.err = nil
	// The connection beneath, for what database/sql does not have.
	with := func(fn func(c *pgx.Conn) error) error {
		return conn.Raw(func(c any) error { return fn(c.(*stdlib.Conn).Conn()) })
	}
	if err := with(func(c *pgx.Conn) error {
		q := &pgx.Batch{}
		guards := w.prepare(q)
		return finish(c.SendBatch(ctx, q), q.Len(), guards, nil)
	}); err != nil {
		return err
	}
	t := &tx{ctx: ctx, conn: shared}
	v, err := t.endRun(s.RunEnd, s.now)
	if err != nil {
		return err
	}
	if s.verdicts.Run = v; v.ClaimLost {
		return nil
	}
	if err := t.signalSuperseded(v.Superseded); err != nil {
		return err
	}
	if err := with(func(c *pgx.Conn) error {
		if err := w.claimKeys(ctx, c); err != nil {
			return err
		}
		return w.send(ctx, c.SendBatch)
	}); err != nil {
		return err
	}
	return shared.Commit()
}

// signalSuperseded tells the nodes that may have deliveries in memory that there is
// a newer snapshot.
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
