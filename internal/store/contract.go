package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"

	"gancho/internal/hook"
)

// PutContract stores the source of a contract as a new version, unless the
// newest version has the same source, and returns the version it has.
func (db *DB) PutContract(ctx context.Context, name string, source []byte) (version int64, err error) {
	stored := false
	err = db.change(ctx, func(t *tx) error {
		var newest []byte
		err := t.row(`SELECT version, source FROM contracts WHERE name = $1 ORDER BY version DESC LIMIT 1`, name).Scan(&version, &newest)
		switch {
		case err == nil && bytes.Equal(newest, source):
			return nil
		case err != nil && !errors.Is(err, sql.ErrNoRows):
			return err
		}
		version++
		stored = true
		_, err = t.exec(`INSERT INTO contracts (name, version, source, created_at) VALUES ($1, $2, $3, $4)`, name, version, source, db.now().UnixMicro())
		return err
	})
	if err == nil && stored {
		db.changed(hook.Change{})
	}
	return version, err
}

// Contracts are all versions of all contracts, by name and version.
func (db *DB) Contracts(ctx context.Context) ([]hook.ContractText, error) {
	rows, err := db.read.QueryContext(ctx, `SELECT name, version, source FROM contracts ORDER BY name, version`)
	if err != nil {
		return nil, lost(err)
	}
	defer rows.Close()
	var list []hook.ContractText
	for rows.Next() {
		var c hook.ContractText
		if err := rows.Scan(&c.Name, &c.Version, &c.Source); err != nil {
			return nil, lost(err)
		}
		list = append(list, c)
	}
	return list, lost(rows.Err())
}

// ContractAt is one version of a contract.
func (db *DB) ContractAt(ctx context.Context, name string, version int64) (hook.ContractText, error) {
	c := hook.ContractText{Name: name, Version: version}
	err := db.read.QueryRowContext(ctx, `SELECT source FROM contracts WHERE name = $1 AND version = $2`, name, version).Scan(&c.Source)
	if errors.Is(err, sql.ErrNoRows) {
		return c, hook.NotFound("contract", name)
	}
	return c, lost(err)
}
