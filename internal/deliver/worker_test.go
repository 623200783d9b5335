package deliver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"gancho/internal/contract"
	"gancho/internal/deliver/pace"
	"gancho/internal/hook"
	"gancho/internal/send"
	sendhttp "gancho/internal/send/http"
	"gancho/internal/store"
	"gancho/internal/transform"
)

// These tests run the real store in fake time, so that days of retries take no time and
// happen at exact moments. Only the network is played: package
// send/http has tests with real sockets.

// world is a store, a worker and a scripted receiver.
type world struct {
	t  *testing.T
	db *store.DB
	w  *Worker
	rc *script

	owner    owner
	observed *observed
	endpoint *hook.Endpoint
}

// observed counts the calls of an Observer, by state of the delivery.
type observed struct {
	mu                   sync.Mutex
	attempted, cancelled map[hook.State]int
}

func (o *observed) Attempted(_ *hook.Endpoint, d *hook.Delivery, _ *hook.Attempt) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.attempted[d.State]++
}

func (o *observed) Cancelled(d *hook.Delivery) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.cancelled[d.State]++
}

// script is a transport that plays the receivers. It counts by endpoint URL.
type script struct {
	mu     sync.Mutex
	sent   []sent
	inside map[string]int
	peak   map[string]int
	answer func(n int, message *send.Message) *send.Reply // n counts requests from 1
}

type sent struct {
	at      time.Time
	message send.Message
}

func (s *script) Send(ctx context.Context, message *send.Message) *send.Reply {
	s.mu.Lock()
	s.sent = append(s.sent, sent{time.Now(), *message})
	n := len(s.sent)
	s.inside[message.Target]++
	s.peak[message.Target] = max(s.peak[message.Target], s.inside[message.Target])
	answer := s.answer
	s.mu.Unlock()
	start := time.Now()
	x := answer(n, message)
	if x == nil { // never answers
		select {
		case <-ctx.Done():
			x = &send.Reply{Class: hook.ClassInterrupted}
		case <-time.After(message.Timeout):
			x = &send.Reply{Class: hook.ClassTimeout}
		}
	}
	x.StartedAt, x.Sent = start, message.Headers
	s.mu.Lock()
	s.inside[message.Target]--
	s.mu.Unlock()
	return x
}

func (s *script) Name() string { return "http" }

func (s *script) Headers(m *send.Message) ([]hook.Header, string) {
	t := sendhttp.New(sendhttp.Options{})
	defer t.Close()
	return t.Headers(m)
}

func (s *script) requests() []sent {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.sent)
}

func status(code int) *send.Reply { return &send.Reply{Response: &hook.Response{Status: code}} }

const standard = `
contract: standard
title: {en: "Test", es: "Test", pt: "Test"}
events: {"*": {title: {en: "Any"}}}
`

// bubble runs test in fake time with a worker that has one endpoint. tick is
// [Options.Tick]: in a test of several days, a tick every second would take a lot of real
// time.
func bubble(t *testing.T, tick time.Duration, cfg hook.EndpointConfig, answer func(n int, message *send.Message) *send.Reply, test func(*testing.T, *world)) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		c, err := contract.Parse("standard.yaml", []byte(standard))
		if err != nil {
			t.Fatal(err)
		}
		var set contract.Set
		set.Add(c)
		db, err := store.Open(t.Context(), store.Options{Path: filepath.Join(dir, "g.db"), Key: make([]byte, 32)})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- db.Run(ctx) }()
		x := &world{
			t: t, db: db, rc: &script{answer: answer, inside: map[string]int{}, peak: map[string]int{}},
			observed: &observed{attempted: map[hook.State]int{}, cancelled: map[hook.State]int{}},
		}
		if _, _, err := db.PutTenant(t.Context(), "acme", hook.TenantChange{}); err != nil {
			t.Fatal(err)
		}
		x.endpoint = x.addEndpoint("http://a", cfg)
		x.w = New(Options{
			Store: db, Past: db, Transports: send.Transports{"http": x.rc}, Contracts: &set, Observer: x.observed, Owner: &x.owner, Log: slog.New(slog.DiscardHandler),
			Scripts: transform.Inline{Limits: transform.DefaultLimits}, // whose clock stands still in the bubble
			Tick:    tick, StopTimeout: 5 * time.Second, DisableAfter: 5 * 24 * time.Hour, InFlight: 1000, MemoryBytes: 64 << 20,
		})
		db.Watch(x.w.Refresh)
		working, stopWork := context.WithCancel(context.Background())
		worked := make(chan error, 1)
		if err := x.w.TakeOver(t.Context(), OwnsAll{}.Owns); err != nil {
			t.Fatal(err)
		}
		go func() { worked <- x.w.Run(working) }()

		defer func() { // also when the test gives up
			stopWork()
			err := <-worked
			stop()
			if err := errors.Join(err, <-done, db.Close()); err != nil {
				t.Error(err)
			}
		}()
		test(t, x)
	})
}

