package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gancho/internal/hook"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// What package move needs to copy a SQLite database into a PostgreSQL database: rows of
// any table in the order of its primary key, which both databases order alike. What is
// encrypted is copied as it is.

// Table is a table that holds what Gancho stores.
type Table struct {
	Name string
	Key  []string // columns of the primary key
}

// Tables are all tables in the order in which they are to be copied. Configuration comes last:
// without it, a server has nothing to do on a database that is not complete.
func Tables() []Table {
	return []Table{
		{"seal_keys", []string{"id"}},
		{"events", []string{"tenant", "id"}},
		{"deliveries", []string{"tenant", "id"}},
		{"attempts", []string{"delivery", "number"}},
		{"bodies", []string{"delivery"}},
		{"idempotency", []string{"tenant", "key"}},
		{"debounces", []string{"endpoint", "key"}},
		{"records", []string{"tenant", "contract", "kind", "key"}},
		{"recoveries", []string{"id"}},
		{"bulk_actions", []string{"id"}},
		{"saved_filters", []string{"id"}},
		{"schedules", []string{"tenant", "contract", "type"}},
		{"stats", []string{"tenant", "endpoint", "span", "at"}},
		{"omissions", []string{"tenant", "id"}},
		{"audit", []string{"id"}},
		{"audit_chains", []string{"tenant"}},
		{"contracts", []string{"name", "version"}},
		{"contract_options", []string{"contract"}},
		{"public_docs", []string{"contract"}},
		{"endpoint_versions", []string{"endpoint", "version"}},
		{"credentials", []string{"id"}},
		{"endpoints", []string{"id"}},
		{"keys", []string{"id"}},
		{"key_texts", []string{"hash"}},
		{"portal_links", []string{"id"}},
		{"ended_sessions", []string{"id"}},
		{"tenants", []string{"id"}},
		{"quota_used", []string{"tenant", "key", "started_at"}},
	}
}

// Rows is a page of rows of a table.
type Rows struct {
	Columns []string
	Values  [][]any // a row each, one value for each column
	Last    []any   // the key of the last row
}

const (
	copyRows  = 5000
	copyBytes = 8 << 20
)

// CountRows counts the rows of a table.
func (db *DB) CountRows(ctx context.Context, t Table) (n int64, err error) {
	err = db.read.QueryRowContext(ctx, `SELECT COUNT(*) FROM `+t.Name).Scan(&n)
	return n, storageError(err)
}

// LastKey is the key of the last row of a table, nil if the table is empty.
func (db *DB) LastKey(ctx context.Context, t Table) ([]any, error) {
	key := make([]any, len(t.Key))
	into := make([]any, len(key))
	for i := range key {
		into[i] = &key[i]
	}
	err := db.read.QueryRowContext(ctx, `SELECT `+strings.Join(t.Key, ", ")+` FROM `+t.Name+
		` ORDER BY `+strings.Join(t.Key, " DESC, ")+` DESC LIMIT 1`).Scan(into...)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return key, storageError(err)
}

// RowsAfter reads some rows of a table after a key, from the first row if the key is
// nil. There are no more rows if it returns none.
func (db *DB) RowsAfter(ctx context.Context, t Table, key []any) (Rows, error) {
	return db.columnsAfter(ctx, t, key, copyRows, "*")
}

// columnsAfter is RowsAfter for up to n rows and some columns, those of the key among them.
func (db *DB) columnsAfter(ctx context.Context, t Table, key []any, n int, columns string) (r Rows, err error) {
	order, where := strings.Join(t.Key, ", "), ""
	if key != nil {
		marks := make([]string, len(key))
		for i := range marks {
			marks[i] = fmt.Sprintf("$%d", i+1)
		}
		where = ` WHERE (` + order + `) > (` + strings.Join(marks, ", ") + `)`
	}
	rows, err := db.read.QueryContext(ctx, `SELECT `+columns+` FROM `+t.Name+where+` ORDER BY `+order+fmt.Sprintf(` LIMIT %d`, n), key...)
	if err != nil {
		return r, storageError(err)
	}
	defer rows.Close()
	if r.Columns, err = rows.Columns(); err != nil {
		return r, storageError(err)
	}
	for size := 0; size < copyBytes && rows.Next(); {
		row, into := make([]any, len(r.Columns)), make([]any, len(r.Columns))
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			return r, storageError(err)
		}
		for _, v := range row {
			if b, ok := v.([]byte); ok {
				size += len(b)
			}
		}
		r.Values = append(r.Values, row)
	}
	if n := len(r.Values); n > 0 {
		for _, k := range t.Key {
			r.Last = append(r.Last, r.Values[n-1][slices.Index(r.Columns, k)])
		}
	}
	return r, storageError(rows.Err())
}

