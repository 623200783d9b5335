package deliver

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"gancho/internal/deliver/pace"
	"gancho/internal/hook"
	"gancho/internal/mask"
	"gancho/internal/send"
)

// Cases that failed once.

// A person can retry the first delivery of an ordered queue while it waits in memory for
// its next attempt.
func TestOrderedHeadRetriedByHand(t *testing.T) {
	t.Parallel()
	bubble(t, tickEvery, hook.EndpointConfig{Ordered: true, Retry: []time.Duration{0, time.Hour}}, func(n int, _ *send.Message) *send.Reply {
		if n == 1 {
			return status(500)
		}
		return status(200)
	}, func(t *testing.T, x *world) {
		id := x.publish(x.endpoint, "1")
		settle()
		if _, err := x.db.Retry(t.Context(), "acme", id, true); err != nil {
			t.Fatal(err)
		}
		x.w.Wake(x.endpoint.ID)
		time.Sleep(time.Minute)
		settle()
		if d := x.delivery(id); d.State != hook.Delivered {
			t.Errorf("one minute after POST /retry: %s, %d attempts", d.State, d.Attempts)
		}
	})
}

// The first delivery of an ordered queue keeps its place after it failed, even if its lane
// has no room for more.
func TestOrderedQueueFull(t *testing.T) {
	t.Parallel()
	var g chan struct{}
	bubble(t, tickEvery, hook.EndpointConfig{Ordered: true, Retry: []time.Duration{0, time.Minute}}, func(n int, s *send.Message) *send.Reply {
		if n == 1 {
			<-g
			return status(500)
		}
		return status(200)
	}, func(t *testing.T, x *world) {
		g = make(chan struct{})
		x.publish(x.endpoint, "first")
		settle()
		x.publishMany(x.endpoint, windowLimits.Bytes/largeBytes+500, large)
		close(g)
		time.Sleep(10 * time.Second)
		settle()
		if n := len(x.rc.requests()); n != 1 {
			t.Errorf("%d requests while the head waits for its retry, want 1", n)
		}
	})
}

// A delivery that was accepted as at-most-once stays that, even if the endpoint's mode
// changes.
func TestModeOfAcceptance(t *testing.T) {
	t.Parallel()
	bubble(t, tickEvery, hook.EndpointConfig{Mode: hook.AtMostOnce, Retry: []time.Duration{0}}, func(n int, s *send.Message) *send.Reply {
		return status(500)
	}, func(t *testing.T, x *world) {
		if err := x.db.SetEndpointState(t.Context(), x.endpoint.ID, hook.EndpointPaused, "", time.Now()); err != nil {
			t.Fatal(err)
		}
		id := x.publish(x.endpoint, "1")
		settle()
		e, _ := x.db.Endpoint(t.Context(), x.endpoint.ID)
		e.Config.Mode, e.Config.Retry, e.State = hook.AtLeastOnce, []time.Duration{0, time.Second, time.Second}, hook.EndpointActive
		if ok, err := x.db.UpdateEndpoint(t.Context(), e, true); !ok || err != nil {
			t.Fatal(ok, err)
		}
		time.Sleep(time.Minute)
		settle()
		d := x.delivery(id)
		if n := len(x.rc.requests()); n != 1 {
			t.Errorf("an %s delivery was sent %d times; %s", d.Mode, n, d.State)
		}
	})
}

// After an endpoint is resumed, it takes five days of failures again to disable it.
func TestResumeForgetsFailures(t *testing.T) {
	t.Parallel()
	bubble(t, time.Minute, hook.EndpointConfig{Retry: []time.Duration{0}}, func(n int, s *send.Message) *send.Reply { return status(404) }, func(t *testing.T, x *world) {
		for range 5 {
			x.publish(x.endpoint, "1")
			settle()
			time.Sleep(24 * time.Hour)
		}
		x.publish(x.endpoint, "1")
		settle()
		e, _ := x.db.Endpoint(t.Context(), x.endpoint.ID)
		if e.State != hook.EndpointDisabled {
			t.Fatalf("not disabled: %s %+v", e.State, e.Health)
		}
		_ = x.db.SetEndpointState(t.Context(), e.ID, hook.EndpointActive, "", time.Now())
		settle()
		x.publish(x.endpoint, "2")
		settle()
		e, _ = x.db.Endpoint(t.Context(), x.endpoint.ID)
		if e.State != hook.EndpointActive {
			t.Errorf("one failure after resume: %s %s %+v", e.State, e.StateReason, e.Health)
		}
	})
}

