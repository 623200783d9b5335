package store

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"gancho/internal/hook"
	"gancho/internal/pgtest"
)

// each runs a test on a fresh database of every kind.
func each(t *testing.T, fn func(t *testing.T, db *DB)) {
	t.Helper()
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) { t.Parallel(); fn(t, open(t)) })
	t.Run("postgres", func(t *testing.T) { t.Parallel(); fn(t, openPG(t)) })
}

// open starts a store on a new file, and stops it when the test ends.
func open(t *testing.T) *DB {
	t.Helper()
	return openAt(t, filepath.Join(t.TempDir(), "gancho.db"))
}

// sqliteOf is the engine of a store on SQLite.
func sqliteOf(db *DB) *sqlite { return db.engine.(*sqlite) }

func openAt(t *testing.T, path string) *DB {
	t.Helper()
	return run(t, Options{Path: path, Key: make([]byte, 32)})
}

// openPG starts a store on a database of its own on a real PostgreSQL.
func openPG(t *testing.T) *DB {
	t.Helper()
	return run(t, Options{URL: pgtest.Database(t, Migrate), Key: make([]byte, 32)})
}

func run(t testing.TB, o Options) *DB {
	t.Helper()
	db, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- db.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := errors.Join(<-done, db.Close()); err != nil {
			t.Error(err)
		}
	})
	return db
}

// withTenants is a store with the tenants acme and globex.
func withTenants(t *testing.T) *DB {
	t.Helper()
	db := open(t)
	addTenants(t, db)
	return db
}

func addTenants(t *testing.T, db *DB) {
	t.Helper()
	newTenant(t, db, "acme")
	newTenant(t, db, "globex")
}

func accepted(tenant, external, payload string, endpoints ...hook.EndpointID) *hook.Accepted {
	now := time.Now()
	e := &hook.Event{
		ID: hook.NewEventID(), Tenant: tenant, Contract: "standard", Type: "order.paid", ExternalID: external,
		Door: hook.DoorAPI, CreatedAt: now, Payload: []byte(payload),
	}
	a := &hook.Accepted{Event: e, Hash: sha256.Sum256([]byte(payload))}
	for i, ep := range endpoints {
		a.Deliveries = append(a.Deliveries, hook.Delivery{
			ID: e.ID.Delivery(i + 1), Tenant: tenant, Endpoint: ep, Type: e.Type, Mode: hook.AtLeastOnce, State: hook.Pending,
			CreatedAt: now, NextAttemptAt: now, QueueAt: now,
		})
	}
	return a
}

