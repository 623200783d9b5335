package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"gancho/internal/hook"
)

// probeBytes is how much a probe writes. It is more than a page, so that a file that cannot grow is noticed before
// everything that still fits into free pages has been written.
const probeBytes = 16 << 10

var probeFiller = make([]byte, probeBytes)

// Ready writes a row and reads, and returns an error unless the row was committed and synced before ctx ended. All that
// was stored before is durable then, too.
func (db *DB) Ready(ctx context.Context) error {
	var one int
	if err := db.read.QueryRowContext(ctx, `SELECT 1`).Scan(&one); err != nil {
		return hook.Unavailable(err)
	}
	at := db.now().UnixMicro()
	if db.cluster != nil {
		_, err := db.read.ExecContext(ctx, `INSERT INTO probe (id, at, filler) VALUES (1, $1, $2)
			ON CONFLICT (id) DO UPDATE SET at = EXCLUDED.at, filler = EXCLUDED.filler`, at, probeFiller)
		if err != nil {
			return hook.Unavailable(err)
		}
	}
	c := &change{done: make(chan struct{}), run: func(t *tx) error { // batches run changes with SQLite only
		// The new row is written before the old one is deleted, so it needs pages of its own.
		if _, err := t.exec(`INSERT INTO probe (at, filler) VALUES ($1, $2)`, at, probeFiller); err != nil {
			return err
		}
		_, err := t.exec(`DELETE FROM probe WHERE id < (SELECT max(id) FROM probe)`)
		return err
	}}
	if err := db.gathering.add(1, 0, true, false, func(b *batch) { b.changes = append(b.changes, c) }); err != nil {
		return err
	}
	select {
	case <-c.done:
		return storageError(c.err)
	case <-ctx.Done():
		return hook.Unavailable(fmt.Errorf("the probe was not committed in time: %w", ctx.Err()))
	}
}

// KeyAtHand returns an error if the database now seals under an encryption key that this server does not have.
func (db *DB) KeyAtHand(ctx context.Context) error {
	var active hook.SealKeyID
	err := db.read.QueryRowContext(ctx, `SELECT id FROM seal_keys WHERE state = $1`, string(hook.SealKeyActive)).Scan(&active)
	if errors.Is(err, sql.ErrNoRows) {
		return nil // nothing is sealed
	}
	if err != nil {
		return storageError(err)
	}
	for _, k := range db.seal.keys.Load().keys {
		if k.id == active {
			return nil
		}
	}
	return fmt.Errorf("the database seals under the encryption key %s, which this server does not have", active)
}
