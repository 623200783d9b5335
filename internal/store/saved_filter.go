package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"gancho/internal/hook"
)

const savedColumns = `id, tenant, name, query, portal, created_at, contracts`

// SaveFilter stores a filter under its name. It takes the place of one with the same name that was made at the same place,
// console or portal, and then has the id of that one; but it does not take the place of one that somebody limited to the
// contracts within does not see. A place has no more than most.
func (db *DB) SaveFilter(ctx context.Context, f *hook.SavedFilter, within []string, most int) error {
	query, err := json.Marshal(f.Query)
	if err != nil {
		return err
	}
	id := f.ID
	err = db.change(ctx, func(t *tx) error {
		if err := t.aliveTenant(f.Tenant); err != nil {
			return err
		}
		id = f.ID
		walls := strings.Join(f.Contracts, ",")
		was, err := scanFilter(t.row(`SELECT `+savedColumns+` FROM saved_filters WHERE tenant = $1 AND portal = $2 AND name = $3`,
			f.Tenant, f.Portal, f.Name))
		switch {
		case err == nil && !was.Within(within):
			return hook.Conflict("filter_name_taken", "There is a filter with this name that you may not see. Use another name.")
		case err == nil:
			id = was.ID
			_, err = t.exec(`UPDATE saved_filters SET query = $2, contracts = $3 WHERE id = $1`, was.ID[:], string(query), walls)
			return err
		case !errors.Is(err, sql.ErrNoRows):
			return err
		}
		var n int
		if err := t.row(`SELECT count(*) FROM saved_filters WHERE tenant = $1 AND portal = $2`, f.Tenant, f.Portal).Scan(&n); err != nil {
			return err
		}
		if n >= most {
			return hook.Conflict("too_many_filters", fmt.Sprintf("There are %d saved filters already. Delete some first.", n))
		}
		_, err = t.exec(`INSERT INTO saved_filters (`+savedColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			id[:], f.Tenant, f.Name, string(query), f.Portal, f.CreatedAt.UnixMicro(), walls)
		return err
	})
	if err == nil {
		f.ID = id
	}
	return err
}

func scanFilter(row scanner) (f hook.SavedFilter, err error) {
	var id []byte
	var query, walls string
	var created sql.NullInt64
	if err := row.Scan(&id, &f.Tenant, &f.Name, &query, &f.Portal, &created, &walls); err != nil {
		return f, err
	}
	copy(f.ID[:], id)
	f.CreatedAt = fromMicros(created)
	if err := json.Unmarshal([]byte(query), &f.Query); err != nil {
		return f, err
	}
	delete(f.Query, "contains") // of a program of the release before, which kept a text that can be a person's
	if walls == "" {            // and which knew no walls
		walls = f.Query["contract"]
	}
	f.Contracts = strings.FieldsFunc(walls, func(r rune) bool { return r == ',' })
	return f, nil
}

// SavedFilters lists the saved filters of a tenant by their names, those of the portal only if portal is set.
func (db *DB) SavedFilters(ctx context.Context, tenant string, portal bool) ([]hook.SavedFilter, error) {
	list, err := collect(ctx, db.read, scanFilter, `SELECT `+savedColumns+` FROM saved_filters WHERE tenant = $1`, tenant)
	list = slices.DeleteFunc(list, func(f hook.SavedFilter) bool { return portal && !f.Portal })
	slices.SortFunc(list, func(a, b hook.SavedFilter) int { return strings.Compare(a.Name, b.Name) })
	return list, err
}

// DeleteFilter removes a saved filter. portal says that only one that was made in the portal may be removed.
func (db *DB) DeleteFilter(ctx context.Context, tenant string, id hook.FilterID, portal bool) error {
	return db.change(ctx, func(t *tx) error {
		n, err := t.exec(`DELETE FROM saved_filters WHERE id = $1 AND tenant = $2 AND (portal OR NOT $3)`, id[:], tenant, portal)
		if err == nil && n == 0 {
			return hook.NotFound("saved_filter", id.String())
		}
		return err
	})
}
