package schedule_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"gancho/internal/contract"
	"gancho/internal/deliver"
	"gancho/internal/hook"
	"gancho/internal/ingest"
	"gancho/internal/schedule"
	"gancho/internal/send"
	"gancho/internal/store"
	"gancho/internal/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// These tests run store, ingest and worker in fake time. Only the receivers are replaced.

const shop = `contract: shop
title: {en: Shop}
records:
  order: {title: {en: Order}, key: id}
delivery: {retry: [0s, 45m, 45m, 45m], timeout: 5m}
events:
  orders.open:
    title: {en: The open orders}
    every: 1h
    select: order
    where: record.status == "open" && record.total > 0
    item: {id: "${record.id}"}
    payload: {orders: "${items}"}
    max_body: 1KiB
  orders.morning:
    title: {en: Every morning}
    cron: "0 6 * * *"
    timezone: America/Bogota
    select: order
  "*": {title: {en: Any other}}
`

// world is a node. It is its own receiver, too.
type world struct {
	t   *testing.T
	db  *store.DB
	in  *ingest.Ingest
	w   *deliver.Worker
	s   *schedule.Scheduler
	set *contract.Set
	log *strings.Builder

	mu     sync.Mutex
	sent   []sent
	ended  []string        // states of the deliveries that have ended, as the worker reported them
	answer func(n int) int // status of the n-th request, from 1; 0: never answers
	stop   []func()
}

type sent struct {
	at   time.Time
	body string
}

// Send answers as the receiver.
func (x *world) Send(ctx context.Context, m *send.Message) *send.Reply {
	start := time.Now()
	x.mu.Lock()
	x.sent = append(x.sent, sent{start, string(m.Body)})
	status := 200
	if x.answer != nil {
		status = x.answer(len(x.sent))
	}
	x.mu.Unlock()
	out := &send.Reply{StartedAt: start, Sent: m.Headers}
	if status == 0 {
		select {
		case <-ctx.Done():
			out.Class = hook.ClassInterrupted
		case <-time.After(m.Timeout):
			out.Class = hook.ClassTimeout
		}
		return out
	}
	out.Response = &hook.Response{Status: status}
	return out
}

// Name is that of the transport that it replaces.
func (x *world) Name() string { return "http" }

// Headers are those of the message.
func (x *world) Headers(m *send.Message) ([]hook.Header, string) { return m.Headers, "" }

// Attempted notes a delivery that ended with an attempt.
func (x *world) Attempted(_ *hook.Endpoint, d *hook.Delivery, _ *hook.Attempt) {
	if d.State.Finished() {
		x.Cancelled(d)
	}
}

// Cancelled notes a delivery that ended.
func (x *world) Cancelled(d *hook.Delivery) {
	if d.Tenant == "" || d.Type == "" || d.ID.IsZero() || d.Endpoint.IsZero() || d.FinishedAt.IsZero() {
		x.t.Errorf("the worker reports %+v", d)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.ended = append(x.ended, strings.TrimSpace(string(d.State)+" "+d.Reason))
}

// ends are the states in which deliveries have ended, sorted.
func (x *world) ends() []string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return slices.Sorted(slices.Values(x.ended))
}

func (x *world) requests() []sent {
	x.mu.Lock()
	defer x.mu.Unlock()
	return append([]sent{}, x.sent...)
}

