package store

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"gancho/internal/hook"
)

// Bulk actions. Each step reads a range of ids outside of the transaction that writes, so that no step holds the writer for
// long, and commits what it changes together with the place where the next step begins. So a crash neither loses a
// delivery of the range nor changes one twice.
const (
	bulkRows    = 5000 // deliveries that one step looks at
	bulkCancels = 1000 // deliveries that one step cancels; one statement does
	bulkRetries = 200  // deliveries that one step sends again, each by statements of its own, as a recovery does
	countRows   = 20_000
)

const bulkColumns = `id, tenant, kind, filter, cursor, examined, changed, left_alone, total, state, created_at, finished_at, contains,
	by_key, reason`

// bulkSearching is in the column state of a running bulk action that is about what a search finds. A program of the release
// before would not know of the search, and do the same with all; it takes only what is running.
const (
	bulkSearching = "searching"
	bulkRuns      = `state IN ('running', 'searching')`
)

func storedBulkState(b *hook.Bulk) string {
	if b.State == hook.BulkRunning && b.Search != nil {
		return bulkSearching
	}
	return string(b.State)
}

// storedSearch is the column contains, before it is sealed.
type storedSearch struct {
	Text     string `json:"text"`
	Personal bool   `json:"personal,omitempty"`
}

// storedFilter is a filter as the column has it.
type storedFilter struct {
	IDs       []string  `json:"ids,omitempty"`
	Endpoints []string  `json:"endpoints,omitempty"`
	Contracts []string  `json:"contracts,omitempty"`
	Event     string    `json:"event,omitempty"`
	Types     []string  `json:"types,omitempty"`
	States    []string  `json:"states,omitempty"`
	Since     time.Time `json:"since,omitzero"`
	Until     time.Time `json:"until,omitzero"`
	Ended     bool      `json:"ended,omitempty"`
	NoTests   bool      `json:"no_tests,omitempty"`
	Searched  bool      `json:"searched,omitempty"` // the text is in a column of its own, until the action ends
}

func storeFilter(f *hook.DeliveryFilter) storedFilter {
	s := storedFilter{Contracts: f.Contracts, Types: f.Types, Since: f.Since, Until: f.Until, Ended: f.Ended, NoTests: f.NoTests}
	for _, id := range f.IDs {
		s.IDs = append(s.IDs, id.String())
	}
	for _, id := range f.Endpoints {
		s.Endpoints = append(s.Endpoints, id.String())
	}
	if !f.Event.IsZero() {
		s.Event = f.Event.String()
	}
	for _, state := range f.States {
		s.States = append(s.States, string(state))
	}
	return s
}

// filter is the opposite of storeFilter. A filter that cannot be read selects nothing: it fails.
func (s *storedFilter) filter() (f hook.DeliveryFilter, err error) {
	f = hook.DeliveryFilter{Contracts: s.Contracts, Types: s.Types, Since: s.Since, Until: s.Until, Ended: s.Ended, NoTests: s.NoTests}
	for _, text := range s.IDs {
		id, err := hook.ParseDeliveryID(text)
		if err != nil {
			return f, err
		}
		f.IDs = append(f.IDs, id)
	}
	for _, text := range s.Endpoints {
		id, err := hook.ParseEndpointID(text)
		if err != nil {
			return f, err
		}
		f.Endpoints = append(f.Endpoints, id)
	}
	if s.Event != "" {
		if f.Event, err = hook.ParseEventID(s.Event); err != nil {
			return f, err
		}
	}
	for _, state := range s.States {
		f.States = append(f.States, hook.State(state))
	}
	return f, nil
}

