package quota

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"strings"
	"testing"
	"time"

	"gancho/internal/hook"
	"gancho/internal/store"
	"gancho/internal/storetest"
	"gancho/internal/transform"
)

// clock is a clock that a test moves.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

var noon = time.Date(2026, 2, 27, 12, 0, 0, 0, time.UTC)

// newKeeper is a keeper on a database with the tenant acme, at noon of 27 February.
func newKeeper(t *testing.T, db *store.DB, defaults hook.Limits) (*Keeper, *clock) {
	t.Helper()
	k := New(db, defaults, slog.New(slog.NewTextHandler(t.Output(), nil)))
	c := &clock{noon}
	k.now = c.now
	db.Watch(k.Changed)
	return k, c
}

func setLimits(t *testing.T, db *store.DB, l hook.Limits) {
	t.Helper()
	if _, _, err := db.PutTenant(t.Context(), "acme", hook.TenantChange{Limits: &l}); err != nil {
		t.Fatal(err)
	}
}

// publish admits n events and counts them; it returns the code of the refusal, "" if there was none.
func publish(t *testing.T, k *Keeper, key *hook.Key, n int, bytes int64) (hook.Allowance, *hook.Error) {
	t.Helper()
	left, err := k.Admit(t.Context(), "acme", key, hook.QuotaAsk{Items: n, Events: n, Bytes: bytes})
	if err == nil {
		k.Count("acme", key, n, bytes)
		return left, nil
	}
	refused, ok := errors.AsType[*hook.Error](err)
	if !ok || refused.Kind != hook.KindLimited || refused.RetryAfter <= 0 {
		t.Fatalf("refused with %v", err)
	}
	return left, refused
}

func TestRate(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	setLimits(t, db, hook.Limits{EventsPerSecond: 10})
	k, c := newKeeper(t, db, hook.Limits{})
	if left, refused := publish(t, k, nil, 60, 0); refused != nil || left != (hook.Allowance{Limit: 100, Remaining: 40, Reset: 6 * time.Second}) {
		t.Fatalf("60 events: %+v, %v", left, refused)
	}
	if left, refused := publish(t, k, nil, 140, 0); refused != nil || left.Remaining != 0 {
		t.Fatalf("a batch is taken whole while anything is left: %+v, %v", left, refused)
	}
	left, refused := publish(t, k, nil, 1, 0)
	if refused == nil || refused.Code != "rate_limited" || left.Remaining != 0 || left.Limit != 100 {
		t.Fatalf("one too many: %+v, %v", left, refused)
	}
	c.at = c.at.Add(refused.RetryAfter - time.Millisecond)
	if _, refused := publish(t, k, nil, 1, 0); refused == nil {
		t.Error("admitted before the time that was named")
	}
	c.at = c.at.Add(time.Millisecond)
	if _, refused := publish(t, k, nil, 1, 0); refused != nil {
		t.Errorf("refused at the time that was named: %v", refused)
	}
	setLimits(t, db, hook.Limits{})
	if left, refused := publish(t, k, nil, 100_000, 0); refused != nil || left != (hook.Allowance{}) {
		t.Errorf("without a limit: %+v, %v", left, refused)
	}
}

// The limits of a month count events and bytes, over restarts and nodes, and end with the month.
func TestMonth(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		setLimits(t, db, hook.Limits{EventsPerMonth: 100, BytesPerMonth: 1000})
		k, c := newKeeper(t, db, hook.Limits{})
		if left, refused := publish(t, k, nil, 60, 300); refused != nil || left.Remaining > 100 {
			t.Fatalf("%+v, %v", left, refused)
		}
		if _, refused := publish(t, k, nil, 41, 0); refused == nil || refused.Code != "quota_used_up" ||
			!strings.Contains(refused.Detail, "40 are left") {
			t.Fatalf("more than is left: %v", refused)
		}
		k.Flush(t.Context())
		other, at := newKeeper(t, db, hook.Limits{}) // another node, or this one after a restart
		if _, refused := publish(t, other, nil, 41, 0); refused == nil {
			t.Error("another node does not know what was counted here")
		}
		if _, refused := publish(t, other, nil, 40, 100); refused != nil {
			t.Errorf("the rest, on another node: %v", refused)
		}
		other.Flush(t.Context())
		k.Flush(t.Context())
		if left, refused := publish(t, k, nil, 1, 0); refused == nil || left.Remaining != 0 {
			t.Errorf("this node does not know what was counted on another: %+v", left)
		}
		use, err := k.Usage(t.Context(), "acme")
		if err != nil || use.Events != 100 || use.Bytes != 400 || use.Limits.EventsPerMonth != 100 {
			t.Errorf("usage: %+v, %v", use, err)
		}
		c.at = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
		at.at = c.at
		if _, refused := publish(t, k, nil, 100, 0); refused != nil {
			t.Errorf("in the next month: %v", refused)
		}
		if _, refused := publish(t, k, nil, 0, 1001); refused == nil || !strings.Contains(refused.Detail, "bytes") {
			t.Errorf("too many bytes: %v", refused)
		}
		for _, month := range []struct {
			at     time.Time
			events int64
		}{{noon, 100}, {c.at, 100}} {
			k.Flush(t.Context())
			use, err := db.QuotaUsed(t.Context(), hook.QuotaUser{Tenant: "acme"}, hook.QuotaMonth(month.at))
			if err != nil || use.Events != month.events {
				t.Errorf("stored for %s: %+v, %v", month.at.Month(), use, err)
			}
		}
	})
}

