package store

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"gancho/internal/hook"

	"github.com/jackc/pgx/v5"
)

// Debounced deliveries. The table debounces has a row for each endpoint and key: the delivery that waits, and until when.
// A row whose time is over means nothing, and is removed later.

// held is a row of debounces.
type held struct {
	delivery hook.DeliveryID
	since    time.Time // when the first delivery began to wait of those that superseded each other
	until    time.Time // when delivery is due
}

// debounced is a delivery that waits for a newer one.
type debounced struct {
	hook.Delivery
	*hook.Debounce
	*submission
	since time.Time
}

// after lets the delivery wait, given what waits for the same endpoint and key; nil: nothing does. It reports whether the
// delivery takes the place of that one. It never becomes due before the time that it came with: that of its contract's delay
// and of the first delay of its schedule.
//
// This can make deliveries wait for longer than Max. After Max, one that would delay what waits does not take its place. It begins
// to wait as the first one of its key. Otherwise nothing would be sent as long as events come more often than the delay.
func (d *debounced) after(prior *held) (supersedes bool) {
	supersedes = prior != nil && prior.until.After(d.now)
	if supersedes && d.Max > 0 && !d.now.Before(prior.since.Add(d.Max)) {
		supersedes = !d.NextAttemptAt.After(prior.until)
	}
	d.since = d.now
	if supersedes {
		d.since = prior.since
	}
	due := d.now.Add(d.Wait)
	if last := d.since.Add(d.Max); d.Max > 0 && last.Before(due) {
		due = last
	}
	if due.After(d.NextAttemptAt) {
		d.NextAttemptAt = due
	}
	d.QueueAt = d.NextAttemptAt // also if its endpoint is ordered, so that others need not wait for a newer one of this key
	return supersedes
}

// replace notes which of the deliveries that wait a delivery has superseded.
func (s *submission) replace(d hook.Delivery) {
	s.verdicts.Superseded = append(s.verdicts.Superseded, d)
}

// superseded is a delivery that was never sent as it is after a newer one took its place.
func superseded(d hook.Delivery, now time.Time) hook.Delivery {
	t, _ := hook.Next(d, hook.Trigger{Kind: hook.OnSupersede}, hook.Policy{}, hook.Standing{}, now)
	return t.Delivery
}

// stillWaits is true for the row of a delivery that waits for its first attempt, until the time of its row of debounces: nobody
// has sent it again meanwhile.
const stillWaits = `state = 'pending' AND attempts = 0 AND next_attempt_at = `

// debounce lets the deliveries of an event wait, and supersedes those that wait for the same endpoints and key.
func (l *sqlite) debounce(ctx context.Context, s *submission, it *hook.Accepted) (list []hook.Delivery, err error) {
	list = slices.Clone(it.Deliveries)
	t := &tx{ctx: ctx, conn: l.conn}
	for i := range list[:it.Sent()] {
		d := &debounced{Delivery: list[i], Debounce: it.Debounce, submission: s}
		prior, err := t.held(d)
		if err != nil {
			return nil, err
		}
		if d.after(prior) {
			if err := l.stmts.flush(ctx); err != nil { // it may be in the same batch
				return nil, err
			}
			if err := t.replace(d, prior); err != nil {
				return nil, err
			}
		}
		if _, err := t.exec(`INSERT INTO debounces (tenant, endpoint, key, delivery, since, until) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (endpoint, key) DO UPDATE SET delivery = excluded.delivery, since = excluded.since, until = excluded.until`,
			d.Tenant, d.Endpoint[:], d.Key[:], d.ID[:], d.since.UnixMicro(), d.NextAttemptAt.UnixMicro()); err != nil {
			return nil, err
		}
		list[i] = d.Delivery
	}
	return list, nil
}

