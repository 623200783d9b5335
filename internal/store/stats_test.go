package store

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gancho/internal/hook"
)

// series makes n tallies at intervals of step, newest first; the first one counts until.
func series(tenant string, id hook.EndpointID, until time.Time, span hook.StatsSpan, step time.Duration, n int) (rows []hook.StatsRow) {
	for i := range n {
		row := hook.StatsRow{StatsKey: hook.StatsKey{
			Tenant: tenant, Endpoint: id, Span: span, At: until.Truncate(time.Duration(span)).Add(-time.Duration(i) * step),
		}}
		row.Delivered = int64(i + 1)
		row.Took(time.Duration(i) * time.Millisecond)
		rows = append(rows, row)
	}
	return rows
}

func TestStatsExpire(t *testing.T) { each(t, testStatsExpire) }

func testStatsExpire(t *testing.T, db *DB) {
	addTenants(t, db)
	ctx := t.Context()
	now := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	db.now = func() time.Time { return now }
	id := hook.NewEndpointID()
	const minutes, hours = 2*24*2 + 50, 35*2 + 10 // more than are kept: one every half hour, and one every half day
	for _, rows := range [][]hook.StatsRow{
		series("acme", id, now, hook.StatsMinute, 30*time.Minute, minutes), series("acme", id, now, hook.StatsHour, 12*time.Hour, hours),
		series("globex", hook.EndpointID{}, now, hook.StatsHour, time.Hour, 3),
	} {
		for range 2 { // the second time adds
			if err := db.AddStats(ctx, rows); err != nil {
				t.Fatal(err)
			}
		}
	}
	lengths := func() (n [3]int) {
		for i, q := range []struct {
			tenant string
			id     hook.EndpointID
			span   hook.StatsSpan
		}{{"acme", id, hook.StatsMinute}, {"acme", id, hook.StatsHour}, {"globex", hook.EndpointID{}, hook.StatsHour}} {
			rows, err := db.Stats(ctx, q.tenant, q.id, q.span, time.Time{})
			if err != nil {
				t.Fatal(err)
			}
			n[i] = len(rows)
			last := rows[len(rows)-1]
			if last.Delivered != 2 || last.Attempts() != 2 || last.Times[0] != 2 {
				t.Errorf("%+v", last)
			}
		}
		return n
	}
	if got := lengths(); got != [3]int{minutes, hours, 3} {
		t.Errorf("stored %v", got)
	}
	if _, err := db.Expire(ctx, now.Add(-30*24*time.Hour), 10); err != nil {
		t.Fatal(err)
	}
	if got := lengths(); got != [3]int{2*24*2 + 1, 35*2 + 1, 3} {
		t.Errorf("kept %v", got)
	}
	if rows, err := db.Stats(ctx, "acme", id, hook.StatsMinute, now.Add(-time.Hour)); err != nil || len(rows) != 3 {
		t.Errorf("the last hour has %d, %v", len(rows), err)
	}

	hour := now.Truncate(time.Hour)
	byTenant, err := db.TenantStats(ctx, hook.StatsHour, hour.Add(-time.Hour), hour.Add(time.Hour), 5)
	if err != nil || len(byTenant) != 1 || byTenant[0].Tenant != "globex" || byTenant[0].Delivered != 6 { // acme has rows of an endpoint only
		t.Errorf("by tenant: %+v, %v", byTenant, err)
	}

	// Tallies that come after their tenant was deleted are left out, and none is kept.
	if err := db.DeleteTenant(ctx, "acme"); err != nil {
		t.Fatal(err)
	}
	for more := true; more; {
		var err error
		if more, err = db.Purge(ctx); err != nil {
			t.Fatal(err)
		}
	}
	late := append(series("acme", id, now, hook.StatsMinute, time.Minute, 1), series("globex", id, now, hook.StatsMinute, time.Minute, 1)...)
	if err := db.AddStats(ctx, late); err != nil {
		t.Fatal(err)
	}
	if n := count(t, db, "stats"); n != 4 {
		t.Errorf("%d rows, want those of the other tenant", n)
	}
}

func TestBacklogAndFailing(t *testing.T) { each(t, testBacklogAndFailing) }

