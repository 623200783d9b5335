package client

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// EndpointInput asks for an endpoint. Everything except the URL has a default.
type EndpointInput struct {
	Name        string            `json:"name,omitempty" maxLength:"200" doc:"For people." example:"CRM"`
	Contract    string            `json:"contract,omitempty" maxLength:"64" default:"standard" doc:"The webhook system that the endpoint belongs to. It cannot be changed later." example:"standard"`
	URL         string            `json:"url" maxLength:"2048" doc:"Where requests go: http or https, a public host unless the operator allows others. No user name or password in it; use headers." example:"https://crm.example.com/hooks"`
	Method      string            `json:"method,omitempty" maxLength:"16" doc:"HTTP method, one of the contract's methods. If left out, the first of them." example:"POST"`
	EventTypes  []string          `json:"event_types,omitempty" maxItems:"100" doc:"Event types that the endpoint gets, with * for any part of a name. If empty, it gets all." example:"[\"order.*\"]"`
	Filter      string            `json:"filter,omitempty" maxLength:"4096" doc:"CEL condition over type and payload; only events for which it is true are delivered." example:"payload.total > 100"`
	Headers     map[string]string `json:"headers,omitempty" doc:"Extra request headers. Values of Authorization, Cookie and of names with token, key, secret, password, auth or signature in them are shown masked."`
	Auth        *Auth             `json:"auth,omitempty" doc:"How requests authenticate, unless the contract says so: one of basic, bearer and oauth2. It fills in the header Authorization. Secret members are shown masked."`
	TLS         *TLS              `json:"tls,omitempty" doc:"A client certificate that the receiver demands, and authorities that may sign the receiver's certificate, all in PEM."`
	Settings    json.RawMessage   `json:"settings,omitempty" object:"true" doc:"What the contract asks for: an object of its settings schema, see GET /v1/contracts/{name}. Secret ones are shown masked."`
	Secret      string            `json:"secret,omitempty" maxLength:"16384" doc:"Signing secret, if the contract signs: whsec_… or whsk_… for Standard Webhooks; under other contracts any text of 8 to 512 bytes, or a private key in PEM. If left out, one is generated. It is never shown here, see GET …/secret." example:"whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"`
	TimeoutMS   int               `json:"timeout_ms,omitempty" minimum:"1" maximum:"300000" doc:"Time for one request, from connecting to the last byte of the answer." example:"15000"`
	Retry       []string          `json:"retry,omitempty" minItems:"1" maxItems:"100" doc:"Wait before each attempt, the first included: numbers with ms, s, m, h or d." example:"[\"0s\",\"5s\",\"5m\"]"`
	RateLimit   *RateLimit        `json:"rate_limit,omitempty" doc:"The highest rate of requests. If left out, there is no limit."`
	Concurrency int               `json:"concurrency,omitempty" minimum:"1" maximum:"1000" doc:"The largest number of requests at the same time." example:"32"`
	Ordered     bool              `json:"ordered,omitempty" doc:"Send one delivery at a time, in the order in which the events were accepted. A delivery that fails delays those after it."`
	Mode        string            `json:"mode,omitempty" enum:"at_least_once,at_most_once" doc:"at_least_once: send again until it succeeds. at_most_once: never send twice." example:"at_least_once"`
	GiveUp      *GiveUp           `json:"give_up,omitempty" doc:"When the endpoint is given up. If left out, its contract says it, or else the option disable-after of the server."`
	// Transformation is JavaScript, see docs/transformations.md.
	Transformation string `json:"transformation,omitempty" maxLength:"65536" doc:"JavaScript that may change each request or cancel it, if the contract allows it: function handler(webhook) { …; return webhook }." example:"function handler(webhook) { webhook.headers['x-source'] = 'shop'; return webhook }"`
	State          string `json:"state,omitempty" enum:"active,paused,disabled" default:"active" doc:"active: deliveries are sent. paused: they wait until the endpoint is resumed. disabled: none are created, and waiting ones are cancelled." example:"active"`
}

// Auth is how requests to an endpoint prove who sends them, beside a signature. One member is given.
type Auth struct {
	Basic  *BasicAuth `json:"basic,omitempty" doc:"A user name and a password (RFC 7617), sent in UTF-8."`
	Bearer string     `json:"bearer,omitempty" maxLength:"8192" doc:"A token that does not change: Authorization: Bearer …" example:"s3cr3t-token"`
	OAuth2 *OAuth2    `json:"oauth2,omitempty" doc:"Client credentials (RFC 6749 section 4.4): Gancho fetches a token, keeps it until shortly before it expires, and fetches another when the receiver answers 401."`
}

