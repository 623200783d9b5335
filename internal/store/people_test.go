package store

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gancho/internal/hook"
)

// What a search found of a person is erased from the tables and, with SQLite, from the files; the rows of the history stay.
// What is still to be sent stays, and what was erased is never sent again.
func TestEraseSubject(t *testing.T) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "gancho.db")
		db := openAt(t, path)
		testEraseSubject(t, db, func() bool { return onDisk(t, path, "ana@example.com") })
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		db := openPG(t)
		testEraseSubject(t, db, func() bool { return len(inTables(t, db, "ana@example.com")) > 0 })
	})
}

func testEraseSubject(t *testing.T, db *DB, stored func() bool) {
	ctx := t.Context()
	const person, other = "ana@example.com", "eva@example.com"
	addTenants(t, db)
	e := newEndpoint(t, db, "acme")
	publish := func(id, who string) *hook.Accepted {
		a := accepted("acme", id, `{"email":"`+who+`","more":"`+strings.Repeat(who+" ", 5000)+`"}`, e.ID)
		submit(t, db, a)
		return a
	}
	deliver := func(a *hook.Accepted, who string) hook.Delivery {
		t.Helper()
		d := a.Deliveries[0]
		d.State, d.Attempts, d.FinishedAt, d.EndpointVersion = hook.Failed, 1, time.Now(), 1
		saved := make(chan error, 1)
		db.SaveResult(hook.Result{Delivery: d, Frozen: &hook.Frozen{Body: []byte(who)}, Attempt: &hook.Attempt{
			Delivery: d.ID, Number: 1, StartedAt: time.Now().UTC().Truncate(time.Microsecond), Class: "status_4xx", Transport: "http", Detail: who,
			Extra: &hook.Extra{
				RuleFailed: "The rule failed at " + who + ".", Steps: []hook.Step{{What: hook.StepRequest, Method: "POST", URL: "https://example.com/" + who}},
			},
			Timing:   hook.Timing{Total: 5 * time.Millisecond},
			Request:  hook.Request{Method: "POST", URL: "https://example.com/" + who, Headers: []hook.Header{{Name: "X", Value: who}}, Body: []byte(who)},
			Response: &hook.Response{Status: 404, Headers: []hook.Header{{Name: "Y", Value: who}}, Body: []byte("no " + who)},
		}}, func(err error) { saved <- err })
		if err := <-saved; err != nil {
			t.Fatal(err)
		}
		return d
	}
	done, spared, waits := publish("done", person), publish("spared", other), publish("waits", other)
	d, _ := deliver(done, person), deliver(spared, other)
	records := map[string]hook.RecordName{}
	for _, key := range []string{"erased", "changed", "spared"} {
		who := person
		if key != "erased" {
			who = other
		}
		records[key] = hook.RecordName{Contract: "c", Kind: "k", Key: key}
		if err := db.change(ctx, func(x *tx) error {
			_, err := x.exec(`INSERT INTO records (tenant, contract, kind, key, version, created_at, updated_at, document)
				VALUES ('acme', 'c', 'k', $1, 2, 1, 1, $2)`, key, []byte(`{"email":"`+who+`"}`))
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	if !stored() {
		t.Fatal("the person is not stored, so this test shows nothing")
	}
	was := inTables(t, db, other)
	got, err := db.EraseFound(ctx, "acme", "email", []hook.Found{
		{Record: records["erased"], Version: 2},
		{Record: records["changed"], Version: 1},
		{Event: done.Event.ID},
		{Event: done.Event.ID, Delivery: d.ID},
		{Event: waits.Event.ID},
		{Event: waits.Event.ID, Delivery: waits.Deliveries[0].ID},
	})
	want := hook.SubjectErasure{Records: 1, Events: 1, Deliveries: 1, Attempts: 1, Changed: 1, Waiting: []hook.EventID{waits.Event.ID}}
	if err != nil || cmp.Diff(want, got) != "" {
		t.Fatalf("%s (%v)", cmp.Diff(want, got), err)
	}
	if stored() || len(inTables(t, db, person)) > 0 {
		t.Errorf("it is still stored, in %v", inTables(t, db, person))
	}
	if is := inTables(t, db, other); !slices.Equal(was, is) {
		t.Errorf("of others %v of %v is left", is, was)
	}
	ev, err := db.Event(ctx, "acme", done.Event.ID)
	if err != nil || !ev.Erased() || ev.ExternalID != "done" || !strings.HasPrefix(string(ev.Payload), "Erased at 20") {
		t.Errorf("the event: %+v (%v)", ev, err)
	}
	at, err := db.Attempt(ctx, d.ID, 1)
	if err != nil {
		t.Fatal(err)
	}
	left := hook.Attempt{
		Delivery: d.ID, Number: 1, StartedAt: at.StartedAt, Class: "status_4xx", Transport: "http", Timing: hook.Timing{Total: 5 * time.Millisecond},
		Request: hook.Request{Method: "POST"}, Response: &hook.Response{Status: 404},
	}
	if diff := cmp.Diff(&left, at); diff != "" {
		t.Errorf("what is left of the attempt: %s", diff)
	}
	if body, err := db.Body(ctx, d.ID); err != nil || body != nil {
		t.Errorf("the body: %q (%v)", body, err)
	}
	entries, _, err := db.AuditTrail(ctx, "acme", hook.Page{Limit: 1})
	if err != nil || len(entries) != 1 || entries[0].Action != hook.ActionPersonalErased || entries[0].Object != "email" ||
		!slices.Equal(entries[0].Fields, []string{"records=1", "events=1", "deliveries=1", "attempts=1"}) {
		t.Errorf("the audit: %+v (%v)", entries, err)
	}
	// What was erased is not sent again, neither by a person nor by a bulk replay.
	_, err = db.Retry(ctx, "acme", d.ID, false)
	if refused, ok := errors.AsType[*hook.Error](err); !ok || refused.Code != "event_erased" {
		t.Errorf("retried: %v", err)
	}
	r := &hook.Recovery{Tenant: "acme", Endpoint: e.ID, Since: time.Now().Add(-time.Hour), Until: time.Now().Add(time.Hour)}
	page, err := db.RecoveryPage(ctx, r, 10)
	if err != nil || len(page) != 2 || slices.ContainsFunc(page, func(i hook.RecoveryItem) bool { return i.Event.ID == done.Event.ID }) {
		t.Errorf("a replay finds %v (%v)", page, err)
	}
	again := hook.Delivery{ID: done.Event.ID.Delivery(9), Tenant: "acme", Type: "a", Mode: hook.AtLeastOnce, CreatedAt: time.Now()}
	if err := db.change(ctx, func(x *tx) error {
		_, n, err := x.recover(r, hook.RecoveryStep{Requeue: []hook.DeliveryID{d.ID}, Create: []hook.Delivery{again}}, hook.Standing{State: hook.EndpointActive}, time.Now())
		if n != 0 {
			t.Errorf("a replay that had read it before queues %d", n)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	// What waited is erased when it is over. A delivery that was superseded a moment ago may still be under way.
	w := deliver(waits, other)
	found := []hook.Found{{Event: waits.Event.ID}}
	supersede := func(ended time.Time) {
		t.Helper()
		if err := db.change(ctx, func(x *tx) error {
			_, err := x.exec(`UPDATE deliveries SET superseded = TRUE, finished_at = $2 WHERE id = $1`, w.ID[:], ended.UnixMicro())
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	supersede(time.Now())
	if got, err := db.EraseFound(ctx, "acme", "email", found); err != nil || got.Any() || len(got.Waiting) != 1 {
		t.Errorf("superseded a moment ago: %+v (%v)", got, err)
	}
	supersede(time.Now().Add(-time.Hour))
	if got, err := db.EraseFound(ctx, "acme", "email", found); err != nil || got.Events != 1 || len(got.Waiting) != 0 {
		t.Errorf("superseded an hour ago: %+v (%v)", got, err)
	}
	if got, err := db.EraseFound(ctx, "acme", "email", found); err != nil || got.Any() || len(got.Waiting) != 0 {
		t.Errorf("erased twice: %+v (%v)", got, err)
	}
}

// If the log cannot be emptied because somebody reads from it, erasing fails, and so does every further try until the data
// is gone from the files: although those find nothing in the tables any more.
func TestEraseSubjectBesideReader(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "gancho.db")
	db := openAt(t, path)
	addTenants(t, db)
	a := accepted("acme", "done", `{"email":"ana@example.com"}`)
	submit(t, db, a, accepted("acme", "", `1`))
	rows, err := db.read.QueryContext(t.Context(), `SELECT id FROM events`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	rows.Next()
	for try := range 2 {
		//policy:allow time: it is expected to go on until then
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		_, err := db.EraseFound(ctx, "acme", "email", []hook.Found{{Event: a.Event.ID}})
		cancel()
		if err == nil {
			t.Errorf("try %d: the data counts as gone from the files while somebody reads it there", try+1)
		}
	}
	if err := rows.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := db.EraseFound(t.Context(), "acme", "email", []hook.Found{{Event: a.Event.ID}}); err != nil {
		t.Error(err)
	}
	if onDisk(t, path, "ana@example.com") {
		t.Error("a file has what was erased")
	}
}
