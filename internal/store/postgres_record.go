package store

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"gancho/internal/hook"

	"github.com/jackc/pgx/v5"
)

// recordRows are the records that a batch changes. The existing ones are locked and their
// versions read. Then decide finds out which writes are stored, one after the other, each
// based on the outcome of the one before. Each record is written once, as the last write
// left it. If another transaction creates one of the records meanwhile, the primary key is
// violated, and the batch is tried again.
type recordRows map[recordKey]*recordRow

// recordKey names a record among those of all tenants.
type recordKey struct{ tenant, contract, kind, key string }

func keyOf(r *hook.Record) recordKey { return recordKey{r.Tenant, r.Contract, r.Kind, r.Key} }

func (k recordKey) compare(o recordKey) int {
	return cmp.Or(cmp.Compare(k.tenant, o.tenant), cmp.Compare(k.contract, o.contract), cmp.Compare(k.kind, o.kind), cmp.Compare(k.key, o.key))
}

type recordRow struct {
	there    bool         // before the batch
	version  int64        // now; 0: there is none
	last     *hook.Record // the last write that won; nil: none did
	document []byte       // how its document is stored
	created  *int64       // when this batch created it; nil: it did not
}

// decide finds out which record writes are overtaken by other changes of the same record.
func (rows *recordRows) decide(ctx context.Context, t session, subs []*submission) error {
	all := recordRows{}
	for _, s := range subs {
		for _, w := range s.Records {
			all[keyOf(&w.Record)] = &recordRow{}
		}
	}
	if len(all) == 0 {
		return nil
	}
	if err := all.lock(ctx, t); err != nil {
		return err
	}
	for _, s := range subs {
		gone := map[recordKey]bool{} // later writes were computed from the outcome of the overtaken one
		for i, w := range s.Records {
			k := keyOf(&w.Record)
			if gone[k] || !all[k].write(w, s.document(w)) {
				gone[k] = true
				s.overtaken(i)
			}
		}
	}
	*rows = all
	return nil
}

// write changes a record in memory, if it is still at the version that was read. document is how its document is stored.
func (r *recordRow) write(w *hook.RecordWrite, document []byte) (won bool) {
	if r.version != w.Was || w.Was == 0 && w.Record.Document == nil {
		return false
	}
	if r.version == 0 {
		r.created = new(w.Record.CreatedAt.UnixMicro())
	}
	r.last, r.document, r.version = &w.Record, document, w.Record.Version
	if w.Record.Document == nil {
		r.version, r.created = 0, nil
	}
	return true
}

// lock reads the versions of the records and locks their rows.
func (rows recordRows) lock(ctx context.Context, t session) error {
	var names recordNames
	for k := range rows {
		names.add(k)
	}
	found, err := t.Query(ctx, `SELECT r.tenant, r.contract, r.kind, r.key, r.version
		FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS u (tenant, contract, kind, key)
		JOIN records r ON r.tenant = u.tenant AND r.contract = u.contract AND r.kind = u.kind AND r.key = u.key
		ORDER BY r.tenant, r.contract, r.kind, r.key FOR UPDATE OF r`, names.args()...)
	if err != nil {
		return err
	}
	var k recordKey
	var version int64
	_, err = pgx.ForEachRow(found, []any{&k.tenant, &k.contract, &k.kind, &k.key, &version}, func() error {
		rows[k].there, rows[k].version = true, version
		return nil
	})
	return err
}

// recordNames are names column by column.
type recordNames struct{ tenant, contract, kind, key []string }

func (n *recordNames) add(k recordKey) {
	n.tenant, n.contract, n.kind, n.key = append(n.tenant, k.tenant), append(n.contract, k.contract), append(n.kind, k.kind), append(n.key, k.key)
}

func (n *recordNames) args(more ...any) []any {
	return append([]any{n.tenant, n.contract, n.kind, n.key}, more...)
}

// addTo adds the statements that write what changed.
func (rows recordRows) addTo(q *pgx.Batch) {
	type columns struct {
		recordNames
		version, updated []int64
		created          []*int64
		document         [][]byte
	}
	var insert, update, remove columns
	for _, k := range slices.SortedFunc(maps.Keys(rows), recordKey.compare) {
		r := rows[k]
		if r.last == nil || !r.there && r.version == 0 {
			continue
		}
		c := &update
		switch {
		case r.version == 0:
			remove.add(k)
			continue
		case !r.there:
			c = &insert
		}
		c.add(k)
		c.version, c.updated = append(c.version, r.version), append(c.updated, r.last.UpdatedAt.UnixMicro())
		c.created, c.document = append(c.created, r.created), append(c.document, r.document)
	}
	const names = `$1::text[], $2::text[], $3::text[], $4::text[]`
	const same = `r.tenant = u.tenant AND r.contract = u.contract AND r.kind = u.kind AND r.key = u.key`
	if len(remove.key) > 0 {
		q.Queue(`DELETE FROM records AS r USING unnest(`+names+`) AS u (tenant, contract, kind, key) WHERE `+same, remove.args()...)
	}
	if len(update.key) > 0 {
		q.Queue(`UPDATE records AS r SET version = u.version, updated_at = u.updated_at, created_at = COALESCE(u.created_at, r.created_at), document = u.document
			FROM unnest(`+names+`, $5::bigint[], $6::bigint[], $7::bigint[], $8::bytea[])
				AS u (tenant, contract, kind, key, version, updated_at, created_at, document) WHERE `+same,
			update.args(update.version, update.updated, update.created, update.document)...)
	}
	if len(insert.key) > 0 {
		q.Queue(`INSERT INTO records (tenant, contract, kind, key, version, updated_at, created_at, document)
			SELECT * FROM unnest(`+names+`, $5::bigint[], $6::bigint[], $7::bigint[], $8::bytea[])`,
			insert.args(insert.version, insert.updated, insert.created, insert.document)...)
	}
}
