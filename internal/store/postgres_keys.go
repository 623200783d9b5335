package store

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"

	"gancho/internal/hook"

	"github.com/jackc/pgx/v5"
)

// How PostgreSQL finds out which of a batch's idempotency keys are new, and what was
// stored with the others.

// claim is an idempotency key that a submission wants.
type claim struct {
	keyName
	hash, answer []byte
	expires      int64
}

// taken is what is stored with a key.
type taken struct {
	mine         bool
	hash, answer []byte
}

// prior returns the answer that is stored with a taken key, or nil if the key was used for
// other content.
func (k taken) prior(hash []byte) []byte {
	if !bytes.Equal(k.hash, hash) {
		return nil
	}
	return k.answer
}

// claimKeys takes the keys of the batch, and gathers the items that are new.
func (w *writing) claimKeys(ctx context.Context, t session) error {
	var requests []claim
	for _, s := range w.accepted() {
		if s.RequestKey != "" && !s.Again {
			name := keyName{s.Tenant, requestKeys + s.RequestKey}
			requests = append(requests, claim{name, s.RequestHash[:], []byte{}, s.expires.UnixMicro()})
		}
	}
	got, err := w.take(ctx, t, requests)
	if err != nil {
		return err
	}
	for _, s := range w.accepted() {
		if s.RequestKey == "" || s.Again {
			continue
		}
		if k := got[keyName{s.Tenant, requestKeys + s.RequestKey}]; !k.mine {
			s.verdicts.Prior = k.prior(s.RequestHash[:])
			s.verdicts.KeyReused = s.verdicts.Prior == nil
		}
	}
	if err := w.records.decide(ctx, t, w.accepted()); err != nil {
		return err
	}
	if err := w.claimItems(ctx, t); err != nil {
		return err
	}
	for _, s := range w.accepted() {
		if s.RequestKey != "" {
			name := keyName{s.Tenant, requestKeys + s.RequestKey}
			w.answers = append(w.answers, claim{keyName: name, answer: s.answer(w.seal)})
		}
	}
	return nil
}

func (w *writing) claimItems(ctx context.Context, t session) error {
	first := map[keyName]claim{}
	for _, s := range w.accepted() {
		for _, it := range s.events() {
			name := itemKey(it)
			if _, ok := first[name]; ok || it.Event.ExternalID == "" {
				continue
			}
			answer, err := json.Marshal(firstAnswer{it.Event.ID.String(), it.Sent(), it.Omitted()})
			if err != nil {
				return err
			}
			first[name] = claim{name, it.Hash[:], answer, s.expires.UnixMicro()}
		}
	}
	got, err := w.take(ctx, t, slices.Collect(maps.Values(first)))
	if err != nil {
		return err
	}
	for _, s := range w.accepted() {
		for at, it := range s.events() {
			if it.Event.ExternalID != "" {
				name := itemKey(it)
				k := got[name]
				if !k.mine {
					if err := s.repeats(at, k.prior(it.Hash[:])); err != nil {
						return err
					}
					continue
				}
				// A later item of this batch with the same id repeats this one.
				got[name] = taken{hash: first[name].hash, answer: first[name].answer}
			}
			w.add(s, it)
		}
	}
	return nil
}

func itemKey(it *hook.Accepted) keyName {
	return keyName{it.Event.Tenant, itemKeys + it.Event.ExternalID}
}

// take tries to claim keys, no two of which may be equal. The result says for each key whether
// this batch has claimed it, or else what is stored with it. The rows are locked in the order
// of their keys.
func (w *writing) take(ctx context.Context, t session, claims []claim) (map[keyName]taken, error) {
	if len(claims) == 0 {
		return nil, nil
	}
	slices.SortFunc(claims, func(a, b claim) int { return cmp.Or(cmp.Compare(a.tenant, b.tenant), cmp.Compare(a.key, b.key)) })
	var tenants, keys []string
	var hashes, answers [][]byte
	var expires []int64
	for _, c := range claims {
		tenants, keys, hashes = append(tenants, c.tenant), append(keys, c.key), append(hashes, c.hash)
		answers, expires = append(answers, c.answer), append(expires, c.expires)
	}
	got := make(map[keyName]taken, len(claims))
	b := &pgx.Batch{}
	// The first statement also locks the rows of keys that are taken, so the second statement
	// finds them unchanged.
	b.Queue(`INSERT INTO idempotency (tenant, key, hash, answer, expires_at)
		SELECT * FROM unnest($1::text[], $2::text[], $3::bytea[], $4::bytea[], $5::bigint[])
		ON CONFLICT (tenant, key) DO UPDATE SET hash = excluded.hash, answer = excluded.answer, expires_at = excluded.expires_at
		WHERE idempotency.expires_at <= $6 RETURNING tenant, key`,
		tenants, keys, hashes, answers, expires, w.submissions[0].now.UnixMicro()).Query(func(rows pgx.Rows) error {
		var n keyName
		_, err := pgx.ForEachRow(rows, []any{&n.tenant, &n.key}, func() error { got[n] = taken{mine: true}; return nil })
		return err
	})
	b.Queue(`SELECT i.tenant, i.key, i.hash, i.answer FROM unnest($1::text[], $2::text[]) AS u (tenant, key)
		JOIN idempotency i ON i.tenant = u.tenant AND i.key = u.key`, tenants, keys).Query(func(rows pgx.Rows) error {
		var n keyName
		var k taken
		_, err := pgx.ForEachRow(rows, []any{&n.tenant, &n.key, &k.hash, &k.answer}, func() error {
			if !got[n].mine {
				got[n] = k
			}
			k = taken{}
			return nil
		})
		return err
	})
	return got, t.SendBatch(ctx, b).Close()
}
