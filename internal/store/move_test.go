package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"gancho/internal/hook"
	"gancho/internal/pgtest"
)

// Everything arrives, also when the move is interrupted on the way, and nothing is
// moved over what is there.
func TestMove(t *testing.T) {
	t.Parallel()
	target := Options{URL: pgtest.Database(t, Migrate), Key: make([]byte, 32)}
	from, to := open(t), run(t, target)
	h := makeHistory(t, from, 300)
	for i, d := range h.deliveries {
		if i%3 == 0 {
			done := make(chan error, 1)
			from.SaveResult(hook.Result{Delivery: d, Attempt: &hook.Attempt{Delivery: d.ID, Number: 1}, Frozen: &hook.Frozen{Body: []byte("x")}}, func(err error) { done <- err })
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		}
	}
	ext := accepted("acme", "ext", `{"a":"é"`+strings.Repeat(" ", packFrom)+`}`, h.endpoints["acme"][0])
	if _, err := from.Submit(hook.Submission{Tenant: "acme", Items: []*hook.Accepted{ext}, Records: []*hook.RecordWrite{
		{Record: hook.Record{Tenant: "acme", Contract: "c", Kind: "k", Key: "1", Version: 7, CreatedAt: start, UpdatedAt: start, Document: []byte(`{}`)}},
	}}, time.Hour); err != nil {
		t.Fatal(err)
	}
	if _, _, err := from.PutContract(t.Context(), "x", []byte("source"), hook.ContractPosted); err != nil {
		t.Fatal(err)
	}
	if err := from.CreatePortalLink(t.Context(), hook.PortalLink{ID: hook.NewPortalLinkID(), Tenant: "acme", CreatedAt: start, ExpiresAt: start}); err != nil {
		t.Fatal(err)
	}
	if err := from.ArrangeSchedules(t.Context(), []hook.Schedule{{ScheduleName: hook.ScheduleName{Tenant: "acme", Contract: "c", Type: "x"}, Start: start, NextAt: start}}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	stopAt := "deliveries"
	err := Move(ctx, from, to, func(m Moved) {
		if m.Table == stopAt && m.Rows > 0 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("interrupted: %v", err)
	}
	if _, err := Open(t.Context(), target); err == nil || !strings.Contains(err.Error(), "gancho move") {
		t.Errorf("a server starts on half of a database: %v", err)
	}
	moving := target
	moving.Moving = true
	run(t, moving)
	if err := Move(t.Context(), from, to, func(Moved) {}); err != nil {
		t.Fatal(err)
	}
	run(t, target)
	for _, table := range movedTables {
		if was, is := count(t, from, table.name), count(t, to, table.name); was != is || was == 0 && table.name != "stats" && table.name != "keys" &&
			table.name != "recoveries" && table.name != "credentials" && table.name != "contract_options" {
			t.Errorf("%s: %d of %d rows", table.name, is, was)
		}
	}
	for _, table := range []string{"events_rest", "deliveries_rest"} {
		if n := count(t, to, table); n != 0 {
			t.Errorf("%s: %d rows without a partition", table, n)
		}
	}
	for _, d := range h.deliveries {
		was, err1 := from.Delivery(t.Context(), d.Tenant, d.ID)
		is, err2 := to.Delivery(t.Context(), d.Tenant, d.ID)
		if err1 != nil || err2 != nil || fmt.Sprint(was) != fmt.Sprint(is) {
			t.Fatalf("%v, %v:\n%+v\n%+v", err1, err2, was, is)
		}
	}
	if moved, err := to.Event(t.Context(), "acme", ext.Event.ID); err != nil || string(moved.Payload) != string(ext.Event.Payload) {
		t.Errorf("a large payload: %+v, %v", moved, err)
	}
	e, err := to.TenantEndpoint(t.Context(), "acme", h.endpoints["acme"][0])
	if err != nil || e.Config.URL != "http://x" {
		t.Errorf("what is sealed: %+v, %v", e, err)
	}
	if err := Move(t.Context(), from, to, func(Moved) {}); !hook.IsKind(err, hook.KindConflict) {
		t.Errorf("onto what is there: %v", err)
	}
}