type failingIntend struct {
	Store
	fail atomic.Bool
}

func (f *failingIntend) Intend(r hook.Result) error {
	if f.fail.Load() {
		return hook.Unavailable(fmt.Errorf("disk full"))
	}
	return f.Store.Intend(r)
}

// If it cannot be stored that a probe is being sent, the probe has ended, and another
// follows.
func TestFailedIntentEndsProbe(t *testing.T) {
	t.Parallel()
	var ok atomic.Bool
	bubble(t, time.Minute, hook.EndpointConfig{Mode: hook.AtMostOnce, Retry: []time.Duration{0}, Concurrency: 1}, func(n int, s *send.Message) *send.Reply {
		if ok.Load() {
			return status(200)
		}
		return status(503)
	}, func(t *testing.T, x *world) {
		fs := &failingIntend{Store: x.db}
		x.w.Store = fs
		x.publishMany(x.endpoint, 11, number)
		settle()
		n := len(x.rc.requests())
		fs.fail.Store(true)
		time.Sleep(10 * time.Second) // the probe is due and its intent cannot be stored
		settle()
		fs.fail.Store(false)
		ok.Store(true)
		time.Sleep(24 * time.Hour)
		settle()
		if len(x.rc.requests()) == n {
			t.Errorf("nothing sent in the day after one failed intent")
		}
	})
}

// Results are committed soon, even if another one follows every few milliseconds.
func TestTrickleOfResults(t *testing.T) {
	t.Parallel()
	bubble(t, tickEvery, hook.EndpointConfig{}, func(n int, s *send.Message) *send.Reply { return status(200) }, func(t *testing.T, x *world) {
		jobs := x.store(x.endpoint, 600, number)
		worst := time.Duration(0)
		var w atomic.Int64
		for _, j := range jobs {
			d := j.Delivery
			d.State = hook.Delivered
			d.FinishedAt = time.Now()
			start := time.Now()
			x.db.SaveResult(hook.Result{Delivery: d}, func(error) {
				if took := int64(time.Since(start)); took > w.Load() {
					w.Store(took)
				}
			})
			time.Sleep(4 * time.Millisecond)
		}
		settle()
		worst = time.Duration(w.Load())
		if worst > 20*time.Millisecond {
			t.Errorf("a result waited %s to be committed (lazyDelay 5ms)", worst)
		}
	})
}

// The answer of an endpoint's earlier URL does not count for the endpoint as it is now.
func TestOldURLIsNoNews(t *testing.T) {
	t.Parallel()
	bubble(t, tickEvery, hook.EndpointConfig{Retry: []time.Duration{0, time.Minute}}, func(n int, s *send.Message) *send.Reply {
		if s.Target == "http://a" {
			if n == 1 {
				return status(500)
			}
			return status(410)
		}
		return status(200)
	}, func(t *testing.T, x *world) {
		x.publish(x.endpoint, "1")
		settle()
		e, _ := x.db.Endpoint(t.Context(), x.endpoint.ID)
		e.Config.URL = "http://new"
		if ok, err := x.db.UpdateEndpoint(t.Context(), e, true); !ok || err != nil {
			t.Fatal(ok, err)
		}
		time.Sleep(2 * time.Minute)
		settle()
		e, _ = x.db.Endpoint(t.Context(), x.endpoint.ID)
		if e.State != hook.EndpointActive {
			t.Errorf("endpoint with URL %s is %s %s, though only the old URL answered 410", e.Config.URL, e.State, e.StateReason)
		}
	})
}

// A lane waits in line for a slot once, however often it asks.
func TestSlotLine(t *testing.T) {
	t.Parallel()
	bubble(t, tickEvery, hook.EndpointConfig{}, func(n int, s *send.Message) *send.Reply { return nil }, func(t *testing.T, x *world) {
		x.w.slots.limit = 4
		x.publishMany(x.endpoint, 10, number)
		settle()
		x.publishMany(x.endpoint, 5000, number)
		time.Sleep(100 * time.Millisecond)
		if n := len(x.w.slots.waiting); n > 1 {
			t.Errorf("one lane waits for a slot %d times", n)
		}
	})
}

