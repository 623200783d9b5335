package deliver

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gancho/internal/hook"
	"gancho/internal/mask"
	"gancho/internal/send"
)

// testEvent is a new event for a test.
func testEvent(payload string) *hook.Event {
	return &hook.Event{
		ID: hook.NewEventID(), Tenant: "acme", Contract: "standard", Type: "t", Door: hook.DoorTest, CreatedAt: time.Now(), Payload: []byte(payload),
	}
}

// test makes a test and returns its result.
func (x *world) test(e *hook.Endpoint) *hook.TestResult {
	x.t.Helper()
	r, err := x.w.Test(x.t.Context(), e.ID, testEvent(`{"a":1}`))
	if err != nil {
		x.t.Fatal(err)
	}
	return r
}

// A test is sent whatever state the endpoint is in, and neither order, rate, breaker nor a
// Retry-After delays it. It changes nothing about the endpoint, and is in the history.
func TestTestIsApart(t *testing.T) {
	t.Parallel()
	code := 503
	answer := func(n int, _ *send.Message) *send.Reply {
		x := status(code)
		if n == 1 {
			x.RetryAfter = time.Hour
		}
		return x
	}
	cfg := hook.EndpointConfig{Ordered: true, PerSecond: 0.001, Retry: []time.Duration{0, time.Hour}}
	bubble(t, tickEvery, cfg, answer, func(t *testing.T, x *world) {
		waiting := x.publishMany(x.endpoint, 3, number)
		settle()
		before, _ := x.db.Endpoint(t.Context(), x.endpoint.ID)
		queued := x.delivery(waiting[0])
		for i, c := range []struct {
			state hook.EndpointState
			code  int
			want  hook.State
		}{
			{hook.EndpointActive, 200, hook.Delivered},
			{hook.EndpointActive, 500, hook.Failed},
			{hook.EndpointPaused, 200, hook.Delivered},
			{hook.EndpointPaused, 410, hook.Failed},
			{hook.EndpointPaused, 429, hook.Failed},
			{hook.EndpointActive, 410, hook.Failed},
		} {
			if err := x.db.SetEndpointState(t.Context(), x.endpoint.ID, c.state, "", time.Now()); err != nil {
				t.Fatal(err)
			}
			settle()
			sent := len(x.rc.requests())
			code = c.code
			r := x.test(x.endpoint)
			code = 503
			if n := len(x.rc.requests()); n != sent+1 {
				t.Fatalf("test %d made %d requests", i, n-sent)
			}
			d := x.delivery(r.Delivery.ID)
			if d.State != c.want || !d.Test || d.Attempts != 1 || d.FinishedAt.IsZero() || d.EndpointVersion != 1 || r.Delivery.State != d.State || r.Delivery.Reason != d.Reason {
				t.Errorf("test %d: %+v, answered %+v", i, d, r.Delivery)
			}
			kept, err := x.db.Attempts(t.Context(), d.ID, 10)
			if err != nil || len(kept) != 1 || kept[0].Class != r.Attempt.Class || kept[0].Response.Status != c.code {
				t.Errorf("test %d: history %+v, %v", i, kept, err)
			}
			if ev, err := x.db.Event(t.Context(), "acme", d.ID.Event()); err != nil || ev.Door != hook.DoorTest || string(ev.Payload) != `{"a":1}` || string(r.Body) != `{"a":1}` {
				t.Errorf("test %d: event %+v, %v", i, ev, err)
			}
			after, _ := x.db.Endpoint(t.Context(), x.endpoint.ID)
			if after.State != c.state || after.Health.LastRun != before.Health.LastRun || after.Health.LastStatus != before.Health.LastStatus {
				t.Errorf("test %d changed the endpoint: %+v, was %+v", i, after, before)
			}
		}
		if d := x.delivery(waiting[0]); d.State != queued.State || d.Attempts != queued.Attempts || d.NextAttemptAt != queued.NextAttemptAt {
			t.Errorf("the queue moved: %+v, was %+v", d, queued)
		}
	})
}

