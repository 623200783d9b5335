package ingest

import (
	"context"

	"gancho/internal/hook"
)

// Fresh is what of a request [Ingest.Accept] has not accepted before: the items that are wrong or new. It is asked only
// when there is not enough left for the whole request, because it reads the database. Retries of accepted requests get
// their first answer, whatever has been used since.
func (in *Ingest) Fresh(ctx context.Context, r hook.NewEvents) (ask hook.QuotaAsk, err error) {
	var ids []string
	for i := range r.Items {
		if id := r.Items[i].ExternalID; id != "" && r.Items[i].Wrong == nil {
			ids = append(ids, id)
		}
	}
	request, known, err := in.Store.KnownKeys(ctx, r.Tenant, r.RequestKey, ids)
	if err != nil || request {
		return ask, err
	}
	for i := range r.Items {
		if item := &r.Items[i]; item.Wrong != nil || !known[item.ExternalID] {
			ask.Items++
			ask.Events++
			ask.Bytes += int64(len(item.Payload))
		}
	}
	return ask, nil
}

// Repeats reports whether a request to [Ingest.Change] has the Idempotency-Key of one before.
func (in *Ingest) Repeats(ctx context.Context, r hook.RecordChanges) (bool, error) {
	request, _, err := in.Store.KnownKeys(ctx, r.Tenant, r.RequestKey, nil)
	return request, err
}
