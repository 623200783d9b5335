package store

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"gancho/internal/hook"
)

// How lists are read.
//
// Ids sort by age. So "newest first" reads an index backwards, a page begins where the
// last one ended, and since and until are bounds of the same range. If no index serves a
// filter, each row is compared with it. Then a page reads a limited number of rows, and
// says where to go on even if it found few items or none. So every page is fast whatever
// the size of the history, and the hot path maintains no index that only lists need.
const (
	scanRows    = 10_000 // rows that one page may read if they are stored side by side
	scanEvents  = 10_000 // the same for events, which have their payloads between them
	scanRowsFar = 5_000  // the same if each row is stored somewhere else
	fewWaiting  = 5_000  // up to this number, unfinished deliveries are sorted in memory
	fetchFirst  = 200    // how many of those are read first; then twice as many, and so on
)

// span is the range of ids from lo to before, without before; or to the end if before is
// zero.
func span(lo, before hook.ID) (hook.ID, hook.ID) {
	if before.IsZero() {
		for i := range before {
			before[i] = 0xff
		}
	}
	return lo, before
}

// lower and upper return the smaller and the larger of two ids.
func lower(a, b hook.ID) hook.ID {
	if bytes.Compare(a[:], b[:]) < 0 {
		return a
	}
	return b
}

func upper(a, b hook.ID) hook.ID {
	if bytes.Compare(a[:], b[:]) > 0 {
		return a
	}
	return b
}

// following is the smallest id that is larger than id.
func following(id hook.ID) hook.ID {
	for i := len(id) - 1; i >= 0; i-- {
		if id[i]++; id[i] != 0 {
			break
		}
	}
	return id
}

// cut shortens a list to its page. The list was read with one item more than the page has,
// to see whether there is a next page; cut returns where that begins.
func cut[T any](list []T, limit int, id func(T) hook.ID) ([]T, hook.ID) {
	if len(list) <= limit {
		return list, hook.ID{}
	}
	list = list[:limit]
	return list, id(list[limit-1])
}

// query collects conditions and their arguments.
type query struct {
	where []string
	args  []any
}

// and adds a condition; its %s is replaced by the placeholder of the argument.
func (q *query) and(cond string, arg any) {
	q.where = append(q.where, fmt.Sprintf(cond, q.arg(arg)))
}

// arg adds an argument and returns its placeholder.
func (q *query) arg(v any) string {
	q.args = append(q.args, v)
	return fmt.Sprintf("$%d", len(q.args))
}

// oneOf is the condition that a column has one of some values. It is written with OR,
// since SQLite builds a table for IN.
func (q *query) oneOf(column string, states []hook.State) string {
	either := make([]string, len(states))
	for i, s := range states {
		either[i] = column + " = " + q.arg(string(s))
	}
	return "(" + strings.Join(either, " OR ") + ")"
}

// endpointsOf is the condition that an endpoint is one of a tenant's and, if contracts are named, of one of those.
func (q *query) endpointsOf(tenant string, contracts []string) string {
	of := query{args: q.args}
	of.and("tenant = %s", tenant)
	if len(contracts) > 0 {
		of.in("contract", anyOf(contracts, itself))
	}
	q.args = of.args
	return "endpoint IN (SELECT id FROM endpoints WHERE " + of.conditions() + ")"
}

// in is the condition that a column has one of some values.
func (q *query) in(column string, values []any) {
	marks := make([]string, len(values))
	for i, v := range values {
		marks[i] = q.arg(v)
	}
	if len(marks) == 1 {
		q.where = append(q.where, column+" = "+marks[0])
		return
	}
	q.where = append(q.where, column+" IN ("+strings.Join(marks, ", ")+")")
}

// anyOf makes arguments of values.
func anyOf[T any](list []T, arg func(T) any) []any {
	out := make([]any, len(list))
	for i, v := range list {
		out[i] = arg(v)
	}
	return out
}

func itself(s string) any                { return s }
func endpointArg(id hook.EndpointID) any { return id[:] }
func stateArg(s hook.State) any          { return string(s) }

