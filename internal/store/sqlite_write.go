package store

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"gancho/internal/hook"
)

// stmts are the statements that run for every event, prepared once on the writing
// connection: preparing them each time would cost more than running them. Their parameters
// are plain ?, since the driver looks up named ones at every execution.
type stmts struct {
	all []*sql.Stmt

	begin, commit, rollback     *sql.Stmt
	claimKey, readKey, keyValue *sql.Stmt
	take, update, end           [2]*sql.Stmt // without and with the column batch, see writesBatch
	health, forget              *sql.Stmt

	insertRecord, updateRecord, deleteRecord *sql.Stmt

	events, deliveries, attempts, bodies bulk
}

const (
	setColumns    = `UPDATE deliveries SET state = ?, reason = `
	updateColumns = setColumns + `?` + moreColumns
	// endColumns is for what is not to be tried again. A lane does not know why; the row does.
	endColumns  = setColumns + `CASE WHEN reason = 'by_person' THEN reason ELSE ? END` + moreColumns
	moreColumns = `, attempts = ?, slot = ?, due_at = ?, next_attempt_at = ?,
	finished_at = ?, endpoint_version = ?, contract_version = ?, superseded = ` + isSuperseded
	ofDelivery = ` WHERE tenant = ? AND id = ?`
	ifTaken    = ofDelivery + ` AND (due_at > 0 OR due_at = 0 AND NOT ` + isSuperseded + `)`
	ifEither   = ofDelivery + ` AND ((` + isSuperseded + `) = ? OR (` + isSuperseded + `) = ?)`
)

func (s *stmts) prepare(ctx context.Context, conn *sql.Conn) error {
	for _, p := range []struct {
		stmt **sql.Stmt
		text string
	}{
		{&s.begin, `BEGIN IMMEDIATE`},
		{&s.commit, `COMMIT`},
		{&s.rollback, `ROLLBACK`},
		// Takes the key if it is new or has expired; otherwise changes nothing.
		{&s.claimKey, `INSERT INTO idempotency (tenant, key, hash, answer, expires_at) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT (tenant, key) DO UPDATE SET hash = excluded.hash, answer = excluded.answer,
				expires_at = excluded.expires_at
			WHERE idempotency.expires_at <= ?`},
		{&s.readKey, `SELECT hash, answer FROM idempotency WHERE tenant = ? AND key = ?`},
		{&s.keyValue, `UPDATE idempotency SET answer = ? WHERE tenant = ? AND key = ?`},
		{&s.take[0], updateColumns + ifTaken},
		{&s.take[1], updateColumns + `, batch = ?` + ifTaken},
		{&s.update[0], updateColumns + ifEither},
		{&s.update[1], updateColumns + `, batch = ?` + ifEither},
		{&s.end[0], endColumns + ifEither},
		{&s.end[1], endColumns + `, batch = ?` + ifEither},
		{&s.forget, `DELETE FROM bodies WHERE delivery = ?`},
		{&s.health, `UPDATE endpoints SET last_run_at = ?, last_status = ?, failing_since = ?,
			failed_of = ?, failed_attempts = ?, failed_deliveries = ? WHERE id = ?`},
		{&s.insertRecord, `INSERT INTO records (tenant, contract, kind, key, version, created_at, updated_at, document)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (tenant, contract, kind, key) DO NOTHING`},
		{&s.updateRecord, `UPDATE records SET version = ?, updated_at = ?, document = ?
			WHERE tenant = ? AND contract = ? AND kind = ? AND key = ? AND version = ?`},
		{&s.deleteRecord, `DELETE FROM records WHERE tenant = ? AND contract = ? AND kind = ? AND key = ? AND version = ?`},
	} {
		//lint:ignore sqlclosecheck kept as long as the store is open; close closes it
		stmt, err := conn.PrepareContext(ctx, p.text)
		if err != nil {
			return fmt.Errorf("%w in %s", err, p.text)
		}
		*p.stmt = stmt
		s.all = append(s.all, stmt)
	}
	for _, p := range []struct {
		bulk                 *bulk
		table, columns, tail string
	}{
		{&s.events, "events", "tenant, id, contract, type, external_id, source, created_at, content_type, payload", ""},
		{&s.deliveries, "deliveries", `tenant, id, endpoint, type, mode, state, reason, test, attempts, slot, due_at, next_attempt_at,
			created_at, finished_at, endpoint_version, contract_version`, ""},
		// The same attempt twice is stored once.
		{&s.attempts, "attempts", "delivery, number, data", "ON CONFLICT (delivery, number) DO UPDATE SET data = excluded.data"},
		{&s.bodies, "bodies", "delivery, body, head", "ON CONFLICT (delivery) DO NOTHING"},
	} {
		if err := p.bulk.prepare(ctx, conn, p.table, p.columns, p.tail); err != nil {
			return err
		}
	}
	return nil
}

