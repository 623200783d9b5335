package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"errors"
	"net/netip"
	"time"

	"gancho/internal/hook"
)

const keyColumns = `id, name, role, tenant, hash, hint, created_at, expires_at, limits, last_used_at`

// keyLimits is the column limits of a key.
type keyLimits struct {
	Scopes    []hook.Scope   `json:"scopes,omitempty"`
	Contracts []string       `json:"contracts,omitempty"`
	Addresses []netip.Prefix `json:"addresses,omitempty"`
	Quota     hook.Limits    `json:"quota,omitzero"`
	Shared    []keyBudget    `json:"shared,omitempty"`
}

// keyBudget is how a budget that a key shares is stored.
type keyBudget struct {
	Tenant string      `json:"tenant,omitempty"`
	Key    string      `json:"key"`
	Quota  hook.Limits `json:"quota"`
}

// scanKey reads a row of [keyColumns], followed by columns that are scanned into more.
func scanKey(row scanner, more ...any) (k hook.Key, err error) {
	var id, hash []byte
	var limits string
	var created, expires, used sql.NullInt64
	columns := []any{&id, &k.Name, &k.Role, &k.Tenant, &hash, &k.Hint, &created, &expires, &limits, &used}
	if err := row.Scan(append(columns, more...)...); err != nil {
		return k, err
	}
	copy(k.ID[:], id)
	copy(k.Hash[:], hash)
	k.CreatedAt, k.ExpiresAt, k.LastUsed = fromMicros(created), fromMicros(expires), fromMicros(used)
	if limits != "" {
		var l keyLimits
		if err := json.Unmarshal([]byte(limits), &l); err != nil { // not to be taken for a key without limits
			return k, err
		}
		k.Scopes, k.Contracts, k.Addresses, k.Limits = l.Scopes, l.Contracts, l.Addresses, l.Quota
		for _, b := range l.Shared {
			k.Shared = append(k.Shared, hook.KeyBudget{QuotaUser: hook.QuotaUser{Tenant: b.Tenant, Key: b.Key}, Limits: b.Quota})
		}
	}
	return k, nil
}

// limitsOf is the column limits of a key.
func limitsOf(k *hook.Key) (string, error) {
	if !k.Restricted() && len(k.Budgets()) == 0 {
		return "", nil
	}
	var shared []keyBudget
	for _, b := range k.Shared {
		shared = append(shared, keyBudget{b.Tenant, b.Key, b.Limits})
	}
	text, err := json.Marshal(keyLimits{k.Scopes, k.Contracts, k.Addresses, k.Limits, shared})
	return string(text), err
}

// plainHash is what programs of the release before find a key by. They know no limits, so they do not find a key that
// has some.
func plainHash(k *hook.Key) [32]byte {
	if k.Restricted() {
		return sha256.Sum256(k.Hash[:])
	}
	return k.Hash
}