func (q *query) conditions() string { return strings.Join(q.where, " AND ") }

func (q *query) text(columns, table, rest string) string {
	return "SELECT " + columns + " FROM " + table + " WHERE " + q.conditions() + " " + rest
}

// scan reads a range of one index backwards and checks further conditions on each row.
type scan struct {
	table   string
	columns string
	index   query            // the equalities by which the index is read
	checks  []func(q *query) // add the conditions that no index serves
	lo, hi  hook.ID
	rows    int // number of rows to read if there are checks; 0: all
}

// floor is the smallest id among the next s.rows rows, or s.lo if there are fewer.
func (s *scan) floor(ctx context.Context, db *DB) (hook.ID, error) {
	if len(s.checks) == 0 || s.rows == 0 {
		return s.lo, nil
	}
	q := query{slices.Clone(s.index.where), slices.Clone(s.index.args)}
	q.and("id < %s", s.hi[:])
	q.and("id >= %s", s.lo[:])
	q.args = append(q.args, s.rows-1)
	text := q.text("id", s.table, fmt.Sprintf("ORDER BY id DESC LIMIT 1 OFFSET $%d", len(q.args)))
	found, err := inOrder(ctx, db, one[[]byte], text, q.args...)
	if len(found) == 0 {
		return s.lo, err
	}
	return hook.ID(found[0]), err
}

// statement is the query for a page; it reads down to floor.
func (s *scan) statement(floor hook.ID, limit int) (string, []any) {
	q := query{slices.Clone(s.index.where), slices.Clone(s.index.args)}
	q.and("id < %s", s.hi[:])
	q.and("id >= %s", floor[:])
	for _, add := range s.checks {
		add(&q)
	}
	q.args = append(q.args, limit)
	return q.text(s.columns, s.table, fmt.Sprintf("ORDER BY id DESC LIMIT $%d", len(q.args))), q.args
}

// check adds a condition that no index serves.
func (s *scan) check(cond string, arg any) {
	s.checks = append(s.checks, func(q *query) { q.and(cond, arg) })
}

// page reads one page of a scan. decode decodes one row and returns its id.
func page[T any](
	ctx context.Context, db *DB, s *scan, limit int, decode func(scanner) (T, hook.ID, error),
) (list []T, next hook.ID, err error) {
	if bytes.Compare(s.lo[:], s.hi[:]) >= 0 {
		return nil, next, nil
	}
	floor, err := s.floor(ctx, db)
	if err != nil {
		return nil, next, err
	}
	var ids []hook.ID
	text, args := s.statement(floor, limit+1)
	list, err = inOrder(ctx, db, func(row scanner) (T, error) {
		v, id, err := decode(row)
		ids = append(ids, id)
		return v, err
	}, text, args...)
	if err != nil {
		return nil, next, err
	}
	switch {
	case len(list) > limit:
		return list[:limit], ids[limit-1], nil
	case floor != s.lo: // the limit of rows is reached; older rows were not read
		return list, floor, nil
	}
	return list, next, nil
}

// Events lists events of a tenant, newest first, without payloads. next is where the next
// page begins, zero if this is the last one.
func (db *DB) Events(
	ctx context.Context, tenant string, f hook.EventFilter, p hook.Page,
) ([]*hook.Event, hook.ID, error) {
	s := eventScan(tenant, f, p)
	return page(ctx, db, s, p.Limit, func(row scanner) (*hook.Event, hook.ID, error) {
		e, err := db.seal.scanEvent(row)
		if err != nil {
			return nil, hook.ID{}, err
		}
		e.Payload = nil
		return e, hook.ID(e.ID), nil
	})
}

func eventScan(tenant string, f hook.EventFilter, p hook.Page) *scan {
	s := &scan{table: "events", columns: eventHead, rows: scanEvents}
	s.lo, s.hi = span(sinceID(f.Since), p.Before)
	if !f.Until.IsZero() {
		s.hi = lower(s.hi, hook.IDAt(f.Until))
	}
	s.index.and("tenant = %s", tenant)
	if f.Type != "" {
		s.check("type = %s", f.Type)
	}
	if f.Contract != "" {
		s.check("contract = %s", f.Contract)
	}
	return s
}

