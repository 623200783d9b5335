package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"gancho/internal/hook"
)

const credentialColumns = `id, tenant, contract, name, state, endpoint, generation, token_expires_at, created_at,
	updated_at, sealed`

// credentialSecrets is the part of a credential that is stored encrypted.
type credentialSecrets struct {
	APIKey     string `json:"api_key"`
	SecretHash []byte `json:"secret_hash"`
	TokenKey   []byte `json:"token_key"`
}

func secretsOf(c *hook.Credential) credentialSecrets {
	return credentialSecrets{c.APIKey, c.SecretHash[:], c.TokenKey}
}

// sealAgain is the sealed part of a credential that takes the place of the stored one.
func (db *DB) sealAgain(t *tx, c *hook.Credential) ([]byte, error) {
	var sealed []byte
	err := t.row(`SELECT sealed FROM credentials WHERE id = $1 AND tenant = $2`, c.ID[:], c.Tenant).Scan(&sealed)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, err
	}
	var was credentialSecrets
	text, _ := db.seal.openText(sealed, c.ID[:], &was) // what is unreadable has nothing to keep
	plain, err := editJSON(text, was, secretsOf(c))
	return db.seal.sealBytes(plain, c.ID[:]), err
}

// scanCredential reads a row of [credentialColumns], followed by columns that are scanned
// into more. It fails with [hook.ErrUnreadable], and returns all but the secrets, if those cannot be
// decrypted.
func (db *DB) scanCredential(row scanner, more ...any) (*hook.Credential, error) {
	var c hook.Credential
	var id, endpoint, sealed []byte
	var expires, created, updated sql.NullInt64
	columns := []any{
		&id, &c.Tenant, &c.Contract, &c.Name, &c.State, &endpoint, &c.Generation, &expires, &created,
		&updated, &sealed,
	}
	if err := row.Scan(append(columns, more...)...); err != nil {
		return nil, err
	}
	copy(c.ID[:], id)
	copy(c.Endpoint[:], endpoint)
	c.TokenExpires, c.CreatedAt, c.UpdatedAt = fromMicros(expires), fromMicros(created), fromMicros(updated)
	var secrets credentialSecrets
	if err := db.seal.openJSON(sealed, id, &secrets); err != nil {
		return &c, err
	}
	c.APIKey, c.TokenKey = secrets.APIKey, secrets.TokenKey
	copy(c.SecretHash[:], secrets.SecretHash)
	return &c, nil
}

// Credential is the credential with an id, of any tenant. A caller that knows the tenant
// uses [DB.TenantCredential]. Both fail with [hook.ErrUnreadable] if its secrets cannot be decrypted.
func (db *DB) Credential(ctx context.Context, id hook.CredentialID) (*hook.Credential, error) {
	return db.foundCredential(id, db.read.QueryRowContext(ctx, `SELECT `+credentialColumns+` FROM credentials
		WHERE id = $1`, id[:]))
}

// TenantCredential is one credential of a tenant.
func (db *DB) TenantCredential(ctx context.Context, tenant string, id hook.CredentialID) (*hook.Credential, error) {
	return db.foundCredential(id, db.read.QueryRowContext(ctx, `SELECT `+credentialColumns+` FROM credentials
		WHERE id = $1 AND tenant = $2`, id[:], tenant))
}

func (db *DB) foundCredential(id hook.CredentialID, row *sql.Row) (*hook.Credential, error) {
	c, err := db.scanCredential(row)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, hook.NotFound("credential", id.String())
	}
	if err != nil {
		return nil, storageError(err)
	}
	return c, nil
}

// Credentials lists the credentials of a tenant with the URLs of their endpoints, newest
// first. next is where the next page begins, zero if this is the last one.
func (db *DB) Credentials(
	ctx context.Context, tenant string, p hook.Page,
) (list []hook.CredentialURL, next hook.ID, err error) {
	_, hi := span(hook.ID{}, p.Before)
	list, err = collect(ctx, db.read, db.scanCredentialURL, `SELECT `+credentialColumns+`,
		(SELECT config FROM endpoints WHERE endpoints.id = credentials.endpoint)
		FROM credentials WHERE tenant = $1 AND id < $2 ORDER BY id DESC LIMIT $3`, tenant, hi[:], p.Limit+1)
	list, next = cut(list, p.Limit, func(c hook.CredentialURL) hook.ID { return hook.ID(c.ID) })
	return list, next, err
}

// scanCredentialURL reads a row of [credentialColumns], followed by the configuration of
// the endpoint.
func (db *DB) scanCredentialURL(r scanner) (c hook.CredentialURL, err error) {
	var config []byte
	c.Credential, err = db.scanCredential(r, &config)
	if c.Unreadable = errors.Is(err, hook.ErrUnreadable); err != nil && !c.Unreadable {
		return c, err
	}
	var endpoint hook.EndpointConfig
	if config != nil && db.seal.openJSON(config, c.Endpoint[:], &endpoint) == nil {
		c.URL = endpoint.URL // otherwise the list of endpoints says that it is unreadable
	}
	return c, nil
}

