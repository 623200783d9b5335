package stats

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gancho/internal/hook"
	"gancho/internal/store"
	"gancho/internal/storetest"
)

var start = time.Date(2026, 11, 21, 10, 59, 30, 0, time.UTC)

func attempt(at, took time.Duration, class string) *hook.Attempt {
	return &hook.Attempt{StartedAt: start.Add(at), Timing: hook.Timing{Total: took}, Class: class}
}

// TestSeries counts on many goroutines and reads all series from the store.
func TestSeries(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	for _, id := range []string{"acme", "other"} {
		if _, _, err := db.PutTenant(t.Context(), id, hook.TenantChange{}); err != nil {
			t.Fatal(err)
		}
	}
	c := New(db, slog.New(slog.DiscardHandler))
	one, two, theirs := hook.NewEndpointID(), hook.NewEndpointID(), hook.NewEndpointID()
	deliveries := []hook.Delivery{
		{Tenant: "acme", Endpoint: one, State: hook.Delivered},
		{Tenant: "acme", Endpoint: two, State: hook.Retrying},
		{Tenant: "other", Endpoint: theirs, State: hook.Failed},
		{Tenant: "gone", Endpoint: hook.NewEndpointID(), State: hook.Failed},
		{Tenant: "acme", Endpoint: one, State: hook.Delivered, Test: true},
	}
	const rounds = 40
	for range 2 { // the second time adds to the first
		var wg sync.WaitGroup
		for i := range rounds {
			wg.Go(func() {
				for j := range deliveries {
					at := time.Duration(i%2) * time.Minute // in the minutes 10:59 and 11:00
					c.Attempted(&deliveries[j], attempt(at, 30*time.Millisecond, ""))
				}
				c.Cancelled(&hook.Delivery{Tenant: "acme", Endpoint: two, State: hook.Cancelled, FinishedAt: start})
				c.Attempted(&hook.Delivery{Tenant: "acme", Endpoint: two, State: hook.Unknown},
					attempt(0, 0, hook.ClassInterrupted))
				c.Attempted(&hook.Delivery{Tenant: "acme", Endpoint: two, State: hook.Retrying},
					attempt(0, time.Second, hook.ClassScriptTimeout))
			})
		}
		wg.Wait()
		c.Flush(t.Context())
	}
	for _, want := range []struct {
		name                                                 string
		tenant                                               string
		endpoint                                             hook.EndpointID
		delivered, retrying, failed, cancelled, unknown, all int64
	}{
		{"one endpoint", "acme", one, 80, 0, 0, 0, 0, 80},
		{"another", "acme", two, 0, 160, 0, 80, 80, 80},
		{"a tenant", "acme", hook.EndpointID{}, 80, 160, 0, 80, 80, 160},
		{"all", "", hook.EndpointID{}, 80, 160, 160, 80, 80, 320},
	} {
		for span, points := range map[hook.StatsSpan]int{hook.StatsMinute: 2, hook.StatsHour: 2} {
			rows, err := db.Stats(t.Context(), want.tenant, want.endpoint, span, start.Add(-time.Hour))
			if err != nil || len(rows) != points {
				t.Errorf("%s: %d rows, %v", want.name, len(rows), err)
				continue
			}
			if at := rows[1].At; !at.Equal(time.Date(2026, 11, 21, 11, 0, 0, 0, time.UTC)) {
				t.Errorf("%s: the second begins at %s", want.name, at)
			}
			sum := rows[0].Tally
			sum.Add(&rows[1].Tally)
			if sum.Delivered != want.delivered || sum.Retrying != want.retrying || sum.Failed != want.failed ||
				sum.Cancelled != want.cancelled || sum.Unknown != want.unknown || sum.Attempts() != want.all {
				t.Errorf("%s: %+v", want.name, sum)
			}
		}
	}
	rows, err := db.Stats(t.Context(), "gone", hook.EndpointID{}, hook.StatsHour, start.Add(-time.Hour))
	if err != nil || len(rows) != 0 {
		t.Errorf("of a tenant that does not exist: %+v, %v", rows, err)
	}
}

