package store

import (
	"bytes"
	"crypto/sha256"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"gancho/internal/hook"
)

// The same random operations give equal answers on SQLite and PostgreSQL, and
// leave the same behind.
func TestDatabasesAgree(t *testing.T) {
	t.Parallel()
	clock := new(atomic.Int64)
	clock.Store(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC).UnixMicro())
	dbs := []*DB{open(t), openPG(t)}
	for _, db := range dbs {
		db.now = func() time.Time { return time.UnixMicro(clock.Load()).UTC() }
		db.clock = func(func(string, ...any) *sql.Row) (time.Time, error) { return db.now(), nil }
	}
	if f := flag.Lookup("rapid.checks"); f.Value.String() == f.DefValue { // each syncs hundreds of times
		if err := f.Value.Set("12"); err != nil {
			t.Fatal(err)
		}
	}
	runs, ids := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		runs++
		p := &pair{rt: rt, dbs: dbs, clock: clock, ids: &ids, tenant: fmt.Sprintf("t%d", runs)}
		p.same("tenant", func(db *DB) (any, error) {
			tenant, created, err := db.PutTenant(t.Context(), p.tenant, hook.TenantChange{})
			return []any{tenant, created}, err
		})
		for range 3 {
			p.createEndpoint()
		}
		rt.Repeat(map[string]func(*rapid.T){
			"submit": p.submit, "record": p.record, "intend": p.intend, "retry": p.retry, "health": p.health, "endpoint": p.endpoint,
			"due": p.due, "lists": p.lists, "recover": p.recover, "wait": p.wait, "read": p.read, "expired keys": p.expireKeys,
			"records": p.records, "schedule": p.schedule,
		})
		p.everything()
		p.same("delete", func(db *DB) (any, error) { return nil, db.DeleteTenant(t.Context(), p.tenant) })
		p.submit(rt)
		p.same("purge", func(db *DB) (any, error) {
			for {
				if more, err := db.Purge(t.Context()); err != nil || !more {
					return nil, err
				}
			}
		})
		p.same("deleted", func(db *DB) (any, error) { return db.Tenant(t.Context(), p.tenant) })
		p.everything()
	})
}

// pair runs operations on two databases.
type pair struct {
	rt         *rapid.T
	dbs        []*DB
	clock      *atomic.Int64
	ids        *int
	tenant     string
	endpoints  []hook.EndpointID
	deliveries []hook.Delivery
}

// same fails unless op gives the same answer on both.
func (p *pair) same(what string, op func(db *DB) (any, error)) any {
	p.rt.Helper()
	var first any
	var failed string
	for i, db := range p.dbs {
		v, err := op(db)
		text := problem(err)
		if i == 0 {
			first, failed = v, text
			continue
		}
		if failed != text {
			p.rt.Fatalf("%s: SQLite says %q, PostgreSQL %q", what, failed, text)
		}
		if failed == "" {
			if diff := cmp.Diff(first, v); diff != "" {
				p.rt.Fatalf("%s: SQLite (-) and PostgreSQL (+) differ:\n%s", what, diff)
			}
		}
	}
	return first
}

// problem is what a caller is told of an error.
func problem(err error) string {
	e, ok := errors.AsType[*hook.Error](err)
	switch {
	case err == nil:
		return ""
	case ok && e.Kind != hook.KindUnavailable:
		return e.Error()
	}
	return "database: " + err.Error()
}

func (p *pair) now() time.Time { return time.UnixMicro(p.clock.Load()).UTC() }

func (p *pair) wait(rt *rapid.T) {
	p.clock.Add(rapid.Int64Range(1, 2*time.Hour.Microseconds()).Draw(rt, "time"))
}

func (p *pair) newID() hook.ID {
	*p.ids++
	return hook.ID(someEventID(p.now(), *p.ids<<8))
}

func (p *pair) createEndpoint() {
	id := hook.EndpointID(p.newID())
	p.endpoints = append(p.endpoints, id)
	p.same("create endpoint", func(db *DB) (any, error) {
		e := &hook.Endpoint{
			ID: id, Tenant: p.tenant, Name: "n", Contract: "standard", State: hook.EndpointActive,
			Config: hook.EndpointConfig{URL: "http://x", Filter: "true"}, Secrets: []hook.Secret{{Text: "whsec_a"}},
		}
		return e, db.CreateEndpoint(p.rt.Context(), e)
	})
}