// node starts a node on the database.
func node(t *testing.T, db *store.DB, name string, change ...func(*schedule.Options)) *world {
	t.Helper()
	x := &world{t: t, db: db, set: new(contract.Set), log: new(strings.Builder)}
	c, err := contract.Parse("shop.yaml", []byte(shop))
	if err != nil {
		t.Fatal(err)
	}
	x.set.Add(c.WithVersion(1))
	log := slog.New(slog.NewTextHandler(x.log, &slog.HandlerOptions{Level: slog.LevelWarn}))
	x.w = deliver.New(deliver.Options{
		Store: db, Past: db, Transports: send.Transports{"http": x}, Contracts: x.set, Observer: x, Log: log, InFlight: 8,
		MemoryBytes: 1 << 20, Tick: 10 * time.Minute,
	})
	x.in = ingest.New(ingest.Options{
		Store: db, Dispatcher: x.w, Contracts: x.set, KeepKeys: time.Hour, MaxPayload: 1 << 20, Log: log,
	})
	o := schedule.Options{Store: db, Accepter: x.in, Contracts: x.set, Node: name, Log: log}
	for _, f := range change {
		f(&o)
	}
	x.s = schedule.New(o)
	for _, fn := range []func(hook.Change){x.in.Forget, x.w.Refresh, x.s.Changed} {
		db.Watch(fn)
	}
	if err := x.w.TakeOver(t.Context(), deliver.OwnsAll{}.Owns); err != nil {
		t.Fatal(err)
	}
	for _, run := range []func(context.Context) error{x.w.Run, x.s.Run} {
		ctx, stop := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- run(ctx) }()
		x.stop = append(x.stop, sync.OnceFunc(func() {
			stop()
			if err := <-done; err != nil {
				t.Error(err)
			}
		}))
	}
	t.Cleanup(x.end)
	return x
}

func (x *world) end() {
	for _, stop := range x.stop {
		stop()
	}
}

// bubble runs fn in fake time, on a fresh database.
func bubble(t *testing.T, fn func(t *testing.T, x *world)) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "gancho.db")
	synctest.Test(t, func(t *testing.T) {
		db := storetest.OpenAt(t, file, store.NewKey())
		x := node(t, db, "one")
		if _, _, err := db.PutTenant(t.Context(), "acme", hook.TenantChange{}); err != nil {
			t.Fatal(err)
		}
		fn(t, x)
	})
}

func (x *world) endpoint(types ...string) *hook.Endpoint {
	x.t.Helper()
	e := &hook.Endpoint{
		ID: hook.NewEndpointID(), Tenant: "acme", Contract: "shop", State: hook.EndpointActive,
		Config: hook.EndpointConfig{URL: "http://receiver.example/", EventTypes: types},
	}
	if err := x.db.CreateEndpoint(x.t.Context(), e); err != nil {
		x.t.Fatal(err)
	}
	return e
}

func (x *world) put(docs ...string) {
	x.t.Helper()
	r := hook.RecordChanges{Tenant: "acme"}
	for _, doc := range docs {
		r.Items = append(r.Items, hook.RecordChange{
			RecordName: hook.RecordName{Contract: "shop", Kind: "order"}, Op: hook.RecordPut, Document: []byte(doc),
		})
	}
	answers, err := x.in.Change(x.t.Context(), r)
	if err != nil {
		x.t.Fatal(err)
	}
	for _, a := range answers {
		if a.Wrong != nil {
			x.t.Fatal(a.Wrong)
		}
	}
}

func (x *world) state(e *hook.Endpoint, s hook.EndpointState) {
	x.t.Helper()
	if err := x.db.SetEndpointState(x.t.Context(), e.ID, s, "", time.Now()); err != nil {
		x.t.Fatal(err)
	}
	synctest.Wait()
}

var open = hook.ScheduleName{Tenant: "acme", Contract: "shop", Type: "orders.open"}

func (x *world) clock(name hook.ScheduleName) hook.Schedule {
	x.t.Helper()
	list, err := x.db.Schedules(x.t.Context(), "acme")
	if err != nil {
		x.t.Fatal(err)
	}
	for _, s := range list {
		if s.ScheduleName == name {
			return s
		}
	}
	return hook.Schedule{ScheduleName: name}
}

func (x *world) run() *hook.ScheduleRun {
	x.t.Helper()
	r, err := x.s.RunNow(x.t.Context(), open)
	if err != nil {
		x.t.Fatal(err)
	}
	return r
}

// deliveries are the states of all deliveries of the schedule, oldest first.
func (x *world) deliveries() (list []string) {
	x.t.Helper()
	synctest.Wait()
	filter := hook.DeliveryFilter{Types: []string{"orders.open"}}
	all, _, err := x.db.Deliveries(x.t.Context(), "acme", filter, hook.Page{Limit: 100})
	if err != nil {
		x.t.Fatal(err)
	}
	for _, d := range all {
		text := string(d.State)
		if d.Reason != "" {
			text += " " + d.Reason
		}
		list = append([]string{text}, list...)
	}
	return list
}

