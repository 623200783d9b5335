package store

import (
	"context"
	"database/sql"
)

// scanner is a row: a *sql.Row, or the current one of *sql.Rows.
type scanner interface{ Scan(...any) error }

// collect reads all rows of a query.
func collect[T any](ctx context.Context, from *sql.DB, scan func(scanner) (T, error), query string, args ...any) (list []T, err error) {
	rows, err := from.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, storageError(err)
	}
	defer rows.Close()
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, storageError(err)
		}
		list = append(list, v)
	}
	return list, storageError(rows.Err())
}

// inOrder is [collect] for queries that must read an index in its order; see [dialect].
func inOrder[T any](ctx context.Context, db *DB, scan func(scanner) (T, error), query string, args ...any) (list []T, err error) {
	err = db.dialect.inOrder(ctx, query, args, func(row scanner) error {
		v, err := scan(row)
		list = append(list, v)
		return err
	})
	return list, storageError(err)
}

// one scans a row of a single column.
func one[T any](r scanner) (v T, err error) {
	err = r.Scan(&v)
	return v, err
}