// submit hands in events, some of which repeat others by an id or a key.
func (p *pair) submit(rt *rapid.T) {
	type item struct {
		event    hook.Event
		external string
		to       []hook.Delivery
	}
	var items []item
	for range rapid.IntRange(1, 4).Draw(rt, "events") {
		it := item{external: rapid.SampledFrom([]string{"", "", "a", "b", "c"}).Draw(rt, "id")}
		it.event = hook.Event{
			ID: hook.EventID(p.newID()), Tenant: p.tenant, Contract: rapid.SampledFrom([]string{"standard", "other"}).Draw(rt, "contract"),
			Type: rapid.SampledFrom([]string{"x", "y"}).Draw(rt, "type"), ExternalID: it.external, Door: hook.DoorAPI, CreatedAt: p.now(),
			Payload: []byte(rapid.SampledFrom([]string{"1", `{"a":"\u0000é"}`, `""`}).Draw(rt, "payload")),
		}
		if rapid.IntRange(0, 3).Draw(rt, "not JSON") == 0 {
			it.event.ContentType, it.event.Payload = "text/plain", []byte("(\xb5/\xfd\x00 no JSON")
		}
		it.event.Sealed = rapid.IntRange(0, 2).Draw(rt, "sealed") == 0
		for n, ep := range rapid.SliceOfNDistinct(rapid.SampledFrom(p.endpoints), 0, 3, rapid.ID).Draw(rt, "endpoints") {
			it.to = append(it.to, hook.Delivery{
				ID: it.event.ID.Delivery(n + 1), Tenant: p.tenant, Endpoint: ep, Type: it.event.Type,
				Mode:  rapid.SampledFrom([]hook.Mode{hook.AtLeastOnce, hook.AtLeastOnce, hook.AtMostOnce}).Draw(rt, "mode"),
				State: rapid.SampledFrom([]hook.State{hook.Pending, hook.Sending}).Draw(rt, "state"), CreatedAt: p.now(), NextAttemptAt: p.now(), QueueAt: p.now(),
			})
		}
		items = append(items, it)
	}
	key := rapid.SampledFrom([]string{"", "", "", "k", "l"}).Draw(rt, "key")
	body := rapid.SampledFrom([]string{"1", "1", "2"}).Draw(rt, "body")
	keep := rapid.SampledFrom([]time.Duration{time.Hour, 24 * time.Hour}).Draw(rt, "keep")
	seal := rapid.Bool().Draw(rt, "seal")
	stored := p.same("submit", func(db *DB) (any, error) {
		s := hook.Submission{Tenant: p.tenant, RequestKey: key, RequestHash: sha256.Sum256([]byte(body)), Seal: seal}
		s.Answer = func(v hook.Verdicts) []byte { return fmt.Append(nil, outcomes(v, len(items))) }
		for _, it := range items {
			e := it.event
			s.Items = append(s.Items, &hook.Accepted{Event: &e, Hash: sha256.Sum256(e.Payload), Deliveries: slices.Clone(it.to)})
		}
		v, err := db.Submit(s, keep)
		return []any{outcomes(v, len(items)), string(v.Prior), v.KeyReused}, err
	})
	if answer, _ := stored.([]any); answer == nil || answer[1] != "" || answer[2] != false {
		return
	} else if list := answer[0].([]string); len(list) == len(items) {
		for i, it := range items {
			if list[i] == "stored" {
				p.deliveries = append(p.deliveries, it.to...)
			}
		}
	}
}

// outcomes are what became of the items of a submission.
func outcomes(v hook.Verdicts, n int) (list []string) {
	for i := range n {
		switch it := v.Item(i); {
		case it.IDReused:
			list = append(list, "id reused")
		case it.Duplicate:
			list = append(list, fmt.Sprint("duplicate of ", it.First, it.FirstDeliveries))
		default:
			list = append(list, "stored")
		}
	}
	return list
}

func (p *pair) some(rt *rapid.T) hook.Delivery {
	if len(p.deliveries) == 0 {
		rt.Skip("no delivery yet")
	}
	return p.deliveries[rapid.IntRange(0, len(p.deliveries)-1).Draw(rt, "delivery")]
}