func TestTestOfDisabled(t *testing.T) {
	t.Parallel()
	cfg := hook.EndpointConfig{Mode: hook.AtMostOnce, Retry: []time.Duration{0}}
	bubble(t, tickEvery, cfg, func(int, *send.Message) *send.Reply { return status(200) }, func(t *testing.T, x *world) {
		if err := x.db.SetEndpointState(t.Context(), x.endpoint.ID, hook.EndpointDisabled, hook.ReasonByPerson, time.Now()); err != nil {
			t.Fatal(err)
		}
		settle()
		r := x.test(x.endpoint)
		time.Sleep(time.Hour)
		settle()
		if d := x.delivery(r.Delivery.ID); d.State != hook.Delivered || d.Mode != hook.AtMostOnce || len(x.rc.requests()) != 1 {
			t.Errorf("%+v after %d requests", d, len(x.rc.requests()))
		}
		x.w.mu.Lock()
		defer x.w.mu.Unlock()
		if len(x.w.lanes) != 0 || len(x.w.tests) != 0 {
			t.Errorf("%d lanes and %d tests are left", len(x.w.lanes), len(x.w.tests))
		}
	})
}

// An endpoint has one test at a time. While it runs it is stored as being sent, and neither
// the search for interrupted deliveries nor a take-over touches it.
func TestOneTestAtATime(t *testing.T) {
	t.Parallel()
	var gate chan struct{}
	answer := func(int, *send.Message) *send.Reply { <-gate; return status(200) }
	bubble(t, tickEvery, hook.EndpointConfig{}, answer, func(t *testing.T, x *world) {
		gate = make(chan struct{})
		ev := testEvent(`1`)
		done := make(chan error, 1)
		go func() {
			_, err := x.w.Test(t.Context(), x.endpoint.ID, ev)
			done <- err
		}()
		settle()
		if d := x.delivery(ev.ID.Delivery(1)); d.State != hook.Sending {
			t.Errorf("during the test: %+v", d)
		}
		_, err := x.w.Test(t.Context(), x.endpoint.ID, testEvent(`2`))
		if e, ok := errors.AsType[*hook.Error](err); !ok || e.Kind != hook.KindLimited || e.Code != "test_running" {
			t.Errorf("a second test: %v", err)
		}
		l := x.w.lane(x.endpoint.ID, false)
		l.mu.Lock()
		l.recovers = true // as if an earlier process might have been sending something
		l.mu.Unlock()
		l.wake()
		time.Sleep(3 * sweepTicks * tickEvery)
		settle()
		if d := x.delivery(ev.ID.Delivery(1)); d.State != hook.Sending {
			t.Errorf("after a take-over: %+v", d)
		}
		close(gate)
		if err := <-done; err != nil {
			t.Error(err)
		}
		if d := x.delivery(ev.ID.Delivery(1)); d.State != hook.Delivered || len(x.rc.requests()) != 1 {
			t.Errorf("in the end: %+v", d)
		}
		x.test(x.endpoint)
	})
}

// A test that a crash interrupted is failed, and is not sent again.
func TestTestAfterACrash(t *testing.T) {
	t.Parallel()
	for _, mode := range []hook.Mode{hook.AtLeastOnce, hook.AtMostOnce} {
		cfg := hook.EndpointConfig{Mode: mode, Retry: []time.Duration{0}}
		bubble(t, tickEvery, cfg, func(int, *send.Message) *send.Reply { return status(200) }, func(t *testing.T, x *world) {
			ev := testEvent(`1`)
			now := time.Now()
			d := hook.Delivery{
				ID: ev.ID.Delivery(1), Tenant: "acme", Endpoint: x.endpoint.ID, Type: "t", Mode: mode, Test: true, State: hook.Sending,
				CreatedAt: now, NextAttemptAt: now, EndpointVersion: 1,
			}
			if _, err := x.db.Submit(hook.Submission{Tenant: "acme", Items: []*hook.Accepted{{Event: ev, Deliveries: []hook.Delivery{d}}}}, 0); err != nil {
				t.Fatal(err)
			}
			if err := x.w.TakeOver(t.Context(), OwnsAll{}.Owns); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Hour)
			settle()
			d = x.delivery(d.ID)
			attempts, err := x.db.Attempts(t.Context(), d.ID, 10)
			if d.State != hook.Failed || d.Reason != hook.ReasonInterrupted || err != nil || len(attempts) != 1 || !attempts[0].Interrupted || attempts[0].Transport != "http" {
				t.Errorf("%s: %+v %+v %v", mode, d, attempts, err)
			}
			if n := len(x.rc.requests()); n != 0 {
				t.Errorf("%s: sent %d times", mode, n)
			}
		})
	}
}

