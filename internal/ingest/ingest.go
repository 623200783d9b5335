// Package ingest is the one door through which events come in, whoever brings
// them: the API, a record change, a schedule, another system's webhook.
//
// [Ingest.Change] takes in changes of records, and makes the events that they fire
// by the conditions of their contract; see record.go.
//
// [Ingest.Accept] checks, finds the endpoints that take the event, commits the
// event and its deliveries together, and hands them to the worker. What it has
// answered is durable. Callers cannot drift apart on validation, idempotency or
// limits, because there is no second way.
package ingest

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"gancho/internal/contract"
	"gancho/internal/hook"
)

// Store is what ingest needs of the database.
type Store interface {
	// Submit commits a submission, or nothing of it, and returns what became of its parts.
	Submit(sub hook.Submission, keepKeys time.Duration) (hook.Verdicts, error)
	// TenantEndpoints lists a tenant's endpoints, or fails with KindNotFound if
	// there is no such tenant.
	TenantEndpoints(ctx context.Context, tenant string) ([]*hook.Endpoint, error)
	// RecordsOf reads the records of a tenant that have one of the names.
	RecordsOf(ctx context.Context, tenant string, names []hook.RecordName) (map[hook.RecordName]hook.Record, error)

	// NextRecoveries lists the bulk replays that are not at their end.
	NextRecoveries(ctx context.Context) ([]hook.Recovery, error)
	// RecoveryPage is the next n events of a bulk replay, oldest first.
	RecoveryPage(ctx context.Context, r *hook.Recovery, n int) ([]hook.RecoveryItem, error)
	// AdvanceRecovery commits what a page came to together with the progress.
	AdvanceRecovery(ctx context.Context, r *hook.Recovery, step hook.RecoveryStep) error
	// EndRecovery ends a bulk replay before its time.
	EndRecovery(ctx context.Context, r *hook.Recovery, state hook.RecoveryState) error
}

// Dispatcher takes deliveries that were just committed, so that they need not
// be read back. It may leave any of them to be found in the store.
type Dispatcher interface {
	// Await expects a delivery that is about to be committed: until it is offered
	// or called off it is nobody else's. It reports whether it would be sent at once;
	// then it is stored as being in a sender's hands, which spares noting that later.
	Await(d *hook.Delivery) (atOnce bool)
	CallOff(d *hook.Delivery)
	Offer(jobs []hook.Job)
	// Wake tells that an endpoint has due deliveries in the store.
	Wake(id hook.EndpointID)
	// Supersede tells that a newer snapshot took the place of deliveries: they are
	// not to be sent, or not again.
	Supersede(list []hook.Delivery)
}

// Options of [New].
type Options struct {
	Store      Store
	Dispatcher Dispatcher
	Contracts  *contract.Set
	KeepKeys   time.Duration // how long an idempotency key is remembered
	MaxPayload int           // bytes of a document, and of a payload made of one; 0: 1 MiB
	Troubled   func()        // told of each condition that could not be worked out; nil: nobody
	Log        *slog.Logger
	// MaxDeliveries bounds what the events of one request put into memory and into
	// one commit, 0: 20,000. The event that reaches it is still taken.
	MaxDeliveries int
}

// Ingest accepts events and changes of records. Its methods may be called from
// any goroutine.
type Ingest struct {
	Options
	directory *directory
	queues    queues
	version   atomic.Int64  // the newest of any record
	replay    chan struct{} // there is a new bulk replay
}

// New makes an Ingest. It starts nothing.
func New(o Options) *Ingest {
	if o.MaxPayload <= 0 {
		o.MaxPayload = 1 << 20
	}
	if o.MaxDeliveries <= 0 {
		o.MaxDeliveries = 20_000
	}
	return &Ingest{Options: o, directory: newDirectory(o.Store, o.Contracts), replay: make(chan struct{}, 1)}
}

// Forget drops what is remembered of the configuration that changed.
func (in *Ingest) Forget(c hook.Change) { in.directory.forget(c.Tenant) }