// Credentials in extra headers and in the URL are masked wherever the history
// shows them, also where the receiver sends them back, and none is stored.
func TestCredentialsAreMasked(t *testing.T) {
	t.Parallel()
	echo := func(_ int, message *send.Message) *send.Reply {
		x := status(200)
		x.Response.Body = []byte("you sent " + message.Headers[1].Value + " to " + message.Target)
		x.Response.Headers = []hook.Header{{Name: "X-Echo", Value: "tok-en=1"}}
		return x
	}
	cfg := hook.EndpointConfig{Headers: []hook.Header{{Name: "Authorization", Value: "Bearer hdrsecret-42"}, {Name: "X-Plain", Value: "plain"}}}
	bubble(t, tickEvery, cfg, echo, func(t *testing.T, x *world) {
		e := x.addEndpoint("http://c?access_token=tok-en%3D1&page=2", cfg)
		id := x.publish(e, `1`)
		settle()
		list, err := x.db.Attempts(t.Context(), id, 10)
		if err != nil || len(list) != 1 {
			t.Fatal(list, err)
		}
		text := fmt.Sprintf("%+v %+v %s", list[0].Request, list[0].Response.Headers, list[0].Response.Body)
		for _, secret := range []string{"hdrsecret-42", "tok-en"} {
			if strings.Contains(text, secret) {
				t.Errorf("%s shows in %s", secret, text)
			}
		}
		for _, shown := range []string{"page=2", "plain", mask.Text} {
			if !strings.Contains(text, shown) {
				t.Errorf("%s does not show in %s", shown, text)
			}
		}
		if r := x.rc.requests()[0].message; r.Target != e.Config.URL || r.Headers[1].Value != "Bearer hdrsecret-42" {
			t.Errorf("sent %s %v", r.Target, r.Headers)
		}
	})
}

// A lane may read a delivery from the store and send it before its publisher offers it.
// Then the offer does not send it again.
func TestOfferAfterItWasSent(t *testing.T) {
	t.Parallel()
	for _, mode := range []hook.Mode{hook.AtLeastOnce, hook.AtMostOnce} {
		bubble(t, tickEvery, hook.EndpointConfig{Mode: mode}, func(int, *send.Message) *send.Reply { return status(200) }, func(t *testing.T, x *world) {
			jobs := x.store(x.endpoint, 1, func(int) string { return `1` })
			x.w.Wake(x.endpoint.ID)
			settle()
			x.w.Offer(jobs)
			settle()
			if d := x.delivery(jobs[0].Delivery.ID); d.State != hook.Delivered || len(x.rc.requests()) != 1 {
				t.Errorf("%s: %+v after %d requests", mode, d, len(x.rc.requests()))
			}
		})
	}
}

// slowPages is a store whose pages, once they are read, wait for the test.
type slowPages struct {
	Store
	hold atomic.Bool
	read chan struct{}
	fail atomic.Bool
}

func (s *slowPages) Due(ctx context.Context, id hook.EndpointID, now time.Time, n, maxBytes int, skip func(hook.DeliveryID) bool) (hook.DuePage, error) {
	page, err := s.Store.Due(ctx, id, now, n, maxBytes, skip)
	if s.hold.Load() {
		<-s.read
	}
	if s.fail.Load() {
		return hook.DuePage{}, errors.New("not now")
	}
	return page, err
}

// While a page of an ordered queue is being read, work is announced, and the lane clears
// what waits in memory. The page leaves that out, so it is not used.
func TestOrderedAnewWhileReading(t *testing.T) {
	t.Parallel()
	bubble(t, tickEvery, hook.EndpointConfig{Ordered: true, PerSecond: 1}, func(int, *send.Message) *send.Reply { return status(200) }, func(t *testing.T, x *world) {
		pages := &slowPages{Store: x.db, read: make(chan struct{})}
		x.w.Store = pages
		x.store(x.endpoint, 4, number)
		x.w.Wake(x.endpoint.ID)
		settle() // the first is sent, the others wait for the rate limit
		pages.hold.Store(true)
		x.w.Offer(x.store(x.endpoint, 1, func(int) string { return "4" }))
		settle()
		x.w.Wake(x.endpoint.ID)
		settle()
		pages.hold.Store(false)
		close(pages.read)
		pass(time.Minute)
		for i, r := range x.rc.requests() {
			if string(r.message.Body) != fmt.Sprint(i) {
				t.Errorf("request %d has event %s", i, r.message.Body)
			}
		}
		if n := len(x.rc.requests()); n != 5 {
			t.Errorf("%d requests, want 5", n)
		}
	})
}

