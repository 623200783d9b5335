package store

import (
	"bytes"
	"cmp"
	"fmt"
	"iter"
	"maps"
	"slices"

	"gancho/internal/hook"

	"github.com/jackc/pgx/v5"
)

// The rows of a batch as PostgreSQL gets them: a statement for each table, which unpacks
// an array for each column.

// eventRows are rows of the table events, column by column.
type eventRows struct {
	tenant, contract, kind, source, content []string
	external                                []*string
	id, payload                             [][]byte
	created                                 []int64
}

// add adds an event; payload is how its payload is stored.
func (r *eventRows) add(e *hook.Event, payload []byte) {
	r.tenant, r.contract, r.kind, r.source = append(r.tenant, e.Tenant), append(r.contract, e.Contract), append(r.kind, e.Type), append(r.source, string(e.Door))
	var external *string
	if e.ExternalID != "" {
		external = &e.ExternalID
	}
	if payload == nil { // which would be NULL
		payload = []byte{}
	}
	r.external, r.id, r.payload, r.created = append(r.external, external), append(r.id, e.ID[:]), append(r.payload, payload), append(r.created, e.CreatedAt.UnixMicro())
	r.content = append(r.content, e.ContentType)
}

func (r *eventRows) addTo(q *pgx.Batch) {
	if len(r.id) > 0 {
		q.Queue(`INSERT INTO events (tenant, id, contract, type, external_id, source, created_at, content_type, payload)
			SELECT * FROM unnest($1::text[], $2::bytea[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::text[], $9::bytea[])`,
			r.tenant, r.id, r.contract, r.kind, r.external, r.source, r.created, r.content, r.payload)
	}
}

// deliveryRows are rows of the table deliveries.
type deliveryRows struct {
	tenant, kind, mode, state, reason []string
	id, endpoint                      [][]byte
	test                              []bool
	due, next, finished               []*int64
	created, version, under           []int64
}

func (r *deliveryRows) add(d *hook.Delivery) {
	r.tenant, r.kind, r.mode, r.state = append(r.tenant, d.Tenant), append(r.kind, d.Type), append(r.mode, string(d.Mode)), append(r.state, string(d.State))
	r.id, r.endpoint, r.test = append(r.id, d.ID[:]), append(r.endpoint, d.Endpoint[:]), append(r.test, d.Test)
	r.due, r.next = append(r.due, number(dueAt(d))), append(r.next, number(micros(d.NextAttemptAt)))
	r.reason, r.finished = append(r.reason, d.Reason), append(r.finished, number(micros(d.FinishedAt)))
	r.created, r.version, r.under = append(r.created, d.CreatedAt.UnixMicro()), append(r.version, d.EndpointVersion), append(r.under, d.ContractVersion)
}

// number returns a value that may be NULL as an element of an array parameter.
func number(v any) *int64 {
	if n, ok := v.(int64); ok {
		return &n
	}
	return nil
}

func (r *deliveryRows) addTo(q *pgx.Batch) {
	if len(r.id) > 0 {
		q.Queue(`INSERT INTO deliveries (tenant, id, endpoint, type, mode, state, test, due_at, next_attempt_at, created_at,
				endpoint_version, contract_version, reason, finished_at, attempts, slot)
			SELECT u.*, 0, 0 FROM unnest($1::text[], $2::bytea[], $3::bytea[], $4::text[], $5::text[], $6::text[], $7::boolean[],
				$8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::text[], $14::bigint[]) AS u`,
			r.tenant, r.id, r.endpoint, r.kind, r.mode, r.state, r.test, r.due, r.next, r.created, r.version, r.under,
			r.reason, r.finished)
	}
}

