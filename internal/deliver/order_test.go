package deliver

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gancho/internal/hook"
	"gancho/internal/send"
)

// When a request to an ordered endpoint leaves, the results of all deliveries before it are in the
// database, whatever they are. So a crash at that moment, or any later one, makes nothing be sent
// again behind it.
func TestOrderedResultIsDurableFirst(t *testing.T) {
	t.Parallel()
	retry := []time.Duration{0, 0, time.Second}
	for _, c := range []struct {
		name   string
		cfg    hook.EndpointConfig
		stored bool // the queue is read from the store
		answer func(n int) int
	}{
		{"delivered", hook.EndpointConfig{Retry: retry}, false, func(int) int { return 200 }},
		{"read from the store", hook.EndpointConfig{Retry: retry}, true, func(int) int { return 200 }},
		{"tried again", hook.EndpointConfig{Retry: retry}, false, func(n int) int { return 200 + n%3*150 }},
		{"failed in the end", hook.EndpointConfig{Retry: []time.Duration{0}}, false, func(n int) int { return 200 + n%2*200 }},
		{"at most once", hook.EndpointConfig{Mode: hook.AtMostOnce, Retry: []time.Duration{0}}, false, func(n int) int { return 200 + n%2*200 }},
		{"scripted", scripted(`webhook.headers['X-A'] = 'b'`), false, func(int) int { return 200 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var x *world
			var order []hook.DeliveryID
			answer := func(n int, message *send.Message) *send.Reply {
				var number int
				if _, err := fmt.Sscan(string(message.Body), &number); err != nil {
					t.Error(err)
				}
				for i, id := range order[:number] {
					if d, err := x.db.Delivery(context.Background(), "acme", id); err != nil || !d.State.Finished() {
						t.Errorf("%d is sent, and %d is stored as %s (%v)", number, i, d.State, err)
					}
				}
				return status(c.answer(n))
			}
			c.cfg.Ordered = true
			bubble(t, tickEvery, c.cfg, answer, func(t *testing.T, world *world) {
				x = world
				jobs := newJobs(x.endpoint, 40, number)
				for i := range jobs {
					order = append(order, jobs[i].Delivery.ID)
					if !c.stored {
						x.await(&jobs[i].Delivery)
					}
				}
				x.commit(jobs)
				if c.stored {
					x.w.Wake(x.endpoint.ID)
				} else {
					x.w.Offer(jobs)
				}
				pass(10 * time.Minute)
				for i, id := range order {
					if d := x.delivery(id); !d.State.Finished() {
						t.Errorf("in the end %d is %s", i, d.State)
					}
				}
				if n := len(x.rc.requests()); n < len(order) {
					t.Errorf("%d requests for %d deliveries", n, len(order))
				}
			})
		})
	}
}

// The next delivery of an ordered endpoint waits for the result of the one before, so that is
// stored at once: no time passes in which the writer waits for others. A result that nobody waits
// for is stored with the next commit.
func TestOrderedResultIsStoredAtOnce(t *testing.T) {
	t.Parallel()
	answered := func(int, *send.Message) *send.Reply { return status(200) }
	bubble(t, time.Hour, hook.EndpointConfig{Ordered: true}, answered, func(t *testing.T, x *world) {
		x.publish(x.endpoint, "opens the lane")
		settle()
		began := time.Now()
		x.publishMany(x.endpoint, 300, number)
		settle()
		requests := x.rc.requests()
		if len(requests) != 301 {
			t.Fatalf("%d requests", len(requests))
		}
		if took := requests[300].at.Sub(began); took > 10*time.Millisecond {
			t.Errorf("300 deliveries whose answers come at once took %v", took)
		}
	})
}

// The intent of an at-most-once delivery takes the result of the one before along: one commit for
// each delivery, as for one that is sent at least once.
func TestOrderedCommits(t *testing.T) {
	t.Parallel()
	for _, mode := range []hook.Mode{hook.AtLeastOnce, hook.AtMostOnce} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			answered := func(n int, _ *send.Message) *send.Reply { return status(200 + n%2*300) }
			cfg := hook.EndpointConfig{Ordered: true, Mode: mode, Retry: []time.Duration{0}}
			bubble(t, time.Hour, cfg, answered, func(t *testing.T, x *world) {
				x.publish(x.endpoint, "opens the lane")
				settle()
				const n = 100
				before := x.db.Commits()
				x.publishMany(x.endpoint, n, number)
				settle()
				if sent := len(x.rc.requests()); sent != n+1 {
					t.Fatalf("%d requests", sent)
				}
				if commits := x.db.Commits() - before; commits < n || commits > n+5 {
					t.Errorf("%d commits for %d deliveries", commits, n)
				}
			})
		})
	}
}

