package store

import (
	"context"

	"gancho/internal/hook"
)

// SetPublicDocs stores whether everybody can read the documentation of a contract.
func (db *DB) SetPublicDocs(ctx context.Context, contract string, on bool) error {
	return db.change(ctx, func(t *tx) error {
		entry := hook.AuditEntry{Action: hook.ActionContractChanged, Object: contract, Fields: []string{"public_docs"}}
		if err := t.audit(entry); err != nil {
			return err
		}
		query := `DELETE FROM public_docs WHERE contract = $1`
		if on {
			query = `INSERT INTO public_docs (contract) VALUES ($1) ON CONFLICT (contract) DO NOTHING`
		}
		_, err := t.exec(query, contract)
		return err
	})
}

// PublicDocs are the contracts whose documentation everybody can read, by name.
func (db *DB) PublicDocs(ctx context.Context) ([]string, error) {
	scan := func(r scanner) (name string, err error) { return name, r.Scan(&name) }
	return collect(ctx, db.read, scan, `SELECT contract FROM public_docs ORDER BY contract`)
}

// HasPublicDocs reports whether everybody can read the documentation of a contract.
func (db *DB) HasPublicDocs(ctx context.Context, contract string) (on bool, err error) {
	err = db.read.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM public_docs WHERE contract = $1)`, contract).Scan(&on)
	return on, storageError(err)
}