func (x *world) addEndpoint(url string, cfg hook.EndpointConfig) *hook.Endpoint {
	x.t.Helper()
	now := time.Now()
	cfg.URL = url
	e := &hook.Endpoint{
		ID: hook.NewEndpointID(), Tenant: "acme", Name: url, Contract: "standard", State: hook.EndpointActive, StateAt: now,
		CreatedAt: now, UpdatedAt: now, Version: 1, Config: cfg,
	}
	if err := x.db.CreateEndpoint(x.t.Context(), e); err != nil {
		x.t.Fatal(err)
	}
	return e
}

// setContract puts another text of the contract "standard" in force.
func (x *world) setContract(source string) { x.setContractVersion(source, 1) }

// setContractVersion is setContract for one version of it.
func (x *world) setContractVersion(source string, version int64) {
	x.t.Helper()
	c, err := contract.Parse("standard.yaml", []byte(source))
	if err != nil {
		x.t.Fatal(err)
	}
	x.w.Contracts.Add(c.WithVersion(version))
	x.w.Refresh(hook.Change{Contract: "standard"})
	settle()
}

// publish accepts one event for the endpoint and offers its delivery.
func (x *world) publish(e *hook.Endpoint, payload string) hook.DeliveryID {
	x.t.Helper()
	return x.publishMany(e, 1, func(int) string { return payload })[0]
}

// publishMany accepts n events in one commit and offers their deliveries one by one.
func (x *world) publishMany(e *hook.Endpoint, n int, payload func(i int) string) (ids []hook.DeliveryID) {
	x.t.Helper()
	jobs := newJobs(e, n, payload)
	for i := range jobs {
		x.await(&jobs[i].Delivery)
	}
	x.commit(jobs)
	for _, job := range jobs {
		x.w.Offer([]hook.Job{job})
		ids = append(ids, job.Delivery.ID)
	}
	return ids
}

// await announces a delivery to the worker before its commit, and marks it as ingest does.
func (x *world) await(d *hook.Delivery) (atOnce bool) {
	x.t.Helper()
	if !x.w.Await(d) {
		return false
	}
	e, err := x.db.Endpoint(x.t.Context(), d.Endpoint)
	c, ok := x.w.Contracts.Lookup("standard")
	if err != nil || !ok {
		x.t.Fatal(err, ok)
	}
	d.State, d.EndpointVersion, d.ContractVersion = hook.Sending, e.Version, c.Version
	return true
}

// store accepts events without announcing or offering their deliveries.
func (x *world) store(e *hook.Endpoint, n int, payload func(i int) string) []hook.Job {
	x.t.Helper()
	jobs := newJobs(e, n, payload)
	x.commit(jobs)
	return jobs
}

func (x *world) commit(jobs []hook.Job) {
	x.t.Helper()
	sub := hook.Submission{Tenant: "acme"}
	for _, job := range jobs {
		sub.Items = append(sub.Items, &hook.Accepted{Event: job.Event, Deliveries: []hook.Delivery{job.Delivery}})
	}
	if _, err := x.db.Submit(sub, time.Hour); err != nil {
		x.t.Fatal(err)
	}
}

// newJobs makes n events, each with a delivery to the endpoint.
func newJobs(e *hook.Endpoint, n int, payload func(i int) string) (jobs []hook.Job) {
	now := time.Now()
	mode := e.Config.Mode
	if mode == "" {
		mode = hook.AtLeastOnce
	}
	for i := range n {
		ev := &hook.Event{
			ID: hook.NewEventID(), Tenant: "acme", Contract: "standard", Type: "t", Door: hook.DoorAPI, CreatedAt: now, Payload: []byte(payload(i)),
		}
		d := hook.Delivery{
			ID: ev.ID.Delivery(1), Tenant: "acme", Endpoint: e.ID, Type: "t", Mode: mode, State: hook.Pending,
			CreatedAt: now, NextAttemptAt: now, QueueAt: now,
		}
		jobs = append(jobs, hook.Job{Delivery: d, Event: ev})
	}
	return jobs
}

func number(i int) string { return fmt.Sprint(i) }

// large is a number in a large payload: some thousand of them fill a lane.
func large(i int) string { return fmt.Sprintf("%*d", largeBytes, i) }

const largeBytes = 16 << 10

func (x *world) delivery(id hook.DeliveryID) hook.Delivery {
	x.t.Helper()
	d, err := x.db.Delivery(x.t.Context(), "acme", id)
	if err != nil {
		x.t.Fatal(err)
	}
	return d
}

// batch is the batch of a delivery, zero if it is in none.
func (x *world) batch(id hook.DeliveryID) hook.Batch {
	x.t.Helper()
	d := x.delivery(id)
	return d.InBatch()
}

// settle lets everything happen that can happen now, up to stored results.
func settle() { pass(50 * time.Millisecond) }

// pass lets time pass, and everything happen that happens in it.
func pass(d time.Duration) { time.Sleep(d); synctest.Wait() }