func testBacklogAndFailing(t *testing.T, db *DB) {
	addTenants(t, db)
	ctx := t.Context()
	ours, other, theirs := newEndpoint(t, db, "acme"), newEndpoint(t, db, "acme"), newEndpoint(t, db, "globex")
	var all []*hook.Accepted
	for range 3 {
		all = append(all, accepted("acme", "", `1`, ours.ID, other.ID))
	}
	submit(t, db, all...)
	submit(t, db, accepted("globex", "", `1`, theirs.ID))
	d := all[0].Deliveries[0]
	d.State, d.FinishedAt = hook.Delivered, time.Now()
	done := make(chan error, 1)
	db.SaveResult(hook.Result{Delivery: d}, func(err error) { done <- err })
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		tenant   string
		endpoint hook.EndpointID
		limit    int
		want     hook.Backlog
	}{
		{"acme", ours.ID, 10, hook.Backlog{Count: 2}},
		{"acme", other.ID, 3, hook.Backlog{Count: 3}},
		{"acme", other.ID, 2, hook.Backlog{Count: 2, AtLeast: true}},
		{"acme", hook.EndpointID{}, 10, hook.Backlog{Count: 5}},
		{"", hook.EndpointID{}, 10, hook.Backlog{Count: 6}},
		{"globex", ours.ID, 10, hook.Backlog{}},
	} {
		if got, err := db.Backlog(ctx, c.tenant, c.endpoint, c.limit); err != nil || got != c.want {
			t.Errorf("backlog of %s %s to %d: %+v, %v", c.tenant, c.endpoint, c.limit, got, err)
		}
	}

	now := time.Now().UTC().Truncate(time.Microsecond)
	for e, since := range map[*hook.Endpoint]time.Duration{ours: time.Minute, other: time.Hour, theirs: 2 * time.Minute} {
		db.SaveHealth(e.ID, hook.Health{LastRun: now, LastStatus: hook.ClassTimeout, FailingSince: now.Add(-since)})
	}
	if err := db.SetEndpointState(ctx, other.ID, hook.EndpointDisabled, hook.ReasonFailingLong, now); err != nil {
		t.Fatal(err)
	}
	if err := db.Ready(ctx); err != nil { // the health is committed then
		t.Fatal(err)
	}
	names := func(tenant string, limit int) (out []hook.EndpointID) {
		list, err := db.Failing(ctx, tenant, limit)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range list {
			out = append(out, f.Endpoint)
		}
		return out
	}
	if got := names("", 10); len(got) != 3 || got[0] != other.ID || got[1] != theirs.ID || got[2] != ours.ID {
		t.Errorf("failing: %v", got)
	}
	if got := names("acme", 1); len(got) != 1 || got[0] != other.ID {
		t.Errorf("failing of one tenant: %v", got)
	}
	if list, _ := db.Failing(ctx, "acme", 1); list[0].State != hook.EndpointDisabled || list[0].LastStatus != hook.ClassTimeout || !list[0].Since.Equal(now.Add(-time.Hour)) || !list[0].LastRun.Equal(now) {
		t.Errorf("failing: %+v", list[0])
	}
	if err := db.DeleteEndpoint(ctx, "acme", other.ID, hook.Precondition{}); err != nil {
		t.Fatal(err)
	}
	if got := names("acme", 10); len(got) != 1 {
		t.Errorf("a deleted one: %v", got)
	}
}

// TestMoves checks that watchers learn of each delivery that a person or a bulk replay moved, with its earlier end, and of
// nothing that was refused.
func TestMoves(t *testing.T) { each(t, testMoves) }

func testMoves(t *testing.T, db *DB) {
	addTenants(t, db)
	ctx := t.Context()
	e := newEndpoint(t, db, "acme")
	var seen []string
	ended := time.Now().Add(-time.Hour).Truncate(time.Microsecond).UTC()
	db.WatchMoves(func(was, now *hook.Delivery) {
		if was.ID != now.ID || was.Tenant != "acme" || was.Endpoint != e.ID || was.State.Finished() && !was.FinishedAt.Equal(ended) {
			t.Errorf("moved from %+v to %+v", was, now)
		}
		seen = append(seen, string(was.State)+" "+string(now.State))
	})
	put := func(s hook.State) hook.Delivery {
		a := accepted("acme", "", `1`, e.ID)
		submit(t, db, a)
		d := a.Deliveries[0]
		d.State, d.Reason, d.Attempts, d.Slot = s, "status_5xx", 1, 1
		if s.Finished() {
			d.FinishedAt = ended
		} else {
			d.QueueAt, d.NextAttemptAt = time.UnixMicro(1), time.Time{} // it holds the queue
		}
		done := make(chan error, 1)
		db.SaveResult(hook.Result{Delivery: d}, func(err error) { done <- err })
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		return d
	}
	failed := put(hook.Failed)
	for range 2 { // the second time it is refused
		_, err := db.Retry(ctx, "acme", failed.ID, false)
		if want := len(seen) > 1; (err != nil) != want {
			t.Errorf("retry: %v", err)
		}
		seen = append(seen, "retried")
	}
	held := put(hook.Retrying)
	for range 2 {
		_, _ = db.Skip(ctx, "acme", held.ID)
		seen = append(seen, "skipped")
	}
	cancelled := put(hook.Cancelled)
	r := &hook.Recovery{
		ID: hook.NewRecoveryID(), Tenant: "acme", Endpoint: e.ID, Since: time.Now().Add(-time.Hour), Until: time.Now().Add(time.Hour),
		States: []hook.State{hook.Cancelled}, State: hook.RecoveryRunning, CreatedAt: time.Now(),
	}
	if err := db.CreateRecovery(ctx, r); err != nil {
		t.Fatal(err)
	}
	stale := *r
	step := hook.RecoveryStep{Requeue: []hook.DeliveryID{cancelled.ID, failed.ID}, Examined: 2, Cursor: cancelled.ID.Event()}
	if err := db.AdvanceRecovery(ctx, r, step); err != nil || r.Requeued != 1 {
		t.Fatalf("requeued %d, %v", r.Requeued, err)
	}
	if err := db.AdvanceRecovery(ctx, &stale, step); !hook.IsKind(err, hook.KindConflict) {
		t.Fatal(err)
	}
	want := []string{"failed pending", "retried", "retried", "retrying cancelled", "skipped", "skipped", "cancelled pending"}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Errorf("moves (-want +got):\n%s", diff)
	}
}

