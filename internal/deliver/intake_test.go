package deliver

import (
	"testing"
	"time"

	"gancho/internal/hook"
	"gancho/internal/send"
)

// awaited makes deliveries that the lane expects, that are committed, and not offered yet.
func (x *world) awaited(n int) (jobs []hook.Job) {
	x.t.Helper()
	jobs = newJobs(x.endpoint, n, number)
	for i := range jobs {
		x.await(&jobs[i].Delivery)
	}
	x.commit(jobs)
	return jobs
}

// intakes are configurations that make a difference for deliveries that are expected.
var intakes = map[string]hook.EndpointConfig{
	"at once":      {},
	"waits":        {Concurrency: 1},
	"at most once": {Mode: hook.AtMostOnce, Retry: []time.Duration{0}},
	"ordered":      {Ordered: true},
}

// eachIntake runs test for each of intakes, with some deliveries that the lane expects.
func eachIntake(t *testing.T, test func(t *testing.T, x *world, jobs []hook.Job)) {
	for name, cfg := range intakes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, time.Hour, cfg, func(int, *send.Message) *send.Reply { return status(200) }, func(t *testing.T, x *world) {
				x.publish(x.endpoint, `0`) // opens the lane
				settle()
				jobs := x.awaited(5)
				for _, job := range jobs {
					if !x.w.existing(x.endpoint.ID).window.Expects(job.Delivery.ID) {
						t.Fatalf("%s is not expected", job.Delivery.ID)
					}
				}
				test(t, x, jobs)
				settle()
				l := x.w.existing(x.endpoint.ID)
				l.mu.Lock()
				defer l.mu.Unlock()
				if n := x.w.memory.Used(); !l.window.Empty() || l.starting != 0 || n != 0 {
					t.Errorf("left over: %+v, %d starting, %d bytes", l.window, l.starting, n)
				}
			})
		})
	}
}

// An expected delivery is not read from the store between its commit and its offer. It is
// sent once, and by an ordered lane in the order of the offers.
func TestExpectedIsSentOnce(t *testing.T) {
	t.Parallel()
	eachIntake(t, func(t *testing.T, x *world, jobs []hook.Job) {
		x.w.Wake(x.endpoint.ID)
		settle()
		if n := len(x.rc.requests()); n != 1 {
			t.Errorf("%d requests before the offer", n-1)
		}
		for _, job := range jobs {
			x.w.Wake(x.endpoint.ID)
			x.w.Offer([]hook.Job{job})
		}
		settle()
		requests := x.rc.requests()
		if len(requests) != 6 {
			t.Fatalf("%d requests, want 6", len(requests))
		}
		for i, job := range jobs {
			if d := x.delivery(job.Delivery.ID); d.State != hook.Delivered || d.Attempts != 1 {
				t.Errorf("%+v", d)
			}
			if x.endpoint.Config.Ordered && string(requests[i+1].message.Body) != number(i) {
				t.Errorf("request %d is %s", i+1, requests[i+1].message.Body)
			}
		}
	})
}

// A delivery that was called off and not committed leaves no trace. One that was committed
// all the same is found in the store.
func TestExpectedIsCalledOff(t *testing.T) {
	t.Parallel()
	eachIntake(t, func(t *testing.T, x *world, jobs []hook.Job) {
		x.w.Wake(x.endpoint.ID)
		settle()
		never := newJobs(x.endpoint, 1, number)[0].Delivery
		x.await(&never)
		for i := range jobs {
			x.w.CallOff(&jobs[i].Delivery)
			x.w.CallOff(&jobs[i].Delivery) // which changes nothing
		}
		x.w.CallOff(&never)
		x.w.Wake(x.endpoint.ID)
		settle()
		pass(3 * interruptedAfter) // for those that are stored as being sent
		x.w.Wake(x.endpoint.ID)
		pass(time.Minute)
		for _, job := range jobs {
			if d := x.delivery(job.Delivery.ID); d.State != hook.Delivered {
				t.Errorf("%+v", d)
			}
		}
		if n := len(x.rc.requests()); n != 6 {
			t.Errorf("%d requests, want 6", n)
		}
	})
}

// A delivery that is superseded before it is offered is not sent.
func TestExpectedIsSuperseded(t *testing.T) {
	t.Parallel()
	eachIntake(t, func(t *testing.T, x *world, jobs []hook.Job) {
		for _, job := range jobs {
			x.w.Supersede([]hook.Delivery{job.Delivery})
			x.w.Offer([]hook.Job{job})
		}
		settle()
		if n := len(x.rc.requests()); n != 1 {
			t.Errorf("%d requests, want none", n-1)
		}
	})
}

// If the endpoint is paused, or given to another node, between announcement and offer, the
// delivery waits in the store as one of which nothing was sent.
func TestExpectedAndNotReady(t *testing.T) {
	t.Parallel()
	pending := func(t *testing.T, x *world, jobs []hook.Job) {
		t.Helper()
		settle()
		for _, job := range jobs {
			if d := x.delivery(job.Delivery.ID); d.State != hook.Pending || d.EndpointVersion != 0 {
				t.Errorf("%+v", d)
			}
		}
		if n := len(x.rc.requests()); n != 1 {
			t.Errorf("%d requests, want none", n-1)
		}
	}
	t.Run("paused", func(t *testing.T) {
		eachIntake(t, func(t *testing.T, x *world, jobs []hook.Job) {
			if err := x.db.SetEndpointState(t.Context(), x.endpoint.ID, hook.EndpointPaused, "", time.Now()); err != nil {
				t.Fatal(err)
			}
			settle()
			x.w.Offer(jobs)
			pending(t, x, jobs)
		})
	})
	t.Run("not owned", func(t *testing.T) {
		eachIntake(t, func(t *testing.T, x *world, jobs []hook.Job) {
			x.owner.none.Store(true)
			x.w.Offer(jobs)
			pending(t, x, jobs)
		})
	})
}
