package share

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gancho/internal/hook"
)

// The tests of this file have a fake clock, so that they can say what happens when a lease ends, an answer
// is late or a clock is put back. A real database has a clock of its own. So the nodes are a list in memory;
// share_test.go has the same nodes in a real database.

// ledger is the list of the nodes, as a node under test sees it, and the worker of that node.
type ledger struct {
	mu      sync.Mutex
	epoch   int64 // of the node under test
	peers   []int64
	expired []int64
	owner   [hook.Slots]int64
	asked   []string // what the node did, in order
	// What happens when the node does something, by its name in asked. It runs before the ledger answers.
	on map[string]func(context.Context) error
}

// do notes that the node does something. If that does not fail, it takes effect.
func (l *ledger) do(ctx context.Context, what string, effect func()) error {
	l.mu.Lock()
	l.asked = append(l.asked, what)
	on := l.on[what]
	l.mu.Unlock()
	if on != nil {
		if err := on(ctx); err != nil {
			return err
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	effect()
	return nil
}

// when sets what happens from now on when the node does something; nil is nothing special.
func (l *ledger) when(what string, on func(context.Context) error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.on[what] = on
}

// took returns what the node did since the last call.
func (l *ledger) took() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	took := l.asked
	l.asked = nil
	return took
}

func (l *ledger) free(epoch int64) {
	for s, owner := range l.owner {
		if owner == epoch {
			l.owner[s] = 0
		}
	}
}

func (l *ledger) Join(ctx context.Context, _ string, _ time.Duration, _ bool) (epoch int64, err error) {
	err = l.do(ctx, "join", func() { l.free(l.epoch); l.epoch++; epoch = l.epoch })
	return epoch, err
}

func (l *ledger) NameTaken(context.Context, string) (bool, error) { return false, nil }

func (l *ledger) Heartbeat(ctx context.Context, epoch int64, _ time.Duration) (*hook.Nodes, error) {
	view := &hook.Nodes{}
	err := l.do(ctx, "heartbeat", func() {
		view.Alive = append([]int64{epoch}, l.peers...)
		view.Expired, view.Owner = slices.Clone(l.expired), l.owner
	})
	return view, err
}

func (l *ledger) Evict(ctx context.Context, epochs []int64) error {
	return l.do(ctx, "evict", func() {
		for _, e := range epochs {
			l.free(e)
		}
		l.expired = nil
	})
}

func (l *ledger) Take(ctx context.Context, epoch int64, slots []int) (got []int, err error) {
	err = l.do(ctx, "take", func() {
		for _, s := range slots {
			if l.owner[s] == 0 {
				l.owner[s] = epoch
				got = append(got, s)
			}
		}
	})
	return got, err
}

func (l *ledger) Give(ctx context.Context, epoch int64, slots []int) error {
	return l.do(ctx, "give", func() {
		for _, s := range slots {
			if l.owner[s] == epoch {
				l.owner[s] = 0
			}
		}
	})
}

func (l *ledger) Leave(ctx context.Context, epoch int64) error {
	return l.do(ctx, "leave", func() { l.free(epoch) })
}

func (*ledger) Weights(context.Context) (w [hook.Slots]int, err error) { return w, nil }

func (*ledger) NotifyWork(context.Context, []hook.EndpointID, bool) error { return nil }

func (*ledger) Signals(_ context.Context, before hook.SignalsRead) ([]hook.Signal, hook.SignalsRead, error) {
	return nil, before, nil
}

func (*ledger) LastSignal(context.Context) (s hook.SignalsRead, err error) { return s, nil }
func (*ledger) MustPoll(context.Context) (bool, error)                     { return false, nil }
func (*ledger) Announce(hook.Change)                                       {}

func (*ledger) Listen(ctx context.Context, _ func([]hook.EndpointID), _, _ func()) error {
	<-ctx.Done()
	return nil
}

func (l *ledger) TakeOver(ctx context.Context, _ func(hook.EndpointID) bool) error {
	return l.do(ctx, "take over", func() {})
}

func (l *ledger) HandOver(ctx context.Context, _ func(hook.EndpointID) bool) error {
	return l.do(ctx, "hand over", func() {})
}

func (*ledger) Working() []hook.EndpointID { return nil }
func (l *ledger) Abandon()                 { _ = l.do(context.Background(), "abandon", func() {}) } // nothing makes it fail
func (l *ledger) Nudge()                   { _ = l.do(context.Background(), "nudge", func() {}) }   // nothing makes it fail
func (*ledger) Wake(hook.EndpointID)       {}
func (*ledger) Supersede([]hook.Delivery)  {}

// fakeNode is a node with a fake clock, which began with it and whose wall clock is ahead.
type fakeNode struct {
	*Node
	*ledger
	mu    sync.Mutex
	ahead time.Duration
	start time.Time
}

// withClock makes a node in a bubble. The node does not run yet.
func withClock(t *testing.T, do func(t *testing.T, n *fakeNode)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := &fakeNode{ledger: &ledger{on: map[string]func(context.Context) error{}}, start: time.Now()}
		n.Node = New(Options{Store: n.ledger, Signals: n.ledger, Log: slog.New(slog.DiscardHandler)})
		n.wallOf = func(now time.Time) int64 {
			n.mu.Lock()
			defer n.mu.Unlock()
			return now.Add(n.ahead).UnixNano()
		}
		do(t, n)
	})
}