// A delivery that ended before it was stored as being sent, for example because its script
// failed, would be sent again after a crash. So the next waits for its result, whatever its mode.
func TestOrderedOnceWithoutIntent(t *testing.T) {
	t.Parallel()
	cfg := scripted(`if (webhook.payload == 0) throw new Error('no')`)
	cfg.Ordered, cfg.Mode, cfg.Retry = true, hook.AtMostOnce, []time.Duration{0}
	bubble(t, tickEvery, cfg, func(int, *send.Message) *send.Reply { return status(200) }, func(t *testing.T, x *world) {
		h := &heldResults{Store: x.db}
		x.w.Store = h
		h.hold()
		ids := x.publishMany(x.endpoint, 2, number)
		pass(time.Minute)
		if n := len(x.rc.requests()); n != 0 {
			t.Errorf("%d requests while it is not stored what became of the first delivery", n)
		}
		h.release()
		pass(time.Minute)
		if n := len(x.rc.requests()); n != 1 {
			t.Errorf("%d requests", n)
		}
		for i, want := range []hook.State{hook.Failed, hook.Delivered} {
			if d := x.delivery(ids[i]); d.State != want {
				t.Errorf("%d is %s, want %s", i, d.State, want)
			}
		}
	})
}

// heldResults is a store that stores no result while it is held.
type heldResults struct {
	Store
	mu   sync.Mutex
	held []func() // nil: it is not held
}

func (h *heldResults) SaveResult(r hook.Result, done func(error)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.held != nil {
		h.held = append(h.held, func() { h.Store.SaveResult(r, done) })
		return
	}
	h.Store.SaveResult(r, done)
}

func (h *heldResults) hold() { h.mu.Lock(); h.held = []func(){}; h.mu.Unlock() }

func (h *heldResults) release() {
	h.mu.Lock()
	held := h.held
	h.held = nil
	h.mu.Unlock()
	for _, store := range held {
		store()
	}
}

// While the database stores no result, an ordered endpoint gets nothing more; a plain one gets
// everything, as its results may be lost without harm.
func TestOrderedWaitsForTheDatabase(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		cfg  hook.EndpointConfig
		want int // requests while results are held
	}{
		{hook.EndpointConfig{Ordered: true}, 1},
		{hook.EndpointConfig{Ordered: true, Concurrency: 8}, 1},
		{hook.EndpointConfig{Concurrency: 1}, 5},
		{hook.EndpointConfig{Concurrency: 8}, 5},
	} {
		t.Run(fmt.Sprint(c.cfg.Ordered, c.cfg.Concurrency), func(t *testing.T) {
			t.Parallel()
			bubble(t, tickEvery, c.cfg, func(int, *send.Message) *send.Reply { return status(200) }, func(t *testing.T, x *world) {
				h := &heldResults{Store: x.db}
				x.w.Store = h
				h.hold()
				ids := x.publishMany(x.endpoint, 5, number)
				pass(time.Minute)
				if n := len(x.rc.requests()); n != c.want {
					t.Errorf("%d requests, want %d", n, c.want)
				}
				h.release()
				pass(time.Minute)
				for i, id := range ids {
					body := string(x.rc.requests()[i].message.Body)
					if d := x.delivery(id); d.State != hook.Delivered || c.cfg.Ordered && body != number(i) {
						t.Errorf("%d: %s; request %d is %s", i, d.State, i, body)
					}
				}
				if n := len(x.rc.requests()); n != len(ids) {
					t.Errorf("%d requests in the end", n)
				}
			})
		})
	}
}