// What was counted before midnight of the last day belongs to the month that ended.
func TestMonthEndsBeforeFlush(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	setLimits(t, db, hook.Limits{EventsPerMonth: 100})
	k, c := newKeeper(t, db, hook.Limits{})
	publish(t, k, nil, 7, 0)
	c.at = time.Date(2026, 3, 1, 0, 0, 1, 0, time.UTC)
	publish(t, k, nil, 5, 0)
	k.Flush(t.Context())
	for month, want := range map[time.Time]int64{noon: 7, c.at: 5} {
		use, err := db.QuotaUsed(t.Context(), hook.QuotaUser{Tenant: "acme"}, hook.QuotaMonth(month))
		if err != nil || use.Events != want {
			t.Errorf("%s: %+v, %v; want %d events", month.Month(), use, err, want)
		}
	}
}

// A key has limits of its own, beside those of its tenant.
func TestKey(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	setLimits(t, db, hook.Limits{EventsPerSecond: 1000})
	k, _ := newKeeper(t, db, hook.Limits{})
	slow := &hook.Key{ID: hook.KeyID(hook.NewID()), Tenant: "acme", Limits: hook.Limits{EventsPerSecond: 1, EventsPerMonth: 15}}
	if left, refused := publish(t, k, slow, 10, 0); refused != nil || left.Limit != 10 || left.Remaining != 0 {
		t.Fatalf("%+v, %v", left, refused)
	}
	if _, refused := publish(t, k, slow, 1, 0); refused == nil || !strings.HasPrefix(refused.Detail, "This API key") {
		t.Errorf("one too many by the key: %v", refused)
	}
	if _, refused := publish(t, k, &hook.Key{ID: hook.KeyID(hook.NewID()), Tenant: "acme"}, 100, 0); refused != nil {
		t.Errorf("another key: %v", refused)
	}
}

// What a key's limit refuses is not taken from the rate of its tenant.
func TestRefusedByKeyTakesNothing(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	setLimits(t, db, hook.Limits{EventsPerSecond: 10})
	k, _ := newKeeper(t, db, hook.Limits{})
	slow := &hook.Key{ID: hook.KeyID(hook.NewID()), Tenant: "acme", Limits: hook.Limits{EventsPerMonth: 1}}
	for range 5 {
		if _, refused := publish(t, k, slow, 90, 0); refused == nil {
			t.Fatal("more than the key may publish")
		}
	}
	if left, refused := publish(t, k, nil, 1, 0); refused != nil || left.Remaining != 99 {
		t.Errorf("the tenant: %+v, %v", left, refused)
	}
}

// A rate that is higher than a clock can tell apart limits nothing, and breaks nothing.
func TestHighRate(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	setLimits(t, db, hook.Limits{EventsPerSecond: math.MaxInt})
	k, _ := newKeeper(t, db, hook.Limits{})
	if _, refused := publish(t, k, nil, 100_000, 0); refused != nil {
		t.Error(refused)
	}
}

// hanging is a store in which reading what the tenant acme used takes until it is let go.
type hanging struct {
	*store.DB
	asked, letGo chan struct{}
}

func (h *hanging) QuotaUsed(ctx context.Context, u hook.QuotaUser, month time.Time) (hook.QuotaUse, error) {
	if u.Tenant == "acme" {
		h.asked <- struct{}{}
		<-h.letGo
	}
	return h.DB.QuotaUsed(ctx, u, month)
}

// While the database does not answer for one tenant, the others go on.
func TestSlowRead(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	setLimits(t, db, hook.Limits{EventsPerMonth: 10})
	h := &hanging{db, make(chan struct{}), make(chan struct{})}
	k := New(h, hook.Limits{}, slog.New(slog.NewTextHandler(t.Output(), nil)))
	first := make(chan error)
	go func() {
		_, err := k.Admit(t.Context(), "acme", nil, hook.QuotaAsk{Items: 1, Events: 1})
		first <- err
	}()
	<-h.asked
	done := make(chan struct{})
	go func() {
		k.Flush(t.Context())
		k.Count("beta", nil, 1, 0)
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Error("another tenant waits for a minute")
	}
	close(h.letGo)
	if err := <-first; err != nil {
		t.Error(err)
	}
	<-done
}

