package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"gancho/internal/hook"
)

const (
	recordColumns = `tenant, contract, kind, key, version, created_at, updated_at, document`

	// recordsAtOnce is the number of records that one statement reads by their keys.
	recordsAtOnce = 32
	// recordPageBytes is the approximate size of the documents of one page of a list.
	recordPageBytes = 4 << 20
)

const recordQuery = `SELECT ` + recordColumns + ` FROM records
	WHERE tenant = $1 AND contract = $2 AND kind = $3 AND key = $4`

// recordsQuery reads recordsAtOnce records of one kind by their keys.
func recordsQuery() string {
	var s strings.Builder
	s.WriteString(`SELECT ` + recordColumns + ` FROM records
		WHERE tenant = $1 AND contract = $2 AND kind = $3 AND key IN (`)
	for i := range recordsAtOnce {
		if i > 0 {
			s.WriteString(", ")
		}
		fmt.Fprintf(&s, "$%d", 4+i)
	}
	s.WriteString(")")
	return s.String()
}

// scanRecord reads [recordColumns]. A document that does not open marks the record.
func (s *sealer) scanRecord(row scanner) (r hook.Record, err error) {
	var created, updated sql.NullInt64
	if err := row.Scan(&r.Tenant, &r.Contract, &r.Kind, &r.Key, &r.Version, &created, &updated, &r.Document); err != nil {
		return r, err
	}
	r.CreatedAt, r.UpdatedAt = fromMicros(created), fromMicros(updated)
	r.Document, r.Sealed, err = s.openPayload(r.Document, func() []byte { return recordPlace(&r) })
	r.Unreadable = err != nil
	return r, nil
}

// Record is one record of a tenant, with its document. If that cannot be decrypted, it fails with
// [hook.ErrUnreadable] and returns the rest.
func (db *DB) Record(ctx context.Context, tenant, contract, kind, key string) (hook.Record, error) {
	r, err := db.seal.scanRecord(db.hot.record.QueryRowContext(ctx, tenant, contract, kind, key))
	if errors.Is(err, sql.ErrNoRows) {
		return r, hook.NotFound("record", key)
	}
	if err == nil && r.Unreadable {
		err = hook.ErrUnreadable
	}
	return r, storageError(err)
}

// RecordsOf reads the records of a tenant that have one of the names. Names without a
// record are left out of the result; names may repeat. A record that cannot be decrypted is marked.
func (db *DB) RecordsOf(
	ctx context.Context, tenant string, names []hook.RecordName,
) (map[hook.RecordName]hook.Record, error) {
	found := make(map[hook.RecordName]hook.Record, len(names))
	if len(names) == 1 {
		n := names[0]
		r, err := db.Record(ctx, tenant, n.Contract, n.Kind, n.Key)
		if err == nil || r.Unreadable {
			found[n] = r
		}
		if hook.IsKind(err, hook.KindNotFound) || r.Unreadable {
			err = nil
		}
		return found, err
	}
	type kind struct{ contract, kind string }
	keys := map[kind][]any{}
	for _, n := range names {
		k := kind{n.Contract, n.Kind}
		keys[k] = append(keys[k], n.Key)
	}
	args := make([]any, 0, 3+recordsAtOnce)
	for k, all := range keys {
		for len(all) > 0 {
			n := min(len(all), recordsAtOnce)
			args = append(append(args[:0], tenant, k.contract, k.kind), all[:n]...)
			for len(args) < cap(args) { // fill the other placeholders of the statement with a repetition
				args = append(args, all[0])
			}
			all = all[n:]
			if err := db.recordsInto(ctx, found, args); err != nil {
				return nil, storageError(err)
			}
		}
	}
	return found, nil
}

func (db *DB) recordsInto(ctx context.Context, found map[hook.RecordName]hook.Record, args []any) error {
	rows, err := db.hot.records.QueryContext(ctx, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		r, err := db.seal.scanRecord(rows)
		if err != nil {
			return err
		}
		found[r.Name()] = r
	}
	return rows.Err()
}

// Records lists records of a tenant by contract, kind and key, beginning after the given
// name. An empty contract or kind selects all; a kind needs a contract. A page is shorter
// than limit if its documents are large; more says whether there are records after it.
func (db *DB) Records(
	ctx context.Context, tenant, contract, kind string, after hook.RecordName, limit int,
) (list []hook.Record, more bool, err error) {
	q := query{}
	q.and("tenant = %s", tenant)
	// The comparison with after has only the columns that are not fixed. With a fixed
	// column in it, the database would read the index from its beginning.
	switch none := after == (hook.RecordName{}); {
	case kind != "":
		q.and("contract = %s", contract)
		q.and("kind = %s", kind)
		q.and("key > %s", after.Key)
	case contract != "":
		q.and("contract = %s", contract)
		if !none {
			q.after("kind, key", after.Kind, after.Key)
		}
	case !none:
		q.after("contract, kind, key", after.Contract, after.Kind, after.Key)
	}
	q.args = append(q.args, limit+1)
	rows, err := db.read.QueryContext(ctx, q.text(recordColumns, "records",
		fmt.Sprintf("ORDER BY contract, kind, key LIMIT $%d", len(q.args))), q.args...)
	if err != nil {
		return nil, false, storageError(err)
	}
	defer rows.Close()
	size := 0
	for rows.Next() {
		if len(list) == limit || size > recordPageBytes {
			return list, true, nil
		}
		r, err := db.seal.scanRecord(rows)
		if err != nil {
			return nil, false, storageError(err)
		}
		size += len(r.Document)
		list = append(list, r)
	}
	return list, false, storageError(rows.Err())
}

// after adds the condition that the columns come after the values, in the order of an
// index.
func (q *query) after(columns string, values ...any) {
	marks := make([]string, len(values))
	for i, v := range values {
		q.args = append(q.args, v)
		marks[i] = fmt.Sprintf("$%d", len(q.args))
	}
	q.where = append(q.where, "("+columns+") > ("+strings.Join(marks, ", ")+")")
}

// EachRecord calls fn with each record of a kind of a tenant, in the order of their keys.
// All records are as they were at one moment. EachRecord holds only one in memory at a
// time; fn may keep it. If fn fails, EachRecord ends with the same error.
func (db *DB) EachRecord(ctx context.Context, tenant, contract, kind string, fn func(hook.Record) error) error {
	// One statement reads one snapshot of the database, row by row as rows.Next asks.
	rows, err := db.read.QueryContext(ctx, `SELECT `+recordColumns+` FROM records
		WHERE tenant = $1 AND contract = $2 AND kind = $3 ORDER BY key`, tenant, contract, kind)
	if err != nil {
		return storageError(err)
	}
	defer rows.Close()
	for rows.Next() {
		r, err := db.seal.scanRecord(rows)
		if err != nil {
			return storageError(err)
		}
		if err := fn(r); err != nil {
			return err
		}
	}
	return storageError(rows.Err())
}
