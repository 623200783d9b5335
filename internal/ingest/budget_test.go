package ingest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gancho/internal/contract"
	"gancho/internal/hook"
	"gancho/internal/ingest"
	"gancho/internal/store"
	"gancho/internal/storetest"
	"gancho/internal/work"
)

// dearFilter is a filter that costs tens of thousands of units of work for dearPayload. Each n gives another text, with
// the same result: true.
func dearFilter(n int) string {
	return fmt.Sprintf(`payload.a.all(x, payload.a.all(y, x + y < %d))`, 1_000_000+n)
}

// dearPayload has 1.4 kB.
var dearPayload = `{"a":[` + strings.Repeat("123456,", 79) + `1],"pad":"` + strings.Repeat("x", 800) + `"}`

// stored are the deliveries of an event as they are stored, by endpoint.
func (b *setup) stored(id hook.EventID) map[hook.EndpointID]hook.Delivery {
	b.t.Helper()
	out := map[hook.EndpointID]hook.Delivery{}
	for p := (hook.Page{Limit: 100}); ; {
		list, next, err := b.db.Deliveries(b.t.Context(), "acme", hook.DeliveryFilter{Event: id}, p)
		if err != nil {
			b.t.Fatal(err)
		}
		for _, d := range list {
			out[d.Endpoint] = d
		}
		if next.IsZero() {
			return out
		}
		p.Before = next
	}
}

// An event with hundreds of dear filters costs no more than its budget. What is left out for it is stored as such, is
// told, and can be brought back.
func TestFilterBomb(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		b := newSetup(t, db)
		var left atomic.Int32
		b.Options.LeftOut = func(d *hook.Delivery) {
			if d.Reason != hook.ReasonOverBudget {
				t.Errorf("left out: %+v", d)
			}
			left.Add(1)
		}
		const dear = 60
		for n := range dear {
			b.endpoint("standard", hook.EndpointActive, hook.EndpointConfig{Filter: dearFilter(n)})
		}
		cheap := b.endpoint("standard", hook.EndpointActive, hook.EndpointConfig{Filter: `payload.pad != ""`})
		for range 8 { // until it is known what each filter costs
			b.accept(event("t", dearPayload))
		}
		left.Store(0)
		b.dispatcher.take()
		item := event("t", dearPayload)
		item.ExternalID = "x"
		a := b.accept(item)[0]
		if a.Wrong != nil || a.Deliveries+a.LeftOut != dear+1 || a.LeftOut < dear/2 || a.Deliveries < 3 {
			t.Fatalf("the answer is %+v", a)
		}
		if n := len(b.dispatcher.take()); n != a.Deliveries || int(left.Load()) != a.LeftOut {
			t.Errorf("%d deliveries are sent and %d are counted as left out, the answer says %+v", n, left.Load(), a)
		}
		if again := b.accept(item)[0]; !again.Duplicate || again.Deliveries != a.Deliveries || again.LeftOut != a.LeftOut {
			t.Errorf("the second answer is %+v", again)
		}
		if int(left.Load()) != a.LeftOut {
			t.Errorf("%d are counted as left out after a duplicate that was not stored, want %d", left.Load(), a.LeftOut)
		}
		rows := b.stored(a.ID)
		if d := rows[cheap.ID]; d.State != hook.Pending {
			t.Errorf("the delivery of the cheap filter is %+v", d)
		}
		var one hook.Delivery
		n := 0
		for _, d := range rows {
			if d.LeftOut() {
				one = d
				n++
			}
		}
		if n != a.LeftOut || one.FinishedAt.IsZero() || !one.NextAttemptAt.IsZero() {
			t.Fatalf("%d deliveries are left out, one is %+v", n, one)
		}
		if d, err := db.Retry(t.Context(), "acme", one.ID, false); err != nil || d.State != hook.Pending {
			t.Errorf("a retry of it gives %+v, %v", d, err)
		}
	})
}

// Equal filters are evaluated once, however many endpoints have them.
func TestEqualFilters(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		b := newSetup(t, db)
		for range 60 {
			b.endpoint("standard", hook.EndpointActive, hook.EndpointConfig{Filter: dearFilter(0)})
		}
		if a := b.accept(event("t", dearPayload))[0]; a.Deliveries != 60 || a.LeftOut != 0 {
			t.Errorf("the answer is %+v", a)
		}
	})
}

