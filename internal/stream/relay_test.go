package stream

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"gancho/internal/hook"
	"gancho/internal/pgtest"
	"gancho/internal/store"
	"gancho/internal/storetest"
)

// node is a hub and its relay, on a database that other nodes use too.
type node struct {
	Hub
	*Relay
	db *store.Cluster
}

func newNode(t *testing.T, url string) *node {
	t.Helper()
	n := &node{db: storetest.OpenURL(t, url).Cluster()}
	n.Relay = NewRelay(&n.Hub, n.db, func() bool { return true }, slog.New(slog.NewTextHandler(t.Output(), nil)))
	return n
}

// relay lets nodes tell and read, one after the other, as often as it takes for
// everybody to know everything.
func relay(t *testing.T, nodes ...*node) {
	t.Helper()
	for range 2 {
		for _, n := range nodes {
			if n.Flush(t.Context()); n.failing {
				t.Fatal("it failed")
			}
		}
	}
}

// told is what waits for a reader.
func told(r *Reader) (list []hook.Notice) {
	for range len(r.Notices()) {
		list = append(list, <-r.Notices())
	}
	return list
}

func deliveriesOf(list []hook.Notice) (ids []hook.DeliveryID) {
	for _, n := range list {
		ids = append(ids, n.Delivery)
	}
	return ids
}

// What happens at a node is told once at each, in its order, to those it concerns.
func TestRelay(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t, store.Migrate)
	a, b := newNode(t, url), newNode(t, url)
	atA, atB, others := subscribe(t, &a.Hub, ""), subscribe(t, &b.Hub, "acme"), subscribe(t, &b.Hub, "other")
	a.Asked(true)
	b.Asked(true)
	relay(t, a, b)
	var want []hook.DeliveryID
	for i := range 100 {
		d := delivery("acme", hook.Delivered)
		want = append(want, d.ID)
		at := []*node{a, b}[i/50]
		at.Attempted(d, &hook.Attempt{Number: 1, StartedAt: time.Now(), Timing: hook.Timing{Total: time.Second}})
	}
	a.Changed(hook.Change{Tenant: "acme"}) // of which b is told by other means
	relay(t, a, b)
	seenByA, seenByB := told(atA), told(atB)
	if n := seenByB[slices.Index(deliveriesOf(seenByB), want[0])]; n.Kind != hook.NoticeAttempt || n.Tenant != "acme" || n.Took != time.Second || n.State != hook.Delivered {
		t.Errorf("told %+v", n)
	}
	// What is its own comes at once, and so before the others'.
	if got, want := deliveriesOf(seenByB), slices.Concat(want[50:], want[:50]); !slices.Equal(got, want) {
		t.Errorf("told %d notices, want %d, or in another order", len(got), len(want))
	}
	if got, want := deliveriesOf(seenByA), slices.Insert(slices.Clone(want), 50, hook.DeliveryID{}); !slices.Equal(got, want) {
		t.Errorf("told %d notices, want %d, or in another order", len(got), len(want))
	}
	if got := told(others); len(got) > 0 {
		t.Errorf("another tenant is told %+v", got)
	}
	relay(t, a, b)
	if again := append(told(atA), told(atB)...); len(again) > 0 {
		t.Errorf("told again: %+v", again)
	}
}

// What does not fit is counted, for each tenant by itself.
func TestRelayLoses(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t, store.Migrate)
	a, b := newNode(t, url), newNode(t, url)
	ours, other, nobody := subscribe(t, &b.Hub, "acme"), subscribe(t, &b.Hub, "other"), subscribe(t, &b.Hub, "nobody")
	a.Asked(true)
	relay(t, a, b)
	for range buffer - 1 {
		a.Cancelled(delivery("acme", hook.Cancelled))
	}
	a.Cancelled(delivery("other", hook.Cancelled))
	for range 7 {
		a.Cancelled(delivery("acme", hook.Cancelled))
	}
	a.Cancelled(delivery("other", hook.Cancelled))
	relay(t, a, b)
	if got := told(ours); len(got) != buffer || got[buffer-1].Kind != hook.NoticeLost || got[buffer-1].Lost != 7 || got[buffer-1].Tenant != "acme" {
		t.Errorf("ours: %d notices, %+v", len(got), got[max(0, len(got)-1):])
	}
	if got := told(other); len(got) != 2 || got[1].Kind != hook.NoticeLost || got[1].Lost != 1 {
		t.Errorf("other: %+v", got)
	}
	if got := told(nobody); len(got) > 0 {
		t.Errorf("nobody: %+v", got)
	}
}