// record stores results, several together, perhaps of one delivery.
func (p *pair) record(rt *rapid.T) {
	var results []hook.Result
	for range rapid.IntRange(1, 3).Draw(rt, "results") {
		d := p.some(rt)
		d.State = rapid.SampledFrom([]hook.State{hook.Delivered, hook.Failed, hook.Retrying, hook.Unknown, hook.Cancelled}).Draw(rt, "state")
		d.Attempts, d.Slot, d.EndpointVersion, d.ContractVersion = rapid.IntRange(1, 3).Draw(rt, "attempts"), 1, 1, 1
		if d.State.Finished() {
			d.FinishedAt, d.NextAttemptAt = p.now(), time.Time{}
		} else {
			d.QueueAt = p.now().Add(time.Hour)
			d.NextAttemptAt = d.QueueAt
		}
		r := hook.Result{Delivery: d, Attempt: &hook.Attempt{
			Delivery: d.ID, Number: d.Attempts, StartedAt: p.now(), Class: "timeout", Detail: rapid.SampledFrom([]string{"a", "b"}).Draw(rt, "detail"),
		}}
		if rapid.Bool().Draw(rt, "frozen") {
			r.Frozen = &hook.Frozen{Body: []byte(rapid.SampledFrom([]string{"1", "2"}).Draw(rt, "body"))}
		}
		results = append(results, r)
	}
	p.same("record", func(db *DB) (any, error) {
		var errs []error
		for _, r := range results { // one after the other, so that both have one order
			done := make(chan error, 1)
			db.SaveResult(r, func(err error) { done <- err })
			errs = append(errs, <-done)
		}
		return nil, errors.Join(errs...)
	})
}

func (p *pair) intend(rt *rapid.T) {
	d := p.some(rt)
	d.State, d.NextAttemptAt = hook.Sending, p.now()
	p.same("intend", func(db *DB) (any, error) {
		return nil, db.Intend(hook.Result{Delivery: d, Frozen: &hook.Frozen{Body: []byte("f"), Head: &hook.Head{Method: "PUT"}}})
	})
}

func (p *pair) retry(rt *rapid.T) {
	d, ordered := p.some(rt), rapid.Bool().Draw(rt, "ordered")
	p.same("retry", func(db *DB) (any, error) { return db.Retry(p.rt.Context(), p.tenant, d.ID, ordered) })
}

func (p *pair) health(rt *rapid.T) {
	id := rapid.SampledFrom(p.endpoints).Draw(rt, "endpoint")
	h := hook.Health{LastRun: p.now(), LastStatus: "timeout"}
	if rapid.Bool().Draw(rt, "failing") {
		h.FailingSince = p.now()
		h.FailedAttempts, h.FailedDeliveries = rapid.IntRange(1, 9).Draw(rt, "attempts"), rapid.IntRange(0, 9).Draw(rt, "deliveries")
	}
	p.same("health", func(db *DB) (any, error) {
		db.SaveHealth(id, h)
		return nil, db.Ready(p.rt.Context()) // which waits for it
	})
}

func (p *pair) endpoint(rt *rapid.T) {
	id := rapid.SampledFrom(p.endpoints).Draw(rt, "endpoint")
	state := rapid.SampledFrom([]hook.EndpointState{hook.EndpointActive, hook.EndpointPaused, hook.EndpointDisabled, hook.EndpointDeleted}).Draw(rt, "state")
	if state == hook.EndpointDeleted {
		p.same("delete endpoint", func(db *DB) (any, error) {
			return nil, db.DeleteEndpoint(p.rt.Context(), p.tenant, id, hook.Precondition{})
		})
		return
	}
	if rapid.Bool().Draw(rt, "update") {
		p.same("update endpoint", func(db *DB) (any, error) {
			e, err := db.TenantEndpoint(p.rt.Context(), p.tenant, id)
			if err != nil {
				return nil, err
			}
			e.State, e.Name = state, "renamed"
			e.Config.URL += "/"
			ok, err := db.UpdateEndpoint(p.rt.Context(), e, true)
			return []any{ok, e}, err
		})
		return
	}
	p.same("set state", func(db *DB) (any, error) {
		return nil, db.SetEndpointState(p.rt.Context(), id, state, hook.ReasonByPerson, p.now())
	})
}