// advance lets time pass, and waits until everything that is due then has been done.
func advance(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
	time.Sleep(50 * time.Millisecond) // lazy commits
	synctest.Wait()
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// The first run comes one interval after the first endpoint is active. Without active endpoints
// nothing runs, and the last run stays stored.
func TestRhythm(t *testing.T) {
	bubble(t, func(t *testing.T, x *world) {
		x.put(
			`{"id":2,"status":"open","total":1.50}`, `{"id":1,"status":"open","total":3}`,
			`{"id":3,"status":"closed","total":1}`,
		)
		advance(3 * time.Hour)
		same(t, "clock without an endpoint", x.clock(open).NextAt.IsZero(), true)
		start := time.Now()
		e := x.endpoint("orders.open")
		advance(time.Second)
		same(t, "next run", x.clock(open).NextAt.Sub(start), time.Hour)
		advance(10 * time.Minute)
		x.endpoint("orders.*") // a second one changes nothing
		advance(2 * time.Hour)
		var at []time.Duration
		for _, r := range x.requests() {
			at = append(at, r.at.Sub(start).Round(time.Second))
			same(t, "body", r.body, `{"orders":[{"id":1},{"id":2}]}`)
		}
		same(t, "runs", at, []time.Duration{time.Hour, time.Hour, 2 * time.Hour, 2 * time.Hour})
		last := x.clock(open).Last
		if last == nil || last.State != hook.RunSent || last.Records != 2 || last.Examined != 3 ||
			last.Deliveries != 2 || last.Manual {
			t.Errorf("last run %+v", last)
		}
		list, err := x.db.TenantEndpoints(t.Context(), "acme")
		if err != nil {
			t.Fatal(err)
		}
		for _, other := range list {
			x.state(other, hook.EndpointDisabled)
		}
		advance(5 * time.Hour)
		same(t, "requests while disabled", len(x.requests()), 4)
		same(t, "rests", x.clock(open).NextAt.IsZero(), true)
		same(t, "last run is still known", x.clock(open).Last.Records, 2)
		x.state(e, hook.EndpointActive)
		again := time.Now()
		advance(time.Second)
		same(t, "next run after a rest", x.clock(open).NextAt.Sub(again).Round(time.Second), time.Hour)
		advance(time.Hour)
		same(t, "requests after the rest", len(x.requests()), 5)

		x.put(`{"id":1,"status":"closed","total":3}`, `{"id":2,"status":"closed","total":3}`)
		advance(time.Hour)
		same(t, "requests with nothing to send", len(x.requests()), 5)
		if last := x.clock(open).Last; last.State != hook.RunSkipped || last.Code != hook.RunNothing ||
			last.Detail == "" {
			t.Errorf("last run %+v", last)
		}
	})
}

// A cron table follows the clock of its time zone. An endpoint that takes other event types gets no event.
func TestCron(t *testing.T) {
	bubble(t, func(t *testing.T, x *world) {
		x.put(`{"id":1,"status":"new"}`)
		x.endpoint("orders.morning")
		advance(48 * time.Hour)
		requests := x.requests()
		same(t, "requests", len(requests), 2)
		for i, r := range requests {
			same(t, "at", r.at.UTC().Truncate(time.Second), time.Date(2000, 1, 1+i, 11, 0, 0, 0, time.UTC))
			same(t, "body", r.body, `[{"id":1,"status":"new"}]`)
		}
		if last := x.clock(open).Last; last.State != hook.RunSkipped || last.Code != hook.RunNoEndpoint {
			t.Errorf("the other schedule's last run: %+v", last)
		}
	})
}

// After downtime a schedule runs once, not once for each missed hour, and keeps its rhythm.
func TestDowntime(t *testing.T) {
	bubble(t, func(t *testing.T, x *world) {
		x.put(`{"id":1,"status":"open","total":1}`)
		start := time.Now()
		x.endpoint()
		advance(time.Hour)
		same(t, "requests before", len(x.requests()), 1)
		x.end()
		advance(5*time.Hour + 30*time.Minute)
		y := node(t, x.db, "one")
		advance(time.Second)
		same(t, "requests after", len(y.requests()), 1)
		same(t, "next run", y.clock(open).NextAt.Sub(start), 7*time.Hour)
		advance(time.Hour)
		same(t, "requests an hour later", len(y.requests()), 2)
	})
}

// A manual run can be made at any time and does not change when the next run is.
func TestRunNow(t *testing.T) {
	bubble(t, func(t *testing.T, x *world) {
		x.put(`{"id":1,"status":"open","total":1}`)
		if r := x.run(); r.State != hook.RunSkipped || r.Code != hook.RunNoEndpoint || !r.Manual {
			t.Errorf("without an endpoint: %+v", r)
		}
		e := x.endpoint()
		start := time.Now()
		if r := x.run(); r.State != hook.RunSent || r.Records != 1 || r.Event.IsZero() || r.Bytes == 0 {
			t.Errorf("before the clock is set: %+v", r)
		}
		advance(20 * time.Minute)
		same(t, "requests", len(x.requests()), 1)
		x.run()
		advance(time.Second)
		same(t, "requests", len(x.requests()), 2)
		same(t, "next run", x.clock(open).NextAt.Sub(start).Round(time.Second), time.Hour)
		same(t, "last run", x.clock(open).Last.Manual, true)
		ev, err := x.db.Event(t.Context(), "acme", x.clock(open).Last.Event)
		if err != nil || ev.Door != hook.DoorSchedule {
			t.Errorf("event %+v, %v", ev, err)
		}
		x.state(e, hook.EndpointPaused) // what is made waits
		if r := x.run(); r.State != hook.RunSent || r.Deliveries != 1 {
			t.Errorf("paused: %+v", r)
		}
		same(t, "deliveries", x.deliveries(), []string{"delivered", "delivered", "pending"})
		x.run()
		same(t, "deliveries", x.deliveries(), []string{"delivered", "delivered", "cancelled superseded", "pending"})
		same(t, "ended", x.ends(), []string{"cancelled superseded", "delivered", "delivered"})
		none := hook.ScheduleName{Tenant: "acme", Contract: "shop", Type: "none"}
		if _, err := x.s.RunNow(t.Context(), none); !hook.IsKind(err, hook.KindNotFound) {
			t.Errorf("got %v", err)
		}
	})
}

// A newer snapshot supersedes one that has not been delivered.
func TestSupersede(t *testing.T) {
	for name, c := range map[string]struct {
		ordered bool
		answer  func(n int) int
		between time.Duration // until the second snapshot
		want    []string      // after it
		later   []string      // an hour later
		sent    int
	}{
		"retrying": {
			false, func(int) int { return 500 }, time.Minute,
			[]string{"cancelled superseded", "retrying status_5xx"},
			[]string{"cancelled superseded", "retrying status_5xx"},
			3,
		},
		"retrying, ordered": {
			true, func(int) int { return 500 }, time.Minute,
			[]string{"cancelled superseded", "retrying status_5xx"},
			[]string{"cancelled superseded", "retrying status_5xx"},
			3,
		},
		"being sent, then fails": {
			false, func(n int) int { return map[bool]int{true: 0, false: 200}[n == 1] }, time.Minute,
			[]string{"sending superseded", "delivered"},
			[]string{"cancelled superseded", "delivered"},
			2,
		},
		"being sent, then fails, ordered": {
			true, func(n int) int { return map[bool]int{true: 0, false: 200}[n == 1] }, time.Minute,
			[]string{"sending superseded", "pending"},
			[]string{"cancelled superseded", "delivered"},
			2,
		},
		"arrived": {
			false, nil, time.Minute, []string{"delivered", "delivered"}, []string{"delivered", "delivered"}, 2,
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, x *world) {
				x.answer = c.answer
				x.put(`{"id":1,"status":"open","total":1}`)
				e := &hook.Endpoint{
					ID: hook.NewEndpointID(), Tenant: "acme", Contract: "shop", State: hook.EndpointActive,
					Config: hook.EndpointConfig{URL: "http://receiver.example/", Ordered: c.ordered},
				}
				if err := x.db.CreateEndpoint(t.Context(), e); err != nil {
					t.Fatal(err)
				}
				x.run()
				advance(c.between)
				x.put(`{"id":2,"status":"open","total":1}`)
				x.run()
				advance(time.Second)
				same(t, "at once", x.deliveries(), c.want)
				advance(50 * time.Minute) // within the hour, so that no run comes in between
				same(t, "later", x.deliveries(), c.later)
				ended := slices.DeleteFunc(x.deliveries(), func(d string) bool {
					return strings.HasPrefix(d, "retrying")
				})
				same(t, "ended", x.ends(), slices.Sorted(slices.Values(ended)))
				requests := x.requests()
				same(t, "requests", len(requests), c.sent)
				for _, r := range requests[1:] {
					same(t, "only the newer one", r.body, `{"orders":[{"id":1},{"id":2}]}`)
				}
			})
		})
	}
}