// addResults writes marks and results. If several are about the same delivery, only the last is
// written, because an UPDATE with several matching rows would choose any of them.
func (w *writing) addResults(q *pgx.Batch) {
	last := map[hook.DeliveryID]*hook.Delivery{}
	var bodyTenants []string
	var bodyOf, bodies, heads [][]byte
	note := func(r *hook.Result, frozen *sealedRequest) {
		last[r.Delivery.ID] = &r.Delivery
		if frozen != nil {
			head, _ := frozen.head.([]byte)
			bodyTenants, bodyOf = append(bodyTenants, r.Delivery.Tenant), append(bodyOf, r.Delivery.ID[:])
			bodies, heads = append(bodies, frozen.body), append(heads, head)
		}
	}
	type attempt struct {
		id     hook.DeliveryID
		number int
	}
	data := map[attempt][]byte{}
	for _, m := range w.marks {
		note(&m.Result, m.frozen)
	}
	over := map[hook.DeliveryID]*hook.Delivery{} // few have one: most attempts succeed
	for _, r := range w.results {
		note(&r.Result, r.frozen)
		if r.ifSuperseded != nil {
			over[r.Delivery.ID] = r.ifSuperseded
		} else {
			delete(over, r.Delivery.ID) // of an earlier result in the same batch
		}
		if r.Attempt != nil {
			data[attempt{r.Delivery.ID, r.Attempt.Number}] = r.data
		}
	}
	since, until := reach(maps.Keys(last))
	w.addUpdates(q, last, over, since, until)
	if len(data) > 0 {
		var tenants []string
		var ids, values [][]byte
		var numbers []int32
		for a, v := range data {
			tenants, ids = append(tenants, last[a.id].Tenant), append(ids, slices.Clone(a.id[:]))
			numbers, values = append(numbers, int32(a.number)), append(values, v)
		}
		// If the same attempt is written twice, it is stored once. Nothing is stored for a
		// delivery that was removed.
		q.Queue(`INSERT INTO attempts (delivery, number, data)
			SELECT u.delivery, u.number, u.data FROM unnest($1::text[], $2::bytea[], $3::integer[], $4::bytea[]) AS u (tenant, delivery, number, data)
			WHERE EXISTS (SELECT 1 FROM deliveries d WHERE d.tenant = u.tenant AND d.id = u.delivery AND d.id BETWEEN $5 AND $6)
			ON CONFLICT (delivery, number) DO UPDATE SET data = excluded.data`, tenants, ids, numbers, values, since, until)
	}
	if len(bodies) > 0 {
		marked := make([]bool, len(bodyOf))
		for i, id := range bodyOf {
			marked[i] = last[hook.DeliveryID(id)].State == hook.Sending
		}
		// If a mark was refused because the delivery does not wait any more, its frozen request
		// is not stored.
		q.Queue(`INSERT INTO bodies (delivery, body, head)
			SELECT u.delivery, u.body, u.head FROM unnest($1::text[], $2::bytea[], $3::bytea[], $4::bytea[], $7::boolean[]) AS u (tenant, delivery, body, head, marked)
			WHERE EXISTS (SELECT 1 FROM deliveries d WHERE d.tenant = u.tenant AND d.id = u.delivery AND d.id BETWEEN $5 AND $6
				AND (NOT u.marked OR d.due_at IS NOT NULL AND NOT `+isSupersededD+`))
			ON CONFLICT (delivery) DO NOTHING`, bodyTenants, bodyOf, bodies, heads, since, until, marked)
	}
	var forgotten [][]byte
	for _, r := range w.results {
		if forgets(&r.Result) && last[r.Delivery.ID] == &r.Delivery {
			forgotten = append(forgotten, r.Delivery.ID[:])
		}
	}
	if len(forgotten) > 0 {
		q.Queue(`DELETE FROM bodies WHERE delivery = ANY($1)`, forgotten)
	}
}

