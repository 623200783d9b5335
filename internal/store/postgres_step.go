package store

import (
	"context"
	"errors"
	"slices"

	"gancho/internal/hook"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// A submission that ends a run of a schedule reads before it writes, as changes do.
// There are few, so each has a transaction of its own, under the lock of changes.

// withoutSteps takes the submissions that end a run out of a batch.
func withoutSteps(b *batch) (rest *batch, steps []*submission) {
	if !slices.ContainsFunc(b.submissions, func(s *submission) bool { return s.Step != nil }) {
		return b, nil
	}
	copied := *b
	copied.submissions = slices.DeleteFunc(slices.Clone(b.submissions), func(s *submission) bool {
		if s.Step != nil {
			steps = append(steps, s)
		}
		return s.Step != nil
	})
	return &copied, steps
}

// step writes one of them.
func (p *postgres) step(s *submission) {
	ctx, cancel := context.WithTimeout(context.Background(), changeTimeout)
	defer cancel()
	b := current(&batch{submissions: []*submission{s}}, p.nodes.epoch.Load())
	for range conflicts {
		if len(b.submissions) == 0 { // refused
			return
		}
		err := p.stepOnce(ctx, b)
		switch {
		case err == nil:
			return
		case errors.Is(err, errTenantGone):
			s.err = hook.NotFound("tenant", s.Tenant)
			return
		case !conflict(err):
			s.err = hook.Unavailable(err)
			return
		}
		s.err = hook.Unavailable(err)
	}
}

func (p *postgres) stepOnce(ctx context.Context, b *batch) (err error) {
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
		return finish(c.SendBatch(ctx, q), q.Len(), guards)
	}); err != nil {
		return err
	}
	if err := (&tx{ctx: ctx, conn: shared}).step(s.Step, s.now); err != nil || s.Step.Lost {
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