// An event whose filter has no truth value for it leaves a delivery that says so. It is counted, and sent when the filter
// was corrected and somebody brings it back.
func TestFailedFilter(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		b := newSetup(t, db)
		var left []hook.Delivery
		b.Options.LeftOut = func(d *hook.Delivery) { left = append(left, *d) }
		all := b.endpoint("standard", hook.EndpointActive, hook.EndpointConfig{})
		e := b.endpoint("standard", hook.EndpointActive, hook.EndpointConfig{Filter: `payload.total > 50`, Mode: hook.AtMostOnce})
		b.endpoint("standard", hook.EndpointActive, hook.EndpointConfig{Filter: `payload.total > 50`, EventTypes: []string{"other"}})
		if a := b.accept(event("t", `{"total":60.5}`))[0]; a.Deliveries != 2 || a.LeftOut != 0 {
			t.Errorf("an event that is taken: %+v", a)
		}
		b.dispatcher.take()
		item := event("t", `{"amount":60}`)
		item.ExternalID = "x"
		a := b.accept(item)[0]
		if a.Wrong != nil || a.Deliveries != 1 || a.LeftOut != 1 {
			t.Fatalf("the answer is %+v", a)
		}
		if jobs := b.dispatcher.take(); len(jobs) != 1 || jobs[0].Delivery.Endpoint != all.ID {
			t.Errorf("offered: %+v", jobs)
		}
		if again := b.accept(item)[0]; !again.Duplicate || again.LeftOut != 1 {
			t.Errorf("the second answer is %+v", again)
		}
		d := b.stored(a.ID)[e.ID]
		if d.State != hook.Cancelled || d.Reason != hook.ReasonFilterFailed || !d.LeftOut() || d.FinishedAt.IsZero() || d.Attempts != 0 {
			t.Fatalf("the delivery is %+v", d)
		}
		if len(left) != 1 || left[0].ID != d.ID || left[0].Reason != hook.ReasonFilterFailed {
			t.Errorf("counted as left out: %+v", left)
		}
		// A replay asks the filter again, and sends once that was corrected.
		for _, corrected := range []bool{false, true} {
			if corrected {
				next := *e
				next.Config.Filter = `has(payload.amount) && payload.amount > 50`
				if ok, err := db.UpdateEndpoint(t.Context(), &next, true); err != nil || !ok {
					t.Fatal(ok, err)
				}
			}
			r := hook.Recovery{
				ID: hook.NewRecoveryID(), Tenant: "acme", Endpoint: e.ID, Since: time.Now().Add(-time.Minute), Until: time.Now().Add(time.Minute),
				States: []hook.State{hook.Cancelled}, State: hook.RecoveryRunning, CreatedAt: time.Now(),
			}
			if err := db.CreateRecovery(t.Context(), &r); err != nil {
				t.Fatal(err)
			}
			b.runUntilDone(r.ID)
			if d := b.stored(a.ID)[e.ID]; d.LeftOut() == corrected || corrected && d.State != hook.Pending {
				t.Errorf("corrected %t: %+v", corrected, d)
			}
		}
	})
}

// A bulk replay evaluates the filters of what was left out: it sends only what the endpoint takes.
func TestRecoverLeftOut(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		b := newSetup(t, db)
		b.EventWork = 1
		takes := b.endpoint("standard", hook.EndpointActive, hook.EndpointConfig{Filter: `payload.a == 1`})
		not := b.endpoint("standard", hook.EndpointActive, hook.EndpointConfig{Filter: `payload.a == 2`})
		b.endpoint("standard", hook.EndpointActive, hook.EndpointConfig{Filter: `payload.a == 3`}) // uses the budget up first
		start := time.Now().Add(-time.Minute)
		var answers []hook.EventAnswer
		for range 3 {
			answers = append(answers, b.accept(event("t", `{"a":1}`))[0])
		}
		b.EventWork = 500_000
		for _, e := range []*hook.Endpoint{takes, not} {
			r := hook.Recovery{
				ID: hook.NewRecoveryID(), Tenant: "acme", Endpoint: e.ID, Since: start, Until: time.Now().Add(time.Minute),
				States: []hook.State{hook.Cancelled}, State: hook.RecoveryRunning, CreatedAt: time.Now(),
			}
			p, err := b.PreviewRecovery(t.Context(), &r)
			if err != nil {
				t.Fatal(err)
			}
			if err := db.CreateRecovery(t.Context(), &r); err != nil {
				t.Fatal(err)
			}
			b.runUntilDone(r.ID)
			sent, was := 0, 0
			for _, a := range answers {
				switch d := b.stored(a.ID)[e.ID]; {
				case d.LeftOut():
					was++
				case d.ID != hook.DeliveryID{}:
					sent++
				}
			}
			if e == not && (was == 0 || p.Deliveries != 0) || e == takes && was > 0 {
				t.Errorf("%s: %d are still left out, %d sent, previewed %+v", e.Config.Filter, was, sent, p)
			}
		}
	})
}