// TestDeliveryCountsOnce: a delivery that was sent again counts where it ended last, and nowhere while it is open.
func TestDeliveryCountsOnce(t *testing.T) {
	t.Parallel()
	c := New(nil, slog.New(slog.DiscardHandler))
	minute := func(n int) time.Time { return start.Truncate(time.Minute).Add(time.Duration(n) * time.Minute) }
	ended := func(s hook.State, n int) *hook.Delivery {
		return &hook.Delivery{Tenant: "acme", Endpoint: hook.EndpointID{1}, State: s, FinishedAt: minute(n)}
	}
	open := &hook.Delivery{Tenant: "acme", Endpoint: hook.EndpointID{1}, State: hook.Pending}
	late := &hook.Attempt{StartedAt: minute(0).Add(-time.Millisecond)} // it began and ended a minute before what is stored as the end
	c.Attempted(ended(hook.Failed, 0), late)
	c.Moved(ended(hook.Failed, 0), open)
	c.Attempted(ended(hook.Failed, 3), late)
	c.Moved(ended(hook.Failed, 3), open)
	c.Attempted(ended(hook.Delivered, 4), late)
	c.Cancelled(ended(hook.Cancelled, 1))
	c.Moved(ended(hook.Cancelled, 1), open)
	c.Moved(&hook.Delivery{Tenant: "acme", Endpoint: hook.EndpointID{1}, State: hook.Retrying}, ended(hook.Cancelled, 2)) // skipped
	test := ended(hook.Failed, 0)
	test.Test = true
	c.Moved(test, open)
	for n, want := range []hook.Tally{{}, {}, {Cancelled: 1}, {}, {Delivered: 1}} {
		if got := c.tally("acme", hook.EndpointID{1}, minute(n)); *got != want {
			t.Errorf("minute %d: %+v, want %+v", n, got, want)
		}
	}
}

// flaky is a store that can be made to fail.
type flaky struct {
	mu    sync.Mutex
	fails bool
	sum   hook.Tally
	calls int
	left  int64 // counts of omissions
}

func (m *flaky) AddStats(_ context.Context, rows []hook.StatsRow) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls++
	if m.fails {
		return errors.New("disk full")
	}
	for i := range rows {
		if rows[i].Tenant == "" && rows[i].Span == hook.StatsHour {
			m.sum.Add(&rows[i].Tally)
		}
	}
	return nil
}

func (m *flaky) AddOmissions(_ context.Context, rows []*hook.Omission) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fails {
		return errors.New("disk full")
	}
	for _, o := range rows {
		m.left += o.Count
	}
	return nil
}

// fail makes the store fail or work, and returns what it got so far.
func (m *flaky) fail(yes bool) (calls int, delivered int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fails = yes
	return m.calls, m.sum.Delivered
}

// TestNothingIsLost makes the store fail for a while, and stops the counter.
func TestNothingIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := &flaky{fails: true}
		c := New(db, slog.New(slog.DiscardHandler))
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- c.Run(ctx) }()
		d := &hook.Delivery{Tenant: "acme", State: hook.Delivered}
		c.Attempted(d, attempt(0, time.Second, ""))
		time.Sleep(3 * flushEvery)
		synctest.Wait()
		c.Attempted(d, attempt(0, time.Second, ""))
		if calls, delivered := db.fail(false); calls < 2 || delivered != 0 {
			t.Errorf("tried %d times, stored %d", calls, delivered)
		}
		time.Sleep(2 * flushEvery)
		synctest.Wait()
		if _, delivered := db.fail(false); delivered != 2 {
			t.Errorf("stored %d", delivered)
		}
		c.Attempted(d, attempt(0, time.Second, ""))
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		c.Flush(t.Context())
		c.Flush(t.Context())
		if _, delivered := db.fail(false); delivered != 3 {
			t.Errorf("in the end stored %d", delivered)
		}
	})
}

// TestMemoryIsBounded counts for more endpoints than the counter keeps.
func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	c := New(&flaky{}, slog.New(slog.DiscardHandler))
	for range maxCells + 100 {
		d := hook.Delivery{Tenant: "acme", Endpoint: hook.NewEndpointID(), State: hook.Delivered}
		c.Attempted(&d, attempt(0, time.Second, ""))
	}
	if n := len(c.cells); n != maxCells {
		t.Errorf("%d cells", n)
	}
}

func BenchmarkAttempted(b *testing.B) {
	c := New(&flaky{}, slog.New(slog.DiscardHandler))
	d := &hook.Delivery{Tenant: "acme", Endpoint: hook.NewEndpointID(), State: hook.Delivered}
	a := attempt(0, 30*time.Millisecond, "")
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			c.Attempted(d, a)
		}
	})
}