// held reads what waits for the endpoint and the key of a delivery; nil: nothing does.
func (t *tx) held(d *debounced) (*held, error) {
	var id []byte
	var since, until int64
	err := t.row(`SELECT delivery, since, until FROM debounces WHERE endpoint = $1 AND key = $2`, d.Endpoint[:], d.Key[:]).
		Scan(&id, &since, &until)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &held{hook.DeliveryID(id), time.UnixMicro(since), time.UnixMicro(until)}, nil
}

// replace supersedes a delivery that waits, because of d.
func (t *tx) replace(d *debounced, prior *held) error {
	was := d.replaced(prior.delivery)
	err := t.row(`UPDATE deliveries SET state = $3, reason = $4, superseded = $5, finished_at = $6, due_at = NULL,
		next_attempt_at = NULL WHERE tenant = $1 AND id = $2 AND `+stillWaits+`$7 RETURNING type`,
		was.Tenant, was.ID[:], string(was.State), was.Reason, was.Superseded, micros(was.FinishedAt), prior.until.UnixMicro()).Scan(&was.Type)
	if errors.Is(err, sql.ErrNoRows) { // it was sent, or has ended
		return nil
	}
	d.replace(was)
	return err
}

// replaced is a delivery that d takes the place of, as it is after that.
func (d *debounced) replaced(old hook.DeliveryID) hook.Delivery {
	was := hook.Delivery{ID: old, Tenant: d.Tenant, Endpoint: d.Endpoint, Mode: d.Mode, State: hook.Pending}
	return superseded(was, d.now)
}

// debounceRows are rows of the table debounces.
type debounceRows struct {
	list []*debounced // the deliveries of the batch

	tenants              []string
	endpoints, keys, ids [][]byte
	since, until         []int64
	replacedTenants      []string
	replacedIDs          [][]byte
	replacedUntil        []int64
	replaces             map[hook.DeliveryID]*debounced
}

// add notes the deliveries of an event. writing.debounce adds their rows.
func (r *debounceRows) add(s *submission, it *hook.Accepted) {
	for _, d := range it.Deliveries[:it.Sent()] {
		r.list = append(r.list, &debounced{Delivery: d, Debounce: it.Debounce, submission: s})
	}
}

// sameWait reports whether one of two deliveries takes the place of the other.
func sameWait(a, b *debounced) bool { return a.Endpoint == b.Endpoint && a.Key == b.Key }

// debounce finds out what waits for the same endpoints and keys as the deliveries of the batch, and adds the rows of these.
// Several that take the place of each other may be in the batch; all but the last one are stored as superseded.
func (w *writing) debounce(ctx context.Context, t session) error {
	r := &w.debounces
	if len(r.list) == 0 {
		return nil
	}
	// Rows are locked in this order.
	slices.SortStableFunc(r.list, func(a, b *debounced) int {
		return cmp.Or(bytes.Compare(a.Endpoint[:], b.Endpoint[:]), bytes.Compare(a.Key[:], b.Key[:]))
	})
	prior, err := readHeld(ctx, t, slices.CompactFunc(slices.Clone(r.list), sameWait))
	if err != nil {
		return err
	}
	r.replaces = map[hook.DeliveryID]*debounced{}
	for i, d := range r.list {
		k := waitKey{d.Endpoint, d.Key}
		was := prior[k]
		switch {
		case !d.after(was):
		case i > 0 && r.list[i-1].ID == was.delivery: // in this batch
			before := r.list[i-1]
			before.Delivery = superseded(before.Delivery, d.now)
			d.replace(before.Delivery)
		default:
			r.replacedTenants, r.replacedIDs = append(r.replacedTenants, d.Tenant), append(r.replacedIDs, was.delivery[:])
			r.replacedUntil = append(r.replacedUntil, was.until.UnixMicro())
			r.replaces[was.delivery] = d
		}
		prior[k] = &held{d.ID, d.since, d.NextAttemptAt}
	}
	for i, d := range r.list {
		w.deliveries.add(&d.Delivery)
		if i+1 == len(r.list) || !sameWait(d, r.list[i+1]) {
			r.tenants, r.endpoints, r.keys = append(r.tenants, d.Tenant), append(r.endpoints, d.Endpoint[:]), append(r.keys, d.Key[:])
			r.ids, r.since, r.until = append(r.ids, d.ID[:]), append(r.since, d.since.UnixMicro()), append(r.until, d.NextAttemptAt.UnixMicro())
		}
	}
	return nil
}

