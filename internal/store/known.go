package store

import (
	"context"
	"fmt"
	"strings"

	"gancho/internal/hook"
)

// KnownKeys finds which idempotency keys of a tenant are remembered: that of a request, unless it is "", and external
// ids of events, with what is remembered of each.
func (db *DB) KnownKeys(ctx context.Context, tenant, requestKey string, ids []string) (
	request bool, known map[string]hook.KnownID, err error,
) {
	args := []any{tenant, db.now().UnixMicro()}
	if requestKey != "" {
		args = append(args, requestKeys+requestKey)
	}
	for _, id := range ids {
		args = append(args, itemKeys+id)
	}
	var list strings.Builder
	for i := range args[2:] {
		fmt.Fprintf(&list, ",$%d", i+3)
	}
	if list.Len() == 0 {
		return false, nil, nil
	}
	rows, err := db.read.QueryContext(ctx,
		`SELECT key, hash, answer FROM idempotency WHERE tenant = $1 AND expires_at > $2 AND key IN (`+list.String()[1:]+`)`, args...)
	if err != nil {
		return false, nil, storageError(err)
	}
	defer func() { _ = rows.Close() }() // rows.Err says what went wrong
	known = map[string]hook.KnownID{}
	for rows.Next() {
		var key string
		var hash, answer []byte
		if err := rows.Scan(&key, &hash, &answer); err != nil {
			return false, nil, storageError(err)
		}
		id, ok := strings.CutPrefix(key, itemKeys)
		if !ok {
			request = true
			continue
		}
		k := hook.KnownID{}
		copy(k.Hash[:], hash)
		if k.First, err = readFirst(answer); err != nil {
			return false, nil, storageError(err)
		}
		known[id] = k
	}
	return request, known, storageError(rows.Err())
}
