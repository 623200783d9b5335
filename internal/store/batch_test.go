package store

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"gancho/internal/hook"
)

// queued stores n events for an endpoint, a millisecond apart, and returns their deliveries.
func queued(t *testing.T, db *DB, ep hook.EndpointID, n int) (list []hook.Delivery) {
	t.Helper()
	for i := range n {
		a := accepted("acme", "", `{"a":1}`, ep)
		at := time.Now().Add(-time.Minute + time.Duration(i)*time.Millisecond).Truncate(time.Microsecond)
		d := &a.Deliveries[0]
		d.CreatedAt, d.NextAttemptAt, d.QueueAt = at, at, at
		if _, err := db.Submit(hook.Submission{Tenant: "acme", Items: []*hook.Accepted{a}}, time.Hour); err != nil {
			t.Fatal(err)
		}
		list = append(list, *d)
	}
	return list
}

// together makes the results of a batch: what set makes of each delivery.
func together(list []hook.Delivery, set func(d *hook.Delivery)) (r hook.Result) {
	id := hook.NewBatchID()
	for i, d := range list {
		d.Batch = &hook.Batch{ID: id, Place: i, Of: len(list)}
		set(&d)
		if i == 0 {
			r.Delivery = d
		} else {
			r.Others = append(r.Others, hook.Result{Delivery: d})
		}
	}
	return r
}

func sending(d *hook.Delivery) { d.State, d.EndpointVersion, d.ContractVersion = hook.Sending, 1, 1 }

func save(t *testing.T, db *DB, r hook.Result) {
	t.Helper()
	saved := make(chan error, 1)
	db.SaveResult(r, func(err error) { saved <- err })
	if err := <-saved; err != nil {
		t.Fatal(err)
	}
}

// The members of a batch are stored together. Whoever has ended meanwhile is named, and the others go.
func TestBatchIntent(t *testing.T) {
	each(t, func(t *testing.T, db *DB) {
		addTenants(t, db)
		ep := hook.NewEndpointID()
		list := queued(t, db, ep, 3)
		over := list[1]
		over.State, over.FinishedAt = hook.Cancelled, time.Now()
		save(t, db, hook.Result{Delivery: over})
		r := together(list, sending)
		err := db.Intend(r)
		gone, ok := errors.AsType[hook.NotWaiting](err)
		if !ok || !slices.Equal(gone, hook.NotWaiting{over.ID}) || !errors.Is(err, hook.ErrNotWaiting) {
			t.Fatalf("the intent ended with %v", err)
		}
		for i, d := range list {
			got, err := db.Delivery(t.Context(), "acme", d.ID)
			if err != nil {
				t.Fatal(err)
			}
			want := hook.Batch{ID: r.Delivery.Batch.ID, Place: i, Of: 3}
			switch {
			case i == 1 && (got.State != hook.Cancelled || got.Batch != nil):
				t.Errorf("the cancelled one became %+v", got)
			case i != 1 && (got.State != hook.Sending || got.InBatch() != want):
				t.Errorf("delivery %d became %+v", i, got)
			}
		}
	})
}

// What was put back before anybody saw it is in no batch.
func TestBatchPutBack(t *testing.T) {
	each(t, func(t *testing.T, db *DB) {
		addTenants(t, db)
		list := queued(t, db, hook.NewEndpointID(), 2)
		r := together(list, sending)
		if err := db.Intend(r); err != nil {
			t.Fatal(err)
		}
		for _, d := range []hook.Delivery{r.Delivery, r.Others[0].Delivery} {
			next, ok := hook.Next(d, hook.Trigger{Kind: hook.OnPutBack, Again: time.Now()}, hook.Policy{}, hook.Standing{}, time.Now())
			if !ok || next.Delivery.Batch != nil {
				t.Fatalf("put back: %+v", next.Delivery)
			}
			save(t, db, hook.Result{Delivery: next.Delivery})
			if got, err := db.Delivery(t.Context(), "acme", d.ID); err != nil || got.State != hook.Pending || got.Batch != nil {
				t.Errorf("stored: %+v, %v", got, err)
			}
		}
	})
}

