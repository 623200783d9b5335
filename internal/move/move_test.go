package move_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gancho/internal/hook"
	"gancho/internal/move"
	"gancho/internal/pgtest"
	"gancho/internal/store"
	"gancho/internal/storetest"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// history is what the old database has.
type history struct {
	endpoint   hook.EndpointID
	deliveries []hook.Delivery
	large      *hook.Event
	text       *hook.Event // whose payload is not JSON
	sealed     *hook.Event // whose payload is encrypted
}

func makeHistory(t *testing.T, db *store.DB) *history {
	t.Helper()
	ctx := t.Context()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, _, err := db.PutTenant(ctx, "acme", hook.TenantChange{})
	check(err)
	e := &hook.Endpoint{ID: hook.NewEndpointID(), Tenant: "acme", Contract: "standard", State: hook.EndpointActive, Config: hook.EndpointConfig{URL: "http://x"}}
	check(db.CreateEndpoint(ctx, e))
	h := &history{endpoint: e.ID}
	event := func(at time.Time, external, payload string) *hook.Accepted {
		ev := &hook.Event{
			ID: hook.EventID(hook.IDAt(at)), Tenant: "acme", Contract: "standard", Type: "x", ExternalID: external,
			Door: hook.DoorAPI, CreatedAt: at, Payload: []byte(payload),
		}
		a := &hook.Accepted{Event: ev}
		for n := range 3 {
			a.Deliveries = append(a.Deliveries, hook.Delivery{
				ID: ev.ID.Delivery(n + 1), Tenant: "acme", Endpoint: e.ID, Type: ev.Type, Mode: hook.AtLeastOnce, State: hook.Pending,
				Test: n == 2, CreatedAt: at, NextAttemptAt: at, QueueAt: at,
			})
		}
		h.deliveries = append(h.deliveries, a.Deliveries...)
		return a
	}
	sub := hook.Submission{Tenant: "acme", Records: []*hook.RecordWrite{
		{Record: hook.Record{Tenant: "acme", Contract: "c", Kind: "k", Key: "1", Version: 7, CreatedAt: start, UpdatedAt: start, Document: []byte(`{}`)}},
	}}
	for i := range 200 {
		sub.Items = append(sub.Items, event(start.Add(time.Duration(i)*time.Minute), "", `{}`))
	}
	large := event(start.Add(time.Hour/7), "ext", `{"a":"é"`+strings.Repeat(" ", 100<<10)+`}`)
	h.large, sub.Items = large.Event, append(sub.Items, large)
	text := event(start.Add(time.Hour/9), "", "a=1")
	text.Event.ContentType = "application/x-www-form-urlencoded"
	h.text, sub.Items = text.Event, append(sub.Items, text)
	sealed := event(start.Add(time.Hour/11), "", `{"sealed":true}`)
	sealed.Event.Sealed = true
	h.sealed, sub.Items = sealed.Event, append(sub.Items, sealed)
	sub.Records = append(sub.Records, &hook.RecordWrite{Record: hook.Record{
		Tenant: "acme", Contract: "c", Kind: "k", Key: "sealed", Version: 1, CreatedAt: start, UpdatedAt: start, Document: []byte(`{"sealed":true}`), Sealed: true,
	}})
	_, err = db.Submit(sub, time.Hour)
	check(err)
	for i := range h.deliveries {
		if d := h.deliveries[i]; i%3 == 0 {
			d.State, d.FinishedAt, d.Attempts = hook.Delivered, start, 1
			done := make(chan error, 1)
			db.SaveResult(hook.Result{
				Delivery: d, Attempt: &hook.Attempt{Delivery: d.ID, Number: 1}, Frozen: &hook.Frozen{Body: []byte("x")},
			}, func(err error) { done <- err })
			check(<-done)
		}
	}
	_, _, err = db.PutContract(ctx, "x", []byte("source"), hook.ContractPosted, hook.Precondition{})
	check(err)
	check(db.CreatePortalLink(ctx, hook.PortalLink{ID: hook.NewPortalLinkID(), Tenant: "acme", CreatedAt: start, ExpiresAt: start}))
	check(db.ArrangeSchedules(ctx, []hook.Schedule{
		{ScheduleName: hook.ScheduleName{Tenant: "acme", Contract: "c", Type: "x"}, Start: start, NextAt: start},
	}))
	return h
}

