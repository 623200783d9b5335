package client

import (
	"context"
	"net/http"
	"time"
)

// KeyInput asks for an API key.
type KeyInput struct {
	Name      string     `json:"name,omitempty" maxLength:"200" doc:"For people." example:"checkout service"`
	Role      string     `json:"role" enum:"operator,tenant,publish,read" doc:"operator: everything. tenant: everything within one tenant. publish: only publish events. read: read everything except secrets, and change nothing."`
	Tenant    string     `json:"tenant,omitempty" maxLength:"64" doc:"The only tenant for which the key may be used. Required for the role tenant, not allowed for operator. Keys of the other roles are for all tenants if it is left out." example:"acme"`
	ExpiresAt *time.Time `json:"expires_at,omitempty" doc:"When the key stops working. If left out, never."`
}

// Key is an API key without its secret part.
type Key struct {
	ID        string     `json:"id" example:"key_06ew2c6eqfy7d00000000000g0"`
	Name      string     `json:"name" example:"checkout service"`
	Role      string     `json:"role" enum:"operator,tenant,publish,read"`
	Tenant    string     `json:"tenant,omitempty" example:"acme"`
	Hint      string     `json:"hint" doc:"The last 4 characters of the key." example:"x7Qa"`
	ExpiresAt *time.Time `json:"expires_at" doc:"null: never."`
	CreatedAt time.Time  `json:"created_at"`
}

// NewKey is a key as it is shown once, when it is created.
type NewKey struct {
	Key
	Text string `json:"key" doc:"The key itself. It is shown only here." example:"gk_…"`
}

// CreateKey creates an API key.
func (c *Client) CreateKey(ctx context.Context, in KeyInput) (*NewKey, error) {
	return send[NewKey](ctx, c, http.MethodPost, path("keys"), in)
}

// Keys lists API keys, newest first.
func (c *Client) Keys(ctx context.Context, p Paging) (*List[Key], error) {
	return get[List[Key]](ctx, c, withQuery(path("keys"), p.query()))
}

// DeleteKey revokes an API key. It stops working at once.
func (c *Client) DeleteKey(ctx context.Context, key string) error {
	return c.call(ctx, http.MethodDelete, path("keys", key), nil, nil, nil)
}
