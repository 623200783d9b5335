package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"gancho/internal/hook"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// Moving from SQLite to PostgreSQL copies rows table by table in the order of
// their keys, which both order alike. So the last key that is there says where to
// go on after an interruption. What is sealed stays sealed: the key is the same.

// movedTables are the tables that are copied, by their primary keys. Configuration
// comes last: as long as the copy is not complete, there is nobody to work for.
var movedTables = []struct {
	name string
	keys []string
}{
	{"events", []string{"tenant", "id"}},
	{"deliveries", []string{"tenant", "id"}},
	{"attempts", []string{"delivery", "number"}},
	{"bodies", []string{"delivery"}},
	{"idempotency", []string{"tenant", "key"}},
	{"records", []string{"tenant", "contract", "kind", "key"}},
	{"recoveries", []string{"id"}},
	{"schedules", []string{"tenant", "contract", "type"}},
	{"stats", []string{"tenant", "endpoint", "span", "at"}},
	{"audit", []string{"id"}},
	{"contracts", []string{"name", "version"}},
	{"contract_options", []string{"contract"}},
	{"endpoint_versions", []string{"endpoint", "version"}},
	{"credentials", []string{"id"}},
	{"endpoints", []string{"id"}},
	{"keys", []string{"id"}},
	{"portal_links", []string{"id"}},
	{"tenants", []string{"id"}},
}

const (
	moveRows  = 5000
	moveBytes = 8 << 20
)

// Moved is how far a move is.
type Moved struct {
	Table       string
	Rows, Total int64
}

// Move copies everything of a SQLite database into a PostgreSQL database that is
// empty, or that an earlier Move did not finish. Both must have been opened with
// the same key, and nobody may use either meanwhile. It tells progress after each
// transaction, and at the end compares how many rows there are.
func Move(ctx context.Context, from, to *DB, progress func(Moved)) error {
	if from.cluster != nil || to.cluster == nil {
		return errors.New("a move goes from SQLite to PostgreSQL")
	}
	p := to.cluster.p
	if err := to.beginMove(ctx); err != nil {
		return err
	}
	if err := p.partitionsFor(ctx, from); err != nil {
		return err
	}
	for _, t := range movedTables {
		m := &mover{from: from.read, to: p, table: t.name, keys: t.keys, progress: progress}
		if err := m.run(ctx); err != nil {
			return fmt.Errorf("table %s: %w", t.name, err)
		}
	}
	_, err := to.read.ExecContext(ctx, `UPDATE moves SET finished_at = `+nodeClock)
	return lost(err)
}

// beginMove makes sure that the database is nobody's but the move's.
func (db *DB) beginMove(ctx context.Context) error {
	return db.change(ctx, func(t *tx) error {
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
		_, err = t.exec(`INSERT INTO moves (begun_at) VALUES (` + nodeClock + `)`)
		return err
	})
}

// checkMoved fails if a move to the database has not finished: what is missing would
// seem to be lost, and what is written now could not be moved over.
func (db *DB) checkMoved(ctx context.Context) error {
	var under bool
	err := db.read.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM moves WHERE finished_at IS NULL)`).Scan(&under)
	if err == nil && under {
		return errors.New("a move to this database has not finished: run the same gancho move again, which goes on where it was, and start servers afterwards; " +
			"or give them another database")
	}
	return lost(err)
}

// partitionsFor makes the partitions that the history needs.
func (p *postgres) partitionsFor(ctx context.Context, from *DB) error {
	var first []byte
	if err := from.read.QueryRowContext(ctx, `SELECT MIN(id) FROM events`).Scan(&first); err != nil || len(first) != 16 {
		return lost(err)
	}
	for at := hook.ID(first).Time(); at.Before(time.Now()); at = at.Add(p.span) {
		if err := p.adopt(ctx, at); err != nil {
			return err
		}
	}
	return nil
}

// mover copies one table.
type mover struct {
	from     *sql.DB
	to       *postgres
	table    string
	keys     []string
	progress func(Moved)

	columns []string
}

func (m *mover) run(ctx context.Context) error {
	var total, done int64
	if err := m.from.QueryRowContext(ctx, `SELECT COUNT(*) FROM `+m.table).Scan(&total); err != nil {
		return err
	}
	last, err := m.lastKey(ctx)
	if err != nil {
		return err
	}
	if done, err = m.count(ctx); err != nil {
		return err
	}
	for {
		m.progress(Moved{m.table, done, total})
		rows, next, err := m.read(ctx, last)
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			break
		}
		if err := m.write(ctx, rows); err != nil {
			return err
		}
		done, last = done+int64(len(rows)), next
	}
	if done, err = m.count(ctx); err != nil {
		return err
	}
	if done != total {
		return fmt.Errorf("there are %d rows where %d should be: start again with a new database", done, total)
	}
	return nil
}

func (m *mover) count(ctx context.Context) (n int64, err error) {
	err = m.to.sql.QueryRowContext(ctx, `SELECT COUNT(*) FROM `+m.table).Scan(&n)
	return n, err
}

// lastKey is the last key that was copied, nil if none was.
func (m *mover) lastKey(ctx context.Context) ([]any, error) {
	list := strings.Join(m.keys, ", ")
	key := make([]any, len(m.keys))
	into := make([]any, len(key))
	for i := range key {
		into[i] = &key[i]
	}
	err := m.to.sql.QueryRowContext(ctx, `SELECT `+list+` FROM `+m.table+` ORDER BY `+strings.Join(m.keys, " DESC, ")+` DESC LIMIT 1`).Scan(into...)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return key, err
}

// read reads rows after a key, and the key of the last one.
func (m *mover) read(ctx context.Context, after []any) (list [][]any, last []any, err error) {
	order := strings.Join(m.keys, ", ")
	where := ""
	if after != nil {
		marks := make([]string, len(after))
		for i := range marks {
			marks[i] = fmt.Sprintf("$%d", i+1)
		}
		where = ` WHERE (` + order + `) > (` + strings.Join(marks, ", ") + `)`
	}
	rows, err := m.from.QueryContext(ctx, `SELECT * FROM `+m.table+where+` ORDER BY `+order+fmt.Sprintf(` LIMIT %d`, moveRows), after...)
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close()
	if m.columns, err = rows.Columns(); err != nil {
		return nil, nil, err
	}
	for size := 0; size < moveBytes && rows.Next(); {
		row, into := make([]any, len(m.columns)), make([]any, len(m.columns))
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, nil, err
		}
		for _, v := range row {
			if b, ok := v.([]byte); ok {
				size += len(b)
			}
		}
		last = last[:0]
		for _, k := range m.keys {
			for i, c := range m.columns {
				if c == k {
					last = append(last, row[i])
				}
			}
		}
		list = append(list, row)
	}
	return list, last, rows.Err()
}

// write copies rows in one transaction.
func (m *mover) write(ctx context.Context, rows [][]any) error {
	for i, c := range m.columns {
		if m.table == "deliveries" && c == "test" {
			for _, row := range rows {
				row[i] = row[i] != int64(0)
			}
		}
	}
	conn, err := m.to.sql.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // back to the pool
	return conn.Raw(func(c any) error {
		_, err := c.(*stdlib.Conn).Conn().CopyFrom(ctx, pgx.Identifier{m.table}, m.columns, pgx.CopyFromRows(rows))
		return err
	})
}