// run starts the node and runs it until the test ends.
func (n *fakeNode) run(t *testing.T) {
	t.Helper()
	if err := n.Start(t.Context(), n.ledger); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		time.Sleep(giveTimeout) // every handover has ended by then
	})
	synctest.Wait()
}

// at waits until a time after the start, and until everything that happens then has happened.
func (n *fakeNode) at(after time.Duration) {
	time.Sleep(time.Until(n.start.Add(after)))
	synctest.Wait()
}

// putWall puts the wall clock forward, or back. The monotonic clock does not notice.
func (n *fakeNode) putWall(by time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ahead += by
}

// owning is how many slots the node says that it owns.
func (n *fakeNode) owning() (count int) {
	for s := range hook.Slots {
		if n.Owns(hook.EndpointID{9: byte(s)}) {
			count++
		}
	}
	return count
}

func (n *fakeNode) wantOwning(t *testing.T, when string, want int) {
	t.Helper()
	if got := n.owning(); got != want {
		t.Errorf("%s, %v after the start: owns %d slots, want %d", when, time.Since(n.start), got, want)
	}
	if leads := n.Leads(); want == 0 && leads || want == hook.Slots && !leads {
		t.Errorf("%s, %v after the start: leads: %v", when, time.Since(n.start), leads)
	}
}

// down is a database that does not answer.
func down(context.Context) error { return errors.New("the database is down") }

// slow is an answer that comes after d, or not at all if the caller does not wait as long.
func slow(d time.Duration) func(context.Context) error {
	return func(ctx context.Context) error {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(d):
			return nil
		}
	}
}

// A node stops saying that it owns endpoints when its lease ends by one of its two clocks.
func TestLeaseEndsByEitherClock(t *testing.T) {
	t.Run("nobody renews it", func(t *testing.T) {
		withClock(t, func(t *testing.T, n *fakeNode) {
			n.run(t)
			n.at(4 * time.Second) // the last renewal
			n.when("heartbeat", down)
			n.at(12*time.Second - 1)
			n.wantOwning(t, "the lease runs", hook.Slots)
			n.at(12 * time.Second)
			n.wantOwning(t, "the lease has ended", 0)
			n.when("heartbeat", nil)
			n.took()
			n.at(14 * time.Second)
			n.wantOwning(t, "the lease is renewed", hook.Slots)
			if took := n.took(); !slices.Contains(took, "nudge") {
				t.Errorf("the worker was not told that there is work again: %v", took)
			}
		})
	})
	t.Run("the wall clock is put back", func(t *testing.T) {
		withClock(t, func(t *testing.T, n *fakeNode) {
			n.run(t)
			n.at(4 * time.Second)
			n.when("heartbeat", down)
			n.putWall(-24 * time.Hour)
			n.at(12*time.Second - 1)
			n.wantOwning(t, "the lease runs", hook.Slots)
			n.at(12 * time.Second)
			n.wantOwning(t, "the lease has ended by the monotonic clock", 0)
		})
	})
	t.Run("the machine slept", func(t *testing.T) { // the monotonic clock stood still meanwhile
		withClock(t, func(t *testing.T, n *fakeNode) {
			n.run(t)
			n.at(4 * time.Second)
			n.putWall(lease - 1)
			n.wantOwning(t, "the lease runs", hook.Slots)
			n.putWall(1)
			n.wantOwning(t, "the lease has ended by the wall clock", 0)
			n.at(6 * time.Second)
			n.wantOwning(t, "the lease is renewed", hook.Slots)
		})
	})
	t.Run("the wall clock is put forward and the node goes on", func(t *testing.T) {
		withClock(t, func(t *testing.T, n *fakeNode) {
			n.run(t)
			n.at(5 * time.Second)
			n.putWall(24 * time.Hour)
			n.at(6 * time.Second)
			n.when("heartbeat", down)
			n.at(14*time.Second - 1)
			n.wantOwning(t, "the lease runs", hook.Slots)
			n.at(14 * time.Second)
			n.wantOwning(t, "the lease has ended", 0)
		})
	})
}

