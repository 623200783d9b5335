package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
)

// bulk inserts rows of one table, many with one statement: at load, half of what
// a small insert costs is starting the statement, not the row. Rows are gathered
// by add and all written once flush returns.
type bulk struct {
	columns int
	stmts   [len(bulkSizes)]*sql.Stmt
	args    []any
}

// bulkSizes are how many rows the prepared statements take, largest first.
var bulkSizes = [...]int{32, 8, 1}

// prepare makes the statements. columns is the list in parentheses, tail what
// follows the values. OR FAIL spares SQLite a journal of the statement, which it
// otherwise keeps, page by page, to take back the first rows if a later one
// cannot be written; here a failure ends the whole transaction anyway.
func (b *bulk) prepare(ctx context.Context, conn *sql.Conn, table, columns, tail string) (err error) {
	b.columns = strings.Count(columns, ",") + 1
	row := "(?" + strings.Repeat(",?", b.columns-1) + ")"
	for i, n := range bulkSizes {
		text := "INSERT OR FAIL INTO " + table + " (" + columns + ") VALUES " + row + strings.Repeat(","+row, n-1) + " " + tail
		//lint:ignore sqlclosecheck kept as long as the store is open; close closes it
		if b.stmts[i], err = conn.PrepareContext(ctx, text); err != nil {
			return fmt.Errorf("%w in %s", err, text)
		}
	}
	return nil
}

func (b *bulk) close() {
	for _, s := range b.stmts {
		if s != nil {
			_ = s.Close()
		}
	}
}

// add gathers one row.
func (b *bulk) add(ctx context.Context, args ...any) error {
	b.args = append(b.args, args...)
	if len(b.args) < bulkSizes[0]*b.columns {
		return nil
	}
	return b.flush(ctx)
}

// flush writes what was gathered.
func (b *bulk) flush(ctx context.Context) error {
	rest := b.args
	for i, n := range bulkSizes {
		for ; len(rest) >= n*b.columns; rest = rest[n*b.columns:] {
			if _, err := b.stmts[i].ExecContext(ctx, rest[:n*b.columns]...); err != nil {
				return err
			}
		}
	}
	b.reset()
	return nil
}

// reset forgets what was gathered, and lets go of the values.
func (b *bulk) reset() {
	clear(b.args)
	b.args = b.args[:0]
}