// A delivery that a crash interrupts is not sent again if there is a newer snapshot.
func TestSupersededAndInterrupted(t *testing.T) {
	bubble(t, func(t *testing.T, x *world) {
		x.put(`{"id":1,"status":"open","total":1}`)
		e := x.endpoint()
		first := x.run()
		advance(time.Second)
		d := hook.Delivery{
			ID: first.Event.Delivery(1), Tenant: "acme", Endpoint: e.ID, Type: "orders.open", Mode: hook.AtLeastOnce,
			State: hook.Sending, NextAttemptAt: time.Now(), EndpointVersion: 1, ContractVersion: 1,
		}
		waiting, stored := d, make(chan error, 1)
		waiting.State, waiting.QueueAt = hook.Pending, time.Now().Add(time.Hour)
		x.db.SaveResult(hook.Result{Delivery: waiting}, func(err error) { stored <- err })
		// As if the process had ended while it was sending.
		if err := errors.Join(<-stored, x.db.Intend(hook.Result{Delivery: d})); err != nil {
			t.Fatal(err)
		}
		x.put(`{"id":2,"status":"open","total":1}`)
		x.run()
		advance(time.Second)
		x.end()
		y := node(t, x.db, "one")
		advance(time.Minute)
		same(t, "deliveries", y.deliveries(), []string{"cancelled superseded", "delivered"})
		same(t, "requests of the new process", len(y.requests()), 0)
	})
}

