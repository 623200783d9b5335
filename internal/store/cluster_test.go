package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"gancho/internal/hook"
	"gancho/internal/pgtest"
)

// twoNodes are two stores on one database.
func twoNodes(t *testing.T) (a, b *DB) {
	t.Helper()
	o := Options{URL: pgtest.Database(t, Migrate), Key: make([]byte, 32)}
	return run(t, o), run(t, o)
}

func join(t *testing.T, db *DB, name string, lease time.Duration) int64 {
	t.Helper()
	epoch, err := db.Cluster().Join(t.Context(), name, lease, false)
	if err != nil {
		t.Fatal(err)
	}
	return epoch
}

// After a node was evicted, nothing of it is written any more, and what its successor wrote
// stays.
func TestFence(t *testing.T) {
	t.Parallel()
	a, b := twoNodes(t)
	addTenants(t, a)
	old := join(t, a, "", time.Microsecond)
	fresh := join(t, b, "", time.Hour)
	if got, err := a.Cluster().Take(t.Context(), old, []int{1, 2, 3}); err != nil || len(got) != 3 {
		t.Fatal(got, err)
	}
	ep := hook.NewEndpointID()
	ev := accepted("acme", "", `1`, ep)
	submit(t, a, ev)
	d := ev.Deliveries[0]
	if got, err := b.Cluster().Take(t.Context(), fresh, []int{2}); err != nil || len(got) != 0 {
		t.Errorf("took %v of a node that has not been evicted: %v", got, err)
	}
	if err := b.Cluster().Evict(t.Context(), []int64{old, fresh}); err != nil { // its own lease holds
		t.Fatal(err)
	}
	view, err := b.Cluster().Heartbeat(t.Context(), fresh, time.Hour)
	if err != nil || !slices.Equal(view.Alive, []int64{fresh}) || len(view.Expired) != 0 || view.Owner != [hook.Slots]int64{} {
		t.Errorf("after the eviction: %+v, %v", view, err)
	}
	d.State, d.Attempts, d.FinishedAt = hook.Delivered, 1, time.Now()
	write := func(db *DB, epoch int64) error {
		done := make(chan error, 1)
		db.SaveResult(hook.Result{Delivery: d, Epoch: epoch, Attempt: &hook.Attempt{Delivery: d.ID, Number: 1}}, func(err error) { done <- err })
		return <-done
	}
	if err := write(a, old); !errors.Is(err, hook.ErrFenced) {
		t.Errorf("a result: %v", err)
	}
	if err := a.Intend(hook.Result{Delivery: d, Epoch: old}); !errors.Is(err, hook.ErrFenced) {
		t.Errorf("an intent: %v", err)
	}
	if _, err := a.Submit(hook.Submission{Tenant: "acme", Items: []*hook.Accepted{accepted("acme", "", `2`)}}, time.Hour); !hook.IsKind(err, hook.KindUnavailable) {
		t.Errorf("an event: %v", err)
	}
	if _, err := a.Cluster().Heartbeat(t.Context(), old, time.Hour); !errors.Is(err, hook.ErrFenced) {
		t.Errorf("a beat: %v", err)
	}
	if got, err := b.Delivery(t.Context(), "acme", d.ID); err != nil || got.State != hook.Pending {
		t.Errorf("the delivery is %s, %v", got.State, err)
	}
	// It joins again. What was handed in before is refused all the same.
	again := join(t, a, "", time.Hour)
	if err := write(a, old); !errors.Is(err, hook.ErrFenced) {
		t.Errorf("an old result in the new epoch: %v", err)
	}
	if err := write(a, again); err != nil {
		t.Error(err)
	}
	submit(t, a, accepted("acme", "", `3`))
	if n := count(t, b, "events"); n != 2 {
		t.Errorf("%d events, want 2", n)
	}
}