func submit(t *testing.T, db *DB, items ...*hook.Accepted) hook.Verdicts {
	t.Helper()
	v, err := db.Submit(hook.Submission{Tenant: items[0].Event.Tenant, Items: items}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func count(t *testing.T, db *DB, table string) (n int) {
	t.Helper()
	if err := db.read.QueryRow(`SELECT count(*) FROM ` + table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestSubmitKeepsBytes(t *testing.T) { each(t, testSubmitKeepsBytes) }

func testSubmitKeepsBytes(t *testing.T, db *DB) {
	addTenants(t, db)
	written := "{\"n\": 9007199254740993,\r\n \"u\":\"\\u00e3\\/\", \"d\":0.000907775311708679 }"
	long := "[" + strings.Repeat(written+",", packFrom/len(written)) + "1]" // larger than packFrom
	for i, payload := range []string{written, long[:packFrom-1], long[:packFrom], long, random(1 << 20)} {
		ep := hook.NewEndpointID()
		a := accepted("acme", fmt.Sprintf("my-%d", i), payload, ep)
		submit(t, db, a)
		got, err := db.Event(t.Context(), "acme", a.Event.ID)
		if err != nil {
			t.Fatal(err)
		}
		if string(got.Payload) != payload || got.ExternalID != a.Event.ExternalID || got.CreatedAt.UnixMicro() != a.Event.CreatedAt.UnixMicro() {
			t.Errorf("payload %d is read back as another: %d bytes, were %d", i, len(got.Payload), len(payload))
		}
		if _, err := db.Event(t.Context(), "other", a.Event.ID); !hook.IsKind(err, hook.KindNotFound) {
			t.Errorf("another tenant reads it: %v", err)
		}
		page, err := db.Due(t.Context(), ep, time.Now(), 10, 1<<20, func(hook.DeliveryID) bool { return false })
		if err != nil || len(page.Jobs) != 1 || page.More {
			t.Fatalf("due: %+v %v", page, err)
		}
		if page.Jobs[0].Delivery.ID != a.Deliveries[0].ID || string(page.Jobs[0].Event.Payload) != payload {
			t.Errorf("payload %d is due as another", i)
		}
	}
}

// A payload that is not JSON comes back as it is, with its media type, whatever it looks
// like: one that begins as a compressed payload does is not taken for one.
func TestContentType(t *testing.T) { each(t, testContentType) }

func testContentType(t *testing.T, db *DB) {
	addTenants(t, db)
	for i, c := range []struct{ contentType, payload string }{
		{"application/x-www-form-urlencoded", "a=1&b=%20"},
		{"text/plain; charset=utf-8", ""},
		{"application/octet-stream", "\x00\xff\x1f"},
		{"application/zstd", string(packedMark) + "and no frame"},
		{"application/zstd", string(encoder().EncodeAll([]byte("a frame"), nil))},
		{"text/csv", strings.Repeat("a,b,c\n", packFrom)},
		{"", `{"a":1}`},
	} {
		a := accepted("acme", fmt.Sprintf("my-%d", i), c.payload, hook.NewEndpointID())
		a.Event.ContentType = c.contentType
		submit(t, db, a)
		check := func(how string, e *hook.Event, err error) {
			t.Helper()
			if err != nil || e.ContentType != c.contentType || string(e.Payload) != c.payload {
				t.Errorf("%q, read %s: %+v, %v", c.contentType, how, e, err)
			}
		}
		got, err := db.Event(t.Context(), "acme", a.Event.ID)
		check("by its id", got, err)
		got, err = db.EventByExternalID(t.Context(), "acme", a.Event.ExternalID)
		check("by its caller's id", got, err)
		page, err := db.Due(t.Context(), a.Deliveries[0].Endpoint, time.Now(), 10, 1<<20, func(hook.DeliveryID) bool { return false })
		if err != nil || len(page.Jobs) != 1 {
			t.Fatalf("due: %+v, %v", page, err)
		}
		check("to be sent", page.Jobs[0].Event, nil)
		list, _, err := db.Events(t.Context(), "acme", hook.EventFilter{}, hook.Page{Limit: 1})
		if err != nil || len(list) != 1 || list[0].ContentType != c.contentType {
			t.Errorf("%q, listed: %+v, %v", c.contentType, list, err)
		}
	}
}

// random is JSON that hardly gets smaller.
func random(size int) string {
	raw := make([]byte, size*3/4)
	_, _ = rand.Read(raw) // which never fails
	return `"` + base64.StdEncoding.EncodeToString(raw) + `"`
}

// SQLite stores a large payload compressed. Reading a damaged one is an error.
func TestLargePayloadsArePacked(t *testing.T) {
	t.Parallel()
	db := withTenants(t)
	a := accepted("acme", "", "["+strings.Repeat(`{"views":12},`, 100_000)+"1]")
	submit(t, db, a)
	var size int
	if err := db.read.QueryRow(`SELECT length(payload) FROM events`).Scan(&size); err != nil {
		t.Fatal(err)
	}
	if size > len(a.Event.Payload)/10 {
		t.Errorf("%d bytes are kept as %d", len(a.Event.Payload), size)
	}
	if _, err := sqliteOf(db).conn.ExecContext(t.Context(), `UPDATE events SET payload = substr(payload, 1, 20)`); err != nil {
		t.Fatal(err)
	}
	if e, err := db.Event(t.Context(), "acme", a.Event.ID); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("damaged: %v, %v", e, err)
	}
}

// Many callers at once all get an answer, and what was answered is stored.
func TestGroupCommit(t *testing.T) { each(t, testGroupCommit) }

func testGroupCommit(t *testing.T, db *DB) {
	addTenants(t, db)
	const callers, each = 32, 25
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			for i := range each {
				a := accepted("acme", fmt.Sprintf("c%d-%d", c, i), fmt.Sprintf(`{"i":%d}`, i))
				if _, err := db.Submit(hook.Submission{Tenant: "acme", Items: []*hook.Accepted{a}}, time.Hour); err != nil {
					t.Error(err)
				}
				if _, err := db.Event(context.Background(), "acme", a.Event.ID); err != nil {
					t.Errorf("answered but not there: %v", err)
				}
			}
		})
	}
	wg.Wait()
	if n := count(t, db, "events"); n != callers*each {
		t.Errorf("%d events, want %d", n, callers*each)
	}
}

