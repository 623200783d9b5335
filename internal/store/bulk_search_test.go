package store

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"gancho/internal/hook"
)

// A bulk action with a search is about what the search finds, and nothing else. Its text is stored sealed, and gone when the
// action ends. A program of the release before, which would do the same with all deliveries, does not take it.
func TestBulkSearch(t *testing.T) {
	each(t, func(t *testing.T, db *DB) {
		ctx := t.Context()
		addTenants(t, db)
		e := newEndpoint(t, db, "acme")
		const many = 450 // more than one step
		for i := range many {
			submit(t, db, accepted("acme", "", fmt.Sprintf(`{"order":"%s-%d","mail":"ana@x"}`, []string{"A", "B", "C"}[i%3], i), e.ID))
		}
		// What is sensitive is hidden from a search that is not of it, as package view does it.
		shown := func(s hook.Sight, e *hook.Event) *hook.Event {
			if s.Personal {
				return e
			}
			hidden := *e
			hidden.Payload = bytes.ReplaceAll(e.Payload, []byte("ana@x"), []byte("***"))
			return &hidden
		}
		run := func(kind hook.BulkKind, s hook.PayloadSearch) hook.Bulk {
			t.Helper()
			s.Shown = shown
			b := hook.Bulk{
				ID: hook.BulkID(hook.NewID()), Tenant: "acme", Kind: kind, Search: &s, State: hook.BulkRunning, CreatedAt: time.Now().Add(time.Second), Total: -1,
			}
			preview, err := db.PreviewBulk(ctx, b, time.Minute)
			if err != nil {
				t.Fatal(err)
			}
			if err := db.CreateBulk(ctx, &b); err != nil {
				t.Fatal(err)
			}
			var old int
			var contains []byte
			if err := db.read.QueryRow(`SELECT contains, (SELECT count(*) FROM bulk_actions WHERE state = 'running') FROM bulk_actions WHERE id = $1`,
				b.ID[:]).Scan(&contains, &old); err != nil || old != 0 || contains == nil || bytes.Contains(contains, []byte(s.Text)) {
				t.Fatalf("stored as %q, and %d are seen by an old program: %v", contains, old, err)
			}
			if _, actions, err := db.BulkRunning(ctx); err != nil || !actions {
				t.Fatalf("it does not run: %v", err)
			}
			for {
				list, err := db.NextBulks(ctx)
				if err != nil {
					t.Fatal(err)
				}
				if len(list) == 0 {
					break
				}
				b = list[0]
				if b.Search.Text != s.Text || b.Search.Personal != s.Personal {
					t.Fatalf("read back: %+v", b.Search)
				}
				b.Search.Shown = shown
				if _, err := db.AdvanceBulk(ctx, &b, func(hook.EndpointID) bool { return false }); err != nil {
					t.Fatal(err)
				}
			}
			got, err := db.Bulk(ctx, "acme", b.ID)
			if err != nil || got.State != hook.BulkDone || got.Changed != preview.Changed || preview.AtLeast || got.Search == nil || got.Search.Text != "" {
				t.Errorf("%s of %q: %+v with the search %+v, counted before as %+v: %v", kind, s.Text, got, got.Search, preview, err)
			}
			if err := db.read.QueryRow(`SELECT contains FROM bulk_actions WHERE id = $1`, b.ID[:]).Scan(&contains); err != nil || contains != nil {
				t.Errorf("the text is still there: %q, %v", contains, err)
			}
			return got
		}
		if b := run(hook.BulkCancel, hook.PayloadSearch{Text: "ana@"}); b.Changed != 0 || b.Examined != many {
			t.Errorf("what is sensitive is found: %+v", b)
		}
		if b := run(hook.BulkCancel, hook.PayloadSearch{Text: `"B-`}); b.Changed != many/3 {
			t.Errorf("cancelled %d", b.Changed)
		}
		found, err := db.SearchDeliveries(ctx, "acme", hook.DeliveryFilter{States: []hook.State{hook.Cancelled}}, hook.Page{Limit: many},
			func(e *hook.Event) bool { return bytes.Contains(e.Payload, []byte(`"B-`)) })
		if err != nil || len(found.List) != many/3 {
			t.Errorf("the search finds %d, %v", len(found.List), err)
		}
		if b := run(hook.BulkCancel, hook.PayloadSearch{Text: "ana@", Personal: true}); b.Changed != many-many/3 {
			t.Errorf("cancelled %d of all", b.Changed)
		}
		if b := run(hook.BulkRetry, hook.PayloadSearch{Text: `"C-`}); b.Changed != many/3 {
			t.Errorf("sent again: %d", b.Changed)
		}
		list, _, err := db.Deliveries(ctx, "acme", hook.DeliveryFilter{States: []hook.State{hook.Pending}}, hook.Page{Limit: many})
		if err != nil || len(list) != many/3 {
			t.Errorf("%d wait, %v", len(list), err)
		}

		// One that is stopped forgets its text, too. One whose text cannot be read finds nothing.
		b := hook.Bulk{
			ID: hook.BulkID(hook.NewID()), Tenant: "acme", Kind: hook.BulkCancel, Search: &hook.PayloadSearch{Text: "C"}, State: hook.BulkRunning, CreatedAt: time.Now(),
		}
		if err := db.CreateBulk(ctx, &b); err != nil {
			t.Fatal(err)
		}
		if got, err := db.StopBulk(ctx, "acme", b.ID); err != nil || got.State != hook.BulkStopped || got.Search.Text != "" {
			t.Errorf("stopped: %+v, %v", got, err)
		}
		b.ID = hook.BulkID(hook.NewID())
		if err := db.CreateBulk(ctx, &b); err != nil {
			t.Fatal(err)
		}
		if err := db.change(ctx, func(t *tx) error {
			_, err := t.exec(`UPDATE bulk_actions SET contains = $2 WHERE id = $1`, b.ID[:], []byte("damaged"))
			return err
		}); err != nil {
			t.Fatal(err)
		}
		next, err := db.NextBulks(ctx)
		if err != nil || len(next) != 1 {
			t.Fatalf("%+v, %v", next, err)
		}
		next[0].Search.Shown = shown
		if step, err := db.AdvanceBulk(ctx, &next[0], nil); err != nil || len(step.Cancelled) != 0 || next[0].State != hook.BulkDone {
			t.Errorf("with a damaged text: %+v, %v", step, err)
		}
		entries, _, err := db.AuditTrail(ctx, "acme", hook.Page{Limit: 100})
		if err != nil || !slices.ContainsFunc(entries, func(a hook.AuditEntry) bool {
			return a.Action == hook.ActionBulkStarted && slices.Equal(a.Fields, []string{"contains"})
		}) {
			t.Errorf("the audit does not say that a text was searched: %v", err)
		}
	})
}
