package deliver

import (
	"testing"
	"time"

	"gancho/internal/hook"
	"gancho/internal/send"
)

// A strict queue holds at a delivery that failed, also for the next lane, as after a restart or on another node, until a
// person retries it with success or skips it.
func TestStrictQueueHolds(t *testing.T) {
	t.Parallel()
	for name, again := range map[string]bool{"the same lane": false, "another lane": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			broken := true
			answer := func(_ int, m *send.Message) *send.Reply {
				if broken && string(m.Body) == `1` {
					return status(500)
				}
				return status(200)
			}
			cfg := hook.EndpointConfig{Retry: []time.Duration{0, time.Minute}}
			bubble(t, tickEvery, cfg, answer, func(t *testing.T, x *world) {
				x.setContract(standard + "delivery: {ordered: strict}\n")
				ids := x.publishMany(x.endpoint, 4, number)
				pass(time.Hour)
				state := func(i int, want hook.State, reason string, held bool) {
					t.Helper()
					if d := x.delivery(ids[i]); d.State != want || d.Reason != reason || d.Held() != held {
						t.Errorf("delivery %d is %s (%s), held %t; want %s (%s), %t", i, d.State, d.Reason, d.Held(), want, reason, held)
					}
				}
				restart := func() {
					if again {
						l := x.w.existing(x.endpoint.ID)
						l.end()
						x.w.remove(l)
						x.w.Wake(x.endpoint.ID)
					}
					pass(time.Hour)
				}
				restart()
				state(0, hook.Delivered, "", false)
				state(1, hook.Retrying, hook.ClassStatus5xx, true)
				state(2, hook.Pending, "", false)
				if n := len(x.rc.requests()); n != 3 {
					t.Errorf("%d requests, want 0, 1 and 1 again", n)
				}
				if d, err := x.db.Holder(t.Context(), x.endpoint.ID); err != nil || d == nil || d.ID != ids[1] {
					t.Errorf("the holder is %+v, %v", d, err)
				}

				// Somebody tries it again in vain: it holds again, after its whole schedule.
				if _, err := x.db.Retry(t.Context(), "acme", ids[1], true); err != nil {
					t.Fatal(err)
				}
				x.w.Wake(x.endpoint.ID)
				restart()
				state(1, hook.Retrying, hook.ClassStatus5xx, true)
				state(2, hook.Pending, "", false)
				if n := len(x.rc.requests()); n != 5 {
					t.Errorf("%d requests after it was retried", n)
				}
				if _, err := x.db.Skip(t.Context(), "acme", ids[2]); !hook.IsKind(err, hook.KindConflict) {
					t.Errorf("skipped one that does not hold the queue: %v", err)
				}

				if again { // it is skipped
					if d, err := x.db.Skip(t.Context(), "acme", ids[1]); err != nil || d.State != hook.Cancelled {
						t.Fatal(d, err)
					}
				} else {
					broken = false
					if _, err := x.db.Retry(t.Context(), "acme", ids[1], true); err != nil {
						t.Fatal(err)
					}
				}
				x.w.Wake(x.endpoint.ID)
				restart()
				if again {
					state(1, hook.Cancelled, hook.ReasonSkipped, false)
				} else {
					state(1, hook.Delivered, "", false)
				}
				state(2, hook.Delivered, "", false)
				state(3, hook.Delivered, "", false)
				if d, err := x.db.Holder(t.Context(), x.endpoint.ID); err != nil || d != nil {
					t.Errorf("in the end the holder is %+v, %v", d, err)
				}
			})
		})
	}
}

// What else ends the hold: the endpoint is disabled, or the contract is not strict any more.
func TestStrictQueueEnds(t *testing.T) {
	t.Parallel()
	answer := func(n int, m *send.Message) *send.Reply {
		if string(m.Body) == `0` {
			return status(500)
		}
		return status(200)
	}
	cfg := hook.EndpointConfig{Retry: []time.Duration{0}}
	for name, end := range map[string]func(x *world) error{
		"disabled": func(x *world) error {
			return x.db.SetEndpointState(x.t.Context(), x.endpoint.ID, hook.EndpointDisabled, hook.ReasonByPerson, time.Now())
		},
		"no longer strict": func(x *world) error {
			x.setContract(standard + "delivery: {ordered: true}\n")
			return nil
		},
	} {
		bubble(t, tickEvery, cfg, answer, func(t *testing.T, x *world) {
			x.setContract(standard + "delivery: {ordered: strict}\n")
			ids := x.publishMany(x.endpoint, 2, number)
			pass(time.Minute)
			if d := x.delivery(ids[0]); !d.Held() {
				t.Fatalf("%s: before, it is %+v", name, d)
			}
			if err := end(x); err != nil {
				t.Fatal(err)
			}
			pass(time.Minute)
			first, second := x.delivery(ids[0]), x.delivery(ids[1])
			if want := hook.Cancelled; name == "disabled" && (first.State != want || second.State != want) {
				t.Errorf("%s: %s, %s", name, first.State, second.State)
			}
			if name != "disabled" && (first.State != hook.Failed || second.State != hook.Delivered) {
				t.Errorf("%s: %s, %s", name, first.State, second.State)
			}
		})
	}
}
