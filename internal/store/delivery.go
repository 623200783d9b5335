package store

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strconv"
	"time"

	"gancho/internal/hook"
)

// Delivery is one delivery of a tenant.
func (db *DB) Delivery(ctx context.Context, tenant string, id hook.DeliveryID) (hook.Delivery, error) {
	d, err := scanDelivery(db.read.QueryRowContext(ctx, `SELECT `+deliveryColumns+` FROM deliveries
		WHERE tenant = $1 AND id = $2`, tenant, id[:]))
	if errors.Is(err, sql.ErrNoRows) {
		return d, hook.NotFound("delivery", id.String())
	}
	return d, storageError(err)
}

// Attempts are the latest n attempts of a delivery, oldest first. It does not check whose
// delivery it is; the caller has to.
func (db *DB) Attempts(ctx context.Context, id hook.DeliveryID, n int) ([]*hook.Attempt, error) {
	scan := func(r scanner) (*hook.Attempt, error) {
		var number int
		var data []byte
		if err := r.Scan(&number, &data); err != nil {
			return nil, err
		}
		return db.seal.decodeAttempt(id, number, data)
	}
	list, err := collect(ctx, db.read, scan, `SELECT number, data FROM attempts
		WHERE delivery = $1 ORDER BY number DESC LIMIT $2`, id[:], n)
	slices.Reverse(list)
	return list, err
}

// Attempt reads one attempt of a delivery by its number, from 1.
func (db *DB) Attempt(ctx context.Context, id hook.DeliveryID, number int) (*hook.Attempt, error) {
	var data []byte
	err := db.read.QueryRowContext(ctx, `SELECT data FROM attempts WHERE delivery = $1 AND number = $2`, id[:], number).Scan(&data)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, hook.NotFound("attempt", strconv.Itoa(number))
	}
	if err != nil {
		return nil, storageError(err)
	}
	return db.seal.decodeAttempt(id, number, data)
}

// Retry sends a delivery again because a person wants it ([hook.OnRetry]): it puts the
// delivery into the queue of its endpoint, due now. It fails with KindConflict if the
// delivery is at-most-once, is a test, is being sent or waits for its first attempt, or if
// its endpoint is disabled or deleted. ordered says whether the endpoint is ordered.
func (db *DB) Retry(ctx context.Context, tenant string, id hook.DeliveryID, ordered bool) (d hook.Delivery, err error) {
	now := db.now()
	var was hook.Delivery
	err = db.change(ctx, func(t *tx) error {
		var err error
		if d, err = t.delivery(tenant, id); err != nil {
			return err
		}
		was = d
		if err := t.notErased(tenant, id.Event()); err != nil {
			return err
		}
		state, err := t.takesDeliveries(d.Endpoint)
		if err != nil {
			return err
		}
		next, ok := requeued(d, hook.OnRetry, hook.Standing{State: state, Ordered: ordered}, now)
		switch {
		case ok:
			d = next
		case d.Mode == hook.AtMostOnce:
			return hook.Conflict("at_most_once",
				"This delivery was made to be sent at most once, so it is never sent again. Publish a new event instead.")
		case d.Test:
			return hook.Conflict("delivery_is_test", "This delivery was a test. Make another test instead.")
		default:
			return hook.Conflict("delivery_unfinished",
				"This delivery is "+string(d.State)+" already. Wait for what becomes of it.")
		}
		if saved, err := t.saveQueued(&d, was.State); err != nil {
			return err
		} else if !saved {
			return hook.Conflict("delivery_unfinished", "This delivery is being sent. Wait for what becomes of it.")
		}
		return t.audit(hook.AuditEntry{Tenant: tenant, Action: hook.ActionDeliveryRetried, Object: id.String(), Name: d.Type})
	})
	if err == nil {
		db.moved(move{was, d})
	}
	return d, err
}

// Skip gives up a delivery that holds the strict queue of its endpoint ([hook.OnSkip]): it is cancelled, and the queue
// goes on. It fails with KindConflict if the delivery does not hold a queue.
func (db *DB) Skip(ctx context.Context, tenant string, id hook.DeliveryID) (d hook.Delivery, err error) {
	now := fromMicros(sql.NullInt64{Int64: db.now().UnixMicro(), Valid: true})
	var was hook.Delivery
	err = db.change(ctx, func(t *tx) error {
		var err error
		if d, err = t.delivery(tenant, id); err != nil {
			return err
		}
		was = d
		next, ok := hook.Next(d, hook.Trigger{Kind: hook.OnSkip}, hook.Policy{}, hook.Standing{}, now)
		if !ok {
			return hook.Conflict("delivery_not_held", "This delivery does not hold the queue of its endpoint, so there is nothing to skip.")
		}
		d = next.Delivery
		if _, err := t.exec(`UPDATE deliveries SET state = $3, reason = $4, due_at = NULL, next_attempt_at = NULL, finished_at = $5
			WHERE tenant = $1 AND id = $2`, d.Tenant, d.ID[:], string(d.State), d.Reason, micros(d.FinishedAt)); err != nil {
			return err
		}
		return t.audit(hook.AuditEntry{Tenant: tenant, Action: hook.ActionDeliverySkipped, Object: id.String(), Name: d.Type})
	})
	if err == nil {
		db.moved(move{was, d})
	}
	return d, err
}

