// Package move copies everything of a SQLite database into a PostgreSQL database, so
// that an installation can go on with several nodes.
//
// It promises:
//
//   - Every row arrives, or [Run] fails. The databases are compared at the end, by the
//     number of rows in each table.
//   - An interrupted move goes on where it was: rows are copied in the order of their keys,
//     so the last key that has arrived says where. Until the move has finished, no server
//     starts on the new database.
//   - Nothing is copied over existing data, and the old database stays as it is.
package move

import (
	"context"
	"errors"
	"fmt"

	"gancho/internal/store"
)

// Progress says how much of a table was copied.
type Progress struct {
	Table       string
	Rows, Total int64
}

// Run copies everything of from into to, which is empty or has what an interrupted move
// left there. Both must have been opened with the same key, to with [store.Options.Moving],
// and nobody may use either meanwhile. Run reports after each transaction. It fails with
// KindConflict if to is in use or not empty.
func Run(ctx context.Context, from, to *store.DB, report func(Progress)) error {
	target := to.Cluster()
	if from.Cluster() != nil || target == nil {
		return errors.New("a move goes from SQLite to PostgreSQL")
	}
	since, err := from.FirstEvent(ctx)
	if err != nil {
		return err
	}
	if err := target.BeginMove(ctx, since); err != nil {
		return err
	}
	for _, t := range store.Tables() {
		if err := table(ctx, from, to, t, report); err != nil {
			return fmt.Errorf("table %s: %w", t.Name, err)
		}
	}
	return target.EndMove(ctx)
}

// table copies what one table still lacks.
func table(ctx context.Context, from, to *store.DB, t store.Table, report func(Progress)) error {
	total, err := from.CountRows(ctx, t)
	if err != nil {
		return err
	}
	done, err := to.CountRows(ctx, t)
	if err != nil {
		return err
	}
	last, err := to.LastKey(ctx, t)
	if err != nil {
		return err
	}
	for {
		report(Progress{t.Name, done, total})
		rows, err := from.RowsAfter(ctx, t, last)
		if err != nil {
			return err
		}
		if len(rows.Values) == 0 {
			break
		}
		if err := to.Cluster().CopyRows(ctx, t, rows); err != nil {
			return err
		}
		done, last = done+int64(len(rows.Values)), rows.Last
	}
	if done, err = to.CountRows(ctx, t); err != nil {
		return err
	}
	if done != total {
		return fmt.Errorf("there are %d rows where %d should be: start again with a new database", done, total)
	}
	return nil
}
