package ingest

import (
	"errors"

	"gancho/internal/hook"
	"gancho/internal/work"
)

// submit commits a submission whose deliveries were made from routes. Each delivery is
// announced to the dispatcher before the commit and offered or called off after it, also
// if the store panics. A delivery that stayed announced would never be sent, and its
// endpoint could not be handed over to another node.
func (in *Ingest) submit(sub hook.Submission, routes *routes) (v hook.Verdicts, err error) {
	stored := false
	defer func() { in.dispatch(&sub, v, stored) }()
	for _, it := range sub.Items {
		in.announce(it, routes)
	}
	for _, w := range sub.Records {
		for _, it := range w.Events {
			in.announce(it, routes)
		}
	}
	v, err = in.Store.Submit(sub, in.KeepKeys)
	stored = err == nil && v.Stored()
	return v, err
}

// announce announces deliveries that are about to be stored. Those that will be sent
// right after the commit get the state sending.
func (in *Ingest) announce(it *hook.Accepted, routes *routes) {
	if it.Debounce != nil { // when it is sent is decided in the commit
		return
	}
	for i := range it.Deliveries[:it.Sent()] {
		d := &it.Deliveries[i]
		if t := routes.targets[d.Endpoint]; t.firstDelay == 0 && in.Dispatcher.Await(d) {
			taken, _ := hook.Next(*d, hook.Trigger{Kind: hook.OnTake}, hook.Policy{}, hook.Standing{}, d.NextAttemptAt)
			*d = taken.Delivery
			d.EndpointVersion, d.ContractVersion = t.version, t.contractVersion
		}
	}
}

// dispatch offers what was stored of a submission to the dispatcher, and calls the rest off.
func (in *Ingest) dispatch(sub *hook.Submission, v hook.Verdicts, stored bool) {
	offer := make([]*hook.Accepted, 0, len(sub.Items)+len(sub.Records))
	decide := func(items []*hook.Accepted, stored bool, verdict func(int) hook.ItemVerdict) {
		for i, it := range items {
			if stored && verdict(i).Stored() {
				in.tellLeftOut(it)
				if it.Debounce == nil {
					offer = append(offer, it)
					continue
				}
				for i := range it.Deliveries[:it.Sent()] {
					in.Dispatcher.Wake(it.Deliveries[i].Endpoint)
				}
				continue
			}
			if it.Debounce != nil {
				continue
			}
			for i := range it.Deliveries[:it.Sent()] {
				in.Dispatcher.CallOff(&it.Deliveries[i])
			}
		}
	}
	decide(sub.Items, stored, v.Item)
	for i, w := range sub.Records {
		r := v.Record(i)
		decide(w.Events, stored && !r.Overtaken, r.Event)
	}
	if stored && v.Run != nil {
		in.Dispatcher.Supersede(v.Run.Superseded)
	}
	if stored && len(v.Superseded) > 0 {
		in.Dispatcher.Supersede(v.Superseded)
	}
	in.Dispatcher.Offer(jobs(offer))
}

// These are logged, so that package lograte limits the lines.
var (
	errFilter      = errors.New("the filter has no truth value for the event")
	errDebounceKey = errors.New("the key has no value for the event")
	errNotFired    = errors.New("the condition or the payload has no value for the change")
)

// tellLeftOut logs and counts the deliveries of a stored event that were left out.
func (in *Ingest) tellLeftOut(it *hook.Accepted) {
	if it.Omitted() == 0 {
		return
	}
	dear := 0
	left := it.Deliveries[it.Sent():]
	for _, list := range [][]hook.Delivery{left, it.Unkept} {
		for i := range list {
			if list[i].Reason == hook.ReasonOverBudget {
				dear++
			}
			in.omit(it.Event, &list[i])
		}
	}
	// The attribute error makes package lograte limit the lines.
	if dear > 0 {
		in.Log.Warn("filters cost more work than an event may cost, endpoints left out",
			"tenant", it.Event.Tenant, "event", it.Event.ID, "endpoints", dear, "error", work.ErrSpent)
	}
	if failed := it.Omitted() - dear; failed > 0 {
		// What a filter met can quote the payload; the explanation of the event gives it.
		in.Log.Warn("filters failed, endpoints left out",
			"tenant", it.Event.Tenant, "event", it.Event.ID, "endpoints", failed, "error", errFilter)
	}
	for i := range left {
		if in.LeftOut == nil {
			break
		}
		in.LeftOut(&left[i])
	}
}

// omit counts a delivery that was left out. One without an id is not stored.
func (in *Ingest) omit(e *hook.Event, d *hook.Delivery) {
	if in.Omitted == nil {
		return
	}
	o := hook.Omission{
		OmissionKey: hook.OmissionKey{Tenant: d.Tenant, Contract: e.Contract, Endpoint: d.Endpoint, Reason: d.Reason}, Count: 1,
		Examples: []hook.OmissionExample{{At: d.CreatedAt.UTC(), Event: e.ID}},
	}
	if d.ID == (hook.DeliveryID{}) {
		o.Unkept = 1
	}
	in.Omitted(&o)
}

// jobs are the deliveries of events, with their event each.
func jobs(items []*hook.Accepted) []hook.Job {
	n := 0
	for _, it := range items {
		n += it.Sent()
	}
	if n == 0 {
		return nil
	}
	list := make([]hook.Job, 0, n)
	for _, it := range items {
		for _, d := range it.Deliveries[:it.Sent()] {
			list = append(list, hook.Job{Delivery: d, Event: it.Event})
		}
	}
	return list
}