func TestIdempotentItems(t *testing.T) { each(t, testIdempotentItems) }

func testIdempotentItems(t *testing.T, db *DB) {
	addTenants(t, db)
	ep := hook.NewEndpointID()
	first := accepted("acme", "my-1", `{"a":1}`, ep)
	// The second has the same id within the same submission.
	again := accepted("acme", "my-1", `{"a":1}`, ep)
	v := submit(t, db, first, again)
	if v.Item(0) != (hook.ItemVerdict{}) {
		t.Errorf("a new id: %+v", v.Item(0))
	}
	if want := (hook.ItemVerdict{Duplicate: true, First: first.Event.ID, FirstDeliveries: 1}); v.Item(1) != want {
		t.Errorf("same id, same content: %+v, want %+v", v.Item(1), want)
	}
	other := accepted("acme", "my-1", `{"a":2}`, ep)
	elsewhere := accepted("globex", "my-1", `{"a":2}`, ep)
	if v := submit(t, db, other).Item(0); v != (hook.ItemVerdict{IDReused: true}) {
		t.Errorf("same id, other content: %+v", v)
	}
	if v := submit(t, db, elsewhere).Item(0); !v.Stored() {
		t.Errorf("same id, other tenant: %+v", v)
	}
	if n := count(t, db, "events"); n != 2 {
		t.Errorf("%d events, want 2", n)
	}
}

func TestIdempotencyExpires(t *testing.T) { each(t, testIdempotencyExpires) }

func testIdempotencyExpires(t *testing.T, db *DB) {
	addTenants(t, db)
	submit1 := hook.Submission{Tenant: "acme", Items: []*hook.Accepted{accepted("acme", "my-1", `1`)}}
	if _, err := db.Submit(submit1, -time.Second); err != nil { // expired as soon as stored
		t.Fatal(err)
	}
	later := accepted("acme", "my-1", `2`)
	if v := submit(t, db, later).Item(0); !v.Stored() {
		t.Errorf("an expired id still counts: %+v", v)
	}
}

func TestIdempotentRequests(t *testing.T) { each(t, testIdempotentRequests) }

