package store

import (
	"context"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"gancho/internal/pgtest"
)

// The connection that commits is read back: it syncs, and a store does not open on one that does not.
func TestCommitsAreSynced(t *testing.T) {
	t.Parallel()
	db, err := Open(t.Context(), Options{Path: filepath.Join(t.TempDir(), "gancho.db"), Key: NewKey()})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	l := sqliteOf(db)
	var sync int
	var journal string
	if err := l.conn.QueryRowContext(t.Context(), `PRAGMA synchronous`).Scan(&sync); err != nil || sync != 2 {
		t.Errorf("synchronous is %d, %v", sync, err)
	}
	if err := l.conn.QueryRowContext(t.Context(), `PRAGMA journal_mode`).Scan(&journal); err != nil || journal != "wal" {
		t.Errorf("journal_mode is %q, %v", journal, err)
	}
	for _, less := range []string{"OFF", "NORMAL"} {
		if _, err := l.conn.ExecContext(t.Context(), `PRAGMA synchronous = `+less); err != nil {
			t.Fatal(err)
		}
		if err := l.checkSync(t.Context()); err == nil {
			t.Errorf("%s is good enough", less)
		}
	}
}

// With PostgreSQL, a server that does not sync is warned of when a store opens, and no other is.
func TestUnsyncedCommitsAreWarnedOf(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t, Migrate)
	with := "?"
	if strings.Contains(url, "?") {
		with = "&"
	}
	for setting, warned := range map[string]bool{"off": true, "on": false} {
		var log logged
		db, err := Open(t.Context(), Options{URL: url + with + "synchronous_commit=" + setting, Key: make([]byte, 32), Log: slog.New(&log)})
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(log.text(), "synchronous_commit"); got != warned {
			t.Errorf("%s: logged %q", setting, log.text())
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
}

// logged keeps what is logged.
type logged struct {
	mu   sync.Mutex
	list []string
}

func (l *logged) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.list, "\n")
}

func (l *logged) Enabled(context.Context, slog.Level) bool { return true }

func (l *logged) Handle(_ context.Context, r slog.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, r.Message)
	return nil
}

func (l *logged) WithAttrs([]slog.Attr) slog.Handler { return l }
func (l *logged) WithGroup(string) slog.Handler      { return l }