// runUntilDone runs bulk replays until one is done.
func (b *setup) runUntilDone(id hook.RecoveryID) {
	b.t.Helper()
	ctx, cancel := context.WithCancel(b.t.Context())
	done := make(chan error)
	go func() { done <- b.Run(ctx) }()
	defer func() { cancel(); <-done }()
	b.BeginRecovery()
	for deadline := time.Now().Add(time.Minute); ; {
		r, err := b.db.Recovery(ctx, "acme", id)
		if err != nil {
			b.t.Fatal(err)
		}
		if r.State == hook.RecoveryDone {
			return
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("the replay is %+v", r)
		}
		time.Sleep(10 * time.Millisecond) //policy:allow time.Sleep: a poll with a deadline
	}
}

// leaving is the context of a caller who leaves when it has been asked for a few times.
type leaving struct {
	context.Context
	left *atomic.Int32
	done chan struct{}
}

func leavingAfter(ctx context.Context, n int32) leaving {
	l := leaving{ctx, new(atomic.Int32), make(chan struct{})}
	l.left.Store(n)
	return l
}

func (l leaving) Err() error {
	if n := l.left.Add(-1); n >= 0 {
		return nil
	} else if n == -1 {
		close(l.done)
	}
	return context.Canceled
}

func (l leaving) Done() <-chan struct{} { return l.done }

// When the caller leaves, work ends, and nothing of the request is stored.
func TestCallerLeaves(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		b, _, _ := withCounter(t, db)
		for n := range 3 {
			b.endpoint("standard", hook.EndpointActive, hook.EndpointConfig{Filter: dearFilter(n)})
		}
		var items []hook.NewEvent
		var changes []hook.RecordChange
		for i := range 50 {
			items = append(items, event("t", dearPayload))
			changes = append(changes, put(fmt.Sprint(i), fmt.Sprintf(`{"id":"%d","n":1}`, i)))
		}
		ctx := leavingAfter(t.Context(), 20)
		if _, err := b.Accept(ctx, hook.NewEvents{Tenant: "acme", Items: items}); !errors.Is(err, context.Canceled) {
			t.Errorf("the error is %v", err)
		}
		if n := -ctx.left.Load(); n > 10 {
			t.Errorf("the context was asked for %d times after it had ended", n)
		}
		if _, err := b.Change(leavingAfter(t.Context(), 60), hook.RecordChanges{Tenant: "acme", Items: changes}); !errors.Is(err, context.Canceled) {
			t.Errorf("the error is %v", err)
		}
		events, _, err := db.Events(t.Context(), "acme", hook.EventFilter{}, hook.Page{Limit: 10})
		if err != nil || len(events) > 0 {
			t.Errorf("%d events are stored, %v", len(events), err)
		}
		found, err := db.RecordsOf(t.Context(), "acme", []hook.RecordName{changes[0].RecordName, changes[1].RecordName})
		if err != nil || len(found) > 0 {
			t.Errorf("records %v are stored, %v", found, err)
		}
	})
}

// A request that would cost too much work in all is refused from some item on; the items before are stored.
func TestDearBatch(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		b := newSetup(t, db)
		b.EventWork = 50_000
		for n := range 20 {
			b.endpoint("standard", hook.EndpointActive, hook.EndpointConfig{Filter: dearFilter(n)})
		}
		var items []hook.NewEvent
		for range 20 {
			items = append(items, event("t", dearPayload))
		}
		answers := b.accept(items...)
		if a := answers[0]; a.Wrong != nil || a.Deliveries == 0 || a.LeftOut == 0 {
			t.Errorf("the first answer is %+v", a)
		}
		if a := answers[19]; a.Wrong == nil || a.Wrong.Code != "too_much_work" {
			t.Errorf("the last answer is %+v", a)
		}
	})
}