// Deliveries lists deliveries of a tenant, newest first. next is where the next page
// begins, zero if this is the last one.
func (db *DB) Deliveries(
	ctx context.Context, tenant string, f hook.DeliveryFilter, p hook.Page,
) ([]hook.Delivery, hook.ID, error) {
	if f.OnlyUnfinished() {
		if f.Ended {
			return nil, hook.ID{}, nil
		}
		if f.Event.IsZero() {
			ids, few, err := db.fewUnfinished(ctx, tenant, f)
			if err != nil {
				return nil, hook.ID{}, err
			}
			if few {
				return db.unfinished(ctx, tenant, f, p, ids)
			}
		}
	}
	return page(ctx, db, db.deliveryScan(tenant, f, p), p.Limit, func(row scanner) (hook.Delivery, hook.ID, error) {
		d, err := scanDelivery(row)
		return d, hook.ID(d.ID), err
	})
}

// deliveryScan chooses the index for a list of deliveries.
func (db *DB) deliveryScan(tenant string, f hook.DeliveryFilter, p hook.Page) *scan {
	s := &scan{table: "deliveries", columns: deliveryColumns}
	s.lo, s.hi = deliverySpan(f, p)
	rest := f
	switch {
	case !f.Event.IsZero(): // one range of the primary key, and short
		s.index.and("tenant = %s", tenant)
	case len(f.States) == 1 && (f.States[0] == hook.Failed || f.States[0] == hook.Unknown || f.States[0] == hook.Cancelled):
		// SQLite uses a partial index only if the query repeats its condition word for
		// word. Even then it prefers the primary key, unless the query names the index.
		s.table = "deliveries" + db.dialect.indexedBy("deliveries_trouble")
		s.index.and("tenant = %s AND (state = 'failed' OR state = 'unknown' OR state = 'cancelled')", tenant)
		s.index.and("state = %s", string(f.States[0]))
		s.rows, rest.States = scanRowsFar, nil
	case len(f.Endpoints) == 1:
		s.ofEndpoint(tenant, f.Endpoints[0])
		s.rows, rest.Endpoints = scanRowsFar, nil
	default:
		s.index.and("tenant = %s", tenant)
		s.rows = scanRows
	}
	s.checks = narrow(tenant, rest)
	return s
}

// ofEndpoint chooses the index by endpoint. IS TRUE keeps the planner from using the primary key, which would read the
// deliveries of the tenant's other endpoints, too.
func (s *scan) ofEndpoint(tenant string, id hook.EndpointID) {
	s.index.and("endpoint = %s", id[:])
	s.index.and("(tenant = %s) IS TRUE", tenant)
}

// narrow is what a filter asks of a delivery beside its id and its event.
func narrow(tenant string, f hook.DeliveryFilter) (list []func(*query)) {
	add := func(is bool, check func(*query)) {
		if is {
			list = append(list, check)
		}
	}
	add(len(f.Endpoints) > 0, func(q *query) { q.in("endpoint", anyOf(f.Endpoints, endpointArg)) })
	add(len(f.Contracts) > 0, func(q *query) {
		// IS TRUE keeps the planner from reading the deliveries endpoint by endpoint, which is another order.
		q.where = append(q.where, "("+q.endpointsOf(tenant, f.Contracts)+") IS TRUE")
	})
	add(len(f.States) > 0, func(q *query) { q.in("state", anyOf(f.States, stateArg)) })
	add(len(f.Types) > 0, func(q *query) { q.in("type", anyOf(f.Types, itself)) })
	add(f.NoTests, func(q *query) { q.and("test = %s", false) })
	if f.Ended {
		add(true, func(q *query) { q.and("finished_at >= %s", f.Since.UnixMicro()) })
		add(!f.Until.IsZero(), func(q *query) { q.and("finished_at < %s", f.Until.UnixMicro()) })
	}
	return list
}