// The database may have begun the lease when the question arrived. So the node counts from its question, however
// late the answer comes.
func TestLeaseRunsFromTheQuestion(t *testing.T) {
	t.Run("heartbeat", func(t *testing.T) {
		withClock(t, func(t *testing.T, n *fakeNode) {
			n.run(t)
			n.at(3 * time.Second)
			n.when("heartbeat", slow(5*time.Second))
			n.at(9 * time.Second) // asked after 4 s, answered now
			n.when("heartbeat", down)
			n.at(12*time.Second - 1)
			n.wantOwning(t, "the lease runs", hook.Slots)
			n.at(12 * time.Second)
			n.wantOwning(t, "the lease has ended", 0)
		})
	})
	t.Run("join", func(t *testing.T) {
		withClock(t, func(t *testing.T, n *fakeNode) {
			n.when("join", slow(5*time.Second))
			n.when("heartbeat", slow(time.Hour))
			failed := make(chan error, 1)
			go func() { failed <- n.Start(t.Context(), n.ledger) }()
			n.at(8*time.Second - 1)
			if !n.LeaseValid() {
				t.Error("the lease has ended early")
			}
			n.at(8 * time.Second)
			if n.LeaseValid() {
				t.Error("the lease runs on")
			}
			if err := <-failed; !errors.Is(err, context.DeadlineExceeded) || time.Since(n.start) != 13*time.Second {
				t.Errorf("the first heartbeat failed after %v: %v", time.Since(n.start), err)
			}
		})
	})
	t.Run("keep", func(t *testing.T) { // while the worker finishes before this node leaves
		withClock(t, func(t *testing.T, n *fakeNode) {
			if err := n.Start(t.Context(), n.ledger); err != nil {
				t.Fatal(err)
			}
			n.when("heartbeat", slow(5*time.Second))
			ctx, stop := context.WithCancel(t.Context())
			kept := make(chan error, 1)
			go func() { kept <- n.Keep(ctx) }()
			n.at(8*time.Second - 1) // the first answer came after 5 s; the second question was then
			n.wantOwning(t, "the first lease runs", hook.Slots)
			n.at(8 * time.Second)
			n.wantOwning(t, "the first lease has ended", 0)
			n.when("heartbeat", down)
			n.at(10 * time.Second)
			n.at(13*time.Second - 1)
			n.wantOwning(t, "the lease runs", hook.Slots)
			n.at(13 * time.Second)
			n.wantOwning(t, "the lease has ended", 0)
			stop()
			if err := <-kept; err != nil {
				t.Error(err)
			}
		})
	})
}

// A heartbeat that gets no answer within the lease is given up, and the next one is sent.
func TestHeartbeatHangs(t *testing.T) {
	withClock(t, func(t *testing.T, n *fakeNode) {
		n.run(t)
		n.when("heartbeat", slow(time.Hour))
		n.at(3 * time.Second)
		n.when("heartbeat", nil)
		n.at(10*time.Second - 1) // asked after 2 s
		n.wantOwning(t, "no answer yet", 0)
		n.at(10 * time.Second)
		n.wantOwning(t, "asked again", hook.Slots)
	})
}

