package deliver

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gancho/internal/hook"
	"gancho/internal/send"
	"gancho/internal/transform"
)

func scripted(body string) hook.EndpointConfig {
	return hook.EndpointConfig{Retry: []time.Duration{0, time.Hour, time.Hour}, Transformation: "function handler(webhook) {" + body + "\nreturn webhook }"}
}

// Scripts may give another answer each time; what the first attempt sent is sent
// again, also when a person asks for it.
func TestScriptedRequestIsFrozen(t *testing.T) {
	t.Parallel()
	cfg := scripted(`webhook.payload.r = Math.random(); webhook.headers['X-R'] = Math.random(); webhook.query.r = Math.random(); webhook.method = 'POST'`)
	answer := func(n int, _ *send.Message) *send.Reply { return status(500) }
	bubble(t, time.Hour, cfg, answer, func(t *testing.T, x *world) {
		id := x.publish(x.endpoint, `{"n":9007199254740993}`)
		settle()
		time.Sleep(24 * time.Hour)
		settle()
		if d := x.delivery(id); d.State != hook.Failed {
			t.Fatalf("%+v", d)
		}
		if _, err := x.db.Retry(t.Context(), "acme", id, false); err != nil {
			t.Fatal(err)
		}
		x.w.Wake(x.endpoint.ID)
		settle()
		sent := x.rc.requests()
		if len(sent) < 4 {
			t.Fatalf("%d requests", len(sent))
		}
		first := sent[0].message
		if first.Target == "http://a" || string(first.Body) == `{"n":9007199254740993}` {
			t.Errorf("not transformed: %s %s", first.Target, first.Body)
		}
		for _, r := range sent[1:] {
			if diff := cmp.Diff([]any{first.Method, first.Target, first.Headers, string(first.Body)}, []any{r.message.Method, r.message.Target, r.message.Headers, string(r.message.Body)}); diff != "" {
				t.Errorf("another request:\n%s", diff)
			}
		}
	})
}

// What a script made is durable before it is sent, in both modes: the receiver looks into the
// database when the request arrives.
func TestScriptedRequestIsDurableFirst(t *testing.T) {
	t.Parallel()
	for _, mode := range []hook.Mode{hook.AtLeastOnce, hook.AtMostOnce} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			cfg := scripted(`webhook.payload = 'made'`)
			cfg.Mode = mode
			var x *world
			var id hook.DeliveryID
			arrived := func(int, *send.Message) *send.Reply {
				body, err := x.db.Body(context.Background(), id)
				d, errD := x.db.Delivery(context.Background(), "acme", id)
				if err := errors.Join(err, errD); err != nil || d.State != hook.Sending || string(body) != `"made"` {
					t.Errorf("when the request arrives, the delivery is %s, its body %q; %v", d.State, body, err)
				}
				return status(200)
			}
			bubble(t, time.Hour, cfg, arrived, func(t *testing.T, world *world) {
				x = world
				jobs := newJobs(x.endpoint, 1, number)
				id = jobs[0].Delivery.ID
				x.await(&jobs[0].Delivery)
				x.commit(jobs)
				x.w.Offer(jobs)
				settle()
				if n := len(x.rc.requests()); n != 1 {
					t.Errorf("%d requests", n)
				}
			})
		})
	}
}

// A script that fails is tried again by the schedule, as it is then: nothing was
// sent that later attempts would have to repeat.
func TestScriptErrorIsTriedAgain(t *testing.T) {
	t.Parallel()
	bubble(t, time.Minute, scripted(`null.x`), func(int, *send.Message) *send.Reply { return status(200) }, func(t *testing.T, x *world) {
		id := x.publish(x.endpoint, `{}`)
		settle()
		if d := x.delivery(id); d.State != hook.Retrying || d.Reason != hook.ClassScript || d.EndpointVersion != 0 || d.Attempts != 1 {
			t.Fatalf("%+v", d)
		}
		if e, _ := x.db.Endpoint(t.Context(), x.endpoint.ID); e.Health.LastStatus != hook.ClassScript {
			t.Errorf("health %+v", e.Health)
		}
		edited := *x.endpoint
		edited.Config = scripted(`webhook.payload.fixed = true`)
		edited.Config.URL = "http://a"
		if ok, err := x.db.UpdateEndpoint(t.Context(), &edited, true); err != nil || !ok {
			t.Fatal(ok, err)
		}
		time.Sleep(3 * time.Hour)
		settle()
		sent := x.rc.requests()
		if d := x.delivery(id); d.State != hook.Delivered || d.Attempts != 2 || len(sent) != 1 || string(sent[0].message.Body) != `{"fixed":true}` {
			t.Errorf("%+v after %d requests", d, len(sent))
		}
	})
}

// slowScript takes its time and then fails.
type slowScript struct{ takes time.Duration }

func (s slowScript) Run(context.Context, string, string, transform.Input) (transform.Output, error) {
	<-time.After(s.takes)
	return transform.Output{}, &transform.Error{Class: hook.ClassScriptTimeout, Message: "The script took too long."}
}

// An attempt whose script took too long says how long that was.
func TestScriptTime(t *testing.T) {
	t.Parallel()
	bubble(t, tickEvery, scripted(``), nil, func(t *testing.T, x *world) {
		x.w.Scripts = slowScript{700 * time.Millisecond}
		began := time.Now()
		id := x.publish(x.endpoint, `{}`)
		settle()
		time.Sleep(time.Second)
		settle()
		list, err := x.db.Attempts(t.Context(), id, 10)
		if err != nil || len(list) != 1 || list[0].Class != hook.ClassScriptTimeout || list[0].Timing.Total != 700*time.Millisecond || !list[0].StartedAt.Equal(began) {
			t.Errorf("%+v, %v", list, err)
		}
	})
}