// A run whose payload is too large fails, which is stored. The next one comes at its time.
func TestTooLarge(t *testing.T) {
	bubble(t, func(t *testing.T, x *world) {
		x.endpoint()
		var docs []string
		for i := range 200 {
			docs = append(docs, fmt.Sprintf(`{"id":%d,"status":"open","total":1}`, 1000+i))
		}
		x.put(docs...)
		advance(time.Hour)
		last := x.clock(open).Last
		if last == nil || last.State != hook.RunFailed || last.Code != hook.RunTooLarge ||
			!strings.Contains(last.Detail, "1024 bytes") || last.FailingSince.IsZero() {
			t.Errorf("last run %+v", last)
		}
		since := last.FailingSince
		advance(time.Hour)
		if last := x.clock(open).Last; last.FailingSince != since || !last.At.After(since) {
			t.Errorf("last run %+v, failing since %s", last, since)
		}
		x.end()
		if !strings.Contains(x.log.String(), "too_large") {
			t.Errorf("log: %s", x.log)
		}
		y := node(t, x.db, "one")
		for i := range docs[10:] {
			docs[i] = strings.Replace(docs[i], "open", "closed", 1)
		}
		y.put(docs...)
		advance(time.Hour)
		if last := y.clock(open).Last; last.State != hook.RunSent || last.Records != 10 || !last.FailingSince.IsZero() {
			t.Errorf("last run %+v", last)
		}
	})
}