func TestDefaultSchedule(t *testing.T) {
	t.Parallel()
	bubble(t, time.Hour, hook.EndpointConfig{}, func(int, *send.Message) *send.Reply { return status(500) }, func(t *testing.T, x *world) {
		start := time.Now()
		id := x.publish(x.endpoint, `{"a":1}`)
		time.Sleep(4 * 24 * time.Hour)
		settle()
		requests := x.rc.requests()
		if len(requests) != len(hook.DefaultRetry) {
			t.Fatalf("%d attempts, want %d", len(requests), len(hook.DefaultRetry))
		}
		var last time.Duration
		for i, r := range requests {
			gap, want := r.at.Sub(start)-last, hook.DefaultRetry[i]
			if gap < want-want/10-time.Second || gap > want+want/10+2*time.Second {
				t.Errorf("attempt %d came %v after the one before, want %v ± 10 %%", i+1, gap, want)
			}
			last = r.at.Sub(start)
			if string(r.message.Body) != `{"a":1}` {
				t.Errorf("attempt %d sent %q", i+1, r.message.Body)
			}
		}
		if d := x.delivery(id); d.State != hook.Failed || d.Reason != hook.ClassStatus5xx || d.Attempts != 10 || d.FinishedAt.IsZero() {
			t.Errorf("in the end: %+v", d)
		}
		attempts, err := x.db.Attempts(t.Context(), id, 100)
		if err != nil || len(attempts) != 10 {
			t.Errorf("%d attempts stored, %v", len(attempts), err)
		}
	})
}

func TestRetryAfterHoldsTheLane(t *testing.T) {
	t.Parallel()
	answer := func(n int, _ *send.Message) *send.Reply {
		if n == 1 {
			x := status(429)
			x.RetryAfter = 20 * time.Minute
			return x
		}
		return status(204)
	}
	bubble(t, tickEvery, hook.EndpointConfig{}, answer, func(t *testing.T, x *world) {
		start := time.Now()
		first := x.publish(x.endpoint, `1`)
		settle()
		second := x.publish(x.endpoint, `2`) // the receiver asked to be left alone: this one waits too
		time.Sleep(time.Hour)
		settle()
		for i, r := range x.rc.requests()[1:] {
			if r.at.Sub(start) < 20*time.Minute {
				t.Errorf("request %d came after %v", i+2, r.at.Sub(start))
			}
		}
		for _, id := range []hook.DeliveryID{first, second} {
			if d := x.delivery(id); d.State != hook.Delivered {
				t.Errorf("%+v", d)
			}
		}
	})
}

func TestGoneDisables(t *testing.T) {
	t.Parallel()
	var gate chan struct{} // made inside the bubble
	answer := func(n int, _ *send.Message) *send.Reply {
		if n == 1 {
			<-gate
			return status(410)
		}
		return status(200)
	}
	bubble(t, tickEvery, hook.EndpointConfig{Concurrency: 1}, answer, func(t *testing.T, x *world) {
		gate = make(chan struct{})
		first := x.publish(x.endpoint, `1`)
		settle()
		waiting := x.publishMany(x.endpoint, 700, number) // more than a page
		close(gate)
		settle()
		time.Sleep(time.Minute)
		settle()
		if d := x.delivery(first); d.State != hook.Failed || d.Reason != hook.ClassGone {
			t.Errorf("the one that got 410: %+v", d)
		}
		for _, id := range waiting {
			if d := x.delivery(id); d.State != hook.Cancelled || d.Reason != hook.ReasonEndpointDisabled {
				t.Fatalf("waiting one: %+v", d)
			}
		}
		e, err := x.db.Endpoint(t.Context(), x.endpoint.ID)
		if err != nil || e.State != hook.EndpointDisabled || e.StateReason != hook.ReasonGone || e.StateAt.IsZero() {
			t.Errorf("endpoint: %+v, %v", e, err)
		}
		if n := len(x.rc.requests()); n != 1 {
			t.Errorf("%d requests, want 1", n)
		}
		if o := x.observed; o.attempted[hook.Failed] != 1 || len(o.attempted) != 1 || o.cancelled[hook.Cancelled] != len(waiting) || len(o.cancelled) != 1 {
			t.Errorf("observed %v attempted, %v cancelled", o.attempted, o.cancelled)
		}
	})
}

func TestFailingLongDisables(t *testing.T) {
	t.Parallel()
	bubble(t, time.Hour, hook.EndpointConfig{Retry: []time.Duration{0}}, func(int, *send.Message) *send.Reply { return status(404) }, func(t *testing.T, x *world) {
		for day := range 5 {
			x.publish(x.endpoint, fmt.Sprint(day))
			settle()
			if e, _ := x.db.Endpoint(t.Context(), x.endpoint.ID); e.State != hook.EndpointActive || e.Health.FailingSince.IsZero() {
				t.Fatalf("day %d: %s %+v", day, e.State, e.Health)
			}
			time.Sleep(24 * time.Hour)
		}
		x.publish(x.endpoint, `5`)
		settle()
		if e, _ := x.db.Endpoint(t.Context(), x.endpoint.ID); e.State != hook.EndpointDisabled || e.StateReason != hook.ReasonFailingLong {
			t.Errorf("after five days: %s %s", e.State, e.StateReason)
		}
	})
}

