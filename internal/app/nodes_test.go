package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"gancho.example/client"
	"gancho/internal/pgtest"
	"gancho/internal/store"
)

// These tests run several servers as processes on one PostgreSQL, and ill-treat
// them.

// startNodes runs n servers on one database.
func startNodes(t *testing.T, n int, url string) (nodes []*process, places []place) {
	t.Helper()
	for range n {
		at := place{dir: t.TempDir(), database: url}
		nodes, places = append(nodes, startAt(t, at)), append(places, at)
	}
	return nodes, places
}

// traffic publishes to several servers at once, trying again as clients do.
type traffic struct {
	t     *testing.T
	nodes func() []*client.Client
	stop  context.CancelFunc
	wg    sync.WaitGroup

	mu           sync.Mutex
	acknowledged []string // ids of events, in any order
	types        []string
	retried      atomic.Int64
}

// publish begins traffic of types, round robin over what nodes says now.
func publish(t *testing.T, types []string, nodes func() []*client.Client) *traffic {
	ctx, stop := context.WithCancel(context.Background())
	tr := &traffic{t: t, nodes: nodes, stop: stop, types: types}
	t.Cleanup(func() { stop(); tr.wg.Wait() })
	for i := range 8 {
		tr.wg.Go(func() {
			for n := i; ctx.Err() == nil; n++ {
				tr.one(ctx, n, nodes)
				select {
				case <-ctx.Done():
				case <-time.After(2 * time.Millisecond):
				}
			}
		})
	}
	return tr
}

// one publishes an event, at one node after the other until one takes it.
func (tr *traffic) one(ctx context.Context, n int, nodes func() []*client.Client) {
	for try := 0; ctx.Err() == nil; try++ {
		list := nodes()
		answer, err := list[(n+try)%len(list)].PublishEvent(ctx, "acme", client.NewEvent{
			Type: tr.types[n%len(tr.types)], ID: fmt.Sprintf("%p-%d-%d", tr, n, time.Now().UnixNano()), Payload: json.RawMessage(`{"n":1}`),
		})
		if err == nil {
			tr.mu.Lock()
			tr.acknowledged = append(tr.acknowledged, answer.ID)
			tr.mu.Unlock()
			return
		}
		if p, ok := errors.AsType[*client.Problem](err); ok && p.Status < 500 && p.Status != http.StatusTooManyRequests {
			tr.t.Errorf("publishing is refused: %v", err)
			return
		}
		tr.retried.Add(1)
		select {
		case <-ctx.Done():
		case <-time.After(min(20*time.Millisecond<<min(try, 5), 500*time.Millisecond)):
		}
	}
}

func (tr *traffic) count() int {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return len(tr.acknowledged)
}

// end stops publishing and waits until everything that was acknowledged arrived.
func (tr *traffic) end(rc *receiver) {
	tr.t.Helper()
	tr.stop()
	tr.wg.Wait()
	missing := func() (ids []string) {
		rc.mu.Lock()
		defer rc.mu.Unlock()
		for _, id := range tr.acknowledged {
			if rc.got[id] == 0 {
				ids = append(ids, id)
			}
		}
		return ids
	}
	defer func() {
		if tr.t.Failed() {
			tr.tell(missing())
		}
	}()
	eventually(tr.t, "all acknowledged events arrived", func() bool { return len(missing()) == 0 })
	events, requests := rc.counts()
	tr.t.Logf("%d acknowledged, 0 lost, %d requests for %d events, %d tries again", len(tr.acknowledged), requests, events, tr.retried.Load())
}

// tell logs what the nodes say of events that did not arrive.
func (tr *traffic) tell(ids []string) {
	tr.t.Logf("%d of %d have not arrived", len(ids), len(tr.acknowledged))
	for _, id := range ids[:min(len(ids), 5)] {
		for _, c := range tr.nodes() {
			list, err := c.Deliveries(context.Background(), "acme", client.DeliveryFilter{Event: id})
			tr.t.Logf("%s: %+v, %v", id, list, err)
		}
	}
}

// clients are those of some processes.
func clients(nodes []*process) func() []*client.Client {
	var list []*client.Client
	for _, p := range nodes {
		list = append(list, p.Client)
	}
	return func() []*client.Client { return list }
}

// endpoints makes n endpoints with a type of event each.
func (p *process) endpoints(n int, in client.EndpointInput) (types []string) {
	for i := range n {
		in.Name = fmt.Sprintf("e%d", i)
		in.EventTypes = []string{in.Name}
		p.endpoint(in)
		types = append(types, in.Name)
	}
	return types
}