// BasicAuth are a user name and a password.
type BasicAuth struct {
	User     string `json:"user,omitempty" maxLength:"4096" doc:"Without a colon." example:"acme"`
	Password string `json:"password,omitempty" maxLength:"4096" doc:"May be empty." example:"opensesame"`
}

// OAuth2 says where Gancho fetches tokens, and by what it is known there.
type OAuth2 struct {
	TokenURL     string `json:"token_url,omitempty" maxLength:"2048" doc:"Where tokens are given." example:"https://login.example.com/oauth2/token"`
	ClientID     string `json:"client_id,omitempty" maxLength:"4096" example:"gancho"`
	ClientSecret string `json:"client_secret,omitempty" maxLength:"8192" example:"c0nfidential"`
	Scope        string `json:"scope,omitempty" maxLength:"4096" doc:"Scopes, separated by spaces." example:"hooks.write"`
	Audience     string `json:"audience,omitempty" maxLength:"4096" doc:"A parameter that some servers want." example:"https://api.example.com"`
	Style        string `json:"style,omitempty" enum:"header,body" doc:"How id and secret are sent: as Basic credentials (header, the default), or in the form (body)."`
}

// TLS is what an endpoint shows to its receiver in the TLS handshake, and whom it trusts.
type TLS struct {
	Certificate string `json:"certificate,omitempty" maxLength:"65536" doc:"The client certificate in PEM, followed by its chain."`
	Key         string `json:"key,omitempty" maxLength:"65536" doc:"Its private key in PEM, without a passphrase. It is stored encrypted and never shown."`
	CA          string `json:"ca,omitempty" maxLength:"65536" doc:"Authorities in PEM that may sign the receiver's certificate, beside those that everybody trusts."`
}

// Certificate is what there is to know of a certificate of an endpoint.
type Certificate struct {
	Use       string    `json:"use" enum:"client,ca" doc:"client: it is shown to the receiver. ca: it may sign the receiver's."`
	Subject   string    `json:"subject" example:"CN=gancho,O=Acme"`
	Issuer    string    `json:"issuer" example:"CN=Acme CA"`
	ValidFrom time.Time `json:"valid_from"`
	ExpiresAt time.Time `json:"expires_at"`
}

// GiveUp says when an endpoint that only fails is given up, and what that means.
type GiveUp struct {
	After string `json:"after,omitempty" doc:"How many failed in a row; with of: time, how long: a number with s, m, h or d." example:"15"`
	Of    string `json:"of,omitempty" enum:"attempts,deliveries,time" doc:"What counts since the last success: attempts that failed, deliveries that ended as failed, or the time since the first failure. attempts, if left out." example:"attempts"`
	Do    string `json:"do,omitempty" enum:"disable,pause,nothing" doc:"What becomes of the endpoint; nothing: it is tried for ever. disable, if left out." example:"pause"`
}

// LastTest is how the latest test of an endpoint ended.
type LastTest struct {
	At     time.Time `json:"at"`
	Status string    `json:"status" doc:"delivered, or the error class." example:"delivered"`
}

// RateLimit limits how often requests are made.
type RateLimit struct {
	PerSecond float64 `json:"per_second" exclusiveMinimum:"0" maximum:"100000" doc:"Requests per second, on average." example:"50"`
}

