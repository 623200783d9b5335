package deliver

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gancho/internal/contract"
	"gancho/internal/deliver/pace"
	"gancho/internal/hook"
	"gancho/internal/send"
	sendhttp "gancho/internal/send/http"
	"gancho/internal/send/shadow"
)

// queue is a transport that this test brings along, to show what another kind of
// target needs: this type, and an entry in the worker's transports. Its targets are
// topics, and its answers have no status.
type queue struct {
	mu     sync.Mutex
	topics map[string][]string
	full   bool
}

func (q *queue) Name() string { return "queue" }

func (q *queue) Headers(m *send.Message) (headers []hook.Header, refusal string) {
	return m.Headers, ""
}

func (q *queue) Send(_ context.Context, m *send.Message) *send.Reply {
	q.mu.Lock()
	defer q.mu.Unlock()
	reply := &send.Reply{StartedAt: time.Now(), Sent: m.Headers}
	if q.full {
		reply.Class, reply.Detail = hook.ClassConnectFailed, "The queue is full."
		return reply
	}
	topic := strings.TrimPrefix(m.Target, "queue://")
	q.topics[topic] = append(q.topics[topic], string(m.Body))
	reply.Response = &hook.Response{Body: []byte(`{"offset":` + number(len(q.topics[topic])) + `}`)}
	return reply
}

// A target with a scheme of its own is delivered to through the transport for it,
// beside those for other schemes, with retries, contract and history as for any.
func TestAnotherTransport(t *testing.T) {
	t.Parallel()
	cfg := hook.EndpointConfig{Retry: []time.Duration{0, time.Minute}}
	bubble(t, tickEvery, cfg, func(int, *send.Message) *send.Reply { return status(200) }, func(t *testing.T, x *world) {
		q := &queue{topics: map[string][]string{}, full: true}
		x.w.Transports = send.Transports{"http": x.rc, "queue": q}
		e := x.addEndpoint("queue://orders", cfg)
		id := x.publish(e, `{"n":1}`)
		web := x.publish(x.endpoint, `{"n":2}`)
		settle()
		if d := x.delivery(id); d.State != hook.Retrying || d.Reason != hook.ClassConnectFailed {
			t.Fatalf("while the queue is full: %+v", d)
		}
		q.mu.Lock()
		q.full = false
		q.mu.Unlock()
		pass(2 * time.Minute)
		if d := x.delivery(id); d.State != hook.Delivered {
			t.Fatalf("%+v", d)
		}
		if diff := cmp.Diff(map[string][]string{"orders": {`{"n":1}`}}, q.topics); diff != "" {
			t.Errorf("the queue got (-want +got):\n%s", diff)
		}
		attempts, err := x.db.Attempts(t.Context(), id, 10)
		if err != nil || len(attempts) != 2 {
			t.Fatal(attempts, err)
		}
		for _, a := range attempts {
			if a.Transport != "queue" || a.Request.URL != "queue://orders" {
				t.Errorf("%+v", a)
			}
		}
		if r := attempts[1].Response; r == nil || r.HasStatus() || string(r.Body) != `{"offset":1}` {
			t.Errorf("the answer: %+v", r)
		}
		if a, err := x.db.Attempts(t.Context(), web, 10); err != nil || len(a) != 1 || a[0].Transport != "http" || len(x.rc.requests()) != 1 {
			t.Errorf("beside it: %+v, %v", a, err)
		}
	})
}

// The success rule applies to answers of any transport.
func TestAnotherTransportIsJudged(t *testing.T) {
	t.Parallel()
	cfg := hook.EndpointConfig{Retry: []time.Duration{0}}
	for rule, want := range map[string]string{
		"response.json.offset == 1": "",
		"response.json.offset == 9": hook.ClassBodyRule,
		"response.status < 300":     hook.ClassBodyRule,
	} {
		bubble(t, tickEvery, cfg, nil, func(t *testing.T, x *world) {
			c, err := contract.Parse("standard.yaml", []byte(standard+"delivery: {success: '"+rule+"'}\n"))
			if err != nil {
				t.Fatal(err)
			}
			x.w.Contracts.Add(c.WithVersion(1))
			x.w.Transports = send.Transports{"queue": &queue{topics: map[string][]string{}}}
			d := x.delivery(x.publish(x.addEndpoint("queue://orders", cfg), `1`))
			settle()
			if d = x.delivery(d.ID); d.Reason != want || (d.State == hook.Delivered) != (want == "") {
				t.Errorf("%s: %+v", rule, d)
			}
		})
	}
}

// A target that no transport is for is not sent to, and the attempt says why.
func TestNoTransport(t *testing.T) {
	t.Parallel()
	cfg := hook.EndpointConfig{Retry: []time.Duration{0}}
	bubble(t, tickEvery, cfg, nil, func(t *testing.T, x *world) {
		id := x.publish(x.addEndpoint("kafka://broker/topic", cfg), `1`)
		settle()
		a, err := x.db.Attempts(t.Context(), id, 10)
		if d := x.delivery(id); d.State != hook.Failed || d.Reason != hook.ClassRender || err != nil || len(a) != 1 ||
			a[0].Transport != "none" || a[0].Detail != `Messages can be sent to http, but not to the scheme "kafka", so nothing was sent.` {
			t.Errorf("%+v, attempts %+v, %v", d, a, err)
		}
	})
}

