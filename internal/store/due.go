package store

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"math"
	"time"

	"gancho/internal/hook"
)

// What a lane reads: the queue of its endpoint.

const deliveryColumns = `tenant, id, endpoint, type, mode, state, reason, test, attempts, slot, due_at, next_attempt_at,
	created_at, finished_at, endpoint_version, contract_version, superseded, batch`

// scanDelivery reads [deliveryColumns].
func scanDelivery(row scanner) (d hook.Delivery, err error) {
	var id, endpoint, batch []byte
	var due, next, created, finished sql.NullInt64
	err = row.Scan(&d.Tenant, &id, &endpoint, &d.Type, &d.Mode, &d.State, &d.Reason, &d.Test, &d.Attempts, &d.Slot,
		&due, &next, &created, &finished, &d.EndpointVersion, &d.ContractVersion, &d.Superseded, &batch)
	if err != nil {
		return d, err
	}
	copy(d.ID[:], id)
	copy(d.Endpoint[:], endpoint)
	d.NextAttemptAt, d.CreatedAt, d.FinishedAt = fromMicros(next), fromMicros(created), fromMicros(finished)
	// As in isSuperseded. A finished delivery may be superseded and have another reason.
	d.Superseded = d.Reason == hook.ReasonSuperseded || d.Reason == hook.ReasonByPerson || d.Superseded && d.State.Finished()
	if due.Int64 > 0 {
		d.QueueAt = fromMicros(due)
	}
	d.Batch = readBatch(batch)
	return d, nil
}

// EndpointsWithWork lists the endpoints that have unfinished deliveries.
func (db *DB) EndpointsWithWork(ctx context.Context) ([]hook.EndpointID, error) {
	scan := func(r scanner) (hook.EndpointID, error) {
		id, err := one[[]byte](r)
		if err != nil {
			return hook.EndpointID{}, err
		}
		return hook.EndpointID(id), nil
	}
	return collect(ctx, db.read, scan, db.dialect.busyText())
}

// InHands lists up to n deliveries of an endpoint that are stored as being sent, by id. Right
// after a restart, all of them are interrupted ones.
func (db *DB) InHands(ctx context.Context, id hook.EndpointID, n int) ([]hook.Delivery, error) {
	return db.readQueue(ctx, &queueRead{id: id, at: -1, n: n})
}

// Waiting lists up to n deliveries of an endpoint that are unfinished and not stored as being
// sent. They are cancelled when the endpoint is disabled.
func (db *DB) Waiting(ctx context.Context, id hook.EndpointID, n int) ([]hook.Delivery, error) {
	return db.readQueue(ctx, &queueRead{id: id, since: 1, until: math.MaxInt64, at: -1, n: n})
}

// Due returns the deliveries of an endpoint that are due, in the order of the queue. It leaves
// out those for which skip is true, because the caller already has them. It ends after n jobs,
// or once their payloads together have maxBytes, but not inside a batch.
func (db *DB) Due(
	ctx context.Context, id hook.EndpointID, now time.Time, n, maxBytes int, skip func(hook.DeliveryID) bool,
) (due hook.DuePage, err error) {
	ctx = context.WithoutCancel(ctx) // the query is short, and a context that can end costs a goroutine
	page, next, events, err := db.duePage(ctx, id, now, n, skip)
	if err != nil {
		return due, err
	}
	due.Next, due.More = next, next.IsZero() && len(page) >= n
	bytes, whole := 0, openBatches{}
	for i, d := range page {
		if bytes >= maxBytes && (whole.mayEnd() || bytes >= maxBytes+hook.MaxBatchBytes) {
			due.More, due.Next = true, time.Time{}
			break
		}
		job := hook.Job{Delivery: d}
		if job.Event = events[d.ID.Event()]; job.Event == nil {
			if err := db.dialect.readEvents(ctx, events, page[i:min(i+eventsTogether, len(page))]); err != nil {
				return due, err
			}
			job.Event = events[d.ID.Event()]
		}
		if d.EndpointVersion != 0 {
			job.Frozen, err = db.frozen(ctx, d.ID)
			if job.Unreadable = errors.Is(err, hook.ErrUnreadable); err != nil && !job.Unreadable {
				return due, err
			}
		}
		job.Unreadable = job.Unreadable || job.Event.Unreadable
		whole.add(&d)
		bytes += len(job.Event.Payload)
		if job.Frozen != nil {
			bytes += len(job.Frozen.Body)
		}
		due.Jobs = append(due.Jobs, job)
	}
	return due, nil
}

// duePage reads rows until it has n that are due, or finds the first one that is not due
// yet: next says when that is due. It may return some of the events, too.
func (db *DB) duePage(
	ctx context.Context, id hook.EndpointID, now time.Time, n int, skip func(hook.DeliveryID) bool,
) (page []hook.Delivery, next time.Time, events map[hook.EventID]*hook.Event, err error) {
	at, last := int64(0), hook.DeliveryID{} // the last place in the queue that was read
	whole := openBatches{}
	wants := func(d *hook.Delivery) bool { return !d.QueueAt.After(now) && !skip(d.ID) }
	events = map[hook.EventID]*hook.Event{}
	for {
		q := &queueRead{id: id, since: 1, until: math.MaxInt64, at: at, after: last[:], n: n, wants: wants}
		list, err := db.readQueue(ctx, q)
		if err != nil {
			return nil, next, nil, err
		}
		maps.Copy(events, q.events)
		for i := range list {
			d := &list[i]
			switch {
			case skip(d.ID):
			case d.QueueAt.After(now):
				return page, d.QueueAt, events, nil
			default:
				whole.add(d)
				if page = append(page, *d); len(page) >= n && whole.mayEnd() {
					return page, next, events, nil
				}
			}
			at, last = dueAt(d).(int64), d.ID
		}
		if len(list) < n {
			return page, next, events, nil
		}
	}
}

// queueRead is one reading of one queue: up to n deliveries that are due from since
// to until, after a place.
type queueRead struct {
	id               hook.EndpointID
	since, until, at int64
	after            []byte
	n                int
	// wants reports whether the caller will need the payload of a delivery; nil: of none. Some
	// of these payloads are read with the page, into events, if that saves round trips.
	wants  func(*hook.Delivery) bool
	events map[hook.EventID]*hook.Event

	list []hook.Delivery
	err  error
	done chan struct{}
}

// readQueue reads a page of a queue.
func (db *DB) readQueue(ctx context.Context, q *queueRead) ([]hook.Delivery, error) {
	err := db.dialect.readQueue(ctx, q)
	return q.list, err
}

// Body is the frozen body of a delivery, nil if the event's payload was sent.
func (db *DB) Body(ctx context.Context, id hook.DeliveryID) ([]byte, error) {
	f, err := db.frozen(ctx, id)
	if f == nil {
		return nil, err
	}
	return f.Body, nil
}

// frozen is the stored part of a delivery's request, nil if there is none.
func (db *DB) frozen(ctx context.Context, id hook.DeliveryID) (*hook.Frozen, error) {
	var body, head []byte
	err := db.hot.body.QueryRowContext(ctx, id[:]).Scan(&body, &head)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, storageError(err)
	}
	f := new(hook.Frozen)
	if f.Body, err = db.seal.openBytes(body, id[:]); err != nil {
		return nil, storageError(err)
	}
	if f.Body == nil { // an empty body is not the payload
		f.Body = []byte{}
	}
	if head != nil {
		f.Head = new(hook.Head)
		if err := db.seal.openJSON(head, id[:], f.Head); err != nil {
			return nil, storageError(err)
		}
	}
	return f, nil
}
