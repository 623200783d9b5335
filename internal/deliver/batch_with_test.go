package deliver

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"gancho/internal/hook"
	"gancho/internal/send"
)

// Several events in one request together with the other means of a contract.

// batchesWith is the contract that sends up to three events in one request, with more rules under delivery.
func batchesWith(rules string) string {
	return standard + "delivery: {batch: {max: 3, wait: 1s, failed: response.json.failed}, " + rules + "}\n"
}

func (x *world) endpointIs(state hook.EndpointState, why string) {
	x.t.Helper()
	e, err := x.db.Endpoint(x.t.Context(), x.endpoint.ID)
	if err != nil || e.State != state || e.StateReason != why {
		x.t.Errorf("the endpoint is %s (%s), %v; want %s (%s)", e.State, e.StateReason, err, state, why)
	}
}

// Each delivery of a request counts for itself, the request as one attempt.
func TestBatchGivesUp(t *testing.T) {
	for name, tt := range map[string]struct {
		rule     string
		requests int
	}{
		"deliveries, reached within a request": {"give_up: {after: 2, of: deliveries}", 1},
		"deliveries, reached in the second":    {"give_up: {after: 4, of: deliveries}", 2},
		"attempts":                             {"give_up: {after: 2, of: attempts}", 2},
	} {
		t.Run(name, func(t *testing.T) {
			answer := func(int, *send.Message) *send.Reply { return status(500) }
			batched(t, hook.EndpointConfig{Retry: []time.Duration{0}, Ordered: true}, answer, func(t *testing.T, x *world) {
				x.setContract(batchesWith(tt.rule))
				ids := x.publishMany(x.endpoint, 9, number)
				pass(time.Minute)
				if n := len(x.rc.requests()); n != tt.requests {
					t.Errorf("%d requests, want %d", n, tt.requests)
				}
				x.endpointIs(hook.EndpointDisabled, hook.ReasonFailingOften)
				var want []string
				for i := range ids {
					if i < 3*tt.requests {
						want = append(want, "failed status_5xx")
					} else {
						want = append(want, "cancelled endpoint_disabled")
					}
				}
				x.are(ids, want...)
			})
		})
	}
}

// What the receiver did not take holds a strict queue; the rest of its request is delivered, and what comes later waits until
// a person has decided about each.
func TestBatchHoldsAStrictQueue(t *testing.T) {
	broken := true
	answer := func(_ int, m *send.Message) *send.Reply {
		if broken && strings.HasPrefix(string(m.Body), "[0") {
			return jsonStatus(200, `{"failed":[0,2]}`)
		}
		return status(200)
	}
	batched(t, hook.EndpointConfig{Retry: []time.Duration{0}}, answer, func(t *testing.T, x *world) {
		x.setContract(batchesWith("ordered: strict"))
		ids := x.publishMany(x.endpoint, 5, number)
		next := func() {
			x.w.Wake(x.endpoint.ID)
			pass(time.Minute)
		}
		next()
		x.sent("[0,1,2]")
		x.are(ids, "retrying body_rule", "delivered", "retrying body_rule", "pending", "pending")
		if a, b := x.delivery(ids[0]), x.delivery(ids[2]); !a.Held() || !b.Held() {
			t.Fatalf("not held: %+v, %+v", a, b)
		}
		l := x.w.existing(x.endpoint.ID) // as after a restart or on another node
		l.end()
		x.w.remove(l)
		next()
		x.sent("[0,1,2]")
		broken = false
		if _, err := x.db.Retry(t.Context(), "acme", ids[0], true); err != nil {
			t.Fatal(err)
		}
		next()
		x.sent("[0,1,2]", "[0]")
		if _, err := x.db.Skip(t.Context(), "acme", ids[2]); err != nil {
			t.Fatal(err)
		}
		next()
		x.sent("[0,1,2]", "[0]", "[3,4]")
		x.are(ids, "delivered", "delivered", "cancelled skipped", "delivered", "delivered")
	})
}

