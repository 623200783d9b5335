package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"gancho/internal/hook"
)

// EndSession stores that a session was ended, until it would have ended by itself: by the machine's clock, which package
// auth asks. If the row went earlier, the session would be good again.
func (db *DB) EndSession(ctx context.Context, id hook.SessionID, ends time.Time) error {
	return db.change(ctx, func(t *tx) error {
		if _, err := t.exec(`DELETE FROM ended_sessions WHERE ends_at < $1`, time.Now().UnixMicro()); err != nil {
			return err
		}
		_, err := t.exec(`INSERT INTO ended_sessions (id, ends_at) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING`,
			id[:], ends.UnixMicro())
		return err
	})
}

// SessionEnded reports whether a session was ended.
func (db *DB) SessionEnded(ctx context.Context, id hook.SessionID) (bool, error) {
	var one int
	err := db.read.QueryRowContext(ctx, `SELECT 1 FROM ended_sessions WHERE id = $1`, id[:]).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, storageError(err)
}
