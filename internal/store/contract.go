package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"

	"gancho/internal/hook"
)

// PutContract stores the source of a contract as a new version, unless the newest version
// has the same source. It returns the newest version after that. So that the changes of an
// operator survive restarts and upgrades, other cases are left out as well, depending on
// where the source comes from:
//
//   - shipped: nothing is stored if the newest version is the operator's own, or if this
//     source was stored before (an older program was started).
//   - directory: nothing is stored if this source was the last one from the directory,
//     even if another one was posted after it.
//   - posted: always stored.
//
// PutContract notifies nobody; the caller puts the contract into force.
func (db *DB) PutContract(ctx context.Context, name string, source []byte, origin hook.ContractOrigin, only hook.Precondition,
) (version int64, created bool, err error) {
	err = db.change(ctx, func(t *tx) error {
		version, created = 0, false
		var newest []byte
		var from hook.ContractOrigin
		err := t.row(`SELECT version, source, origin FROM contracts WHERE name = $1 ORDER BY version DESC LIMIT 1`, name).Scan(&version, &newest, &from)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if version > 0 {
			if bytes.Equal(newest, source) {
				if origin == hook.ContractDirectory && from == hook.ContractShipped { // from now on it counts as the operator's own
					_, err = t.exec(`UPDATE contracts SET origin = $3 WHERE name = $1 AND version = $2`, name, version, string(origin))
				}
				return err
			}
			if err := only.Check(version); err != nil {
				return err
			}
			known, err := t.knownContract(name, source, origin)
			if err != nil || known || origin == hook.ContractShipped && from != hook.ContractShipped {
				return err
			}
		}
		if version == 0 {
			if err := only.Check(0); err != nil {
				return err
			}
		}
		version++
		created = true
		_, err = t.exec(`INSERT INTO contracts (name, version, source, origin, created_at) VALUES ($1, $2, $3, $4, $5)`,
			name, version, source, string(origin), db.now().UnixMicro())
		if err != nil {
			return err
		}
		e := hook.AuditEntry{Action: hook.ActionContractImported, Object: name, Reason: string(origin)}
		if origin == hook.ContractPosted {
			e.Action, e.Reason = hook.ActionContractPosted, ""
		}
		return t.audit(e)
	})
	return version, created, err
}

// knownContract reports whether a source was stored before and is not the newest any more.
func (t *tx) knownContract(name string, source []byte, origin hook.ContractOrigin) (known bool, err error) {
	query := ""
	switch origin {
	case hook.ContractPosted:
		return false, nil
	case hook.ContractShipped:
		query = `SELECT EXISTS (SELECT 1 FROM contracts WHERE name = $1 AND origin = $2 AND source = $3)`
	case hook.ContractDirectory:
		query = `SELECT EXISTS (SELECT 1 FROM contracts WHERE name = $1 AND source = $3
			AND version = (SELECT MAX(version) FROM contracts WHERE name = $1 AND origin = $2))`
	default:
		return false, fmt.Errorf("contract of unknown origin %q", origin)
	}
	return known, t.row(query, name, string(origin), source).Scan(&known)
}

// ContractVersions lists all versions of all contracts by name and version, without their
// sources.
func (db *DB) ContractVersions(ctx context.Context) ([]hook.ContractText, error) {
	scan := func(r scanner) (c hook.ContractText, err error) {
		var created sql.NullInt64
		err = r.Scan(&c.Name, &c.Version, &c.Origin, &created)
		c.CreatedAt = fromMicros(created)
		return c, err
	}
	return collect(ctx, db.read, scan, `SELECT name, version, origin, created_at FROM contracts ORDER BY name, version`)
}

// ContractAt is one version of a contract.
func (db *DB) ContractAt(ctx context.Context, name string, version int64) (hook.ContractText, error) {
	c := hook.ContractText{Name: name, Version: version}
	var created sql.NullInt64
	err := db.read.QueryRowContext(ctx, `SELECT source, origin, created_at FROM contracts WHERE name = $1 AND version = $2`, name, version).
		Scan(&c.Source, &c.Origin, &created)
	if errors.Is(err, sql.ErrNoRows) {
		return c, hook.NotFound("contract", name)
	}
	c.CreatedAt = fromMicros(created)
	return c, storageError(err)
}

// SetContractShaping stores an operator's choice whether shaping is on for a contract. It
// replaces the setting in the contract; nil removes the choice.
func (db *DB) SetContractShaping(ctx context.Context, contract string, on *bool) error {
	return db.change(ctx, func(t *tx) error {
		if err := t.audit(hook.AuditEntry{Action: hook.ActionContractChanged, Object: contract, Fields: []string{"shaping"}}); err != nil {
			return err
		}
		if on == nil {
			_, err := t.exec(`DELETE FROM contract_options WHERE contract = $1`, contract)
			return err
		}
		_, err := t.exec(`INSERT INTO contract_options (contract, shaping) VALUES ($1, $2)
			ON CONFLICT (contract) DO UPDATE SET shaping = excluded.shaping`, contract, map[bool]string{true: "on", false: "off"}[*on])
		return err
	})
}

// ContractShaping is the operators' choice whether shaping is on, by contract.
func (db *DB) ContractShaping(ctx context.Context) (map[string]bool, error) {
	rows, err := db.read.QueryContext(ctx, `SELECT contract, shaping FROM contract_options`)
	if err != nil {
		return nil, storageError(err)
	}
	defer rows.Close()
	out := map[string]bool{}
	for rows.Next() {
		var name, shaping string
		if err := rows.Scan(&name, &shaping); err != nil {
			return nil, storageError(err)
		}
		out[name] = shaping == "on"
	}
	return out, storageError(rows.Err())
}

// ContractEndpoints lists up to n endpoints of a contract of all tenants, by id, beginning
// after the given id. Deleted endpoints are left out.
func (db *DB) ContractEndpoints(ctx context.Context, contract string, after hook.EndpointID, n int) ([]*hook.Endpoint, error) {
	return collect(ctx, db.read, db.scanEndpoint, `SELECT `+endpointColumns+` FROM endpoints
		WHERE contract = $1 AND id > $2 AND state <> 'deleted' ORDER BY id LIMIT $3`, contract, after[:], n)
}

// UnverifiedEndpoints lists up to n endpoints of a contract, of all tenants, that have not given the right answer to a
// handshake, in the order of their ids, from the one after the given id.
func (db *DB) UnverifiedEndpoints(ctx context.Context, contract string, after hook.EndpointID, n int) ([]*hook.Endpoint, error) {
	return collect(ctx, db.read, db.scanEndpoint, `SELECT `+endpointColumns+` FROM endpoints
		WHERE contract = $1 AND id > $2 AND state_reason = $3 AND state <> 'deleted' ORDER BY id LIMIT $4`,
		contract, after[:], hook.ReasonUnverified, n)
}