// One of three nodes is killed under load: nothing that was acknowledged is lost, and nothing is sent
// again that was shown as delivered before.
func TestNodeKilled(t *testing.T) {
	t.Parallel()
	nodes, _ := startNodes(t, 3, pgtest.Database(t, store.Migrate))
	rc := newReceiver(t, nil)
	types := nodes[0].endpoints(6, client.EndpointInput{URL: rc.URL, Concurrency: 4})
	tr := publish(t, types, clients(nodes))
	shown := nodes[1].watchDelivered()
	eventually(t, "200 of at least 300 events are shown as delivered", func() bool {
		n, _ := rc.counts()
		return n >= 300 && shown.count() >= 200
	})
	shown.stop()
	nodes[0].kill()
	before := tr.count()
	eventually(t, "the others go on accepting", func() bool { return tr.count() >= before+300 })
	tr.end(rc)
	shown.check(t, rc)
	nodes[1].stop()
	nodes[2].stop()
}

// Nodes are replaced one after the other under load: whoever tries again has every
// event accepted, and everything arrives.
func TestRollingRestart(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t, store.Migrate)
	nodes, places := startNodes(t, 2, url)
	rc := newReceiver(t, nil)
	types := nodes[0].endpoints(4, client.EndpointInput{URL: rc.URL})
	var mu sync.Mutex
	tr := publish(t, types, func() (list []*client.Client) {
		mu.Lock()
		defer mu.Unlock()
		for _, p := range nodes {
			list = append(list, p.Client)
		}
		return list
	})
	for i := range nodes {
		before, _ := rc.counts()
		eventually(t, "events arrive", func() bool { n, _ := rc.counts(); return n >= before+100 })
		nodes[i].stop()
		again := startAt(t, places[i])
		mu.Lock()
		nodes[i] = again
		mu.Unlock()
	}
	before, _ := rc.counts()
	eventually(t, "events arrive", func() bool { n, _ := rc.counts(); return n >= before+100 })
	tr.end(rc)
	for _, p := range nodes {
		p.stop()
	}
}

// A node is stopped for longer than its lease and goes on: the others have taken
// over, nothing is lost, and the endpoints that want order have it.
func TestNodeFrozen(t *testing.T) {
	t.Parallel()
	nodes, _ := startNodes(t, 2, pgtest.Database(t, store.Migrate))
	var mu sync.Mutex
	var order []string // of first arrivals
	seen := map[string]bool{}
	rc := newReceiver(t, func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if id := r.Header.Get("webhook-id"); !seen[id] {
			seen[id] = true
			order = append(order, id)
		}
	})
	types := nodes[1].endpoints(4, client.EndpointInput{URL: rc.URL})
	nodes[1].endpoint(client.EndpointInput{Name: "ordered", URL: rc.URL, EventTypes: []string{"in.order"}, Ordered: true})
	tr := publish(t, types, clients(nodes[1:]))
	var published []string
	inOrder := func(n int) {
		for range n {
			a, err := nodes[1].PublishEvent(t.Context(), "acme", client.NewEvent{Type: "in.order", Payload: json.RawMessage(`1`)})
			if err != nil {
				t.Fatal(err)
			}
			published = append(published, a.ID)
		}
	}
	inOrder(20)
	eventually(t, "200 events arrived", func() bool { n, _ := rc.counts(); return n >= 200 })
	if err := nodes[0].cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	inOrder(20)
	arrived := func() bool {
		mu.Lock()
		defer mu.Unlock()
		for _, id := range published {
			if !seen[id] {
				return false
			}
		}
		return true
	}
	owned := func(p *process) bool { // a test of every type arrives without the frozen node
		for _, kind := range types {
			a, err := p.PublishEvent(t.Context(), "acme", client.NewEvent{Type: kind, Payload: json.RawMessage(`2`)})
			if err != nil {
				return false
			}
			eventually(t, "an event arrives though a node is frozen", func() bool { mu.Lock(); defer mu.Unlock(); return seen[a.ID] })
		}
		return true
	}
	eventually(t, "the other node took over", func() bool { return owned(nodes[1]) && arrived() })
	if err := nodes[0].cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	inOrder(20)
	eventually(t, "all in order arrived", arrived)
	tr.end(rc)
	mu.Lock()
	at := map[string]int{}
	for i, id := range order {
		at[id] = i
	}
	mu.Unlock()
	for i := 1; i < len(published); i++ {
		if at[published[i-1]] > at[published[i]] {
			t.Errorf("event %d arrived after event %d", i-1, i)
		}
	}
	eventually(t, "the frozen node takes events again", func() bool {
		_, err := nodes[0].PublishEvent(t.Context(), "acme", client.NewEvent{Type: "in.order", Payload: json.RawMessage(`1`)})
		return err == nil
	})
	nodes[0].stop()
	nodes[1].stop()
}

