package ingest

import (
	"context"
	"errors"
	"slices"
	"time"

	"gancho/internal/hook"
	"gancho/internal/match"
	"gancho/internal/work"
)

// A bulk replay is throttled, so that it floods neither the receiver nor the database:
// after each page of events there is a pause.
const (
	recoveryPage  = 200
	recoveryPause = 200 * time.Millisecond
	bulkPause     = 20 * time.Millisecond // after a step that sent nothing
	recoveryWork  = 2                     // a page may cost what this many events may cost; then it ends early
	previewWork   = 20                    // a preview may cost what this many events may cost
	recoveryPoll  = 5 * time.Second       // how often to look for replays that began on another node
)

// BeginRecovery says that there is a new bulk replay in the store. It does not wait for it.
func (in *Ingest) BeginRecovery() {
	select {
	case in.replay <- struct{}{}:
	default:
	}
}

// Run works through bulk replays until ctx ends. A replay that is interrupted goes on
// where it was when Run is called again, also in another process.
func (in *Ingest) Run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-in.replay:
		case <-timer.C:
		}
		replays, actions, err := in.Store.BulkRunning(ctx)
		busy, more := false, false
		pause := recoveryPause
		if replays {
			busy, err = in.recoverSome(ctx)
		}
		if actions {
			var wait time.Duration
			var failed error
			more, wait, failed = in.bulkSome(ctx)
			if !busy {
				pause = wait
			}
			err = errors.Join(err, failed)
		}
		busy = busy || more
		if err != nil && ctx.Err() == nil {
			in.Log.Error("bulk replay interrupted, will try again", "error", err)
			busy = false
		}
		if busy {
			timer.Reset(pause)
		} else {
			timer.Reset(recoveryPoll)
		}
	}
}

// recoverSome works on the next page of every running replay. busy says that there are some.
func (in *Ingest) recoverSome(ctx context.Context) (busy bool, err error) {
	list, err := in.Store.NextRecoveries(ctx)
	if err != nil {
		return false, err
	}
	for i := range list { // one that fails does not keep those behind it, of other tenants, too, from going on
		err = errors.Join(err, in.recoverOne(ctx, &list[i]))
	}
	return len(list) > 0, err
}

// bulkSome makes the next step of every running bulk action, also of those behind one that fails. pause is how long to wait
// before the next.
func (in *Ingest) bulkSome(ctx context.Context) (busy bool, pause time.Duration, err error) {
	list, err := in.Store.NextBulks(ctx)
	if err != nil {
		return false, 0, err
	}
	pause = bulkPause
	for i := range list {
		queued, failed := in.bulkOne(ctx, &list[i])
		if queued {
			pause = recoveryPause
		}
		err = errors.Join(err, failed)
	}
	return len(list) > 0, pause, err
}