// A trial records what would have been sent and sends nothing; and nobody can take
// it for a delivery, a failure or news of the receiver.
func TestShadow(t *testing.T) {
	t.Parallel()
	real := send.Transports{"http": sendhttp.New(sendhttp.Options{})} // allowed to reach nothing
	one := send.Transports{"http": real["http"], "shadow": shadow.New(real)}
	for name, tt := range map[string]struct {
		transports send.Transports
		url        string
	}{
		"all":          {shadow.All(real), "http://receiver.example/hook"},
		"one endpoint": {one, "shadow:http://receiver.example/hook"},
	} {
		for _, mode := range []hook.Mode{hook.AtLeastOnce, hook.AtMostOnce} {
			t.Run(name+", "+string(mode), func(t *testing.T) {
				t.Parallel()
				cfg := hook.EndpointConfig{Mode: mode, Retry: []time.Duration{0}}
				bubble(t, tickEvery, cfg, func(int, *send.Message) *send.Reply { return status(200) }, func(t *testing.T, x *world) {
					c, err := contract.Parse("standard.yaml", []byte(standard+"endpoint:\n  sign: standard-webhooks\n"))
					if err != nil {
						t.Fatal(err)
					}
					x.w.Contracts.Add(c.WithVersion(1))
					x.w.Transports = tt.transports
					e := x.addEndpoint(tt.url, cfg)
					e.Secrets = []hook.Secret{{Text: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}}
					if ok, err := x.db.UpdateEndpoint(t.Context(), e, false); !ok || err != nil {
						t.Fatal(ok, err)
					}
					ids := x.publishMany(e, 3*pace.Threshold, number)
					settle()
					for i, id := range ids {
						d := x.delivery(id)
						if d.State != hook.Cancelled || d.Reason != hook.ReasonShadow || d.Attempts != 1 || d.FinishedAt.IsZero() {
							t.Fatalf("delivery %d: %+v", i, d)
						}
					}
					attempts, err := x.db.Attempts(t.Context(), ids[7], 10)
					if err != nil || len(attempts) != 1 {
						t.Fatal(attempts, err)
					}
					a := attempts[0]
					var names []string
					for _, h := range a.Request.Headers {
						names = append(names, strings.ToLower(h.Name))
					}
					if a.Transport != "shadow" || a.Class != hook.ClassShadow || a.Detail == "" || a.Response != nil || a.Request.URL != tt.url ||
						!slices.Contains(names, "host") || !slices.Contains(names, "webhook-signature") {
						t.Errorf("attempt %+v", a)
					}
					if e, err := x.db.Endpoint(t.Context(), e.ID); err != nil || !cmp.Equal(e.Health, hook.Health{}) {
						t.Errorf("health %+v, %v", e.Health, err)
					}
					if n := len(x.rc.requests()); n != 0 {
						t.Errorf("%d requests", n)
					}
					r, err := x.w.Test(t.Context(), e.ID, testEvent(`1`))
					if err != nil || r.Delivery.State != hook.Cancelled || r.Attempt.Transport != "shadow" {
						t.Errorf("a test: %+v, %v", r, err)
					}
				})
			})
		}
	}
}

// A trial does not disable an endpoint that has only failed for too long: nobody asked
// whether it still does.
func TestTrialOfAFailingEndpoint(t *testing.T) {
	t.Parallel()
	cfg := hook.EndpointConfig{Retry: []time.Duration{0}}
	bubble(t, time.Hour, cfg, func(int, *send.Message) *send.Reply { return status(404) }, func(t *testing.T, x *world) {
		real := x.w.Transports
		for range 6 {
			x.publish(x.endpoint, `1`)
			pass(23 * time.Hour)
		}
		state := func() hook.EndpointState {
			e, err := x.db.Endpoint(t.Context(), x.endpoint.ID)
			if err != nil || e.Health.FailingSince.IsZero() {
				t.Fatalf("%+v, %v", e, err)
			}
			return e.State
		}
		x.w.Transports = shadow.All(real)
		x.publish(x.endpoint, `2`)
		settle()
		if s := state(); s != hook.EndpointActive {
			t.Errorf("after a trial: %s", s)
		}
		x.w.Transports = real
		x.publish(x.endpoint, `3`)
		settle()
		if s := state(); s != hook.EndpointDisabled {
			t.Errorf("after another failure: %s", s)
		}
	})
}

// After a trial of all endpoints, a delivery that a person retries is sent, with the
// bytes that the trial showed; a bulk replay sends nothing of a trial.
func TestAfterATrial(t *testing.T) {
	t.Parallel()
	bubble(t, tickEvery, hook.EndpointConfig{}, func(int, *send.Message) *send.Reply { return status(200) }, func(t *testing.T, x *world) {
		real := x.w.Transports
		x.w.Transports = shadow.All(real)
		id := x.publish(x.endpoint, `{"n":1}`)
		settle()
		d := x.delivery(id)
		if d.State != hook.Cancelled || d.Reason != hook.ReasonShadow {
			t.Fatalf("%+v", d)
		}
		if _, ok := hook.Next(d, hook.Trigger{Kind: hook.OnRecover}, hook.Policy{}, hook.Standing{State: hook.EndpointActive}, time.Now()); ok {
			t.Error("a bulk replay would send it")
		}
		x.w.Transports = real
		if _, err := x.db.Retry(t.Context(), "acme", id, false); err != nil {
			t.Fatal(err)
		}
		x.w.Wake(x.endpoint.ID)
		settle()
		if d := x.delivery(id); d.State != hook.Delivered || d.Attempts != 2 {
			t.Errorf("%+v", d)
		}
		if r := x.rc.requests(); len(r) != 1 || !bytes.Equal(r[0].message.Body, []byte(`{"n":1}`)) {
			t.Errorf("sent %+v", r)
		}
	})
}