// The attempts of a batch say which request they were, and a retry by a person takes one delivery out.
func TestBatchHistory(t *testing.T) {
	each(t, func(t *testing.T, db *DB) {
		addTenants(t, db)
		ep := newEndpoint(t, db, "acme")
		list := queued(t, db, ep.ID, 2)
		r := together(list, func(d *hook.Delivery) { d.State, d.Attempts, d.FinishedAt = hook.Failed, 1, time.Now() })
		attempt := func(d hook.Delivery) *hook.Attempt {
			return &hook.Attempt{Delivery: d.ID, Number: 1, Transport: "http", StartedAt: time.Now(), Class: hook.ClassStatus5xx, Extra: &hook.Extra{Batch: d.InBatch()}}
		}
		r.Attempt, r.Others[0].Attempt = attempt(r.Delivery), attempt(r.Others[0].Delivery)
		save(t, db, r)
		got, err := db.Attempts(t.Context(), list[1].ID, 10)
		if err != nil || len(got) != 1 || got[0].Extras().Batch != r.Others[0].Delivery.InBatch() {
			t.Fatalf("attempts %+v, %v", got, err)
		}
		if d, err := db.Retry(t.Context(), "acme", list[1].ID, false); err != nil || d.Batch != nil {
			t.Errorf("retried: %+v, %v", d, err)
		}
		if d, err := db.Delivery(t.Context(), "acme", list[1].ID); err != nil || d.Batch != nil {
			t.Errorf("stored after the retry: %+v, %v", d, err)
		}
	})
}

// A page of the queue does not end inside a batch, whether rows or bytes end it. Members that are gone
// do not make it longer than a batch can be.
func TestPageKeepsBatches(t *testing.T) {
	each(t, func(t *testing.T, db *DB) {
		addTenants(t, db)
		ep := hook.NewEndpointID()
		list := queued(t, db, ep, 8)
		save(t, db, together(list[2:5], func(d *hook.Delivery) { d.EndpointVersion = 1 }))
		none := func(hook.DeliveryID) bool { return false }
		for _, c := range []struct{ n, bytes, want int }{{2, 1 << 20, 2}, {3, 1 << 20, 5}, {4, 1 << 20, 5}, {5, 1 << 20, 5}, {6, 1 << 20, 6}, {8, 15, 5}, {8, 1, 1}} {
			page, err := db.Due(t.Context(), ep, time.Now(), c.n, c.bytes, none)
			if err != nil || len(page.Jobs) != c.want || !page.More {
				t.Errorf("a page of %d, %d bytes: %d deliveries, more: %v, %v; want %d", c.n, c.bytes, len(page.Jobs), page.More, err, c.want)
			}
		}
		skip := func(id hook.DeliveryID) bool { return id == list[4].ID }
		page, err := db.Due(t.Context(), ep, time.Now(), 3, 1<<20, skip)
		if err != nil || len(page.Jobs) != 7 {
			t.Errorf("with one gone: %d deliveries, %v", len(page.Jobs), err)
		}
	})
}

// If members of a batch are gone, no more bytes follow it in a page than a batch can have.
func TestPageOfBatchesIsBounded(t *testing.T) {
	each(t, func(t *testing.T, db *DB) {
		addTenants(t, db)
		ep := hook.NewEndpointID()
		list := queued(t, db, ep, 2)
		r := together(list, func(d *hook.Delivery) { d.EndpointVersion = 1 })
		r.Others[0].Delivery.State, r.Others[0].Delivery.FinishedAt = hook.Cancelled, time.Now()
		save(t, db, r)
		for range 5 {
			submit(t, db, accepted("acme", "", `"`+strings.Repeat("a", hook.MaxBatchBytes/4)+`"`, ep))
		}
		page, err := db.Due(t.Context(), ep, time.Now().Add(time.Hour), 10, 1, func(hook.DeliveryID) bool { return false })
		if err != nil || len(page.Jobs) != 5 || !page.More {
			t.Errorf("%d deliveries, more: %t, %v; want the one that is left, and four", len(page.Jobs), page.More, err)
		}
	})
}

// If an operation of a commit fails, a batch of deliveries is still written as one.
func TestBatchIsOneOperation(t *testing.T) {
	t.Parallel()
	m, r := func(others int) *mark { return &mark{others: others} }, func(others int) *result { return &result{others: others} }
	b := &batch{marks: []*mark{m(0), m(2), m(0), m(0), m(0)}, results: []*result{r(1), r(0), r(0)}}
	var got [][2]int
	b.each(func(one *batch) { got = append(got, [2]int{len(one.marks), len(one.results)}) })
	if want := [][2]int{{1, 0}, {3, 0}, {1, 0}, {0, 2}, {0, 1}}; !slices.Equal(got, want) {
		t.Errorf("operations of %v, want %v", got, want)
	}
}
