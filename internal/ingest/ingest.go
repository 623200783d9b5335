// Package ingest accepts events, wherever they come from: the API, changes of records
// or schedules. There is no second way in, so validation, idempotency and limits are
// the same for all.
//
// [Ingest.Accept] takes events. [Ingest.Change] takes changes of records and the events
// that they fire by the conditions of their contract. [Ingest.EndRun] takes the event of
// a schedule. [Ingest.Run] makes deliveries of stored events for bulk replays.
//
// It promises:
//
//   - What was answered is durable: an event and its deliveries are one commit.
//   - An event goes to all endpoints that take it, as they were configured when the
//     last answered change of the configuration was committed.
//   - The worker knows each new delivery before the commit, and learns after it whether
//     to send it.
package ingest

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"gancho/internal/contract"
	"gancho/internal/hook"
	"gancho/internal/work"
)

// Store is what ingest needs of the database.
type Store interface {
	// Submit commits a submission, or nothing of it, and returns what became of its parts.
	Submit(sub hook.Submission, keepKeys time.Duration) (hook.Verdicts, error)
	// KnownKeys finds which idempotency keys are remembered: that of a request, unless it is "", and external ids.
	KnownKeys(ctx context.Context, tenant, requestKey string, ids []string) (
		request bool, known map[string]hook.KnownID, err error)
	// Tenant is one tenant. The error has KindNotFound if there is none.
	Tenant(ctx context.Context, id string) (hook.Tenant, error)
	// TenantEndpoints lists a tenant's endpoints. The error has KindNotFound if there
	// is no such tenant.
	TenantEndpoints(ctx context.Context, tenant string) ([]*hook.Endpoint, error)
	// RecordsOf reads the records of a tenant that have one of the names.
	RecordsOf(ctx context.Context, tenant string, names []hook.RecordName) (map[hook.RecordName]hook.Record, error)

	// BulkRunning reports whether there are bulk replays and bulk actions that are still running. It is one question to the
	// database, because every node that leads asks it all the time.
	BulkRunning(ctx context.Context) (replays, actions bool, err error)
	// NextRecoveries lists the bulk replays that are still running.
	NextRecoveries(ctx context.Context) ([]hook.Recovery, error)
	// RecoveryPage is the next n events of a bulk replay, oldest first.
	RecoveryPage(ctx context.Context, r *hook.Recovery, n int) ([]hook.RecoveryItem, error)
	// AdvanceRecovery commits the deliveries of a page together with the progress.
	AdvanceRecovery(ctx context.Context, r *hook.Recovery, step hook.RecoveryStep) error
	// EndRecovery ends a bulk replay that has pages left.
	EndRecovery(ctx context.Context, r *hook.Recovery, state hook.RecoveryState) error
	// NextBulks lists the bulk actions that are still running.
	NextBulks(ctx context.Context) ([]hook.Bulk, error)
	// AdvanceBulk commits the next step of a bulk action together with its progress. A step that somebody else has made
	// meanwhile is a conflict.
	AdvanceBulk(ctx context.Context, b *hook.Bulk, ordered func(hook.EndpointID) bool) (hook.BulkStep, error)
}

// Dispatcher gets deliveries in memory, so that it need not read them from the store.
// It may drop any that it was offered: it finds them in the store later.
type Dispatcher interface {
	// Await announces a delivery that is about to be committed. Until it is offered or
	// called off, the dispatcher does not take it from the store. Await reports whether
	// it will be sent right after the commit; then it is stored in the state sending,
	// which saves a write later.
	Await(d *hook.Delivery) (atOnce bool)
	// CallOff takes an announcement back: the delivery was not committed.
	CallOff(d *hook.Delivery)
	// Offer hands over committed deliveries with their events.
	Offer(jobs []hook.Job)
	// Wake says that an endpoint has due deliveries in the store.
	Wake(id hook.EndpointID)
	// Supersede says that a newer snapshot has replaced deliveries, so they must not
	// be sent any more.
	Supersede(list []hook.Delivery)
}