// An eviction waits for the commit that is under way.
func TestFenceWaits(t *testing.T) {
	t.Parallel()
	a, b := twoNodes(t)
	epoch := join(t, a, "", time.Microsecond)
	under, err := a.read.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := under.Exec(`SELECT 1 FROM nodes WHERE epoch = $1 FOR KEY SHARE`, epoch); err != nil {
		t.Fatal(err)
	}
	evicted := make(chan error, 1)
	go func() { evicted <- b.Cluster().Evict(context.WithoutCancel(t.Context()), []int64{epoch}) }()
	blocked := func() (yes bool) {
		if err := b.read.QueryRow(`SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')`).Scan(&yes); err != nil {
			t.Error(err)
		}
		return yes
	}
	for deadline := time.Now().Add(time.Minute); !blocked(); {
		select {
		case err := <-evicted:
			t.Fatalf("it did not wait: %v", err)
		default:
		}
		if time.Now().After(deadline) {
			t.Fatal("it neither waits nor ends")
		}
	}
	if err := under.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := <-evicted; err != nil {
		t.Error(err)
	}
}

// A process that is suspended while it sends a transaction holds locks. The node that evicts
// it ends the transaction.
func TestEvictHalfway(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		statements []string
		restarts   bool // the node itself comes back under its name
	}{
		"a batch":            {[]string{`SELECT 1 FROM nodes WHERE epoch = $1::bigint FOR KEY SHARE`}, false},
		"a batch, same name": {[]string{`SELECT 1 FROM nodes WHERE epoch = $1::bigint FOR KEY SHARE`}, true},
		"a change":           {[]string{fmt.Sprintf(`SELECT pg_advisory_xact_lock(%d), $1::bigint`, int64(lockChanges))}, false},
		"the end of a schedule": {[]string{
			fmt.Sprintf(`SELECT pg_advisory_xact_lock(%d), $1::bigint`, int64(lockChanges)),
			`SELECT 1 FROM nodes WHERE epoch = $1::bigint FOR KEY SHARE`,
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, b := twoNodes(t)
			epoch := join(t, a, "stopped", time.Microsecond)
			if _, err := a.Cluster().Take(t.Context(), epoch, []int{4}); err != nil {
				t.Fatal(err)
			}
			halfway(t, b, epoch, c.statements)
			if c.restarts {
				join(t, b, "stopped", time.Hour)
			} else if err := b.Cluster().Evict(t.Context(), []int64{epoch}); err != nil {
				t.Fatal(err)
			}
			fresh := join(t, b, "", time.Hour)
			if got, err := b.Cluster().Take(t.Context(), fresh, []int{4}); err != nil || len(got) != 1 {
				t.Errorf("took %v, %v", got, err)
			}
		})
	}
}

// halfway sends statements as a node does, but only the beginning of the last one. It returns
// after the server has run the others.
func halfway(t *testing.T, db *DB, epoch int64, statements []string) {
	t.Helper()
	conn, err := pgconn.ConnectConfig(t.Context(), &db.cluster.p.pool.Config().ConnConfig.Config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Conn().Close() }) // its server may have closed it
	var sent []byte
	for _, query := range append([]string{`SELECT set_config('application_name', $1, true)`}, statements...) {
		arg := fmt.Append(nil, epoch)
		if sent == nil {
			arg = []byte(workOf(epoch))
		}
		for _, m := range []pgproto3.FrontendMessage{
			&pgproto3.Parse{Query: query}, &pgproto3.Bind{Parameters: [][]byte{arg}}, &pgproto3.Execute{},
		} {
			if sent, err = m.Encode(sent); err != nil {
				t.Fatal(err)
			}
		}
	}
	half, err := (&pgproto3.Parse{Query: `SELECT 'the rest'`}).Encode(nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Conn().Write(append(sent, half[:9]...)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the server has run what it was sent", func() (done bool) {
		if err := db.read.QueryRow(`SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE pid = $1 AND application_name = $2 AND wait_event = 'ClientRead' AND query = $3)`,
			conn.PID(), workOf(epoch), statements[len(statements)-1]).Scan(&done); err != nil {
			t.Fatal(err)
		}
		return done
	})
}

// eventually waits until a condition is true, as long as a busy machine may need.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !is(); {
		if time.Now().After(deadline) {
			t.Fatalf("not so: %s", what)
		}
		time.Sleep(5 * time.Millisecond) //policy:allow time.Sleep: polls the server, with a deadline
	}
}

// holdChanges takes the lock of changes, as a change does that takes long.
func holdChanges(t *testing.T, db *DB) *sql.Tx {
	t.Helper()
	busy, err := db.read.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = busy.Rollback() }) // after the end it does nothing
	if err := lock(t.Context(), busy, lockChanges, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := busy.Exec(`SET LOCAL idle_in_transaction_session_timeout = 0`); err != nil {
		t.Fatal(err)
	}
	return busy
}