// scanBulk reads a row of bulkColumns. One with a part that this program does not understand is Unreadable: its filter may
// select something else than what was asked for, so nothing may be done with it, but it is listed, and those beside it, too.
func (db *DB) scanBulk(row scanner) (b hook.Bulk, err error) {
	var id, cursor, contains, by []byte
	var filter, left string
	var created, finished sql.NullInt64
	if err := row.Scan(&id, &b.Tenant, &b.Kind, &filter, &cursor, &b.Examined, &b.Changed, &left, &b.Total, &b.State, &created,
		&finished, &contains, &by, &b.Reason); err != nil {
		return b, err
	}
	copy(b.ID[:], id)
	copy(b.By[:], by)
	copy(b.Cursor[:], cursor)
	b.CreatedAt, b.FinishedAt = fromMicros(created), fromMicros(finished)
	if b.State == bulkSearching {
		b.State = hook.BulkRunning
	}
	var stored storedFilter
	understood := json.Unmarshal([]byte(filter), &stored) == nil && json.Unmarshal([]byte(left), &b.Left) == nil &&
		(b.Kind == hook.BulkRetry || b.Kind == hook.BulkCancel)
	if b.Filter, err = stored.filter(); !understood || err != nil {
		b.Unreadable, b.Filter, b.Left = true, hook.DeliveryFilter{}, nil
		//lint:ignore nilerr Unreadable says so
		return b, nil
	}
	if stored.Searched {
		var search storedSearch
		if contains != nil && db.seal.openJSON(contains, id, &search) != nil {
			search = storedSearch{} // no key opens it: nothing is found
		}
		b.Search = &hook.PayloadSearch{Text: search.Text, Personal: search.Personal}
	}
	return b, nil
}

// CreateBulk stores a new bulk action, which begins with the oldest delivery that its filter selects, with the key of the
// actor of ctx.
func (db *DB) CreateBulk(ctx context.Context, b *hook.Bulk) error {
	b.By = hook.ActorOf(ctx).Key
	stored := storeFilter(&b.Filter)
	var contains []byte
	if s := b.Search; s != nil {
		stored.Searched = true
		var err error
		if contains, err = db.seal.sealJSON(storedSearch{s.Text, s.Personal}, b.ID[:]); err != nil {
			return err
		}
	}
	filter, err := json.Marshal(stored)
	if err != nil {
		return err
	}
	return db.change(ctx, func(t *tx) error {
		if err := t.aliveTenant(b.Tenant); err != nil {
			return err
		}
		if _, err := t.exec(`INSERT INTO bulk_actions (`+bulkColumns+`) VALUES ($1, $2, $3, $4, $5, 0, 0, '{}', $6, $7, $8, NULL, $9, $10, '')`,
			b.ID[:], b.Tenant, string(b.Kind), string(filter), b.Cursor[:], b.Total, storedBulkState(b), b.CreatedAt.UnixMicro(), contains,
			keyOrNull(b.By)); err != nil {
			return err
		}
		fields := filterFields(&b.Filter)
		if b.Search != nil {
			fields = append(fields, "contains") // the text can be a person's
		}
		return t.audit(hook.AuditEntry{
			Tenant: b.Tenant, Action: hook.ActionBulkStarted, Object: b.ID.String(), Name: string(b.Kind), Fields: fields,
		})
	})
}

// filterFields are the parts of a filter for the audit.
func filterFields(f *hook.DeliveryFilter) (list []string) {
	add := func(name string, values ...string) {
		for _, v := range values {
			list = append(list, name+"="+v)
		}
	}
	s := storeFilter(f)
	if n := len(s.IDs); n > 0 {
		add("deliveries", fmt.Sprint(n))
	}
	add("endpoint", s.Endpoints...)
	add("contract", s.Contracts...)
	if s.Event != "" {
		add("event", s.Event)
	}
	add("type", s.Types...)
	add("state", s.States...)
	if !s.Since.IsZero() {
		add("since", s.Since.UTC().Format(time.RFC3339))
	}
	if !s.Until.IsZero() {
		add("until", s.Until.UTC().Format(time.RFC3339))
	}
	return list
}