// A record for which the condition or the item fails is left out and named. The others are sent.
func TestLeftOut(t *testing.T) {
	bubble(t, func(t *testing.T, x *world) {
		x.endpoint()
		x.put(`{"id":1,"status":"open","total":1}`, `{"id":"odd","status":"open","total":"1.50"}`)
		r := x.run()
		if r.State != hook.RunSent || r.Records != 1 || r.LeftOut != 1 || len(r.Examples) != 1 ||
			r.Examples[0].Key != "odd" || r.Examples[0].Detail == "" {
			t.Errorf("run %+v", r)
		}
	})
}

// Of several nodes on one database, one makes each run.
func TestTwoNodes(t *testing.T) {
	bubble(t, func(t *testing.T, x *world) {
		x.put(`{"id":1,"status":"open","total":1}`)
		node(t, x.db, "two")
		node(t, x.db, "three")
		x.endpoint("orders.open")
		advance(24*time.Hour + time.Minute)
		events, _, err := x.db.Events(t.Context(), "acme", hook.EventFilter{Type: "orders.open"}, hook.Page{Limit: 100})
		if err != nil || len(events) != 24 {
			t.Errorf("%d events in 24 hours (%v)", len(events), err)
		}
	})
}

// accepter is an ingest whose EndRun can fail, before or after the commit.
type accepter struct {
	schedule.Accepter
	mu     sync.Mutex
	before []error // of the next calls, nothing stored
	after  []error // the same, everything stored
}

func (a *accepter) EndRun(ctx context.Context, end hook.RunEnd, payload []byte) (hook.RunVerdict, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.before) > 0 {
		err := a.before[0]
		a.before = a.before[1:]
		return hook.RunVerdict{}, err
	}
	v, err := a.Accepter.EndRun(ctx, end, payload)
	if err == nil && len(a.after) > 0 {
		err = a.after[0]
		a.after = a.after[1:]
	}
	return v, err
}

// Whatever fails around the commit, a run is neither lost nor made twice.
func TestTrouble(t *testing.T) {
	for name, a := range map[string]*accepter{
		"nothing stored": {before: []error{hook.Unavailable(errors.New("disk full"))}},
		"all stored":     {after: []error{hook.Unavailable(errors.New("connection lost"))}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "gancho.db")
			synctest.Test(t, func(t *testing.T) {
				db := storetest.OpenAt(t, file, store.NewKey())
				x := node(t, db, "one", func(o *schedule.Options) { a.Accepter = o.Accepter; o.Accepter = a })
				if _, _, err := db.PutTenant(t.Context(), "acme", hook.TenantChange{}); err != nil {
					t.Fatal(err)
				}
				x.put(`{"id":1,"status":"open","total":1}`)
				x.endpoint("orders.open")
				advance(time.Hour + time.Minute)
				filter := hook.EventFilter{Type: "orders.open"}
				events, _, err := db.Events(t.Context(), "acme", filter, hook.Page{Limit: 100})
				if err != nil || len(events) != 1 {
					t.Errorf("%d events (%v)", len(events), err)
				}
				advance(time.Hour)
				same(t, "requests", len(x.requests()), 2)
			})
		})
	}
}

// A process takes over the claims of its predecessor at once. If the predecessor still ends a run,
// nothing of that is stored.
func TestClaims(t *testing.T) {
	bubble(t, func(t *testing.T, x *world) {
		x.endpoint("orders.open")
		advance(time.Second)
		x.end()
		advance(2 * time.Hour)
		list, _, err := x.db.ClaimSchedules(t.Context(), "one", time.Hour, 10)
		if err != nil || len(list) == 0 {
			t.Fatalf("%v, %v", list, err)
		}
		if again, _, err := x.db.ClaimSchedules(t.Context(), "two", time.Hour, 10); err != nil || len(again) != 0 {
			t.Errorf("claimed twice: %v, %v", again, err)
		}
		x.put(`{"id":1,"status":"open","total":1}`)
		y := node(t, x.db, "one")
		advance(time.Second)
		same(t, "requests", len(y.requests()), 1)
		for _, s := range list {
			end := hook.RunEnd{
				ScheduleName: s.ScheduleName, Claim: s.Claim, NextAt: time.Now(),
				Run: hook.ScheduleRun{State: hook.RunSent},
			}
			if v, err := y.in.EndRun(t.Context(), end, []byte(`[]`)); err != nil || !v.ClaimLost {
				t.Errorf("%s: an old claim ended a run (%v)", s.Type, err)
			}
		}
		same(t, "deliveries", y.deliveries(), []string{"delivered"})
	})
}