// changeWaits reports whether a change waits for the lock of changes.
func changeWaits(t *testing.T, db *DB) (yes bool) {
	t.Helper()
	if err := db.read.QueryRow(`SELECT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
		AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))`).Scan(&yes); err != nil {
		t.Fatal(err)
	}
	return yes
}

// While a process joins again nothing is written, since it belongs to neither epoch.
func TestNothingWhileJoining(t *testing.T) {
	t.Parallel()
	a, b := twoNodes(t)
	addTenants(t, a)
	join(t, a, "", time.Hour)
	busy := holdChanges(t, b)
	joined := make(chan error, 1)
	go func() {
		_, err := a.Cluster().Join(context.WithoutCancel(t.Context()), "", time.Hour, false)
		joined <- err
	}()
	eventually(t, "the node is joining", func() bool { return changeWaits(t, b) })
	_, err := a.Submit(hook.Submission{Tenant: "acme", Items: []*hook.Accepted{accepted("acme", "", `1`)}}, time.Hour)
	if !hook.IsKind(err, hook.KindUnavailable) {
		t.Errorf("an event was taken in by no node: %v", err)
	}
	if err := busy.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := <-joined; err != nil {
		t.Fatal(err)
	}
	submit(t, a, accepted("acme", "", `2`))
}

// A node that starts again under its name gets its work back at once.
func TestSameName(t *testing.T) {
	t.Parallel()
	a, _ := twoNodes(t)
	first := join(t, a, "n", time.Hour)
	if _, err := a.Cluster().Take(t.Context(), first, []int{7}); err != nil {
		t.Fatal(err)
	}
	second := join(t, a, "n", time.Hour)
	if got, err := a.Cluster().Take(t.Context(), second, []int{7}); err != nil || len(got) != 1 {
		t.Errorf("took %v, %v", got, err)
	}
	if err := a.Cluster().Give(t.Context(), second, []int{7}); err != nil {
		t.Fatal(err)
	}
	if err := a.Cluster().Leave(t.Context(), second); err != nil {
		t.Fatal(err)
	}
	if n := count(t, a, "nodes"); n != 0 {
		t.Errorf("%d nodes are left", n)
	}
}