// FirstEvent is when the oldest event of all tenants was accepted; zero if there is none.
func (db *DB) FirstEvent(ctx context.Context) (time.Time, error) {
	var first []byte
	if err := db.read.QueryRowContext(ctx, `SELECT MIN(id) FROM events`).Scan(&first); err != nil || len(first) != 16 {
		return time.Time{}, storageError(err)
	}
	return hook.ID(first).Time(), nil
}

// BeginMove reserves the database for a move, and makes the partitions for history since
// a time; zero: none. It fails with KindConflict if servers use the database, or if it has
// data that no interrupted move has left there.
func (c *Cluster) BeginMove(ctx context.Context, since time.Time) error {
	err := c.db.change(ctx, func(t *tx) error {
		var begun, used, served bool
		err := t.row(`SELECT EXISTS (SELECT 1 FROM moves WHERE finished_at IS NULL), EXISTS (SELECT 1 FROM tenants) OR EXISTS (SELECT 1 FROM contracts),
			EXISTS (SELECT 1 FROM nodes WHERE expires_at > `+nodeClock+`)`).Scan(&begun, &used, &served)
		switch {
		case err != nil || begun && !served:
			return err
		case served:
			return hook.Conflict("database_in_use", "Servers are running on the PostgreSQL database. Stop them first.")
		case used:
			return hook.Conflict("database_not_empty", "The PostgreSQL database is not empty. Make a new one.")
		}
		if _, err := t.exec(`DELETE FROM seal_keys`); err != nil { // of a server that was started here before, and stored nothing
			return err
		}
		_, err = t.exec(`INSERT INTO moves (begun_at) VALUES (` + nodeClock + `)`)
		return err
	})
	if err != nil || since.IsZero() {
		return err
	}
	for at := since; at.Before(time.Now()); at = at.Add(c.p.span) {
		if err := c.p.adopt(ctx, at); err != nil {
			return err
		}
	}
	return nil
}

// CopyRows adds rows of a SQLite database to a table, in one transaction.
func (c *Cluster) CopyRows(ctx context.Context, t Table, r Rows) error {
	conn, err := c.p.sql.Conn(ctx)
	if err != nil {
		return storageError(err)
	}
	defer func() { _ = conn.Close() }() // back to the pool
	return storageError(pipelined(conn, func(pg *pgx.Conn) error {
		none, err := pg.Query(ctx, `SELECT `+strings.Join(r.Columns, ", ")+` FROM `+t.Name+` LIMIT 0`)
		if err != nil {
			return err
		}
		none.Close()
		for i, column := range none.FieldDescriptions() {
			if column.DataTypeOID != pgtype.BoolOID {
				continue
			}
			for _, row := range r.Values { // SQLite stores booleans as numbers
				row[i] = row[i] != int64(0)
			}
		}
		_, err = pg.CopyFrom(ctx, pgx.Identifier{t.Name}, r.Columns, pgx.CopyFromRows(r.Values))
		return err
	}))
}

// EndMove notes that everything has arrived; from now on servers can start on the database.
func (c *Cluster) EndMove(ctx context.Context) error {
	return c.db.change(ctx, func(t *tx) error {
		if err := c.db.shutOut(t, sealedPayloads); err != nil { // there may be some
			return err
		}
		_, err := t.exec(`UPDATE moves SET finished_at = ` + nodeClock)
		return err
	})
}

// checkMoved fails if a move to the database has not finished: a server would find part
// of the data, and what it wrote would be in the way of the rest.
func (c *Cluster) checkMoved(ctx context.Context) error {
	var unfinished bool
	err := c.p.sql.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM moves WHERE finished_at IS NULL)`).Scan(&unfinished)
	if err == nil && unfinished {
		return errors.New("a move to this database has not finished: run the same gancho move again, which goes on where it was, " +
			"and start servers afterwards; or give them another database")
	}
	return storageError(err)
}
