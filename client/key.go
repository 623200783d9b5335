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

	Scopes    []string `json:"scopes,omitempty" maxItems:"100" doc:"The only groups of operations that the key may use; each operation names its scope. They narrow the role and never widen it. If left out, all that the role allows." example:"[\"events:publish\",\"endpoints:read\"]"`
	Contracts []string `json:"contracts,omitempty" maxItems:"100" doc:"The only contracts that the key may touch: their events, records, endpoints and documents. If left out, all." example:"[\"standard\"]"`
	Addresses []string `json:"allowed_addresses,omitempty" maxItems:"100" doc:"The only addresses from which the key may be used, as IP addresses or ranges. If left out, any." example:"[\"192.0.2.0/24\"]"`

	Limits *KeyLimits `json:"limits,omitempty" doc:"What the key may use, beside the limits of its tenant. If left out, nothing is limited."`
}

// KeyLimits are what an API key may use, beside the limits of its tenant.
type KeyLimits struct {
	EventsPerSecond int   `json:"events_per_second,omitempty" minimum:"0" doc:"On average; a burst of ten seconds' worth is accepted. Each node counts by itself." example:"50"`
	EventsPerMonth  int64 `json:"events_per_month,omitempty" minimum:"0" doc:"In a calendar month, UTC." example:"1000000"`
	BytesPerMonth   int64 `json:"bytes_per_month,omitempty" minimum:"0" doc:"Bytes of payloads and records in a calendar month, UTC." example:"1000000000"`
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
	LastUsed  *time.Time `json:"last_used_at" doc:"When the key was used last, to about a minute. null: not yet."`

	Scopes    []string  `json:"scopes" doc:"The only groups of operations that the key may use. Empty: all that the role allows."`
	Contracts []string  `json:"contracts" doc:"The only contracts that the key may touch. Empty: all."`
	Addresses []string  `json:"allowed_addresses" doc:"The only addresses from which the key may be used. Empty: any."`
	Limits    KeyLimits `json:"limits" doc:"What the key may use, beside the limits of its tenant; a limit that is left out does not exist."`
	Earlier   []KeyText `json:"earlier" doc:"Texts that rotations replaced and that still work, the one that ends last first."`
}

// KeyText is a replaced text of a key.
type KeyText struct {
	Hint   string    `json:"hint" doc:"The last 4 characters of the text." example:"x7Qa"`
	EndsAt time.Time `json:"ends_at" doc:"When it stops working."`
}

// KeyRotation asks for a new text of a key.
type KeyRotation struct {
	Overlap string `json:"overlap,omitempty" maxLength:"32" doc:"How long the text until now works beside the new one, up to 30d. 0s: not at all. Texts that earlier rotations replaced end no later. If left out, 24h." example:"24h"`
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

// RotateKey gives an API key a new text. The one until now works until the overlap ends.
func (c *Client) RotateKey(ctx context.Context, key string, in KeyRotation) (*NewKey, error) {
	return send[NewKey](ctx, c, http.MethodPost, path("keys", key, "rotate"), in)
}

// EndEarlierKeyTexts ends the texts of an API key that rotations replaced, at once.
func (c *Client) EndEarlierKeyTexts(ctx context.Context, key string) error {
	return c.call(ctx, http.MethodDelete, path("keys", key, "earlier"), nil, nil, nil)
}

// DeleteKey revokes an API key. It stops working at once.
func (c *Client) DeleteKey(ctx context.Context, key string) error {
	return c.call(ctx, http.MethodDelete, path("keys", key), nil, nil, nil)
}