type waitKey struct {
	endpoint hook.EndpointID
	key      [32]byte
}

// readHeld reads and locks the rows of debounces for deliveries, no two of which have the same endpoint and key. Where there is
// none, it adds one that means nothing yet, so that another transaction waits for this one.
func readHeld(ctx context.Context, t session, list []*debounced) (map[waitKey]*held, error) {
	var tenants []string
	var endpoints, keys, ids [][]byte
	for _, d := range list {
		tenants, endpoints = append(tenants, d.Tenant), append(endpoints, d.Endpoint[:])
		keys, ids = append(keys, d.Key[:]), append(ids, d.ID[:])
	}
	got := make(map[waitKey]*held, len(list))
	// DO UPDATE changes nothing, but locks a row that is there, also against its removal.
	rows, err := t.Query(ctx, `INSERT INTO debounces AS d (tenant, endpoint, key, delivery, since, until)
		SELECT u.*, 0, 0 FROM unnest($1::text[], $2::bytea[], $3::bytea[], $4::bytea[]) AS u
		ON CONFLICT (endpoint, key) DO UPDATE SET tenant = excluded.tenant
		RETURNING d.endpoint, d.key, d.delivery, d.since, d.until`, tenants, endpoints, keys, ids)
	if err != nil {
		return nil, err
	}
	var endpoint, key, id []byte
	var since, until int64
	_, err = pgx.ForEachRow(rows, []any{&endpoint, &key, &id, &since, &until}, func() error {
		got[waitKey{hook.EndpointID(endpoint), [32]byte(key)}] = &held{hook.DeliveryID(id), time.UnixMicro(since), time.UnixMicro(until)}
		return nil
	})
	return got, err
}

// addDebounces adds the statements that store what waits now, and what does not wait any more.
func (w *writing) addDebounces(q *pgx.Batch) {
	r := &w.debounces
	if len(r.ids) == 0 {
		return
	}
	q.Queue(`UPDATE debounces AS d SET delivery = u.delivery, since = u.since, until = u.until
		FROM unnest($1::bytea[], $2::bytea[], $3::bytea[], $4::bigint[], $5::bigint[]) AS u (endpoint, key, delivery, since, until)
		WHERE d.endpoint = u.endpoint AND d.key = u.key`, r.endpoints, r.keys, r.ids, r.since, r.until)
	if len(r.replacedIDs) == 0 {
		return
	}
	w.reads[q.Len()] = func(rows pgx.Rows) error {
		var id []byte
		var kind string
		_, err := pgx.ForEachRow(rows, []any{&id, &kind}, func() error {
			old := hook.DeliveryID(id)
			d := r.replaces[old]
			was := d.replaced(old)
			was.Type = kind
			d.replace(was)
			return nil
		})
		return err
	}
	became := superseded(hook.Delivery{State: hook.Pending}, w.submissions[0].now)
	q.Queue(`UPDATE deliveries AS d SET state = $3, reason = $4, superseded = $5, finished_at = $6, due_at = NULL, next_attempt_at = NULL
		FROM unnest($1::text[], $2::bytea[], $7::bigint[]) AS u (tenant, id, until)
		WHERE d.tenant = u.tenant AND d.id = u.id AND d.`+stillWaits+`u.until
		RETURNING d.id, d.type`,
		r.replacedTenants, r.replacedIDs, string(became.State), became.Reason, became.Superseded, micros(became.FinishedAt), r.replacedUntil)
}