// Other nodes read what one node changes, and nodes without notifications read which of
// their endpoints have work.
func TestSignals(t *testing.T) {
	t.Parallel()
	a, b := twoNodes(t)
	last, err := b.Cluster().LastSignal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	addTenants(t, a)
	e := newEndpoint(t, a, "acme")
	a.SaveHealth(e.ID, hook.Health{LastRun: time.Now(), LastStatus: "timeout"}) // no change of configuration
	if err := a.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := a.SetEndpointState(t.Context(), e.ID, hook.EndpointPaused, "", time.Now()); err != nil {
		t.Fatal(err)
	}
	key := hook.Key{ID: hook.NewKeyID(), Hash: [32]byte{1}}
	if err := errors.Join(a.CreateKey(t.Context(), key), a.DeleteKey(t.Context(), key.ID)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := a.PutContract(t.Context(), "x", []byte("x"), hook.ContractPosted, hook.Precondition{}); err != nil {
		t.Fatal(err)
	}
	if err := a.Cluster().NotifyWork(t.Context(), []hook.EndpointID{e.ID}, true); err != nil {
		t.Fatal(err)
	}
	list, now, err := b.Cluster().Signals(t.Context(), last)
	if err != nil {
		t.Fatal(err)
	}
	if again, _, err := b.Cluster().Signals(t.Context(), now); err != nil || len(again) != 0 {
		t.Errorf("read twice: %+v, %v", again, err)
	}
	for ago, anything := range map[time.Duration]bool{29 * time.Minute: false, 31 * time.Minute: true} {
		old := hook.SignalsRead{Number: now.Number, At: now.At.Add(-ago)}
		list, _, err := b.Cluster().Signals(t.Context(), old)
		if got := len(list) == 1 && list[0].Anything; err != nil || got != anything {
			t.Errorf("after %s: %+v, %v", ago, list, err)
		}
	}
	changed := hook.Change{Tenant: "acme", Endpoint: e.ID}
	want := []hook.Signal{
		{Change: hook.Change{Tenant: "acme"}},
		{Change: hook.Change{Tenant: "globex"}},
		{Change: changed},
		{Change: changed},
		{Change: hook.Change{Key: key.ID}},
		{Change: hook.Change{Contract: "x"}},
		{Work: true, Change: hook.Change{Endpoint: e.ID}},
	}
	if diff := cmp.Diff(want, list); diff != "" {
		t.Errorf("signals (-want +got):\n%s", diff)
	}
}

// endRun ends a run of a schedule that made an event for an endpoint.
func endRun(t *testing.T, db *DB, ep hook.EndpointID) *hook.RunEnd {
	t.Helper()
	it := accepted("acme", "", `[]`, ep)
	end := &hook.RunEnd{
		ScheduleName: hook.ScheduleName{Tenant: "acme", Contract: "shop", Type: "open"},
		Run:          hook.ScheduleRun{At: time.Now(), State: hook.RunSent, Event: it.Event.ID, Manual: true},
	}
	if _, err := db.Submit(hook.Submission{Tenant: "acme", RunEnd: end, Items: []*hook.Accepted{it}}, time.Hour); err != nil {
		t.Error(err)
	}
	return end
}

// A newer snapshot gives a signal for each delivery of the older one.
func TestSupersededSignal(t *testing.T) {
	t.Parallel()
	a, b := twoNodes(t)
	addTenants(t, a)
	ep := hook.NewEndpointID()
	first := endRun(t, a, ep)
	last, err := b.Cluster().LastSignal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	endRun(t, a, ep)
	list, _, err := b.Cluster().Signals(t.Context(), last)
	if err != nil {
		t.Fatal(err)
	}
	want := []hook.Signal{{Superseded: first.Run.Event.Delivery(1), Change: hook.Change{Endpoint: ep}}}
	if diff := cmp.Diff(want, list); diff != "" {
		t.Errorf("signals (-want +got):\n%s", diff)
	}
}

// Claims are measured by the clock of the database, whatever the clocks of the nodes say.
func TestClaimClock(t *testing.T) {
	t.Parallel()
	a, b := twoNodes(t)
	addTenants(t, a)
	ahead, behind := a, b
	ahead.now = func() time.Time { return time.Now().Add(time.Hour) }
	behind.now = func() time.Time { return time.Now().Add(-time.Hour) }
	later := hook.Schedule{ScheduleName: hook.ScheduleName{Tenant: "acme", Contract: "c", Type: "later"}, Rhythm: "1h", Start: time.Now(), NextAt: time.Now().Add(30 * time.Minute)}
	due := hook.Schedule{ScheduleName: hook.ScheduleName{Tenant: "acme", Contract: "c", Type: "due"}, Rhythm: "1h", Start: time.Now(), NextAt: time.Now().Add(-time.Minute)}
	if err := a.ArrangeSchedules(t.Context(), []hook.Schedule{later, due}); err != nil {
		t.Fatal(err)
	}
	if wait, any, err := behind.NextSchedule(t.Context()); err != nil || !any || wait != 0 {
		t.Errorf("%v %v %v until the next", wait, any, err)
	}
	list, _, err := behind.ClaimSchedules(t.Context(), "single", time.Minute, 9)
	if err != nil || len(list) != 1 || list[0].ScheduleName != due.ScheduleName {
		t.Errorf("claimed %+v, %v", list, err)
	}
	if list, _, err := ahead.ClaimSchedules(t.Context(), "single", time.Minute, 9); err != nil || len(list) != 0 {
		t.Errorf("claimed %+v, %v", list, err)
	}
}

// The end of a run waits for changes of other nodes, and batches do not wait for it.
func TestRunEndsBeside(t *testing.T) {
	t.Parallel()
	a, b := twoNodes(t)
	addTenants(t, a)
	busy := holdChanges(t, b)
	ended := make(chan struct{})
	go func() { defer close(ended); endRun(t, a, hook.NewEndpointID()) }()
	eventually(t, "the end of the run waits", func() bool { return changeWaits(t, b) })
	submit(t, a, accepted("acme", "", `1`))
	if err := a.Ready(t.Context()); err != nil {
		t.Error(err)
	}
	select {
	case <-ended:
		t.Error("the run ended without the lock of changes")
	default:
	}
	if err := busy.Rollback(); err != nil {
		t.Error(err)
	}
	<-ended
	if n := count(t, b, "events"); n != 2 {
		t.Errorf("%d events, want 2", n)
	}
}

// Notifications arrive on a direct connection.
func TestHear(t *testing.T) {
	t.Parallel()
	a, b := twoNodes(t)
	if mustPoll, err := b.Cluster().MustPoll(t.Context()); mustPoll || err != nil {
		t.Fatalf("it must poll: %v, %v", mustPoll, err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ready, changed, work := make(chan struct{}, 9), make(chan struct{}, 9), make(chan []hook.EndpointID, 9)
	ended := make(chan error, 1)
	go func() {
		ended <- b.Cluster().Listen(ctx, func(ids []hook.EndpointID) { work <- ids }, func() { changed <- struct{}{} }, func() { ready <- struct{}{} })
	}()
	<-ready
	newTenant(t, a, "acme")
	<-changed
	ids := []hook.EndpointID{hook.NewEndpointID(), hook.NewEndpointID()}
	if err := a.Cluster().NotifyWork(t.Context(), ids, false); err != nil {
		t.Fatal(err)
	}
	if got := <-work; !slices.Equal(got, ids) {
		t.Errorf("heard of %v, want %v", got, ids)
	}
	stop()
	if err := <-ended; err == nil {
		t.Error("it ended without a reason")
	}
}

// Other nodes learn at once that somebody watches at one node, and it ends after a while.
func TestWatched(t *testing.T) {
	t.Parallel()
	a, b := twoNodes(t)
	epochs := map[*DB]int64{a: join(t, a, "", time.Hour), b: join(t, b, "", time.Hour)}
	ctx, stop := context.WithCancel(t.Context())
	ready, changed, ended := make(chan struct{}, 9), make(chan struct{}, 9), make(chan error, 1)
	go func() {
		ended <- a.Cluster().Listen(ctx, func([]hook.EndpointID) {}, func() { changed <- struct{}{} }, func() { ready <- struct{}{} })
	}()
	<-ready
	knows := func(db *DB) bool {
		t.Helper()
		view, err := db.Cluster().Heartbeat(t.Context(), epochs[db], time.Hour)
		_, now, err2 := db.Cluster().Signals(t.Context(), view.Signals)
		if err := errors.Join(err, err2); err != nil {
			t.Fatal(err)
		}
		if view.Signals.Watched != now.Watched {
			t.Errorf("a beat says %v, and signals %v", view.Signals.Watched, now.Watched)
		}
		return now.Watched
	}
	if knows(a) || knows(b) {
		t.Error("watched by nobody")
	}
	if _, err := b.Cluster().Exchange(t.Context(), hook.NoticeExchange{Watches: true, Begins: true}); err != nil {
		t.Fatal(err)
	}
	<-changed
	if !knows(a) || knows(b) {
		t.Error("one is watched, and it is the other that has to know")
	}
	if _, err := a.Cluster().Exchange(t.Context(), hook.NoticeExchange{Number: 1, Data: []byte("x")}); err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"watchers", "notices"} {
		if err := a.Cluster().expireNotices(t.Context()); err != nil || count(t, a, table) != 1 {
			t.Errorf("%s: gone too early, %v", table, err)
		}
	}
	if _, err := a.read.ExecContext(t.Context(), `WITH old AS (UPDATE notices SET at = 0) UPDATE watchers SET expires_at = 0`); err != nil {
		t.Fatal(err)
	}
	if knows(a) {
		t.Error("watched for ever")
	}
	for _, table := range []string{"watchers", "notices"} {
		if err := a.Cluster().expireNotices(t.Context()); err != nil || count(t, a, table) != 0 {
			t.Errorf("%s: kept, %v", table, err)
		}
	}
	stop()
	<-ended
}

// Another encryption key is noticed before anything is written with it.
func TestOtherKey(t *testing.T) {
	t.Parallel()
	o := Options{URL: pgtest.Database(t, Migrate), Key: make([]byte, 32)}
	run(t, o)
	o.Key = NewKey()
	if _, err := Open(t.Context(), o); err == nil {
		t.Error("opened with another encryption key")
	}
}