// omission is one event that was left out: by an endpoint, or because its condition failed.
func omission(tenant, eventType string, id hook.EndpointID, unkept int64, at time.Duration) *hook.Omission {
	return &hook.Omission{
		OmissionKey: hook.OmissionKey{Tenant: tenant, Contract: "shop", Type: eventType, Endpoint: id, Reason: hook.ReasonFilterFailed},
		Count:       1, Unkept: unkept, Examples: []hook.OmissionExample{{At: start.Add(at), Key: eventType}},
	}
}

// What errors left out is in the statistics of the tenant and of all, that of an endpoint in its own, too, and in the list.
func TestOmitted(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		for _, id := range []string{"acme", "other"} {
			if _, _, err := db.PutTenant(t.Context(), id, hook.TenantChange{}); err != nil {
				t.Fatal(err)
			}
		}
		c := New(db, slog.New(slog.DiscardHandler))
		id := hook.NewEndpointID()
		const rounds = 30
		for range 2 {
			var wg sync.WaitGroup
			for range rounds {
				wg.Go(func() {
					c.Omitted(omission("acme", "order.paid", hook.EndpointID{}, 1, 0))
					c.Omitted(omission("acme", "order.paid", hook.EndpointID{}, 1, time.Minute)) // in the next hour
					c.Omitted(omission("acme", "", id, 1, 0))
					c.Omitted(omission("acme", "", id, 0, 0))
					c.Omitted(omission("other", "order.paid", hook.EndpointID{}, 1, 0))
				})
			}
			wg.Wait()
			c.Flush(t.Context())
		}
		for _, want := range []struct {
			tenant             string
			id                 hook.EndpointID
			leftOut, cancelled int64
		}{{"acme", id, 4 * rounds, 2 * rounds}, {"acme", hook.EndpointID{}, 8 * rounds, 2 * rounds}, {"", hook.EndpointID{}, 10 * rounds, 2 * rounds}} {
			for _, span := range []hook.StatsSpan{hook.StatsMinute, hook.StatsHour} {
				rows, err := db.Stats(t.Context(), want.tenant, want.id, span, time.Time{})
				if err != nil {
					t.Fatal(err)
				}
				var sum hook.Tally
				for i := range rows {
					sum.Add(&rows[i].Tally)
				}
				if sum.LeftOut != want.leftOut || sum.Cancelled != want.cancelled {
					t.Errorf("%q %v: %d left out, %d cancelled, want %d, %d", want.tenant, span, sum.LeftOut, sum.Cancelled, want.leftOut, want.cancelled)
				}
			}
		}
		list, _, err := db.Omissions(t.Context(), "acme", hook.OmissionFilter{}, hook.Page{Limit: 9})
		if err != nil || len(list) != 3 {
			t.Fatalf("%+v, %v", list, err)
		}
		for _, o := range list {
			want := int64(2 * rounds)
			if !o.Endpoint.IsZero() {
				want = 4 * rounds
			}
			if o.Count != want || o.Unkept != 2*rounds || len(o.Examples) != hook.MaxOmissionExamples {
				t.Errorf("%+v", o)
			}
		}
	})
}

// While the database is away, what errors left out is added up, and stored when it is back. Memory is bounded.
func TestOmittedWhileAway(t *testing.T) {
	t.Parallel()
	db := &flaky{fails: true}
	var log bytes.Buffer
	c := New(db, slog.New(slog.NewTextHandler(&log, nil)))
	for range 3 {
		c.Omitted(omission("acme", "a", hook.EndpointID{}, 1, 0))
		c.Flush(t.Context())
	}
	db.fail(false)
	c.Flush(t.Context())
	c.Flush(t.Context())
	if db.left != 3 {
		t.Errorf("stored %d", db.left)
	}
	for range maxOmissions + 10 {
		c.Omitted(omission("acme", "", hook.NewEndpointID(), 0, 0))
	}
	if n := len(c.left); n != maxOmissions {
		t.Errorf("%d are in memory", n)
	}
	db.fail(true)
	c.Flush(t.Context())
	c.Omitted(omission("acme", "b", hook.EndpointID{}, 1, 0)) // there is no room beside what is not stored
	log.Reset()
	c.Flush(t.Context())
	if !strings.Contains(log.String(), "level=ERROR") || !strings.Contains(log.String(), "events=1\n") {
		t.Errorf("what was dropped is not logged: %s", &log)
	}
}