// odd is a store whose clock, claims and records behave as a test wants.
type odd struct {
	*store.DB
	back   time.Duration // how much the clock of the database was put back
	stuck  chan struct{} // gets a value when a run waits for a record that does not come; nil: records come
	mu     sync.Mutex
	after  []time.Duration // of each claim that was given up
	denied error           // of the context of such a call
}

func (o *odd) ClaimSchedules(ctx context.Context, node string, lease time.Duration, n int) ([]hook.Schedule, time.Time, error) {
	list, now, err := o.DB.ClaimSchedules(ctx, node, lease, n)
	return list, now.Add(-o.back), err
}

func (o *odd) EachRecord(ctx context.Context, tenant, contract, kind string, fn func(hook.Record) error) error {
	if o.stuck == nil {
		return o.DB.EachRecord(ctx, tenant, contract, kind, fn)
	}
	o.stuck <- struct{}{}
	<-ctx.Done()
	return ctx.Err()
}

func (o *odd) ReleaseSchedule(ctx context.Context, s hook.Schedule, after time.Duration) error {
	o.mu.Lock()
	o.after = append(o.after, after)
	o.denied = ctx.Err()
	o.mu.Unlock()
	return o.DB.ReleaseSchedule(ctx, s, after)
}

// oddBubble is bubble with a node on an odd store.
func oddBubble(t *testing.T, o *odd, fn func(t *testing.T, x *world), change ...func(*schedule.Options)) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "gancho.db")
	synctest.Test(t, func(t *testing.T) {
		o.DB = storetest.OpenAt(t, file, store.NewKey())
		if o.stuck != nil {
			o.stuck = make(chan struct{}, 10) // a channel of the bubble
		}
		x := node(t, o.DB, "one", append(change, func(options *schedule.Options) { options.Store = o })...)
		if _, _, err := o.PutTenant(t.Context(), "acme", hook.TenantChange{}); err != nil {
			t.Fatal(err)
		}
		fn(t, x)
	})
}

// If the clock of the database is put back between two looks at it, a run is not made twice.
func TestClockPutBack(t *testing.T) {
	o := &odd{back: 30 * time.Minute}
	oddBubble(t, o, func(t *testing.T, x *world) {
		x.put(`{"id":1,"status":"open","total":3}`)
		start := time.Now()
		x.endpoint("orders.open")
		advance(time.Hour + time.Minute)
		same(t, "requests", len(x.requests()), 1)
		same(t, "next run", x.clock(open).NextAt.Sub(start).Round(time.Second), 2*time.Hour)
		advance(time.Hour)
		same(t, "requests an hour later", len(x.requests()), 2)
	})
}

// If the clock of the database is put back by a day between two looks at it, a run is not made twice, and the next one
// comes at its time.
func TestClockPutBackByADay(t *testing.T) {
	o := &odd{back: 24 * time.Hour}
	oddBubble(t, o, func(t *testing.T, x *world) {
		x.put(`{"id":1,"status":"open","total":3}`)
		start := time.Now()
		x.endpoint("orders.open")
		for n := range 3 {
			advance(time.Hour + time.Second)
			same(t, "requests", len(x.requests()), n+1)
			same(t, "next run", x.clock(open).NextAt.Sub(start).Round(time.Minute), time.Duration(n+2)*time.Hour)
		}
	})
}

