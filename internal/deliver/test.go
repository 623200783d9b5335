package deliver

import (
	"context"
	"errors"
	"time"

	"gancho/internal/contract"
	"gancho/internal/hook"
	"gancho/internal/mask"
	"gancho/internal/transform"
)

const (
	testsAtOnce = 64               // over all endpoints; one for each
	testStored  = 10 * time.Second // how long the answer to a test waits until it is in the history
)

// Test sends an event to an endpoint, whatever state that is in, and returns what
// came of it. The request is made like any other, but once, at once, and past
// queue, order, rate and breaker; it says nothing about the endpoint's health.
// The event and its delivery, marked as a test, become part of the history. A test
// that a crash interrupts ends as failed and is not sent again.
//
// The event must be new and of the endpoint's tenant and contract. Test does not
// end with ctx once something may have been sent.
func (w *Worker) Test(ctx context.Context, id hook.EndpointID, ev *hook.Event) (*hook.TestResult, error) {
	if err := w.beginTest(id); err != nil {
		return nil, err
	}
	defer w.endTest(id)
	p, err := w.plan(ctx, id)
	if err != nil {
		return nil, err
	}
	epoch := w.Owner.Epoch()
	now := time.Now()
	job := hook.Job{Event: ev, Delivery: hook.Delivery{
		ID: ev.ID.Delivery(1), Tenant: ev.Tenant, Endpoint: id, Type: ev.Type, Mode: p.policy.Mode, Test: true,
		State: hook.Sending, CreatedAt: now, NextAttemptAt: now, QueueAt: now,
		EndpointVersion: p.endpoint.Version, ContractVersion: p.contract.Version,
	}}
	letGo := w.hold(id, job.Delivery.ID)
	// In a sender's hands from the start: no queue ever has it, and after a crash it
	// is found as interrupted.
	item := &hook.Accepted{Event: ev, Deliveries: []hook.Delivery{job.Delivery}}
	if _, err = w.Store.Submit(hook.Submission{Tenant: ev.Tenant, Items: []*hook.Accepted{item}}, 0); err != nil {
		letGo()
		return nil, err
	}
	m, err := w.attempt(p, &job, func(*hook.Delivery, *hook.Frozen) error { return nil })
	if err != nil {
		m = made{
			Attempt: &hook.Attempt{
				Delivery: job.Delivery.ID, Number: 1, Transport: w.transportOf(p, nil), StartedAt: now, Interrupted: true, Class: hook.ClassInterrupted,
				Request: hook.Request{Method: p.endpoint.Config.Method, URL: p.render.mask.Text(p.endpoint.Config.URL)},
				Detail:  "Gancho stopped before the request was sent.",
			},
			outcome: hook.Outcome{Class: hook.ClassInterrupted, Interrupted: true},
		}
	}
	return w.concludeTest(p, job, m, epoch, letGo), nil
}

// concludeTest records what a test came to.
func (w *Worker) concludeTest(p *plan, job hook.Job, m made, epoch int64, letGo func()) *hook.TestResult {
	now := time.Now()
	d := job.Delivery
	t, _ := hook.Next(d, hook.Trigger{Kind: hook.OnAttempt, Outcome: m.outcome}, p.policy, hook.Standing{State: p.state}, now)
	d = t.Delivery
	w.Observer.Attempted(p.endpoint, &d, m.Attempt)
	stored := make(chan struct{})
	w.record(hook.Result{Delivery: d, Attempt: m.Attempt, Frozen: m.frozen, Epoch: epoch}, func() { letGo(); close(stored) })
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

// beginTest takes the endpoint's place for a test.
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

// hold keeps the endpoint's lane from taking a delivery for one that an earlier
// process had in hand, until letGo is called. A lane of another node, where
// there are several, gives a test the time it can take: lane.testLasts.
func (w *Worker) hold(id hook.EndpointID, d hook.DeliveryID) (letGo func()) {
	if !w.Owner.Owns(id) {
		return func() {}
	}
	for {
		l := w.lane(id, false)
		if letGo, ok := l.holdTest(d); ok {
			l.pump() // a lane that was just opened has to look what there is for it
			return letGo
		}
	}
}

// Preview is the request that would be made for an event, secrets masked. script
// is tried in the place of the endpoint's transformation, unless it is nil. Nothing
// is stored or sent.
func (w *Worker) Preview(ctx context.Context, id hook.EndpointID, ev *hook.Event, script *string) (*hook.Preview, error) {
	p, err := w.plan(ctx, id)
	if err != nil {
		return nil, err
	}
	if script != nil {
		p.render.config.Transformation = *script
	}
	return w.preview(ctx, p, ev)
}

// PreviewAs is the request that would be made to an endpoint under a contract;
// neither has to be stored.
func (w *Worker) PreviewAs(ctx context.Context, c *contract.Contract, e *hook.Endpoint, ev *hook.Event) (*hook.Request, error) {
	p, err := newPlan(e, c)
	if err != nil {
		return nil, err
	}
	if c.NeedsCredential() { // as good as the real one, since its key would be masked
		p.render.Plan = c.PlanFor(e.Config, &contract.Credential{ID: "sample", Tenant: ev.Tenant, Name: e.Name, APIKey: mask.Text})
	}
	p.render.config.Transformation = ""
	out, err := w.preview(ctx, p, ev)
	if err != nil {
		return nil, err
	}
	return &out.Request, nil
}

// preview is the request that would be made, secrets masked; nothing is sent or stored.
func (w *Worker) preview(ctx context.Context, p *plan, ev *hook.Event) (*hook.Preview, error) {
	failed := func(detail string) error { return hook.Invalid("render_failed", detail) }
	s, err := w.shape(ctx, p, &hook.Job{Event: ev, Delivery: hook.Delivery{ID: ev.ID.Delivery(1), Endpoint: p.endpoint.ID, Mode: p.policy.Mode}})
	out := &hook.Preview{Console: s.console, Cancelled: s.cancelled, Reason: s.mask.Text(s.reason)}
	if failure, ok := errors.AsType[*transform.Error](err); ok {
		out.Failure = &hook.ScriptFailure{Class: failure.Class, Detail: s.mask.Text(failure.Message), Line: failure.Line, Column: failure.Column}
		for _, line := range failure.Console {
			out.Console = append(out.Console, s.mask.Text(line))
		}
		err = nil
	}
	switch {
	case err != nil && hook.IsKind(err, hook.KindUnavailable):
		return nil, err
	case err != nil:
		return nil, failed("No request can be made of this event: " + err.Error() + ".")
	}
	headers, refusal := w.Transports.For(s.message.Target).Headers(s.message)
	if refusal != "" {
		return nil, failed(refusal)
	}
	if out.Request = shown(s.mask, s.message, headers); out.Request.Body == nil {
		out.Request.Body = s.message.Body
	}
	return out, nil
}