// A stop waits for a test, and interrupts one that takes too long.
func TestTestWhenStopping(t *testing.T) {
	t.Parallel()
	bubble(t, tickEvery, hook.EndpointConfig{}, func(int, *send.Message) *send.Reply { return nil }, func(t *testing.T, x *world) {
		other := New(Options{Store: x.db, Past: x.db, Transports: send.Transports{"http": x.rc}, Contracts: x.w.Contracts, Log: slog.New(slog.DiscardHandler), InFlight: 1, MemoryBytes: 1, StopTimeout: time.Second})
		done := make(chan *hook.TestResult, 1)
		go func() {
			r, err := other.Test(t.Context(), x.endpoint.ID, testEvent(`1`))
			if err != nil {
				t.Error(err)
			}
			done <- r
		}()
		settle()
		other.stop()
		r := <-done
		if r == nil || r.Attempt.Class != hook.ClassInterrupted {
			t.Fatalf("%+v", r)
		}
		synctest.Wait()
		if d := x.delivery(r.Delivery.ID); d.State != hook.Failed || d.Reason != hook.ReasonInterrupted {
			t.Errorf("%+v", d)
		}
		if _, err := other.Test(t.Context(), x.endpoint.ID, testEvent(`2`)); !hook.IsKind(err, hook.KindUnavailable) {
			t.Errorf("after the stop: %v", err)
		}
	})
}

func TestPreview(t *testing.T) {
	t.Parallel()
	cfg := hook.EndpointConfig{Headers: []hook.Header{{Name: "X-Api-Key", Value: "abcdefgh"}, {Name: "x-Plain", Value: "1"}}}
	echo := func(int, *send.Message) *send.Reply {
		x := status(302)
		x.Response.Headers = []hook.Header{{Name: "Location", Value: "http://b/key=abcdefgh"}}
		return x
	}
	bubble(t, tickEvery, cfg, echo, func(t *testing.T, x *world) {
		ev := testEvent(`{"echo":"abcdefgh"}`)
		preview, err := x.w.Preview(t.Context(), x.endpoint.ID, ev, nil)
		if err != nil {
			t.Fatal(err)
		}
		q := &preview.Request
		var lines []string
		for _, h := range q.Headers {
			lines = append(lines, h.Name+": "+h.Value)
		}
		got := strings.Join(lines, "\n")
		for _, want := range []string{"Host: a", "Content-Length: 19", "X-Api-Key: " + mask.Text, "x-Plain: 1"} {
			if !strings.Contains(got, want) {
				t.Errorf("no %q in\n%s", want, got)
			}
		}
		if q.Method != "POST" || q.URL != "http://a" || string(q.Body) != `{"echo":"`+mask.Text+`"}` {
			t.Errorf("%+v %s", q, q.Body)
		}
		if _, err := x.db.Event(t.Context(), "acme", ev.ID); !hook.IsKind(err, hook.KindNotFound) || len(x.rc.requests()) != 0 {
			t.Errorf("something was stored (%v) or sent", err)
		}
		r := x.test(x.endpoint)
		if s := r.Attempt.Detail + r.Attempt.Response.Headers[0].Value; strings.Contains(s, "abcdefgh") || strings.Count(s, mask.Text) != 2 {
			t.Errorf("an echo is shown: %s", s)
		}
		if h := r.Attempt.Request.Headers[1]; h.Name != "X-Api-Key" || h.Value != mask.Text || x.rc.requests()[0].message.Headers[1].Value != "abcdefgh" {
			t.Errorf("a test shows %+v", r.Attempt.Request.Headers)
		}
	})
}