func TestEndpointCounts(t *testing.T) { each(t, testEndpointCounts) }

func testEndpointCounts(t *testing.T, db *DB) {
	addTenants(t, db)
	ctx, now := t.Context(), time.Now()
	if n, err := db.EndpointCounts(ctx, "", 10); err != nil || n != (hook.EndpointCounts{}) {
		t.Errorf("of none: %+v, %v", n, err)
	}
	var ours [5]*hook.Endpoint
	for i := range ours {
		ours[i] = newEndpoint(t, db, "acme")
	}
	works, fails, stops, waits, gone := ours[0], ours[1], ours[2], ours[3], ours[4]
	newEndpoint(t, db, "globex")
	db.SaveHealth(works.ID, hook.Health{LastRun: now, LastStatus: "200"})
	db.SaveHealth(fails.ID, hook.Health{LastRun: now, LastStatus: hook.ClassTimeout, FailingSince: now})
	for id, state := range map[hook.EndpointID]hook.EndpointState{stops.ID: hook.EndpointDisabled, waits.ID: hook.EndpointPaused} {
		if err := db.SetEndpointState(ctx, id, state, hook.ReasonByPerson, now); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.DeleteEndpoint(ctx, "acme", gone.ID, hook.Precondition{}); err != nil {
		t.Fatal(err)
	}
	if err := db.Ready(ctx); err != nil { // the health is committed then
		t.Fatal(err)
	}
	for _, c := range []struct {
		tenant string
		limit  int
		want   hook.EndpointCounts
	}{
		{"acme", 10, hook.EndpointCounts{All: 4, Paused: 1, Disabled: 1, Failing: 1}},
		{"globex", 10, hook.EndpointCounts{All: 1, Unused: 1}},
		{"", 5, hook.EndpointCounts{All: 5, Paused: 1, Disabled: 1, Failing: 1, Unused: 1}},
	} {
		if got, err := db.EndpointCounts(ctx, c.tenant, c.limit); err != nil || got != c.want {
			t.Errorf("of %q: %+v, %v", c.tenant, got, err)
		}
	}
	if got, err := db.EndpointCounts(ctx, "acme", 3); err != nil || got.All != 3 || !got.AtLeast {
		t.Errorf("more than the limit: %+v, %v", got, err)
	}
}

// TestStatsReadIndexes checks that no query of the statistics reads a whole table.
func TestStatsReadIndexes(t *testing.T) {
	t.Parallel()
	db := open(t)
	for text, want := range map[string]string{
		`SELECT COUNT(*) FROM (SELECT 1 FROM deliveries WHERE due_at IS NOT NULL LIMIT 9) AS found`:                                                               "deliveries_due",
		`SELECT COUNT(*) FROM (SELECT 1 FROM deliveries WHERE due_at IS NOT NULL AND endpoint IN (SELECT id FROM endpoints WHERE tenant = 'a') LIMIT 9) AS found`: "deliveries_due",
		`SELECT COUNT(*) FROM (SELECT 1 FROM deliveries WHERE due_at IS NOT NULL AND endpoint = x'00' AND tenant || '' = 'a' LIMIT 9) AS found`:                   "deliveries_due",
		`SELECT id FROM endpoints WHERE failing_since IS NOT NULL AND state <> 'deleted' AND tenant = 'a' ORDER BY failing_since LIMIT 9`:                         "endpoints_failing",
		`SELECT id FROM endpoints WHERE failing_since IS NOT NULL AND state <> 'deleted' ORDER BY failing_since LIMIT 9`:                                          "endpoints_failing",
		`SELECT tenant, SUM(failed) FROM stats WHERE span = 60 AND at >= 1 AND at < 2 AND endpoint = x'00' AND tenant <> '' GROUP BY tenant`:                      "stats_by_age",
		`SELECT COUNT(*) FROM (SELECT state FROM endpoints WHERE state <> 'deleted' AND tenant = 'a' LIMIT 9) AS found`:                                           "endpoints_",
		strings.NewReplacer("$1", "9", "$2", "9").Replace(expireStats(time.Now())[0].query):                                                                       "stats_by_age",
	} {
		rows, err := db.read.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+text)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		var plan strings.Builder
		for rows.Next() {
			var id, parent, unused int
			var detail string
			if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
				t.Fatal(err)
			}
			plan.WriteString(detail + "\n")
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(plan.String(), want) {
			t.Errorf("%s:\n%s", text, plan.String())
		}
	}
}