var errTooManyDeliveries = &hook.Error{
	Kind: hook.KindTooLarge, Code: "too_many_deliveries",
	Detail: "The events before this one go to so many endpoints that this one was not taken in. Send it again, in a request of its own.",
}

// Accept commits the events of one request together with their deliveries. An
// error concerns the whole request, and then nothing was stored; an item that is
// wrong by itself says so in its answer and does not harm the others.
func (in *Ingest) Accept(ctx context.Context, r hook.NewEvents) ([]hook.EventAnswer, error) {
	routes, err := in.directory.routes(ctx, r.Tenant)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	answers := make([]hook.EventAnswer, len(r.Items))
	items := make([]*hook.Accepted, 0, len(r.Items))
	place := make([]int, 0, len(r.Items)) // of each submitted item among the answers
	deliveries := 0
	for i := range r.Items {
		item := &r.Items[i]
		answers[i].ExternalID = item.ExternalID
		if deliveries >= in.MaxDeliveries {
			answers[i].Wrong = errTooManyDeliveries
			continue
		}
		if wrong := in.check(item); wrong != nil {
			answers[i].Wrong = wrong
			continue
		}
		it := in.prepare(r.Tenant, item, routes, now)
		deliveries += len(it.Deliveries)
		items = append(items, it)
		place = append(place, i)
	}
	fill := func(answers []hook.EventAnswer, v hook.Verdicts) []hook.EventAnswer {
		for k, it := range items {
			fillAnswer(&answers[place[k]], it, v.Item(k))
		}
		return answers
	}
	sub := hook.Submission{Tenant: r.Tenant, Items: items, RequestKey: r.RequestKey, RequestHash: r.RequestHash}
	if r.RequestKey != "" {
		sub.Answer = func(v hook.Verdicts) []byte { return encodeAnswers(fill(slices.Clone(answers), v)) }
	}
	if len(items) == 0 && r.RequestKey == "" {
		return answers, nil
	}
	v, err := in.submit(sub, routes)
	switch {
	case err != nil:
		return nil, err
	case v.KeyReused:
		return nil, errKeyReused
	case v.Prior != nil:
		return decodeAnswers(v.Prior)
	}
	return fill(answers, v), nil
}

var errKeyReused = hook.Conflict("idempotency_key_reused",
	"This Idempotency-Key was used before with another request. Use a new key for a new request.")

// check says what is wrong with an item, nil if nothing.
func (in *Ingest) check(item *hook.NewEvent) *hook.Error {
	if item.Wrong != nil {
		return item.Wrong
	}
	if item.Contract == "" {
		item.Contract = hook.DefaultContract
	}
	if !hook.ValidEventType(item.Type) {
		return hook.InvalidField("event_type_invalid", hook.Field("/type", "event_type_invalid",
			"Give the event a type of up to 128 letters, digits and . _ : / - that starts with a letter, digit or _, such as order.paid."))
	}
	if item.ExternalID != "" && !hook.ValidExternalID(item.ExternalID) {
		return hook.InvalidField("event_id_invalid", hook.Field("/id", "event_id_invalid",
			"An id has 1 to 128 characters of A-Z a-z 0-9 _ . : - and nothing else."))
	}
	c, ok := in.Contracts.Lookup(item.Contract)
	if !ok {
		return in.noContract(item.Contract)
	}
	if !c.HasEvent(item.Type) {
		return hook.InvalidField("event_type_unknown", c.NoEvent(item.Type).At("/type"))
	}
	if item.ContentType == "" { // what is to be redacted are members of JSON
		item.Payload = c.Redact(item.Payload)
	}
	return nil
}

func (in *Ingest) noContract(name string) *hook.Error {
	return hook.InvalidField("contract_unknown", in.Contracts.NoContract(name).At("/contract"))
}