// Everything arrives, also if the move is interrupted on the way, and nothing is moved
// onto existing data.
func TestRun(t *testing.T) {
	t.Parallel()
	key := store.NewKey()
	target := store.Options{URL: pgtest.Database(t, store.Migrate), Key: key, Moving: true}
	from, to := storetest.OpenAt(t, t.TempDir()+"/gancho.db", key), storetest.Run(t, target)
	h := makeHistory(t, from)

	ctx, cancel := context.WithCancel(t.Context())
	err := move.Run(ctx, from, to, func(p move.Progress) {
		if p.Table == "deliveries" && p.Rows > 0 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("interrupted: %v", err)
	}
	serving := target
	serving.Moving = false
	if _, err := store.Open(t.Context(), serving); err == nil || !strings.Contains(err.Error(), "gancho move") {
		t.Errorf("a server starts on half of a database: %v", err)
	}

	reported := map[string]move.Progress{}
	if err := move.Run(t.Context(), from, to, func(p move.Progress) { reported[p.Table] = p }); err != nil {
		t.Fatal(err)
	}
	storetest.Run(t, serving)
	filled := map[string]bool{
		"events": true, "deliveries": true, "attempts": true, "bodies": true, "idempotency": true, "records": true, "schedules": true,
		"audit": true, "audit_chains": true, "contracts": true, "endpoint_versions": true, "endpoints": true, "portal_links": true, "tenants": true,
		"seal_keys": true,
	}
	for _, table := range store.Tables() {
		was, err1 := from.CountRows(t.Context(), table)
		is, err2 := to.CountRows(t.Context(), table)
		if err1 != nil || err2 != nil || was != is || (was > 0) != filled[table.Name] {
			t.Errorf("%s: %d of %d rows (%v, %v)", table.Name, is, was, err1, err2)
		}
		if want := (move.Progress{Table: table.Name, Rows: was, Total: was}); reported[table.Name] != want {
			t.Errorf("reported %+v, want %+v", reported[table.Name], want)
		}
	}
	for _, table := range []string{"events_rest", "deliveries_rest"} {
		if n, err := to.CountRows(t.Context(), store.Table{Name: table}); err != nil || n != 0 {
			t.Errorf("%s: %d rows without a partition (%v)", table, n, err)
		}
	}
	for _, d := range h.deliveries {
		was, err1 := from.Delivery(t.Context(), d.Tenant, d.ID)
		is, err2 := to.Delivery(t.Context(), d.Tenant, d.ID)
		if diff := cmp.Diff(was, is); err1 != nil || err2 != nil || diff != "" {
			t.Fatalf("%v, %v: a delivery (-was +is):\n%s", err1, err2, diff)
		}
	}
	if got, err := to.Event(t.Context(), "acme", h.large.ID); err != nil || string(got.Payload) != string(h.large.Payload) {
		t.Errorf("a large payload: %+v, %v", got, err)
	}
	if got, err := to.Event(t.Context(), "acme", h.text.ID); err != nil || string(got.Payload) != "a=1" || got.ContentType != h.text.ContentType {
		t.Errorf("a payload that is not JSON: %+v, %v", got, err)
	}
	if got, err := to.Event(t.Context(), "acme", h.sealed.ID); err != nil || !got.Sealed || string(got.Payload) != `{"sealed":true}` {
		t.Errorf("a sealed payload: %+v, %v", got, err)
	}
	if got, err := to.Record(t.Context(), "acme", "c", "k", "sealed"); err != nil || !got.Sealed || string(got.Document) != `{"sealed":true}` {
		t.Errorf("a sealed record: %+v, %v", got, err)
	}
	if e, err := to.TenantEndpoint(t.Context(), "acme", h.endpoint); err != nil || e.Config.URL != "http://x" {
		t.Errorf("what is encrypted: %+v, %v", e, err)
	}
	if err := move.Run(t.Context(), from, to, func(move.Progress) {}); !hook.IsKind(err, hook.KindConflict) {
		t.Errorf("onto existing data: %v", err)
	}
}
