package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"gancho/internal/hook"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// How PostgreSQL writes a batch. The rows of each table are one statement that unpacks arrays,
// and all statements are sent together. So a batch is one round trip and one sync, whatever its
// size. A batch with idempotency keys or record writes first needs more round trips, to find
// out which keys are new and which records have changed.

// commit writes a batch in one transaction. If several submissions have the same
// Idempotency-Key, the later ones return the stored answer of the first, so each of them is
// written in a transaction after it.
func (p *postgres) commit(b *batch) error {
	ctx, cancel := context.WithTimeout(context.Background(), commitTimeout)
	defer cancel()
	conn, err := p.hot.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	rest, later := laterRequests(b)
	if err := p.write(ctx, conn.Conn(), rest); err != nil {
		return err
	}
	for _, s := range later {
		one := &batch{submissions: []*submission{s}}
		if err := p.write(ctx, conn.Conn(), one); err != nil {
			one.fail(hook.Unavailable(err))
		}
	}
	return nil // a change in a batch is [DB.Ready]'s, which only wants to know that it was written
}

type keyName struct{ tenant, key string }

// laterRequests separates the submissions that repeat an Idempotency-Key of the batch.
func laterRequests(b *batch) (rest *batch, later []*submission) {
	seen := map[keyName]bool{}
	repeats := func(s *submission) bool {
		name := keyName{s.Tenant, s.RequestKey}
		if s.RequestKey == "" || s.Again {
			return false
		}
		if seen[name] {
			later = append(later, s)
			return true
		}
		seen[name] = true
		return false
	}
	first := slices.DeleteFunc(slices.Clone(b.submissions), repeats)
	if len(later) == 0 {
		return b, nil
	}
	copied := *b
	copied.submissions = first
	return &copied, later
}

// write writes a batch, again if it conflicts with another transaction.
func (p *postgres) write(ctx context.Context, conn *pgx.Conn, b *batch) error {
	epoch := p.node.epoch.Load()
	b = current(b, epoch)
	for try := 1; ; try++ {
		w := newWriting(b, epoch, p.seal)
		err := w.run(ctx, conn)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, hook.ErrFenced):
			p.node.epoch.CompareAndSwap(epoch, -1) // no node any more: what is handed in from now on is refused at once
			current(b, -1)
			return nil
		case errors.Is(err, errTenantGone):
			if err := w.findGone(ctx, conn); err != nil {
				return err
			}
		case !conflict(err):
			return err
		}
		if try == conflicts {
			return err
		}
	}
}

// current is the part of a batch that was handed in during this epoch; the rest is refused.
// An epoch below zero means that this process is no node at the moment: all is refused then.
// Publishers can try again, perhaps at another node.
func current(b *batch, epoch int64) *batch {
	now := *b
	now.submissions = slices.DeleteFunc(slices.Clone(b.submissions), func(s *submission) bool {
		if epoch >= 0 && s.epoch == epoch {
			return false
		}
		s.err = hook.Unavailable(hook.ErrFenced)
		return true
	})
	now.marks = slices.DeleteFunc(slices.Clone(b.marks), func(m *mark) bool {
		if epoch >= 0 && m.Epoch == epoch {
			return false
		}
		m.err = hook.ErrFenced
		return true
	})
	now.results = slices.DeleteFunc(slices.Clone(b.results), func(r *result) bool {
		if epoch >= 0 && r.Epoch == epoch {
			return false
		}
		r.err = hook.ErrFenced
		return true
	})
	if epoch < 0 {
		now.health = nil
	}
	return &now
}

// change runs a change in a transaction of its own, alone in the whole database.
func (p *postgres) change(c *change) (ran bool) {
	c.err = p.exclusive(cmp.Or(c.within, changeTimeout), func(ctx context.Context, _ *sql.Conn, shared *sql.Tx) error {
		return c.run(&tx{ctx: ctx, conn: shared})
	})
	return true
}

// submit notes the epoch of a submission, and makes the stored forms of payloads that look packed, and of sealed ones. A submission
// that ends a run of a schedule reads before it writes. So it is written like a change, under
// the lock of changes, on the goroutine of its caller: another node may hold the lock for
// long, and batches must not wait for that.
func (p *postgres) submit(s *submission) (written bool) {
	s.epoch = p.node.epoch.Load()
	s.encode(p.seal, math.MaxInt)
	if s.RunEnd == nil {
		return false
	}
	err := p.exclusive(changeTimeout, func(ctx context.Context, conn *sql.Conn, shared *sql.Tx) error {
		return p.endRun(ctx, conn, shared, s)
	})
	switch {
	case errors.Is(err, errTenantGone):
		s.err = hook.NotFound("tenant", s.Tenant)
	case err != nil:
		s.err = hook.Unavailable(err)
	}
	return true
}