func (p *pair) due(rt *rapid.T) {
	id := rapid.SampledFrom(p.endpoints).Draw(rt, "endpoint")
	n, bytes := rapid.IntRange(1, 5).Draw(rt, "n"), rapid.SampledFrom([]int{1, 1 << 20}).Draw(rt, "bytes")
	odd := rapid.Bool().Draw(rt, "skip")
	skip := func(d hook.DeliveryID) bool { return odd && d.Event()[11]%2 == 1 }
	p.same("due", func(db *DB) (any, error) { return db.Due(p.rt.Context(), id, p.now(), n, bytes, skip) })
	p.same("in hands", func(db *DB) (any, error) { return db.InHands(p.rt.Context(), id, n) })
	p.same("waiting", func(db *DB) (any, error) { return db.Waiting(p.rt.Context(), id, n) })
	p.same("with work", func(db *DB) (any, error) {
		ids, err := db.EndpointsWithWork(p.rt.Context())
		ids = slices.DeleteFunc(ids, func(id hook.EndpointID) bool { return !slices.Contains(p.endpoints, id) })
		return ids, err
	})
}

func (p *pair) lists(rt *rapid.T) {
	f := hook.DeliveryFilter{
		States: rapid.SliceOfNDistinct(rapid.SampledFrom(hook.States), 0, 2, rapid.ID).Draw(rt, "states"),
		Types:  rapid.SliceOfN(rapid.Just("x"), 0, 1).Draw(rt, "types"),
	}
	if rapid.Bool().Draw(rt, "of an endpoint") {
		f.Endpoints = []hook.EndpointID{rapid.SampledFrom(p.endpoints).Draw(rt, "endpoint")}
	}
	if rapid.Bool().Draw(rt, "since") {
		f.Since = p.now().Add(-time.Hour)
	}
	if rapid.Bool().Draw(rt, "until") {
		f.Until = p.now()
	}
	f.Ended, f.NoTests = rapid.Bool().Draw(rt, "by their end"), rapid.Bool().Draw(rt, "without tests")
	limit := rapid.IntRange(1, 5).Draw(rt, "limit")
	page := hook.Page{Limit: limit}
	for range 20 {
		next := p.same("deliveries", func(db *DB) (any, error) {
			list, next, err := db.Deliveries(p.rt.Context(), p.tenant, f, page)
			return []any{list, next}, err
		}).([]any)[1].(hook.ID)
		if page.Before = next; next.IsZero() {
			break
		}
	}
	ef := hook.EventFilter{Type: rapid.SampledFrom(append(f.Types, "")).Draw(rt, "type of events"), Contract: rapid.SampledFrom([]string{"", "other"}).Draw(rt, "contract"), Since: f.Since, Until: f.Until}
	p.same("events", func(db *DB) (any, error) {
		list, next, err := db.Events(p.rt.Context(), p.tenant, ef, hook.Page{Limit: limit})
		return []any{list, next}, err
	})
	p.same("endpoints", func(db *DB) (any, error) {
		list, next, err := db.Endpoints(p.rt.Context(), p.tenant, hook.Page{Limit: limit})
		return []any{list, next}, err
	})
}

func (p *pair) recover(rt *rapid.T) {
	r := hook.Recovery{
		ID: hook.RecoveryID(p.newID()), Tenant: p.tenant, Endpoint: rapid.SampledFrom(p.endpoints).Draw(rt, "endpoint"), Since: p.now().Add(-10 * time.Hour), Until: p.now(),
		States: []hook.State{hook.Failed, hook.Cancelled}, Missing: true, State: hook.RecoveryRunning, CreatedAt: p.now(),
	}
	if _, failed := p.same("create recovery", func(db *DB) (any, error) {
		err := db.CreateRecovery(p.rt.Context(), &r)
		return err == nil, err
	}).(bool); failed {
		return
	}
	p.same("recover", func(db *DB) (any, error) {
		mine := r
		page, err := db.RecoveryPage(p.rt.Context(), &mine, 3)
		if err != nil {
			return nil, err
		}
		step := hook.RecoveryStep{Cursor: r.Cursor, Examined: len(page), Done: len(page) < 3}
		for _, it := range page {
			step.Cursor = it.Event.ID
			if it.Delivery == nil {
				step.Create = append(step.Create, hook.Delivery{
					ID: it.Event.ID.Delivery(1), Tenant: p.tenant, Endpoint: r.Endpoint, Type: it.Event.Type, Mode: hook.AtLeastOnce, State: hook.Pending,
					CreatedAt: p.now(), NextAttemptAt: p.now(), QueueAt: p.now(),
				})
			} else if it.Delivery.State.Finished() {
				step.Requeue = append(step.Requeue, it.Delivery.ID)
			}
		}
		err = db.AdvanceRecovery(p.rt.Context(), &mine, step)
		return []any{page, mine}, err
	})
}