// TestFailingBeginsAnew: whoever corrects an endpoint that has failed for days may make one more mistake, or the receiver
// may hiccup once. That does not disable the endpoint. Nor does a failure after a long silence.
func TestFailingBeginsAnew(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		edit func(*hook.Endpoint) // nil: silence
		anew bool
	}{
		"URL":     {func(e *hook.Endpoint) { e.Config.URL += "corrected" }, true},
		"headers": {func(e *hook.Endpoint) { e.Config.Headers = []hook.Header{{Name: "A", Value: "b"}} }, true},
		"secret":  {func(e *hook.Endpoint) { e.Secrets = []hook.Secret{{Text: "whsec_" + strings.Repeat("QUJD", 8)}} }, true},
		"name":    {func(e *hook.Endpoint) { e.Name = "renamed" }, false},
		"filter":  {func(e *hook.Endpoint) { e.Config.Filter = "true" }, false},
		"silence": {nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fail := func(int, *send.Message) *send.Reply { return status(404) }
			bubble(t, time.Hour, hook.EndpointConfig{Retry: []time.Duration{0}}, fail, func(t *testing.T, x *world) {
				endpoint := func() *hook.Endpoint {
					e, err := x.db.Endpoint(t.Context(), x.endpoint.ID)
					if err != nil {
						t.Fatal(err)
					}
					return e
				}
				for range 6 { // the lane stays open: its memory counts, too
					x.publish(x.endpoint, `1`)
					pass(19 * time.Hour)
				}
				if c.edit == nil {
					pass(48 * time.Hour)
				} else {
					e := endpoint()
					config := e.Version
					was := e.Config
					c.edit(e)
					changed := was.URL != e.Config.URL || was.Filter != e.Config.Filter || len(was.Headers) != len(e.Config.Headers)
					if ok, err := x.db.UpdateEndpoint(t.Context(), e, changed); !ok || err != nil {
						t.Fatal(ok, err, config)
					}
					settle()
					if got := endpoint(); got.Health.FailingSince.IsZero() != c.anew || got.Health.LastRun.IsZero() {
						t.Errorf("after the edit: %+v", got.Health)
					}
					pass(10 * time.Hour)
				}
				x.publish(x.endpoint, `2`)
				settle()
				e := endpoint()
				if since := time.Since(e.Health.FailingSince); (e.State == hook.EndpointActive) != c.anew || c.anew && since > time.Minute {
					t.Errorf("after another failure: %s %s, failing for %v", e.State, e.StateReason, since)
				}
			})
		})
	}
}

func TestPauseHoldsAndResumeSends(t *testing.T) {
	t.Parallel()
	bubble(t, tickEvery, hook.EndpointConfig{}, func(int, *send.Message) *send.Reply { return status(200) }, func(t *testing.T, x *world) {
		set := func(s hook.EndpointState) {
			if err := x.db.SetEndpointState(t.Context(), x.endpoint.ID, s, "", time.Now()); err != nil {
				t.Fatal(err)
			}
			settle()
		}
		set(hook.EndpointPaused)
		id := x.publish(x.endpoint, `1`)
		time.Sleep(time.Hour)
		settle()
		if d := x.delivery(id); d.State != hook.Pending || len(x.rc.requests()) != 0 {
			t.Fatalf("while paused: %+v, %d requests", d, len(x.rc.requests()))
		}
		set(hook.EndpointActive)
		if d := x.delivery(id); d.State != hook.Delivered {
			t.Errorf("after resume: %+v", d)
		}
	})
}

// Strict order: the first delivery delays the others until it is delivered or failed.
func TestOrdered(t *testing.T) {
	t.Parallel()
	answer := func(n int, message *send.Message) *send.Reply {
		if string(message.Body) == "3" && n < 6 {
			return status(500)
		}
		return status(200)
	}
	cfg := hook.EndpointConfig{Ordered: true, Retry: []time.Duration{0, time.Minute, time.Hour, time.Hour}}
	bubble(t, time.Minute, cfg, answer, func(t *testing.T, x *world) {
		x.publishMany(x.endpoint, 600, number)
		time.Sleep(10 * time.Second)
		settle()
		if n := len(x.rc.requests()); n != 4 {
			t.Fatalf("%d requests while the head waits, want 4", n)
		}
		time.Sleep(4 * time.Hour)
		settle()
		var bodies []string
		for _, r := range x.rc.requests() {
			bodies = append(bodies, string(r.message.Body))
		}
		want := []string{"0", "1", "2", "3", "3", "3"}
		for i := 4; i < 600; i++ {
			want = append(want, fmt.Sprint(i))
		}
		if !slices.Equal(bodies, want) {
			t.Errorf("order: %v…", bodies[:min(len(bodies), 20)])
		}
		if p := x.rc.peak["http://a"]; p != 1 {
			t.Errorf("%d requests at once", p)
		}
	})
}