// A delivery is put back into the store while a page is being read that does not show it.
// It is read after that page.
func TestDueWhileReading(t *testing.T) {
	t.Parallel()
	bubble(t, time.Hour, hook.EndpointConfig{}, func(int, *send.Message) *send.Reply { return status(200) }, func(t *testing.T, x *world) {
		slow := &slowPages{Store: x.db, read: make(chan struct{})}
		x.w.Store = slow
		x.publish(x.endpoint, `0`) // opens the lane
		settle()
		jobs := x.awaited(1)
		slow.hold.Store(true)
		x.w.memory.MustReserve(x.w.memory.Max) // no room for it, so it is stored as never begun
		x.w.Offer(jobs)
		settle()
		x.w.memory.Release(x.w.memory.Max)
		slow.hold.Store(false)
		close(slow.read)
		pass(time.Minute)
		if d := x.delivery(jobs[0].Delivery.ID); d.State != hook.Delivered {
			t.Errorf("%+v", d)
		}
	})
}

// failingResults is a store that can be made to fail to store results.
type failingResults struct {
	Store
	fail atomic.Bool
}

func (f *failingResults) SaveResult(r hook.Result, done func(error)) {
	if f.fail.Load() {
		done(hook.Unavailable(errors.New("disk full")))
		return
	}
	f.Store.SaveResult(r, done)
}

// The first delivery of an ordered queue is not tried again before its last result is
// durable. Otherwise that could be stored over the next result.
func TestOrderedRetryWaitsForItsResult(t *testing.T) {
	t.Parallel()
	bubble(t, time.Hour, hook.EndpointConfig{Ordered: true, Retry: []time.Duration{0, time.Second, time.Second}}, func(n int, _ *send.Message) *send.Reply {
		if n == 1 {
			return status(500)
		}
		return status(200)
	}, func(t *testing.T, x *world) {
		f := &failingResults{Store: x.db}
		x.w.Store = f
		f.fail.Store(true)
		ids := x.publishMany(x.endpoint, 2, number)
		pass(900 * time.Millisecond) // the result is tried again after 100, 200, 400, 800 ms
		f.fail.Store(false)
		pass(time.Minute)
		for _, id := range ids {
			if d := x.delivery(id); d.State != hook.Delivered {
				t.Errorf("%+v", d)
			}
		}
		if n := len(x.rc.requests()); n != 3 {
			t.Errorf("%d requests, want 3", n)
		}
	})
}

// failsOnce is a store that fails once to store that a delivery is being sent.
type failsOnce struct {
	Store
	next atomic.Bool
}

func (f *failsOnce) Intend(r hook.Result) error {
	if f.next.CompareAndSwap(true, false) {
		return hook.Unavailable(errors.New("disk full"))
	}
	return f.Store.Intend(r)
}

// If a delivery of an ordered queue could not be sent because of the database, those that
// follow wait for it.
func TestOrderedHeadNotSent(t *testing.T) {
	t.Parallel()
	bubble(t, time.Hour, hook.EndpointConfig{Ordered: true, Mode: hook.AtMostOnce, Retry: []time.Duration{0}}, func(n int, _ *send.Message) *send.Reply {
		x := status(200)
		if n == 1 { // so all are in the queue before the next begins
			x.RetryAfter = time.Second
		}
		return x
	}, func(t *testing.T, x *world) {
		f := &failsOnce{Store: x.db}
		x.w.Store = f
		x.publish(x.endpoint, `first`)
		settle()
		f.next.Store(true)
		x.publishMany(x.endpoint, 3, number)
		pass(time.Minute)
		requests := x.rc.requests()
		if len(requests) != 4 || f.next.Load() {
			t.Fatalf("%d requests, want 4", len(requests))
		}
		for i, r := range requests[1:] {
			if string(r.message.Body) != number(i) {
				t.Errorf("request %d is %s", i, r.message.Body)
			}
		}
	})
}

