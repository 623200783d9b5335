package admin

import (
	"context"
	"errors"
	"fmt"
	"io"

	"gancho/internal/egress"
	"gancho/internal/hook"
	"gancho/internal/rawjson"
)

const maxMetadata = 16 << 10 // bytes

// TenantStore is what [Tenants] need of the database.
type TenantStore interface {
	// PutTenant creates a tenant, or changes it. What is nil stays as it is.
	PutTenant(ctx context.Context, id string, change hook.TenantChange) (t hook.Tenant, created bool, err error)
	Tenant(ctx context.Context, id string) (hook.Tenant, error)
	// Tenants lists at most limit tenants by id, beginning after the given id.
	Tenants(ctx context.Context, after string, limit int) (list []hook.Tenant, more bool, err error)
	DeleteTenant(ctx context.Context, id string) error
	// EraseTenant removes everything of a tenant before it returns.
	EraseTenant(ctx context.Context, id string) (hook.Erasure, error)
	// QuietTenant pauses the endpoints of a tenant, and returns when nothing of it is being sent.
	QuietTenant(ctx context.Context, id string) error
	// ExportTenant writes everything of a tenant, with its secrets in plain text.
	ExportTenant(ctx context.Context, id string, w io.Writer) (hook.TenantFile, error)
	// ImportTenant stores what ExportTenant has written, all of it or nothing.
	ImportTenant(ctx context.Context, open func() (io.ReadCloser, error)) (hook.TenantFile, error)
}

// Tenants are the use cases of tenants.
type Tenants struct {
	Store TenantStore
	Spool string // directory for files that are being imported; "": that of the system
}

// Put creates a tenant, or changes the one of that id. What is nil stays as it is. Metadata is a JSON object of at most
// 16 KiB. The codes of its errors are tenant_invalid (the id), request_invalid and tenant_being_deleted.
func (x Tenants) Put(ctx context.Context, id string, c hook.TenantChange) (t hook.Tenant, created bool, err error) {
	if !hook.ValidTenantID(id) {
		return t, false, hook.InvalidField("tenant_invalid",
			hook.Field("/id", "tenant_id", "A tenant id has 1 to 64 characters of a-z A-Z 0-9 _ . - and nothing else."))
	}
	var wrong []hook.FieldError
	switch {
	case c.Metadata == nil:
	case rawjson.KindOf(c.Metadata) != '{':
		wrong = append(wrong, hook.Field("/metadata", "object_needed", "This has to be an object."))
	case len(c.Metadata) > maxMetadata:
		wrong = append(wrong, hook.Field("/metadata", "too_many_bytes", "This has at most {max}.", "max", "16 KiB"))
	}
	if c.Egress != nil {
		if _, err := egress.Compile(*c.Egress); err != nil {
			at, entry := "/egress", ""
			if w, ok := errors.AsType[*egress.Wrong](err); ok {
				at, entry = fmt.Sprintf("/egress/%s/%d", w.List, w.Index), w.Entry
			}
			wrong = append(wrong, hook.Field(at, "egress_entry",
				"{entry} is no host, address or range of addresses. Write it like example.com, *.example.com or 203.0.113.0/24.",
				"entry", entry))
		}
	}
	if c.Portal != nil {
		wrong = append(wrong, checkPortal(*c.Portal, "/portal")...)
	}
	if len(wrong) > 0 {
		return t, false, hook.InvalidFields("request_invalid", wrong...)
	}
	return x.Store.PutTenant(ctx, id, c)
}

// Get reads a tenant. The code of its error is tenant_not_found.
func (x Tenants) Get(ctx context.Context, id string) (hook.Tenant, error) {
	return x.Store.Tenant(ctx, id)
}

// List lists at most limit tenants by id, beginning after the given id ("": at the first).
func (x Tenants) List(ctx context.Context, after string, limit int) (list []hook.Tenant, more bool, err error) {
	return x.Store.Tenants(ctx, after, limit)
}

// Delete removes a tenant with its endpoints and keys at once; the rest of its data is removed in the background. The
// code of its error is tenant_not_found.
func (x Tenants) Delete(ctx context.Context, id string) error { return x.Store.DeleteTenant(ctx, id) }

// Erase removes a tenant and all its data before it returns, and reports what there was. It goes on if the caller
// leaves, so that the report gets into the audit. The codes of its errors are
// tenant_not_found and tenant_not_erased.
func (x Tenants) Erase(ctx context.Context, id string) (hook.Erasure, error) {
	return x.Store.EraseTenant(context.WithoutCancel(ctx), id)
}