// records changes records, several of one key among them, some of them read too
// long ago.
func (p *pair) records(rt *rapid.T) {
	type write struct {
		key     string
		was     int64
		version int64
		remove  bool
		sealed  bool
		event   hook.EventID
		id      string
	}
	var writes []write
	for range rapid.IntRange(1, 4).Draw(rt, "writes") {
		w := write{
			key: rapid.SampledFrom([]string{"a", "b"}).Draw(rt, "key"), was: rapid.Int64Range(0, 3).Draw(rt, "was"), version: rapid.Int64Range(1, 3).Draw(rt, "version"),
			remove: rapid.IntRange(0, 3).Draw(rt, "remove") == 0, event: hook.EventID(p.newID()), id: rapid.SampledFrom([]string{"", "a"}).Draw(rt, "id"),
			sealed: rapid.Bool().Draw(rt, "sealed"),
		}
		if w.remove && w.was == 0 {
			w.was = 1 // nobody removes what is not there
		}
		writes = append(writes, w)
	}
	at := p.now()
	p.same("records", func(db *DB) (any, error) {
		s := hook.Submission{Tenant: p.tenant}
		for _, w := range writes {
			r := hook.Record{Tenant: p.tenant, Contract: "c", Kind: "k", Key: w.key, Version: w.version, CreatedAt: at, UpdatedAt: at, Sealed: w.sealed}
			if !w.remove {
				r.Document = fmt.Append(nil, w.event)
			}
			e := hook.Event{ID: w.event, Tenant: p.tenant, Contract: "c", Type: "changed", ExternalID: w.id, Door: hook.DoorAPI, CreatedAt: at, Payload: []byte("1")}
			s.Records = append(s.Records, &hook.RecordWrite{Record: r, Was: w.was, Events: []*hook.Accepted{{Event: &e, Hash: sha256.Sum256(e.Payload)}}})
		}
		v, err := db.Submit(s, time.Hour)
		var overtaken []bool
		for i := range s.Records {
			overtaken = append(overtaken, v.Record(i).Overtaken)
		}
		return overtaken, err
	})
	p.same("list records", func(db *DB) (any, error) {
		list, more, err := db.Records(p.rt.Context(), p.tenant, "", "", hook.RecordName{}, 1)
		return []any{list, more}, err
	})
}

// schedule runs a schedule once: it is arranged, claimed and ended, perhaps twice.
func (p *pair) schedule(rt *rapid.T) {
	name := hook.ScheduleName{Tenant: p.tenant, Contract: "c", Type: rapid.SampledFrom([]string{"x", "y"}).Draw(rt, "type")}
	events, state := []hook.EventID{hook.EventID(p.newID()), hook.EventID(p.newID())}, rapid.SampledFrom([]hook.RunState{hook.RunSent, hook.RunFailed}).Draw(rt, "run")
	manual, twice := rapid.Bool().Draw(rt, "manual"), rapid.Bool().Draw(rt, "twice")
	at := p.now()
	p.same("schedule", func(db *DB) (any, error) {
		if err := db.ArrangeSchedules(p.rt.Context(), []hook.Schedule{{ScheduleName: name, Rhythm: "1h", Start: at, NextAt: at}}); err != nil {
			return nil, err
		}
		list, now, err := db.ClaimSchedules(p.rt.Context(), "node", time.Minute, 100)
		if err != nil {
			return nil, err
		}
		var claim hook.EventID
		for _, s := range list {
			if s.ScheduleName == name && !manual {
				claim = s.Claim
			} else if err := db.ReleaseSchedule(p.rt.Context(), s, 0); err != nil {
				return nil, err
			}
		}
		out := []any{len(list), now}
		for i := range map[bool]int{false: 1, true: 2}[twice] {
			event := events[i]
			s := hook.Submission{Tenant: p.tenant, RunEnd: &hook.RunEnd{ScheduleName: name, Claim: claim, NextAt: at.Add(time.Hour), Run: hook.ScheduleRun{At: at, State: state}}}
			if state == hook.RunSent {
				s.RunEnd.Run.Event = event
				e := hook.Event{ID: event, Tenant: p.tenant, Contract: "c", Type: "snapshot", Door: hook.DoorAPI, CreatedAt: at, Payload: []byte("1")}
				s.Items = []*hook.Accepted{{Event: &e, Deliveries: []hook.Delivery{{
					ID: event.Delivery(1), Tenant: p.tenant, Endpoint: p.endpoints[0], Type: e.Type, Mode: hook.AtLeastOnce, State: hook.Pending, CreatedAt: at, NextAttemptAt: at, QueueAt: at,
				}}}}
			}
			v, err := db.Submit(s, time.Hour)
			if err != nil {
				out = append(out, problem(err))
				continue
			}
			out = append(out, v.Run.ClaimLost, v.Run.Run, len(v.Run.Superseded))
		}
		return out, nil
	})
}