// An item of a batch is refused if the items before it have left too little for its filters: what is stored has all that
// it would have in a request of its own.
func TestRestOfBatch(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		b, _, _ := withCounter(t, db)
		b.EventWork = 20_000
		for _, contract := range []string{"standard", "counter"} {
			for n := range 3 {
				b.endpoint(contract, hook.EndpointActive, hook.EndpointConfig{
					Filter: fmt.Sprintf(`[%s].all(x, payload.n < x + %d)`, strings.Repeat("1,", 200)+"1", n+1),
				})
			}
		}
		const n = 30
		var items []hook.NewEvent
		var changes []hook.RecordChange
		for i := range n {
			items = append(items, event("t", `{"n":1}`))
			changes = append(changes, put(fmt.Sprint(i), fmt.Sprintf(`{"id":"%d","n":1}`, i)))
		}
		stored := 0
		for i, a := range b.accept(items...) {
			if a.Wrong == nil {
				stored++
			}
			if a.LeftOut > 0 || a.Wrong == nil && a.Deliveries != 3 || a.Wrong != nil && a.Wrong.Code != "too_much_work" {
				t.Errorf("event %d: %+v, %v", i, a, a.Wrong)
			}
		}
		if stored < 2 || stored == n {
			t.Errorf("%d of %d events are stored, want some", stored, n)
		}
		stored = 0
		for i, a := range b.change(changes...) {
			found, err := db.RecordsOf(t.Context(), "acme", []hook.RecordName{changes[i].RecordName})
			if err != nil || len(found) == 1 != (a.Wrong == nil) {
				t.Errorf("record %d: stored is %v, %v; the answer is %+v", i, found, err, a)
			}
			if a.Wrong == nil {
				stored++
			}
			if got := outcome(a); got != "created changed there born:4" && got != "too_much_work" || len(a.Events) == 1 && a.Events[0].LeftOut > 0 {
				t.Errorf("record %d: %s, %+v", i, got, a)
			}
		}
		if stored < 2 || stored == n {
			t.Errorf("%d of %d records are stored, want some", stored, n)
		}
	})
}

// An item that is right is not called wrong because the items before it have left too little to check it by its schema.
func TestRestOfBatchForSchema(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		b := newSetup(t, db)
		c, err := contract.Parse("shaped.yaml", []byte(`contract: shaped
title: S
events: {t: {title: T, schema: {type: object, properties: {list: {type: array, items: {type: integer, minimum: 1}}}}}}
`))
		if err != nil {
			t.Fatal(err)
		}
		b.Contracts.Add(c)
		b.EventWork = 2_000
		items := make([]hook.NewEvent, 100)
		for i := range items {
			items[i] = event("t", `{"list":[`+strings.Repeat("1,", 300)+`1]}`)
			items[i].Contract, items[i].Door = "shaped", hook.DoorAPI
		}
		stored := 0
		for i, a := range b.accept(items...) {
			if a.Wrong == nil {
				stored++
			} else if a.Wrong.Code != "too_much_work" {
				t.Errorf("event %d: %v", i, a.Wrong)
			}
		}
		if stored < 2 || stored == len(items) {
			t.Errorf("%d of %d events are stored, want some", stored, len(items))
		}
	})
}

// The end of a run does not wait for the account of its tenant: it has a slot that other tenants need.
func TestRunOfATenantInDebt(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	b := newSetup(t, db)
	options := b.Options
	options.Accounts = work.NewAccounts(1)
	b.Ingest = ingest.New(options)
	b.endpoint("standard", hook.EndpointActive, hook.EndpointConfig{Filter: `payload.n == 1`})
	debt := work.NewBudget(t.Context(), 1<<40, options.Accounts.Of("acme"))
	debt.End(1 << 30)
	debt.Close()
	done := make(chan error, 1)
	go func() {
		_, err := b.EndRun(t.Context(), hook.RunEnd{
			ScheduleName: hook.ScheduleName{Tenant: "acme", Contract: "standard", Type: "t"},
			Run:          hook.ScheduleRun{At: time.Now(), Manual: true},
		}, []byte(`{"n":1}`))
		done <- err
	}()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Error("the run waits for the account")
	}
}

const pairContract = `
contract: pair
title: Pair
records:
  one: {title: One, key: id, schema: {type: object, required: [id], not: {required: [p, q]}}}
events:
  changed: {title: Changed, on: one}
`

