package share

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gancho/internal/hook"
	"gancho/internal/pgtest"
	"gancho/internal/store"
	"gancho/internal/storetest"
)

// database is a store on a database that other nodes use, too. It counts heartbeats and reads of signals.
type database struct {
	*store.DB
	*store.Cluster
	mustPoll bool // as if notifications did not arrive
	beats    atomic.Int64
	signals  atomic.Int64
}

func (d *database) MustPoll(ctx context.Context) (bool, error) {
	mustPoll, err := d.Cluster.MustPoll(ctx)
	return mustPoll || d.mustPoll, err
}

func (d *database) Heartbeat(ctx context.Context, epoch int64, lease time.Duration) (*hook.Nodes, error) {
	d.beats.Add(1)
	return d.Cluster.Heartbeat(ctx, epoch, lease)
}

func (d *database) Signals(ctx context.Context, before hook.SignalsRead) ([]hook.Signal, hook.SignalsRead, error) {
	d.signals.Add(1)
	return d.Cluster.Signals(ctx, before)
}

func open(t *testing.T, url string) *database {
	t.Helper()
	db := storetest.OpenURL(t, url)
	return &database{DB: db, Cluster: db.Cluster()}
}

// worker notes which deliveries are superseded. The only requests that it makes are some that hang.
type worker struct {
	superseded chan hook.Delivery
	hanging    []hook.EndpointID // their requests never end
}

func (*worker) TakeOver(context.Context, func(hook.EndpointID) bool) error { return nil }
func (w *worker) Working() []hook.EndpointID                               { return w.hanging }
func (w *worker) HandOver(ctx context.Context, which func(hook.EndpointID) bool) error {
	if slices.ContainsFunc(w.hanging, which) {
		<-ctx.Done()
		return ctx.Err()
	}
	return nil
}
func (*worker) Abandon()             {}
func (*worker) Nudge()               {}
func (*worker) Wake(hook.EndpointID) {}
func (w *worker) Supersede(list []hook.Delivery) {
	for _, d := range list {
		w.superseded <- d
	}
}

// node is a running node. It runs until it is stopped or the test ends.
type node struct {
	*Node
	worker *worker
	log    *lines
	stop   func()
}

// lines are what was logged.
type lines struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func start(t *testing.T, db *database, name string) *node {
	t.Helper()
	return startWith(t, db, name, &worker{superseded: make(chan hook.Delivery, 99)})
}

func startWith(t *testing.T, db *database, name string, w *worker) *node {
	t.Helper()
	n := &node{worker: w, log: new(lines)}
	n.Node = New(Options{Store: db, Signals: db, Name: name, Log: slog.New(slog.NewTextHandler(n.log, nil))})
	if err := n.Follow(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := n.Start(t.Context(), n.worker); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	n.stop = sync.OnceFunc(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := n.Leave(context.Background()); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(n.stop)
	return n
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !is(); {
		if time.Now().After(deadline) {
			t.Fatalf("not so: %s", what)
		}
		time.Sleep(10 * time.Millisecond) //policy:allow time.Sleep: polls nodes with clocks of their own, with a deadline
	}
}

// A node that gives the lead away first ends what it runs because it leads. Only then another node leads.
func TestLeadIsHandedOver(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t, store.Migrate)
	first := start(t, open(t, url), "")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	running, ending, end := make(chan struct{}), make(chan struct{}), make(chan struct{})
	var parts sync.WaitGroup
	parts.Go(func() {
		_ = first.WhileLeading(ctx, func(ctx context.Context) error { // always nil
			close(running)
			<-ctx.Done()
			close(ending)
			<-end
			return nil
		})
	})
	<-running
	second := start(t, open(t, url), "") // gets half of the slots, and the lead with the first of them
	<-ending
	for beats := second.Store.(*database).beats.Load() + 3; second.Store.(*database).beats.Load() < beats; time.Sleep(10 * time.Millisecond) { //policy:allow time.Sleep: that nothing happens has no event to wait for
		if second.Leads() || first.Leads() {
			t.Fatal("a node leads although what the leading node ran has not ended")
		}
	}
	close(end)
	eventually(t, "somebody leads again", func() bool { return first.Leads() || second.Leads() })
	stop()
	parts.Wait()
}

// A request that hangs keeps only the slot of its endpoint from being handed over, also if the
// endpoint is so new that no node has counted it.
func TestHangingIsHandedOverAlone(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t, store.Migrate)
	w := &worker{}
	for slot := 0; slot < hook.Slots; slot += 4 {
		w.hanging = append(w.hanging, hook.EndpointID{9: byte(slot)})
	}
	first := startWith(t, open(t, url), "", w)
	second := start(t, open(t, url), "")
	eventually(t, "the second node has what does not hang", func() bool {
		given, owned := 0, 0
		for slot := range hook.Slots {
			id := hook.EndpointID{9: byte(slot)}
			if !first.Owns(id) && slot%4 != 0 {
				given++
			}
			if second.Owns(id) {
				owned++
			}
		}
		return given > 0 && owned == given
	})
}

