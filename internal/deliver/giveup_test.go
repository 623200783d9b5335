package deliver

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"gancho/internal/hook"
	"gancho/internal/send"
)

// When an endpoint that only fails is given up: by itself, by its contract, or by the operator.
func TestGiveUp(t *testing.T) {
	t.Parallel()
	long := []time.Duration{0, time.Hour, time.Hour, time.Hour, time.Hour, time.Hour}
	for _, tt := range []struct {
		name, rules string
		cfg         hook.EndpointConfig
		events      int
		after       time.Duration
		state       hook.EndpointState
		why         string
		requests    int
	}{
		{"attempts of one delivery", "give_up: {after: 3}", hook.EndpointConfig{Retry: long}, 1, 12 * time.Hour, hook.EndpointDisabled, hook.ReasonFailingOften, 3},
		{"pauses", "give_up: {after: 3, of: attempts, do: pause}", hook.EndpointConfig{Retry: long}, 1, 12 * time.Hour, hook.EndpointPaused, hook.ReasonFailingOften, 3},
		{"deliveries", "give_up: {after: 2, of: deliveries}", hook.EndpointConfig{Retry: long[:2], Ordered: true}, 3, 12 * time.Hour, hook.EndpointDisabled, hook.ReasonFailingOften, 4},
		{"time", "give_up: {after: 150m, of: time}", hook.EndpointConfig{Retry: long}, 1, 12 * time.Hour, hook.EndpointDisabled, hook.ReasonFailingLong, 4},
		{"never", "give_up: {do: nothing}", hook.EndpointConfig{Retry: long}, 1, 12 * time.Hour, hook.EndpointActive, "", 6},
		{
			"the endpoint says otherwise", "give_up: {after: 2}",
			hook.EndpointConfig{Retry: long, GiveUp: hook.GiveUp{Of: hook.GiveUpAttempts, Count: 4, Do: hook.GiveUpPause}},
			1, 12 * time.Hour, hook.EndpointPaused, hook.ReasonFailingOften, 4,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			bubble(t, time.Minute, tt.cfg, func(int, *send.Message) *send.Reply { return status(500) }, func(t *testing.T, x *world) {
				x.setContract(standard + "delivery:\n  " + tt.rules + "\n")
				for range tt.events {
					x.publish(x.endpoint, `1`)
					settle()
				}
				pass(tt.after)
				e, err := x.db.Endpoint(t.Context(), x.endpoint.ID)
				if err != nil || e.State != tt.state || e.StateReason != tt.why || len(x.rc.requests()) != tt.requests {
					t.Errorf("%s (%s) after %d requests, %v; want %s (%s) after %d", e.State, e.StateReason, len(x.rc.requests()), err, tt.state, tt.why, tt.requests)
				}
			})
		})
	}
}

// What failed in a row is counted on by the next lane, as after a restart or on another node. A success, and a person
// who resumes the endpoint, begin it anew.
func TestGiveUpCountsOn(t *testing.T) {
	t.Parallel()
	ok := false
	answer := func(int, *send.Message) *send.Reply {
		if ok {
			return status(200)
		}
		return status(500)
	}
	cfg := hook.EndpointConfig{Retry: []time.Duration{0}, GiveUp: hook.GiveUp{Of: hook.GiveUpDeliveries, Count: 3, Do: hook.GiveUpPause}}
	bubble(t, tickEvery, cfg, answer, func(t *testing.T, x *world) {
		state := func() hook.EndpointState {
			e, err := x.db.Endpoint(t.Context(), x.endpoint.ID)
			if err != nil {
				t.Fatal(err)
			}
			return e.State
		}
		fail := func(n int) {
			for range n {
				x.publish(x.endpoint, `1`)
				settle()
			}
		}
		fail(2)
		l := x.w.existing(x.endpoint.ID)
		l.end() // what another process knows is what is stored
		x.w.remove(l)
		if e, err := x.db.Endpoint(t.Context(), x.endpoint.ID); err != nil || e.Health.FailedAttempts != 2 || e.Health.FailedDeliveries != 2 {
			t.Errorf("stored: %+v, %v", e.Health, err)
		}
		x.w.Wake(x.endpoint.ID)
		settle()
		if fail(1); state() != hook.EndpointPaused {
			t.Errorf("after the third it is %s", state())
		}
		if err := x.db.SetEndpointState(t.Context(), x.endpoint.ID, hook.EndpointActive, "", time.Now()); err != nil {
			t.Fatal(err)
		}
		settle()
		if fail(2); state() != hook.EndpointActive {
			t.Error("resuming did not begin anew")
		}
		ok = true
		fail(1)
		ok = false
		if fail(2); state() != hook.EndpointActive {
			t.Error("a success did not begin anew")
		}
		if fail(1); state() != hook.EndpointPaused {
			t.Error("three more did not pause it")
		}
	})
}

