package store

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"

	"gancho/internal/hook"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// How PostgreSQL writes a batch: each table's rows are one statement that unpacks
// arrays, and all statements go out together, so a batch is one round trip and one
// sync whatever its size. Only a batch with idempotency keys takes a round trip
// before, to learn which keys are new.

// commit writes a batch in one transaction. Of submissions with the same
// Idempotency-Key, the later ones need the earlier one's stored answer, so they
// get a transaction after it.
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

// laterRequests takes out of a batch what repeats an Idempotency-Key of it.
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

// write tries until no other transaction is in the way.
func (p *postgres) write(ctx context.Context, conn *pgx.Conn, b *batch) error {
	epoch := p.node.epoch.Load()
	b = current(b, epoch)
	for try := 1; ; try++ {
		w := &writing{batch: b, epoch: epoch}
		err := w.run(ctx, conn)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, hook.ErrFenced):
			p.node.epoch.CompareAndSwap(epoch, -1) // nobody's: what is handed in from now on is refused at once
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

// current is what of a batch belongs to the present epoch; the rest is refused. In
// an epoch below zero, which is a node's between two, that is everything.
// Publishers may try again, perhaps at another node.
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

// session is a transaction, or a connection that has one open.
type session interface {
	Query(ctx context.Context, query string, args ...any) (pgx.Rows, error)
	SendBatch(ctx context.Context, q *pgx.Batch) pgx.BatchResults
}

// writing is one attempt to write a batch.
type writing struct {
	*batch
	epoch      int64 // of this node; 0: it is not fenced
	keyed      bool  // some submission has idempotency keys, or changes records
	records    recordRows
	events     eventRows
	deliveries deliveryRows
	answers    []claim                      // of requests, to be stored with their keys
	reads      map[int]func(pgx.Rows) error // who wants what a statement answers
}

// claim is an idempotency key that a submission wants.
type claim struct {
	keyName
	hash, answer []byte
	expires      int64
}

// taken is what is stored with a key.
type taken struct {
	mine         bool
	hash, answer []byte
}

// prior is what is stored with a taken key, nil if that was for other content.
func (k taken) prior(hash []byte) []byte {
	if !bytes.Equal(k.hash, hash) {
		return nil
	}
	return k.answer
}

func (w *writing) run(ctx context.Context, conn *pgx.Conn) error {
	w.forget()
	if !w.keyed {
		for _, s := range w.accepted() {
			for _, it := range s.events() {
				w.add(it)
			}
		}
		// The statements of one pipeline are one transaction by themselves.
		return w.send(ctx, conn.SendBatch)
	}
	q := &pgx.Batch{}
	q.BeginTx(pgx.TxOptions{})
	q.Queue(`SELECT set_config('idle_in_transaction_session_timeout', $1, true)`, fmt.Sprint(idleInTransaction.Milliseconds()))
	guards := w.prepare(q)
	results := conn.SendBatch(ctx, q)
	t := results.Tx()
	defer func() { _ = t.Rollback(context.WithoutCancel(ctx)) }() // after a commit it does nothing
	if err := finish(results, q.Len(), guards, nil); err != nil {
		return err
	}
	if err := w.claimKeys(ctx, t); err != nil {
		return err
	}
	if err := w.send(ctx, t.SendBatch); err != nil {
		return err
	}
	return t.Commit(ctx)
}

// forget undoes what an attempt before this one left in the submissions.
func (w *writing) forget() {
	for _, s := range w.submissions {
		s.verdicts = hook.Verdicts{}
		w.keyed = w.keyed || s.RequestKey != "" || len(s.Records) > 0
		for _, it := range s.events() {
			w.keyed = w.keyed || it.Event.ExternalID != ""
		}
	}
}

// accepted are the submissions that go on.
func (w *writing) accepted() (list []*submission) {
	for _, s := range w.submissions {
		if s.err == nil && s.verdicts.Stored() {
			list = append(list, s)
		}
	}
	return list
}

// claimKeys takes the keys of the batch, and gathers the items that are new.
func (w *writing) claimKeys(ctx context.Context, t session) error {
	var requests []claim
	for _, s := range w.accepted() {
		if s.RequestKey != "" && !s.Again {
			requests = append(requests, claim{keyName{s.Tenant, requestKeys + s.RequestKey}, s.RequestHash[:], []byte{}, s.expires.UnixMicro()})
		}
	}
	got, err := w.take(ctx, t, requests)
	if err != nil {
		return err
	}
	for _, s := range w.accepted() {
		if s.RequestKey == "" || s.Again {
			continue
		}
		if k := got[keyName{s.Tenant, requestKeys + s.RequestKey}]; !k.mine {
			s.verdicts.Prior = k.prior(s.RequestHash[:])
			s.verdicts.KeyReused = s.verdicts.Prior == nil
		}
	}
	if err := w.records.decide(ctx, t, w.accepted()); err != nil {
		return err
	}
	if err := w.claimItems(ctx, t); err != nil {
		return err
	}
	for _, s := range w.accepted() {
		if s.RequestKey != "" {
			w.answers = append(w.answers, claim{keyName: keyName{s.Tenant, requestKeys + s.RequestKey}, answer: s.Answer(s.verdicts)})
		}
	}
	return nil
}

func (w *writing) claimItems(ctx context.Context, t session) error {
	first := map[keyName]claim{}
	for _, s := range w.accepted() {
		for _, it := range s.events() {
			name := itemKey(it)
			if _, ok := first[name]; ok || it.Event.ExternalID == "" {
				continue
			}
			answer, err := json.Marshal(firstAnswer{it.Event.ID.String(), len(it.Deliveries)})
			if err != nil {
				return err
			}
			first[name] = claim{name, it.Hash[:], answer, s.expires.UnixMicro()}
		}
	}
	got, err := w.take(ctx, t, slices.Collect(maps.Values(first)))
	if err != nil {
		return err
	}
	for _, s := range w.accepted() {
		for at, it := range s.events() {
			if it.Event.ExternalID != "" {
				name := itemKey(it)
				k := got[name]
				if !k.mine {
					if err := s.repeats(at, k.prior(it.Hash[:])); err != nil {
						return err
					}
					continue
				}
				// Whoever comes next in this batch repeats this one.
				got[name] = taken{hash: first[name].hash, answer: first[name].answer}
			}
			w.add(it)
		}
	}
	return nil
}

func itemKey(it *hook.Accepted) keyName {
	return keyName{it.Event.Tenant, itemKeys + it.Event.ExternalID}
}

// take claims keys that differ, and tells of each whether it is ours now, or what
// is stored with it. The rows are locked in the order of their keys.
func (w *writing) take(ctx context.Context, t session, claims []claim) (map[keyName]taken, error) {
	if len(claims) == 0 {
		return nil, nil
	}
	slices.SortFunc(claims, func(a, b claim) int { return cmp.Or(cmp.Compare(a.tenant, b.tenant), cmp.Compare(a.key, b.key)) })
	var tenants, keys []string
	var hashes, answers [][]byte
	var expires []int64
	for _, c := range claims {
		tenants, keys, hashes, answers, expires = append(tenants, c.tenant), append(keys, c.key), append(hashes, c.hash), append(answers, c.answer), append(expires, c.expires)
	}
	got := make(map[keyName]taken, len(claims))
	b := &pgx.Batch{}
	// A row whose key is taken is locked all the same, so the second statement finds it.
	b.Queue(`INSERT INTO idempotency (tenant, key, hash, answer, expires_at)
		SELECT * FROM unnest($1::text[], $2::text[], $3::bytea[], $4::bytea[], $5::bigint[])
		ON CONFLICT (tenant, key) DO UPDATE SET hash = excluded.hash, answer = excluded.answer, expires_at = excluded.expires_at
		WHERE idempotency.expires_at <= $6 RETURNING tenant, key`,
		tenants, keys, hashes, answers, expires, w.submissions[0].now.UnixMicro()).Query(func(rows pgx.Rows) error {
		var n keyName
		_, err := pgx.ForEachRow(rows, []any{&n.tenant, &n.key}, func() error { got[n] = taken{mine: true}; return nil })
		return err
	})
	b.Queue(`SELECT i.tenant, i.key, i.hash, i.answer FROM unnest($1::text[], $2::text[]) AS u (tenant, key)
		JOIN idempotency i ON i.tenant = u.tenant AND i.key = u.key`, tenants, keys).Query(func(rows pgx.Rows) error {
		var n keyName
		var k taken
		_, err := pgx.ForEachRow(rows, []any{&n.tenant, &n.key, &k.hash, &k.answer}, func() error {
			if !got[n].mine {
				got[n] = k
			}
			k = taken{}
			return nil
		})
		return err
	})
	return got, t.SendBatch(ctx, b).Close()
}

// add gathers the rows of an event.
func (w *writing) add(it *hook.Accepted) {
	w.events.add(it.Event)
	for i := range it.Deliveries {
		w.deliveries.add(&it.Deliveries[i])
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
	w.events.queue(q)
	w.deliveries.queue(q)
	w.records.queue(q)
	w.queueResults(q)
	for _, a := range w.answers {
		q.Queue(`UPDATE idempotency SET answer = $1 WHERE tenant = $2 AND key = $3`, a.answer, a.tenant, a.key)
	}
	w.queueHealth(q)
	if q.Len() == before && len(w.changes) == 0 { // with changes, somebody may want to know whether batches can be written
		return nil
	}
	return finish(send(ctx, q), q.Len(), guards, w.reads)
}

// prepare begins a transaction's statements, and returns what it means if one of
// them divides by zero: that ends the transaction, so nobody has to look before
// the rest is sent.
func (w *writing) prepare(q *pgx.Batch) (guards map[int]error) {
	guards = map[int]error{}
	// Rows are found by their keys, few among very many. A planner without statistics of
	// a young table may rather read all of it once.
	q.Queue(`SELECT set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true), set_config('enable_seqscan', 'off', true),
		set_config('application_name', $1, true)`, workOf(w.epoch))
	if w.epoch != 0 {
		// Who takes our work over deletes this row first, and waits for us to end, or ends
		// us if we are stopped.
		guards[q.Len()] = hook.ErrFenced
		q.Queue(`SELECT 1 / count(*) FROM (SELECT 1 FROM nodes WHERE epoch = $1 FOR KEY SHARE) AS ours`, w.epoch)
	}
	tenants := w.tenants()
	if len(tenants) == 0 {
		return guards
	}
	// A deleted tenant's remains are being removed: nothing may be added to them.
	// Sharing the row's lock keeps the deletion from coming between.
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

// answered reads the result of one statement; read is nil if nobody wants it.
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

// tenants are those of the submissions that go on, sorted.
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

// eventRows are rows of the table events, column by column.
type eventRows struct {
	tenant, contract, kind, source []string
	external                       []*string
	id, payload                    [][]byte
	created                        []int64
}

func (r *eventRows) add(e *hook.Event) {
	r.tenant, r.contract, r.kind, r.source = append(r.tenant, e.Tenant), append(r.contract, e.Contract), append(r.kind, e.Type), append(r.source, string(e.Door))
	var external *string
	if e.ExternalID != "" {
		external = &e.ExternalID
	}
	payload := e.Payload
	if payload == nil { // which would be NULL
		payload = []byte{}
	}
	r.external, r.id, r.payload, r.created = append(r.external, external), append(r.id, e.ID[:]), append(r.payload, payload), append(r.created, e.CreatedAt.UnixMicro())
}

func (r *eventRows) queue(q *pgx.Batch) {
	if len(r.id) > 0 {
		q.Queue(`INSERT INTO events (tenant, id, contract, type, external_id, source, created_at, payload)
			SELECT * FROM unnest($1::text[], $2::bytea[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::bytea[])`,
			r.tenant, r.id, r.contract, r.kind, r.external, r.source, r.created, r.payload)
	}
}

// deliveryRows are rows of the table deliveries.
type deliveryRows struct {
	tenant, kind, mode, state []string
	id, endpoint              [][]byte
	test                      []bool
	due, next                 []*int64
	created, version, under   []int64
}

func (r *deliveryRows) add(d *hook.Delivery) {
	r.tenant, r.kind, r.mode, r.state = append(r.tenant, d.Tenant), append(r.kind, d.Type), append(r.mode, string(d.Mode)), append(r.state, string(d.State))
	r.id, r.endpoint, r.test = append(r.id, d.ID[:]), append(r.endpoint, d.Endpoint[:]), append(r.test, d.Test)
	r.due, r.next = append(r.due, number(dueAt(d))), append(r.next, number(micros(d.NextAttemptAt)))
	r.created, r.version, r.under = append(r.created, d.CreatedAt.UnixMicro()), append(r.version, d.EndpointVersion), append(r.under, d.ContractVersion)
}

// number is a value that may be NULL as an array holds it.
func number(v any) *int64 {
	if n, ok := v.(int64); ok {
		return &n
	}
	return nil
}

func (r *deliveryRows) queue(q *pgx.Batch) {
	if len(r.id) > 0 {
		q.Queue(`INSERT INTO deliveries (tenant, id, endpoint, type, mode, state, test, due_at, next_attempt_at, created_at,
				endpoint_version, contract_version, reason, attempts, slot)
			SELECT u.*, '', 0, 0 FROM unnest($1::text[], $2::bytea[], $3::bytea[], $4::text[], $5::text[], $6::text[], $7::boolean[],
				$8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[]) AS u`,
			r.tenant, r.id, r.endpoint, r.kind, r.mode, r.state, r.test, r.due, r.next, r.created, r.version, r.under)
	}
}

// queueResults writes marks and results. Of several about one delivery the last
// counts; a statement would take any of them.
func (w *writing) queueResults(q *pgx.Batch) {
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
	over := map[hook.DeliveryID]*hook.Delivery{}
	for _, r := range w.results {
		note(&r.Result, r.frozen)
		over[r.Delivery.ID] = r.overtaken
		if r.Attempt != nil {
			data[attempt{r.Delivery.ID, r.Attempt.Number}] = r.data
		}
	}
	since, until := reach(maps.Keys(last))
	w.queueUpdates(q, last, over, since, until)
	if len(data) > 0 {
		var tenants []string
		var ids, values [][]byte
		var numbers []int32
		for a, v := range data {
			tenants, ids = append(tenants, last[a.id].Tenant), append(ids, slices.Clone(a.id[:]))
			numbers, values = append(numbers, int32(a.number)), append(values, v)
		}
		// Recording twice is recording once. A delivery that is gone leaves nothing behind.
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
		// A mark that was refused, since the delivery does not wait any more, freezes nothing.
		q.Queue(`INSERT INTO bodies (delivery, body, head)
			SELECT u.delivery, u.body, u.head FROM unnest($1::text[], $2::bytea[], $3::bytea[], $4::bytea[], $7::boolean[]) AS u (tenant, delivery, body, head, marked)
			WHERE EXISTS (SELECT 1 FROM deliveries d WHERE d.tenant = u.tenant AND d.id = u.delivery AND d.id BETWEEN $5 AND $6
				AND (NOT u.marked OR d.due_at IS NOT NULL AND NOT d.superseded))
			ON CONFLICT (delivery) DO NOTHING`, bodyTenants, bodyOf, bodies, heads, since, until, marked)
	}
}

// queueUpdates writes the new rows of deliveries. One that becomes something else if its
// row is superseded (over) is sent twice, and the row's column picks one.
func (w *writing) queueUpdates(q *pgx.Batch, last, over map[hook.DeliveryID]*hook.Delivery, since, until []byte) {
	if len(last) == 0 {
		return
	}
	var tenant, state, reason []string
	var id [][]byte
	var attempts, slot []int32
	var due, next, finished []*int64
	var version, under []int64
	var superseded []*bool // nil: whether the row is or not
	add := func(d *hook.Delivery, only *bool) {
		tenant, id, state, reason = append(tenant, d.Tenant), append(id, d.ID[:]), append(state, string(d.State)), append(reason, d.Reason)
		attempts, slot = append(attempts, int32(d.Attempts)), append(slot, int32(d.Slot))
		due, next, finished = append(due, number(dueAt(d))), append(next, number(micros(d.NextAttemptAt))), append(finished, number(micros(d.FinishedAt)))
		version, under = append(version, d.EndpointVersion), append(under, d.ContractVersion)
		superseded = append(superseded, only)
	}
	for _, d := range slices.SortedFunc(maps.Values(last), func(a, b *hook.Delivery) int { return bytes.Compare(a.ID[:], b.ID[:]) }) {
		if o := over[d.ID]; o == nil {
			add(d, nil)
		} else {
			add(d, new(false))
			add(o, new(true))
		}
	}
	returning := ""
	if slices.ContainsFunc(w.marks, func(m *mark) bool { return m.done != nil }) {
		returning = ` RETURNING d.id`
		w.reads = map[int]func(pgx.Rows) error{q.Len(): w.noteIntents}
	}
	// A sender takes only what still waits, or was stored as being sent and is not superseded.
	q.Queue(`UPDATE deliveries AS d SET state = u.state, reason = u.reason, attempts = u.attempts, slot = u.slot, due_at = u.due_at,
			next_attempt_at = u.next_attempt_at, finished_at = u.finished_at, endpoint_version = u.endpoint_version, contract_version = u.contract_version
		FROM unnest($1::text[], $2::bytea[], $3::text[], $4::text[], $5::integer[], $6::integer[], $7::bigint[], $8::bigint[], $9::bigint[],
			$10::bigint[], $11::bigint[], $12::boolean[]) AS u (tenant, id, state, reason, attempts, slot, due_at, next_attempt_at, finished_at,
			endpoint_version, contract_version, superseded)
		WHERE d.tenant = u.tenant AND d.id = u.id AND d.id BETWEEN $13 AND $14
			AND (u.superseded IS NULL OR d.superseded = u.superseded)
			AND (u.state <> 'sending' OR d.due_at > 0 OR d.due_at = 0 AND NOT d.superseded)`+returning,
		tenant, id, state, reason, attempts, slot, due, next, finished, version, under, superseded, since, until)
}

// reach is the first and the last of some deliveries. A statement that says it is planned
// for the partitions between alone, which with several takes longer than to run it.
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

// noteIntents tells those who want to send which deliveries they may.
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

func (w *writing) queueHealth(q *pgx.Batch) {
	if len(w.health) == 0 {
		return
	}
	var ids [][]byte
	var status []string
	var run, failing []*int64
	for _, id := range slices.SortedFunc(maps.Keys(w.health), func(a, b hook.EndpointID) int { return bytes.Compare(a[:], b[:]) }) {
		h := w.health[id]
		ids, status = append(ids, slices.Clone(id[:])), append(status, h.LastStatus)
		run, failing = append(run, number(micros(h.LastRun))), append(failing, number(micros(h.FailingSince)))
	}
	q.Queue(`UPDATE endpoints AS e SET last_run_at = u.last_run_at, last_status = u.last_status, failing_since = u.failing_since
		FROM unnest($1::bytea[], $2::bigint[], $3::text[], $4::bigint[]) AS u (id, last_run_at, last_status, failing_since) WHERE e.id = u.id`,
		ids, run, status, failing)
}