// sinceID is the smallest id of a list that begins at t, or the zero id if t is zero.
func sinceID(t time.Time) hook.ID {
	if t.IsZero() {
		return hook.ID{}
	}
	return hook.IDAt(t)
}

// clocksDiffer is how far the clock of a node that finishes a delivery may be behind that of the node that made its event.
const clocksDiffer = 5 * time.Second

// deliverySpan is the range of ids that can pass a filter, since ids begin with a time.
func deliverySpan(f hook.DeliveryFilter, p hook.Page) (lo, hi hook.ID) {
	since, until := f.Since, f.Until
	if f.Ended { // an event may be of any age when its delivery ends
		since = time.Time{}
		if !until.IsZero() {
			until = until.Add(clocksDiffer)
		}
	}
	lo, hi = span(sinceID(since), p.Before)
	if !until.IsZero() {
		hi = lower(hi, hook.IDAt(until))
	}
	if !f.Event.IsZero() {
		lo = upper(lo, hook.ID(f.Event))
		hi = lower(hi, following(hook.ID(f.Event.Delivery(hook.MaxFanout))))
	}
	return lo, hi
}

// fewUnfinished reads the ids of unfinished deliveries from the index of the queue. few is
// false if there are too many to sort in memory.
func (db *DB) fewUnfinished(
	ctx context.Context, tenant string, f hook.DeliveryFilter,
) (ids []hook.ID, few bool, err error) {
	text, args := unfinishedQuery(tenant, f)
	found, err := inOrder(ctx, db, one[[]byte], text, args...)
	for _, id := range found {
		ids = append(ids, hook.ID(id))
	}
	return ids, len(ids) <= fewWaiting, err
}

// unfinishedQuery finds up to fewWaiting+1 ids, which shows whether there are too many.
func unfinishedQuery(tenant string, f hook.DeliveryFilter) (string, []any) {
	q := query{}
	if len(f.Endpoints) == 1 {
		q.and("endpoint = %s", f.Endpoints[0][:])
		q.and("(tenant = %s) IS TRUE", tenant) // keeps the planner from using an index by tenant
	} else {
		q.where = append(q.where, q.endpointsOf(tenant, f.Contracts))
	}
	due := "due_at > 0" // it is 0 while a delivery is being sent
	switch sending := slices.Contains(f.States, hook.Sending); {
	case sending && len(f.States) == 1:
		due = "due_at = 0"
	case sending:
		due = "due_at >= 0"
	}
	q.where = append(q.where, due)
	return q.text("id", "deliveries", fmt.Sprintf("LIMIT %d", fewWaiting+1)), q.args
}

// unfinished reads a page of unfinished deliveries; ids has the ids of all candidates.
func (db *DB) unfinished(
	ctx context.Context, tenant string, f hook.DeliveryFilter, p hook.Page, ids []hook.ID,
) (list []hook.Delivery, next hook.ID, err error) {
	lo, hi := deliverySpan(f, p)
	ids = slices.DeleteFunc(ids, func(id hook.ID) bool {
		return bytes.Compare(id[:], lo[:]) < 0 || bytes.Compare(id[:], hi[:]) >= 0
	})
	slices.SortFunc(ids, func(a, b hook.ID) int { return bytes.Compare(b[:], a[:]) })
	for n := fetchFirst; len(ids) > 0 && len(list) <= p.Limit; n *= 2 {
		n = min(n, len(ids))
		q := query{}
		table := db.dialect.byIDs(&q, tenant, ids[:n])
		for _, add := range narrow(tenant, f) {
			add(&q)
		}
		part, err := collect(ctx, db.read, scanDelivery, q.text(deliveryColumns, table, "ORDER BY id DESC"), q.args...)
		if err != nil {
			return nil, next, err
		}
		list, ids = append(list, part...), ids[n:]
	}
	list, next = cut(list, p.Limit, func(d hook.Delivery) hook.ID { return hook.ID(d.ID) })
	return list, next, nil
}