// As long as nobody reads, or nothing happens that anybody wants to know, the database
// is asked nothing; and not by a node that is alone.
func TestRelayAtRest(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t, store.Migrate)
	a, b := newNode(t, url), newNode(t, url)
	quiet := func(what string, n *node) {
		t.Helper()
		before := n.db.Trips()
		relay(t, n, n, n)
		if trips := n.db.Trips() - before; trips != 0 {
			t.Errorf("%s: %d trips", what, trips)
		}
	}
	a.Attempted(delivery("acme", hook.Delivered), &hook.Attempt{StartedAt: time.Now().Add(-time.Hour)})
	quiet("nobody reads", a)
	r := subscribe(t, &b.Hub, "")
	a.Asked(true)
	quiet("nothing happens", a)
	before := b.db.Trips()
	b.Flush(t.Context())
	if trips := b.db.Trips() - before; trips != 1 {
		t.Errorf("reading takes %d trips", trips)
	}
	b.others = func() bool { return false }
	quiet("no other nodes", b)
	r.Close()
	quiet("its reader is gone", b)
}

// Who begins to read is told that something may have happened just before the other
// node knew; and nothing of what was told long before.
func TestRelayBegins(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t, store.Migrate)
	a, b := newNode(t, url), newNode(t, url)
	a.Asked(true)
	a.Cancelled(delivery("acme", hook.Cancelled))
	a.Flush(t.Context())
	a.Asked(false)
	change(t, url, `UPDATE notices SET at = at - 5000000`)
	a.Cancelled(delivery("acme", hook.Cancelled))
	r := subscribe(t, &b.Hub, "acme")
	b.Flush(t.Context())
	a.Asked(true)
	relay(t, a, b)
	if got := told(r); len(got) != 1 || got[0].Kind != hook.NoticeLost {
		t.Errorf("told %+v", got)
	}
	// If what was told is gone before it was read, that is told too.
	for range 3 {
		a.Cancelled(delivery("acme", hook.Cancelled))
		a.Flush(t.Context())
	}
	change(t, url, `DELETE FROM notices WHERE number < (SELECT max(number) FROM notices)`)
	relay(t, b)
	if got := told(r); len(got) != 2 || got[0].Kind != hook.NoticeLost || got[0].Lost != 2 {
		t.Errorf("told %+v", got)
	}
}

// What is committed late is read when it is there, whatever was read before.
func TestRelayLateCommit(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t, store.Migrate)
	late, a, b := newNode(t, url), newNode(t, url), newNode(t, url)
	r := subscribe(t, &b.Hub, "")
	relay(t, b)
	for _, n := range []*node{late, a} {
		n.Asked(true)
		n.Cancelled(delivery("acme", hook.Cancelled))
	}
	conn := connect(t, url)
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	// The same statement, in a transaction that takes its time.
	if _, err := tx.Exec(t.Context(), `INSERT INTO notices (source, number, at, data) VALUES (7, 1, 0, $1)`, late.gathered()); err != nil {
		t.Fatal(err)
	}
	relay(t, a, b)
	if got := told(r); len(got) != 1 {
		t.Errorf("told %+v", got)
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	relay(t, b)
	if got := told(r); len(got) != 1 || got[0].Kind != hook.NoticeDelivery {
		t.Errorf("what was committed late: %+v", got)
	}
}

// An exchange whose answer was lost is made again, and told once.
func TestRelayAgain(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t, store.Migrate)
	a, b := newNode(t, url), newNode(t, url)
	r := subscribe(t, &b.Hub, "")
	a.Asked(true)
	relay(t, b)
	a.store = &deafStore{a.db}
	a.Cancelled(delivery("acme", hook.Cancelled))
	a.Flush(t.Context())
	b.Flush(t.Context())
	a.store = a.db
	a.Cancelled(delivery("acme", hook.Cancelled))
	relay(t, a, b)
	if got := told(r); len(got) != 2 || got[0].Delivery == got[1].Delivery || got[1].Kind != hook.NoticeDelivery {
		t.Errorf("told %+v", got)
	}
}

// deafStore does what it is told and does not hear the answer.
type deafStore struct{ *store.Cluster }

func (s *deafStore) Exchange(ctx context.Context, x hook.NoticeExchange) ([]hook.RemoteNotices, error) {
	if _, err := s.Cluster.Exchange(ctx, x); err != nil {
		return nil, err
	}
	return nil, context.DeadlineExceeded
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func change(t *testing.T, url, query string) {
	t.Helper()
	if _, err := connect(t, url).Exec(t.Context(), query); err != nil {
		t.Fatal(err)
	}
}
