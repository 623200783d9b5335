package store

import (
	"context"
	"fmt"
	"strings"
)

// KnownKeys finds which idempotency keys of a tenant are remembered: that of a request, unless it is "", and external
// ids of events.
func (db *DB) KnownKeys(ctx context.Context, tenant, requestKey string, ids []string) (
	request bool, known map[string]bool, err error,
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
		`SELECT key FROM idempotency WHERE tenant = $1 AND expires_at > $2 AND key IN (`+list.String()[1:]+`)`, args...)
	if err != nil {
		return false, nil, storageError(err)
	}
	defer func() { _ = rows.Close() }() // rows.Err says what went wrong
	known = map[string]bool{}
	for rows.Next() {
		var key string
		if err := rows.Scan(&key); err != nil {
			return false, nil, storageError(err)
		}
		if id, ok := strings.CutPrefix(key, itemKeys); ok {
			known[id] = true
		} else {
			request = true
		}
	}
	return request, known, storageError(rows.Err())
}