// A clock that goes a day ahead, into the next month, and is put back counts each event once, for the month that the
// clock said, and the limit of each month holds.
func TestClockOfAnotherMonth(t *testing.T) {
	t.Parallel()
	for _, flush := range []bool{false, true} {
		db := storetest.Open(t)
		setLimits(t, db, hook.Limits{EventsPerMonth: 100})
		k, c := newKeeper(t, db, hook.Limits{})
		february := time.Date(2026, 2, 28, 12, 0, 0, 0, time.UTC)
		march := february.Add(24 * time.Hour)
		for _, step := range []struct {
			at time.Time
			n  int
		}{{february, 30}, {march, 20}, {february, 70}, {march, 80}} {
			c.at = step.at
			if _, refused := publish(t, k, nil, step.n, 0); refused != nil {
				t.Errorf("%d events on %s: %v", step.n, step.at, refused)
			}
			if flush {
				k.Flush(t.Context())
			}
		}
		for _, at := range []time.Time{february, march} {
			c.at = at
			if _, refused := publish(t, k, nil, 1, 0); refused == nil {
				t.Errorf("one event too many on %s", at)
			}
			k.Flush(t.Context())
			use, err := db.QuotaUsed(t.Context(), hook.QuotaUser{Tenant: "acme"}, hook.QuotaMonth(at))
			if err != nil || use.Events != 100 {
				t.Errorf("stored for %s: %+v, %v", at.Month(), use, err)
			}
		}
	}
}

// While the database cannot be read, nobody is refused, and nothing that was counted is lost.
func TestOutage(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	setLimits(t, db, hook.Limits{EventsPerMonth: 10})
	k, _ := newKeeper(t, db, hook.Limits{})
	if _, err := k.limits.Get(t.Context(), "acme"); err != nil {
		t.Fatal(err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := k.Admit(gone, "acme", nil, hook.QuotaAsk{Items: 11, Events: 11}); err != nil {
		t.Errorf("refused although nobody knows what was used: %v", err)
	}
	k.Count("acme", nil, 4, 0)
	k.Flush(gone)
	k.Flush(t.Context())
	if use, err := k.Usage(t.Context(), "acme"); err != nil || use.Events != 4 {
		t.Errorf("after the outage: %+v, %v", use, err)
	}
}

// A tenant whose scripts have used up their time runs no more of them for a while; other
// tenants do.
func TestScripts(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	setLimits(t, db, hook.Limits{ScriptMSPerMinute: 100})
	if _, _, err := db.PutTenant(t.Context(), "beta", hook.TenantChange{}); err != nil {
		t.Fatal(err)
	}
	k, c := newKeeper(t, db, hook.Limits{})
	scripts := k.Scripts(new(transform.Pool))
	for range 3 {
		if wait := k.admitScript(t.Context(), "acme"); wait > 0 {
			t.Fatalf("nothing was used up, and it has to wait %s", wait)
		}
		scripts.Ran("acme", 50*time.Millisecond) // the pool calls this after each run
	}
	_, err := scripts.Run(t.Context(), "ep", "source", transform.Input{Tenant: "acme"})
	refused, ok := errors.AsType[*hook.Error](err)
	if !ok || refused.Kind != hook.KindUnavailable || refused.Code != "script_time_used_up" || refused.RetryAfter != 30*time.Second {
		t.Fatalf("150 of 100 ms used: %v", err)
	}
	if wait := k.admitScript(t.Context(), "beta"); wait > 0 {
		t.Errorf("another tenant has to wait %s", wait)
	}
	c.at = c.at.Add(refused.RetryAfter)
	if wait := k.admitScript(t.Context(), "acme"); wait > 0 {
		t.Errorf("after the time that was named it has to wait %s", wait)
	}
}

// What was counted for a tenant that was deleted meanwhile is not stored: nothing of it stays.
func TestDeletedTenant(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		setLimits(t, db, hook.Limits{})
		k, _ := newKeeper(t, db, hook.Limits{})
		publish(t, k, nil, 3, 30)
		if err := db.DeleteTenant(t.Context(), "acme"); err != nil {
			t.Fatal(err)
		}
		k.Flush(t.Context())
		if use, err := db.QuotaUsed(t.Context(), hook.QuotaUser{Tenant: "acme"}, hook.QuotaMonth(noon)); err != nil || use.Events > 0 {
			t.Errorf("stored after the deletion: %+v, %v", use, err)
		}
	})
}
