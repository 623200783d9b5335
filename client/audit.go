package client

import (
	"context"
	"time"
)

// AuditEntry says who did what. It names what was changed, and never shows values.
type AuditEntry struct {
	ID     string     `json:"id" example:"aud_06ew2c6eqfy7d00000000000g0"`
	At     time.Time  `json:"at"`
	Tenant string     `json:"tenant" doc:"Empty if the action was not about a tenant." example:"acme"`
	Actor  AuditActor `json:"actor"`
	Action string     `json:"action" enum:"tenant.created,tenant.changed,tenant.deleted,endpoint.created,endpoint.changed,endpoint.resumed,endpoint.paused,endpoint.disabled,endpoint.secret_changed,endpoint.deleted,credential.created,credential.changed,credential.paused,credential.resumed,credential.token_made,credential.deleted,key.created,key.revoked,key.rotated,key.earlier_ended,contract.posted,contract.imported,contract.changed,recovery.started,delivery.retried,portal_link.created,portal_link.revoked"`
	Object string     `json:"object" doc:"Id of the object that was changed. For recovery.started it is the endpoint." example:"ep_06ew2c5e8m4b900000000000g0"`
	Name   string     `json:"name" doc:"Name of that object at the time. For a delivery it is the event type." example:"CRM"`
	Fields []string   `json:"fields" doc:"Which of its members were changed; empty if the action says it all." example:"[\"url\"]"`
	Reason string     `json:"reason" doc:"Why Gancho did it by itself: gone, failing_long, shipped, directory…" example:""`
}

// AuditActor is who did it.
type AuditActor struct {
	Kind string `json:"kind" enum:"key,session,portal,system" doc:"key: a program with an API key; session: a person in the console; portal: a person with a portal link; system: Gancho itself."`
	Key  string `json:"key" doc:"Id of the API key; empty: the admin key, or none." example:"key_06ew2c6eqfy7d00000000000g0"`
	Name string `json:"name" doc:"Name of the key, or of the person for whom the portal link was created." example:"checkout service"`
	Role string `json:"role" example:"tenant"`
}

// Audit lists who did what in one tenant or, if tenant is "", in everything that
// the key may see, newest first.
func (c *Client) Audit(ctx context.Context, tenant string, p Paging) (*List[AuditEntry], error) {
	q := p.query()
	set(q, "tenant", tenant)
	return get[List[AuditEntry]](ctx, c, withQuery(path("audit"), q))
}
