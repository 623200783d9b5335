package deliver

import (
	"context"
	"crypto/sha256"
	"errors"
	"time"

	"gancho/internal/contract"
	"gancho/internal/hook"
)

const (
	testsAtOnce = 64               // over all endpoints; each has one at most
	testStored  = 10 * time.Second // how long the answer to a test waits for its result to be durable
)

// Test sends an event to an endpoint, in whatever state that is, and returns the result. The
// request is made like any other, but at once and without retries. Queue, order, rate and
// breaker do not delay it, and it does not change the endpoint's health. The event and its
// delivery, marked as a test, stay in the history. A test that a crash interrupts ends as
// failed and is not sent again.
//
// The event must be new, and of the endpoint's tenant and contract. When ctx ends after
// something may have been sent, Test goes on.
func (w *Worker) Test(ctx context.Context, id hook.EndpointID, ev *hook.Event) (*hook.TestResult, error) {
	return w.test(ctx, id, ev, func(p *plan) (*plan, error) { return p, nil })
}

// Try is Test with an endpoint that is not stored: neither is the event, nor what came of it. A tenant has one of these at
// a time.
func (w *Worker) Try(ctx context.Context, c *contract.Contract, e *hook.Endpoint, ev *hook.Event) (*hook.TestResult, error) {
	turn := hook.EndpointID(uuidOf(e.Tenant))
	if err := w.beginTest(turn); err != nil {
		return nil, err
	}
	defer w.endTest(turn)
	p, err := newPlan(e, c)
	if err != nil {
		return nil, err
	}
	if c.NeedsCredential() && e.Config.Credential == nil { // it gets its own when it is created
		p.form.SetSampleCredential(ev.Tenant)
	}
	now := w.Now()
	job := hook.Job{Event: ev, Delivery: hook.Delivery{
		ID: ev.ID.Delivery(1), Tenant: ev.Tenant, Endpoint: e.ID, Type: ev.Type, Mode: p.policy.Mode, Test: true,
		State: hook.Sending, CreatedAt: now, NextAttemptAt: now, QueueAt: now,
	}}
	m, err := w.attempt(p, &job, func(*hook.Delivery, *hook.Frozen) error { return ctx.Err() })
	if err != nil {
		if m.why != nil {
			return nil, m.why
		}
		return nil, hook.Unavailable(err)
	}
	ended := hook.Trigger{Kind: hook.OnAttempt, Outcome: m.outcome}
	t, _ := hook.Next(job.Delivery, ended, p.policy, hook.Standing{State: p.state}, w.Now())
	t.Delivery.EndpointVersion, t.Delivery.ContractVersion = e.Version, c.Version // whose limits the attempt had
	body := ev.Payload
	if m.frozen != nil {
		body = m.frozen.Body
	}
	return &hook.TestResult{Delivery: t.Delivery, Attempt: m.Attempt, Body: body}, nil
}

// uuidOf is an id that stands for a tenant where ids of endpoints are used.
func uuidOf(tenant string) (id [16]byte) {
	sum := sha256.Sum256([]byte("tenant " + tenant))
	copy(id[:], sum[:])
	return id
}

// Handshake makes the handshake ev, see [contract.Contract.NewHandshake], with an endpoint. It is a test with another
// request, and another rule for the answer.
func (w *Worker) Handshake(ctx context.Context, id hook.EndpointID, ev *hook.Event) (*hook.TestResult, error) {
	return w.test(ctx, id, ev, func(p *plan) (*plan, error) {
		c := p.contract.Handshake(ev, p.endpoint.Secrets)
		if c == nil {
			return nil, hook.Invalid("no_handshake", "The contract "+p.contract.Name+" has no handshake.")
		}
		e := *p.endpoint
		e.Config.Method, e.Config.Transformation = "", ""
		return newPlan(&e, c)
	})
}