func TestConcurrencyAndRate(t *testing.T) {
	t.Parallel()
	slow := func(int, *send.Message) *send.Reply {
		time.Sleep(time.Second) //policy:allow time.Sleep: runs inside the bubble
		return status(200)
	}
	bubble(t, tickEvery, hook.EndpointConfig{Concurrency: 3}, slow, func(t *testing.T, x *world) {
		fast := x.addEndpoint("http://b", hook.EndpointConfig{PerSecond: 20})
		x.publishMany(x.endpoint, 30, number)
		start := time.Now()
		x.publishMany(fast, 100, number)
		time.Sleep(30 * time.Second)
		settle()
		if p := x.rc.peak["http://a"]; p != 3 {
			t.Errorf("at most %d requests at once, want 3", p)
		}
		var n int
		var last time.Time
		for _, r := range x.rc.requests() {
			if r.message.Target == "http://b" {
				n, last = n+1, r.at
			}
		}
		if took := last.Sub(start); n != 100 || took < 4*time.Second || took > 6*time.Second {
			t.Errorf("%d requests within %v, want 100 within 5 s", n, took)
		}
	})
}

// An endpoint that never answers does not slow down another, however many deliveries wait
// for it.
func TestHangingEndpointAlone(t *testing.T) {
	t.Parallel()
	answer := func(_ int, message *send.Message) *send.Reply {
		if message.Target == "http://a" {
			return nil
		}
		return status(200)
	}
	bubble(t, tickEvery, hook.EndpointConfig{}, answer, func(t *testing.T, x *world) {
		good := x.addEndpoint("http://b", hook.EndpointConfig{})
		x.publishMany(x.endpoint, 5000, number)
		settle()
		for range 100 {
			at := time.Now()
			id := x.publish(good, `1`)
			settle()
			if d := x.delivery(id); d.State != hook.Delivered {
				t.Fatalf("%+v", d)
			}
			requests := x.rc.requests()
			if r := requests[len(requests)-1]; r.message.Target != "http://b" || !r.at.Equal(at) {
				t.Fatalf("not sent at once")
			}
		}
		// The breaker: after the first timeouts, only probes go out.
		time.Sleep(5 * time.Minute)
		settle()
		var tries int
		for _, r := range x.rc.requests() {
			if r.message.Target == "http://a" {
				tries++
			}
		}
		// 32 at once; then each of the first failures lets one more out until the breaker opens.
		if tries > 32+pace.Threshold+10 {
			t.Errorf("%d requests to the hanging endpoint within 5 minutes", tries)
		}
	})
}

// Deliveries that do not fit into memory wait in the store, and all arrive in order.
func TestOverflowGoesThroughTheStore(t *testing.T) {
	t.Parallel()
	bubble(t, tickEvery, hook.EndpointConfig{Concurrency: 1}, func(int, *send.Message) *send.Reply { time.Sleep(time.Millisecond); return status(200) }, func(t *testing.T, x *world) {
		n := windowLimits.Bytes/largeBytes + 1500
		x.publishMany(x.endpoint, n, large)
		time.Sleep(2 * time.Minute)
		settle()
		requests := x.rc.requests()
		if len(requests) != n {
			t.Fatalf("%d requests, want %d", len(requests), n)
		}
		for i, r := range requests {
			if got := strings.TrimSpace(string(r.message.Body)); got != number(i) {
				t.Fatalf("request %d carries %s", i, got)
			}
		}
	})
}

// A delivery that was stored and never offered is found.
func TestSweepFindsForgotten(t *testing.T) {
	t.Parallel()
	bubble(t, tickEvery, hook.EndpointConfig{}, func(int, *send.Message) *send.Reply { return status(200) }, func(t *testing.T, x *world) {
		jobs := x.store(x.endpoint, 1, number)
		time.Sleep(2 * sweepTicks * tickEvery)
		settle()
		if d := x.delivery(jobs[0].Delivery.ID); d.State != hook.Delivered {
			t.Errorf("%+v", d)
		}
	})
}