// flush writes the rows that were gathered.
func (s *stmts) flush(ctx context.Context) error {
	for _, b := range []*bulk{&s.events, &s.deliveries, &s.attempts, &s.bodies} {
		if err := b.flush(ctx); err != nil {
			return err
		}
	}
	return nil
}

// reset forgets them.
func (s *stmts) reset() {
	for _, b := range []*bulk{&s.events, &s.deliveries, &s.attempts, &s.bodies} {
		b.reset()
	}
}

func (s *stmts) close() {
	for _, stmt := range s.all {
		_ = stmt.Close()
	}
	for _, b := range []*bulk{&s.events, &s.deliveries, &s.attempts, &s.bodies} {
		b.close()
	}
}

func (l *sqlite) writeSubmission(ctx context.Context, s *submission) error {
	s.verdicts = hook.Verdicts{} // an earlier attempt may have left some
	now, expires := s.now.UnixMicro(), s.expires.UnixMicro()
	if l.gone[s.Tenant] { // deleted since the caller read it; its data is being removed
		s.err = hook.NotFound("tenant", s.Tenant)
		return nil
	}
	if s.RequestKey != "" && !s.Again {
		prior, mine, err := l.claim(ctx, s.Tenant, requestKeys+s.RequestKey, s.RequestHash, nil, now, expires)
		if err != nil {
			return err
		}
		if !mine {
			s.verdicts.Prior, s.verdicts.KeyReused = prior, prior == nil
			return nil
		}
	}
	if s.RunEnd != nil {
		if err := l.stmts.flush(ctx); err != nil { // the snapshot before may be in the same batch
			return err
		}
		v, err := (&tx{ctx: ctx, conn: l.conn}).endRun(s, l.seal)
		if err != nil {
			return err
		}
		if s.verdicts.Run = v; v.ClaimLost {
			return nil
		}
	}
	for i, it := range s.Items {
		if err := l.item(ctx, s, place{ofNoRecord, i}, it); err != nil {
			return err
		}
	}
	if err := l.writes(ctx, s); err != nil {
		return err
	}
	if s.RequestKey != "" {
		if _, err := l.stmts.keyValue.ExecContext(ctx, s.answer(l.seal), s.Tenant, requestKeys+s.RequestKey); err != nil {
			return err
		}
	}
	return nil
}

// claim takes an idempotency key. If it was taken, it returns what is stored
// with it, or nil if that was for other content.
func (l *sqlite) claim(ctx context.Context, tenant, key string, hash [32]byte, answer []byte, now, expires int64,
) (prior []byte, mine bool, err error) {
	if answer == nil {
		answer = []byte{}
	}
	r, err := l.stmts.claimKey.ExecContext(ctx, tenant, key, hash[:], answer, expires, now)
	if err != nil {
		return nil, false, err
	}
	if n, err := r.RowsAffected(); err != nil || n == 1 {
		return nil, true, err
	}
	var was []byte
	if err := l.stmts.readKey.QueryRowContext(ctx, tenant, key).Scan(&was, &prior); err != nil {
		return nil, false, err
	}
	if !bytes.Equal(was, hash[:]) {
		return nil, false, nil
	}
	return prior, false, nil
}