func testIdempotentRequests(t *testing.T, db *DB) {
	addTenants(t, db)
	request := func(hash byte, answer string) hook.Submission {
		return hook.Submission{
			Tenant: "acme", RequestKey: "k", RequestHash: [32]byte{hash}, Answer: func(hook.Verdicts) []byte { return []byte(answer) },
			Items: []*hook.Accepted{accepted("acme", "", `{}`)},
		}
	}
	for _, c := range []struct {
		hash     byte
		prior    string
		conflict bool
		events   int
	}{
		{hash: 1, events: 1},
		{hash: 1, prior: "first", events: 1},
		{hash: 2, conflict: true, events: 1},
	} {
		v, err := db.Submit(request(c.hash, "first"), time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		if string(v.Prior) != c.prior || v.KeyReused != c.conflict {
			t.Errorf("hash %d: prior %q, key reused %v", c.hash, v.Prior, v.KeyReused)
		}
		if n := count(t, db, "events"); n != c.events {
			t.Errorf("hash %d: %d events, want %d", c.hash, n, c.events)
		}
	}
}

// A submission stays as it was handed in, and the answer that is stored with its key
// is made of the verdicts that its caller gets.
func TestSubmissionStays(t *testing.T) { each(t, testSubmissionStays) }

func testSubmissionStays(t *testing.T, db *DB) {
	addTenants(t, db)
	submit(t, db, accepted("acme", "taken", `1`), accepted("acme", "other", `1`))
	write(t, db, order("a", 0, 1, "a"))
	var answered []hook.Verdicts
	sub := hook.Submission{
		Tenant: "acme", RequestKey: "k",
		Items: []*hook.Accepted{accepted("acme", "new", `1`), accepted("acme", "taken", `1`), accepted("acme", "other", `2`)},
		Records: []*hook.RecordWrite{
			order("a", 0, 2, "late", accepted("acme", "", `1`)),
			order("b", 0, 1, "b", accepted("acme", "", `1`), accepted("acme", "taken", `1`)),
		},
		Answer: func(v hook.Verdicts) []byte { answered = append(answered, v); return []byte("x") },
	}
	text := func() string {
		return fmt.Sprintf("%+v %+v %+v", jsonOf(t, sub.Items), jsonOf(t, sub.Records), sub.RequestKey)
	}
	before := text()
	v, err := db.Submit(sub, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if after := text(); after != before {
		t.Errorf("the submission was changed from\n%s\nto\n%s", before, after)
	}
	if len(answered) != 1 || !cmp.Equal(answered[0], v) {
		t.Errorf("the answer was made of %+v, the verdicts are %+v", answered, v)
	}
	if got := outcomes(v, 3); got[0] != "stored" || got[2] != "id reused" || !v.Item(1).Duplicate {
		t.Errorf("items: %q", got)
	}
	if !v.Record(0).Overtaken || v.Record(1).Overtaken || !v.Record(1).Event(0).Stored() || !v.Record(1).Event(1).Duplicate {
		t.Errorf("records: %+v", v.Records)
	}
}

func jsonOf(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// One operation that the database refuses must not take the others with it.
func TestOneWrongOperation(t *testing.T) { each(t, testOneWrongOperation) }

func testOneWrongOperation(t *testing.T, db *DB) {
	addTenants(t, db)
	good, bad := accepted("acme", "", `1`), accepted("acme", "", `2`)
	bad.Event.ID = good.Event.ID // breaks the primary key
	b := &batch{}
	var subs []*submission
	for _, a := range []*hook.Accepted{good, bad, accepted("acme", "", `3`)} {
		s := &submission{Submission: hook.Submission{Tenant: "acme", Items: []*hook.Accepted{a}}, done: make(chan struct{})}
		subs = append(subs, s)
		b.submissions = append(b.submissions, s)
	}
	failing := errors.New("no")
	c := &change{done: make(chan struct{}), run: func(t *tx) error {
		if _, err := t.exec(`INSERT INTO tenants (id, name, metadata, created_at, updated_at) VALUES ('x', '', '{}', 0, 0)`); err != nil {
			return err
		}
		return failing
	}}
	if db.engine.change(c) { // in a transaction of its own, whatever the batch does
		close(c.done)
	} else {
		b.changes = append(b.changes, c)
	}
	db.gathering.mu.Lock() // one batch, whatever the timing
	*db.gathering.next = *b
	db.gathering.mu.Unlock()
	signal(db.gathering.eager)
	for _, s := range subs {
		<-s.done
	}
	<-c.done
	if subs[0].err != nil || subs[2].err != nil || subs[1].err == nil {
		t.Errorf("errors %v, %v, %v; want only the second", subs[0].err, subs[1].err, subs[2].err)
	}
	if !errors.Is(c.err, failing) {
		t.Errorf("change: %v", c.err)
	}
	if n := count(t, db, "events"); n != 2 {
		t.Errorf("%d events, want 2", n)
	}
	if n := count(t, db, "tenants"); n != 2 {
		t.Errorf("what a failed change wrote is there")
	}
}

// A delivery that has ended, was superseded or was removed must not be sent, and an intent
// to send it changes nothing.
func TestIntendTooLate(t *testing.T) { each(t, testIntendTooLate) }

func testIntendTooLate(t *testing.T, db *DB) {
	addTenants(t, db)
	a := accepted("acme", "", `1`, hook.NewEndpointID(), hook.NewEndpointID(), hook.NewEndpointID(), hook.NewEndpointID())
	for i := range a.Deliveries {
		a.Deliveries[i].Mode = hook.AtMostOnce
	}
	ended, superseded, gone := &a.Deliveries[1], &a.Deliveries[2], a.Deliveries[3]
	a.Deliveries = a.Deliveries[:3]
	submit(t, db, a)
	for d, reason := range map[*hook.Delivery]string{ended: hook.ReasonEndpointDisabled, superseded: hook.ReasonSuperseded} {
		stored, over := make(chan error, 1), *d
		over.State, over.Reason, over.FinishedAt = hook.Cancelled, reason, time.Now()
		db.SaveResult(hook.Result{Delivery: over}, func(err error) { stored <- err })
		if err := <-stored; err != nil {
			t.Fatal(err)
		}
	}
	intend := func(d hook.Delivery) error {
		d.State, d.NextAttemptAt = hook.Sending, time.Now()
		return db.Intend(hook.Result{Delivery: d, Frozen: &hook.Frozen{Body: []byte("made")}})
	}
	var all sync.WaitGroup // in as few batches as it happens
	for d, want := range map[*hook.Delivery]error{&a.Deliveries[0]: nil, ended: hook.ErrNotWaiting, superseded: hook.ErrNotWaiting, &gone: hook.ErrNotWaiting} {
		all.Go(func() {
			if err := intend(*d); !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", d.ID, err, want)
			}
		})
	}
	all.Wait()
	for d, want := range map[*hook.Delivery]hook.State{&a.Deliveries[0]: hook.Sending, ended: hook.Cancelled, superseded: hook.Cancelled} {
		if got, err := db.Delivery(t.Context(), "acme", d.ID); err != nil || got.State != want {
			t.Errorf("%s is %s (%v), want %s", d.ID, got.State, err, want)
		}
		if body, err := db.Body(t.Context(), d.ID); err != nil || (body != nil) != (want == hook.Sending) {
			t.Errorf("%s, which is %s, has the body %q, %v", d.ID, want, body, err)
		}
	}
}

// A request without a body is stored, and is not taken for one whose body is the payload.
func TestNoBodyIsStored(t *testing.T) { each(t, testNoBodyIsStored) }

func testNoBodyIsStored(t *testing.T, db *DB) {
	addTenants(t, db)
	a := accepted("acme", "", `{}`, hook.NewEndpointID(), hook.NewEndpointID())
	submit(t, db, a)
	for i, body := range [][]byte{nil, {}} {
		d := a.Deliveries[i]
		d.State, d.NextAttemptAt = hook.Sending, time.Now()
		if err := db.Intend(hook.Result{Delivery: d, Frozen: &hook.Frozen{Body: body, Head: &hook.Head{Method: "GET"}}}); err != nil {
			t.Fatal(err)
		}
		if got, err := db.Body(t.Context(), d.ID); err != nil || got == nil || len(got) > 0 {
			t.Errorf("%v: %q, %v", body, got, err)
		}
	}
}

// If the first of two events with the same id cannot be stored, the second is stored.
func TestRepeatsNothing(t *testing.T) { each(t, testRepeatsNothing) }

func testRepeatsNothing(t *testing.T, db *DB) {
	addTenants(t, db)
	there := accepted("acme", "", `0`)
	if _, err := db.Submit(hook.Submission{Tenant: "acme", Items: []*hook.Accepted{there}}, time.Hour); err != nil {
		t.Fatal(err)
	}
	first, second := accepted("acme", "x", `1`), accepted("acme", "x", `1`)
	first.Event.ID = there.Event.ID // breaks the primary key
	var subs []*submission
	db.gathering.mu.Lock() // one batch, whatever the timing
	for _, a := range []*hook.Accepted{first, second} {
		s := &submission{Submission: hook.Submission{Tenant: "acme", Items: []*hook.Accepted{a}}, now: time.Now(), expires: time.Now().Add(time.Hour), done: make(chan struct{})}
		subs = append(subs, s)
		db.gathering.next.submissions = append(db.gathering.next.submissions, s)
	}
	db.gathering.mu.Unlock()
	signal(db.gathering.eager)
	for _, s := range subs {
		<-s.done
	}
	if subs[0].err == nil || subs[1].err != nil || !subs[1].verdicts.Item(0).Stored() {
		t.Errorf("errors %v, %v; repeats %t", subs[0].err, subs[1].err, subs[1].verdicts.Item(0).Duplicate)
	}
}

// A delivery that was put back after its request had been stored was not sent. So that request is forgotten, and the
// next attempt stores its own.
func TestPutBackForgetsTheRequest(t *testing.T) { each(t, testPutBackForgetsTheRequest) }

func testPutBackForgetsTheRequest(t *testing.T, db *DB) {
	addTenants(t, db)
	a := accepted("acme", "", `1`, hook.NewEndpointID())
	submit(t, db, a)
	intend := func(body string) {
		t.Helper()
		d := a.Deliveries[0]
		d.State, d.NextAttemptAt, d.EndpointVersion, d.ContractVersion = hook.Sending, time.Now(), 1, 1
		if err := db.Intend(hook.Result{Delivery: d, Frozen: &hook.Frozen{Body: []byte(body)}}); err != nil {
			t.Fatal(err)
		}
		if stored, err := db.Body(t.Context(), d.ID); err != nil || string(stored) != body {
			t.Errorf("%q is stored, %v; want %q", stored, err, body)
		}
	}
	intend("first")
	recorded := make(chan error, 1)
	db.SaveResult(hook.Result{Delivery: a.Deliveries[0]}, func(err error) { recorded <- err })
	if err := <-recorded; err != nil {
		t.Fatal(err)
	}
	if stored, err := db.Body(t.Context(), a.Deliveries[0].ID); err != nil || stored != nil {
		t.Errorf("a request that was not sent is kept: %q, %v", stored, err)
	}
	intend("second")
}

// A result that comes soon makes the mark superfluous; a slow attempt is marked.
func TestMarks(t *testing.T) { each(t, testMarks) }

func testMarks(t *testing.T, db *DB) {
	addTenants(t, db)
	ep := hook.NewEndpointID()
	a := accepted("acme", "", `1`, ep)
	submit(t, db, a)
	sending := a.Deliveries[0]
	sending.State, sending.NextAttemptAt = hook.Sending, time.Now()
	db.Sending(hook.Result{Delivery: sending, Frozen: &hook.Frozen{Body: []byte("body")}})
	inHands := func() int {
		list, err := db.InHands(t.Context(), ep, 10)
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	for deadline := time.Now().Add(time.Minute); inHands() == 0; {
		if time.Now().After(deadline) {
			t.Fatal("a slow attempt is not marked")
		}
		time.Sleep(5 * time.Millisecond) //policy:allow time.Sleep: polls the writer, with a deadline
	}
	if body, err := db.Body(t.Context(), sending.ID); err != nil || string(body) != "body" {
		t.Errorf("frozen body %q, %v", body, err)
	}
	var stored []byte
	if err := db.read.QueryRow(`SELECT body FROM bodies`).Scan(&stored); err != nil || bytes.Contains(stored, []byte("body")) {
		t.Errorf("a rendered body is stored as %q (%v), want encrypted", stored, err)
	}

	done := sending
	done.State, done.FinishedAt = hook.Delivered, time.Now()
	record := func() {
		recorded := make(chan error, 1)
		db.SaveResult(hook.Result{Delivery: done}, func(err error) { recorded <- err })
		if err := <-recorded; err != nil {
			t.Fatal(err)
		}
	}
	record()
	db.Sending(hook.Result{Delivery: sending})
	record()                                 // before the mark was old enough
	time.Sleep(3 * markDelay)                //policy:allow time.Sleep: proves that something does not happen
	submit(t, db, accepted("acme", "", `2`)) // a commit it could ride along with
	if inHands() != 0 {
		t.Error("a mark was written after its result")
	}
}

// A mark that is too young to be written ends with the result of its attempt: written later, it would
// turn a delivery that waits for its next attempt into one that is being sent, which nobody does.
// While the store stops, a mark without a result is written, however young it is. (In fake time a
// mark is exactly as old as it should be.)
func TestYoungMarks(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "gancho.db")
	synctest.Test(t, func(t *testing.T) {
		ep := hook.NewEndpointID()
		begin := func() (db *DB, stop func()) {
			db, err := Open(t.Context(), Options{Path: path, Key: make([]byte, 32)})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- db.Run(ctx) }()
			return db, func() {
				cancel()
				if err := errors.Join(<-done, db.Close()); err != nil {
					t.Error(err)
				}
			}
		}
		db, stop := begin()
		newTenant(t, db, "acme")
		a := accepted("acme", "", `1`, ep)
		submit(t, db, a)
		sending := a.Deliveries[0]
		sending.State, sending.NextAttemptAt = hook.Sending, time.Now()
		retrying := sending
		retrying.State, retrying.Attempts, retrying.QueueAt = hook.Retrying, 1, time.Now().Add(time.Hour)
		retrying.NextAttemptAt = retrying.QueueAt
		db.Sending(hook.Result{Delivery: sending})
		time.Sleep(markDelay / 2) //policy:allow time.Sleep: runs inside the bubble
		recorded := make(chan error, 1)
		db.SaveResult(hook.Result{Delivery: retrying, Attempt: &hook.Attempt{Delivery: sending.ID, Number: 1}}, func(err error) { recorded <- err })
		submit(t, db, accepted("acme", "", `2`)) // commits the result before the mark is old enough
		if err := <-recorded; err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * markDelay) //policy:allow time.Sleep: runs inside the bubble
		submit(t, db, accepted("acme", "", `3`))
		if d, err := db.Delivery(t.Context(), "acme", sending.ID); err != nil || d.State != hook.Retrying {
			t.Errorf("a mark was written after its result: %s, %v", d.State, err)
		}

		db.Sending(hook.Result{Delivery: sending}) // its second attempt, under way when the store stops
		stop()
		db, stop = begin()
		defer stop()
		list, err := db.InHands(t.Context(), ep, 10)
		if err != nil || len(list) != 1 || list[0].ID != sending.ID {
			t.Errorf("stored as being sent after the stop: %+v, %v", list, err)
		}
	})
}