// Holder is the delivery that holds the strict queue of an endpoint, nil if none does.
func (db *DB) Holder(ctx context.Context, endpoint hook.EndpointID) (*hook.Delivery, error) {
	d, err := scanDelivery(db.read.QueryRowContext(ctx, `SELECT `+deliveryColumns+` FROM deliveries
		WHERE endpoint = $1 AND due_at > 0 ORDER BY due_at, id LIMIT 1`, endpoint[:]))
	if errors.Is(err, sql.ErrNoRows) || err == nil && !d.Held() {
		return nil, nil
	}
	return &d, storageError(err)
}

// requeued is a delivery after a person ([hook.OnRetry]) or a bulk replay
// ([hook.OnRecover]) sent it again. ok is false if it is not to be sent again.
func requeued(d hook.Delivery, by hook.TriggerKind, endpoint hook.Standing, now time.Time) (next hook.Delivery, ok bool) {
	t, ok := hook.Next(d, hook.Trigger{Kind: by}, hook.Policy{}, endpoint, now)
	return t.Delivery, ok
}

func (t *tx) delivery(tenant string, id hook.DeliveryID) (hook.Delivery, error) {
	d, err := scanDelivery(t.row(`SELECT `+deliveryColumns+` FROM deliveries
		WHERE tenant = $1 AND id = $2`, tenant, id[:]))
	if errors.Is(err, sql.ErrNoRows) {
		return d, hook.NotFound("delivery", id.String())
	}
	return d, err
}

// takesDeliveries returns the state of an endpoint. It fails with KindConflict if the endpoint
// is disabled or deleted.
func (t *tx) takesDeliveries(id hook.EndpointID) (state hook.EndpointState, err error) {
	err = t.row(`SELECT state FROM endpoints WHERE id = $1`, id[:]).Scan(&state)
	switch {
	case errors.Is(err, sql.ErrNoRows), state == hook.EndpointDeleted:
		return state, hook.Conflict("endpoint_deleted", "The endpoint of this delivery is gone, so nothing can be sent to it.")
	case err != nil:
		return state, err
	case state == hook.EndpointDisabled:
		return state, hook.Conflict("endpoint_disabled", "The endpoint is disabled. Resume it first.")
	}
	return state, nil
}

// saveQueued stores a delivery that [requeued] sends again, if its row still has the state from which that was decided. With
// PostgreSQL, a sender may have taken it since.
func (t *tx) saveQueued(d *hook.Delivery, was hook.State) (saved bool, err error) {
	n, err := t.exec(`UPDATE deliveries SET state = $3, reason = $4, slot = $5, due_at = $6, next_attempt_at = $7,
		finished_at = NULL, superseded = $8, batch = NULL WHERE tenant = $1 AND id = $2 AND state = $9`,
		d.Tenant, d.ID[:], string(d.State), d.Reason, d.Slot, dueAt(d), micros(d.NextAttemptAt), d.Superseded, string(was))
	return n > 0, err
}

// requeueAll sends deliveries again for a bulk replay ([hook.OnRecover]), and returns them. It leaves out those that are
// removed or must not be sent again.
func (t *tx) requeueAll(tenant string, ids []hook.DeliveryID, endpoint hook.Standing, now time.Time) (list []move, err error) {
	for _, id := range ids {
		d, err := t.delivery(tenant, id)
		if hook.IsKind(err, hook.KindNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		next, ok := requeued(d, hook.OnRecover, endpoint, now)
		if !ok {
			continue
		}
		if err := t.notErased(tenant, id.Event()); hook.IsKind(err, hook.KindConflict) {
			continue
		} else if err != nil {
			return nil, err
		}
		saved, err := t.saveQueued(&next, d.State)
		if err != nil {
			return nil, err
		}
		if !saved {
			continue
		}
		list = append(list, move{d, next})
	}
	return list, nil
}

// number returns a free number for a new delivery of an event.
func (t *tx) number(tenant string, id hook.EventID) (int, error) {
	var last []byte
	top := id.Delivery(hook.MaxFanout)
	err := t.row(`SELECT id FROM deliveries WHERE tenant = $1 AND id > $2 AND id <= $3
		ORDER BY id DESC LIMIT 1`, tenant, id[:], top[:]).Scan(&last)
	if errors.Is(err, sql.ErrNoRows) {
		return 1, nil
	}
	if err != nil {
		return 0, err
	}
	n := hook.DeliveryID(last).Number()
	if n >= hook.MaxFanout {
		return 0, hook.Conflict("too_many_deliveries", "This event has the largest possible number of deliveries.")
	}
	return n + 1, nil
}
