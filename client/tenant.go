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

	Limits       Limits `json:"limits" doc:"What is set for this tenant; what is left out has the default of the installation."`
	Egress       Hosts  `json:"egress" doc:"To which hosts the tenant's requests may go, beside what the installation and the contract allow."`
	SealPayloads bool   `json:"seal_payloads" doc:"Payloads of events, documents of records and stored answers of the tenant are encrypted before they are stored."`

	Portal PortalAccess `json:"portal" doc:"What people of the tenant see and do in the portal, where their link does not say it."`

	SenderAddresses []string `json:"sender_addresses" doc:"From which addresses requests come, the same for all tenants (option sender-addresses); empty: unknown." example:"[\"203.0.113.7\"]"`
}

// Limits are what a tenant or an API key may use.
type Limits struct {
	EventsPerSecond   int   `json:"events_per_second,omitempty" minimum:"0" doc:"On average; a burst of ten seconds' worth is accepted. Each node counts by itself." example:"50"`
	EventsPerMonth    int64 `json:"events_per_month,omitempty" minimum:"0" doc:"In a calendar month, UTC." example:"1000000"`
	BytesPerMonth     int64 `json:"bytes_per_month,omitempty" minimum:"0" doc:"Bytes of payloads and records in a calendar month, UTC." example:"1000000000"`
	Endpoints         int   `json:"endpoints,omitempty" minimum:"0" doc:"Endpoints of all contracts together." example:"20"`
	ScriptMSPerMinute int   `json:"script_ms_per_minute,omitempty" minimum:"0" doc:"Milliseconds that transformations may run in a minute. Each node counts by itself." example:"5000"`
}

// Hosts says to which hosts requests may go. An entry is a host (example.com), all hosts below one (*.example.com), an
// address, or a range of addresses (203.0.113.0/24).
type Hosts struct {
	Allow []string `json:"allow,omitempty" maxItems:"200" doc:"Only these; if it is empty, all." example:"[\"*.example.com\"]"`
	Deny  []string `json:"deny,omitempty" maxItems:"200" doc:"Never these, also if allow names them." example:"[\"203.0.113.0/24\"]"`
}

// Usage is what a tenant has used in a month, and what it may use.
type Usage struct {
	Month     time.Time `json:"month" doc:"Beginning of the calendar month, UTC."`
	Events    int64     `json:"events" doc:"Events that were accepted, and that changes of records fired." example:"12345"`
	Bytes     int64     `json:"bytes" doc:"Bytes of their payloads, and of records that were written." example:"4567890"`
	Endpoints int       `json:"endpoints" doc:"Endpoints that exist now." example:"3"`
	Limits    Limits    `json:"limits" doc:"The tenant's limits, with the defaults of the installation; a limit that is left out does not exist."`
}

// TenantInput creates or changes a tenant. Members that are left out stay as they are.
type TenantInput struct {
	Name     *string         `json:"name,omitempty" maxLength:"200" doc:"For people." example:"Acme"`
	Metadata json.RawMessage `json:"metadata,omitempty" object:"true" doc:"A JSON object of your own, of at most 16 KiB. A new one replaces it as a whole."`

	Limits       *Limits `json:"limits,omitempty" doc:"What the tenant may use. A new one replaces all limits; {} gives the defaults of the installation."`
	Egress       *Hosts  `json:"egress,omitempty" doc:"To which hosts the tenant's requests may go. A new one replaces both lists."`
	SealPayloads *bool   `json:"seal_payloads,omitempty" doc:"Encrypt payloads of events, documents of records and stored answers before they are stored, from now on. What is stored already stays as it is, also when it is taken back."`

	Portal *PortalAccess `json:"portal,omitempty" doc:"What people of the tenant see and do in the portal, where their link does not say it. A new one replaces all three lists, at once for open sessions, too; {} gives the usual."`
}

// PutTenant creates the tenant or changes it.
func (c *Client) PutTenant(ctx context.Context, tenant string, in TenantInput) (*Tenant, error) {
	return send[Tenant](ctx, c, http.MethodPut, path("tenants", tenant), in)
}

// Tenant reads a tenant.
func (c *Client) Tenant(ctx context.Context, tenant string) (*Tenant, error) {
	return get[Tenant](ctx, c, path("tenants", tenant))
}

// Usage reads what a tenant has used in this month.
func (c *Client) Usage(ctx context.Context, tenant string) (*Usage, error) {
	return get[Usage](ctx, c, path("tenants", tenant, "usage"))
}

// Tenants lists tenants, ordered by id.
func (c *Client) Tenants(ctx context.Context, p Paging) (*List[Tenant], error) {
	return get[List[Tenant]](ctx, c, withQuery(path("tenants"), p.query()))
}

// DeleteTenant removes a tenant and everything it owns.
func (c *Client) DeleteTenant(ctx context.Context, tenant string) error {
	return c.call(ctx, http.MethodDelete, path("tenants", tenant), nil, nil, nil)
}

// Erasure is the report about a tenant that was erased. It has nothing of the tenant but its id.
type Erasure struct {
	Tenant  string           `json:"tenant" example:"acme"`
	BegunAt time.Time        `json:"begun_at"`
	EndedAt time.Time        `json:"ended_at"`
	Rows    map[string]int64 `json:"rows" doc:"How many rows each table had of the tenant, as far as it had some."`
	Hash    string           `json:"sha256" doc:"SHA-256, in hexadecimal, of these lines: tenant, begun_at, ended_at, and table=count of each table in order. The audit has it, too."`
}

// EraseTenant deletes a tenant and removes all its data before it returns.
func (c *Client) EraseTenant(ctx context.Context, tenant string) (*Erasure, error) {
	return send[Erasure](ctx, c, http.MethodPost, path("tenants", tenant, "erase"), nil)
}

// TenantFile says what was in the file of a tenant that was imported.
type TenantFile struct {
	Tenant          string            `json:"tenant" example:"acme"`
	Rows            int               `json:"rows" doc:"How many rows of all tables it had."`
	Unreadable      []UnreadableValue `json:"unreadable" doc:"The first 1,000 values that could not be decrypted when the file was written. They are here as they were there: unreadable. Enter them again."`
	UnreadableCount int               `json:"unreadable_count" doc:"How many such values there are."`
}

// UnreadableValue is a value in a tenant's file that could not be decrypted.
type UnreadableValue struct {
	Table  string `json:"table" example:"endpoints"`
	Column string `json:"column" example:"config"`
	ID     string `json:"id" example:"ep_06ew2c6eqfy7d00000000000g0"`
	Why    string `json:"why"`
}