// endRun writes a submission that ends a run, as a batch of its own.
func (p *postgres) endRun(ctx context.Context, conn *sql.Conn, shared *sql.Tx, s *submission) error {
	if p.node.epoch.Load() != s.epoch {
		return hook.ErrFenced
	}
	w := newWriting(&batch{submissions: []*submission{s}}, s.epoch, p.seal)
	w.forget()
	w.keyed = true // send adds to a transaction
	if err := pipelined(conn, func(c *pgx.Conn) error {
		return w.guard(&pgx.Batch{}, func(q *pgx.Batch) pgx.BatchResults { return c.SendBatch(ctx, q) })
	}); err != nil {
		return err
	}
	t := &tx{ctx: ctx, conn: shared}
	v, err := t.endRun(s, p.seal)
	if err != nil {
		return err
	}
	if s.verdicts.Run = v; v.ClaimLost {
		return nil
	}
	if err := t.signalSuperseded(v.Superseded); err != nil {
		return err
	}
	return pipelined(conn, func(c *pgx.Conn) error { return w.rest(ctx, c) })
}

// exclusive runs do in a transaction that has the lock of changes, so that no other change
// runs in the whole database. It runs do again if the transaction conflicts with a batch.
func (p *postgres) exclusive(within time.Duration, do func(context.Context, *sql.Conn, *sql.Tx) error) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	select {
	case p.turn <- struct{}{}:
		defer func() { <-p.turn }()
	case <-ctx.Done():
		return hook.Unavailable(ctx.Err())
	}
	for range conflicts {
		err = p.transact(ctx, func(conn *sql.Conn, shared *sql.Tx) error {
			if err := lock(ctx, shared, lockChanges, p.node.epoch.Load()); err != nil {
				return err
			}
			return do(ctx, conn, shared)
		})
		if !conflict(err) {
			break
		}
	}
	if ctx.Err() != nil && err != nil { // the deadline of this function: the caller can try again
		return hook.Unavailable(err)
	}
	return err
}

// transact runs do in a transaction on a connection. An error undoes it.
func (p *postgres) transact(ctx context.Context, do func(*sql.Conn, *sql.Tx) error) error {
	conn, err := p.sql.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // back to the pool
	shared, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := do(conn, shared); err != nil {
		_ = shared.Rollback() // the connection may be gone, and the transaction with it
		return err
	}
	return shared.Commit()
}

// pipelined runs do with the connection of pgx, since database/sql has no pipelines.
func pipelined(conn *sql.Conn, do func(*pgx.Conn) error) error {
	return conn.Raw(func(c any) error { return do(c.(*stdlib.Conn).Conn()) })
}

// conflict reports whether a transaction conflicted with another and can be repeated.
func conflict(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (e.Code == "40001" || e.Code == "40P01" || e.Code == "23505" && e.TableName == "records") // see recordRows
}

// session is a transaction, or a connection that has one open.
type session interface {
	Query(ctx context.Context, query string, args ...any) (pgx.Rows, error)
	SendBatch(ctx context.Context, q *pgx.Batch) pgx.BatchResults
}

// writing is one attempt to write a batch.
type writing struct {
	*batch
	epoch      int64 // of this node; 0: it is not fenced
	seal       *sealer
	keyed      bool // some submission has idempotency keys or debounced deliveries, or changes records
	records    recordRows
	events     eventRows
	deliveries deliveryRows
	debounces  debounceRows
	answers    []claim                      // of requests, to be stored with their keys
	reads      map[int]func(pgx.Rows) error // functions that read the results of statements, by the statement's index
}

func newWriting(b *batch, epoch int64, seal *sealer) *writing {
	return &writing{batch: b, epoch: epoch, seal: seal, reads: map[int]func(pgx.Rows) error{}}
}

func (w *writing) run(ctx context.Context, conn *pgx.Conn) error {
	w.forget()
	if !w.keyed {
		for _, s := range w.accepted() {
			for _, it := range s.events() {
				w.add(s, it)
			}
		}
		// The statements of one pipeline are one transaction by themselves.
		return w.send(ctx, conn.SendBatch)
	}
	q := &pgx.Batch{}
	q.BeginTx(pgx.TxOptions{})
	q.Queue(`SELECT set_config('idle_in_transaction_session_timeout', $1, true)`, fmt.Sprint(idleInTransaction.Milliseconds()))
	var t pgx.Tx
	err := w.guard(q, func(q *pgx.Batch) pgx.BatchResults {
		results := conn.SendBatch(ctx, q)
		t = results.Tx()
		return results
	})
	defer func() { _ = t.Rollback(context.WithoutCancel(ctx)) }() // after a commit it does nothing
	if err != nil {
		return err
	}
	if err := w.rest(ctx, t); err != nil {
		return err
	}
	return t.Commit(ctx)
}

// guard sends the statements of q, which begin a transaction, followed by those of prepare,
// which let the transaction fail if the batch must not be written.
func (w *writing) guard(q *pgx.Batch, send func(*pgx.Batch) pgx.BatchResults) error {
	guards := w.prepare(q)
	return finish(send(q), q.Len(), guards, nil)
}

// rest writes the batch in a transaction that has begun.
func (w *writing) rest(ctx context.Context, t session) error {
	if err := w.claimKeys(ctx, t); err != nil {
		return err
	}
	if err := w.debounce(ctx, t); err != nil {
		return err
	}
	return w.send(ctx, t.SendBatch)
}

