package client

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// CredentialInput asks for a credential. If the contract creates an endpoint with it, the members URL to Settings are
// those of the endpoint.
type CredentialInput struct {
	Contract   string            `json:"contract" minLength:"1" maxLength:"64" doc:"A contract that has credentials." example:"standard"`
	Name       string            `json:"name" maxLength:"200" doc:"For people. Tokens may contain it." example:"My app"`
	URL        string            `json:"url,omitempty" maxLength:"2048" doc:"Where requests to its endpoint go. Required if the contract creates an endpoint with the credential." example:"https://crm.example.com/hooks"`
	Method     string            `json:"method,omitempty" maxLength:"16" doc:"HTTP method of its endpoint, one of the contract's methods. If left out, the first of them." example:"POST"`
	EventTypes []string          `json:"event_types,omitempty" maxItems:"100" doc:"Event types that its endpoint gets, with * for any part of a name. If empty, it gets all."`
	Filter     string            `json:"filter,omitempty" maxLength:"4096" doc:"CEL condition over type and payload; only events for which it is true are delivered."`
	Headers    map[string]string `json:"headers,omitempty" doc:"Extra request headers of its endpoint."`
	Settings   json.RawMessage   `json:"settings,omitempty" doc:"What the contract asks for: an object of its settings schema, see GET /v1/contracts/{name}."`
	APIKey     string            `json:"apiKey,omitempty" maxLength:"256" doc:"A key that is in use already, in the form that the contract describes. If left out, one is generated."`
	Secret     string            `json:"secret,omitempty" maxLength:"256" doc:"A secret that is in use already, in the form that the contract describes. If left out, one is generated."`
}

// CredentialPatch changes a credential. Members that are left out stay as they are.
type CredentialPatch struct {
	State string `json:"state,omitempty" enum:"active,paused" doc:"paused: its tokens are refused, and its endpoint is paused; active: both work again." example:"paused"`
	Name  string `json:"name,omitempty" maxLength:"200" doc:"For people. New tokens and new deliveries contain it." example:"My app"`
	URL   string `json:"url,omitempty" maxLength:"2048" doc:"Where its requests go from now on." example:"https://crm.example.com/hooks"`
}

// Credential identifies a receiver: requests to it contain the credential's key, and with the credential's tokens it
// reads the records that it got events about.
type Credential struct {
	ID             string    `json:"id" example:"crd_06ew2c6eqfy7d00000000000g0"`
	Tenant         string    `json:"tenant" example:"acme"`
	Contract       string    `json:"contract"`
	Name           string    `json:"name" example:"My app"`
	State          string    `json:"state" enum:"active,paused"`
	Unreadable     bool      `json:"unreadable,omitempty" doc:"Its stored key and secret cannot be decrypted, so its tokens are refused. Delete it and create another."`
	Hint           string    `json:"hint" doc:"The last 4 characters of its key." example:"iks0"`
	Endpoint       string    `json:"endpoint,omitempty" doc:"Id of the endpoint that was created with the credential, and is deleted with it." example:"ep_06ew2c6eqfy7d00000000000g0"`
	URL            string    `json:"url,omitempty" doc:"Where the requests of that endpoint go." example:"https://crm.example.com/hooks"`
	TokenExpiresAt time.Time `json:"token_expires_at" doc:"When the newest token expires."`
	CreatedAt      time.Time `json:"created_at"`
	UpdatedAt      time.Time `json:"updated_at"`
	ETag           string    `json:"etag" doc:"Changes when somebody changes it. Send it as If-Match with a change, so that nobody else's is overwritten." example:"\"lb2k3n9c0w\""`
}

// NewCredential is a credential as it is shown once, when it is created.
type NewCredential struct {
	Credential
	APIKey    string    `json:"apiKey" doc:"The key that requests carry. It is shown only here." example:"kib5tcxwsw5ain9ppngi9fodmiks0z"`
	Secret    string    `json:"secret" doc:"It is shown only here, and never sent."`
	Token     string    `json:"token" doc:"Opens the look-ups of the contract, as in Authorization: Bearer …. It is shown only here."`
	ExpiresAt time.Time `json:"expiresAt" doc:"When the token expires."`
}

// TokenInput asks for a token.
type TokenInput struct {
	RevokeEarlier bool `json:"revoke_earlier,omitempty" doc:"Revoke all earlier tokens of the credential."`
}

// NewToken is a token as it is shown once, when it is created.
type NewToken struct {
	Token     string    `json:"token" doc:"Opens the look-ups of the contract, as in Authorization: Bearer …. It is shown only here."`
	ExpiresAt time.Time `json:"expiresAt" doc:"When the token expires."`
}

// CreateCredential creates a credential, and an endpoint with it if the contract says so.
func (c *Client) CreateCredential(ctx context.Context, tenant string, in CredentialInput) (*NewCredential, error) {
	return send[NewCredential](ctx, c, http.MethodPost, path("tenants", tenant, "credentials"), in)
}

// Credential reads a credential.
func (c *Client) Credential(ctx context.Context, tenant, credential string) (*Credential, error) {
	return get[Credential](ctx, c, path("tenants", tenant, "credentials", credential))
}

// Credentials lists the credentials of a tenant, newest first.
func (c *Client) Credentials(ctx context.Context, tenant string, p Paging) (*List[Credential], error) {
	return get[List[Credential]](ctx, c, withQuery(path("tenants", tenant, "credentials"), p.query()))
}

// PatchCredential changes a credential: pauses it, makes it active, renames it,
// or sends its requests to another URL.
func (c *Client) PatchCredential(ctx context.Context, tenant, credential string, in CredentialPatch) (*Credential, error) {
	return send[Credential](ctx, c, http.MethodPatch, path("tenants", tenant, "credentials", credential), in)
}

// DeleteCredential removes a credential and its endpoint. Its tokens are refused from then on.
func (c *Client) DeleteCredential(ctx context.Context, tenant, credential string) error {
	return c.call(ctx, http.MethodDelete, path("tenants", tenant, "credentials", credential), nil, nil, nil)
}

// CreateToken creates another token of a credential.
func (c *Client) CreateToken(ctx context.Context, tenant, credential string, in TokenInput) (*NewToken, error) {
	return send[NewToken](ctx, c, http.MethodPost, path("tenants", tenant, "credentials", credential, "tokens"), in)
}