// test is Test with a plan that is made of the endpoint's.
func (w *Worker) test(
	ctx context.Context, id hook.EndpointID, ev *hook.Event, with func(*plan) (*plan, error),
) (*hook.TestResult, error) {
	if err := w.beginTest(id); err != nil {
		return nil, err
	}
	defer w.endTest(id)
	p, err := w.readablePlan(ctx, id)
	if err == nil {
		p, err = with(p)
	}
	if err != nil {
		return nil, err
	}
	epoch := w.Owner.Epoch()
	now := w.Now()
	job := hook.Job{Event: ev, Delivery: hook.Delivery{
		ID: ev.ID.Delivery(1), Tenant: ev.Tenant, Endpoint: id, Type: ev.Type, Mode: p.policy.Mode, Test: true,
		State: hook.Sending, CreatedAt: now, NextAttemptAt: now, QueueAt: now,
		EndpointVersion: p.endpoint.Version, ContractVersion: p.contract.Version,
	}}
	done := w.noteTest(id, job.Delivery.ID)
	// It is stored as being sent from the start: so no lane reads it from a queue, and after
	// a crash it is found as interrupted.
	item := &hook.Accepted{Event: ev, Deliveries: []hook.Delivery{job.Delivery}}
	if _, err = w.Store.Submit(hook.Submission{Tenant: ev.Tenant, Items: []*hook.Accepted{item}}, 0); err != nil {
		done()
		return nil, err
	}
	m, err := w.attempt(p, &job, func(*hook.Delivery, *hook.Frozen) error { return nil })
	if err != nil {
		m = made{
			Attempt: &hook.Attempt{
				Delivery: job.Delivery.ID, Number: 1, Transport: w.transportOf(p, nil), StartedAt: now,
				Request:     hook.Request{Method: p.endpoint.Config.Method, URL: p.form.URL()},
				Interrupted: true, Class: hook.ClassInterrupted,
				Detail: "Gancho stopped before the request was sent.",
			},
			outcome: hook.Outcome{Class: hook.ClassInterrupted, Interrupted: true},
			why:     m.why,
		}
		if m.why != nil {
			m.Interrupted, m.Class, m.Detail = false, hook.ClassScript, m.why.Detail
			if m.why.Code == "storage_unavailable" { // its text is for people who publish
				m.Class = hook.ClassRender
				m.Detail = "The database could not be read, so nothing was sent. Make another test in a moment."
			}
			m.outcome = hook.Outcome{Class: m.Class}
		}
	}
	return w.concludeTest(p, job, m, epoch, done), nil
}

// concludeTest records the result of a test.
func (w *Worker) concludeTest(p *plan, job hook.Job, m made, epoch int64, done func()) *hook.TestResult {
	now := w.Now()
	d := job.Delivery
	ended := hook.Trigger{Kind: hook.OnAttempt, Outcome: m.outcome}
	t, _ := hook.Next(d, ended, p.policy, hook.Standing{State: p.state}, now)
	d = t.Delivery
	w.Observer.Attempted(p.endpoint, &d, m.Attempt)
	stored := make(chan struct{})
	result := hook.Result{Delivery: d, Attempt: m.Attempt, Frozen: m.frozen, Epoch: epoch}
	w.record(result, func() { done(); close(stored) })
	patience := time.NewTimer(testStored)
	defer patience.Stop()
	select {
	case <-stored:
	case <-patience.C: // the outcome is known, and recording it goes on
	case <-w.stopped.Done():
	}
	body := job.Event.Payload
	if m.frozen != nil {
		body = m.frozen.Body
	}
	return &hook.TestResult{Delivery: d, Attempt: m.Attempt, Body: body}
}

// beginTest makes sure that the endpoint has one test at a time, and all together a
// bounded number. endTest ends that.
func (w *Worker) beginTest(id hook.EndpointID) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	limited := func(detail string) error {
		return &hook.Error{Kind: hook.KindLimited, Code: "test_running", Detail: detail}
	}
	switch _, running := w.tests[id]; {
	case w.stopping.Load():
		return hook.Unavailable(errors.New("the worker is stopping"))
	case running:
		return limited("A test of this endpoint is running. Wait for it to end, then make another.")
	case len(w.tests) >= testsAtOnce:
		return limited("Too many tests are running on this server. Try again in a moment.")
	}
	w.tests[id] = struct{}{}
	w.senders.Add(1)
	return nil
}