// prepare gives the event its identity and finds its deliveries.
func (in *Ingest) prepare(tenant string, item *hook.NewEvent, routes *routes, now time.Time) *hook.Accepted {
	e := &hook.Event{
		ID: hook.NewEventID(), Tenant: tenant, Contract: item.Contract, Type: item.Type, ExternalID: item.ExternalID,
		Door: item.Door, CreatedAt: now, ContentType: item.ContentType, Payload: item.Payload,
	}
	a := &hook.Accepted{Event: e}
	if e.ExternalID != "" {
		h := sha256.New()
		h.Write([]byte(e.Contract + "\x00" + e.Type + "\x00"))
		if !e.JSON() {
			h.Write([]byte(e.ContentType + "\x00"))
		}
		h.Write(e.Payload)
		h.Sum(a.Hash[:0])
	}
	targets, problems := routes.match(e)
	for _, p := range problems {
		in.Log.Warn("filter failed, endpoint left out", "tenant", tenant, "event", e.ID, "endpoint", p.Endpoint, "problem", p.Detail)
	}
	if len(targets) > 0 {
		a.Deliveries = make([]hook.Delivery, 0, len(targets))
	}
	for i, t := range targets {
		a.Deliveries = append(a.Deliveries, newDelivery(e, t, i+1, now))
	}
	return a
}

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

func fillAnswer(a *hook.EventAnswer, it *hook.Accepted, v hook.ItemVerdict) {
	switch {
	case v.IDReused:
		a.Wrong = hook.Conflict("event_id_reused",
			"This id was used before for an event with another type, contract or payload. Use a new id for a new event.")
	case v.Duplicate:
		a.ID, a.Deliveries, a.Duplicate = v.First, v.FirstDeliveries, true
	default:
		a.ID, a.Deliveries = it.Event.ID, len(it.Deliveries)
	}
}

// storedAnswer is how the answer to a request with a key is kept.
type storedAnswer struct {
	ID         string            `json:"id,omitempty"`
	ExternalID string            `json:"external_id,omitempty"`
	Deliveries int               `json:"deliveries,omitempty"`
	Kind       hook.Kind         `json:"kind,omitempty"`
	Code       string            `json:"code,omitempty"`
	Detail     string            `json:"detail,omitempty"`
	Fields     []hook.FieldError `json:"fields,omitempty"`
}

func storedError(e *hook.Error) *storedAnswer {
	return &storedAnswer{Kind: e.Kind, Code: e.Code, Detail: e.Detail, Fields: e.Fields}
}

func (s *storedAnswer) error() *hook.Error {
	return &hook.Error{Kind: s.Kind, Code: s.Code, Detail: s.Detail, Fields: s.Fields}
}

func encodeAnswers(answers []hook.EventAnswer) []byte {
	list := make([]storedAnswer, len(answers))
	for i, a := range answers {
		list[i] = storedAnswer{ID: a.ID.String(), ExternalID: a.ExternalID, Deliveries: a.Deliveries}
		if a.Wrong != nil {
			list[i] = *storedError(a.Wrong)
			list[i].ExternalID = a.ExternalID
		}
	}
	b, err := json.Marshal(list)
	if err != nil { // plain values always encode
		panic(err)
	}
	return b
}

func decodeAnswers(b []byte) ([]hook.EventAnswer, error) {
	var list []storedAnswer
	if err := json.Unmarshal(b, &list); err != nil {
		return nil, fmt.Errorf("stored answer: %w", err)
	}
	answers := make([]hook.EventAnswer, len(list))
	var errs []error
	for i, s := range list {
		answers[i] = hook.EventAnswer{ExternalID: s.ExternalID, Deliveries: s.Deliveries, Duplicate: true}
		if s.Code != "" {
			answers[i].Wrong = s.error()
			answers[i].Duplicate = false
			continue
		}
		id, err := hook.ParseEventID(s.ID)
		answers[i].ID = id
		errs = append(errs, err)
	}
	return answers, errors.Join(errs...)
}