// A correction reaches what already failed: automatic retries, those that a person asks for, and recovery go to the
// endpoint as it is now, with its headers, settings and secrets. They bring the body of the first attempt.
func TestCorrectionReachesWhatFailed(t *testing.T) {
	t.Parallel()
	const wrapped = `{contract: standard, title: {en: Shop}, events: {t: {title: {en: T}}}, endpoint: {
		method: POST, methods: [POST, PUT], content_type: application/json,
		settings: {properties: {
			token: {type: string, secret: true, title: {en: Token}}, mark: {type: string, title: {en: Mark}}, as_form: {type: boolean, title: {en: Form}}}},
		headers: {authorization: "Bearer ${settings.token}"},
		body: {mark: "${settings.mark}", payload: "${payload.n}"},
		form: {field: payload, when: settings.as_form == true}}}`
	config := func(url, settings, script string) hook.EndpointConfig {
		c := hook.EndpointConfig{URL: url, Settings: []byte(settings), Retry: []time.Duration{0, time.Hour, time.Hour}}
		if script != "" {
			c.Transformation = "function handler(webhook) {" + script + "\nreturn webhook }"
		}
		return c
	}
	type sent struct{ Method, Target, Authorization, ContentType, Query, Body string }
	const token = `{"token":"old-token","mark":"one"}`
	for name, tc := range map[string]struct {
		before, after hook.EndpointConfig
		want          sent // from the second request on; Body is that of the first
	}{
		"address": {config("http://a", token, ""), config("http://b", token, ""), sent{"POST", "http://b", "Bearer old-token", "application/json", "", ""}},
		"token": {
			config("http://a", token, ""), config("http://a", `{"token":"new-token","mark":"two"}`, ""),
			sent{"POST", "http://a", "Bearer new-token", "application/json", "", ""},
		},
		"method": {config("http://a", token, ""), func() hook.EndpointConfig {
			c := config("http://a", token, "")
			c.Method = "PUT"
			return c
		}(), sent{"PUT", "http://a", "Bearer old-token", "application/json", "", ""}},
		"the body becomes a form": { // the header says what the frozen body is
			config("http://a", token, ""), config("http://b", `{"token":"new-token","as_form":true}`, ""),
			sent{"POST", "http://b", "Bearer new-token", "application/json", "", ""},
		},
		"the body was a form": {
			config("http://a", `{"token":"old-token","as_form":true}`, ""), config("http://b", token, ""),
			sent{"POST", "http://b", "Bearer old-token", "application/x-www-form-urlencoded", "", ""},
		},
		"a script goes": {
			config("http://a", token, `webhook.payload.r = Math.random(); webhook.query.r = "1"; webhook.method = "PUT"`), config("http://b", token, ""),
			sent{"POST", "http://b", "Bearer old-token", "application/json", "", ""},
		},
		"a script comes": {
			config("http://a", token, ""), config("http://b", token, `webhook.payload = "other"; webhook.query.r = "2"`),
			sent{"POST", "http://b?r=2", "Bearer old-token", "application/json", "", ""},
		},
		"a script changes": {
			config("http://a", token, `webhook.payload.r = Math.random(); webhook.query.r = "1"`), config("http://b", token, `webhook.payload.r = 5; webhook.query.r = "2"`),
			sent{"POST", "http://b?r=2", "Bearer old-token", "application/json", "", ""},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answer := func(int, *send.Message) *send.Reply { return status(500) }
			bubble(t, time.Hour, hook.EndpointConfig{}, answer, func(t *testing.T, x *world) {
				x.setContract(wrapped)
				e := x.addEndpoint("http://a", tc.before)
				id := x.publish(e, `{"n":1.50}`)
				settle()
				edited := *e
				edited.Config = tc.after
				if ok, err := x.db.UpdateEndpoint(t.Context(), &edited, true); err != nil || !ok {
					t.Fatal(ok, err)
				}
				time.Sleep(24 * time.Hour)
				settle()
				if d := x.delivery(id); d.State != hook.Failed || d.EndpointVersion != 1 {
					t.Fatalf("%+v", d)
				}
				if _, err := x.db.Retry(t.Context(), "acme", id, false); err != nil {
					t.Fatal(err)
				}
				x.w.Wake(e.ID)
				settle()
				all := x.rc.requests()
				if len(all) < 4 {
					t.Fatalf("%d requests", len(all))
				}
				tc.want.Body = string(all[0].message.Body)
				for i, r := range all[1:] {
					got := sent{Method: r.message.Method, Target: r.message.Target, Body: string(r.message.Body)}
					for _, h := range r.message.Headers {
						switch strings.ToLower(h.Name) {
						case "authorization":
							got.Authorization = h.Value
						case "content-type":
							got.ContentType = h.Value
						}
					}
					if got != tc.want {
						t.Errorf("request %d: %+v\nwant %+v", i+2, got, tc.want)
					}
				}
			})
		})
	}
}

// The script of a correction may fail, too. The delivery then waits for the next correction, with the body that it has.
// What is kept of each attempt hides the secrets of both configurations.
func TestCorrectionThatFails(t *testing.T) {
	t.Parallel()
	const wrapped = `{contract: standard, title: {en: Shop}, events: {t: {title: {en: T}}}, endpoint: {
		settings: {properties: {token: {type: string, secret: true, title: {en: Token}}}},
		headers: {authorization: "Bearer ${settings.token}"}, body: {key: "${settings.token}"}}}`
	config := func(token, script string) hook.EndpointConfig {
		return hook.EndpointConfig{
			URL: "http://a", Settings: []byte(`{"token":"` + token + `"}`), Retry: []time.Duration{0, time.Hour, time.Hour, time.Hour},
			Transformation: script,
		}
	}
	answer := func(n int, _ *send.Message) *send.Reply { return status(map[bool]int{true: 200, false: 500}[n == 2]) }
	bubble(t, time.Minute, hook.EndpointConfig{}, answer, func(t *testing.T, x *world) {
		x.setContract(wrapped)
		e := x.addEndpoint("http://a", config("old-token", ""))
		id := x.publish(e, `{}`)
		settle()
		edit := func(cfg hook.EndpointConfig) {
			now, err := x.db.Endpoint(t.Context(), e.ID)
			if err != nil {
				t.Fatal(err)
			}
			now.Config = cfg
			if ok, err := x.db.UpdateEndpoint(t.Context(), now, true); err != nil || !ok {
				t.Fatal(ok, err)
			}
		}
		edit(config("new-token", "null.x"))
		time.Sleep(70 * time.Minute)
		settle()
		if d := x.delivery(id); d.State != hook.Retrying || d.Reason != hook.ClassScript || d.EndpointVersion != 1 {
			t.Fatalf("after a script that fails: %+v", d)
		}
		edit(config("new-token", "function handler(webhook) { webhook.payload = 'other'; return webhook }"))
		time.Sleep(3 * time.Hour)
		settle()
		all := x.rc.requests()
		if d := x.delivery(id); d.State != hook.Delivered || len(all) != 2 || string(all[1].message.Body) != `{"key":"old-token"}` {
			t.Fatalf("%+v, %+v", d, all)
		}
		attempts, err := x.db.Attempts(t.Context(), id, 10)
		if err != nil || len(attempts) != 3 {
			t.Fatal(len(attempts), err)
		}
		kept := fmt.Sprintf("%s %v", attempts[2].Request.Body, attempts[2].Request.Headers)
		if strings.Contains(kept, "old-token") || strings.Contains(kept, "new-token") || !strings.Contains(kept, "********") {
			t.Errorf("the history shows a secret: %s", kept)
		}
	})
}

