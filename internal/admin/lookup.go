package admin

import (
	"context"
	"time"

	"gancho/internal/bearer"
	"gancho/internal/contract"
	"gancho/internal/hook"
)

// LookupStore is what [Lookups] need of the database.
type LookupStore interface {
	// Credential is the credential of an id, whichever tenant has it.
	Credential(ctx context.Context, id hook.CredentialID) (*hook.Credential, error)
	Record(ctx context.Context, tenant, contract, kind, key string) (hook.Record, error)
}

// Lookups are what receivers do: they read the records that events were about, with a token of their credential. The
// token says whose records they may read; other records are reported as missing.
type Lookups struct{ Store LookupStore }

// Enter returns the credential of a token, if it belongs to the contract and is active. It is read from the database
// each time, so pausing and deleting a credential take effect at once, on every node. The errors are those of package
// bearer.
func (x Lookups) Enter(ctx context.Context, c *contract.Contract, token string) (*hook.Credential, error) {
	id, err := bearer.CredentialOf(token)
	if err != nil {
		return nil, err
	}
	cr, err := x.Store.Credential(ctx, id)
	if hook.IsKind(err, hook.KindNotFound) || err == nil && cr.Contract != c.Name {
		return nil, bearer.ErrInvalid
	}
	if err != nil {
		return nil, err
	}
	return cr, bearer.Check(token, cr, time.Now())
}

// Record is the record that a look-up of a credential finds by its key. The code of its error names the kind of the
// record, as in visit_not_found.
func (x Lookups) Record(ctx context.Context, cr *hook.Credential, kind, key string) (hook.Record, error) {
	if !contract.ValidRecordKey(key) {
		return hook.Record{}, hook.NotFound(kind, key)
	}
	record, err := x.Store.Record(ctx, cr.Tenant, cr.Contract, kind, key)
	if hook.IsKind(err, hook.KindNotFound) {
		err = hook.NotFound(kind, key)
	}
	return record, err
}
