package deliver

import (
	"strings"
	"testing"
	"time"

	"gancho/internal/hook"
	"gancho/internal/send"
)

// What the rules of a contract make of a delivery and of its endpoint, with a real lane and a real store.
func TestRulesDecide(t *testing.T) {
	t.Parallel()
	const never = ""
	for _, tt := range []struct {
		name, rules  string
		status       int // of the first answer; later ones are 200
		mode         hook.Mode
		state        hook.State
		reason       string
		slot         int
		endpoint     hook.EndpointState
		why          string
		afterwards   hook.State // once somebody resumed the endpoint and two hours have passed
		requests     int        // in the end
		rule, failed string     // of the first attempt
	}{
		{"stop", "stop_if: response.status == 406", 406, "", hook.Failed, hook.ClassStatus4xx, 1, hook.EndpointActive, "", hook.Failed, 1, "stop_if", never},
		{"stop a success", "stop_if: response.status == 200", 200, "", hook.Delivered, "", 1, hook.EndpointActive, "", hook.Delivered, 1, "stop_if", never},
		{"disable", "disable_if: response.status == 404", 404, "", hook.Failed, hook.ClassStatus4xx, 1, hook.EndpointDisabled, hook.ReasonAnswerRule, hook.Failed, 1, "disable_if", never},
		{"disable at most once", "disable_if: response.status == 404", 404, hook.AtMostOnce, hook.Failed, hook.ClassStatus4xx, 1, hook.EndpointDisabled, hook.ReasonAnswerRule, hook.Failed, 1, "disable_if", never},
		{"410 by default", "stop_if: 'false'", 410, "", hook.Failed, hook.ClassGone, 1, hook.EndpointDisabled, hook.ReasonGone, hook.Failed, 1, never, never},
		{"410 that means nothing", "disable_if: 'false'", 410, "", hook.Retrying, hook.ClassGone, 1, hook.EndpointActive, "", hook.Delivered, 2, never, never},
		{"pause", "pause_if: response.status == 402", 402, "", hook.Retrying, hook.ClassStatus4xx, 0, hook.EndpointPaused, hook.ReasonAnswerRule, hook.Delivered, 2, "pause_if", never},
		{"pause after a success", "pause_if: attempt.number == 1", 200, "", hook.Delivered, "", 1, hook.EndpointPaused, hook.ReasonAnswerRule, hook.Delivered, 1, "pause_if", never},
		{"pause at most once", "pause_if: response.status == 402", 402, hook.AtMostOnce, hook.Failed, hook.ClassStatus4xx, 1, hook.EndpointPaused, hook.ReasonAnswerRule, hook.Failed, 1, "pause_if", never},
		{"retry a success", "retry_if: attempt.number == 1", 200, "", hook.Retrying, hook.ClassAnswerRule, 1, hook.EndpointActive, "", hook.Delivered, 2, "retry_if", never},
		{"no rule holds", "stop_if: response.status == 406", 500, "", hook.Retrying, hook.ClassStatus5xx, 1, hook.EndpointActive, "", hook.Delivered, 2, never, never},
		{
			"a rule that cannot be applied", "stop_if: response.json.a > 1", 500, "", hook.Retrying, hook.ClassStatus5xx, 1, hook.EndpointActive, "",
			hook.Delivered, 2, never, "The rule stop_if of the contract could not be applied: ",
		},
		{
			"one cannot be applied, another decides", "stop_if: response.json.a > 1\n  retry_if: attempt.number == 1", 200, "", hook.Retrying, hook.ClassAnswerRule, 1,
			hook.EndpointActive, "", hook.Delivered, 2, "retry_if", "The rule stop_if of the contract could not be applied: ",
		},
	} {
		for _, ordered := range []bool{false, true} {
			t.Run(tt.name, func(t *testing.T) {
				t.Parallel()
				answer := func(n int, _ *send.Message) *send.Reply {
					r := status(200)
					if n == 1 {
						r = status(tt.status)
						r.Response.Body = []byte(`{"a":"x"}`)
					}
					return r
				}
				cfg := hook.EndpointConfig{Retry: []time.Duration{0, time.Hour}, Mode: tt.mode, Ordered: ordered}
				bubble(t, tickEvery, cfg, answer, func(t *testing.T, x *world) {
					x.setContract(standard + "delivery:\n  " + tt.rules + "\n")
					id := x.publish(x.endpoint, `1`)
					settle()
					pass(10 * time.Minute)
					d := x.delivery(id)
					e, err := x.db.Endpoint(t.Context(), x.endpoint.ID)
					if err != nil {
						t.Fatal(err)
					}
					if d.State != tt.state || d.Reason != tt.reason || d.Slot != tt.slot || e.State != tt.endpoint || e.StateReason != tt.why {
						t.Errorf("it is %s (%s) at place %d, its endpoint %s (%s); want %s (%s) at %d, %s (%s)",
							d.State, d.Reason, d.Slot, e.State, e.StateReason, tt.state, tt.reason, tt.slot, tt.endpoint, tt.why)
					}
					if n := len(x.rc.requests()); n != 1 {
						t.Errorf("%d requests before the next is due", n)
					}
					attempts, err := x.db.Attempts(t.Context(), id, 1)
					if err != nil || len(attempts) != 1 || attempts[0].Extras().Rule != tt.rule ||
						!strings.HasPrefix(attempts[0].Extras().RuleFailed, tt.failed) || (attempts[0].Extras().RuleFailed == "") != (tt.failed == "") {
						t.Errorf("attempts: %+v, %v; want rule %q, failed %q", attempts, err, tt.rule, tt.failed)
					}
					if err := x.db.SetEndpointState(t.Context(), e.ID, hook.EndpointActive, "", time.Now()); err != nil {
						t.Error(err)
					}
					pass(2 * time.Hour)
					if d := x.delivery(id); d.State != tt.afterwards || len(x.rc.requests()) != tt.requests {
						t.Errorf("in the end it is %s after %d requests, want %s after %d", d.State, len(x.rc.requests()), tt.afterwards, tt.requests)
					}
				})
			})
		}
	}
}