func TestAtMostOnceIsNeverSentAgain(t *testing.T) {
	t.Parallel()
	cfg := hook.EndpointConfig{Mode: hook.AtMostOnce, Retry: []time.Duration{0}}
	bubble(t, time.Hour, cfg, func(int, *send.Message) *send.Reply { return nil }, func(t *testing.T, x *world) {
		id := x.publish(x.endpoint, `1`)
		settle()
		if d := x.delivery(id); d.State != hook.Sending {
			t.Fatalf("it is not stored before sending that it is being sent: %+v", d)
		}
		time.Sleep(48 * time.Hour)
		settle()
		if d := x.delivery(id); d.State != hook.Failed || d.Reason != hook.ClassTimeout || len(x.rc.requests()) != 1 {
			t.Errorf("%+v after %d requests", d, len(x.rc.requests()))
		}
	})
}

// What the transport may not send for now, because it cannot find out where it may go, waits without an attempt. So it
// also is with at-most-once: nothing was sent. A test says that the database could not be read.
func TestNotNow(t *testing.T) {
	t.Parallel()
	for _, cfg := range []hook.EndpointConfig{
		{}, {Mode: hook.AtMostOnce, Retry: []time.Duration{0}}, {Ordered: true}, scripted(`webhook.payload = 'made'`),
	} {
		var known atomic.Bool
		answer := func(int, *send.Message) *send.Reply {
			if known.Load() {
				return status(200)
			}
			return &send.Reply{Class: hook.ClassHostNotAllowed, Unsent: true, NotNow: errors.New("the database is away")}
		}
		bubble(t, tickEvery, cfg, answer, func(t *testing.T, x *world) {
			id := x.publish(x.endpoint, `1`)
			time.Sleep(10 * time.Second)
			settle()
			if d := x.delivery(id); d.State.Finished() || d.Attempts != 0 {
				t.Errorf("%+v: while it is not known where it may go: %+v", cfg, d)
			}
			if r := x.test(x.endpoint); r.Attempt.Class != hook.ClassRender || !strings.Contains(r.Attempt.Detail, "database could not be read") {
				t.Errorf("%+v: a test meanwhile: %s (%s)", cfg, r.Attempt.Class, r.Attempt.Detail)
			}
			known.Store(true)
			time.Sleep(10 * time.Second)
			settle()
			if d := x.delivery(id); d.State != hook.Delivered || d.Attempts != 1 {
				t.Errorf("%+v: afterwards: %+v", cfg, d)
			}
		})
	}
}

func TestIdleLanesAreDropped(t *testing.T) {
	t.Parallel()
	bubble(t, tickEvery, hook.EndpointConfig{}, func(int, *send.Message) *send.Reply { return status(200) }, func(t *testing.T, x *world) {
		x.publish(x.endpoint, `1`)
		settle()
		time.Sleep(idleAfter + 2*tickEvery)
		x.w.mu.Lock()
		n := len(x.w.lanes)
		x.w.mu.Unlock()
		if n != 0 {
			t.Errorf("%d lanes", n)
		}
		id := x.publish(x.endpoint, `2`)
		settle()
		if d := x.delivery(id); d.State != hook.Delivered {
			t.Errorf("after the lane was dropped: %+v", d)
		}
	})
}

