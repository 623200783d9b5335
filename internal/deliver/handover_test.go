package deliver

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"gancho/internal/hook"
	"gancho/internal/send"
)

// owner owns everything in some epoch, or nothing.
type owner struct {
	epoch atomic.Int64
	none  atomic.Bool
}

func (o *owner) Owns(hook.EndpointID) bool { return !o.none.Load() }
func (o *owner) Epoch() int64              { return o.epoch.Load() }
func (o *owner) Tell(hook.EndpointID)      {}

// rejoin begins a new epoch, as a node does after the others took it for dead.
func (x *world) rejoin(epoch int64) {
	x.t.Helper()
	x.owner.none.Store(true)
	x.owner.epoch.Store(epoch)
	x.w.Abandon()
	x.takeOver()
}

func (x *world) takeOver() {
	x.t.Helper()
	if err := x.w.TakeOver(x.t.Context(), func(hook.EndpointID) bool { return true }); err != nil {
		x.t.Fatal(err)
	}
	x.owner.none.Store(false)
	x.w.Nudge()
}

// A delivery that another node stored is found even if its announcement was lost and the
// lane is never idle.
func TestSweepFindsForgottenOfBusyLane(t *testing.T) {
	t.Parallel()
	var gate chan struct{} // made inside the bubble
	bubble(t, tickEvery, hook.EndpointConfig{Timeout: time.Hour}, func(n int, _ *send.Message) *send.Reply {
		if n == 1 {
			<-gate
		}
		return status(200)
	}, func(t *testing.T, x *world) {
		gate = make(chan struct{})
		defer close(gate)
		x.rejoin(1)
		x.publish(x.endpoint, "in flight all the time")
		settle()
		jobs := x.store(x.endpoint, 1, number)
		time.Sleep(2 * sweepTicks * tickEvery)
		settle()
		if d := x.delivery(jobs[0].Delivery.ID); d.State != hook.Delivered {
			t.Errorf("%+v", d)
		}
	})
}

// After a hand-over that failed, the lane works again.
func TestHandOverFails(t *testing.T) {
	t.Parallel()
	var gate chan struct{}
	bubble(t, tickEvery, hook.EndpointConfig{}, func(n int, _ *send.Message) *send.Reply {
		if n == 1 {
			<-gate
		}
		return status(200)
	}, func(t *testing.T, x *world) {
		gate = make(chan struct{})
		x.rejoin(1)
		x.publish(x.endpoint, "in flight")
		settle()
		x.owner.none.Store(true)
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := x.w.HandOver(short, func(hook.EndpointID) bool { return true }); err == nil {
			t.Fatal("handed over with a request in flight")
		}
		x.takeOver()
		close(gate)
		id := x.publish(x.endpoint, "later")
		time.Sleep(time.Minute)
		settle()
		if d := x.delivery(id); d.State != hook.Delivered {
			t.Errorf("%+v", d)
		}
		if n := len(x.rc.requests()); n != 2 {
			t.Errorf("%d requests, want 2", n)
		}
	})
}

// A node that lost its endpoints neither disables one nor stores its health: the new owner
// decides about it.
func TestFencedSaysNothing(t *testing.T) {
	t.Parallel()
	var gate chan struct{}
	bubble(t, tickEvery, hook.EndpointConfig{}, func(int, *send.Message) *send.Reply {
		<-gate
		return status(410)
	}, func(t *testing.T, x *world) {
		gate = make(chan struct{})
		x.rejoin(1)
		x.publish(x.endpoint, "in flight")
		settle()
		x.owner.none.Store(true) // the lease has ended, and the worker has not heard of it yet
		close(gate)
		settle()
		e, err := x.db.Endpoint(t.Context(), x.endpoint.ID)
		if err != nil || e.State != hook.EndpointActive || !e.Health.LastRun.IsZero() {
			t.Errorf("%s %+v, %v", e.State, e.Health, err)
		}
	})
}

// A lane that was opened just before a new epoch began is replaced.
func TestLaneOfAnEarlierEpoch(t *testing.T) {
	t.Parallel()
	bubble(t, tickEvery, hook.EndpointConfig{}, func(int, *send.Message) *send.Reply { return status(200) }, func(t *testing.T, x *world) {
		x.rejoin(-1)
		x.w.lane(x.endpoint.ID, false)
		x.owner.epoch.Store(2)
		x.takeOver()
		id := x.publish(x.endpoint, "1")
		settle()
		if d := x.delivery(id); d.State != hook.Delivered {
			t.Errorf("%+v", d)
		}
	})
}