// CreateCredential stores a new credential and, unless e is nil, its endpoint, in one
// commit. It sets the times of both. most is the largest number of endpoints of the
// contract that the tenant can have, 0 for any number; one more is a conflict. The tenant
// must exist.
func (db *DB) CreateCredential(ctx context.Context, c *hook.Credential, e *hook.Endpoint, most int) error {
	now := fromMicros(sql.NullInt64{Int64: db.now().UnixMicro(), Valid: true})
	c.CreatedAt, c.UpdatedAt = now, now
	sealed, err := db.seal.sealJSON(secretsOf(c), c.ID[:])
	if err != nil {
		return err
	}
	insert := func(*tx) error { return nil }
	var endpoint []byte
	if e != nil {
		c.Endpoint, endpoint = e.ID, e.ID[:]
		if insert, err = db.newEndpoint(e, most); err != nil {
			return err
		}
	}
	err = db.change(ctx, func(t *tx) error {
		if err := t.aliveTenant(c.Tenant); err != nil {
			return err
		}
		if err := insert(t); err != nil {
			return err
		}
		_, err := t.exec(`INSERT INTO credentials (`+credentialColumns+`)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $10)`,
			c.ID[:], c.Tenant, c.Contract, c.Name, string(c.State), endpoint, c.Generation, c.TokenExpires.UnixMicro(),
			now.UnixMicro(), sealed)
		if err != nil {
			return err
		}
		return t.audit(hook.AuditEntry{
			Tenant: c.Tenant, Action: hook.ActionCredentialCreated, Object: c.ID.String(),
			Name: c.Name,
		})
	})
	if err == nil && e != nil {
		db.changed(hook.Change{Tenant: e.Tenant, Endpoint: e.ID})
	}
	return err
}

// UpdateCredential stores a changed credential and, unless e is nil, its changed endpoint,
// in one commit; newConfig is as in [DB.UpdateEndpoint]. If somebody else changed one of
// them after the caller read it, nothing is stored and ok is false: the caller has to read
// them again.
func (db *DB) UpdateCredential(
	ctx context.Context, c *hook.Credential, e *hook.Endpoint, newConfig bool,
) (ok bool, err error) {
	at := max(db.now().UnixMicro(), c.UpdatedAt.UnixMicro()+1)
	var update *endpointUpdate
	if e != nil {
		update = db.newUpdate(e, newConfig)
	}
	errOvertaken := errors.New("changed since it was read") // rolls the change back
	err = db.change(ctx, func(t *tx) error {
		if err := t.auditCredential(c); err != nil {
			return err
		}
		sealed, err := db.sealAgain(t, c)
		if err != nil {
			return err
		}
		n, err := t.exec(`UPDATE credentials SET name = $4, state = $5, generation = $6, token_expires_at = $7,
			updated_at = $8, sealed = $9
			WHERE id = $1 AND tenant = $2 AND updated_at = $3`, c.ID[:], c.Tenant, c.UpdatedAt.UnixMicro(),
			c.Name, string(c.State), c.Generation, c.TokenExpires.UnixMicro(), at, sealed)
		if err == nil && n == 0 {
			err = errOvertaken
		}
		if err != nil || update == nil {
			return err
		}
		if ok, err := update.run(t); err != nil || ok {
			return err
		}
		return errOvertaken
	})
	if errors.Is(err, errOvertaken) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	c.UpdatedAt = time.UnixMicro(at).UTC()
	if update != nil {
		*e = update.next
		db.changed(hook.Change{Tenant: e.Tenant, Endpoint: e.ID})
	}
	return true, nil
}

// DeleteCredential removes a credential of a tenant and deletes its endpoint as
// [DB.DeleteEndpoint] does, under the same condition.
func (db *DB) DeleteCredential(ctx context.Context, tenant string, id hook.CredentialID, only hook.Precondition) error {
	var endpoint []byte
	err := db.change(ctx, func(t *tx) error {
		if only.Present { // its revision needs what is encrypted
			c, err := db.scanCredentialURL(t.row(`SELECT `+credentialColumns+`,
				(SELECT config FROM endpoints WHERE endpoints.id = credentials.endpoint)
				FROM credentials WHERE id = $1 AND tenant = $2`, id[:], tenant))
			if errors.Is(err, sql.ErrNoRows) {
				return hook.NotFound("credential", id.String())
			}
			if err == nil {
				err = only.Check(c.Revision())
			}
			if err != nil {
				return err
			}
		}
		e := hook.AuditEntry{Tenant: tenant, Action: hook.ActionCredentialDeleted, Object: id.String()}
		err := t.row(`DELETE FROM credentials WHERE id = $1 AND tenant = $2
			RETURNING endpoint, name`, id[:], tenant).Scan(&endpoint, &e.Name)
		if errors.Is(err, sql.ErrNoRows) {
			return hook.NotFound("credential", id.String())
		}
		if err == nil {
			err = t.audit(e)
		}
		if err != nil || endpoint == nil {
			return err
		}
		_, err = t.hideEndpoint(tenant, endpoint, hook.ReasonCredential, db.now())
		return err
	})
	if err == nil && endpoint != nil {
		db.changed(hook.Change{Tenant: tenant, Endpoint: hook.EndpointID(endpoint)})
	}
	return err
}

// ownerState is the state of the credential that an endpoint belongs to, "" if it belongs
// to none.
func (t *tx) ownerState(id hook.EndpointID) (state hook.CredentialState, err error) {
	err = t.row(`SELECT state FROM credentials WHERE endpoint = $1`, id[:]).Scan(&state)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return state, err
}

var errCredentialPaused = hook.Conflict("credential_paused",
	"The credential of this endpoint is paused. Make the credential active (PATCH …/credentials/{credential} "+
		"{\"state\":\"active\"}), and the endpoint becomes active, too.")

// mayBeActive fails with KindConflict if the endpoint belongs to a paused credential.
func (t *tx) mayBeActive(id hook.EndpointID) error {
	state, err := t.ownerState(id)
	if err == nil && state == hook.CredentialPaused {
		return errCredentialPaused
	}
	return err
}