// bulkOne makes the next step of a bulk action. queued says that it sent something.
func (in *Ingest) bulkOne(ctx context.Context, b *hook.Bulk) (queued bool, err error) {
	routes, err := in.directory.routes(ctx, b.Tenant)
	if err != nil && !hook.IsKind(err, hook.KindNotFound) {
		return false, err
	}
	ordered := func(id hook.EndpointID) bool {
		t := (*target)(nil)
		if routes != nil {
			t = routes.targets[id]
		}
		return t != nil && t.ordered
	}
	if b.Search != nil {
		b.Search.Shown = in.Shown
	}
	step, err := in.Store.AdvanceBulk(ctx, b, ordered)
	if hook.IsKind(err, hook.KindConflict) { // a person stopped it
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if b.State == hook.BulkStopped {
		in.Log.Warn("bulk action stopped", "tenant", b.Tenant, "bulk_action", b.ID.String(), "reason", b.Reason)
	}
	in.Dispatcher.Supersede(step.Cancelled)
	woken := map[hook.EndpointID]bool{}
	for _, d := range step.Cancelled { // what is behind a delivery that held its queue goes on
		woken[d.Endpoint] = true
	}
	for _, id := range step.Queued {
		woken[id] = true
	}
	for id := range woken {
		in.Dispatcher.Wake(id)
	}
	return len(step.Queued) > 0, nil
}

// recoverOne works on the next page of a replay.
func (in *Ingest) recoverOne(ctx context.Context, r *hook.Recovery) error {
	routes, err := in.directory.routes(ctx, r.Tenant)
	if err != nil && !hook.IsKind(err, hook.KindNotFound) {
		return err
	}
	var t *target
	if err == nil {
		t = routes.targets[r.Endpoint]
	}
	if t == nil { // the endpoint was disabled or deleted since: nothing would be sent
		return in.Store.EndRecovery(ctx, r, hook.RecoveryCancelled)
	}
	page, err := in.Store.RecoveryPage(ctx, r, recoveryPage)
	if err != nil {
		return err
	}
	b := work.NewBudget(ctx, in.EventWork*recoveryWork, nil)
	step := recoveryStep(b, r, page, t, in.Now())
	if err := ctx.Err(); err != nil {
		return err
	}
	switch err := in.Store.AdvanceRecovery(ctx, r, step); {
	case hook.IsKind(err, hook.KindConflict): // a person stopped it
		return nil
	case err != nil:
		return err
	}
	in.Dispatcher.Wake(r.Endpoint)
	return nil
}

// previewLimits bound how much work a preview does.
type previewLimits struct {
	page   int // events to read at once
	events int // after about as many it stops
	time   time.Duration
}

// PreviewRecovery counts the deliveries that a bulk replay would make if it began now.
// It stores nothing. Where there are many events, or a filter is slow, it looks only at
// the first ones and says so.
func (in *Ingest) PreviewRecovery(ctx context.Context, r *hook.Recovery) (hook.RecoveryPreview, error) {
	return in.preview(ctx, *r, previewLimits{page: 1000, events: 50_000, time: 2 * time.Second})
}

func (in *Ingest) preview(
	ctx context.Context, r hook.Recovery, limits previewLimits,
) (p hook.RecoveryPreview, err error) {
	routes, err := in.directory.routes(ctx, r.Tenant)
	if err != nil {
		return p, err
	}
	t := routes.targets[r.Endpoint]
	if t == nil { // the endpoint is disabled: nothing would be sent
		return p, nil
	}
	b := work.NewBudget(ctx, in.EventWork*previewWork, routes.account)
	defer b.Close()
	for start := time.Now(); ; {
		list, err := in.Store.RecoveryPage(ctx, &r, limits.page)
		if err != nil {
			return p, err
		}
		step := recoveryStep(b, &r, list, t, start)
		if err := ctx.Err(); err != nil {
			return p, err
		}
		p.Examined += step.Examined
		p.Deliveries += len(step.Requeue) + len(step.Create)
		if r.Cursor = step.Cursor; len(list) < limits.page && step.Examined == len(list) {
			return p, nil
		}
		if p.Examined >= limits.events || b.Left() == 0 || time.Since(start) > limits.time {
			p.AtLeast = true
			return p, nil
		}
	}
}

// recoveryStep decides for each event of a page whether its delivery is sent again,
// whether it gets one, or neither. Where nothing is left of the budget, the page ends. A delivery that was left out, see
// [hook.Delivery.LeftOut], is sent if the filter, which is evaluated now, takes the event.
func recoveryStep(
	b *work.Budget, r *hook.Recovery, page []hook.RecoveryItem, t *target, now time.Time,
) hook.RecoveryStep {
	step := hook.RecoveryStep{Cursor: r.Cursor, Done: len(page) == 0, Ordered: t.ordered}
	takes := func(e *hook.Event) bool {
		if e.Unreadable {
			return false
		}
		why, _ := t.Explain(b, e)
		return why == match.Taken
	}
	for _, it := range page {
		if b.Left() == 0 || b.Context().Err() != nil {
			break
		}
		switch {
		case it.Delivery != nil:
			endpoint := hook.Standing{State: hook.EndpointActive, Ordered: t.ordered}
			_, again := hook.Next(*it.Delivery, hook.Trigger{Kind: hook.OnRecover}, hook.Policy{}, endpoint, now)
			if again && slices.Contains(r.States, it.Delivery.State) && (!it.Delivery.LeftOut() || takes(it.Event)) {
				step.Requeue = append(step.Requeue, it.Delivery.ID)
			}
		case r.Missing && t.mode != hook.AtMostOnce && it.Event.Contract == t.contract:
			if takes(it.Event) {
				step.Create = append(step.Create, newDelivery(it.Event, t, 1, now))
			}
		}
		step.Cursor = it.Event.ID
		step.Examined++
	}
	return step
}