// An endpoint becomes ordered while several of its deliveries are in flight: the next is sent when
// the results of all of them are stored.
func TestOrderedFromNowOn(t *testing.T) {
	t.Parallel()
	var gate chan struct{} // made inside the bubble
	bubble(t, tickEvery, hook.EndpointConfig{Concurrency: 3}, func(n int, _ *send.Message) *send.Reply {
		if n <= 3 {
			<-gate
		}
		return status(200)
	}, func(t *testing.T, x *world) {
		gate = make(chan struct{})
		h := &heldResults{Store: x.db}
		x.w.Store = h
		x.publishMany(x.endpoint, 3, number)
		settle()
		h.hold()
		ordered := *x.endpoint
		ordered.Config.Ordered = true
		if ok, err := x.db.UpdateEndpoint(t.Context(), &ordered, true); err != nil || !ok {
			t.Fatal(ok, err)
		}
		x.publishMany(x.endpoint, 2, func(i int) string { return number(3 + i) })
		close(gate)
		pass(time.Minute)
		if n := len(x.rc.requests()); n != 3 {
			t.Errorf("%d requests while the results are held, want 3", n)
		}
		h.release()
		pass(time.Minute)
		for i, r := range x.rc.requests()[3:] {
			if string(r.message.Body) != number(3+i) {
				t.Errorf("request %d is %s", 3+i, r.message.Body)
			}
		}
		if n := len(x.rc.requests()); n != 5 {
			t.Errorf("%d requests in the end, want 5", n)
		}
	})
}

// losesLease is a store during whose first intent the node loses its endpoints.
type losesLease struct {
	Store
	owner *owner
	lost  atomic.Bool
}

func (s *losesLease) Intend(r hook.Result) error {
	err := s.Store.Intend(r)
	if s.lost.CompareAndSwap(false, true) {
		s.owner.none.Store(true)
	}
	return err
}

// Storing the intent took so long that another node may own the endpoint by now: nothing is sent.
// That holds for every delivery that waits for an intent.
func TestLeaseLostDuringIntent(t *testing.T) {
	t.Parallel()
	once := hook.EndpointConfig{Mode: hook.AtMostOnce, Retry: []time.Duration{0}}
	onceOrdered := once
	onceOrdered.Ordered = true
	for name, cfg := range map[string]hook.EndpointConfig{
		"at most once": once, "ordered": onceOrdered, "scripted": scripted(`webhook.payload = 'made'`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, tickEvery, cfg, func(int, *send.Message) *send.Reply { return status(200) }, func(t *testing.T, x *world) {
				s := &losesLease{Store: x.db, owner: &x.owner}
				x.w.Store = s
				id := x.publish(x.endpoint, `1`)
				pass(time.Minute)
				if n := len(x.rc.requests()); n != 0 || !s.lost.Load() {
					t.Errorf("%d requests without the lease; an intent was stored: %v", n, s.lost.Load())
				}
				x.takeOver()
				pass(time.Minute)
				if n := len(x.rc.requests()); n > 1 {
					t.Errorf("%d requests", n)
				}
				if d := x.delivery(id); !d.State.Finished() {
					t.Errorf("in the end: %+v", d)
				}
			})
		})
	}
}

// What becomes of a delivery that a crash interrupted follows from the mode it was accepted with,
// not from the one that the endpoint has by now.
func TestInterruptedKeepsItsMode(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		accepted, now hook.Mode
		want          hook.State
		requests      int
	}{
		{hook.AtMostOnce, hook.AtLeastOnce, hook.Unknown, 1},
		{hook.AtLeastOnce, hook.AtMostOnce, hook.Delivered, 2},
	} {
		t.Run(string(c.accepted), func(t *testing.T) {
			t.Parallel()
			retry := []time.Duration{0}
			var gate chan struct{} // made inside the bubble
			answer := func(n int, _ *send.Message) *send.Reply {
				if n == 1 {
					<-gate
				}
				return status(200)
			}
			cfg := hook.EndpointConfig{Mode: c.accepted, Retry: retry, Timeout: time.Hour}
			bubble(t, tickEvery, cfg, answer, func(t *testing.T, x *world) {
				gate = make(chan struct{})
				defer close(gate)
				x.rejoin(1)
				id := x.publish(x.endpoint, `1`)
				settle()
				if d := x.delivery(id); d.State != hook.Sending {
					t.Fatalf("in flight: %+v", d)
				}
				edited := *x.endpoint
				edited.Config.Mode = c.now
				if ok, err := x.db.UpdateEndpoint(t.Context(), &edited, true); err != nil || !ok {
					t.Fatal(ok, err)
				}
				x.rejoin(2) // finds it as a restart would
				pass(time.Minute)
				if d := x.delivery(id); d.State != c.want || d.Mode != c.accepted {
					t.Errorf("accepted as %s, interrupted: %+v", c.accepted, d)
				}
				if n := len(x.rc.requests()); n != c.requests {
					t.Errorf("%d requests, want %d", n, c.requests)
				}
			})
		})
	}
}
