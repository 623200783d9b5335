package ingest

import "gancho/internal/hook"

// submit commits a submission whose deliveries were made from routes. The worker
// expects them meanwhile, and in the end each is offered to it or called off, also
// if something panics: what is expected for ever is never sent, and keeps its
// endpoint from being handed over.
func (in *Ingest) submit(sub hook.Submission, routes *routes) (v hook.Verdicts, err error) {
	stored := false
	defer func() { in.tell(&sub, v, stored) }()
	for _, it := range sub.Items {
		in.await(it, routes)
	}
	for _, w := range sub.Records {
		for _, it := range w.Events {
			in.await(it, routes)
		}
	}
	v, err = in.Store.Submit(sub, in.KeepKeys)
	stored = err == nil && v.Stored()
	return v, err
}

// await tells of deliveries that are about to be stored.
func (in *Ingest) await(it *hook.Accepted, routes *routes) {
	for i := range it.Deliveries {
		d := &it.Deliveries[i]
		if t := routes.targets[d.Endpoint]; t.firstDelay == 0 && in.Dispatcher.Await(d) {
			d.State, d.EndpointVersion, d.ContractVersion = hook.Sending, t.version, t.contractVersion
		}
	}
}

// tell tells what became of a submission.
func (in *Ingest) tell(sub *hook.Submission, v hook.Verdicts, stored bool) {
	offer := make([]*hook.Accepted, 0, len(sub.Items)+len(sub.Records))
	decide := func(items []*hook.Accepted, stored bool, verdict func(int) hook.ItemVerdict) {
		for i, it := range items {
			if stored && verdict(i).Stored() {
				offer = append(offer, it)
				continue
			}
			for i := range it.Deliveries {
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
	in.Dispatcher.Offer(jobs(offer))
}

// jobs are the deliveries of what was stored.
func jobs(items []*hook.Accepted) []hook.Job {
	n := 0
	for _, it := range items {
		n += len(it.Deliveries)
	}
	if n == 0 {
		return nil
	}
	list := make([]hook.Job, 0, n)
	for _, it := range items {
		for _, d := range it.Deliveries {
			list = append(list, hook.Job{Delivery: d, Event: it.Event})
		}
	}
	return list
}
