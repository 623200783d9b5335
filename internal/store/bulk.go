package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
)

// bulk inserts many rows of one table with one statement. Under load, starting a statement
// costs as much as inserting a small row. add collects rows; when flush returns, all are
// written.
type bulk struct {
	columns int
	stmts   [len(bulkSizes)]*sql.Stmt
	args    []any
}

// bulkSizes are the numbers of rows of the prepared statements, largest first.
var bulkSizes = [...]int{32, 8, 1}

// prepare makes the statements. columns is the list between the parentheses, tail is what
// follows the values. Without OR FAIL, SQLite keeps a journal of each statement, to undo
// its first rows if a later row fails. Here a failure ends the whole transaction anyway.
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

// add collects one row, and flushes if enough rows are collected.
func (b *bulk) add(ctx context.Context, args ...any) error {
	b.args = append(b.args, args...)
	if len(b.args) < bulkSizes[0]*b.columns {
		return nil
	}
	return b.flush(ctx)
}

// flush writes the collected rows.
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

// reset drops the collected rows, so that their values can be freed.
func (b *bulk) reset() {
	clear(b.args)
	b.args = b.args[:0]
}