// A result that somebody waits for is committed at once; any other waits for company.
func TestAwaitedResult(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "gancho.db")
	synctest.Test(t, func(t *testing.T) {
		db, err := Open(t.Context(), Options{Path: path, Key: make([]byte, 32)})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- db.Run(ctx) }()
		newTenant(t, db, "acme")
		a := accepted("acme", "", `1`, hook.NewEndpointID(), hook.NewEndpointID())
		submit(t, db, a)
		for _, c := range []struct {
			awaited bool
			want    time.Duration
		}{{true, 0}, {false, lazyDelay}} {
			began := time.Now()
			stored := make(chan error, len(a.Deliveries))
			for _, d := range a.Deliveries {
				d.State, d.FinishedAt = hook.Delivered, time.Now()
				db.SaveResult(hook.Result{Delivery: d, Awaited: c.awaited}, func(err error) { stored <- err })
			}
			for range a.Deliveries {
				if err := <-stored; err != nil {
					t.Error(err)
				}
			}
			if took := time.Since(began); took != c.want {
				t.Errorf("awaited: %v; stored after %v, want %v", c.awaited, took, c.want)
			}
		}
		stop()
		if err := errors.Join(<-done, db.Close()); err != nil {
			t.Error(err)
		}
	})
}

// Who waits for a result is woken before all publishers of the same commit.
func TestResultsAreAnsweredFirst(t *testing.T) {
	t.Parallel()
	published, intended, changed := make(chan struct{}), make(chan struct{}), make(chan struct{})
	answered := 0
	b := &batch{
		submissions: []*submission{{done: published}}, marks: []*mark{{done: intended}}, changes: []*change{{done: changed}},
		results: []*result{{done: func(error) {
			answered++
			select {
			case <-published:
				t.Error("a publisher was woken before")
			case <-intended:
				t.Error("an intent was answered before")
			case <-changed:
				t.Error("a change was answered before")
			default:
			}
		}}},
	}
	b.answer()
	<-published
	<-intended
	<-changed
	if answered != 1 {
		t.Errorf("the result was answered %d times", answered)
	}
}