// When an endpoint is gone, the memory of its deliveries goes back to the budget.
func TestGoneEndpointLetsMemoryGo(t *testing.T) {
	t.Parallel()
	bubble(t, tickEvery, hook.EndpointConfig{}, func(int, *send.Message) *send.Reply { return nil }, func(t *testing.T, x *world) {
		x.publishMany(x.endpoint, 200, large)
		settle()
		x.w.Store = goneEndpoint{x.db}
		x.w.Refresh(hook.Change{Endpoint: x.endpoint.ID})
		pass(time.Minute)
		if n := x.w.memory.Used(); n != 0 {
			t.Errorf("%d bytes are still held", n)
		}
	})
}

type goneEndpoint struct{ Store }

func (goneEndpoint) Endpoint(_ context.Context, id hook.EndpointID) (*hook.Endpoint, error) {
	return nil, hook.NotFound("endpoint", id.String())
}

// A delivery that was expected in an earlier epoch may have been sent by another node. If
// it is offered in this epoch, it is not sent because of that.
func TestOfferOfAnEarlierEpoch(t *testing.T) {
	t.Parallel()
	bubble(t, tickEvery, hook.EndpointConfig{}, func(int, *send.Message) *send.Reply { return status(200) }, func(t *testing.T, x *world) {
		x.rejoin(1)
		x.publish(x.endpoint, `0`) // opens the lane
		settle()
		jobs := x.awaited(1)
		x.rejoin(2)
		settle()
		if d := x.delivery(jobs[0].Delivery.ID); d.State != hook.Delivered {
			t.Errorf("before it was offered: %+v", d)
		}
		x.w.Offer(jobs)
		pass(10 * time.Minute)
		if d := x.delivery(jobs[0].Delivery.ID); d.State != hook.Delivered || len(x.rc.requests()) != 2 {
			t.Errorf("%+v after %d requests", d, len(x.rc.requests()))
		}
	})
}

// A delivery that was committed although its publisher called it off is found, even if the
// lane is never idle.
func TestCalledOffOfBusyLane(t *testing.T) {
	t.Parallel()
	for _, mode := range []hook.Mode{hook.AtLeastOnce, hook.AtMostOnce} {
		bubble(t, tickEvery, hook.EndpointConfig{Mode: mode, Timeout: time.Hour}, func(n int, _ *send.Message) *send.Reply {
			if n == 1 {
				return nil
			}
			return status(200)
		}, func(t *testing.T, x *world) {
			x.publish(x.endpoint, `in flight all the time`)
			settle()
			jobs := x.awaited(2)
			for i := range jobs {
				x.w.CallOff(&jobs[i].Delivery)
			}
			pass(5 * time.Minute)
			for _, job := range jobs {
				if d := x.delivery(job.Delivery.ID); d.State != hook.Delivered {
					t.Errorf("%+v", d)
				}
			}
		})
	}
}

// After the pause that a receiver asked for, deliveries are sent at once again.
func TestReadyAfterRetryAfter(t *testing.T) {
	t.Parallel()
	bubble(t, time.Hour, hook.EndpointConfig{}, func(n int, _ *send.Message) *send.Reply {
		if n == 1 {
			x := status(429)
			x.RetryAfter = time.Minute
			return x
		}
		return status(200)
	}, func(t *testing.T, x *world) {
		x.publish(x.endpoint, `1`)
		pass(10 * time.Minute)
		if d := newJobs(x.endpoint, 1, number)[0].Delivery; !x.w.Await(&d) {
			t.Error("not sent at once long after it may be")
		} else {
			d.State = hook.Sending
			x.w.CallOff(&d)
		}
	})
}

// Deliveries that wait until a page has been read count for the memory budget, too.
func TestDeferredIsCounted(t *testing.T) {
	t.Parallel()
	bubble(t, time.Hour, hook.EndpointConfig{Ordered: true}, func(int, *send.Message) *send.Reply { return status(200) }, func(t *testing.T, x *world) {
		slow := &slowPages{Store: x.db, read: make(chan struct{})}
		x.w.Store = slow
		x.publish(x.endpoint, `0`) // opens the lane
		settle()
		slow.hold.Store(true)
		x.w.Wake(x.endpoint.ID)
		synctest.Wait()
		x.publishMany(x.endpoint, 10, large)
		if n := x.w.memory.Used(); n < 10*largeBytes {
			t.Errorf("%d bytes are counted", n)
		}
		x.w.memory.Max = 11 * largeBytes
		x.publishMany(x.endpoint, 10, large)
		if n := x.w.memory.Used(); n > 11*largeBytes {
			t.Errorf("%d bytes are held", n)
		}
		slow.hold.Store(false)
		close(slow.read)
		settle()
		if n := len(x.rc.requests()); n != 21 {
			t.Errorf("%d requests, want 21", n)
		}
		if n := x.w.memory.Used(); n != 0 {
			t.Errorf("%d bytes are still held", n)
		}
	})
}