// Options of [New].
type Options struct {
	Store      Store
	Dispatcher Dispatcher
	Contracts  *contract.Set
	KeepKeys   time.Duration // how long an idempotency key is remembered
	MaxPayload int           // bytes of a document, and of a payload made of one; 0: 1 MiB
	Log        *slog.Logger
	// MaxDeliveries bounds how many deliveries one request of [Ingest.Accept] can make; 0 means
	// 20,000. The event that reaches the bound is still accepted; those after it are refused.
	MaxDeliveries int
	// Now is the clock of events and deliveries. It must not go back, as the wall clock may: they are sent in the order
	// of these times. nil: [time.Now].
	Now func() time.Time
	// EventWork is what may be computed for one event or one change of a record, in units of [work]: filters,
	// conditions, templates and schemas together. 0: [DefaultEventWork].
	EventWork int64
	Accounts  *work.Accounts // limit what each tenant computes; nil: nothing does
	// LeftOut is called for each stored delivery that was left out; nil: nobody watches them.
	LeftOut func(*hook.Delivery)
	// Shown is an event without what its contract calls sensitive, unless the sight is of that. Bulk actions search it. nil:
	// they find nothing.
	Shown func(hook.Sight, *hook.Event) *hook.Event
	// Omitted is called with everything that an error left out, also for the deliveries that LeftOut is called for, after
	// the commit that it belongs to: each time with one event or delivery, with its time in the only example. nil: nobody
	// counts them.
	Omitted func(*hook.Omission)
	// KeepLeftOut is how many deliveries are stored in a minute for one endpoint although they are left out. The others are
	// only counted. 0: [DefaultKeepLeftOut].
	KeepLeftOut int
}

// DefaultEventWork is about 50 ms.
const DefaultEventWork = 500_000

// DefaultKeepLeftOut keeps the history of an endpoint readable if its filter fails for every event.
const DefaultKeepLeftOut = 60

// shareWork is the part of the work of one event that a request may cost for each of its events beyond the first:
// events of a batch are many and cheap, or few and dear.
const shareWork = 10

// Ingest accepts events and changes of records. Its methods may be called from
// any goroutine.
type Ingest struct {
	Options
	directory *directory
	turns     turns
	allowance allowance
	version   atomic.Int64  // the highest that this process gave to a record
	replay    chan struct{} // tells [Ingest.Run] to look for a new bulk replay
}