// A change that another node overtook is worked out from what that node stored, also if both gave it the same version.
func TestOvertakenAtTheSameVersion(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	other := newSetup(t, db)
	c, err := contract.Parse("pair.yaml", []byte(pairContract))
	if err != nil {
		t.Fatal(err)
	}
	other.Contracts.Add(c.WithVersion(1))
	name := hook.RecordName{Contract: "pair", Kind: "one", Key: "a"}
	ahead := time.Now().Add(24 * time.Hour)
	if _, err := db.Submit(hook.Submission{Tenant: "acme", Records: []*hook.RecordWrite{{Record: hook.Record{
		Tenant: "acme", Contract: "pair", Kind: "one", Key: "a", Version: ahead.UnixMicro(), CreatedAt: ahead, UpdatedAt: ahead,
		Document: []byte(`{"id":"a"}`),
	}}}}, time.Hour); err != nil {
		t.Fatal(err)
	}
	patch := func(doc string) []hook.RecordChange {
		return []hook.RecordChange{{RecordName: name, Op: hook.RecordPatch, Document: []byte(doc)}}
	}
	var first hook.RecordAnswer
	once := sync.OnceFunc(func() { first = other.change(patch(`{"q":1}`)...)[0] })
	options := other.Options
	options.Store = &raced{db, once}
	answers, err := ingest.New(options).Change(t.Context(), hook.RecordChanges{Tenant: "acme", Items: patch(`{"p":1}`)})
	if err != nil {
		t.Fatal(err)
	}
	if first.Wrong != nil || first.Version != ahead.UnixMicro()+1 {
		t.Errorf("the other node's change: %+v", first)
	}
	if w := answers[0].Wrong; w == nil || w.Code != "record_invalid" {
		t.Errorf("the answer is %+v, and p and q are not allowed together", answers[0])
	}
}

// Many changes of one record in a request write it once, whatever it has of events and versions. A change after a
// deletion makes another record.
func TestChains(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		b, _, _ := withCounter(t, db)
		writes := &submissions{DB: db}
		b.Store = writes
		patch := func(doc string) hook.RecordChange { return change(hook.RecordPatch, "a", doc) }
		items := []hook.RecordChange{
			put("a", `{"id":"a","n":0}`), patch(`{"n":1}`), patch(`{"n":"wrong"}`), patch(`{"n":2}`), put("b", `{"id":"b","n":0}`),
			patch(`{"n":2}`), change(hook.RecordDelete, "a", ""), put("a", `{"id":"a","n":3}`), patch(`{"n":4,"x":20}`),
		}
		answers := b.change(items...)
		var got []string
		for _, a := range answers {
			got = append(got, outcome(a))
		}
		want := []string{
			"created changed there born:1", "changed there counted:1", "record_invalid /patch/n", "changed there counted:1",
			"created changed there born:1", "there", "changed gone:1", "created changed there born:1", "changed there counted:1 large:1",
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
		if len(writes.records) != 1 || writes.records[0] != 4 { // a until it is deleted, b, the deletion, a again
			t.Errorf("the submissions have %v writes, want one with 4", writes.records)
		}
		for i := 1; i < len(answers); i++ {
			if v := answers[i].Version; v != 0 && answers[i].Changed && v <= answers[i-1].Version {
				t.Errorf("the versions do not grow: %d after %d", v, answers[i-1].Version)
			}
		}
		r, err := db.Record(t.Context(), "acme", "counter", "count", "a")
		if err != nil || string(r.Document) != `{"id":"a","n":4,"x":20}` || r.Version != answers[8].Version {
			t.Errorf("stored is %+v, %v", r, err)
		}
		// The next request reads what was stored, not what an earlier one kept.
		again := b.change(patch(`{"n":5}`), patch(`{"n":6}`))
		if again[1].Version <= answers[8].Version || outcome(again[1]) != "changed there counted:1 large:1" && outcome(again[1]) != "changed there counted:1" {
			t.Errorf("the answer is %s", outcome(again[1]))
		}
	})
}

// submissions counts the record writes of each submission.
type submissions struct {
	*store.DB
	records []int
}

func (s *submissions) Submit(sub hook.Submission, keep time.Duration) (hook.Verdicts, error) {
	s.records = append(s.records, len(sub.Records))
	return s.DB.Submit(sub, keep)
}

// The version of a record grows, also over its deletion and over a restart: whoever has an old entity tag never changes
// a record that was made anew.
func TestVersionGrows(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		b, _, _ := withCounter(t, db)
		last := int64(0)
		grows := func(what string, a hook.RecordAnswer) {
			t.Helper()
			if a.Version <= last {
				t.Errorf("%s: version %d after %d", what, a.Version, last)
			}
			last = a.Version
		}
		grows("made", b.change(put("a", `{"id":"a","n":1}`))[0])
		for range 3 {
			b.change(change(hook.RecordDelete, "a", ""))
			grows("made anew", b.change(put("a", `{"id":"a","n":1}`))[0])
			b.change(change(hook.RecordDelete, "a", ""))
			options := b.Options
			b.Ingest = ingest.New(options) // as after a restart
			grows("made anew after a restart", b.change(put("a", `{"id":"a","n":1}`))[0])
			b.Ingest = ingest.New(options)
			grows("changed after a restart", b.change(put("a", `{"id":"a","n":2}`))[0])
		}
	})
}