// Any answer that is a failure may ask for a pause. A success that names one is delivered, and nothing waits.
func TestRetryAfterWithAnyStatus(t *testing.T) {
	t.Parallel()
	for code, wait := range map[int]time.Duration{200: 0, 202: 0, 403: time.Minute, 500: time.Minute, 503: time.Minute} {
		answer := func(n int, _ *send.Message) *send.Reply {
			r := status(200)
			if n == 1 {
				r = status(code)
				r.RetryAfter = time.Minute
			}
			return r
		}
		bubble(t, tickEvery, hook.EndpointConfig{Retry: []time.Duration{0, 0}}, answer, func(t *testing.T, x *world) {
			x.publish(x.endpoint, `1`)
			settle()
			x.publish(x.endpoint, `2`)
			pass(30 * time.Second)
			if n := len(x.rc.requests()); (n > 1) == (wait > 0) {
				t.Errorf("%d: %d requests after 30 s", code, n)
			}
			pass(time.Minute)
			if n := len(x.rc.requests()); n < 2 {
				t.Errorf("%d: %d requests in the end", code, n)
			}
		})
	}
}

// Only a contract that judges the content of an answer asks for all of it, and the content does not stay with the attempt.
func TestWholeAnswerIsJudged(t *testing.T) {
	t.Parallel()
	for rules, want := range map[string]bool{"success: response.json.ok": true, "success: response.status == 200": false} {
		answer := func(int, *send.Message) *send.Reply {
			r := status(200)
			r.Response.Body, r.Response.Truncated, r.Response.Long = []byte(`{"o`), true, &hook.Long{Body: []byte(`{"ok":true}`)}
			return r
		}
		bubble(t, tickEvery, hook.EndpointConfig{}, answer, func(t *testing.T, x *world) {
			x.setContract(standard + "delivery: {" + rules + "}\n")
			id := x.publish(x.endpoint, `1`)
			settle()
			if d := x.delivery(id); d.State != hook.Delivered {
				t.Errorf("%s: %+v", rules, d)
			}
			if got := x.rc.requests()[0].message.WholeAnswer; got != want {
				t.Errorf("%s: asks for the whole answer: %t", rules, got)
			}
		})
	}
}