// addUpdates writes the new rows of deliveries. last has the new row, and over the row to write
// instead if the delivery is superseded. Both are in the same row of u, and the statement
// chooses between them. They cannot be two rows: if another transaction supersedes the delivery
// while this one waits for its lock, PostgreSQL evaluates the statement again with the changed
// delivery, but with the same row of u.
func (w *writing) addUpdates(q *pgx.Batch, last, over map[hook.DeliveryID]*hook.Delivery, since, until []byte) {
	if len(last) == 0 {
		return
	}
	var tenant []string
	var id [][]byte
	var attempts, slot []int32
	var version, under []int64
	var as, other stateColumns
	var batches [][]byte
	batched := false // the statement writes the column batch
	sorted := slices.SortedFunc(maps.Values(last), func(a, b *hook.Delivery) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	for _, d := range sorted {
		tenant, id, attempts, slot = append(tenant, d.Tenant), append(id, d.ID[:]), append(attempts, int32(d.Attempts)), append(slot, int32(d.Slot))
		version, under = append(version, d.EndpointVersion), append(under, d.ContractVersion)
		as.add(d)
		batched = batched || writesBatch(d)
	}
	returning := ""
	if slices.ContainsFunc(w.marks, func(m *mark) bool { return m.done != nil }) {
		returning = ` RETURNING d.id`
		w.reads[q.Len()] = w.noteIntents
	}
	chosen := func(column string) string { return `u.` + column }
	columns, arrays := ``, ``
	args := []any{
		tenant, id, attempts, slot, version, under, as.state, as.reason, as.due, as.next, as.finished, since, until,
	}
	if len(over) > 0 {
		for _, d := range sorted {
			other.add(cmp.Or(over[d.ID], d))
		}
		chosen = func(column string) string {
			return `CASE WHEN ` + isSupersededD + ` THEN u.other_` + column + ` ELSE u.` + column + ` END`
		}
		columns = `, other_state, other_reason, other_due_at, other_next_attempt_at, other_finished_at`
		arrays = `, $14::text[], $15::text[], $16::bigint[], $17::bigint[], $18::bigint[]`
		args = append(args, other.state, other.reason, other.due, other.next, other.finished)
	}
	value := func(column string) string { return column + ` = ` + chosen(column) }
	// A lane knows that a delivery in memory is not to be tried again, and not why. The row does.
	reason := `reason = CASE WHEN d.reason = 'by_person' AND ` + chosen("reason") + ` = 'superseded' THEN d.reason ELSE ` + chosen("reason") + ` END`
	batch := ``
	if batched {
		for _, d := range sorted {
			b, _ := batchColumn(d.Batch).([]byte)
			batches = append(batches, b)
		}
		batch = ` batch = u.batch,`
		columns += `, batch`
		args = append(args, batches)
		arrays += fmt.Sprintf(`, $%d::bytea[]`, len(args))
	}
	// A mark is stored only if the delivery still waits, or if it is stored as being sent and
	// was not superseded.
	q.Queue(`UPDATE deliveries AS d SET attempts = u.attempts, slot = u.slot, endpoint_version = u.endpoint_version,
			contract_version = u.contract_version,`+batch+` superseded = `+isSupersededD+`, `+value("state")+`, `+reason+`, `+value("due_at")+`,
			`+value("next_attempt_at")+`, `+value("finished_at")+`
		FROM unnest($1::text[], $2::bytea[], $3::integer[], $4::integer[], $5::bigint[], $6::bigint[],
				$7::text[], $8::text[], $9::bigint[], $10::bigint[], $11::bigint[]`+arrays+`)
			AS u (tenant, id, attempts, slot, endpoint_version, contract_version,
				state, reason, due_at, next_attempt_at, finished_at`+columns+`)
		WHERE d.tenant = u.tenant AND d.id = u.id AND d.id BETWEEN $12 AND $13
			AND (u.state <> 'sending' OR d.due_at > 0 OR d.due_at = 0 AND NOT `+isSupersededD+`)`+returning, args...)
}

// stateColumns are the columns of deliveries that say what became of them, as arrays.
type stateColumns struct {
	state, reason       []string
	due, next, finished []*int64
}

func (o *stateColumns) add(d *hook.Delivery) {
	o.state, o.reason = append(o.state, string(d.State)), append(o.reason, d.Reason)
	o.due, o.next = append(o.due, number(dueAt(d))), append(o.next, number(micros(d.NextAttemptAt)))
	o.finished = append(o.finished, number(micros(d.FinishedAt)))
}

// reach returns the first and the last of some delivery ids. A statement with these bounds is
// planned only for the partitions between them. Planning for all partitions would take longer
// than running the statement.
func reach(ids iter.Seq[hook.DeliveryID]) (since, until []byte) {
	for id := range ids {
		if since == nil || bytes.Compare(id[:], since) < 0 {
			since = slices.Clone(id[:])
		}
		if bytes.Compare(id[:], until) > 0 {
			until = slices.Clone(id[:])
		}
	}
	return since, until
}

// noteIntents answers the callers of [DB.Intend]: it says which deliveries may be sent.
func (w *writing) noteIntents(rows pgx.Rows) error {
	list, err := pgx.CollectRows(rows, pgx.RowTo[[]byte])
	if err != nil {
		return err
	}
	stored := map[hook.DeliveryID]bool{}
	for _, id := range list {
		stored[hook.DeliveryID(id)] = true
	}
	for _, m := range w.marks {
		m.noted(stored[m.Delivery.ID])
	}
	return nil
}

func (w *writing) addHealth(q *pgx.Batch) {
	if len(w.health) == 0 {
		return
	}
	var ids [][]byte
	var status []string
	var run, failing []*int64
	var attempts, deliveries []int64
	for _, id := range slices.SortedFunc(maps.Keys(w.health), func(a, b hook.EndpointID) int { return bytes.Compare(a[:], b[:]) }) {
		h := w.health[id]
		ids, status = append(ids, slices.Clone(id[:])), append(status, h.LastStatus)
		run, failing = append(run, number(micros(h.LastRun))), append(failing, number(micros(h.FailingSince)))
		attempts, deliveries = append(attempts, int64(h.FailedAttempts)), append(deliveries, int64(h.FailedDeliveries))
	}
	q.Queue(`UPDATE endpoints AS e SET last_run_at = u.last_run_at, last_status = u.last_status, failing_since = u.failing_since,
			failed_of = u.failing_since, failed_attempts = u.attempts, failed_deliveries = u.deliveries
		FROM unnest($1::bytea[], $2::bigint[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[])
			AS u (id, last_run_at, last_status, failing_since, attempts, deliveries) WHERE e.id = u.id`,
		ids, run, status, failing, attempts, deliveries)
}