// Bulk is a bulk action of a tenant.
func (db *DB) Bulk(ctx context.Context, tenant string, id hook.BulkID) (hook.Bulk, error) {
	b, err := db.scanBulk(db.read.QueryRowContext(ctx, `SELECT `+bulkColumns+` FROM bulk_actions WHERE id = $1 AND tenant = $2`, id[:], tenant))
	if errors.Is(err, sql.ErrNoRows) {
		return b, hook.NotFound("bulk_action", id.String())
	}
	return b, storageError(err)
}

// Bulks lists the bulk actions of a tenant, newest first. next is where the next page begins, zero if this is the last one.
func (db *DB) Bulks(ctx context.Context, tenant string, p hook.Page) (list []hook.Bulk, next hook.ID, err error) {
	_, hi := span(hook.ID{}, p.Before)
	list, err = collect(ctx, db.read, db.scanBulk, `SELECT `+bulkColumns+` FROM bulk_actions
		WHERE tenant = $1 AND id < $2 ORDER BY id DESC LIMIT $3`, tenant, hi[:], p.Limit+1)
	list, next = cut(list, p.Limit, func(b hook.Bulk) hook.ID { return hook.ID(b.ID) })
	return list, next, err
}

// BulkRunning reports whether there are running bulk replays and bulk actions.
func (db *DB) BulkRunning(ctx context.Context) (replays, actions bool, err error) {
	err = db.read.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM recoveries WHERE state = 'running'),
		EXISTS (SELECT 1 FROM bulk_actions WHERE `+bulkRuns+`)`).Scan(&replays, &actions)
	return replays, actions, storageError(err)
}

// NextBulks lists the running bulk actions, oldest first.
func (db *DB) NextBulks(ctx context.Context) ([]hook.Bulk, error) {
	return collect(ctx, db.read, db.scanBulk, `SELECT `+bulkColumns+` FROM bulk_actions WHERE `+bulkRuns+` ORDER BY id`)
}

// keyOrNull is a key in a column that has NULL for the admin key, and for none.
func keyOrNull(id hook.KeyID) any {
	if id.IsZero() {
		return nil
	}
	return id[:]
}

// StopBulk stops a running bulk action because a person wants it: no step of it is made after that. One that has ended stays
// as it is.
func (db *DB) StopBulk(ctx context.Context, tenant string, id hook.BulkID) (b hook.Bulk, err error) {
	if err := db.endBulk(ctx, tenant, id, hook.ReasonByPerson); err != nil {
		return b, err
	}
	return db.Bulk(ctx, tenant, id)
}

// endBulk stops a running bulk action.
func (db *DB) endBulk(ctx context.Context, tenant string, id hook.BulkID, reason string) error {
	return db.change(ctx, func(t *tx) error {
		n, err := t.exec(`UPDATE bulk_actions SET state = $3, finished_at = $4, contains = NULL, reason = $5
			WHERE id = $1 AND tenant = $2 AND `+bulkRuns,
			id[:], tenant, string(hook.BulkStopped), db.now().UnixMicro(), reason)
		if err != nil || n == 0 {
			return err
		}
		e := hook.AuditEntry{Tenant: tenant, Action: hook.ActionBulkStopped, Object: id.String()}
		if reason != hook.ReasonByPerson {
			e.Reason = reason
		}
		return t.audit(e)
	})
}

// bulkForbidden is why a bulk action may make no more steps: its row cannot be read, or the key that began it was revoked or
// has expired. "" if it may go on. What else a key may do never changes.
func (db *DB) bulkForbidden(ctx context.Context, b *hook.Bulk) (reason string, err error) {
	if b.Unreadable {
		return hook.ReasonUnreadable, nil
	}
	if b.By.IsZero() {
		return "", nil
	}
	var expires sql.NullInt64
	err = db.read.QueryRowContext(ctx, `SELECT expires_at FROM keys WHERE id = $1`, b.By[:]).Scan(&expires)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return hook.ReasonKeyRevoked, nil
	case err != nil:
		return "", storageError(err)
	case expires.Valid && !time.Now().Before(fromMicros(expires)): // as package auth compares
		return hook.ReasonKeyExpired, nil
	}
	return "", nil
}

// bulkRange is what one step of a bulk action is about: the deliveries from lo to end, both included.
type bulkRange struct {
	scan     *scan
	lo, end  hook.ID
	examined int
	found    []hook.Delivery // in the range, which the filter selects, as they were when they were read
	last     bool            // nothing comes after the range
}

// bulkScan is the range of ids that is left of a bulk action, and what its filter asks. ids are those of the next step if
// the action is about certain deliveries.
func bulkScan(b *hook.Bulk) (s *scan, ids []hook.DeliveryID, more bool) {
	f := b.Filter
	s = &scan{table: "deliveries", columns: deliveryColumns}
	s.lo, s.hi = deliverySpan(f, hook.Page{})
	// What is made after the action began is not touched, whichever time since and until are compared with.
	s.hi = lower(s.hi, hook.IDAt(b.CreatedAt.Add(time.Millisecond)))
	if !b.Cursor.IsZero() {
		s.lo = upper(s.lo, following(hook.ID(b.Cursor)))
	}
	if len(f.Endpoints) == 1 && len(f.IDs) == 0 {
		s.ofEndpoint(b.Tenant, f.Endpoints[0])
		f.Endpoints = nil
	} else {
		s.index.and("tenant = %s", b.Tenant)
	}
	s.checks = narrow(b.Tenant, f)
	if b.Kind == hook.BulkCancel {
		s.checks = append(s.checks, func(q *query) { q.where = append(q.where, "due_at IS NOT NULL") })
	}
	if len(f.IDs) == 0 {
		return s, nil, false
	}
	ids = slices.DeleteFunc(slices.Clone(f.IDs), func(id hook.DeliveryID) bool { return bytes.Compare(id[:], s.lo[:]) < 0 })
	n := min(len(ids), bulkRetries)
	ids, more = ids[:n], n < len(ids)
	s.checks = append(s.checks, func(q *query) { q.in("id", anyOf(ids, func(id hook.DeliveryID) any { return id[:] })) })
	return s, ids, more
}

// from is the query for the part of a scan from lo to end, without end if open.
func (s *scan) from(lo, end hook.ID, checks bool) query {
	q := query{slices.Clone(s.index.where), slices.Clone(s.index.args)}
	q.and("id >= %s", lo[:])
	q.and("id <= %s", end[:])
	if checks {
		for _, add := range s.checks {
			add(&q)
		}
	}
	return q
}

// bulkRange reads the next range of a bulk action.
func (db *DB) bulkRange(ctx context.Context, b *hook.Bulk) (r bulkRange, err error) {
	s, ids, more := bulkScan(b)
	r = bulkRange{scan: s, lo: s.lo, end: s.hi, last: true}
	if bytes.Compare(s.lo[:], s.hi[:]) >= 0 || len(b.Filter.IDs) > 0 && len(ids) == 0 {
		return r, nil
	}
	limit := bulkRetries
	if b.Kind == hook.BulkCancel || b.Search != nil {
		limit = bulkCancels
	}
	if len(ids) > 0 {
		r.lo, r.end, r.examined, r.last = hook.ID(ids[0]), hook.ID(ids[len(ids)-1]), len(ids), !more
	} else {
		q := s.from(s.lo, s.hi, false)
		// An ID of deliverySpan's end is that of no delivery: it has the number 0, or is above all.
		far, err := inOrder(ctx, db, one[[]byte], q.text("id", s.table, fmt.Sprintf("ORDER BY id LIMIT 1 OFFSET %d", bulkRows-1)), q.args...)
		if err != nil {
			return r, err
		}
		if len(far) > 0 {
			r.end, r.last = hook.ID(far[0]), false
		}
	}
	q := s.from(r.lo, r.end, true)
	if r.found, err = inOrder(ctx, db, scanDelivery, q.text(s.columns, s.table, fmt.Sprintf("ORDER BY id LIMIT %d", limit)), q.args...); err != nil {
		return r, err
	}
	if len(r.found) == limit && len(ids) == 0 {
		r.end, r.last = hook.ID(r.found[limit-1].ID), false
	}
	if b.Search != nil {
		if err := db.searchRange(ctx, b, &r); err != nil {
			return r, err
		}
	}
	if len(ids) > 0 {
		return r, nil
	}
	q = s.from(r.lo, r.end, false)
	n, err := inOrder(ctx, db, one[int], q.text("count(*)", s.table, ""), q.args...)
	if err == nil {
		r.examined = n[0]
	}
	return r, err
}

// searchRange leaves in a range what its search finds. The range ends where a page of a search would end.
func (db *DB) searchRange(ctx context.Context, b *hook.Bulk, r *bulkRange) error {
	looked, most := r.found, bulkRetries
	if b.Kind == hook.BulkCancel {
		most = bulkCancels
	}
	r.found = nil
	events := map[hook.EventID]*hook.Event{}
	size := 0
	for start, i := time.Now(), 0; i < len(looked); i++ {
		d := looked[i]
		if i > 0 && (len(r.found) == most || size >= searchBytes || time.Since(start) > searchTime) {
			r.end, r.last = hook.ID(looked[i-1].ID), false
			return nil
		}
		e := events[d.ID.Event()]
		if e == nil {
			clear(events) // those behind are not needed again: deliveries of an event are together
			err := db.dialect.readEvents(ctx, events, looked[i:min(i+eventsTogether, len(looked))])
			if err != nil && !hook.IsKind(err, hook.KindNotFound) {
				return err
			}
			if e = events[d.ID.Event()]; e == nil {
				continue
			}
		}
		if size += len(e.Payload); b.Search.Has(e) {
			r.found = append(r.found, d)
		}
	}
	return nil
}

// AdvanceBulk makes one step of a running bulk action: what it changes and its progress are one commit, so that no step is
// repeated after a crash. ordered says which endpoints are ordered. On success b has the new progress, or is stopped if it
// may not go on: b.Reason says why. It fails with KindConflict if somebody else has continued or ended the action.
func (db *DB) AdvanceBulk(ctx context.Context, b *hook.Bulk, ordered func(hook.EndpointID) bool) (step hook.BulkStep, err error) {
	reason, err := db.bulkForbidden(ctx, b)
	if err != nil {
		return step, err
	}
	if reason != "" {
		if err := db.endBulk(ctx, b.Tenant, b.ID, reason); err != nil {
			return step, err
		}
		b.State, b.Reason = hook.BulkStopped, reason
		return step, nil
	}
	r, err := db.bulkRange(ctx, b)
	if err != nil {
		return step, err
	}
	var next hook.Bulk
	var moves []move
	err = db.change(ctx, func(t *tx) error {
		next, step = *b, hook.BulkStep{Examined: r.examined}
		next.Left = map[string]int64{}
		maps.Copy(next.Left, b.Left)
		now := fromMicros(sql.NullInt64{Int64: db.now().UnixMicro(), Valid: true})
		if b.Kind == hook.BulkCancel {
			err = t.cancelRange(&next, &r, &step, now)
		} else {
			moves, err = t.retryRange(&next, &r, &step, ordered, now)
		}
		if err != nil {
			return err
		}
		next.Examined += int64(r.examined)
		next.Cursor = hook.DeliveryID(r.end)
		if r.last {
			next.State, next.FinishedAt = hook.BulkDone, now
			if err := t.audit(hook.AuditEntry{
				Tenant: b.Tenant, Action: hook.ActionBulkDone, Object: b.ID.String(), Name: string(b.Kind), Count: int(next.Changed),
			}); err != nil {
				return err
			}
		}
		if db.cluster != nil {
			if err := t.signalSuperseded(step.Cancelled); err != nil {
				return err
			}
		}
		left, err := json.Marshal(next.Left)
		if err != nil {
			return err
		}
		// Another node may make the same step at the same time, or a person stop the action: this row says who was first.
		n, err := t.exec(`UPDATE bulk_actions SET cursor = $2, examined = $3, changed = $4, left_alone = $5, state = $6, finished_at = $7,
			contains = CASE WHEN $6 IN ('running', 'searching') THEN contains END WHERE id = $1 AND cursor = $8 AND state = $9`,
			b.ID[:], next.Cursor[:], next.Examined, next.Changed, string(left), storedBulkState(&next), micros(next.FinishedAt),
			b.Cursor[:], storedBulkState(b))
		if err == nil && n == 0 {
			return hook.Conflict("bulk_moved", "Somebody else has continued or ended this bulk action.")
		}
		return err
	})
	if err != nil {
		return hook.BulkStep{}, err
	}
	*b = next
	db.moved(moves...)
	return step, nil
}

// cancelRange cancels what waits in a range, and counts.
func (t *tx) cancelRange(b *hook.Bulk, r *bulkRange, step *hook.BulkStep, now time.Time) error {
	if len(r.found) == 0 {
		return nil
	}
	q := r.scan.from(r.lo, r.end, true)
	q.and("test = %s", false)
	if b.Search != nil {
		q.in("id", anyOf(r.found, func(d hook.Delivery) any { return d.ID[:] }))
	}
	list, err := t.follow(edges(hook.OnCancel, now), q)
	if err != nil {
		return err
	}
	changed := make(map[hook.DeliveryID]bool, len(list))
	for i := range list {
		changed[list[i].ID] = true
		list[i].Tenant = b.Tenant
		if list[i].State == hook.Sending {
			b.Left["being_sent"]++
		} else {
			b.Changed++
		}
	}
	types := make(map[hook.DeliveryID]string, len(r.found))
	for _, d := range r.found {
		types[d.ID] = d.Type
		if changed[d.ID] {
			continue
		}
		_, left := b.Kind.Decide(d, false, hook.Standing{}, now)
		if left == "" { // it ended after it was read
			left = "delivery_finished"
		}
		b.Left[left]++
	}
	for i := range list {
		list[i].Type = types[list[i].ID]
	}
	step.Cancelled = list
	return nil
}

// retryRange queues again what was found in a range, and counts.
func (t *tx) retryRange(
	b *hook.Bulk, r *bulkRange, step *hook.BulkStep, ordered func(hook.EndpointID) bool, now time.Time,
) (moves []move, err error) {
	states := map[hook.EndpointID]hook.EndpointState{}
	for _, found := range r.found {
		d, err := t.delivery(b.Tenant, found.ID)
		if hook.IsKind(err, hook.KindNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		state, ok := states[d.Endpoint]
		if !ok {
			err := t.row(`SELECT state FROM endpoints WHERE id = $1`, d.Endpoint[:]).Scan(&state)
			if errors.Is(err, sql.ErrNoRows) {
				state, err = hook.EndpointDeleted, nil
			}
			if err != nil {
				return nil, err
			}
			states[d.Endpoint] = state
		}
		endpoint := hook.Standing{State: state, Ordered: ordered(d.Endpoint)}
		next, left := b.Kind.Decide(d, len(b.Filter.IDs) > 0, endpoint, now)
		if left == "" && len(b.Filter.States) > 0 && !slices.Contains(b.Filter.States, d.State) {
			left = "delivery_unfinished" // it changed after it was read
		}
		if left == "" {
			err := t.notErased(b.Tenant, d.ID.Event())
			switch {
			case hook.IsKind(err, hook.KindConflict):
				left = "event_erased"
			case err != nil:
				return nil, err
			}
		}
		if left == "" {
			saved, err := t.saveQueued(&next, d.State)
			if err != nil {
				return nil, err
			}
			if !saved {
				left = "delivery_unfinished"
			}
		}
		if left != "" {
			b.Left[left]++
			continue
		}
		b.Changed++
		moves = append(moves, move{d, next})
		if !slices.Contains(step.Queued, d.Endpoint) {
			step.Queued = append(step.Queued, d.Endpoint)
		}
	}
	return moves, nil
}

// group is what deliveries have in common that a bulk action does the same with.
type group struct {
	d     hook.Delivery
	count int64
}

// PreviewBulk counts what a bulk action would do if it began now. Where there are many deliveries, it looks only at the first
// ones, and says so. It stores nothing.
func (db *DB) PreviewBulk(ctx context.Context, b hook.Bulk, within time.Duration) (p hook.BulkPreview, err error) {
	p = hook.BulkPreview{States: map[hook.State]int64{}, Left: map[string]int64{}}
	states := map[hook.EndpointID]hook.EndpointState{}
	if _, err := collect(ctx, db.read, func(row scanner) (struct{}, error) {
		var id []byte
		var state hook.EndpointState
		err := row.Scan(&id, &state)
		states[hook.EndpointID(id)] = state
		return struct{}{}, err
	}, `SELECT id, state FROM endpoints WHERE tenant = $1`, b.Tenant); err != nil {
		return p, err
	}
	scanGroup := func(row scanner) (g group, err error) {
		var endpoint []byte
		if err := row.Scan(&endpoint, &g.d.State, &g.d.Mode, &g.d.Test, &g.d.Superseded, &g.d.Reason, &g.count); err != nil {
			return g, err
		}
		copy(g.d.Endpoint[:], endpoint)
		g.d.NextAttemptAt = b.CreatedAt
		return g, nil
	}
	count := func(g group) {
		state, ok := states[g.d.Endpoint]
		if !ok {
			state = hook.EndpointDeleted
		}
		p.States[g.d.State] += g.count
		if _, left := b.Kind.Decide(g.d, len(b.Filter.IDs) > 0, hook.Standing{State: state}, b.CreatedAt); left != "" {
			p.Left[left] += g.count
		} else {
			p.Changed += g.count
			if b.Kind == hook.BulkCancel && g.d.Mode == hook.AtMostOnce {
				p.Final += g.count
			}
		}
	}
	for start := time.Now(); b.Search != nil; {
		r, err := db.bulkRange(ctx, &b)
		if err != nil {
			return p, err
		}
		for _, d := range r.found {
			count(group{d, 1})
		}
		if b.Cursor = hook.DeliveryID(r.end); r.last {
			return p, nil
		}
		if time.Since(start) > within {
			p.AtLeast = true
			return p, nil
		}
	}
	for start := time.Now(); ; {
		s, ids, more := bulkScan(&b)
		if bytes.Compare(s.lo[:], s.hi[:]) >= 0 || len(b.Filter.IDs) > 0 && len(ids) == 0 {
			return p, nil
		}
		end := s.hi
		if len(ids) > 0 {
			end = hook.ID(ids[len(ids)-1])
		} else {
			q := s.from(s.lo, s.hi, false)
			far, err := inOrder(ctx, db, one[[]byte], q.text("id", s.table, fmt.Sprintf("ORDER BY id LIMIT 1 OFFSET %d", countRows-1)), q.args...)
			if err != nil {
				return p, err
			}
			if more = len(far) > 0; more {
				end = hook.ID(far[0])
			}
		}
		const columns = "endpoint, state, mode, test, superseded, reason"
		q := s.from(s.lo, end, true)
		list, err := collect(ctx, db.read, scanGroup, q.text(columns+", count(*)", s.table, "GROUP BY "+columns), q.args...)
		if err != nil {
			return p, err
		}
		for _, g := range list {
			count(g)
		}
		if !more {
			return p, nil
		}
		if b.Cursor = hook.DeliveryID(end); time.Since(start) > within {
			p.AtLeast = true
			return p, nil
		}
	}
}