// An answer that pauses the endpoint keeps the batch together until a person resumes it.
func TestBatchPauses(t *testing.T) {
	for _, mode := range []hook.Mode{hook.AtLeastOnce, hook.AtMostOnce} {
		t.Run(string(mode), func(t *testing.T) {
			answer := func(n int, _ *send.Message) *send.Reply { return status(402 - 202*(min(n, 2)-1)) }
			batched(t, hook.EndpointConfig{Mode: mode, Ordered: true}, answer, func(t *testing.T, x *world) {
				x.setContract(batchesWith(`pause_if: response.status == 402`))
				ids := x.publishMany(x.endpoint, 4, number)
				pass(time.Hour)
				x.sent("[0,1,2]")
				x.endpointIs(hook.EndpointPaused, hook.ReasonAnswerRule)
				was := x.batch(ids[0])
				if err := x.db.SetEndpointState(t.Context(), x.endpoint.ID, hook.EndpointActive, "", time.Now()); err != nil {
					t.Fatal(err)
				}
				pass(time.Hour)
				if mode == hook.AtMostOnce {
					x.sent("[0,1,2]", "[3]")
					x.are(ids, "failed status_4xx", "failed status_4xx", "failed status_4xx", "delivered")
					return
				}
				x.sent("[0,1,2]", "[0,1,2]", "[3]")
				x.are(ids, "delivered", "delivered", "delivered", "delivered")
				if is := x.batch(ids[0]); is != was {
					t.Errorf("it was in %+v, and is in %+v", was, is)
				}
			})
		})
	}
}

// What does not fit into a request of a lane that ended meanwhile takes no memory.
func TestBatchOfAnEndedLane(t *testing.T) {
	batched(t, hook.EndpointConfig{}, nil, func(t *testing.T, x *world) {
		x.setContract(batches + "endpoint: {item: {pad: \"" + strings.Repeat("p", 700) + "\"}}\n")
		free := x.w.memory.Free()
		x.publishMany(x.endpoint, 2, number)
		settle()
		l := x.w.existing(x.endpoint.ID)
		l.mu.Lock()
		group := l.window.TakeGroup([]int{0, 1})
		l.mu.Unlock()
		l.end()
		x.w.remove(l)
		l.sendGroup(group)
		if is := x.w.memory.Free(); is != free {
			t.Errorf("%d bytes are free, %d were", is, free)
		}
		x.w.Wake(x.endpoint.ID)
		pass(time.Minute)
		if n := len(x.rc.requests()); n != 2 {
			t.Errorf("the next lane made %d requests, want 2", n)
		}
	})
}

// What waits for others holds back nothing that cannot join it: what is tried again goes when it is due, also if it has to be
// read from the store first.
func TestBatchThatWaitsHoldsBackNothing(t *testing.T) {
	for _, more := range []int{1, 400} { // more events wait than are read at once
		t.Run(fmt.Sprint(more), func(t *testing.T) {
			cfg := hook.EndpointConfig{Retry: []time.Duration{0, 10 * time.Second}}
			batched(t, cfg, func(n int, _ *send.Message) *send.Reply { return status(500 - 300*min(n-1, 1)) }, func(t *testing.T, x *world) {
				start := time.Now()
				ids := x.publishMany(x.endpoint, 3, number)
				settle()
				x.changeContract(standard+"delivery: {batch: {max: 1000, wait: 10m}}\n", 2)
				ids = append(ids, x.publishMany(x.endpoint, more, number)...)
				pass(30 * time.Minute)
				var got []string
				for _, r := range x.rc.requests() {
					got = append(got, fmt.Sprint(strings.Count(string(r.message.Body), ",")+1, " ", r.at.Sub(start).Round(5*time.Second)))
				}
				same(t, "sent", got, []string{"3 0s", "3 10s", fmt.Sprint(more, " 10m0s")})
				x.are(ids, slices.Repeat([]string{"delivered"}, len(ids))...)
			})
		})
	}
}