// So is the lane of an endpoint whose last attempt was made while the clock was a day ahead.
func TestIdleLaneThatIsAhead(t *testing.T) {
	t.Parallel()
	bubble(t, tickEvery, hook.EndpointConfig{}, func(int, *send.Message) *send.Reply { return status(200) }, func(t *testing.T, x *world) {
		x.db.SaveHealth(x.endpoint.ID, hook.Health{LastRun: time.Now().Add(24 * time.Hour), LastStatus: string(hook.Delivered)})
		pass(time.Second) // until it is stored
		x.publish(x.endpoint, `1`)
		settle()
		id := x.publish(x.endpoint, `2`) // the lane knows the time by now
		settle()
		if d := x.delivery(id); d.State != hook.Delivered || d.FinishedAt.Before(time.Now().Add(23*time.Hour)) {
			t.Fatalf("the lane is not ahead: %+v", d)
		}
		pass(idleAfter + 2*tickEvery)
		if n := len(x.w.Working()); n != 0 {
			t.Errorf("%d lanes", n)
		}
	})
}

// A delivery that is stored as being sent from the start is sent once. If the lane cannot
// send it after all, it is stored as waiting again.
func TestStoredAsSending(t *testing.T) {
	t.Parallel()
	bubble(t, tickEvery, hook.EndpointConfig{}, func(int, *send.Message) *send.Reply { return status(200) }, func(t *testing.T, x *world) {
		if x.w.Await(&newJobs(x.endpoint, 1, number)[0].Delivery) {
			t.Error("ready before its configuration was read")
		}
		x.publish(x.endpoint, `1`)
		settle()
		lost := newJobs(x.endpoint, 1, number)[0].Delivery
		if !x.await(&lost) {
			t.Error("not ready although idle")
		}
		x.w.CallOff(&lost)
		inHands := func() hook.Job {
			jobs := newJobs(x.endpoint, 1, func(int) string { return `2` })
			if !x.await(&jobs[0].Delivery) {
				t.Error("not ready although idle")
			}
			x.commit(jobs)
			return jobs[0]
		}
		sent := inHands()
		x.w.Offer([]hook.Job{sent})
		settle()
		if d := x.delivery(sent.Delivery.ID); d.State != hook.Delivered || d.Attempts != 1 {
			t.Errorf("offered when ready: %+v", d)
		}

		late := inHands()
		set := func(s hook.EndpointState) {
			if err := x.db.SetEndpointState(t.Context(), x.endpoint.ID, s, "", time.Now()); err != nil {
				t.Fatal(err)
			}
			settle()
		}
		set(hook.EndpointPaused) // between the commit and the offer
		x.w.Offer([]hook.Job{late})
		settle()
		if d := x.delivery(late.Delivery.ID); d.State != hook.Pending || d.EndpointVersion != 0 {
			t.Errorf("offered when paused: %+v", d)
		}
		set(hook.EndpointActive)
		if d := x.delivery(late.Delivery.ID); d.State != hook.Delivered || d.Attempts != 1 {
			t.Errorf("after resume: %+v", d)
		}
		if n := len(x.rc.requests()); n != 3 {
			t.Errorf("%d requests, want 3", n)
		}
	})
}

// An event that is not JSON is sent as it came, under its own Content-Type, whether it is
// handed over or read from the store, and however often. A script sees null and can put
// JSON in its place.
func TestContentType(t *testing.T) {
	t.Parallel()
	const form, csv, sent = "application/x-www-form-urlencoded", "text/csv", "a=1&b=(\xb5/\xfd"
	for name, c := range map[string]struct {
		script            string
		contentType, body string
	}{
		"no script":         {"", form, sent},
		"a script looks":    {"if (webhook.payload !== null) throw new Error('not null')", form, sent},
		"a script replaces": {"webhook.payload = {made: 1}", "application/json", `{"made":1}`},
		"a script says so":  {"webhook.payload = 1; webhook.headers['Content-Type'] = '" + csv + "'", csv, "1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := hook.EndpointConfig{Retry: []time.Duration{0, time.Hour}}
			if c.script != "" {
				cfg = scripted(c.script)
			}
			answer := func(n int, _ *send.Message) *send.Reply {
				if n == 1 {
					return status(500)
				}
				return status(200)
			}
			bubble(t, tickEvery, cfg, answer, func(t *testing.T, x *world) {
				handed, stored := newJobs(x.endpoint, 1, func(int) string { return sent }), newJobs(x.endpoint, 1, func(int) string { return sent })
				handed[0].Event.ContentType, stored[0].Event.ContentType = form, form
				x.commit(append(handed, stored...))
				x.w.Offer(handed)
				x.w.Wake(x.endpoint.ID)
				settle()
				time.Sleep(2 * time.Hour)
				settle()
				requests := x.rc.requests()
				if len(requests) != 3 {
					t.Fatalf("%d requests", len(requests))
				}
				for _, r := range requests {
					if got := headerOf(&r.message, "Content-Type"); got != c.contentType || string(r.message.Body) != c.body {
						t.Errorf("sent %q as %q, want %q as %q", r.message.Body, got, c.body, c.contentType)
					}
				}
				for _, job := range append(handed, stored...) {
					if d := x.delivery(job.Delivery.ID); d.State != hook.Delivered {
						t.Errorf("%+v", d)
					}
				}
			})
		})
	}
}

// headerOf is the value of a header of a message, "" if it has none.
func headerOf(m *send.Message, name string) string {
	for _, h := range m.Headers {
		if strings.EqualFold(h.Name, name) {
			return h.Value
		}
	}
	return ""
}
