package store

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

	"gancho/internal/hook"
)

const recoveryColumns = `id, tenant, endpoint, since, until, states, cursor, examined, requeued, state, created_at,
	finished_at, total`

// missing is the word in the column states for hook.Recovery.Missing.
const missing = "missing"

func scanRecovery(row scanner) (*hook.Recovery, error) {
	var r hook.Recovery
	var id, endpoint, cursor []byte
	var since, until, created, finished sql.NullInt64
	var states string
	err := row.Scan(&id, &r.Tenant, &endpoint, &since, &until, &states, &cursor, &r.Examined, &r.Requeued, &r.State,
		&created, &finished, &r.Total)
	if err != nil {
		return nil, err
	}
	copy(r.ID[:], id)
	copy(r.Endpoint[:], endpoint)
	copy(r.Cursor[:], cursor)
	r.Since, r.Until, r.CreatedAt, r.FinishedAt = fromMicros(since), fromMicros(until), fromMicros(created),
		fromMicros(finished)
	for s := range strings.SplitSeq(states, ",") {
		switch {
		case s == missing:
			r.Missing = true
		case s != "":
			r.States = append(r.States, hook.State(s))
		}
	}
	return &r, nil
}

// CreateRecovery stores a new bulk replay and sets its total. The replay begins with the
// oldest event of its time span.
func (db *DB) CreateRecovery(ctx context.Context, r *hook.Recovery) (err error) {
	if r.Total, err = db.countEvents(ctx, r.Tenant, r.Since, r.Until, hook.MaxRecoveryTotal); err != nil {
		return err
	}
	var states []string
	for _, s := range r.States {
		states = append(states, string(s))
	}
	if r.Missing {
		states = append(states, missing)
	}
	return db.change(ctx, func(t *tx) error {
		if _, err := t.takesDeliveries(r.Endpoint); err != nil {
			return err
		}
		_, err := t.exec(`INSERT INTO recoveries (`+recoveryColumns+`)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, NULL, $12)`,
			r.ID[:], r.Tenant, r.Endpoint[:], r.Since.UnixMicro(), r.Until.UnixMicro(), strings.Join(states, ","), r.Cursor[:],
			r.Examined, r.Requeued, string(r.State), r.CreatedAt.UnixMicro(), r.Total)
		if err != nil {
			return err
		}
		e := hook.AuditEntry{Tenant: r.Tenant, Action: hook.ActionRecoveryStarted, Object: r.Endpoint.String()}
		if err := t.row(`SELECT name FROM endpoints WHERE id = $1`, r.Endpoint[:]).Scan(&e.Name); err != nil {
			return err
		}
		return t.audit(e)
	})
}

// countEvents counts the events of a tenant in a time span, up to a limit. It reads only
// an index, so it cannot leave out the events of tests.
func (db *DB) countEvents(ctx context.Context, tenant string, since, until time.Time, limit int) (n int64, err error) {
	lo, hi := hook.IDAt(since), hook.IDAt(until)
	found, err := inOrder(ctx, db, one[int64], `SELECT COUNT(*) FROM
		(SELECT 1 FROM events WHERE tenant = $1 AND id >= $2 AND id < $3 LIMIT $4) AS found`, tenant, lo[:], hi[:], limit)
	if err != nil {
		return 0, err
	}
	return found[0], nil
}

// Recovery is a bulk replay of a tenant.
func (db *DB) Recovery(ctx context.Context, tenant string, id hook.RecoveryID) (*hook.Recovery, error) {
	r, err := scanRecovery(db.read.QueryRowContext(ctx, `SELECT `+recoveryColumns+` FROM recoveries
		WHERE id = $1 AND tenant = $2`, id[:], tenant))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, hook.NotFound("recovery", id.String())
	}
	return r, storageError(err)
}

// Recoveries lists the bulk replays to an endpoint of a tenant, newest first. next is where
// the next page begins, zero if this is the last one.
func (db *DB) Recoveries(
	ctx context.Context, tenant string, endpoint hook.EndpointID, p hook.Page,
) (list []hook.Recovery, next hook.ID, err error) {
	_, hi := span(hook.ID{}, p.Before)
	list, err = db.recoveries(ctx, `SELECT `+recoveryColumns+` FROM recoveries
		WHERE endpoint = $1 AND tenant = $2 AND id < $3 ORDER BY id DESC LIMIT $4`, endpoint[:], tenant, hi[:], p.Limit+1)
	list, next = cut(list, p.Limit, func(r hook.Recovery) hook.ID { return hook.ID(r.ID) })
	return list, next, err
}

