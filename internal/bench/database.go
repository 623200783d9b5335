package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// database is the PostgreSQL that servers under test share, looked at from beside
// them.
type database struct {
	conn *pgx.Conn
	main int // process of the server that is the parent of the others; 0: not on this machine
}

// openDatabase connects to the benchmark's PostgreSQL, maybe through a pooler.
func (b *bench) openDatabase(ctx context.Context) (*database, error) {
	if b.o.Database == "" {
		return nil, errors.New("give --database: this is about nodes that share a PostgreSQL")
	}
	cfg, err := pgx.ParseConfig(b.o.Database)
	if err != nil {
		return nil, errors.New("--database: the URL cannot be read; write postgres://user:password@host:5432/database") // err has the password
	}
	cfg.DefaultQueryExecMode = pgx.QueryExecModeExec // a pooler may be in between
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return nil, err
	}
	d := &database{conn: conn}
	var backend int
	if err := conn.QueryRow(ctx, `SELECT pg_backend_pid()`).Scan(&backend); err != nil {
		d.close()
		return nil, err
	}
	if p, err := readProcess(backend); err == nil && p.name == "postgres" {
		d.main = p.parent
	}
	return d, nil
}

// close ends the connection; a pooler or server that is gone does not matter.
func (d *database) close() { _ = d.conn.Close(context.Background()) }

// cpu is the CPU time that the whole server has used, all its databases and
// processes together, in seconds; false if it runs elsewhere. Linux only.
func (d *database) cpu() (seconds float64, known bool, err error) {
	if d.main == 0 {
		return 0, false, nil
	}
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0, false, err
	}
	for _, path := range stats {
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		switch p, err := readProcess(pid); {
		case err != nil: // it has just ended, and its parent counts it
		case pid == d.main:
			seconds += p.cpu + p.ended
		case p.parent == d.main:
			seconds += p.cpu
		}
	}
	return seconds, true, nil
}

// transactions is how many there were in this database, but for its own of now.
func (d *database) transactions(ctx context.Context) (n int64, err error) {
	err = d.conn.QueryRow(ctx, `SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()`).Scan(&n)
	return n, err
}

// polls reports whether some node hears no notifications.
func (d *database) polls(ctx context.Context) (yes bool, err error) {
	err = d.conn.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM nodes WHERE polls)`).Scan(&yes)
	return yes, err
}

// spread returns when the active endpoints are spread evenly over so many nodes,
// which takes some seconds after nodes and endpoints have come. Endpoints that share
// a slot stay together, so nodes may differ by as many as are in one.
func (d *database) spread(ctx context.Context, nodes int) error {
	var least, most, owners, together int
	err := waitFor(ctx, 100*time.Millisecond, patience, func() (int64, bool, error) {
		err := d.conn.QueryRow(ctx, `WITH
			filled AS (SELECT get_byte(id, 9) AS slot, COUNT(*) AS n FROM endpoints WHERE state = 'active' GROUP BY 1),
			per AS (SELECT COALESCE(SUM(f.n), 0) AS n FROM nodes LEFT JOIN slots s ON s.owner = nodes.epoch LEFT JOIN filled f ON f.slot = s.slot GROUP BY nodes.epoch)
			SELECT COALESCE(MIN(n), 0)::int, COALESCE(MAX(n), 0)::int, COUNT(*), (SELECT COALESCE(MAX(n), 0) FROM filled) FROM per`).Scan(&least, &most, &owners, &together)
		return int64(most), err == nil && owners == nodes && most-least <= max(together, 1), err
	})
	if errors.Is(err, errStalled) {
		return fmt.Errorf("the endpoints are not spread evenly: from %d to %d on each of %d nodes, and %d nodes were started", least, most, owners, nodes)
	}
	return err
}

// procEntry is what /proc says of a process.
type procEntry struct {
	name       string
	parent     int
	cpu, ended float64 // CPU seconds of it, and of its children that have ended
}

func readProcess(pid int) (p procEntry, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return p, err
	}
	before, after, ok := strings.Cut(string(text), ") ")
	fields := strings.Fields(after)
	if !ok || len(fields) < 2 {
		return p, errors.New("/proc/<pid>/stat: too few fields")
	}
	_, p.name, _ = strings.Cut(before, "(")
	if p.parent, err = strconv.Atoi(fields[1]); err != nil {
		return p, err
	}
	if p.cpu, err = parseTicks(string(text), 11, 12); err != nil {
		return p, err
	}
	p.ended, err = parseTicks(string(text), 13, 14)
	return p, err
}