func (p *pair) expireKeys(*rapid.T) {
	p.same("expire", func(db *DB) (any, error) {
		// Only what is not history: that goes row by row in one, by partitions in the other.
		_, err := db.Expire(p.rt.Context(), time.Unix(0, 0), 10)
		return nil, err
	})
}

func (p *pair) read(rt *rapid.T) {
	d := p.some(rt)
	p.same("delivery", func(db *DB) (any, error) { return db.Delivery(p.rt.Context(), p.tenant, d.ID) })
	p.same("attempts", func(db *DB) (any, error) { return db.Attempts(p.rt.Context(), d.ID, 2) })
	p.same("body", func(db *DB) (any, error) { return db.Body(p.rt.Context(), d.ID) })
	p.same("event", func(db *DB) (any, error) { return db.Event(p.rt.Context(), p.tenant, d.ID.Event()) })
	p.same("another tenant", func(db *DB) (any, error) { return db.Event(p.rt.Context(), "t0", d.ID.Event()) })
	p.same("by external id", func(db *DB) (any, error) { return db.EventByExternalID(p.rt.Context(), p.tenant, "a") })
	p.same("count", func(db *DB) (any, error) { return db.EventDeliveries(p.rt.Context(), p.tenant, d.ID.Event()) })
}

// everything compares all rows of the tenant. What is encrypted has other bytes
// every time, so it is compared where it is read.
func (p *pair) everything() {
	for _, q := range []string{
		`SELECT id, contract, type, external_id, source, created_at, content_type, payload FROM events WHERE tenant = $1 ORDER BY id`,
		`SELECT id, endpoint, mode, state, reason, CASE WHEN superseded THEN 1 ELSE 0 END, attempts, slot, due_at, next_attempt_at, created_at, finished_at FROM deliveries WHERE tenant = $1 ORDER BY id`,
		`SELECT delivery, number FROM attempts WHERE delivery IN (SELECT id FROM deliveries WHERE tenant = $1) ORDER BY delivery, number`,
		`SELECT delivery FROM bodies WHERE delivery IN (SELECT id FROM deliveries WHERE tenant = $1) ORDER BY delivery`,
		`SELECT key, hash, answer, expires_at FROM idempotency WHERE tenant = $1 ORDER BY key`,
		`SELECT id, name, state, state_reason, state_at, updated_at, version, last_run_at, last_status, failing_since, failed_of, failed_attempts, failed_deliveries FROM endpoints WHERE tenant = $1 ORDER BY id`,
		`SELECT id, endpoint, cursor, examined, requeued, state, finished_at FROM recoveries WHERE tenant = $1 ORDER BY id`,
		`SELECT contract, kind, key, version, created_at, updated_at, document FROM records WHERE tenant = $1 ORDER BY contract, kind, key`,
		`SELECT contract, type, rhythm, start_at, next_at, claimed_until, snapshot, last FROM schedules WHERE tenant = $1 ORDER BY contract, type`,
		`SELECT action, object, name, fields FROM audit WHERE tenant = $1 ORDER BY id`,
		`SELECT id, name, metadata, deleted_at FROM tenants WHERE id = $1`,
	} {
		p.same(q, func(db *DB) (any, error) { return allRows(db, q, p.tenant) })
	}
}

// allRows are the rows of a query as text.
func allRows(db *DB, query, tenant string) (list []string, err error) {
	rows, err := db.read.Query(query, tenant)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	for rows.Next() {
		values := make([]any, len(columns))
		for i := range values {
			values[i] = new(any)
		}
		if err := rows.Scan(values...); err != nil {
			return nil, err
		}
		var line bytes.Buffer
		for _, v := range values {
			switch v := (*v.(*any)).(type) {
			case []byte:
				if sealedIn(v) != nil { // other bytes each time
					v = []byte("sealed")
				}
				fmt.Fprintf(&line, "%q ", v)
			case string:
				fmt.Fprintf(&line, "%q ", v)
			default:
				fmt.Fprintf(&line, "%v ", v)
			}
		}
		list = append(list, line.String())
	}
	return list, rows.Err()
}