// Endpoint is where deliveries go. Members that the input left out show the value in force.
type Endpoint struct {
	ID              string            `json:"id" example:"ep_06ew2c6eqfy7d00000000000g0"`
	Tenant          string            `json:"tenant" example:"acme"`
	Name            string            `json:"name" example:"CRM"`
	Contract        string            `json:"contract" example:"standard"`
	ContractVersion int64             `json:"contract_version" doc:"The version of the contract that serves the endpoint: the newest that the endpoint satisfies. 0: the contract was removed."`
	Credential      string            `json:"credential,omitempty" doc:"The credential with which the endpoint was created, and will be deleted." example:"crd_06ew2c6eqfy7d00000000000g0"`
	URL             string            `json:"url" example:"https://crm.example.com/hooks"`
	Method          string            `json:"method" example:"POST"`
	EventTypes      []string          `json:"event_types"`
	Filter          string            `json:"filter"`
	Headers         map[string]string `json:"headers" doc:"Extra headers; values that look like credentials are masked."`
	Auth            *Auth             `json:"auth" doc:"How requests authenticate; secret members are masked. null: as the contract says, or not."`
	TLS             *TLS              `json:"tls" doc:"Its client certificate and the authorities that it trusts; the private key is masked. null: none."`
	Certificates    []Certificate     `json:"certificates,omitempty" doc:"What is in tls: the client certificate first, then the authorities."`
	Settings        json.RawMessage   `json:"settings" object:"true" doc:"The contract's settings; secret ones are masked."`
	TimeoutMS       int               `json:"timeout_ms" example:"15000"`
	Retry           []string          `json:"retry" example:"[\"0s\",\"5s\",\"5m\"]"`
	RateLimit       *RateLimit        `json:"rate_limit" doc:"null: no limit."`
	Concurrency     int               `json:"concurrency" example:"32"`
	Ordered         bool              `json:"ordered"`
	GiveUp          *GiveUp           `json:"give_up" doc:"When it is given up: as it says itself, or its contract. null: by the option disable-after of the server."`
	Mode            string            `json:"mode" enum:"at_least_once,at_most_once"`
	Transformation  string            `json:"transformation" doc:"JavaScript that may change each request; empty: none."`
	State           string            `json:"state" enum:"active,paused,disabled"`
	HeldBy          string            `json:"held_by,omitempty" doc:"The delivery that failed and holds the strict queue of the endpoint, until somebody retries or skips it. Only where one endpoint is read."`
	StateReason     string            `json:"state_reason" doc:"Why the endpoint is not active: by_person, gone (it answered 410), failing_long, failing_often, answer_rule (a rule of the contract held), unverified (it has not given the right answer to the handshake of its contract), credential (its credential was paused). Empty while it is active."`
	Unreadable      bool              `json:"unreadable,omitempty" doc:"Its stored configuration cannot be decrypted and is shown empty. No deliveries are created for it, and waiting ones are held. A PATCH with its url and settings makes it work again."`
	StateAt         time.Time         `json:"state_at" doc:"When it came into this state."`
	LastRun         *time.Time        `json:"last_run" doc:"When the latest request to the endpoint began; null: there was none."`
	LastStatus      string            `json:"last_status" doc:"How that request ended: delivered, or the error class. Empty: there was none."`
	LastTest        *LastTest         `json:"last_test" doc:"How its latest test ended; null: it was never tested."`
	FailingSince    *time.Time        `json:"failing_since" doc:"The first failure since the last success, correction or long silence; null: it does not fail."`
	CreatedAt       time.Time         `json:"created_at"`
	UpdatedAt       time.Time         `json:"updated_at"`
	Version         int64             `json:"version" doc:"Counts the changes of its configuration."`
	ETag            string            `json:"etag" doc:"Changes when somebody changes it. Send it as If-Match with a change, so that nobody else's is overwritten." example:"\"lb2k3n9c0w\""`
}

// EndpointSecret are the signing secrets of an endpoint.
type EndpointSecret struct {
	Secret   string      `json:"secret" doc:"The secret in force. Give it to the receiver if there is no public_key." example:"whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"`
	Public   string      `json:"public_key,omitempty" doc:"The public half to give to the receiver (whpk_… or PEM), if the secret is a private key."`
	Previous []OldSecret `json:"previous" doc:"Replaced secrets with which requests are still signed as well."`
}

// OldSecret is a replaced secret, with which requests are signed as well until it expires.
type OldSecret struct {
	Secret    string    `json:"secret"`
	ExpiresAt time.Time `json:"expires_at"`
}

// SecretInfo is a signing secret without its text.
type SecretInfo struct {
	ID        string     `json:"id" example:"sec_0b5f3a1c"`
	Hint      string     `json:"hint" doc:"The last 4 characters of the secret." example:"7oD9"`
	Current   bool       `json:"current" doc:"It is the newest secret. Requests are signed with the others as well, until they expire."`
	CreatedAt *time.Time `json:"created_at" doc:"null: an earlier release created it."`
	ExpiresAt *time.Time `json:"expires_at" doc:"null: it does not expire."`
}

