package client

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// Tenant is one customer company of the product that sends webhooks.
type Tenant struct {
	ID        string          `json:"id" doc:"Chosen by the caller." example:"acme"`
	Name      string          `json:"name" example:"Acme"`
	Metadata  json.RawMessage `json:"metadata" object:"true" doc:"The caller's own JSON object."`
	CreatedAt time.Time       `json:"created_at"`
	UpdatedAt time.Time       `json:"updated_at"`
}

// TenantInput creates or changes a tenant. Members that are left out stay as they are.
type TenantInput struct {
	Name     *string         `json:"name,omitempty" maxLength:"200" doc:"For people." example:"Acme"`
	Metadata json.RawMessage `json:"metadata,omitempty" object:"true" doc:"A JSON object of your own, of at most 16 KiB. A new one replaces it as a whole."`
}

// PutTenant creates the tenant or changes it.
func (c *Client) PutTenant(ctx context.Context, tenant string, in TenantInput) (*Tenant, error) {
	return send[Tenant](ctx, c, http.MethodPut, path("tenants", tenant), in)
}

// Tenant reads a tenant.
func (c *Client) Tenant(ctx context.Context, tenant string) (*Tenant, error) {
	return get[Tenant](ctx, c, path("tenants", tenant))
}

// Tenants lists tenants, ordered by id.
func (c *Client) Tenants(ctx context.Context, p Paging) (*List[Tenant], error) {
	return get[List[Tenant]](ctx, c, withQuery(path("tenants"), p.query()))
}

// DeleteTenant removes a tenant and everything it owns.
func (c *Client) DeleteTenant(ctx context.Context, tenant string) error {
	return c.call(ctx, http.MethodDelete, path("tenants", tenant), nil, nil, nil)
}
