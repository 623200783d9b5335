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

// node is a hub and its relay, on a database that other nodes use, too.
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

// relay flushes the relay of each node twice: after that, every node has the notices of all others.
func relay(t *testing.T, nodes ...*node) {
	t.Helper()
	for range 2 {
		for _, n := range nodes {
			if n.Flush(t.Context()); n.failing {
				t.Fatal("the exchange failed")
			}
		}
	}
}

// got are the notices that wait for a reader.
func got(r *Reader) (list []hook.Notice) {
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

// Readers on every node get each notice of a node once, in its order, if it concerns them.
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
	a.Changed(hook.Change{Tenant: "acme"}) // b has a call of Changed of its own
	relay(t, a, b)
	seenByA, seenByB := got(atA), got(atB)
	n := seenByB[slices.Index(deliveriesOf(seenByB), want[0])]
	if n.Kind != hook.NoticeAttempt || n.Tenant != "acme" || n.Took != time.Second || n.State != hook.Delivered {
		t.Errorf("the notice is %+v", n)
	}
	// A node's own notices come at once, so before those of the other node.
	if got, want := deliveriesOf(seenByB), slices.Concat(want[50:], want[:50]); !slices.Equal(got, want) {
		t.Errorf("%d notices, want %d, or in another order", len(got), len(want))
	}
	want = slices.Insert(want, 50, hook.DeliveryID{}) // the change
	if got := deliveriesOf(seenByA); !slices.Equal(got, want) {
		t.Errorf("%d notices, want %d, or in another order", len(got), len(want))
	}
	if list := got(others); len(list) > 0 {
		t.Errorf("another tenant gets %+v", list)
	}
	relay(t, a, b)
	if again := append(got(atA), got(atB)...); len(again) > 0 {
		t.Errorf("the same notices again: %+v", again)
	}
}

// Notices that do not fit are counted for each tenant.
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
	if list := got(ours); len(list) != buffer || list[buffer-1].Kind != hook.NoticeLost ||
		list[buffer-1].Lost != 7 || list[buffer-1].Tenant != "acme" {
		t.Errorf("ours: %d notices, %+v", len(list), list[max(0, len(list)-1):])
	}
	if list := got(other); len(list) != 2 || list[1].Kind != hook.NoticeLost || list[1].Lost != 1 {
		t.Errorf("other: %+v", list)
	}
	if list := got(nobody); len(list) > 0 {
		t.Errorf("nobody: %+v", list)
	}
}

// The relay asks the database nothing while nobody reads, while a node that nobody reads on has no
// notices, and while there are no other nodes.
func TestRelayAtRest(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t, store.Migrate)
	a, b := newNode(t, url), newNode(t, url)
	quiet := func(what string, n *node) {
		t.Helper()
		before := n.db.Trips()
		relay(t, n, n, n)
		if trips := n.db.Trips() - before; trips != 0 {
			t.Errorf("%s: %d round trips", what, trips)
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
		t.Errorf("an exchange takes %d round trips", trips)
	}
	b.others = func() bool { return false }
	quiet("no other nodes", b)
	r.Close()
	quiet("its reader is gone", b)
}

// A new reader learns that it may have missed notices: those of another node right before that node
// knew of the reader. It does not get notices that are older.
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
	if list := got(r); len(list) != 1 || list[0].Kind != hook.NoticeLost {
		t.Errorf("got %+v", list)
	}
	// If notices are deleted before they are read, the reader learns how many.
	for range 3 {
		a.Cancelled(delivery("acme", hook.Cancelled))
		a.Flush(t.Context())
	}
	change(t, url, `DELETE FROM notices WHERE number < (SELECT max(number) FROM notices)`)
	relay(t, b)
	if list := got(r); len(list) != 2 || list[0].Kind != hook.NoticeLost || list[0].Lost != 2 {
		t.Errorf("got %+v", list)
	}
}

// Notices whose commit takes long are read when they are committed, although later ones were read before.
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
	// This is the statement of an exchange, in a transaction that takes long.
	const insert = `INSERT INTO notices (source, number, at, data) VALUES (7, 1, 0, $1)`
	if _, err := tx.Exec(t.Context(), insert, late.takeRelayed()); err != nil {
		t.Fatal(err)
	}
	relay(t, a, b)
	if list := got(r); len(list) != 1 {
		t.Errorf("got %+v", list)
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	relay(t, b)
	if list := got(r); len(list) != 1 || list[0].Kind != hook.NoticeDelivery {
		t.Errorf("what was committed late: %+v", list)
	}
}

// An exchange whose answer was lost is repeated. Readers get its notices once.
func TestRelayAgain(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t, store.Migrate)
	a, b := newNode(t, url), newNode(t, url)
	r := subscribe(t, &b.Hub, "")
	a.Asked(true)
	relay(t, b)
	a.store = &answerLost{a.db}
	a.Cancelled(delivery("acme", hook.Cancelled))
	a.Flush(t.Context())
	b.Flush(t.Context())
	a.store = a.db
	a.Cancelled(delivery("acme", hook.Cancelled))
	relay(t, a, b)
	if list := got(r); len(list) != 2 || list[0].Delivery == list[1].Delivery || list[1].Kind != hook.NoticeDelivery {
		t.Errorf("got %+v", list)
	}
}

// answerLost is a store whose exchanges work, but whose answers are lost.
type answerLost struct{ *store.Cluster }

func (s *answerLost) Exchange(ctx context.Context, x hook.NoticeExchange) ([]hook.RemoteNotices, error) {
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
