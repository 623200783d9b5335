package client

import (
	"context"
	"time"
)

// AuditEntry says who did what. It names what was changed, and never shows values.
type AuditEntry struct {
	ID     string     `json:"id" example:"aud_06ew2c6eqfy7d00000000000g0"`
	At     time.Time  `json:"at"`
	Tenant string     `json:"tenant" doc:"Empty if it concerns none." example:"acme"`
	Actor  AuditActor `json:"actor"`
	Action string     `json:"action" enum:"tenant.created,tenant.changed,tenant.deleted,endpoint.created,endpoint.changed,endpoint.resumed,endpoint.paused,endpoint.disabled,endpoint.secret_changed,endpoint.deleted,credential.created,credential.changed,credential.paused,credential.resumed,credential.token_made,credential.deleted,key.created,key.revoked,contract.posted,contract.imported,contract.changed,recovery.started,delivery.retried,portal_link.created,portal_link.revoked"`
	Object string     `json:"object" doc:"Id of what it was done to; of recovery.started the endpoint." example:"ep_06ew2c5e8m4b900000000000g0"`
	Name   string     `json:"name" doc:"What people called that at the time; of a delivery its event type." example:"CRM"`
	Fields []string   `json:"fields" doc:"What of it was changed; empty where the action says it all." example:"[\"url\"]"`
	Reason string     `json:"reason" doc:"Why, where nobody asked for it: gone, failing_long, shipped, directory…" example:""`
}

// AuditActor is who did it.
type AuditActor struct {
	Kind string `json:"kind" enum:"key,session,portal,system" doc:"key: a program with an API key; session: a person in the console; portal: a person who came by a portal link; system: Gancho itself."`
	Key  string `json:"key" doc:"Id of the API key; empty: the admin key, or none." example:"key_06ew2c6eqfy7d00000000000g0"`
	Name string `json:"name" doc:"Of the key, or of the person whom the portal link was for." example:"checkout service"`
	Role string `json:"role" example:"tenant"`
}

// Audit lists who did what in one tenant or, if tenant is "", in everything that
// the key may see, newest first.
func (c *Client) Audit(ctx context.Context, tenant string, p Paging) (*List[AuditEntry], error) {
	q := p.query()
	set(q, "tenant", tenant)
	return get[List[AuditEntry]](ctx, c, withQuery(path("audit"), q))
}