// Another node ends a delivery that this lane has in memory. If it is at-most-once, it is
// not sent, and it stays ended.
func TestEndedElsewhere(t *testing.T) {
	t.Parallel()
	var gate chan struct{}
	bubble(t, tickEvery, hook.EndpointConfig{Mode: hook.AtMostOnce, Retry: []time.Duration{0}, Concurrency: 1}, func(n int, _ *send.Message) *send.Reply {
		if n == 1 {
			<-gate
		}
		return status(200)
	}, func(t *testing.T, x *world) {
		gate = make(chan struct{})
		ids := x.publishMany(x.endpoint, 3, number)
		settle()
		over, stored := x.delivery(ids[1]), make(chan error, 1)
		superseded, _ := hook.Next(over, hook.Trigger{Kind: hook.OnSupersede}, hook.Policy{}, hook.Standing{}, time.Now())
		over = superseded.Delivery
		x.db.SaveResult(hook.Result{Delivery: over}, func(err error) { stored <- err })
		if err := <-stored; err != nil {
			t.Fatal(err)
		}
		close(gate)
		time.Sleep(time.Minute)
		settle()
		for i, want := range []hook.State{hook.Delivered, hook.Cancelled, hook.Delivered} {
			if d := x.delivery(ids[i]); d.State != want {
				t.Errorf("delivery %d is %s, want %s", i, d.State, want)
			}
		}
		if n := len(x.rc.requests()); n != 2 {
			t.Errorf("%d requests, want 2", n)
		}
	})
}

// A test that another node makes does not count as interrupted before it has had all the
// time that it can take.
func TestTestElsewhere(t *testing.T) {
	t.Parallel()
	for _, state := range []hook.EndpointState{hook.EndpointActive, hook.EndpointPaused, hook.EndpointDisabled} {
		t.Run(string(state), func(t *testing.T) {
			t.Parallel()
			testTestElsewhere(t, state)
		})
	}
}

func testTestElsewhere(t *testing.T, state hook.EndpointState) {
	bubble(t, tickEvery, hook.EndpointConfig{Timeout: 2 * time.Minute}, func(int, *send.Message) *send.Reply { return status(200) }, func(t *testing.T, x *world) {
		if err := x.db.SetEndpointState(t.Context(), x.endpoint.ID, state, "", time.Now()); err != nil {
			t.Fatal(err)
		}
		x.rejoin(1)
		now := time.Now()
		ev := &hook.Event{ID: hook.NewEventID(), Tenant: "acme", Contract: "standard", Type: "t", Door: hook.DoorAPI, CreatedAt: now, Payload: []byte(`1`)}
		d := hook.Delivery{
			ID: ev.ID.Delivery(1), Tenant: "acme", Endpoint: x.endpoint.ID, Type: "t", Mode: hook.AtLeastOnce, Test: true, State: hook.Sending,
			CreatedAt: now, NextAttemptAt: now, QueueAt: now, EndpointVersion: 1, ContractVersion: 1,
		}
		if _, err := x.db.Submit(hook.Submission{Tenant: "acme", Items: []*hook.Accepted{{Event: ev, Deliveries: []hook.Delivery{d}}}}, 0); err != nil {
			t.Fatal(err)
		}
		x.rejoin(2)
		time.Sleep(2 * time.Minute)
		settle()
		if d := x.delivery(d.ID); d.State != hook.Sending {
			t.Errorf("while it may still run: %s %s", d.State, d.Reason)
		}
		time.Sleep(10 * time.Minute)
		settle()
		if d := x.delivery(d.ID); d.State != hook.Failed || d.Reason != hook.ClassInterrupted {
			t.Errorf("later: %s %s", d.State, d.Reason)
		}
	})
}

// An ordered endpoint gets what another node accepted earlier first, even if that node has
// not announced it yet.
func TestOrderAcrossNodes(t *testing.T) {
	t.Parallel()
	bubble(t, time.Hour, hook.EndpointConfig{Ordered: true}, func(int, *send.Message) *send.Reply { return status(200) }, func(t *testing.T, x *world) {
		x.rejoin(1)
		x.publish(x.endpoint, `0`) // opens the lane
		settle()
		x.store(x.endpoint, 1, func(int) string { return `1` }) // by the other node
		pass(time.Millisecond)
		x.publish(x.endpoint, `2`)
		settle()
		for i, r := range x.rc.requests() {
			if string(r.message.Body) != number(i) {
				t.Errorf("request %d is %s", i, r.message.Body)
			}
		}
		if n := len(x.rc.requests()); n != 3 {
			t.Errorf("%d requests, want 3", n)
		}
	})
}