func TestDatabaseLocked(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "gancho.db")
	db := openAt(t, path)
	newTenant(t, db, "acme")
	submit(t, db, accepted("acme", "", `1`))
	if _, err := sqliteOf(db).conn.ExecContext(t.Context(), `PRAGMA busy_timeout = 10`); err != nil {
		t.Fatal(err)
	}
	other, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	other.SetMaxOpenConns(1)
	if _, err := other.Exec(`BEGIN IMMEDIATE`); err != nil {
		t.Fatal(err)
	}
	a := accepted("acme", "", `2`)
	_, err = db.Submit(hook.Submission{Tenant: "acme", Items: []*hook.Accepted{a}}, time.Hour)
	if !hook.IsKind(err, hook.KindUnavailable) {
		t.Errorf("locked: %v, want unavailable", err)
	}
	if _, err := other.Exec(`ROLLBACK`); err != nil {
		t.Fatal(err)
	}
	submit(t, db, accepted("acme", "", `3`)) // and it recovers by itself
	if n := count(t, db, "events"); n != 2 {
		t.Errorf("%d events, want 2: what was refused must not be there", n)
	}
}

func TestDiskFull(t *testing.T) {
	t.Parallel()
	db := withTenants(t)
	submit(t, db, accepted("acme", "", `1`))
	conn := sqliteOf(db).conn
	var pages int
	if err := conn.QueryRowContext(t.Context(), `PRAGMA page_count`).Scan(&pages); err != nil {
		t.Fatal(err)
	}
	limit := func(n int) {
		if _, err := conn.ExecContext(t.Context(), fmt.Sprintf(`PRAGMA max_page_count = %d`, n)); err != nil {
			t.Fatal(err)
		}
	}
	limit(pages + 2) // SQLite answers SQLITE_FULL, as for a disk without room
	_, err := db.Submit(hook.Submission{Tenant: "acme", Items: []*hook.Accepted{
		accepted("acme", "", `2`), accepted("acme", "", random(1<<20)),
	}}, time.Hour)
	if !hook.IsKind(err, hook.KindUnavailable) {
		t.Errorf("disk full: %v, want unavailable", err)
	}
	if n := count(t, db, "events"); n != 1 {
		t.Errorf("%d events, want 1: half a request is stored", n)
	}
	limit(1 << 30)
	submit(t, db, accepted("acme", "", `3`))
}