// slowStates takes a second to store the first state of an endpoint, and a second more for each one after it.
type slowStates struct {
	Store
	calls atomic.Int32
}

func (s *slowStates) SetEndpointState(ctx context.Context, id hook.EndpointID, to hook.EndpointState, why string, at time.Time) error {
	time.Sleep(time.Duration(s.calls.Add(1)) * time.Second) //policy:allow time.Sleep: in the fake time of a bubble
	return s.Store.SetEndpointState(ctx, id, to, why, at)
}

// Several requests were under way when the endpoint was given up. They do not give it up once more, after a person resumed it.
func TestGivenUpOnce(t *testing.T) {
	t.Parallel()
	for _, rules := range []string{
		"give_up: {after: 2, of: attempts, do: pause}", "pause_if: response.status == 500", "disable_if: response.status == 500",
		"give_up: {after: 2, of: attempts, do: pause}\n  batch: {max: 1}",
	} {
		t.Run(rules, func(t *testing.T) {
			t.Parallel()
			answer := func(n int, _ *send.Message) *send.Reply {
				time.Sleep(100 * time.Millisecond) //policy:allow time.Sleep: in the fake time of a bubble; all five are under way when the first is answered
				if n > 5 {
					return status(200)
				}
				return status(500)
			}
			cfg := hook.EndpointConfig{Retry: []time.Duration{0, time.Hour}, Concurrency: 5}
			bubble(t, time.Minute, cfg, answer, func(t *testing.T, x *world) {
				slow := &slowStates{Store: x.w.Store}
				x.w.Store = slow
				x.setContract(standard + "delivery:\n  " + rules + "\n")
				for range 5 {
					x.publish(x.endpoint, `1`)
				}
				pass(1500 * time.Millisecond)
				e, err := x.db.Endpoint(t.Context(), x.endpoint.ID)
				if err != nil || e.State == hook.EndpointActive {
					t.Fatalf("not given up: %+v, %v", e, err)
				}
				if err := x.db.SetEndpointState(t.Context(), x.endpoint.ID, hook.EndpointActive, "", time.Now()); err != nil {
					t.Fatal(err)
				}
				pass(10 * time.Second)
				if e, err = x.db.Endpoint(t.Context(), x.endpoint.ID); err != nil || e.State != hook.EndpointActive {
					t.Errorf("a person resumed it, and it is %s because of %q, %v", e.State, e.StateReason, err)
				}
				if n := slow.calls.Load(); n != 1 {
					t.Errorf("decided %d times", n)
				}
			})
		})
	}
}

// The lease of this node was over for a moment when an endpoint was to be given up, and nobody else took over. The next
// failure gives it up.
func TestGivenUpAfterTheLeaseLapsed(t *testing.T) {
	t.Parallel()
	for _, batch := range []string{"", "\n  batch: {max: 1}"} {
		t.Run(batch, func(t *testing.T) {
			t.Parallel()
			var x *world
			answer := func(n int, _ *send.Message) *send.Reply {
				x.owner.none.Store(n == 2)
				return status(500)
			}
			cfg := hook.EndpointConfig{Retry: []time.Duration{0, time.Minute, time.Minute}}
			bubble(t, tickEvery, cfg, answer, func(t *testing.T, made *world) {
				x = made
				x.setContract(standard + "delivery:\n  give_up: {after: 2, of: attempts, do: pause}" + batch + "\n")
				x.publish(x.endpoint, `1`)
				pass(90 * time.Second)
				e, err := x.db.Endpoint(t.Context(), x.endpoint.ID)
				if err != nil || e.State != hook.EndpointActive || len(x.rc.requests()) != 2 {
					t.Fatalf("%+v, %v, after %d requests", e, err, len(x.rc.requests()))
				}
				x.owner.none.Store(false)
				x.w.Nudge()
				pass(5 * time.Minute)
				if e, err = x.db.Endpoint(t.Context(), x.endpoint.ID); err != nil || e.State != hook.EndpointPaused {
					t.Errorf("after %d failures it is %s, %v", len(x.rc.requests()), e.State, err)
				}
			})
		})
	}
}
