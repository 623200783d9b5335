package client

import (
	"context"
	"net/http"
	"time"
)

// SessionInput signs a person in to the console.
type SessionInput struct {
	Key string `json:"key" minLength:"1" maxLength:"512" doc:"An API key or the admin key." example:"gk_…"`
}

// Session says who makes a request.
type Session struct {
	Name      string     `json:"name" doc:"Name of the key or of the person the portal link was made for." example:"checkout service"`
	Role      string     `json:"role" enum:"operator,tenant,publish,read"`
	Tenant    string     `json:"tenant" doc:"The tenant to which it is limited; empty: all tenants." example:"acme"`
	Portal    bool       `json:"portal" doc:"It began with a portal link."`
	ExpiresAt *time.Time `json:"expires_at" doc:"When it ends; null: when the key is revoked."`

	Access *PortalAccess `json:"access,omitempty" doc:"Of a session that began with a portal link: what it sees and does now. Without contracts: all that are in force."`
}

// PortalAccess says what people see and do in the portal. A list that is nil says nothing, so that the usual holds; one
// that is empty allows nothing.
type PortalAccess struct {
	Contracts []string `json:"contracts,omitzero" required:"false" minItems:"1" maxItems:"100" doc:"Names of the only contracts that they see. If nothing is said: those of which the tenant has an endpoint, a credential, a record or one of its latest 200 events; if there is none, all that are in force." example:"[\"standard\"]"`
	Pages     []string `json:"pages,omitzero" required:"false" maxItems:"100" doc:"Pages that they see: endpoints, test, deliveries, documentation, credentials, events, records, schedules, network." example:"[\"endpoints\",\"deliveries\"]"`
	Actions   []string `json:"actions,omitzero" required:"false" maxItems:"100" doc:"What they may do: edit_endpoints, edit_credentials, retry, publish, edit_records, run_schedules, reveal (personal data)." example:"[\"edit_endpoints\",\"retry\"]"`
}

// PortalLinkInput asks for a link with which people of a tenant open its portal.
type PortalLinkInput struct {
	Name       string `json:"name,omitempty" maxLength:"200" doc:"Name of the person for whom it is. The audit shows it." example:"Ana Gómez"`
	Language   string `json:"lang,omitempty" enum:"en,es,pt" doc:"Language of the pages. If left out, that of the browser." example:"es"`
	Accent     string `json:"accent,omitempty" pattern:"^#[0-9a-fA-F]{6}$" doc:"Accent colour, so that the pages look like yours." example:"#0b7285"`
	ReadOnly   bool   `json:"read_only,omitempty" doc:"The person can read, and change nothing."`
	ExpiresIn  string `json:"expires_in,omitempty" maxLength:"20" default:"10m" doc:"How long the link can be opened, at most 24h." example:"10m"`
	SessionFor string `json:"session_for,omitempty" maxLength:"20" default:"8h" doc:"How long a session lasts that begins with it, at most 24h." example:"8h"`

	PortalAccess
}

// PortalLink is a link with which people of a tenant open its portal. It is listed until its last session has ended.
type PortalLink struct {
	ID        string     `json:"id" example:"ptl_06ew2c6eqfy7d00000000000g0"`
	Name      string     `json:"name" doc:"Name of the person for whom it was created." example:"Ana Gómez"`
	ReadOnly  bool       `json:"read_only" doc:"The person can read, and change nothing."`
	CreatedAt time.Time  `json:"created_at"`
	ExpiresAt time.Time  `json:"expires_at" doc:"Until then it can be opened."`
	OpenedAt  *time.Time `json:"opened_at" doc:"When it was opened last; null: never."`
	EndsAt    time.Time  `json:"ends_at" doc:"When the link can no longer be opened and its last session has ended."`

	PortalAccess
}

// NewPortalLink is a link to open, or to show in an iframe. It is shown once, when it is created.
type NewPortalLink struct {
	PortalLink
	URL string `json:"url" doc:"Whoever has the link can open the portal, so send it to the person at once, over TLS. Browsers never send the part after # to a server, so it is in no log." example:"https://hooks.example.com/portal#…"`
}

// PortalSessionInput exchanges the token of a portal link for a session.
type PortalSessionInput struct {
	Token string `json:"token" minLength:"1" maxLength:"4096" doc:"The part after # in the link."`
}

// PortalSession is a session that began with a portal link.
type PortalSession struct {
	Session
	Token      string `json:"token" doc:"Send it as an API key: Authorization: Bearer gp_…."`
	TenantName string `json:"tenant_name" example:"Acme"`
	Language   string `json:"lang" doc:"en, es, pt, or empty for the browser's." example:"es"`
	Accent     string `json:"accent" doc:"Colour, or empty." example:"#0b7285"`
	Logo       string `json:"logo" doc:"Path of the operator's picture on this server, or empty." example:"/assets/portal-logo-8c1f0e6a2b3d4c5e.svg"`
}

// Session says whose key this client has.
func (c *Client) Session(ctx context.Context) (*Session, error) {
	return get[Session](ctx, c, path("session"))
}

// CreatePortalLink creates a link with which people of a tenant open its portal.
func (c *Client) CreatePortalLink(ctx context.Context, tenant string, in PortalLinkInput) (*NewPortalLink, error) {
	return send[NewPortalLink](ctx, c, http.MethodPost, path("tenants", tenant, "portal-links"), in)
}

// PortalLinks lists the links of a tenant that have not expired, newest first.
func (c *Client) PortalLinks(ctx context.Context, tenant string, p Paging) (*List[PortalLink], error) {
	return get[List[PortalLink]](ctx, c, withQuery(path("tenants", tenant, "portal-links"), p.query()))
}

// DeletePortalLink revokes a link and ends its sessions at once.
func (c *Client) DeletePortalLink(ctx context.Context, tenant, link string) error {
	return c.call(ctx, http.MethodDelete, path("tenants", tenant, "portal-links", link), nil, nil, nil)
}

// OpenPortalLink exchanges the token of a portal link for a session. It needs no key.
func (c *Client) OpenPortalLink(ctx context.Context, token string) (*PortalSession, error) {
	return send[PortalSession](ctx, c, http.MethodPost, path("portal-sessions"), PortalSessionInput{Token: token})
}
