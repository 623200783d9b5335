package deliver

import (
	"testing"
	"time"

	"gancho/internal/hook"
	"gancho/internal/send"
)

// Arrows of docs/states.md, each made by the real store and the real worker. Each delivery has one attempt under way
// when something happens to its endpoint; then the receiver answers, and something happens afterwards.
func TestArrows(t *testing.T) {
	t.Parallel()
	disable := func(x *world, _ hook.DeliveryID) error {
		return x.db.SetEndpointState(x.t.Context(), x.endpoint.ID, hook.EndpointDisabled, "by_person", time.Now())
	}
	remove := func(x *world, _ hook.DeliveryID) error {
		return x.db.DeleteEndpoint(x.t.Context(), "acme", x.endpoint.ID, hook.Precondition{})
	}
	retry := func(x *world, id hook.DeliveryID) error {
		_, err := x.db.Retry(x.t.Context(), "acme", id, false)
		x.w.Wake(x.endpoint.ID)
		return err
	}
	twice, once := []time.Duration{0, time.Hour}, []time.Duration{0}
	for _, tt := range []struct {
		name     string
		cfg      hook.EndpointConfig
		during   func(*world, hook.DeliveryID) error // while the first request is under way
		status   int                                 // of the first answer; later ones are 200
		after    func(*world, hook.DeliveryID) error // when the result is stored
		state    hook.State
		reason   string
		requests int
	}{
		{"succeeds", hook.EndpointConfig{Retry: twice}, nil, 200, nil, hook.Delivered, "", 1},
		{"fails, places are left", hook.EndpointConfig{Retry: twice}, nil, 500, nil, hook.Retrying, hook.ClassStatus5xx, 1},
		{"fails, no place is left", hook.EndpointConfig{Retry: once}, nil, 500, nil, hook.Failed, hook.ClassStatus5xx, 1},
		{"fails, at most once", hook.EndpointConfig{Retry: twice, Mode: hook.AtMostOnce}, nil, 500, nil, hook.Failed, hook.ClassStatus5xx, 1},
		{"gone", hook.EndpointConfig{Retry: twice}, nil, 410, nil, hook.Failed, hook.ClassGone, 1},

		{"disabled, then fails", hook.EndpointConfig{Retry: twice}, disable, 500, nil, hook.Cancelled, hook.ReasonEndpointDisabled, 1},
		{"deleted, then fails", hook.EndpointConfig{Retry: twice}, remove, 500, nil, hook.Cancelled, hook.ReasonEndpointDeleted, 1},
		{"disabled, then succeeds", hook.EndpointConfig{Retry: twice}, disable, 200, nil, hook.Delivered, "", 1},
		{"deleted, then succeeds", hook.EndpointConfig{Retry: twice}, remove, 200, nil, hook.Delivered, "", 1},
		{"disabled, then fails for the last time", hook.EndpointConfig{Retry: once}, disable, 500, nil, hook.Failed, hook.ClassStatus5xx, 1},

		{"retrying, disabled", hook.EndpointConfig{Retry: twice}, nil, 500, disable, hook.Cancelled, hook.ReasonEndpointDisabled, 1},
		{"retrying, deleted", hook.EndpointConfig{Retry: twice}, nil, 500, remove, hook.Cancelled, hook.ReasonEndpointDeleted, 1},
		{"retrying, a person retries it", hook.EndpointConfig{Retry: twice}, nil, 500, retry, hook.Delivered, "", 2},
		{"failed, a person retries it", hook.EndpointConfig{Retry: once}, nil, 500, retry, hook.Delivered, "", 2},
		{"delivered, a person retries it", hook.EndpointConfig{Retry: once}, nil, 200, retry, hook.Delivered, "", 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var gate chan struct{} // made inside the bubble
			answer := func(n int, _ *send.Message) *send.Reply {
				if n == 1 {
					<-gate
					return status(tt.status)
				}
				return status(200)
			}
			bubble(t, tickEvery, tt.cfg, answer, func(t *testing.T, x *world) {
				gate = make(chan struct{})
				id := x.publish(x.endpoint, `1`)
				settle()
				if d := x.delivery(id); d.State != hook.Sending {
					t.Errorf("while its request is under way it is %s", d.State)
				}
				happen := func(what func(*world, hook.DeliveryID) error) {
					if what == nil {
						return
					}
					if err := what(x, id); err != nil {
						t.Error(err)
					}
					settle()
				}
				happen(tt.during)
				close(gate)
				settle()
				happen(tt.after)
				pass(time.Minute) // the next place in the schedule is an hour away
				d := x.delivery(id)
				if d.State != tt.state || d.Reason != tt.reason || len(x.rc.requests()) != tt.requests {
					t.Errorf("it is %s (%s) after %d requests, want %s (%s) after %d", d.State, d.Reason, len(x.rc.requests()), tt.state, tt.reason, tt.requests)
				}
				if d.State.Finished() != d.NextAttemptAt.IsZero() || d.State.Finished() == d.FinishedAt.IsZero() {
					t.Errorf("it is %s, next attempt %v, finished %v", d.State, d.NextAttemptAt, d.FinishedAt)
				}
			})
		})
	}
}