func TestScriptCancels(t *testing.T) {
	t.Parallel()
	cfg := scripted(`webhook.cancel = webhook.payload.skip && 'skipped'`)
	bubble(t, tickEvery, cfg, func(int, *send.Message) *send.Reply { return status(200) }, func(t *testing.T, x *world) {
		skipped, sent := x.publish(x.endpoint, `{"skip":true}`), x.publish(x.endpoint, `{}`)
		settle()
		if d := x.delivery(skipped); d.State != hook.Cancelled || d.Reason != hook.ReasonScript || d.Attempts != 1 {
			t.Errorf("%+v", d)
		}
		attempts, err := x.db.Attempts(t.Context(), skipped, 10)
		if err != nil || len(attempts) != 1 || attempts[0].Class != hook.ClassScriptCancel || attempts[0].Detail != "The transformation of this endpoint cancelled the delivery: skipped." {
			t.Errorf("%+v, %v", attempts, err)
		}
		if d := x.delivery(sent); d.State != hook.Delivered || len(x.rc.requests()) != 1 {
			t.Errorf("%+v after %d requests", d, len(x.rc.requests()))
		}
		if e, _ := x.db.Endpoint(t.Context(), x.endpoint.ID); e.Health.LastStatus != string(hook.Delivered) {
			t.Errorf("health %+v", e.Health)
		}
	})
}

// At most once: the script runs before the intent, so its failure is certain.
func TestScriptErrorAtMostOnce(t *testing.T) {
	t.Parallel()
	cfg := scripted(`throw new Error('no')`)
	cfg.Mode = hook.AtMostOnce
	bubble(t, time.Hour, cfg, func(int, *send.Message) *send.Reply { return status(200) }, func(t *testing.T, x *world) {
		id := x.publish(x.endpoint, `1`)
		time.Sleep(48 * time.Hour)
		settle()
		if d := x.delivery(id); d.State != hook.Failed || d.Reason != hook.ClassScript || d.Attempts != 1 || len(x.rc.requests()) != 0 {
			t.Errorf("%+v", d)
		}
	})
}

// An ordered endpoint keeps its order through failures of its script.
func TestScriptErrorKeepsOrder(t *testing.T) {
	t.Parallel()
	cfg := scripted(`if (webhook.payload === 1 && Date.now() % 2 >= 0 && !webhook.headers['X-Ok']) throw 'not yet'`)
	cfg.Ordered = true
	bubble(t, time.Minute, cfg, func(int, *send.Message) *send.Reply { return status(200) }, func(t *testing.T, x *world) {
		first, second := x.publish(x.endpoint, `1`), x.publish(x.endpoint, `2`)
		settle()
		if x.delivery(first).State != hook.Retrying || x.delivery(second).State.Finished() {
			t.Errorf("%+v %+v", x.delivery(first), x.delivery(second))
		}
		edited := *x.endpoint
		edited.Config.Headers = []hook.Header{{Name: "X-Ok", Value: "1"}}
		if ok, err := x.db.UpdateEndpoint(t.Context(), &edited, true); err != nil || !ok {
			t.Fatal(ok, err)
		}
		time.Sleep(2 * time.Hour)
		settle()
		var bodies []string
		for _, r := range x.rc.requests() {
			bodies = append(bodies, string(r.message.Body))
		}
		if !slices.Equal(bodies, []string{"1", "2"}) {
			t.Errorf("order %v", bodies)
		}
	})
}

// refusing runs scripts, but refuses for a while, as when a tenant's scripts have used up their time.
type refusing struct {
	transform.Inline
	until time.Time
	asked atomic.Int64
}

func (r *refusing) Run(ctx context.Context, endpoint, source string, in transform.Input) (transform.Output, error) {
	r.asked.Add(1)
	if wait := time.Until(r.until); wait > 0 {
		return transform.Output{}, &hook.Error{Kind: hook.KindUnavailable, Code: "script_time_used_up", RetryAfter: wait}
	}
	return r.Inline.Run(ctx, endpoint, source, in)
}

// While scripts may not run, deliveries that need one wait without an attempt and without asking
// again and again. Those of other endpoints go out.
func TestScriptTimeUsedUp(t *testing.T) {
	t.Parallel()
	answer := func(int, *send.Message) *send.Reply { return status(200) }
	bubble(t, tickEvery, scripted(`webhook.payload = {n: 1}`), answer, func(t *testing.T, x *world) {
		scripts := &refusing{Inline: transform.Inline{Limits: transform.DefaultLimits}, until: time.Now().Add(30 * time.Second)}
		x.w.Scripts = scripts
		plain := x.addEndpoint("http://plain", hook.EndpointConfig{})
		held := []hook.DeliveryID{x.publish(x.endpoint, `1`), x.publish(x.endpoint, `2`), x.publish(x.endpoint, `3`)}
		other := x.publish(plain, `4`)
		time.Sleep(29 * time.Second)
		settle()
		if d := x.delivery(other); d.State != hook.Delivered {
			t.Errorf("a delivery without a script: %+v", d)
		}
		for _, id := range held {
			if d := x.delivery(id); d.State != hook.Pending || d.Attempts != 0 {
				t.Errorf("while no script may run: %+v", d)
			}
		}
		if asked := scripts.asked.Load(); asked > int64(2*len(held)) {
			t.Errorf("asked %d times", asked)
		}
		time.Sleep(5 * time.Second)
		settle()
		for _, id := range held {
			if d := x.delivery(id); d.State != hook.Delivered || d.Attempts != 1 {
				t.Errorf("afterwards: %+v", d)
			}
		}
	})
}