// While the lane reads what other nodes stored, deliveries that are accepted here are still
// sent from memory. What the others stored is read, even if reading fails at first.
func TestAnnouncedWhileAccepting(t *testing.T) {
	t.Parallel()
	bubble(t, time.Hour, hook.EndpointConfig{}, func(int, *send.Message) *send.Reply { return status(200) }, func(t *testing.T, x *world) {
		slow := &slowPages{Store: x.db, read: make(chan struct{})}
		x.w.Store = slow
		x.publish(x.endpoint, `0`) // opens the lane
		settle()
		slow.hold.Store(true)
		x.w.Wake(x.endpoint.ID) // reads, and sees nothing yet
		synctest.Wait()
		x.store(x.endpoint, 1, func(int) string { return "elsewhere" })
		x.w.Wake(x.endpoint.ID)
		x.publish(x.endpoint, `1`)
		synctest.Wait()
		if n := len(x.rc.requests()); n != 2 {
			t.Errorf("%d requests while a page is being read, want 2", n)
		}
		slow.hold.Store(false)
		slow.fail.Store(true)
		close(slow.read)
		synctest.Wait()
		slow.fail.Store(false)
		pass(time.Minute)
		if n := len(x.rc.requests()); n != 3 {
			t.Errorf("%d requests, want 3", n)
		}
	})
}

// A transport may send a message a second time after a connection broke, but never one of an endpoint that wants each
// event at most once: the first may have arrived.
func TestOnlyAtLeastOnceMayBeResent(t *testing.T) {
	t.Parallel()
	for mode, want := range map[hook.Mode]bool{hook.AtLeastOnce: true, hook.AtMostOnce: false} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			var resend atomic.Bool
			resend.Store(!want)
			answer := func(_ int, m *send.Message) *send.Reply {
				resend.Store(m.Resend)
				return status(204)
			}
			bubble(t, tickEvery, hook.EndpointConfig{Mode: mode}, answer, func(t *testing.T, x *world) {
				id := x.publish(x.endpoint, `1`)
				settle()
				if d := x.delivery(id); d.State != hook.Delivered || resend.Load() != want {
					t.Errorf("%s: may be sent again: %t, want %t", d.State, resend.Load(), want)
				}
			})
		})
	}
}

// Whoever edits an endpoint may have mended it, so deliveries do not wait any longer for a breaker that opened, nor for
// a receiver that asked to be left alone.
func TestEditedEndpointIsTriedAtOnce(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]func() *send.Reply{
		"breaker": func() *send.Reply { return status(500) },
		"pause": func() *send.Reply {
			r := status(429)
			r.RetryAfter = 24 * time.Hour
			return r
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var mended atomic.Bool
			cfg := hook.EndpointConfig{Retry: []time.Duration{0}}
			bubble(t, tickEvery, cfg, func(int, *send.Message) *send.Reply {
				if mended.Load() {
					return status(204)
				}
				return answer()
			}, func(t *testing.T, x *world) {
				for range 2 * pace.Threshold { // the breaker opens on the way, and more failures make its wait longer
					x.publish(x.endpoint, `1`)
					settle()
				}
				waits := x.publish(x.endpoint, `2`)
				settle()
				mended.Store(true)
				if d := x.delivery(waits); d.State != hook.Pending {
					t.Fatalf("nothing holds it back: %+v", d)
				}
				e, err := x.db.Endpoint(t.Context(), x.endpoint.ID)
				if err != nil {
					t.Fatal(err)
				}
				e.Config.URL = "http://mended"
				if ok, err := x.db.UpdateEndpoint(t.Context(), e, true); !ok || err != nil {
					t.Fatal(ok, err)
				}
				settle()
				if d := x.delivery(waits); d.State != hook.Delivered {
					t.Errorf("after the endpoint was edited: %+v", d)
				}
			})
		})
	}
}
