package store

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gancho/internal/hook"
)

// Bulk actions do with each selected delivery what hook.Next decides, and count what they did and what they left. What was
// counted before, for a preview, is what happens.
func TestBulkActions(t *testing.T) { each(t, testBulkActions) }

func testBulkActions(t *testing.T, db *DB) {
	ctx := t.Context()
	h := makeHistory(t, db, 400)
	db.now = func() time.Time { return start.Add(1000 * time.Hour) }
	all := func(tenant string) map[hook.DeliveryID]hook.Delivery {
		out := map[hook.DeliveryID]hook.Delivery{}
		for _, d := range h.deliveries {
			if d.Tenant != tenant {
				continue
			}
			now, err := db.Delivery(ctx, tenant, d.ID)
			if err != nil {
				t.Fatal(err)
			}
			out[d.ID] = now
		}
		return out
	}
	states := map[hook.EndpointID]hook.EndpointState{}
	for _, id := range h.endpoints["acme"] {
		e, err := db.Endpoint(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		states[id] = e.State
	}
	var some []hook.DeliveryID
	for _, d := range h.deliveries {
		if d.Tenant == "acme" && len(some) < 450 {
			some = append(some, d.ID)
		}
	}
	others := all("other")
	finals := int64(0)
	for _, c := range []struct {
		kind   hook.BulkKind
		filter hook.DeliveryFilter
	}{
		{hook.BulkRetry, hook.DeliveryFilter{States: []hook.State{hook.Failed}, Endpoints: h.endpoints["acme"][:1]}},
		{hook.BulkCancel, hook.DeliveryFilter{Types: []string{"t1"}, Since: start.Add(50 * time.Minute), Until: start.Add(150 * time.Minute)}},
		{hook.BulkCancel, hook.DeliveryFilter{Contracts: []string{"kobra"}}},
		{hook.BulkRetry, hook.DeliveryFilter{IDs: some}},
		{hook.BulkCancel, hook.DeliveryFilter{}},
		{hook.BulkCancel, hook.DeliveryFilter{}}, // nothing is left to do
		{hook.BulkRetry, hook.DeliveryFilter{States: []hook.State{hook.Cancelled, hook.Failed, hook.Unknown}}},
	} {
		name := fmt.Sprintf("%s %+v", c.kind, storeFilter(&c.filter).States)
		b := hook.Bulk{
			ID: hook.BulkID(hook.NewID()), Tenant: "acme", Kind: c.kind, Filter: c.filter, State: hook.BulkRunning,
			CreatedAt: db.now(), Total: -1,
		}
		before := all("acme")
		selected := map[string]bool{}
		if c.filter.IDs != nil {
			for _, id := range c.filter.IDs {
				selected[id.String()] = true
			}
		} else {
			rest := c.filter
			rest.States, rest.Contracts = nil, nil
			for _, id := range h.wanted("acme", rest) {
				selected[id] = true
			}
		}
		preview, err := db.PreviewBulk(ctx, b, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		if err := db.CreateBulk(ctx, &b); err != nil {
			t.Fatal(err)
		}
		stale := b
		for b.State == hook.BulkRunning {
			if _, err := db.AdvanceBulk(ctx, &b, func(hook.EndpointID) bool { return false }); err != nil {
				t.Fatal(err)
			}
			if _, err := db.AdvanceBulk(ctx, &stale, func(hook.EndpointID) bool { return false }); !hook.IsKind(err, hook.KindConflict) {
				t.Fatalf("%s: a step was made twice: %v", name, err)
			}
		}
		want, final, left := int64(0), int64(0), map[string]int64{}
		for id, d := range before {
			got, err := db.Delivery(ctx, "acme", id)
			if err != nil {
				t.Fatal(err)
			}
			is := selected[id.String()] && among(c.filter.States, d.State)
			if len(c.filter.Contracts) > 0 {
				is = is && d.Endpoint == h.endpoints["acme"][1]
			}
			if c.kind == hook.BulkCancel && d.State.Finished() {
				is = false // what has ended is not looked for
			}
			expected := d
			if is {
				next, why := c.kind.Decide(d, c.filter.IDs != nil, hook.Standing{State: states[d.Endpoint]}, db.now())
				if expected = next; why != "" {
					left[why]++
				} else if want++; c.kind == hook.BulkCancel && d.Mode == hook.AtMostOnce {
					final++
				}
			}
			if diff := cmp.Diff(shown(expected), shown(got)); diff != "" {
				t.Fatalf("%s of %s (-want +got)\n%s", name, shown(d), diff)
			}
		}
		stored, err := db.Bulk(ctx, "acme", b.ID)
		if err != nil || stored.Changed != want || !cmp.Equal(left, stored.Left) || stored.State != hook.BulkDone {
			t.Errorf("%s changed %d and left %v (%s, %v), want %d and %v", name, stored.Changed, stored.Left, stored.State, err, want, left)
		}
		finals += final
		if preview.Changed != want || preview.Final != final || !cmp.Equal(left, preview.Left) || preview.AtLeast {
			t.Errorf("%s: the preview says %+v, want %d and %v", name, preview, want, left)
		}
	}
	if finals == 0 {
		t.Error("nothing that was cancelled is sent at most once")
	}
	if diff := cmp.Diff(others, all("other")); diff != "" {
		t.Errorf("deliveries of another tenant changed:\n%s", diff)
	}
	list, _, err := db.Bulks(ctx, "acme", hook.Page{Limit: 10})
	if err != nil || len(list) != 7 {
		t.Errorf("list of %d, %v", len(list), err)
	}
	if list, _, err := db.Bulks(ctx, "other", hook.Page{Limit: 10}); err != nil || len(list) != 0 {
		t.Errorf("another tenant has %v, %v", list, err)
	}
}

// A bulk action that was stopped makes no step any more. What is made after it began is not touched.
func TestBulkActionEnds(t *testing.T) {
	each(t, func(t *testing.T, db *DB) {
		addTenants(t, db)
		e := hook.NewEndpointID()
		first := accepted("acme", "", `1`, e)
		submit(t, db, first)
		before := first.Event.ID.Delivery(1)
		created := time.Now().Add(time.Second)
		bulk := func() hook.Bulk {
			b := hook.Bulk{ID: hook.BulkID(hook.NewID()), Tenant: "acme", Kind: hook.BulkCancel, State: hook.BulkRunning, CreatedAt: created}
			if err := db.CreateBulk(t.Context(), &b); err != nil {
				t.Fatal(err)
			}
			return b
		}
		b := bulk()
		if now, err := db.StopBulk(t.Context(), "acme", b.ID); err != nil || now.State != hook.BulkStopped || now.FinishedAt.IsZero() {
			t.Errorf("stopped: %+v, %v", now, err)
		}
		if _, err := db.AdvanceBulk(t.Context(), &b, nil); !hook.IsKind(err, hook.KindConflict) {
			t.Errorf("a step after the stop: %v", err)
		}
		if d, err := db.Delivery(t.Context(), "acme", before); err != nil || d.State != hook.Pending {
			t.Errorf("after the stop %s, %v", d.State, err)
		}
		b = bulk()
		late := accepted("acme", "", `1`, e)
		late.Event.ID = hook.EventID(hook.IDAt(created.Add(time.Hour)))
		late.Deliveries[0].ID = late.Event.ID.Delivery(1)
		submit(t, db, late)
		step, err := db.AdvanceBulk(t.Context(), &b, nil)
		if err != nil || len(step.Cancelled) != 1 || step.Cancelled[0].ID != before || step.Cancelled[0].Endpoint != e || b.State != hook.BulkDone {
			t.Errorf("%+v, %+v, %v", step, b, err)
		}
		later := hook.Bulk{
			ID: hook.BulkID(hook.NewID()), Tenant: "acme", Kind: hook.BulkCancel, State: hook.BulkRunning, CreatedAt: created.Add(2 * time.Hour),
		}
		ended := b // both have ended; only one of them was made before this action began
		ended.ID, ended.Kind, ended.State, ended.Cursor = hook.BulkID(hook.NewID()), hook.BulkRetry, hook.BulkRunning, hook.DeliveryID{}
		ended.Changed, ended.Left, ended.Filter = 0, nil, hook.DeliveryFilter{Ended: true}
		for _, b := range []*hook.Bulk{&later, &ended} {
			if err := db.CreateBulk(t.Context(), b); err != nil {
				t.Fatal(err)
			}
			if _, err := db.AdvanceBulk(t.Context(), b, func(hook.EndpointID) bool { return false }); err != nil {
				t.Fatal(err)
			}
		}
		if later.Changed != 1 || ended.Changed+ended.LeftAlone() != 1 {
			t.Errorf("cancelled later %d; of those that ended, %d were looked at; want 1 and 1", later.Changed, ended.Changed+ended.LeftAlone())
		}
	})
}

// Two nodes that take each other for dead make the same step: one of the steps counts. A stop beside a step is not undone.
func TestBulkStepBeside(t *testing.T) {
	each(t, func(t *testing.T, db *DB) {
		addTenants(t, db)
		e := hook.NewEndpointID()
		paused := func(hook.EndpointID) bool { return false }
		bulk := func(kind hook.BulkKind) hook.Bulk {
			b := hook.Bulk{ID: hook.BulkID(hook.NewID()), Tenant: "acme", Kind: kind, State: hook.BulkRunning, CreatedAt: time.Now().Add(time.Second)}
			if err := db.CreateBulk(t.Context(), &b); err != nil {
				t.Fatal(err)
			}
			return b
		}
		for range 20 {
			submit(t, db, accepted("acme", "", `1`, e))
		}
		for range 5 {
			b := bulk(hook.BulkCancel)
			waits, err := db.PreviewBulk(t.Context(), b, time.Minute)
			if err != nil {
				t.Fatal(err)
			}
			var both sync.WaitGroup
			var made, refused atomic.Int64
			for range 2 {
				same := b
				both.Go(func() {
					switch _, err := db.AdvanceBulk(t.Context(), &same, paused); {
					case err == nil:
						made.Add(1)
					case hook.IsKind(err, hook.KindConflict):
						refused.Add(1)
					default:
						t.Error(err)
					}
				})
			}
			both.Wait()
			now, err := db.Bulk(t.Context(), "acme", b.ID)
			if err != nil || made.Load() != 1 || refused.Load() != 1 || now.Changed != waits.Changed {
				t.Fatalf("%d steps made, %d refused; %+v, %v; want %d changed", made.Load(), refused.Load(), now, err, waits.Changed)
			}

			c := bulk(hook.BulkRetry)
			both.Go(func() {
				if _, err := db.StopBulk(t.Context(), "acme", c.ID); err != nil {
					t.Error(err)
				}
			})
			both.Go(func() {
				same := c
				if _, err := db.AdvanceBulk(t.Context(), &same, paused); err != nil && !hook.IsKind(err, hook.KindConflict) {
					t.Error(err)
				}
			})
			both.Wait()
			if now, err := db.Bulk(t.Context(), "acme", c.ID); err != nil || now.State == hook.BulkRunning {
				t.Fatalf("after a stop: %+v, %v", now, err)
			}
		}
	})
}

// Filters are found by their tenant and by the place where they were made. One with the same name is replaced.
func TestSavedFilters(t *testing.T) {
	each(t, func(t *testing.T, db *DB) {
		addTenants(t, db)
		save := func(name string, portal bool, state string) hook.SavedFilter {
			f := hook.SavedFilter{
				ID: hook.FilterID(hook.NewID()), Tenant: "acme", Name: name, Query: map[string]string{"state": state}, Portal: portal, CreatedAt: time.Now(),
			}
			if err := db.SaveFilter(t.Context(), &f, nil, 2); err != nil {
				t.Fatal(err)
			}
			return f
		}
		b, a, p := save("b", false, "failed"), save("a", false, "failed"), save("a", true, "pending")
		if again := save("a", false, "cancelled"); again.ID != a.ID {
			t.Errorf("saved again as %s, was %s", again.ID, a.ID)
		}
		if err := db.SaveFilter(t.Context(), &hook.SavedFilter{ID: hook.FilterID(hook.NewID()), Tenant: "acme", Name: "c"}, nil, 2); !hook.IsKind(err, hook.KindConflict) {
			t.Errorf("a third of two: %v", err)
		}
		other := hook.SavedFilter{ID: hook.FilterID(hook.NewID()), Tenant: "acme", Name: "a", Contracts: []string{"kobra"}}
		if err := db.SaveFilter(t.Context(), &other, other.Contracts, 2); !hook.IsKind(err, hook.KindConflict) {
			t.Errorf("what its author does not see is replaced: %v", err)
		}
		// A program of the release before keeps a text, and no contracts.
		oldID := hook.FilterID(hook.NewID())
		if err := db.change(t.Context(), func(t *tx) error {
			_, err := t.exec(`INSERT INTO saved_filters (id, tenant, name, query, portal, created_at)
				VALUES ($1, 'other', 'old', '{"contains":"Ana","contract":"kobra,upnify"}', $2, 0)`, oldID[:], false)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		old, err := db.SavedFilters(t.Context(), "other", false)
		if err != nil || len(old) != 1 || old[0].Query["contains"] != "" || !cmp.Equal(old[0].Contracts, []string{"kobra", "upnify"}) {
			t.Errorf("of an old program: %+v, %v", old, err)
		}
		if err := db.DeleteFilter(t.Context(), "other", oldID, false); err != nil {
			t.Fatal(err)
		}
		shown := func(tenant string, portal bool) (out []string) {
			list, err := db.SavedFilters(t.Context(), tenant, portal)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range list {
				out = append(out, f.Name+" "+f.Query["state"])
			}
			return out
		}
		if diff := cmp.Diff([]string{"a pending"}, shown("acme", true)); diff != "" {
			t.Error(diff)
		}
		if err := db.DeleteFilter(t.Context(), "acme", b.ID, true); !hook.IsKind(err, hook.KindNotFound) {
			t.Errorf("deleted from the portal: %v", err)
		}
		for _, f := range []hook.SavedFilter{b, a, p} {
			if err := db.DeleteFilter(t.Context(), "other", f.ID, false); !hook.IsKind(err, hook.KindNotFound) {
				t.Errorf("deleted by another tenant: %v", err)
			}
			if err := db.DeleteFilter(t.Context(), "acme", f.ID, false); err != nil {
				t.Error(err)
			}
		}
		if list := shown("acme", false); len(list) > 0 {
			t.Errorf("left: %v", list)
		}
	})
}

// A bulk action whose row cannot be understood is listed, does nothing and is stopped. Those beside it go on.
func TestUnreadableBulk(t *testing.T) {
	each(t, func(t *testing.T, db *DB) {
		ctx := t.Context()
		addTenants(t, db)
		first := accepted("acme", "", `1`, hook.NewEndpointID())
		submit(t, db, first)
		damages := []string{
			`filter = '{'`, `filter = '{"ids": ["dlv_x"]}'`, `filter = '{"endpoints": ["ep_x"]}'`, `filter = '{"event": "evt_x"}'`,
			`left_alone = ''`, `kind = 'mend'`,
		}
		for _, damage := range append(damages, "") {
			b := hook.Bulk{
				ID: hook.BulkID(hook.NewID()), Tenant: "acme", Kind: hook.BulkCancel, State: hook.BulkRunning, CreatedAt: time.Now().Add(time.Second),
			}
			if err := db.CreateBulk(ctx, &b); err != nil {
				t.Fatal(err)
			}
			if damage == "" {
				continue
			}
			if err := db.change(ctx, func(t *tx) error {
				_, err := t.exec(`UPDATE bulk_actions SET `+damage+` WHERE id = $1`, b.ID[:])
				return err
			}); err != nil {
				t.Fatal(err)
			}
		}
		running, err := db.NextBulks(ctx)
		if err != nil || len(running) != len(damages)+1 {
			t.Fatalf("%d are running, want %d; %v", len(running), len(damages)+1, err)
		}
		for i := range running {
			b := &running[i]
			step, err := db.AdvanceBulk(ctx, b, nil)
			if err != nil {
				t.Fatal(err)
			}
			if i == len(damages) { // the last one is good
				if len(step.Cancelled) != 1 || b.State != hook.BulkDone {
					t.Errorf("beside those that cannot be read: %+v, %+v", step, b)
				}
				continue
			}
			got, err := db.Bulk(ctx, "acme", b.ID)
			if err != nil || !got.Unreadable || got.State != hook.BulkStopped || got.Reason != hook.ReasonUnreadable || got.FinishedAt.IsZero() ||
				b.State != hook.BulkStopped || len(step.Cancelled) > 0 {
				t.Errorf("%s: %+v, %+v, %v", damages[i], got, step, err)
			}
		}
		if list, _, err := db.Bulks(ctx, "acme", hook.Page{Limit: 20}); err != nil || len(list) != len(running) {
			t.Errorf("a list of %d, %v", len(list), err)
		}
	})
}

// A bulk action goes on only as long as the key that began it is good; a rotated key is. One that the admin key began
// goes on.
func TestBulkActionEndsWithItsKey(t *testing.T) {
	each(t, func(t *testing.T, db *DB) {
		addTenants(t, db)
		first := accepted("acme", "", `1`, hook.NewEndpointID())
		submit(t, db, first)
		for _, c := range []struct {
			name  string
			after func(hook.KeyID) error
			want  string
		}{
			{"revoked", func(id hook.KeyID) error { return db.DeleteKey(t.Context(), id) }, hook.ReasonKeyRevoked},
			{"expired", func(id hook.KeyID) error {
				return db.change(t.Context(), func(t *tx) error {
					_, err := t.exec(`UPDATE keys SET expires_at = $2 WHERE id = $1`, id[:], time.Now().Add(-time.Second).UnixMicro())
					return err
				})
			}, hook.ReasonKeyExpired},
			{"rotated", func(id hook.KeyID) error { return db.RotateKey(t.Context(), id, [32]byte{9}, "abcd", time.Now()) }, ""},
			{"admin key", nil, ""},
		} {
			ctx := t.Context()
			k := hook.Key{
				ID: hook.NewKeyID(), Name: c.name, Role: hook.RoleTenant, Tenant: "acme", CreatedAt: time.Now(), ExpiresAt: time.Now().Add(time.Hour),
			}
			k.Hash[0] = c.name[0]
			if c.after != nil {
				if err := db.CreateKey(ctx, k); err != nil {
					t.Fatal(err)
				}
				ctx = hook.WithActor(ctx, hook.Actor{Kind: hook.ActorKey, Key: k.ID})
			}
			b := hook.Bulk{
				ID: hook.BulkID(hook.NewID()), Tenant: "acme", Kind: hook.BulkRetry, State: hook.BulkRunning, CreatedAt: time.Now().Add(time.Second),
			}
			if err := db.CreateBulk(ctx, &b); err != nil {
				t.Fatal(err)
			}
			if c.after != nil {
				if err := c.after(k.ID); err != nil {
					t.Fatal(err)
				}
			}
			list, err := db.NextBulks(t.Context())
			if err != nil || len(list) != 1 || list[0].By != b.By {
				t.Fatalf("%s: running %+v, %v", c.name, list, err)
			}
			if _, err := db.AdvanceBulk(t.Context(), &list[0], func(hook.EndpointID) bool { return false }); err != nil {
				t.Fatal(err)
			}
			got, err := db.Bulk(t.Context(), "acme", b.ID)
			stopped := got.State == hook.BulkStopped && got.Examined == 0 && !got.FinishedAt.IsZero()
			if err != nil || got.Reason != c.want || stopped != (c.want != "") || !stopped && (got.State != hook.BulkDone || got.Examined != 1) {
				t.Errorf("%s: %+v, %v", c.name, got, err)
			}
			log, _, err := db.AuditTrail(t.Context(), "acme", hook.Page{Limit: 1})
			if c.want != "" && (err != nil || len(log) != 1 || log[0].Action != hook.ActionBulkStopped || log[0].Reason != c.want) {
				t.Errorf("%s: the audit has %+v, %v", c.name, log, err)
			}
		}
	})
}
