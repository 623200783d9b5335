package store

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"gancho/internal/hook"
)

// What errors left out, by hour. The examples can quote documents, so they are always sealed.

func omissionPlace(tenant string, id hook.ID) []byte {
	return rowPlace("omissions", tenant, string(id[:]))
}

// AddOmissions adds what errors left out to what is stored. No two rows may have the same key, and each has the times
// First and Last. Rows of deleted tenants are left out, and so are examples that a node had in memory while a person of
// the tenant was erased.
func (db *DB) AddOmissions(ctx context.Context, rows []*hook.Omission) error {
	if len(rows) == 0 {
		return nil
	}
	oldest := slices.MinFunc(rows, func(a, b *hook.Omission) int { return a.First.Compare(b.First) }).First
	return db.change(ctx, func(t *tx) error {
		gone := map[string]bool{}
		erased := map[string]time.Time{}
		for _, row := range rows {
			if _, known := gone[row.Tenant]; !known {
				err := t.aliveTenant(row.Tenant)
				if err != nil && !hook.IsKind(err, hook.KindNotFound) {
					return err
				}
				gone[row.Tenant] = err != nil
				if erased[row.Tenant], err = t.lastErasure(row.Tenant, oldest); err != nil {
					return err
				}
			}
			if gone[row.Tenant] {
				continue
			}
			kept := *row
			kept.Examples = slices.DeleteFunc(slices.Clone(row.Examples), func(x hook.OmissionExample) bool {
				return !x.At.After(erased[row.Tenant])
			})
			if err := t.addOmission(db.seal, &kept); err != nil {
				return err
			}
		}
		return nil
	})
}

// lastErasure is when a person of a tenant was erased last, since a time; zero: nobody was.
func (t *tx) lastErasure(tenant string, since time.Time) (time.Time, error) {
	var id []byte
	from := hook.IDAt(since)
	err := t.row(`SELECT id FROM audit WHERE tenant = $1 AND id >= $2 AND action = $3 ORDER BY id DESC LIMIT 1`,
		tenant, from[:], string(hook.ActionPersonalErased)).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, err
	}
	return hook.ID(id).Time(), nil
}

func (t *tx) addOmission(seal *sealer, row *hook.Omission) error {
	id := row.ID()
	var earlier hook.Omission
	var sealed []byte
	err := t.row(`SELECT examples FROM omissions WHERE tenant = $1 AND id = $2`, row.Tenant, id[:]).Scan(&sealed)
	switch {
	case errors.Is(err, sql.ErrNoRows):
	case err != nil:
		return err
	case sealed != nil:
		_ = seal.openJSON(sealed, omissionPlace(row.Tenant, id), &earlier.Examples) // what does not open makes room
	}
	earlier.Add(row)
	if sealed, err = seal.sealJSON(earlier.Examples, omissionPlace(row.Tenant, id)); err != nil {
		return err
	}
	_, err = t.exec(`INSERT INTO omissions (tenant, id, at, contract, type, endpoint, reason, count, unkept, first_at, last_at, examples)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
		ON CONFLICT (tenant, id) DO UPDATE SET count = omissions.count + excluded.count, unkept = omissions.unkept + excluded.unkept,
		first_at = CASE WHEN excluded.first_at < omissions.first_at THEN excluded.first_at ELSE omissions.first_at END,
		last_at = CASE WHEN excluded.last_at > omissions.last_at THEN excluded.last_at ELSE omissions.last_at END,
		examples = excluded.examples`,
		row.Tenant, id[:], row.At.UnixMicro(), row.Contract, row.Type, row.Endpoint[:], row.Reason, row.Count, row.Unkept,
		row.First.UnixMicro(), row.Last.UnixMicro(), sealed)
	return err
}

// Omissions lists what errors left out of a tenant, the latest hour first. next is where the next page begins, zero if this
// is the last one. Examples that cannot be decrypted are left out.
func (db *DB) Omissions(
	ctx context.Context, tenant string, f hook.OmissionFilter, p hook.Page,
) ([]hook.Omission, hook.ID, error) {
	return page(ctx, db, omissionScan(tenant, f, p), p.Limit, func(row scanner) (hook.Omission, hook.ID, error) {
		o := hook.Omission{OmissionKey: hook.OmissionKey{Tenant: tenant}}
		var id, endpoint, sealed []byte
		var at, first, last int64
		err := row.Scan(&id, &at, &o.Contract, &o.Type, &endpoint, &o.Reason, &o.Count, &o.Unkept, &first, &last, &sealed)
		if err != nil {
			return o, hook.ID{}, err
		}
		o.At, o.First, o.Last = time.UnixMicro(at).UTC(), time.UnixMicro(first).UTC(), time.UnixMicro(last).UTC()
		o.Endpoint = hook.EndpointID(endpoint)
		if sealed != nil {
			_ = db.seal.openJSON(sealed, omissionPlace(tenant, hook.ID(id)), &o.Examples)
		}
		return o, hook.ID(id), nil
	})
}

func omissionScan(tenant string, f hook.OmissionFilter, p hook.Page) *scan {
	s := &scan{
		table: "omissions", columns: "id, at, contract, type, endpoint, reason, count, unkept, first_at, last_at, examples",
		rows: scanRows,
	}
	s.lo, s.hi = span(sinceID(f.Since.Truncate(time.Hour)), p.Before)
	if !f.Until.IsZero() {
		s.hi = lower(s.hi, hook.IDAt(f.Until))
	}
	s.index.and("tenant = %s", tenant)
	if f.Type != "" {
		s.check("type = %s", f.Type)
	}
	if f.Contract != "" {
		s.check("contract = %s", f.Contract)
	}
	if !f.Endpoint.IsZero() {
		s.check("endpoint = %s", f.Endpoint[:])
	}
	return s
}

// eraseOmissionExamples removes the examples of a tenant's omissions, which can quote documents. The counts stay.
func (t *tx) eraseOmissionExamples(tenant string) error {
	_, err := t.exec(`UPDATE omissions SET examples = NULL WHERE tenant = $1 AND examples IS NOT NULL`, tenant)
	return err
}