// After an outage the leases of all nodes have expired, and each has to have the time to renew its own. So a
// node takes work over only if it saw the expired lease with a heartbeat on time after another on time.
func TestNobodyIsTakenOverAfterAnOutage(t *testing.T) {
	const other = 1000
	for name, outage := range map[string]func(t *testing.T, n *fakeNode) (first time.Duration){
		"long": func(_ *testing.T, n *fakeNode) time.Duration {
			n.when("heartbeat", down)
			n.at(21 * time.Second)
			n.when("heartbeat", nil)
			return 22 * time.Second
		},
		"one heartbeat": func(_ *testing.T, n *fakeNode) time.Duration {
			n.when("heartbeat", down)
			n.at(7 * time.Second)
			n.when("heartbeat", nil)
			return 8 * time.Second
		},
		"this machine slept": func(_ *testing.T, n *fakeNode) time.Duration {
			n.putWall(time.Hour)
			return 6 * time.Second
		},
		"this node was taken over": func(_ *testing.T, n *fakeNode) time.Duration {
			n.when("heartbeat", func(context.Context) error {
				n.when("heartbeat", nil)
				return hook.ErrFenced
			})
			return 6 * time.Second
		},
	} {
		t.Run(name, func(t *testing.T) {
			withClock(t, func(t *testing.T, n *fakeNode) {
				n.peers = []int64{other}
				for s := range n.owner {
					n.owner[s] = other
				}
				n.run(t)
				n.at(5 * time.Second)
				n.ledger.mu.Lock()
				n.peers, n.expired = nil, []int64{other}
				n.ledger.mu.Unlock()
				first := outage(t, n)
				n.took()
				n.at(first)
				if took := n.took(); slices.Contains(took, "evict") || !slices.Contains(took, "heartbeat") {
					t.Errorf("at the first heartbeat after the outage: %v", took)
				}
				n.at(first + beatEvery)
				if took := n.took(); !slices.Contains(took, "evict") {
					t.Errorf("at the second heartbeat after the outage: %v", took)
				}
				n.wantOwning(t, "the other is taken over", hook.Slots)
			})
		})
	}
	t.Run("just joined", func(t *testing.T) {
		withClock(t, func(t *testing.T, n *fakeNode) {
			n.expired = []int64{other}
			n.run(t)
			if took := n.took(); slices.Contains(took, "evict") {
				t.Errorf("at the first heartbeat: %v", took)
			}
			n.at(beatEvery)
			if took := n.took(); !slices.Contains(took, "evict") {
				t.Errorf("at the second heartbeat: %v", took)
			}
		})
	})
}

// A node that was taken over drops its work before anything else. Results of requests that it goes on making cannot
// be stored, because it has no epoch until it has joined anew.
func TestTakenOver(t *testing.T) {
	withClock(t, func(t *testing.T, n *fakeNode) {
		n.run(t)
		first := n.Epoch()
		n.ledger.mu.Lock()
		n.peers = []int64{1000} // half of the slots are being handed over to it when this node is taken over
		n.ledger.mu.Unlock()
		n.when("hand over", slow(time.Minute))
		n.at(3 * time.Second)
		n.wantOwning(t, "half is being handed over", hook.Slots/2)
		n.when("heartbeat", func(context.Context) error {
			n.when("heartbeat", nil)
			return hook.ErrFenced
		})
		n.when("abandon", func(context.Context) error {
			n.wantOwning(t, "taken over", 0)
			if e := n.Epoch(); e == first || e > 0 {
				t.Errorf("the epoch is %d while the work is dropped, it was %d", e, first)
			}
			return nil
		})
		n.ledger.mu.Lock()
		n.peers = nil // it is gone, so this node gets all slots under its new epoch
		n.ledger.mu.Unlock()
		n.took()
		n.at(4 * time.Second)
		if took := strings.Join(n.took(), ", "); !strings.HasPrefix(took, "heartbeat, abandon, join, heartbeat, take, take over, nudge") {
			t.Errorf("it did: %s", took)
		}
		if n.Epoch() == first {
			t.Error("it has not joined anew")
		}
		n.wantOwning(t, "joined anew", hook.Slots)
		if len(n.giving) > 0 {
			t.Errorf("it still hands over %d slots of its earlier epoch", len(n.giving))
		}
		n.ledger.mu.Lock()
		n.peers = []int64{1000} // the new epoch hands over, too, and is still at it when the earlier handover ends
		n.ledger.mu.Unlock()
		n.when("hand over", slow(5*time.Minute))
		n.when("give", down)
		n.at(6 * time.Second)
		n.wantOwning(t, "half is being handed over again", hook.Slots/2)
		n.took()
		n.at(2 * time.Minute) // the handover of the earlier epoch ended after 62 s
		n.wantOwning(t, "the earlier handover has ended", hook.Slots/2)
		took := n.took()
		if slices.Contains(took, "take over") || slices.Contains(took, "hand over") {
			t.Errorf("it took slots back that it is still handing over: %v", took)
		}
		if gave := slices.DeleteFunc(took, func(what string) bool { return what != "give" }); len(gave) != 2 {
			t.Errorf("the earlier epoch tried to give its slots %d times, want once for the lead and once for the rest", len(gave))
		}
	})
}