// New makes an Ingest. It starts nothing.
func New(o Options) *Ingest {
	if o.MaxPayload <= 0 {
		o.MaxPayload = 1 << 20
	}
	if o.MaxDeliveries <= 0 {
		o.MaxDeliveries = 20_000
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.EventWork <= 0 {
		o.EventWork = DefaultEventWork
	}
	if o.KeepLeftOut <= 0 {
		o.KeepLeftOut = DefaultKeepLeftOut
	}
	return &Ingest{Options: o, directory: newDirectory(o.Store, o.Contracts, o.Accounts), replay: make(chan struct{}, 1)}
}

// Forget drops what is in memory of a configuration that changed. It is called after
// the commit and before the caller of the change gets an answer.
func (in *Ingest) Forget(c hook.Change) { in.directory.forget(c.Tenant) }

var errTooManyDeliveries = &hook.Error{
	Kind: hook.KindTooLarge, Code: "too_many_deliveries",
	Detail: "The events before this one go to so many endpoints that this one was not taken. " +
		"Send it again, in a request of its own.",
}

// errTooMuchWork is for an item of a batch whose other items have used up what the request may cost.
var errTooMuchWork = &hook.Error{
	Kind: hook.KindTooLarge, Code: "too_much_work",
	Detail: "The filters and conditions for the items before this one cost so much work that this one was not taken. " +
		"Send it again, in a request of its own, and make the filters simpler.",
}

// Accept commits the events of one request together with their deliveries. An error
// concerns the whole request; then nothing was stored. If only one event is wrong, its
// answer says so and the others are stored. If ctx ends before all events are matched,
// nothing is stored.
func (in *Ingest) Accept(ctx context.Context, r hook.NewEvents) ([]hook.EventAnswer, error) {
	routes, err := in.directory.routes(ctx, r.Tenant)
	if err != nil {
		return nil, err
	}
	now := in.Now()
	answers := make([]hook.EventAnswer, len(r.Items))
	items := make([]*hook.Accepted, 0, len(r.Items))
	place := make([]int, 0, len(r.Items)) // index of the answer to each of items
	deliveries := 0
	left := in.EventWork + in.EventWork/shareWork*int64(max(len(r.Items)-1, 0)) // of the request
	seals := routes.seals                                                       // also if what is wrong with an item quotes it
	for i := range r.Items {
		item := &r.Items[i]
		answers[i].ExternalID = item.ExternalID
		if deliveries >= in.MaxDeliveries {
			answers[i].Wrong = errTooManyDeliveries
			continue
		}
		if left <= 0 {
			answers[i].Wrong = errTooMuchWork
			continue
		}
		rest := left < in.EventWork // the event has less than it would have in a request of its own
		budget := work.NewBudget(ctx, min(left, in.EventWork), routes.account)
		unnamed := item.Contract == ""
		wrong := in.check(budget, item)
		seals = seals || item.Sealed
		if wrong != nil {
			left -= budget.Close()
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			if answers[i].Wrong = wrong; rest && slices.ContainsFunc(wrong.Fields, func(f hook.FieldError) bool { return f.Code == "schema_costly" }) {
				answers[i].Wrong = errTooMuchWork
			}
			continue
		}
		it, err := in.prepare(budget, r.Tenant, item, routes, now)
		left -= budget.Close()
		if err != nil {
			return nil, err
		}
		if rest && it.Omitted() > 0 {
			answers[i].Wrong = errTooMuchWork
			continue
		}
		if unnamed && len(it.Deliveries)+it.Omitted() == 0 {
			if answers[i].Wrong = in.forgotten(routes, item.Type); answers[i].Wrong != nil {
				continue
			}
		}
		deliveries += len(it.Deliveries)
		items = append(items, it)
		place = append(place, i)
	}
	if err := in.answerRepeats(ctx, &r, answers); err != nil {
		return nil, err
	}
	fill := func(answers []hook.EventAnswer, v hook.Verdicts) []hook.EventAnswer {
		for k, it := range items {
			fillAnswer(&answers[place[k]], it, v.Item(k))
		}
		return answers
	}
	sub := hook.Submission{Tenant: r.Tenant, Items: items, RequestKey: r.RequestKey, RequestHash: r.RequestHash, Seal: seals}
	if r.RequestKey != "" {
		sub.Answer = func(v hook.Verdicts) []byte { return encodeAnswers(fill(slices.Clone(answers), v)) }
	}
	if len(items) == 0 && r.RequestKey == "" {
		return in.withHints(answers, &r, routes), nil
	}
	v, err := in.submit(sub, routes)
	switch {
	case err != nil:
		return nil, err
	case v.KeyReused:
		return nil, hook.ErrKeyReused
	case v.Prior != nil:
		prior, err := decodeAnswers(v.Prior)
		if err != nil || len(prior) != len(r.Items) {
			return prior, err
		}
		return in.withHints(prior, &r, routes), nil
	}
	return in.withHints(fill(answers, v), &r, routes), nil
}

// withHints adds a hint to each answer of an event that goes nowhere.
func (in *Ingest) withHints(answers []hook.EventAnswer, r *hook.NewEvents, routes *routes) []hook.EventAnswer {
	for i := range answers {
		if a := &answers[i]; a.Wrong == nil && a.Deliveries == 0 {
			a.Hint = in.hint(routes, cmp.Or(r.Items[i].Contract, hook.DefaultContract), r.Items[i].Type, a.LeftOut)
		}
	}
	return answers
}

// check says what is wrong with an item, nil if nothing.
func (in *Ingest) check(b *work.Budget, item *hook.NewEvent) *hook.Error {
	if item.Wrong != nil {
		return item.Wrong
	}
	if item.Contract == "" {
		item.Contract = hook.DefaultContract
	}
	if !hook.ValidEventType(item.Type) {
		return hook.InvalidField("event_type_invalid", hook.Field("/type", "event_type_invalid",
			"Give the event a type of up to 128 letters, digits and . _ : / - that starts with a letter, digit or _, "+
				"such as order.paid."))
	}
	if item.ExternalID != "" && !hook.ValidExternalID(item.ExternalID) {
		return hook.InvalidField("event_id_invalid", hook.Field("/id", "event_id_invalid",
			"An id has 1 to 128 characters of A-Z a-z 0-9 _ . : - and nothing else."))
	}
	c, ok := in.Contracts.Lookup(item.Contract)
	if !ok {
		return in.noContract(item.Contract)
	}
	item.Sealed = c.SealsPayloads()
	if !c.HasEvent(item.Type) {
		return hook.InvalidField("event_type_unknown", c.NoEvent(item.Type).At("/type"))
	}
	if item.ContentType == "" { // only members of JSON can be checked and redacted
		if item.Door == hook.DoorAPI {
			if wrong := misshapen(c.CheckPosted(b, item.Type, item.Payload)); wrong != nil {
				return wrong
			}
		}
		item.Payload = c.Redact(item.Payload)
	}
	return nil
}

// misshapen is the error of a payload that its schema refuses, nil if found is empty.
func misshapen(found []hook.FieldError) *hook.Error {
	if len(found) == 0 {
		return nil
	}
	detail := found[0].Detail
	if len(found) > 1 {
		detail = fmt.Sprintf("%d values of the payload are wrong; see errors.", len(found))
	}
	for i := range found {
		found[i].Pointer = "/payload" + found[i].Pointer
	}
	return hook.Invalid("payload_invalid", detail, found...)
}

func (in *Ingest) noContract(name string) *hook.Error {
	return hook.InvalidField("contract_unknown", in.Contracts.NoContract(name).At("/contract"))
}

// prepare makes the event of an item, and a delivery for each endpoint that takes it. An endpoint whose filter costs too
// much work or fails gets a cancelled delivery, so that a person can see it and bring it back, or only a count if there are
// too many of those. The error is that of the budget's context.
func (in *Ingest) prepare(
	b *work.Budget, tenant string, item *hook.NewEvent, routes *routes, now time.Time,
) (*hook.Accepted, error) {
	e := &hook.Event{
		ID: hook.NewEventID(), Tenant: tenant, Contract: item.Contract, Type: item.Type, ExternalID: item.ExternalID,
		Door: item.Door, CreatedAt: now, ContentType: item.ContentType, Payload: item.Payload,
		Sealed: item.Sealed || routes.seals,
	}
	a := &hook.Accepted{Event: e}
	if e.ExternalID != "" {
		a.Hash = contentHash(item)
	}
	targets, dear, failed, err := routes.match(b, e)
	if err != nil {
		return nil, err
	}
	if n := len(targets) + len(dear) + len(failed); n > 0 {
		a.Deliveries = make([]hook.Delivery, 0, n)
	}
	for i, t := range targets {
		a.Deliveries = append(a.Deliveries, newDelivery(e, t, i+1, now))
	}
	in.leaveOut(a, dear, hook.ReasonOverBudget, now)
	in.leaveOut(a, failed, hook.ReasonFilterFailed, now)
	if c, ok := in.Contracts.Lookup(e.Contract); ok && len(targets) > 0 && e.Door != hook.DoorSchedule {
		if a.Debounce, err = c.Debounce(b, e); err != nil { // it is sent without waiting, so nothing is lost
			if ended := b.Context().Err(); ended != nil {
				return nil, ended
			}
			// What an expression met can quote the payload.
			in.Log.Warn("key of debounce failed, event sent without waiting", "tenant", tenant, "event", e.ID, "contract", c.Name,
				"error", errDebounceKey)
		}
	}
	return a, nil
}

// leaveOut adds a cancelled delivery for each endpoint of which nobody knows whether it takes the event. Where an endpoint
// has too many of them, the delivery is only counted.
func (in *Ingest) leaveOut(a *hook.Accepted, targets []*target, reason string, now time.Time) {
	for _, t := range targets {
		kept := in.allowance.take(t.id, now, in.KeepLeftOut)
		d := newDelivery(a.Event, t, len(a.Deliveries)+1, now)
		left, _ := hook.Next(d, hook.Trigger{Kind: hook.OnLeaveOut, Reason: reason}, hook.Policy{}, hook.Standing{Ordered: t.ordered}, now)
		if !kept {
			left.Delivery.ID = hook.DeliveryID{}
			a.Unkept = append(a.Unkept, left.Delivery)
			continue
		}
		a.Deliveries = append(a.Deliveries, left.Delivery)
		a.LeftOut++
	}
}

// newDelivery makes delivery number n of an event.
func newDelivery(e *hook.Event, t *target, n int, now time.Time) hook.Delivery {
	d := hook.Delivery{
		ID: e.ID.Delivery(n), Tenant: e.Tenant, Endpoint: t.id, Type: e.Type, Mode: t.mode,
		State: hook.Pending, CreatedAt: now, NextAttemptAt: now.Add(t.firstDelay), QueueAt: now,
	}
	if !t.ordered {
		d.QueueAt = d.NextAttemptAt
	}
	return d
}

// fillAnswer answers an item whose submission was stored.
func fillAnswer(a *hook.EventAnswer, it *hook.Accepted, v hook.ItemVerdict) {
	switch {
	case v.IDReused:
		a.Wrong = hook.Conflict("event_id_reused",
			"This id was used before for an event with another type, contract or payload. Use a new id for a new event.")
	case v.Duplicate:
		a.ID, a.Deliveries, a.LeftOut, a.Duplicate = v.First, v.FirstDeliveries, v.FirstLeftOut, true
	default:
		a.ID, a.Deliveries, a.LeftOut = it.Event.ID, it.Sent(), it.Omitted()
	}
}