func (w *Worker) endTest(id hook.EndpointID) {
	w.mu.Lock()
	delete(w.tests, id)
	w.mu.Unlock()
	w.senders.Done()
}

// noteTest tells the endpoint's lane of a test, so that its delivery does not look like
// one that a crash interrupted, until done is called. With several nodes the lane may be
// on another one; that gives a test the time it can take (lane.testLasts).
func (w *Worker) noteTest(id hook.EndpointID, d hook.DeliveryID) (done func()) {
	if !w.Owner.Owns(id) {
		return func() {}
	}
	for {
		l := w.lane(id, false)
		if done, ok := l.noteTest(d); ok {
			l.pump() // a lane that was just opened has to read what there is for it
			return done
		}
	}
}

// Preview returns the request that would be made for an event, with secrets masked. If script
// is not nil, it is used instead of the endpoint's transformation. Nothing is stored or sent.
func (w *Worker) Preview(
	ctx context.Context, id hook.EndpointID, ev *hook.Event, script *string,
) (*hook.Preview, error) {
	p, err := w.readablePlan(ctx, id)
	if err != nil {
		return nil, err
	}
	if script != nil {
		p.form.SetScript(*script)
	}
	return w.preview(ctx, p, ev)
}

// PreviewNew is Preview for an endpoint that is not stored. A tenant has one of these, or of [Worker.Try], at a time:
// scripts of one endpoint run one after another, but each of these endpoints is another one.
func (w *Worker) PreviewNew(ctx context.Context, c *contract.Contract, e *hook.Endpoint, ev *hook.Event) (*hook.Preview, error) {
	turn := hook.EndpointID(uuidOf(e.Tenant))
	if err := w.beginTest(turn); err != nil {
		return nil, err
	}
	defer w.endTest(turn)
	p, err := newPlan(e, c)
	if err != nil {
		return nil, err
	}
	if c.NeedsCredential() && e.Config.Credential == nil { // it gets its own when it is created
		p.form.SetSampleCredential(ev.Tenant)
	}
	return w.preview(ctx, p, ev)
}

// PreviewAs returns the request that would be made to an endpoint under a contract. Neither of
// them has to be stored.
func (w *Worker) PreviewAs(
	ctx context.Context, c *contract.Contract, e *hook.Endpoint, ev *hook.Event,
) (*hook.Request, error) {
	p, err := newPlan(e, c)
	if err != nil {
		return nil, err
	}
	if c.NeedsCredential() { // a sample is as good as the real one, whose key would be masked
		p.form.SetSampleCredential(ev.Tenant)
	}
	p.form.SetScript("")
	out, err := w.preview(ctx, p, ev)
	if err != nil {
		return nil, err
	}
	return &out.Request, nil
}

// preview returns the request that would be made, with secrets masked. Nothing is sent or
// stored.
func (w *Worker) preview(ctx context.Context, p *plan, ev *hook.Event) (*hook.Preview, error) {
	failed := func(detail string) error { return hook.Invalid("render_failed", detail) }
	delivery := hook.Delivery{ID: ev.ID.Delivery(1), Endpoint: p.endpoint.ID, Mode: p.policy.Mode}
	c, err := w.composer().Compose(ctx, p.form, &hook.Job{Event: ev, Delivery: delivery})
	switch {
	case err != nil && hook.IsKind(err, hook.KindUnavailable):
		return nil, err
	case err != nil:
		return nil, failed("No request can be made of this event: " + err.Error() + ".")
	}
	headers, refusal := w.Transports.For(c.Message.Target).Headers(c.Message)
	if refusal != "" {
		return nil, failed(refusal)
	}
	out := &hook.Preview{Request: c.Request(headers), Console: c.Console, Cancelled: c.Cancelled, Reason: c.Reason}
	if out.Request.Body == nil {
		out.Request.Body = c.Message.Body
	}
	if c.Failure != nil {
		out.Failure = &c.Failure.ScriptFailure
	}
	return out, nil
}