func TestStopped(t *testing.T) {
	t.Parallel()
	db, err := Open(t.Context(), Options{Path: filepath.Join(t.TempDir(), "g.db"), Key: make([]byte, 32)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- db.Run(ctx) }()
	if _, _, err := db.PutTenant(ctx, "acme", hook.TenantChange{}); err != nil {
		t.Fatal(err)
	}
	recorded := make(chan error, 1)
	a := accepted("acme", "", `1`, hook.NewEndpointID())
	submit(t, db, a)
	d := a.Deliveries[0]
	d.State = hook.Delivered
	db.SaveResult(hook.Result{Delivery: d, Attempt: &hook.Attempt{Number: 1}}, func(err error) { recorded <- err })
	stop()
	if err := errors.Join(<-done, <-recorded); err != nil { // what was handed in before the stop is stored
		t.Error(err)
	}
	if _, err := db.Submit(hook.Submission{Tenant: "acme", Items: []*hook.Accepted{accepted("acme", "", `2`)}}, time.Hour); !hook.IsKind(err, hook.KindUnavailable) {
		t.Errorf("after the stop: %v, want unavailable", err)
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}

// Commits do not wait for a reader of an old state while the log is to begin anew.
func TestRestartLogBesideReader(t *testing.T) {
	t.Parallel()
	db := withTenants(t)
	submit(t, db, accepted("acme", "", `1`))
	rows, err := db.read.QueryContext(t.Context(), `SELECT id FROM events`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	rows.Next()
	engine := sqliteOf(db)
	for range 3 {
		engine.restart.Store(true)
		submit(t, db, accepted("acme", "", `2`))
	}
	if engine.restart.Load() {
		t.Error("not tried")
	}
	var timeout int64
	if err := engine.conn.QueryRowContext(t.Context(), `PRAGMA busy_timeout`).Scan(&timeout); err != nil || timeout != busyTimeout.Milliseconds() {
		t.Errorf("the writer's patience is %d ms (%v)", timeout, err)
	}
	if n := count(t, db, "events"); n != 4 {
		t.Errorf("%d events", n)
	}
}