// CreateKey stores an API key. Its tenant, if it has one, must exist.
func (db *DB) CreateKey(ctx context.Context, k hook.Key) error {
	limits, err := limitsOf(&k)
	if err != nil {
		return err
	}
	plain := plainHash(&k)
	return db.change(ctx, func(t *tx) error {
		if k.Tenant != "" {
			if err := t.aliveTenant(k.Tenant); err != nil {
				return err
			}
		}
		_, err := t.exec(`INSERT INTO keys (`+keyColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, NULL)`,
			k.ID[:], k.Name, string(k.Role), k.Tenant, plain[:], k.Hint, k.CreatedAt.UnixMicro(), micros(k.ExpiresAt), limits)
		if err != nil {
			return err
		}
		if err := t.addKeyText(k.ID, k.Hash, k.Hint); err != nil {
			return err
		}
		return t.audit(hook.AuditEntry{Tenant: k.Tenant, Action: hook.ActionKeyCreated, Object: k.ID.String(), Name: k.Name})
	})
}

// addKeyText stores the present text of a key.
func (t *tx) addKeyText(id hook.KeyID, hash [32]byte, hint string) error {
	_, err := t.exec(`INSERT INTO key_texts (hash, key, hint, ends_at) VALUES ($1, $2, $3, NULL)`, hash[:], id[:], hint)
	return err
}

// RotateKey gives a key another text. Its texts until now are good until ends, those that a rotation before this one
// replaced at most as long. It fails with KindNotFound if there is no such key.
func (db *DB) RotateKey(ctx context.Context, id hook.KeyID, hash [32]byte, hint string, ends time.Time) error {
	err := db.change(ctx, func(t *tx) error {
		k, err := scanKey(t.row(`SELECT `+keyColumns+` FROM keys WHERE id = $1`, id[:]))
		if errors.Is(err, sql.ErrNoRows) {
			return hook.NotFound("key", id.String())
		}
		if err != nil {
			return err
		}
		if !k.Restricted() { // one that a program of the release before created has its only text here
			if _, err := t.exec(`INSERT INTO key_texts (hash, key, hint, ends_at) VALUES ($1, $2, $3, NULL)
				ON CONFLICT (hash) DO NOTHING`, k.Hash[:], id[:], k.Hint); err != nil {
				return err
			}
		}
		if err := t.endKeyTexts(id, ends, true); err != nil {
			return err
		}
		if err := t.addKeyText(id, hash, hint); err != nil {
			return err
		}
		k.Hash = hash
		plain := plainHash(&k)
		if _, err := t.exec(`UPDATE keys SET hash = $2, hint = $3 WHERE id = $1`, id[:], plain[:], hint); err != nil {
			return err
		}
		return t.audit(hook.AuditEntry{Tenant: k.Tenant, Action: hook.ActionKeyRotated, Object: id.String(), Name: k.Name})
	})
	if err == nil {
		db.changed(hook.Change{Key: id})
	}
	return err
}

// EndEarlierTexts ends the texts of a key that rotations replaced. It fails with KindNotFound if there is no such key.
func (db *DB) EndEarlierTexts(ctx context.Context, id hook.KeyID) error {
	err := db.change(ctx, func(t *tx) error {
		e := hook.AuditEntry{Action: hook.ActionKeyEarlierEnded, Object: id.String()}
		err := t.row(`SELECT tenant, name FROM keys WHERE id = $1`, id[:]).Scan(&e.Tenant, &e.Name)
		if errors.Is(err, sql.ErrNoRows) {
			return hook.NotFound("key", id.String())
		}
		if err != nil {
			return err
		}
		if err := t.endKeyTexts(id, time.Now(), false); err != nil {
			return err
		}
		return t.audit(e)
	})
	if err == nil {
		db.changed(hook.Change{Key: id})
	}
	return err
}

// endKeyTexts lets the texts of a key end at a time, unless they end before. The present one is left alone, except if
// present is set.
func (t *tx) endKeyTexts(id hook.KeyID, at time.Time, present bool) error {
	_, err := t.exec(`UPDATE key_texts SET ends_at = $2 WHERE key = $1 AND (ends_at > $2 OR $3 AND ends_at IS NULL)`,
		id[:], at.UnixMicro(), present)
	return err
}

// KeysUsed notes when keys were used last. A time that is earlier than the stored one changes nothing.
func (db *DB) KeysUsed(ctx context.Context, at map[hook.KeyID]time.Time) error {
	if len(at) == 0 {
		return nil
	}
	return db.change(ctx, func(t *tx) error {
		for id, used := range at {
			if _, err := t.exec(`UPDATE keys SET last_used_at = $2 WHERE id = $1
				AND (last_used_at IS NULL OR last_used_at < $2)`, id[:], used.UnixMicro()); err != nil {
				return err
			}
		}
		return nil
	})
}

// aliveTenant fails with KindNotFound unless the tenant exists.
func (t *tx) aliveTenant(id string) error {
	var one int
	err := t.row(`SELECT 1 FROM tenants WHERE id = $1 AND deleted_at IS NULL`, id).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return hook.NotFound("tenant", id)
	}
	return err
}

// Keys lists API keys, newest first, with their earlier texts that are still good. next is where the next page begins,
// zero if this is the last one.
func (db *DB) Keys(ctx context.Context, p hook.Page) (list []hook.Key, next hook.ID, err error) {
	_, hi := span(hook.ID{}, p.Before)
	scan := func(r scanner) (hook.Key, error) { return scanKey(r) }
	list, err = collect(ctx, db.read, scan, `SELECT `+keyColumns+` FROM keys
		WHERE id < $1 ORDER BY id DESC LIMIT $2`, hi[:], p.Limit+1)
	list, next = cut(list, p.Limit, func(k hook.Key) hook.ID { return hook.ID(k.ID) })
	for i := range list {
		if err == nil {
			list[i].Earlier, err = db.earlierTexts(ctx, list[i].ID)
		}
	}
	return list, next, err
}

// earlierTexts are the replaced texts of a key that are still good.
func (db *DB) earlierTexts(ctx context.Context, id hook.KeyID) ([]hook.KeyText, error) {
	return collect(ctx, db.read, func(r scanner) (x hook.KeyText, err error) {
		var ends sql.NullInt64
		err = r.Scan(&x.Hint, &ends)
		x.EndsAt = fromMicros(ends)
		return x, err
	}, `SELECT hint, ends_at FROM key_texts WHERE key = $1 AND ends_at > $2 ORDER BY ends_at DESC`,
		id[:], time.Now().UnixMicro())
}

// Key is one API key.
func (db *DB) Key(ctx context.Context, id hook.KeyID) (hook.Key, error) {
	k, err := scanKey(db.read.QueryRowContext(ctx, `SELECT `+keyColumns+` FROM keys WHERE id = $1`, id[:]))
	if errors.Is(err, sql.ErrNoRows) {
		return k, hook.NotFound("key", id.String())
	}
	if err == nil {
		k.Earlier, err = db.earlierTexts(ctx, id)
	}
	return k, storageError(err)
}

// KeyByHash finds an API key by the SHA-256 of one of its texts. If a rotation replaced that text, the key expires when
// the text ends. The caller compares the time.
func (db *DB) KeyByHash(ctx context.Context, hash [32]byte) (hook.Key, error) {
	var ends sql.NullInt64
	// A key without texts comes from a program of the release before.
	k, err := scanKey(db.read.QueryRowContext(ctx, `SELECT `+keyColumns+`, ends_at FROM (
			SELECT k.*, t.ends_at FROM key_texts t JOIN keys k ON k.id = t.key WHERE t.hash = $1
			UNION ALL
			SELECT k.*, NULL FROM keys k WHERE k.hash = $1 AND NOT EXISTS (SELECT 1 FROM key_texts WHERE key = k.id)
		) AS found LIMIT 1`, hash[:]), &ends)
	if errors.Is(err, sql.ErrNoRows) {
		return k, hook.NotFound("key", "")
	}
	k.Hash = hash
	if end := fromMicros(ends); !end.IsZero() && (k.ExpiresAt.IsZero() || end.Before(k.ExpiresAt)) {
		k.ExpiresAt = end
	}
	return k, storageError(err)
}

// DeleteKey revokes an API key.
func (db *DB) DeleteKey(ctx context.Context, id hook.KeyID) error {
	err := db.change(ctx, func(t *tx) error {
		e := hook.AuditEntry{Action: hook.ActionKeyRevoked, Object: id.String()}
		err := t.row(`DELETE FROM keys WHERE id = $1 RETURNING tenant, name`, id[:]).Scan(&e.Tenant, &e.Name)
		if errors.Is(err, sql.ErrNoRows) {
			return hook.NotFound("key", id.String())
		}
		if err != nil {
			return err
		}
		// Links end with the key anyway.
		if _, err := t.exec(`DELETE FROM portal_links WHERE made_with IN (SELECT hash FROM key_texts WHERE key = $1)`, id[:]); err != nil {
			return err
		}
		if _, err := t.exec(`DELETE FROM key_texts WHERE key = $1`, id[:]); err != nil {
			return err
		}
		return t.audit(e)
	})
	if err == nil {
		db.changed(hook.Change{Key: id})
	}
	return err
}