// What is changed on one node holds on the others.
func TestPausedElsewhere(t *testing.T) {
	t.Parallel()
	nodes, _ := startNodes(t, 2, pgtest.Database(t, store.Migrate))
	pausedElsewhere(t, nodes)
}

// pausedElsewhere pauses an endpoint on each of two nodes, which the other is to hold to, at the latest
// after the two seconds that docs/postgresql.md promises.
func pausedElsewhere(t *testing.T, nodes []*process) {
	t.Helper()
	rc := newReceiver(t, nil)
	e := nodes[0].endpoint(client.EndpointInput{URL: rc.URL, EventTypes: []string{"paused"}})
	nodes[0].endpoint(client.EndpointInput{URL: rc.URL, EventTypes: []string{"beside"}})
	send := func(p *process, kind string) string {
		t.Helper()
		a, err := p.PublishEvent(t.Context(), "acme", client.NewEvent{Type: kind, Payload: json.RawMessage(`1`)})
		if err != nil {
			t.Fatal(err)
		}
		return a.ID
	}
	// held publishes an event. It reports whether that still waits, without an attempt, after five
	// events that were published later have arrived at the endpoint beside it.
	held := func(p *process) (id string, yes bool) {
		t.Helper()
		id = send(p, "paused")
		for range 5 {
			later := send(p, "beside")
			eventually(t, "an event arrives at an endpoint that is not paused", func() bool { return rc.has(later) })
		}
		list, err := p.Deliveries(t.Context(), "acme", client.DeliveryFilter{Event: id})
		if err != nil || len(list.Items) != 1 {
			t.Fatalf("deliveries of %s: %+v, %v", id, list, err)
		}
		d := list.Items[0]
		return id, !rc.has(id) && d.State == "pending" && d.Attempts == 0
	}
	for _, p := range nodes { // which may not have been told of the endpoints yet, or of one of them
		for _, kind := range []string{"paused", "beside"} {
			var sent []string
			eventually(t, "it arrives, whoever accepts and whoever delivers", func() bool {
				sent = append(sent, send(p, kind))
				return slices.ContainsFunc(sent, rc.has)
			})
		}
	}
	for i, p := range nodes {
		if _, err := p.PauseEndpoint(t.Context(), "acme", e.ID); err != nil {
			t.Fatal(err)
		}
		other := nodes[1-i]
		var waits string
		eventually(t, "what the other node accepts is held", func() bool {
			id, yes := held(other)
			waits = id
			return yes
		})
		later, yes := held(other)
		if !yes || rc.has(waits) {
			t.Error("an event was held, and one that was published later was not, or the first is sent after all")
		}
		if _, err := other.ResumeEndpoint(t.Context(), "acme", e.ID); err != nil {
			t.Fatal(err)
		}
		eventually(t, "both go out once the other node resumes the endpoint", func() bool { return rc.has(waits) && rc.has(later) })
	}
}

// PostgreSQL is killed under load and started again: publishers are told, nothing
// that was acknowledged is lost, and the nodes recover by themselves.
func TestPostgresKilled(t *testing.T) {
	t.Parallel()
	pg := pgtest.Start(t)
	nodes, _ := startNodes(t, 2, pg.Database(t, store.Migrate))
	rc := newReceiver(t, nil)
	types := nodes[0].endpoints(4, client.EndpointInput{URL: rc.URL})
	tr := publish(t, types, clients(nodes))
	for range 2 {
		before, _ := rc.counts()
		eventually(t, "events arrive", func() bool { n, _ := rc.counts(); return n >= before+100 })
		pg.Kill()
		tries := tr.retried.Load()
		eventually(t, "publishers are told", func() bool { return tr.retried.Load() >= tries+20 })
		if err := pg.Start(); err != nil {
			t.Fatal(err)
		}
	}
	before, _ := rc.counts()
	eventually(t, "events arrive again", func() bool { n, _ := rc.counts(); return n >= before+100 })
	tr.end(rc)
	for _, p := range nodes {
		p.stop()
	}
}

// connect opens a connection to a database.
func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) }) // its server may be gone
	return conn
}