// item stores one event and its deliveries, unless its external id was used before.
func (l *sqlite) item(ctx context.Context, s *submission, at place, it *hook.Accepted) error {
	e := it.Event
	var external any
	if e.ExternalID != "" {
		external = e.ExternalID
		answer, err := json.Marshal(firstAnswer{e.ID.String(), it.Sent(), it.Omitted()})
		if err != nil {
			return err
		}
		prior, mine, err := l.claim(ctx, e.Tenant, itemKeys+e.ExternalID, it.Hash, answer, s.now.UnixMicro(), s.expires.UnixMicro())
		if err != nil {
			return err
		}
		if !mine {
			return s.repeats(at, prior)
		}
	}
	if err := l.stmts.events.add(ctx, e.Tenant, e.ID[:], e.Contract, e.Type, external, string(e.Door), e.CreatedAt.UnixMicro(),
		e.ContentType, s.payload(e)); err != nil {
		return err
	}
	list := it.Deliveries
	if it.Debounce != nil {
		var err error
		if list, err = l.debounce(ctx, s, it); err != nil {
			return err
		}
	}
	for i := range list {
		if err := l.insertDelivery(ctx, &list[i]); err != nil {
			return err
		}
	}
	return nil
}

// writes stores the record writes of a submission that are not overtaken, with their
// events. Later writes to an overtaken record are overtaken too, since they were worked
// out from the outcome of the earlier ones.
func (l *sqlite) writes(ctx context.Context, s *submission) error {
	var gone map[hook.RecordName]bool
	for i, w := range s.Records {
		name := w.Record.Name()
		won := !gone[name]
		if won {
			var err error
			if won, err = l.write(ctx, w, s.document(w)); err != nil {
				return err
			}
		}
		if !won {
			s.overtaken(i)
			if gone == nil {
				gone = map[hook.RecordName]bool{}
			}
			gone[name] = true
			continue
		}
		for j, it := range w.Events {
			if err := l.item(ctx, s, place{i, j}, it); err != nil {
				return err
			}
		}
	}
	return nil
}