// Two nodes have the same name because the data directory of one is a copy of the other's. They do not
// take over from each other for ever.
func TestCopiedName(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t, store.Migrate)
	first := start(t, open(t, url), "same")
	second := start(t, open(t, url), "same")
	eventually(t, "the first says what is wrong", func() bool {
		return strings.Contains(first.log.String(), "another server has the same name as this one")
	})
	half := func() bool {
		var owned [2]int
		for i, n := range []*node{first, second} {
			for slot := range hook.Slots {
				if n.Owns(hook.EndpointID{9: byte(slot)}) {
					owned[i]++
				}
			}
		}
		return owned == [2]int{hook.Slots / 2, hook.Slots / 2}
	}
	eventually(t, "they share the work", half)
	epochs := [2]int64{first.Epoch(), second.Epoch()}
	db := second.Store.(*database)
	for beats := db.beats.Load() + 3; db.beats.Load() < beats; time.Sleep(10 * time.Millisecond) { //policy:allow time.Sleep: that nothing happens has no event to wait for
		if now := [2]int64{first.Epoch(), second.Epoch()}; now != epochs {
			t.Fatalf("epochs %v became %v", epochs, now)
		}
	}
}

// A node has read no signals for so long that some may have been deleted unread. It drops all
// configuration that it has in memory.
func TestSignalsUnreadForLong(t *testing.T) {
	t.Parallel()
	db := open(t, pgtest.Database(t, store.Migrate))
	changes := make(chan hook.Change, 99)
	db.Watch(func(c hook.Change) { changes <- c })
	n := start(t, db, "")
	n.reading.Lock()
	n.read.At = n.read.At.Add(-31 * time.Minute) // as if it had been stopped
	n.reading.Unlock()
	if c := <-changes; !c.Anything {
		t.Errorf("the change is %+v", c)
	}
}

// The worker that may have a superseded delivery in memory learns of it.
func TestSuperseded(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t, store.Migrate)
	n, other := start(t, open(t, url), ""), open(t, url)
	if _, _, err := other.PutTenant(t.Context(), "acme", hook.TenantChange{}); err != nil {
		t.Fatal(err)
	}
	want := hook.Delivery{Endpoint: hook.NewEndpointID()}
	for range 2 {
		ev := &hook.Event{
			ID: hook.NewEventID(), Tenant: "acme", Contract: "shop", Type: "open", Door: hook.DoorSchedule,
			CreatedAt: time.Now(), Payload: []byte(`[]`),
		}
		d := hook.Delivery{
			ID: ev.ID.Delivery(1), Tenant: "acme", Endpoint: want.Endpoint, Type: "open",
			Mode: hook.AtLeastOnce, State: hook.Pending,
			CreatedAt: time.Now(), NextAttemptAt: time.Now(), QueueAt: time.Now(),
		}
		end := &hook.RunEnd{
			ScheduleName: hook.ScheduleName{Tenant: "acme", Contract: "shop", Type: "open"},
			Run:          hook.ScheduleRun{At: time.Now(), State: hook.RunSent, Event: ev.ID, Manual: true},
		}
		items := []*hook.Accepted{{Event: ev, Deliveries: []hook.Delivery{d}}}
		if _, err := other.Submit(hook.Submission{Tenant: "acme", RunEnd: end, Items: items}, time.Hour); err != nil {
			t.Fatal(err)
		}
		if want.ID.IsZero() {
			want.ID = d.ID
		}
	}
	if got := <-n.worker.superseded; got != want {
		t.Errorf("superseded is %+v, want %+v", got, want)
	}
}

// While nothing happens, a node asks the database only for its heartbeats and, if notifications do not
// arrive, for signals. Each of these is one round trip.
func TestIdleTrips(t *testing.T) {
	t.Parallel()
	for name, mustPoll := range map[string]bool{"listens": false, "polls": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := open(t, pgtest.Database(t, store.Migrate))
			db.mustPoll = mustPoll
			start(t, db, "")
			asked := func() (trips, known int64) { return db.Trips(), db.beats.Load() + db.signals.Load() }
			eventually(t, "a few beats have gone by", func() bool { return db.beats.Load() >= 4 })
			known, trips := int64(0), int64(0)
			trips0, known0 := asked()
			eventually(t, "some more have", func() bool {
				trips, known = asked()
				return known >= known0+6
			})
			// A trip that is under way is counted before or after.
			if n := trips - trips0; n > known-known0+2 {
				t.Errorf("%d round trips for %d heartbeats and reads of signals", n, known-known0)
			}
			if n := db.signals.Load(); !mustPoll && n > 3 {
				t.Errorf("it looked for signals %d times, though there was nothing to read", n)
			}
		})
	}
}