// A node begins to work for endpoints only after it has dealt with what their earlier owner was sending.
func TestOwnedAfterTakeOver(t *testing.T) {
	withClock(t, func(t *testing.T, n *fakeNode) {
		n.when("take over", down)
		if err := n.Start(t.Context(), n.ledger); err == nil {
			t.Error("no error")
		}
		n.wantOwning(t, "the take-over failed", 0)
		n.when("take over", slow(20*time.Second))
		n.took()
		started := make(chan error, 1)
		go func() { started <- n.beat(t.Context()) }()
		n.at(20*time.Second - 1)
		n.wantOwning(t, "the take-over has not ended", 0)
		if took := n.took(); len(took) < 10 || slices.Contains(took, "take") {
			t.Errorf("while it takes over, it renews its lease and takes nothing twice: %v", took)
		}
		n.at(20 * time.Second)
		n.wantOwning(t, "taken over", hook.Slots)
		if err := <-started; err != nil {
			t.Error(err)
		}
	})
}

// Endpoints are given away only after their last request has ended and its result is stored.
func TestGivenAfterHandOver(t *testing.T) {
	withClock(t, func(t *testing.T, n *fakeNode) {
		n.run(t)
		n.when("hand over", slow(5*time.Second))
		tries := 0
		n.when("give", func(context.Context) error {
			n.ledger.mu.Lock()
			defer n.ledger.mu.Unlock()
			if tries++; tries <= 2 {
				return errors.New("the database is down")
			}
			return nil
		})
		n.ledger.mu.Lock()
		n.peers = []int64{1000}
		n.ledger.mu.Unlock()
		n.took()
		n.at(7*time.Second - 1) // it began after 2 s
		n.wantOwning(t, "handing over", hook.Slots/2)
		if took := n.took(); slices.Contains(took, "give") || slices.Contains(took, "take") {
			t.Errorf("while it hands over: %v", took)
		}
		n.at(9*time.Second + 1) // the lead and the rest are given apart; one try of each failed
		gave := func() (count int) {
			n.ledger.mu.Lock()
			defer n.ledger.mu.Unlock()
			for _, owner := range n.owner {
				if owner == 0 {
					count++
				}
			}
			return count
		}
		if got := gave(); got != hook.Slots/2 {
			t.Errorf("gave %d slots", got)
		}
	})
	t.Run("what is not handed over stays", func(t *testing.T) {
		withClock(t, func(t *testing.T, n *fakeNode) {
			n.run(t)
			n.when("hand over", down)
			n.ledger.mu.Lock()
			n.peers = []int64{1000}
			n.ledger.mu.Unlock()
			n.took()
			n.at(3 * time.Second)
			n.ledger.mu.Lock()
			n.peers = nil
			n.ledger.mu.Unlock()
			n.at(5 * time.Second)
			n.wantOwning(t, "after the next heartbeat", hook.Slots)
			if took := n.took(); slices.Contains(took, "give") {
				t.Errorf("it gave slots whose requests had not ended: %v", took)
			}
		})
	})
}

// A node that leaves owns nothing any more when its slots become free.
func TestLeave(t *testing.T) {
	withClock(t, func(t *testing.T, n *fakeNode) {
		if err := n.Start(t.Context(), n.ledger); err != nil {
			t.Fatal(err)
		}
		n.wantOwning(t, "started", hook.Slots)
		n.when("leave", func(context.Context) error {
			n.wantOwning(t, "leaving", 0)
			return nil
		})
		if err := n.Node.Leave(t.Context()); err != nil {
			t.Error(err)
		}
		if took := n.took(); !slices.Contains(took, "leave") {
			t.Errorf("it did: %v", took)
		}
	})
}
