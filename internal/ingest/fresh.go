package ingest

import (
	"context"
	"crypto/sha256"

	"gancho/internal/hook"
)

// Fresh is what of a request [Ingest.Accept] has not accepted before: the items that are wrong or new. It is asked only
// when there is not enough left for the whole request, because it reads the database. Retries of accepted requests get
// their first answer, whatever has been used since.
func (in *Ingest) Fresh(ctx context.Context, r hook.NewEvents) (ask hook.QuotaAsk, err error) {
	var ids []string
	for i := range r.Items {
		if id := r.Items[i].ExternalID; hook.ValidExternalID(id) && r.Items[i].Wrong == nil {
			ids = append(ids, id)
		}
	}
	request, known, err := in.Store.KnownKeys(ctx, r.Tenant, r.RequestKey, ids)
	if err != nil || request {
		return ask, err
	}
	for i := range r.Items {
		item := &r.Items[i]
		if _, before := known[item.ExternalID]; before && item.Wrong == nil {
			continue
		}
		ask.Items++
		ask.Events++
		ask.Bytes += int64(len(item.Payload))
	}
	return ask, nil
}

// answerRepeats gives items that were refused the answer of the first time, if they repeat an event that was accepted: whatever
// its contract says by now, and whatever the items before it cost. Only refused items are looked up here. The commit finds all other repeats,
// so a new event costs no query.
func (in *Ingest) answerRepeats(ctx context.Context, r *hook.NewEvents, answers []hook.EventAnswer) error {
	var ids []string
	refused := func(i int) bool {
		return answers[i].Wrong != nil && r.Items[i].Wrong == nil && hook.ValidExternalID(r.Items[i].ExternalID)
	}
	for i := range answers {
		if refused(i) {
			ids = append(ids, r.Items[i].ExternalID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	_, known, err := in.Store.KnownKeys(ctx, r.Tenant, "", ids)
	if err != nil {
		return err
	}
	for i := range answers {
		item := &r.Items[i]
		first, ok := known[item.ExternalID]
		if !ok || !refused(i) {
			continue
		}
		if item.Contract == "" {
			item.Contract = hook.DefaultContract
		}
		if c, ok := in.Contracts.Lookup(item.Contract); ok && item.ContentType == "" {
			item.Payload = c.Redact(item.Payload)
		}
		if contentHash(item) == first.Hash {
			answers[i].Wrong = nil
			fillAnswer(&answers[i], nil, first.First)
		}
	}
	return nil
}

// contentHash identifies what an external id stands for: the contract, the type and the payload as it is stored.
func contentHash(item *hook.NewEvent) (sum [32]byte) {
	h := sha256.New()
	h.Write([]byte(item.Contract + "\x00" + item.Type + "\x00"))
	if item.ContentType != "" {
		h.Write([]byte(item.ContentType + "\x00"))
	}
	h.Write(item.Payload)
	h.Sum(sum[:0])
	return sum
}

// Repeats reports whether a request to [Ingest.Change] has the Idempotency-Key of one before.
func (in *Ingest) Repeats(ctx context.Context, r hook.RecordChanges) (bool, error) {
	request, _, err := in.Store.KnownKeys(ctx, r.Tenant, r.RequestKey, nil)
	return request, err
}