// NextRecoveries lists the running bulk replays, oldest first.
func (db *DB) NextRecoveries(ctx context.Context) ([]hook.Recovery, error) {
	return db.recoveries(ctx, `SELECT `+recoveryColumns+` FROM recoveries WHERE state = 'running' ORDER BY id`)
}

func (db *DB) recoveries(ctx context.Context, query string, args ...any) (list []hook.Recovery, err error) {
	found, err := collect(ctx, db.read, scanRecovery, query, args...)
	for _, r := range found {
		list = append(list, *r)
	}
	return list, err
}

// RecoveryPage reads the next n events of a bulk replay, oldest first, each with its
// delivery to the endpoint. Test events and test deliveries are left out. Payloads are read
// only if the endpoint has a filter, which may need them. A page with fewer than n events is
// the last one.
func (db *DB) RecoveryPage(ctx context.Context, r *hook.Recovery, n int) ([]hook.RecoveryItem, error) {
	e, err := db.Endpoint(ctx, r.Endpoint)
	if err != nil {
		return nil, err
	}
	items, err := db.recoveryEvents(ctx, r, n, e.Config.Filter != "")
	if err != nil || len(items) == 0 {
		return items, err
	}
	first, last := items[0].Event.ID, items[len(items)-1].Event.ID.Delivery(hook.MaxFanout)
	// Only the index of the endpoint is read, however many deliveries other endpoints have
	// in this time span.
	list, err := inOrder(ctx, db, scanDelivery, `SELECT `+deliveryColumns+` FROM deliveries
		WHERE endpoint = $1 AND (tenant = $2) IS TRUE AND id > $3 AND id <= $4
		ORDER BY id`, r.Endpoint[:], r.Tenant, first[:], last[:])
	if err != nil {
		return nil, err
	}
	byEvent := make(map[hook.EventID]*hook.Delivery, len(list))
	for i := range list {
		if !list[i].Test {
			byEvent[list[i].ID.Event()] = &list[i]
		}
	}
	for i := range items {
		items[i].Delivery = byEvent[items[i].Event.ID]
	}
	return items, nil
}

func (db *DB) recoveryEvents(
	ctx context.Context, r *hook.Recovery, n int, withPayload bool,
) (items []hook.RecoveryItem, err error) {
	columns := eventHead
	if withPayload {
		columns = eventColumns
	}
	lo, hi := upper(following(hook.ID(r.Cursor)), hook.IDAt(r.Since)), hook.IDAt(r.Until)
	scan := func(r scanner) (hook.RecoveryItem, error) {
		e, err := db.seal.scanEvent(r)
		return hook.RecoveryItem{Event: e}, err
	}
	return inOrder(ctx, db, scan, `SELECT `+columns+` FROM events
		WHERE tenant = $1 AND id >= $2 AND id < $3 AND source <> 'test' AND content_type <> '`+hook.ErasedType+`'
		ORDER BY id LIMIT $4`, r.Tenant, lo[:], hi[:], n)
}