// forget drops the verdicts of an earlier attempt.
func (w *writing) forget() {
	for _, s := range w.submissions {
		s.verdicts = hook.Verdicts{}
		w.keyed = w.keyed || s.RequestKey != "" || len(s.Records) > 0
		for _, it := range s.events() {
			w.keyed = w.keyed || it.Event.ExternalID != "" || it.Debounce != nil
		}
	}
}

// accepted are the submissions that have not been refused so far.
func (w *writing) accepted() (list []*submission) {
	for _, s := range w.submissions {
		if s.err == nil && s.verdicts.Stored() {
			list = append(list, s)
		}
	}
	return list
}

// add adds the rows of an event.
func (w *writing) add(s *submission, it *hook.Accepted) {
	w.events.add(it.Event, s.payload(it.Event))
	list := it.Deliveries
	if it.Debounce != nil {
		w.debounces.add(s, it)
		list = list[it.Sent():]
	}
	for i := range list {
		w.deliveries.add(&list[i])
	}
}

// errTenantGone is returned when a tenant of the batch was deleted.
var errTenantGone = errors.New("a tenant of the batch is gone")

// send writes all rows in one round trip.
func (w *writing) send(ctx context.Context, send func(context.Context, *pgx.Batch) pgx.BatchResults) error {
	q := &pgx.Batch{}
	var guards map[int]error
	if !w.keyed {
		guards = w.prepare(q)
	}
	before := q.Len()
	w.events.addTo(q)
	w.deliveries.addTo(q)
	w.addDebounces(q)
	w.records.addTo(q)
	w.addResults(q)
	for _, a := range w.answers {
		q.Queue(`UPDATE idempotency SET answer = $1 WHERE tenant = $2 AND key = $3`, a.answer, a.tenant, a.key)
	}
	w.addHealth(q)
	if q.Len() == before && len(w.changes) == 0 { // a change in a batch is [DB.Ready]'s: it needs a commit
		return nil
	}
	return finish(send(ctx, q), q.Len(), guards, w.reads)
}

// prepare adds the first statements of a transaction. Those in guards divide by zero if
// the batch must not be written, which ends the transaction; guards says which error that
// means. So the other statements can be sent without waiting for an answer.
func (w *writing) prepare(q *pgx.Batch) (guards map[int]error) {
	guards = map[int]error{}
	// The statements look up few rows by their keys. Without statistics, the planner might
	// read the whole table instead.
	q.Queue(`SELECT set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true), set_config('enable_seqscan', 'off', true),
		set_config('application_name', $1, true)`, workOf(w.epoch))
	if w.epoch != 0 {
		// A node that takes over the work of this one first deletes this row. It waits for
		// this transaction, and ends it if it takes too long.
		guards[q.Len()] = hook.ErrFenced
		q.Queue(`SELECT 1 / count(*) FROM (SELECT 1 FROM nodes WHERE epoch = $1 FOR KEY SHARE) AS ours`, w.epoch)
	}
	tenants := w.tenants()
	if len(tenants) == 0 {
		return guards
	}
	// Nothing may be stored for a deleted tenant, since its data is being removed. FOR SHARE
	// makes a deletion wait for this transaction.
	guards[q.Len()] = errTenantGone
	q.Queue(`SELECT 1 / (count(*) / $2::bigint) FROM (SELECT 1 FROM tenants WHERE id = ANY ($1::text[]) AND deleted_at IS NULL ORDER BY id FOR SHARE) AS alive`,
		tenants, len(tenants))
	return guards
}

// finish reads the results of n statements.
func finish(results pgx.BatchResults, n int, guards map[int]error, reads map[int]func(pgx.Rows) error) error {
	for i := range n {
		if err := answered(results, reads[i]); err != nil {
			_ = results.Close() // says the same
			if e, ok := errors.AsType[*pgconn.PgError](err); ok && e.Code == "22012" && guards[i] != nil {
				return guards[i]
			}
			return err
		}
	}
	return results.Close()
}

// answered reads the result of one statement. If read is nil, it drops the rows.
func answered(results pgx.BatchResults, read func(pgx.Rows) error) error {
	if read == nil {
		_, err := results.Exec()
		return err
	}
	rows, err := results.Query()
	if err != nil {
		return err
	}
	return read(rows)
}

// tenants are the tenants of the accepted submissions, sorted.
func (w *writing) tenants() []string {
	set := map[string]bool{}
	for _, s := range w.accepted() {
		set[s.Tenant] = true
	}
	return slices.Sorted(maps.Keys(set))
}

// findGone fails the submissions of tenants that are gone.
func (w *writing) findGone(ctx context.Context, conn *pgx.Conn) error {
	rows, err := conn.Query(ctx, `SELECT id FROM tenants WHERE id = ANY ($1::text[]) AND deleted_at IS NULL`, w.tenants())
	if err != nil {
		return err
	}
	alive, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, s := range w.submissions {
		if s.err == nil && !slices.Contains(alive, s.Tenant) {
			s.err = hook.NotFound("tenant", s.Tenant)
		}
	}
	return nil
}