// write changes one record, if it is still at the version that was read. document is how its document is stored.
func (l *sqlite) write(ctx context.Context, w *hook.RecordWrite, document []byte) (won bool, err error) {
	r := &w.Record
	var res sql.Result
	switch {
	case r.Document == nil:
		res, err = l.stmts.deleteRecord.ExecContext(ctx, r.Tenant, r.Contract, r.Kind, r.Key, w.Was)
	case w.Was == 0:
		res, err = l.stmts.insertRecord.ExecContext(ctx, r.Tenant, r.Contract, r.Kind, r.Key, r.Version,
			r.CreatedAt.UnixMicro(), r.UpdatedAt.UnixMicro(), document)
	default:
		res, err = l.stmts.updateRecord.ExecContext(ctx, r.Version, r.UpdatedAt.UnixMicro(), document,
			r.Tenant, r.Contract, r.Kind, r.Key, w.Was)
	}
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

func (l *sqlite) insertDelivery(ctx context.Context, d *hook.Delivery) error {
	zero := int64(0)
	return l.stmts.deliveries.add(ctx, d.Tenant, d.ID[:], d.Endpoint[:], d.Type, string(d.Mode), string(d.State), d.Reason, d.Test, zero, zero,
		dueAt(d), micros(d.NextAttemptAt), d.CreatedAt.UnixMicro(), micros(d.FinishedAt), d.EndpointVersion, d.ContractVersion)
}

// dueAt is the due_at column, see the migration.
func dueAt(d *hook.Delivery) any {
	switch {
	case d.State.Finished():
		return nil
	case d.State == hook.Sending:
		return int64(0)
	}
	return max(d.QueueAt.UnixMicro(), 1)
}

// mark stores that a delivery is being sent, with the frozen part of its request. It stores
// nothing if the delivery must not be sent any more, according to its row.
func (l *sqlite) mark(ctx context.Context, m *mark) (stored bool, err error) {
	if stored, err = changed(updateRow(ctx, &l.stmts.take, &m.Delivery)); stored {
		err = l.history(ctx, &m.Result, m.frozen, nil)
	}
	return stored, err
}

// result writes a delivery's new row, the frozen part of its request, and its attempt if there
// was one. A delivery that is gone (its tenant was deleted) leaves nothing behind.
func (l *sqlite) result(ctx context.Context, r *result) error {
	either := r.ifSuperseded == nil
	by := &l.stmts.update
	if r.Delivery.Reason == hook.ReasonSuperseded {
		by = &l.stmts.end
	}
	stored, err := changed(updateRow(ctx, by, &r.Delivery, false, either))
	if err == nil && !stored && !either {
		stored, err = changed(updateRow(ctx, &l.stmts.end, r.ifSuperseded, true, true))
	}
	if err != nil || !stored {
		return err
	}
	if err := l.history(ctx, &r.Result, r.frozen, r.data); err != nil || !forgets(&r.Result) {
		return err
	}
	if err := l.stmts.flush(ctx); err != nil { // the request may be in the same batch
		return err
	}
	_, err = l.stmts.forget.ExecContext(ctx, r.Delivery.ID[:])
	return err
}

// forgets reports whether a result puts its delivery back. A request that was stored of it was never sent, so the next
// attempt makes another.
func forgets(r *hook.Result) bool {
	return r.Attempt == nil && r.Delivery.EndpointVersion == 0 && r.Delivery.State.Waiting()
}

// updateRow updates the row of a delivery by one of two statements; more are parameters of its condition.
func updateRow(ctx context.Context, either *[2]*sql.Stmt, d *hook.Delivery, more ...any) (sql.Result, error) {
	args := append(make([]any, 0, 14), string(d.State), d.Reason, int64(d.Attempts), int64(d.Slot), dueAt(d), micros(d.NextAttemptAt),
		micros(d.FinishedAt), d.EndpointVersion, d.ContractVersion)
	by := either[0]
	if writesBatch(d) {
		by, args = either[1], append(args, batchColumn(d.Batch))
	}
	return by.ExecContext(ctx, append(append(args, d.Tenant, d.ID[:]), more...)...)
}

// changed reports whether a statement changed a row.
func changed(r sql.Result, err error) (bool, error) {
	if err != nil {
		return false, err
	}
	n, err := r.RowsAffected()
	return n > 0, err
}

// history stores the frozen part of a request, and the attempt of a result, if there are any.
func (l *sqlite) history(ctx context.Context, r *hook.Result, frozen *sealedRequest, data []byte) error {
	d := &r.Delivery
	if frozen != nil {
		if err := l.stmts.bodies.add(ctx, d.ID[:], frozen.body, frozen.head); err != nil {
			return err
		}
	}
	if r.Attempt != nil {
		if err := l.stmts.attempts.add(ctx, d.ID[:], int64(r.Attempt.Number), data); err != nil {
			return err
		}
	}
	return nil
}

func (l *sqlite) saveHealth(ctx context.Context, id hook.EndpointID, h hook.Health) error {
	_, err := l.stmts.health.ExecContext(ctx, micros(h.LastRun), h.LastStatus, micros(h.FailingSince),
		micros(h.FailingSince), int64(h.FailedAttempts), int64(h.FailedDeliveries), id[:])
	return err
}

// tx is what a change may do: run statements in the shared transaction.
type tx struct {
	ctx     context.Context
	actor   hook.Actor      // who makes the change
	tenants map[string]bool // deleted (true) and created (false) ones; for the engine to remember
	conn    interface {
		ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
		QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
		QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	}
}

// tenant notes that a tenant was deleted, or created.
func (t *tx) tenant(id string, gone bool) {
	if t.tenants == nil {
		t.tenants = map[string]bool{}
	}
	t.tenants[id] = gone
}

// exec runs a statement and returns how many rows it changed.
func (t *tx) exec(query string, args ...any) (int64, error) {
	r, err := t.conn.ExecContext(t.ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

func (t *tx) row(query string, args ...any) *sql.Row {
	return t.conn.QueryRowContext(t.ctx, query, args...)
}

func (t *tx) rows(query string, args ...any) (*sql.Rows, error) {
	return t.conn.QueryContext(t.ctx, query, args...)
}