// AdvanceRecovery stores one step of a bulk replay: the deliveries to send again and the
// progress, in one commit, so that no step is repeated after a crash. If the endpoint was
// disabled or deleted, nothing is queued and the replay ends as cancelled. On success r has
// the new progress.
func (db *DB) AdvanceRecovery(ctx context.Context, r *hook.Recovery, step hook.RecoveryStep) error {
	next := *r
	var moves []move
	err := db.change(ctx, func(t *tx) error {
		next, moves = *r, nil
		var state hook.RecoveryState
		err := t.row(`SELECT state FROM recoveries
			WHERE id = $1 AND tenant = $2 AND cursor = $3`, r.ID[:], r.Tenant, r.Cursor[:]).Scan(&state)
		if errors.Is(err, sql.ErrNoRows) || err == nil && state != hook.RecoveryRunning {
			return hook.Conflict("recovery_moved", "Somebody else has continued or ended this recovery.")
		}
		if err != nil {
			return err
		}
		now := fromMicros(sql.NullInt64{Int64: db.now().UnixMicro(), Valid: true})
		switch standing, err := t.takesDeliveries(r.Endpoint); {
		case hook.IsKind(err, hook.KindConflict):
			next.State = hook.RecoveryCancelled
		case err != nil:
			return err
		default:
			queued := 0
			if moves, queued, err = t.recover(r, step, hook.Standing{State: standing, Ordered: step.Ordered}, now); err != nil {
				return err
			}
			next.Cursor = upperEvent(r.Cursor, step.Cursor)
			next.Examined += int64(step.Examined)
			next.Requeued += int64(queued)
			if step.Done {
				next.State = hook.RecoveryDone
			}
		}
		if next.State != hook.RecoveryRunning {
			next.FinishedAt = now
		}
		_, err = t.exec(`UPDATE recoveries SET cursor = $2, examined = $3, requeued = $4, state = $5, finished_at = $6
			WHERE id = $1`,
			r.ID[:], next.Cursor[:], next.Examined, next.Requeued, string(next.State), micros(next.FinishedAt))
		return err
	})
	if err == nil {
		*r = next
		db.moved(moves...)
	}
	return err
}

// StopRecovery ends a running bulk replay because a person wants it: no step of it is made after that. One that has ended
// stays as it is.
func (db *DB) StopRecovery(ctx context.Context, r *hook.Recovery) error {
	return db.change(ctx, func(t *tx) error {
		n, err := t.exec(`UPDATE recoveries SET state = $2, finished_at = $3 WHERE id = $1 AND state = 'running'`,
			r.ID[:], string(hook.RecoveryCancelled), db.now().UnixMicro())
		if err != nil || n == 0 {
			return err
		}
		return t.audit(hook.AuditEntry{Tenant: r.Tenant, Action: hook.ActionRecoveryStopped, Object: r.Endpoint.String()})
	})
}

// EndRecovery ends a running bulk replay. It changes nothing if the replay has already
// ended.
func (db *DB) EndRecovery(ctx context.Context, r *hook.Recovery, state hook.RecoveryState) error {
	return db.change(ctx, func(t *tx) error {
		_, err := t.exec(`UPDATE recoveries SET state = $2, finished_at = $3 WHERE id = $1 AND state = 'running'`,
			r.ID[:], string(state), db.now().UnixMicro())
		return err
	})
}

func upperEvent(a, b hook.EventID) hook.EventID { return hook.EventID(upper(hook.ID(a), hook.ID(b))) }

// recover queues the deliveries of a step. It returns those that were there, and how many there are together with the new ones.
func (t *tx) recover(
	r *hook.Recovery, step hook.RecoveryStep, endpoint hook.Standing, now time.Time,
) (moves []move, queued int, err error) {
	if moves, err = t.requeueAll(r.Tenant, step.Requeue, endpoint, now); err != nil {
		return nil, 0, err
	}
	queued = len(moves)
	for _, d := range step.Create {
		event := d.ID.Event()
		var there int
		err := t.row(`SELECT COUNT(*) FROM events WHERE tenant = $1 AND id = $2 AND content_type <> $3`, r.Tenant, event[:], hook.ErasedType).Scan(&there)
		if err != nil {
			return nil, 0, err
		}
		if there == 0 { // removed, or erased, after the page was read
			continue
		}
		n, err := t.number(r.Tenant, event)
		if hook.IsKind(err, hook.KindConflict) {
			continue
		}
		if err != nil {
			return nil, 0, err
		}
		d.ID = event.Delivery(n)
		if _, err := t.exec(`INSERT INTO deliveries (tenant, id, endpoint, type, mode, state, reason, test, attempts, slot,
			due_at, next_attempt_at, created_at, endpoint_version, contract_version)
			VALUES ($1, $2, $3, $4, $5, $6, '', $7, 0, 0, $8, $9, $10, 0, 0)`,
			r.Tenant, d.ID[:], r.Endpoint[:], d.Type, string(d.Mode), string(hook.Pending), d.Test, dueAt(&d),
			micros(d.NextAttemptAt), d.CreatedAt.UnixMicro()); err != nil {
			return nil, 0, err
		}
		queued++
	}
	return moves, queued, nil
}
