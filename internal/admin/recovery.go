package admin

import (
	"context"
	"fmt"
	"slices"
	"time"

	"gancho/internal/contract"
	"gancho/internal/hook"
)

// RecoveryStore is what [Recoveries] need of the database.
type RecoveryStore interface {
	endpointReader
	CreateRecovery(ctx context.Context, r *hook.Recovery) error
	Recovery(ctx context.Context, tenant string, id hook.RecoveryID) (*hook.Recovery, error)
	// StopRecovery leaves alone what has ended.
	StopRecovery(ctx context.Context, r *hook.Recovery) error
	Recoveries(
		ctx context.Context, tenant string, endpoint hook.EndpointID, p hook.Page,
	) (list []hook.Recovery, next hook.ID, err error)
}

// Recoverer works through stored recoveries.
type Recoverer interface {
	// BeginRecovery reports that the store has a new recovery, so that work on it begins.
	BeginRecovery()
	// PreviewRecovery counts what a recovery would send again. It stores nothing.
	PreviewRecovery(ctx context.Context, r *hook.Recovery) (hook.RecoveryPreview, error)
}

// Waker makes the worker look for due deliveries of an endpoint that it has not read yet.
type Waker interface {
	Wake(id hook.EndpointID)
}

// Recoveries are the use cases of recoveries: sending again to one endpoint what it missed. All fields are needed.
type Recoveries struct {
	Store     RecoveryStore
	Contracts *contract.Set
	Recoverer Recoverer
	Waker     Waker
}

// Missing can be listed among the states of a recovery. It selects events that have no delivery to the endpoint.
const Missing hook.State = "missing"

// RecoverySpec says what to send again: events of a span of time whose deliveries are in some states.
type RecoverySpec struct {
	Since  time.Time
	Until  time.Time    // zero, or in the future: now
	States []hook.State // failed, cancelled, delivered and [Missing]; nil: all of them but delivered
}

// Start begins a recovery, which goes on in the background. The codes of its errors are endpoint_not_found,
// recovery_invalid, at_most_once and endpoint_disabled.
func (x Recoveries) Start(ctx context.Context, tenant, endpoint string, in RecoverySpec) (*hook.Recovery, error) {
	r, err := x.planned(ctx, tenant, endpoint, in)
	if err != nil {
		return nil, err
	}
	if err := x.Store.CreateRecovery(ctx, r); err != nil {
		return nil, err
	}
	x.Recoverer.BeginRecovery()
	x.Waker.Wake(r.Endpoint)
	return r, nil
}

// Preview says what [Recoveries.Start] would send again, without storing or sending anything.
func (x Recoveries) Preview(ctx context.Context, tenant, endpoint string, in RecoverySpec) (hook.RecoveryPreview, error) {
	r, err := x.planned(ctx, tenant, endpoint, in)
	if err != nil {
		return hook.RecoveryPreview{}, err
	}
	return x.Recoverer.PreviewRecovery(ctx, r)
}

// planned returns the requested recovery after checking it. It is not begun yet.
func (x Recoveries) planned(ctx context.Context, tenant, id string, in RecoverySpec) (*hook.Recovery, error) {
	e, err := endpoint(ctx, x.Store, tenant, id)
	if err != nil {
		return nil, err
	}
	if e.Unreadable {
		return nil, hook.ErrUnreadable
	}
	if c := (contracts{x.Contracts}).serving(e); c != nil && c.Policy(e.Config).Mode == hook.AtMostOnce {
		return nil, hook.Conflict("at_most_once",
			"This endpoint sends at most once, so nothing is ever sent again. Publish new events instead.")
	}
	if e.State == hook.EndpointDisabled {
		return nil, hook.Conflict("endpoint_disabled", "The endpoint is disabled. Resume it first.")
	}
	r, err := in.recovery(now())
	if err != nil {
		return nil, err
	}
	r.Tenant, r.Endpoint = tenant, e.ID
	return r, nil
}

// recovery returns the requested recovery, without its endpoint.
func (in RecoverySpec) recovery(now time.Time) (*hook.Recovery, error) {
	r := &hook.Recovery{
		ID: hook.NewRecoveryID(), Since: in.Since.UTC(), Until: in.Until.UTC(),
		State: hook.RecoveryRunning, CreatedAt: now,
	}
	wrong := func(f hook.FieldError) error { return hook.InvalidFields("recovery_invalid", f) }
	if in.Until.IsZero() || r.Until.After(now) {
		r.Until = now
	}
	if !r.Since.Before(r.Until) {
		return nil, wrong(hook.Field("/since", "since_late", "This has to be before until, and in the past."))
	}
	if in.States == nil {
		r.States, r.Missing = []hook.State{hook.Failed, hook.Cancelled}, true
		return r, nil
	}
	if len(in.States) == 0 {
		return nil, wrong(hook.Field("/states", "states_none", "Name at least one state, or leave states out."))
	}
	for i, s := range in.States {
		switch s {
		case Missing:
			r.Missing = true
		case hook.Failed, hook.Cancelled, hook.Delivered:
			if !slices.Contains(r.States, s) {
				r.States = append(r.States, s)
			}
		default: //lint:ignore exhaustive the others are not finished, or never sent again
			return nil, wrong(hook.Field(fmt.Sprintf("/states/%d", i), "states_possible",
				"Possible: failed, cancelled, delivered, missing."))
		}
	}
	return r, nil
}

// List lists the recoveries of an endpoint, newest first. The code of its error is endpoint_not_found.
func (x Recoveries) List(ctx context.Context, tenant, id string, p hook.Page) (list []hook.Recovery, next hook.ID, err error) {
	e, err := endpoint(ctx, x.Store, tenant, id)
	if err != nil {
		return nil, next, err
	}
	return x.Store.Recoveries(ctx, tenant, e.ID, p)
}

// Get reads a recovery of an endpoint. The codes of its errors are endpoint_not_found and recovery_not_found.
func (x Recoveries) Get(ctx context.Context, tenant, endpointID, id string) (*hook.Recovery, error) {
	e, err := endpoint(ctx, x.Store, tenant, endpointID)
	if err != nil {
		return nil, err
	}
	parsed, err := hook.ParseRecoveryID(id)
	if err != nil {
		return nil, hook.NotFound("recovery", id)
	}
	r, err := x.Store.Recovery(ctx, tenant, parsed)
	if err == nil && r.Endpoint != e.ID {
		err = hook.NotFound("recovery", id)
	}
	return r, err
}

// Stop ends a recovery before its end; what it has queued stays so. One that has ended stays as it is. The codes of its
// errors are those of [Recoveries.Get].
func (x Recoveries) Stop(ctx context.Context, tenant, endpointID, id string) (*hook.Recovery, error) {
	r, err := x.Get(ctx, tenant, endpointID, id)
	if err != nil {
		return nil, err
	}
	if err := x.Store.StopRecovery(ctx, r); err != nil {
		return nil, err
	}
	return x.Get(ctx, tenant, endpointID, id)
}