// RotateInput says how to replace a signing secret.
type RotateInput struct {
	Secret  string `json:"secret,omitempty" maxLength:"16384" doc:"The new secret. If left out, one is generated."`
	Overlap string `json:"overlap,omitempty" maxLength:"20" default:"24h" doc:"How long requests are signed with the old secret as well, at most 30d. 0s: not at all, as under contracts whose requests have room for one signature only. If it is given, secrets that were replaced before sign for this long at most, too." example:"24h"`
}

// CreateEndpoint creates an endpoint.
func (c *Client) CreateEndpoint(ctx context.Context, tenant string, in EndpointInput) (*Endpoint, error) {
	return send[Endpoint](ctx, c, http.MethodPost, path("tenants", tenant, "endpoints"), in)
}

// Endpoint reads an endpoint.
func (c *Client) Endpoint(ctx context.Context, tenant, endpoint string) (*Endpoint, error) {
	return get[Endpoint](ctx, c, path("tenants", tenant, "endpoints", endpoint))
}

// Endpoints lists the endpoints of a tenant.
func (c *Client) Endpoints(ctx context.Context, tenant string, p Paging) (*List[Endpoint], error) {
	return get[List[Endpoint]](ctx, c, withQuery(path("tenants", tenant, "endpoints"), p.query()))
}

// PatchEndpoint changes an endpoint by a JSON Merge Patch (RFC 7396) on its [EndpointInput]: null sets the default of a
// member, and members that are left out stay as they are.
func (c *Client) PatchEndpoint(ctx context.Context, tenant, endpoint string, patch map[string]any) (*Endpoint, error) {
	return send[Endpoint](ctx, c, http.MethodPatch, path("tenants", tenant, "endpoints", endpoint), patch)
}

// DeleteEndpoint removes an endpoint and cancels its waiting deliveries.
func (c *Client) DeleteEndpoint(ctx context.Context, tenant, endpoint string) error {
	return c.call(ctx, http.MethodDelete, path("tenants", tenant, "endpoints", endpoint), nil, nil, nil)
}

// PauseEndpoint makes the deliveries to an endpoint wait until [Client.ResumeEndpoint].
func (c *Client) PauseEndpoint(ctx context.Context, tenant, endpoint string) (*Endpoint, error) {
	return send[Endpoint](ctx, c, http.MethodPost, path("tenants", tenant, "endpoints", endpoint, "pause"), nil)
}

// ResumeEndpoint makes a paused or disabled endpoint active.
func (c *Client) ResumeEndpoint(ctx context.Context, tenant, endpoint string) (*Endpoint, error) {
	return send[Endpoint](ctx, c, http.MethodPost, path("tenants", tenant, "endpoints", endpoint, "resume"), nil)
}

// DisableEndpoint stops creating deliveries to an endpoint, and cancels its waiting ones.
func (c *Client) DisableEndpoint(ctx context.Context, tenant, endpoint string) (*Endpoint, error) {
	return send[Endpoint](ctx, c, http.MethodPost, path("tenants", tenant, "endpoints", endpoint, "disable"), nil)
}

// EndpointSecret reads the signing secrets of an endpoint.
func (c *Client) EndpointSecret(ctx context.Context, tenant, endpoint string) (*EndpointSecret, error) {
	return get[EndpointSecret](ctx, c, path("tenants", tenant, "endpoints", endpoint, "secret"))
}

// RotateSecret replaces the signing secret of an endpoint.
func (c *Client) RotateSecret(ctx context.Context, tenant, endpoint string, in RotateInput) (*EndpointSecret, error) {
	return send[EndpointSecret](ctx, c, http.MethodPost, path("tenants", tenant, "endpoints", endpoint, "rotate-secret"), in)
}

// Secrets lists the signing secrets of an endpoint, newest first, without their texts.
func (c *Client) Secrets(ctx context.Context, tenant, endpoint string) (*List[SecretInfo], error) {
	return get[List[SecretInfo]](ctx, c, path("tenants", tenant, "endpoints", endpoint, "secrets"))
}

// EndSecret ends a replaced signing secret at once.
func (c *Client) EndSecret(ctx context.Context, tenant, endpoint, secret string) error {
	return c.call(ctx, http.MethodDelete, path("tenants", tenant, "endpoints", endpoint, "secrets", secret), nil, nil, nil)
}
