package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"time"

	"gancho/internal/hook"
)

// A request that changes the configuration and has an Idempotency-Key takes its place in the table idempotency, beside the
// requests that publish events, in the transaction of the change. Its answer is stored after that. If the process is killed
// in between, the key stands there without an answer, so nobody makes the change a second time.

// claimOnce takes the key of a request. It fails with [hook.ErrKeyReused] or [hook.ErrKeyUnanswered] if it is taken.
func (t *tx) claimOnce(o *hook.Once, now time.Time) error {
	key := requestKeys + o.Key
	n, err := t.exec(`INSERT INTO idempotency (tenant, key, hash, answer, expires_at) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (tenant, key) DO UPDATE SET hash = excluded.hash, answer = excluded.answer, expires_at = excluded.expires_at
		WHERE idempotency.expires_at <= $6`,
		o.Tenant, key, o.Hash[:], []byte{}, now.Add(o.Keep).UnixMicro(), now.UnixMicro())
	if err != nil || n == 1 {
		return err
	}
	var was []byte
	if err := t.row(`SELECT hash FROM idempotency WHERE tenant = $1 AND key = $2`, o.Tenant, key).Scan(&was); err != nil {
		return err
	}
	if !bytes.Equal(was, o.Hash[:]) {
		return hook.ErrKeyReused
	}
	return hook.ErrKeyUnanswered
}

// OnceAnswer is the answer to an earlier request with the same key, nil if there was none. It fails with
// [hook.ErrKeyReused] if that was another request, and with [hook.ErrKeyUnanswered] if its answer is not known.
func (db *DB) OnceAnswer(ctx context.Context, o *hook.Once) ([]byte, error) {
	key := requestKeys + o.Key
	var hash, stored []byte
	err := db.read.QueryRowContext(ctx, `SELECT hash, answer FROM idempotency WHERE tenant = $1 AND key = $2 AND expires_at > $3`,
		o.Tenant, key, db.now().UnixMicro()).Scan(&hash, &stored)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, nil
	case err != nil:
		return nil, storageError(err)
	case !bytes.Equal(hash, o.Hash[:]):
		return nil, hook.ErrKeyReused
	case len(stored) == 0:
		return nil, hook.ErrKeyUnanswered
	}
	answer, _, err := db.seal.openPayload(stored, func() []byte { return keyPlace(o.Tenant, key) })
	return answer, storageError(err)
}

// KeepOnceAnswer stores the answer to a request whose key was claimed. It is sealed, because it may have secrets in it.
func (db *DB) KeepOnceAnswer(ctx context.Context, o *hook.Once, answer []byte) error {
	key := requestKeys + o.Key
	sealed := db.seal.sealPayload(answer, keyPlace(o.Tenant, key))
	return db.change(hook.WithOnce(ctx, nil), func(t *tx) error {
		_, err := t.exec(`UPDATE idempotency SET answer = $4 WHERE tenant = $1 AND key = $2 AND hash = $3`,
			o.Tenant, key, o.Hash[:], sealed)
		return err
	})
}