// A clock that went ahead by a day has made one run, and set the next one for the day after. After it is put back, the
// runs of the day between come at their times, whether the node was restarted or not.
func TestClockWentAhead(t *testing.T) {
	for _, restarted := range []bool{true, false} {
		t.Run(fmt.Sprintf("restarted %t", restarted), func(t *testing.T) {
			oddBubble(t, new(odd), func(t *testing.T, x *world) {
				x.put(`{"id":1,"status":"open","total":3}`)
				start := time.Now()
				x.endpoint("orders.open")
				advance(time.Minute)
				c := x.clock(open)
				c.NextAt = c.NextAt.Add(24 * time.Hour)
				if err := x.db.ArrangeSchedules(t.Context(), []hook.Schedule{c}); err != nil {
					t.Fatal(err)
				}
				if restarted {
					x.end()
					x = node(t, x.db, "one")
				}
				advance(2*time.Hour + time.Minute)
				n := len(x.requests())
				if n == 0 || n > 2 || restarted && n != 2 {
					t.Errorf("%d runs in two hours", n)
				}
				advance(24 * time.Hour)
				same(t, "runs in a day more", len(x.requests())-n, 24)
				same(t, "next run", x.clock(open).NextAt.Sub(start).Round(time.Minute), 27*time.Hour)
			})
		})
	}
}

// A run that a stop interrupts gives its claim up at once, so that another node need not wait until it ends.
func TestReleasedAfterStop(t *testing.T) {
	o := &odd{stuck: make(chan struct{})}
	oddBubble(t, o, func(t *testing.T, x *world) {
		x.put(`{"id":1,"status":"open","total":3}`)
		x.endpoint("orders.open")
		advance(time.Hour + time.Second)
		<-o.stuck
		x.end()
		o.mu.Lock()
		defer o.mu.Unlock()
		if len(o.after) != 1 || o.after[0] != 0 || o.denied != nil {
			t.Fatalf("claims were given up after %v, with %v", o.after, o.denied)
		}
		due, _, err := o.DB.ClaimSchedules(t.Context(), "another", time.Minute, 10)
		if err != nil || len(due) != 1 || due[0].ScheduleName != open {
			t.Errorf("another node claims %+v, %v", due, err)
		}
		if strings.Contains(x.log.String(), "interrupted") {
			t.Errorf("a stop is no error: %s", x.log)
		}
	})
}

// A run that takes almost as long as its claim lasts fails before another node takes it over. The next one comes at its
// time.
func TestTooSlow(t *testing.T) {
	o := &odd{stuck: make(chan struct{})}
	oddBubble(t, o, func(t *testing.T, x *world) {
		x.put(`{"id":1,"status":"open","total":3}`)
		start := time.Now()
		x.endpoint("orders.open")
		advance(time.Hour + 8*time.Minute)
		same(t, "the run is not over", x.clock(open).Last, (*hook.ScheduleRun)(nil))
		advance(2 * time.Minute)
		c := x.clock(open)
		if c.Last == nil || c.Last.State != hook.RunFailed || c.Last.Code != hook.RunTooSlow || c.Last.Took < 9*time.Minute {
			t.Fatalf("last run %+v", c.Last)
		}
		same(t, "next run", c.NextAt.Sub(start).Round(time.Second), 2*time.Hour)
		same(t, "claims given up", len(o.after), 0)
	})
}

// A run whose conditions cost too much work fails, and says so. The next one comes at its time.
func TestTooCostly(t *testing.T) {
	oddBubble(t, new(odd), func(t *testing.T, x *world) {
		var docs []string
		for i := range 100 {
			docs = append(docs, fmt.Sprintf(`{"id":%d,"status":"open","total":1}`, 1000+i))
		}
		x.put(docs...)
		start := time.Now()
		x.endpoint("orders.open")
		advance(time.Hour + time.Minute)
		c := x.clock(open)
		if c.Last == nil || c.Last.State != hook.RunFailed || c.Last.Code != hook.RunTooCostly || c.Last.Examined < 2 ||
			c.Last.Examined > 99 || c.Last.FailingSince.IsZero() || !strings.Contains(c.Last.Detail, "Make them simpler") {
			t.Fatalf("last run %+v", c.Last)
		}
		same(t, "next run", c.NextAt.Sub(start).Round(time.Second), 2*time.Hour)
		same(t, "requests", len(x.requests()), 0)
	}, func(o *schedule.Options) { o.Work = 500 })
}
